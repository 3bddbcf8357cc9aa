"""What is private does not reach the quarantine, whether the payload can be read or not."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.pipeline.privacy import masked
from twin.model.messages import Rejection
from twin.model.tables import rows
from twin.model.times import utc_now
from twin.store.accounts import quarantine_rows

PLANTED = {
    "licence plate": b"DD-AB 1234",
    "licence plate with an umlaut": "L\u00d6-X 7H".encode(),
    "MAC address": b"a4:c1:38:00:1f:2b",
    "mail address": b"somebody@town.invalid",
    "wallet id": b"0x52908400098527886E0F7030069857D2E4169EE7",
    "JPEG": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "PNG in base64": b"iVBORw0KGgoAAAANSUhEUgAA",
}


@pytest.mark.parametrize("what", PLANTED)
@pytest.mark.parametrize("frame", [b'{"v": 1, "note": "%b"}', b'{"v": 1, "note": "%b'])
def test_f_prv_3_private_values_are_masked_in_whole_and_in_broken_payloads(
    what: str, frame: bytes
) -> None:
    planted = PLANTED[what]
    shown = masked(frame % planted)
    assert planted not in shown
    assert shown.startswith(b'{"v": 1, "note": "')


def test_f_prv_2_where_a_gateway_stands_and_whose_it_is_becomes_null() -> None:
    gateway = {"gateway_ids": {"eui": "58A0CBFFFE800001"}, "location": {"latitude": 50.1}}
    document = {"owner": "somebody", "rx": [gateway], "Kennzeichen": "DDAB123", "rssi": -97}
    found = json.loads(masked(json.dumps(document).encode()))
    assert found["owner"] is None
    assert found["Kennzeichen"] is None
    assert found["rx"][0]["location"]["latitude"] is None
    assert found["rssi"] == -97


@pytest.mark.parametrize(
    "kept",
    [
        b'{"dev_eui": "70B3D57ED0001234", "t": "2026-11-22T08:00:00Z"}',
        b'{"eui": "70-B3-D5-7E-D0-00-12-34"}',
        b'{"id": "B10/crack_midspan", "v": 0.125, "model": "TMS-23001"}',
        b'{"time": 1766390400000, "v": [1.5, 2.5]}',
    ],
)
def test_ids_of_devices_times_and_values_stay(kept: bytes) -> None:
    assert masked(kept) == kept


@given(st.binary(max_size=400))
def test_any_bytes_are_masked_once_and_for_all(payload: bytes) -> None:
    once = masked(payload)
    assert masked(once) == once


def test_of_private_classes_the_quarantine_keeps_reason_size_and_hash_alone() -> None:
    rejection = Rejection("missing_field", "no time", payload=b"where it is", is_private=True)
    (row,) = quarantine_rows([rejection], at=utc_now())
    assert (row.head, row.payload, row.size_bytes) == (b"", None, len(b"where it is"))
    assert row.payload_sha256 != bytes(32)


def test_every_pattern_of_the_table_compiles_and_has_a_source() -> None:
    table = rows("privacy_fields")
    assert {row["kind"] for row in table} == {"field", "value"}
    for row in table:
        assert row["source"]
        re.compile(row["pattern"].encode("latin-1"))
