"""What a batch adds to the quarantine and to the balance: pure, the same for every store."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from twin.model.messages import Rejection
from twin.model.observations import Tally
from twin.model.times import EPOCH, from_us, to_us
from twin.store.text import cleaned

HEAD_BYTES = 4096
LARGEST_KEPT_PAYLOAD_BYTES = 256 * 1024
SMALLEST_INTEGER, LARGEST_INTEGER = -(2**31), 2**31 - 1
EARLIEST_US = to_us(EPOCH.replace(year=1))
LATEST_US = to_us(EPOCH.replace(year=9999))

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


@dataclass(frozen=True, slots=True)
class BalanceChange:
    """What a batch adds to the balance of one source."""

    received: int
    stored: int
    duplicate: int
    quarantined: int
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
) -> dict[str, BalanceChange]:
    """Change per source, in the order of the names; sources without any change are left out."""
    quarantined = Counter(cleaned(rejection.source) for rejection in rejections)
    counted: dict[str, Tally] = {}
    for source, tally in tallies.items():
        counted[cleaned(source)] = tally
    names = sorted({*counted, *stored, *duplicates, *quarantined})
    return {name: _change(name, counted, stored, duplicates, quarantined) for name in names}


def _change(
    source: str,
    tallies: Mapping[str, Tally],
    stored: Counter[str],
    duplicates: Counter[str],
    quarantined: Counter[str],
) -> BalanceChange:
    tally = tallies.get(source, Tally())
    return BalanceChange(
        received=tally.received,
        stored=stored[source],
        duplicate=duplicates[source],
        quarantined=quarantined[source],
        ignored=tally.ignored,
        missing=tally.missing,
        unassigned=tally.unassigned,
    )


def _quarantine_row(rejection: Rejection, at: datetime) -> QuarantineRow:
    source = cleaned(rejection.source)
    reason = cleaned(rejection.reason)
    topic = cleaned(rejection.topic).encode()
    payload = rejection.payload
    reading = _reading_in_question(rejection)
    number, time_us, value = reading
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
        head=payload[:HEAD_BYTES],
        payload=payload if len(payload) <= LARGEST_KEPT_PAYLOAD_BYTES else None,
        number=number,
        time=None if time_us is None else from_us(time_us),
        value=value,
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
