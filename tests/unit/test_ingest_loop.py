"""The ingest loop on the in-memory store: what is stored, quarantined, counted, acknowledged."""

import json
import subprocess
import sys
import threading
import zlib
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from faults.rig import RULES, small_city, write_city
from inbox import NOW, OBS, AtOnce, Deliveries

from sensors.broker import Subscriber
from sensors.ingest.buffering import Buffer
from sensors.ingest.contact import InstanceTakenError
from sensors.ingest.loop import Ingester
from sensors.policies import installed_codecs, time_policy
from sensors.spool import Record, Spool
from twin.city import Twin
from twin.errors import RegistryError, StoreError, StoreUnavailableError
from twin.model.jobs import JobStatus
from twin.model.messages import CodecContext, Message, Outcome
from twin.model.observations import Batch, RecordResult
from twin.model.quality import Quality, keys
from twin.model.times import to_us, utc_now
from twin.settings import BrokerSettings, IngestSettings, Settings
from twin.store.memory import MemoryStore


class FailingStore(MemoryStore):
    """The in-memory store with the failures of a database on order."""

    def __init__(self) -> None:
        super().__init__()
        self.away_for = 0
        self.refused_for = 0
        self.is_registry_refused = False
        self.is_away = False
        self.is_beat_refused = False
        self.is_commit_lost = False
        self.attempts: list[tuple[int, int]] = []

    def record(self, batch: Batch) -> RecordResult:
        self.attempts.append((batch.sequence, len(batch.readings)))
        if self.away_for or self.is_away:
            self.away_for = max(0, self.away_for - 1)
            raise StoreUnavailableError("gone")
        if self.is_commit_lost:
            self.is_commit_lost = False
            super().record(batch)
            raise StoreUnavailableError("lost during the COMMIT")
        if self.refused_for:
            self.refused_for -= 1
            raise StoreError("the database refuses this (42501): permission denied")
        return super().record(batch)

    def version(self) -> str:
        if self.is_away:
            raise StoreUnavailableError("gone")
        if self.is_registry_refused:
            raise StoreError("the database refuses this (42703): no such column")
        return super().version()

    def beat(self, status: JobStatus) -> None:
        if self.is_beat_refused:
            raise RegistryError("the job board is not there")
        super().beat(status)


class Bench:
    """Loop, store and inbox of one test."""

    def __init__(self, folder: Path, *, extra: str = "") -> None:
        broker = BrokerSettings(host="127.0.0.1", port=1883, use_tls=False)
        self.settings: Settings = write_city(folder, dsn="none", broker=broker, extra=extra)
        self.store = FailingStore()
        self.twin = Twin(self.store, clock=utc_now)
        self.twin.load(small_city(3))
        self.inbox = Deliveries()
        self.spool = Spool(self.settings.spool_dir, max_bytes=2**24, min_free_bytes=0)
        self.buffer = Buffer(self.spool)
        self.ingester = self.another()

    def another(self) -> Ingester:
        """One more ingester with the same spool."""
        return Ingester(
            self.twin,
            self.inbox,
            settings=self.settings,
            codecs=installed_codecs(self.settings),
            policy=time_policy(self.settings),
            buffer=self.buffer,
            aside=AtOnce(),
        )

    def step(self) -> int:
        return self.ingester.step(threading.Event(), timeout_s=0.0)

    def status(self) -> JobStatus:
        return self.ingester._reporter.status()

    def steps(self, count: int = 10) -> int:
        return sum(self.step() for _ in range(count))

    def come_back(self) -> None:
        """Let the time of the next question to the database come."""
        self.ingester._contact._next_s = 0.0

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
    assert entry.head == bench.inbox.acked[3].payload
    states = bench.twin.stream_states()
    assert next(one for one in states if one.value == 1e9).quality_class.name == "SUSPECT"


