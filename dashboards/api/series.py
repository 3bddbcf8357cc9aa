"""Time series of one datastream: ``/api/series/{uid}``, reduced on the server, as TWT1."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from dashboards.api.downsample import Reduced, reduce_series
from dashboards.live.table import encode_table
from dashboards.view import view_of
from twin.city import Twin
from twin.errors import RegistryError, StoreError, StoreUnavailableError
from twin.model.datastreams import Datastream
from twin.model.observations import Waveform
from twin.model.quality import SUSPECT_MASK
from twin.model.quantities import quantity
from twin.plugins import RouterOffer
from twin.settings import Settings

LEAST_PIXELS, MOST_PIXELS = 50, 1000
LONGEST_S = 400 * 86400
LONGEST_READINGS_S = 31 * 86400
BURST_WINDOWS = (timedelta(minutes=5), timedelta(hours=1), timedelta(hours=24))
"""How far back from the end of a span the last burst is looked for, step by step."""
DEFAULT_S = 3600.0
KNOWN = frozenset({"t0", "t1", "last", "px", "agg"})


class FieldError(Exception):
    """A parameter of a request is not possible."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Span:
    """From ``start`` to before ``end``, drawn on ``pixels``."""

    start: datetime
    end: datetime
    pixels: int


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

    ``t0`` and ``t1`` are ISO times with an offset; ``last`` is the length of time up to now [s],
    used without them; ``px`` is the width of the chart.

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
    pixels = _number("px", parameters.get("px", "600"))
    if not LEAST_PIXELS <= pixels <= MOST_PIXELS:
        raise FieldError("px", f"must be {LEAST_PIXELS} to {MOST_PIXELS}")
    end = _time("t1", parameters["t1"]) if "t1" in parameters else now + timedelta(seconds=1)
    if "t0" in parameters:
        start = _time("t0", parameters["t0"])
    else:
        last_s = _number("last", parameters.get("last", str(DEFAULT_S)))
        if not 0 < last_s <= LONGEST_S:
            raise FieldError("last", f"must be more than 0 and at most {LONGEST_S} seconds")
        start = end - timedelta(seconds=last_s)
    length_s = (end - start).total_seconds()
    if not 0 < length_s <= LONGEST_S + 1:
        raise FieldError("t1", "must lie after t0, and at most 400 days after it")
    return Span(start, end, int(pixels))


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise FieldError(name, f"must be a number, got {text[:40]!r}") from None
    if not np.isfinite(number):
        raise FieldError(name, "must be finite")
    return number


def _time(name: str, text: str) -> datetime:
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


def series_table(twin: Twin, uid: str, span: Span) -> bytes:
    """Table of the series of a datastream; of a waveform stream its last burst in the span.

    Raises
    ------
    FieldError
        If the span is too long for readings in full resolution.
    """
    stream = twin.datastream(uid)
    if stream.kind == "waveform":
        reduced, total = _last_burst(twin, uid, span)
    else:
        reduced, total = _readings(twin, stream, span)
    measured = quantity(stream.quantity)
    meta = {
        "uid": stream.uid,
        "quantity": stream.quantity,
        "unit": measured.unit,
        "provenance": stream.provenance,
        "level": reduced.level,
        "total": total,
        "gaps": reduced.gaps,
        "t0_ms": span.start.timestamp() * 1000,
        "t1_ms": span.end.timestamp() * 1000,
    }
    columns = {"t": reduced.time_ms, "v": reduced.value, "flag": reduced.flag}
    return encode_table("series", columns, meta=meta)


def _readings(twin: Twin, stream: Datastream, span: Span) -> tuple[Reduced, int]:
    if (span.end - span.start).total_seconds() > LONGEST_READINGS_S + 1:
        days = LONGEST_READINGS_S // 86400
        reason = f"at most {days} days of readings at once; this version keeps raw data only"
        raise FieldError("t0", reason)
    _, series = twin.series(stream.uid, start=span.start, end=span.end)
    reduced = reduce_series(
        series.time_us / 1000.0,
        series.value,
        ((series.quality & int(SUSPECT_MASK)) != 0).astype(np.uint8),
        pixels=span.pixels,
        cadence_s=stream.cadence_s,
    )
    return reduced, series.total


def _last_burst(twin: Twin, uid: str, span: Span) -> tuple[Reduced, int]:
    burst = _newest_burst(twin, uid, span)
    if burst is None:
        nothing = np.empty(0)
        flag = np.empty(0, dtype=np.uint8)
        return reduce_series(nothing, nothing, flag, pixels=span.pixels, cadence_s=None), 0
    count = len(burst.samples)
    time_ms = burst.t0_us / 1000.0 + np.arange(count, dtype=np.float64) * 1000.0 / burst.rate_hz
    flag = np.full(count, bool(burst.quality & int(SUSPECT_MASK)), dtype=np.uint8)
    values = burst.samples.astype(np.float64)
    return reduce_series(time_ms, values, flag, pixels=span.pixels, cadence_s=None), count


def _newest_burst(twin: Twin, uid: str, span: Span) -> Waveform | None:
    """Last burst of a span, at most a day before its end; no window is read twice."""
    end = span.end
    for window in BURST_WINDOWS:
        start = max(span.start, span.end - window)
        bursts = twin.waveforms(uid, start=start, end=end) if start < end else ()
        if bursts:
            return bursts[-1]
        end = start
    return None
