"""Past states of a live channel in one block: ``/api/replay/{channel}?t0&t1&step&rev``.

Little-endian: the 24-byte header of the live format with kind 4, ``n`` features and ``t_ms`` of the
first instant; then u32 T, u32 0 and f64 step [ms]; then T rows of n bytes, one per instant. A value
is carried at most three expected intervals, then its byte is 255. What is asked for too finely is
answered with the next coarser step, which stands in the header.
"""

import asyncio
import hashlib
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from numpy.typing import NDArray

from dashboards.api.series import FieldError, read_number, read_time
from dashboards.live.channels import CHANNELS
from dashboards.live.codec import VERSION, table_rev
from dashboards.live.features import CityFeatures
from dashboards.live.past import bytes_of
from dashboards.view import CityView, view_of
from twin.city import MOST_ROWS, Twin
from twin.errors import StoreError, StoreUnavailableError
from twin.model.datastreams import Datastream
from twin.model.times import from_us, to_us
from twin.plugins import RouterOffer
from twin.settings import Settings

KIND = 4
STEPS_S = (10, 60, 300, 900, 3600, 86_400)
MOST_CELLS = 16 * 1024 * 1024
LONGEST_S = 400 * 86_400
HEAD = struct.Struct("<BBHIdIIIId")
KNOWN = frozenset({"t0", "t1", "step", "rev"})
_NUMBERS = {channel.name: number for number, channel in enumerate(CHANNELS)}


