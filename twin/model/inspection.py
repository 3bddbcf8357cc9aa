"""What inspectors found: inspections with grades, damages, recommendations, cycles, due dates.

Grades are imported with their source and never computed.
"""

from calendar import isleap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from types import MappingProxyType

from twin.model.tables import rows

MAIN = frozenset({"1", "2", "3"})
"""Kinds of inspection that are a main inspection: H1, H2 and H."""
MAIN_KIND, SIMPLE_KIND, FINISHED, REMOVED = "3", "4", "5", "4"
_FEBRUARY, _LEAP_DAY = 2, 29


@dataclass(frozen=True, slots=True)
class GroupCondition:
    """Condition of one component group; ``group`` is a key of ``component_group``."""

    group: str
    grade: float | None = None
    substance: float | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """Condition that an inspection stated.

    Parameters
    ----------
    grade
        Zustandsnote 1.0 to 4.0 as published; None where only a band or words were.
    band
        Key of ``grade_bands.csv`` as published; never derived from the grade.
    substance
        Substanzkennzahl.
    max_s, max_v, max_d
        Highest rating of stability, traffic safety and durability, 0 to 4.
    driver
        Damage or component that decides on the grade, in words.
    """

    grade: float | None = None
    band: str = ""
    substance: float | None = None
    max_s: int | None = None
    max_v: int | None = None
    max_d: int | None = None
    driver: str = ""
    groups: tuple[GroupCondition, ...] = ()


@dataclass(frozen=True, slots=True)
class Inspection:
    """An inspection (PruefungUeberwachung); ``kind`` and ``status`` are ASB keys.

    One of unknown kind, such as a grade that was published with its year, counts for no due date.
    """

    kind: str = ""
    year: int | None = None
    begin: date | None = None
    end: date | None = None
    office: str = ""
    status: str = ""
    condition: Condition | None = None

    @property
    def is_done(self) -> bool:
        """Whether it took place: finished, or of unknown status with its date or year."""
        return self.status == FINISHED or (not self.status and self.stated_year is not None)

    @property
    def day(self) -> date | None:
        """Day that the next due date counts from: the end, or else the begin."""
        return self.end or self.begin

    @property
    def stated_year(self) -> int | None:
        """Year of the day, or the year that the source gives."""
        return self.year if self.day is None else self.day.year

    def is_ahead_of(self, day: date) -> bool:
        """Whether it is said to be done and lies after a day: then it did not happen yet.

        Examples
        --------
        >>> Inspection("3", end=date(2031, 5, 4), status="5").is_ahead_of(date(2026, 11, 23))
        True
        """
        if not self.is_done:
            return False
        if self.day is not None:
            return self.day > day
        return (self.year or 0) > day.year


