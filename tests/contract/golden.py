"""One golden case per directory: payload, topic, rule, received time, expected outcome."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from sensors.routing import parse_template
from twin.model.messages import (
    CodecContext,
    CodecRule,
    Event,
    Message,
    Observation,
    Outcome,
    Rejection,
    WaveformBlock,
)
from twin.model.quality import keys
from twin.model.times import from_us
from twin.plugins import load
from twin.ports import Codec

CASES = Path(__file__).parent / "codecs"


@dataclass(frozen=True)
class Golden:
    codec: Codec
    message: Message
    context: CodecContext
    values: int
    expected: Mapping[str, object]


def names() -> list[str]:
    return sorted(folder.name for folder in CASES.iterdir() if folder.is_dir())


def read(name: str) -> Golden:
    folder = CASES / name
    case = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    payload = next(folder.glob("payload.*")).read_bytes()
    template = case["template"]
    rule = {"topic": template, "codec": case["codec"], "source": "test", **case["rule"]}
    return Golden(
        codec=codec_named(case["codec"]),
        message=Message(
            case["topic"], payload, datetime.fromisoformat(case["received_at"]), case["retained"]
        ),
        context=CodecContext(
            rule=TypeAdapter(CodecRule).validate_python(rule),
            names=parse_template(template).match(case["topic"].split("/")) or {},
            tables=case.get("tables", {}),
            state=case.get("state", {}),
        ),
        values=case["values"],
        expected=case["expected"],
    )


@cache
def codec_named(name: str) -> Codec:
    codec = load("codecs", name)
    assert hasattr(codec, "decode")
    return codec  # pyrefly: ignore[bad-return] - the contract suite finds out


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
            {"kind": item.kind, "details": plain(dict(item.details))}
            for item in outcome.items
            if isinstance(item, Event)
        ],
        "rejections": [item.reason for item in outcome.items if isinstance(item, Rejection)],
        "missing": outcome.missing,
        "ignored": outcome.ignored,
        "unassigned": outcome.unassigned,
    }
    return {name: part for name, part in parts.items() if part}


def plain(value: Any) -> Any:
    """Value as JSON would give it back: tuples become lists."""
    return json.loads(json.dumps(value))


def _text(time: datetime) -> str:
    text = time.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return text.rstrip("0Z").rstrip(".") + "Z" if "." in text else text
