"""Frames of one channel at one tick: encoded when first asked for, then shared by all clients."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dashboards.live.codec import encode_delta, encode_full, is_delta_worthwhile

Bytes = NDArray[np.uint8]
SEQUENCE_NUMBERS = 1 << 32


@dataclass(slots=True)
class ChannelFrames:
    """State of a channel at one tick.

    Parameters
    ----------
    number
        Channel number of the ``hello`` message.
    seq
        Sequence number of this tick; the frame before has one less.
    values, previous : (features,)
        Bytes now and at the frame before, if its table was the same.
    t_ms
        Newest phenomenon time in the state [ms since 1970].
    rev
        Revision of the table.
    """

    number: int
    seq: int
    values: Bytes
    previous: Bytes | None
    t_ms: float
    rev: int
    encoded: dict[str, bytes] = field(default_factory=dict)

    def bytes_after(self, last_seq: int | None) -> bytes:
        """Frame for a client whose newest frame had this sequence number; None if it has none."""
        follows = last_seq is not None and self.seq == (last_seq + 1) % SEQUENCE_NUMBERS
        if follows and is_delta_worthwhile(self.previous, self.values):
            return self._once("delta")
        return self._once("full")

    def next(self, values: Bytes, *, t_ms: float, rev: int) -> "ChannelFrames":
        """Frames of the tick after this one."""
        is_same_table = rev == self.rev and values.shape == self.values.shape
        return ChannelFrames(
            number=self.number,
            seq=(self.seq + 1) % SEQUENCE_NUMBERS,
            values=values,
            previous=self.values if is_same_table else None,
            t_ms=t_ms,
            rev=rev,
        )

    def is_same(self, values: Bytes, rev: int) -> bool:
        """Whether nothing changed, so that no frame is needed."""
        return rev == self.rev and np.array_equal(values, self.values)

    def _once(self, kind: str) -> bytes:
        if kind not in self.encoded:
            head = {"channel": self.number, "seq": self.seq, "t_ms": self.t_ms, "rev": self.rev}
            if kind == "delta" and self.previous is not None:
                self.encoded[kind] = encode_delta(self.previous, self.values, **head)  # pyrefly: ignore[bad-argument-type]
            else:
                self.encoded[kind] = encode_full(self.values, **head)  # pyrefly: ignore[bad-argument-type]
        return self.encoded[kind]
