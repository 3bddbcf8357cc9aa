"""From raw values to observations: sentinels, types, scale, unit."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sensors.codecs.decoder import RefusedError
from sensors.codecs.pointers import ABSENT, find, numeric_leaves
from sensors.codecs.strict_json import is_number
from sensors.codecs.times import Instant
from twin.errors import TwinError
from twin.model.messages import (
    Item,
    Limits,
    Observation,
    Outcome,
    QualityRule,
    Rejection,
    ValueRule,
)
from twin.model.quality import Quality
from twin.model.quantities import conversion, quantity

DECIMAL = re.compile(r"[+-]?\d{1,30}(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?", re.ASCII)


@dataclass(slots=True)
class Yield:
    """What a message has yielded so far; `outcome` freezes it."""

    items: list[Item] = field(default_factory=list)
    missing: int = 0
    ignored: int = 0
    unassigned: int = 0

    def reject(self, refused: RefusedError) -> None:
        """Add a rejection; its neighbours stay."""
        self.items.append(Rejection(reason=refused.reason, detail=refused.detail))

    def outcome(self) -> Outcome:
        """The outcome of the message."""
        return Outcome(tuple(self.items), self.missing, self.ignored, self.unassigned)


@dataclass(frozen=True, slots=True)
class Origin:
    """What the values of one element share: key, time with flags, sequence number."""

    key: str
    instant: Instant
    sequence: int | None = None


def read_values(
    element: object, rules: Iterable[ValueRule], *, document: object, origin: Origin, into: Yield
) -> None:
    """Add the mapped values of an element."""
    for rule in rules:
        try:
            value = mapped_value(find(element, rule.path, document=document), rule)
        except RefusedError as refused:
            into.reject(refused)
            continue
        if value is None:
            into.missing += 1
        else:
            into.items.append(_observation(origin, rule.path, value, rule.quantity))


def read_leaves(document: object, *, origin: Origin, limits: Limits, into: Yield) -> None:
    """Add every number of a document under its pointer: the datastream knows the quantity."""
    for pointer, number in numeric_leaves(document):
        if len(into.items) >= limits.items:
            raise RefusedError("too_many_items", f"more than {limits.items} values in one message")
        into.items.append(_observation(origin, pointer, float(number), ""))


def mapped_value(raw: object, rule: ValueRule) -> float | None:
    """Value in the quantity's unit, or None if it is missing.

    Raises
    ------
    RefusedError
        If it is required and absent, has a wrong type, is not finite, or its unit does not fit.
    """
    if raw is ABSENT:
        if rule.required:
            raise RefusedError("missing_field", f"{rule.path!r} is absent and required")
        return None
    if raw is None or is_any_of(raw, rule.missing):
        return None
    number = _number(raw, rule)
    if is_any_of(number, rule.missing):
        return None
    try:
        to_quantity = conversion(rule.unit, quantity(rule.quantity).unit)
    except TwinError as error:
        raise RefusedError("unit_conflict", f"{rule.path!r}: {error}") from None
    value = (number * rule.scale + rule.offset) * to_quantity.scale + to_quantity.offset
    if not math.isfinite(value):
        raise RefusedError("not_finite", f"{rule.path!r} is not finite after scaling")
    return value


def number_of(raw: object, name: str) -> float:
    """A member that must be a number.

    Raises
    ------
    RefusedError
        If it is none; ``true`` and ``"1"`` are none.
    """
    if raw is None:
        raise RefusedError("missing_field", f"`{name}` is absent")
    if not is_number(raw):
        raise RefusedError("wrong_type", f"`{name}` must be a number, got {type(raw).__name__}")
    return float(raw)  # pyrefly: ignore[bad-argument-type] - is_number saw to it


def is_any_of(raw: object, listed: Sequence[float | str]) -> bool:
    """Whether a raw value is one of the listed ones; ``true`` is not 1, ``"1"`` is not 1."""
    if is_number(raw):
        return any(is_number(one) and one == raw for one in listed)
    return isinstance(raw, str) and any(isinstance(one, str) and one == raw for one in listed)


def quality_flags(element: object, rule: QualityRule | None, *, document: object) -> int:
    """Flag ``bad_at_source`` unless the quality code is absent or one of the good ones."""
    if rule is None:
        return Quality.GOOD
    code = find(element, rule.path, document=document)
    if code is ABSENT or code is None or is_any_of(code, rule.good):
        return Quality.GOOD
    return Quality.BAD_AT_SOURCE


def _number(raw: object, rule: ValueRule) -> float:
    if isinstance(raw, str) and rule.numeric_string:
        if not DECIMAL.fullmatch(raw.strip()):
            raise RefusedError("wrong_type", f"{rule.path!r} is text that is no decimal number")
        return float(raw)
    if not is_number(raw):
        hint = "; set numeric_string if it holds a number" if isinstance(raw, str) else ""
        raise RefusedError(
            "wrong_type", f"{rule.path!r} must be a number, got {type(raw).__name__}{hint}"
        )
    return float(raw)  # pyrefly: ignore[bad-argument-type] - is_number saw to it


def _observation(origin: Origin, path: str, value: float, quantity_key: str) -> Observation:
    return Observation(
        key=origin.key,
        path=path,
        phenomenon_time=origin.instant.time,
        value=value,
        quality=origin.instant.flags,
        quantity=quantity_key,
        sequence=origin.sequence,
    )
