"""Many messages at once, column by column: what a codec may offer besides `decode`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from twin.model.messages import CodecContext, Limits, Message, Outcome

NO_SEQUENCE = -1


@dataclass(slots=True)
class Columns:
    """Readings of many messages, column by column; every reading carries its own time.

    Parameters
    ----------
    message : (n,)
        Which of the payloads a reading comes from, in ascending order.
    time_us : (n,)
        Phenomenon time [us since 1970-01-01 UTC].
    value : (n,)
        Finite values.
    sequence : (n,)
        Sequence numbers, `NO_SEQUENCE` where there is none.
    quality
        Bit masks by position, where they are not 0.
    key : (n,) or ()
        Route key and unit of each reading; empty where the topic names the datastream.
    left
        Payloads that `decode` has to read, one by one.
    """

    message: list[int] = field(default_factory=list)
    time_us: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    sequence: list[int] = field(default_factory=list)
    quality: dict[int, int] = field(default_factory=dict)
    key: list[tuple[str, str]] = field(default_factory=list)
    left: list[int] = field(default_factory=list)


class ColumnCodec(Protocol):
    """A codec that reads the plain form of its messages many at a time.

    Whatever it gives for a payload is what `decode` would give; payloads that it does not
    understand at once, good or bad, it leaves to `decode`. So it decides about speed alone.
    """

    name: str
    version: str

    def decode(self, message: Message, context: CodecContext) -> Outcome:
        """Decode any bytes to observations, events, proposals and rejections."""
        ...

    def topic_key(self, topic: str, context: CodecContext) -> str | None:
        """Route key that a topic names; empty if payloads name it, None if only `decode` reads it.

        It is asked once per topic.
        """
        ...

    def decode_columns(self, payloads: Sequence[bytes], limits: Limits) -> Columns:
        """Decode the payloads of topics that `topic_key` knows; never raises."""
        ...
