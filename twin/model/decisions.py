"""Decisions on measures: what is ordered, in which state it is, and who may release it."""

import hashlib
import hmac
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, get_args

from twin.errors import DecisionChangedError, DecisionError
from twin.model.bridge import Restriction
from twin.model.records import problems_of

DecisionState = Literal["draft", "decided", "published", "updated", "withdrawn"]
STATES: tuple[DecisionState, ...] = get_args(DecisionState)
RELEASED: frozenset[DecisionState] = frozenset(("published", "updated"))
RELEASE = "measure.release"
CREATE_READINGS = "reading.create"
PERMISSIONS = (RELEASE, CREATE_READINGS)
"""Permissions that a key can carry, one each."""
NEXT: dict[DecisionState, tuple[DecisionState, ...]] = {
    "draft": ("draft", "decided", "withdrawn"),
    "decided": ("published", "withdrawn"),
    "published": ("updated", "withdrawn"),
    "updated": ("updated", "withdrawn"),
    "withdrawn": (),
}
MOST_FAILURES = 10
FAILURES_WITHIN = timedelta(minutes=15)
LONGEST_TEXT = 4000
LONGEST_NAME = 200
MOST_POINTS = 1000
WEEKDAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
"""Words of `Restriction.weekdays`, joined by commas."""
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class RunComment:
    """What somebody wrote about a run; it is never changed.

    Parameters
    ----------
    author
        As the writer states it: there is no login.
    """

    id: int
    run_id: int
    author: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Order:
    """A restriction that is ordered at a place, why, and the run that it rests on.

    Parameters
    ----------
    asset_id, part
        Asset of the city; number of the part structure, empty for the whole.
    name
        Readable name of the place.
    restriction
        What is ordered, with its period, links, direction, lane and signs.
    points
        Longitude and latitude (WGS 84) along the place; one is a point, more are a line.
    reason
        Why; it stays in the city and is not published.
    run_id, input_hash
        Run that the decision rests on and what it was computed from; None and empty without one.
    """

    asset_id: str
    name: str
    restriction: Restriction
    points: tuple[tuple[float, float], ...]
    reason: str
    part: str = ""
    run_id: int | None = None
    input_hash: str = ""


@dataclass(frozen=True, slots=True)
class DecisionEvent:
    """One step of a decision: the state that it led to, who, when, why, and the order then."""

    version: int
    state: DecisionState
    at: datetime
    person: str
    reason: str
    order: Order


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision with everything that happened to it, in order; ``version`` counts the steps."""

    id: int
    events: tuple[DecisionEvent, ...]

    @property
    def newest(self) -> DecisionEvent:
        """The last step."""
        return self.events[-1]

    @property
    def order(self) -> Order:
        """What is ordered now."""
        return self.newest.order

    @property
    def state(self) -> DecisionState:
        """Where it stands."""
        return self.newest.state

    @property
    def version(self) -> int:
        """Number of steps; a change states the version that it was made on."""
        return len(self.events)

    @property
    def releases(self) -> tuple[DecisionEvent, ...]:
        """Steps that went out: publication, updates, and the withdrawal of what was out."""
        first = next((n for n, one in enumerate(self.events) if one.state in RELEASED), None)
        return () if first is None else self.events[first:]


@dataclass(frozen=True, slots=True)
class ReleaseGrant:
    """A person's right to what ``permission`` says, without the key itself."""

    id: int
    person: str
    permission: str
    key_hash: str
    granted_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReleaseEvent:
    """What happened with release keys: ``granted``, ``revoked``, ``used``, ``refused``."""

    at: datetime
    kind: str
    caller: str
    detail: str


def begun(
    order: Order, *, decision_id: int, state: DecisionState, person: str, at: datetime
) -> Decision:
    """New decision, a draft or already decided.

    Raises
    ------
    DecisionError
        With everything that is wrong with the order, or if a new one cannot have this state.
    """
    if state not in ("draft", "decided"):
        raise DecisionError(f"a new decision is a draft or decided, not {state!r}")
    _require(problems_of_order(order), problems_of_person(person))
    return Decision(decision_id, (DecisionEvent(1, state, at, person, order.reason, order),))


def moved(
    decision: Decision,
    state: DecisionState,
    *,
    expected_version: int,
    person: str,
    reason: str,
    at: datetime,
    order: Order | None = None,
) -> Decision:
    """Decision one step on.

    Raises
    ------
    DecisionError
        If it was changed meanwhile, the step is not possible, or the order is not sound.
    """
    if expected_version != decision.version:
        raise DecisionChangedError(
            f"decision {decision.id} is at version {decision.version} by now, not "
            f"{expected_version}; read it again and repeat what is still wanted"
        )
    if state not in NEXT[decision.state]:
        possible = ", ".join(NEXT[decision.state]) or "nothing more"
        raise DecisionError(
            f"decision {decision.id} is {decision.state} and cannot become {state}; "
            f"possible: {possible}"
        )
    new = decision.order if order is None else order
    place = (decision.order.asset_id, decision.order.part)
    problems = [*problems_of_order(new), *problems_of_person(person)]
    if (new.asset_id, new.part) != place:
        problems.append(f"place: it is for {' '.join(place)}; withdraw it and decide a new one")
    if not reason.strip() or len(reason) > LONGEST_TEXT:
        problems.append(f"reason: must have 1 to {LONGEST_TEXT} characters")
    _require(problems)
    event = DecisionEvent(decision.version + 1, state, at, person, reason, new)
    return replace(decision, events=(*decision.events, event))


