"""How well modelled flows agree with counts, and which counts may say so."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from twin.model.tables import rows

Values = NDArray[np.float64]

GOOD_GEH = 5.0
RESERVE_SHARE = 0.2
LEAST_RESERVE = 5
FEW_STATIONS = 25


@dataclass(frozen=True, slots=True)
class Preset:
    """What "calibrated" asks for on counts that were not used.

    Parameters
    ----------
    geh
        A row is good below this GEH [sqrt(veh/h)].
    share
        So many rows must be good, 0 to 1.
    largest_bias
        Modelled total over counted total may differ by this share.
    """

    geh: float
    share: float
    largest_bias: float = float("inf")


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        row["key"]: Preset(
            float(row["geh"]), float(row["share"]), float(row["largest_bias"] or "inf")
        )
        for row in rows("calibration_criteria")
    }
)


@dataclass(frozen=True, slots=True)
class Score:
    """Agreement of modelled and counted hourly volumes.

    Parameters
    ----------
    rows
        Counts compared; with 0 the other figures are NaN.
    share_good
        Share with a GEH below 5.
    rmse_percent
        Root mean square error over the mean count.
    bias
        Modelled over counted total, less 1.
    geh_90
        GEH that nine of ten rows stay below.
    """

    rows: int
    share_good: float
    rmse_percent: float
    bias: float
    geh_90: float


def geh(model_vehh: Values, count_vehh: Values) -> Values:
    """GEH statistic; hourly volumes only, daily ones give other numbers.

    Parameters
    ----------
    model_vehh, count_vehh : (rows,)
        Vehicles an hour.

    Examples
    --------
    >>> geh(np.array([1100.0, 0.0]), np.array([1000.0, 0.0])).round(4)
    array([3.0861, 0.    ])
    """
    total = model_vehh + count_vehh
    safe = np.where(total > 0, total, 1.0)
    return np.sqrt(2.0 * (model_vehh - count_vehh) ** 2 / safe)


def geh_band(flow_vehh: Values, level: Values | float) -> tuple[Values, Values]:
    """Lowest and highest flow within a GEH of a modelled one.

    Examples
    --------
    >>> low, high = geh_band(np.array([1000.0]), 5.0)
    >>> low.round(1), high.round(1)
    (array([848.]), array([1164.5]))
    """
    square = np.square(level)
    root = np.sqrt(square**2 + 16.0 * square * flow_vehh)
    low = np.maximum(flow_vehh + (square - root) / 4.0, 0.0)
    return low, flow_vehh + (square + root) / 4.0


def score(model_vehh: Values, count_vehh: Values) -> Score:
    """Agreement over all rows.

    Examples
    --------
    >>> score(np.array([1100.0, 500.0]), np.array([1000.0, 500.0])).share_good
    1.0
    """
    if not len(count_vehh):
        nan = float("nan")
        return Score(0, nan, nan, nan, nan)
    levels = geh(model_vehh, count_vehh)
    mean = float(count_vehh.mean())
    error = float(np.sqrt(np.mean((model_vehh - count_vehh) ** 2)))
    return Score(
        rows=len(count_vehh),
        share_good=float(np.mean(levels < GOOD_GEH)),
        rmse_percent=100.0 * error / mean if mean > 0 else float("nan"),
        bias=float(model_vehh.sum() / count_vehh.sum() - 1.0) if mean > 0 else float("nan"),
        geh_90=float(np.quantile(levels, 0.9)),
    )


def reserve_stations(stations: Sequence[str]) -> frozenset[str]:
    """Stations put aside: a fifth, at least five, by the hash of their ids; none below 25.

    Examples
    --------
    >>> len(reserve_stations([f"S{row}" for row in range(30)])), len(reserve_stations(["S1"]))
    (6, 0)
    """
    known = set(stations)
    if len(known) < FEW_STATIONS:
        return frozenset()
    size = max(LEAST_RESERVE, round(RESERVE_SHARE * len(known)))
    ordered = sorted(known, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    return frozenset(ordered[:size])


def objections(before: Score, after: Score, *, preset: Preset, share_good: float) -> list[str]:
    """Why a model is not calibrated after its reserve counts; empty if it is.

    Parameters
    ----------
    before, after
        Scores of the prior and of the adjusted demand on reserve counts.
    share_good
        Share of reserve counts within the GEH of the preset.
    """
    if not after.rows:
        return ["no counts were put aside, so nothing proves the fit; count at more stations"]
    found = []
    if share_good < preset.share:
        found.append(
            f"GEH < {preset.geh:g} holds for {share_good:.0%} of the reserve counts; "
            f"{preset.share:.0%} are asked for"
        )
    if not after.rmse_percent < before.rmse_percent:
        found.append(
            f"RMSE on reserve counts is {after.rmse_percent:.1f} % and was "
            f"{before.rmse_percent:.1f} % with the prior demand; it must fall"
        )
    if abs(after.bias) > preset.largest_bias:
        found.append(
            f"the total of the reserve counts is missed by {after.bias:+.1%}; "
            f"{preset.largest_bias:.0%} are allowed"
        )
    return found