@dataclass(frozen=True, slots=True)
class Damage:
    """A damage (Schaden) with its ratings s, v, d from 0 to 4."""

    number: str
    kind: str = ""
    group: str = ""
    s: int | None = None
    v: int | None = None
    d: int | None = None
    quantity: str = ""
    crack_kind: str = ""
    crack_width_mm: float | None = None
    cause: str = ""
    example: str = ""
    place: str = ""
    component: str = ""
    status: str = ""
    for_simple_inspection: bool | None = None
    found_on: date | None = None
    year: int | None = None
    photos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A recommended measure (Massnahmeempfehlung); ``urgency`` is an ASB key."""

    number: str
    kind: str = ""
    urgency: str = ""
    quantity: str = ""
    cost_eur: float | None = None
    duration: str = ""
    due_on: date | None = None
    done_on: date | None = None


@dataclass(frozen=True, slots=True)
class InspectionCycle:
    """Another cycle than DIN 1076 gives (AbweichenderPruefzyklus) for one kind of inspection."""

    kind: str
    months: int


@dataclass(frozen=True, slots=True)
class GradeBand:
    """Grades that have one name; limits included."""

    key: str
    lower: float
    upper: float
    english: str
    german: str


@dataclass(frozen=True, slots=True)
class DueInspection:
    """When an inspection is due, and why.

    Parameters
    ----------
    kind
        Key of ``inspection_kind``.
    due
        The day, or None: then ``year`` may be known, or nothing was recorded to count from.
    year
        Year in which it is due.
    months
        Interval that was applied.
    is_deviating
        Whether the interval is one that the owner set for this structure.
    counted_from
        The inspection before it; None if none is recorded.
    is_verified
        Whether the interval was checked against the standard.
    """

    kind: str
    due: date | None
    year: int | None
    months: int
    is_deviating: bool
    counted_from: Inspection | None
    is_verified: bool
    source: str

    def is_overdue(self, day: date) -> bool | None:
        """Whether it should have taken place; None if that cannot be told."""
        if self.due is not None:
            return self.due < day
        if self.year is None or self.year == day.year:
            return None
        return self.year < day.year


@cache
def grade_bands() -> Mapping[str, GradeBand]:
    """Names of the grades, best first.

    Examples
    --------
    >>> grade_bands()["not_sufficient"].lower
    3.0
    """
    return MappingProxyType(
        {
            row["key"]: GradeBand(
                row["key"], float(row["lower"]), float(row["upper"]), row["english"], row["german"]
            )
            for row in rows("grade_bands")
        }
    )


def band_of(grade: float) -> GradeBand | None:
    """The name of a published grade, or None outside 1.0 to 4.0.

    Examples
    --------
    >>> band_of(3.0).german, band_of(4.7)
    ('nicht ausreichend', None)
    """
    rounded = round(grade, 1)
    found = [band for band in grade_bands().values() if band.lower <= rounded <= band.upper]
    return found[0] if found else None


def months_later(day: date, months: int) -> date:
    """Same calendar day some months later; a day that the month does not have becomes its last.

    Examples
    --------
    >>> months_later(date(2024, 2, 29), 36), months_later(date(2024, 8, 31), 6)
    (datetime.date(2027, 2, 28), datetime.date(2025, 2, 28))
    """
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, _days_of_month(year, month)))


def due_inspections(
    inspections: Iterable[Inspection], cycles: Iterable[InspectionCycle] = (), *, stage: str = ""
) -> Sequence[DueInspection]:
    """When the inspections of DIN 1076 are due next [1]_; a cycle of the owner wins.

    A main inspection counts as simple inspection, visual check and observation, a simple one as
    the latter two. After a main inspection one simple inspection is due; after that the next main
    one. A structure that was removed (``stage`` 4) has none.

    References
    ----------
    .. [1] DIN 1076:1999-11, clauses 5 and 6; intervals in ``inspection_intervals.csv``.

    Examples
    --------
    >>> done = [Inspection("3", end=date(2024, 4, 17), status="5")]
    >>> [(due.kind, str(due.due)) for due in due_inspections(done)]
    [('3', '2030-04-17'), ('4', '2027-04-17'), ('8', '2025-04-17'), ('9', '2024-10-17')]
    """
    if stage == REMOVED:
        return ()
    done = [inspection for inspection in inspections if inspection.is_done]
    own = {cycle.kind: cycle.months for cycle in cycles}
    found: list[DueInspection] = []
    for row in rows("inspection_intervals"):
        kind = row["kind"]
        before = _newest(done, kind)
        is_deviating = kind in own
        if kind == SIMPLE_KIND and not is_deviating and before is not None:
            before = _newest(done, MAIN_KIND)
            if before is not None and _was_simple_since(done, before):
                continue
        months = own.get(kind, int(row["months"]))
        found.append(
            DueInspection(
                kind=kind,
                due=None
                if before is None or before.day is None
                else months_later(before.day, months),
                year=_due_year(before, months),
                months=months,
                is_deviating=is_deviating,
                counted_from=before,
                is_verified=is_deviating or row["verified"] == "yes",
                source="cycle of the owner" if is_deviating else row["source"],
            )
        )
    return tuple(found)


_COUNTS_AS: Mapping[str, frozenset[str]] = {
    MAIN_KIND: MAIN,
    SIMPLE_KIND: MAIN | {SIMPLE_KIND},
    "8": MAIN | {SIMPLE_KIND, "8"},
    "9": MAIN | {SIMPLE_KIND, "8", "9"},
}


def _newest(done: Iterable[Inspection], kind: str) -> Inspection | None:
    """The last inspection that counts as one of this kind."""
    fitting = [item for item in done if item.kind in _COUNTS_AS[kind] and item.stated_year]
    return max(fitting, key=_when, default=None)


def _when(inspection: Inspection) -> tuple[int, date]:
    year = inspection.stated_year or 0
    return year, inspection.day or date(max(year, 1), 1, 1)


def _was_simple_since(done: Iterable[Inspection], main: Inspection) -> bool:
    return any(item.kind == SIMPLE_KIND and _when(item) > _when(main) for item in done)


def _due_year(before: Inspection | None, months: int) -> int | None:
    if before is None or before.stated_year is None:
        return None
    if before.day is not None:
        return months_later(before.day, months).year
    return before.stated_year + months // 12 if months % 12 == 0 else None


def _days_of_month(year: int, month: int) -> int:
    if month == _FEBRUARY:
        return _LEAP_DAY if isleap(year) else _LEAP_DAY - 1
    return 30 if month in (4, 6, 9, 11) else 31
