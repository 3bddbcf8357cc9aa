"""Sums over the network and over bridges on both sides of a comparison."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulations.traffic.arrays import BoolArray, FloatArray, IdArray
from simulations.traffic.classes import open_mass_t
from simulations.traffic.costs import slopes
from simulations.traffic.diversion import Pairs, PathValues, path_values
from simulations.traffic.pathflows import Paths, on_network, rows_of
from simulations.traffic.places import axis
from twin.model.network import Network
from twin.model.traffic import TrafficResult, VehicleClass

HEAVY_FROM_T = 3.5
"""Vehicles that may weigh more are heavy (SV: buses, lorries, trains of vehicles)."""
MOVEMENTS = 3.0
"""So many times the movement of both sides is noise (specification, section 7)."""
COMPARABLE_GAP = 1e-6
"""What is compared is solved to this gap; a run that overshoots is not known better for it."""
_MARGIN = 10.0
_ROUNDING = 1e-9
_SUMS = (
    ("vehicle_km", "km/h"),
    ("vehicle_h", "h/h"),
    ("delay_h", "h/h"),
    ("heavy_km", "km/h"),
    ("car_unit_km", "km/h"),
    ("car_unit_h", "h/h"),
)
_S_PER_H = 3600.0
_M_PER_KM = 1000.0


@dataclass(frozen=True, slots=True)
class NetworkSum:
    """One sum over the network on both sides, and the difference below which it is noise.

    ``scope`` is ``all`` served trips or those of ``common`` pairs, served on both sides. A sum over
    vehicles of several classes is not unique: it depends on flows by class, which are one solution
    of several; sums over car units are.
    """

    key: str
    unit: str
    scope: Literal["all", "common"]
    base: float
    scenario: float
    threshold: float
    is_unique: bool

    @property
    def difference(self) -> float:
        """Scenario less base."""
        return self.scenario - self.base

    @property
    def is_significant(self) -> bool:
        """Whether the difference is more than gaps and movements of both sides explain."""
        return abs(self.difference) > self.threshold


@dataclass(frozen=True, slots=True)
class BridgeChange:
    """Vehicles over an asset, both directions, each counted once; the last columns by class."""

    asset_id: str
    base_vehh: float
    scenario_vehh: float
    floor_vehh: float
    base_heavy_vehh: float
    scenario_heavy_vehh: float
    heavy_floor_vehh: float
    base_class_vehh: tuple[float, ...] = ()
    scenario_class_vehh: tuple[float, ...] = ()
    class_floor_vehh: tuple[float, ...] = ()

    @property
    def difference_vehh(self) -> float:
        """Scenario less base, all vehicles."""
        return self.scenario_vehh - self.base_vehh

    @property
    def is_newly_loaded(self) -> bool:
        """Nothing beyond noise before, more than noise now, in all or in heavy vehicles."""
        return _appears(self.base_vehh, self.scenario_vehh, self.floor_vehh) or _appears(
            self.base_heavy_vehh, self.scenario_heavy_vehh, self.heavy_floor_vehh
        )


def _appears(base: float, scenario: float, floor: float) -> bool:
    return base <= floor and scenario - base > floor


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One equilibrium in the rows of the larger network."""

    result: TrafficResult
    network: Network
    paths: Paths
    values: PathValues
    links: int

    @classmethod
    def of(cls, result: TrafficResult, network: Network, link_id: IdArray) -> "Side":
        """Take a result whose links are the first of ``link_id``."""
        paths = on_network(result.paths, link_id)
        values = path_values(paths, result, network)
        return cls(result, network, paths, values, link_id.size)

    def padded(self, values: FloatArray, missing: float = np.nan) -> FloatArray:
        """Values of links with a filler for those that do not exist on this side."""
        more = [(0, 0)] * (values.ndim - 1) + [(0, self.links - values.shape[-1])]
        return np.pad(values, more, constant_values=missing)

    @property
    def flow_vehh(self) -> FloatArray:
        """(classes, links) Flow, 0 on links that do not exist."""
        return self.padded(self.result.flow_vehh, 0.0)

    @property
    def movement_pceh(self) -> FloatArray:
        """(links,) Movement of convergence in car units."""
        return self.padded(self.result.movement_pceh, 0.0)

    @property
    def noise_s(self) -> float:
        """TSTT that the gap leaves open; a gap below the target by chance counts as the target."""
        gap = max(self.result.relative_gap, COMPARABLE_GAP)
        return gap * self.result.total_time_pce_s

    @property
    def moved_s(self) -> float:
        """TSTT that the movement of the links explains, their signs being independent."""
        found, net = self.result, self.network
        slope = np.empty(net.link_id.size)
        slopes(
            net.cost_function.astype(np.uint8), net.p0, net.p1, net.p2, net.t0_s,
            net.capacity_pceh, found.volume_pceh, slope,
        )  # fmt: skip
        marginal_s = found.time_s + slope * found.volume_pceh
        return float(np.linalg.norm(marginal_s * found.movement_pceh))

    @property
    def moved_km(self) -> float:
        """Distance that the movement of the links explains, their signs being independent."""
        moved = self.network.length_m * self.result.movement_pceh
        return float(np.linalg.norm(moved)) / _M_PER_KM


