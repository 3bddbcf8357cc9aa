"""Observations: readings of the store, page by page behind a key, filtered and ordered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from odata_query import ast

from sensors.sensorthings.catalogue import Catalogue, EntityRows, Rows
from sensors.sensorthings.columns import Column, column_of, unknown
from sensors.sensorthings.evaluation import evaluate, holds
from sensors.sensorthings.filters import Node, conjuncts, joined, path_of, paths
from sensors.sensorthings.functions import FIRST_TIME_US, LAST_TIME_US
from sensors.sensorthings.options import Options
from sensors.sensorthings.ordering import order_of
from sensors.sensorthings.problems import MalformedError, UnsupportedError
from twin.city import Twin
from twin.model.observations import Readings, no_readings
from twin.model.observations import joined as joined_readings
from twin.model.times import from_us

MOST_SCANNED = 500_000
"""Readings that one page looks through: a sparse filter gives short pages, not slow ones."""
MOST_SORTED = 200_000
MOST_COUNTED = 5_000_000
LEAST_STEP, MOST_STEP = 8, 65_536
TIME_PATH = ("phenomenonTime",)
_SWAPPED = {ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE, ast.Eq: ast.Eq}


@dataclass(frozen=True, slots=True)
class ObservationRows:
    """Readings with the rows of their datastreams, as the source of a filter."""

    catalogue: Catalogue
    readings: Readings

    def __len__(self) -> int:
        return len(self.readings)

    @property
    def streams(self) -> Rows:
        """Row of the datastream of each reading."""
        unique, places = np.unique(self.readings.number, return_inverse=True)
        rows = [self.catalogue.row_of_number[number] for number in unique.tolist()]
        return np.array(rows, np.int64)[places] if rows else np.empty(0, np.int64)

    def ids(self) -> list[str]:
        """Id of each observation: that of its datastream, and its time [us since 1970]."""
        known = self.catalogue.ids["Datastreams"]
        pairs = zip(self.streams.tolist(), self.readings.time_us.tolist(), strict=True)
        return [f"{known[row]}@{time_us}" for row, time_us in pairs]

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> "ObservationRows":
        """Some of the rows."""
        found = self.readings
        part = Readings(
            found.number[rows], found.time_us[rows], found.value[rows], found.quality[rows]
        )
        return ObservationRows(self.catalogue, part)

    def column(self, path: tuple[str, ...]) -> Column:
        """Column of a property of the observations, their datastreams or features."""
        everywhere = np.ones(len(self), np.bool_)
        match path:
            case ("phenomenonTime",):
                return Column("time", self.readings.time_us, everywhere)
            case ("resultTime",):
                return unknown(len(self), "time")
            case ("result",):
                return Column("number", self.readings.value, everywhere)
            case ("resultQuality", "mask"):
                return Column("number", self.readings.quality.astype(np.float64), everywhere)
            case ("id",) | ("@iot.id",):
                return column_of(self.ids()) if len(self) else unknown(0, "text")
        if path[0] in _STREAM_LINKS:
            return self._of_streams(path)
        raise MalformedError(f"Observation has no property {'/'.join(path)[:80]!r} to ask for")

    def _of_streams(self, path: tuple[str, ...]) -> Column:
        unique, places = np.unique(self.streams, return_inverse=True)
        return StreamRows(self.catalogue, unique).column(path).take(places)


_STREAM_LINKS = frozenset({"Datastream", "FeatureOfInterest"})


@dataclass(frozen=True, slots=True)
class StreamRows:
    """Datastreams as what their observations say of them."""

    catalogue: Catalogue
    rows: Rows

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, path: tuple[str, ...]) -> Column:
        """Column of ``Datastream/...`` or ``FeatureOfInterest/...``."""
        head, *rest = path
        if not rest:
            raise MalformedError(f"{head} is an entity; name one of its properties")
        if head == "Datastream":
            return EntityRows(self.catalogue, "Datastreams", self.rows).column(tuple(rest))
        unique, places = np.unique(self.catalogue.feature[self.rows], return_inverse=True)
        found = EntityRows(self.catalogue, "FeaturesOfInterest", unique).column(tuple(rest))
        return found.take(places)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which observations are asked for.

    ``start_us`` and ``end_us`` and ``streams`` are what the filter says of time and datastream;
    ``tree`` is the rest of it. ``after`` is the key (time, datastream number) to go on behind.
    """

    catalogue: Catalogue
    streams: Rows
    start_us: int = FIRST_TIME_US
    end_us: int = LAST_TIME_US
    tree: Node | None = None
    after: tuple[int, int] | None = None

    @property
    def numbers(self) -> list[int]:
        """Numbers of the datastreams that have readings at all."""
        found = self.catalogue.numbers[self.streams]
        return found[found >= 0].tolist()


