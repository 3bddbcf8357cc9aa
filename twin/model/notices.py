"""What goes out of a decision: the restriction, its place and validity, never the reasons."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from twin.errors import DecisionError
from twin.model.bridge import Restriction
from twin.model.decisions import RELEASED, Decision

InformationStatus = Literal["real", "test"]
WITHDRAWN_SHOWN = timedelta(days=7)
"""So long readers of the snapshot can learn that a restriction was withdrawn."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A restriction as road users may know it.

    Parameters
    ----------
    id
        Of the record, stable over all versions; that of its situation is the part before the
        last hyphen.
    version
        1 for the publication, one more with every update and with the withdrawal.
    status
        ``real`` only if a person has released it.
    created_at, version_at
        Of its first and of this version, aware UTC, in whole seconds.
    ended_at
        When it was withdrawn; None while it stands.
    """

    id: str
    version: int
    status: InformationStatus
    created_at: datetime
    version_at: datetime
    asset_id: str
    part: str
    name: str
    restriction: Restriction
    points: tuple[tuple[float, float], ...]
    ended_at: datetime | None = None


def notice_of(decision: Decision, *, publisher: str) -> Notice:
    """What a decision says to the outside; a test if nobody has released it.

    Raises
    ------
    DecisionError
        If the restriction has no first day: a message needs the beginning of its validity.
    """
    order, releases = decision.order, decision.releases
    if order.restriction.valid_from is None:
        raise DecisionError("valid_from: a message needs the first day; state one")
    newest = decision.newest
    first = releases[0] if releases else newest
    return Notice(
        id=f"{publisher}-decision-{decision.id}-1",
        version=max(len(releases), 1),
        status="real" if releases else "test",
        created_at=whole_second(first.at),
        version_at=whole_second(newest.at),
        asset_id=order.asset_id,
        part=order.part,
        name=order.name,
        restriction=order.restriction,
        points=order.points,
        ended_at=whole_second(newest.at) if decision.state == "withdrawn" else None,
    )


def is_out(decision: Decision, now: datetime) -> bool:
    """Whether a decision stands in the public snapshot; what was withdrawn stays for a while."""
    if decision.state in RELEASED:
        return True
    return bool(decision.releases) and now - decision.newest.at < WITHDRAWN_SHOWN


def whole_second(at: datetime) -> datetime:
    """Aware UTC time without parts of a second."""
    return at.astimezone(UTC).replace(microsecond=0)
