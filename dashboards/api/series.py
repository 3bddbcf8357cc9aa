"""Time series of one datastream: ``/api/series/{uid}``, reduced on the server, as TWT1."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from numpy.typing import NDArray

from dashboards.api.bridge_documents import series_validity
from dashboards.api.downsample import reduce_series
from dashboards.live.table import encode_table
from dashboards.view import view_of
from twin.bridge_view import read_validity
from twin.city import Twin
from twin.errors import RegistryError, StoreError, StoreUnavailableError
from twin.model.datastreams import Datastream
from twin.model.history import ROWS_PER_POINT, Binned, levels_of
from twin.model.observations import Readings, Series, no_readings
from twin.model.quality import SUSPECT_MASK
from twin.model.quantities import quantity
from twin.model.times import to_us
from twin.plugins import RouterOffer
from twin.settings import Settings

LEAST_PIXELS, MOST_PIXELS = 50, 1000
LONGEST_S = 50 * 365 * 86400
MOST_RAW = 200_000
"""So many readings at most are reduced one by one; beyond that the store bins them."""
DEFAULT_S = 3600.0
KNOWN = frozenset({"t0", "t1", "last", "px", "agg", "as_of"})


class FieldError(Exception):
    """A parameter of a request is not possible."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Span:
    """From ``start`` to before ``end``, drawn on ``pixels``.

    ``as_of`` asks for the values that corrected readings had at that time.
    """

    start: datetime
    end: datetime
    pixels: int
    as_of: datetime | None = None


def offer(twin: Twin, settings: Settings) -> RouterOffer:
    """Route of the series."""
    del twin, settings  # both are in the view of the running server
    router = APIRouter()
    router.add_api_route("/{uid:path}", read_series, name="series")
    return RouterOffer("/api/series", router, {"series": "state.read"})


async def read_series(uid: str, request: Request) -> Response:
    """Series of a datastream; 422 names the parameter that is not possible."""
    view = view_of(request)
    try:
        span = read_span(dict(request.query_params), now=view.twin.now())
        data = await asyncio.to_thread(series_table, view.twin, uid, span)
    except FieldError as error:
        return JSONResponse({"field": error.name, "error": error.reason}, status_code=422)
    except RegistryError as error:
        return JSONResponse({"error": str(error)}, status_code=404)
    except StoreUnavailableError:
        return JSONResponse({"error": "the database cannot be reached now"}, status_code=503)
    except StoreError as error:
        return JSONResponse({"field": "t0", "error": str(error)}, status_code=422)
    return Response(data, media_type="application/octet-stream")


def read_span(parameters: dict[str, str], *, now: datetime) -> Span:
    """Span and width from the parameters of a request.

    ``t0``, ``t1`` and ``as_of`` are ISO times with an offset; ``last`` is the length of time up to
    now [s], used without them; ``px`` is the width of the chart.

    Raises
    ------
    FieldError
        If a parameter is unknown or not possible.
    """
    for name in parameters:
        if name not in KNOWN:
            raise FieldError(name, f"unknown; use {', '.join(sorted(KNOWN))}")
    if parameters.get("agg", "auto") != "auto":
        raise FieldError("agg", "only auto is possible")
    pixels = read_number("px", parameters.get("px", "600"))
    if not LEAST_PIXELS <= pixels <= MOST_PIXELS:
        raise FieldError("px", f"must be {LEAST_PIXELS} to {MOST_PIXELS}")
    end = read_time("t1", parameters["t1"]) if "t1" in parameters else now + timedelta(seconds=1)
    if "t0" in parameters:
        start = read_time("t0", parameters["t0"])
    else:
        last_s = read_number("last", parameters.get("last", str(DEFAULT_S)))
        if not 0 < last_s <= LONGEST_S:
            raise FieldError("last", f"must be more than 0 and at most {LONGEST_S} seconds")
        start = _before(end, last_s)
    length_s = (end - start).total_seconds()
    if not 0 < length_s <= LONGEST_S + 1:
        raise FieldError("t1", "must lie after t0, and at most 50 years after it")
    as_of = read_time("as_of", parameters["as_of"]) if "as_of" in parameters else None
    return Span(start, end, int(pixels), as_of)


def _before(end: datetime, length_s: float) -> datetime:
    try:
        return end - timedelta(seconds=length_s)
    except OverflowError:
        raise FieldError("last", "begins before the first year; name a shorter span") from None


def read_number(name: str, text: str) -> float:
    """Finite number of a parameter; FieldError if it is none."""
    try:
        number = float(text)
    except ValueError:
        raise FieldError(name, f"must be a number, got {text[:40]!r}") from None
    if not np.isfinite(number):
        raise FieldError(name, "must be finite")
    return number


def read_time(name: str, text: str) -> datetime:
    """Time of a parameter in UTC; FieldError if it is none or has no offset."""
    try:
        # In an address a plus sign may have become a space.
        time = datetime.fromisoformat(text.strip().replace(" ", "+"))
    except ValueError:
        raise FieldError(name, f"must be an ISO 8601 time, got {text[:40]!r}") from None
    if time.tzinfo is None:
        raise FieldError(name, "needs an offset from UTC, for example 2026-11-22T08:00:00Z")
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise FieldError(name, "is out of range") from None


