"""What a paper is made of, read from the city: document, map, addresses."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from dashboards.deck.geometry import Plane, line_of, middle
from dashboards.joint_rows import repeated
from dashboards.reports.build import Source
from dashboards.reports.mapdata import MapBridge, MapData, MapSection, merged
from twin.city import Twin
from twin.errors import ReportError
from twin.model.bases import BASE_PART, TrafficBase
from twin.model.network import Network
from twin.model.packing import unpack, unpack_columns
from twin.model.scenarios import Run
from twin.settings import Settings

LINKS_PART = "links"
FORM = 1
UNCHANGED = "unchanged"
Columns = Mapping[str, NDArray[np.generic]]


def gather(twin: Twin, settings: Settings, number: int) -> Source:
    """Source of the paper of a run.

    Raises
    ------
    RegistryError
        If there is no such run.
    ReportError
        If it has no answer of the joint analysis; says what to do.
    """
    run = twin.run(number)
    document = twin.measures.document(run.id)
    if document is None or run.ended_at is None:
        raise ReportError(
            f"run {run.id} is {run.status} and has no document of measures; ask with "
            "`twin measures run`, and follow it until it is done"
        )
    if document.get("form") != FORM:
        raise ReportError(
            f"the document of run {run.id} has form {document.get('form')}, this version writes "
            f"papers of form {FORM}; ask again with `twin measures run`"
        )
    below = (settings.dashboards.public_url or f"http://{settings.dashboards.listen}").rstrip("/")
    return Source(
        document=document,
        map=map_of(twin, run, document),
        city=settings.city.name,
        number=run.id,
        ended_at=run.ended_at,
        input_hash=run.input_hash,
        addresses={
            "result": f"{below}/result?run={run.id}",
            "document": f"{below}/api/measures/runs/{run.id}/document",
        },
        product=f"stadtzwilling {version('stadtzwilling')}",
        names=twin.target_names(),
    )


def map_of(twin: Twin, run: Run, document: Mapping[str, Any]) -> MapData | None:
    """What the maps show; None if the run has no columns per link, or nothing has a place.

    Courses are those of the registry where links have names there, else straight lines between
    the junctions of the network.
    """
    content = twin.traffic.run_part(run.id, LINKS_PART)
    if content is None:
        return None
    columns = unpack_columns(content)
    shapes = {one.id: one.geometry for one in twin.components() if one.geometry is not None}
    places = {one.id: one.geometry for one in twin.assets("bridge")}
    names = twin.target_names()
    links = [str(name) for name in columns.get("link_name", ())]
    if any(name in shapes for name in links):
        return registry_map(columns, links, shapes, places=places, names=names, document=document)
    network = _network(twin, run)
    return None if network is None else network_map(columns, network, document=document)


def registry_map(
    columns: Columns,
    links: Sequence[str],
    shapes: Mapping[str, BaseGeometry],
    *,
    places: Mapping[str, BaseGeometry],
    names: Mapping[str, str],
    document: Mapping[str, Any],
) -> MapData | None:
    """Map of links whose courses the registry knows, in metres about the middle of the town."""
    known = [(row, shapes[name]) for row, name in enumerate(links) if name in shapes]
    bounds = np.array([shape.bounds for _, shape in known])
    if not len(bounds):
        return None
    plane = Plane(
        float((bounds[:, 0].min() + bounds[:, 2].max()) / 2.0),
        float((bounds[:, 1].min() + bounds[:, 3].max()) / 2.0),
    )
    sections = [
        _section(columns, row, _course(shape, plane), names.get(links[row], ""))
        for row, shape in known
    ]
    xy = {asset: _place(shape, plane) for asset, shape in places.items()}
    left_out = _with_traffic(columns) - sum(
        one.base_vehh > 0.0 or one.scenario_vehh > 0.0 for one in sections
    )
    return MapData(merged(sections), _bridges(document, xy), left_out=left_out)


def network_map(
    columns: Columns, network: Network, *, document: Mapping[str, Any]
) -> MapData | None:
    """Map of straight links between junctions, as the network places them."""
    node = {int(one): at for at, one in enumerate(network.node_id.tolist())}
    xy = np.stack([network.x_m, network.y_m], axis=1)
    ends = {
        int(link): (node[int(tail)], node[int(head)])
        for link, tail, head in zip(network.link_id, network.tail, network.head, strict=True)
    }
    rows = [
        (row, ends[int(link)])
        for row, link in enumerate(columns["link_id"].tolist())
        if int(link) in ends
    ]
    if not rows or not np.isfinite(xy).all():
        return None
    sections = [_section(columns, row, xy[list(pair)], "") for row, pair in rows]
    assets = network.link_assets
    at: dict[str, list[NDArray[np.float64]]] = {}
    for link, asset in zip(assets.link_id.tolist(), assets.asset, strict=True):
        if link in ends:
            at.setdefault(asset, []).append(xy[list(ends[link])].mean(axis=0))
    middles = {asset: np.mean(found, axis=0) for asset, found in at.items()}
    places = {asset: (float(one[0]), float(one[1])) for asset, one in middles.items()}
    left_out = _with_traffic(columns) - sum(
        one.base_vehh > 0.0 or one.scenario_vehh > 0.0 for one in sections
    )
    return MapData(merged(sections), _bridges(document, places), network.epsg == 0, left_out)


def _section(columns: Columns, row: int, xy_m: NDArray[np.float64], name: str) -> MapSection:
    base, scenario, floor = (
        float(columns[f"{key}_vehh"][row]) for key in ("base", "scenario", "floor")
    )
    return MapSection(name, xy_m, base, scenario, floor if np.isfinite(floor) else np.inf)


def _with_traffic(columns: Columns) -> int:
    either = np.maximum(columns["base_vehh"].astype(float), columns["scenario_vehh"].astype(float))
    return int((either > 0.0).sum())


def _course(shape: BaseGeometry, plane: Plane) -> NDArray[np.float64]:
    return np.asarray(plane.to_metres(line_of(shape)).coords, dtype=np.float64)[:, :2]


def _place(shape: BaseGeometry, plane: Plane) -> tuple[float, float]:
    found = plane.to_metres(Point(*middle(shape))).centroid
    return float(found.x), float(found.y)


def _bridges(
    document: Mapping[str, Any], places: Mapping[str, tuple[float, float]]
) -> tuple[MapBridge, ...]:
    """Bridges that are targets or change, with their numbers in the table."""
    return tuple(_placed(document["bridges"], places))


def _placed(
    bridges: Sequence[Mapping[str, Any]], places: Mapping[str, tuple[float, float]]
) -> Iterable[MapBridge]:
    again = repeated(bridges)
    for number, one in enumerate(bridges, 1):
        if one["part"] in again:
            continue
        place = places.get(one["asset"])
        is_shown = one["role"] == "target" or (
            one["role"] != UNCHANGED and one["heavy"]["is_significant"]
        )
        if place is not None and is_shown:
            yield MapBridge(number, one["name"], one["role"], *place)


def _network(twin: Twin, run: Run) -> Network | None:
    stored = twin.traffic.base(run.base)
    content = twin.traffic.base_part(stored.id, BASE_PART)
    return None if content is None else unpack(content, TrafficBase).network