def is_heavy(classes: tuple[VehicleClass, ...]) -> BoolArray:
    """Which classes are heavy vehicles, (classes,)."""
    return np.array([item.mass_to_t > HEAVY_FROM_T for item in classes], dtype=np.bool_)


def network_sums(pairs: Pairs, base: Side, scenario: Side) -> tuple[NetworkSum, ...]:
    """Distance and time driven in an hour, for all trips and for pairs served on both sides.

    The objective differs by the gaps at most, sums differ more, hence the margin and what the
    movements explain. No bound exists for distances; they get the same share of the distance of
    all car units, since vehicles of different classes may change places.
    """
    noise_s = _MARGIN * (base.noise_s + scenario.noise_s)
    total_s = max(base.result.total_time_pce_s, scenario.result.total_time_pce_s)
    share = noise_s / total_s if total_s > 0.0 else 0.0
    noise_h = (noise_s + base.moved_s + scenario.moved_s) / _S_PER_H
    moved_km = base.moved_km + scenario.moved_km
    one_class = len(base.result.classes) == 1
    out = []
    scopes: tuple[tuple[Literal["all", "common"], BoolArray], ...] = (
        ("all", np.ones(pairs.is_common.size, dtype=np.bool_)),
        ("common", pairs.is_common),
    )
    for scope, kept in scopes:
        one = _side_sums(base, kept[pairs.base_of])
        two = _side_sums(scenario, kept[pairs.scenario_of])
        noise_km = share * max(one["car_unit_km"], two["car_unit_km"]) + moved_km
        for key, unit in _SUMS:
            larger = max(abs(one[key]), abs(two[key]))
            threshold = (noise_h if unit == "h/h" else noise_km) + _ROUNDING * larger
            unique = one_class or key.startswith("car_unit")
            out.append(NetworkSum(key, unit, scope, one[key], two[key], threshold, unique))
    return tuple(out)


def _side_sums(side: Side, kept: BoolArray) -> dict[str, float]:
    """Sums of a side over some of its paths, per hour."""
    classes, values = side.result.classes, side.values
    index = side.paths.state.class_index
    flow = np.where(kept, side.paths.state.flow_vehh, 0.0)
    heavy = flow * is_heavy(classes)[index]
    units = flow * np.array([item.pce for item in classes])[index]
    return {
        "vehicle_km": float(flow @ values.length_m) / _M_PER_KM,
        "vehicle_h": float(flow @ values.time_s) / _S_PER_H,
        "delay_h": float(flow @ values.delay_s) / _S_PER_H,
        "heavy_km": float(heavy @ values.length_m) / _M_PER_KM,
        "car_unit_km": float(units @ values.length_m) / _M_PER_KM,
        "car_unit_h": float(units @ values.time_s) / _S_PER_H,
    }


