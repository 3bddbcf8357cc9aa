"""What the map shows, as rows: the same content for the table on the page and for the CSV; pure."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from dashboards import theme
from dashboards.i18n.translate import Texts
from dashboards.live.features import (
    CLOSED,
    GRADE,
    GRADE_TEXT,
    CityFeatures,
    Feature,
    band_of,
    grade_of,
)
from dashboards.live.hub import Snapshot, StreamNow
from twin.model.assets import Asset
from twin.model.quality import QualityClass
from twin.model.quantities import quantity

Raw = float | str | None
Show = Literal["text", "number", "band", "monitoring", "quality", "age", "value", "provenance"]
PAGE_ROWS = 25
DAY_S = 86400
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its key, how its cells are written, its unit (UCUM) and decimals."""

    key: str
    show: Show
    unit: str = ""
    decimals: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One feature or datastream; ``cells`` are raw values in the order of the columns.

    ``quantity`` gives unit and decimals of a column of kind ``value``; ``said`` is what people
    read instead of a cell without a value, by key of the column. ``time`` is that of the newest
    value of the row, and ``provenance`` that of its values, of a bridge that of its grade.
    """

    kind: str
    id: str
    cells: tuple[Raw, ...]
    quantity: str = ""
    place: tuple[float, float] | None = None
    said: Mapping[str, str] = field(default_factory=dict)
    time: datetime | None = None
    provenance: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """A table of the page."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    default_sort: str


BRIDGE_COLUMNS = (
    Column("name", "text"),
    Column("grade", "band"),
    Column("grade_year", "text"),
    Column("traffic", "text"),
    Column("monitoring", "monitoring"),
    Column("reporting", "text"),
    Column("age", "age", "s"),
)
ROAD_COLUMNS = (
    Column("name", "text"),
    Column("speed", "number", "km/h", 1),
    Column("flow", "number", "/h", 0),
    Column("quality", "quality"),
    Column("traffic", "text"),
    Column("age", "age", "s"),
)
STREAM_COLUMNS = (
    Column("name", "text"),
    Column("place", "text"),
    Column("quantity", "text"),
    Column("value", "value"),
    Column("quality", "quality"),
    Column("age", "age", "s"),
    Column("provenance", "provenance"),
)


def listing(name: str, snapshot: Snapshot, texts: Texts) -> Listing:
    """Table ``bridges``, ``roads`` or ``streams`` of the present state."""
    if name == "bridges":
        rows = tuple(_bridge(row, snapshot, texts) for row in snapshot.features.bridges)
        return Listing(name, BRIDGE_COLUMNS, rows, "-grade")
    if name == "roads":
        return Listing(name, ROAD_COLUMNS, tuple(_road_rows(snapshot, texts)), "speed")
    streams = snapshot.features.streams.values()
    rows = tuple(_stream(snapshot.stream(stream), snapshot.features, texts) for stream in streams)
    return Listing("streams", STREAM_COLUMNS, rows, "name")


def _bridge(feature: Feature, snapshot: Snapshot, texts: Texts) -> Row:
    asset = feature.asset
    states = [snapshot.stream(s) for s in snapshot.features.streams_of.get(asset.id, ())]
    current = [state for state in states if state.is_current]
    year = asset.attribute("condition_year")
    ages = [state.age_s for state in states if state.age_s is not None]
    band = band_of(asset)
    grade = grade_of(asset)
    cells = (
        feature.name,
        None if band is None else grade if grade is not None else theme.CONDITION_BANDS[band].low,
        None if year is None else str(year.value),
        traffic_text(asset, texts),
        float(snapshot.monitoring(asset.id)),
        f"{len(current)}/{len(states)}",
        min(ages, default=None),
    )
    graded = asset.attribute(GRADE) or asset.attribute(GRADE_TEXT)
    return Row(
        "bridge",
        asset.id,
        cells,
        place=feature.place,
        time=_newest(states),
        provenance="" if graded is None or band is None else graded.provenance.kind,
    )


def traffic_text(asset: Asset, texts: Texts) -> str:
    """Whether an asset is open or closed, or what its attribute ``traffic_status`` says instead."""
    found = asset.attribute("traffic_status")
    if found is None:
        return texts("traffic.open")
    if found.value == CLOSED:
        return texts("traffic.closed")
    own = asset.attribute(f"traffic_status_{texts.language}")
    return str((own or found).value)


