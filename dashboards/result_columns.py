"""Columns of the tables of a result: the same for page and CSV; pure."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboards.i18n.translate import Texts
from dashboards.listing import neutral
from dashboards.results import Answer, Figure, newly_met
from twin.model.statements import in_language

Document = Mapping[str, Any]
Cell = float | str | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table of bridges.

    Parameters
    ----------
    key
        Of the address and, after ``result.column_``, of the catalogue.
    read
        Raw value of a bridge of the document.
    unit
        For the head; empty for texts and numbers without a unit.
    decimals
        The same in all rows; texts have none.
    """

    key: str
    read: Callable[[Document], Cell]
    unit: str = ""
    decimals: int = 0


def _heavy(name: str) -> Callable[[Document], Cell]:
    return lambda bridge: bridge["heavy"][name]


def _end(part: str, name: str) -> Callable[[Document], Cell]:
    def read(bridge: Document) -> Cell:
        band = bridge[part]["band"]
        return None if band is None else band[name]

    return read


def _inner(part: str, name: str) -> Callable[[Document], Cell]:
    return lambda bridge: bridge[part][name]


NAME = Column("name", lambda bridge: bridge["name"])
ROLE = Column("role", lambda bridge: bridge["role"])
BEFORE = Column("before", _heavy("base_vehd"), "/d")
AFTER = Column("after", _heavy("scenario_vehd"), "/d")
CHANGE = Column("change", _heavy("change_vehd"), "/d")
FACTOR = Column("factor", _inner("fatigue", "factor"), "", 2)
UTILISATION = Column("utilisation", _inner("utilisation", "scenario"), "", 2)
RESTRICTIONS = Column("restrictions", lambda bridge: float(len(newly_met(bridge))))

SORTABLE = (NAME, ROLE, BEFORE, AFTER, CHANGE, FACTOR, UTILISATION, RESTRICTIONS)
"""Columns of the page by which it sorts."""

FILE_COLUMNS = (
    Column("asset", lambda bridge: bridge["asset"]),
    Column("part", lambda bridge: bridge["part"]),
    NAME,
    ROLE,
    BEFORE,
    AFTER,
    CHANGE,
    Column("low", _end("heavy", "low"), "/d"),
    Column("high", _end("heavy", "high"), "/d"),
    Column("floor", _heavy("floor_vehd"), "/d"),
    Column("is_significant", _heavy("is_significant")),
    Column("label", _heavy("label")),
    Column("fatigue_status", _inner("fatigue", "status")),
    Column("detail", _inner("fatigue", "detail")),
    FACTOR,
    Column("factor_low", _end("fatigue", "low"), "", 2),
    Column("factor_high", _end("fatigue", "high"), "", 2),
    Column("tool", _inner("fatigue", "tool")),
    Column("utilisation_before", _inner("utilisation", "base"), "", 2),
    UTILISATION,
    Column("target", _inner("utilisation", "target")),
    RESTRICTIONS,
    Column("level", lambda bridge: bridge["level"]),
)


def ordered(bridges: Sequence[Document], sort: str, role: str) -> list[Document]:
    """Bridges of a role in the order of a column; the rank of the document without one.

    Rows without a value come last in either direction; equal rows keep their rank.
    """
    found = [bridge for bridge in bridges if role in ("", bridge["role"])]
    column = next((one for one in SORTABLE if one.key == sort.removeprefix("-")), None)
    if column is None:
        return found
    known = [bridge for bridge in found if column.read(bridge) is not None]
    absent = [bridge for bridge in found if column.read(bridge) is None]
    known.sort(key=lambda bridge: _sortable(column.read(bridge)), reverse=sort.startswith("-"))
    return [*known, *absent]


def _sortable(cell: Cell) -> tuple[float, str]:
    return (0.0, cell.casefold()) if isinstance(cell, str) else (float(cell or 0.0), "")


def heading(column: Column, texts: Texts) -> str:
    """Head of a column with its unit."""
    unit = f" [{texts.unit(column.unit)}]" if column.unit else ""
    return texts.under("result.column_")[column.key] + unit


def bridges_csv(answer: Answer, texts: Texts) -> str:
    """Bridges as CSV: units in the head, provenance and reasons beside the numbers."""
    extra = ("fatigue_reason", "utilisation_reason", "provenance", "computed_by", "input_hash")
    names = texts.under("result.column_")
    head = [*(heading(one, texts) for one in FILE_COLUMNS), *(names[key] for key in extra)]
    rows = [_bridge_row(bridge, answer, texts) for bridge in answer.bridges]
    return _written([head, *rows])


def _bridge_row(bridge: Document, answer: Answer, texts: Texts) -> list[str]:
    words = [
        _reason(bridge["fatigue"], texts),
        _reason(bridge["utilisation"], texts),
        texts("provenance.simulated"),
        f"{answer.run.engine} {answer.run.version}",
        answer.run.input_hash,
    ]
    cells = [_cell(one.read(bridge)) for one in FILE_COLUMNS]
    return [*cells, *(neutral(word) for word in words)]


def _reason(part: Document, texts: Texts) -> str:
    reason = part.get("reason")
    return "" if reason is None else in_language(reason, texts.language)


def kpis_csv(figures: Sequence[Figure], answer: Answer, texts: Texts) -> str:
    """Numbers of the town as CSV, each with unit, band and provenance."""
    keys = (
        "key", "kpi", "unit", "before", "after", "change", "low", "high", "members", "floor",
        "is_significant", "provenance", "computed_by", "input_hash",
    )  # fmt: skip
    names = texts.under("result.column_")
    return _written(
        [[names[key] for key in keys], *(_kpi_row(one, answer, texts) for one in figures)]
    )


def _kpi_row(figure: Figure, answer: Answer, texts: Texts) -> list[str]:
    band = figure.band
    cells: list[Cell] = [
        figure.key,
        texts.under("result.kpi_").get(figure.key, figure.key),
        figure.unit,
        figure.base,
        figure.scenario,
        figure.change,
        band.get("low"),
        band.get("high"),
        band.get("members"),
        figure.threshold,
        figure.is_significant,
        texts(f"provenance.{figure.provenance}"),
        figure.by or f"{answer.run.engine} {answer.run.version}",
        answer.run.input_hash,
    ]
    return [_cell(one) for one in cells]


def _cell(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    return neutral(cell) if isinstance(cell, str) else f"{cell:.10g}"


def _written(rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()
