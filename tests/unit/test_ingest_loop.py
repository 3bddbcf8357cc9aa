"""The ingest loop on the in-memory store: what is stored, quarantined, counted, acknowledged."""

import json
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from faults.rig import RULES, small_city, write_city

from sensors.broker import Delivery, Subscriber, SubscriberFigures
from sensors.ingest import BEAT_S, REFUSED_RETRY_S, Ingester
from twin.city import Twin
from twin.errors import RegistryError, StoreError, StoreUnavailableError
from twin.model.jobs import JobStatus
from twin.model.messages import CodecContext, Message, Outcome
from twin.model.observations import Batch, RecordResult
from twin.model.quality import Quality
from twin.model.times import to_us, utc_now
from twin.settings import BrokerSettings, IngestSettings, Settings
from twin.store.memory import MemoryStore

NOW = utc_now()
OBS = "twin/v1/demo/B1/s000/obs"


class Deliveries:
    """An inbox that holds what a test puts in."""

    def __init__(self) -> None:
        self.waiting: list[Delivery] = []
        self.acked: list[Delivery] = []
        self.is_alive = True

    def put(self, payload: object, *, topic: str = OBS, retained: bool = False) -> None:
        content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        packet = len(self.waiting) + 1
        arrived_us = to_us(NOW)
        self.waiting.append(Delivery(1, packet, 1, topic.encode(), content, arrived_us, retained))

    def poll(self, *, max_messages: int, max_bytes: int, timeout_s: float) -> list[Delivery]:
        del max_bytes, timeout_s
        taken, self.waiting = self.waiting[:max_messages], self.waiting[max_messages:]
        return taken

    def ack(self, deliveries: Sequence[Delivery]) -> int:
        self.acked.extend(deliveries)
        return 0

    def figures(self) -> SubscriberFigures:
        return SubscriberFigures(
            is_connected=True,
            connections=1,
            sessions_lost=0,
            messages=0,
            acks_refused=0,
            queue_messages=len(self.waiting),
            queue_bytes=0,
        )


class FailingStore(MemoryStore):
    """The in-memory store with the failures of a database on order."""

    def __init__(self) -> None:
        super().__init__()
        self.away_for = 0
        self.refused_for = 0
        self.is_registry_refused = False
        self.is_beat_refused = False
        self.attempts: list[tuple[int, int]] = []

    def record(self, batch: Batch) -> RecordResult:
        self.attempts.append((batch.sequence, len(batch.readings)))
        if self.away_for:
            self.away_for -= 1
            raise StoreUnavailableError("gone")
        if self.refused_for:
            self.refused_for -= 1
            raise StoreError("the database refuses this (42501): permission denied")
        return super().record(batch)

    def version(self) -> str:
        if self.is_registry_refused:
            raise StoreError("the database refuses this (42703): no such column")
        return super().version()

    def beat(self, status: JobStatus) -> None:
        if self.is_beat_refused:
            raise RegistryError("the job board is not there")
        super().beat(status)


class Impatient(threading.Event):
    """An event that does not wait, but notes how long and what could be seen at that time."""

    def __init__(self, look: Callable[[], object], *, set_after: int = 1_000_000) -> None:
        super().__init__()
        self.look = look
        self.set_after = set_after
        self.waits: list[float] = []
        self.seen: list[object] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        self.seen.append(self.look())
        if len(self.waits) >= self.set_after:
            self.set()
        return self.is_set()


