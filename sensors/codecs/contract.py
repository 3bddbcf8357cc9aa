"""The contract of codecs as checks that anybody can run on theirs (docs/codecs.md). Pure.

Every check gives its findings as sentences; none means that the contract is kept. It needs no test
framework: ``assert problems(codec, cases) == []`` in any.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sensors.codecs.badpayloads import bad_payloads
from twin.errors import TwinError
from twin.model.messages import (
    REASONS,
    CodecContext,
    Event,
    Limits,
    Message,
    Observation,
    Outcome,
    Proposal,
    Rejection,
    WaveformBlock,
)
from twin.model.quality import keys
from twin.model.quantities import quantity
from twin.model.times import from_us
from twin.ports import Codec

BAD_PAYLOADS = 2000
MOST_FINDINGS = 10
LONGEST_SHOWN = 60
FLAGS = frozenset({
    "bad_at_source", "edited_at_source", "suspect", "time_substituted", "ambiguous_time", "late",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """A golden case: what a codec must make of one message.

    Parameters
    ----------
    name
        Shown in findings.
    message, context
        What the codec is given.
    values
        Values in the payload, counted by hand.
    expected
        The outcome as `described` gives it.
    spoilt
        The same payload with one bad item more; None where a message holds only one item.
    """

    name: str
    message: Message
    context: CodecContext
    values: int
    expected: Mapping[str, object]
    spoilt: bytes | None = None


def problems(codec: Codec, cases: Sequence[Case], *, count: int = BAD_PAYLOADS) -> list[str]:
    """All checks of the contract (F-COD-1 to F-COD-5, F-COD-7, F-COD-9).

    Parameters
    ----------
    codec
        Object with ``name``, ``version`` and ``decode``.
    cases
        Its golden cases, one at least.
    count
        Bad payloads made from those of the cases.
    """
    if not cases:
        return [f"codec {codec.name!r} has no golden case; write one folder at least"]
    found = _tried("all cases", purity, codec, cases)  # first: it sees what a call changes
    found += [
        one
        for check in (golden, bounds, neighbours)
        for case in cases
        for one in _tried(f"case {case.name}", check, codec, case)
    ]
    return found + totality(codec, cases, count=count)


def golden(codec: Codec, case: Case) -> list[str]:
    """The case gives its expected outcome, and every value is accounted for (F-COD-5)."""
    outcome = codec.decode(case.message, case.context)
    found = flaws(outcome, case.context.limits)
    if (got := described(outcome)) != case.expected:
        found.append(f"gives {json.dumps(got)}, expected {json.dumps(case.expected)}")
    if (count := accounted(outcome)) != case.values:
        found.append(f"accounts for {count} values of {case.values} (F-COD-5)")
    return _named(case, found)


def purity(codec: Codec, cases: Sequence[Case]) -> list[str]:
    """The same input gives the same outcome, in any order, and is left as it was (F-COD-1, 7, 9).

    A clock, chance and variables of a module show here; a file or a connection does not.
    """
    found: list[str] = []
    first = {}
    for case in [*cases, *reversed(cases), *cases, *cases]:
        given = repr(case)
        outcome = _told(codec.decode(case.message, case.context))
        if outcome != first.setdefault(case.name, outcome):
            found += _named(case, ["the same message gave another outcome (F-COD-1)"])
        if repr(case) != given:
            found += _named(case, ["tables or state of the context were changed (F-COD-7)"])
    return found[:MOST_FINDINGS]


def totality(
    codec: Codec,
    cases: Sequence[Case],
    *,
    count: int = BAD_PAYLOADS,
    originals: Iterable[bytes] = (),
) -> list[str]:
    """Any bytes give a well-formed outcome and never an exception (F-COD-2).

    Parameters
    ----------
    codec, cases
        Each bad payload is given with message and context of one of the cases, in turn.
    count
        Damaged copies of payloads, beside the classes of `bad_payloads`.
    originals
        Further payloads to be damaged.
    """
    found: list[str] = []
    payloads = [*(case.message.payload for case in cases), *originals]
    for number, payload in enumerate(bad_payloads(payloads, count)):
        case = cases[number % len(cases)]
        try:
            outcome = codec.decode(replace(case.message, payload=payload), case.context)
            flawed = flaws(outcome, case.context.limits)
        except Exception as error:  # noqa: BLE001 - whatever escapes is the finding
            flawed = [_raised(error)]
        found += [f"payload {_shown(payload)}: {one} (F-COD-2)" for one in flawed]
        if len(found) >= MOST_FINDINGS:
            break
    return found


def bounds(codec: Codec, case: Case) -> list[str]:
    """Size and depth are limited by the context (F-COD-3)."""
    limits, found = case.context.limits, []
    tight = replace(case.context, limits=Limits(payload_bytes=len(case.message.payload) - 1))
    large = replace(case.message, payload=b"[" * (limits.payload_bytes + 1))
    for message, context in ((case.message, tight), (large, case.context)):
        if (reasons := _reasons(codec.decode(message, context))) != ["too_large"]:
            size = len(message.payload)
            found.append(f"{size} bytes above the limit give {reasons}, not too_large (F-COD-3)")
    deep = replace(case.message, payload=b"[" * (limits.depth + 1) + b"]" * (limits.depth + 1))
    if _observations(codec.decode(deep, case.context)):
        found.append(f"a document {limits.depth + 1} deep gives observations (F-COD-3)")
    return _named(case, found)


def neighbours(codec: Codec, case: Case) -> list[str]:
    """With one bad item more every observation stays, and the bad one is refused (F-COD-4)."""
    if case.spoilt is None:
        return []
    good = codec.decode(case.message, case.context)
    spoilt = codec.decode(replace(case.message, payload=case.spoilt), case.context)
    found = []
    if _observations(spoilt) != _observations(good):
        found.append("a bad item changes the observations beside it (F-COD-4)")
    if len(_reasons(spoilt)) <= len(_reasons(good)):
        found.append("the bad item is not rejected (F-COD-4)")
    return _named(case, found)


def flaws(outcome: Outcome, limits: Limits) -> list[str]:
    """What is wrong with an outcome whatever its message was."""
    found = [flaw for item in outcome.items for flaw in _ITEMS.get(type(item), _strange)(item)]
    if len(outcome.items) > limits.items + 1:
        found.append(f"{len(outcome.items)} items, the limit is {limits.items} (F-COD-3)")
    if min(outcome.missing, outcome.ignored, outcome.unassigned) < 0:
        found.append("a count below 0")
    return found[:MOST_FINDINGS]


def accounted(outcome: Outcome) -> int:
    """Values that an outcome accounts for (F-COD-5)."""
    values = sum(
        isinstance(item, Observation | WaveformBlock | Rejection) for item in outcome.items
    )
    return values + outcome.missing + outcome.ignored + outcome.unassigned


def described(outcome: Outcome) -> dict[str, Any]:
    """Outcome in the form of the expected files; empty parts are left out."""
    parts: dict[str, Any] = {
        "observations": [
            {
                "key": item.key,
                "path": item.path,
                "quantity": item.quantity,
                "value": item.value,
                "time": _text(item.phenomenon_time),
                "flags": list(keys(item.quality)),
                **({"unit": item.unit} if item.unit else {}),
            }
            for item in outcome.items
            if isinstance(item, Observation)
        ],
        "waveforms": [
            {
                "key": item.key,
                "samples": len(item.samples),
                "rate_hz": item.rate_hz,
                "time": _text(from_us(item.t0_us)),
                "unit": item.unit,
                "min": float(item.samples.min()),
                "max": float(item.samples.max()),
            }
            for item in outcome.items
            if isinstance(item, WaveformBlock)
        ],
        "events": [
            {"kind": item.kind, "details": json.loads(json.dumps(dict(item.details)))}
            for item in outcome.items
            if isinstance(item, Event)
        ],
        "proposals": [
            {
                "key": item.key,
                "name": item.name,
                "unit": item.unit,
                "details": json.loads(json.dumps(dict(item.details))),
            }
            for item in outcome.items
            if isinstance(item, Proposal)
        ],
        "rejections": _reasons(outcome),
        "missing": outcome.missing,
        "ignored": outcome.ignored,
        "unassigned": outcome.unassigned,
    }
    return {name: part for name, part in parts.items() if part}


def _observation_flaws(item: Observation) -> list[str]:
    found = []
    if item.phenomenon_time.utcoffset() != timedelta(0):
        found.append(f"time {item.phenomenon_time} is not in UTC")
    if not math.isfinite(item.value):
        found.append(f"value {item.value} is not finite (F-MIS-1)")
    if not item.key:
        found.append("an observation without key")
    if wrong := set(keys(item.quality)) - FLAGS:
        found.append(f"flags {sorted(wrong)} are not for codecs (F-MIS-4)")
    if item.quantity:
        try:
            quantity(item.quantity)
        except TwinError as error:
            found.append(str(error))
    return found


def _rejection_flaws(item: Rejection) -> list[str]:
    found = [] if item.reason in REASONS else [f"reason {item.reason!r} is not in the table"]
    return found if item.detail.isprintable() else [*found, "a detail with control characters"]


def _tried(where: str, check: Callable[..., list[str]], *given: object) -> list[str]:
    try:
        return check(*given)
    except Exception as error:  # noqa: BLE001 - whatever escapes is the finding
        return [f"{where}: {check.__name__} {_raised(error)} (F-COD-2)"]


def _raised(error: Exception) -> str:
    return f"raises {type(error).__name__}: {error}"


def _none(_: object) -> list[str]:
    return []


def _strange(item: object) -> list[str]:
    return [f"an item of type {type(item).__name__}"]


_ITEMS: Mapping[type, Callable[[Any], list[str]]] = {
    Observation: _observation_flaws,
    Rejection: _rejection_flaws,
    WaveformBlock: _none,
    Event: _none,
    Proposal: _none,
}


def _observations(outcome: Outcome) -> list[Observation]:
    return [item for item in outcome.items if isinstance(item, Observation)]


def _reasons(outcome: Outcome) -> list[str]:
    return [item.reason for item in outcome.items if isinstance(item, Rejection)]


def _told(outcome: Outcome) -> tuple[str, ...]:
    samples = [item.samples.tobytes() for item in outcome.items if isinstance(item, WaveformBlock)]
    return (repr(outcome), repr(samples))


def _named(case: Case, found: Iterable[str]) -> list[str]:
    return [f"case {case.name}: {one}" for one in found]


def _shown(payload: bytes) -> str:
    head = repr(payload[:LONGEST_SHOWN])
    return head if len(payload) <= LONGEST_SHOWN else f"{head}... ({len(payload)} bytes)"


def _text(time: datetime) -> str:
    text = time.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return text.rstrip("0Z").rstrip(".") + "Z" if "." in text else text
