"""Scour is judged with the limits of its pier, and only with those."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import uuid4

import numpy as np
import pytest
from bridge_city import BRIDGE_ID, MADE, city

from simulations.bridges import scour
from simulations.bridges.inputs import bridges
from simulations.bridges.rounds import look
from twin.city import Twin
from twin.model.assets import Attribute
from twin.model.datastreams import Datastream
from twin.model.findings import MonitoringState
from twin.model.observations import Batch, Readings, Tally
from twin.model.phrases import said
from twin.model.quality import Quality
from twin.model.times import to_us
from twin.store.memory import MemoryStore

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LIMITS = "T1.bed;100.0;1.0;2.0;recalculation of pier 3, 2021"
BED = Datastream(
    uid="T1.bed",
    name="bed",
    asset_id=BRIDGE_ID,
    component_id=None,
    quantity="bed_level",
    sensor_id="S1",
    source="demo",
    route_key="T1/bed",
    provenance="simulated",
)


def twin_of(
    levels: Sequence[float], *, limits: Sequence[str] = (LIMITS,), age_h: float = 1.0, flag: int = 0
) -> Twin:
    base = city()
    attributes = tuple(
        Attribute(f"scour_pier {number}", text, "", MADE) for number, text in enumerate(limits, 3)
    )
    ticks = count()
    twin = Twin(MemoryStore(), clock=lambda: NOW + timedelta(microseconds=next(ticks)))
    bridge = replace(base.assets[0], attributes=attributes)
    twin.load(replace(base, assets=(bridge,), datastreams=(BED,)))
    number = twin.datastream("T1.bed").number or 0
    newest_us = to_us(NOW - timedelta(hours=age_h))
    hours = np.arange(len(levels))[::-1]
    readings = Readings(
        number=np.full(len(levels), number, np.int32),
        time_us=newest_us - hours * 3_600_000_000,
        value=np.array(levels, np.float64),
        quality=np.full(len(levels), flag, np.int16),
    )
    twin.record(Batch(uuid4(), 1, readings=readings, tallies={"demo": Tally()}))
    return twin


def looked(twin: Twin):
    (bridge,) = bridges(twin)
    assert scour.is_concerned(bridge)
    return look(bridge, scour.ANALYSIS)


@pytest.mark.parametrize(
    ("levels", "severity"),
    [
        ([99.5, 99.4, 99.5], None),
        ([99.5, 99.5, 90.0], None),  # one echo alone
        ([98.7, 98.6, 98.6], "warning"),
        ([97.9, 97.8, 97.9], "critical"),
    ],
)
def test_the_depth_below_the_reference_is_judged(levels: list[float], severity: str | None) -> None:
    found = looked(twin_of(levels))
    assert found.state is MonitoringState.NORMAL
    assert [item.severity for item in found.outcome.findings] == ([severity] if severity else [])
    for finding in found.outcome.findings:
        assert finding.reasons[0].source == "recalculation of pier 3, 2021"
        assert "pier 3" in said(finding.statement, "en")


@pytest.mark.parametrize("given", [{"age_h": 25.0}, {"flag": int(Quality.SUSPECT)}])
def test_without_a_sound_sounding_the_rule_is_blind(given: dict[str, float]) -> None:
    found = looked(twin_of([90.0, 90.0, 90.0], **given))  # type: ignore[arg-type]
    assert found.outcome.findings == ()
    assert found.state is MonitoringState.NOT_ARMED
    assert found.reason is not None
    assert "T1.bed" in said(found.reason, "de")


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ((), "no limits are recorded for T1.bed"),
        (("T1.bed;100;1;2",), "is not datastream;reference level"),
        (("T1.bed;100;2;1;report",), "0 < warning depth < alarm depth"),
        (("T1.bed;nan;1;2;report",), "reference level is no number"),
        (("T1.bett;100;1;2;report", "T1.bed;x;1;2;r"), "has no sounding 'T1.bett'; scour_pier 4"),
    ],
)
def test_missing_and_impossible_limits_are_named(limits: Sequence[str], reason: str) -> None:
    found = looked(twin_of([90.0, 90.0, 90.0], limits=limits))
    assert found.state is MonitoringState.NOT_ARMED
    assert found.outcome.findings == ()
    assert found.reason is not None
    assert reason in said(found.reason, "en")


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("T1.bed;100;2;1;report", "0 < warning depth < alarm depth"),
        ("T1.bett;100;1;2;report", "has no sounding 'T1.bett'"),
    ],
)
def test_a_wrong_record_of_one_pier_silences_no_other(wrong: str, reason: str) -> None:
    found = looked(twin_of([97.9, 97.8, 97.9], limits=(LIMITS, wrong)))
    assert [item.key for item in found.outcome.findings] == ["pier 3"]
    assert found.state is MonitoringState.NOT_ARMED
    assert found.reason is not None
    told = said(found.reason, "en")
    assert "judges pier 3 alone" in told
    assert "scour_pier 4" in told
    assert reason in told
    assert "no limits are recorded" not in told


def test_a_bridge_without_soundings_is_not_concerned() -> None:
    twin = twin_of([])
    (bridge,) = bridges(twin)
    assert not scour.is_concerned(replace(bridge, streams=()))
