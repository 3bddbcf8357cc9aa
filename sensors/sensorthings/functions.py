"""Functions that a ``$filter`` may call, each on whole columns: one table."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyproj
import shapely
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from sensors.sensorthings.columns import Column, Kind, Values, as_kind, constant
from sensors.sensorthings.problems import MalformedError
from twin.model.times import to_us, utc_now

DAY_US = 86_400_000_000
_UNITS = {"hour": (3_600_000_000, 24), "minute": (60_000_000, 60), "second": (1_000_000, 60)}
FIRST_TIME_US, LAST_TIME_US = -62_135_596_800_000_000, 253_402_300_799_999_999
_WGS84 = pyproj.Geod(ellps="WGS84")


@dataclass(frozen=True, slots=True)
class Function:
    """What a function takes and gives; ``apply`` gets the values where all are known."""

    takes: tuple[Kind, ...]
    gives: Kind
    apply: Callable[..., Values]
    optional: int = 0


def call(name: str, arguments: Sequence[Column], count: int) -> Column:
    """Value of a function of `ARITIES` in every row; unknown where an argument is.

    Raises
    ------
    MalformedError
        If an argument is of the wrong kind.
    """
    if name in _CONSTANTS:
        return constant("time", _CONSTANTS[name](), count)
    function = _fitting(name, arguments)
    columns = [
        as_kind(column, kind, what=f"the function {name}")
        for column, kind in zip(arguments, function.takes, strict=False)
    ]
    known = np.logical_and.reduce([column.known for column in columns])
    rows = np.flatnonzero(known)
    result = constant(function.gives, "" if function.gives == "text" else 0, count)
    try:
        with np.errstate(all="ignore"):
            found = function.apply(*(column.values[rows] for column in columns))
    except (ShapelyError, ValueError, ArithmeticError) as error:
        raise MalformedError(f"the function {name} fails: {str(error)[:200]}") from error
    result.values[rows] = found
    if function.gives == "number":
        known &= np.isfinite(result.values)
    return Column(function.gives, result.values, known)


def _fitting(name: str, arguments: Sequence[Column]) -> Function:
    """The function; of two with this name the one that takes the first argument."""
    choices = FUNCTIONS[name]
    for choice in choices:
        if arguments[0].kind == choice.takes[0]:
            return choice
    return choices[0]


def _each(function: Callable[..., Any], dtype: Any = np.object_) -> Callable[..., Values]:  # noqa: ANN401
    """A function of single values as one of columns."""

    def apply(*columns: Values) -> Values:
        found = np.empty(len(columns[0]), dtype)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        found[:] = [function(*row) for row in rows]
        return found

    return apply


def _substring(text: str, begin: float, length: float = math.inf) -> str:
    first = max(0, int(begin))
    return text[first:] if math.isinf(length) else text[first : first + max(0, int(length))]


def _rounded(values: Values) -> Values:
    """Nearest whole number, halves away from zero, as OData 4.0 part 2, 5.1.1.4.6 has it."""
    return np.trunc(values + np.copysign(0.5, values))


def _days(times_us: Values) -> Values:
    return times_us // DAY_US


def _calendar(unit: str) -> Callable[[Values], Values]:
    def apply(days: Values) -> Values:
        dates = days.astype("datetime64[D]")
        months = dates.astype("datetime64[M]")
        if unit == "year":
            return dates.astype("datetime64[Y]").astype(np.int64) + 1970
        if unit == "month":
            return months.astype(np.int64) % 12 + 1
        return (dates - months).astype(np.int64) + 1

    return apply


def _part(unit: str) -> Callable[[Values], Values]:
    size, modulus = _UNITS[unit]
    return lambda times_us: times_us // size % modulus


def _distance_m(one: BaseGeometry, other: BaseGeometry) -> float:
    """Shortest distance on the ellipsoid [m].

    The nearest points are found on a plane with longitudes shortened to the latitude, then the
    geodesic between them is taken: exact for points, better than 1 per mille for a town.
    """
    shrink = max(math.cos(math.radians(other.centroid.y)), 1e-6) if not other.is_empty else 1.0

    def scaled(geometry: BaseGeometry, factor: float) -> BaseGeometry:
        return shapely.transform(geometry, lambda xy: xy * [factor, 1.0])

    line = shapely.shortest_line(scaled(one, shrink), scaled(other, shrink))
    if line is None or line.is_empty:
        return math.nan
    (x0, y0), (x1, y1) = scaled(line, 1.0 / shrink).coords
    return float(_WGS84.inv(x0, y0, x1, y1)[2])


def _relate(one: Values, other: Values, pattern: Values) -> Values:
    return np.array(
        [shapely.relate_pattern(*row) for row in zip(one, other, pattern, strict=True)], np.bool_
    )


def _text(*takes: Kind, gives: Kind = "text", optional: int = 0) -> Callable[..., Function]:
    dtype = {"text": np.object_, "bool": np.bool_}.get(gives, np.float64)
    return lambda function: Function(takes, gives, _each(function, dtype), optional)


def _spatial(predicate: Callable[..., Any]) -> tuple[Function, ...]:
    return (Function(("geometry", "geometry"), "bool", predicate),)


def _timed(apply: Callable[[Values], Values], *, other: Kind) -> tuple[Function, ...]:
    """A function of a time, and of a date or a time of day."""
    of_time = (lambda times_us: apply(_days(times_us))) if other == "date" else apply
    return Function(("time",), "number", of_time), Function((other,), "number", apply)


_SUBSTRING = _text("text", "number", "number", optional=1)(_substring)

FUNCTIONS: dict[str, tuple[Function, ...]] = {
    "substringof": (_text("text", "text", gives="bool")(lambda part, text: part in text),),
    "contains": (_text("text", "text", gives="bool")(lambda text, part: part in text),),
    "endswith": (_text("text", "text", gives="bool")(str.endswith),),
    "startswith": (_text("text", "text", gives="bool")(str.startswith),),
    "length": (_text("text", gives="number")(len),),
    "indexof": (_text("text", "text", gives="number")(str.find),),
    "substring": (_SUBSTRING,),
    "tolower": (_text("text")(str.lower),),
    "toupper": (_text("text")(str.upper),),
    "trim": (_text("text")(str.strip),),
    "concat": (_text("text", "text")(lambda one, other: one + other),),
    "year": _timed(_calendar("year"), other="date"),
    "month": _timed(_calendar("month"), other="date"),
    "day": _timed(_calendar("day"), other="date"),
    "hour": _timed(_part("hour"), other="clock"),
    "minute": _timed(_part("minute"), other="clock"),
    "second": _timed(_part("second"), other="clock"),
    "fractionalseconds": _timed(lambda times_us: times_us % 1_000_000 / 1e6, other="clock"),
    "date": (Function(("time",), "date", _days),),
    "time": (Function(("time",), "clock", lambda times_us: times_us % DAY_US),),
    "totaloffsetminutes": (Function(("time",), "number", np.zeros_like),),
    "round": (Function(("number",), "number", _rounded),),
    "floor": (Function(("number",), "number", np.floor),),
    "ceiling": (Function(("number",), "number", np.ceil),),
    "geo.distance": (Function(("geometry", "geometry"), "number", _each(_distance_m, np.float64)),),
    "geo.length": (Function(("geometry",), "number", _each(_WGS84.geometry_length, np.float64)),),
    "geo.intersects": _spatial(shapely.intersects),
    "st_equals": _spatial(shapely.equals),
    "st_disjoint": _spatial(shapely.disjoint),
    "st_touches": _spatial(shapely.touches),
    "st_within": _spatial(shapely.within),
    "st_overlaps": _spatial(shapely.overlaps),
    "st_crosses": _spatial(shapely.crosses),
    "st_intersects": _spatial(shapely.intersects),
    "st_contains": _spatial(shapely.contains),
    "st_relate": (Function(("geometry", "geometry", "text"), "bool", _relate),),
}
_CONSTANTS: dict[str, Callable[[], int]] = {
    "now": lambda: to_us(utc_now()),
    "mindatetime": lambda: FIRST_TIME_US,
    "maxdatetime": lambda: LAST_TIME_US,
}
ARITIES: dict[str, tuple[int, int]] = {
    **dict.fromkeys(_CONSTANTS, (0, 0)),
    **{
        name: (len(one.takes) - one.optional, len(one.takes))
        for name, (one, *_) in FUNCTIONS.items()
    },
}
"""Least and greatest number of arguments by name."""
UNSUPPORTED = frozenset(
    {"matchespattern", "totalseconds", "hassubset", "hassubsequence", "cast", "isof", "case"}
)
