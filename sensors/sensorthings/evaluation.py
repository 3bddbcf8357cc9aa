"""Where a filter holds: its tree computed on whole columns."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any, Protocol

import numpy as np
import shapely
from numpy.typing import NDArray
from odata_query import ast
from shapely.errors import ShapelyError

from sensors.sensorthings import functions
from sensors.sensorthings.columns import Column, Kind, Values, as_kind, constant, unknown
from sensors.sensorthings.filters import Node, path_of
from sensors.sensorthings.problems import MalformedError, UnsupportedError
from twin.model.times import EPOCH, to_us

LONGEST_DURATION = timedelta(days=366_000)
_ORDERED: frozenset[Kind] = frozenset({"number", "text", "time", "duration", "date", "clock"})
_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Mod: np.fmod,
}
_TIMES: dict[tuple[type, Kind, Kind], Kind] = {
    (ast.Sub, "time", "time"): "duration",
    (ast.Sub, "time", "duration"): "time",
    (ast.Add, "time", "duration"): "time",
    (ast.Add, "duration", "duration"): "duration",
    (ast.Sub, "duration", "duration"): "duration",
    (ast.Sub, "date", "date"): "number",
}
_MICROSECOND = timedelta(microseconds=1)


class Source(Protocol):
    """Rows that a filter asks for their properties."""

    def __len__(self) -> int: ...

    def column(self, path: tuple[str, ...]) -> Column:
        """Column of a property; raises a `RequestError` if there is none."""
        ...


def holds(tree: Node, source: Source) -> NDArray[np.bool_]:
    """Rows where a filter is true; where it is unknown it does not hold.

    Raises
    ------
    MalformedError
        If it compares what cannot be compared, or is no condition.
    """
    found = as_kind(evaluate(tree, source), "bool", what="$filter")
    return found.values.astype(np.bool_) & found.known


def evaluate(node: Node, source: Source) -> Column:
    """Value of a node in every row."""
    path = path_of(node)
    if path is not None:
        return source.column(path)
    compute = _NODES.get(type(node))
    if compute is None:
        raise UnsupportedError("any, all and named parameters are not supported in $filter")
    return compute(node, source)


def _called(node: ast.Call, source: Source) -> Column:
    arguments = [evaluate(argument, source) for argument in node.args]
    return functions.call(node.func.name, arguments, len(source))


def _literal(node: Node, source: Source) -> Column:
    kind, read = _LITERALS[type(node)]
    try:
        value = read(node)
    except (ValueError, OverflowError, ShapelyError) as error:
        raise MalformedError(f"a value in $filter cannot be read: {str(error)[:200]}") from error
    return constant(kind, value, len(source))


def _null(node: ast.Null, source: Source) -> Column:
    del node
    return unknown(len(source))


def _number(node: ast.Integer | ast.Float) -> float:
    number = float(node.val)
    if not np.isfinite(number):
        raise MalformedError(f"the number {node.val[:40]} is too large")
    return number


def _duration_us(node: ast.Duration) -> int:
    if abs(node.py_val) > LONGEST_DURATION:
        raise MalformedError("a duration in $filter is longer than 1,000 years")
    return node.py_val // _MICROSECOND


def _instant_us(instant: datetime) -> int:
    if instant.tzinfo is None:
        raise MalformedError(
            "a time in $filter needs an offset from UTC, for example 2026-11-22T08:00:00Z"
        )
    return to_us(instant.astimezone(UTC))


def _clock_us(clock: time) -> int:
    since = timedelta(hours=clock.hour, minutes=clock.minute, seconds=clock.second)
    return since // _MICROSECOND + clock.microsecond


def _logic(node: ast.BoolOp, source: Source) -> Column:
    """Logic with three values: unknown and false is false, unknown or true is true."""
    left, right = (
        as_kind(evaluate(side, source), "bool", what="and/or") for side in (node.left, node.right)
    )
    a, b = left.values & left.known, right.values & right.known
    both = left.known & right.known
    if isinstance(node.op, ast.And):
        return Column("bool", a & b, both | (left.known & ~a) | (right.known & ~b))
    return Column("bool", a | b, both | a | b)


def _compared(node: ast.Compare, source: Source) -> Column:
    if isinstance(node.comparator, ast.In):
        return _contained(node, source)
    left, right = evaluate(node.left, source), evaluate(node.right, source)
    for side, other in ((node.left, right), (node.right, left)):
        if isinstance(side, ast.Null):
            return _against_null(node.comparator, other)
    return _of_comparison(node.comparator, left, right)


def _contained(node: ast.Compare, source: Source) -> Column:
    left = evaluate(node.left, source)
    items = node.right.val if isinstance(node.right, ast.List) else []
    found = np.zeros(len(left), np.bool_)
    for item in items:
        equal = _of_comparison(ast.Eq(), left, evaluate(item, source))
        found |= equal.values & equal.known
    return Column("bool", found, left.known.copy())


def _against_null(comparator: object, column: Column) -> Column:
    if not isinstance(comparator, ast.Eq | ast.NotEq):
        raise MalformedError("null can be compared by eq and ne only")
    wanted = column.known if isinstance(comparator, ast.NotEq) else ~column.known
    return Column("bool", wanted, np.ones(len(column), np.bool_))


def _of_comparison(comparator: object, left: Column, right: Column) -> Column:
    if left.kind == "any":
        left = as_kind(left, right.kind if right.kind != "any" else "text", what="a comparison")
    right = as_kind(right, left.kind, what="a comparison")
    is_equality = isinstance(comparator, ast.Eq | ast.NotEq)
    if left.kind not in _ORDERED and not (is_equality and left.kind == "bool"):
        raise MalformedError(f"values of kind {left.kind} cannot be compared like this")
    found = _COMPARISONS[type(comparator)](left.values, right.values)
    return Column("bool", np.asarray(found, np.bool_), left.known & right.known)


def _computed(node: ast.BinOp, source: Source) -> Column:
    left, right = evaluate(node.left, source), evaluate(node.right, source)
    kind = _TIMES.get((type(node.op), left.kind, right.kind))
    if kind is None:
        kind = "number"
        left = as_kind(left, "number", what="arithmetic")
        right = as_kind(right, "number", what="arithmetic")
    with np.errstate(all="ignore"):
        values: Values = _ARITHMETIC[type(node.op)](left.values, right.values)
    known = left.known & right.known
    if kind == "number":
        values = values.astype(np.float64)
        known = known & np.isfinite(values)
    return Column(kind, values, known)


def _unary(node: ast.UnaryOp, source: Source) -> Column:
    operand = evaluate(node.operand, source)
    if isinstance(node.op, ast.Not):
        truth = as_kind(operand, "bool", what="not")
        return Column("bool", ~truth.values.astype(np.bool_), truth.known)
    if operand.kind != "duration":
        operand = as_kind(operand, "number", what="a minus sign")
    return Column(operand.kind, -operand.values, operand.known)


def _list(node: ast.List, source: Source) -> Column:
    del node, source
    raise MalformedError("lists are possible behind 'in' only")


_LITERALS: dict[type, tuple[Kind, Callable[[Any], object]]] = {
    ast.Integer: ("number", _number),
    ast.Float: ("number", _number),
    ast.String: ("text", lambda node: node.val),
    ast.GUID: ("text", lambda node: node.val),
    ast.Boolean: ("bool", lambda node: node.py_val),
    ast.DateTime: ("time", lambda node: _instant_us(node.py_val)),
    ast.Date: ("date", lambda node: (node.py_val - EPOCH.date()).days),
    ast.Time: ("clock", lambda node: _clock_us(node.py_val)),
    ast.Duration: ("duration", _duration_us),
    ast.Geography: ("geometry", lambda node: shapely.from_wkt(node.val)),
}
_NODES: dict[type, Callable[[Any, Source], Column]] = {
    ast.BoolOp: _logic,
    ast.Compare: _compared,
    ast.BinOp: _computed,
    ast.UnaryOp: _unary,
    ast.Call: _called,
    ast.Null: _null,
    ast.List: _list,
    **dict.fromkeys(_LITERALS, _literal),
}
