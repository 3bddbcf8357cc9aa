"""NGSI-LD: the rules F-NGS and the samples."""

import json
from datetime import timedelta
from typing import Any

import pytest
from contract.stream_samples import (
    RECEIVED,
    decode,
    documents,
    events,
    instant,
    observations,
    reasons,
    sample,
)
from contract.test_codecs import assert_well_formed, bad_payloads
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.model.messages import Outcome, TimeRule, ValueRule
from twin.model.quality import keys

FILLING = ValueRule("/filling", "battery_level", "1")
FROM, TO = "2026-06-15T07:55:00Z", "2026-06-15T08:00:00Z"
HELSINKI = [24.5, 60.0, 25.5, 60.5]


def notified(*entities: object, **more: Any) -> Any:
    return {"type": "Notification", "notifiedAt": TO, "data": list(entities), **more}


def flow(**attributes: Any) -> dict[str, Any]:
    window = {"dateObservedFrom": FROM, "dateObservedTo": TO}
    return {"id": "urn:a:1", "type": "TrafficFlowObserved"} | window | attributes


def read(document: object, **more: Any) -> Outcome:
    return decode("ngsi_ld", "ngsi/town", document, **more)


def values(outcome: Outcome) -> dict[str, Any]:
    return {one.path: pytest.approx(one.value, rel=1e-12) for one in observations(outcome)}


@pytest.mark.parametrize("number", [1, 2])
def test_the_notifications_of_the_tutorial_are_met(number: int) -> None:
    name = f"fiware_notification_{number}.json"
    (wanted,) = json.loads(sample("ngsi-ld", "expected.json"))[name]["observations"]
    (one,) = observations(read(sample("ngsi-ld", name), values=(FILLING,)))
    assert (one.key, one.path) == (wanted["key"], "/filling")
    assert one.value == pytest.approx(100 * wanted["value"])
    assert one.phenomenon_time == instant(wanted["time"])
    assert list(keys(one.quality)) == ([wanted["flag"]] if "flag" in wanted else [])


@pytest.mark.parametrize(
    "name",
    [
        "sdm_TrafficFlowObserved_normalized.jsonld",
        "sdm_TrafficFlowObserved_keyvalues_v2.json",
        "sdm_ItemFlowObserved_normalized.jsonld",
        "synthetic_mqtt_wrapped.json",
    ],
)
def test_f_ngs_1_the_flow_samples_are_met_in_every_notation(name: str) -> None:
    """F-NGS-1, F-NGS-2, F-NGS-5, F-TIM-6: 197 in 300 s = 2,364 veh/h; 12 in 21,600 s = 2."""
    expected = json.loads(sample("ngsi-ld", "expected.json"))
    wanted = expected[name]
    if isinstance(wanted, str):
        wanted = expected["sdm_TrafficFlowObserved_normalized.jsonld"]
    found = {one.path[1:]: one for one in observations(read(sample("ngsi-ld", name)))}
    assert set(found) == {one["attribute"] for one in wanted["observations"]}
    for one in wanted["observations"]:
        factor = 100 if one["attribute"] == "occupancy" else 1  # our occupancy is in percent
        assert found[one["attribute"]].value == pytest.approx(factor * one["value"])
        if "time" in one:
            assert found[one["attribute"]].phenomenon_time == instant(one["time"])


def test_a_unit_that_nobody_knows_is_missing_and_exchanged_coordinates_are_told() -> None:
    """F-NGS-7."""
    payload = sample("ngsi-ld", "sdm_DeviceMeasurement_normalized.jsonld")
    outcome = read(payload, tables={"extent": HELSINKI})
    assert reasons(outcome) == ["unit_missing"]
    (doubt,) = events(outcome)
    assert doubt.details["finding"] == "coordinates_exchanged"
    assert doubt.details["position"] == (60.170833, 24.9375)
    mapped = (ValueRule("/numValue", "relative_humidity", "%"),)
    (one,) = observations(read(payload, values=mapped))
    assert (one.value, one.quantity) == (55.2, "relative_humidity")


