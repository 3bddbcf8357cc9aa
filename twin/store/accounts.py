"""What a batch adds to the quarantine and to the balance: pure, the same for every store."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from twin.model.messages import Rejection
from twin.model.observations import Readings, Tally, Waveform
from twin.model.times import EPOCH, from_us, to_us
from twin.store.text import cleaned

HEAD_BYTES = 4096
LARGEST_KEPT_PAYLOAD_BYTES = 256 * 1024
SMALLEST_INTEGER, LARGEST_INTEGER = -(2**31), 2**31 - 1
EARLIEST_US = to_us(EPOCH.replace(year=1))
LATEST_US = to_us(EPOCH.replace(year=9999))
MINUTE_US = 60_000_000
YEAR_2000_US = to_us(EPOCH.replace(year=2000))

STATES = ("open", "replayed", "discarded", "failed again")


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """One row of the quarantine as a batch adds it; every value fits its column.

    ``payload`` is None above 256 KiB: then only ``head`` is kept.
    """

    fingerprint: bytes
    seen_at: datetime
    seen: int
    source: str
    topic: bytes
    reason: str
    detail: str
    codec: str
    payload_sha256: bytes
    size_bytes: int
    head: bytes
    payload: bytes | None
    number: int | None
    time: datetime | None
    value: float | None
    stored_value: float | None


@dataclass(frozen=True, slots=True)
class Dirty:
    """Distinct (datastream, minute) pairs in which a batch stored or corrected something.

    Parameters
    ----------
    number : (n,)
        Datastream numbers.
    grain : (n,)
        Minutes since 2000-01-01 UTC.
    """

    number: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    grain: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))


@dataclass(frozen=True, slots=True)
class BalanceChange:
    """What a batch adds to the balance of one source."""

    received: int
    stored: int
    duplicate: int
    quarantined: int
    declared_lost: int
    ignored: int
    missing: int
    unassigned: int


def quarantine_rows(rejections: Iterable[Rejection], *, at: datetime) -> list[QuarantineRow]:
    """Rejections with equal ones folded into one row, in the order of their fingerprints."""
    rows: dict[bytes, QuarantineRow] = {}
    for rejection in rejections:
        row = _quarantine_row(rejection, at)
        known = rows.get(row.fingerprint)
        rows[row.fingerprint] = (
            row
            if known is None
            else replace(known, seen=known.seen + 1, seen_at=max(known.seen_at, row.seen_at))
        )
    return [rows[fingerprint] for fingerprint in sorted(rows)]


def balance_changes(
    tallies: Mapping[str, Tally],
    *,
    stored: Counter[str],
    duplicates: Counter[str],
    rejections: Iterable[Rejection],
    declared_lost: Mapping[str, int] = MappingProxyType({}),
) -> dict[str, BalanceChange]:
    """Change per source, in the order of the names; sources without any change are left out.

    What was declared lost had been taken over: it counts as received, too.
    """
    quarantined = Counter(cleaned(rejection.source) for rejection in rejections)
    counted = {cleaned(source): tally for source, tally in tallies.items()}
    lost: Counter[str] = Counter()
    for source, count in declared_lost.items():
        lost[cleaned(source)] += count
    changes = {}
    for name in sorted({*counted, *stored, *duplicates, *quarantined, *lost}):
        tally = counted.get(name, Tally())
        changes[name] = BalanceChange(
            received=tally.received + lost[name],
            stored=stored[name],
            duplicate=duplicates[name],
            quarantined=quarantined[name],
            declared_lost=lost[name],
            ignored=tally.ignored,
            missing=tally.missing,
            unassigned=tally.unassigned,
        )
    return changes


def dirty_minutes(readings: Readings, waveforms: Sequence[Waveform] = ()) -> Dirty:
    """The minutes that these rows lie in; of a waveform every minute that it touches.

    Parameters
    ----------
    readings
        In any order; quickest if ordered by number and time.
    waveforms
        Blocks of any datastreams.

    Examples
    --------
    >>> block = Waveform(7, YEAR_2000_US, 1.0, np.zeros(61, np.float32))
    >>> dirty_minutes(Readings(*(np.empty(0, "i8"),) * 4), [block]).grain.tolist()
    [0, 1]
    """
    grain = ((readings.time_us - YEAR_2000_US) // MINUTE_US).astype(np.int32)
    is_first = np.ones(len(grain), np.bool_)
    is_first[1:] = (grain[1:] != grain[:-1]) | (readings.number[1:] != readings.number[:-1])
    numbers, grains = [readings.number[is_first]], [grain[is_first]]
    for block in waveforms:
        first = (block.t0_us - YEAR_2000_US) // MINUTE_US
        last = (block.end_us - YEAR_2000_US) // MINUTE_US
        grains.append(np.arange(first, last + 1, dtype=np.int32))
        numbers.append(np.full(last + 1 - first, block.number, np.int32))
    return _distinct(np.concatenate(numbers, dtype=np.int32), np.concatenate(grains))


def _distinct(number: NDArray[np.int32], grain: NDArray[np.int32]) -> Dirty:
    pairs = (number.astype(np.int64) << 32) | grain.astype(np.uint32)
    if (pairs[1:] <= pairs[:-1]).any():
        pairs = np.unique(pairs)
    return Dirty((pairs >> 32).astype(np.int32), pairs.astype(np.int32))


def _quarantine_row(rejection: Rejection, at: datetime) -> QuarantineRow:
    source = cleaned(rejection.source)
    reason = cleaned(rejection.reason)
    topic = cleaned(rejection.topic).encode()
    payload = rejection.payload
    reading = _reading_in_question(rejection)
    number, time_us, value = reading
    is_kept = not rejection.is_private and len(payload) <= LARGEST_KEPT_PAYLOAD_BYTES
    return QuarantineRow(
        fingerprint=hashlib.sha256(
            b"\0".join((source.encode(), topic, reason.encode(), repr(reading).encode(), payload))
        ).digest(),
        seen_at=rejection.received_at or at,
        seen=1,
        source=source,
        topic=topic,
        reason=reason,
        detail=cleaned(rejection.detail),
        codec=cleaned(rejection.codec),
        payload_sha256=hashlib.sha256(payload).digest(),
        size_bytes=len(payload),
        head=b"" if rejection.is_private else payload[:HEAD_BYTES],
        payload=payload if is_kept else None,
        number=number,
        time=None if time_us is None else from_us(time_us),
        value=value,
        stored_value=rejection.stored_value,
    )


def _reading_in_question(rejection: Rejection) -> tuple[int | None, int | None, float | None]:
    number, time_us, value = rejection.datastream_number, rejection.time_us, rejection.value
    if number is not None and not SMALLEST_INTEGER <= number <= LARGEST_INTEGER:
        number = None
    if time_us is not None and not EARLIEST_US <= time_us <= LATEST_US:
        time_us = None
    if value is not None and math.isnan(value):
        value = math.nan
    return number, time_us, value