def test_f_cod_12_a_retained_value_changes_nothing(bench: Bench) -> None:
    bench.inbox.put({"temp": 21.0}, topic="twin/json/yard")
    bench.step()
    bench.inbox.put({"temp": 99.0}, topic="twin/json/yard", retained=True)
    bench.step()
    assert bench.values() == [21.0]
    assert bench.balance() == (1, 1, 0, 0, 1)


def test_while_the_database_is_away_messages_are_spooled_and_acknowledged(bench: Bench) -> None:
    bench.store.is_away = True
    bench.inbox.put(reading(1.5))
    assert bench.step() == 0
    assert bench.ingester.state == "spooling"
    assert bench.inbox.acked == []
    assert bench.step() == 1
    assert bench.spool.messages == 1
    assert [one.packet for one in bench.inbox.acked] == [1]
    assert bench.values() == []
    bench.store.is_away = False
    bench.inbox.put(reading(2.5, age_s=5))
    bench.come_back()
    bench.steps()
    assert bench.ingester.state == "live"
    assert bench.balance() == (2, 2, 0, 0, 0)
    assert bench.spool.is_empty
    assert len(bench.inbox.acked) == 2


def test_a_batch_in_doubt_is_repeated_first_and_under_its_number(bench: Bench) -> None:
    bench.store.is_commit_lost = True
    bench.inbox.put(reading(1.5))
    bench.step()
    bench.inbox.put(reading(2.5, age_s=5))
    bench.step()
    bench.come_back()
    bench.steps()
    assert [number for number, _ in bench.store.attempts] == [1, 1, 2]
    assert bench.balance() == (2, 2, 0, 0, 0)  # known again: not even a duplicate
    assert bench.ingester._reporter.check_balance() == {}


def test_what_a_dead_ingester_left_in_the_spool_comes_first(bench: Bench) -> None:
    bench.store.is_away = True
    for second in range(5):
        bench.inbox.put(reading(float(second), age_s=second))
    bench.steps(3)
    assert bench.spool.messages == 5
    bench.store.is_away = False
    bench.ingester = bench.another()
    bench.ingester.open(threading.Event())
    assert bench.ingester.state == "draining"
    bench.inbox.put(reading(9.0, age_s=60))
    bench.inbox.count = 1  # the broker counts anew
    bench.steps()
    assert bench.ingester.state == "live"
    assert bench.balance() == (6, 6, 0, 0, 0)
    assert bench.ingester._reporter.check_balance() == {}
    assert bench.ingester._reporter.check_balance() == {}


def test_messages_that_vanish_in_the_spool_are_an_alarm(bench: Bench) -> None:
    bench.store.is_away = True
    for second in range(3):
        bench.inbox.put(reading(float(second), age_s=second))
    bench.steps(3)
    assert bench.ingester._reporter.check_balance() == {}
    bench.spool.commit(bench.spool.read().cursor)  # let go of, and never recorded
    assert bench.ingester._reporter.check_balance() == {"twin-Testcity-1 spool": 3}


