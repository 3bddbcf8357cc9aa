"""Influence lines over the side view of a bridge as an SVG picture. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from html import escape
from itertools import accumulate

from dashboards.figures.plot import FONT, GRID, INK, SOFT, Figure
from dashboards.i18n.translate import Texts
from twin.model.statements import statement
from twin.model.structure import EFFECT_UNITS
from twin.model.structure_state import Line, StructureState

UNITS = {"kN.m": "kN\u00b7m"}
Place = Callable[[float], float]
WIDTH, HEIGHT = 960.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 64.0, 16.0, 30.0, 22.0
NEAR_M = 1e-6
APART = 20.0
"""Least distance of two numbers [px]."""
COLOURS = ("#0b4f9e", "#b45f06", "#1b7a3d", "#7a1fa2", "#9b1c1c", "#00707a", "#5c5c00", "#3d3d3d")
"""At least 4.5 to 1 on white; lines also carry the number of their section."""


def influence_of(states: Sequence[StructureState], of: str, texts: Texts) -> Figure | None:
    """Influence lines of an effect and part, such as ``shear.2``; None if there are none."""
    effect, _, part = of.partition(".")
    state = next((item for item in states if item.part == part and item.level), None)
    lines = () if state is None else [line for line in state.lines if line.effect == effect]
    if state is None or not lines:
        return None
    unit = texts("structure.per_kn", unit=written_unit(EFFECT_UNITS[lines[0].effect]))
    title = texts("structure.chart_title", effect=texts(f"structure.effect_{effect}"), part=part)
    said = "; ".join(statement(one).said(texts.language) for one in state.assumptions)
    version = "-" if state.version is None else f"{state.version}"
    facts = {
        "provenance": f"derived by a structural model on level {state.level}, version {version}",
        "assumptions": said,
    }
    figure = influence_figure(lines, state.spans_m, texts, title=title.strip(), unit=unit)
    return replace(figure, facts=facts)


def written_unit(unit: str) -> str:
    """Unit of an effect as people write it."""
    return UNITS.get(unit, unit)


def influence_figure(
    lines: Sequence[Line], spans_m: Sequence[float], texts: Texts, *, title: str, unit: str
) -> Figure:
    """Influence lines with positive values downward, on the deck as their zero line.

    Parameters
    ----------
    lines
        At least one; numbered from 1 in their order.
    spans_m
        Spans of the model [m].
    unit
        Unit of the ordinates as people write it.
    """
    header = tuple(texts(f"structure.column_{key}") for key in ("number", "section", "load"))
    rows = [
        (number, line.station_m, x, y)
        for number, line in enumerate(lines, start=1)
        for x, y in zip(line.x_m, line.y, strict=True)
    ]
    return Figure(title, _svg(lines, spans_m, texts, title, unit), (*header, unit), rows)


def _svg(
    lines: Sequence[Line], spans_m: Sequence[float], texts: Texts, title: str, unit: str
) -> str:
    supports = [0.0, *accumulate(spans_m)]
    least = min(0.0, *(min(line.y) for line in lines))
    greatest = max(0.0, *(max(line.y) for line in lines))
    scale_x = (WIDTH - LEFT - RIGHT) / supports[-1]
    scale_y = (HEIGHT - TOP - BOTTOM) / ((greatest - least) or 1.0)

    def x_of(station: float) -> float:
        return LEFT + scale_x * station

    def y_of(value: float) -> float:
        return TOP + scale_y * (value - least)

    parts = [_frame(title, texts.language), *_scale(least, greatest, y_of, texts, unit)]
    parts += _deck(supports, x_of, y_of(0.0), texts)
    parts += [_line(number, line, x_of, y_of) for number, line in enumerate(lines, start=1)]
    parts += _badges(lines, x_of, y_of)
    return "".join([*parts, "</svg>"])


def _line(number: int, line: Line, x_of: Place, y_of: Place) -> str:
    points = zip(line.x_m, line.y, strict=True)
    way = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in points)
    return f'<polyline points="{way}" fill="none" stroke="{colour_of(number)}" stroke-width="2"/>'


def colour_of(number: int) -> str:
    """Colour of a line by its number, counted from 1."""
    return COLOURS[(number - 1) % len(COLOURS)]


def _badges(lines: Sequence[Line], x_of: Place, y_of: Place) -> list[str]:
    """The number of each line at its extreme ordinate, beside those that stand there."""
    taken: list[tuple[float, float]] = []
    found = []
    for number, line in enumerate(lines, start=1):
        at = max(range(len(line.y)), key=lambda row, line=line: abs(line.y[row]))
        x, y = x_of(line.x_m[at]), min(max(y_of(line.y[at]), 12.0), HEIGHT - BOTTOM - 2.0)
        while any(abs(x - a) < APART and abs(y - b) < APART for a, b in taken):
            x += APART if x < WIDTH / 2.0 else -APART
        taken.append((x, y))
        circle = (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="9" fill="{colour_of(number)}" stroke="#fff"/>'
        )
        found.append(circle + _text(x, y + 4.5, f"{number}", colour="#fff", anchor="middle"))
    return found


def _frame(title: str, language: str) -> str:
    size = f'viewBox="0 0 {WIDTH:g} {HEIGHT:g}" width="{WIDTH:g}" height="{HEIGHT:g}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xml:lang="{language}" role="img" {size} '
        f'style="font:{FONT};background:#fff"><title>{escape(title)}</title>'
    )


def _scale(least: float, greatest: float, y_of: Place, texts: Texts, unit: str) -> list[str]:
    """Least and greatest ordinate with thin lines, and the unit."""
    found = [_text(6.0, 14.0, unit, colour=SOFT, anchor="start")]
    span = greatest - least
    for value in sorted({least, 0.0, greatest}):
        if value and abs(value) < 0.08 * span:
            continue
        y = y_of(value)
        found.append(
            f'<line x1="{LEFT:g}" x2="{WIDTH - RIGHT:g}" y1="{y:.1f}" y2="{y:.1f}" '
            f'stroke="{GRID}" stroke-width="1"/>'
        )
        found.append(_text(LEFT - 8.0, y + 4.0, texts.number(value, _decimals(value))))
    return found


def _decimals(value: float) -> int:
    for limit, decimals in ((100.0, 0), (1.0, 1)):
        if abs(value) >= limit or not value:
            return decimals
    return 3


def _deck(supports: Sequence[float], x_of: Place, zero: float, texts: Texts) -> list[str]:
    """The deck as a thick line, a triangle below each support, the length of each span."""
    ends = f'x1="{x_of(0.0):.1f}" x2="{x_of(supports[-1]):.1f}"'
    found = [f'<line {ends} y1="{zero:.1f}" y2="{zero:.1f}" stroke="{INK}" stroke-width="3"/>']
    for number, station in enumerate(supports):
        x = x_of(station)
        found.append(
            f'<path d="M{x:.1f},{zero:.1f} l-6,11 l12,0 z" fill="#ffffff" stroke="{INK}" '
            'stroke-width="1.5"/>'
        )
        if number:
            before = supports[number - 1]
            middle = (x_of(before) + x) / 2.0
            length = station - before
            label = texts.with_unit(length, "m", 0 if abs(length % 1) < NEAR_M else 1)
            found.append(_text(middle, HEIGHT - 6.0, label, colour=SOFT, anchor="middle"))
    return found


def _text(x: float, y: float, text: str, *, colour: str = INK, anchor: str = "end") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}"'
    return f"<text {place}>{escape(text)}</text>"
