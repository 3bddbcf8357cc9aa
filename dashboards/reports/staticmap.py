"""Maps of a paper as SVG: traffic before, after, and what differs. Pure.

No colour is the only carrier: widths say how much, dashes say less, numbers name bridges. What is
not beyond the noise floor is thin and grey, whatever its value.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dashboards.reports.mapdata import MapBridge, MapData, MapSection

INK, SOFT, GREY, FLOW = "#1c2630", "#4a5763", "#9aa1a8", "#2f4b6b"
MORE, LESS, TARGET = "#a64b00", "#0b559f", "#9b1c1c"
WIDTHS = (0.9, 1.7, 2.8, 4.2, 5.8)
DASH = "5 2.5"
LETTERS = "Libertinus Serif, Georgia, serif"
FONT_PX, LINE_PX, MARGIN_PX = 11.0, 16.0, 6.0
WIDE_PX = 500.0
CHAR_PX = 5.6
"""Mean advance of a letter at that size; a little more than that of the face."""
NEAR_PX = 0.4
"""Points of a course nearer than this are one."""
BRIDGE_PX = 7.5
LEAST_SHARE = 0.3
"""A map never shows less than this share of the network's width or height."""
AROUND = 0.08
STEPS = (1.0, 2.0, 5.0, 10.0)
MOST_BRIDGES = 15
TRIES = tuple((18.0 * round_, 45.0 * turn) for round_ in (1, 2) for turn in range(8))


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the map lies on the drawing: its centre [m], scale [px/m], and size [px]."""

    x_m: float
    y_m: float
    px_m: float
    width: float
    height: float

    def px(self, xy_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """Places on the drawing, shape (points, 2)."""
        x = (xy_m[:, 0] - self.x_m) * self.px_m + self.width / 2.0
        y = (self.y_m - xy_m[:, 1]) * self.px_m + self.height / 2.0
        return np.stack([x, y], axis=1)

    @property
    def widths(self) -> tuple[float, ...]:
        """Widths of lines by rank [px]; thinner on a small map, where roads lie closer."""
        share = 1.0 if self.width >= WIDE_PX else 0.6
        return tuple(share * width for width in WIDTHS)


@dataclass(frozen=True, slots=True)
class Words:
    """What is written on a map.

    Parameters
    ----------
    title
        Read out for the drawing.
    unit
        Of the widths.
    north
        Letter of the arrow.
    keys
        Texts of the legend: ``none`` (no traffic), ``noise``, ``more``, ``less``, ``emptied``,
        ``target``, ``bridge``, ``above`` with the place ``{value}``.
    numbers
        Thresholds of the widths as people write them.
    language
        ``de`` or ``en``.
    """

    title: str
    unit: str
    north: str
    keys: Mapping[str, str]
    numbers: Mapping[float, str]
    language: str


def focus(data: MapData, *, width: float, height: float) -> Frame:
    """Frame that holds all that changed and all numbered bridges, and some of what is around.

    Examples
    --------
    >>> road = MapSection("A", np.array([[0.0, 0.0], [1000.0, 0.0]]), 5.0, 5.0, 1.0)
    >>> round(focus(MapData((road,)), width=300.0, height=200.0).px_m, 3)
    0.259
    """
    everything = np.concatenate([one.xy_m for one in data.sections])
    kept = [one.xy_m for one in data.sections if one.is_changed]
    kept += [np.array([[one.x_m, one.y_m]]) for one in data.bridges]
    shown = np.concatenate(kept) if kept else everything
    whole = np.maximum(np.ptp(everything, axis=0), 1.0)
    low, high = shown.min(axis=0), shown.max(axis=0)
    size = np.maximum((high - low) * (1.0 + 2.0 * AROUND), LEAST_SHARE * whole)
    centre = (low + high) / 2.0
    px_m = float(min(width / size[0], height / size[1]))
    return Frame(float(centre[0]), float(centre[1]), px_m, width, height)


def thresholds(most: float) -> tuple[float, ...]:
    """Four rising values, round, that divide 0 to ``most`` for the eye.

    Examples
    --------
    >>> thresholds(3400.0)
    (200.0, 500.0, 1000.0, 2000.0)
    """
    top = max(most, 1.0)
    power = 10.0 ** math.floor(math.log10(top))
    found = [step * power / ten for ten in (1.0, 10.0, 100.0) for step in reversed(STEPS[:3])]
    return tuple(sorted(value for value in found if value < top)[-4:])


def flow_map(data: MapData, side: str, frame: Frame, words: Words) -> str:
    """Map of the vehicles on one side, ``base`` or ``scenario``; width by vehicles an hour."""
    limits = flow_limits(data)
    values = [getattr(one, f"{side}_vehh") for one in data.sections]
    layers = [_lines(data.sections, frame, [value <= 0.0 for value in values], GREY, 0.6)]
    for rank, width in enumerate(frame.widths[: len(limits) + 1]):
        chosen = [value > 0.0 and _rank(value, limits) == rank for value in values]
        layers.append(_lines(data.sections, frame, chosen, FLOW, width))
    keys = [_key(GREY, 0.6, words.keys["none"])]
    keys += _steps(limits, FLOW, words, frame)
    return _drawing(data, frame, layers, keys, words)


def change_map(data: MapData, frame: Frame, words: Words) -> str:
    """Map of what differs: more, less, nothing left; grey what noise may explain."""
    limits = change_limits(data)
    changed = [one.is_changed for one in data.sections]
    layers = [_lines(data.sections, frame, [not one for one in changed], GREY, 0.7)]
    for rank, width in enumerate(frame.widths[: len(limits) + 1]):
        for is_more, colour, dash in ((False, LESS, DASH), (True, MORE, "")):
            chosen = [
                one.is_changed
                and (one.change_vehh > 0.0) is is_more
                and _rank(abs(one.change_vehh), limits) == rank
                for one in data.sections
            ]
            layers.append(_lines(data.sections, frame, chosen, colour, width, dash=dash))
    layers.append(_crosses(data.sections, frame))
    keys = [
        _key(MORE, 2.8, words.keys["more"]),
        _key(LESS, 2.8, words.keys["less"], dash=DASH),
        _key(GREY, 0.7, words.keys["noise"]),
        *_steps(limits, SOFT, words, frame),
    ]
    if any(one.is_emptied for one in data.sections):
        keys.append(_cross_key(words))
    return _drawing(data, frame, layers, keys, words)


def flow_limits(data: MapData) -> tuple[float, ...]:
    """Thresholds of the widths of both sides, so that the two maps can be compared."""
    return thresholds(max(max(one.base_vehh, one.scenario_vehh) for one in data.sections))


def change_limits(data: MapData) -> tuple[float, ...]:
    """Thresholds of the widths of the changes."""
    return thresholds(max((abs(o.change_vehh) for o in data.sections if o.is_changed), default=1.0))


def scale_bar_m(px_m: float, room_px: float) -> float:
    """Round length that fits into the room [m].

    Examples
    --------
    >>> scale_bar_m(0.05, 120.0)
    2000.0
    """
    most = room_px / px_m
    power = 10.0 ** math.floor(math.log10(most))
    return max(step * power for step in STEPS if step * power <= most)


def _rank(value: float, limits: Sequence[float]) -> int:
    return sum(value > limit for limit in limits)


def _steps(
    limits: Sequence[float], colour: str, words: Words, frame: Frame
) -> list[tuple[str, str]]:
    """Signs of the widths: up to the first limit, between two, above the last."""
    ends = [0.0, *limits]
    texts = [f"{words.numbers[low]}\u2013{words.numbers[high]}" for low, high in pairwise(ends)]
    texts.append(words.keys["above"].format(value=words.numbers[ends[-1]]))
    texts[-1] = f"{texts[-1]} {words.unit}"
    return [_key(colour, width, text) for width, text in zip(frame.widths, texts, strict=False)]


def _key(colour: str, width: float, text: str, *, dash: str = "") -> tuple[str, str]:
    return f'<path d="M0 -4h24" {_stroke(colour, width, dash)}/>', text


def _cross_key(words: Words) -> tuple[str, str]:
    return f'<path d="M8 -8l8 8m0 -8l-8 8" {_stroke(TARGET, 1.6)}/>', words.keys["emptied"]


def _stroke(colour: str, width: float, dash: str = "") -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ' stroke-linecap="round"'
    return f'fill="none" stroke="{colour}" stroke-width="{width:g}" stroke-linejoin="round"{dashes}'


def _lines(
    sections: Sequence[MapSection],
    frame: Frame,
    chosen: Sequence[bool],
    colour: str,
    width: float,
    *,
    dash: str = "",
) -> str:
    """The chosen sections as one path."""
    pairs = zip(sections, chosen, strict=True)
    way = "".join(_way(frame.px(one.xy_m), frame) for one, is_in in pairs if is_in)
    return f'<path d="{way}" {_stroke(colour, width, dash)}/>' if way else ""


def _way(px: NDArray[np.float64], frame: Frame) -> str:
    low, high = px.min(axis=0), px.max(axis=0)
    if high[0] < 0 or high[1] < 0 or low[0] > frame.width or low[1] > frame.height:
        return ""
    kept = [px[0]]
    kept += [point for point in px[1:-1] if float(np.hypot(*(point - kept[-1]))) >= NEAR_PX]
    kept.append(px[-1])
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in kept)


def _crosses(sections: Iterable[MapSection], frame: Frame) -> str:
    parts: list[str] = []
    for one in sections:
        if one.is_emptied:
            px = frame.px(one.xy_m)
            x, y = px[len(px) // 2] if len(px) > 2 else px.mean(axis=0)  # noqa: PLR2004 - two ends
            parts.append(f"M{x - 3.5:.1f} {y - 3.5:.1f}l7 7m0 -7l-7 7")
    return f'<path d="{"".join(parts)}" {_stroke(TARGET, 1.6)}/>' if parts else ""


def _bridges(bridges: Sequence[MapBridge], frame: Frame) -> str:
    """Numbers of bridges, pushed apart where they would hide one another."""
    taken: list[tuple[float, float]] = []
    leaders: list[str] = []
    signs: list[str] = []
    for one in bridges:
        x, y = frame.px(np.array([[one.x_m, one.y_m]]))[0].tolist()
        at_x, at_y = _free(x, y, taken, frame)
        taken.append((at_x, at_y))
        if (at_x, at_y) != (x, y):
            leaders.append(f"M{x:.1f} {y:.1f}L{at_x:.1f} {at_y:.1f}")
        signs.append(_sign(at_x, at_y, str(one.number), is_target=one.role == "target"))
    way = f'<path d="{"".join(leaders)}" {_stroke(INK, 0.8)}/>' if leaders else ""
    return way + "".join(signs)


def _sign(x: float, y: float, number: str, *, is_target: bool) -> str:
    size = BRIDGE_PX
    box = f'<rect x="{x - size:.1f}" y="{y - size:.1f}" width="{2 * size:g}" height="{2 * size:g}"'
    shape = (
        f'{box} fill="{TARGET}" stroke="#fff"/>'
        if is_target
        else f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size:g}" fill="#fff" stroke="{INK}"/>'
    )
    colour = "#fff" if is_target else INK
    return (
        f'{shape}<text x="{x:.1f}" y="{y + 3.6:.1f}" text-anchor="middle" font-size="10" '
        f'font-weight="bold" fill="{colour}">{escape(number)}</text>'
    )


def _free(
    x: float, y: float, taken: Sequence[tuple[float, float]], frame: Frame
) -> tuple[float, float]:
    places = [(x, y)]
    places += [
        (x + away * math.cos(math.radians(turn)), y + away * math.sin(math.radians(turn)))
        for away, turn in TRIES
    ]
    for at_x, at_y in places:
        is_inside = BRIDGE_PX < at_x < frame.width - BRIDGE_PX
        is_inside &= BRIDGE_PX < at_y < frame.height - BRIDGE_PX
        if is_inside and all(math.hypot(at_x - a, at_y - b) > 2.1 * BRIDGE_PX for a, b in taken):
            return at_x, at_y
    return x, y


def _drawing(
    data: MapData,
    frame: Frame,
    layers: Sequence[str],
    keys: Sequence[tuple[str, str]],
    words: Words,
) -> str:
    bridges = data.bridges[:MOST_BRIDGES]
    signs = [*keys]
    if any(one.role == "target" for one in bridges):
        signs.append((_sign(12.0, -4.0, "n", is_target=True), words.keys["target"]))
    if any(one.role != "target" for one in bridges):
        signs.append((_sign(12.0, -4.0, "n", is_target=False), words.keys["bridge"]))
    legend, rows = _legend(signs, frame)
    height = frame.height + MARGIN_PX + LINE_PX * rows + 4.0
    inside = (
        f'<svg x="0" y="0" width="{frame.width:g}" height="{frame.height:g}" '
        f'viewBox="0 0 {frame.width:g} {frame.height:g}">{"".join(layers)}'
        f"{_bridges(bridges, frame)}{'' if data.is_schematic else _scale(frame, words)}</svg>"
    )
    border = (
        f'<rect x="0.5" y="0.5" width="{frame.width - 1:g}" height="{frame.height - 1:g}" '
        f'fill="none" stroke="{GREY}"/>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xml:lang="{words.language}" role="img" '
        f'aria-label="{escape(words.title)}" viewBox="0 0 {frame.width:g} {height:g}" '
        f'width="{frame.width:g}" height="{height:g}" font-family="{LETTERS}" '
        f'font-size="{FONT_PX:g}" fill="{INK}">'
        f'<rect width="{frame.width:g}" height="{frame.height:g}" fill="#fff"/>'
        f"{inside}{border}{legend}</svg>"
    )


def _scale(frame: Frame, words: Words) -> str:
    """Bar with its length at the lower left, and an arrow to the north at the upper right."""
    length_m = scale_bar_m(frame.px_m, 0.25 * frame.width)
    long, y, x = length_m * frame.px_m, frame.height - 10.0, frame.width - 16.0
    text = f"{length_m / 1000:g} km" if length_m >= 1000.0 else f"{length_m:g} m"  # noqa: PLR2004
    if words.language == "de":
        text = text.replace(".", ",")
    return (
        f'<rect x="6" y="{y - 17:.1f}" width="{long + 12:.1f}" height="23" fill="#fff" '
        f'fill-opacity="0.85"/><path d="M12 {y - 5:.1f}v5h{long:.1f}v-5" {_stroke(INK, 1.2)}/>'
        f'<text x="{12 + long / 2:.1f}" y="{y - 4:.1f}" text-anchor="middle">{text}</text>'
        f'<circle cx="{x:g}" cy="20" r="15" fill="#fff" fill-opacity="0.85"/>'
        f'<path d="M{x:g} 8l5 12l-5 -3l-5 3z" fill="{INK}"/>'
        f'<text x="{x:g}" y="32" text-anchor="middle" font-weight="bold">'
        f"{escape(words.north)}</text>"
    )


def _legend(keys: Sequence[tuple[str, str]], frame: Frame) -> tuple[str, int]:
    """Signs with their texts in rows below the map, and how many rows they take."""
    parts: list[str] = []
    x, row = 2.0, 0
    for sign, text in keys:
        width = 30.0 + CHAR_PX * len(text) + 12.0
        if x > 2.0 and x + width - 12.0 > frame.width:  # noqa: PLR2004 - the left edge
            x, row = 2.0, row + 1
        y = frame.height + MARGIN_PX + LINE_PX * row + 12.0
        words = f'<text x="30">{escape(text)}</text>'
        parts.append(f'<g transform="translate({x:.0f} {y:g})">{sign}{words}</g>')
        x += width
    return "".join(parts), row + 1
