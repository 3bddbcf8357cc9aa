"""Sheets of a spreadsheet (XLSX, XLS, ODS) as the same tables of text that CSV files give.

A spreadsheet types its cells: numbers and dates are written back in the form that the mapping
declares for the whole inventory, so that the same rules read every list. Nothing is executed.
"""

import io
import zipfile
from collections.abc import Sequence
from datetime import date, datetime, time

from python_calamine import CalamineError, CalamineWorkbook

from twin.errors import ModelError
from twin.exchange.asb_tables import Table, TableRow, require_columns

ENDINGS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
MOST_UNPACKED = 256 * 1024 * 1024
MOST_CELLS = 5_000_000
DAY_FORMAT = "%Y-%m-%d"
WHOLE_DIGITS = 15
"""Digits that a cell keeps exactly."""


def is_spreadsheet(name: str) -> bool:
    """Whether a file is a spreadsheet by its name."""
    return name.casefold().endswith(ENDINGS)


def read_sheet(
    name: str,
    content: bytes,
    *,
    sheet: str = "",
    header_row: int = 1,
    decimal: str = ",",
    dates: str = "",
) -> Table:
    """Rows of one sheet, all cells as text without blanks around them.

    Rows are numbered as the spreadsheet numbers them. Cells right of the last column with a name
    are a mistake of the list unless they are empty.

    Parameters
    ----------
    sheet
        Name of the sheet; may be left out where the file has only one.
    header_row
        Row that holds the names of the columns, counted from 1.
    decimal
        Sign that numbers are written with.
    dates
        Pattern that days are written with; ISO 8601 if it is empty.

    Raises
    ------
    ModelError
        If the file is no spreadsheet, is too large, or lacks the sheet or the header.
    """
    _require_size(name, content)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        cells = book.get_sheet_by_name(_sheet(name, book, sheet)).to_python(skip_empty_area=False)
    except (CalamineError, zipfile.BadZipFile, OSError, ValueError) as error:
        raise ModelError(f"{name} is no spreadsheet that can be read: {error}") from error
    if sum(len(row) for row in cells) > MOST_CELLS:
        raise ModelError(f"{name} has more than {MOST_CELLS} cells; delete empty rows and columns")
    texts = [[_text(cell, decimal=decimal, dates=dates) for cell in row] for row in cells]
    return _table(name, texts, header_row)


def _sheet(name: str, book: CalamineWorkbook, asked: str) -> str:
    """Name of the sheet that is meant."""
    if asked in book.sheet_names:
        return asked
    if not asked and len(book.sheet_names) == 1:
        return book.sheet_names[0]
    said = f"no sheet {asked!r}" if asked else "several sheets and no `sheet` in the mapping"
    raise ModelError(f"{name} has {said}; there are: {', '.join(book.sheet_names)}")


def _require_size(name: str, content: bytes) -> None:
    """ModelError for a packed file that would unpack to more than is sensible."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise ModelError(f"{name} is no spreadsheet that can be read: {error}") from error
    if size > MOST_UNPACKED:
        raise ModelError(f"{name} unpacks to {size} bytes; {MOST_UNPACKED} are allowed")


def _text(cell: object, *, decimal: str, dates: str) -> str:
    """A cell as a list would write it."""
    if isinstance(cell, bool):
        return "ja" if cell else "nein"
    if isinstance(cell, float):
        if cell.is_integer() and abs(cell) < 10.0**WHOLE_DIGITS:
            return str(int(cell))
        return repr(cell).replace(".", decimal)
    is_day = isinstance(cell, date) and not (isinstance(cell, datetime) and cell.time() != time())
    return cell.strftime(dates or DAY_FORMAT) if is_day else str(cell).strip()


def _table(name: str, texts: Sequence[Sequence[str]], header_row: int) -> Table:
    if header_row > len(texts) or not any(texts[header_row - 1]):
        raise ModelError(f"{name}: row {header_row} holds no header; set `header_row`")
    columns = list(texts[header_row - 1])
    while columns and not columns[-1]:
        columns.pop()
    rows: list[TableRow] = []
    for number, row in enumerate(texts[header_row:], start=header_row + 1):
        if not any(row):
            continue
        if any(row[len(columns) :]):
            raise ModelError(
                f"{name}: row {number} has cells right of the last column {columns[-1]!r}; give "
                "their column a name"
            )
        padded = [*row, *[""] * (len(columns) - len(row))]
        rows.append(TableRow(number, dict(zip(columns, padded, strict=False))))
    require_columns(name, columns)
    return Table(name, columns, rows, "spreadsheet")
