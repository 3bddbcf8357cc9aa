"""F11: thousands of malformed messages; each is quarantined once, none stops the ingester."""

import hashlib
import json
import statistics
import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

import pytest
from faults.loadgen import Plan
from faults.malformed import LARGEST_BYTES, RULES, Bad, behind_the_broker, corpus
from faults.oracle import balance, judge, resident_mib
from faults.rig import Rig, ingest_rig, plan, small_city
from hypothesis import given, settings
from hypothesis import strategies as st
from waiting import wait_for

from sensors.broker import Delivery
from sensors.pipeline.preparation import Pipeline
from sensors.pipeline.privacy import masked
from sensors.policies import installed_codecs
from sensors.routing import Router, StreamTable
from sensors.rules.quality import TimePolicy
from twin.city import Twin
from twin.model.observations import Batch
from twin.model.quarantine import CaseFilter
from twin.model.times import to_us, utc_now
from twin.settings import Settings, load_settings
from twin.store import MemoryStore

SEED, CASES = 11, 2500
GOOD_RATE_HZ, GOOD_S = 500.0, 20
BAD_RATE_HZ = 200.0
PROBES = 30
SUBSCRIBED = '"client": "bulk"'  # in the log once the subscriptions are confirmed


def key(topic: str, payload: bytes) -> tuple[bytes, bytes]:
    """How a message is found in the quarantine."""
    kept = topic.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return kept.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(), hashlib.sha256(
        masked(payload)
    ).digest()


@pytest.fixture(scope="module")
def city_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("city")
    text = '[city]\nname = "T"\ncrs = "EPSG:25833"\nextent = [13.5, 50.9, 14.0, 51.2]\n'
    own = "".join(
        f'[[codec.rule]]\ntopic = "twin/v1/{{tenant}}/{{asset}}/{{stream}}/{end}"\n'
        f'codec = "{codec}"\nsource = "demo"\n'
        for codec, end in (("own", "obs"), ("wave", "wave"))
    )
    (folder / "city.toml").write_text(text + own + RULES)
    return load_settings(folder, {})


@dataclass
class Bench:
    twin: Twin
    pipeline: Pipeline


@pytest.fixture
def bench(city_settings: Settings) -> Bench:
    twin = Twin(MemoryStore(), clock=utc_now)
    twin.load(small_city(20))
    rules = city_settings.codec.rule
    pipeline = Pipeline.of(
        Router(rules),
        installed_codecs(city_settings),
        StreamTable(twin.datastreams()),
        TimePolicy(timedelta(minutes=5), timedelta(days=730)),
    )
    return Bench(twin, pipeline)


def delivery(bad: Bad) -> Delivery:
    topic = bad.topic.encode("utf-8", "surrogateescape")
    now_us = to_us(utc_now())
    return Delivery(0, 0, 1, topic, bad.payload, now_us, is_retained=False, is_repeat=False)


def test_every_case_of_the_corpus_is_quarantined_once_with_its_bytes(bench: Bench) -> None:
    cases = [*corpus(SEED, CASES), *behind_the_broker()]
    unnoticed: Counter[str] = Counter()
    for begin in range(0, len(cases), 100):
        part = cases[begin : begin + 100]
        found = bench.pipeline.prepare([delivery(bad) for bad in part], most_readings=10_000)
        assert found.messages == len(part)
        batch = Batch(
            uuid4(), 1, readings=found.readings, rejections=found.rejections, tallies=found.tallies
        )
        bench.twin.record(batch)
        refused = {(one.topic, one.payload) for one in found.rejections}
        for bad in part:
            topic = bad.topic.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            unnoticed[bad.kind] += (topic, masked(bad.payload)) not in refused
    assert +unnoticed == {}
    entries = bench.twin.cases(CaseFilter(), limit=10 * CASES)
    rows = Counter(
        (case.topic, case.payload_sha256) for case in map(bench.twin.case, [e.id for e in entries])
    )
    wanted = {key(bad.topic, bad.payload) for bad in cases}
    twice = {bad.kind for bad in cases if rows[key(bad.topic, bad.payload)] > 1}
    assert twice == set()
    assert wanted - rows.keys() == set()
    (row,) = [one for one in bench.twin.balance() if one.source == "demo"]
    assert row.received == row.stored + row.duplicate + row.quarantined
    assert len({bad.kind for bad in cases}) > 100
    print(f"F11: {len(cases)} cases of {len({bad.kind for bad in cases})} kinds, all noticed")


def test_the_corpus_is_the_same_for_the_same_seed() -> None:
    assert corpus(3, 300) == corpus(3, 300)
    assert corpus(3, 300) != corpus(4, 300)
    assert len(set(corpus(SEED, CASES))) == CASES


