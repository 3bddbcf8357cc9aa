"""Consumed fatigue of recorded details: counted from strain streams, by hand the same."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import numpy as np
import pytest
from shapely.geometry import Point

from dashboards.api.bridge_documents import facts_document
from dashboards.bridge_figures import available
from dashboards.i18n.translate import Texts
from dashboards.widgets.fatigue import fatigue_card, fatigue_section
from simulations.bridges import fatigue
from simulations.bridges.command import document, text
from simulations.bridges.rounds import Rounds
from twin.bridge_view import read_bridge
from twin.city import Twin
from twin.errors import ModelError
from twin.model.assets import Asset, Attribute
from twin.model.bridge_status import NAME as STATUS
from twin.model.bridge_status import status_of
from twin.model.city import City
from twin.model.datastreams import Datastream, Sensor
from twin.model.fatigue import DetailFatigue, details_of
from twin.model.findings import MonitoringState
from twin.model.monitoring import AnalysisOutcome, BridgeEvent
from twin.model.observations import Batch, Readings, Tally, Waveform
from twin.model.provenance import Provenance
from twin.model.quality import SUSPECT_MASK
from twin.model.times import to_us
from twin.store.memory import MemoryStore

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
MADE = Provenance("estimated", by="made up")
ONE_CYCLE = (105.0 / 71.0) ** 3 / 2e6
"""Damage of one cycle of 500 um/m in steel of 210,000 N/mm2, category 71, by hand."""


class Clock:
    """A time that moves when the test says so."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.ticks = 0

    def __call__(self) -> datetime:
        self.ticks += 1
        return self.now + timedelta(microseconds=self.ticks)


def stream(uid: str, *, kind: str, cadence_s: float | None) -> Datastream:
    return Datastream(
        uid=uid,
        name=uid,
        asset_id="T1",
        component_id=None,
        quantity="strain",
        sensor_id="S1",
        source="demo",
        route_key=uid,
        provenance="simulated",
        kind="waveform" if kind == "waveform" else "reading",
        cadence_s=cadence_s,
    )


STREAMS = (
    stream("fast", kind="reading", cadence_s=0.05),
    stream("slow", kind="reading", cadence_s=60.0),
    stream("blocks", kind="waveform", cadence_s=None),
)


def city(**records: str) -> City:
    attributes = [Attribute(f"fatigue_detail_{k}", v, "", MADE) for k, v in records.items()]
    bridge = Asset("T1", "bridge", "Probe", Point(13.7, 51.0), MADE, tuple(attributes))
    sensor = Sensor("S1", "logger", "simulated", "simulated")
    return City(
        name="Probestadt",
        assets=(bridge,),
        components=(),
        sensors=(sensor,),
        datastreams=STREAMS,
        references=(),
    )


def twin_of(clock: Clock, **records: str) -> Twin:
    twin = Twin(MemoryStore(), clock=clock)
    twin.load(city(**records))
    return twin


def send(
    twin: Twin, uid: str, strain: Sequence[float], *, start: datetime, bad: bool = False
) -> None:
    datastream = twin.datastream(uid)
    number, rows = datastream.number or 0, len(strain)
    tallies = {"demo": Tally()}
    start_us = to_us(start)
    if datastream.kind == "waveform":
        block = Waveform(number, start_us, 20.0, np.array(strain, np.float32))
        batch = Batch(incarnation=uuid4(), sequence=1, waveforms=(block,), tallies=tallies)
    else:
        step_us = round(1e6 * (datastream.cadence_s or 0.0))
        readings = Readings(
            number=np.full(rows, number, np.int32),
            time_us=start_us + step_us * np.arange(rows),
            value=np.array(strain, float),
            quality=np.full(rows, int(SUSPECT_MASK) if bad else 0, np.int16),
        )
        batch = Batch(incarnation=uuid4(), sequence=1, readings=readings, tallies=tallies)
    twin.record(batch)


def counted(twin: Twin) -> dict[str, DetailFatigue]:
    assert Rounds(twin, [fatigue.ANALYSIS]).all_due() == 1
    kept = twin.bridges.state("T1", "fatigue")
    assert kept is not None
    return {item.detail: item for item in details_of(kept)}