class Bench:
    """Loop, store and inbox of one test."""

    def __init__(self, folder: Path, *, extra: str = "") -> None:
        broker = BrokerSettings(host="127.0.0.1", port=1883, use_tls=False)
        self.settings: Settings = write_city(folder, dsn="none", broker=broker, extra=extra)
        self.store = FailingStore()
        self.twin = Twin(self.store, clock=utc_now)
        self.twin.load(small_city(3))
        self.inbox = Deliveries()
        self.ingester = Ingester(self.twin, self.inbox, settings=self.settings)

    def step(self) -> int:
        return self.ingester.step(threading.Event(), timeout_s=0.0)

    def values(self) -> list[float]:
        return sorted(self.twin.latest().value.tolist())

    def reasons(self) -> dict[str, int]:
        return {reason: seen for (_, reason), seen in self.twin.quarantine_counts().items()}

    def balance(self) -> tuple[int, int, int, int, int]:
        (row,) = [row for row in self.twin.balance() if row.source == "demo"]
        assert row.received == row.stored + row.duplicate + row.quarantined
        return row.received, row.stored, row.duplicate, row.quarantined, row.ignored


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def reading(value: float, *, age_s: float = 0.0) -> dict[str, object]:
    return {"t": (NOW - timedelta(seconds=age_s)).isoformat(), "v": value}


def test_a_message_is_acknowledged_after_its_commit(bench: Bench) -> None:
    bench.inbox.put(reading(1.5))
    assert bench.step() == 1
    assert bench.values() == [1.5]
    assert [one.packet for one in bench.inbox.acked] == [1]


def test_f_cod_9_the_same_message_four_times_leaves_one_row(bench: Bench) -> None:
    for _ in range(4):
        bench.inbox.put(reading(1.5))
        bench.step()
    assert bench.balance() == (4, 1, 3, 0, 0)
    assert len(bench.inbox.acked) == 4


def test_bad_messages_go_to_the_quarantine_with_reason_and_their_neighbours_are_stored(
    bench: Bench,
) -> None:
    bench.inbox.put(reading(1.0))
    bench.inbox.put(b"\xff\xfe")
    bench.inbox.put(reading(2.0), topic="twin/v1/demo/B1/s001/temperature")
    bench.inbox.put(reading(3.0), topic="twin/v1/demo/B9/unheard/obs")
    bench.inbox.put(reading(4.0, age_s=-3600), topic="twin/v1/demo/B1/s001/obs")
    bench.inbox.put({"t": 1000, "v": 1}, topic="twin/v1/demo/B1/s001/obs")
    bench.inbox.put({"t": "soon", "v": 1})
    bench.inbox.put(reading(1e9), topic="twin/v1/demo/B1/s002/obs")
    assert bench.step() == 8
    assert bench.values() == [1.0, 1e9]
    assert bench.reasons() == {
        "not_utf8": 1,
        "unknown_topic": 1,
        "unknown_stream": 1,
        "clock_future": 1,
        "clock_unset": 1,
        "time_invalid": 1,
    }
    assert len(bench.inbox.acked) == 8
    entry = next(one for one in bench.twin.quarantine() if one.reason == "unknown_stream")
    assert "B9/unheard" in entry.detail
    assert (entry.source, entry.codec) == ("demo", "own/1")
    assert entry.head == bench.inbox.acked[3].message.payload
    states = bench.twin.stream_states()
    assert next(one for one in states if one.value == 1e9).quality_class.name == "SUSPECT"


def test_f_cod_12_a_retained_value_without_own_time_changes_nothing(bench: Bench) -> None:
    bench.inbox.put({"temp": 21.0}, topic="twin/json/yard")
    bench.step()
    bench.inbox.put({"temp": 99.0}, topic="twin/json/yard", retained=True)
    bench.step()
    assert bench.values() == [21.0]
    assert bench.balance() == (1, 1, 0, 0, 1)


def test_while_the_database_is_away_the_batch_is_repeated_under_its_number(bench: Bench) -> None:
    bench.store.away_for = 2
    bench.inbox.put(reading(1.5))
    assert bench.step() == 1
    assert bench.store.attempts == [(1, 1)] * 3
    assert bench.values() == [1.5]


def test_told_to_stop_while_the_database_is_away_it_acknowledges_nothing(bench: Bench) -> None:
    bench.store.away_for = 1000
    stop = threading.Event()
    stop.set()
    bench.inbox.put(reading(1.5))
    assert bench.ingester.run(stop) == 0
    assert bench.inbox.acked == []
    assert len(bench.store.attempts) == 1