TOPICS = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "twin/v1/demo/B1/s000/obs",
            "twin/v1/demo/B1/acc/wave",
            "twin/yard/n",
            "twin/ttn/a/devices/d/up",
            "twin/chirpstack/7/device/0000000000000001/event/up",
            "twin/senml/g",
        ]
    ),
)


@settings(max_examples=300, deadline=None)
@given(TOPICS, st.one_of(st.binary(max_size=300), st.text(max_size=200).map(str.encode)))
def test_any_bytes_on_any_topic_are_accounted_for(
    city_settings: Settings, topic: str, payload: bytes
) -> None:
    rules = city_settings.codec.rule
    pipeline = Pipeline.of(
        Router(rules),
        installed_codecs(city_settings),
        StreamTable(
            [replace(one, number=row) for row, one in enumerate(small_city(2).datastreams)]
        ),
        TimePolicy(timedelta(minutes=5), timedelta(days=730)),
    )
    found = pipeline.prepare([delivery(Bad("any", topic, payload))], most_readings=10_000)
    outcome = len(found.readings) + len(found.arrivals) + len(found.waveforms)
    outcome += len(found.rejections)
    assert sum(tally.received for tally in found.tallies.values()) == outcome


@dataclass(frozen=True)
class BadPlan(Plan):
    """Publishes a corpus, one case after the other."""

    cases: tuple[Bad, ...] = ()

    def payload(self, number: int) -> bytes:
        return self.cases[number].payload


def median_delay_ms(rig: Rig, *, first_ms: int) -> float:
    """Median time from publishing a reading to seeing it in the database [ms]."""
    publisher = rig.publisher(f"probe-{first_ms}")
    delays: list[float] = []
    for number in range(PROBES):
        time_ms = first_ms + number
        publisher.publish(
            "twin/v1/demo/B1/s019/obs", json.dumps({"t": time_ms, "v": number}).encode()
        )
        begun = time.perf_counter()
        question = "SELECT 1 FROM reading WHERE t = to_timestamp(%s / 1000.0)"
        wait_for(lambda at=time_ms, ask=question: bool(rig.rows(ask, at)), "the probe")
        delays.append(1000 * (time.perf_counter() - begun))
    publisher.close()
    return statistics.median(delays)


@pytest.mark.db
@pytest.mark.broker
def test_the_real_ingester_quarantines_the_corpus_beside_a_good_stream() -> None:
    """F-QUA-1: a flood of bad messages does not slow a good stream."""
    cases = tuple(corpus(SEED, CASES))
    assert all(len(bad.payload) <= 8 * LARGEST_BYTES for bad in cases)
    with ingest_rig(extra=[RULES]) as rig:
        process = rig.start_ingester()
        rig.wait_for_log(SUBSCRIBED)
        past_ms = int(time.time() * 1000) - 3_600_000
        calm_ms = median_delay_ms(rig, first_ms=past_ms)
        good = rig.generator(
            plan(count=int(GOOD_RATE_HZ * GOOD_S), rate_hz=GOOD_RATE_HZ, streams=15), "good"
        )
        bad = rig.generator(
            BadPlan(
                topic=lambda number: cases[number].topic,
                streams=len(cases),
                count=len(cases),
                rate_hz=BAD_RATE_HZ,
                begin_ms=0,
                cases=cases,
            ),
            "bad",
        )
        good.start()
        bad.start()
        flooded_ms = median_delay_ms(rig, first_ms=past_ms + 1000)
        good.wait(120)
        bad.wait(120)
        wanted = {key(one.topic, one.payload) for one in cases}

        def kept() -> Counter[tuple[object, ...]]:
            return Counter(rig.rows("SELECT topic, payload_sha256 FROM quarantine"))

        wait_for(lambda: wanted <= set(kept()), "the whole corpus in quarantine", timeout_s=60)
        expected = good.plan.count + 2 * PROBES
        rig.wait_for_count(expected, timeout_s=60)
        memory_mib = resident_mib(process.pid)
        assert process.poll() is None
        rig.stop_ingesters()

        print(
            f"F11: median delay {calm_ms:.1f} ms alone, {flooded_ms:.1f} ms beside {CASES} "
            f"malformed messages; {balance(rig)}; {memory_mib:.0f} MiB"
        )
        rows = rig.rows("SELECT topic, payload_sha256, seen, reason, length(head), size, detail "
                        "FROM quarantine")  # fmt: skip
        assert {row[2] for row in rows} == {1}
        assert Counter((row[0], row[1]) for row in rows) == Counter(wanted)
        assert all(row[3] and row[6] for row in rows)
        assert all(int(str(row[4])) == min(int(str(row[5])), 4096) for row in rows)
        verdict = judge(rig, [good])
        assert (len(verdict.lost), len(verdict.doubled), len(verdict.wrong)) == (0, 0, 0)
        assert verdict.balance.difference == 0
        assert verdict.balance.quarantined == CASES
        assert rig.count() == expected
        assert memory_mib < 512
