"""Entities and observations as the JSON of SensorThings, with links, expansions and selection."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

import numpy as np

from sensors.sensorthings.addresses import entity_of_token, entity_path, entity_token, reading_token
from sensors.sensorthings.catalogue import Catalogue, EntityRows, Rows, streams_of
from sensors.sensorthings.evaluation import holds
from sensors.sensorthings.functions import FIRST_TIME_US
from sensors.sensorthings.options import Expansion, Options
from sensors.sensorthings.ordering import order_of
from sensors.sensorthings.problems import MalformedError, UnsupportedError
from sensors.sensorthings.readings import (
    ObservationRows,
    Page,
    count_of,
    first_of_each,
    read_page,
    wanted,
)
from sensors.sensorthings.schema import OBSERVATIONS, SETS, json_value, time_text
from twin.city import Twin
from twin.model.observations import Readings
from twin.model.quality import keys
from twin.model.times import from_us

Json = dict[str, object]
MOST_ENTITIES = 100_000
OBSERVATION_FIELDS = ("phenomenonTime", "resultTime", "result", "resultQuality")
_SECOND_US = 1_000_000


@dataclass(slots=True)
class Answering:
    """One answer in the making: where it comes from, and how much it may still hold."""

    twin: Twin
    catalogue: Catalogue
    root: str
    left: int = field(default=MOST_ENTITIES)

    def spend(self, count: int) -> None:
        """Count entities of the answer; UnsupportedError if there are too many."""
        self.left -= count
        if self.left < 0:
            raise UnsupportedError(
                f"this answer would hold more than {MOST_ENTITIES:,} entities; take a smaller "
                "$top, also inside $expand"
            )

    def address(self, path: str, texts: Iterable[tuple[str, str]] = ()) -> str:
        """Address of a path, with options."""
        query = urlencode(list(texts), quote_via=quote, safe="$,()'/:;=@*")
        return f"{self.root}/{path}" + (f"?{query}" if query else "")


@dataclass(frozen=True, slots=True)
class Listed:
    """Rows of a page of entities, the token of the next page, and the count if asked for."""

    rows: Rows
    token: str
    count: int | None


def list_entities(catalogue: Catalogue, set_name: str, scope: Rows, options: Options) -> Listed:
    """Filter, order and page some entities."""
    rows = scope
    source = EntityRows(catalogue, set_name, rows)
    if options.filter is not None:
        rows = rows[holds(options.filter, source)]
        source = EntityRows(catalogue, set_name, rows)
    count = len(rows) if options.count else None
    if options.orderby:
        rows = rows[order_of(source, options.orderby)]
    begin = options.skip
    if options.token:
        begin += _behind(catalogue, set_name, rows, options)
    page = rows[begin : begin + options.top]
    has_more = begin + options.top < len(rows) and len(page) > 0
    token = entity_token(catalogue.ids[set_name][int(page[-1])]) if has_more else ""
    return Listed(page, token, count)


def _behind(catalogue: Catalogue, set_name: str, rows: Rows, options: Options) -> int:
    """Where the page behind a token begins."""
    key = entity_of_token(options.token)
    ids = catalogue.ids[set_name]
    if not options.orderby:
        return sum(1 for row in rows.tolist() if ids[row] <= key)
    places = [place for place, row in enumerate(rows.tolist()) if ids[row] == key]
    if not places:
        raise MalformedError("the entity behind which this page begins is gone; ask anew")
    return places[0] + 1


def next_link(answering: Answering, path: str, options: Options, token: str, skip: int = 0) -> str:
    """Address of the next page: the same options, from a key on."""
    texts = [(key, text) for key, text in options.texts if key not in ("$skip", "$skiptoken")]
    more = [("$skip", str(skip))] if skip else []
    return answering.address(path, [*texts, *more, ("$skiptoken", token)])


def entities(
    answering: Answering, set_name: str, rows: Sequence[int], options: Options
) -> list[Json]:
    """Entities of some rows as JSON."""
    answering.spend(len(rows))
    shown = _shown(set_name, options)
    expanded = {one.name: _expanded(answering, set_name, rows, one) for one in options.expand}
    catalogue, one = answering.catalogue, SETS[set_name]
    found = []
    for row in rows:
        record, key = catalogue.records[set_name][row], catalogue.ids[set_name][row]
        path = entity_path(set_name, key)
        body = _head(answering, path, key, options)
        body |= {name: json_value(one.properties[name](record)) for name in shown}
        _link(answering, body, set_name, path, options)
        for items in expanded.values():
            body |= items[row]
        found.append(body)
    return found


def _head(answering: Answering, path: str, key: str, options: Options) -> Json:
    head: Json = {"@iot.selfLink": answering.address(path), "@iot.id": key}
    if not options.select:
        return head
    wanted_names = {"@iot.id" if name == "id" else name for name in options.select}
    return {name: value for name, value in head.items() if name in wanted_names}


def _link(answering: Answering, body: Json, set_name: str, path: str, options: Options) -> None:
    expanded = {one.name for one in options.expand}
    for name in SETS[set_name].links:
        if name not in expanded and (not options.select or name in options.select):
            body[f"{name}@iot.navigationLink"] = answering.address(f"{path}/{name}")


def _shown(set_name: str, options: Options) -> tuple[str, ...]:
    """Names of the properties that are delivered."""
    one = SETS[set_name]
    for name in options.select:
        if name not in one.properties and name not in one.links and name not in ("id", "@iot.id"):
            raise MalformedError(f"{one.singular} has no property {name[:40]!r} to select")
    if not options.select:
        return tuple(one.properties)
    return tuple(name for name in one.properties if name in options.select)


def _expanded(
    answering: Answering, set_name: str, rows: Sequence[int], expansion: Expansion
) -> Mapping[int, Json]:
    """What an expansion adds to each row."""
    link = SETS[set_name].links.get(expansion.name)
    if link is None:
        raise MalformedError(
            f"{SETS[set_name].singular} has no {expansion.name[:40]!r} to expand; "
            f"it has {', '.join(SETS[set_name].links)}"
        )
    if link.target == OBSERVATIONS:
        return _expanded_observations(answering, set_name, rows, expansion)
    catalogue, options = answering.catalogue, expansion.options
    targets = {row: catalogue.linked(set_name, expansion.name, row) for row in rows}
    if not link.is_many:
        unique = sorted({one for found in targets.values() for one in found})
        bodies = dict(zip(unique, entities(answering, link.target, unique, options), strict=True))
        return {row: {expansion.name: bodies[found[0]]} for row, found in targets.items()}
    pages = {
        row: list_entities(catalogue, link.target, np.array(found, np.int64), options)
        for row, found in targets.items()
    }
    unique = sorted({one for page in pages.values() for one in page.rows.tolist()})
    answering.spend(sum(len(page.rows) for page in pages.values()))
    bodies = dict(zip(unique, entities(answering, link.target, unique, options), strict=True))
    added: dict[int, Json] = {}
    for row, page in pages.items():
        values = [bodies[target] for target in page.rows.tolist()]
        path = f"{entity_path(set_name, catalogue.ids[set_name][row])}/{expansion.name}"
        link_text = next_link(answering, path, options, page.token) if page.token else ""
        added[row] = _many(expansion.name, values, count=page.count, link=link_text)
    return added


def _many(name: str, values: Sequence[object], *, count: int | None, link: str) -> Json:
    body: Json = {name: values}
    if count is not None:
        body[f"{name}@iot.count"] = count
    if link:
        body[f"{name}@iot.nextLink"] = link
    return body


def _expanded_observations(
    answering: Answering, set_name: str, rows: Sequence[int], expansion: Expansion
) -> Mapping[int, Json]:
    options = expansion.options
    pages = _first_pages(answering, set_name, rows, options)
    added: dict[int, Json] = {}
    whole = [pages[row].rows for row in rows]
    readings = _together(answering.catalogue, whole)
    bodies = iter(observations(answering, readings, options))
    for row in rows:
        page = pages[row]
        values = [next(bodies) for _ in range(len(page.rows))]
        path = f"{entity_path(set_name, answering.catalogue.ids[set_name][row])}/{expansion.name}"
        link = "" if page.after is None else next_link(
            answering, path, options, reading_token(page.after), page.skip
        )  # fmt: skip
        count = None
        if options.count:
            streams = streams_of(answering.catalogue, set_name, row)
            count = count_of(answering.twin, wanted(answering.catalogue, streams, options.filter))
        added[row] = _many(expansion.name, values, count=count, link=link)
    return added


def _together(catalogue: Catalogue, parts: Sequence[ObservationRows]) -> ObservationRows:
    def column(name: str, kind: type) -> np.ndarray:
        return np.concatenate([np.empty(0, kind), *(getattr(p.readings, name) for p in parts)])

    return ObservationRows(
        catalogue,
        Readings(
            column("number", np.int32).astype(np.int32),
            column("time_us", np.int64).astype(np.int64),
            column("value", np.float64),
            column("quality", np.int16).astype(np.int16),
        ),
    )


def _first_pages(
    answering: Answering, set_name: str, rows: Sequence[int], options: Options
) -> Mapping[int, Page]:
    """First page of observations of each entity; in one query for datastreams without a filter."""
    catalogue, twin = answering.catalogue, answering.twin
    is_plain = not options.filter and not options.skip and options.top > 0
    by_time = not options.orderby or [one.path for one in options.orderby] == [("phenomenonTime",)]
    if set_name != "Datastreams" or not (is_plain and by_time):
        pages = {}
        for row in rows:
            asked = wanted(catalogue, streams_of(catalogue, set_name, row), options.filter)
            pages[row] = read_page(twin, asked, options)
        return pages
    newest_first = options.orderby[0].is_descending if options.orderby else True
    limit = options.top if options.top == 1 and newest_first else options.top + 1
    answering.spend(0 if len(rows) * limit <= answering.left else answering.left + 1)
    found = first_of_each(
        twin, catalogue, np.array(rows, np.int64), limit=limit, newest_first=newest_first
    )
    return _cut(ObservationRows(catalogue, found), rows, options)


def _cut(found: ObservationRows, rows: Sequence[int], options: Options) -> Mapping[int, Page]:
    """The readings of each datastream as its first page."""
    order = np.argsort(found.readings.number, kind="stable")
    ordered = found.take(order)
    numbers = found.catalogue.numbers
    begins = np.searchsorted(ordered.readings.number, numbers[list(rows)], side="left")
    ends = np.searchsorted(ordered.readings.number, numbers[list(rows)], side="right")
    pages = {}
    for row, begin, end in zip(rows, begins.tolist(), ends.tolist(), strict=True):
        last = min(end, begin + options.top)
        page = ordered.take(slice(begin, last))
        # The latest values do not tell whether there are more; the next page does.
        has_more = end > last or (options.top == 1 and end > begin)
        final = page.readings
        after = (int(final.time_us[-1]), int(final.number[-1])) if has_more else None
        pages[row] = Page(page, after)
    return pages


def observations(answering: Answering, found: ObservationRows, options: Options) -> list[Json]:
    """Observations as JSON."""
    answering.spend(len(found))
    shown = _shown(OBSERVATIONS, options)
    columns = {name: observation_column(found, name) for name in shown}
    expanded = {one.name: _expanded_streams(answering, found, one) for one in options.expand}
    bodies = []
    for place, key in enumerate(found.ids()):
        path = entity_path(OBSERVATIONS, key)
        body = _head(answering, path, key, options)
        for name in shown:
            body[name] = columns[name][place]
        _link(answering, body, OBSERVATIONS, path, options)
        for name, items in expanded.items():
            body[name] = items[place]
        bodies.append(body)
    return bodies


def observation_column(found: ObservationRows, name: str) -> list[object]:
    """One property of all observations."""
    readings = found.readings
    match name:
        case "result":
            return readings.value.tolist()
        case "phenomenonTime":
            return _times(found)
        case "resultQuality":
            masks = readings.quality.tolist()
            named = {mask: {"mask": mask, "flags": list(keys(mask))} for mask in set(masks)}
            return [named[mask] for mask in masks]
        case "id":
            return list(found.ids())
    return [None] * len(found)  # resultTime: the store keeps no time of arrival per reading


def _times(found: ObservationRows) -> list[object]:
    """Instants; an interval as ``start/end``, its label is its end."""
    streams = found.streams.tolist()
    periods = {row: found.catalogue.stream(row).period_s for row in set(streams)}
    texts: list[object] = []
    for row, time_us in zip(streams, found.readings.time_us.tolist(), strict=True):
        end = time_text(from_us(time_us))
        period_s = periods[row]
        if period_s is None:
            texts.append(end)
        else:
            begin_us = max(FIRST_TIME_US, time_us - round(period_s * _SECOND_US))
            begin = time_text(from_us(begin_us))
            texts.append(f"{begin}/{end}")
    return texts


def _expanded_streams(
    answering: Answering, found: ObservationRows, expansion: Expansion
) -> list[Json]:
    link = SETS[OBSERVATIONS].links.get(expansion.name)
    if link is None:
        raise MalformedError(f"Observation has no {expansion.name[:40]!r} to expand")
    rows = found.streams
    if link.target != "Datastreams":
        rows = answering.catalogue.feature[rows]
    unique = sorted(set(rows.tolist()))
    bodies = entities(answering, link.target, unique, expansion.options)
    by_row = dict(zip(unique, bodies, strict=True))
    return [by_row[row] for row in rows.tolist()]
