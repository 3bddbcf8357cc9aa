"""Continuous beams: what they are made of, and whether they stand."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from twin.errors import ModelError

Floats = NDArray[np.float64]

SAME_PLACE_M = 1e-6
SHORTEST_M = 0.01
LONGEST_M = 20_000.0
RANK_LIMIT = 1e-9


@dataclass(frozen=True, slots=True)
class Segment:
    """Piece of a beam with constant properties.

    Parameters
    ----------
    length_m
        Length along the stationing [m].
    bending_nm2
        Bending stiffness E I about the horizontal axis [N m2].
    mass_kg_per_m
        Mass per length, carriageway included [kg/m].
    """

    length_m: float
    bending_nm2: float
    mass_kg_per_m: float


@dataclass(frozen=True, slots=True)
class Support:
    """Bearing line.

    Parameters
    ----------
    station_m
        Where it is [m].
    vertical_n_per_m
        Vertical stiffness [N/m]; infinite for a rigid bearing.
    rotation_nm_per_rad
        Stiffness against rotation [N m/rad]; 0 for a hinge bearing, infinite for a clamp.
    """

    station_m: float
    vertical_n_per_m: float = math.inf
    rotation_nm_per_rad: float = 0.0


@dataclass(frozen=True, slots=True)
class Beam:
    """Continuous Euler-Bernoulli beam along the stationing, from station 0 on.

    Parameters
    ----------
    segments
        Pieces from station 0 on.
    supports
        Bearing lines in order of station.
    hinges_m
        Stations where the bending moment is released [m] (Gerber hinges).

    Raises
    ------
    ModelError
        If a length, stiffness or mass is not positive and finite, a support or hinge lies off the
        beam or on another one, or the supports leave a mechanism; names all fields and values.
    """

    segments: tuple[Segment, ...]
    supports: tuple[Support, ...]
    hinges_m: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        problems = _segment_problems(self.segments)
        if not problems:
            problems = _place_problems(self)
        if not problems:
            problems = _mechanism_problems(self)
        if problems:
            raise ModelError("\n".join(problems))

    @property
    def length_m(self) -> float:
        """Length [m]."""
        return math.fsum(piece.length_m for piece in self.segments)

    @property
    def support_stations_m(self) -> Floats:
        """Stations of the supports [m], shape (supports,)."""
        return np.array([one.station_m for one in self.supports])

    @property
    def breaks_m(self) -> Floats:
        """Stations where a segment ends, a support or a hinge lies [m], rising."""
        ends = np.cumsum([0.0, *(piece.length_m for piece in self.segments)])
        return merged(np.concatenate([ends, self.support_stations_m, np.array(self.hinges_m)]))

    def segment_at(self, station_m: Floats) -> NDArray[np.int64]:
        """Index of the segment at each station; at a joint the one behind it."""
        ends = np.cumsum([piece.length_m for piece in self.segments])
        found = np.searchsorted(ends, np.asarray(station_m) + SAME_PLACE_M, side="right")
        return np.minimum(found, len(self.segments) - 1)


def merged(stations_m: Floats) -> Floats:
    """Rising stations without those that repeat another one within a micrometre."""
    rising = np.sort(stations_m)
    return rising[np.concatenate([[True], np.diff(rising) > SAME_PLACE_M])]


def continuous_beam(
    spans_m: Sequence[float],
    *,
    bending_nm2: float | Sequence[float],
    mass_kg_per_m: float | Sequence[float],
    hinges_m: Sequence[float] = (),
    vertical_n_per_m: float | Sequence[float] = math.inf,
    rotation_nm_per_rad: float | Sequence[float] = 0.0,
) -> Beam:
    """Beam over these spans with a bearing at each of their ends.

    Parameters
    ----------
    spans_m : (spans,)
        Spans in order of stationing [m].
    bending_nm2, mass_kg_per_m
        E I [N m2] and mass per length [kg/m]: one for all spans, or one each.
    hinges_m
        Stations of Gerber hinges [m].
    vertical_n_per_m, rotation_nm_per_rad
        Stiffness of the bearings [N/m], [N m/rad]: one for all, or one each.

    Raises
    ------
    ModelError
        If a list has another length than the spans or supports, or as `Beam`.

    Examples
    --------
    >>> beam = continuous_beam([30.0, 30.0], bending_nm2=5.1e10, mass_kg_per_m=15_000.0)
    >>> beam.support_stations_m
    array([ 0., 30., 60.])
    """
    count = len(spans_m)
    stations = np.cumsum([0.0, *spans_m])
    segments = zip(
        spans_m,
        _each(bending_nm2, count, "bending_nm2"),
        _each(mass_kg_per_m, count, "mass_kg_per_m"),
        strict=True,
    )
    supports = zip(
        stations.tolist(),
        _each(vertical_n_per_m, count + 1, "vertical_n_per_m"),
        _each(rotation_nm_per_rad, count + 1, "rotation_nm_per_rad"),
        strict=True,
    )
    return Beam(
        tuple(Segment(*one) for one in segments),
        tuple(Support(*one) for one in supports),
        tuple(float(one) for one in hinges_m),
    )


def _each(value: float | Sequence[float], count: int, name: str) -> list[float]:
    if isinstance(value, (int, float)):
        return [float(value)] * count
    if len(value) != count:
        raise ModelError(f"{name} has {len(value)} values; give one, or {count}")
    return [float(one) for one in value]


def _segment_problems(segments: tuple[Segment, ...]) -> list[str]:
    if not segments:
        return ["segments: a beam needs at least one span; none is given"]
    problems = []
    for index, piece in enumerate(segments):
        for name in ("length_m", "bending_nm2", "mass_kg_per_m"):
            value = getattr(piece, name)
            if not (math.isfinite(value) and value > 0.0):
                problems.append(
                    f"segments[{index}].{name} is {value:g}; it must be positive and finite"
                )
        if 0.0 < piece.length_m < SHORTEST_M:
            problems.append(
                f"segments[{index}].length_m is {piece.length_m:g} m, shorter than {SHORTEST_M:g} m"
                "; is it in metres?"
            )
    length = math.fsum(piece.length_m for piece in segments)
    if not problems and length > LONGEST_M:
        problems.append(f"segments: {length:g} m is longer than {LONGEST_M:g} m; is it in metres?")
    return problems


def _place_problems(beam: Beam) -> list[str]:
    problems = [
        f"supports[{index}].{name} is {getattr(support, name):g}; it must not be negative"
        for index, support in enumerate(beam.supports)
        for name in ("vertical_n_per_m", "rotation_nm_per_rad")
        if not getattr(support, name) >= 0.0
    ]
    length = beam.length_m
    supports = [(f"supports[{i}].station_m", s.station_m) for i, s in enumerate(beam.supports)]
    hinges = [(f"hinges_m[{i}]", station) for i, station in enumerate(beam.hinges_m)]
    for name, station in [*supports, *hinges]:
        if not -SAME_PLACE_M <= station <= length + SAME_PLACE_M:
            problems.append(f"{name} is {station:g} m, off the bridge from 0 to {length:g} m")
    for (_, before), (name, after) in [*pairwise(supports), *pairwise(hinges)]:
        if not after - before >= SHORTEST_M:
            problems.append(f"{name} is {after:g} m; it must come after {before:g} m")
    return problems + _hinge_problems(beam, hinges)


def _hinge_problems(beam: Beam, hinges: list[tuple[str, float]]) -> list[str]:
    problems = [
        f"{name} is {station:g} m, at the end of the bridge; leave it out"
        for name, station in hinges
        if min(abs(station), abs(beam.length_m - station)) < SHORTEST_M
    ]
    held = [one.station_m for one in beam.supports if one.rotation_nm_per_rad > 0.0]
    problems += [
        f"{name} is {station:g} m, where a support holds the rotation; leave one of them out"
        for name, station in hinges
        if any(abs(station - other) < SHORTEST_M for other in held)
    ]
    return problems


def _mechanism_problems(beam: Beam) -> list[str]:
    """Rank of the supports over the motions of rigid panels between hinges."""
    edges = np.concatenate([[0.0], np.array(beam.hinges_m), [beam.length_m]]) / beam.length_m
    rows = []
    for support in beam.supports:
        station = support.station_m / beam.length_m
        behind = np.clip(station - edges[:-1], 0.0, np.diff(edges))
        if support.vertical_n_per_m > 0.0:
            rows.append(np.concatenate([[1.0], behind]))
        if support.rotation_nm_per_rad > 0.0:
            panel = min(int(np.searchsorted(edges, station, side="right")) - 1, len(edges) - 2)
            rows.append(np.eye(len(edges))[panel + 1])
    needed = len(edges)
    rank = int(np.sum(np.linalg.svd(np.array(rows), compute_uv=False) > RANK_LIMIT)) if rows else 0
    if rank == needed:
        return []
    problem = (
        f"supports, hinges_m: {len(beam.supports)} supports and {len(beam.hinges_m)} hinges leave "
        f"{needed - rank} free motion(s); the beam is a mechanism, add a support or remove a hinge"
    )
    return [problem]