def test_told_to_stop_it_records_what_waits(bench: Bench) -> None:
    stop = threading.Event()
    stop.set()
    for second in range(5):
        bench.inbox.put(reading(float(second), age_s=second))
    assert bench.ingester.run(stop) == 0
    assert len(bench.inbox.acked) == 5
    assert bench.balance() == (5, 5, 0, 0, 0)


def test_it_ends_with_a_failure_when_its_connection_broke(bench: Bench) -> None:
    bench.inbox.is_alive = False
    assert bench.ingester.run(threading.Event()) == 1


def test_while_the_database_refuses_the_batch_is_repeated_and_no_reading_suffers(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def look() -> tuple[int, list[str]]:
        return len(bench.inbox.acked), [job.state for job in bench.twin.health().jobs]

    stop = Impatient(look)
    bench.store.refused_for = 2
    for second in range(64):
        bench.inbox.put(reading(float(second), age_s=second))
    assert bench.ingester.step(stop, timeout_s=0.0) == 64
    assert bench.store.attempts == [(1, 64)] * 3
    assert sum(stop.waits) == 2 * REFUSED_RETRY_S
    assert max(stop.waits) <= BEAT_S
    assert all(seen == (0, ["store refuses"]) for seen in stop.seen)
    assert bench.balance() == (64, 64, 0, 0, 0)
    assert bench.twin.quarantine() == ()
    assert len(bench.inbox.acked) == 64
    assert bench.ingester.status().state == "live"
    events = [one for one in caplog.records if one.message == "store_refused"]
    assert [one.levelname for one in events] == ["ERROR", "ERROR"]
    assert "42501" in vars(events[0])["reason"]


def test_told_to_stop_while_the_database_refuses_it_acknowledges_nothing(bench: Bench) -> None:
    bench.store.refused_for = 1000
    stop = Impatient(lambda: None, set_after=3)
    bench.inbox.put(reading(1.5))
    assert bench.ingester.run(stop) == 0
    assert len(stop.waits) == 3
    assert bench.inbox.acked == []
    assert bench.twin.quarantine() == ()


def test_a_registry_that_cannot_be_read_leaves_the_old_one(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.step()
    bench.store.is_registry_refused = True
    bench.inbox.put(reading(1.5))
    bench.inbox.put(reading(2.5), topic="twin/v1/demo/B9/unheard/obs")
    assert bench.step() == 2
    assert bench.values() == [1.5]
    assert "registry_unreadable" in caplog.messages


def test_a_heartbeat_that_is_refused_does_not_end_the_loop(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.store.is_beat_refused = True
    bench.store.refused_for = 1
    bench.inbox.put(reading(1.5))
    assert bench.ingester.step(Impatient(lambda: None), timeout_s=0.0) == 1
    assert bench.values() == [1.5]
    assert "heartbeat_failed" in caplog.messages


def test_a_batch_holds_no_more_readings_than_the_setting(tmp_path: Path) -> None:
    bench = Bench(tmp_path, extra="[ingest]\nbatch_readings = 10")
    for row in range(6):
        items = [reading(1.0, age_s=10 * row + n) for n in range(4)]
        bench.inbox.put(items)
    done = [bench.step() for _ in range(3)]
    assert done == [3, 3, 0]
    assert [size for _, size in bench.store.attempts] == [12, 12]
    assert len(bench.inbox.acked) == 6


def test_a_stream_that_is_registered_meanwhile_is_found_without_a_restart(bench: Bench) -> None:
    topic = "twin/v1/demo/B1/s003/obs"
    bench.inbox.put(reading(1.0))
    bench.step()
    bench.twin.load(small_city(4))
    bench.inbox.put(reading(5.0), topic=topic)
    bench.step()
    assert bench.values() == [1.0, 5.0]
    assert bench.reasons() == {}


def test_a_burst_is_stored_as_a_waveform(bench: Bench) -> None:
    samples = np.array([0, 1000, -1000, 1000], "<i2").tobytes()
    header = json.dumps(
        {"stream": "B1/acc", "t0": to_us(NOW) * 1000, "fs": 100, "n": 4, "dtype": "i2",
         "scale": 0.001, "offset": 0.0, "unit": "m/s2", "crc": f"{zlib.crc32(samples):08x}"}
    ).encode()  # fmt: skip
    payload = b"TWV1" + len(header).to_bytes(4, "little") + header + samples
    bench.inbox.put(payload, topic="twin/v1/demo/B1/acc/wave")
    bench.step()
    end = NOW + timedelta(minutes=1)
    blocks = bench.twin.waveforms("B1.acc", start=NOW - timedelta(minutes=1), end=end)
    assert [block.samples.tolist() for block in blocks] == [pytest.approx([0.0, 1.0, -1.0, 1.0])]


def test_an_exception_of_a_codec_is_a_rejection_not_an_end(bench: Bench) -> None:
    class Broken:
        name = "own"
        version = "0"

        def decode(self, message: Message, context: CodecContext) -> Outcome:
            raise KeyError(message, context)

    pipeline = bench.ingester._loaded()
    bench.ingester._pipeline = replace(pipeline, codecs={**pipeline.codecs, "own": Broken()})
    bench.inbox.put(reading(1.0))
    bench.step()
    assert bench.reasons() == {"codec_error": 1}


def test_the_status_shows_figures_and_gaps(bench: Bench) -> None:
    for sequence in (1, 2, 5):
        bench.inbox.put(reading(float(sequence), age_s=10 - sequence) | {"seq": sequence})
    bench.step()
    figures = bench.ingester.status().figures
    assert figures["messages"] == 3
    assert figures["readings_stored"] == 3
    assert (figures["sequence_gaps"], figures["sequence_missing"]) == (1, 2)
    assert figures["lag_newest_s"] >= 5.0
    assert figures["queue_messages"] == 0


def test_a_subscriber_that_never_started_stops_quietly() -> None:
    inbox = Subscriber(
        BrokerSettings(host="127.0.0.1", port=1883, use_tls=False),
        IngestSettings(),
        client_id="never",
        filters=("#",),
    )
    assert not inbox.is_alive
    inbox.close()
    inbox.close()


def test_a_codec_that_is_not_installed_is_named_and_nothing_hides_it(tmp_path: Path) -> None:
    broker = BrokerSettings(host="127.0.0.1", port=1, use_tls=False)
    dsn = "host=127.0.0.1 port=1 dbname=none user=none"
    settings = write_city(tmp_path, dsn=dsn, broker=broker)
    file = settings.folder / "city.toml"
    file.write_text(file.read_text().replace('codec = "own"', 'codec = "nowhere"'))
    run = [sys.executable, "-m", "twin.cli", "--city", str(settings.folder), "ingest"]
    answer = subprocess.run(run, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode != 0
    assert "nowhere" in answer.stderr
    assert "thread" not in answer.stderr


def test_the_rules_of_the_rig_have_no_problem(bench: Bench) -> None:
    assert "codec" in RULES
    assert len(bench.settings.codec.rule) == 3


def test_ingest_imports_neither_dash_nor_geopandas() -> None:
    code = (
        "import sys, sensors.ingest; "
        "print([name for name in ('dash', 'geopandas', 'pandas') if name in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert answer.stdout.strip() == "[]"


def test_a_value_outside_the_physical_limits_is_kept_flagged_and_counted(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.inbox.put({"t": NOW.isoformat(), "v": 1e6, "seq": 1})
    bench.step()
    assert bench.values() == [1e6]
    assert int(bench.twin.latest().quality[0]) & Quality.OUT_OF_RANGE
    assert bench.ingester._meter.figures(now_s=0.0)["out_of_range"] == 1