def test_a_rule_that_is_added_while_messages_wait_in_the_spool_unbalances_nothing(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    bench.store.is_away = True
    for second in range(3):
        bench.inbox.put({"temp": 20.0}, topic="twin/new/yard", received_us=to_us(NOW) + second)
    bench.steps(3)
    rule = """
[[codec.rule]]
topic = "twin/new/{key}"
codec = "own"
source = "demo"
"""
    bench.settings = write_city(tmp_path, dsn="none", broker=bench.settings.broker, extra=rule)
    bench.store.is_away = False
    bench.ingester = bench.another()
    bench.inbox.count = 0
    bench.ingester.open(threading.Event())
    bench.steps()
    assert bench.ingester.state == "live"
    assert bench.ingester._ledger.committed == {"demo": 3}
    assert bench.ingester._reporter.check_balance() == {}


def test_without_a_database_at_the_start_messages_are_spooled_undecoded(bench: Bench) -> None:
    bench.store.is_away = True
    bench.ingester.open(threading.Event())
    bench.inbox.put(b"\xff no JSON")
    bench.inbox.put(reading(1.0))
    assert bench.steps(3) == 2
    assert bench.ingester.state == "spooling"
    assert bench.store.attempts == []
    bench.store.is_away = False
    bench.come_back()
    bench.steps()
    assert bench.reasons() == {"not_utf8": 1}
    assert bench.balance() == (2, 1, 0, 1, 0)


def test_a_refusal_of_the_database_at_the_start_does_not_end_the_job(bench: Bench) -> None:
    bench.store.is_registry_refused = True
    bench.ingester.open(threading.Event())
    bench.inbox.put(reading(1.0))
    assert bench.steps(3) == 1
    assert bench.status().state == "store refuses"
    bench.store.is_registry_refused = False
    bench.come_back()
    bench.steps()
    assert bench.values() == [1.0]


def test_a_full_spool_pauses_the_reading_and_acknowledges_nothing(bench: Bench) -> None:
    bench.store.is_away = True
    bench.step()
    bench.spool._max_bytes = 100
    bench.inbox.put(reading(1.0))
    assert bench.steps(4) == 0
    assert bench.ingester.state == "paused"
    assert bench.inbox.is_paused
    assert bench.inbox.acked == []
    bench.ingester._reporter.observe()
    bench.store.is_away = False
    bench.come_back()
    bench.steps()
    assert bench.ingester.state == "live"
    assert not bench.inbox.is_paused
    assert bench.balance() == (1, 1, 0, 0, 0)
    assert len(bench.inbox.acked) == 1


def test_a_full_spool_is_told_while_the_reading_pauses_after_an_earlier_group_too(
    bench: Bench,
) -> None:
    bench.store.is_away = True
    bench.step()
    bench.inbox.put(reading(1.0))
    bench.ingester._take(0.0)
    assert bench.ingester._spool(is_new=True) == 0  # written, and waits for its fsync
    bench.spool._max_bytes = 200
    for value in range(10):
        bench.inbox.put(reading(float(value)))
    assert bench.steps(4) == 1
    assert bench.ingester.state == "paused"
    bench.ingester._reporter.observe()
    found = dict(bench.ingester._reporter._alarms.open)
    assert [kind for kind, _ in found] == ["spool_full"]
    assert "may hold 200" in next(iter(found.values()))


def test_a_paused_ingester_reads_again_when_the_spool_has_room(bench: Bench) -> None:
    bench.store.is_away = True
    bench.step()
    bench.spool._max_bytes = 100
    bench.inbox.put(reading(1.0))
    bench.steps(4)
    assert bench.inbox.is_paused
    bench.spool._max_bytes = 2**24
    bench.ingester._due.put_off("room", seconds=0.0)
    assert bench.steps(3) == 1
    assert not bench.inbox.is_paused
    assert bench.ingester.state == "spooling"


def test_a_spool_that_could_not_be_opened_is_tried_again(bench: Bench) -> None:
    bench.spool.append([Record(OBS.encode(), json.dumps(reading(9.0)).encode(), to_us(NOW))])
    bench.spool.sync()
    opened: list[Spool | None] = [bench.spool, None]
    bench.buffer = Buffer(None, reopen=opened.pop)
    bench.ingester = bench.another()
    bench.step()
    bench.store.is_commit_lost = True
    bench.inbox.put(reading(1.0, age_s=5))
    bench.step()
    bench.store.is_away = True
    bench.inbox.put(reading(2.0, age_s=10))
    bench.steps(3)
    assert bench.ingester.state == "paused"
    for expected in (["paused"], ["spooling"]):
        bench.ingester._due._next_s.clear()
        bench.step()
        assert [bench.ingester.state] == expected
    bench.store.is_away = False
    bench.come_back()
    bench.steps()
    assert bench.ingester.state == "live"
    assert bench.balance() == (4, 3, 1, 0, 0)
    assert len(bench.inbox.acked) == 2
    assert bench.ingester._reporter.check_balance() == {}


def test_told_to_stop_while_the_database_is_away_it_spools_what_waits(bench: Bench) -> None:
    bench.store.is_away = True
    stop = threading.Event()
    stop.set()
    for second in range(5):
        bench.inbox.put(reading(float(second), age_s=second))
    assert bench.ingester.run(stop) == 0
    assert len(bench.inbox.acked) == 5
    assert bench.spool.messages == 5


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


def test_while_the_database_refuses_messages_are_spooled_and_no_reading_suffers(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.store.refused_for = 2
    for second in range(64):
        bench.inbox.put(reading(float(second), age_s=second))
    bench.steps(3)
    bench.ingester._reporter.observe()
    assert [job.state for job in bench.twin.health().jobs] == ["store refuses"]
    assert [alarm.kind for alarm in bench.twin.alarms()] == ["store_refused"]
    for _ in range(3):
        bench.come_back()
        bench.steps(3)
    bench.ingester._reporter.observe()
    assert bench.store.attempts == [(1, 64)] * 3
    assert bench.balance() == (64, 64, 0, 0, 0)
    assert bench.twin.quarantine() == ()
    assert len(bench.inbox.acked) == 64
    assert bench.status().state == "live"
    assert bench.twin.alarms() == ()
    events = [one for one in caplog.records if one.message == "store_refused"]
    assert [one.levelname for one in events] == ["ERROR", "ERROR"]
    assert "42501" in vars(events[0])["reason"]


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
    bench.inbox.put(reading(1.5))
    assert bench.step() == 1
    bench.ingester._reporter.observe()
    assert bench.values() == [1.5]
    assert "heartbeat_failed" in caplog.messages


def test_a_second_ingester_of_this_name_does_not_start(bench: Bench) -> None:
    bench.step()
    other = Twin(MemoryStore(), clock=utc_now)
    other.hold_instance = lambda _name: False  # pyrefly: ignore[bad-assignment] - somebody has it
    bench.twin = other
    second = bench.another()
    second._contact._clock = iter(range(0, 1000, 3)).__next__  # pyrefly: ignore[bad-assignment]
    with pytest.raises(InstanceTakenError, match="twin-Testcity-1"):
        second.open(threading.Event())


def test_the_status_is_in_a_file_and_in_a_retained_topic(bench: Bench) -> None:
    bench.store.is_away = True
    bench.inbox.put(reading(1.5))
    bench.steps(3)
    bench.ingester._reporter.tell()
    file = bench.settings.data_dir / "status" / "ingest-1.json"
    content = json.loads(file.read_text())
    assert content["state"] == "spooling"
    assert content["reason"] == "gone"
    assert content["figures"]["spool_messages"] == 1.0
    assert content["sources"]["demo"]["messages"] == 1
    assert json.loads(bench.inbox.notices["twin/status/ingest/1"]) == content


def test_alarms_about_the_connection_open_and_close(bench: Bench) -> None:
    bench.step()
    bench.inbox.extra = {
        "is_contested": True,
        "silent": ("twin/v1/#",),
        "certificate_expires_at": utc_now() + timedelta(days=3),
        "sessions_lost": 1,
    }
    bench.ingester._reporter.observe()
    kinds = {alarm.kind for alarm in bench.twin.alarms()}
    assert kinds == {"client_taken_over", "source_silent", "certificate_expires", "session_lost"}
    bench.inbox.extra = {"sessions_lost": 1}
    bench.ingester._reporter.observe()
    assert [alarm.kind for alarm in bench.twin.alarms()] == ["session_lost"]  # shown for a while


def test_a_message_that_vanishes_between_hand_over_and_commit_is_an_alarm(bench: Bench) -> None:
    bench.inbox.put(reading(1.0))
    bench.step()
    assert bench.ingester._reporter.check_balance() == {}
    bench.inbox.put(reading(2.0))
    bench.inbox.poll(max_messages=1, max_bytes=1, timeout_s=0.0)  # taken, and dropped
    bench.ingester._reporter.check_balance()
    found = bench.ingester._reporter.check_balance()
    assert found == {"twin-Testcity-1": 1}
    bench.ingester._overview.taken += 1
    bench.ingester._ledger.hand_over({"demo": 1})
    bench.ingester._reporter.check_balance()
    assert bench.ingester._reporter.check_balance() == {"demo": 1}
    bench.ingester._reporter.observe()
    assert [alarm.subject for alarm in bench.twin.alarms()] == ["demo"]


def test_policies_of_a_source_reach_the_store(tmp_path: Path) -> None:
    policy = """
[[source]]
name = "demo"
clock = "server"
corrections = true
"""
    bench = Bench(tmp_path, extra=policy)
    bench.inbox.put({"t": 1000, "v": 1.0, "seq": 1})  # a clock that was never set
    bench.inbox.put(reading(2.0, age_s=60))
    bench.step()
    bench.inbox.put({"t": 1000, "v": 1.0, "seq": 1}, received_us=to_us(NOW) + 5_000_000)
    bench.inbox.put(reading(3.0, age_s=60))
    bench.step()
    number = next(one.number for one in bench.twin.datastreams() if one.uid == "B1.s000")
    end_us = to_us(NOW) + 10**9
    series = bench.store.series(number or 0, start_us=0, end_us=end_us, limit=9)
    assert series.value.tolist() == [3.0, 1.0]  # corrected; and once, at its first arrival
    assert series.time_us.tolist()[1] == to_us(NOW)
    assert bench.reasons() == {}


def test_a_reading_without_time_is_doubtful_while_the_connection_is_young(bench: Bench) -> None:
    start_us = to_us(NOW) - 3_600_000_000
    for row, after_s in enumerate((0, 59, 61)):
        at_us = start_us + after_s * 1_000_000
        bench.inbox.put({"temp": 20.0 + row}, topic="twin/json/yard", received_us=at_us)
        bench.step()
    number = next(one.number for one in bench.twin.datastreams() if one.uid == "B1.air")
    series = bench.store.series(number or 0, start_us=0, end_us=to_us(NOW), limit=9)
    flags = [keys(mask) for mask in series.quality.tolist()]
    assert ["possible_repeat" in one for one in flags] == [True, True, False]


@pytest.mark.parametrize(
    ("arrivals", "expected"),
    [
        ([(1, 0), (1, 1), (2, 90), (2, 91)], [False, False, True, True]),
        ([(1, 0), (1, 61)], [True, True]),
    ],
    ids=["the queue still holds messages of the old connection", "the loop stood still"],
)
def test_what_comes_with_a_new_connection_is_doubtful_however_late_it_is_taken(
    bench: Bench, arrivals: list[tuple[int, int]], expected: list[bool]
) -> None:
    start_us = to_us(NOW) - 3_600_000_000
    for connection, after_s in arrivals:
        bench.inbox.connection = connection
        at_us = start_us + after_s * 1_000_000
        bench.inbox.put({"temp": 20.0 + after_s}, topic="twin/json/yard", received_us=at_us)
    assert bench.step() == len(arrivals)
    number = next(one.number for one in bench.twin.datastreams() if one.uid == "B1.air")
    series = bench.store.series(number or 0, start_us=0, end_us=to_us(NOW), limit=9)
    flags = [keys(mask) for mask in series.quality.tolist()]
    assert ["possible_repeat" in one for one in flags] == expected


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

    bench.step()
    pipeline = bench.ingester._recorder._pipeline
    assert pipeline is not None
    pipeline.lanes._codecs = {**pipeline.lanes._codecs, "own": Broken()}
    bench.inbox.put(reading(1.0))
    bench.step()
    assert bench.reasons() == {"codec_error": 1}


def test_the_status_shows_figures_and_gaps(bench: Bench) -> None:
    for sequence in (1, 2, 5):
        bench.inbox.put(reading(float(sequence), age_s=10 - sequence) | {"seq": sequence})
        bench.step()
    figures = bench.status().figures
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
        "import sys, sensors.ingest.job; "
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
