"""The frame around every built-in codec: it bounds the payload and turns refusals into outcomes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from twin.errors import DecodeError
from twin.model.datastreams import PrivacyClass
from twin.model.messages import CodecContext, Message, Numbered, Outcome, rejected

LONGEST_SHOWN = 80


class RefusedError(DecodeError):
    """A message, or an item of it, cannot be used; becomes a rejection.

    Parameters
    ----------
    reason
        Key of the table ``rejection_reasons.csv``.
    detail
        What exactly, and what to do; no text from the payload.
    numbered
        Sequence numbers that it carries all the same.
    """

    def __init__(self, reason: str, detail: str, numbered: Sequence[Numbered] = ()) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.numbered = tuple(numbered)


@contextmanager
def numbered(key: str, sequence: int | None, time: datetime | None = None) -> Iterator[None]:
    """Whatever is refused inside carries this sequence number."""
    try:
        yield
    except RefusedError as refused:
        if sequence is not None:
            refused.numbered = (Numbered(key, sequence, time),)
        raise


class Decoder:
    """Codec made from a function that may raise `RefusedError` and nothing else.

    Parameters
    ----------
    name, version
        Of the codec.
    function
        Decodes a message.
    state_key
        Of a codec with state: whose state a message needs (a node); empty for none.
    privacy_class
        Of its messages; of ``vehicle``, ``person`` and ``image`` the quarantine keeps no bytes.
    """

    def __init__(
        self,
        name: str,
        version: str,
        function: Callable[[Message, CodecContext], Outcome],
        *,
        state_key: Callable[[Message, CodecContext], str] | None = None,
        privacy_class: PrivacyClass = "technical",
    ) -> None:
        self.name = name
        self.version = version
        self._function = function
        self.state_key = state_key
        self.privacy_class = privacy_class

    def decode(self, message: Message, context: CodecContext) -> Outcome:
        """Decode any bytes to observations, events, proposals and rejections."""
        size, limit = len(message.payload), context.limits.payload_bytes
        if size > limit:
            return rejected(
                "too_large", f"payload has {size} bytes, the limit is {limit}; send less at once"
            )
        try:
            return self._function(message, context)
        except RefusedError as refused:
            outcome = rejected(refused.reason, refused.detail)
            return replace(outcome, numbered=refused.numbered)


def shown(text: str) -> str:
    """Text as it may stand in a message: quoted, short, control characters escaped."""
    return repr(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}...")
