"""Values of the columns of a town's file: numbers, codes and directions, each doubt listed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from twin.exchange.geomapping import ColumnRule, conversion, target_unit
from twin.exchange.problems import suggestion

UNKNOWN = "unknown"
FORWARD, BACKWARD, BOTH = 1, -1, 0
MOST_EXAMPLES = 3


@dataclass(slots=True)
class Findings:
    """What was found on the way, one line each: where, what is wrong, what became of it."""

    lines: list[str] = field(default_factory=list)

    def add(self, place: str, what: str) -> None:
        """Note one finding."""
        self.lines.append(f"{place}: {what}")

    def each(self, names: Sequence[str], rows: NDArray[np.intp], what: str) -> None:
        """Note the same of several rows, by their names."""
        for row in rows.tolist():
            self.add(names[row], what)


@dataclass(frozen=True, slots=True)
class Columns:
    """The mapped columns of a file.

    Parameters
    ----------
    frame
        Rows of the file.
    names
        What each row is called in the report (rows,).
    findings
        Takes what cannot be read.
    """

    frame: pd.DataFrame
    names: Sequence[str]
    findings: Findings

    def texts(self, rule: ColumnRule) -> NDArray[np.object_]:
        """Texts of a column after its pattern (rows,); empty where there is none.

        A column of numbers and texts is read as text and reported (F-GIS-3).
        """
        column = self.frame[rule.column]
        given = np.array([_text(value) for value in column.tolist()], dtype=object)
        self._report_mixed(rule, given)
        if not rule.pattern:
            return given
        pattern = re.compile(rule.pattern)
        found = {text: _group(pattern, text) for text in {*given.tolist()}}
        lost = np.array([bool(text) and not found[text] for text in given], dtype=bool)
        self._tell(rule, given, lost, "does not fit the pattern and counts as missing")
        return np.array([found[text] for text in given.tolist()], dtype=object)

    def numbers(self, name: str, rule: ColumnRule) -> NDArray[np.float64]:
        """Numbers of a column in the unit of its attribute (rows,); NaN where there is none."""
        texts = self.texts(rule)
        target = target_unit(name, rule.unit) if rule.unit else ""
        factor, offset = conversion(rule.unit, target) or (1.0, 0.0)
        by_text = {text: _number(text, rule.decimal) for text in {*texts.tolist()}}
        values = np.array([by_text[text] for text in texts.tolist()], dtype=float)
        lost = np.array([bool(text) for text in texts], dtype=bool) & np.isnan(values)
        self._tell(rule, texts, lost, "is not a number and counts as missing")
        return values * factor + offset

    def codes(self, rule: ColumnRule) -> NDArray[np.object_]:
        """Meanings of a column of codes (rows,); codes outside the list are unknown (F-ESR-2)."""
        texts = self.texts(rule)
        if not rule.meanings:
            return texts
        lost = np.array([bool(text) and text not in rule.meanings for text in texts], dtype=bool)
        for row in np.flatnonzero(lost).tolist():
            self.findings.add(
                self.names[row], f"code {texts[row]} not in the declared list -> {UNKNOWN}"
            )
        meanings = [rule.meanings.get(text, UNKNOWN) if text else "" for text in texts.tolist()]
        return np.array(meanings, dtype=object)

    def ways(self, rule: ColumnRule) -> NDArray[np.int8]:
        """1 forward along the line, -1 backward, 0 both ways (rows,)."""
        texts = self.texts(rule)
        table = dict.fromkeys(rule.both, BOTH)
        table |= dict.fromkeys(rule.forward, FORWARD) | dict.fromkeys(rule.backward, BACKWARD)
        is_lost = np.array([bool(text) and text not in table for text in texts], dtype=bool)
        what = "is in none of forward, backward and both; both ways are assumed"
        self._tell(rule, texts, is_lost & bool(rule.both), what)
        return np.array([table.get(text, BOTH) for text in texts.tolist()], dtype=np.int8)

    def _report_mixed(self, rule: ColumnRule, texts: NDArray[np.object_]) -> None:
        distinct = {text for text in texts.tolist() if text}
        others = sorted(text for text in distinct if np.isnan(_number(text, rule.decimal)))
        if others and len(others) < len(distinct) and (rule.unit or rule.pattern):
            self.findings.add(
                f"column {rule.column!r}",
                f"holds numbers and texts (for example {others[0]!r}); all of it is read as text",
            )

    def _tell(
        self, rule: ColumnRule, texts: NDArray[np.object_], lost: NDArray[np.bool_], what: str
    ) -> None:
        """One line for every distinct text, with the first rows that have it."""
        rows: dict[str, list[str]] = {}
        for row in np.flatnonzero(lost).tolist():
            rows.setdefault(str(texts[row]), []).append(self.names[row])
        for text, names in rows.items():
            more = f" and {len(names) - MOST_EXAMPLES} more" if len(names) > MOST_EXAMPLES else ""
            self.findings.add(
                ", ".join(names[:MOST_EXAMPLES]) + more, f"{rule.column} {text!r} {what}"
            )


def missing_columns(frame: pd.DataFrame, rules: Mapping[str, ColumnRule]) -> list[str]:
    """Sentences about mapped columns that the file does not have."""
    return [
        f"column {rule.column!r} of {name} is not in the file"
        f"{suggestion(rule.column, map(str, frame.columns))}"
        for name, rule in rules.items()
        if rule.column not in frame.columns
    ]


def _text(value: object) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _group(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return (found.group(1) or "").strip() if found else ""


def _number(text: str, decimal: str) -> float:
    plain = text.replace(decimal, ".") if decimal != "." else text
    try:
        value = float(plain)
    except ValueError:
        return float("nan")
    return value if np.isfinite(value) else float("nan")