def _newest(states: Sequence[StreamNow]) -> datetime | None:
    return max((state.time for state in states if state.time is not None), default=None)


def _road_rows(snapshot: Snapshot, texts: Texts) -> list[Row]:
    features = snapshot.features
    by_number = {stream.number: stream for stream in features.streams.values()}
    numbers = zip(
        features.roads,
        features.index.road_speed.tolist(),
        features.index.road_flow.tolist(),
        strict=True,
    )
    rows: list[Row] = []
    for feature, *chosen in numbers:
        speed, flow = (
            snapshot.stream(by_number[number]) if number in by_number else None for number in chosen
        )
        rows.append(_road(feature, speed, flow, texts))
    return rows


def _road(feature: Feature, speed: StreamNow | None, flow: StreamNow | None, texts: Texts) -> Row:
    found = {"speed": speed, "flow": flow}
    known = {key: state for key, state in found.items() if state is not None}
    worst = max((state.quality_class for state in known.values()), key=_badness, default=None)
    ages = [state.age_s for state in known.values() if state.age_s is not None]
    cells = (
        feature.name,
        _current(speed),
        _current(flow),
        texts("table.no_counter") if worst is None else float(worst),
        traffic_text(feature.asset, texts),
        min(ages, default=None),
    )
    kinds = dict.fromkeys(state.stream.provenance for state in known.values())
    return Row(
        "road",
        feature.id,
        cells,
        place=feature.place,
        said={key: last_value(s, texts) for key, s in known.items() if is_stale(s)},
        time=_newest(list(known.values())),
        provenance=" ".join(kinds),
    )


def _current(state: StreamNow | None) -> float | None:
    return state.value if state is not None and state.is_current else None


def is_stale(state: StreamNow) -> bool:
    """Whether there is a value that may not be shown as the present one."""
    return state.time is not None and not state.is_current


def last_value(state: StreamNow, texts: Texts, key: str = "table.last") -> str:
    """Newest value of a datastream, named as its last one, with its time.

    ``key`` is a text with ``value``, ``time`` and ``age``; the date is left out on the same day.
    """
    value = texts.measured(state.value, quantity(state.stream.quantity))
    if state.stream.kind == "waveform":
        value = texts("stream.rms", value=value)
    time = texts.time(state.time, has_date=(state.age_s or 0.0) >= DAY_S)
    return texts(key, value=value, time=time, age=texts.duration(state.age_s))


def _badness(quality: QualityClass) -> int:
    order = (
        QualityClass.GOOD,
        QualityClass.SIMULATED,
        QualityClass.SUSPECT,
        QualityClass.NEVER_REPORTED,
        QualityClass.STALE,
    )
    return order.index(quality) if quality in order else 0


def _stream(state: StreamNow, features: CityFeatures, texts: Texts) -> Row:
    stream = state.stream
    asset = features.assets.get(stream.asset_id)
    label = quantity(stream.quantity).label(texts.language)
    is_burst = stream.kind == "waveform"
    cells = (
        stream.name,
        stream.asset_id if asset is None else asset.name,
        texts("table.rms", quantity=label) if is_burst else label,
        _current(state),
        float(state.quality_class),
        state.age_s,
        stream.provenance,
    )
    return Row(
        "stream",
        stream.uid,
        cells,
        quantity=stream.quantity,
        said={"value": last_value(state, texts)} if is_stale(state) else {},
        time=state.time,
        provenance=stream.provenance,
    )


def sorted_rows(table: Listing, sort: str) -> tuple[tuple[Row, ...], str]:
    """Rows in the order of ``sort`` (a key, minus for descending) and the order that was used.

    Rows without a value come last in either direction; equal rows keep the order of their names.
    """
    keys = [column.key for column in table.columns]
    order = sort if sort.removeprefix("-") in keys else table.default_sort
    at = keys.index(order.removeprefix("-"))
    named = sorted(table.rows, key=lambda row: str(row.cells[0]).casefold())
    known = [row for row in named if row.cells[at] is not None]
    absent = [row for row in named if row.cells[at] is None]
    known.sort(key=_sort_key(at), reverse=order.startswith("-"))
    return (*known, *absent), order


