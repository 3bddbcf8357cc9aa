"""What the sensor-fault rules remember: columns of fixed width, one row per datastream."""

import zlib
from io import BytesIO
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

RUN_BINS = 24  # run lengths 1, 2-3, 4-7, ... 2**23 and more
LONGEST_AGO_US = np.iinfo(np.int64).min
GROWTH = 1.5
UNREADABLE = (  # what numpy and zipfile raise at broken files
    ValueError, OSError, EOFError, KeyError, BadZipFile, zlib.error, NotImplementedError,
    RuntimeError, MemoryError, OverflowError,
)  # fmt: skip

Int = NDArray[np.int64]


def run_bin(length: NDArray[np.int64] | NDArray[np.float64]) -> Int:
    """Bin of a run length: powers of two.

    Examples
    --------
    >>> run_bin(np.array([1, 2, 3, 4, 1000])).tolist()
    [0, 1, 1, 2, 9]
    """
    exponent = np.frexp(np.asarray(length, np.float64))[1] - 1
    return np.clip(exponent, 0, RUN_BINS - 1).astype(np.int64)


class Memory:
    """Columns by slot; a slot is the row of a registered datastream.

    Parameters
    ----------
    window
        Readings of the recent past that are kept.
    """

    def __init__(self, window: int) -> None:
        self._numbers = np.empty(0, np.int64)
        self._slots = np.empty(0, np.int64)
        self._added: dict[int, int] = {}
        self._uids: list[str] = []
        self._size = 0
        self.floor = np.empty(0)
        self.lower = np.empty(0)
        self.upper = np.empty(0)
        self.natural = np.empty(0)
        self.has_rails = np.empty(0, np.bool_)
        self.count = np.empty(0, np.int64)
        self.first_us = np.empty(0, np.int64)
        self.newest_us = np.empty(0, np.int64)
        self.last_value = np.empty(0)
        self.run = np.empty(0, np.int64)
        self.run_since_us = np.empty(0, np.int64)
        self.runs = np.empty((0, RUN_BINS), np.uint32)
        self.run_total = np.empty(0)
        self.stuck_limit = np.empty(0)
        self.active = np.empty(0, np.int64)
        self.rest_longest = np.empty(0, np.int64)
        self.spike_run = np.empty(0, np.int64)
        self.references = np.empty((0, 4))  # median, scale, lower and upper rail
        self.ring = np.empty((0, window))

    @property
    def size_bytes(self) -> int:
        """Bytes of all columns."""
        return sum(column.nbytes for column in self._columns().values())

    def register(
        self,
        number: int,
        uid: str,
        *,
        floor: float,
        limits: tuple[float, float],
        is_upper_natural: bool,
        has_rails: bool,
    ) -> None:
        """Give a datastream a slot, or renew what the registry says of it."""
        slot = self._added.get(number)
        if slot is None:
            slot = self._size
            self._grow(slot + 1)
            self._added[number] = slot
            self._uids.append(uid)
            self._size += 1
            self._numbers = np.empty(0, np.int64)  # sorted again at the next look-up
        self.floor[slot] = floor
        self.lower[slot], self.upper[slot] = limits
        self.natural[slot] = limits[1] if is_upper_natural else np.nan
        self.has_rails[slot] = has_rails

    def slot(self, number: int) -> int | None:
        """Slot of a datastream number."""
        return self._added.get(number)

    def slots(self, numbers: NDArray[np.int32]) -> Int:
        """Slot of every datastream number; -1 if it has none."""
        if len(self._numbers) != len(self._added):
            order = sorted(self._added)
            self._numbers = np.array(order, np.int64)
            self._slots = np.array([self._added[number] for number in order], np.int64)
        if not len(self._numbers):
            return np.full(len(numbers), -1, np.int64)
        place = np.minimum(np.searchsorted(self._numbers, numbers), len(self._numbers) - 1)
        return np.where(self._numbers[place] == numbers, self._slots[place], -1)

    def first_us_or(self, time_us: Int, slot: Int, begin: Int) -> Int:
        """Time of the first reading ever of each row's datastream."""
        return np.where(self.count[slot] > 0, self.first_us[slot], time_us[begin])

    def dump(self) -> bytes:
        """What was learned, by the uids of the datastreams: an ``npz`` file."""
        rows = {name: column[: self._size] for name, column in self._learned().items()}
        content = BytesIO()
        np.savez(content, uid=np.array(self._uids, np.str_), **rows)  # pyrefly: ignore - arrays
        return content.getvalue()

    def fill(self, content: bytes) -> int:
        """Take over what was learned of datastreams that are registered; of how many.

        Nothing if the content is not whole, or of another version.
        """
        slots = {uid: slot for slot, uid in enumerate(self._uids)}
        try:
            with np.load(BytesIO(content), allow_pickle=False) as file:
                found = {name: file[name] for name in file.files}
        except UNREADABLE:
            return 0
        uids = found.pop("uid", np.empty(0, np.str_))
        learned = self._learned()
        is_whole = found.keys() == learned.keys() and all(
            found[name].dtype == column.dtype
            and found[name].shape == (len(uids), *column.shape[1:])
            for name, column in learned.items()
        )
        if not is_whole:
            return 0
        given = [row for row, uid in enumerate(uids.tolist()) if uid in slots]
        taken = [slots[uids[row]] for row in given]
        for name, column in learned.items():
            column[taken] = found[name][given]
        return len(given)

    def _learned(self) -> dict[str, NDArray[np.generic]]:
        return {name: one for name, one in self._columns().items() if name not in _REGISTERED}

    def _columns(self) -> dict[str, NDArray[np.generic]]:
        return {
            name: column
            for name, column in vars(self).items()
            if isinstance(column, np.ndarray) and not name.startswith("_")
        }

    def _grow(self, size: int) -> None:
        if size <= len(self.count):
            return
        room = max(size, int(len(self.count) * GROWTH) + 64)
        for name, column in self._columns().items():
            wider = np.full((room, *column.shape[1:]), _EMPTY.get(name, 0), column.dtype)
            wider[: len(column)] = column
            setattr(self, name, wider)


_REGISTERED = frozenset({"floor", "lower", "upper", "natural", "has_rails"})
_EMPTY = {
    "newest_us": LONGEST_AGO_US,
    "last_value": np.nan,
    "stuck_limit": np.inf,
    "references": np.nan,
    "ring": np.nan,
    "natural": np.nan,
}
