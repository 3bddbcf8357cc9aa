"""Base against scenario: what really differs, what is noise, and who was diverted."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulations.traffic.arrays import BoolArray, FloatArray, IdArray
from simulations.traffic.diversion import (
    Diversion,
    diversion,
    diverted_pairs,
    match_pairs,
)
from simulations.traffic.edits import Edited, unedited
from simulations.traffic.networksums import (
    COMPARABLE_GAP,
    MOVEMENTS,
    BridgeChange,
    NetworkSum,
    Side,
    bridge_changes,
    network_sums,
)
from simulations.traffic.selectlink import ONE_SOLUTION
from simulations.traffic.uniqueness import pinned
from twin.errors import ComparisonError
from twin.model.network import Network
from twin.model.statements import statement
from twin.model.traffic import Demand, TrafficResult, VehicleClass

LARGEST_GAP = 1e-5
"""Gaps above `COMPARABLE_GAP` are labelled, gaps above this are refused."""
FIXED_DEMAND = "fixed demand: nobody changes mode, destination or time, or stays at home"
OVER_CAPACITY = "demand above capacity, queue not modelled"
_ROUNDING = 1e-9
_SAME_TRIPS = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Two equilibria side by side, in the rows of the scenario's network.

    Parameters
    ----------
    link_id : (links,)
        Links of the base first, then new ones.
    classes : tuple[VehicleClass, ...]
    base_vehh, scenario_vehh : (classes, links)
    base_pceh, scenario_pceh : (links,)
        Volumes in car units with preload; unlike vehicles these are unique.
    floor_vehh, floor_pceh : (links,)
        Noise floor of all vehicles and of the volume.
    class_floor_vehh : (classes, links)
    is_unique : (links,)
        False: the flow is one of several that are equally in equilibrium.
    base_time_s, scenario_time_s, base_saturation, scenario_saturation : (links,)
        Time, and volume over capacity; NaN where the link does not exist or has
        no capacity because its time never changes.
    diversion : Diversion
    sums : tuple[NetworkSum, ...]
    bridges : tuple[BridgeChange, ...]
        By falling gain.
    base_unserved_vehh, scenario_unserved_vehh : (classes,)
    is_screening : bool
        A gap is too large for statements about single links.
    assumptions, warnings : tuple[str, ...]
    """

    link_id: IdArray
    classes: tuple[VehicleClass, ...]
    base_vehh: FloatArray
    scenario_vehh: FloatArray
    base_pceh: FloatArray
    scenario_pceh: FloatArray
    floor_vehh: FloatArray
    floor_pceh: FloatArray
    class_floor_vehh: FloatArray
    is_unique: BoolArray
    base_time_s: FloatArray
    scenario_time_s: FloatArray
    base_saturation: FloatArray
    scenario_saturation: FloatArray
    diversion: Diversion
    sums: tuple[NetworkSum, ...]
    bridges: tuple[BridgeChange, ...]
    base_unserved_vehh: FloatArray
    scenario_unserved_vehh: FloatArray
    is_screening: bool
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def difference_vehh(self) -> FloatArray:
        """(links,) Difference of all vehicles, noise included."""
        return (self.scenario_vehh - self.base_vehh).sum(axis=0)

    @property
    def is_significant(self) -> BoolArray:
        """(links,) The difference is above the noise floor; all others are drawn neutral.

        In vehicles and in car units: where two cars take the place of a lorry on another route of
        equal cost, the flows by class are another solution of the same question.
        """
        volume = np.abs(self.scenario_pceh - self.base_pceh) > self.floor_pceh
        return volume & (np.abs(self.difference_vehh) > self.floor_vehh)

    @property
    def is_over_capacity(self) -> BoolArray:
        """(links,) To be shown with `OVER_CAPACITY`."""
        return np.nan_to_num(self.scenario_saturation) > 1.0

    def top_changed(self, count: int = 10) -> IdArray:
        """Rows of the links that change most, only those above the noise floor."""
        rows = np.flatnonzero(self.is_significant)
        change = np.abs(self.difference_vehh[rows])
        return rows[np.lexsort((self.link_id[rows], -change))][:count]

    def total(self, key: str, *, scope: Literal["all", "common"] | None = None) -> NetworkSum:
        """Return the sum with this key; by default of common pairs if unserved trips differ."""
        if scope is None:
            equal = np.allclose(
                self.base_unserved_vehh, self.scenario_unserved_vehh, rtol=_ROUNDING
            )
            scope = "all" if equal else "common"
        return next(item for item in self.sums if (item.key, item.scope) == (key, scope))


