"""DATEX II measured data: the samples and rules of the specification."""

import json
import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.codecs.datex2 import codec
from sensors.codecs.datex2sites import read_sites
from sensors.codecs.decoder import RefusedError
from twin.model.messages import (
    REASONS,
    CodecContext,
    CodecRule,
    Limits,
    Message,
    Observation,
    Outcome,
    Rejection,
)
from twin.model.quantities import conversion, quantity

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples" / "datex2"
RECEIVED = datetime(2026, 6, 15, 8, 0, 40, tzinfo=UTC)
RULE = CodecRule("datex2/{feed}", "datex2", "test")
LANES = {
    index: {"type": kind, "period_s": 60.0, "lane": lane, "vehicle": ""}
    for index, kind, lane in (
        ("1", "trafficFlow", "1"),
        ("2", "trafficSpeed", "1"),
        ("3", "trafficFlow", "2"),
        ("4", "trafficSpeed", "2"),
    )
}
TABLE: dict[str, Any] = {"cross_sections": False, "sites": {"A@3": {"characteristics": LANES}}}


def decode(content: bytes, table: object = None, limits: Limits | None = None) -> Outcome:
    context = CodecContext(RULE, limits=limits or Limits(), tables={"sites": table or TABLE})
    return codec.decode(Message("datex2/a", content, RECEIVED), context)


def value(index: int, kind: str, inner: str, extra: str = "") -> str:
    return (
        f'<r:physicalQuantity index="{index}"><r:physicalQuantity>'
        f'<r:basicData xsi:type="r:{kind}">{extra}{inner}</r:basicData>'
        "</r:physicalQuantity></r:physicalQuantity>"
    )


def flow(index: int, number: object, extra: str = "") -> str:
    inner = f"<c:vehicleFlowRate>{number}</c:vehicleFlowRate>"
    return value(index, "TrafficFlow", f"<r:vehicleFlow>{inner}</r:vehicleFlow>", extra)


def speed(index: int, number: object) -> str:
    inner = f"<c:speed>{number}</c:speed>"
    return value(index, "TrafficSpeed", f"<r:averageVehicleSpeed>{inner}</r:averageVehicleSpeed>")


def publication(*values: str, meaning: str = "", site: str = 'id="A" version="3"') -> bytes:
    word = f"<r:timeMeaning>{meaning}</r:timeMeaning>" if meaning else ""
    return (
        '<p:payload xmlns:p="http://datex2.eu/schema/3/d2Payload" '
        'xmlns:c="http://datex2.eu/schema/3/common" '
        'xmlns:r="http://datex2.eu/schema/3/roadTrafficData" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xsi:type="r:MeasuredDataPublication">'
        f"<r:siteMeasurements><r:measurementSiteReference {site}/>{''.join(values)}"
        f"<r:measurementTimeDefault>{word}<r:timeValue>2026-06-15T08:00:00Z</r:timeValue>"
        "</r:measurementTimeDefault></r:siteMeasurements></p:payload>"
    ).encode()


def observations(outcome: Outcome) -> list[Observation]:
    return [one for one in outcome.items if isinstance(one, Observation)]


def reasons(outcome: Outcome) -> list[str]:
    return [one.reason for one in outcome.items if isinstance(one, Rejection)]


def sample_table() -> dict[str, Any]:
    if not SAMPLES.exists():
        pytest.skip(f"samples are not there: {SAMPLES}")
    return read_sites((SAMPLES / "synthetic_v3_site_table.xml").read_bytes())


@pytest.mark.parametrize(
    "name",
    [
        "synthetic_v3_measured_data.xml",
        "synthetic_v3_container_other_prefixes.xml",
        "synthetic_v2_measured_data.xml",
    ],
)
def test_the_datex2_samples_are_met(name: str) -> None:
    """F-DTX-1, F-DTX-2, F-DTX-3 and F-DTX-6."""
    table = sample_table()
    expected = json.loads((SAMPLES / "expected.json").read_text("utf-8"))
    time = datetime.fromisoformat(expected["time of all measured values"])
    wanted = expected[name]
    wanted = expected["synthetic_v3_measured_data.xml"] if isinstance(wanted, str) else wanted
    outcome = decode((SAMPLES / name).read_bytes(), table)
    found = observations(outcome)
    assert [(one.key, one.value) for one in found] == [
        (one["key"], one["value"]) for one in wanted["observations"]
    ]
    for one, other in zip(found, wanted["observations"], strict=True):
        assert one.phenomenon_time == time
        assert conversion(other["unit"], quantity(one.quantity).unit).scale == 1.0
        assert one.unit == other["unit"]
    assert outcome.missing == wanted.get("missing", 0)
    assert reasons(outcome) == wanted.get("rejections", [])


def test_f_dtx_5_the_sample_gives_its_cross_section_where_the_table_asks_for_it() -> None:
    table = sample_table() | {"cross_sections": True}
    outcome = decode((SAMPLES / "synthetic_v3_measured_data.xml").read_bytes(), table)
    found = {one.key: one.value for one in observations(outcome)}
    assert (found["SYN_A/flow"], found["SYN_A/speed"]) == (1200.0, pytest.approx(102.4))


