"""What loading a city changes in the registry: pure, the same for every store."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from twin.errors import CityError
from twin.model.assets import Asset, Component
from twin.model.city import City, LoadReport
from twin.store.text import require_storable

SHOWN_PROBLEMS = 10


class _Row(Protocol):
    @property
    def id(self) -> str: ...


Row = TypeVar("Row", bound=_Row)


def difference(known: City, wanted: City) -> tuple[City, LoadReport]:
    """Rows of the wanted city that the registry lacks or holds otherwise, and their counts.

    Rows that only the registry holds stay as they are. A datastream that is known keeps its
    number.

    Raises
    ------
    CityError
        If an id occurs twice, a row refers to one that exists nowhere, two datastreams would
        share a route, or a value cannot be stored; names up to ten such places.
    """
    check(known, wanted)
    numbers = {stream.uid: stream.number for stream in known.datastreams}
    wanted_streams = [replace(s, number=numbers.get(s.uid)) for s in wanted.datastreams]
    references, a = _changed(known.references, wanted.references)
    assets, b = _changed(known.assets, wanted.assets)
    components, c = _changed(known.components, wanted.components)
    sensors, d = _changed(known.sensors, wanted.sensors)
    by_uid = {stream.uid: stream for stream in known.datastreams}
    streams = tuple(s for s in wanted_streams if by_uid.get(s.uid) != s)
    added = sum(stream.uid not in by_uid for stream in streams)
    e = LoadReport(added, len(streams) - added, len(wanted_streams) - len(streams))
    changes = City(
        name=wanted.name,
        references=references,
        assets=assets,
        components=components,
        sensors=sensors,
        datastreams=streams,
    )
    parts = (a, b, c, d, e)
    return changes, LoadReport(
        added=sum(part.added for part in parts),
        changed=sum(part.changed for part in parts),
        unchanged=sum(part.unchanged for part in parts),
    )


def check(known: City, wanted: City) -> None:
    """Refuse a city that the registry could not hold; see `difference`."""
    require_storable(wanted, what="city")
    problems = [
        *_repeated("reference", (row.id for row in wanted.references)),
        *_repeated("asset", (row.id for row in wanted.assets)),
        *_repeated("component", (row.id for row in wanted.components)),
        *_repeated("sensor", (row.id for row in wanted.sensors)),
        *_repeated("datastream", (row.uid for row in wanted.datastreams)),
        *_asset_problems(known, wanted),
        *_component_problems(known, wanted),
        *_stream_problems(known, wanted),
    ]
    if problems:
        rest = len(problems) - SHOWN_PROBLEMS
        more = f"; and {rest} more" if rest > 0 else ""
        raise CityError(
            f"city {wanted.name!r} cannot be loaded, nothing was changed: "
            f"{'; '.join(problems[:SHOWN_PROBLEMS])}{more}"
        )


def _changed(known: Sequence[Row], wanted: Sequence[Row]) -> tuple[tuple[Row, ...], LoadReport]:
    by_id = {row.id: row for row in known}
    rows = tuple(row for row in wanted if by_id.get(row.id) != row)
    added = sum(row.id not in by_id for row in rows)
    return rows, LoadReport(added, len(rows) - added, len(wanted) - len(rows))


def _repeated(what: str, ids: Iterable[str]) -> list[str]:
    return [
        f"{what} {key!r} occurs {count} times; give each its own id"
        for key, count in Counter(ids).items()
        if count > 1
    ]


def _asset_problems(known: City, wanted: City) -> list[str]:
    references = {row.id for row in (*known.references, *wanted.references)}
    problems = []
    for asset in wanted.assets:
        problems += _repeated(
            f"asset {asset.id!r}: attribute", (item.name for item in asset.attributes)
        )
        problems += [
            f"asset {asset.id!r}: attribute {item.name!r} is {item.value}; give a finite number"
            for item in asset.attributes
            if not isinstance(item.value, str) and not math.isfinite(item.value)
        ]
        problems += [
            f"asset {asset.id!r} cites reference {key!r}, which is not in the city; add it"
            for key in sorted(_cited(asset) - references)
        ]
    return problems


def _cited(asset: Asset) -> set[str]:
    provenances = [asset.geometry_provenance, *(item.provenance for item in asset.attributes)]
    return {key for provenance in provenances for key in provenance.references}


def _component_problems(known: City, wanted: City) -> list[str]:
    assets = {row.id for row in (*known.assets, *wanted.assets)}
    components = {row.id: row for row in (*known.components, *wanted.components)}
    problems = []
    for row in wanted.components:
        parent = None if row.parent_id is None else components.get(row.parent_id)
        if row.asset_id not in assets:
            problems.append(f"component {row.id!r} is part of the unknown asset {row.asset_id!r}")
        elif row.parent_id is not None and (parent is None or parent.asset_id != row.asset_id):
            problems.append(
                f"component {row.id!r} names the parent {row.parent_id!r}, "
                f"which is no component of asset {row.asset_id!r}"
            )
        elif _is_own_ancestor(row, components):
            problems.append(f"component {row.id!r} is its own ancestor; correct parent_id")
    return problems


def _is_own_ancestor(row: Component, components: Mapping[str, Component]) -> bool:
    seen = {row.id}
    above = row.parent_id
    while above is not None and above in components:
        if above in seen:
            return True
        seen.add(above)
        above = components[above].parent_id
    return False


def _stream_problems(known: City, wanted: City) -> list[str]:
    assets = {row.id for row in (*known.assets, *wanted.assets)}
    components = {row.id: row for row in (*known.components, *wanted.components)}
    sensors = {row.id for row in (*known.sensors, *wanted.sensors)}
    problems = []
    for row in wanted.datastreams:
        component = None if row.component_id is None else components.get(row.component_id)
        if row.asset_id not in assets:
            problems.append(f"datastream {row.uid!r} measures the unknown asset {row.asset_id!r}")
        elif row.component_id is not None and (
            component is None or component.asset_id != row.asset_id
        ):
            problems.append(
                f"datastream {row.uid!r} names {row.component_id!r}, "
                f"which is no component of asset {row.asset_id!r}"
            )
        if row.sensor_id not in sensors:
            problems.append(f"datastream {row.uid!r} names the unknown sensor {row.sensor_id!r}")
    return problems + _shared_routes(known, wanted)


def _shared_routes(known: City, wanted: City) -> list[str]:
    by_uid = {s.uid: s for s in (*known.datastreams, *wanted.datastreams)}
    routes: dict[tuple[str, str], str] = {}
    problems = []
    for stream in by_uid.values():
        other = routes.setdefault((stream.source, stream.route_key), stream.uid)
        if other != stream.uid:
            problems.append(
                f"datastreams {other!r} and {stream.uid!r} share the route key "
                f"{stream.route_key!r} of source {stream.source!r}; give each its own"
            )
    return problems
