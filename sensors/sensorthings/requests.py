"""From the path and the options of a request to its answer."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from shapely.geometry.base import BaseGeometry

from sensors.sensorthings.addresses import (
    Step,
    entity_path,
    reading_of_token,
    reading_token,
    steps_of,
)
from sensors.sensorthings.answers import (
    OBSERVATION_FIELDS,
    Answering,
    Json,
    entities,
    list_entities,
    next_link,
    observation_column,
    observations,
)
from sensors.sensorthings.catalogue import Catalogue, Rows, streams_of
from sensors.sensorthings.conformance import Claims
from sensors.sensorthings.functions import FIRST_TIME_US, LAST_TIME_US
from sensors.sensorthings.options import Options, parse_options
from sensors.sensorthings.problems import MalformedError, UnknownEntityError, UnsupportedError
from sensors.sensorthings.readings import ObservationRows, Wanted, count_of, read_page, wanted
from sensors.sensorthings.schema import OBSERVATIONS, SETS, json_value
from twin.city import Twin
from twin.model.times import from_us


@dataclass(frozen=True, slots=True)
class Place:
    """Where a path leads.

    Parameters
    ----------
    path
        Address of the place, without the root.
    set_name
        Entity set that it belongs to.
    rows
        Rows of the set; of observations those of their datastreams.
    is_many
        Whether it is a collection.
    reading
        The observation, if it is one.
    """

    path: str
    set_name: str
    rows: Rows
    is_many: bool
    reading: ObservationRows | None = None


def answer(
    twin: Twin,
    catalogue: Catalogue,
    root: str,
    *,
    path: str,
    pairs: Iterable[tuple[str, str]],
    claims: Claims | None = None,
) -> object:
    """Answer to a GET: JSON, or a plain text for ``$value``.

    Raises
    ------
    RequestError
        If there is no such address, or an option is malformed or not supported.
    """
    answering = Answering(twin, catalogue, root)
    steps = steps_of(path)
    options = parse_options(pairs)
    if not steps:
        return landing_page(root, claims or Claims())
    place, rest = _walk(answering, steps)
    if rest:
        return _of_rest(answering, place, rest, options)
    if place.is_many:
        return _collection(answering, place, options)
    _only_for_entity(options)
    if place.reading is not None:
        return observations(answering, place.reading, options)[0]
    return entities(answering, place.set_name, place.rows.tolist(), options)[0]


def landing_page(root: str, claims: Claims) -> Json:
    """What the service offers, and the requirements that it fulfils."""
    return {
        "value": [{"name": name, "url": f"{root}/{name}"} for name in SETS],
        "serverSettings": claims.document(),
    }


def _only_for_entity(options: Options) -> None:
    names = {name for name, _ in options.texts} - {"$select", "$expand", "$resultFormat"}
    if names:
        raise MalformedError(f"{', '.join(sorted(names))}: not possible for a single entity")
    if options.form:
        raise UnsupportedError("resultFormat is possible for collections only")


def _walk(answering: Answering, steps: tuple[Step, ...]) -> tuple[Place, tuple[Step, ...]]:
    """Where the steps lead, and those behind it that are no navigation."""
    first, *others = steps
    if first.name not in SETS:
        raise UnknownEntityError(f"there is no {first.name[:40]!r}; use {', '.join(SETS)}")
    catalogue = answering.catalogue
    scope = "Datastreams" if first.name == OBSERVATIONS else first.name
    place = Place(first.name, first.name, catalogue.all_rows(scope), is_many=True)
    if first.key is not None:
        place = _keyed(answering, place, first.key)
    for at, step in enumerate(others):
        if place.is_many or step.name not in SETS[place.set_name].links:
            return place, tuple(others[at:])
        place = _linked(answering, place, step)
    return place, ()


def _keyed(answering: Answering, place: Place, key: str) -> Place:
    """The entity of a collection that has this id."""
    catalogue = answering.catalogue
    path = entity_path(place.set_name, key)
    if place.set_name == OBSERVATIONS:
        reading = _observation(answering, key)
        if not np.isin(reading.streams, place.rows).all():
            raise UnknownEntityError(f"{place.path} has no observation {key[:80]!r}")
        return Place(path, OBSERVATIONS, reading.streams, is_many=False, reading=reading)
    row = catalogue.row(place.set_name, key)
    if row not in place.rows:
        raise UnknownEntityError(f"{place.path} has no entity {key[:80]!r}")
    return Place(path, place.set_name, np.array([row], np.int64), is_many=False)


def _observation(answering: Answering, key: str) -> ObservationRows:
    uid, _, text = key.rpartition("@")
    catalogue = answering.catalogue
    row = catalogue.index["Datastreams"].get(uid)
    if row is not None and re.fullmatch(r"-?[0-9]{1,18}", text):
        at_us, number = int(text), int(catalogue.numbers[row])
        if number >= 0 and FIRST_TIME_US <= at_us < LAST_TIME_US:
            span = {"start": from_us(at_us), "end": from_us(at_us + 1)}
            found = answering.twin.page([number], limit=1, **span)
            if len(found):
                return ObservationRows(catalogue, found)
    raise UnknownEntityError(f"{OBSERVATIONS} has no entity {key[:80]!r}")


def _linked(answering: Answering, place: Place, step: Step) -> Place:
    """Where a navigation property of an entity leads."""
    catalogue = answering.catalogue
    link = SETS[place.set_name].links[step.name]
    row = int(place.rows[0])
    path = f"{place.path}/{step.name}"
    if link.target == OBSERVATIONS:
        rows = streams_of(catalogue, place.set_name, row)
    elif place.set_name == OBSERVATIONS:
        rows = place.rows if link.target == "Datastreams" else catalogue.feature[place.rows]
    else:
        rows = np.array(catalogue.linked(place.set_name, step.name, row), np.int64)
    found = Place(path, link.target, rows, link.is_many)
    if step.key is None:
        return found
    if not link.is_many:
        raise UnknownEntityError(f"{step.name} is a single entity; leave the key out")
    return _keyed(answering, found, step.key)


def _of_rest(
    answering: Answering, place: Place, rest: tuple[Step, ...], options: Options
) -> object:
    """A property, its plain value, or references."""
    names = [step.name for step in rest]
    if any(step.key is not None for step in rest):
        raise UnknownEntityError(f"{place.path} has no {names[0][:40]!r}")
    if names == ["$ref"]:
        return _references(answering, place, options)
    if place.is_many:
        raise UnknownEntityError(f"{place.path} is a collection; name one of its entities")
    if options.texts:
        raise MalformedError("query options are not possible for a property")
    name, *behind = names
    if name not in SETS[place.set_name].properties or behind not in ([], ["$value"]):
        raise UnknownEntityError(f"{place.path} has no {'/'.join(names)[:80]!r}")
    value = _property(answering, place, name)
    if not behind:
        return {name: value}
    if isinstance(value, dict | list):
        raise UnsupportedError(f"{name} is no plain value; leave $value out")
    return "" if value is None else str(value)


def _property(answering: Answering, place: Place, name: str) -> object:
    if place.reading is not None:
        return observation_column(place.reading, name)[0]
    record = answering.catalogue.records[place.set_name][int(place.rows[0])]
    return json_value(SETS[place.set_name].properties[name](record))


def _references(answering: Answering, place: Place, options: Options) -> object:
    if not place.is_many:
        return {"@iot.selfLink": answering.address(place.path)}
    whole = _collection(answering, place, options, is_bare=True)
    values = whole["value"]
    if isinstance(values, list):
        whole["value"] = [{"@iot.selfLink": one["@iot.selfLink"]} for one in values]
    return whole


def _collection(
    answering: Answering, place: Place, options: Options, *, is_bare: bool = False
) -> Json:
    if is_bare and (options.select or options.expand or options.form):
        raise MalformedError("$select, $expand and resultFormat are not possible with $ref")
    if place.set_name == OBSERVATIONS:
        return _observations(answering, place, options)
    if options.form == "dataArray":
        raise UnsupportedError("resultFormat dataArray is possible for Observations only")
    listed = list_entities(answering.catalogue, place.set_name, place.rows, options)
    if options.form == "GeoJSON":
        return _geojson(answering, place, listed.rows, options, token=listed.token)
    body: Json = {} if listed.count is None else {"@iot.count": listed.count}
    body["value"] = entities(answering, place.set_name, listed.rows.tolist(), options)
    if listed.token:
        body["@iot.nextLink"] = next_link(answering, place.path, options, listed.token)
    return body


def _geojson(
    answering: Answering, place: Place, rows: Rows, options: Options, *, token: str
) -> Json:
    """The page as a GeoJSON FeatureCollection (RFC 7946)."""
    one = SETS[place.set_name]
    read = one.geometry
    if read is None:
        raise UnsupportedError(f"{place.set_name} has no geometry; leave resultFormat out")
    records = answering.catalogue.records[place.set_name]
    bodies = entities(answering, place.set_name, rows.tolist(), options)
    features = []
    for row, body in zip(rows.tolist(), bodies, strict=True):
        geometry = read(records[row])
        plain = {key: value for key, value in body.items() if key not in _GEOMETRIES}
        features.append(
            {
                "type": "Feature",
                "id": answering.catalogue.ids[place.set_name][row],
                "geometry": json_value(geometry) if isinstance(geometry, BaseGeometry) else None,
                "properties": plain,
            }
        )
    whole: Json = {"type": "FeatureCollection", "features": features}
    if token:
        whole["@iot.nextLink"] = next_link(answering, place.path, options, token)
    return whole


_GEOMETRIES = frozenset({"location", "feature", "observedArea"})


def _observations(answering: Answering, place: Place, options: Options) -> Json:
    catalogue = answering.catalogue
    asked = wanted(catalogue, place.rows, options.filter)
    if options.token:
        asked = _behind(asked, options.token)
    page = read_page(answering.twin, asked, options)
    body: Json = {}
    if options.count:
        body["@iot.count"] = count_of(answering.twin, asked)
    if options.form == "dataArray":
        body["value"] = _data_arrays(answering, page.rows, options)
    elif options.form:
        raise UnsupportedError("resultFormat GeoJSON is possible for entities with a geometry")
    else:
        body["value"] = observations(answering, page.rows, options)
    if page.after is not None:
        token = reading_token(page.after)
        body["@iot.nextLink"] = next_link(answering, place.path, options, token, page.skip)
    return body


def _behind(asked: Wanted, token: str) -> Wanted:
    return Wanted(
        catalogue=asked.catalogue,
        streams=asked.streams,
        start_us=asked.start_us,
        end_us=asked.end_us,
        tree=asked.tree,
        after=reading_of_token(token),
    )


def _data_arrays(answering: Answering, found: ObservationRows, options: Options) -> list[Json]:
    """Observations in groups by datastream, as rows of values."""
    if options.expand:
        raise UnsupportedError("$expand is not possible with dataArray; leave one of them out")
    answering.spend(len(found))
    names = _components(options)
    groups: list[Json] = []
    streams = found.streams
    for row in dict.fromkeys(streams.tolist()):
        part = found.take(np.flatnonzero(streams == row))
        columns = [observation_column(part, name) for name in names]
        path = entity_path("Datastreams", answering.catalogue.ids["Datastreams"][row])
        groups.append(
            {
                "Datastream@iot.navigationLink": answering.address(path),
                "components": list(names),
                "dataArray@iot.count": len(part),
                "dataArray": [list(values) for values in zip(*columns, strict=True)],
            }
        )
    return groups


def _components(options: Options) -> tuple[str, ...]:
    if not options.select:
        return ("id", *OBSERVATION_FIELDS)
    wanted_names = ["id" if name == "@iot.id" else name for name in options.select]
    for name in wanted_names:
        if name not in ("id", *OBSERVATION_FIELDS):
            raise MalformedError(f"a dataArray has no column {name[:40]!r}")
    return tuple(dict.fromkeys(wanted_names))
