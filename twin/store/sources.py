"""To which source each datastream number belongs, for whole columns at once."""

from collections import Counter
from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray


class Sources:
    """The registered datastream numbers with their sources.

    Parameters
    ----------
    by_number
        Source of each number; numbers count from 1.

    Examples
    --------
    >>> sources = Sources({1: "bridge", 3: "bridge", 4: "road"})
    >>> sources.count(np.array([1, 3, 4, 4]))
    Counter({'bridge': 2, 'road': 2})
    >>> sources.are_known(np.array([0, 2, 3, 10**9])).tolist()
    [False, False, True, False]
    """

    def __init__(self, by_number: Mapping[int, str]) -> None:
        self._by_number = dict(by_number)
        self._names = tuple(sorted(set(by_number.values())))
        codes = {name: code for code, name in enumerate(self._names)}
        # One row more than needed: a number that is too large finds "unknown" there.
        self._codes = np.full(max(by_number, default=0) + 2, -1, np.int32)
        for number, name in by_number.items():
            self._codes[number] = codes[name]

    def of(self, number: int) -> str:
        """Source of a number, empty if it is unknown."""
        return self._by_number.get(number, "")

    def is_known(self, number: int) -> bool:
        """Whether a datastream has this number."""
        return number in self._by_number

    def are_known(self, numbers: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Which of these numbers a datastream has."""
        return self._coded(numbers) >= 0

    def belong(self, numbers: NDArray[np.int32], names: Collection[str]) -> NDArray[np.bool_]:
        """Which of these numbers belong to one of these sources."""
        wanted = [code for code, name in enumerate(self._names) if name in names]
        return np.isin(self._coded(numbers), np.array(wanted, np.int32))

    def count(self, numbers: NDArray[np.int32]) -> Counter[str]:
        """How many of these numbers belong to each source; all must be known."""
        counts = np.bincount(self._codes[numbers], minlength=1).tolist()
        return Counter({self._names[code]: count for code, count in enumerate(counts) if count})

    def _coded(self, numbers: NDArray[np.int32]) -> NDArray[np.int32]:
        return self._codes[np.clip(numbers, 0, len(self._codes) - 1)]