def compare(
    base: TrafficResult,
    scenario: TrafficResult,
    *,
    network: Network,
    demand: Demand,
    edited: Edited | None = None,
) -> Comparison:
    """Differences between a scenario and its base with their noise floor.

    Parameters
    ----------
    base, scenario
        Both at a gap of 1e-6; up to 1e-5 the comparison is labelled as screening.
    network, demand
        Of the base.
    edited
        Network and demand of the scenario; None compares two results of the same question.

    Raises
    ------
    ComparisonError
        If the results are too inexact or do not belong to these networks; names all reasons.

    Notes
    -----
    The noise floor of a link is the larger of GEH = 1 and three times the movement of both sides
    since their gap fell below ten times the target; it holds in vehicles and in car units.
    """
    change = unedited(network, demand) if edited is None else edited
    _require_comparable(base, scenario, network=network, demand=demand, edited=change)
    links = change.network.link_id
    sides = [Side.of(base, network, links), Side.of(scenario, change.network, links)]
    pairs = match_pairs(sides[0].paths, sides[1].paths)
    chosen = diverted_pairs(pairs, sides[0].paths, sides[1].paths, edited=change, demand=demand)
    flows = [side.flow_vehh for side in sides]
    floors = _floors(sides[0], sides[1], base.classes)
    volumes = [side.padded(side.result.volume_pceh, 0.0) for side in sides]
    screening = max(base.relative_gap, scenario.relative_gap) > COMPARABLE_GAP
    return Comparison(
        link_id=links,
        classes=base.classes,
        base_vehh=flows[0],
        scenario_vehh=flows[1],
        base_pceh=volumes[0],
        scenario_pceh=volumes[1],
        floor_vehh=floors[0],
        floor_pceh=floors[1],
        class_floor_vehh=floors[2],
        is_unique=_unique(base, network, links.size)
        & _unique(scenario, change.network, links.size),
        base_time_s=sides[0].padded(base.time_s),
        scenario_time_s=scenario.time_s,
        base_saturation=sides[0].padded(_saturation(base)),
        scenario_saturation=_saturation(scenario),
        diversion=diversion(
            pairs,
            (sides[0].paths, sides[0].values),
            (sides[1].paths, sides[1].values),
            chosen=chosen,
            edited=change,
        ),
        sums=network_sums(pairs, sides[0], sides[1]),
        bridges=bridge_changes(change.network, sides[0], sides[1]),
        base_unserved_vehh=_unserved(base),
        scenario_unserved_vehh=_unserved(scenario),
        is_screening=screening,
        assumptions=_assumptions(base, scenario, change, screening=screening),
        warnings=_warnings(base, scenario, change),
    )


def _require_comparable(
    base: TrafficResult,
    scenario: TrafficResult,
    *,
    network: Network,
    demand: Demand,
    edited: Edited,
) -> None:
    problems = [
        f"the {word} has a gap of {result.relative_gap:.1e} (status {result.status}); solve it to "
        f"{COMPARABLE_GAP:g}, noise would look like diverted traffic"
        for word, result in (("base", base), ("scenario", scenario))
        if not result.relative_gap <= LARGEST_GAP
    ]
    old = network.link_id.size
    if not np.array_equal(base.link_id, network.link_id):
        problems.append(
            "the base belongs to another network; compare with the one it was solved on"
        )
    if not np.array_equal(scenario.link_id, edited.network.link_id):
        problems.append("the scenario belongs to another network; apply the same interventions")
    if not np.array_equal(edited.network.link_id[:old], network.link_id):
        problems.append("base and scenario stem from different versions of the network")
    if not base.classes == scenario.classes == demand.classes:
        problems.append("base and scenario have different vehicle classes")
    for word, result, asked, trips in (
        ("base", base, network, demand),
        ("scenario", scenario, edited.network, edited.demand),
    ):
        problems += _other_question(word, result, asked, trips)
    if demand.period != edited.demand.period:
        problems.append("base and scenario stand for different periods of demand")
    if problems:
        raise ComparisonError("; ".join(problems))


