"""What a browser sends about decisions, and what it gets: JSON to orders and back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date
from typing import Any

from twin.city import Twin
from twin.errors import DecisionError
from twin.model.bridge import Restriction
from twin.model.decisions import Decision, Order
from twin.model.order_words import order_text
from twin.publishing import order_for

TEXTS = frozenset(
    {
        *("kind", "unit", "daily_from", "daily_until", "weekdays", "vehicle_group"),
        *("direction", "lane", "section", "remark"),
    }
)
NUMBERS = frozenset({"value", "station_m"})
DAYS = frozenset({"valid_from", "valid_until"})
LISTS = frozenset({"signs", "links"})


def read_body(text: str, *, known: Mapping[str, type | tuple[type, ...]]) -> dict[str, object]:
    """JSON object with known fields of known types; DecisionError with all problems."""
    try:
        content = json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise DecisionError(f"the body is no JSON: {error}") from None
    if not isinstance(content, dict):
        raise DecisionError("the body must be a JSON object")
    problems = [f"{name[:40]}: unknown; use {', '.join(known)}" for name in set(content) - {*known}]
    problems += [
        f"{name}: has the wrong type"
        for name, kind in known.items()
        if name in content
        and (
            not isinstance(content[name], kind)
            or (isinstance(content[name], bool) and kind is not bool)
        )
    ]
    if problems:
        raise DecisionError(*sorted(problems))
    return content


def read_restriction(content: Mapping[str, object]) -> Restriction:
    """Restriction of a JSON object; DecisionError with all problems."""
    problems = [] if "kind" in content else ["restriction.kind: is missing"]
    found: dict[str, Any] = {}
    for name, value in content.items():
        try:
            found[name] = _value(name, value)
        except ValueError:
            problems.append(
                f"restriction.{name[:40]}: {str(value)[:40]!r} does not fit, or there is none"
            )
    if problems:
        raise DecisionError(*sorted(problems))
    return Restriction(**found)


def _value(name: str, value: object) -> object:
    if value is None and name in (NUMBERS | DAYS):
        return None
    if name in TEXTS and isinstance(value, str):
        return value.strip()
    if name in NUMBERS and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if name in DAYS and isinstance(value, str):
        return date.fromisoformat(value)
    if name in LISTS and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    raise ValueError(name)


def read_order(twin: Twin, body: Mapping[str, object]) -> Order:
    """Order of a body with ``asset``, ``restriction``, ``reason``, ``part`` and ``run``."""
    limit = body.get("restriction")
    if not isinstance(limit, dict):
        raise DecisionError("restriction: must be an object")
    run = body.get("run")
    return order_for(
        twin,
        str(body.get("asset", "")),
        read_restriction(limit),
        reason=str(body.get("reason", "")).strip(),
        part=str(body.get("part", "")),
        run_id=run if isinstance(run, int) else None,
    )


def restriction_document(limit: Restriction) -> dict[str, object]:
    """Restriction as JSON values, without what is empty."""
    found: dict[str, object] = {}
    for item in fields(limit):
        value = getattr(limit, item.name)
        if value in ("", None, (), False):
            continue
        found[item.name] = (
            value.isoformat()
            if isinstance(value, date)
            else list(value)
            if isinstance(value, tuple)
            else value
        )
    return found


def decision_document(
    decision: Decision, *, beside: Sequence[Restriction] = ()
) -> dict[str, object]:
    """Decision with its steps and the draft of its order in both languages."""
    order = decision.order
    return {
        "number": decision.id,
        "version": decision.version,
        "state": decision.state,
        "asset": order.asset_id,
        "part": order.part,
        "name": order.name,
        "run": order.run_id,
        "input_hash": order.input_hash,
        "reason": order.reason,
        "points": [list(point) for point in order.points],
        "restriction": restriction_document(order.restriction),
        "events": [
            {
                "version": event.version,
                "state": event.state,
                "at": event.at.isoformat(),
                "person": event.person,
                "reason": event.reason,
                "restriction": restriction_document(event.order.restriction),
            }
            for event in decision.events
        ],
        "order": {tag: order_text(order, tag, beside=beside).document() for tag in ("de", "en")},
    }
