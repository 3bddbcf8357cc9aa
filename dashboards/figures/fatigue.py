"""Stress ranges of a detail as a histogram. Pure."""

import numpy as np

from dashboards.figures.plot import COLOURS, Figure, Plot, decades, linear
from dashboards.i18n.translate import Texts
from twin.model.fatigue import DetailFatigue
from twin.model.times import from_us

MOST_BARS = 60


def range_histogram(detail: DetailFatigue, texts: Texts) -> Figure:
    """Closed cycles per stress range, on a logarithmic axis; the table has the bins as counted."""
    cycles = np.array(detail.half_cycles, np.float64) / 2.0
    width = max(1, -(-len(cycles) // MOST_BARS))
    filled = np.pad(cycles, (0, -len(cycles) % width))
    shown = filled.reshape(-1, width).sum(axis=1)
    edge = np.arange(len(shown) + 1, dtype=np.float64) * (width * detail.bin_mpa)
    plot = Plot(
        linear(0.0, float(edge[-1]), texts("figure.stress_range"), texts, is_wide=True),
        decades(float(shown.max(initial=1.0)), texts("figure.cycles"), texts),
    )
    plot.bars(edge[:-1], edge[1:], shown, look=f'fill="{COLOURS[0]}"')
    since, until = (
        texts.time(from_us(time), has_date=True) for time in (detail.first_us, detail.until_us)
    )
    title = texts("figure.histogram", detail=detail.detail, since=since, until=until)
    return Figure(
        title,
        plot.svg(title, texts.language),
        ("range from [MPa]", "range to [MPa]", "closed cycles [-]"),
        [
            (row * detail.bin_mpa, (row + 1) * detail.bin_mpa, float(count))
            for row, count in enumerate(cycles)
        ],
    )
