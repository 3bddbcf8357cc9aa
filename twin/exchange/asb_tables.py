"""Tables of an inventory as rows of text: encodings, line ends, CSV and JSON."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twin.errors import ModelError

ENCODINGS = ("utf-8-sig", "cp1252", "mac_roman")
_GERMAN = frozenset("äöüßÄÖÜé")
_ODD = frozenset(
    "\u0160\u0161\u0178\u00a7\u20ac\u2026\u2020\u2030\u02c6"
    "\u00b8\ufb02\u00c3\u00c2\u00bc\u00bd\u00be\u00b6\u00a4\u2021"
)
"""What German umlauts become when they are read in the wrong one of these encodings."""
_LARGEST_FIELD = 1 << 20


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row: its number as people count lines, and its cells by column."""

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one file with the encoding that was recognised."""

    name: str
    columns: Sequence[str]
    rows: Sequence[TableRow]
    encoding: str


def decoded(content: bytes, *, encoding: str = "") -> tuple[str, str]:
    r"""Text of a file and its encoding: declared, or UTF-8, Windows 1252 or Mac Roman.

    Examples
    --------
    >>> decoded("Brücke".encode("mac_roman")), decoded("Brücke".encode("cp1252"))
    (('Brücke', 'mac_roman'), ('Brücke', 'cp1252'))
    """
    candidates = (encoding,) if encoding else ENCODINGS[:1]
    for name in candidates:
        try:
            return content.decode(name), name
        except (UnicodeDecodeError, LookupError) as error:
            if encoding:
                raise ModelError(
                    f"the file is not {encoding} ({error}); correct `encoding` or leave it out"
                ) from error
    texts = {name: content.decode(name, errors="replace") for name in ENCODINGS[1:]}
    best = max(texts, key=lambda name: _likeness(texts[name]))
    return texts[best], best


def read_table(
    name: str, content: bytes, *, delimiter: str = "", encoding: str = "", header_row: int = 1
) -> Table:
    r"""Rows of a CSV or JSON file, all cells as text without blanks around them.

    Line ends may be LF, CR LF or CR alone. Without a delimiter the one that the header holds most
    often is taken.

    Raises
    ------
    ModelError
        If the file cannot be read at all; says where.

    Examples
    --------
    >>> table = read_table("a.csv", b"Nr;Name\r0999001;Talbr\x9fcke\r")
    >>> table.rows[0].cells, table.encoding
    ({'Nr': '0999001', 'Name': 'Talbrücke'}, 'mac_roman')
    """
    text, found = decoded(content, encoding=encoding)
    if name.endswith(".json"):
        return _json_table(name, text, found)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if header_row > len(lines) or not lines[header_row - 1].strip():
        raise ModelError(f"{name}: row {header_row} holds no header; set `header_row`")
    delimiter = delimiter or max(";,\t|", key=lines[header_row - 1].count)
    csv.field_size_limit(_LARGEST_FIELD)
    reader = csv.reader(io.StringIO("\n".join(lines[header_row - 1 :])), delimiter=delimiter)
    columns: list[str] = []
    rows: list[TableRow] = []
    try:
        columns = [column.strip() for column in next(reader)]
        for cells in reader:
            number = header_row - 1 + reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(columns):
                raise ModelError(
                    f"{name}: row {number} has {len(cells)} cells for {len(columns)} columns; "
                    "put texts with the delimiter in quotes"
                )
            padded = [*cells, *[""] * (len(columns) - len(cells))]
            values = [cell.strip() for cell in padded]
            rows.append(TableRow(number, dict(zip(columns, values, strict=True))))
    except csv.Error as error:
        raise ModelError(f"{name}: line {reader.line_num} is no CSV: {error}") from error
    require_columns(name, columns)
    return Table(name, columns, rows, found)


def _json_table(name: str, text: str, encoding: str) -> Table:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise ModelError(
            f"{name}: line {error.lineno}, column {error.colno} is no JSON ({error.msg}); nothing "
            "was loaded"
        ) from error
    listed = document.get("records") if isinstance(document, dict) else document
    if not isinstance(listed, list) or not all(isinstance(row, dict) for row in listed):
        raise ModelError(f'{name}: needs a list of objects, or one under "records"')
    columns = list(dict.fromkeys(str(key) for row in listed for key in row))
    rows = [
        TableRow(number, {column: _cell(row.get(column)) for column in columns})
        for number, row in enumerate(listed, start=1)
    ]
    return Table(name, columns, rows, encoding)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "ja" if value else "nein"
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def require_columns(name: str, columns: Sequence[str]) -> None:
    """ModelError if two columns of a table have the same name."""
    repeated = sorted({column for column in columns if column and columns.count(column) > 1})
    if repeated:
        raise ModelError(f"{name}: the columns {', '.join(repeated)} occur twice; rename one")


def _likeness(text: str) -> int:
    return sum((letter in _GERMAN) - (letter in _ODD) for letter in text)
