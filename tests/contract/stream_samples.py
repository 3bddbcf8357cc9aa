"""Samples and random messages for the codecs of public feeds."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from contract import golden
from hypothesis import strategies as st

from twin.model.messages import (
    CodecContext,
    CodecRule,
    Event,
    Message,
    Observation,
    Outcome,
    Rejection,
    ValueRule,
)

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples"
RECEIVED = datetime(2026, 6, 15, 8, 0, 30, tzinfo=UTC)


def sample(folder: str, name: str) -> bytes:
    file = SAMPLES / folder / name
    if not file.exists():
        pytest.skip(f"samples are not there: {file.parent}")
    return file.read_bytes()


def sample_lines(folder: str, name: str) -> list[tuple[str, bytes]]:
    lines = sample(folder, name).decode().splitlines()
    messages = [json.loads(line) for line in lines]
    return [(one["topic"], one["payload"].encode()) for one in messages]


def decode(
    codec: str,
    topic: str,
    payload: object,
    *,
    tables: Mapping[str, object] | None = None,
    state: Mapping[str, object] | None = None,
    values: tuple[ValueRule, ...] = (),
    received_at: datetime = RECEIVED,
    retained: bool = False,
    **rule: Any,
) -> Outcome:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    context = CodecContext(
        CodecRule(topic="t", codec=codec, source="test", value=values, **rule),
        tables=tables or {},
        state=state or {},
    )
    message = Message(topic, body, received_at, retained)
    return golden.codec_named(codec).decode(message, context)


def observations(outcome: Outcome) -> list[Observation]:
    return [item for item in outcome.items if isinstance(item, Observation)]


def events(outcome: Outcome) -> list[Event]:
    return [item for item in outcome.items if isinstance(item, Event)]


def reasons(outcome: Outcome) -> list[str]:
    return [item.reason for item in outcome.items if isinstance(item, Rejection)]


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def documents(names: list[str], texts: list[str]) -> st.SearchStrategy[Any]:
    """JSON documents whose members and texts are often those that a codec looks for."""
    plain = (
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.sampled_from(texts)
        | st.text(max_size=8)
    )
    return st.recursive(
        plain,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(names) | st.text(max_size=4), inner, max_size=6)
        ),
        max_leaves=25,
    )
