"""Acoustic emission: breaks per section, when somebody listened, what a person judged."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from twin.errors import ModelError
from twin.model.finding_steps import StoredFinding
from twin.model.findings import Phrase
from twin.model.monitoring import StateRecord
from twin.model.phrases import said
from twin.model.state_rows import record_of_rows, rows_of
from twin.model.times import from_us

NAME = "acoustics"
FORMAT_VERSION = 1
RULE = "wire_break"
CONFIRMED_RULE = "wire_break_confirmed"

Verdict = Literal["confirmed", "rejected"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True, slots=True)
class SectionBreaks:
    """Broken wires of one section since it is listened to.

    Parameters
    ----------
    section
        Name of the tendon zone.
    since_us, until_us
        First sign of a sensor, and up to when hits are taken in [us since 1970-01-01 UTC].
    settled_us, settled_heard_us
        Up to when nothing is judged again, and how long it was listened to until then [us].
    heard_us
        How long it was listened to in all [us]; None where no sensor tells that it listens.
    blind_since_us
        Since when a sensor that encloses the section is silent; None if all listen.
    candidates_us
        Times of the candidates, confirmed or not, but not the rejected ones.
    confirmed_us
        Times of those that a person confirmed.
    """

    section: str
    since_us: int
    until_us: int
    settled_us: int
    settled_heard_us: int
    heard_us: int | None
    blind_since_us: int | None
    candidates_us: tuple[int, ...] = ()
    confirmed_us: tuple[int, ...] = ()

    @property
    def confirmed(self) -> int:
        """Breaks that a person confirmed."""
        return len(self.confirmed_us)

    @property
    def candidates(self) -> int:
        """Candidates that nobody has confirmed or rejected."""
        return len(set(self.candidates_us) - set(self.confirmed_us))

    @property
    def uptime(self) -> float | None:
        """Share of the time in which it was listened to; None if that is not known."""
        length = self.until_us - self.since_us
        return None if self.heard_us is None or length <= 0 else self.heard_us / length


def record_of(sections: Iterable[SectionBreaks], *, asset_id: str, at: datetime) -> StateRecord:
    """Breaks per section of a bridge as the store keeps them."""
    return record_of_rows(
        NAME, map(asdict, sections), asset_id=asset_id, at=at, format_version=FORMAT_VERSION
    )


def sections_of(record: StateRecord) -> tuple[SectionBreaks, ...]:
    """The sections that a state record holds.

    Raises
    ------
    ModelError
        If it was written by a later version or is damaged.
    """
    return rows_of(record, _section, format_version=FORMAT_VERSION)


def judged_reason(verdict: str, reason: str) -> str:
    """The reason of a judgement with its verdict in front, as the log keeps it.

    Raises
    ------
    ModelError
        If the verdict is neither ``confirmed`` nor ``rejected``, or the reason is missing.

    Examples
    --------
    >>> judged_reason("confirmed", "heard again beside the tendon")
    'confirmed: heard again beside the tendon'
    """
    if verdict not in VERDICTS:
        raise ModelError(f"verdict {verdict[:40]!r} is unknown; use one of {', '.join(VERDICTS)}")
    if not reason.strip():
        raise ModelError("judging needs a reason beside the verdict")
    return f"{verdict}: {reason.strip()}"


def verdict_of(stored: StoredFinding) -> Verdict | None:
    """What a person judged last of a finding; None if nobody did, or only in other words."""
    for step in reversed(stored.steps):
        if step.stage == "judged" and step.person:
            word = step.reason.partition(":")[0].strip()
            return next((verdict for verdict in VERDICTS if verdict == word), None)
    return None


def told(row: SectionBreaks, language: str) -> tuple[str, ...]:
    """What is known of a section in words: breaks with the uptime, and since when it is blind."""
    values: dict[str, float | str] = {
        "section": row.section,
        "confirmed": row.confirmed,
        "candidates": row.candidates,
        "since": _day(row.since_us),
    }
    if row.uptime is None:
        return (said(Phrase("acoustics.no_uptime", values), language),)
    values["uptime"] = 100.0 * row.uptime
    listened = said(Phrase("acoustics.section", values), language)
    if row.blind_since_us is None:
        return (listened,)
    blind = Phrase("acoustics.blind", {"since": _day(row.blind_since_us)})
    return (listened, f"{row.section}: {said(blind, language)}")


def _day(time_us: int) -> str:
    return f"{from_us(time_us):%Y-%m-%d %H:%M} UTC"


def _section(row: Mapping[str, Any]) -> SectionBreaks:
    read = {name: row[name] for name in SectionBreaks.__slots__}
    for name in ("candidates_us", "confirmed_us"):
        read[name] = tuple(map(int, read[name]))
    return SectionBreaks(**read)