def test_f_ngs_7_coordinates_in_the_city_or_without_an_extent_are_not_judged() -> None:
    point = {"type": "Point", "coordinates": [24.9, 60.2]}
    assert events(read(flow(location=point), tables={"extent": HELSINKI})) == []
    swapped = {"type": "Point", "coordinates": [60.2, 24.9]}
    assert len(events(read(flow(location=swapped), tables={"extent": HELSINKI}))) == 1
    assert events(read(flow(location=swapped))) == []


def test_an_entity_of_a_type_without_known_attributes_is_unmapped() -> None:
    assert reasons(read(sample("ngsi-ld", "sdm_RoadSegment_keyvalues.jsonld"))) == ["unmapped"]


def test_f_ngs_1_three_notations_give_the_same() -> None:
    normalized = flow(intensity={"type": "Property", "value": 50})
    outcomes = [read(flow(intensity=50)), read(flow(intensity={"value": 50})), read(normalized)]
    assert [values(one) for one in outcomes] == [{"/intensity": 600.0}] * 3


def test_f_ngs_2_full_iris_match_by_their_last_segment_and_the_wrapping_is_taken_off() -> None:
    iri = "https://smartdatamodels.org/dataModel.Transportation/"
    entity = flow() | {"type": [f"{iri}TrafficFlowObserved"], f"{iri}intensity": {"value": 5}}
    wrapped = {"metadata": {"Link": "<https://x.example/c.jsonld>"}, "body": notified(entity)}
    assert values(read(wrapped)) == {"/intensity": 60.0}


def test_f_ngs_3_the_first_time_of_the_order_counts() -> None:
    observed = {"value": 40, "observedAt": "2026-06-15T07:59:59Z"}
    typed = {"@type": "DateTime", "@value": "2026-06-15T07:58:00Z"}
    bare = {"id": "urn:a:1", "type": "TrafficFlowObserved", "averageVehicleSpeed": 40}
    cases: list[tuple[dict[str, Any], str, list[str]]] = [
        (flow(averageVehicleSpeed=observed), "2026-06-15T07:59:59Z", []),
        (flow(averageVehicleSpeed=40, dateObserved="2026-06-15T07:00:00Z"), TO, []),
        (bare | {"dateObserved": {"value": typed}}, "2026-06-15T07:58:00Z", []),
        (bare, TO, ["time_substituted"]),
        (bare | {"dateObserved": "2026-06-15T07:58:00"}, TO, ["time_substituted"]),
    ]
    for entity, time, flags in cases:
        (one,) = observations(read(notified(entity)))
        assert (one.phenomenon_time, list(keys(one.quality))) == (instant(time), flags)
    (arrived,) = observations(read(bare))
    assert (arrived.phenomenon_time, arrived.is_timed) == (RECEIVED, False)


def test_f_cod_12_a_retained_entity_without_its_own_time_is_ignored() -> None:
    bare = {"id": "urn:a:1", "type": "TrafficFlowObserved", "averageVehicleSpeed": 40}
    assert read(bare, retained=True).ignored == 1
    assert len(observations(read(flow(averageVehicleSpeed=40), retained=True))) == 1


def test_f_ngs_4_a_window_in_one_text_counts_only_without_from_and_to() -> None:
    window = "2026-06-15T09:50:00/2026-06-15T10:00:00"
    entity = {"id": "urn:a:1", "type": "TrafficFlowObserved", "intensity": 10}
    local = read(entity | {"dateObserved": window}, time=TimeRule("", zone="Europe/Berlin"))
    assert values(local) == {"/intensity": 60.0}
    assert observations(local)[0].phenomenon_time == instant(TO)
    assert reasons(read(entity | {"dateObserved": window})) == ["time_invalid"]
    assert values(read(flow(intensity=10, dateObserved=window))) == {"/intensity": 120.0}


