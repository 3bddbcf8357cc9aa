"""Sparkplug B 3.0: births, aliases, gaps and deaths; the samples and rules of the specification."""

import json
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from contract import golden
from hypothesis import given
from hypothesis import strategies as st
from sparkplug_payloads import T0_MS, field, metric, payload

from sensors.codecs.sparkplug import codec
from twin.model.messages import (
    REASONS,
    CodecContext,
    CodecRule,
    Event,
    Message,
    Observation,
    Outcome,
    Rejection,
)
from twin.model.quality import Quality

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples" / "sparkplug"
RECEIVED = datetime(2026, 6, 15, 8, 0, 10, tzinfo=UTC)
RULE = CodecRule("spBv1.0/#", "sparkplug", "test")


class Node:
    """Feeds messages with the state of those before, through JSON as the ingester keeps it."""

    def __init__(self) -> None:
        self.state: Mapping[str, object] = {}

    def feed(self, topic: str, content: bytes, *, retained: bool = False) -> Outcome:
        context = CodecContext(RULE, state=self.state)
        outcome = codec.decode(Message(topic, content, RECEIVED, retained), context)
        if outcome.state is not None:
            self.state = json.loads(json.dumps(outcome.state))
        return outcome

    def node(self, kind: str, content: bytes) -> Outcome:
        return self.feed(f"spBv1.0/g/{kind}/n", content)

    def born(self, *metrics: bytes, bdseq: int = 1) -> "Node":
        self.node("NBIRTH", payload(metric(name="bdSeq", datatype=8, long=bdseq), *metrics))
        return self


def values(outcome: Outcome) -> dict[str, float]:
    return {one.key: one.value for one in outcome.items if isinstance(one, Observation)}


def kinds(outcome: Outcome) -> list[str]:
    return [one.kind for one in outcome.items if isinstance(one, Event)]


def reasons(outcome: Outcome) -> list[str]:
    return [one.reason for one in outcome.items if isinstance(one, Rejection)]


def test_the_sparkplug_samples_are_met_in_their_order() -> None:
    if not SAMPLES.exists():
        pytest.skip(f"samples are not there: {SAMPLES}")
    expected = json.loads((SAMPLES / "expected.json").read_text("utf-8"))
    topics = json.loads((SAMPLES / "synthetic_topics.json").read_text("utf-8"))
    node = Node()
    for name, topic in topics.items():
        outcome = node.feed(topic, (SAMPLES / name).read_bytes())
        wanted, found = expected[name], golden.described(outcome)
        got = found.get("observations", [])
        assert len(got) == len(wanted.get("observations", [])), name
        for one, other in zip(got, wanted.get("observations", []), strict=True):
            assert {key: one[key] for key in other if key != "flag"} == {
                key: value for key, value in other.items() if key != "flag"
            }
            assert one["flags"] == ([other["flag"]] if "flag" in other else [])
        assert outcome.missing == wanted.get("missing", 0)
        assert reasons(outcome) == wanted.get("rejections", [])
        if "events" in wanted:
            assert kinds(outcome) == wanted["events"]
    assert set(node_of(node.state)) == {"", "Luftguete"}


def node_of(state: Mapping[str, Any]) -> Sequence[str]:
    return list(state["dead"])


def test_f_spb_1_data_takes_name_and_type_from_the_birth_and_unknown_aliases_are_refused() -> None:
    node = Node().born(metric(name="T", alias=7, datatype=1, int=1))
    outcome = node.node("NDATA", payload(metric(alias=7, int=2**32 - 5), metric(alias=8), seq=1))
    assert values(outcome) == {"g/n/T": -5.0}
    assert reasons(outcome) == ["alias_unknown"]
    assert Node().node("NDATA", payload(metric(alias=7, int=1))).items[0] == Event(
        "rebirth_wanted", "g/n", RECEIVED
    )


