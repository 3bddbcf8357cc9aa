"""Traffic counts leave as NGSI-LD and come back as they were: F-NGS-8."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from contract.stream_samples import decode, observations, reasons
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point

from twin.exchange.ngsi_out import FlowObserved, entity_of, flows_of
from twin.model.assets import Asset
from twin.model.datastreams import Datastream
from twin.model.provenance import Provenance
from twin.model.quality import Quality, QualityClass
from twin.rules.streams import StreamState

END = datetime(2026, 6, 15, 8, tzinfo=UTC)


def back(observed: FlowObserved) -> dict[str, float]:
    document = {"type": "Notification", "data": [json.loads(json.dumps(entity_of(observed)))]}
    outcome = decode("ngsi_ld", "ngsi/town", document)
    assert not reasons(outcome)
    assert all(one.phenomenon_time == observed.end for one in observations(outcome))
    return {one.quantity: one.value for one in observations(outcome)}


@given(
    flow=st.floats(0, 20_000),
    period_s=st.sampled_from([60.0, 300.0, 900.0, 3600.0, 21_600.0]) | st.floats(1, 86_400),
    speed=st.none() | st.floats(0, 250),
    occupancy=st.none() | st.floats(0, 100),
)
def test_f_ngs_8_what_leaves_comes_back_as_the_same_flow(
    *, flow: float, period_s: float, speed: float | None, occupancy: float | None
) -> None:
    period_s = timedelta(seconds=period_s).total_seconds()  # as exact as a time can be written
    told = FlowObserved("L1.q", END, period_s, flow, "measured", speed, occupancy, Point(13, 51))
    wanted = {"traffic_flow": flow, "speed": speed, "occupancy": occupancy}
    found: Any = pytest.approx(back(told), rel=1e-9, abs=1e-9)
    assert {name: value for name, value in wanted.items() if value is not None} == found


def test_f_ngs_8_the_entity_is_normalized_with_period_and_unit_codes() -> None:
    entity: Any = entity_of(FlowObserved("L1/q 1", END, 300.0, 2364.0, "simulated", 48.6, 12.0))
    assert entity["id"] == "urn:ngsi-ld:TrafficFlowObserved:L1%2Fq%201"
    assert entity["intensity"] == {
        "type": "Property", "value": 197.0, "unitCode": "C62", "observedAt": "2026-06-15T08:00:00Z",
    }  # fmt: skip
    assert entity["dateObservedFrom"]["value"]["@value"] == "2026-06-15T07:55:00Z"
    assert (entity["averageVehicleSpeed"]["unitCode"], entity["occupancy"]["value"]) == (
        "KMH",
        0.12,
    )
    assert entity["source"]["value"] == "simulated"


def state(uid: str, quantity: str, value: float | None = 1.0, **more: Any) -> StreamState:
    quality, time = more.pop("quality", 0), more.pop("time", END)
    plain = Datastream(uid, uid, "A", None, quantity, "S", "s", uid, "measured", cadence_s=300.0)
    stream = replace(plain, **more)
    return StreamState(stream, time, value, quality, QualityClass.GOOD, 1.0)


def test_only_counts_that_may_be_shown_and_believed_leave() -> None:
    asset = Asset("A", "road_link", "A", Point(13, 51), Provenance("measured"))
    good = [state("q", "traffic_flow", 600.0), state("v", "speed", 50.0)]
    (one,) = flows_of(good, [asset])
    assert (one.flow_veh_h, one.speed_km_h, one.geometry) == (600.0, 50.0, Point(13, 51))
    for bad in (
        state("q", "traffic_flow", quality=int(Quality.BAD_AT_SOURCE)),
        state("q", "traffic_flow", None),
        state("q", "traffic_flow", cadence_s=None),
        state("q", "traffic_flow", privacy_class="vehicle"),
        state("q", "traffic_flow", vehicle_class="heavy"),
    ):
        assert not flows_of([bad, good[1]], [asset])


def test_a_speed_of_another_time_or_of_one_of_two_directions_is_left_out() -> None:
    late = state("v", "speed", time=END + timedelta(minutes=5))
    (one,) = flows_of([state("q", "traffic_flow"), late], [])
    assert one.speed_km_h is None
    pair = [state("q1", "traffic_flow"), state("q2", "traffic_flow"), state("v", "speed")]
    assert [(one.key, one.speed_km_h) for one in flows_of(pair, [])] == [("q1", None), ("q2", None)]
