"""Gaps: what never reached us, between which times, and what was done about it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from twin.errors import ModelError

GapCause = Literal["sequence", "cadence", "session_lost", "broker_dropped"]
GapState = Literal["open", "filled", "lost"]
GAP_CAUSES: tuple[GapCause, ...] = get_args(GapCause)
GAP_STATES: tuple[GapState, ...] = get_args(GapState)


@dataclass(frozen=True, slots=True)
class Gap:
    """A span of time in which something is missing.

    Source, key, cause and start together are its identity: noted again it is the same gap, with
    another end.

    Parameters
    ----------
    source, key
        Source, and the device or route key in it; an empty key is the whole source.
    cause
        A jump in sequence numbers, silence longer than three expected intervals, or a loss that
        the broker told.
    start, end
        Aware UTC, the last message before and the first one after; ``end`` None while it lasts.
    number
        Datastream, if it is one alone.
    missing
        How many values are missing; None if nothing tells.
    is_estimated
        Whether ``missing`` follows from the expected interval and not from sequence numbers.
    state
        Open until it is ``filled`` or ``lost``.
    attempts
        How often the hook of the source was asked for it.
    noted_at
        When its end became known, or it was noted without one; given by the store.
    id
        Given by the store.

    Raises
    ------
    ModelError
        If the cause is unknown or the end lies before the start.
    """

    source: str
    key: str
    cause: GapCause
    start: datetime
    end: datetime | None = None
    number: int | None = None
    missing: int | None = None
    is_estimated: bool = False
    state: GapState = "open"
    attempts: int = 0
    noted_at: datetime | None = None
    id: int | None = None

    def __post_init__(self) -> None:
        if self.cause not in GAP_CAUSES:
            raise ModelError(f"cause {self.cause!r} is unknown; use one of {', '.join(GAP_CAUSES)}")
        if self.end is not None and self.end < self.start:
            raise ModelError(
                f"a gap of {self.source!r} ends at {self.end.isoformat()}, before it starts at "
                f"{self.start.isoformat()}; exchange them"
            )
