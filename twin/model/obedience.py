"""Whether restrictions in force are kept, and whether they worked, as a state of a bridge."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from twin.model.bridge import Restriction
from twin.model.findings import Phrase
from twin.model.monitoring import StateRecord
from twin.model.phrases import phrase_of, said
from twin.model.state_rows import record_of_rows, rows_of
from twin.model.times import from_us

NAME = "obedience"
FORMAT_VERSION = 1
CANNOT_BE_TOLD = "cannot_be_told"


@dataclass(frozen=True, slots=True)
class RestrictionObedience:
    """How one restriction is kept; what could not be computed is None, and the phrases say why.

    Parameters
    ----------
    part
        Number of the part structure; empty for the whole.
    kind, value, unit
        As `twin.model.bridge.Restriction` has them.
    verdict
        ``kept``, ``not_kept``, ``cannot_be_told`` or ``not_enough_data``.
    share, low, high
        Share of vehicles that break it, corrected for errors of measuring, and its interval [-].
    vehicles, measured_above
        Vehicles measured, and those whose measured value breaks it.
    first_us, until_us
        From when until when they were measured [us since 1970-01-01 UTC].
    effect_verdict
        ``worked``, ``grew``, ``cannot_be_told`` or ``not_enough_data``.
    effect, effect_low, effect_high
        Violations after over before, and the interval [-]; the upper end None if it has none.
    days_before, days_after
        Days of like kind that were compared.
    phrases, remarks
        What is told, and what it takes for granted.
    """

    part: str
    kind: str
    value: float | None
    unit: str
    verdict: str
    phrases: tuple[Phrase, ...]
    share: float | None = None
    low: float | None = None
    high: float | None = None
    vehicles: int = 0
    measured_above: int = 0
    first_us: int = 0
    until_us: int = 0
    effect_verdict: str = "not_enough_data"
    effect: float | None = None
    effect_low: float | None = None
    effect_high: float | None = None
    days_before: int = 0
    days_after: int = 0
    remarks: tuple[Phrase, ...] = ()

    def document(self) -> dict[str, object]:
        """Plain JSON values, sentences in both languages."""
        plain = asdict(self)
        for name in ("first_us", "until_us"):
            at = int(plain.pop(name))
            plain[name.removesuffix("_us")] = from_us(at).isoformat() if at else None
        for name in ("phrases", "remarks"):
            plain[name] = [
                {"key": one.key, "de": said(one, "de"), "en": said(one, "en")}
                for one in getattr(self, name)
            ]
        return plain


def unlooked(part: str, restriction: Restriction) -> RestrictionObedience:
    """A restriction that no analysis has looked at."""
    reason = (Phrase("obedience.no_look"),)
    kind, value, unit = restriction.kind, restriction.value, restriction.unit
    return RestrictionObedience(
        part, kind, value, unit, CANNOT_BE_TOLD, reason, effect_verdict=CANNOT_BE_TOLD
    )


def record_of(found: Iterable[RestrictionObedience], *, asset_id: str, at: datetime) -> StateRecord:
    """Obedience of a bridge as the store keeps it."""
    return record_of_rows(
        NAME, map(asdict, found), asset_id=asset_id, at=at, format_version=FORMAT_VERSION
    )


def obedience_of(record: StateRecord) -> tuple[RestrictionObedience, ...]:
    """The restrictions that a state record holds.

    Raises
    ------
    ModelError
        If it was written by a later version or is damaged.
    """
    return rows_of(record, _row, format_version=FORMAT_VERSION)


def _row(row: Mapping[str, Any]) -> RestrictionObedience:
    values = dict(row)
    for name in ("phrases", "remarks"):
        values[name] = tuple(map(phrase_of, values[name]))
    return RestrictionObedience(**values)
