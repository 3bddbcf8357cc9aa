"""What a run of messages has yielded so far, column by column. Pure."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sensors.codecs.columns import NO_SEQUENCE, Columns
from sensors.pipeline.memory import CodecMemory, Recalled
from sensors.pipeline.numbering import LARGEST_SEQUENCE
from sensors.pipeline.privacy import masked
from sensors.pipeline.strangers import beyond_the_inbox
from sensors.rules.features import FeatureReading
from sensors.rules.gaps import Arrived
from sensors.rules.quality import Rows
from twin.model.messages import Observation, Outcome, Rejection
from twin.model.observations import Waveform
from twin.model.quality import Quality
from twin.model.times import from_us, to_us


class Part(NamedTuple):
    """Rows of some messages; ``message`` counts them from the first one of the run."""

    message: NDArray[np.int64]
    number: NDArray[np.int32]
    time_us: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.int16]
    sequence: NDArray[np.int64]
    is_timed: NDArray[np.bool_]


@dataclass(slots=True)
class _Single:
    """Rows that were decoded one by one."""

    message: list[int] = field(default_factory=list)
    number: list[int] = field(default_factory=list)
    time_us: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    quality: list[int] = field(default_factory=list)
    sequence: list[int] = field(default_factory=list)
    is_timed: list[bool] = field(default_factory=list)

    def part(self) -> Part:
        return Part(
            message=np.array(self.message, np.int64),
            number=np.array(self.number, np.int32),
            time_us=np.array(self.time_us, np.int64),
            value=np.array(self.value, np.float64),
            quality=np.array(self.quality, np.int16),
            sequence=np.array(self.sequence, np.int64),
            is_timed=np.array(self.is_timed, np.bool_),
        )


class Context(NamedTuple):
    """The message that a rejection comes from."""

    message: int
    topic: bytes
    payload: bytes
    received_us: int
    source: str
    label: str
    is_private: bool = False


@dataclass(slots=True)
class Collected:
    """Everything that the messages of a run have yielded so far."""

    parts: list[Part] = field(default_factory=list)
    single: _Single = field(default_factory=_Single)
    readings: int = 0
    waveforms: list[Waveform] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    received: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    unassigned: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    arrived: list[Arrived] = field(default_factory=list)
    features: list[FeatureReading] = field(default_factory=list)
    unknown_streams: int = 0
    recalled: Recalled = field(default_factory=lambda: Recalled(CodecMemory()))
    _kept: dict[int, tuple[bytes, set[str]]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Rows of the batch so far."""
        return self.readings + len(self.waveforms) + len(self.rejections)

    def count(self, source: str, outcome: Outcome) -> None:
        """Add the counts of a decoded message."""
        self.missing[source] += outcome.missing
        self.ignored[source] += outcome.ignored
        self.unassigned[source] += outcome.unassigned

    def add(
        self, item: Observation, *, message: int, number: int, value: float, received_us: int
    ) -> None:
        """Add one observation; its value is in the unit of the quantity by now."""
        time_us = to_us(item.phenomenon_time)
        sequence = NO_SEQUENCE if item.sequence is None else item.sequence % LARGEST_SEQUENCE
        is_arrival = time_us == received_us and bool(item.quality & Quality.TIME_SUBSTITUTED)
        row = (number, float(value), int(item.quality), sequence)  # fails before anything is added
        self.single.message.append(message)
        self.single.number.append(row[0])
        self.single.time_us.append(time_us)
        self.single.value.append(row[1])
        self.single.quality.append(row[2])
        self.single.sequence.append(row[3])
        self.single.is_timed.append(item.is_timed and not is_arrival)
        self.readings += 1

    def add_columns(
        self,
        columns: Columns,
        message: NDArray[np.int64],
        number: NDArray[np.int32],
        value: NDArray[np.float64],
        *,
        chosen: NDArray[np.bool_],
    ) -> None:
        """Add the chosen ones of the rows that a codec read at once."""
        quality = np.zeros(len(value), np.int16)
        for row, flags in columns.quality.items():
            quality[row] = flags
        part = Part(
            message=message,
            number=number,
            time_us=np.array(columns.time_us, np.int64),
            value=value,
            quality=quality,
            sequence=np.array(columns.sequence, np.int64),
            is_timed=np.ones(len(value), np.bool_),
        )
        if not chosen.all():
            part = Part._make(column[chosen] for column in part)
        self.parts.append(part)
        self.readings += len(part.value)

    def reject(self, rejection: Rejection, at: Context) -> None:
        """Add a rejection with its message; one row per message and reason keeps the payload."""
        payload, reasons = self._kept.get(at.message) or (masked(at.payload), set())
        self._kept[at.message] = (payload, reasons)
        is_kept = rejection.datastream_number is not None and rejection.reason in reasons
        reasons.add(rejection.reason)
        self.received[at.source] += 1
        self.rejections.append(
            replace(
                rejection,
                source=at.source,
                topic=at.topic.decode("utf-8", "replace"),
                codec=at.label,
                received_at=from_us(at.received_us),
                payload=b"" if is_kept else payload,
                is_private=at.is_private,
            )
        )

    def count_stranger(self, rejection: Rejection, at: Context) -> None:
        """Add a rejection without its message: all of one source become one row."""
        self.received[at.source] += 1
        named = replace(rejection, source=at.source, received_at=from_us(at.received_us))
        self.rejections.append(beyond_the_inbox(named))

    def rows(
        self, received_us: NDArray[np.int64], is_unsure: NDArray[np.bool_]
    ) -> tuple[NDArray[np.int64], Rows]:
        """All rows in the order of their messages, and the message of each."""
        parts = [*self.parts, self.single.part()] if self.single.value else self.parts
        parts = parts or [self.single.part()]
        columns: list[NDArray[Any]] = list(parts[0])
        if len(parts) > 1:
            columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        message = columns[0]
        if len(message) and (np.diff(message) < 0).any():
            order = np.argsort(message, kind="stable")
            columns = [column[order] for column in columns]
            message = columns[0]
        _, number, time_us, value, quality, sequence, is_timed = columns
        rows = Rows(
            number=number,
            time_us=time_us,
            value=value,
            quality=quality,
            sequence=sequence,
            is_timed=is_timed,
            received_us=received_us[message],
            is_unsure=is_unsure[message],
        )
        return message, rows