def problems_of_order(order: Order) -> Sequence[str]:
    """What is wrong with an order; empty if nothing is.

    Examples
    --------
    >>> limit = Restriction("5", 16.0, "t", signs=("262-16",), daily_from="7:00")
    >>> problems_of_order(Order("B1", "Bridge", limit, ((13.7, 51.0),), "fatigue"))
    ("daily_from: '7:00' is no time HH:MM", 'daily_from, daily_until: state both or none')
    """
    limit = order.restriction
    problems = list(problems_of(limit))
    for name, value, longest in (
        ("asset", order.asset_id, LONGEST_NAME),
        ("name", order.name, LONGEST_NAME),
        ("reason", order.reason, LONGEST_TEXT),
    ):
        if not value.strip() or len(value) > longest:
            problems.append(f"{name}: must have 1 to {longest} characters")
    for name, text in _texts(order):
        if _CONTROL.search(text):
            problems.append(f"{name}: holds control characters; remove them")
        if name != "reason" and text != " ".join(text.split()):
            problems.append(f"{name}: has spaces at an end or several in a row; remove them")
    problems += _problems_of_period(limit)
    if not 1 <= len(order.points) <= MOST_POINTS or not all(map(_is_place, order.points)):
        problems.append(f"points: 1 to {MOST_POINTS} pairs of longitude and latitude are needed")
    return tuple(problems)


def _problems_of_period(limit: Restriction) -> Iterator[str]:
    for name in ("daily_from", "daily_until"):
        text = getattr(limit, name)
        if text and not _TIME.fullmatch(text):
            yield f"{name}: {text[:20]!r} is no time HH:MM"
    if bool(limit.daily_from) != bool(limit.daily_until):
        yield "daily_from, daily_until: state both or none"
    days = limit.weekdays.split(",") if limit.weekdays else []
    if days != [day for day in WEEKDAYS if day in days]:
        yield f"weekdays: must be some of {','.join(WEEKDAYS)}, in this order"


def _texts(order: Order) -> Sequence[tuple[str, str]]:
    limit = order.restriction
    names = ("vehicle_group", "direction", "lane", "section", "remark", "unit")
    own = ((name, getattr(order, name)) for name in ("asset_id", "part", "name", "reason"))
    listed = [("signs", one) for one in limit.signs] + [("links", one) for one in limit.links]
    return (*own, *((name, getattr(limit, name)) for name in names), *listed)


def _is_place(point: tuple[float, float]) -> bool:
    longitude, latitude = point
    return (
        math.isfinite(longitude)
        and math.isfinite(latitude)
        and abs(longitude) <= 180  # noqa: PLR2004 - degrees
        and abs(latitude) <= 90  # noqa: PLR2004 - degrees
    )


def problems_of_person(person: str) -> Sequence[str]:
    """What is wrong with the label of a person; empty if nothing is."""
    if not person.strip() or len(person) > LONGEST_NAME or _CONTROL.search(person):
        return (f"person: must have 1 to {LONGEST_NAME} characters in one line",)
    return ()


def require_comment(author: str, text: str) -> None:
    """DecisionError if a comment says nothing, or too much at once."""
    problems = list(problems_of_person(author))
    if not text.strip() or len(text) > LONGEST_TEXT or _CONTROL.search(text):
        problems.append(f"text: must have 1 to {LONGEST_TEXT} characters")
    _require(problems)


def _require(*problems: Sequence[str]) -> None:
    found = [one for some in problems for one in some]
    if found:
        raise DecisionError(*found)


def hash_of_key(key: str) -> str:
    """SHA-256 of a release key: 256 random bits need neither salt nor many rounds."""
    return hashlib.sha256(key.strip().encode("utf-8", errors="replace")).hexdigest()


def grant_of_key(grants: Sequence[ReleaseGrant], key: str) -> ReleaseGrant | None:
    """Grant in force that a key belongs to; compared without telling how much of it fits."""
    wanted = hash_of_key(key)
    fits = [one for one in grants if hmac.compare_digest(one.key_hash, wanted)]
    return next((one for one in fits if one.revoked_at is None), None)


def is_locked_out(failures: Sequence[datetime], now: datetime) -> bool:
    """Whether one caller has used too many wrong keys lately.

    Examples
    --------
    >>> from datetime import UTC
    >>> now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    >>> is_locked_out([now - timedelta(minutes=n) for n in range(10)], now)
    True
    >>> is_locked_out([now - timedelta(minutes=n) for n in range(6, 16)], now)
    False
    """
    return sum(now - at < FAILURES_WITHIN for at in failures) >= MOST_FAILURES
