"""Quality of a reading: a bit mask, and the class that the map shows."""

from collections.abc import Iterable
from enum import IntEnum, IntFlag

from twin.errors import ModelError
from twin.model.tables import rows


class Quality(IntFlag):
    """Bits of the quality mask; the table ``quality_flags.csv`` explains each one."""

    GOOD = 0
    BAD_AT_SOURCE = 1 << 0
    EDITED_AT_SOURCE = 1 << 1
    SUSPECT = 1 << 2
    TIME_SUBSTITUTED = 1 << 3
    AMBIGUOUS_TIME = 1 << 4
    LATE = 1 << 5
    OUT_OF_RANGE = 1 << 6
    SIMULATED = 1 << 7
    BACK_FILLED = 1 << 8
    CORRECTED = 1 << 9
    POSSIBLE_REPEAT = 1 << 10
    STUCK = 1 << 11
    SPIKE = 1 << 12
    DROPOUT = 1 << 13
    SATURATED = 1 << 14  # the last bit that a smallint holds


class QualityClass(IntEnum):
    """What a person needs to know about a value at a glance; the codes of channel ``.q``."""

    GOOD = 0
    SUSPECT = 1
    STALE = 2
    NEVER_REPORTED = 3
    ESTIMATED = 4
    SIMULATED = 5
    DISABLED = 6
    OUT_OF_MODEL_RANGE = 7


FAULT_MASK = Quality.STUCK | Quality.SPIKE | Quality.DROPOUT | Quality.SATURATED
SUSPECT_MASK = (
    Quality.BAD_AT_SOURCE
    | Quality.SUSPECT
    | Quality.OUT_OF_RANGE
    | Quality.POSSIBLE_REPEAT
    | FAULT_MASK
)
STALE_AFTER_CADENCES = 3.0


def from_keys(keys: Iterable[str]) -> Quality:
    """Mask from flag names as they occur in messages.

    Raises
    ------
    ModelError
        If a name is not in the table.

    Examples
    --------
    >>> from_keys(["suspect"])
    <Quality.SUSPECT: 4>
    """
    bits = {row["key"]: int(row["bit"]) for row in rows("quality_flags")}
    mask = Quality.GOOD
    for key in keys:
        if key not in bits:
            raise ModelError(f"quality flag {key!r} is unknown; use one of {', '.join(bits)}")
        mask |= Quality(1 << bits[key])
    return mask


def keys(mask: int) -> tuple[str, ...]:
    """Names of the bits that are set.

    Examples
    --------
    >>> keys(Quality.LATE | Quality.SIMULATED)
    ('late', 'simulated')
    """
    return tuple(row["key"] for row in rows("quality_flags") if mask >> int(row["bit"]) & 1)


def quality_class(mask: int, *, age_s: float | None, cadence_s: float | None) -> QualityClass:
    """Class of a value from its mask, its age and the expected interval of its datastream.

    A value is stale when it is older than three expected intervals; an event-driven stream
    (``cadence_s`` None) never turns stale. ``age_s`` None means that nothing ever came.

    Examples
    --------
    >>> quality_class(0, age_s=50.0, cadence_s=15.0)
    <QualityClass.STALE: 2>
    """
    if age_s is None:
        return QualityClass.NEVER_REPORTED
    if cadence_s is not None and age_s > STALE_AFTER_CADENCES * cadence_s:
        return QualityClass.STALE
    if mask & SUSPECT_MASK:
        return QualityClass.SUSPECT
    if mask & Quality.SIMULATED:
        return QualityClass.SIMULATED
    return QualityClass.GOOD
