"""Time series reduced to what a chart can show, without losing an extreme; pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tsdownsample import M4Downsampler

Float64 = NDArray[np.float64]
POINTS_PER_PIXEL = 4
GAP_CADENCES = 3.0


@dataclass(frozen=True, slots=True)
class Reduced:
    """A series for a chart: times [ms], values (NaN marks a gap), flags, and how it was reduced."""

    time_ms: Float64
    value: Float64
    flag: NDArray[np.uint8]
    level: str
    gaps: int


def reduce_series(
    time_ms: Float64,
    value: Float64,
    flag: NDArray[np.uint8],
    *,
    pixels: int,
    cadence_s: float | None,
) -> Reduced:
    """First, lowest, highest and last value of every pixel column (M4), then the gap marks.

    Parameters
    ----------
    time_ms, value, flag : (n,)
        The series in order of time; values that are not finite are left out first.
    pixels
        Width of the chart.
    cadence_s
        Expected interval [s]; a pause of more than three of them is a gap. None: no gaps.
    """
    finite = np.isfinite(value)
    time_ms, value, flag = time_ms[finite], value[finite], flag[finite]
    gap_after = _gaps(time_ms, cadence_s)
    kept = np.arange(len(value))
    level = "raw"
    if len(value) > POINTS_PER_PIXEL * pixels:
        kept = M4Downsampler().downsample(
            np.ascontiguousarray(time_ms),
            np.ascontiguousarray(value),
            n_out=POINTS_PER_PIXEL * pixels,
        )
        kept = np.unique(kept.astype(np.int64))
        level = "m4"
    # The index among the kept points after which a gap of the full series begins.
    place = np.searchsorted(kept, gap_after, side="right")
    marks = time_ms[gap_after] + 1.0
    return Reduced(
        time_ms=np.insert(time_ms[kept], place, marks),
        value=np.insert(value[kept], place, np.nan),
        flag=np.insert(flag[kept], place, 0),
        level=level,
        gaps=len(gap_after),
    )


def _gaps(time_ms: Float64, cadence_s: float | None) -> NDArray[np.int64]:
    if cadence_s is None or len(time_ms) < 2:  # noqa: PLR2004 - a pause lies between two values
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(np.diff(time_ms) > GAP_CADENCES * cadence_s * 1000)
