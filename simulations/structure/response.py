"""Tool C: all vehicles on the bridge at once, over days, into streaming rainflow.

The reference among the three tools: vehicles meet, follow each other and load several lanes.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from simulations.structure.crossings import (
    BELOW_DECOMPRESSION,
    LINE_TOLERANCE,
    Axles,
    Tracks,
    axles_of,
    checked,
    missing_lane,
    superpose,
    tracks_of,
)
from simulations.structure.details import FatigueDetail, NotAssessable, why_not
from simulations.structure.rainflow import Rainflow
from twin.errors import ModelError
from twin.model.structure import AxleStream

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]

DAY_TOLERANCE = 5e-4
"""As `LINE_TOLERANCE`, for day histories: fewer nodes, ranges within twice this share."""
LEAST_RATE_HZ = 20.0
_BUFFER = 4096
_F = types.float64
_READ = types.Array(_F, 1, "C", readonly=True)
_READ_L = types.Array(types.int64, 1, "C", readonly=True)


@dataclass(frozen=True, slots=True)
class DayDamage:
    """Damage of all vehicles together at one detail.

    Parameters
    ----------
    closed_damage, residue_damage
        Miner sums that this stream added: closed cycles, and the residue as half cycles [-].
    lowest, highest
        Extreme effects of the stream, in the unit of the influence line.
    half_cycles : (512,)
        Histogram of the counter.
    vehicles
        Number of vehicles.
    """

    detail: str
    closed_damage: float
    residue_damage: float
    lowest: float
    highest: float
    half_cycles: NDArray[np.int64]
    vehicles: int
    assumptions: tuple[str, ...]

    @property
    def total(self) -> float:
        """Closed and residue damage [-]."""
        return self.closed_damage + self.residue_damage


def day_damage(
    stream: AxleStream,
    detail: FatigueDetail,
    *,
    counter: Rainflow | None = None,
    tolerance: float = DAY_TOLERANCE,
) -> DayDamage | NotAssessable:
    """Damage of a stream with all its meetings, from kink to kink of the response.

    The response to axles that move steadily over a line of straight pieces is itself made of
    straight pieces; only their ends are computed, at their exact times. A grid of 50 Hz loses 0.6 %
    of the damage of a day, because peaks lie between its samples.

    Parameters
    ----------
    stream
        One day or more; vehicles are on the bridge within one stream.
    detail
    counter
        Goes on with the cycles that earlier streams left open; left out, a new one.
    tolerance
        Of `simplified` influence lines.

    Raises
    ------
    ModelError
        If the stream is unsound.
    """
    checked(stream)
    missing = why_not(detail) or missing_lane(stream, detail)
    if missing is not None:
        return missing
    used = Rainflow(detail.curve) if counter is None else counter
    if used.curve.curve_id != detail.curve.curve_id:
        raise ModelError(f"the counter is for {used.curve.curve_id}, not {detail.curve.curve_id}")
    before = used.closed_damage
    tracks, entries = tracks_of(detail.lines, tolerance=tolerance)
    lowest, highest = _feed(axles_of(stream, detail, entries), tracks, detail.stress_mpa, used)
    said = (
        *detail.assumptions,
        f"vehicles meet as they come; influence line in straight pieces within {tolerance:.0e}",
    )
    closed, residue = used.closed_damage - before, used.residue_damage
    if detail.kind == "prestressing_steel":
        missing = why_not(detail, highest_knm=highest)
        if missing is not None:
            return missing
        closed, residue, said = 0.0, 0.0, (*said, BELOW_DECOMPRESSION)
    return DayDamage(
        detail=detail.name,
        closed_damage=closed,
        residue_damage=residue,
        lowest=lowest,
        highest=highest,
        half_cycles=used.half_cycles.copy(),
        vehicles=len(stream),
        assumptions=said,
    )


def _feed(
    axles: Axles, tracks: Tracks, stress_mpa: float, counter: Rainflow
) -> tuple[float, float]:
    """Feed the response into the counter; lowest and highest effect."""
    count = len(axles.entry_s)
    extremes = np.zeros(2)
    superpose(
        np.argsort(axles.entry_s, kind="stable"), axles.entry_s, axles.speed_ms, axles.load_kn,
        axles.track, tracks.start, tracks.distance_m, tracks.effect, tracks.kink, stress_mpa,
        np.empty(count + 1), np.empty(count + 1, dtype=np.int64), np.empty(count, dtype=np.int64),
        np.empty(_BUFFER), extremes, *counter.arrays,
    )  # fmt: skip
    return float(extremes[0]), float(extremes[1])


@njit(
    types.void(_READ, _READ, _READ, _READ_L, _READ_L, _READ, _READ, _F, _F,
               types.Array(_F, 1, "C")),
    cache=True, nogil=True,
)  # fmt: skip
def _deposit(  # noqa: PLR0917
    entry_s: Floats, speed_ms: Floats, load_kn: Floats, track: Longs, start: Longs,
    distance_m: Floats, effect: Floats, start_s: float, rate_hz: float, out: Floats,
) -> None:  # fmt: skip
    """Add what every axle does at each instant of the grid, from its exact position."""
    for axle in range(entry_s.size):
        low, high = start[track[axle]], start[track[axle] + 1] - 1
        leave_s = entry_s[axle] + (distance_m[high] - distance_m[low]) / speed_ms[axle]
        sample = max(int(np.ceil((entry_s[axle] - start_s) * rate_hz)), 0)
        end = min(int(np.floor((leave_s - start_s) * rate_hz)), out.size - 1)
        node = low
        while sample <= end:
            way = (start_s + sample / rate_hz - entry_s[axle]) * speed_ms[axle] + distance_m[low]
            while node < high - 1 and distance_m[node + 1] < way:
                node += 1
            step = (effect[node + 1] - effect[node]) / (distance_m[node + 1] - distance_m[node])
            out[sample] += load_kn[axle] * (effect[node] + step * (way - distance_m[node]))
            sample += 1


def sampled_history(
    stream: AxleStream, detail: FatigueDetail, *, start_s: float, seconds: float,
    rate_hz: float = LEAST_RATE_HZ,
) -> Floats | NotAssessable:  # fmt: skip
    """Effect at equally spaced times, for pictures and for comparison with a sensor.

    Axles stand where they are at each instant, between the nodes of the line too. Damage comes from
    `day_damage`: peaks between two samples are not in this history.

    Parameters
    ----------
    stream, detail
    start_s
        Time of the first sample, as in the stream [s].
    seconds
        Length of the history.
    rate_hz
        At least 20 samples a second.

    Returns
    -------
    (n,)
        In the unit of the influence line.

    Raises
    ------
    ModelError
        If the rate is too low or the stream unsound.
    """
    checked(stream)
    if not (np.isfinite(rate_hz) and rate_hz >= LEAST_RATE_HZ):
        raise ModelError(f"a history needs {LEAST_RATE_HZ:g} samples a second, got {rate_hz!r}")
    missing = missing_lane(stream, detail)
    if missing is not None:
        return missing
    tracks, entries = tracks_of(detail.lines, tolerance=LINE_TOLERANCE)
    axles = axles_of(stream, detail, entries)
    out = np.zeros(round(seconds * rate_hz))
    _deposit(
        axles.entry_s, axles.speed_ms, axles.load_kn, axles.track, tracks.start,
        tracks.distance_m, tracks.effect, float(start_s), float(rate_hz), out,
    )  # fmt: skip
    return out


@dataclass(frozen=True, slots=True)
class Utilisation:
    """Effect of simulated traffic over that of a load model: a comparison, no proof."""

    ratio: float
    effect: float
    reference: float
    assumptions: tuple[str, ...]


def utilisation(found: DayDamage, *, reference: float, reference_name: str) -> Utilisation:
    """Largest effect of a stream over the effect of the target load level.

    Parameters
    ----------
    found
        Of a week, if the ratio shall be that of the weekly maximum.
    reference
        Effect of the load model at the same section, same unit; the side of its sign counts.
    reference_name
        Of the load model.

    Raises
    ------
    ModelError
        If the reference is zero or no number.
    """
    if not np.isfinite(reference) or reference == 0.0:
        raise ModelError(f"the effect of {reference_name} is {reference!r}; it must not be zero")
    effect = found.highest if reference > 0.0 else found.lowest
    said = (
        *found.assumptions,
        f"simulated traffic over {reference_name}: compares effects, proves no resistance",
    )
    return Utilisation(effect / reference, effect, reference, said)
