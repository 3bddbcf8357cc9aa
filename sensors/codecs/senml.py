"""SenML packs in JSON: records with base values.

References
----------
.. [1] "Sensor Measurement Lists (SenML)", RFC 8428, 2018.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import chain, pairwise

from sensors.codecs.columns import NO_SEQUENCE, Columns
from sensors.codecs.decoder import Decoder, RefusedError
from sensors.codecs.plain_json import finite_floats, flat_records
from sensors.codecs.pointers import LONGEST_KEY, numeric_leaves
from sensors.codecs.strict_json import is_number, parse
from sensors.codecs.times import LAST_US, Instant
from sensors.codecs.values import Yield
from twin.model.messages import CodecContext, Event, Limits, Message, Observation, Outcome
from twin.model.quality import Quality
from twin.model.times import from_us

NAME = re.compile(r"[A-Za-z0-9][-A-Za-z0-9:./_]*", re.ASCII)
VERSION = 10
RELATIVE_BELOW_S = 2.0**28
US_PER_S = 1_000_000
LONGEST_UNIT = 20
BASES = frozenset({"bn", "bt", "bu", "bv", "bs", "bver"})
PLAIN_BASES = frozenset({"bn", "bt", "bu", "bv"})
PLAIN_FIELDS = frozenset({"n", "u", "t", "v"})
KNOWN_NUMBERS = frozenset({"/bt", "/bv", "/bs", "/bver", "/t", "/v", "/ut"})
NOT_NUMBERS = ("vs", "vb", "vd")
POSITION_UNITS = frozenset({"lat", "lon"})


@dataclass(frozen=True, slots=True)
class _Base:
    """What the records so far have set for those that follow."""

    name: str = ""
    unit: str = ""
    time_s: float = 0.0
    value: float | None = None


@dataclass(slots=True)
class _Place:
    """Position of a device, as far as the records have told it."""

    key: str = ""
    time: datetime | None = None
    degrees: dict[str, float] | None = None


def _decode(message: Message, context: CodecContext) -> Outcome:
    document = parse(message.payload, context.limits)
    if not isinstance(document, list):
        raise RefusedError("wrong_type", "a SenML pack is an array of records")
    if len(document) > context.limits.items:
        raise RefusedError(
            "too_many_items", f"{len(document)} records, at most {context.limits.items}"
        )
    _check_version(document)
    into, base, place = Yield(), _Base(), _Place()
    for record in document:
        if not isinstance(record, dict):
            into.reject(RefusedError("wrong_type", "a record must be an object"))
            continue
        into.unassigned += sum(path not in KNOWN_NUMBERS for path, _ in numeric_leaves(record))
        base = _based(record, base)
        try:
            _read(record, base, message, place=place, into=into)
        except RefusedError as refused:
            into.reject(refused)
    return into.outcome()


def _check_version(document: Sequence[object]) -> None:
    """Refuse the whole pack if a record of it needs more than we understand."""
    records = [record for record in document if isinstance(record, dict)]
    versions = [record["bver"] for record in records if "bver" in record]
    is_known = all(type(one) is int and 0 < one <= VERSION for one in versions)
    if not is_known or any(one != versions[0] for one in versions):
        raise RefusedError("unsupported_version", f"`bver` must be one and at most {VERSION}")
    if any(name.endswith("_") for record in records for name in record):
        raise RefusedError(
            "unsupported_version", "a field that ends in _ must be understood and is not"
        )


def _based(record: Mapping[str, object], base: _Base) -> _Base:
    """The base values after this record; a wrong one spoils all records behind it."""
    if BASES.isdisjoint(record):
        return base
    value = record.get("bv", base.value)
    return _Base(
        name=_text(record, "bn", base.name),
        unit=_text(record, "bu", base.unit),
        time_s=_number(record.get("bt", base.time_s), "bt"),
        value=None if value is None else _number(value, "bv"),
    )


def _read(
    record: Mapping[str, object], base: _Base, message: Message, *, place: _Place, into: Yield
) -> None:
    into.ignored += sum(name in record for name in NOT_NUMBERS)
    if "v" not in record:
        return
    key = _key(base.name + _text(record, "n", ""))
    unit = _text(record, "u", base.unit)
    is_timed, instant = _instant(base.time_s + _number(record.get("t", 0.0), "t"), message)
    raw = record["v"]
    if raw is None:
        into.missing += 1
        return
    value = _number(raw, "v")
    value = value if base.value is None else base.value + value
    if not math.isfinite(value):
        raise RefusedError("not_finite", "`bv` + `v` is beyond the largest number")
    if unit in POSITION_UNITS:
        into.ignored += 1
        _note_position(place, key, instant.time, {unit: value}, into)
    elif not is_timed and message.retained:
        into.ignored += 1
    else:
        into.items.append(
            Observation(
                key=key,
                path="",
                phenomenon_time=instant.time,
                value=value,
                quality=instant.flags,
                unit=unit,
                is_timed=is_timed,
            )
        )


def _instant(time_s: float, message: Message) -> tuple[bool, Instant]:
    """Time of a record, and whether the message alone tells it; small ones count from now."""
    if abs(time_s) > LAST_US / US_PER_S:
        raise RefusedError("time_invalid", "time lies outside the years 1970 to 9999")
    if time_s >= RELATIVE_BELOW_S:
        return True, Instant(from_us(round(time_s * US_PER_S)))
    try:
        time = message.received_at + timedelta(seconds=time_s)
    except OverflowError:
        raise RefusedError("time_invalid", "time lies before the year 1") from None
    return False, Instant(time, Quality.TIME_SUBSTITUTED)


def _note_position(
    place: _Place, key: str, time: datetime, degrees: dict[str, float], into: Yield
) -> None:
    """Add an event once latitude and longitude of a device at a time are known."""
    if (place.key, place.time) != (key, time) or place.degrees is None:
        place.key, place.time, place.degrees = key, time, {}
    place.degrees |= degrees
    if len(place.degrees) == len(POSITION_UNITS):
        position = place.degrees["lon"], place.degrees["lat"]
        into.items.append(Event("position", key, time, {"position": position}))
        place.degrees = None


def _text(record: Mapping[str, object], name: str, default: str) -> str:
    text = record.get(name, default)
    if not isinstance(text, str):
        raise RefusedError("wrong_type", f"`{name}` must be text")
    return text[:LONGEST_UNIT] if name in ("u", "bu") else text


def _number(value: object, name: str) -> float:
    if not is_number(value):
        raise RefusedError("wrong_type", f"`{name}` must be a number")
    return float(value)  # pyrefly: ignore[bad-argument-type] - is_number saw to it


@lru_cache(maxsize=4096)
def _key(name: str) -> str:
    if not name:
        raise RefusedError("missing_field", "a record has neither `bn` nor `n`")
    if len(name) > LONGEST_KEY or not NAME.fullmatch(name):
        raise RefusedError(
            "wrong_type",
            f"a name begins with a letter or digit, holds letters, digits and -:./_ and has at "
            f"most {LONGEST_KEY} characters",
        )
    return name


class SenmlCodec(Decoder):
    """The codec with its fast path for packs of plain numbers with absolute times."""

    def __init__(self) -> None:
        super().__init__("senml", "1", _decode)

    def topic_key(self, topic: str, context: CodecContext) -> str | None:
        """Nothing: the records name their streams."""
        del topic, context
        return ""

    def decode_columns(self, payloads: Sequence[bytes], limits: Limits) -> Columns:
        """Readings of the payloads in the plain form; the others are left."""
        into = Columns()
        for row, payload in enumerate(payloads):
            records = flat_records(payload, limits, most=limits.items)
            size = len(into.message)
            if records is None or not _take_pack(records, row, into):
                into.left.append(row)
                for column in (into.message, into.time_us, into.value, into.sequence, into.key):
                    del column[size:]
        return into


def _take_pack(records: list[dict[str, object]], row: int, into: Columns) -> bool:
    """Add the readings of a pack; False if one of its records is anything but a plain number."""
    starts = [at for at, record in enumerate(records) if not BASES.isdisjoint(record)]
    base = _Base()
    for begin, end in pairwise([*dict.fromkeys([0, *starts]), len(records)]):
        stretch = records[begin:end]
        first = stretch[0]
        if not BASES.isdisjoint(first):
            if not PLAIN_BASES.issuperset(BASES.intersection(first)):
                return False
            try:
                base = _based(first, base)
            except RefusedError:
                return False
            plain = {name: one for name, one in first.items() if name not in BASES}
            if not plain:
                stretch = stretch[1:]
            else:
                stretch[0] = plain
        if stretch and not _take_stretch(stretch, base, row, into):
            return False
    return True


def _take_stretch(records: list[dict[str, object]], base: _Base, row: int, into: Columns) -> bool:
    """Add records that share their base values."""
    if not PLAIN_FIELDS.issuperset(chain.from_iterable(records)):
        return False
    values = finite_floats([record.get("v") for record in records])
    times = finite_floats([record.get("t", 0) for record in records])
    keys = [(record.get("n", ""), record.get("u", base.unit)) for record in records]
    if values is None or times is None:
        return False
    resolved: dict[tuple[object, object], tuple[str, str]] = {}
    try:
        for one in set(keys):
            resolved[one] = _resolved(*one, base.name)
    except RefusedError:
        return False
    times_s = [base.time_s + time for time in times]
    if min(times_s) < RELATIVE_BELOW_S or max(times_s) > LAST_US / US_PER_S:
        return False
    if base.value is not None:
        shift = base.value
        values = [shift + value for value in values]
    if not all(map(math.isfinite, values)):
        return False
    into.message.extend([row] * len(records))
    into.time_us.extend([round(time_s * US_PER_S) for time_s in times_s])
    into.value.extend(values)
    into.sequence.extend([NO_SEQUENCE] * len(records))
    into.key.extend([resolved[one] for one in keys])
    return True


def _resolved(name: object, unit: object, base_name: str) -> tuple[str, str]:
    if not isinstance(name, str) or not isinstance(unit, str) or unit in POSITION_UNITS:
        raise RefusedError("wrong_type", "not the plain form")
    return _key(base_name + name), unit[:LONGEST_UNIT]


codec = SenmlCodec()
