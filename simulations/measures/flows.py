"""Vehicles on a part structure before and after, by class, from the hand-over of traffic."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import truncnorm

from simulations.measures.cases import BridgeCase
from simulations.structure.weights import templates_of
from simulations.traffic.compare import Comparison
from simulations.traffic.edits import Edited
from simulations.traffic.networksums import BridgeChange, is_heavy
from twin.model.bases import TrafficBase
from twin.model.traffic import BridgeTraffic, TrafficResult, VehicleClass

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
    """

    classes: tuple[VehicleClass, ...]
    base_vehh: Floats
    scenario_vehh: Floats
    floor_vehh: Floats
    breaking_vehh: Floats
    breaking_above_t: Floats
    heavy_floor_vehh: float

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
        share = np.array([share_above(item, limit_t) for item in self.classes])
        return float(share @ self.base_vehh), float(
            share @ self.scenario_vehh + self._breaking_above(limit_t)
        )

    def _breaking_above(self, limit_t: float) -> float:
        """Vehicles that break a limit and weigh more than ``limit_t``."""
        total = 0.0
        for row in np.flatnonzero(self.breaking_vehh > 0.0).tolist():
            own = share_above(self.classes[row], self.breaking_above_t[row])
            both = share_above(self.classes[row], max(limit_t, self.breaking_above_t[row]))
            total += self.breaking_vehh[row] * (both / own if own > 0.0 else 0.0)
        return total


def share_above(item: VehicleClass, limit_t: float) -> float:
    """Share of the vehicles of a class above a gross mass [-].

    From the distributions of gross mass; a class without one is taken to be spread evenly over its
    band.

    Examples
    --------
    >>> share_above(VehicleClass("car", 0, mass_to_t=2.8), 3.5)
    0.0
    """
    if limit_t >= item.mass_to_t:
        return 0.0
    if limit_t <= item.mass_from_t:
        return 1.0
    if not item.mass_distribution_id:
        return (item.mass_to_t - limit_t) / (item.mass_to_t - item.mass_from_t)
    return distribution_above(item.mass_distribution_id, float(limit_t))


@cache
def distribution_above(distribution: str, limit_t: float) -> float:
    """Share of a distribution of gross mass above a limit [-]."""
    total = 0.0
    for one in templates_of(distribution):
        low = (one.mass_from_t - one.mass_mean_t) / one.mass_sd_t
        high = (one.mass_to_t - one.mass_mean_t) / one.mass_sd_t
        place = (limit_t - one.mass_mean_t) / one.mass_sd_t
        total += one.share * float(truncnorm.sf(place, low, high))
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
    flow_before = {(row.link_ids, row.vehicle_class): row.flow_vehh for row in before}
    breaking = _worst(after, place, lambda row: _breaking(row, flow_before))
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
        )
    one, two = (_worst(rows, place, lambda row: row.flow_vehh) for rows in (before, after))
    heavy = is_heavy(classes)
    return PartFlows(
        classes=classes,
        base_vehh=one,
        scenario_vehh=two,
        floor_vehh=np.sqrt((one + two) / 2.0),
        breaking_vehh=breaking,
        breaking_above_t=limits,
        heavy_floor_vehh=float(np.sqrt((one[heavy].sum() + two[heavy].sum()) / 2.0)),
    )


def _change_of(asset: str, changes: Sequence[BridgeChange]) -> BridgeChange | None:
    return next((item for item in changes if item.asset_id == asset), None)


def _breaking(
    row: BridgeTraffic, before_vehh: Mapping[tuple[tuple[int, ...], str], float]
) -> float:
    """Vehicles of a row's class that do not keep its limit: a share of the flow before."""
    if row.obey_share >= 1.0 or not row.mass_distribution_id:
        return 0.0
    above = distribution_above(row.mass_distribution_id, row.mass_limit_t)
    return (1.0 - row.obey_share) * above * before_vehh.get((row.link_ids, row.vehicle_class), 0.0)


def _worst(
    rows: Sequence[BridgeTraffic],
    place: Mapping[str, int],
    value: Callable[[BridgeTraffic], float],
) -> Floats:
    """Largest value of the links of each direction, added over directions, (classes,)."""
    worst: dict[tuple[str, str], float] = {}
    for row in rows:
        key = (row.direction, row.vehicle_class)
        worst[key] = max(worst.get(key, 0.0), value(row))
    out = np.zeros(len(place))
    for (_, name), flow in sorted(worst.items()):
        out[place[name]] += flow
    return out
