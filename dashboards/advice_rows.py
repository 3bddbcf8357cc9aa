"""Ranks of advice as rows: the same for the table of the page and for the CSV; pure."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboards.i18n.translate import Texts
from dashboards.listing import neutral
from twin.model.statements import in_language

Document = Mapping[str, Any]
Cell = float | str | None


@dataclass(frozen=True, slots=True)
class RankColumn:
    """A column: its key after ``advice.column_``, unit (UCUM), decimals, and how it is read."""

    key: str
    read: Callable[[Document], Cell]
    unit: str = ""
    decimals: int = 0


def _share(rank: Document) -> Cell:
    share = rank["damage_share"]
    return None if share is None else 100.0 * share


FIGURES = (
    RankColumn("damage", _share, "%", 0),
    RankColumn("crossings", lambda rank: rank["crossings_vehd"], "/d"),
    RankColumn("unserved", lambda rank: rank["unserved_vehh"], "/h"),
    RankColumn("vehicle_h", lambda rank: rank["vehicle_h"], decimals=1),
    RankColumn("heavy_km", lambda rank: rank["heavy_km"]),
)
"""Figures of a set: its effect on the bridge, and what traffic pays in the hour of the base."""


def figures_for(document: Document) -> Sequence[RankColumn]:
    """Columns that a target has figures for: what nobody asked for may not be known."""
    asked = document["target"]
    left_out = set()
    if asked["damage_share"] is None:
        left_out.add("damage")
    if asked["above_t"] is None:
        left_out.add("crossings")
    return [column for column in FIGURES if column.key not in left_out]


def heading(column: RankColumn, texts: Texts) -> str:
    """Head of a column with its unit."""
    label = texts(f"advice.column_{column.key}")
    return f"{label} [{texts.unit(column.unit)}]" if column.unit else label


def verdict(rank: Document, texts: Texts) -> str:
    """Whether a set reaches the target, in words."""
    if rank["unserved_vehh"] is None:
        return texts("advice.verdict_impossible")
    return texts("advice.verdict_reaches" if rank["reaches"] else "advice.verdict_misses")


def as_csv(document: Document, texts: Texts) -> str:
    """Ranks as CSV: plain numbers, units in the head, texts that cannot become formulas."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    keys = ("rank", "measures", "verdict")
    writer.writerow(
        [
            *(texts(f"advice.column_{key}") for key in keys),
            *(heading(column, texts) for column in FIGURES),
            *(texts(f"advice.column_{key}") for key in ("overloaded", "reasons", "origin")),
        ]
    )
    inputs = document["inputs"]
    origin = f"{' '.join(inputs['engine'])}; {inputs['base']['name']}; {inputs['input_hash']}"
    for rank in document["ranks"]:
        figures = [column.read(rank) for column in FIGURES]
        reasons = " ".join(in_language(one, texts.language) for one in rank["reasons"])
        writer.writerow(
            [
                rank["rank"],
                neutral("; ".join(rank["sentences"][texts.language])),
                verdict(rank, texts),
                *("" if value is None else f"{value:.10g}" for value in figures),
                neutral("; ".join(rank["overloaded"])),
                neutral(reasons),
                neutral(origin),
            ]
        )
    return out.getvalue()
