"""The quarantine desk: finding what could not be stored, and closing its cases."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from twin.model.observations import QuarantineEntry

CaseState = Literal["open", "replayed", "discarded", "failed again"]


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases; what is empty or None does not restrict.

    Parameters
    ----------
    source, reason
        Exactly.
    number, stream
        Datastream number, or a text that topic or detail contain; either one suffices.
    since
        Seen last at this time or later; aware UTC.
    text
        Part of topic or detail.
    states
        States of the case.
    """

    source: str = ""
    reason: str = ""
    number: int | None = None
    stream: str = ""
    since: datetime | None = None
    text: str = ""
    states: tuple[CaseState, ...] = ("open", "failed again")


@dataclass(frozen=True, slots=True)
class Case:
    """One entry of the quarantine with all that is kept of it.

    Parameters
    ----------
    entry
        As in lists; a replayed case that came again is open again.
    topic
        As received, undecoded.
    payload
        Whole; None above 256 KiB, or once the retention has removed it.
    payload_sha256
        Of the whole payload.
    settled
        How many of the deliveries were moved to stored, or were discarded.
    """

    entry: QuarantineEntry
    topic: bytes
    payload: bytes | None
    payload_sha256: bytes
    settled: int

    @property
    def unsettled(self) -> int:
        """Deliveries that still count as quarantined on account of this case."""
        return max(self.entry.seen - self.settled, 0)


@dataclass(frozen=True, slots=True)
class Counts:
    """A change of the ingest balance of one source; received = stored + duplicate + quarantined."""

    received: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0

    def __neg__(self) -> "Counts":
        return Counts(-self.received, -self.stored, -self.duplicate, -self.quarantined)

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.received + other.received,
            self.stored + other.stored,
            self.duplicate + other.duplicate,
            self.quarantined + other.quarantined,
        )


@dataclass(frozen=True, slots=True)
class Settlement:
    """What closes a case.

    Parameters
    ----------
    case_id
        The case.
    state
        Its new state.
    settled
        How many of its deliveries are settled by it; none if it failed again.
    day
        Start of the UTC day on which the message came first.
    moved
        Per source, what the replay was counted with when it was recorded: taken off the day of
        the replay and added to ``day``.
    corrected
        Per source, what ``day`` is corrected by beyond that: the message counts as quarantined no
        longer.
    """

    case_id: int
    state: CaseState
    settled: int
    day: datetime
    moved: Mapping[str, Counts] = field(default_factory=lambda: MappingProxyType({}))
    corrected: Mapping[str, Counts] = field(default_factory=lambda: MappingProxyType({}))


def replayed(case: Case, *, recorded: Mapping[str, Counts], day: datetime) -> Settlement:
    """Settlement of a case whose message was recorded without any rejection.

    The quarantined deliveries become the readings of the replay once, and a duplicate for each
    further delivery; a message that yields no reading counts for nothing. Both sides of the
    balance stay equal.
    """
    times = case.unsettled
    corrected = {case.entry.source: Counts(received=-times, quarantined=-times)}
    yields = {source: counts for source, counts in recorded.items() if counts.received}
    if yields and times > 1:
        main = max(yields, key=lambda source: yields[source].received)
        repeats = Counts(received=times - 1, duplicate=times - 1)
        corrected[main] = corrected.get(main, Counts()) + repeats
    return Settlement(
        case_id=case.entry.id,
        state="replayed",
        settled=times,
        day=day,
        moved=recorded,
        corrected=corrected,
    )


def failed_again(case: Case, *, recorded: Mapping[str, Counts], day: datetime) -> Settlement:
    """Settlement of a case of which something is still rejected; it keeps its counts.

    What was there already counted when it came: another replay changes no count.
    """
    corrected = {
        source: Counts(received=-counts.duplicate, duplicate=-counts.duplicate)
        for source, counts in recorded.items()
        if counts.duplicate
    }
    return Settlement(case.entry.id, "failed again", 0, day, moved=recorded, corrected=corrected)


def discarded(case: Case, *, day: datetime) -> Settlement:
    """Settlement of a case that nobody wants; its deliveries stay counted as quarantined."""
    return Settlement(case.entry.id, "discarded", 0, day)