@pytest.mark.parametrize(
    ("datatype", "parts", "value"),
    [
        (1, {"int": 4294967284}, -12.0),
        (1, {"int": 244}, -12.0),
        (1, {"int": 127}, 127.0),
        (2, {"int": 2**32 - 300}, -300.0),
        (3, {"int": 2**31}, -(2.0**31)),
        (4, {"long": 2**64 - 1}, -1.0),
        (3, {"int": 2**64 - 1}, -1.0),
        (5, {"int": 200}, 200.0),
        (7, {"int": 2**32 - 1}, 2.0**32 - 1),
        (8, {"long": 2**53}, 2.0**53),
        (11, {"boolean": 1}, 1.0),
    ],
)
def test_f_spb_2_signed_numbers_are_two_s_complement(
    datatype: int, parts: dict[str, int], value: float
) -> None:
    outcome = (
        Node().born().node("NDATA", payload(metric(name="x", datatype=datatype, **parts), seq=1))
    )
    assert values(outcome) == {"g/n/x": value}


def test_a_number_beyond_its_type_is_refused() -> None:
    outcome = Node().born().node("NDATA", payload(metric(name="x", datatype=1, int=70_000), seq=1))
    assert reasons(outcome) == ["wrong_type"]


def test_f_spb_3_after_a_gap_names_pass_and_aliases_wait_for_the_next_birth() -> None:
    """F-SPB-4: nothing is sent, the next birth heals it."""
    birth = metric(name="T", alias=7, datatype=10, double=1.0)
    node = Node().born(birth)
    late = payload(
        metric(alias=7, double=2.0), metric(name="T", double=3.0), seq=5, at_ms=T0_MS + 1
    )
    outcome = node.node("NDATA", late)
    assert (values(outcome), reasons(outcome)) == ({"g/n/T": 3.0}, ["sequence_gap"])
    assert kinds(outcome) == ["rebirth_wanted"]
    after = node.node("NDATA", payload(metric(alias=7, double=4.0), seq=6, at_ms=T0_MS + 2))
    assert (reasons(after), kinds(after)) == (["sequence_gap"], [])
    node.born(birth)
    assert values(node.node("NDATA", payload(metric(alias=7, double=5.0), seq=1))) == {"g/n/T": 5.0}


def test_f_spb_3_the_sequence_runs_over_node_and_devices_and_begins_anew_after_255() -> None:
    node = Node().born(metric(name="T", alias=7, datatype=10, double=1.0))
    node.feed(
        "spBv1.0/g/DBIRTH/n/d", payload(metric(name="D", alias=7, datatype=10, double=1.0), seq=1)
    )
    for seq in range(2, 600):
        topic = "spBv1.0/g/DDATA/n/d" if seq % 2 else "spBv1.0/g/NDATA/n"
        content = payload(metric(alias=7, double=1.0), seq=seq % 256, at_ms=T0_MS + seq)
        assert values(node.feed(topic, content)) == {"g/n/d/D" if seq % 2 else "g/n/T": 1.0}


def test_messages_that_the_broker_repeats_are_no_gap_and_leave_the_state() -> None:
    node = Node().born(metric(name="T", alias=7, datatype=10, double=1.0))
    contents = [
        payload(metric(alias=7, double=float(seq)), seq=seq, at_ms=T0_MS + seq) for seq in (1, 2, 3)
    ]
    for content in contents:
        node.node("NDATA", content)
    kept = node.state
    assert [values(node.node("NDATA", one)) for one in contents] == [
        {"g/n/T": float(seq)} for seq in (1, 2, 3)
    ]
    assert node.state == kept


@pytest.mark.parametrize("field_name", ["int", "long"])
def test_f_spb_5_a_death_counts_if_its_number_is_that_of_the_birth_by_value(
    field_name: str,
) -> None:
    node = Node().born(bdseq=7)
    node.feed("spBv1.0/g/DBIRTH/n/d", payload(seq=1))
    old = node.node("NDEATH", payload(metric(name="bdSeq", **{field_name: 6}), seq=None))
    assert kinds(old) == []
    dead = node.node("NDEATH", payload(metric(name="bdSeq", **{field_name: 7}), seq=None))
    assert kinds(dead) == ["death"]
    assert set(node_of(node.state)) == {"", "d"}
    node.born(bdseq=8)
    assert not node_of(node.state)


