"""CSV tables with several values in a row, by a declared mapping (formats.md, section 7)."""

import csv
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from sensors.codecs.decoder import shown
from sensors.history.importfile import STRICT, Finding, Refusal
from sensors.history.samples import Item, Sample
from twin.errors import SettingsError

FIELD = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """Column of the time: pattern of ``strptime``, and what the time says of its interval.

    ``period_s`` is the length of the interval [s] where the label is its start.
    """

    __pydantic_config__: ClassVar = STRICT
    column: str
    format: str
    label: Literal["instant", "start", "end"] = "instant"
    period_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ValueColumn:
    """Column of values; its series is the key of the row, ``#`` and the quantity (or `key`)."""

    __pydantic_config__: ClassVar = STRICT
    column: str
    quantity: str
    unit: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class TableMapping:
    """Form of a CSV table and its columns.

    Parameters
    ----------
    time, value
        The columns.
    key
        Key of a row; names of columns in braces stand for their cells.
    encoding
        Of the text; empty to find it.
    delimiter, decimal, thousands
        Signs between cells, before decimals, between thousands (empty: none).
    skip_rows
        Lines before the header.
    zone
        Of local times.
    missing
        Texts that mean that there is no value; compared before anything else.
    """

    __pydantic_config__: ClassVar = STRICT
    time: TimeColumn
    value: tuple[ValueColumn, ...]
    key: str = ""
    encoding: str = ""
    delimiter: str = ","
    decimal: str = "."
    thousands: str = ""
    skip_rows: int = 0
    zone: str = ""
    missing: tuple[str, ...] = ("",)


def table_mapping(content: Mapping[str, object], where: str) -> TableMapping:
    """Mapping from the table ``[csv]`` of a mapping file.

    Raises
    ------
    SettingsError
        If a key is unknown, absent or wrong; names all of them.
    """
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - only with a mapping file

    if set(content) != {"csv"}:
        raise SettingsError(f"{where}: --format csv needs the table [csv] and no other")
    try:
        mapping = TypeAdapter(TableMapping).validate_python(content["csv"])
    except ValidationError as error:
        found = [f"csv.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise SettingsError(f"{where}: {'; '.join(found)}") from None
    signs = (mapping.delimiter, mapping.decimal, mapping.thousands or " ")
    if any(len(sign) != 1 for sign in signs) or mapping.decimal == mapping.thousands:
        raise SettingsError(f"{where}: delimiter, decimal and thousands are one character each")
    if (mapping.time.label == "start") != (mapping.time.period_s > 0):
        raise SettingsError(f"{where}: label 'start' needs period_s, and only that label has it")
    return mapping


def read_table(lines: Iterable[str], mapping: TableMapping) -> Iterator[Item]:
    """Samples of a table, each cell with its line.

    Raises
    ------
    SettingsError
        If columns are absent or twice in the header.

    Examples
    --------
    >>> mapping = table_mapping(
    ...     {"csv": {"time": {"column": "t", "format": "%d.%m.%Y %H:%M"}, "key": "{p}",
    ...              "delimiter": ";", "decimal": ",", "thousands": ".",
    ...              "value": [{"column": "h", "quantity": "water_level", "unit": "cm"}]}}, "m")
    >>> list(read_table(["t;p;h", "25.10.2026 01:30;S;1.312,5"], mapping))
    [Sample(line=2, key='S#water_level', begin='2026-10-25T01:30:00', value='1312.5', quality='', \
unit='cm')]
    """
    table = csv.reader(lines, delimiter=mapping.delimiter)
    list(itertools.islice(table, mapping.skip_rows))
    header = [name.strip() for name in next(table, [])]
    _check(header, mapping)
    nameless = [str(at) for at, name in enumerate(header, 1) if not name]
    if nameless:
        yield Finding(0, f"columns without a name are ignored: {', '.join(nameless)}")
    for row in table:
        if not row:
            continue
        if len(row) != len(header):
            text = f"the row has {len(row)} cells, the header {len(header)}"
            yield Refusal(table.line_num, "wrong_type", text)
            continue
        cells = dict(zip(header, map(str.strip, row), strict=True))
        yield from _row(table.line_num, cells, mapping)


def _check(header: list[str], mapping: TableMapping) -> None:
    needed = [mapping.time.column, *FIELD.findall(mapping.key)]
    needed += [one.column for one in mapping.value]
    wrong = [name for name in needed if header.count(name) != 1]
    if wrong:
        raise SettingsError(
            f"columns {', '.join(map(repr, wrong))} must occur once in the header, which is "
            f"{', '.join(map(repr, header))[:300]}; check delimiter, skip_rows and encoding"
        )


def _row(line: int, cells: Mapping[str, str], mapping: TableMapping) -> Iterator[Item]:
    raw = cells[mapping.time.column]
    try:
        begin = datetime.strptime(raw, mapping.time.format).isoformat()  # noqa: DTZ007 - zone known
    except ValueError:
        text = f"time {shown(raw)} does not fit {mapping.time.format!r}"
        yield Refusal(line, "time_invalid", text)
        return
    key = FIELD.sub(lambda found: cells[found[1]], mapping.key)
    for column in mapping.value:
        series = f"{key}#{column.key or column.quantity}"
        text = cells[column.column]
        number = "" if text in mapping.missing else plain_number(text, mapping)
        if number is None:
            signs = f"decimal {mapping.decimal!r} and thousands {mapping.thousands!r}"
            text = f"{series}: value {shown(text)} is no number with {signs}"
            yield Refusal(line, "wrong_type", text)
            number = ""  # its time still counts for the order of the rows
        yield Sample(line, series, begin, number, unit=column.unit)


def plain_number(text: str, mapping: TableMapping) -> str | None:
    """A number with a decimal point from one with declared signs; None if it does not fit."""
    groups = re.escape(mapping.thousands)
    whole = r"\d+" if not groups else rf"(?:\d{{1,3}}(?:{groups}\d{{3}})+|\d+)"
    form = rf"[+-]?{whole}(?:{re.escape(mapping.decimal)}\d+)?(?:[eE][+-]?\d+)?"
    if not re.fullmatch(form, text, re.ASCII):
        return None
    plain = text.replace(mapping.thousands, "") if mapping.thousands else text
    return plain.replace(mapping.decimal, ".")
