"""Analyses of crossings read every one of their window, however many there are."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from bridge_city import BRIDGE_ID, MADE, city

from simulations.bridges.inputs import PAGE_EVENTS, Bridge, bridges
from simulations.bridges.predicted import MOST_CROSSINGS, crossing_strain
from simulations.bridges.vehicle_damage import MOST_SHOWN, top_vehicles
from simulations.structure.sn import sn_curve
from twin.city import Twin
from twin.model.assets import Attribute, Component
from twin.model.monitoring import AnalysisOutcome, BridgeEvent
from twin.store.memory import MemoryStore

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAYS = 30
A_DAY = 100
SPAN = (
    ("bwim_calibration", 0.05),
    ("bwim_calibration_sd_percent", 1.0),
    ("bwim_calibrated_on", 2026.0),
    ("bwim_span_m", 15.0),
)


def crossing(number: int, at: datetime, peak_umm: float, **figures: float) -> BridgeEvent:
    known = {"axles": 2.0, "gross_t": 10.0, "peak_umm": peak_umm} | figures
    return BridgeEvent(BRIDGE_ID, "crossing", f"c{number}", at, known)


def bridge_of(*events: BridgeEvent) -> Bridge:
    ticks = count()
    twin = Twin(MemoryStore(), clock=lambda: NOW + timedelta(microseconds=next(ticks)))
    base = city()
    (strain,) = [one for one in base.datastreams if one.name == "crack_1"]
    attributes = tuple(Attribute(name, value, "", MADE) for name, value in SPAN)
    sections = {"near": 6.0, "mid": 9.0}
    twin.load(
        replace(
            base,
            assets=(replace(base.assets[0], attributes=attributes),),
            components=tuple(
                Component(f"{BRIDGE_ID}/{name}", BRIDGE_ID, name, "section", station_m=station)
                for name, station in sections.items()
            ),
            datastreams=tuple(
                replace(
                    strain,
                    uid=f"{BRIDGE_ID}.{name}",
                    name=name,
                    quantity="strain",
                    kind="waveform",
                    component_id=f"{BRIDGE_ID}/{name}",
                    route_key=f"{BRIDGE_ID}/{name}",
                )
                for name in sections
            ),
        )
    )
    twin.bridges.keep(AnalysisOutcome(events=events), at=NOW)
    (bridge,) = bridges(twin)
    return bridge


def month(*peaks: float, **figures: float) -> list[BridgeEvent]:
    """A month of crossings, the newest first, with the last of the peaks for the rest."""
    apart = timedelta(days=DAYS) / (DAYS * A_DAY + 1)
    return [
        crossing(row, NOW - (row + 1) * apart, peaks[min(row, len(peaks) - 1)], **figures)
        for row in range(DAYS * A_DAY)
    ]


def test_all_events_of_a_window_are_read_once_also_those_of_one_instant() -> None:
    events = month(100.0)
    at_once = events[500].at
    together = [crossing(10_000 + row, at_once, 50.0) for row in range(PAGE_EVENTS + 700)]
    old = crossing(99_999, NOW - timedelta(days=DAYS, seconds=1), 900.0)
    bridge = bridge_of(*events, *together, old)
    found = list(bridge.events("crossing", start=NOW - timedelta(days=DAYS)))
    assert len(found) == len(events) + len(together)
    assert {one.key for one in found} == {one.key for one in (*events, *together)}
    assert [one.at for one in found] == sorted((one.at for one in found), reverse=True)
    assert list(bridge_of().events("crossing", start=NOW - timedelta(days=DAYS))) == []


def test_the_heaviest_vehicle_of_a_busy_month_is_found_with_its_share() -> None:
    events = month(500.0)
    events[-1] = replace(events[-1], figures=dict(events[-1].figures) | {"peak_umm": 1000.0})
    found = top_vehicles(bridge_of(*events), curve=sn_curve(71.0), modulus_gpa=210.0, factor=1.0)
    assert len(found) == MOST_SHOWN
    assert found[0].range_mpa == pytest.approx(210.0)
    assert found[0].share == pytest.approx(8.0 / (8.0 + len(events) - 1))
    assert found[1].share == pytest.approx(1.0 / (8.0 + len(events) - 1))


def test_the_shape_of_the_influence_line_is_checked_over_the_whole_time() -> None:
    axles = {
        "axle_1_kn": 100.0,
        "axle_2_kn": 50.0,
        "axle_1_offset_m": 0.0,
        "axle_2_offset_m": 4.0,
    }
    true_umm = 0.05 * (100.0 * 3.6 + 50.0 * 2.0)
    peaks = [true_umm] * MOST_CROSSINGS + [1.4 * true_umm]
    (check,) = crossing_strain(bridge_of(*month(*peaks, **axles)), days=DAYS)
    assert check.error_percent == pytest.approx(40.0)
    assert MOST_CROSSINGS / 2 <= check.count <= MOST_CROSSINGS
