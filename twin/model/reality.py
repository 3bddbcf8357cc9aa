"""What models predict against what sensors say, and what rests on each model."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from twin.model.findings import Phrase
from twin.model.monitoring import StateRecord
from twin.model.phrases import phrase_of, said
from twin.model.state_rows import record_of_rows, rows_of
from twin.model.times import to_us

NAME = "reality"
FORMAT_VERSION = 1

Verdict = Literal["valid", "not_valid", "not_checked"]
REVERSED = "sign_reversed"
LONGEST_AGO = timedelta(days=2)
"""A check that was made longer ago says nothing of now: eight looks were missed; own choice."""


@dataclass(frozen=True, slots=True)
class Check:
    """One prediction of a model against one sensor, or why it could not be made.

    Parameters
    ----------
    model
        What predicted, such as ``free_expansion``; the sentence ``model.<model>`` names it.
    channel
        Datastream or analysis that measured.
    predicted, measured
        In ``unit``; None where the check was not made.
    error_percent
        Measured against predicted; None where the check was not made.
    limit_percent
        Beyond it the model is not valid now.
    count
        Days, values or crossings behind the measured figure.
    rests
        Names of models, analyses and derived datastreams that rest on the model; a name with a
        dot and more behind it belongs to it, so ``structure`` holds for ``structure.2``.
    reasons
        Why it was not made; empty if it was.
    remark
        ``sign_reversed`` where the sensor moves against the prediction; empty else.
    since_us
        Look since which the verdict has been what it is [us since 1970-01-01 UTC]; None in records
        of before this was kept.
    """

    model: str
    channel: str
    predicted: float | None
    measured: float | None
    unit: str
    error_percent: float | None
    limit_percent: float
    count: int
    rests: tuple[str, ...] = ()
    reasons: tuple[Phrase, ...] = ()
    remark: str = ""
    since_us: int | None = None

    @property
    def verdict(self) -> Verdict:
        """Whether the error lies within its limit, or the check was not made."""
        if self.error_percent is None:
            return "not_checked"
        return "valid" if abs(self.error_percent) <= self.limit_percent else "not_valid"

    @property
    def is_valid(self) -> bool:
        """Whether the check was made and the error lies within its limit."""
        return self.verdict == "valid"


@dataclass(frozen=True, slots=True)
class Validity:
    """Whether something holds now that rests on models.

    ``verdict`` is None where no model is known that it rests on. ``reasons`` say which check
    failed, or could not be made; they are empty if it is valid. ``since_us`` is the first of the
    looks since which one of them has said so [us since 1970-01-01 UTC]; None where it is not known.
    """

    verdict: Verdict | None
    reasons: tuple[Phrase, ...] = ()
    since_us: int | None = None


def validity_of(name: str, checks: Iterable[Check]) -> Validity:
    """Whether a model, an analysis or a derived datastream holds now, after the checks.

    One model that fails makes it not valid now; else one that was not checked makes it not checked.

    Examples
    --------
    >>> span = ("first_frequency", "B1.f1")
    >>> failed = Check(*span, 4.0, 2.0, "Hz", -50.0, 25.0, 30, rests=("structure",))
    >>> validity_of("structure.2", [failed]).verdict, validity_of("bearing", [failed]).verdict
    ('not_valid', None)
    """
    own = [check for check in checks if any(_belongs(name, one) for one in check.rests)]
    for verdict in ("not_valid", "not_checked"):
        found = [check for check in own if check.verdict == verdict]
        if found:
            since = [check.since_us for check in found if check.since_us is not None]
            reasons = tuple(reason_of(check) for check in found)
            return Validity(verdict, reasons, min(since, default=None))
    return Validity("valid" if own else None)


def reason_of(check: Check) -> Phrase:
    """Why a check says that its model is not valid now, or was not checked."""
    if check.error_percent is None:
        return Phrase(f"not_checked.{check.model}", {"channel": check.channel}, check.reasons)
    return Phrase(
        f"not_valid_now.{check.model}",
        {
            "channel": check.channel,
            "error": check.error_percent,
            "limit": check.limit_percent,
        },
    )


def validity_words(name: str, checks: Iterable[Check], *, language: str) -> str:
    """What to write beside a number that rests on a name; empty if nothing is wrong.

    Examples
    --------
    >>> span = ("first_frequency", "B1.f1")
    >>> failed = Check(*span, 4.0, 2.0, "Hz", -50.0, 25.0, 30, rests=("structure",))
    >>> validity_words("structure", [failed], language="en").partition(":")[0]
    'not valid now'
    """
    return "; ".join(said(phrase, language) for phrase in validity_of(name, checks).reasons)


def carried(checks: Iterable[Check], before: Iterable[Check], *, at: datetime) -> tuple[Check, ...]:
    """Checks of a look at ``at``, each with the look since which its verdict has been the same.

    Parameters
    ----------
    before
        Checks of the look before.

    Examples
    --------
    >>> from datetime import UTC
    >>> first = datetime(2026, 5, 1, tzinfo=UTC)
    >>> failed = Check("first_frequency", "B1.f1", 4.0, 2.0, "Hz", -50.0, 25.0, 30)
    >>> known = carried([failed], [], at=first)
    >>> (still,) = carried([failed], known, at=first + timedelta(hours=6))
    >>> still.since_us == to_us(first)
    True
    """
    known = {(one.model, one.channel, one.verdict): one.since_us for one in before}
    now_us = to_us(at)
    return tuple(
        replace(one, since_us=now_us if since_us is None else since_us)
        for one in checks
        for since_us in (known.get((one.model, one.channel, one.verdict)),)
    )


def as_of_now(checks: Iterable[Check], *, made_at: datetime, now: datetime) -> tuple[Check, ...]:
    """Checks as they stand now: those of a last look too long ago were not made.

    Examples
    --------
    >>> from datetime import UTC
    >>> good = Check("first_frequency", "B1.f1", 4.0, 4.1, "Hz", 2.5, 25.0, 30)
    >>> first, later = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 8, tzinfo=UTC)
    >>> (old,) = as_of_now([good], made_at=first, now=later)
    >>> old.verdict, said(old.reasons[0], "en")
    ('not_checked', 'last look 7 days ago')
    """
    if now - made_at <= LONGEST_AGO:
        return tuple(checks)
    days = float((now - made_at) // timedelta(days=1))
    reason = Phrase("wait.last_look", {"days": days})
    told_us = to_us(made_at + LONGEST_AGO)
    return tuple(
        replace(
            check,
            measured=None,
            error_percent=None,
            reasons=(reason, *check.reasons),
            remark="",
            since_us=check.since_us if check.error_percent is None else told_us,
        )
        for check in checks
    )


def record_of(checks: Iterable[Check], *, asset_id: str, at: datetime) -> StateRecord:
    """Checks of a bridge as the store keeps them."""
    return record_of_rows(
        NAME, map(asdict, checks), asset_id=asset_id, at=at, format_version=FORMAT_VERSION
    )


def checks_of(record: StateRecord) -> tuple[Check, ...]:
    """The checks that a state record holds.

    Raises
    ------
    ModelError
        If it was written by a later version or is damaged.
    """
    return rows_of(record, _check, format_version=FORMAT_VERSION)


def _belongs(name: str, rest: str) -> bool:
    return name == rest or name.startswith(f"{rest}.")


def _check(row: Mapping[str, Any]) -> Check:
    """A check; records of before checks named what rests on them have none."""
    later = {
        "rests": tuple(row.get("rests", ())),
        "reasons": tuple(map(phrase_of, row.get("reasons", ()))),
        "remark": row.get("remark", ""),
        "since_us": row.get("since_us"),
    }
    given = {name: row[name] for name in Check.__slots__ if name not in later}
    return Check(**given, **later)