def test_f_ngs_5_units_and_fractions() -> None:
    speed = {"value": 13.5, "unitCode": "MTS"}
    percent = {"value": 12.0, "unitCode": "P1"}
    assert values(read(flow(averageVehicleSpeed=speed, occupancy=percent))) == {
        "/averageVehicleSpeed": 48.6,
        "/occupancy": 12.0,
    }
    assert reasons(read(flow(occupancy=12.0))) == ["unit_conflict"]
    odd = flow(averageVehicleSpeed={"value": 30, "unitCode": "X99"})
    assert reasons(read(odd)) == ["unit_missing"]
    declared = (ValueRule("/averageVehicleSpeed", "speed", "mph"),)
    assert values(read(odd, values=declared)) == {"/averageVehicleSpeed": 48.28032}


def test_a_count_without_a_period_is_refused_and_a_sentinel_is_missing() -> None:
    """F-MIS-3: flow 0 with speed -1 = flow 0, speed missing."""
    entity = {"id": "urn:a:1", "type": "TrafficFlowObserved", "intensity": 10, "dateObserved": TO}
    assert reasons(read(entity)) == ["missing_field"]
    assert reasons(read(flow(intensity=10, dateObservedTo=FROM))) == ["interval_mismatch"]
    outcome = read(flow(intensity=0, averageVehicleSpeed=-1))
    assert (values(outcome), outcome.missing) == ({"/intensity": 0.0}, 1)


def test_f_ngs_6_an_array_with_dataset_ids_is_several_streams() -> None:
    lanes = [
        {"type": "Property", "value": 10, "datasetId": "urn:ngsi-ld:Dataset:lane/1"},
        {"type": "Property", "value": 20, "datasetId": "urn:ngsi-ld:Dataset:lane/2"},
        {"type": "Property", "value": 30},
    ]
    assert values(read(flow(intensity=lanes))) == {
        "/intensity/urn:ngsi-ld:Dataset:lane~11": 120.0,
        "/intensity/urn:ngsi-ld:Dataset:lane~12": 240.0,
        "/intensity": 360.0,
    }


def test_f_cod_4_a_bad_entity_keeps_its_good_neighbours_and_numbers_are_counted() -> None:
    """F-COD-6: numbers that nobody reads are unassigned."""
    outcome = read(notified(7, flow(intensity=5, laneId=1, averageHeadwayTime={"value": 3.5})))
    assert (values(outcome), reasons(outcome)) == ({"/intensity": 60.0}, ["wrong_type"])
    assert outcome.unassigned == 2


@settings(max_examples=200, deadline=None)
@given(
    document=documents(
        [
            "id",
            "type",
            "data",
            "body",
            "metadata",
            "notifiedAt",
            "intensity",
            "value",
            "unitCode",
            "observedAt",
            "datasetId",
            "dateObserved",
            "dateObservedFrom",
            "dateObservedTo",
            "averageVehicleSpeed",
            "location",
            "@value",
        ],
        ["TrafficFlowObserved", FROM, TO, "P1", "Property", "2026-06-15T08:00:00", f"{FROM}/{TO}"],
    ),
    extra=st.booleans(),
)
def test_f_cod_2_any_ngsi_json_gives_an_outcome(*, document: object, extra: bool) -> None:
    assert_well_formed(read(document, tables={"extent": [0, 0, "x", 1]} if extra else None))
    if isinstance(document, dict):
        assert_well_formed(read(notified(flow(**document)), values=(FILLING,)))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_f_cod_2_any_bytes_give_an_outcome(payload: bytes) -> None:
    assert_well_formed(read(payload))


def test_f_cod_2_the_corpus_of_bad_payloads_gives_outcomes() -> None:
    for payload in bad_payloads(500):
        assert_well_formed(read(payload))


def test_f_tim_6_a_count_becomes_a_flow_for_any_period() -> None:
    """F-TIM-6: the flow of a count is exact for any period."""
    for minutes in (1, 5, 15, 60, 360):
        begin = instant(TO) - timedelta(minutes=minutes)
        outcome = read(flow(intensity=minutes, dateObservedFrom=begin.isoformat()))
        assert values(outcome) == {"/intensity": 60.0}