def _other_question(
    word: str, result: TrafficResult, network: Network, demand: Demand
) -> list[str]:
    """What shows that a result was solved on other links or other trips than these."""
    problems = []
    if np.array_equal(result.link_id, network.link_id):
        problems += [
            f"the {word} was solved with another {name} on {count} link(s) of its network; solve "
            "it again on this version"
            for name, solved, now in (
                ("empty time", result.t0_s, network.t0_s),
                ("capacity", result.capacity_pceh, network.capacity_pceh),
            )
            if (count := int(np.sum(~np.isclose(solved, now, rtol=_ROUNDING, atol=0.0))))
        ]
    if result.classes == demand.classes:
        count = len(demand.classes)
        asked = np.bincount(demand.class_index, weights=demand.flow_vehh, minlength=count)
        solved = result.served_vehh + result.intrazonal_vehh + _unserved(result)
        problems += [
            f"the {word} was solved with {have:.1f} {item.name} trips an hour, its demand has "
            f"{want:.1f}; solve it again with this demand"
            for item, have, want in zip(demand.classes, solved, asked, strict=True)
            if not np.isclose(have, want, rtol=_SAME_TRIPS, atol=_SAME_TRIPS)
        ]
    return problems


def _floors(
    base: Side, scenario: Side, classes: tuple[VehicleClass, ...]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Noise floor of all vehicles, of the volume in car units, and of each class."""
    pce = np.array([item.pce for item in classes])
    movement = MOVEMENTS * (base.movement_pceh + scenario.movement_pceh)
    mean = (base.flow_vehh + scenario.flow_vehh) / 2.0
    return (
        np.maximum(np.sqrt(mean.sum(axis=0)), movement / pce.min()),
        np.maximum(np.sqrt(pce @ mean), movement),
        np.maximum(np.sqrt(mean), movement / pce[:, np.newaxis]),
    )


def _unique(result: TrafficResult, network: Network, links: int) -> BoolArray:
    """Links with one flow only, as far as this side has them."""
    fixed = pinned(network, is_flow_dependent=result.is_flow_dependent, is_usable=network.mask != 0)
    return np.pad(fixed, (0, links - fixed.size), constant_values=True)


def _saturation(result: TrafficResult) -> FloatArray:
    volume, capacity = result.volume_pceh, result.capacity_pceh
    return np.divide(volume, capacity, out=np.full(volume.size, np.nan), where=capacity > 0.0)


def _unserved(result: TrafficResult) -> FloatArray:
    table = result.unserved
    sums = np.bincount(table.class_index, weights=table.flow_vehh, minlength=len(result.classes))
    return sums.astype(np.float64)


def _warnings(base: TrafficResult, scenario: TrafficResult, edited: Edited) -> tuple[str, ...]:
    """Warnings of both sides; that nobody may use what the scenario closes is its purpose."""
    own = [
        text
        for text in scenario.warnings
        if not (edited.removed_links.size and statement(text).key == "closed_links")
    ]
    return tuple(dict.fromkeys((*edited.warnings, *base.warnings, *own)))


def _assumptions(
    base: TrafficResult, scenario: TrafficResult, edited: Edited, *, screening: bool
) -> tuple[str, ...]:
    out = [FIXED_DEMAND, ONE_SOLUTION, *base.assumptions, *scenario.assumptions]
    out += [*edited.demand.assumptions, *edited.assumptions]
    if screening:
        out.append(
            f"screening: a gap above {COMPARABLE_GAP:g}; small differences on single links may be "
            "noise"
        )
    return tuple(dict.fromkeys(out))