def test_the_death_of_a_device_leaves_the_node_alive() -> None:
    node = Node().born(metric(name="T", alias=7, datatype=10, double=1.0))
    node.feed("spBv1.0/g/DBIRTH/n/d", payload(seq=1))
    assert kinds(node.feed("spBv1.0/g/DDEATH/n/d", payload(seq=2))) == ["death"]
    assert node_of(node.state) == ["d"]
    assert values(node.node("NDATA", payload(metric(alias=7, double=2.0), seq=3)))


def test_f_spb_6_null_is_missing_historical_is_late_and_controls_are_not_measured() -> None:
    """A historical value has its own, earlier time and so never becomes the latest."""
    outcome = Node().born().node(
        "NDATA",
        payload(
            metric(name="a", datatype=10, null=1),
            metric(name="b", datatype=10, timestamp=T0_MS - 60_000, historical=1, double=1.0),
            metric(name="Node Control/Rebirth", datatype=11, boolean=0),
            metric(name="bdSeq", datatype=8, long=1),
            metric(name="text", datatype=12, string="x"),
            seq=1,
        ),
    )  # fmt: skip
    (one,) = [item for item in outcome.items if isinstance(item, Observation)]
    assert (one.quality, one.phenomenon_time.minute) == (Quality.LATE, 59)
    assert (outcome.missing, outcome.ignored) == (1, 3)


def test_f_spb_7_blanks_and_slashes_in_names_are_kept() -> None:
    content = payload(metric(name="Sicht/Truebung", datatype=10, double=1.0))
    outcome = Node().feed("spBv1.0/Stadt X/NBIRTH/Tunnel Nord", content)
    assert values(outcome) == {"Stadt X/Tunnel Nord/Sicht/Truebung": 1.0}


def test_a_value_that_the_source_calls_bad_is_flagged() -> None:
    """Property ``Quality`` of Sparkplug B 3.0, section 6.4.11: 192 is good."""
    bad = field(1, b"Quality") + field(2, field(1, 3) + field(3, 0))
    outcome = Node().born().node(
        "NDATA", payload(metric(name="x", datatype=10, properties=bad, double=1.0), seq=1)
    )  # fmt: skip
    assert [one.quality for one in outcome.items if isinstance(one, Observation)] == [
        Quality.BAD_AT_SOURCE
    ]


def test_a_retained_birth_is_not_the_present_one() -> None:
    node = Node()
    outcome = node.feed("spBv1.0/g/NBIRTH/n", payload(), retained=True)
    assert (outcome.ignored, node.state) == (1, {})


@given(st.binary(max_size=300), st.sampled_from(["NBIRTH", "NDATA", "NDEATH"]))
def test_f_cod_2_any_bytes_give_an_outcome(content: bytes, kind: str) -> None:
    assert_total(Node().born().node(kind, content))


def test_f_cod_2_damaged_messages_give_an_outcome() -> None:
    chance = random.Random(20260615)  # noqa: S311 - a seeded corpus
    good = payload(
        metric(name="T", alias=7, timestamp=T0_MS, datatype=1, int=3),
        metric(alias=7, timestamp=T0_MS, double=3.0),
        seq=1,
    )
    for _ in range(2000):
        damaged = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        kind = chance.choice(["NBIRTH", "NDATA", "NDEATH"])
        assert_total(Node().born().node(kind, bytes(damaged)))


def assert_total(outcome: Outcome) -> None:
    for item in outcome.items:
        if isinstance(item, Rejection):
            assert item.reason in REASONS
            assert item.reason != "codec_error"
    json.dumps(outcome.state, allow_nan=False)
