"""Limits of charts for a stated rate of false alarms, from residuals that hang together in time.

The tables of control charts hold for independent normal numbers. Residuals of a structure keep
weather and misfit for days: blocks of them, drawn again and again, keep that too.

References
----------
.. [1] "The jackknife and the bootstrap for general stationary observations", Ann.
   Stat. 17 (1989) 1217-1241: blocks of consecutive values.
.. [2] "A circular block-resampling procedure for stationary data", in
   "Exploring the Limits of Bootstrap", Wiley 1992: the record is closed to a circle.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from twin.errors import InsufficientData, ModelError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_BLOCKS = 10
BISECTIONS = 60


def drawn_blocks(
    rows: int, *, block: int, length: int, runs: int, random: np.random.Generator
) -> Ints:
    """Rows of a record, drawn in blocks of consecutive ones.

    Parameters
    ----------
    rows
        Length of the record; at least ten blocks.
    block
        Rows of a block.
    length, runs
        Rows of one drawn run, and how many runs.

    Returns
    -------
    (runs, length)
        Indices into the record.

    Raises
    ------
    InsufficientData
        If the record holds fewer than ten blocks.

    Examples
    --------
    >>> drawn_blocks(100, block=5, length=10, runs=2, random=np.random.default_rng(1)).shape
    (2, 10)
    """
    if rows < LEAST_BLOCKS * block:
        raise InsufficientData(
            f"{rows} rows are fewer than {LEAST_BLOCKS} blocks of {block}; give a longer record"
        )
    starts = random.integers(0, rows, size=(runs, -(-length // block)))
    drawn = starts[:, :, None] + np.arange(block)
    return np.mod(drawn.reshape(runs, -1)[:, :length], rows)


def alarms(statistic: Floats, *, limit: float, apart: int) -> int:
    """Number of alarms: crossings of the limit after at least so many rows at or below it.

    Parameters
    ----------
    statistic : (runs, length)
        Charted values; every run counts on its own.
    limit
        Alarm above it.
    apart
        Rows without alarm that end one.

    Examples
    --------
    >>> alarms(np.array([[0.0, 9, 9, 0, 9, 0, 0, 0, 9]]), limit=5.0, apart=3)
    2
    """
    padded = np.full((len(statistic), statistic.shape[1] + apart), -np.inf)
    padded[:, : statistic.shape[1]] = statistic
    over = np.flatnonzero(padded > limit)
    return int(len(over) > 0) + int(np.count_nonzero(np.diff(over) > apart))


def limit_for_rate(statistic: Floats, *, alarms_per_row: float, apart: int = 24) -> float:
    """Limit at which the drawn runs give that many alarms per row.

    Parameters
    ----------
    statistic : (runs, length)
        The charted statistic of drawn runs without any change.
    alarms_per_row
        Stated rate of false alarms, for example 1 / 8760 for one a year of hourly rows.
    apart
        Rows without alarm that end one.

    Raises
    ------
    InsufficientData
        If the runs are too short to hold ten alarms at that rate.

    Examples
    --------
    >>> noise = np.random.default_rng(1).normal(size=(500, 2000))
    >>> round(limit_for_rate(noise, alarms_per_row=1e-3, apart=1), 1)
    3.1
    """
    if alarms_per_row <= 0.0:
        raise ModelError(f"the rate of false alarms must be positive, got {alarms_per_row:g}")
    expected = alarms_per_row * statistic.size
    if expected < LEAST_BLOCKS:
        raise InsufficientData(
            f"{statistic.size} drawn rows hold {expected:.1f} alarms at the stated rate, needed "
            f"are {LEAST_BLOCKS}; draw more runs"
        )
    below, above = float(np.quantile(statistic, 0.5)), float(np.max(statistic))
    for _ in range(BISECTIONS):
        middle = 0.5 * (below + above)
        if alarms(statistic, limit=middle, apart=apart) > expected:
            below = middle
        else:
            above = middle
    return above


def chart_limit(
    residual: Floats,
    *,
    chart: Callable[[Floats], Floats],
    block: int,
    alarms_per_row: float,
    random: np.random.Generator,
    length: int = 8760,
    runs: int = 50,
    apart: int = 24,
) -> float:
    """Limit of any chart of one residual for a stated rate of false alarms.

    Parameters
    ----------
    residual : (n,)
        Residuals of a time without change, best those of rows that the model was not fitted to.
    chart
        Gives the charted statistic (runs, length) of drawn residuals (runs, length).
    block
        Rows that hang together.
    alarms_per_row
        Stated rate.

    Examples
    --------
    >>> from simulations.monitoring.charts import ewma
    >>> noise = np.random.default_rng(1).normal(size=3000)
    >>> limit = chart_limit(noise, chart=lambda r: abs(ewma(r, lam=0.1)), block=5,
    ...                     alarms_per_row=1 / 500, random=np.random.default_rng(2), apart=1)
    >>> bool(0.55 < limit < 0.75)
    True
    """
    if not np.all(np.isfinite(residual)):
        raise ModelError("residuals hold NaN; leave the rows without a value out")
    rows = drawn_blocks(len(residual), block=block, length=length, runs=runs, random=random)
    return limit_for_rate(chart(residual[rows]), alarms_per_row=alarms_per_row, apart=apart)
