"""The import ``twin import citymodel FILE --city FOLDER``: bridges of CityGML and CityJSON."""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
from pyproj import CRS, Transformer
from shapely import union_all
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from twin.errors import CityError
from twin.exchange.citygml import read_citygml
from twin.exchange.cityjson import read_cityjson
from twin.exchange.citymodel import CityModel, CityObject, Relation, Surface, epsg_of
from twin.exchange.foldertables import check_other_form, city_of, merge_table, target_folder
from twin.exchange.folderwriting import add_references, write_settings
from twin.exchange.widelayers import PROVENANCE, check_origin, provenance_text, write_layer
from twin.model.provenance import Reference
from twin.settings import Settings

ORIGIN = "twin import citymodel"
DEGREES = "EPSG:4326"
PARTS = (
    "BridgePart", "BridgeConstructiveElement", "BridgeConstructionElement", "BridgeInstallation",
    "BridgeRoom",
)  # fmt: skip
ROADS = ("TrafficArea", "TrafficSpace", "Section", "Road")
ENDINGS = (".gml", ".xml", ".json")


def import_citymodel(settings: Settings, arguments: Sequence[str]) -> int:
    """Read a city model and write its bridges into a city folder; 1 if something was left out."""
    options = _parser().parse_args(arguments)
    folder = target_folder(settings, options.city)
    model = read_model(options.path)
    crs = epsg_of(model.srs_name)
    bridges = [one for one in model.objects.values() if one.kind == "Bridge"]
    shapes, lost = _footprints(model, bridges)
    _tell(_report(model, options.path.name, lost))
    if not shapes:
        _tell(["no bridge with a footprint: nothing was written"])
        return 1
    frame = geopandas.GeoSeries(list(shapes.values()), crs=crs)
    city = city_of(folder, frame.to_crs(DEGREES).total_bounds.tolist())
    check_other_form(folder, "bridge")
    check_origin(folder / "bridges.gpkg", origin=ORIGIN, replace=options.replace)
    if options.dry_run:
        _tell(["nothing was written"])
        return int(bool(lost))
    reference = re.sub(r"[^\w.-]+", "-", options.path.stem)
    write_settings(folder, name=city.name, crs=city.crs, bounds=city.extent)
    title = options.source or options.path.name
    add_references(folder, [Reference(reference, title, options.licence)])
    layer = _layer(model, shapes, reference).set_geometry(frame).to_crs(city.crs)
    write_layer(folder, "bridge", layer, origin=ORIGIN, replace=options.replace)
    merge_table(
        folder / "components.csv",
        _components(model, shapes, crs),
        is_own=lambda row: row.get("asset") in shapes and row.get("kind") in PARTS,
    )
    _tell([f"written to {folder}; `twin load {folder}` checks and loads it"])
    return int(bool(lost))


def read_model(path: Path) -> CityModel:
    """A city model by the ending of its file.

    Raises
    ------
    CityError
        If there is no such file or it ends in something else.
    """
    if not path.is_file() or path.suffix.casefold() not in ENDINGS:
        raise CityError(f"{path} is no city model; name a file that ends in {', '.join(ENDINGS)}")
    return read_cityjson(path) if path.suffix.casefold() == ".json" else read_citygml(path)


def _footprints(
    model: CityModel, bridges: Sequence[CityObject]
) -> tuple[dict[str, BaseGeometry], list[str]]:
    """Footprint of every bridge that has one, and sentences about the others."""
    found: dict[str, BaseGeometry] = {}
    lost: list[str] = []
    for bridge in bridges:
        shape = footprint(model.within(bridge.id))
        if shape is None:
            lost.append(f"{bridge.id}: has no surface with an area in plan; left out")
        else:
            found[bridge.id] = shape
    return found, lost


def footprint(surfaces: Sequence[Surface]) -> Polygon | None:
    """Union of the surfaces in plan; where it has several parts, their convex hull.

    Examples
    --------
    >>> ring = np.array([(0.0, 0, 5), (10, 0, 5), (10, 5, 5), (0, 5, 5)])
    >>> footprint([Surface(("b1",), ring)]).area
    50.0
    """
    flat = [Polygon(surface.ring[:, :2]) for surface in surfaces]
    sound = [shape for shape in flat if shape.is_valid and shape.area > 0]
    if not sound:
        return None
    union = union_all(sound)
    shape = union if isinstance(union, Polygon) else union.convex_hull
    return shape if isinstance(shape, Polygon) else None


