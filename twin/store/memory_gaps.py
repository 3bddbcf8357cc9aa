"""Gaps of the store in memory."""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from twin.model.gaps import Gap, GapState
from twin.store.text import cleaned


class MemoryGaps:
    """`twin.ports.GapBook` in memory; may be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gaps: list[Gap] = []

    def note(self, gaps: Iterable[Gap], *, at: datetime) -> None:
        """Add gaps; one that lasts gets its end, one by numbers those that came late."""
        with self._lock:
            rows = {_identity(gap): row for row, gap in enumerate(self._gaps)}
            for given in gaps:
                gap = replace(given, source=cleaned(given.source), key=cleaned(given.key))
                row = rows.get(_identity(gap))
                if row is None:
                    rows[_identity(gap)] = len(self._gaps)
                    self._gaps.append(replace(gap, id=len(self._gaps) + 1, noted_at=at))
                    continue
                known = self._gaps[row]
                if known.state == "open" and known.end is None:
                    self._gaps[row] = replace(
                        known,
                        end=gap.end,
                        missing=gap.missing,
                        is_estimated=gap.is_estimated,
                        state=gap.state,
                        noted_at=at,
                    )
                elif _misses_fewer(gap, known):
                    state = gap.state if gap.state == "filled" else known.state
                    self._gaps[row] = replace(known, missing=gap.missing, state=state)

    def gaps(
        self,
        *,
        only_open: bool,
        source: str | None = None,
        number: int | None = None,
        since: datetime | None = None,
        limit: int,
    ) -> Sequence[Gap]:
        """Gaps, the newest first."""
        with self._lock:
            ordered = sorted(self._gaps, key=lambda gap: (gap.start, gap.id or 0), reverse=True)
        chosen = [
            gap
            for gap in ordered
            if (gap.state == "open" or not only_open)
            and source in (None, gap.source)
            and number in (None, gap.number)
            and (since is None or gap.end is None or gap.end >= since)
        ]
        return tuple(chosen[: max(limit, 0)])

    def due(self, delays: Sequence[timedelta], *, at: datetime, limit: int) -> Sequence[Gap]:
        """Open gaps whose next attempt is due, the longest known first."""
        with self._lock:
            found = [
                (gap.noted_at, gap.id or 0, gap)
                for gap in self._gaps
                if gap.state == "open" and gap.end is not None and gap.noted_at is not None
                and gap.noted_at + delays[min(gap.attempts, len(delays) - 1)] <= at
            ]  # fmt: skip
        return tuple(gap for _, _, gap in sorted(found, key=lambda row: row[:2]))[: max(limit, 0)]

    def resolve(self, gap_id: int, state: GapState) -> None:
        """Say that a gap was filled or is lost; one that was filled stays filled."""
        self._change(gap_id, state=state)

    def count_attempt(self, gap_id: int) -> None:
        """Count that the hook was asked for a gap."""
        self._change(gap_id, state=None)

    def _change(self, gap_id: int, *, state: GapState | None) -> None:
        with self._lock:
            for row, gap in enumerate(self._gaps):
                if gap.id != gap_id:
                    continue
                if state is None:
                    self._gaps[row] = replace(gap, attempts=gap.attempts + 1)
                elif gap.state != "filled":
                    self._gaps[row] = replace(gap, state=state)


def _misses_fewer(gap: Gap, known: Gap) -> bool:
    if known.state == "filled" or gap.cause != "sequence":
        return False
    return gap.missing is not None and known.missing is not None and gap.missing < known.missing


def _identity(gap: Gap) -> tuple[str, str, str, datetime]:
    return gap.source, gap.key, gap.cause, gap.start