@dataclass(frozen=True, slots=True)
class Page:
    """Some observations in order, and the key behind which the next page begins, if any."""

    rows: ObservationRows
    after: tuple[int, int] | None
    skip: int = 0


def wanted(catalogue: Catalogue, streams: Rows, tree: Node | None) -> Wanted:
    """What a filter says of datastreams and times, apart from the rest of it.

    Raises
    ------
    MalformedError
        If the filter makes no sense; also where there are no observations.
    """
    if tree is not None:
        holds(tree, ObservationRows(catalogue, no_readings()))
    found = Wanted(catalogue, streams)
    rest = []
    for part in conjuncts(tree):
        bounds = _time_bounds(part)
        heads = {path[0] for path in paths(part)}
        if bounds is not None:
            found = replace(
                found,
                start_us=max(found.start_us, bounds[0]),
                end_us=min(found.end_us, bounds[1]),
            )
        elif heads and heads <= _STREAM_LINKS:
            keep = holds(part, StreamRows(catalogue, found.streams))
            found = replace(found, streams=found.streams[keep])
        else:
            rest.append(part)
    return replace(found, tree=joined(rest))


def _time_bounds(part: Node) -> tuple[int, int] | None:
    """Span [start, end) of a comparison of phenomenonTime with a time; None if it is none."""
    if not isinstance(part, ast.Compare):
        return None
    comparator, left, right = type(part.comparator), part.left, part.right
    if path_of(right) == TIME_PATH and comparator in _SWAPPED:
        comparator, left, right = _SWAPPED[comparator], right, left
    if path_of(left) != TIME_PATH or not isinstance(right, ast.DateTime):
        return None
    at_us = int(evaluate(right, _ONE_ROW).values[0])
    spans: dict[type, tuple[int, int]] = {
        ast.Lt: (FIRST_TIME_US, at_us),
        ast.LtE: (FIRST_TIME_US, at_us + 1),
        ast.Gt: (at_us + 1, LAST_TIME_US),
        ast.GtE: (at_us, LAST_TIME_US),
        ast.Eq: (at_us, at_us + 1),
    }
    return spans.get(comparator)


class _OneRow:
    def __len__(self) -> int:
        return 1

    def column(self, path: tuple[str, ...]) -> Column:
        raise MalformedError(f"{path} is no literal")


_ONE_ROW = _OneRow()


def read_page(twin: Twin, asked: Wanted, options: Options) -> Page:
    """One page of observations in the order asked for, the newest first without one."""
    orders = options.orderby
    by_time = all(order.path == TIME_PATH for order in orders[:1])
    if by_time:
        newest_first = orders[0].is_descending if orders else True
        return _read_by_time(twin, asked, options, newest_first=newest_first)
    return _read_sorted(twin, asked, options)


def _read_by_time(twin: Twin, asked: Wanted, options: Options, *, newest_first: bool) -> Page:
    parts: list[Readings] = []
    count, scanned, wanted_count = 0, 0, options.skip + options.top + 1
    is_whole = True
    last = (0, 0)
    for step in scan(twin, asked, newest_first=newest_first, about=wanted_count):
        scanned += len(step)
        last = int(step.readings.time_us[-1]), int(step.readings.number[-1])
        kept = step if asked.tree is None else step.take(holds(asked.tree, step))
        parts.append(kept.readings)
        count += len(kept)
        if count >= wanted_count:
            break
        if scanned > MOST_SCANNED:
            is_whole = False
            break
    found = ObservationRows(asked.catalogue, joined_readings(*(parts or [no_readings()])))
    end = options.skip + options.top
    rows = found.take(slice(options.skip, end))
    if count > end and options.top:
        final = rows.readings
        return Page(rows, (int(final.time_us[-1]), int(final.number[-1])))
    if not is_whole:
        return Page(rows, last, skip=max(0, options.skip - count))
    return Page(rows, None)


