"""Recorded values from a CSV file with a declared mapping. Pure: text in, values out."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Literal

from sensors.codecs.decoder import RefusedError, shown
from sensors.codecs.times import local_candidates
from sensors.codecs.values import DECIMAL
from twin.errors import SettingsError
from twin.model.quality import Quality
from twin.model.quantities import conversion, quantity

Label = Literal["instant", "start", "end"]
STRICT = {"extra": "forbid"}
PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
TIME_OF_DAY = re.compile(r"(\d{1,2}):(\d{2})", re.ASCII)
UNSAFE_IN_TOPIC = re.compile(r"[/+#\x00-\x1f\x7f]")
MIDNIGHT_H = 24
MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class CsvTime:
    """Column and form of the time; the label says which part of an interval it names."""

    __pydantic_config__: ClassVar = STRICT
    column: str
    format: str
    label: Label = "instant"


@dataclass(frozen=True, slots=True)
class CsvWide:
    """One column per time of day; the date in a column or in the first header cell."""

    __pydantic_config__: ClassVar = STRICT
    date_format: str
    date_column: str = ""
    date_prefix: str = ""
    label: Label = "start"


@dataclass(frozen=True, slots=True)
class CsvValue:
    """One kind of value; ``stream`` is its name below the key, by default the quantity."""

    __pydantic_config__: ClassVar = STRICT
    quantity: str
    unit: str
    column: str = ""
    scale: float = 1.0
    stream: str = ""


@dataclass(frozen=True, slots=True)
class CsvMapping:
    """How a CSV file becomes values.

    ``key`` is a template of column names or, counted from 1, column numbers: ``{Site}``, ``{1}``.
    ``period_s`` is the length of the intervals; the label of a value is the end of its interval.
    """

    __pydantic_config__: ClassVar = STRICT
    zone: str
    key: str
    value: tuple[CsvValue, ...]
    time: CsvTime | None = None
    wide: CsvWide | None = None
    encoding: str = "utf-8"
    delimiter: str = ","
    decimal: str = "."
    thousands: str = ""
    skip_rows: int = 0
    missing: tuple[str, ...] = ("",)
    period_s: float = 0.0


@dataclass(frozen=True, slots=True)
class RecordedValue:
    """One value in the unit of its quantity; ``key`` is ``asset/stream``."""

    key: str
    time: datetime
    value: float
    quality: int = 0


@dataclass(slots=True)
class Recording:
    """What a file holds, with every row accounted for."""

    values: list[RecordedValue] = field(default_factory=list)
    rows: int = 0
    missing: int = 0
    rejected: int = 0
    problems: list[str] = field(default_factory=list)
    ignored_columns: tuple[str, ...] = ()

    def reject(self, line: int, problem: str) -> None:
        """Count a value that cannot be used; the first ones are named."""
        self.rejected += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(f"line {line}: {problem}")


def read_mapping(content: Mapping[str, object], where: str) -> CsvMapping:
    """Mapping from the table ``[csv]`` of a mapping file.

    Raises
    ------
    SettingsError
        If a key is unknown, missing or wrong; names file, key and what to do.
    """
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - only for this job

    try:
        mapping = TypeAdapter(CsvMapping).validate_python(content.get("csv"))
    except ValidationError as error:
        found = [f"csv.{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise SettingsError(f"{where}: {'; '.join(found)}") from None
    if (mapping.time is None) == (mapping.wide is None):
        raise SettingsError(f"{where}: give either csv.time or csv.wide, not both or none")
    if mapping.wide is not None and len(mapping.value) != 1:
        raise SettingsError(f"{where}: the wide layout has exactly one [[csv.value]]")
    if not mapping.value:
        raise SettingsError(f"{where}: no value is mapped; add a [[csv.value]] entry")
    label = mapping.time.label if mapping.time is not None else "end"
    if label == "start" and mapping.period_s <= 0:
        raise SettingsError(f"{where}: label 'start' needs csv.period_s, the interval's length")
    for value in mapping.value:
        conversion(value.unit, quantity(value.quantity).unit)
    return mapping


def decode_text(content: bytes, encoding: str) -> str:
    """Text of a file in its declared encoding, with or without byte order mark.

    Raises
    ------
    SettingsError
        If the bytes are not of this encoding, or Python knows none of this name.
    """
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        raise SettingsError(f"csv.encoding {encoding!r} is unknown; use utf-8 or latin-1") from None
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"byte {error.start} is not {encoding}; declare csv.encoding, for example latin-1"
        ) from None


def read_recording(text: str, mapping: CsvMapping) -> Recording:
    """Values of a file in the order of its rows.

    Raises
    ------
    SettingsError
        If the header lacks a column that the mapping names, or the date cannot be read.
    """
    lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=mapping.delimiter))
    lines = lines[mapping.skip_rows :]
    if not lines:
        raise SettingsError("the file has no header row; check csv.skip_rows")
    header = [cell.strip() for cell in lines[0]]
    first_line = mapping.skip_rows + 2
    numbered = [
        (line, row) for line, row in enumerate(lines[1:], first_line) if any(c.strip() for c in row)
    ]
    recording = Recording(rows=len(numbered))
    cells = _wide_cells if mapping.wide is not None else _long_cells
    clock = _RowClock(mapping.zone)
    for cell in cells(header, numbered, mapping, recording):
        _take(cell, mapping, clock, recording)
    return recording


@dataclass(frozen=True, slots=True)
class _Cell:
    line: int
    key: str
    local: datetime
    text: str
    rule: CsvValue
    shift: timedelta


def _long_cells(
    header: Sequence[str],
    rows: Sequence[tuple[int, list[str]]],
    mapping: CsvMapping,
    recording: Recording,
) -> Iterator[_Cell]:
    time = mapping.time
    if time is None:
        return
    time_at = _column(header, time.column)
    places = [(rule, _column(header, rule.column)) for rule in mapping.value]
    used = {time_at, *(at for _, at in places), *_key_columns(header, mapping.key)}
    recording.ignored_columns = tuple(c for at, c in enumerate(header) if at not in used)
    shift = timedelta(seconds=mapping.period_s if time.label == "start" else 0.0)
    for line, row in rows:
        try:
            local = datetime.strptime(_at(row, time_at), time.format)  # noqa: DTZ007 - zone declared
        except ValueError:
            recording.reject(line, f"time does not fit {time.format!r}")
            continue
        key = _key(header, row, mapping.key)
        for rule, at in places:
            yield _Cell(line, key, local, _at(row, at), rule, shift)


def _wide_cells(
    header: Sequence[str],
    rows: Sequence[tuple[int, list[str]]],
    mapping: CsvMapping,
    recording: Recording,
) -> Iterator[_Cell]:
    wide = mapping.wide
    if wide is None:
        return
    places = [(at, found) for at, c in enumerate(header) if (found := TIME_OF_DAY.fullmatch(c))]
    if not places:
        raise SettingsError("no header cell is a time of day such as 08:00; check csv.delimiter")
    times = [(at, timedelta(hours=int(m[1]), minutes=int(m[2]))) for at, m in places]
    shift = timedelta(hours=MIDNIGHT_H / len(times)) if wide.label == "start" else timedelta()
    date_at = _column(header, wide.date_column) if wide.date_column else None
    used = {at for at, _ in times} | set(_key_columns(header, mapping.key)) | {date_at}
    recording.ignored_columns = tuple(c for at, c in enumerate(header) if at not in used)
    for line, row in rows:
        text = header[0] if date_at is None else _at(row, date_at)
        try:
            date = datetime.strptime(text.removeprefix(wide.date_prefix), wide.date_format)  # noqa: DTZ007 - zone declared
        except ValueError:
            if date_at is None:
                raise SettingsError(
                    f"header cell {shown(text)} holds no date {wide.date_format!r} after "
                    f"{wide.date_prefix!r}; correct csv.wide"
                ) from None
            recording.reject(line, f"date does not fit {wide.date_format!r}")
            continue
        key = _key(header, row, mapping.key)
        for at, time_of_day in times:
            yield _Cell(line, key, date + time_of_day, _at(row, at), mapping.value[0], shift)


class _RowClock:
    """Local to UTC; in the autumn hour the order of the rows decides, per key."""

    def __init__(self, zone: str) -> None:
        self._zone = zone
        self._last: dict[str, datetime] = {}

    def utc(self, key: str, local: datetime) -> tuple[datetime, bool]:
        """UTC time, and whether two were possible; refused if the local time does not exist."""
        candidates = local_candidates(local, self._zone)
        if not candidates:
            raise RefusedError("time_invalid", f"local time does not exist in {self._zone}")
        is_ambiguous = len(candidates) > 1
        last = self._last.get(key)
        is_second = is_ambiguous and last is not None and last >= candidates[0]
        self._last[key] = chosen = candidates[is_second]
        return chosen, is_ambiguous


def _take(cell: _Cell, mapping: CsvMapping, clock: _RowClock, recording: Recording) -> None:
    try:
        time, is_ambiguous = clock.utc(f"{cell.key}\n{cell.rule.column}", cell.local)
        text = cell.text.strip()
        if text in mapping.missing:
            recording.missing += 1
            return
        value = _number(text, mapping) * cell.rule.scale
    except RefusedError as refused:
        recording.reject(cell.line, refused.detail)
        return
    # in a long file the order of the rows has decided; a wide one has no room for the 25th hour
    flags = int(Quality.AMBIGUOUS_TIME) if is_ambiguous and mapping.wide is not None else 0
    to_quantity = conversion(cell.rule.unit, quantity(cell.rule.quantity).unit)
    stream = cell.rule.stream or cell.rule.quantity
    recording.values.append(
        RecordedValue(
            key=f"{_level(cell.key)}/{_level(stream)}",
            time=time + cell.shift,
            value=value * to_quantity.scale + to_quantity.offset,
            quality=flags,
        )
    )


def _number(text: str, mapping: CsvMapping) -> float:
    plain = text.replace(mapping.thousands, "") if mapping.thousands else text
    plain = plain.replace(mapping.decimal, ".")
    if not DECIMAL.fullmatch(plain):
        raise RefusedError("wrong_type", f"{shown(text)} is no number")
    return float(plain)


def _column(header: Sequence[str], name: str) -> int:
    if name in header:
        return header.index(name)
    if name.isdecimal() and 1 <= int(name) <= len(header):
        return int(name) - 1
    raise SettingsError(f"no column {name!r}; the header has {', '.join(map(repr, header))[:300]}")


def _key_columns(header: Sequence[str], template: str) -> list[int]:
    return [_column(header, name) for name in PLACEHOLDER.findall(template)]


def _key(header: Sequence[str], row: Sequence[str], template: str) -> str:
    return PLACEHOLDER.sub(lambda found: _at(row, _column(header, found[1])), template)


def _at(row: Sequence[str], index: int) -> str:
    return row[index].strip() if index < len(row) else ""


def _level(text: str) -> str:
    """Text as one topic level."""
    return UNSAFE_IN_TOPIC.sub("_", text) or "_"
