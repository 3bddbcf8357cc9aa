"""Vehicles on a part structure before and after, by class, from the hand-over of traffic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulations.measures.cases import BridgeCase
from simulations.traffic.compare import Comparison
from simulations.traffic.edits import Edited
from simulations.traffic.massshares import (
    distribution_above,
    share_above,
    share_above_within,
    share_between,
)
from simulations.traffic.massslices import MassSlice, slices_of
from simulations.traffic.networksums import BridgeChange, is_heavy
from twin.model.bases import TrafficBase
from twin.model.traffic import BridgeTraffic, TrafficResult, VehicleClass

__all__ = ["PartFlows", "TrafficSides", "distribution_above", "part_flows", "share_above"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class TrafficSides:
    """Traffic before and after: both equilibria, their comparison, and the rows of bridges.

    Parameters
    ----------
    base
        Network, demand, equilibrium and surroundings of the base.
    result
        Equilibrium of the scenario.
    edited
        Of the scenario; of nothing (`edits.unedited`) where it acts on bridges alone.
    found
        Their comparison.
    before, after
        Hand-over rows of all bridges on both sides.
    """

    base: TrafficBase
    result: TrafficResult
    edited: Edited
    found: Comparison
    before: tuple[BridgeTraffic, ...]
    after: tuple[BridgeTraffic, ...]

    @property
    def day_factor(self) -> float | None:
        """Vehicles of a day over those of the hour; None where the base does not know it."""
        share = self.base.surroundings.peak_share
        return 1.0 / share if share > 0.0 else None

    @property
    def classes(self) -> tuple[VehicleClass, ...]:
        """Vehicle classes of the demand."""
        return self.found.classes


@dataclass(frozen=True, slots=True, eq=False)
class PartFlows:
    """Vehicles an hour on one part structure, both directions.

    Parameters
    ----------
    base_vehh, scenario_vehh, floor_vehh : (classes,)
    breaking_vehh : (classes,)
        Vehicles of the scenario that do not keep a mass limit; they are not in the others.
    breaking_above_t : (classes,)
        The limit that they break [t].
    heavy_floor_vehh
        Noise floor of all heavy vehicles together.
    slices
        Of classes that limits divide, and whole classes; by class.
    base_share, scenario_share : (slices,)
        Of the vehicles of their class on each side [-]; they sum to 1.
    breaking_share : (slices,)
        Of the vehicles of their class that do not keep a mass limit [-].
    """

    classes: tuple[VehicleClass, ...]
    base_vehh: Floats
    scenario_vehh: Floats
    floor_vehh: Floats
    breaking_vehh: Floats
    breaking_above_t: Floats
    heavy_floor_vehh: float
    slices: tuple[MassSlice, ...]
    base_share: Floats
    scenario_share: Floats
    breaking_share: Floats

    @property
    def heavy(self) -> Bools:
        """(classes,) Which classes are heavy."""
        return is_heavy(self.classes)

    @property
    def base_heavy_vehh(self) -> float:
        """Heavy vehicles before."""
        return float(self.base_vehh[self.heavy].sum())

    @property
    def scenario_heavy_vehh(self) -> float:
        """Heavy vehicles after, those that break a limit included."""
        both = self.scenario_vehh + self.breaking_vehh
        return float(both[self.heavy].sum())

    @property
    def gain_vehh(self) -> float:
        """Heavy vehicles after less those before."""
        return self.scenario_heavy_vehh - self.base_heavy_vehh

    @property
    def is_significant(self) -> bool:
        """Whether the gain is above the noise floor."""
        return abs(self.gain_vehh) > self.heavy_floor_vehh

    def above_vehh(self, limit_t: float) -> tuple[float, float]:
        """Vehicles an hour above a gross mass, before and after."""
        before, after = self.shares_above(limit_t)
        return float(before @ self.base_vehh), float(
            after @ self.scenario_vehh + self._breaking_above(limit_t)
        )

    def shares_above(self, limit_t: float) -> tuple[Floats, Floats]:
        """Shares of each class above a gross mass before and after, (classes,) each [-]."""
        out = np.zeros((2, len(self.classes)))
        for row, one in enumerate(self.slices):
            share = self._share_of_slice(one, limit_t)
            out[0, one.class_index] += share * self.base_share[row]
            out[1, one.class_index] += share * self.scenario_share[row]
        return out[0], out[1]

    def _share_of_slice(self, one: MassSlice, limit_t: float) -> float:
        item = self.classes[one.class_index]
        return share_above_within(item, limit_t, from_t=one.from_t, to_t=one.to_t)

    def _breaking_above(self, limit_t: float) -> float:
        """Vehicles that break a limit and weigh more than ``limit_t``."""
        total = 0.0
        for row in np.flatnonzero(self.breaking_share > 0.0).tolist():
            one = self.slices[row]
            broken_t = self.breaking_above_t[one.class_index]
            own = self._share_of_slice(one, broken_t)
            both = self._share_of_slice(one, max(limit_t, broken_t))
            vehicles = self.breaking_vehh[one.class_index] * self.breaking_share[row]
            total += vehicles * (both / own if own > 0.0 else 0.0)
        return total


def rows_of_case(
    case: BridgeCase, rows: Sequence[BridgeTraffic]
) -> tuple[tuple[BridgeTraffic, ...], bool]:
    """Rows of a part, and whether they are those of the whole bridge for want of a better one."""
    of_asset = [row for row in rows if row.asset_id == case.asset_id]
    mine = tuple(row for row in of_asset if row.part_id == case.part_id)
    if mine:
        return mine, False
    return tuple(row for row in of_asset if row.part_id == case.asset_id), True


def part_flows(
    case: BridgeCase, sides: TrafficSides, before: Sequence[BridgeTraffic],
    after: Sequence[BridgeTraffic],
) -> PartFlows:  # fmt: skip
    """Vehicles on one part on both sides.

    Where the rows are all of the bridge, each path counts once however many links of the bridge it
    uses; where they are some of them, the busiest link of each direction counts.
    """
    classes = sides.classes
    place = {item.name: row for row, item in enumerate(classes)}
    flow_before = {_key(row): row.flow_vehh for row in before}
    slices = _slices(len(classes), place, (*before, *after))
    flows = (_Flows.of(before, place, slices), _Flows.of(after, place, slices))
    broken = [_breaking(row, flow_before, item=classes[place[row.vehicle_class]]) for row in after]
    breakers = replace(flows[1], vehh=np.array(broken))
    shares = [one.shares(classes, slices) for one in (*flows, breakers)]
    breaking = breakers.by_class(len(classes))
    limits = np.full(len(classes), np.inf)
    for row in after:
        if row.obey_share < 1.0:
            index = place[row.vehicle_class]
            limits[index] = min(limits[index], row.mass_limit_t)
    whole = _change_of(case.asset_id, sides.found.bridges)
    rows_of_asset = {row.link_ids for row in sides.before if row.asset_id == case.asset_id}
    if whole is not None and rows_of_asset == {row.link_ids for row in before}:
        return PartFlows(
            classes=classes,
            base_vehh=np.array(whole.base_class_vehh),
            scenario_vehh=np.array(whole.scenario_class_vehh),
            floor_vehh=np.array(whole.class_floor_vehh),
            breaking_vehh=breaking,
            breaking_above_t=limits,
            heavy_floor_vehh=whole.heavy_floor_vehh,
            slices=slices,
            base_share=shares[0],
            scenario_share=shares[1],
            breaking_share=shares[2],
        )
    one, two = (side.by_class(len(classes)) for side in flows)
    heavy = is_heavy(classes)
    return PartFlows(
        classes=classes,
        base_vehh=one,
        scenario_vehh=two,
        floor_vehh=np.sqrt((one + two) / 2.0),
        breaking_vehh=breaking,
        breaking_above_t=limits,
        heavy_floor_vehh=float(np.sqrt((one[heavy].sum() + two[heavy].sum()) / 2.0)),
        slices=slices,
        base_share=shares[0],
        scenario_share=shares[1],
        breaking_share=shares[2],
    )


def _slices(
    count: int, place: Mapping[str, int], rows: Sequence[BridgeTraffic]
) -> tuple[MassSlice, ...]:
    """Slices of so many classes in some rows, which are the same on both sides."""
    edges: dict[int, set[float]] = {}
    for row in rows:
        if np.isfinite(row.mass_to_t):
            edges.setdefault(place[row.vehicle_class], set()).add(row.mass_to_t)
    return slices_of(count, {key: tuple(sorted(ends)) for key, ends in edges.items()})


@dataclass(frozen=True, slots=True, eq=False)
class _Flows:
    """Vehicles of hand-over rows, and what they are rows of, (rows,) each."""

    vehh: Floats
    link: Sequence[tuple[str, tuple[int, ...]]]
    class_index: Sequence[int]
    slice_index: Sequence[int]

    @classmethod
    def of(
        cls, rows: Sequence[BridgeTraffic], place: Mapping[str, int], slices: Sequence[MassSlice]
    ) -> "_Flows":
        """Flows of some rows."""
        index = {(one.class_index, one.from_t): row for row, one in enumerate(slices)}
        owners = [place[row.vehicle_class] for row in rows]
        return cls(
            vehh=np.array([row.flow_vehh for row in rows], dtype=np.float64),
            link=[(row.direction, row.link_ids) for row in rows],
            class_index=owners,
            slice_index=[
                index[owner, row.mass_from_t] for owner, row in zip(owners, rows, strict=True)
            ],
        )

    def by_class(self, count: int) -> Floats:
        """Of the busiest link of each direction, added over directions, (classes,)."""
        return self._worst(self.class_index, count)

    def shares(self, classes: Sequence[VehicleClass], slices: Sequence[MassSlice]) -> Floats:
        """Share of each slice in its class; of a class without vehicles that of its table."""
        flows = self._worst(self.slice_index, len(slices))
        owner = np.array([one.class_index for one in slices])
        total = np.bincount(owner, weights=flows, minlength=len(classes))[owner]
        usual = np.array(
            [share_between(classes[one.class_index], one.from_t, one.to_t) for one in slices]
        )
        return np.divide(flows, total, out=usual, where=total > 0.0)

    def _worst(self, group: Sequence[int], count: int) -> Floats:
        of_link: dict[tuple[str, tuple[int, ...], int], float] = {}
        for (direction, links), index, flow in zip(
            self.link, group, self.vehh.tolist(), strict=True
        ):
            key = (direction, links, index)
            of_link[key] = of_link.get(key, 0.0) + flow
        worst: dict[tuple[str, int], float] = {}
        for (direction, _, index), flow in of_link.items():
            worst[direction, index] = max(worst.get((direction, index), 0.0), flow)
        out = np.zeros(count)
        for (_, index), flow in sorted(worst.items()):
            out[index] += flow
        return out


def _change_of(asset: str, changes: Sequence[BridgeChange]) -> BridgeChange | None:
    return next((item for item in changes if item.asset_id == asset), None)


def _key(row: BridgeTraffic) -> tuple[tuple[int, ...], str, float]:
    """Link, class and mass slice of a row."""
    return row.link_ids, row.vehicle_class, row.mass_from_t


def _breaking(
    row: BridgeTraffic,
    before_vehh: Mapping[tuple[tuple[int, ...], str, float], float],
    *,
    item: VehicleClass,
) -> float:
    """Vehicles of a row that do not keep its limit: a share of the flow before."""
    if row.obey_share >= 1.0 or not row.mass_distribution_id:
        return 0.0
    if row.mass_from_t == 0.0 and np.isinf(row.mass_to_t):
        above = distribution_above(row.mass_distribution_id, row.mass_limit_t)
    else:
        above = share_above_within(
            item, row.mass_limit_t, from_t=row.mass_from_t, to_t=row.mass_to_t
        )
    return (1.0 - row.obey_share) * above * before_vehh.get(_key(row), 0.0)
