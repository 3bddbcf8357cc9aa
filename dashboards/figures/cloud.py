"""A slow movement over the temperature: the hours it was learnt from, and those since. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboards.figures.plot import COLOURS, Figure, Floats, Plot, linear
from dashboards.i18n.translate import Texts
from twin.model.quantities import Quantity
from twin.model.times import from_us

MOST_POINTS = 1500
BANDS = 24
FEWEST = 8
"""So many training hours a piece of the temperature needs before a limit is drawn in it."""
SHARE = 0.99


@dataclass(frozen=True, slots=True)
class Cloud:
    """Hourly means of one stream and of the temperature.

    Parameters
    ----------
    time_us, temperature_c, value, residual : (n,)
        End of each hour; ``residual`` is what the model leaves unexplained, NaN where it says
        nothing.
    trained_until_us
        End of the training; None without a model.
    """

    time_us: NDArray[np.int64]
    temperature_c: Floats
    value: Floats
    residual: Floats
    trained_until_us: int | None


def training_cloud(cloud: Cloud, quantity: Quantity, name: str, texts: Texts) -> Figure:
    """Training hours grey, later ones in colour, with the limits that the training leaves."""
    there = np.isfinite(cloud.temperature_c) & np.isfinite(cloud.value)
    unit = texts.unit(quantity.unit)
    warm, value = cloud.temperature_c[there], cloud.value[there]
    plot = Plot(
        linear(float(warm.min()), float(warm.max()), texts("figure.temperature"), texts,
               is_wide=True),
        linear(float(value.min()), float(value.max()), f"{quantity.label(texts.language)} [{unit}]",
               texts, is_wide=True),
    )  # fmt: skip
    trained = cloud.time_us <= (cloud.trained_until_us or 0)
    limits = _limits(cloud, trained & there)
    _dotted(plot, cloud, there & trained, texts("figure.training"), colour="#8b97a3", size=2.6)
    if limits is not None:
        middle, low, high = limits
        look = f'stroke="{COLOURS[2]}" stroke-width="1.6" stroke-dasharray="5 3"'
        plot.line(middle, low, texts("figure.limits", percent=texts.number(100 * SHARE)), look=look)
        plot.line(middle, high, look=look)
    later = "figure.since_training" if cloud.trained_until_us else "figure.hours"
    _dotted(plot, cloud, there & ~trained, texts(later), colour=COLOURS[0], size=2.6)
    last = int(np.flatnonzero(there)[-1])
    point = cloud.temperature_c[last : last + 1], cloud.value[last : last + 1]
    plot.dots(*point, colour="#ffffff", size=11.0)
    plot.dots(*point, texts("figure.newest_hour"), colour=COLOURS[1], size=8.0)
    title = texts("figure.cloud", name=name)
    return Figure(
        title,
        plot.svg(title, texts.language),
        ("end of hour [UTC]", f"temperature [{texts.unit('Cel')}]", f"value [{unit}]",
         f"unexplained [{unit}]", "part of training"),
        [
            (
                f"{from_us(int(cloud.time_us[row])):%Y-%m-%dT%H:%M:%SZ}",
                float(cloud.temperature_c[row]),
                float(cloud.value[row]),
                float(cloud.residual[row]) if np.isfinite(cloud.residual[row]) else None,
                "yes" if trained[row] else "no",
            )
            for row in np.flatnonzero(there)
        ],
    )  # fmt: skip


def _dotted(
    plot: Plot, cloud: Cloud, rows: NDArray[np.bool_], name: str, *, colour: str, size: float
) -> None:
    """At most ``MOST_POINTS`` of the rows, evenly taken; the table holds all of them."""
    found = np.flatnonzero(rows)
    if not len(found):
        return
    found = found[:: -(-len(found) // MOST_POINTS)]
    plot.dots(cloud.temperature_c[found], cloud.value[found], name, colour=colour, size=size)


def _limits(cloud: Cloud, trained: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats] | None:
    """What the model expects per piece of the temperature, less and plus what training scattered.

    Expected is the value less its unexplained part; the scatter is the symmetric quantile of the
    training residuals.
    """
    rows = np.flatnonzero(trained & np.isfinite(cloud.residual))
    if len(rows) < BANDS * FEWEST:
        return None
    warm = cloud.temperature_c[rows]
    expected = cloud.value[rows] - cloud.residual[rows]
    scatter = float(np.quantile(np.abs(cloud.residual[rows]), SHARE))
    edges = np.linspace(float(warm.min()), float(warm.max()), BANDS + 1)
    piece = np.clip(np.digitize(warm, edges) - 1, 0, BANDS - 1)
    middle = np.full(BANDS, np.nan)
    for number in range(BANDS):
        if np.count_nonzero(piece == number) >= FEWEST:
            middle[number] = np.median(expected[piece == number])
    return 0.5 * (edges[1:] + edges[:-1]), middle - scatter, middle + scatter