def test_f_dtx_5_a_cross_section_without_one_of_its_lanes_is_missing() -> None:
    table = TABLE | {"cross_sections": True}
    outcome = decode(publication(flow(1, 720), speed(2, 96), flow(3, -1), speed(4, 112)), table)
    assert {one.key for one in observations(outcome)} == {"A/1", "A/2", "A/4"}
    assert outcome.missing == 3


def test_f_dtx_1_another_version_of_a_site_and_an_unknown_index_are_metadata_missing() -> None:
    assert reasons(decode(publication(flow(1, 1), site='id="A" version="4"'))) == [
        "metadata_missing"
    ]
    assert reasons(decode(publication(flow(9, 1)))) == ["metadata_missing"]
    assert reasons(decode(publication(flow(1, 1)), {"sites": []})) == ["metadata_missing"]


def test_a_kind_of_data_that_the_table_does_not_expect_is_refused() -> None:
    assert reasons(decode(publication(speed(1, 50)))) == ["unit_conflict"]


def test_f_dtx_3_an_error_a_fault_and_minus_one_are_missing() -> None:
    """F-MIS-3: flow 0 beside speed -1 stays flow 0."""
    broken = value(
        3, "TrafficFlow", "<r:vehicleFlow><c:dataError>true</c:dataError>"
        "<c:vehicleFlowRate>0</c:vehicleFlowRate></r:vehicleFlow>"
    )  # fmt: skip
    outcome = decode(publication(flow(1, 0), speed(2, -1), broken))
    assert [(one.key, one.value) for one in observations(outcome)] == [("A/1", 0.0)]
    assert outcome.missing == 2


@pytest.mark.parametrize(
    ("meaning", "second"), [("endTime", 0), ("", 0), ("beginTime", 60), ("middleTime", 30)]
)
def test_f_dtx_4_the_label_is_the_end_of_the_period(meaning: str, second: int) -> None:
    (one,) = observations(decode(publication(flow(1, 5), meaning=meaning)))
    assert one.phenomenon_time == RECEIVED.replace(minute=second // 60, second=second % 60)


def test_f_dtx_4_a_value_s_own_time_overrides_the_default() -> None:
    own = (
        "<r:measurementOrCalculationTime><r:timeValue>2026-06-15T07:59:00Z</r:timeValue>"
        "</r:measurementOrCalculationTime>"
    )
    (one,) = observations(decode(publication(flow(1, 5, own))))
    assert one.phenomenon_time.minute == 59


def test_f_dtx_6_a_travel_time_is_a_duration_in_seconds() -> None:
    table = {"sites": {"A@3": {"characteristics": {"1": {"type": "travelTimeInformation"}}}}}
    inner = "<r:travelTime><c:duration>183.5</c:duration></r:travelTime>"
    (one,) = observations(decode(publication(value(1, "TravelTimeData", inner)), table))
    assert (one.value, one.unit) == (183.5, "s")


def test_f_cod_11_a_document_type_is_refused_and_no_entity_is_resolved() -> None:
    bomb = (
        b'<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y SYSTEM "file:///etc/hostname">]>'
        b"<a>&x;&y;</a>"
    )
    assert reasons(decode(bomb)) == ["not_xml"]
    assert reasons(decode(b"<a>&unknown;</a>")) == ["not_xml"]


def test_f_cod_11_names_count_by_namespace_and_types_as_qualified_names() -> None:
    content = publication(flow(1, 5))
    foreign = content.replace(b'"http://datex2.eu/schema/3/roadTrafficData"', b'"urn:other"')
    assert reasons(decode(foreign)) == ["unsupported_version"]
    other = content.replace(b'"r:TrafficFlow"', b'"q:TrafficFlow"')
    assert decode(other).unassigned == 1


def test_f_cod_3_depth_and_size_are_bounded() -> None:
    assert reasons(decode(b"<a>" * 10_000)) == ["too_deep"]
    many = publication(*[flow(1, 5)] * 300)
    assert reasons(decode(many, limits=replace(Limits(), items=100))) == ["too_many_items"]


def test_what_is_no_site_table_is_refused() -> None:
    with pytest.raises(RefusedError, match="no measurement site"):
        read_sites(publication(flow(1, 5)))


@given(st.binary(max_size=300) | st.text(alphabet="<>/&;![]ab\"'= x", max_size=200))
def test_f_cod_2_any_bytes_give_an_outcome(content: bytes | str) -> None:
    raw = content if isinstance(content, bytes) else content.encode()
    assert set(reasons(decode(raw))) <= REASONS - {"codec_error"}


def test_f_cod_2_damaged_publications_give_an_outcome() -> None:
    chance = random.Random(20260615)  # noqa: S311 - a seeded corpus
    good = publication(flow(1, 720), speed(2, 96.5), flow(3, 480), meaning="beginTime")
    for _ in range(2000):
        damaged = bytearray(good)
        for _ in range(chance.randint(1, 3)):
            damaged[chance.randrange(300, len(damaged))] = chance.randrange(32, 128)
        outcome = decode(bytes(damaged), TABLE | {"cross_sections": True})
        assert set(reasons(outcome)) <= REASONS - {"codec_error"}
