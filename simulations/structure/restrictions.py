"""What restrictions do to a stream of vehicles: distance, overtaking, lanes, speed, weight."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulations.structure.crossings import checked
from simulations.structure.weights import GRAVITY_MS2
from twin.errors import ModelError
from twin.model.structure import AxleStream

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Longs = NDArray[np.int64]

_KMH = 3.6  # 1 m/s in km/h


@dataclass(frozen=True, slots=True)
class Changed:
    """A stream after a restriction, how many vehicles it took away, and what is assumed."""

    stream: AxleStream
    removed: int
    assumptions: tuple[str, ...]


def take(stream: AxleStream, rows: Longs) -> AxleStream:
    """Vehicles of a stream in the order of ``rows``."""
    sizes = np.diff(stream.first_axle)[rows]
    first = np.concatenate(([0], np.cumsum(sizes)))
    source = np.repeat(stream.first_axle[rows] - first[:-1], sizes) + np.arange(first[-1])
    return AxleStream(
        time_s=stream.time_s[rows],
        lane=stream.lane[rows],
        speed_ms=stream.speed_ms[rows],
        vehicle_class=stream.vehicle_class[rows],
        first_axle=first.astype(np.int32),
        axle_offset_m=stream.axle_offset_m[source],
        axle_load_kn=stream.axle_load_kn[source],
        classes=stream.classes,
    )


def _in_order(stream: AxleStream) -> AxleStream:
    return take(stream, np.argsort(stream.time_s, kind="stable"))


def _of_classes(stream: AxleStream, classes: Collection[str] | None) -> Bools:
    if classes is None:
        return np.ones(len(stream), dtype=np.bool_)
    unknown = sorted(set(classes) - set(stream.classes))
    if unknown:
        raise ModelError(
            f"unknown classes: {', '.join(unknown)}; the stream has {', '.join(stream.classes)}"
        )
    return np.isin(stream.vehicle_class, [stream.classes.index(one) for one in classes])


def _complying(stream: AxleStream, compliance: float, seed: int) -> Bools:
    """Who keeps a rule: a draw per vehicle that is the same for every limit."""
    if not 0.0 <= compliance <= 1.0:
        raise ModelError(f"compliance is a share from 0 to 1, got {compliance!r}")
    return np.random.default_rng(seed).random(len(stream)) < compliance


def limit_weight(
    stream: AxleStream, *, gross_t: float = np.inf, axle_t: float = np.inf,
    exempt: Collection[str] = (), compliance: float = 1.0, seed: int = 0,
) -> Changed:  # fmt: skip
    """Vehicles above a gross or axle mass leave, as many as keep the limit.

    Parameters
    ----------
    stream
    gross_t, axle_t
        Limits of masses [t]; weights are turned into masses with g = 9.81 m/s2.
    exempt
        Classes that may pass all the same.
    compliance
        Share of the others that keep the limit [-].
    seed
        Of the draw of who does; the same vehicles for every limit, so a tighter one takes more.

    Raises
    ------
    ModelError
        If a limit is not positive, a class unknown or the share no share.
    """
    checked(stream)
    if not (gross_t > 0.0 and axle_t > 0.0):
        raise ModelError(f"limits must be positive, got {gross_t!r} and {axle_t!r} t")
    heaviest = (
        np.maximum.reduceat(stream.axle_load_kn, stream.first_axle[:-1])
        if len(stream)
        else np.empty(0)
    )
    limit = GRAVITY_MS2 * (1.0 + 1e-12)
    too_heavy = (stream.gross_kn > gross_t * limit) | (heaviest > axle_t * limit)
    leaves = too_heavy & _complying(stream, compliance, seed)
    if exempt:
        leaves &= ~_of_classes(stream, exempt)
    said = (f"{compliance:.0%} of the vehicles keep the weight limit (assumption)",)
    return Changed(take(stream, np.flatnonzero(~leaves)), int(leaves.sum()), said)


def limit_speed(
    stream: AxleStream, *, speed_kmh: float, classes: Collection[str] | None = None
) -> Changed:
    """Vehicles drive no faster than the limit; who comes later is not changed.

    Raises
    ------
    ModelError
        If the limit is not positive or a class unknown.
    """
    checked(stream)
    if not (np.isfinite(speed_kmh) and speed_kmh > 0.0):
        raise ModelError(f"a speed limit is positive, got {speed_kmh!r} km/h")
    most = np.where(_of_classes(stream, classes), speed_kmh / _KMH, np.inf)
    speed = np.sign(stream.speed_ms) * np.minimum(np.abs(stream.speed_ms), most)
    said = ("speed limit kept by all; loads change only through a measured dynamic factor",)
    return Changed(replace(stream, speed_ms=speed), 0, said)


def guide_lane(
    stream: AxleStream, *, lane: int, classes: Collection[str] | None = None, direction: int = 1
) -> Changed:
    """Vehicles of one direction drive on ``lane``; its influence line is that of the new path.

    Parameters
    ----------
    direction
        1 along the stationing, -1 against it.
    """
    checked(stream)
    if direction not in (1, -1):
        raise ModelError(f"the direction is 1 or -1, got {direction!r}")
    moved = _of_classes(stream, classes) & (np.sign(stream.speed_ms) == direction)
    return Changed(
        replace(stream, lane=np.where(moved, lane, stream.lane).astype(np.int32)),
        0,
        (f"all of them drive on lane {lane}",),
    )


def ban_overtaking(
    stream: AxleStream, *, lane: int, classes: Collection[str], length_m: float,
    direction: int = 1, least_gap_m: float = 5.0,
) -> Changed:  # fmt: skip
    """Heavy classes of one direction share a lane, one behind the other, none side by side.

    Parameters
    ----------
    lane
        The lane that they keep to.
    length_m
        Of the bridge.
    least_gap_m
        Clear gap that they keep at least; who would be closer comes later.
    """
    guided = guide_lane(stream, lane=lane, classes=classes, direction=direction)
    spaced = keep_distance(guided.stream, gap_m=least_gap_m, length_m=length_m, classes=classes)
    said = (*guided.assumptions, *spaced.assumptions, "nobody overtakes")
    return Changed(spaced.stream, 0, said)


def keep_distance(
    stream: AxleStream, *, gap_m: float, length_m: float,
    classes: Collection[str] | None = None, compliance: float = 1.0, seed: int = 0,
) -> Changed:  # fmt: skip
    """Vehicles of the classes keep a clear gap to the one of theirs ahead in their lane.

    Who is too close comes later; the gap is from the last axle ahead to the first axle behind, at
    both ends of the bridge and so everywhere on it.

    Parameters
    ----------
    stream
    gap_m
        Smallest clear gap [m].
    length_m
        Of the bridge.
    classes
        Who must keep it; all if left out.
    compliance
        Share of them that do [-].
    seed
        Of the draw of who does.

    Raises
    ------
    ModelError
        If gap or length is negative, a class unknown or the share no share.
    """
    checked(stream)
    if not (np.isfinite(gap_m) and gap_m >= 0.0 and np.isfinite(length_m) and length_m >= 0.0):
        raise ModelError(f"gap and length are no negative numbers, got {gap_m!r} and {length_m!r}")
    concerned = _of_classes(stream, classes)
    keeps = _complying(stream, compliance, seed)
    time_s = stream.time_s.copy()
    longest, speed = _lengths(stream), np.abs(stream.speed_ms)
    for lane in np.unique(stream.lane):
        for sign in (1.0, -1.0):
            mine = concerned & (stream.lane == lane) & (np.sign(stream.speed_ms) == sign)
            enters_s = stream.time_s - np.where(sign > 0.0, 0.0, length_m / speed)
            rows = np.flatnonzero(mine)
            rows = rows[np.argsort(enters_s[rows], kind="stable")]
            later = _spaced(
                enters_s[rows], speed[rows], longest[rows], keeps[rows],
                gap_m=gap_m, length_m=length_m,
            )  # fmt: skip
            time_s[rows] += later - enters_s[rows]
    said = (
        f"clear gap of {gap_m:g} m from last to first axle, kept by {compliance:.0%} (assumption)",
        "who is too close comes later",
    )
    return Changed(_in_order(replace(stream, time_s=time_s)), 0, said)


def _lengths(stream: AxleStream) -> Floats:
    """Distance from first to last axle [m], shape (vehicles,)."""
    if not len(stream):
        return np.empty(0)
    return np.maximum.reduceat(stream.axle_offset_m, stream.first_axle[:-1])


def _spaced(
    time_s: Floats, speed_ms: Floats, longest_m: Floats, keeps: Bools, *,
    gap_m: float, length_m: float,
) -> Floats:  # fmt: skip
    """Times at which vehicles of one lane and direction enter, one after the other.

    The vehicle behind may be at a place no sooner than the last axle ahead is ``gap_m`` beyond it:
    ``t + x/v >= t' + (x + length' + gap)/v'`` at x = 0 and at the far end; between them the
    condition is linear. ``t' + wait`` carries over from vehicle to vehicle, so the times are a
    running maximum.
    """
    behind, ahead = speed_ms[1:], speed_ms[:-1]
    way = longest_m[:-1] + gap_m
    wait = np.maximum(way / ahead, (length_m + way) / ahead - length_m / behind)
    wait = np.where(keeps[1:], wait, 0.0)
    offset = np.concatenate(([0.0], np.cumsum(wait)))
    return offset + np.maximum.accumulate(time_s - offset)