@dataclass(frozen=True, slots=True)
class Content:
    """Columns of a series, and what the header says about them.

    ``total`` counts the readings of the span; ``bad`` those of them that are suspect and in no
    bin. ``reduced`` is ``none``, ``m4`` (first, lowest, highest and last reading of each pixel) or
    ``bins`` (lowest, mean, highest and last value of each bin).
    """

    columns: Mapping[str, NDArray[np.generic]]
    level: str
    total: int
    reduced: str
    gaps: int
    bad: int = 0
    width_ms: float = 0.0


def series_table(twin: Twin, uid: str, span: Span) -> bytes:
    """Table of the series of a datastream; of a waveform stream its last burst in the span."""
    stream = twin.datastream(uid)
    if stream.kind == "waveform":
        content = _last_burst(twin, uid, span)
    else:
        content = _readings(twin, stream, span)
    measured = quantity(stream.quantity)
    meta = {
        "uid": stream.uid,
        "quantity": stream.quantity,
        "unit": measured.unit,
        "provenance": stream.provenance,
        "level": content.level,
        "total": content.total,
        "reduced": content.reduced,
        "bad": content.bad,
        "width_ms": content.width_ms,
        "gaps": content.gaps,
        "validity": series_validity(read_validity(twin, stream)),
        "t0_ms": span.start.timestamp() * 1000,
        "t1_ms": span.end.timestamp() * 1000,
    }
    return encode_table("series", content.columns, meta=meta)


def _readings(twin: Twin, stream: Datastream, span: Span) -> Content:
    """Readings one by one where they are few enough, else bins."""
    levels = levels_of(stream.cadence_s, is_waveform=False)
    length_us = to_us(span.end) - to_us(span.start)
    has_level = any(level.width_us * span.pixels <= length_us for level in levels)
    few = ROWS_PER_POINT * span.pixels
    expected = length_us / 1e6 / stream.cadence_s if stream.cadence_s else 0.0
    if not has_level or expected <= few:
        most = 2 * few if has_level else MOST_RAW
        series = _few(twin, stream.uid, span, most=most)
        if series is not None:
            suspect = ((series.quality & int(SUSPECT_MASK)) != 0).astype(np.uint8)
            return _reduced(
                series.time_us / 1000.0,
                series.value,
                suspect,
                pixels=span.pixels,
                cadence_s=stream.cadence_s,
            )
    bins = twin.binned(
        stream.uid, start=span.start, end=span.end, points=span.pixels, as_of=span.as_of
    )
    return _band(bins, is_event_driven=stream.cadence_s is None)


def _few(twin: Twin, uid: str, span: Span, *, most: int) -> Series | None:
    if span.as_of is None:
        return twin.few_readings(uid, start=span.start, end=span.end, most=most)
    pages: list[Readings] = []
    count = 0
    for page in twin.rows([uid], start=span.start, end=span.end, as_of=span.as_of):
        pages.append(page)
        count += len(page)
        if count > most:
            return None
    if not pages:
        pages.append(no_readings())
    return Series(
        time_us=np.concatenate([page.time_us for page in pages]),
        value=np.concatenate([page.value for page in pages]),
        quality=np.concatenate([page.quality for page in pages]),
        level="raw",
        total=count,
    )


def _reduced(
    time_ms: NDArray[np.float64],
    value: NDArray[np.float64],
    suspect: NDArray[np.uint8],
    *,
    pixels: int,
    cadence_s: float | None,
) -> Content:
    found = reduce_series(time_ms, value, suspect, pixels=pixels, cadence_s=cadence_s)
    return Content(
        columns={"t": found.time_ms, "v": found.value, "flag": found.flag},
        level=found.level,
        total=len(value),
        reduced="none" if found.level == "raw" else found.level,
        gaps=found.gaps,
    )


def _band(bins: Binned, *, is_event_driven: bool) -> Content:
    """One row per bin from the first to the last that holds anything; empty ones are gaps.

    An event-driven datastream has no gaps: its empty bins are left out.
    """
    has_any = (bins.count > 0) | (bins.bad > 0)
    rows = np.flatnonzero(has_any)
    if not is_event_driven and rows.size:
        rows = np.arange(rows[0], rows[-1] + 1)
    is_gap = bins.count[rows] == 0
    mean = np.where(np.isnan(bins.mean), bins.last, bins.mean)
    columns = {
        "t": bins.start_us[rows] / 1000.0,
        "min": bins.minimum[rows],
        "max": bins.maximum[rows],
        "avg": mean[rows],
        "last": bins.last[rows],
        "n": bins.count[rows].astype(np.uint32),
        "flag": (bins.bad[rows] > 0).astype(np.uint8),
    }
    return Content(
        columns=columns,
        level=bins.level,
        total=int(bins.count.sum() + bins.bad.sum()),
        reduced="bins",
        gaps=int((is_gap[1:] & ~is_gap[:-1]).sum()),
        bad=int(bins.bad.sum()),
        width_ms=bins.width_us / 1000.0,
    )


def _last_burst(twin: Twin, uid: str, span: Span) -> Content:
    burst = twin.last_waveform(uid, start=span.start, end=span.end)
    if burst is None:
        nothing = np.empty(0)
        return _reduced(nothing, nothing, np.empty(0, np.uint8), pixels=span.pixels, cadence_s=None)
    count = len(burst.samples)
    time_ms = burst.t0_us / 1000.0 + np.arange(count, dtype=np.float64) * 1000.0 / burst.rate_hz
    suspect = np.full(count, bool(burst.quality & int(SUSPECT_MASK)), dtype=np.uint8)
    values = burst.samples.astype(np.float64)
    return _reduced(time_ms, values, suspect, pixels=span.pixels, cadence_s=None)
