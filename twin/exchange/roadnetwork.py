"""The roads of the registry as a network, with its zones and its counts: pure mappings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import product
from types import MappingProxyType
from typing import TypedDict

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from shapely.geometry.base import BaseGeometry

from twin.errors import NetworkError
from twin.exchange.roadsections import (
    CLOSED,
    CLOSED_TO_CARS,
    ONE_LANE,
    Section,
    check_junction,
    number_of,
    read_sections,
    text_of,
)
from twin.model.assets import Asset, Component
from twin.model.city import City
from twin.model.network import CostFunction, LinkAssets, LinkProvenance, Network
from twin.model.tables import rows
from twin.model.traffic import LinkCounts, VehicleClass
from twin.model.zones import Zones

DEGREES = "EPSG:4326"
# Classes that keep their way where a road is closed to cars.
LINE_SERVICES = ("bus", "emergency")
DIRECTIONS = ("forward", "backward")
PROVENANCE_COLUMNS = (
    "length_m", "t0_s", "speed_kmh", "lanes", "capacity_pceh",
    "max_weight_t", "max_axle_t", "max_height_m",
)  # fmt: skip
KMH_PER_M_S = 3.6
DEVIATION_OF_DAILY_COUNT = 0.05


@dataclass(frozen=True, slots=True)
class _Direction:
    """One direction of a section under the name that the registry gives it."""

    section: Section
    is_forward: bool
    name: str


@dataclass(frozen=True, slots=True)
class _Link:
    """One row of the columns of links."""

    name: str
    tail: int
    head: int
    length_m: float
    t0_s: float
    speed_kmh: float
    lanes: int
    capacity_pceh: float
    curve: Mapping[str, str]
    mask: int
    max_weight_t: float
    max_axle_t: float
    max_height_m: float
    codes: Mapping[str, LinkProvenance]


class _LinkColumns(TypedDict):
    """Columns of `Network` that are as long as its links."""

    link_id: NDArray[np.int64]
    link_name: tuple[str, ...]
    tail: NDArray[np.int64]
    head: NDArray[np.int64]
    length_m: NDArray[np.float64]
    t0_s: NDArray[np.float64]
    speed_kmh: NDArray[np.float64]
    lanes: NDArray[np.uint8]
    capacity_pceh: NDArray[np.float64]
    cost_function: NDArray[np.uint8]
    p0: NDArray[np.float64]
    p1: NDArray[np.float64]
    p2: NDArray[np.float64]
    mask: NDArray[np.uint32]
    max_weight_t: NDArray[np.float64]
    max_axle_t: NDArray[np.float64]
    max_height_m: NDArray[np.float64]
    preload_pceh: NDArray[np.float64]
    limit_exempt: NDArray[np.uint32]
    provenance: Mapping[str, NDArray[np.uint8]]


def road_network(city: City, *, crs: str, classes: Sequence[VehicleClass], as_of: date) -> Network:
    """Junctions, directed road sections and zones of a city, as they were on a day.

    Zones hang on their junction by links without time; nothing passes through a zone. Ids count
    the assets in the order of their names, so that the same registry gives the same network.

    Parameters
    ----------
    city
        Assets of the classes ``junction``, ``road_section``, ``zone`` and ``bridge``.
    crs
        Metric coordinate system of the city.
    classes
        Vehicle classes; a road closed to cars stays open to buses and emergency vehicles.
    as_of
        Closures that began later are not in force.

    Returns
    -------
    Network
        Links in the order of their sections, forward before backward, then the links of the zones.

    Raises
    ------
    NetworkError
        If a section names no junction, class or speed that is known; lists all of them.

    Examples
    --------
    >>> road_network(City("Town"), crs="EPSG:25833", classes=(), as_of=date(2018, 1, 1)).epsg
    25833
    """
    problems: list[str] = []
    assets = {asset.id: asset for asset in sorted(city.assets, key=lambda asset: asset.id)}
    sections = read_sections(assets, as_of, problems)
    zones = _zones(assets, problems)
    if problems:
        raise NetworkError(
            f"the roads of {city.name} make no network: {len(problems)} problems\n- "
            + "\n- ".join(problems)
        )
    junctions = [asset for asset in assets.values() if asset.asset_class == "junction"]
    number = {asset.id: row for row, asset in enumerate([*junctions, *zones], start=1)}
    metric = Transformer.from_crs(DEGREES, crs, always_xy=True)
    places = [metric.transform(*_centre(asset.geometry)) for asset in [*junctions, *zones]]
    is_zone = np.arange(len(number)) >= len(junctions)
    ends = [(item, way) for item, way in product(sections, DIRECTIONS)]
    directed = _existing(ends, city.components)
    links = _links(directed, zones, number=number, classes=classes)
    return Network(
        epsg=CRS.from_user_input(crs).to_epsg() or 0,
        node_id=np.arange(1, len(number) + 1, dtype=np.int64),
        x_m=np.array([x for x, _ in places], dtype=float),
        y_m=np.array([y for _, y in places], dtype=float),
        is_zone=is_zone,
        no_through=is_zone.copy(),
        link_assets=_link_assets(directed, metric),
        node_name=tuple(number),
        **links,
    )


def zones_of(city: City, network: Network) -> Zones:
    """Zones and gateways of a city under the node ids of its network.

    Examples
    --------
    >>> empty = City("Town")
    >>> network = road_network(empty, crs="EPSG:25833", classes=(), as_of=date(2018, 1, 1))
    >>> len(zones_of(empty, network).name)
    0
    """
    found = {asset.id: asset for asset in city.assets if asset.asset_class == "zone"}
    chosen = [
        (int(node), name)
        for node, name in zip(network.node_id, network.node_name, strict=True)
        if name in found
    ]

    def column(attribute: str) -> NDArray[np.float64]:
        return np.array(
            [number_of(found[name], attribute) or 0.0 for _, name in chosen], dtype=float
        )

    return Zones(
        node_id=np.array([node for node, _ in chosen], dtype=np.int64),
        name=tuple(name for _, name in chosen),
        residents=column("residents"),
        jobs=column("jobs"),
        gateway_veh_d=column("gateway_volume_veh_d"),
        gateway_heavy_share=column("gateway_heavy_share_percent") / 100.0,
        gateway_through_share=column("gateway_through_share_percent") / 100.0,
    )


def counts_of(city: City, network: Network, *, year: str, peak_share: float) -> LinkCounts:
    """Published daily counts on bridges as hourly counts of one direction each.

    A daily count covers both directions; each gets half of it. The attribute
    ``adt_<year>_veh_d`` of a bridge holds it; 0 says that the bridge was closed and is no count.

    Parameters
    ----------
    city, network
        The network must come from the same city.
    year
        As it stands in the name of the attribute.
    peak_share
        Share of the day that falls into the hour, 0 to 1.

    Examples
    --------
    >>> empty = City("Town")
    >>> network = road_network(empty, crs="EPSG:25833", classes=(), as_of=date(2018, 1, 1))
    >>> counts_of(empty, network, year="2018", peak_share=0.078).station
    ()
    """
    daily = {asset.id: number_of(asset, f"adt_{year}_veh_d") for asset in city.assets}
    lies_on = zip(network.link_assets.asset, network.link_assets.link_id, strict=True)
    found = [(asset, int(link)) for asset, link in lies_on if (daily.get(asset) or 0.0) > 0]
    flows = np.array([(daily[asset] or 0.0) * peak_share / 2.0 for asset, _ in found], dtype=float)
    return LinkCounts(
        station=tuple(asset for asset, _ in found),
        link_id=np.array([link for _, link in found], dtype=np.int64),
        flow_vehh=flows,
        deviation_vehh=DEVIATION_OF_DAILY_COUNT * flows,
        class_group=("all",) * len(found),
    )


def _centre(geometry: BaseGeometry) -> tuple[float, float]:
    point = geometry.centroid
    return point.x, point.y


def _zones(assets: Mapping[str, Asset], problems: list[str]) -> Sequence[Asset]:
    zones = [asset for asset in assets.values() if asset.asset_class == "zone"]
    for zone in zones:
        check_junction(zone, "junction", assets, problems)
    return zones


def _existing(
    ends: Sequence[tuple[Section, str]], components: Iterable[Component]
) -> Sequence[_Direction]:
    """Directions that the registry knows; without any, ``oneway`` tells, else both ways."""
    known: dict[str, list[Component]] = {}
    for component in components:
        if component.kind == "direction":
            known.setdefault(component.asset_id, []).append(component)
    directions = []
    for section, way in ends:
        parts = known.get(section.asset.id)
        if parts is None:
            if way == DIRECTIONS[0] or not section.is_one_way:
                directions.append(
                    _Direction(section, way == DIRECTIONS[0], f"{section.asset.id}/{way}")
                )
            continue
        line = shapely.get_coordinates(section.asset.geometry)
        start = line[0] if way == DIRECTIONS[0] else line[-1]
        directions += [
            _Direction(section, way == DIRECTIONS[0], part.id)
            for part in parts
            if part.geometry is not None
            and np.array_equal(shapely.get_coordinates(part.geometry)[0], start)
        ]
    return directions


def _direction(item: _Direction, number: Mapping[str, int], open_bits: Mapping[str, int]) -> _Link:
    section = item.section
    lanes, capacity = section.lanes.value, section.capacity.value
    if section.status == ONE_LANE and lanes > 1:
        lanes, capacity = 1.0, capacity / lanes
    tail, head = number[section.tail], number[section.head]
    time_s = section.length.value / section.speed.value * KMH_PER_M_S
    return _Link(
        name=item.name,
        tail=tail if item.is_forward else head,
        head=head if item.is_forward else tail,
        length_m=section.length.value,
        t0_s=time_s,
        speed_kmh=section.speed.value,
        lanes=round(lanes),
        capacity_pceh=capacity,
        curve=section.road_class,
        mask=open_bits[section.status],
        max_weight_t=section.limit.value,
        max_axle_t=section.axle_limit.value,
        max_height_m=section.height_limit.value,
        codes={
            "length_m": section.length.code,
            "t0_s": LinkProvenance.DERIVED,
            "speed_kmh": section.speed.code,
            "lanes": section.lanes.code,
            "capacity_pceh": section.capacity.code,
            "max_weight_t": section.limit.code,
            "max_axle_t": section.axle_limit.code,
            "max_height_m": section.height_limit.code,
        },
    )


def _connector(name: str, tail: int, head: int, open_bits: Mapping[str, int]) -> _Link:
    curve = next(row for row in rows("road_classes") if row["key"] == "connector")
    return _Link(
        name=name,
        tail=tail,
        head=head,
        length_m=0.0,
        t0_s=0.0,
        speed_kmh=float(curve["speed_kmh"]),
        lanes=int(curve["lanes"]),
        capacity_pceh=float(curve["capacity_pceh_lane"]),
        curve=curve,
        mask=open_bits[""],
        max_weight_t=np.inf,
        max_axle_t=np.inf,
        max_height_m=np.inf,
        codes=dict.fromkeys(PROVENANCE_COLUMNS, LinkProvenance.DERIVED),
    )


def _open_bits(classes: Sequence[VehicleClass]) -> Mapping[str, int]:
    """Mask of the classes that may pass, by status."""
    everyone = sum(1 << item.bit for item in classes)
    services = sum(1 << item.bit for item in classes if item.name in LINE_SERVICES)
    return {"": everyone, ONE_LANE: everyone, CLOSED_TO_CARS: services, CLOSED: 0}


def _links(
    directions: Sequence[_Direction],
    zones: Sequence[Asset],
    *,
    number: Mapping[str, int],
    classes: Sequence[VehicleClass],
) -> _LinkColumns:
    """All columns of the links: directions first, then two connectors for each zone."""
    bits = _open_bits(classes)
    links = [_direction(item, number, bits) for item in directions]
    for zone in zones:
        place, junction = number[zone.id], number[text_of(zone, "junction")]
        links.append(_connector(f"{zone.id}/out", place, junction, bits))
        links.append(_connector(f"{zone.id}/in", junction, place, bits))
    buses = sum(1 << item.bit for item in classes if item.name in LINE_SERVICES[:1])
    limit = np.array([link.max_weight_t for link in links], dtype=float)
    axle_limit = np.array([link.max_axle_t for link in links], dtype=float)
    curves = [link.curve for link in links]
    return {
        "link_id": np.arange(1, len(links) + 1, dtype=np.int64),
        "link_name": tuple(link.name for link in links),
        "tail": np.array([link.tail for link in links], dtype=np.int64),
        "head": np.array([link.head for link in links], dtype=np.int64),
        "length_m": np.array([link.length_m for link in links], dtype=float),
        "t0_s": np.array([link.t0_s for link in links], dtype=float),
        "speed_kmh": np.array([link.speed_kmh for link in links], dtype=float),
        "lanes": np.array([link.lanes for link in links], dtype=np.uint8),
        "capacity_pceh": np.array([link.capacity_pceh for link in links], dtype=float),
        "cost_function": np.array(
            [CostFunction[curve["cost_function"]] for curve in curves], dtype=np.uint8
        ),
        "p0": np.array([float(curve["p0"]) for curve in curves], dtype=float),
        "p1": np.array([float(curve["p1"]) for curve in curves], dtype=float),
        "p2": np.array([float(curve["p2"]) for curve in curves], dtype=float),
        "mask": np.array([link.mask for link in links], dtype=np.uint32),
        "max_weight_t": limit,
        "max_axle_t": axle_limit,
        "max_height_m": np.array([link.max_height_m for link in links], dtype=float),
        "preload_pceh": np.zeros(len(links)),
        "limit_exempt": np.where(np.isfinite(limit), buses, 0).astype(np.uint32),
        "provenance": MappingProxyType(
            {
                name: np.array([link.codes[name] for link in links], dtype=np.uint8)
                for name in PROVENANCE_COLUMNS
            }
        ),
    }


def _link_assets(directions: Sequence[_Direction], metric: Transformer) -> LinkAssets:
    """Where the bridges lie along the links that cross them."""
    found = [
        (row, bridge.id, *_span(item, bridge, metric))
        for row, item in enumerate(directions, start=1)
        for bridge in item.section.bridges
    ]
    return LinkAssets(
        link_id=np.array([row for row, *_ in found], dtype=np.int64),
        asset=tuple(name for _, name, *_ in found),
        from_m=np.array([start for *_, start, _ in found], dtype=float),
        to_m=np.array([end for *_, end in found], dtype=float),
    )


def _span(item: _Direction, bridge: Asset, metric: Transformer) -> tuple[float, float]:
    """First and last metre of a bridge along a link, in the length that the link has."""
    line = shapely.LineString(_metres(item.section.asset.geometry, metric))
    corners = _metres(bridge.geometry, metric)
    shares = [line.project(shapely.Point(x, y), normalized=True) for x, y in corners]
    start, end = min(shares), max(shares)
    if not item.is_forward:
        start, end = 1.0 - end, 1.0 - start
    return start * item.section.length.value, end * item.section.length.value


def _metres(geometry: BaseGeometry, metric: Transformer) -> NDArray[np.float64]:
    """(points, 2) Coordinates in the metric system."""
    degrees = shapely.get_coordinates(geometry)
    return np.column_stack(metric.transform(degrees[:, 0], degrees[:, 1]))
