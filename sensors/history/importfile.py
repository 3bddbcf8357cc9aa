"""Readings from a CSV or Parquet file, in chunks of rows; each row is accounted for.

Times with an offset or a zone, numbers with a point or a comma, units of the unit table. Where a
local time occurs twice (the autumn night), the order of the rows of a datastream decides, be it
oldest or newest first.
"""

import csv
import difflib
import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sensors.codecs.decoder import RefusedError, shown
from sensors.codecs.times import UNITS, local_candidates, read_time
from sensors.codecs.values import DECIMAL
from twin.errors import ModelError, SettingsError
from twin.model.datastreams import Datastream
from twin.model.messages import TimeRule
from twin.model.observations import Readings
from twin.model.quality import Quality, from_keys
from twin.model.quantities import conversion, quantity
from twin.model.times import EPOCH, to_us

STRICT = {"extra": "forbid"}
CHUNK_ROWS = 20_000
MICROSECONDS = 1_000_000
LONGEST_UTC = len("2026-11-22T08:00:00.000000Z")
DELIMITERS = {";": ";", "\t": "tab", "|": "|", ",": ","}


@dataclass(frozen=True, slots=True)
class ReadingsMapping:
    """Which column of a file is what; the defaults are the columns of our own export.

    Parameters
    ----------
    datastream
        Column with the uid of the datastream. Where the file has none, ``source`` and ``key`` find
        it.
    source, key
        Names of the columns with source and route key.
    one_source, one_datastream
        Instead of a column: the source, or the datastream, of all rows.
    time, time_format, zone
        Column of the time; ``iso``, an epoch unit (``s``, ``ms``, ``us``, ``ns``) or a pattern of
        ``strptime``; zone of local times.
    value, unit, one_unit
        Column of the value; column of its unit, or the unit of all rows. Without either the value
        is in the unit of its datastream.
    quality, good
        Column of quality names; or of codes, of which ``good`` are good and all others bad at the
        source.
    missing
        Texts that mean that there is no value.
    delimiter, decimal, encoding
        Form of a CSV file.
    period_s
        Length of the interval [s] where times are its beginning; 0 where they are instants or its
        end, as in the twin.
    """

    __pydantic_config__: ClassVar = STRICT
    datastream: str = "datastream"
    source: str = "source"
    key: str = "route_key"
    one_source: str = ""
    one_datastream: str = ""
    time: str = "time"
    time_format: str = "iso"
    zone: str = ""
    value: str = "value"
    unit: str = "unit"
    one_unit: str = ""
    quality: str = "quality"
    good: tuple[str, ...] = ()
    missing: tuple[str, ...] = ("",)
    delimiter: str = ","
    decimal: str = "."
    encoding: str = "utf-8"
    period_s: float = 0.0


def read_mapping(content: Mapping[str, object], where: str) -> ReadingsMapping:
    """Mapping from the table ``[readings]`` of a mapping file.

    Raises
    ------
    SettingsError
        If a key is unknown or wrong; names file, key and what is possible.
    """
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - only with a mapping file

    unknown = set(content) - {"readings"}
    if unknown:
        raise SettingsError(f"{where}: unknown table {min(unknown)!r}; only [readings] is possible")
    try:
        mapping = TypeAdapter(ReadingsMapping).validate_python(content.get("readings", {}))
    except ValidationError as error:
        found = [f"readings.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise SettingsError(f"{where}: {'; '.join(found)}") from None
    if len(mapping.delimiter) != 1 or mapping.decimal not in (".", ","):
        raise SettingsError(f"{where}: delimiter is one character, decimal '.' or ','")
    return mapping


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that cannot be used."""

    line: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a person should know about a file; line 0 speaks of the whole file."""

    line: int
    text: str


@dataclass(slots=True)
class Chunk:
    """Some rows of a file: readings with the line of each, refused rows, rows without a value.

    ``findings`` are what a person should know; ``left_out`` counts values of series that are not
    registered; ``dialect`` says how the file was read.
    """

    readings: Readings
    line: NDArray[np.int64]
    refused: list[Refusal] = field(default_factory=list)
    missing: int = 0
    rows: int = 0
    findings: list[Finding] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    dialect: str = ""


Cells = Sequence[object]


def chunks(
    file: Path, mapping: ReadingsMapping, datastreams: Sequence[Datastream]
) -> Iterator[Chunk]:
    """Rows of a file in chunks of a fixed size, the same in every run.

    Raises
    ------
    SettingsError
        If the file cannot be read or lacks a column; says what to do.
    """
    try:
        tables = _parquet(file) if file.suffix.lower() == ".parquet" else _csv(file, mapping)
        header = next(tables)
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror or error}") from None
    reader = RowReader(header, mapping, datastreams, where=str(file))
    for first_line, columns, widths in tables:  # pyrefly: ignore[not-iterable]
        yield reader.chunk(first_line, columns, widths)