def scan(
    twin: Twin, asked: Wanted, *, newest_first: bool, about: int = LEAST_STEP
) -> Iterator[ObservationRows]:
    """Readings of all datastreams by time and number, before the filter, some at a time.

    Each step asks every datastream for a few readings. Those that gave all they were asked for may
    have more: up to the first time at which one of them ends, the step is complete.
    """
    numbers = asked.numbers
    start_us, end_us = asked.start_us, asked.end_us
    if asked.after is not None:
        at_us = asked.after[0]
        start_us, end_us = (start_us, min(end_us, at_us + 1)) if newest_first else (
            max(start_us, at_us), end_us
        )  # fmt: skip
    step = min(MOST_STEP, max(LEAST_STEP, 2 * about // max(1, len(numbers)) + 1))
    while numbers and start_us < end_us:
        page = twin.page(
            numbers, start=from_us(start_us), end=from_us(end_us), limit=step,
            newest_first=newest_first,
        )  # fmt: skip
        found = ObservationRows(asked.catalogue, page)
        horizon_us = _horizon(page, step, newest_first=newest_first)
        if horizon_us is not None:
            inside = page.time_us >= horizon_us if newest_first else page.time_us <= horizon_us
            found = found.take(inside)
        fresh = found.take(_behind(found.readings, asked.after, newest_first=newest_first))
        if len(fresh):
            yield fresh
        if horizon_us is None:
            return
        start_us, end_us = (start_us, horizon_us) if newest_first else (horizon_us + 1, end_us)
        step = min(MOST_STEP, 2 * step)


def _horizon(page: Readings, step: int, *, newest_first: bool) -> int | None:
    """Time up to which a step is complete; None if it is so to its end."""
    unique, first = np.unique(page.number[::-1], return_index=True)
    counts = np.bincount(np.searchsorted(unique, page.number), minlength=len(unique))
    last_us = page.time_us[::-1][first][counts >= step]
    if not last_us.size:
        return None
    return int(last_us.max() if newest_first else last_us.min())


def _behind(
    page: Readings, after: tuple[int, int] | None, *, newest_first: bool
) -> NDArray[np.bool_]:
    if after is None:
        return np.ones(len(page), np.bool_)
    time_us, number = after
    later = page.time_us < time_us if newest_first else page.time_us > time_us
    return later | ((page.time_us == time_us) & (page.number > number))


def _read_sorted(twin: Twin, asked: Wanted, options: Options) -> Page:
    """A page in another order than that of time: of few readings only."""
    whole = replace(asked, after=None)
    found = _all(twin, whole, most=MOST_SORTED, why="$orderby by anything but phenomenonTime")
    order = order_of(found, options.orderby)
    found = found.take(order)
    begin = 0
    if asked.after is not None:
        at = (found.readings.time_us == asked.after[0]) & (found.readings.number == asked.after[1])
        if not at.any():
            raise MalformedError("the observation behind which this page begins is gone; ask anew")
        begin = int(np.flatnonzero(at)[0]) + 1
    first = begin + options.skip
    rows = found.take(slice(first, first + options.top))
    if not len(rows) or first + options.top >= len(found):
        return Page(rows, None)
    return Page(rows, (int(rows.readings.time_us[-1]), int(rows.readings.number[-1])))


def _all(twin: Twin, asked: Wanted, *, most: int, why: str) -> ObservationRows:
    parts: Sequence[Readings] = [no_readings()]
    scanned = 0
    for step in scan(twin, asked, newest_first=True, about=MOST_STEP):
        scanned += len(step)
        if scanned > most:
            raise UnsupportedError(
                f"{why} is possible for up to {most:,} observations; narrow phenomenonTime or "
                "name a datastream"
            )
        kept = step if asked.tree is None else step.take(holds(asked.tree, step))
        parts = [*parts, kept.readings]
    return ObservationRows(asked.catalogue, joined_readings(*parts))


def count_of(twin: Twin, asked: Wanted) -> int:
    """How many observations are asked for, on all pages together."""
    whole = replace(asked, after=None)
    if not whole.numbers or whole.start_us >= whole.end_us:
        return 0
    if whole.tree is None:
        span = {"start": from_us(whole.start_us), "end": from_us(whole.end_us)}
        return twin.count_readings(whole.numbers, **span)
    return len(_all(twin, whole, most=MOST_COUNTED, why="$count with such a $filter"))


def first_of_each(
    twin: Twin, catalogue: Catalogue, streams: Rows, *, limit: int, newest_first: bool
) -> Readings:
    """At most ``limit`` readings of each datastream; the newest alone is the latest value."""
    found = catalogue.numbers[streams]
    numbers = found[found >= 0]
    if limit == 1 and newest_first:
        latest = twin.latest()
        keep = np.isin(latest.number, numbers)
        return Readings(
            latest.number[keep], latest.time_us[keep], latest.value[keep], latest.quality[keep]
        )
    if not numbers.size:
        return no_readings()
    span = {"start": from_us(FIRST_TIME_US), "end": from_us(LAST_TIME_US)}
    return twin.page(numbers.tolist(), limit=limit, newest_first=newest_first, **span)
