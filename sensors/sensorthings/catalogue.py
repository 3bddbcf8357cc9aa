"""Everything but the readings, in memory: entities, their ids and how they hang together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from sensors.sensorthings.columns import Column, column_of
from sensors.sensorthings.problems import MalformedError, UnknownEntityError, UnsupportedError
from sensors.sensorthings.schema import OBSERVATIONS, PUBLIC_CLASSES, SETS, Place, Stream, id_of
from twin.city import Twin
from twin.model.assets import Asset, Component
from twin.model.datastreams import Datastream, Sensor
from twin.model.quantities import quantity
from twin.model.times import to_us

Rows = NDArray[np.int64]
Links = Mapping[tuple[str, str], Sequence[tuple[int, ...]]]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Entities by set and row, in order of their ids.

    Parameters
    ----------
    version
        That of the registry.
    records
        What the properties of an entity are read from.
    links
        Rows of the target by (set, navigation property) and row.
    numbers
        Datastream number by row of ``Datastreams``; that of a waveform stream is -1.
    feature : (datastreams,)
        Row of the feature of interest.
    """

    version: str
    records: Mapping[str, Sequence[object]]
    links: Links
    numbers: Rows
    feature: Rows
    ids: Mapping[str, Sequence[str]] = field(init=False)
    index: Mapping[str, Mapping[str, int]] = field(init=False)
    row_of_number: Mapping[int, int] = field(init=False)

    def __post_init__(self) -> None:
        ids = {name: [id_of(name, one) for one in rows] for name, rows in self.records.items()}
        index = {name: {key: row for row, key in enumerate(keys)} for name, keys in ids.items()}
        by_number = {number: row for row, number in enumerate(self.numbers.tolist()) if number >= 0}
        object.__setattr__(self, "ids", ids)
        object.__setattr__(self, "index", index)
        object.__setattr__(self, "row_of_number", by_number)

    def row(self, set_name: str, key: str) -> int:
        """Row of an id; UnknownEntityError if there is none."""
        found = self.index[set_name].get(key)
        if found is None:
            raise UnknownEntityError(f"{set_name} has no entity {key[:80]!r}")
        return found

    def all_rows(self, set_name: str) -> Rows:
        """All rows of a set."""
        return np.arange(len(self.records[set_name]), dtype=np.int64)

    def linked(self, set_name: str, link: str, row: int) -> tuple[int, ...]:
        """Rows that a navigation property leads to."""
        return self.links[set_name, link][row]

    def stream(self, row: int) -> Stream:
        """Datastream of a row."""
        found = self.records["Datastreams"][row]
        if not isinstance(found, Stream):
            raise TypeError("a record of Datastreams is no stream")
        return found


@dataclass(frozen=True, slots=True)
class EntityRows:
    """Some rows of an entity set as the source of a filter."""

    catalogue: Catalogue
    set_name: str
    rows: Rows

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, path: tuple[str, ...]) -> Column:
        """Column of a property, of a part of one, or of an entity one navigates to."""
        head, *rest = path
        one = SETS[self.set_name]
        if head in one.links:
            return self._of_linked(head, tuple(rest))
        if head in ("id", "@iot.id") and not rest:
            ids = self.catalogue.ids[self.set_name]
            return column_of([ids[row] for row in self.rows.tolist()])
        if head not in one.properties:
            raise MalformedError(f"{one.singular} has no property {head[:40]!r}")
        records, read = self.catalogue.records[self.set_name], one.properties[head]
        values = [_inside(read(records[row]), rest) for row in self.rows.tolist()]
        return (
            times_of(values)
            if any(isinstance(value, datetime) for value in values)
            else (column_of(values))
        )

    def _of_linked(self, name: str, rest: tuple[str, ...]) -> Column:
        link = SETS[self.set_name].links[name]
        if link.is_many:
            raise UnsupportedError(
                f"$filter and $orderby through the collection {name} are not supported; "
                f"ask {link.target} instead"
            )
        if not rest:
            raise MalformedError(f"{name} is an entity; name one of its properties")
        targets = [self.catalogue.linked(self.set_name, name, row)[0] for row in self.rows.tolist()]
        unique, places = np.unique(np.array(targets, np.int64), return_inverse=True)
        return EntityRows(self.catalogue, link.target, unique).column(rest).take(places)


