"""A small plotting kit: scales, axes, lines, dots and a legend as SVG text. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

import numpy as np
from numpy.typing import NDArray

from dashboards.i18n.translate import Texts

Floats = NDArray[np.float64]
Cell = str | float | int | None

INK, SOFT, GRID = "#1c2630", "#4a5763", "#d5dbe1"
COLOURS = ("#0b4f9e", "#a64b00", "#6b2a86", "#1b6b37")
"""Contrast of at least 4.5:1 on white each; never the only difference between two series."""
WIDTH, PLOT_HEIGHT = 480, 210
LEFT, RIGHT, TOP, BELOW = 58, 14, 12, 40
LINE_PX, CHAR_PX, KEY_PX = 18, 6.6, 30
FONT = "12px system-ui,'Segoe UI',Roboto,sans-serif"
STEPS = (1.0, 2.0, 5.0, 10.0)
LONGEST_POWER = 3
SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with the values behind it.

    Parameters
    ----------
    title
        What it shows, in the language of the reader.
    svg
        The drawing.
    header, rows
        The same as a table; units stand in the header.
    facts
        Where the values come from, by name: the head of its file.
    """

    title: str
    svg: str
    header: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: ends, name with unit, and ticks as (value, text)."""

    low: float
    high: float
    name: str
    ticks: Sequence[tuple[float, str]]
    is_log: bool = False

    def share(self, values: Floats | float) -> Floats:
        """Place between the ends, 0 to 1."""
        found = np.asarray(values, np.float64)
        low, high = self.low, self.high
        if self.is_log:
            found = np.log10(np.maximum(found, low))
            low, high = math.log10(low), math.log10(high)
        return (found - low) / (high - low)


def linear(
    low: float, high: float, name: str, texts: Texts, *, most: int = 6, is_wide: bool = False
) -> Axis:
    """Axis with round ticks; ``is_wide`` moves its ends out to the next ticks.

    Examples
    --------
    >>> [text for _, text in linear(0.0, 10.0, "f", Texts("en")).ticks]
    ['0', '2', '4', '6', '8', '10']
    """
    if not high > low:
        low, high = low - 0.5 * max(abs(low), 1.0), high + 0.5 * max(abs(high), 1.0)
    step = round_step((high - low) / most)
    if is_wide:
        low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    ticks = [(tick * step, texts.number(tick * step, decimals)) for tick in range(first, last + 1)]
    return Axis(low, high, name, ticks)


def round_step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, ... times a power of ten that is not below ``least``.

    Examples
    --------
    >>> round_step(0.3), round_step(7.0)
    (0.5, 10.0)
    """
    power = 10.0 ** math.floor(math.log10(least))
    return power * next(step for step in STEPS if step * power >= least * (1.0 - 1e-9))


def decades(most: float, name: str, texts: Texts) -> Axis:
    """Logarithmic axis from 1/2 to the power of ten above ``most``."""
    top = max(1, math.ceil(math.log10(max(most, 1.0)) + 1e-9))
    every = max(1, math.ceil(top / 6))
    ticks = [(10.0**power, _power(power, texts)) for power in range(0, top + 1, every)]
    return Axis(0.5, 10.0**top, name, ticks, is_log=True)


def _power(power: int, texts: Texts) -> str:
    """A power of ten, written out while it is short."""
    if power <= LONGEST_POWER:
        return texts.number(10.0**power)
    return f"10{str(power).translate(SUPERSCRIPT)}"