def _csv(file: Path, mapping: ReadingsMapping) -> Iterator[Any]:
    """Header, then (first line, columns, widths of rows that do not fit) of each chunk."""
    try:
        with file.open(encoding=mapping.encoding.replace("utf-8", "utf-8-sig"), newline="") as text:
            rows = csv.reader(text, delimiter=mapping.delimiter, strict=True)
            header = [cell.strip() for cell in next(rows, [])]
            if not header:
                raise SettingsError(f"{file} is empty; the first row must name the columns")
            yield header
            first_line = 2
            while listed := list(itertools.islice(rows, CHUNK_ROWS)):
                widths = {at: len(row) for at, row in enumerate(listed) if len(row) != len(header)}
                for at in widths:
                    listed[at] = (listed[at] + [""] * len(header))[: len(header)]
                yield first_line, list(zip(*listed, strict=True)), widths
                first_line += len(listed)
    except LookupError:
        raise SettingsError(
            f"encoding {mapping.encoding!r} is unknown; use utf-8 or latin-1"
        ) from None
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{file}: byte {error.start} is not {mapping.encoding}; name the encoding in the "
            'mapping file, for example encoding = "latin-1"'
        ) from None
    except csv.Error as error:
        raise SettingsError(
            f"{file} is no sound CSV: {error}; check quotes and delimiter"
        ) from None


def _parquet(file: Path) -> Iterator[Any]:
    import pyarrow as pa  # noqa: PLC0415 - only for Parquet
    import pyarrow.parquet as pq  # noqa: PLC0415 - only for Parquet

    try:
        with pq.ParquetFile(file) as opened:
            yield list(opened.schema_arrow.names)
            first_line = 1
            for batch in opened.iter_batches(batch_size=CHUNK_ROWS):
                yield first_line, [_arrow_cells(pa, column) for column in batch.columns], {}
                first_line += batch.num_rows
    except pa.ArrowException as error:
        raise SettingsError(f"{file} is no sound Parquet file: {error}") from None


def _arrow_cells(pa: Any, column: Any) -> Cells:  # noqa: ANN401 - a library without types
    """Cells as they would stand in a CSV file; aware times and numbers stay what they are."""
    if pa.types.is_timestamp(column.type):
        if column.type.tz is None:
            return [None if t is None else t.isoformat(sep=" ") for t in column.to_pylist()]
        return column.cast(pa.timestamp("us", tz="UTC")).to_pylist()
    return column.to_pylist()


@dataclass(frozen=True, slots=True)
class _LocalTime:
    """Last local time of a datastream [us UTC]; in an hour that occurs twice, the direction."""

    us: int
    is_rising: bool | None = None