def times_of(values: Sequence[object]) -> Column:
    """Column of times; None is unknown."""
    known = np.array([isinstance(value, datetime) for value in values], np.bool_)
    times = [to_us(value) if isinstance(value, datetime) else 0 for value in values]
    return Column("time", np.array(times, np.int64), known)


def _inside(value: object, path: Iterable[str]) -> object:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def build_catalogue(twin: Twin) -> Catalogue:
    """Catalogue of the registry as it is now."""
    version = twin.registry_version()
    return catalogue_of(
        version,
        assets=twin.assets(),
        components=twin.components(),
        sensors=twin.sensors(),
        streams=twin.datastreams(),
    )


def catalogue_of(
    version: str,
    *,
    assets: Iterable[Asset],
    components: Iterable[Component],
    sensors: Iterable[Sensor],
    streams: Iterable[Datastream],
) -> Catalogue:
    """Catalogue of assets, components, sensors and those datastreams that are public."""
    things = sorted(assets, key=lambda one: one.id)
    parts = {part.id: part for part in components}
    by_id = {asset.id: asset for asset in things}
    public = [one for one in streams if one.privacy_class in PUBLIC_CLASSES]
    placed = sorted(
        (
            Stream(one, Place(by_id[one.asset_id], parts.get(one.component_id or "")))
            for one in public
        ),
        key=lambda one: one.id,
    )
    places = {one.place.id: one.place for one in placed}
    records: dict[str, Sequence[object]] = {
        "Things": things,
        "Locations": things,
        "HistoricalLocations": [one for one in things if one.geometry_provenance.at is not None],
        "Sensors": sorted(sensors, key=lambda one: one.id),
        "ObservedProperties": [quantity(key) for key in sorted({one.quantity for one in public})],
        "Datastreams": placed,
        "FeaturesOfInterest": [places[key] for key in sorted(places)],
    }
    return Catalogue(
        version=version,
        records=records,
        links=_links(records, placed),
        numbers=np.array(
            [-1 if one.stream.kind == "waveform" else one.stream.number or -1 for one in placed],
            np.int64,
        ),
        feature=_feature_rows(placed, places),
    )


def _feature_rows(placed: Sequence[Stream], places: Mapping[str, Place]) -> Rows:
    rows = {key: row for row, key in enumerate(sorted(places))}
    return np.array([rows[one.place.id] for one in placed], np.int64)


def _links(records: Mapping[str, Sequence[object]], placed: Sequence[Stream]) -> Links:
    index = {
        name: {id_of(name, one): row for row, one in enumerate(rows)}
        for name, rows in records.items()
    }
    historical = index["HistoricalLocations"]
    ids = {name: list(keys) for name, keys in index.items()}
    itself = [(row,) for row in range(len(ids["Things"]))]
    then = [(historical[key],) if key in historical else () for key in ids["Things"]]
    back = [(index["Things"][key],) for key in historical]
    found: dict[tuple[str, str], Sequence[tuple[int, ...]]] = {
        ("Things", "Locations"): itself,
        ("Locations", "Things"): itself,
        ("Things", "HistoricalLocations"): then,
        ("Locations", "HistoricalLocations"): then,
        ("HistoricalLocations", "Thing"): back,
        ("HistoricalLocations", "Locations"): back,
    }
    ends = {
        "Thing": ("Things", [one.stream.asset_id for one in placed]),
        "Sensor": ("Sensors", [one.stream.sensor_id for one in placed]),
        "ObservedProperty": ("ObservedProperties", [one.stream.quantity for one in placed]),
    }
    for link, (target, keys) in ends.items():
        rows = [index[target][key] for key in keys]
        below: list[list[int]] = [[] for _ in ids[target]]
        for stream_row, row in enumerate(rows):
            below[row].append(stream_row)
        found["Datastreams", link] = [(row,) for row in rows]
        found[target, "Datastreams"] = [tuple(one) for one in below]
    return found


def streams_of(catalogue: Catalogue, set_name: str, row: int) -> Rows:
    """Rows of the datastreams whose observations belong to a datastream or feature of interest."""
    if set_name == "Datastreams":
        return np.array([row], np.int64)
    if set_name != "FeaturesOfInterest":
        raise UnknownEntityError(f"{set_name} has no {OBSERVATIONS}")
    return np.flatnonzero(catalogue.feature == row).astype(np.int64)
