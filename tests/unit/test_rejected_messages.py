"""What happens to messages that are refused, before anything of them is kept."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from store_samples import stream

from sensors.broker.delivery import Delivery
from sensors.cases import installed_codec
from sensors.pipeline.preparation import Pipeline
from sensors.pipeline.prepared import Prepared
from sensors.pipeline.strangers import MOST_KEYS
from sensors.routing import Router, StreamTable
from sensors.rules.quality import TimePolicy
from twin.model.datastreams import PrivacyClass
from twin.model.messages import CodecRule
from twin.model.times import to_us, utc_now
from twin.plugins import find
from twin.store.accounts import quarantine_rows

NOW = datetime(2026, 6, 15, 8, 0, tzinfo=UTC)
RULES = (
    CodecRule("twin/v1/{tenant}/{asset}/{stream}/obs", "own", "own"),
    CodecRule("/hfp/v2/journey/#", "hfp", "buses"),
)
WALLET = b"0x52908400098527886E0F7030062857D2E4169EE7"
GOOD, BAD = 100, 5000


def prepared(*messages: tuple[str, bytes]) -> Prepared:
    deliveries = [
        Delivery(1, 1, 1, topic.encode(), payload, to_us(NOW)) for topic, payload in messages
    ]
    streams = [replace(stream("b/level", source="own"), number=7)]
    codecs = {rule.codec: installed_codec(rule.codec) for rule in RULES}
    policy = TimePolicy(timedelta(minutes=5), timedelta(days=730))
    pipeline = Pipeline.of(Router(RULES), codecs, StreamTable(streams), policy)
    return pipeline.prepare(deliveries, most_readings=10_000)


@pytest.mark.parametrize(
    "payload", [b'{"owner": "%b", "v": 1, "t": "never"}', b'{"owner": "%b", "v', b"\xff%b"]
)
def test_f_prv_1_the_filter_runs_before_anything_keeps_bytes(payload: bytes) -> None:
    found = prepared(("twin/v1/t/b/level/obs", payload % WALLET))
    assert found.rejections
    assert all(WALLET not in one.payload for one in found.rejections)


def test_f_prv_1_of_a_private_codec_no_byte_is_kept() -> None:
    topic = "/hfp/v2/journey/ongoing/vp/bus/0099/00012/9007/1/E/10:45//4/60;25/0/0/0"
    found = prepared((topic, b'{"VP": {"veh": 12, "lat": 60.25'))
    (row,) = quarantine_rows(found.rejections, at=utc_now())
    assert (row.head, row.payload, row.source) == (b"", None, "buses")


@pytest.mark.parametrize("name", sorted(find("codecs")))
def test_f_prv_1_every_codec_declares_its_class(name: str) -> None:
    assert getattr(installed_codec(name), "privacy_class", "") in get_args(PrivacyClass)


def test_f_qua_1_a_flood_of_bad_messages_takes_no_good_reading() -> None:
    flood = [(f"twin/v1/t/b/s{number}/obs", b'{"t": 1, "v"') for number in range(BAD)]
    good = [
        ("twin/v1/t/b/level/obs", b'{"t": %d, "v": 1.5}' % (1_781_510_400_000 - number))
        for number in range(GOOD)
    ]
    found = prepared(*flood[: BAD // 2], *good, *flood[BAD // 2 :])
    assert found.readings.number.tolist() == [7] * GOOD
    assert len(found.rejections) == BAD


def test_f_qua_1_of_a_flood_of_unknown_streams_a_bounded_number_is_kept_with_bytes() -> None:
    flood = [
        (f"twin/v1/t/b/s{number}/obs", b'{"t": 1781510400000, "v": 1}') for number in range(BAD)
    ]
    rows = quarantine_rows(prepared(*flood).rejections, at=utc_now())
    assert len(rows) <= MOST_KEYS + 1
    assert sum(row.seen for row in rows) == BAD
