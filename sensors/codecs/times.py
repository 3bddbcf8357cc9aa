"""Times as messages carry them: ISO 8601 or epoch numbers, with or without a zone."""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sensors.clocks import time_hint
from sensors.codecs.decoder import RefusedError
from sensors.codecs.strict_json import is_number
from twin.model.messages import TimeRule
from twin.model.quality import Quality
from twin.model.times import from_us, to_us

LONGEST_TEXT = 40
EPOCH_START = datetime(1970, 1, 1)  # noqa: DTZ001 - a local time on purpose
PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
UNITS = ("iso", *PER_SECOND)
ISO = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}.*", re.ASCII)
MIDNIGHT_AT_END = re.compile(r"([T ])24:00(:00(?:[.,]0+)?)?(?=$|Z|[+-])")
LAST_US = 253_402_300_799_000_000


@dataclass(frozen=True, slots=True)
class Instant:
    """An aware UTC time with the quality flags that reading it raised."""

    time: datetime
    flags: int = 0


def read_time(raw: object, rule: TimeRule, *, received_at: datetime) -> Instant:
    """Instant of a raw time value.

    Parameters
    ----------
    received_at
        Decides between the two candidates of an ambiguous local time.

    Raises
    ------
    RefusedError
        If it cannot be read, or lies in an hour that does not exist.
    """
    if rule.unit != "iso":
        return Instant(_from_epoch(raw, rule.unit, received_at))
    if not isinstance(raw, str):
        raise RefusedError(
            "time_invalid", "time is no text; expected ISO 8601, or declare its unit"
        )
    local = _from_iso(raw)
    if local.tzinfo is not None:
        return Instant(_to_utc(local))
    if rule.zone is None:
        raise RefusedError(
            "time_invalid", "local time without a zone; declare `zone` in the mapping"
        )
    return _nearest(local, rule.zone, received_at)


def received_instant(received_at: datetime) -> Instant:
    """Time of arrival in place of a time that the message does not carry."""
    return Instant(received_at, Quality.TIME_SUBSTITUTED)


def local_candidates(local: datetime, zone: str) -> tuple[datetime, ...]:
    """UTC times that a local time may mean: none, one, or two in the autumn hour.

    Raises
    ------
    RefusedError
        If this machine does not know the zone.
    """
    place = _zone(zone)
    found: list[datetime] = []
    for fold in (0, 1):
        candidate = _to_utc(local.replace(tzinfo=place, fold=fold))
        exists = candidate.astimezone(place).replace(tzinfo=None) == local.replace(fold=0)
        if exists and candidate not in found:
            found.append(candidate)
    return tuple(sorted(found))


def _from_epoch(raw: object, unit: str, received_at: datetime) -> datetime:
    if not is_number(raw):
        raise RefusedError("time_invalid", f"time is no number; the mapping declares epoch {unit}")
    per_second = PER_SECOND[unit]
    if isinstance(raw, int):
        time_us = raw * 1_000_000 // per_second
    else:
        scaled = float(raw) * (1_000_000 / per_second)  # pyrefly: ignore[bad-argument-type] - is_number
        time_us = round(scaled) if math.isfinite(scaled) else LAST_US + 1
    if not 0 <= time_us <= LAST_US:
        hint = time_hint(time_us, received_us=to_us(received_at))
        raise RefusedError(
            "time_invalid", f"epoch time is no year 1970 to 9999 in {unit}; check unit{hint}"
        )
    return from_us(time_us)


def _from_iso(text: str) -> datetime:
    if len(text) > LONGEST_TEXT or not ISO.fullmatch(text):
        raise RefusedError("time_invalid", "time is not ISO 8601 such as 2026-06-15T08:00:00Z")
    ends_at_midnight = 0
    if "24:00" in text:
        text, ends_at_midnight = MIDNIGHT_AT_END.subn(r"\g<1>00:00\g<2>", text)
    try:
        return datetime.fromisoformat(text) + timedelta(days=ends_at_midnight)
    except (ValueError, OverflowError):
        raise RefusedError(
            "time_invalid", "time names a date or hour that does not exist"
        ) from None


def _to_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise RefusedError("time_invalid", "time lies outside the years 1 to 9999") from None


def _nearest(local: datetime, zone: str, received_at: datetime) -> Instant:
    candidates = local_candidates(local, zone)
    if not candidates:
        raise RefusedError(
            "nonexistent_local_time",
            f"local time does not exist in {zone} (spring hour): its clock was not put forward",
        )
    if len(candidates) == 1:
        return Instant(candidates[0])
    nearest = min(candidates, key=lambda time: abs(time - received_at))
    return Instant(nearest, Quality.AMBIGUOUS_TIME)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise RefusedError(
            "time_invalid",
            f"time zone {name!r} is unknown; use a name such as Europe/Berlin",
        ) from None
