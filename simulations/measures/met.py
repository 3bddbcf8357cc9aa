"""Restrictions that traffic meets: kept, avoided, or violated, before and after.

Vehicles above a limit that are fewer than the noise floor do not show that it is violated, nor that
it is kept: ``not_above_noise``.

``*_vehd`` of a restriction are vehicles a day that cross although it forbids them. ``avoiding`` are
those of the scenario that it keeps away: vehicles above the limit whose cheapest way, at the times
of the scenario, would lead over the bridge if this restriction alone did not exist for them. A
restriction of the scenario itself keeps away what crossed before.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulations.measures.cases import BridgeCase, RestrictionCase, RestrictionKind
from simulations.measures.document import Met, RestrictionStatus
from simulations.measures.flows import PartFlows, TrafficSides
from simulations.traffic.avoiding import Avoiding
from simulations.traffic.graph import build
from simulations.traffic.massshares import share_above_within
from simulations.traffic.massslices import MassSlice, Slicing, slices_of, slicing
from simulations.traffic.pathflows import rows_of
from twin.model.network import Network
from twin.model.traffic import Demand, VehicleClass

Floats = NDArray[np.float64]

JUDGED: tuple[RestrictionKind, ...] = ("gross_weight", "axle_load", "height", "no_passage")
LEAST_VEHH = 1e-6
"""Less than this is nobody."""
NETWORK = "road network"
MEASURE = "this measure"
_COLUMNS: tuple[tuple[RestrictionKind, str, str], ...] = (
    ("gross_weight", "max_weight_t", "t"),
    ("axle_load", "max_axle_t", "t"),
    ("height", "max_height_m", "m"),
)


@dataclass(frozen=True, slots=True)
class SideWays:
    """Cheapest ways of one side by mass slice."""

    classes: tuple[VehicleClass, ...]
    slices: tuple[MassSlice, ...]
    avoiding: Avoiding

    @classmethod
    def of(
        cls, network: Network, demand: Demand, time_s: Floats, sliced: Slicing | None
    ) -> "SideWays":
        """One side; its graph is built once for all bridges."""
        graph = build(network, demand.classes)
        if sliced is None:
            slices = slices_of(len(demand.classes), {})
            return cls(demand.classes, slices, Avoiding(graph, demand, time_s))
        avoiding = Avoiding(sliced.graph(graph), sliced.demand(demand), time_s)
        return cls(demand.classes, sliced.slices, avoiding)

    def kept_away(self, one: RestrictionCase, links: NDArray[np.int64]) -> float:
        """Vehicles an hour that would cross some links without a restriction."""
        share = np.array(
            [_of_slice(self.classes[row.class_index], row, one) for row in self.slices]
        )
        return float(share @ self.avoiding.vehicles(links, one.kind, exempt=one.exempt))


@dataclass(frozen=True, slots=True)
class Ways:
    """Cheapest ways before and after, for restrictions that are avoided."""

    before: SideWays
    after: SideWays

    @classmethod
    def of(cls, sides: TrafficSides) -> "Ways":
        """Both sides."""
        base, edited = sides.base, sides.edited
        return cls(
            SideWays.of(
                base.network, base.demand, base.state.time_s, slicing(base.network, base.demand)
            ),
            SideWays.of(
                edited.network, edited.demand, sides.result.time_s,
                slicing(base.network, edited.demand, edited=edited.network),
            ),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class MetRestriction:
    """A restriction with vehicles an hour that break it, and that it keeps away."""

    restriction: RestrictionCase
    status: RestrictionStatus
    base_vehh: float
    scenario_vehh: float
    avoiding_vehh: float
    base_avoiding_vehh: float
    is_of_measure: bool

    @property
    def is_newly_met(self) -> bool:
        """Whether vehicles break it as none did before, or more avoid it beyond chance."""
        if self.is_of_measure:
            return False
        chance = max(1.0, math.sqrt((self.base_avoiding_vehh + self.avoiding_vehh) / 2.0))
        more = self.avoiding_vehh - self.base_avoiding_vehh
        return self.status == "newly_violated" or more > chance

    def document(self, day_factor: float | None) -> Met:
        """The block of the document."""
        scale = day_factor
        return {
            "kind": self.restriction.kind,
            "value": self.restriction.value,
            "unit": self.restriction.unit,
            "status": self.status,
            "base_vehd": None if scale is None else self.base_vehh * scale,
            "scenario_vehd": None if scale is None else self.scenario_vehh * scale,
            "avoiding_vehd": None if scale is None else self.avoiding_vehh * scale,
            "source": self.restriction.source,
            "reason": None,
        }


def restrictions_met(
    case: BridgeCase, sides: TrafficSides, flows: PartFlows, ways: Ways, *,
    links: NDArray[np.int64],
) -> tuple[MetRestriction, ...]:  # fmt: skip
    """What became of each restriction on a part: those in force, of the network, of the scenario.

    Parameters
    ----------
    links : (ids,)
        Of the part.
    """
    recorded = [one for one in case.restrictions if one.kind in JUDGED]
    known = {(one.kind, one.value) for one in recorded}
    of_network = [one for one in _of_network(sides, links) if (one.kind, one.value) not in known]
    old = [_met(one, flows, ways, links) for one in (*recorded, *of_network)]
    new = [_of_measure(one, flows) for one in _new_limits(sides, links)]
    return (*old, *new)


def _met(
    one: RestrictionCase, flows: PartFlows, ways: Ways, links: NDArray[np.int64]
) -> MetRestriction:
    shares = _shares(one, flows)
    before = float(shares[0] @ flows.base_vehh)
    after = float(shares[1] @ flows.scenario_vehh) + _still(one, flows)
    share = np.maximum(*shares)
    floor = float(np.max(np.where(share > 0.0, share * flows.floor_vehh, 0.0), initial=0.0))
    mine = np.array(one.links, dtype=np.int64) if one.links else links
    away = [side.kept_away(one, mine) for side in (ways.before, ways.after)]
    return MetRestriction(
        restriction=one,
        status=judged(before, after, floor, away[1]),
        base_vehh=before,
        scenario_vehh=after,
        avoiding_vehh=away[1],
        base_avoiding_vehh=away[0],
        is_of_measure=False,
    )


def _still(one: RestrictionCase, flows: PartFlows) -> float:
    """Vehicles that break the limit of the scenario and so this one, too."""
    if one.kind != "gross_weight" or one.value is None:
        return 0.0
    lawful = replace_breaking(flows)
    return flows.above_vehh(one.value)[1] - lawful.above_vehh(one.value)[1]


def replace_breaking(flows: PartFlows) -> PartFlows:
    """The same flows without vehicles that break a limit."""
    return replace(flows, breaking_vehh=np.zeros_like(flows.breaking_vehh))


def judged(before: float, after: float, floor: float, away: float) -> RestrictionStatus:
    """Status from vehicles [1/h] that break a limit, their noise floor, and those kept away."""
    if after > floor:
        return "violated" if before > floor else "newly_violated"
    if after > LEAST_VEHH:
        return "not_above_noise"
    return "avoided" if away > 0.0 else "kept"


def _of_measure(one: RestrictionCase, flows: PartFlows) -> MetRestriction:
    shares = _shares(one, flows)
    before = float(shares[0] @ flows.base_vehh)
    after = float(shares[1] @ flows.scenario_vehh) + _still(one, flows)
    away = max(before - after, 0.0)
    return MetRestriction(
        restriction=one,
        status="newly_violated" if after > 0.0 else ("avoided" if away > 0.0 else "kept"),
        base_vehh=before,
        scenario_vehh=after,
        avoiding_vehh=away,
        base_avoiding_vehh=0.0,
        is_of_measure=True,
    )


def _shares(one: RestrictionCase, flows: PartFlows) -> tuple[Floats, Floats]:
    """Share of the vehicles of each class that a restriction forbids, before and after [-]."""
    free = np.array([item.name in one.exempt for item in flows.classes], dtype=np.bool_)
    if one.kind == "gross_weight" and one.value is not None:
        before, after = flows.shares_above(one.value)
        return np.where(free, 0.0, before), np.where(free, 0.0, after)
    share = np.array([_forbidden(item, one) for item in flows.classes])
    return share, share


def _of_slice(item: VehicleClass, part: MassSlice, one: RestrictionCase) -> float:
    """Share of the vehicles of a mass slice that a restriction forbids [-]."""
    if one.kind != "gross_weight" or one.value is None:
        return _forbidden(item, one)
    if item.name in one.exempt:
        return 0.0
    return share_above_within(item, one.value, from_t=part.from_t, to_t=part.to_t)


def _forbidden(item: VehicleClass, one: RestrictionCase) -> float:
    """Share of the vehicles of a class that a restriction other than of mass forbids [-]."""
    if item.name in one.exempt:
        return 0.0
    if one.kind == "no_passage":
        return 1.0
    if one.value is None:
        return 0.0
    size = item.axle_t if one.kind == "axle_load" else item.height_m
    return 1.0 if size > one.value else 0.0


def _of_network(sides: TrafficSides, links: NDArray[np.int64]) -> list[RestrictionCase]:
    """Limits that the road network of the base has on these links, each value once."""
    network = sides.base.network
    rows = rows_of(network.link_id, links[np.isin(links, network.link_id)])
    out = []
    for kind, column, unit in _COLUMNS:
        limits = getattr(network, column)[rows]
        for value in np.unique(limits[np.isfinite(limits)]).tolist():
            mine = rows[limits == value]
            out.append(
                RestrictionCase(
                    kind, value, unit, tuple(network.link_id[mine].tolist()),
                    _exempt(sides, network.limit_exempt, mine), NETWORK,
                )
            )  # fmt: skip
    return out


def _new_limits(sides: TrafficSides, links: NDArray[np.int64]) -> list[RestrictionCase]:
    """Limits that the scenario brings to these links."""
    base, edited = sides.base.network, sides.edited.network
    held = links[np.isin(links, base.link_id)]
    before, after = rows_of(base.link_id, held), rows_of(edited.link_id, held)
    out = []
    for kind, column, unit in _COLUMNS:
        old, new = getattr(base, column)[before], getattr(edited, column)[after]
        for value in np.unique(new[new < old]).tolist():
            mine = after[new == value]
            out.append(
                RestrictionCase(
                    kind, value, unit, tuple(edited.link_id[mine].tolist()),
                    _exempt(sides, edited.limit_exempt, mine), MEASURE,
                )
            )  # fmt: skip
    return out


def _exempt(
    sides: TrafficSides, bits: NDArray[np.uint32] | None, rows: Sequence[int] | NDArray[np.int64]
) -> tuple[str, ...]:
    if bits is None:
        return ()
    every = np.bitwise_and.reduce(bits[rows]) if len(rows) else np.uint32(0)
    return tuple(item.name for item in sides.classes if int(every) >> item.bit & 1)