def _sort_key(at: int) -> Callable[[Row], tuple[int, float, str]]:
    def key(row: Row) -> tuple[int, float, str]:
        cell = row.cells[at]
        return (1, 0.0, cell.casefold()) if isinstance(cell, str) else (0, cell or 0.0, "")

    return key


def shown(cell: Raw, column: Column, row: Row, texts: Texts) -> str:
    """A cell as people read it."""
    if cell is None and column.key in row.said:
        return row.said[column.key]
    if cell is None:
        return texts("table.no_grade") if column.show == "band" else texts("table.nothing")
    if isinstance(cell, str):
        return texts(f"provenance.{cell}") if column.show == "provenance" else cell
    writers: dict[Show, Callable[[float], str]] = {
        "band": lambda grade: band_text(grade, texts),
        "monitoring": lambda code: state_text(_state(code), "monitoring", texts),
        "quality": lambda code: state_text(theme.QUALITIES[int(code)], "quality", texts),
        "age": texts.duration,
        "value": lambda value: texts.measured(value, quantity(row.quantity)),
    }
    write = writers.get(column.show, lambda value: texts.number(value, column.decimals))
    return write(cell)


def _state(code: float) -> theme.StateStyle:
    return theme.MONITORING_STATES[int(code)]


def band_text(grade: float, texts: Texts) -> str:
    """Symbol, range and name of the band of a grade."""
    index = theme.condition_band(grade)
    band = theme.CONDITION_BANDS[index or 0]
    return f"{band.symbol} {band_range(band, texts)} {band_name(band, texts)}"


def band_range(band: theme.ConditionBand, texts: Texts) -> str:
    """Range of a condition band."""
    return f"{texts.number(band.low, 1)}\u2013{texts.number(band.high, 1)}"


def band_name(band: theme.ConditionBand, texts: Texts) -> str:
    """Name of a condition band; the official German word with a gloss in English pages."""
    return band.label_de if texts.language == "de" else f"{band.label_en} ({band.label_de})"


def state_text(style: theme.StateStyle, group: str, texts: Texts) -> str:
    """Symbol and name of a state."""
    return f"{style.symbol} {texts(f'{group}.{style.key}')}"


def as_csv(table: Listing, rows: Sequence[Row], texts: Texts) -> str:
    """Rows as CSV: units in the header, plain numbers, texts that cannot become formulas.

    The time is that of the newest value of a row, the origin that of its values or its grade.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    head = [_heading(column, texts) for column in table.columns]
    if any(column.show == "value" for column in table.columns):
        head.append(texts("column.unit"))
    has_origin = any(column.show == "provenance" for column in table.columns)
    if not has_origin:
        is_grade = table.name == "bridges"
        head.append(texts("column.grade_provenance" if is_grade else "column.provenance"))
    writer.writerow([texts("column.id"), *head, texts("column.time")])
    for row in rows:
        cells = [
            _csv_cell(cell, column, texts)
            for cell, column in zip(row.cells, table.columns, strict=True)
        ]
        if row.quantity:
            cells.append(neutral(quantity(row.quantity).unit))
        if not has_origin:
            cells.append(_origin(row.provenance, texts))
        writer.writerow([neutral(row.id), *cells, _iso(row.time, texts)])
    return out.getvalue()


def _origin(kinds: str, texts: Texts) -> str:
    return " + ".join(texts(f"provenance.{kind}") for kind in kinds.split())


def _iso(at: datetime | None, texts: Texts) -> str:
    if at is None:
        return ""
    return at.astimezone(ZoneInfo(texts.timezone)).isoformat(timespec="milliseconds")


def _heading(column: Column, texts: Texts) -> str:
    unit = f" [{texts.unit(column.unit)}]" if column.unit else ""
    return texts(f"column.{column.key}") + unit


def _csv_cell(cell: Raw, column: Column, texts: Texts) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return texts(f"provenance.{cell}") if column.show == "provenance" else neutral(cell)
    if column.show == "band":
        return band_text(cell, texts)[2:]
    if column.show == "monitoring":
        return texts(f"monitoring.{theme.MONITORING_STATES[int(cell)].key}")
    if column.show == "quality":
        return texts(f"quality.{theme.QUALITIES[int(cell)].key}")
    return f"{cell:.10g}"


def neutral(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
