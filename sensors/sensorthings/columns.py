"""Columns of values with what is unknown among them: what a filter is computed on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from sensors.sensorthings.problems import MalformedError

Kind = Literal["number", "text", "bool", "time", "duration", "date", "clock", "geometry", "any"]
Values = NDArray[Any]

_DTYPES: dict[Kind, Any] = {
    "number": np.float64,
    "text": np.object_,
    "bool": np.bool_,
    "time": np.int64,
    "duration": np.int64,
    "date": np.int64,
    "clock": np.int64,
    "geometry": np.object_,
    "any": np.object_,
}
_FILLS: dict[Kind, Any] = {"text": "", "geometry": None, "any": None}
_TESTS: dict[Kind, Callable[[object], bool]] = {
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "text": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "geometry": lambda value: isinstance(value, BaseGeometry),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One value per row.

    Parameters
    ----------
    kind
        Numbers are float64; times and durations microseconds (UTC), dates days since 1970, times of
        day microseconds; ``any`` holds JSON values of several kinds.
    values : (n,)
        The values; where they are unknown, they mean nothing.
    known : (n,)
        Where there is a value.
    """

    kind: Kind
    values: Values
    known: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.known)

    def take(self, rows: Values) -> "Column":
        """The column at some rows."""
        return Column(self.kind, self.values[rows], self.known[rows])


def constant(kind: Kind, value: object, count: int) -> Column:
    """The same value in every row."""
    values = np.empty(count, _DTYPES[kind])
    values[:] = [value] * count if kind in _FILLS else value
    return Column(kind, values, np.ones(count, np.bool_))


def unknown(count: int, kind: Kind = "any") -> Column:
    """No value in any row."""
    values = np.full(count, _FILLS.get(kind, 0), _DTYPES[kind])
    return Column(kind, values, np.zeros(count, np.bool_))


def column_of(values: Sequence[object]) -> Column:
    """Column of JSON values or geometries; ``any`` if they are of several kinds.

    Examples
    --------
    >>> column_of([1, None, 2.5]).kind
    'number'
    """
    present = [value for value in values if value is not None]
    for kind, test in _TESTS.items():
        if present and all(map(test, present)):
            return _of_kind(kind, values)
    return _of_kind("any", values)


def _of_kind(kind: Kind, values: Sequence[object]) -> Column:
    test = _TESTS.get(kind, lambda value: value is not None)
    known = np.fromiter((test(value) for value in values), np.bool_, count=len(values))
    fill = _FILLS.get(kind, 0)
    found = np.empty(len(values), _DTYPES[kind])
    found[:] = [
        value if is_known else fill for value, is_known in zip(values, known.tolist(), strict=True)
    ]
    return Column(kind, found, known)


def as_kind(column: Column, kind: Kind, *, what: str) -> Column:
    """The column as one of this kind; of mixed values those that are of it.

    Raises
    ------
    MalformedError
        If the column is of another kind; ``what`` names the operation.
    """
    if column.kind == kind:
        return column
    if column.kind != "any":
        raise MalformedError(f"{what} wants a {kind}, got a {column.kind}")
    if kind not in _TESTS:
        return unknown(len(column), kind)
    return _of_kind(kind, column.values.tolist())