def bridge_changes(network: Network, base: Side, scenario: Side) -> tuple[BridgeChange, ...]:
    """Vehicles per asset from the paths, so that several links on an asset count once."""
    table = network.link_assets
    if not table.asset:
        return ()
    names, asset = np.unique(np.array(table.asset), return_inverse=True)
    held = np.isin(table.link_id, network.link_id)
    row, asset = rows_of(network.link_id, table.link_id[held]), asset.ravel()[held]
    flows = [_asset_flows(side, row, asset, names.size) for side in (base, scenario)]
    smallest = min(item.pce for item in base.result.classes)
    movement = MOVEMENTS * (base.movement_pceh + scenario.movement_pceh) / smallest
    heavy_rows = np.flatnonzero(is_heavy(base.result.classes))
    pce = np.array([item.pce for item in base.result.classes])
    out = []
    for index, name in enumerate(names.tolist()):
        noise = _asset_noise(network, row[asset == index], movement)
        counts = [side[index].sum() for side in flows]
        heavy = [side[index, heavy_rows].sum() for side in flows]
        sides = np.array([side[index] for side in flows])
        open_to = _open_classes(scenario, row[asset == index])
        moved = _moved_classes(noise * smallest / pce, sides, open_to)
        several = min(
            noise * smallest / pce[heavy_rows].min(initial=np.inf),
            float(sides[:, heavy_rows].max(axis=0)[open_to[heavy_rows]].sum()),
        )
        floors = [
            max(np.sqrt((b + s) / 2.0), limit)
            for (b, s), limit in ((counts, noise), (heavy, several))
        ]
        totals = map(float, (*counts, floors[0], *heavy, floors[1]))
        columns = (sides[0], sides[1], np.maximum(np.sqrt(sides.mean(axis=0)), moved))
        by_class = [tuple(item.tolist()) for item in columns]
        out.append(
            BridgeChange(
                name,
                *totals,
                base_class_vehh=by_class[0],
                scenario_class_vehh=by_class[1],
                class_floor_vehh=by_class[2],
            )
        )
    return tuple(sorted(out, key=lambda item: (-item.difference_vehh, item.asset_id)))


def _open_classes(side: Side, rows: IdArray) -> BoolArray:
    """Of which classes vehicles may use any of some links on this side, (classes,)."""
    net = side.network
    there = rows[rows < net.link_id.size]
    mask = net.mask[there]
    return np.array(
        [
            (open_mass_t(net, item, mask=mask, link_of=there) > -np.inf).any()
            for item in side.result.classes
        ],
        dtype=np.bool_,
    )


def _moved_classes(noise: FloatArray, sides: FloatArray, open_to: BoolArray) -> FloatArray:
    """What convergence may have moved of each class, (classes,): no more than there is.

    A class that may not cross any more has nothing left to converge: its loss is no noise.
    """
    return np.where(open_to, np.minimum(noise, sides.max(axis=0)), 0.0)


def _asset_flows(side: Side, row: IdArray, asset: IdArray, assets: int) -> FloatArray:
    """Vehicles by asset and class, (assets, classes), each path counted once per asset."""
    paths = side.paths
    order = np.argsort(row, kind="stable")
    row, asset = row[order], asset[order]
    first, last = np.searchsorted(row, paths.row), np.searchsorted(row, paths.row, side="right")
    entry = np.flatnonzero(last > first)
    counts = (last - first)[entry]
    start = np.repeat(first[entry] - np.cumsum(counts) + counts, counts)
    place = asset[start + np.arange(start.size)]
    key = np.unique(np.repeat(paths.path[entry], counts) * assets + place)
    path, place = key // assets, key % assets
    classes = len(side.result.classes)
    cell = place * classes + paths.state.class_index[path]
    sums = np.bincount(cell, weights=paths.state.flow_vehh[path], minlength=assets * classes)
    return sums.reshape(assets, classes).astype(np.float64)


def _asset_noise(network: Network, rows: IdArray, movement: FloatArray) -> float:
    """Largest movement of a link in each direction of an asset, added up."""
    rows = np.unique(rows)
    along = axis(network, rows)[1]
    return float(sum(movement[rows[way]].max(initial=0.0) for way in (along, ~along)))
