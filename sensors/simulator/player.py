"""Plays the simulated world: the present, the past and what follows, message by message."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sensors.simulator.messages import MOST_ITEMS, Outgoing, readings, topic, waveform
from sensors.simulator.slots import MICRO
from sensors.simulator.tables import parameters
from sensors.simulator.world import Stream
from twin.model.quantities import quantity

LONG_PAST = frozenset(
    {"structure_temperature", "crack_width", "displacement", "inclination", "natural_frequency"}
)
LONG_PAST_ITEMS = 200
"""Slots in one message of the long past: it is computed between two live ones."""


@dataclass(frozen=True, slots=True)
class Due:
    """The slot of a stream that comes next."""

    time_us: int
    stream: Stream
    number: int


@dataclass(frozen=True, slots=True)
class Player:
    """All simulated streams of one tenant."""

    streams: Sequence[Stream]
    tenant: str

    def present(self, now_us: int) -> Iterator[Outgoing]:
        """Yield the newest value of every stream."""
        for stream in self.streams:
            yield self.message(stream, stream.slots.last(now_us))

    def past(self, now_us: int, *, span_us: int) -> Iterator[Outgoing]:
        """Yield what came before the present within a span; per stream the oldest first."""
        for stream in self.streams:
            last = stream.slots.last(now_us)
            first = stream.slots.last(now_us - span_us) + 1
            if stream.burst is not None:
                for number in range(first, last):
                    yield self.message(stream, number)
                continue
            for start in range(first, last, MOST_ITEMS):
                yield self._readings(stream, start, min(start + MOST_ITEMS, last))

    def long_past(self, before_us: int, *, span_us: int, step_us: int) -> Iterator[Outgoing]:
        """Yield the slow streams of bridges before a time, one slot per step, the newest first.

        It is what a logger of former years would hold: enough to learn how a bridge follows its
        temperature.
        """
        for stream in self.streams:
            if stream.values is None or stream.datastream.quantity not in LONG_PAST:
                continue
            stride = max(1, step_us // stream.slots.cadence_us)
            newest = stream.slots.last(before_us) // stride + 1
            first = stream.slots.last(before_us - span_us) // stride + 1
            for end in range(newest, first, -LONG_PAST_ITEMS):
                steps = range(max(first, end - LONG_PAST_ITEMS), end)
                yield self._sparse(stream, [step * stride for step in steps])

    def _sparse(self, stream: Stream, numbers: Sequence[int]) -> Outgoing:
        if stream.values is None:
            raise TypeError(f"{stream.datastream.uid} has a model of bursts, not of values")
        size = stream.slots.per_block
        values = np.array([stream.values(number // size)[number % size] for number in numbers])
        times_us = np.array([stream.slots.time_us(number) for number in numbers])
        payload = readings(times_us, values, first_sequence=None)
        return Outgoing(topic(stream.datastream, tenant=self.tenant, kind="obs"), payload)

    def following(self, after_us: int) -> Iterator[Due]:
        """Yield without end the slots after a time, in order of time."""
        heap: list[tuple[int, int, int]] = []
        for index, stream in enumerate(self.streams):
            number = stream.slots.last(after_us) + 1
            heap.append((stream.slots.time_us(number), index, number))
        heapq.heapify(heap)
        while heap:
            time_us, index, number = heap[0]
            stream = self.streams[index]
            yield Due(time_us, stream, number)
            heapq.heapreplace(heap, (stream.slots.time_us(number + 1), index, number + 1))

    def message(self, stream: Stream, number: int) -> Outgoing:
        """Message of one slot of a stream."""
        if stream.burst is None:
            return self._readings(stream, number, number + 1)
        datastream = stream.datastream
        duration_us = round(parameters()["wave_duration_s"] * MICRO)
        payload = waveform(
            stream.burst(number),
            stream=datastream.route_key,
            t0_us=stream.slots.time_us(number) - duration_us,
            unit=quantity(datastream.quantity).unit,
            sequence=number,
        )
        return Outgoing(topic(datastream, tenant=self.tenant, kind="wave"), payload)

    def _readings(self, stream: Stream, first: int, end: int) -> Outgoing:
        if stream.values is None:
            raise TypeError(f"{stream.datastream.uid} has a model of bursts, not of values")
        size = stream.slots.per_block
        blocks = range(first // size, (end - 1) // size + 1)
        values = np.concatenate([stream.values(block) for block in blocks])
        times_us = np.concatenate([stream.slots.block(block) for block in blocks])
        chosen = slice(first - blocks[0] * size, end - blocks[0] * size)
        payload = readings(times_us[chosen], values[chosen], first_sequence=first)
        return Outgoing(topic(stream.datastream, tenant=self.tenant, kind="obs"), payload)
