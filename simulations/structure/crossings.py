"""Vehicles over influence lines: templates (tool A), exact crossings (tool B), and their kernel.

Influence lines are linear between their nodes, so the effect of a vehicle is linear between the
positions at which one of its axles is on a node. The kernel goes from one of these to the next, so
nothing is lost between steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from simulations.structure.details import FatigueDetail, NotAssessable, why_not
from simulations.structure.rainflow import (
    CANDIDATE,
    CLOSED,
    DAMAGE,
    DIRECTION,
    HELD,
    HIGH,
    LOW,
    RESIDUE,
    Rainflow,
    feed,
)
from simulations.structure.sn import cycle_damage
from twin.errors import ModelError
from twin.model.findings import Phrase
from twin.model.structure import AxleStream, InfluenceLine

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

LINE_TOLERANCE = 1e-5
"""How far a line may be from its nodes after those that add nothing are left out, of its peak."""
_BUFFER = 4096

_F, _I, _V = types.float64, types.int64, types.void
_READ = types.Array(_F, 1, "C", readonly=True)
_READ_I = types.Array(types.int32, 1, "C", readonly=True)
_READ_L = types.Array(_I, 1, "C", readonly=True)
_FA, _IA = types.Array(_F, 1, "C"), types.Array(_I, 1, "C")


@dataclass(frozen=True, slots=True)
class Tracks:
    """Influence lines as vehicles meet them, one per lane and direction, as one long column.

    Parameters
    ----------
    start : (tracks + 1,)
        Nodes of track i are the rows ``start[i]:start[i + 1]``.
    distance_m, effect : (nodes,)
        Way from the entry of the line, and effect per kN there.
    kink : (nodes,)
        Change of the slope of the line there, from and to zero at its ends.
    """

    start: Longs
    distance_m: Floats
    effect: Floats
    kink: Floats


@dataclass(frozen=True, slots=True)
class Axles:
    """Axles with the time at which they enter their line, in the order of the stream."""

    entry_s: Floats
    speed_ms: Floats
    load_kn: Floats
    track: Longs
    first_axle: Longs


@njit(_V(_FA, _IA, _I), cache=True, nogil=True)
def _sift_down(times: Floats, axles: Longs, count: int) -> None:
    """Restore the order of a heap whose first entry grew."""
    place = 0
    time, axle = times[0], axles[0]
    while True:
        child = 2 * place + 1
        if child >= count:
            break
        if child + 1 < count and times[child + 1] < times[child]:
            child += 1
        if times[child] >= time:
            break
        times[place], axles[place] = times[child], axles[child]
        place = child
    times[place], axles[place] = time, axle


@njit(_V(_F, _I, _FA, _IA, _I), cache=True, nogil=True)
def _sift_up(time: float, axle: int, times: Floats, axles: Longs, count: int) -> None:
    """Put an entry into a heap of ``count`` entries."""
    place = count
    while place > 0:
        above = (place - 1) // 2
        if times[above] <= time:
            break
        times[place], axles[place] = times[above], axles[above]
        place = above
    times[place], axles[place] = time, axle


@njit(
    _V(_READ_L, _READ, _READ, _READ, _READ_L, _READ_L, _READ, _READ, _READ, _F,
       _FA, _IA, _IA, _FA, _FA, _FA, _IA, _READ),
    cache=True, nogil=True,
)  # fmt: skip
def superpose(  # noqa: PLR0917 - one event after the other
    order: Longs, entry_s: Floats, speed_ms: Floats, load_kn: Floats, track: Longs,
    start: Longs, distance_m: Floats, effect: Floats, kink: Floats, stress_mpa: float,
    times: Floats, axles: Longs, node: Longs, buffer: Floats, extremes: Floats,
    numbers: Floats, counts: Longs, settings: Floats,
) -> None:  # fmt: skip
    """Effect of axles, in ``order`` of their entry, kink by kink, into a rainflow counter.

    ``extremes`` keeps the lowest and the highest effect.
    """
    nothing = np.empty(0)
    value, slope, now = 0.0, 0.0, 0.0
    active, coming, filled = 0, 0, 0
    while coming < order.size or active > 0:
        enters = coming < order.size and (active == 0 or entry_s[order[coming]] <= times[0])
        if enters:
            axle = order[coming]
            time = entry_s[axle]
            coming += 1
        else:
            axle, time = axles[0], times[0]
        value += slope * (time - now)
        now = time
        first, last = start[track[axle]], start[track[axle] + 1] - 1
        at = first if enters else node[axle]
        load, speed = load_kn[axle], speed_ms[axle]
        buffer[filled] = value * stress_mpa
        filled += 1
        extremes[0], extremes[1] = min(extremes[0], value), max(extremes[1], value)
        if enters:
            value += load * effect[at]
        slope += load * speed * kink[at]
        if at < last:
            following = entry_s[axle] + distance_m[at + 1] / speed
            node[axle] = at + 1
            if enters:
                _sift_up(following, axle, times, axles, active)
                active += 1
            else:
                times[0] = following
                _sift_down(times, axles, active)
        else:
            value -= load * effect[at]
            active -= 1
            times[0], axles[0] = times[active], axles[active]
            if active > 0:
                _sift_down(times, axles, active)
            else:
                value, slope = 0.0, 0.0
        buffer[filled] = value * stress_mpa
        filled += 1
        extremes[0], extremes[1] = min(extremes[0], value), max(extremes[1], value)
        if filled > buffer.size - 2:
            feed(buffer[:filled], numbers, counts, settings, nothing)
            filled = 0
    feed(buffer[:filled], numbers, counts, settings, nothing)


@njit(
    _V(_READ_L, _READ_L, _READ, _READ, _READ, _READ_L, _READ_L, _READ, _READ, _READ, _F,
       _FA, _IA, _READ, _FA, _FA, _FA),
    cache=True, nogil=True,
)  # fmt: skip
def _cross_alone(  # noqa: PLR0917
    first_axle: Longs, order: Longs, entry_s: Floats, speed_ms: Floats, load_kn: Floats,
    track: Longs, start: Longs, distance_m: Floats, effect: Floats, kink: Floats, stress_mpa: float,
    numbers: Floats, counts: Longs, settings: Floats,
    damage: Floats, lowest: Floats, highest: Floats,
) -> None:  # fmt: skip
    """Damage and extremes of every vehicle as if it were alone on the bridge."""
    most = 0
    for vehicle in range(damage.size):
        most = max(most, first_axle[vehicle + 1] - first_axle[vehicle])
    times, axles = np.empty(most + 1), np.empty(most + 1, dtype=np.int64)
    node = np.empty(order.size, dtype=np.int64)
    buffer, extremes = np.empty(_BUFFER), np.empty(2)
    for vehicle in range(damage.size):
        numbers[DIRECTION], numbers[CANDIDATE], numbers[DAMAGE] = 0.0, 0.0, 0.0
        numbers[LOW], numbers[HIGH] = np.inf, -np.inf
        counts[HELD], counts[CLOSED] = 0, 0
        extremes[:] = 0.0
        superpose(
            order[first_axle[vehicle] : first_axle[vehicle + 1]], entry_s, speed_ms, load_kn,
            track, start, distance_m, effect, kink, stress_mpa, times, axles, node, buffer,
            extremes, numbers, counts, settings,
        )  # fmt: skip
        total = numbers[DAMAGE]
        top = RESIDUE + counts[HELD]
        for place in range(RESIDUE + 1, top):
            size = abs(numbers[place] - numbers[place - 1])
            total += 0.5 * cycle_damage(size, settings)
        if counts[HELD] > 0:
            size = abs(numbers[CANDIDATE] - numbers[top - 1])
            total += 0.5 * cycle_damage(size, settings)
        damage[vehicle] = total
        lowest[vehicle], highest[vehicle] = extremes[0], extremes[1]


@dataclass(frozen=True, slots=True)
class CrossingDamage:
    """Damage of vehicles at one detail, each alone on the bridge, so a ranking rather than truth.

    Parameters
    ----------
    damage : (vehicles,)
        Miner sum of each crossing, half cycles included [-].
    lowest, highest : (vehicles,)
        Extreme effects, in the unit of the influence line; empty for templates.
    assumptions
        What it takes for granted.
    """

    detail: str
    damage: Floats
    lowest: Floats
    highest: Floats
    assumptions: tuple[str, ...]

    @property
    def total(self) -> float:
        """Miner sum of all vehicles [-]."""
        return float(self.damage.sum())


BELOW_DECOMPRESSION = "below decompression: the stress ranges of the steel count as none"
ALONE = "every vehicle alone on the bridge: meeting vehicles are missed; the day history has them"


def checked(stream: AxleStream) -> None:
    """Refuse a stream that cannot be computed with; names all problems at once.

    Raises
    ------
    ModelError
    """
    vehicles, axles = len(stream), len(stream.axle_load_kn)
    first = stream.first_axle
    problems = [
        f"{name} has {len(column)} rows, the stream has {vehicles} vehicles"
        for name, column in (("lane", stream.lane), ("speed_ms", stream.speed_ms),
                             ("vehicle_class", stream.vehicle_class))
        if len(column) != vehicles
    ]  # fmt: skip
    if len(first) != vehicles + 1 or first[0] != 0 or first[-1] != axles or any(np.diff(first) < 1):
        problems.append("first_axle must rise from 0 to the number of axles, one or more a vehicle")
    if len(stream.axle_offset_m) != axles:
        problems.append(f"{axles} axle loads and {len(stream.axle_offset_m)} axle offsets")
    if np.any(np.diff(stream.time_s) < 0.0):
        problems.append("the times of a stream must rise; sort its vehicles")
    for name, column in (("time_s", stream.time_s), ("speed_ms", stream.speed_ms),
                         ("axle_load_kn", stream.axle_load_kn),
                         ("axle_offset_m", stream.axle_offset_m)):  # fmt: skip
        if not np.all(np.isfinite(column)):
            problems.append(f"{name} holds NaN or infinity")
    if np.any(stream.speed_ms == 0.0):
        problems.append("a vehicle of speed 0 never crosses; leave it out")
    if np.any(stream.axle_load_kn < 0.0):
        problems.append("axle loads are never negative")
    if problems:
        raise ModelError("; ".join(problems))


def simplified(line: InfluenceLine, *, tolerance: float = LINE_TOLERANCE) -> tuple[Floats, Floats]:
    """Nodes that a line needs: what is left out lies on the chord up to the tolerance.

    Parameters
    ----------
    line
    tolerance
        Largest deviation over the largest value of the line [-].

    Returns
    -------
    x_m, y : (m,)
        The nodes that are kept, both ends among them.
    """
    x, y = line.x_m, line.y
    allowed = tolerance * float(np.abs(y).max(initial=0.0))
    keep = np.zeros(len(x), dtype=np.bool_)
    keep[[0, -1]] = True
    waiting = [(0, len(x) - 1)]
    while waiting:
        low, high = waiting.pop()
        if high - low < 2:  # noqa: PLR2004 - nothing between them
            continue
        inner = slice(low + 1, high)
        chord = y[low] + (x[inner] - x[low]) * ((y[high] - y[low]) / (x[high] - x[low]))
        off = np.abs(y[inner] - chord)
        worst = int(np.argmax(off))
        if off[worst] > allowed:
            middle = low + 1 + worst
            keep[middle] = True
            waiting += [(low, middle), (middle, high)]
    return x[keep], y[keep]


def missing_lane(stream: AxleStream, detail: FatigueDetail) -> NotAssessable | None:
    """Why a stream cannot be put on a detail: a lane in use has no influence line."""
    known = {line.lane for line in detail.lines}
    if None in known:
        return None
    for lane in np.unique(stream.lane).tolist():
        if lane not in known:
            values = {"detail": detail.name, "lane": lane}
            return NotAssessable(detail.name, Phrase("fatigue_lane_unknown", values))
    return None


def tracks_of(
    lines: Sequence[InfluenceLine], *, tolerance: float = LINE_TOLERANCE
) -> tuple[Tracks, Floats]:
    """Two tracks per line, along the stationing and against it, and where each begins [m]."""
    columns, entries = [], []
    for line in lines:
        x, y = simplified(line, tolerance=tolerance)
        columns += [(x - x[0], y), ((x[-1] - x)[::-1], y[::-1])]
        entries += [x[0], x[-1]]
    sizes = [len(x) for x, _ in columns]
    tracks = Tracks(
        start=np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
        distance_m=np.concatenate([x for x, _ in columns]),
        effect=np.concatenate([y for _, y in columns]),
        kink=np.concatenate(
            [np.diff(np.diff(y) / np.diff(x), prepend=0.0, append=0.0) for x, y in columns]
        ),
    )
    return tracks, np.array(entries)


def track_rows(stream: AxleStream, detail: FatigueDetail) -> Longs:
    """Track of each vehicle among those of `tracks_of`, shape (vehicles,)."""
    lanes = [line.lane for line in detail.lines]
    line = np.zeros(int(stream.lane.max(initial=0)) + 1, dtype=np.int64)
    for row, lane in enumerate(lanes):
        if lane is not None and lane < len(line):
            line[lane] = row
    return 2 * line[stream.lane] + (stream.speed_ms < 0.0)


def axles_of(stream: AxleStream, detail: FatigueDetail, entries_m: Floats) -> Axles:
    """Entry times of all axles on the tracks of a detail, loads with the dynamic factor."""
    repeats = np.diff(stream.first_axle)
    track = np.repeat(track_rows(stream, detail), repeats)
    speed = np.repeat(stream.speed_ms, repeats)
    way = entries_m[track] + np.sign(speed) * stream.axle_offset_m
    phi = np.repeat(detail.dynamic.at(stream.speed_ms), repeats)
    return Axles(
        entry_s=np.repeat(stream.time_s, repeats) + way / speed,
        speed_ms=np.abs(speed),
        load_kn=stream.axle_load_kn * phi,
        track=track,
        first_axle=stream.first_axle.astype(np.int64),
    )


def crossing_damage(stream: AxleStream, detail: FatigueDetail) -> CrossingDamage | NotAssessable:
    """Damage of each vehicle by its own axles over the influence line: tool B.

    Raises
    ------
    ModelError
        If the stream is unsound.
    """
    checked(stream)
    missing = why_not(detail) or missing_lane(stream, detail)
    if missing is not None:
        return missing
    tracks, entries = tracks_of(detail.lines)
    axles = axles_of(stream, detail, entries)
    order = np.lexsort(
        (axles.entry_s, np.repeat(np.arange(len(stream)), np.diff(axles.first_axle)))
    )
    damage, lowest, highest = (np.zeros(len(stream)) for _ in range(3))
    counter = Rainflow(detail.curve)
    _cross_alone(
        axles.first_axle, order, axles.entry_s, axles.speed_ms, axles.load_kn, axles.track,
        tracks.start, tracks.distance_m, tracks.effect, tracks.kink, detail.stress_mpa,
        *counter.arrays, damage, lowest, highest,
    )  # fmt: skip
    said = (*detail.assumptions, ALONE)
    if detail.kind == "prestressing_steel":
        found = why_not(detail, highest_knm=float(highest.max(initial=0.0)))
        if found is not None:
            return found
        damage[:] = 0.0
        said = (*said, BELOW_DECOMPRESSION)
    return CrossingDamage(detail.name, damage, lowest, highest, said)
