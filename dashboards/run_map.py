"""Tables and channels of the map of a run, as bytes with an address that never changes.

Rows follow the table of roads of the registry; bridges have a table of their own per run.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboards.api_addresses import run_map_address
from dashboards.i18n.translate import Texts
from dashboards.joint_rows import unit_of
from dashboards.live.features import CityFeatures, is_closed
from dashboards.live.quantise import NO_VALUE, Scale, difference, quantise
from dashboards.live.table import Column, Table, decode_table, encode_table, point_columns
from dashboards.run_links import (
    QUANTITIES,
    SIDES,
    RunLinks,
    Sided,
    drawn,
    links_of,
    nice,
    taken,
)
from dashboards.run_words import class_words, signed_text
from twin.city import Twin
from twin.errors import RegistryError

LINKS, BRIDGES, REPORT, JOINT = "links", "bridges", "report", "measures"
ROADS = "roads"
SMALL_PX, LARGE_PX = 7.0, 26.0
MOST_CLASSES = 6
RESTRICTION_SIGN, FINDING_SIGN = "\u2298", "!"
SIGNS = {"more": 1, "less": -1}
KNOWN_STATUS = ("newly_violated", "avoided", "violated")


@dataclass(frozen=True, slots=True)
class RunBridge:
    """Heavy vehicles on one bridge on both sides, and what there is to say of it.

    Parameters
    ----------
    unit : str
        ``/d``, or ``/h`` where the base knows no share of its hour in the day.
    is_changed : bool
        The change is above its noise.
    has_finding, meets_restriction : bool
        The joint analysis has a finding of it; its traffic meets or avoids a restriction.
    """

    id: str
    name: str
    place: tuple[float, float]
    base: float
    scenario: float
    floor: float
    unit: str
    is_changed: bool
    has_finding: bool = False
    meets_restriction: bool = False

    @property
    def change(self) -> float:
        """Scenario minus base, noise included."""
        return self.scenario - self.base


@dataclass(frozen=True, slots=True, eq=False)
class RunMap:
    """Everything that the map of a run draws.

    Parameters
    ----------
    number : int
        Number of the run.
    version : str
        Version of the table of roads that the rows follow.
    rows : (roads,)
        Link of each row of that table, -1 where the network has none.
    """

    number: int
    version: str
    links: RunLinks
    rows: NDArray[np.int64]
    bridges: tuple[RunBridge, ...]

    def address(self, name: str, language: str) -> str:
        """Address of the bytes of a table or channel."""
        return run_map_address(self.number, self.version, name, language)

    @property
    def bridge_scale(self) -> Scale:
        """Range of the changes on bridges that are above their noise."""
        largest = max((abs(item.change) for item in self.bridges if item.is_changed), default=0.0)
        return difference(max(nice(largest), 10.0))


def read_run_map(twin: Twin, number: int, features: CityFeatures) -> RunMap:
    """Map of a run that is done.

    Raises
    ------
    RegistryError
        If there is no such run, or it has no result.
    ModelError
        If its parts were made by another version.
    """
    run = twin.run(number)
    content = twin.traffic.run_part(run.id, LINKS)
    if content is None:
        raise RegistryError(f"run {run.id} is {run.status} and has no links to draw")
    carried = twin.traffic.run_part(run.id, BRIDGES)
    links = links_of(content, carried, run.scenario)
    joint = twin.traffic.run_part(run.id, JOINT)
    report = twin.traffic.run_part(run.id, REPORT)
    roads = [row.id for row in features.roads]
    return RunMap(
        number=run.id,
        version=features.tables[ROADS].version,
        links=links,
        rows=links.rows_of(roads),
        bridges=_bridges(joint, report, features),
    )


def body(shown: RunMap, name: str, features: CityFeatures, texts: Texts) -> bytes | None:
    """Bytes (TWT1) of a table or channel; None if there is no such name."""
    kind, _, key = name.partition(".")
    if kind == "run_bridges":
        return _bridge_table(shown, features, texts)
    if kind == "bridge_change":
        return _channel(name, _bridge_codes(shown))
    kind, is_far = kind.removesuffix("_far"), kind.endswith("_far")
    if kind in ("closed", "closed_before"):
        return _lines(name, closed_rows(shown, kind, features), features, is_far=is_far)
    if key not in QUANTITIES:
        return None
    makers: dict[str, Callable[[], bytes]] = {
        **{side: lambda side=side: _side(shown, key, side) for side in SIDES},
        **{
            sign: lambda sign=sign: _lines(
                name, changed_rows(shown, key, sign=SIGNS[sign]), features, is_far=is_far
            )
            for sign in SIGNS
        },
        "facts": lambda: _facts(shown, key, texts),
    }
    return makers[kind]() if kind in makers else None


def changed_rows(shown: RunMap, key: str, *, sign: int) -> NDArray[np.int64]:
    """Rows of the map whose change is above the noise, the largest last, so that it is on top."""
    sided = shown.links.quantities[key]
    wanted = drawn(sided) & (np.sign(sided.change) == sign)
    rows = _rows_where(shown, wanted)
    order = np.argsort(np.abs(sided.change[shown.rows[rows]]), kind="stable")
    return rows[order]


def closed_rows(shown: RunMap, kind: str, features: CityFeatures) -> NDArray[np.int64]:
    """Rows that the scenario closes, or that were closed before it."""
    if kind == "closed":
        return _rows_where(shown, shown.links.is_closed)
    rows = [row for row, feature in enumerate(features.roads) if is_closed(feature.asset)]
    closed = np.array(rows, dtype=np.int64)
    carries = taken(shown.links.quantities["flow"].base > 0.0, shown.rows, absent=False)
    return closed[np.logical_not(carries[closed])]


def _rows_where(shown: RunMap, wanted: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.flatnonzero(taken(wanted, shown.rows, absent=False)).astype(np.int64)


def _channel(name: str, codes: NDArray[np.uint8]) -> bytes:
    return encode_table(name, {"value": codes})


def _side(shown: RunMap, key: str, side: str) -> bytes:
    codes = taken(shown.links.codes(key, side), shown.rows, absent=NO_VALUE)
    return _channel(f"{side}.{key}", codes.astype(np.uint8))


def _lines(name: str, rows: NDArray[np.int64], features: CityFeatures, *, is_far: bool) -> bytes:
    """Some rows of the table of roads once more, near by or from far away."""
    table = decode_table(features.tables[f"{ROADS}_far" if is_far else ROADS].body)
    start, xy = _array(table, "start").astype(np.int64), _array(table, "xy")
    pieces = [xy[start[row] : start[row + 1]] for row in rows.tolist()]
    columns: dict[str, Column] = {
        "start": np.cumsum([0, *map(len, pieces)], dtype=np.uint32),
        "xy": np.concatenate([np.empty((0, 2), np.float32), *pieces]).astype(np.float32),
        "feature": rows.astype(np.uint32),
    }
    return encode_table(name, columns, table.origin)


def _array(table: Table, name: str) -> NDArray[np.generic]:
    found = table.columns[name]
    if not isinstance(found, np.ndarray):
        raise TypeError(f"column {name} of {table.name} holds texts")
    return found


def _facts(shown: RunMap, key: str, texts: Texts) -> bytes:
    """What the tooltip says of each road: both sides, noise, classes, and what to know besides."""
    sided = shown.links.quantities[key]
    columns: dict[str, Column] = {
        name: taken(values, shown.rows, absent=np.nan).astype(np.float64)
        for name, values in (
            ("base", sided.base),
            ("scenario", sided.scenario),
            ("change", sided.change),
            ("floor", sided.floor),
        )
    }
    has_classes = key in ("flow", "heavy")
    columns["classes"] = [
        _class_line(shown.links, row, texts) if has_classes and row >= 0 else ""
        for row in shown.rows.tolist()
    ]
    columns["time_s"] = [
        _time_line(shown.links, row, texts) if key == "time" and row >= 0 else ""
        for row in shown.rows.tolist()
    ]
    columns["state"] = [link_state(shown.links, row, sided, texts) for row in shown.rows.tolist()]
    return encode_table(f"facts.{key}", columns)


def _class_line(links: RunLinks, row: int, texts: Texts) -> str:
    """Flows by class on both sides, the largest change first."""
    carried = [
        (name, float(sided.base[row]), float(sided.scenario[row]))
        for name, sided in links.classes.items()
        if max(sided.base[row], sided.scenario[row]) >= 0.5  # noqa: PLR2004 - rounds to nothing
    ]
    carried.sort(key=lambda item: -abs(item[2] - item[1]))
    shown = [
        f"{class_words(name, texts)} {texts.number(base)} \u2192 {texts.number(scenario)}"
        for name, base, scenario in carried[:MOST_CLASSES]
    ]
    return "; ".join(shown)


def _time_line(links: RunLinks, row: int, texts: Texts) -> str:
    base, scenario = (texts.number(float(value)) for value in links.time_s[:, row])
    return f"{base} \u2192 {scenario}\u202f{texts('unit.s')}"


def link_state(links: RunLinks, row: int, sided: Sided, texts: Texts) -> str:
    """What to know of a link besides its numbers; empty if nothing."""
    if row < 0:
        return texts("run_map.not_in_network")
    if links.is_closed[row]:
        return texts("run_map.closed")
    if not sided.is_changed[row]:
        return texts("run_map.below_noise")
    return "" if links.is_unique[row] else texts("run_map.not_unique")


def _bridge_table(shown: RunMap, features: CityFeatures, texts: Texts) -> bytes:
    origin = decode_table(features.tables[ROADS].body).origin or (0.0, 0.0)
    changes = np.array([abs(b.change) if b.is_changed else 0.0 for b in shown.bridges])
    largest = max(float(changes.max(initial=0.0)), 1.0)
    radius = SMALL_PX + (LARGE_PX - SMALL_PX) * np.sqrt(changes / largest)
    places = np.array([item.place for item in shown.bridges], dtype=np.float64).reshape(-1, 2)
    columns: dict[str, Column] = {
        **point_columns(places, origin),
        "id": [item.id for item in shown.bridges],
        "name": [item.name for item in shown.bridges],
        "radius": radius.astype(np.float32),
        "base": np.array([item.base for item in shown.bridges], dtype=np.float64),
        "scenario": np.array([item.scenario for item in shown.bridges], dtype=np.float64),
        "change": np.array([item.change for item in shown.bridges], dtype=np.float64),
        "floor": np.array([item.floor for item in shown.bridges], dtype=np.float64),
        "state": [bridge_state(item, texts) for item in shown.bridges],
    }
    return encode_table("run_bridges", columns, origin)


def bridge_state(item: RunBridge, texts: Texts) -> str:
    """What to know of a bridge besides its numbers; empty if nothing."""
    said = [
        texts(key)
        for key, is_so in (
            ("run_map.below_noise", not item.is_changed),
            ("run_map.restriction", item.meets_restriction),
            ("run_map.finding", item.has_finding),
        )
        if is_so
    ]
    return "; ".join(said)


def bridge_label(item: RunBridge, texts: Texts) -> str:
    """Name, change and marks of a bridge, as the map writes them."""
    marks = (RESTRICTION_SIGN if item.meets_restriction else "") + (
        FINDING_SIGN if item.has_finding else ""
    )
    change = signed_text(item.change, 0, texts)
    return f"{item.name} {change}\u202f{texts.unit(item.unit)} {marks}".strip()


def _bridge_codes(shown: RunMap) -> NDArray[np.uint8]:
    changes = np.array([item.change for item in shown.bridges], dtype=np.float64)
    absent = np.array([not item.is_changed for item in shown.bridges], dtype=np.bool_)
    return quantise(changes, shown.bridge_scale, absent=absent)


def _bridges(
    joint: bytes | None, report: bytes | None, features: CityFeatures
) -> tuple[RunBridge, ...]:
    """Bridges of the joint analysis, else of the traffic part, that the map has a place for.

    Of several parts of one bridge the one that changes most: parts in a row carry the same
    vehicles.
    """
    rows: Sequence[Mapping[str, object]] = []
    if joint is not None:
        rows = [_of_joint(item) for item in json.loads(joint)["bridges"]]
    elif report is not None:
        rows = [_of_report(item) for item in json.loads(report)["bridges"]]
    found: dict[str, RunBridge] = {}
    for row in rows:
        feature = features.feature("bridge", str(row["id"]))
        if feature is not None and feature.id not in found and row["base"] is not None:
            named = {"name": feature.name, "place": feature.place}
            found[feature.id] = RunBridge(**row, **named)  # pyrefly: ignore[bad-argument-type]
    return tuple(found.values())


def _of_joint(item: Mapping[str, object]) -> Mapping[str, object]:
    heavy: Mapping[str, object] = dict(item["heavy"])  # pyrefly: ignore[no-matching-overload]
    met = [one["status"] for one in item["restrictions"]]  # pyrefly: ignore[not-iterable]
    ending = unit_of(heavy)
    return {
        "id": item["asset"],
        "base": heavy[f"base_{ending}"],
        "scenario": heavy[f"scenario_{ending}"],
        "floor": heavy[f"floor_{ending}"],
        "unit": "/h" if ending == "vehh" else "/d",
        "is_changed": bool(heavy["is_significant"]),
        "has_finding": bool(item["findings"]),
        "meets_restriction": any(status in KNOWN_STATUS for status in met),
    }


def _of_report(item: Mapping[str, object]) -> Mapping[str, object]:
    unit = "/h" if item["base_heavy_vehd"] is None else "/d"
    ending = "vehh" if unit == "/h" else "vehd"
    base, scenario, floor = (
        item[f"{name}_{ending}"] for name in ("base_heavy", "scenario_heavy", "heavy_floor")
    )
    change = abs(float(str(scenario)) - float(str(base)))
    return {
        "id": item["asset"],
        "base": base,
        "scenario": scenario,
        "floor": floor,
        "unit": unit,
        "is_changed": change > float(str(floor)),
    }
