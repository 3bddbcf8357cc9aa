"""The quarantine desk of the store in memory."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from twin.model.observations import QuarantineEntry
from twin.model.quarantine import Case, CaseFilter, Settlement
from twin.store.accounts import QuarantineRow
from twin.store.memory_observations import MemoryObservations, Move
from twin.store.refusals import unknown_case
from twin.store.text import cleaned


class MemoryDesk:
    """`twin.ports.QuarantineDesk` in memory; may be used from any thread."""

    def __init__(self, observations: MemoryObservations) -> None:
        self._observations = observations
        self._lock = threading.Lock()
        self._settled: dict[int, int] = {}

    def search(
        self, chosen: CaseFilter, *, limit: int, below: int | None = None
    ) -> Sequence[QuarantineEntry]:
        """Entries that fit, the newest first, or below an id by falling id."""
        found = [case for case in self._cases() if _fits(case, chosen)]
        if below is None:
            found.sort(key=lambda case: (case.entry.last_seen, case.entry.id), reverse=True)
        else:
            found = [case for case in found if case.entry.id < below]
            found.sort(key=lambda case: case.entry.id, reverse=True)
        return tuple(case.entry for case in found[: max(limit, 0)])

    def case(self, case_id: int) -> Case:
        """One case; RegistryError if there is none."""
        for case in self._cases():
            if case.entry.id == case_id:
                return case
        raise unknown_case(case_id)

    def siblings(self, case_id: int) -> Sequence[int]:
        """Open cases of other values of its message, refused for the same reason."""
        cases = self._cases()
        found = [_message(case) for case in cases if case.entry.id == case_id]
        ids = (
            case.entry.id
            for case in cases
            if _message(case) in found
            and case.entry.id != case_id
            and not case.entry.size_bytes
            and case.entry.datastream_number is not None
            and case.entry.state in ("open", "failed again")
        )
        return sorted(ids, reverse=True)

    def settle(
        self,
        settlement: Settlement,
        *,
        incarnation: UUID,  # noqa: ARG002 - rows of databases carry it
        at: datetime,
    ) -> bool:
        """Close a case and move its counts; False if somebody else closed it meanwhile."""
        moves: list[Move] = []
        for source, counts in settlement.moved.items():
            moves.append((cleaned(source), at, -counts))
            moves.append((cleaned(source), settlement.day, counts))
        with self._lock:
            case = self.case(settlement.case_id)
            is_open = case.entry.state in ("open", "failed again")
            is_ours = is_open and case.unsettled >= settlement.settled
            if is_ours:
                self._settled[case.entry.id] = case.settled + settlement.settled
                for source, counts in settlement.corrected.items():
                    moves.append((cleaned(source), settlement.day, counts))
            state = settlement.state if is_ours else ""
            self._observations.settle_case(case.entry.id, state=state, moves=moves)
        return is_ours

    def _cases(self) -> list[Case]:
        return [
            _case(entry, row, self._settled.get(entry.id, 0))
            for entry, row in self._observations.cases()
        ]


def _case(entry: QuarantineEntry, row: QuarantineRow, settled: int) -> Case:
    if entry.state == "replayed" and entry.seen > settled:
        entry = replace(entry, state="open")
    return Case(
        entry=entry,
        topic=row.topic,
        payload=row.payload,
        payload_sha256=row.payload_sha256,
        settled=settled,
    )


def _message(case: Case) -> tuple[str, str, datetime, bytes]:
    entry = case.entry
    return entry.source, entry.reason, entry.first_seen, case.topic


def _fits(case: Case, chosen: CaseFilter) -> bool:
    entry = case.entry

    def holds(text: str) -> bool:
        return text in entry.detail or text.encode("utf-8", "replace") in case.topic

    return (
        chosen.source in ("", entry.source)
        and chosen.reason in ("", entry.reason)
        and (chosen.since is None or entry.last_seen >= chosen.since)
        and (not chosen.text or holds(chosen.text))
        and entry.state in chosen.states
        and (
            (chosen.number is None and not chosen.stream)
            or (chosen.number is not None and case.entry.datastream_number == chosen.number)
            or (bool(chosen.stream) and holds(chosen.stream))
        )
    )