def swings(cycles: int) -> list[float]:
    return [0.0, 500.0] * cycles + [0.0]


def test_weighed_vehicles_are_ranked_by_their_damage_and_add_to_no_sum() -> None:
    twin = twin_of(Clock(START + timedelta(minutes=10)), midspan="fast;71;210000;1;2")
    send(twin, "fast", swings(10), start=START)
    events = tuple(
        BridgeEvent(
            "T1", "crossing", f"c{n}", START, {"gross_t": 10.0, "peak_umm": peak, "axles": 2.0},
            {"vehicle_class": "rigid_2", "calibration": "made up", "sections": ""},
        )
        for n, peak in enumerate((500.0, 1000.0, 1.0))
    )  # fmt: skip
    twin.bridges.keep(AnalysisOutcome(events=events), at=START)
    detail = counted(twin)["midspan"]
    assert [round(one.damage / ONE_CYCLE, 6) for one in detail.vehicles] == [8.0, 1.0]
    assert [round(one.share, 6) for one in detail.vehicles] == [round(8 / 9, 6), round(1 / 9, 6)]
    assert detail.damage == pytest.approx(10 * ONE_CYCLE)
    assert sum(detail.half_cycles) == 2 * detail.cycles
    assert detail.half_cycles[-1] > 0
    assert "105" in page(twin, "en")


@pytest.mark.parametrize("uid", ["fast", "blocks"])
def test_ten_swings_do_the_damage_of_the_curve_by_hand(uid: str) -> None:
    twin = twin_of(Clock(START + timedelta(minutes=10)), midspan=f"{uid};71;210000;1;2")
    send(twin, uid, swings(10), start=START)
    found = counted(twin)["midspan"]
    assert found.closed_damage == pytest.approx(9 * ONE_CYCLE, rel=1e-9)
    assert found.residue_damage == pytest.approx(ONE_CYCLE, rel=1e-9)
    assert found.sees_crossings
    assert found.coverage == pytest.approx(1.0)
    assert found.rate_per_year is None
    assert "needs at least 30" in found.rate_reason


def test_the_next_look_goes_on_where_the_last_one_ended() -> None:
    clock = Clock(START + timedelta(minutes=10))
    twin = twin_of(clock, midspan="fast;71;210000;1;2")
    send(twin, "fast", swings(10), start=START)
    first = counted(twin)["midspan"]
    clock.now += timedelta(hours=2)
    assert counted(twin)["midspan"].damage == first.damage
    send(twin, "fast", swings(5), start=START + timedelta(hours=1))
    clock.now += timedelta(hours=2)
    found = counted(twin)["midspan"]
    assert found.damage == pytest.approx(15 * ONE_CYCLE, rel=1e-9)
    assert found.coverage < 0.001


def test_the_factor_of_the_detail_scales_the_stress() -> None:
    twin = twin_of(
        Clock(START + timedelta(minutes=10)), a="fast;71;210000;1;2", b="fast;71;210000;2;2"
    )
    send(twin, "fast", swings(10), start=START)
    found = counted(twin)
    assert found["b"].damage == pytest.approx(8.0 * found["a"].damage, rel=1e-9)


def test_a_slow_stream_says_that_it_misses_crossings() -> None:
    twin = twin_of(Clock(START + timedelta(hours=3)), midspan="slow;71;210000;1;2")
    send(twin, "slow", swings(10), start=START)
    found = counted(twin)["midspan"]
    assert not found.sees_crossings
    assert found.traffic_damage is None
    assert "crossings are missed" in found.assumptions[0]
    shown = read_bridge(twin, "T1")
    assert "temperature cycles only" in text(shown, language="en")
    assert "nur Temperaturwechsel" in text(shown, language="de")
    assert document(shown, language="en")["fatigue"]


def test_doubtful_readings_are_no_cycles() -> None:
    twin = twin_of(Clock(START + timedelta(minutes=10)), midspan="fast;71;210000;1;2")
    send(twin, "fast", swings(10), start=START)
    send(twin, "fast", swings(10), start=START + timedelta(minutes=1), bad=True)
    assert counted(twin)["midspan"].damage == pytest.approx(10 * ONE_CYCLE, rel=1e-9)