@dataclass(frozen=True, slots=True)
class Question:
    """Span [start, end) on the grid of the step [s]; ``rev`` as the reader knows the block."""

    start: datetime
    end: datetime
    step_s: int
    rev: str = ""

    @property
    def steps(self) -> int:
        """Number of instants."""
        return -(-round((self.end - self.start).total_seconds() * 1e6) // (self.step_s * 1_000_000))


def offer(twin: Twin, settings: Settings) -> RouterOffer:
    """Route of the replay blocks."""
    del twin, settings  # both are in the view of the running server
    router = APIRouter()
    router.add_api_route("/{channel}", read_replay, name="replay")
    return RouterOffer("/api/replay", router, {"replay": "state.read"})


async def read_replay(channel: str, request: Request) -> Response:
    """Block of a channel; 422 names the parameter that is not possible."""
    view = view_of(request)
    if channel not in _NUMBERS:
        known = ", ".join(_NUMBERS)
        return JSONResponse({"error": f"no channel {channel!r}; use {known}"}, status_code=404)
    try:
        question = read_question(dict(request.query_params))
        block = await asyncio.to_thread(replay_block, view, channel, question)
    except FieldError as error:
        return JSONResponse({"field": error.name, "error": error.reason}, status_code=422)
    except StoreUnavailableError:
        return JSONResponse({"error": "the database cannot be reached now"}, status_code=503)
    except StoreError as error:
        return JSONResponse({"field": "t0", "error": str(error)}, status_code=422)
    return _answer(block, request, rev=question.rev)


def _answer(block: bytes, request: Request, *, rev: str) -> Response:
    """The block with its revision: only who names the right one may keep it for good."""
    own = hashlib.sha256(block).hexdigest()[:16]
    kept = "private, max-age=31536000, immutable" if rev == own else "private, no-cache"
    headers = {"ETag": f'"{own}"', "Cache-Control": kept}
    if request.headers.get("if-none-match") == f'"{own}"':
        return Response(status_code=304, headers=headers)
    return Response(block, media_type="application/octet-stream", headers=headers)


def read_question(parameters: dict[str, str]) -> Question:
    """Question from the parameters of a request: ``t0``, ``t1``, ``step`` [s], ``rev``.

    Both ends move outwards onto the grid of the step, which begins at midnight UTC.

    Raises
    ------
    FieldError
        If a parameter is unknown, missing or not possible.
    """
    for name in parameters:
        if name not in KNOWN:
            raise FieldError(name, f"unknown; use {', '.join(sorted(KNOWN))}")
    for name in ("t0", "t1"):
        if name not in parameters:
            raise FieldError(name, "is missing; both ends of the span are needed")
    start, end = read_time("t0", parameters["t0"]), read_time("t1", parameters["t1"])
    step_s = read_number("step", parameters.get("step", "60"))
    if step_s not in STEPS_S:
        raise FieldError("step", f"must be one of {', '.join(map(str, STEPS_S))} seconds")
    if not 0 < (end - start).total_seconds() <= LONGEST_S:
        raise FieldError("t1", "must lie after t0, and at most 400 days after it")
    return aligned(Question(start, end, int(step_s), parameters.get("rev", "")))


def aligned(question: Question) -> Question:
    """Both ends on the grid of the step, outwards; FieldError beyond the last year."""
    step_us = question.step_s * 1_000_000
    start_us = to_us(question.start) // step_us * step_us
    end_us = -(-to_us(question.end) // step_us) * step_us
    try:
        return Question(from_us(start_us), from_us(end_us), question.step_s, question.rev)
    except OverflowError:
        raise FieldError("t1", "is out of range") from None


def replay_block(view: CityView, channel: str, question: Question) -> bytes:
    """Bytes of a block.

    Raises
    ------
    FieldError
        If even a step of a day would read too many rows.
    """
    features = view.now.features
    streams = streams_of(channel, features)
    table = features.tables[_TABLES[channel]]
    question = affordable(view.twin, streams, question, rows=table.rows)
    head = HEAD.pack(
        KIND, VERSION, _NUMBERS[channel], 0, question.start.timestamp() * 1000, table.rows,
        table_rev(table.version), question.steps, 0, question.step_s * 1000.0,
    )  # fmt: skip
    return head + instants_of(view.twin, channel, features, streams, question).tobytes()


_TABLES = {channel.name: channel.table for channel in CHANNELS}


def affordable(twin: Twin, streams: list[Datastream], question: Question, *, rows: int) -> Question:
    """The question with the finest step, from its own on, that is not too much to answer."""
    for step_s in STEPS_S:
        if step_s < question.step_s:
            continue
        coarser = aligned(Question(question.start, question.end, step_s, question.rev))
        step = timedelta(seconds=step_s)
        is_small = coarser.steps * max(rows, 1) <= MOST_CELLS
        if is_small and twin.replay_rows(streams, step=step, steps=coarser.steps) <= MOST_ROWS:
            return coarser
    raise FieldError("t1", f"a block of {len(streams)} datastreams cannot be that long; shorten it")


def streams_of(channel: str, features: CityFeatures) -> list[Datastream]:
    """Datastreams that a channel needs, by number; none for one that never changes."""
    index = features.index
    wanted: set[int] = set()
    if channel.startswith("roads.speed"):
        wanted = set(index.road_speed.tolist())
    elif channel.startswith("roads.flow"):
        wanted = set(index.road_flow.tolist())
    elif channel == "bridges.monitoring":
        wanted = set(index.bridge_number.tolist())
    elif channel == "sensors.q":
        wanted = set(index.sensor_number.tolist())
    found = [stream for stream in features.streams.values() if stream.number in wanted]
    return sorted(found, key=lambda stream: stream.number or 0)


def instants_of(
    twin: Twin,
    channel: str,
    features: CityFeatures,
    streams: list[Datastream],
    question: Question,
) -> NDArray[np.uint8]:
    """Bytes of a channel at every instant, shape (instants, features)."""
    if channel == "bridges.grade":
        return np.tile(features.index.bridge_grade, (question.steps, 1))
    step = timedelta(seconds=question.step_s)
    parts = twin.replay(streams, start=question.start, step=step, steps=question.steps)
    numbers = [stream.number or 0 for stream in streams]
    return np.concatenate([bytes_of(channel, features.index, numbers, part) for part in parts])
