"""Payload and metrics of Sparkplug B: bytes to values, without any memory of births."""

from dataclasses import dataclass, field
from typing import NamedTuple

from sensors.codecs import protobuf
from sensors.codecs.decoder import RefusedError

INTEGERS = {1: 8, 2: 16, 3: 32, 4: 64}  # data type: bits of a signed number
UNSIGNED = {5: 8, 6: 16, 7: 32, 8: 64}
FLOAT, DOUBLE, BOOLEAN = 9, 10, 11
NUMERIC = frozenset({*INTEGERS, *UNSIGNED, FLOAT, DOUBLE, BOOLEAN})
GOOD_QUALITY = 192
INT, LONG = 10, 11
TYPE_OF_FIELD = {12: FLOAT, 13: DOUBLE, 14: BOOLEAN, 15: 12, 16: 17, 17: 16, 18: 19}


@dataclass(slots=True)
class Metric:
    """One metric as it stands in the payload; None where it says nothing."""

    name: str | None = None
    alias: int | None = None
    timestamp_ms: int | None = None
    datatype: int | None = None
    is_historical: bool = False
    is_null: bool = False
    is_bad: bool = False
    value: protobuf.Field | None = None


@dataclass(slots=True)
class Payload:
    """A payload; metrics that cannot be read stand among the refusals."""

    timestamp_ms: int | None = None
    seq: int | None = None
    metrics: list[Metric] = field(default_factory=list)
    refused: list[RefusedError] = field(default_factory=list)


class Kind(NamedTuple):
    """Name and data type of a metric after its birth."""

    name: str
    datatype: int | None


def read_payload(content: bytes, *, most_items: int) -> Payload:
    """Payload of a message [1]_.

    Raises
    ------
    RefusedError
        If the outer message is no protocol buffer or has too many metrics.

    References
    ----------
    .. [1] Eclipse Sparkplug Specification 3.0.0, chapter 6 (payloads, ``sparkplug_b.proto``).
    """
    found = Payload()
    for one in protobuf.fields(content):
        if one.number == 1:
            found.timestamp_ms = protobuf.integer(one)
        elif one.number == 2:  # noqa: PLR2004 - field numbers of the standard
            if len(found.metrics) + len(found.refused) >= most_items:
                raise RefusedError("too_many_items", f"more than {most_items} metrics; send less")
            try:
                found.metrics.append(_metric(protobuf.message(one)))
            except RefusedError as refused:
                found.refused.append(refused)
        elif one.number == 3:  # noqa: PLR2004 - field numbers of the standard
            found.seq = protobuf.integer(one)
    return found


def value_of(metric: Metric, datatype: int | None) -> float | None:
    """Number of a metric; None if its type is no number (text, data set, file).

    Int8, Int16 and Int32 are two's complement in an unsigned number of 32 bits, Int64 in one of 64.

    Raises
    ------
    RefusedError
        If the type is unknown, or the value does not fit it.
    """
    given = metric.value
    if given is None:
        raise RefusedError("missing_field", "a metric has no value and is not marked as null")
    datatype = TYPE_OF_FIELD.get(given.number) if datatype is None else datatype
    if datatype is None:
        raise RefusedError(
            "metadata_missing", "a whole number without data type; wait for the birth of its metric"
        )
    if datatype not in NUMERIC:
        return None
    if given.number in (INT, LONG):
        return _whole(protobuf.integer(given), datatype)
    if given.number == 12:  # noqa: PLR2004 - field numbers of the standard
        return protobuf.float_32(given)
    if given.number == 13:  # noqa: PLR2004 - field numbers of the standard
        return protobuf.float_64(given)
    if given.number == 14:  # noqa: PLR2004 - field numbers of the standard
        return float(protobuf.integer(given) != 0)
    raise RefusedError("wrong_type", f"a metric of data type {datatype} carries no number")


def whole_number(metric: Metric) -> int | None:
    """Value as it stands in an integer field; types differ in practice, the number counts."""
    given = metric.value
    is_whole = given is not None and given.number in (INT, LONG)
    return given.value if given and is_whole and isinstance(given.value, int) else None


def _whole(raw: int, datatype: int) -> float:
    if datatype == BOOLEAN:
        return float(raw != 0)
    if datatype not in INTEGERS:
        return float(raw)
    bits = INTEGERS[datatype]
    width = 64 if bits == 64 else 32  # noqa: PLR2004 - Int64 has a field of its own
    raw &= 2**width - 1
    high = raw >> (bits - 1)
    is_negative = high == (1 << (width - bits + 1)) - 1
    if not is_negative and raw >> bits:
        raise RefusedError("wrong_type", f"a value does not fit into {bits} bits; check its type")
    return float(raw - (1 << width) if is_negative else raw - ((high & 1) << bits))


def _metric(content: bytes) -> Metric:
    found = Metric()
    for one in protobuf.fields(content):
        match one.number:
            case 1:
                found.name = protobuf.text(one)
            case 2:
                found.alias = protobuf.integer(one)
            case 3:
                found.timestamp_ms = protobuf.integer(one)
            case 4:
                found.datatype = protobuf.integer(one)
            case 5:
                found.is_historical = protobuf.integer(one) != 0
            case 7:
                found.is_null = protobuf.integer(one) != 0
            case 9:
                found.is_bad = _is_bad(protobuf.message(one))
            case number if INT <= number <= 18:  # noqa: PLR2004 - field numbers of the standard
                found.value = one
            case _:
                pass
    return found


def _is_bad(properties: bytes) -> bool:
    """Whether the property ``Quality`` is there and is not "good" (192)."""
    names: list[str] = []
    values: list[bytes] = []
    for one in protobuf.fields(properties):
        if one.number == 1:
            names.append(protobuf.text(one))
        elif one.number == 2:  # noqa: PLR2004 - field numbers of the standard
            values.append(protobuf.message(one))
    for name, value in zip(names, values, strict=False):
        if name == "Quality":
            codes = [one.value for one in protobuf.fields(value) if one.number in (3, 4)]
            return bool(codes) and codes[-1] != GOOD_QUALITY
    return False
