"""Readings as they come in, and reading them back in any amount."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from twin.model.history import Binned, Instants
from twin.model.observations import (
    BalanceRow,
    Batch,
    Latest,
    QuarantineEntry,
    Readings,
    RecordResult,
    Series,
    Waveform,
)


class ObservationStore(Protocol):
    """Readings, waveforms, quarantine and balance."""

    def record(self, batch: Batch) -> RecordResult:
        """Record a batch in one transaction; equal rows are duplicates, never errors.

        Raises
        ------
        StoreUnavailableError
            If the database cannot be reached; nothing is recorded, repeat the same batch.
        """
        ...

    def latest(self, *, since: int = 0) -> Latest:
        """Return the newest value per datastream that changed after revision ``since``."""
        ...

    def wait_for_change(self, timeout_s: float) -> bool:
        """Wait until something was recorded or the time is over; True if notified."""
        ...

    def series(self, number: int, *, start_us: int, end_us: int, limit: int) -> Series:
        """Return the readings of one datastream in [start, end), at most ``limit`` of them.

        Raises
        ------
        StoreError
            If the span holds more rows than ``limit``; it names both.
        """
        ...

    def waveforms(self, number: int, *, start_us: int, end_us: int) -> Sequence[Waveform]:
        """Return the waveform blocks that start in [start, end), in order of time."""
        ...

    def balance(self, *, since: datetime) -> Sequence[BalanceRow]:
        """Return the ingest balance per day and source from this day on."""
        ...

    def quarantine(
        self, *, source: str | None = None, limit: int = 100
    ) -> Sequence[QuarantineEntry]:
        """Return quarantined entries, the newest first."""
        ...

    def quarantine_counts(self) -> Mapping[tuple[str, str], int]:
        """Return how often each (source, reason) was seen."""
        ...


class History(Protocol):
    """Reading back what was stored, in any amount."""

    def binned(
        self, number: int, *, start_us: int, end_us: int, points: int, as_of_us: int | None = None
    ) -> Binned:
        """Return one datastream in at most ``points`` equal bins and one more at the edge.

        The bins are whole: the first begins at or before ``start_us``. ``as_of_us`` gives
        corrected readings the value that they had at that time.

        Raises
        ------
        ModelError
            If points or span are not possible; names the limit.
        """
        ...

    def few(self, number: int, *, start_us: int, end_us: int, most: int) -> Series | None:
        """Return the readings in [start, end), or None if there are more than ``most``."""
        ...

    def page(
        self, numbers: Sequence[int], *, start_us: int, end_us: int, limit: int, newest_first: bool
    ) -> Readings:
        """Return at most ``limit`` readings of each datastream in [start, end).

        The earliest ones, or the newest; all in order of time, then of datastream number.
        """
        ...

    def count(self, numbers: Sequence[int], *, start_us: int, end_us: int) -> int:
        """Return how many readings some datastreams have in [start, end)."""
        ...

    def rows(
        self, numbers: Sequence[int], *, start_us: int, end_us: int, as_of_us: int | None = None
    ) -> Iterator[Readings]:
        """Yield all readings in [start, end) in pages, by datastream and time.

        Samples of waveforms come as readings.
        """
        ...

    def state_at(self, time_us: int, *, hold_us: Mapping[int, int]) -> Latest:
        """Return the newest value of each datastream at an instant.

        ``hold_us`` says how old it may be, by datastream number.
        """
        ...

    def last_waveform(self, number: int, *, start_us: int, end_us: int) -> Waveform | None:
        """Return the last waveform that starts in [start, end), or None."""
        ...

    def replay(
        self, *, hold_us: Mapping[int, int], start_us: int, step_us: int, steps: int, by_row: bool
    ) -> Iterator[Instants]:
        """Yield the last values at equally spaced instants, by number, some instants at a time.

        ``by_row`` reads every row of the span instead of looking up each instant; the answer is
        the same.
        """
        ...