@dataclass(slots=True)
class Plot:
    """A plot under construction: layers in their order, and what the legend says of them."""

    x: Axis
    y: Axis
    layers: list[str] = field(default_factory=list)
    keys: list[tuple[str, str]] = field(default_factory=list)

    def x_px(self, values: Floats | float) -> Floats:
        """Horizontal place of values [px]."""
        return LEFT + self.x.share(values) * (WIDTH - LEFT - RIGHT)

    def y_px(self, values: Floats | float) -> Floats:
        """Vertical place of values [px]."""
        return TOP + (1.0 - self.y.share(values)) * PLOT_HEIGHT

    def line(self, x: Floats, y: Floats, name: str = "", *, look: str, casing: str = "") -> None:
        """A line that breaks where a value is missing; ``look`` are SVG attributes."""
        way = _way(self.x_px(x), self.y_px(y))
        if casing:
            self.layers.append(f'<path d="{way}" fill="none" {casing}/>')
        self.layers.append(f'<path d="{way}" fill="none" {look}/>')
        if name:
            back = f'<path d="M0 -4h24" {casing}/>' if casing else ""
            self.keys.append((f'{back}<path d="M0 -4h24" {look}/>', name))

    def dots(self, x: Floats, y: Floats, name: str = "", *, colour: str, size: float) -> None:
        """Round dots, one path for all of them."""
        there = np.isfinite(x) & np.isfinite(y)
        across, up = self.x_px(x[there]), self.y_px(y[there])
        way = "".join(f"M{a:.1f} {b:.1f}h0" for a, b in zip(across, up, strict=True))
        look = f'fill="none" stroke="{colour}" stroke-width="{size:g}" stroke-linecap="round"'
        self.layers.append(f'<path d="{way}" {look}/>')
        if name:
            bold = look.replace(f'"{size:g}"', f'"{max(size, 5.0):g}"')
            self.keys.append((f'<path d="M12 -4h0" {bold}/>', name))

    def band(self, x: Floats, low: Floats, high: Floats, name: str, *, look: str) -> None:
        """Area between two lines."""
        there = np.isfinite(x) & np.isfinite(low) & np.isfinite(high)
        if not there.any():
            return
        across = self.x_px(np.concatenate([x[there], x[there][::-1]]))
        up = self.y_px(np.concatenate([high[there], low[there][::-1]]))
        self.layers.append(f'<path d="{_way(across, up)}Z" {look}/>')
        self.keys.append((f'<path d="M0 -9h24v10h-24z" {look}/>', name))

    def bars(self, left: Floats, right: Floats, top: Floats, *, look: str) -> None:
        """Bars from the bottom of the plot; none where ``top`` is zero."""
        for one, other, high in zip(self.x_px(left), self.x_px(right), top, strict=True):
            if high > 0.0:
                up = float(self.y_px(float(high)))
                width = max(other - one - 1.0, 1.0)
                height = TOP + PLOT_HEIGHT - up
                box = f'x="{one:.1f}" y="{up:.1f}" width="{width:.1f}" height="{height:.1f}"'
                self.layers.append(f"<rect {box} {look}/>")

    def text(
        self, x: float, y: float, words: str, *, anchor: str = "start", below_px: float = 0.0
    ) -> None:
        """Words at a place of the plot, or so far below it."""
        place = f'x="{float(self.x_px(x)):.1f}" y="{float(self.y_px(y)) + below_px:.1f}"'
        self.layers.append(f'<text {place} text-anchor="{anchor}">{escape(words)}</text>')

    def svg(self, title: str, language: str) -> str:
        """The whole drawing."""
        legend, rows = _legend(self.keys)
        height = TOP + PLOT_HEIGHT + BELOW + LINE_PX * rows + (6 if rows else 0)
        frame = (
            f'<svg xmlns="http://www.w3.org/2000/svg" xml:lang="{language}" role="img" '
            f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
            f'style="font:{FONT};background:#fff" fill="{INK}"><title>{escape(title)}</title>'
        )
        clip = (
            f'<clipPath id="inside"><rect x="{LEFT}" y="{TOP - 4}" '
            f'width="{WIDTH - LEFT - RIGHT + 4}" height="{PLOT_HEIGHT + 8}"/></clipPath>'
        )
        layers = f'<g clip-path="url(#inside)">{"".join(self.layers)}</g>'
        return f"{frame}{clip}{self._grid()}{layers}{self._axes()}{legend}</svg>"

    def _grid(self) -> str:
        lines = [f"M{float(self.x_px(value)):.1f} {TOP}v{PLOT_HEIGHT}" for value, _ in self.x.ticks]
        lines += [
            f"M{LEFT} {float(self.y_px(value)):.1f}h{WIDTH - LEFT - RIGHT}"
            for value, _ in self.y.ticks
        ]
        return f'<path d="{"".join(lines)}" stroke="{GRID}" fill="none"/>'

    def _axes(self) -> str:
        bottom, middle = TOP + PLOT_HEIGHT, TOP + PLOT_HEIGHT / 2
        across = (LEFT + WIDTH - RIGHT) / 2
        parts = [
            f'<text x="{float(self.x_px(value)):.1f}" y="{bottom + 16}" text-anchor="middle">'
            f"{escape(words)}</text>"
            for value, words in self.x.ticks
        ]
        parts += [
            f'<text x="{LEFT - 6}" y="{float(self.y_px(value)) + 4:.1f}" text-anchor="end">'
            f"{escape(words)}</text>"
            for value, words in self.y.ticks
        ]
        parts.append(
            f'<path d="M{LEFT} {TOP}V{bottom}H{WIDTH - RIGHT}" stroke="{SOFT}" fill="none"/>'
        )
        parts.append(
            f'<text x="{across:g}" y="{bottom + 33}" text-anchor="middle" fill="{SOFT}">'
            f"{escape(self.x.name)}</text>"
        )
        parts.append(
            f'<text x="13" y="{middle:g}" text-anchor="middle" fill="{SOFT}" '
            f'transform="rotate(-90 13 {middle:g})">{escape(self.y.name)}</text>'
        )
        return "".join(parts)


def _way(x: Floats, y: Floats) -> str:
    """Path through points; a point without a value breaks it."""
    parts: list[str] = []
    is_down = False
    for across, up in zip(x.tolist(), y.tolist(), strict=True):
        is_there = math.isfinite(across) and math.isfinite(up)
        if is_there:
            parts.append(f"{'L' if is_down else 'M'}{across:.1f} {up:.1f}")
        is_down = is_there
    return "".join(parts)


def _legend(keys: Iterable[tuple[str, str]]) -> tuple[str, int]:
    """Signs with their names in rows, and how many rows they take."""
    parts: list[str] = []
    x, row = float(LEFT), 0
    for sign, name in keys:
        width = KEY_PX + CHAR_PX * len(name) + 14.0
        if x > LEFT and x + width > WIDTH:
            x, row = float(LEFT), row + 1
        y = TOP + PLOT_HEIGHT + BELOW + LINE_PX * row + 12
        words = f'<text x="{KEY_PX}">{escape(name)}</text>'
        parts.append(f'<g transform="translate({x:.0f} {y})">{sign}{words}</g>')
        x += width
    return "".join(parts), row + 1 if parts else 0
