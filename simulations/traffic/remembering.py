"""What was computed from arrays before and holds for equal arrays again, whoever owns them."""

import threading
from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np

Found = TypeVar("Found")
_Kept = tuple[object, ...]


def snapshot(values: Sequence[object]) -> _Kept:
    """A copy of arrays and other values that later changes of theirs do not reach."""
    return tuple(
        (value.dtype, value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value
        for value in values
    )


def is_same(kept: _Kept, values: Sequence[object]) -> bool:
    """Whether values are equal to those of a snapshot, bit by bit, in type and shape.

    Examples
    --------
    >>> column = np.arange(3)
    >>> kept = snapshot([column, "car"])
    >>> is_same(kept, [np.arange(3), "car"])
    True
    >>> column[1] = 7
    >>> is_same(kept, [column, "car"])
    False
    """
    for old, value in zip(kept, values, strict=True):
        if old is value:
            continue
        if isinstance(value, np.ndarray):
            if not isinstance(old, tuple) or old[:2] != (value.dtype, value.shape):
                return False
            if old[2] != value.tobytes():
                return False
        elif old != value:
            return False
    return True


class Memory(Generic[Found]):
    """The last things that were found, each with a snapshot of what it was found from.

    Parameters
    ----------
    most : int
        How many are kept; the one that was asked for least recently goes.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: list[tuple[_Kept, Found]] = []
        self._lock = threading.Lock()

    def find(self, values: Sequence[object]) -> Found | None:
        """What was found from equal values; None where nothing is remembered of them."""
        with self._lock:
            for row, (kept, found) in enumerate(self._known):
                if is_same(kept, values):
                    self._known.insert(0, self._known.pop(row))
                    return found
        return None

    def keep(self, values: Sequence[object], found: Found) -> None:
        """Remember what was found from these values."""
        kept = snapshot(values)
        with self._lock:
            self._known.insert(0, (kept, found))
            del self._known[self._most :]
