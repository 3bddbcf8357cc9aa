"""Tool A: damage of vehicles from what their template does at 1 kN gross."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from simulations.structure.crossings import (
    ALONE,
    BELOW_DECOMPRESSION,
    CrossingDamage,
    Tracks,
    checked,
    missing_lane,
    track_rows,
    tracks_of,
)
from simulations.structure.details import FatigueDetail, NotAssessable, why_not
from simulations.structure.rainflow import count_cycles
from simulations.structure.sn import cycle_damage
from simulations.structure.weights import SampledTraffic, VehicleTemplate, weight_assumptions

Floats = NDArray[np.float64]
Longs = NDArray[np.int64]

_F = types.float64
_READ = types.Array(_F, 1, "C", readonly=True)
_READ_L = types.Array(types.int64, 1, "C", readonly=True)


@dataclass(frozen=True, slots=True)
class UnitTable:
    """What templates of 1 kN gross do at one detail, template by template and track by track.

    Parameters
    ----------
    first : (templates * tracks + 1,)
        Cycles of template i on track j begin at row ``first[i * tracks + j]``.
    ranges, weights : (rows,)
        Stress ranges [MPa/kN], and 1 or 0.5 for closed and half cycles.
    highest : (templates * tracks,)
        Highest effect, in the unit of the influence line per kN.
    tracks
        Number of tracks: lines times two directions.
    """

    first: Longs
    ranges: Floats
    weights: Floats
    highest: Floats
    tracks: int


@njit(
    types.void(_READ_L, _READ, _READ_L, _READ, _READ, _READ, types.Array(_F, 1, "C")),
    cache=True,
    nogil=True,
)
def _scale(  # noqa: PLR0917
    row: Longs, gross_kn: Floats, first: Longs, ranges: Floats, weights: Floats, curve: Floats,
    damage: Floats,
) -> None:  # fmt: skip
    """Damage of vehicles from the ranges of their template at 1 kN gross."""
    for vehicle in range(damage.size):
        total = 0.0
        for place in range(first[row[vehicle]], first[row[vehicle] + 1]):
            size = ranges[place] * gross_kn[vehicle]
            total += weights[place] * cycle_damage(size, curve)
        damage[vehicle] = total


def unit_table(templates: Sequence[VehicleTemplate], detail: FatigueDetail) -> UnitTable:
    """Stress cycles of one crossing of each template at 1 kN gross, on each track."""
    tracks, _ = tracks_of(detail.lines)
    count = len(tracks.start) - 1
    values = [
        track_values(tracks, track, one.offset_m, one.load_share)
        for one in templates
        for track in range(count)
    ]
    cycles = [count_cycles(detail.stress_mpa * one, curve=detail.curve) for one in values]
    sizes = [len(one.ranges) for one in cycles]
    return UnitTable(
        first=np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
        ranges=np.concatenate([one.ranges for one in cycles]),
        weights=np.concatenate([one.weights for one in cycles]),
        highest=np.array([one.max() for one in values]),
        tracks=count,
    )


def template_damage(
    traffic: SampledTraffic, detail: FatigueDetail
) -> CrossingDamage | NotAssessable:
    """Damage of each vehicle from its template, gross weight and lane: tool A.

    It equals tool B where axles are those of the templates, and takes a fraction of its time.

    Raises
    ------
    ModelError
        If the stream is unsound.
    """
    stream = traffic.stream
    checked(stream)
    missing = why_not(detail) or missing_lane(stream, detail)
    if missing is not None:
        return missing
    table = unit_table(traffic.templates, detail)
    row = table.tracks * traffic.template + track_rows(stream, detail)
    gross = stream.gross_kn * detail.dynamic.at(stream.speed_ms)
    damage = np.empty(len(stream))
    _scale(row, gross, table.first, table.ranges, table.weights, detail.curve.parameters, damage)
    said = (*detail.assumptions, ALONE, *weight_assumptions(traffic.templates))
    if detail.kind == "prestressing_steel":
        highest = float((gross * table.highest[row]).max(initial=0.0))
        missing = why_not(detail, highest_knm=highest)
        if missing is not None:
            return missing
        damage[:] = 0.0
        said = (*said, BELOW_DECOMPRESSION)
    return CrossingDamage(detail.name, damage, np.empty(0), np.empty(0), said)


def track_values(tracks: Tracks, track: int, offset_m: Floats, load_kn: Floats) -> Floats:
    """Effect of one vehicle at every position where an axle is on a node, and off the line.

    A line that does not end at zero has both its values there: just outside and on the node.
    """
    rows = slice(tracks.start[track], tracks.start[track + 1])
    x, y = tracks.distance_m[rows], tracks.effect[rows]
    first_axle = np.unique((x[:, None] + offset_m).ravel())
    places = first_axle[:, None] - offset_m
    on = np.interp(places, x, y, left=0.0, right=0.0) @ load_kn
    eps = 1e-9 * (x[-1] - x[0])
    sides = [
        np.interp(places + shift, x, y, left=0.0, right=0.0) @ load_kn for shift in (-eps, eps)
    ]
    has_jump = bool(y[0] or y[-1])
    series = np.stack((sides[0], on, sides[1]), axis=1).ravel() if has_jump else on
    return np.concatenate(([0.0], series, [0.0]))
