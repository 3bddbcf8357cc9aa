"""Models against sensors: what is checked, what is not and why, and what rests on each model."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from bridge_city import BRIDGE_ID, MADE, START_US, city

from dashboards.api.series import Span, series_table
from dashboards.live.table import decode_table
from simulations.bridges import predicted, reality
from simulations.bridges.inputs import bridges
from simulations.bridges.rounds import look
from twin.bridge_view import read_checks, read_validity
from twin.city import Twin
from twin.model.assets import Attribute, Component
from twin.model.bridge import ComponentFacts
from twin.model.datastreams import Datastream
from twin.model.findings import MonitoringState
from twin.model.monitoring import ANALYSIS_SOURCE, AnalysisOutcome, BridgeEvent
from twin.model.observations import Batch, Readings, Tally
from twin.model.phrases import is_known, said
from twin.model.reality import (
    Check,
    carried,
    checks_of,
    reason_of,
    record_of,
    validity_of,
    validity_words,
)
from twin.model.records import InventoryRecord
from twin.model.structure_state import Frequency, StructureState
from twin.model.structure_state import record_of as structure_record
from twin.model.times import from_us
from twin.model.traffic_state import TrafficState
from twin.store.memory import MemoryStore

HOURS = 24 * 40
HOUR_US = 3_600_000_000
LENGTH_M = 80.0
TRUE_MM_PER_K = 1e3 * 11e-6 * LENGTH_M
NOW = from_us(START_US + HOURS * HOUR_US) + timedelta(minutes=1)


def stream(name: str, quantity: str, *, source: str = "demo") -> Datastream:
    return Datastream(
        uid=f"{BRIDGE_ID}.{name}",
        name=name,
        asset_id=BRIDGE_ID,
        component_id=f"{BRIDGE_ID}/joint" if quantity == "displacement" else None,
        quantity=quantity,
        sensor_id="S1",
        source=source,
        route_key=f"{BRIDGE_ID}/{name}",
        provenance="simulated",
        cadence_s=3600.0,
    )


def wave(at_m: float) -> Datastream:
    own = stream(f"strain_{at_m:g}", "strain")
    return replace(own, kind="waveform", component_id=f"{BRIDGE_ID}/{at_m:g}")


STREAMS = (
    stream("travel", "displacement"),
    stream("travel#compensated", "displacement", source=ANALYSIS_SOURCE),
    stream("deck", "structure_temperature"),
    stream("frequency_1", "natural_frequency"),
)


def twin_of(
    *,
    slope: float = TRUE_MM_PER_K,
    facts: Sequence[tuple[str, float | str]] = (
        ("fixed_point_station_m", 0.0),
        ("main_span_m", 30.0),
    ),
    station_m: float | None = LENGTH_M,
    frequency_hz: float = 4.0,
    silent: str = "",
    now: datetime = NOW,
    sections_m: Sequence[float] = (),
) -> Twin:
    base = city()
    ticks = count()
    twin = Twin(MemoryStore(), clock=lambda: now + timedelta(microseconds=next(ticks)))
    attributes = tuple(Attribute(name, value, "m", MADE) for name, value in facts)
    twin.load(
        replace(
            base,
            assets=(replace(base.assets[0], attributes=attributes),),
            components=(
                Component(f"{BRIDGE_ID}/joint", BRIDGE_ID, "joint", "joint", station_m=station_m),
                *(
                    Component(f"{BRIDGE_ID}/{at_m:g}", BRIDGE_ID, "S", "section", station_m=at_m)
                    for at_m in sections_m
                ),
            ),
            datastreams=(*STREAMS, *(wave(at_m) for at_m in sections_m)),
        )
    )
    hour = np.arange(HOURS)
    random = np.random.default_rng(5)
    warm = 10.0 + 6.0 * np.sin(2.0 * np.pi * hour / 24.0) + 4.0 * np.sin(hour / 90.0)
    values = {
        "travel": slope * warm + random.normal(0.0, 0.02, HOURS),
        "deck": warm,
        "frequency_1": frequency_hz + random.normal(0.0, 0.01, HOURS),
    }
    rows = [
        (twin.datastream(f"{BRIDGE_ID}.{name}").number or 0, column)
        for name, column in values.items()
        if name != silent
    ]
    time_us = START_US + hour * HOUR_US
    readings = Readings(
        number=np.repeat([number for number, _ in rows], HOURS).astype(np.int32),
        time_us=np.tile(time_us, len(rows)),
        value=np.concatenate([column for _, column in rows]),
        quality=np.zeros(HOURS * len(rows), np.int16),
    )
    twin.record(Batch(uuid4(), 1, readings=readings, tallies={"demo": Tally()}))
    return twin


def looked(twin: Twin):
    (bridge,) = bridges(twin)
    found = look(bridge, reality.ANALYSIS)
    (state,) = found.outcome.states
    return found, {check.model: check for check in checks_of(state)}


def test_a_bearing_expands_from_the_fixed_point_and_not_over_the_whole_length() -> None:
    far = (("fixed_point_station_m", 20.0), ("main_span_m", 30.0))
    found, checks = looked(twin_of(slope=TRUE_MM_PER_K * 0.75, facts=far))
    assert checks["free_expansion"].predicted == pytest.approx(11e-3 * 60.0)
    assert checks["free_expansion"].error_percent == pytest.approx(0.0, abs=5.0)
    assert checks["free_expansion"].verdict == "valid"
    assert found.outcome.findings == ()
    assert found.state is MonitoringState.NORMAL


def test_a_fixed_bearing_of_the_inventory_is_the_fixed_point() -> None:
    twin = twin_of(facts=(("main_span_m", 30.0),))
    facts = ComponentFacts("T1/bearing", from_m=0.0, fixity="fixed")
    record = InventoryRecord(BRIDGE_ID, "component", "bearing", facts, MADE)
    twin.bridges.book.add([record], at=NOW)
    assert looked(twin)[1]["free_expansion"].verdict == "valid"
    other = replace(facts, component="T1/other", from_m=40.0)
    twin.bridges.book.add([replace(record, key="other", content=other)], at=NOW)
    _, checks = looked(twin)
    (reason,) = checks["free_expansion"].reasons
    assert "several fixed points are recorded (0 m, 40 m)" in said(reason, "en")
    assert "mehrere Festpunkte sind erfasst (0 m, 40 m)" in said(reason, "de")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"facts": (("main_span_m", 30.0),)}, "no fixed point is recorded"),
        ({"station_m": None}, "station of the bearing is not recorded"),
        ({"station_m": 0.0}, "lies at the fixed point"),
        ({"silent": "travel"}, ""),
    ],
)
def test_what_cannot_be_checked_says_why_and_drops_no_other_verdict(
    given: dict[str, object], reason: str
) -> None:
    _, checks = looked(twin_of(frequency_hz=2.0, **given))  # type: ignore[arg-type]
    expansion = checks["free_expansion"]
    assert expansion.verdict == "not_checked"
    (told,) = expansion.reasons
    assert is_known(told)
    assert reason in said(told, "en")
    assert checks["first_frequency"].verdict == "not_valid"
    assert validity_of("bearing.T1.travel", checks.values()).verdict == "not_checked"
    assert "nicht geprüft" in validity_words("bearing.T1.travel", checks.values(), language="de")


@pytest.mark.parametrize(
    ("span", "reason"),
    [
        ("32,5", "main_span_m of the bridge is no number"),
        ("nan", "main_span_m of the bridge is no number"),
        (0.0, "main_span_m have to be positive"),
    ],
)
def test_a_bad_span_fails_its_own_check_and_no_other(span: float | str, reason: str) -> None:
    twin = twin_of(facts=(("fixed_point_station_m", 0.0), ("main_span_m", span)))
    _, checks = looked(twin)
    assert checks["free_expansion"].verdict == "valid"
    told = reason_of(checks["first_frequency"])
    assert said(told, "en").startswith("not checked")
    assert reason in said(told, "en")


def test_a_fixed_point_that_is_no_number_is_named() -> None:
    _, checks = looked(twin_of(facts=(("fixed_point_station_m", "inf"), ("main_span_m", 30.0))))
    (told,) = checks["free_expansion"].reasons
    assert "no station in m" in said(told, "en")
    assert checks["first_frequency"].verdict == "valid"


def test_a_traffic_state_that_cannot_be_read_stops_no_other_check() -> None:
    def broken() -> Iterator[Check]:
        yield from ()
        raise KeyError("factor")

    (check,) = reality._each("traffic_counts", "traffic", "1", ("traffic",), broken())
    assert check.verdict == "not_checked"
    for language, words in (("en", "cannot be read"), ("de", "ist nicht lesbar")):
        assert words in said(reason_of(check), language)


@pytest.mark.parametrize(("days", "verdict"), [(1, "valid"), (199, "not_checked")])
def test_a_look_of_long_ago_says_nothing_of_now(days: int, verdict: str) -> None:
    twin = twin_of()
    _, checks = looked(twin)
    old = NOW - timedelta(days=days)
    state = record_of(checks.values(), asset_id=BRIDGE_ID, at=old)
    twin.bridges.keep(AnalysisOutcome(states=(state,)), at=old)
    found = read_checks(twin, BRIDGE_ID)
    assert {check.verdict for check in found} == {verdict}
    assert validity_of("bearing.T1.travel", found).verdict == verdict
    if verdict == "not_checked":
        english, german = (
            validity_words("bearing.T1.travel", found, language=one) for one in ("en", "de")
        )
        assert "last look 199 days ago" in english
        assert "letzter Blick vor 199 Tagen" in german


def test_a_model_that_fails_marks_everything_that_rests_on_it() -> None:
    found, checks = looked(twin_of(slope=0.2 * TRUE_MM_PER_K))
    assert [item.rule for item in found.outcome.findings] == ["model_not_valid"]
    all_of = checks.values()
    for name in ("bearing.T1.travel", "T1.travel#compensated"):
        assert validity_of(name, all_of).verdict == "not_valid"
        assert "not valid now" in validity_words(name, all_of, language="en")
    assert validity_of("compensation", all_of).verdict is None


def test_a_reversed_sign_is_said_and_the_amount_is_compared() -> None:
    found, checks = looked(twin_of(slope=-TRUE_MM_PER_K))
    assert checks["free_expansion"].verdict == "valid"
    assert checks["free_expansion"].remark == "sign_reversed"
    (finding,) = found.outcome.findings
    assert (finding.rule, finding.severity, finding.cause) == (
        "sign_reversed",
        "note",
        "sensor_fault",
    )
    assert "T1.travel" in said(finding.statement, "de")


@pytest.mark.parametrize(
    ("calibrated_hz", "verdict"), [(4.05, "valid"), (5.0, "not_valid"), (None, "valid")]
)
def test_the_structural_model_is_checked_against_the_measured_frequency(
    calibrated_hz: float | None, verdict: str
) -> None:
    twin = twin_of(frequency_hz=4.0)
    first = Frequency(1, 4.5, 3.0, 6.0, calibrated_hz, 4.0, channel="T1.frequency_1", count=100)
    part = StructureState("2", "L1", 1, "0" * 64, 0, frequencies=(first,))
    state = structure_record([part], asset_id=BRIDGE_ID, at=NOW)
    twin.bridges.keep(AnalysisOutcome(states=(state,)), at=NOW)
    _, checks = looked(twin)
    assert checks["structural_frequency"].verdict == verdict
    for name in ("structure.2", "utilisation.2"):
        assert validity_of(name, checks.values()).verdict == verdict
    assert validity_of("structure.1", checks.values()).verdict is None


def test_a_model_of_level_0_rests_on_the_rule_of_thumb() -> None:
    twin = twin_of(frequency_hz=1.0)
    first = Frequency(1, 1.0, 0.5, 2.0, None, 1.0, channel="T1.frequency_1", count=100)
    part = StructureState("", "L0", None, "0" * 64, 0, frequencies=(first,))
    state = structure_record([part], asset_id=BRIDGE_ID, at=NOW)
    twin.bridges.keep(AnalysisOutcome(states=(state,)), at=NOW)
    _, checks = looked(twin)
    assert checks["structural_frequency"].verdict == "valid"
    assert validity_of("structure", checks.values()).verdict == "not_valid"


def test_a_record_of_before_rests_were_named_is_still_read() -> None:
    check = Check("free_expansion", "T1.travel", 1.0, 1.1, "mm/K", 10.0, 30.0, 20)
    assert check.is_valid
    assert validity_of("bearing.T1.travel", [check]).verdict is None


def test_nothing_to_check_is_no_verdict() -> None:
    twin = twin_of()
    (bridge,) = bridges(twin)
    found = look(replace(bridge, streams=()), reality.ANALYSIS)
    assert found.state is MonitoringState.NOT_ARMED
    assert found.outcome.states == ()


SPAN = (
    ("bwim_calibration", 0.05),
    ("bwim_calibration_sd_percent", 1.0),
    ("bwim_calibrated_on", 2026.0),
    ("bwim_span_m", 15.0),
)
PEAK_UMM = 0.05 * (100.0 * 3.6 + 50.0 * 2.0)
"""First axle of 100 kN at the section of 9 m, the second of 50 kN 4 m behind it."""


def crossing(number: int, *, stretched: float) -> BridgeEvent:
    figures = {
        "axles": 2.0,
        "axle_1_kn": 100.0,
        "axle_2_kn": 50.0,
        "axle_1_offset_m": 0.0,
        "axle_2_offset_m": 4.0,
        "peak_umm": stretched * PEAK_UMM,
    }
    at = NOW - timedelta(hours=number + 1)
    return BridgeEvent(BRIDGE_ID, "crossing", f"{number}", at, figures)


@pytest.mark.parametrize(
    ("count_of", "stretched", "verdict"),
    [(30, 1.03, "valid"), (30, 1.3, "not_valid"), (5, 1.0, "not_checked")],
)
def test_weighed_crossings_check_the_shape_of_the_influence_line(
    count_of: int, stretched: float, verdict: str
) -> None:
    twin = twin_of(facts=SPAN, sections_m=(6.0, 9.0))
    events = tuple(crossing(number, stretched=stretched) for number in range(count_of))
    twin.bridges.keep(AnalysisOutcome(events=events), at=NOW)
    _, checks = looked(twin)
    check = checks["crossing_strain"]
    if check.predicted is not None:
        assert check.predicted == pytest.approx(PEAK_UMM, rel=1e-9)
        assert check.error_percent == pytest.approx(100.0 * (stretched - 1.0))
    for name in ("crossings", "fatigue.traffic"):
        assert validity_of(name, checks.values()).verdict == verdict


def live(**changed: object) -> TrafficState:
    content = {
        "is_valid": True,
        "reasons": [],
        "factor": 1.1,
        "held_out": {"rmse_percent": 10.0, "stations": 4},
        "allowed_rmse_percent": 15.0,
    }
    made_at = NOW - timedelta(minutes=10)
    return TrafficState("live", "today", made_at, json.dumps(content | changed))


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        (live(), "valid"),
        (live(is_valid=False, held_out={"rmse_percent": 40.0, "stations": 4}), "not_valid"),
        (live(is_valid=False, held_out={"rmse_percent": None, "stations": 1}), "not_checked"),
        (live(is_valid=False), "not_checked"),
        (replace(live(), made_at=NOW - timedelta(hours=3)), "not_checked"),
    ],
)
def test_the_traffic_state_rests_on_the_counts(state: TrafficState, verdict: str) -> None:
    twin = twin_of()
    twin.traffic.keep_state(state)
    (bridge,) = bridges(twin)
    assert list(predicted.traffic_counts(bridge)) == []
    (check,) = predicted.traffic_counts(replace(bridge, heavy=bridge.streams[:1]))
    assert validity_of("traffic", [check]).verdict == verdict


def test_a_failed_model_says_since_when_and_marks_the_series_that_rest_on_it() -> None:
    twin = twin_of(slope=TRUE_MM_PER_K * 0.3)
    travel = twin.datastream(f"{BRIDGE_ID}.travel")
    derived = twin.datastream(f"{BRIDGE_ID}.travel#compensated")
    first, _ = looked(twin)
    twin.bridges.keep(first.outcome, at=NOW)
    found = read_validity(twin, derived)
    assert (found.verdict, found.reasons[0].key) == ("not_valid", "not_valid_now.free_expansion")
    assert read_validity(twin, travel).verdict is None
    span = Span(NOW - timedelta(hours=1), NOW, 300)
    mark, none = (_mark(twin, one.uid, span) for one in (derived, travel))
    assert (mark["verdict"], none) == ("not_valid", None)
    assert mark["since"] == from_us(found.since_us or 0).isoformat()
    assert mark["reasons"]["de"][0].startswith("gilt zurzeit nicht: die freie Dehnung")
    again, checks = looked(twin)
    assert again.outcome.states[0].position_us > first.outcome.states[0].position_us
    assert checks["free_expansion"].since_us == found.since_us
    assert first.outcome.states[0].position_us == found.since_us


def _mark(twin: Twin, uid: str, span: Span) -> Any:
    return decode_table(series_table(twin, uid, span)).meta["validity"]


def test_a_model_that_holds_again_counts_anew() -> None:
    failed = Check("free_expansion", "B1.t", 1.0, 0.3, "mm/K", -70.0, 30.0, 30)
    (known,) = carried([failed], [], at=NOW)
    (held,) = carried([replace(failed, error_percent=5.0)], [known], at=NOW + timedelta(hours=6))
    (anew,) = carried([failed], [held], at=NOW + timedelta(hours=12))
    hours = [(one.since_us or 0) - (known.since_us or 0) for one in (held, anew)]
    assert hours == [6 * HOUR_US, 12 * HOUR_US]