def _layer(
    model: CityModel, shapes: Mapping[str, BaseGeometry], reference: str
) -> geopandas.GeoDataFrame:
    """One row per bridge, with its links as attributes under the names of the standard."""
    sourced = provenance_text("sourced", references=[reference])
    rows = []
    for key in shapes:
        row = {
            "id": key,
            "name": model.objects[key].name or key,
            "provenance": "sourced",
            "references": reference,
            "note": "union of its surfaces in plan",
        }
        extra = {**_road_links(model, key), **_sensor_links(model, key)}
        row |= extra | {f"{name}{PROVENANCE}": sourced for name in extra}
        rows.append(row)
    return geopandas.GeoDataFrame(pd.DataFrame(rows))


def _road_links(model: CityModel, bridge: str) -> Mapping[str, str]:
    """Surfaces of the bridge that are roads as well, by ``CityObjectRelation`` "equal"."""
    pairs = [pair for one in model.relations if (pair := _pair(model, one, bridge))]
    return {"equal_traffic_areas": "; ".join(pairs)} if pairs else {}


def _pair(model: CityModel, relation: Relation, bridge: str) -> str:
    for own, other in ((relation.source, relation.target), (relation.target, relation.source)):
        is_road = other in model.objects and model.objects[other].kind in ROADS
        if relation.kind == "equal" and is_road and model.ancestor(own, "Bridge") == bridge:
            return f"{own} = {other}"
    return ""


def _sensor_links(model: CityModel, bridge: str) -> Mapping[str, str]:
    """Fields of every ``SensorConnection`` in the bridge; no address is called."""
    found: dict[str, str] = {}
    links = [one for one in model.sensor_links if model.ancestor(one.location, "Bridge") == bridge]
    for number, link in enumerate(links, start=1):
        for name, value in (*link.fields.items(), ("sensorLocation", link.location)):
            found[f"sensor_{number}_{_snake(name)}"] = value
    return found


def _snake(name: str) -> str:
    """Name of the standard as the name of an attribute.

    Examples
    --------
    >>> _snake("datastreamID"), _snake("baseURL"), _snake("observationProperty")
    ('datastream_id', 'base_url', 'observation_property')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _components(
    model: CityModel, shapes: Mapping[str, BaseGeometry], crs: CRS
) -> Sequence[Mapping[str, str]]:
    """Rows of ``components.csv``: parts of bridges with the centre of their surfaces."""
    to_degrees = Transformer.from_crs(crs, DEGREES, always_xy=True)
    parts: dict[str, str] = {}
    for key, item in model.objects.items():
        asset = model.ancestor(key, "Bridge")
        if item.kind in PARTS and asset in shapes:
            parts[key] = asset
    rows = []
    for key, asset in parts.items():
        item, surfaces = model.objects[key], model.within(key)
        place = {"longitude": "", "latitude": ""}
        if surfaces:
            x, y, _ = np.concatenate([surface.ring for surface in surfaces]).mean(axis=0)
            longitude, latitude = to_degrees.transform(x, y)
            place = {"longitude": f"{longitude:.8f}", "latitude": f"{latitude:.8f}"}
        parent = f"{asset}/{item.parent}" if item.parent in parts else ""
        rows.append(
            {
                "id": f"{asset}/{key}",
                "asset": asset,
                "name": item.name or key,
                "kind": item.kind,
                "parent": parent,
                **place,
            }
        )
    return rows


def _report(model: CityModel, name: str, lost: Sequence[str]) -> Iterator[str]:
    kinds = Counter(item.kind for item in model.objects.values())
    yield f"{name}: " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    degenerate = sum(surface.is_degenerate for surface in model.surfaces)
    yield (
        f"{len(model.surfaces):,} surfaces, {degenerate:,} of them degenerate, "
        f"{model.referenced:,} links to surfaces not counted again"
    )
    for relation in model.relations:
        yield f"relation {relation.kind}: {relation.source} - {relation.target}"
    for link in model.sensor_links:
        kind = model.objects[link.location].kind if link.location in model.objects else "unknown"
        stream = link.fields.get("datastreamID", "")
        yield f"sensor connection: datastream {stream!r} at {link.location!r} ({kind})"
    yield from (f"- {line}" for line in (*lost, *model.remarks))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="twin import citymodel",
        description="Read bridges with parts, road relations and sensor connections from CityGML "
        "2.0 or 3.0 (.gml, .xml) or CityJSON 1.1 or 2.0 (.json) into a city folder.",
    )
    parser.add_argument("path", type=Path, help="city model")
    parser.add_argument("--city", type=Path, help="city folder; made if it does not exist")
    parser.add_argument("--source", default="", help="title of the source, for references.csv")
    parser.add_argument("--licence", default="", help="licence of the source")
    parser.add_argument("--replace", action="store_true", help="replace a layer of another origin")
    parser.add_argument("--dry-run", action="store_true", help="say what would happen")
    return parser


def _tell(lines: Sequence[str] | Iterator[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
