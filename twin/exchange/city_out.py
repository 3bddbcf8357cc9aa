"""A city becomes a city folder again, and a checksum that says whether two cities are the same."""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import chain

import shapely
from shapely.geometry.base import BaseGeometry

from twin.errors import CityError
from twin.exchange.layers import outside
from twin.model.assets import Asset, Component
from twin.model.city import City
from twin.model.datastreams import Datastream
from twin.model.provenance import Provenance

SHOWN_PROBLEMS = 20
REFERENCES = ("id", "title", "licence")
ATTRIBUTES = ("asset", "attribute", "value", "unit", "provenance", "references", "note")
COMPONENTS = (
    "id", "asset", "name", "kind", "parent", "station_m", "offset_m", "height_m",
    "along", "longitude", "latitude",
)  # fmt: skip
SENSORS = ("id", "name", "model", "provenance")
DATASTREAMS = (
    "id", "name", "asset", "component", "quantity", "sensor", "source", "route_key", "provenance",
    "vehicle_class", "kind", "cadence_s", "time_source", "privacy_class",
)  # fmt: skip


def checksum(city: City) -> str:
    """SHA-256 of everything the registry says, whatever the order of its rows.

    Names of people who changed it, numbers of datastreams and times of loading are no part of it.

    Examples
    --------
    >>> checksum(City("Town"))[:8]
    'e3b0c442'
    """
    digest = hashlib.sha256()
    for line in sorted(_facts(city)):
        digest.update(line.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()


def differences(one: City, other: City) -> Sequence[str]:
    """Facts that only one of two cities has, in order; empty if their checksums are equal."""
    return sorted(set(_facts(one)) ^ set(_facts(other)))


def _facts(city: City) -> Iterator[str]:
    """One line of JSON for each reference, asset, attribute, component, sensor and datastream."""
    for reference in city.references:
        yield _line("reference", asdict(reference))
    for asset in city.assets:
        yield from _asset_facts(asset)
    for part in city.components:
        facts = {**asdict(replace(part, geometry=None)), "geometry": _wkb(part.geometry)}
        yield _line("component", facts)
    for sensor in city.sensors:
        yield _line("sensor", asdict(sensor))
    for stream in city.datastreams:
        yield _line("datastream", asdict(replace(stream, number=None)))


def _asset_facts(asset: Asset) -> Iterator[str]:
    facts = {
        "id": asset.id,
        "class": asset.asset_class,
        "name": asset.name,
        "geometry": _wkb(asset.geometry),
        "provenance": asdict(asset.geometry_provenance),
    }
    yield _line("asset", facts)
    for attribute in asset.attributes:
        yield _line("attribute", {"asset": asset.id, **asdict(attribute)})


def _line(kind: str, facts: Mapping[str, object]) -> str:
    return json.dumps([kind, facts], sort_keys=True, default=str, ensure_ascii=False)


def _wkb(geometry: BaseGeometry | None) -> str | None:
    if geometry is None:
        return None
    return shapely.to_wkb(geometry, hex=True, byte_order=1, output_dimension=2)


def city_files(city: City, *, extent: Sequence[float]) -> Mapping[str, str]:
    r"""Layers and tables of a city folder by file name (``docs/city-folder.md``).

    Parameters
    ----------
    city
        What is written; its order is kept.
    extent
        West, south, east, north [deg] in which everything must lie.

    Raises
    ------
    CityError
        If something cannot stand in a city folder; lists the first places.

    Examples
    --------
    >>> from twin.model.provenance import Reference
    >>> files = city_files(City("Town", (Reference("1", "Survey", "CC0"),)), extent=(0, 0, 1, 1))
    >>> files["references.csv"]
    'id,title,licence\n1,Survey,CC0\n'
    """
    lines = {asset.id: asset.geometry for asset in city.assets}
    problems = list(chain(_asset_problems(city.assets, extent), _part_problems(city, lines)))
    if problems:
        rest = len(problems) - SHOWN_PROBLEMS
        more = f"; and {rest} more" if rest > 0 else ""
        shown = "; ".join(problems[:SHOWN_PROBLEMS])
        raise CityError(f"the city cannot be written as a folder: {shown}{more}")
    classes = dict.fromkeys(asset.asset_class for asset in city.assets)
    layers = {f"{key}s.geojson": _layer(city.assets, key) for key in classes}
    tables = {
        "references.csv": _table(
            REFERENCES, ((row.id, row.title, row.licence) for row in city.references)
        ),
        "attributes.csv": _table(ATTRIBUTES, _attribute_rows(city.assets)),
        "components.csv": _table(COMPONENTS, (_part_row(part, lines) for part in city.components)),
        "sensors.csv": _table(
            SENSORS, ((row.id, row.name, row.model, row.provenance) for row in city.sensors)
        ),
        "datastreams.csv": _table(DATASTREAMS, map(_stream_row, city.datastreams)),
    }
    return {**layers, **{name: text for name, text in tables.items() if text.count("\n") > 1}}


def _layer(assets: Iterable[Asset], key: str) -> str:
    """One layer as GeoJSON (RFC 7946), a feature in a line."""
    features = (
        json.dumps(
            {
                "type": "Feature",
                "properties": {"id": asset.id, "name": asset.name, **_origin(asset)},
                "geometry": shapely.geometry.mapping(asset.geometry),
            },
            ensure_ascii=False,
            allow_nan=False,
        )
        for asset in assets
        if asset.asset_class == key
    )
    return '{"type":"FeatureCollection","features":[\n' + ",\n".join(features) + "\n]}\n"


def _origin(asset: Asset) -> Mapping[str, str]:
    kind, references, note = _citation(asset.geometry_provenance)
    return {"provenance": kind, "references": references, "note": note}


def _citation(provenance: Provenance) -> tuple[str, str, str]:
    return provenance.kind, ";".join(provenance.references), provenance.by


def _attribute_rows(assets: Iterable[Asset]) -> Iterator[Sequence[object]]:
    for asset in assets:
        for item in asset.attributes:
            yield asset.id, item.name, item.value, item.unit, *_citation(item.provenance)


def _part_row(part: Component, lines: Mapping[str, BaseGeometry]) -> Sequence[object]:
    along = _along(part, lines)
    point = part.geometry if part.geometry is not None and not along else None
    place = (None, None) if point is None else shapely.get_coordinates(point)[0].tolist()
    return (
        part.id, part.asset_id, part.name, part.kind, part.parent_id, part.station_m,
        part.offset_m, part.height_m, along, *place,
    )  # fmt: skip


def _along(part: Component, lines: Mapping[str, BaseGeometry]) -> str:
    """``forward`` or ``backward`` for a part that has the line of its asset; otherwise empty."""
    line = lines.get(part.asset_id)
    if part.geometry is None or line is None or line.geom_type != "LineString":
        return ""
    if shapely.equals_identical(part.geometry, line):
        return "forward"
    return "backward" if shapely.equals_identical(part.geometry, shapely.reverse(line)) else ""


def _stream_row(stream: Datastream) -> Sequence[object]:
    return (
        stream.uid, stream.name, stream.asset_id, stream.component_id, stream.quantity,
        stream.sensor_id, stream.source, stream.route_key, stream.provenance,
        stream.vehicle_class, stream.kind, stream.cadence_s, stream.time_source,
        stream.privacy_class,
    )  # fmt: skip


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """CSV; numbers are written so that reading them gives the same value."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
    return stream.getvalue()


def _asset_problems(assets: Iterable[Asset], extent: Sequence[float]) -> Iterator[str]:
    for asset in assets:
        fault = outside(asset.geometry, extent)
        if fault:
            yield f"asset {asset.id!r}: {fault}"
        for item in asset.attributes:
            if isinstance(item.value, str) == bool(item.unit):
                yield (
                    f"asset {asset.id!r}: attribute {item.name!r} is {item.value!r} with unit "
                    f"{item.unit!r}; numbers have a unit ('1' if none), texts have none"
                )
        for found in (asset.geometry_provenance, *(item.provenance for item in asset.attributes)):
            if found.at is not None:
                yield f"asset {asset.id!r}: a provenance has a time, which no table holds"


def _part_problems(city: City, lines: Mapping[str, BaseGeometry]) -> Iterator[str]:
    for part in city.components:
        geometry = part.geometry
        if geometry is not None and geometry.geom_type != "Point" and not _along(part, lines):
            yield (
                f"component {part.id!r}: its {geometry.geom_type} is neither a point nor the line "
                "of its asset"
            )


def same_city(one: City, other: City) -> None:
    """Refuse an export that does not read as what was exported.

    Raises
    ------
    CityError
        With the first facts that differ.
    """
    found = differences(one, other)
    if found:
        shown = "; ".join(line[:200] for line in found[:5])
        raise CityError(
            f"the folder does not read as the city that was written, {len(found)} facts differ: "
            f"{shown}; texts in tables have no line ends and no blanks around them"
        )