def test_counting_judges_nothing_and_a_wrong_record_is_named() -> None:
    twin = twin_of(
        Clock(START + timedelta(minutes=10)), a="fast;71;210000;1;2", b="fast;72;210000;1;2"
    )
    send(twin, "fast", swings(10), start=START)
    assert set(counted(twin)) == {"a"}
    kept = twin.bridges.state("T1", STATUS)
    assert kept is not None
    (status,) = status_of(kept).analyses
    assert status.state is MonitoringState.NOT_ARMED
    assert "fatigue_detail_b" in str(status.reason)
    assert "no detail category 72" in str(status.reason)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("fast;71;210000", "is not datastream; detail category"),
        ("else;71;210000;1;2", "no strain stream 'else'"),
    ],
)
def test_a_record_that_cannot_be_read_is_refused(value: str, problem: str) -> None:
    twin = twin_of(Clock(START), midspan=value)
    Rounds(twin, [fatigue.ANALYSIS]).all_due()
    kept = twin.bridges.state("T1", STATUS)
    assert kept is not None
    assert problem in str(status_of(kept).analyses[0].reason)
    assert not read_bridge(twin, "T1").fatigue


def test_a_bridge_without_a_recorded_detail_is_not_concerned() -> None:
    twin = twin_of(Clock(START))
    assert Rounds(twin, [fatigue.ANALYSIS]).all_due() == 0


def test_a_damaged_summary_is_refused() -> None:
    twin = twin_of(Clock(START + timedelta(minutes=10)), midspan="fast;71;210000;1;2")
    send(twin, "fast", swings(1), start=START)
    counted(twin)
    kept = twin.bridges.state("T1", "fatigue")
    assert kept is not None
    with pytest.raises(ModelError, match="'fatigue' of T1 is damaged"):
        details_of(type(kept)("fatigue", "T1", 1, 0, b"[{}]"))


def test_the_page_shows_what_was_counted_and_what_it_misses() -> None:
    twin = twin_of(
        Clock(START + timedelta(hours=3)), a="fast;71;210000;1;2", b="slow;71;210000;1;2"
    )
    assert "not assessable" in page(twin, "en")
    send(twin, "fast", swings(10), start=START)
    send(twin, "slow", swings(10), start=START)
    counted(twin)
    english, german = page(twin, "en"), page(twin, "de")
    assert "a: 1.62e-05" in english
    assert "too slow for crossings" in english
    assert "not assessable" not in english
    assert "a: 1,62e-05" in german
    assert "1,46e-05" in german


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "the gauge S1 has no recorded calibration"),
        ("de", "für den Dehnungssensor S1 ist keine Kalibrierung erfasst"),
    ],
)
def test_a_sum_of_a_gauge_without_a_calibration_says_so_beside_it(
    language: str, words: str
) -> None:
    clock = Clock(START + timedelta(minutes=10))
    twin = twin_of(clock, a="fast;71;210000;1;2")
    base = city(a="fast;71;210000;1;2")
    measured = tuple(replace(item, provenance="measured") for item in STREAMS)
    twin.load(replace(base, datastreams=measured))
    send(twin, "fast", swings(10), start=START)
    counted(twin)
    view = read_bridge(twin, "T1")
    (told,) = facts_document(view, language=language)["fatigue"]  # type: ignore[misc]
    assert words in told["remarks"][0]
    assert page(twin, language).count(words) == 2
    assert words in text(view, language=language)
    assert words in str(document(view, language=language)["fatigue"])

    made = Attribute("calibrated:S1", "2026-01-12, certificate 4711", "", MADE)
    (asset,) = base.assets
    asset = replace(asset, attributes=(*asset.attributes, made))
    twin.load(replace(base, assets=(asset,), datastreams=measured))
    clock.now += timedelta(hours=2)
    assert counted(twin)["a"].remarks == ()


def page(twin: Twin, language: str) -> str:
    view, texts = read_bridge(twin, "T1"), Texts(language)
    drawn = available(view, ())["histogram"]
    return str(fatigue_card(view, texts)) + str(fatigue_section(view, drawn, texts))