class RowReader:
    """Turns columns of cells into readings; remembers the last time of each datastream."""

    def __init__(
        self,
        header: Sequence[str],
        mapping: ReadingsMapping,
        datastreams: Sequence[Datastream],
        *,
        where: str,
    ) -> None:
        self._mapping = mapping
        self._by_uid = {stream.uid: stream for stream in datastreams}
        self._by_route = {(stream.source, stream.route_key): stream for stream in datastreams}
        self._places = _places(header, mapping, where)
        self._width = len(header)
        self._last: dict[int, _LocalTime] = {}
        self._qualities: dict[str, int] = {}

    def chunk(self, first_line: int, columns: Sequence[Cells], widths: Mapping[int, int]) -> Chunk:
        """Readings of a chunk; ``widths`` counts the cells of rows unlike the header."""
        cells = {name: columns[place] for name, place in self._places.items()}
        count = len(columns[0]) if columns else 0
        refused: list[Refusal] = []
        times = self._fast_times(cells["time"])
        shift_us = round(self._mapping.period_s * MICROSECONDS)
        kept: list[tuple[int, int, float, int, int]] = []
        missing = blank = 0
        for row in range(count):
            try:
                if row in widths:
                    self._check_width(widths[row])
                    blank += 1
                    continue
                found = self._row(cells, row, None if times is None else int(times[row]))
            except RefusedError as refusal:
                refused.append(Refusal(first_line + row, refusal.reason, refusal.detail))
                continue
            if found is None:
                missing += 1
            else:
                kept.append((*found, first_line + row))
        number, time_us, value, quality, line = zip(*kept, strict=True) if kept else ((),) * 5
        readings = Readings(
            number=np.array(number, np.int32),
            time_us=np.array(time_us, np.int64) + shift_us,
            value=np.array(value, np.float64),
            quality=np.array(quality, np.int16),
        )
        return Chunk(readings, np.array(line, np.int64), refused, missing, count - blank)

    def _check_width(self, width: int) -> None:
        """Refuse a row that is not as wide as the header; one without any cell is nothing."""
        if width == 0:
            return
        comma = "; if it has a decimal comma, use another delimiter or quotes"
        hint = comma if width > self._width and self._mapping.delimiter == "," else ""
        raise RefusedError(
            "wrong_type", f"the row has {width} cells, the header {self._width}{hint}"
        )

    def _row(
        self, cells: Mapping[str, Cells], row: int, time_us: int | None
    ) -> tuple[int, int, float, int] | None:
        stream = self._stream(cells, row)
        number = stream.number or 0
        refusal = None
        if time_us is None:  # also of rows without a value: their order counts
            try:
                time_us = self._time_us(cells["time"][row], number)
            except RefusedError as error:
                refusal = error
        value = self._value(cells["value"][row])
        if value is None:
            return None
        if time_us is None:
            raise refusal or RefusedError("time_missing", "the row has no time")
        unit = str(cells["unit"][row] or "") if "unit" in cells else self._mapping.one_unit
        measured = quantity(stream.quantity)
        try:
            to_unit = conversion(unit or measured.unit, measured.unit)
        except ModelError as error:
            raise RefusedError("unit_conflict", f"{stream.uid}: {error}") from None
        mask = self._quality(cells["quality"][row]) if "quality" in cells else 0
        return number, time_us, value * to_unit.scale + to_unit.offset, mask

    def _stream(self, cells: Mapping[str, Cells], row: int) -> Datastream:
        mapping = self._mapping
        if mapping.one_datastream or "datastream" in cells:
            uid = mapping.one_datastream or str(cells["datastream"][row] or "").strip()
            found = self._by_uid.get(uid)
            if found is None:
                near = difflib.get_close_matches(uid, self._by_uid, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise _unknown(f"{shown(uid)} is not registered{hint}")
            return found
        source = mapping.one_source or str(cells["source"][row] or "").strip()
        key = str(cells["key"][row] or "").strip()
        found = self._by_route.get((source, key))
        if found is None:
            raise _unknown(f"{shown(key)} is no route key of source {shown(source)}")
        return found

    def _value(self, cell: object) -> float | None:
        if cell is None:
            return None
        if isinstance(cell, int | float):
            if math.isnan(cell):
                return None
            return float(cell)
        text = str(cell).strip()
        if text in self._mapping.missing:
            return None
        plain = text.replace(",", ".") if self._mapping.decimal == "," else text
        if not DECIMAL.fullmatch(plain):
            comma = DECIMAL.fullmatch(text.replace(",", ".")) and "," in text
            hint = "; this looks like a decimal comma: use --decimal ," if comma else ""
            raise RefusedError("wrong_type", f"value {shown(text)} is no number{hint}")
        return float(plain)

    def _fast_times(self, column: Cells) -> NDArray[np.int64] | None:
        """All times of a column at once if each one is a UTC text, or an aware time."""
        if self._mapping.time_format != "iso" or not column:
            return None
        if all(isinstance(cell, datetime) for cell in column):
            naive = [cell.replace(tzinfo=None) for cell in column]  # pyrefly: ignore
            return np.array(naive, "datetime64[us]").astype(np.int64)
        if not all(_is_utc_text(cell) for cell in column):
            return None
        try:
            texts = [str(cell)[:-1] for cell in column]
            return np.array(texts, "datetime64[us]").astype(np.int64)
        except ValueError:
            return None

    def _time_us(self, cell: object, number: int) -> int:
        mapping = self._mapping
        if cell is None or cell == "":
            raise RefusedError("time_missing", "the row has no time")
        if isinstance(cell, datetime):
            return to_us(cell)
        local = None
        if mapping.time_format not in UNITS:
            try:
                local = datetime.strptime(str(cell).strip(), mapping.time_format)  # noqa: DTZ007 - zone known
            except ValueError:
                raise RefusedError(
                    "time_invalid", f"time {shown(str(cell))} does not fit {mapping.time_format!r}"
                ) from None
        elif mapping.time_format == "iso":
            try:
                local = datetime.fromisoformat(str(cell).strip())
            except ValueError:
                raise RefusedError(
                    "time_invalid",
                    f"time {shown(str(cell))} is not ISO 8601 such as 2026-06-15T08:00:00Z; "
                    "name its form with time_format in a mapping file",
                ) from None
        if local is None:
            raw = _as_number(cell)
            rule = TimeRule("", unit=mapping.time_format)
            return to_us(read_time(raw, rule, received_at=EPOCH).time)
        return to_us(local) if local.tzinfo is not None else self._local_us(local, number)

    def _local_us(self, local: datetime, number: int) -> int:
        """UTC of a local time; in an hour that occurs twice, the order of the rows decides.

        The row before the hour says whether rows come oldest or newest first.
        """
        zone = self._mapping.zone
        if not zone:
            raise RefusedError(
                "time_invalid",
                f"time {local.isoformat(sep=' ')} has no zone; use --zone Europe/Berlin for local "
                "times or --zone UTC",
            )
        candidates = [to_us(time) for time in local_candidates(local, zone)]
        if not candidates:
            raise RefusedError(
                "time_invalid",
                f"local time {local.isoformat(sep=' ')} does not exist in {zone} (spring night)",
            )
        last = self._last.get(number)
        first_us, second_us = candidates[0], candidates[-1]
        if first_us == second_us:
            self._last[number] = _LocalTime(first_us)
            return first_us
        if last is None:
            raise RefusedError(
                "time_invalid",
                f"local time {local.isoformat(sep=' ')} occurs twice in {zone} (autumn night), and "
                "no row of this datastream before it tells which one is meant; begin the file "
                "earlier (newest first: later) or write the offset from UTC",
            )
        is_rising = last.us < first_us if last.is_rising is None else last.is_rising
        if is_rising:
            chosen = first_us if first_us > last.us else second_us
        else:
            chosen = second_us if second_us < last.us else first_us
        self._last[number] = _LocalTime(chosen, is_rising)
        return chosen

    def _quality(self, cell: object) -> int:
        text = "" if cell is None else str(cell).strip()
        if text not in self._qualities:
            self._qualities[text] = self._mask(text)
        return self._qualities[text]

    def _mask(self, text: str) -> int:
        if self._mapping.good:
            return 0 if text in self._mapping.good else int(Quality.BAD_AT_SOURCE)
        try:
            return int(from_keys(text.replace(";", " ").replace(",", " ").split()))
        except ModelError as error:
            raise RefusedError(
                "wrong_type", f"{error}; or name the good codes with `good`"
            ) from None


def _unknown(what: str) -> RefusedError:
    return RefusedError(
        "unknown_stream", f"datastream {what}; add it to datastreams.csv and run `twin load`"
    )


def _is_utc_text(cell: object) -> bool:
    """Whether a cell is surely a time of day in UTC; the others are read one by one."""
    return (
        isinstance(cell, str)
        and cell.endswith("Z")
        and len(cell) <= LONGEST_UTC
        and cell[10:11] in ("T", " ")
    )


def _as_number(cell: object) -> object:
    """A number from a cell that may be text."""
    if not isinstance(cell, str):
        return cell
    text = cell.strip()
    try:
        return int(text) if text.lstrip("-").isdecimal() else float(text)
    except ValueError:
        raise RefusedError("time_invalid", f"time {shown(text)} is no number") from None


def _places(header: Sequence[str], mapping: ReadingsMapping, where: str) -> dict[str, int]:
    """Position of each column that is used.

    Raises
    ------
    SettingsError
        If a needed one is absent; names the header, what is needed and the likely cause.
    """
    _check_delimiter(header, mapping, where)
    names = {"time": mapping.time, "value": mapping.value, **_stream_columns(header, mapping)}
    for meaning, name in names.items():
        if header.count(name) > 1:
            raise SettingsError(f"{where}: the header names {name!r} twice; rename one of the two")
        if name not in header:
            near = difflib.get_close_matches(name, header, n=1)
            hint = f" (perhaps {near[0]!r})" if near else ""
            raise SettingsError(
                f"{where}: no column {name!r} for the {meaning}; the header has "
                f"{', '.join(map(repr, header))[:300]}. Name the column in a mapping file: "
                f'[readings] {meaning} = "..."{hint}'
            )
    if not mapping.one_unit and mapping.unit in header:
        names["unit"] = mapping.unit
    if mapping.quality in header:
        names["quality"] = mapping.quality
    return {meaning: header.index(name) for meaning, name in names.items()}


def _check_delimiter(header: Sequence[str], mapping: ReadingsMapping, where: str) -> None:
    if len(header) != 1:
        return
    for sign, name in DELIMITERS.items():
        if sign in header[0] and sign != mapping.delimiter:
            raise SettingsError(
                f"{where}: the header is a single column {header[0][:80]!r}; the delimiter is "
                f"probably {name!r}: use --delimiter {name!r}"
            )


def _stream_columns(header: Sequence[str], mapping: ReadingsMapping) -> dict[str, str]:
    """Columns that say which datastream a row belongs to."""
    if mapping.one_datastream:
        return {}
    has_source = bool(mapping.one_source) or mapping.source in header
    if mapping.datastream not in header and mapping.key in header and has_source:
        return {"key": mapping.key} | ({} if mapping.one_source else {"source": mapping.source})
    return {"datastream": mapping.datastream}
