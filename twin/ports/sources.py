"""What reads and fetches messages: codecs and the hook that fills gaps."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from twin.model.datastreams import Datastream
from twin.model.messages import CodecContext, Message, Observation, Outcome


class Codec(Protocol):
    """One payload format: pure, total, bounded; it never raises."""

    name: str
    version: str

    def decode(self, message: Message, context: CodecContext) -> Outcome:
        """Decode any bytes to observations, events, proposals and rejections."""
        ...


class Backfill(Protocol):
    """Hook of entry-point group ``stadtzwilling.backfill``: fetches what is missing of a source.

    The entry point is a function of settings and source that returns it.
    """

    def fetch(
        self, streams: Sequence[Datastream], start: datetime, end: datetime
    ) -> Iterable[Observation]:
        """Yield what there is of these datastreams in (start, end), in any order.

        Values are in the unit of the datastream's quantity; ``key`` and ``path`` together are its
        route key. It may raise anything: then it is asked again later.
        """
        ...
