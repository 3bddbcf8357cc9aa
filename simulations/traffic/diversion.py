"""Which trips a scenario diverts itself, and which only give way to them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulations.traffic.arrays import BoolArray, FloatArray, IdArray
from simulations.traffic.edits import Edited
from simulations.traffic.massshares import share_above_within
from simulations.traffic.pathflows import Paths, makes_turn, slower_s, turn_penalties_s
from twin.model.network import Network
from twin.model.traffic import Demand, TrafficResult, VehicleClass

_S_PER_H = 3600.0
_M_PER_KM = 1000.0


@dataclass(frozen=True, slots=True, eq=False)
class PathValues:
    """What a trip on each path takes, (paths,) each: distance, time, and time above the empty."""

    length_m: FloatArray
    time_s: FloatArray
    delay_s: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of class and zones that occur in base or scenario.

    Parameters
    ----------
    class_index, origin, destination : (pairs,)
    base_of, scenario_of : (paths,)
        Pair of each path of the base and of the scenario.
    base_vehh, scenario_vehh : (pairs,)
        Served trips.
    """

    class_index: IdArray
    origin: IdArray
    destination: IdArray
    base_of: IdArray
    scenario_of: IdArray
    base_vehh: FloatArray
    scenario_vehh: FloatArray

    @property
    def is_common(self) -> BoolArray:
        """(pairs,) Served on both sides."""
        return (self.base_vehh > 0.0) & (self.scenario_vehh > 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Diversion:
    """Diverted trips by pair, and the two parts of every link's difference.

    Parameters
    ----------
    class_index, origin, destination : (pairs,)
        The diverted pairs.
    base_vehh, scenario_vehh : (pairs,)
        Served trips; they differ where trips become unserved or the demand changes.
    edited_vehh : (pairs,)
        Trips of the base over edited links and turns; of a mass limit those above it.
    lost_vehh : (pairs,)
        Trips of the base over links that they may no longer use.
    base_time_s, scenario_time_s, base_length_m, scenario_length_m : (pairs,)
        Means over the trips of the pair; NaN where none is served.
    new_paths : (rows,)
        Rows of the scenario's path state: routes of these pairs that the base does not use.
    diverted_vehh, secondary_vehh : (classes, links)
        Difference of flow by these pairs and by all others; together the whole difference.
    extra_time_h, extra_length_km : float
        Of the trips of these pairs that are served on both sides, per hour.
    """

    class_index: IdArray
    origin: IdArray
    destination: IdArray
    base_vehh: FloatArray
    scenario_vehh: FloatArray
    edited_vehh: FloatArray
    lost_vehh: FloatArray
    base_time_s: FloatArray
    scenario_time_s: FloatArray
    base_length_m: FloatArray
    scenario_length_m: FloatArray
    new_paths: IdArray
    diverted_vehh: FloatArray
    secondary_vehh: FloatArray
    extra_time_h: float
    extra_length_km: float


def path_values(paths: Paths, result: TrafficResult, network: Network) -> PathValues:
    """Distance and time of each path at the result's times; penalties of turns included.

    Parameters
    ----------
    paths
        On this network.
    result
        Its links are the first rows of the network.
    """
    slow = slower_s(network, result.classes)[paths.class_of_entry, paths.row]
    time_s, t0_s = result.time_s[paths.row], result.t0_s[paths.row]
    return PathValues(
        length_m=paths.sums(network.length_m[paths.row]),
        time_s=paths.sums(time_s + slow) + turn_penalties_s(paths, network),
        delay_s=paths.sums(time_s - t0_s),
    )


def match_pairs(base: Paths, scenario: Paths) -> Pairs:
    """Pairs of both sides in one list, sorted by class, origin and destination."""
    columns = [
        np.concatenate((getattr(base.state, name), getattr(scenario.state, name))).astype(np.int64)
        for name in ("class_index", "origin", "destination")
    ]
    unique, place = np.unique(np.stack(columns), axis=1, return_inverse=True)
    count = unique.shape[1]
    size = base.state.flow_vehh.size
    base_of, scenario_of = place.ravel()[:size], place.ravel()[size:]
    return Pairs(
        class_index=unique[0],
        origin=unique[1],
        destination=unique[2],
        base_of=base_of,
        scenario_of=scenario_of,
        base_vehh=_summed(base_of, base.state.flow_vehh, count),
        scenario_vehh=_summed(scenario_of, scenario.state.flow_vehh, count),
    )


def _summed(place: IdArray, values: FloatArray, count: int) -> FloatArray:
    return np.bincount(place, weights=values, minlength=count).astype(np.float64)


def diverted_pairs(
    pairs: Pairs, base: Paths, scenario: Paths, *, edited: Edited, demand: Demand
) -> BoolArray:
    """Pairs with a path over an edited link or turn on either side, or with other trips."""
    out = np.zeros(pairs.base_vehh.size, dtype=np.bool_)
    for paths, place in ((base, pairs.base_of), (scenario, pairs.scenario_of)):
        over = _over_edits(paths, edited, demand.classes)
        flagged = (over > 0.0) & (paths.state.flow_vehh > 0.0)
        out[place[flagged]] = True
    changed = np.flatnonzero(edited.is_demand_changed)
    asked = {
        (int(demand.class_index[row]), int(demand.origin[row]), int(demand.destination[row]))
        for row in changed
    }
    if asked:
        names = zip(
            pairs.class_index.tolist(), pairs.origin.tolist(), pairs.destination.tolist(),
            strict=True,
        )  # fmt: skip
        out |= np.array([name in asked for name in names], dtype=np.bool_)
    return out


def _over_edits(paths: Paths, edited: Edited, classes: Sequence[VehicleClass]) -> FloatArray:
    """Share of the vehicles of each path that notice an edit on it, (paths,) [-]."""
    over = share_banned(paths, edited.noticed_above_t, classes)
    return np.where(makes_turn(paths, edited.changed_turns), 1.0, over)


def share_banned(paths: Paths, above_t: FloatArray, classes: Sequence[VehicleClass]) -> FloatArray:
    """Share of the vehicles of each path above the lowest mass on their way, (paths,) [-].

    Parameters
    ----------
    paths
    above_t : (classes, links)
        Mass per class and link; infinity where nobody is meant.
    classes
    """
    state = paths.state
    lowest = np.full(state.flow_vehh.size, np.inf)
    masses_t = above_t[paths.class_of_entry, paths.row]
    entry = np.flatnonzero(masses_t < np.inf)
    np.minimum.at(lowest, paths.path[entry], masses_t[entry])
    out = (lowest == -np.inf).astype(np.float64)
    some = np.flatnonzero(np.isfinite(lowest))
    if not some.size:
        return out
    ends = (state.mass_from_t[some], state.mass_to_t[some]) if state.mass_to_t.size else (
        np.zeros(some.size), np.full(some.size, np.inf)
    )  # fmt: skip
    kinds, place = np.unique(
        np.stack((state.class_index[some], lowest[some], *ends)), axis=1, return_inverse=True
    )
    shares = [
        share_above_within(classes[int(index)], limit, from_t=low, to_t=high)
        for index, limit, low, high in kinds.T.tolist()
    ]
    out[some] = np.array(shares)[place.ravel()]
    return out


def diversion(
    pairs: Pairs,
    base: tuple[Paths, PathValues],
    scenario: tuple[Paths, PathValues],
    *,
    chosen: BoolArray,
    edited: Edited,
) -> Diversion:
    """Diverted trips of the chosen pairs, and how they and the others change every link."""
    count, classes = chosen.size, edited.is_affected.shape[0]
    base_paths, scenario_paths = base[0], scenario[0]
    base_in, scenario_in = chosen[pairs.base_of], chosen[pairs.scenario_of]
    parts = [
        scenario_paths.link_flows(classes, scenario_in == wanted)
        - base_paths.link_flows(classes, base_in == wanted)
        for wanted in (True, False)
    ]
    base_flow, flow = base_paths.state.flow_vehh, scenario_paths.state.flow_vehh
    members = edited.demand.classes
    forbidden = share_banned(base_paths, edited.banned_above_t, members)
    over = _over_edits(base_paths, edited, members)
    means = {
        f"{side}_{name}": _mean(place, trips, getattr(values, name), count)[chosen]
        for side, place, trips, values in (
            ("base", pairs.base_of, base_flow, base[1]),
            ("scenario", pairs.scenario_of, flow, scenario[1]),
        )
        for name in ("time_s", "length_m")
    }
    served = np.minimum(pairs.base_vehh, pairs.scenario_vehh)[chosen]
    both = served > 0.0
    return Diversion(
        class_index=pairs.class_index[chosen],
        origin=pairs.origin[chosen],
        destination=pairs.destination[chosen],
        base_vehh=pairs.base_vehh[chosen],
        scenario_vehh=pairs.scenario_vehh[chosen],
        edited_vehh=_summed(pairs.base_of, base_flow * over, count)[chosen],
        lost_vehh=_summed(pairs.base_of, base_flow * forbidden, count)[chosen],
        new_paths=_new_paths(pairs, base_paths, scenario_paths, scenario_in),
        diverted_vehh=parts[0],
        secondary_vehh=parts[1],
        extra_time_h=_extra(served, both, means, "time_s") / _S_PER_H,
        extra_length_km=_extra(served, both, means, "length_m") / _M_PER_KM,
        **means,
    )


def _mean(place: IdArray, trips: FloatArray, values: FloatArray, count: int) -> FloatArray:
    """Mean of a value of paths by pair; NaN without trips."""
    total = _summed(place, trips, count)
    weighted = _summed(place, trips * values, count)
    return np.divide(weighted, total, out=np.full(count, np.nan), where=total > 0.0)


def _extra(served: FloatArray, both: BoolArray, means: dict[str, FloatArray], name: str) -> float:
    more = means[f"scenario_{name}"][both] - means[f"base_{name}"][both]
    return float(np.sum(served[both] * more))


def _new_paths(pairs: Pairs, base: Paths, scenario: Paths, wanted: BoolArray) -> IdArray:
    """Used paths of the scenario, among those wanted, that the base does not use."""

    def route(paths: Paths, row: int, place: IdArray) -> tuple[int, bytes]:
        start, end = paths.state.start[row], paths.state.start[row + 1]
        return int(place[row]), paths.state.links[start:end].astype(np.int64).tobytes()

    asked = np.unique(pairs.scenario_of[wanted])
    old = np.flatnonzero(np.isin(pairs.base_of, asked) & (base.state.flow_vehh > 0.0))
    known = {route(base, row, pairs.base_of) for row in old.tolist()}
    candidates = np.flatnonzero(wanted & (scenario.state.flow_vehh > 0.0))
    new = [r for r in candidates.tolist() if route(scenario, r, pairs.scenario_of) not in known]
    return np.array(new, dtype=np.int64)
