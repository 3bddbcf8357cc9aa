"""Rows of the CSV tables of a city folder, with checks that name file and row."""

import csv
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from twin.exchange.problems import Known, Problems, suggestion


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table; every check that fails notes a problem and returns None or ``""``."""

    place: str
    cells: Mapping[str, str]
    problems: Problems

    def text(self, column: str) -> str:
        """Content of a cell, empty if the column is absent."""
        return self.cells.get(column, "")

    def needed(self, column: str) -> str:
        """Content of a cell that must not be empty."""
        value = self.text(column)
        if not value:
            self.problems.add(self.place, f"{column} is empty; fill it in")
        return value

    def word(self, column: str, words: Collection[str], *, default: str | None = None) -> str:
        """Content of a cell that must be one of the words; ``default`` where it is empty."""
        value = self.text(column)
        if not value and default is not None:
            return default
        if value not in words:
            self.problems.add(
                self.place, f"{column} {value!r} is unknown{suggestion(value, words)}"
            )
        return value

    def reference(self, column: str, known: Known, *, needed: bool = True) -> str:
        """Id of something that is defined elsewhere in the folder."""
        value = self.needed(column) if needed else self.text(column)
        if value and known.lacks(value):
            self.problems.add(
                self.place,
                f"{column} {value!r} is not defined{suggestion(value, known.places)}",
            )
        return value

    def number(self, column: str) -> float | None:
        """Finite number of a cell, None if it is empty."""
        value = self.text(column)
        if not value:
            return None
        try:
            number = float(value)
        except ValueError:
            hint = "use a decimal point" if "," in value else "write a plain number"
            self.problems.add(self.place, f"{column} {value!r} is not a number; {hint}")
            return None
        if not math.isfinite(number):
            self.problems.add(
                self.place,
                f"{column} {value!r} is not finite; leave the cell empty if it is unknown",
            )
            return None
        return number


def read_rows(
    folder: Path, name: str, *, columns: Sequence[str], problems: Problems
) -> Sequence[Row] | None:
    """Rows of a CSV file; empty if there is no such file, None if it cannot be read."""
    try:
        text = (folder / name).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ()
    except UnicodeDecodeError as error:
        problems.add(name, f"byte {error.start} is not UTF-8; save the file as UTF-8")
        return None
    reader = csv.reader(text.splitlines())
    header = [cell.strip() for cell in next(reader, [])]
    if not _has_columns(name, header, columns=columns, problems=problems):
        return None
    rows = []
    for cells in reader:
        place = f"{name}: row {reader.line_num}"
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            problems.add(
                place,
                f"has {len(cells)} fields and the header {len(header)}; "
                "put a text that contains a comma into quotation marks",
            )
            continue
        stripped = {column: cell.strip() for column, cell in zip(header, cells, strict=True)}
        rows.append(Row(place, stripped, problems))
    return rows


def _has_columns(
    name: str, header: Sequence[str], *, columns: Sequence[str], problems: Problems
) -> bool:
    missing = [column for column in columns if column not in header]
    if missing:
        hint = "separate with commas, not semicolons" if ";" in "".join(header) else "add it"
        problems.add(
            name,
            f"column {', '.join(map(repr, missing))} is missing, "
            f"found {', '.join(header) or 'nothing'}; {hint}",
        )
    repeated = sorted({column for column in header if header.count(column) > 1})
    if repeated:
        problems.add(name, f"column {', '.join(map(repr, repeated))} occurs twice; remove one")
    return not missing and not repeated
