"""Condition grades over the years, with the six bands of their names. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from dashboards import theme
from dashboards.figures.plot import COLOURS, INK, Axis, Figure, Plot, linear
from dashboards.i18n.translate import Texts
from twin.model.inspection import grade_bands

BEST, WORST = 1.0, 4.0
HALF_BAND = 0.05
FEWEST_YEARS = 6
MIDDLE_OF_YEAR = 0.5


@dataclass(frozen=True, slots=True)
class Grade:
    """One published grade or band; ``year`` has decimals where the day is known."""

    part: str
    year: float
    grade: float | None
    band: str
    origin: str


def year_of(day: date | None, year: int | None) -> float | None:
    """Time of an inspection in years; the middle of the year where the day is not known.

    Examples
    --------
    >>> year_of(date(2020, 1, 1), None), year_of(None, 2016), year_of(None, None)
    (2020.0, 2016.5, None)
    """
    if day is not None:
        return day.year + (day.timetuple().tm_yday - 1) / 366.0
    return None if year is None else year + MIDDLE_OF_YEAR


def grade_timeline(grades: Sequence[Grade], name: str, texts: Texts, *, now: float) -> Figure:
    """Grades over time, the best at the top; where only a band was published, the whole band.

    Parameters
    ----------
    now
        Present time in years, the end of the axis.
    """
    first = min(grade.year for grade in grades)
    start = np.floor(min(first, now - FEWEST_YEARS))
    across = linear(float(start), float(np.ceil(now)), "", texts, most=7)
    years = [(value, f"{value:.0f}") for value, _ in across.ticks if value == round(value)]
    ticks = [(value, texts.number(value, 1)) for value in (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)]
    # The axis runs from the worst grade at the bottom to the best one at the top.
    up = Axis(WORST + HALF_BAND, BEST - HALF_BAND, texts("figure.grade"), ticks)
    plot = Plot(Axis(across.low, across.high, "", years), up)
    for band in theme.CONDITION_BANDS:
        ends = np.array([across.low, across.high])
        low, high = (np.full(2, one) for one in (band.high + HALF_BAND, band.low - HALF_BAND))
        plot.band(ends, low, high, "", look=f'fill="{band.colour}" fill-opacity="0.35"')
        label = band.label_de if texts.language == "de" else band.label_en
        plot.text(across.high, (band.low + band.high) / 2 + HALF_BAND, label + " ", anchor="end")
    plot.keys.clear()
    parts = list(dict.fromkeys(grade.part for grade in grades))
    for number, part in enumerate(parts):
        own = [one for one in grades if one.part == part]
        key = texts("figure.part", part=part) if part else ""
        _draw(plot, own, COLOURS[number % len(COLOURS)], key)
    title = texts("figure.grades", name=name)
    return Figure(
        title,
        plot.svg(title, texts.language),
        ("part structure", "year", "grade [-]", "band", "provenance"),
        [(one.part, round(one.year, 3), one.grade, one.band, one.origin) for one in grades],
    )


def _draw(plot: Plot, grades: Sequence[Grade], colour: str, part: str) -> None:
    """Points of one part structure, with a line between them; bands as thick uprights."""
    placed = sorted((one for one in grades if one.grade is not None), key=lambda one: one.year)
    year = np.array([one.year for one in placed])
    value = np.array([one.grade for one in placed], np.float64)
    plot.line(year, value, look=f'stroke="{colour}" stroke-width="1.2"')
    plot.dots(year, value, part if placed else "", colour=colour, size=8.0)
    for one in grades:
        band = grade_bands().get(one.band)
        if one.grade is None and band is not None:
            ends = np.array([one.year, one.year]), np.array([band.upper, band.lower])
            plot.line(*ends, look=f'stroke="{INK}" stroke-width="9"')
            plot.line(*ends, look=f'stroke="{colour}" stroke-width="6"')
    if part and not placed:
        plot.keys.append((f'<path d="M12 -10v12" stroke="{colour}" stroke-width="6"/>', part))
