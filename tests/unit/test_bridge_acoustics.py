"""Simulated wire breaks are found, confirmed by a person, counted, and nothing else is."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import numpy as np
import pytest
from acoustic_city import (
    BRIDGE_ID,
    FACTS,
    HOURS,
    LEVEL,
    NOW,
    START,
    TRUTH,
    Clock,
    acoustic_city,
    outgoing,
)
from bridge_city import MADE

from dashboards.i18n.translate import Texts
from dashboards.widgets.acoustics import acoustics_lines
from dashboards.widgets.judging import judging_form
from sensors.codecs.own import codec
from sensors.rules.faultrules import FaultRules
from simulations.bridges import acoustics
from simulations.bridges.rounds import Rounds
from twin.bridge_view import read_bridge
from twin.city import Twin
from twin.errors import ModelError
from twin.model.acoustics import NAME, SectionBreaks, judged_reason, sections_of, told, verdict_of
from twin.model.bridge import PartStructure
from twin.model.bridge_status import NAME as STATUS
from twin.model.bridge_status import AnalysisStatus, status_of
from twin.model.city import City
from twin.model.finding_steps import StoredFinding
from twin.model.findings import MonitoringState
from twin.model.messages import CodecContext, CodecRule, Message, Observation
from twin.model.observations import Batch, Readings, Tally
from twin.model.phrases import said
from twin.model.records import InventoryRecord
from twin.model.times import to_us
from twin.store.memory import MemoryStore

LOOK = timedelta(minutes=6)


def sent(twin: Twin, *, coarse: bool = False, **given: object) -> None:
    """Let the messages of the logger through the codec and the fault rules into the store."""
    streams = {item.route_key: item for item in twin.datastreams()}
    rows: list[tuple[int, int, float]] = []
    for message in outgoing(twin, **given):  # type: ignore[arg-type]
        rule = CodecContext(CodecRule(message.topic, "own", "demo"))
        found = codec.decode(Message(message.topic, message.payload, NOW), rule)
        for item in found.items:
            assert isinstance(item, Observation)
            time_us = to_us(item.phenomenon_time)
            time_us -= time_us % 1000 if coarse else 0
            rows.append((streams[item.key].number or 0, time_us, item.value))
    readings = Readings(
        number=np.array([row[0] for row in rows], np.int32),
        time_us=np.array([row[1] for row in rows], np.int64),
        value=np.array([row[2] for row in rows]),
        quality=np.zeros(len(rows), np.int16),
    )
    marked = FaultRules(twin.datastreams()).mark(readings)
    twin.record(Batch(uuid4(), 1, readings=marked, tallies={"demo": Tally()}))


def bridge_twin(city: City | None = None) -> tuple[Twin, Clock]:
    clock = Clock()
    twin = Twin(MemoryStore(), clock=clock)
    twin.load(acoustic_city() if city is None else city)
    return twin, clock


def looked(twin: Twin) -> AnalysisStatus:
    Rounds(twin, [acoustics.ANALYSIS]).all_due()
    kept = twin.bridges.state(BRIDGE_ID, STATUS)
    assert kept is not None
    return next(item for item in status_of(kept).analyses if item.analysis == NAME)


def counted(twin: Twin) -> dict[str, SectionBreaks]:
    kept = twin.bridges.state(BRIDGE_ID, NAME)
    assert kept is not None
    return {row.section: row for row in sections_of(kept)}


def found(twin: Twin, rule: str = "wire_break") -> list[StoredFinding]:
    all_of = twin.bridges.findings(BRIDGE_ID, only_open=False)
    return sorted(
        (one for one in all_of if one.finding.rule == rule), key=lambda one: one.finding.key
    )


def judge(twin: Twin, stored: StoredFinding, verdict: str, *, at: datetime) -> None:
    twin.bridges.move_finding(stored.id, "seen", person="desk", reason="", at=at)
    reason = judged_reason(verdict, "listened to the hits")
    twin.bridges.move_finding(stored.id, "judged", person="inspector", reason=reason, at=at)


def test_breaks_in_the_tendons_are_candidates_and_nothing_else_is() -> None:
    twin, _ = bridge_twin()
    sent(twin)
    assert looked(twin).state is MonitoringState.NORMAL
    first, second = found(twin)
    assert [one.finding.severity for one in (first, second)] == ["warning", "warning"]
    for stored, truth in ((first, TRUTH[0]), (second, TRUTH[1])):
        assert stored.finding.statement.values["station"] == pytest.approx(truth.x_m, abs=0.05)
        assert "Drahtbruch" in said(stored.finding.statement, "de")
    events = twin.bridges.events(BRIDGE_ID, "ae_hit", start=START, end=NOW, limit=99)
    judged = {event.words["judgement"] for event in events}
    assert judged == {"wire_break_candidate", "outside_zone", "marked_window", "not_located"}
    (outside,) = [event for event in events if event.words["place"] == "outside"]
    assert "x_m" not in outside.figures
    assert twin.monitoring_states()[BRIDGE_ID] is MonitoringState.WARNING


def test_a_look_again_opens_nothing_twice_and_counts_nothing_twice() -> None:
    twin, clock = bridge_twin()
    sent(twin)
    looked(twin)
    before = counted(twin)
    clock.now = NOW + LOOK
    looked(twin)
    assert len(found(twin)) == 2
    assert [row.candidates for row in counted(twin).values()] == [1, 1]
    assert before["span 1"].uptime == pytest.approx(1.0, abs=0.02)


def test_hits_that_the_logger_kept_back_are_judged_when_they_come() -> None:
    twin, clock = bridge_twin()
    sent(twin, sources=(), listens=((100, 60 * HOURS + 3),))
    looked(twin)
    assert found(twin) == []
    assert counted(twin)["span 1"].candidates == 0
    sent(twin, listens=((0, 60 * HOURS + 3),))
    clock.now = NOW + LOOK
    looked(twin)
    assert len(found(twin)) == 2
    assert counted(twin)["span 2"].candidates == 1


def test_a_confirmed_break_is_an_alarm_and_a_rejected_one_is_counted_no_more() -> None:
    twin, clock = bridge_twin()
    sent(twin)
    looked(twin)
    first, second = found(twin)
    judge(twin, first, "confirmed", at=NOW)
    judge(twin, second, "rejected", at=NOW)
    clock.now = NOW + LOOK
    looked(twin)
    (confirmed,) = found(twin, "wire_break_confirmed")
    assert confirmed.finding.severity == "critical"
    assert confirmed.finding.next_step.key == "step.inspect_tendons"
    assert twin.monitoring_states()[BRIDGE_ID] is MonitoringState.ALARM
    one, two = counted(twin)["span 1"], counted(twin)["span 2"]
    assert (one.confirmed, one.candidates, two.confirmed, two.candidates) == (1, 0, 0, 0)
    clock.now = NOW + 2 * LOOK
    looked(twin)
    assert len(found(twin, "wire_break_confirmed")) == 1


@pytest.mark.parametrize(
    ("status", "step"),
    [
        ("2.1", "step.propose_closure"),
        ("2.2.1", "step.inspect_tendons"),
        ("2.3", "step.propose_closure"),
    ],
)
def test_steel_that_breaks_without_announcement_asks_for_the_closure(
    status: str, step: str
) -> None:
    twin, clock = bridge_twin()
    part = PartStructure("T1", "1", stress_corrosion=status)
    record = InventoryRecord(BRIDGE_ID, "part_structure", "1", part, MADE)
    twin.bridges.book.add([record], at=NOW)
    sent(twin)
    looked(twin)
    judge(twin, found(twin)[0], "confirmed", at=NOW)
    clock.now = NOW + LOOK
    looked(twin)
    (confirmed,) = found(twin, "wire_break_confirmed")
    assert confirmed.finding.next_step.key == step


def test_a_judgement_without_a_verdict_confirms_nothing() -> None:
    twin, clock = bridge_twin()
    sent(twin)
    looked(twin)
    first, _ = found(twin)
    twin.bridges.move_finding(first.id, "seen", person="desk", reason="", at=NOW)
    twin.bridges.move_finding(first.id, "judged", person="desk", reason="not confirmed", at=NOW)
    clock.now = NOW + LOOK
    looked(twin)
    assert found(twin, "wire_break_confirmed") == []
    assert verdict_of(found(twin)[0]) is None
    with pytest.raises(ModelError, match="use one of confirmed, rejected"):
        judged_reason("perhaps", "x")
    with pytest.raises(ModelError, match="needs a reason"):
        judged_reason("confirmed", " ")


def test_a_silent_logger_is_blind_and_never_says_that_nothing_broke() -> None:
    twin, clock = bridge_twin()
    sent(twin, sources=(), listens=((0, 60),))
    status = looked(twin)
    assert status.state is MonitoringState.NOT_ARMED
    assert status.reason is not None
    last = START + timedelta(minutes=59)
    assert f"blind since: span 1: {last:%Y-%m-%d %H:%M} UTC" in said(status.reason, "en")
    row = counted(twin)["span 1"]
    assert row.blind_since_us is not None
    assert "blind since" in " ".join(told(row, "en"))
    assert "wire_breaks" not in read_bridge(twin, BRIDGE_ID).blind
    assert row.uptime == pytest.approx(0.5, abs=0.02)
    clock.now = NOW + timedelta(days=4)
    looked(twin)
    later = counted(twin)["span 1"]
    assert later.uptime == pytest.approx(1.0 / (24 * 4 + 2), abs=0.002)
    assert later.blind_since_us == row.blind_since_us


def test_without_a_signal_level_silence_cannot_be_told_from_quiet() -> None:
    base = acoustic_city()
    uncertain = tuple(
        replace(one, cadence_s=None) if one.quantity == LEVEL else one for one in base.datastreams
    )
    twin, _ = bridge_twin(replace(base, datastreams=uncertain))
    sent(twin)
    status = looked(twin)
    assert status.state is MonitoringState.NOT_ARMED
    assert len(found(twin)) == 2
    assert counted(twin)["span 1"].uptime is None


def without(name: str) -> Sequence[tuple]:
    return [fact for fact in FACTS if not fact[0].startswith(name)]


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (without("ae_wave_speed"), "the bridge has no ae_wave_speed"),
        (without("ae_zone_"), "no tendon zone is recorded"),
        ([*without("ae_zone_"), ("ae_zone_a", "1 to 17", "m")], "not from;to in m"),
        ([*without("ae_zone_"), ("ae_zone_a", "30;50", "m")], "does not lie between"),
        ([*FACTS, ("ae_window_b", "2026-11-20T09:30;2026-11-20T09:40", "")], "with time zone"),
        ([*without("ae_wave_speed"), ("ae_wave_speed", "fast", "m/s")], "is no number"),
        ([*without("ae_wave_speed"), ("ae_wave_speed", -1.0, "m/s")], "must be positive"),
    ],
)
def test_missing_and_impossible_facts_are_named(facts: Sequence[tuple], reason: str) -> None:
    twin, _ = bridge_twin(acoustic_city(facts))
    sent(twin)
    status = looked(twin)
    assert status.state is MonitoringState.NOT_ARMED
    assert status.reason is not None
    assert reason in said(status.reason, "en")
    assert found(twin) == []


def test_a_clock_of_whole_milliseconds_locates_nothing() -> None:
    twin, _ = bridge_twin()
    sent(twin, coarse=True)
    status = looked(twin)
    assert status.state is MonitoringState.NOT_ARMED
    assert status.reason is not None
    assert "whole milliseconds" in said(status.reason, "en")
    assert found(twin) == []


@pytest.mark.parametrize("language", ["de", "en"])
def test_the_page_lists_candidates_with_who_judged_them_and_every_event(language: str) -> None:
    twin, _ = bridge_twin()
    sent(twin)
    looked(twin)
    first, second = found(twin)
    judge(twin, first, "confirmed", at=NOW)
    shown = str(acoustics_lines(read_bridge(twin, BRIDGE_ID), Texts(language, "Europe/Berlin")))
    words = {
        "de": ("bestätigt", "offen", "außerhalb der Spannglieder", "in einem Prüfzeitraum"),
        "en": ("confirmed", "open", "outside of the tendons", "in a marked window"),
    }
    for word in (*words[language], "inspector", f"#finding-{second.id}", "span 2"):
        assert word in shown
    form = str(judging_form(second, Texts(language, "Europe/Berlin")))
    assert form.count("data-verdict=") == 2
    assert f"data-judging='{second.id}'" in form
