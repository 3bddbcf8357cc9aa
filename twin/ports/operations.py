"""What keeps the jobs honest: locks, heartbeats, gaps, the quarantine desk and alarms."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from twin.model.alarms import Alarm
from twin.model.gaps import Gap, GapState
from twin.model.jobs import JobStatus
from twin.model.observations import QuarantineEntry
from twin.model.quarantine import Case, CaseFilter, Settlement


class InstanceLocks(Protocol):
    """Names that one process at a time may hold, such as the client id of an ingester."""

    def hold(self, name: str) -> bool:
        """Hold a name until it is released or the process ends; False if another has it.

        Raises
        ------
        StoreUnavailableError
            If the database cannot be reached.
        """
        ...

    def holds(self, name: str) -> bool:
        """Whether this process holds the name it asked for; takes it again after a restart.

        Raises
        ------
        StoreUnavailableError
            If the database cannot be reached: then nobody holds the name.
        """
        ...

    def release(self, name: str) -> None:
        """Let another process hold this name."""
        ...


class JobBoard(Protocol):
    """Where jobs report that they are alive."""

    def beat(self, status: JobStatus) -> None:
        """Store the newest status of a job."""
        ...

    def jobs(self) -> Sequence[JobStatus]:
        """Return the newest status of every job."""
        ...


class GapBook(Protocol):
    """What never reached us, and what was done about it."""

    def note(self, gaps: Iterable[Gap], *, at: datetime) -> None:
        """Add gaps; one that lasts gets its end, one by numbers those that came late."""
        ...

    def gaps(
        self,
        *,
        only_open: bool,
        source: str | None = None,
        number: int | None = None,
        since: datetime | None = None,
        limit: int,
    ) -> Sequence[Gap]:
        """Return gaps that reach beyond ``since``, the newest first."""
        ...

    def due(self, delays: Sequence[timedelta], *, at: datetime, limit: int) -> Sequence[Gap]:
        """Return open gaps that have ended and are to be asked for, the longest known first.

        ``delays`` says how long after a gap was noted each attempt is made; a gap whose attempts
        are used up is among the answers until it is resolved.
        """
        ...

    def resolve(self, gap_id: int, state: GapState) -> None:
        """Say that a gap was filled or is lost; one that was filled stays filled."""
        ...

    def count_attempt(self, gap_id: int) -> None:
        """Count that the hook was asked for a gap."""
        ...


class QuarantineDesk(Protocol):
    """Where cases of the quarantine are found and closed."""

    def search(
        self, chosen: CaseFilter, *, limit: int, below: int | None = None
    ) -> Sequence[QuarantineEntry]:
        """Return entries that fit, the newest first, or below an id by falling id."""
        ...

    def case(self, case_id: int) -> Case:
        """Return one case; RegistryError if there is none."""
        ...

    def siblings(self, case_id: int) -> Sequence[int]:
        """Return the open cases of other values of its message, refused for the same reason.

        They are kept without the message.
        """
        ...

    def settle(self, settlement: Settlement, *, incarnation: UUID, at: datetime) -> bool:
        """Close a case and move its counts; False if somebody else closed it meanwhile.

        What was recorded by the replay (``moved``) goes to the original day in any case.
        """
        ...


class AlarmBoard(Protocol):
    """Where the jobs say what somebody should look at."""

    def open(self, kind: str, subject: str, *, detail: str, at: datetime) -> None:
        """Open an alarm, or confirm the one of this kind and subject that is open."""
        ...

    def close(self, kind: str, subject: str, *, at: datetime) -> None:
        """Close an alarm; nothing happens if none is open."""
        ...

    def alarms(self, *, only_open: bool, limit: int) -> Sequence[Alarm]:
        """Return the alarms, open ones first, then the newest first."""
        ...
