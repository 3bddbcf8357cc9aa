"""Waveform blocks as they are stored: in the quantity's unit, cut at full UTC minutes. Pure."""

import math
from collections.abc import Iterator
from datetime import datetime

import numpy as np

from sensors.routing import Stream
from sensors.rules.quality import TimePolicy, time_problem
from twin.errors import ModelError
from twin.model.messages import Rejection, WaveformBlock
from twin.model.observations import Waveform
from twin.model.quality import Quality
from twin.model.quantities import conversion
from twin.model.times import from_us

MINUTE_US = 60_000_000
LONGEST_BURST_S = 3600.0


def judge_block(
    block: WaveformBlock, stream: Stream, *, received_at: datetime, policy: TimePolicy
) -> list[Waveform] | Rejection:
    """The waveforms to store, or why the block cannot be stored."""
    duration_s = len(block.samples) / block.rate_hz
    if stream.datastream.kind != "waveform":
        return _rejection("wrong_type", f"{stream.datastream.uid} takes single readings", stream)
    if duration_s > LONGEST_BURST_S:
        return _rejection(
            "too_many_items",
            f"a burst of {duration_s:.0f} s; send blocks of at most {LONGEST_BURST_S:.0f} s",
            stream,
        )
    try:
        to_quantity = conversion(block.unit, stream.quantity.unit)
    except ModelError as error:
        return _rejection("unit_conflict", str(error), stream)
    start = from_us(block.t0_us)
    problem = time_problem(start, received_at=received_at, policy=policy)
    if problem is None:  # only now: the end of a block in the year 9999 is no date
        end = from_us(block.t0_us + round(duration_s * 1e6))
        problem = time_problem(end, received_at=received_at, policy=policy)
    if problem is not None:
        return _rejection(*problem, stream)
    samples = (block.samples * to_quantity.scale + to_quantity.offset).astype(np.float32)
    limits = stream.quantity
    flags = stream.flags
    if samples.min() < limits.lower_limit or samples.max() > limits.upper_limit:
        flags |= Quality.OUT_OF_RANGE
    if (received_at - start).total_seconds() > stream.late_after_s:
        flags |= Quality.LATE
    return [
        Waveform(
            number=stream.number,
            t0_us=block.t0_us + round(part.start * 1e6 / block.rate_hz),
            rate_hz=block.rate_hz,
            samples=samples[part],
            quality=int(flags),
        )
        for part in _minutes(block)
    ]


def _minutes(block: WaveformBlock) -> Iterator[slice]:
    """Parts of a block that do not cross a full minute, so that rollups add up."""
    begin, count = 0, len(block.samples)
    while begin < count:
        begin_us = block.t0_us + round(begin * 1e6 / block.rate_hz)
        minute_end_us = (begin_us // MINUTE_US + 1) * MINUTE_US
        end = math.ceil((minute_end_us - block.t0_us) * block.rate_hz / 1e6)
        end = min(max(end, begin + 1), count)
        yield slice(begin, end)
        begin = end


def _rejection(reason: str, detail: str, stream: Stream) -> Rejection:
    return Rejection(reason=reason, detail=detail, datastream_number=stream.number)
