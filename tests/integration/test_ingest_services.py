"""The real ingester between a real broker and a real database."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from faults.loadgen import LoadGenerator, Plan, Target
from faults.rig import Rig, ingest_rig
from waiting import wait_for

from twin.model.times import utc_now

pytestmark = [pytest.mark.db, pytest.mark.broker]
REPOSITORY = Path(__file__).resolve().parents[2]
MUENSTER = REPOSITORY.parent / "shared" / "data" / "muenster" / "2016_09_05_24mq.csv"
OBS = "twin/v1/demo/B1/s000/obs"


@pytest.fixture(scope="module")
def shared_rig() -> Iterator[Rig]:
    """One rig with a running ingester for the tests that only add to it."""
    with ingest_rig() as rig:
        rig.start_ingester()
        rig.wait_for_log("broker_connected")
        yield rig


def reading(value: float, *, age_s: float = 0.0) -> bytes:
    return json.dumps(
        {"t": (utc_now() - timedelta(seconds=age_s)).isoformat(), "v": value}
    ).encode()


def test_repeated_delivery_changes_nothing(shared_rig: Rig) -> None:
    payload = reading(1.5)
    before = shared_rig.count()
    publisher = shared_rig.publisher()
    for _ in range(3):
        assert publisher.publish(OBS, payload)
    assert publisher.publish(OBS.replace("s000", "s001"), reading(2.5))
    assert publisher.close() == 0
    shared_rig.wait_for_count(before + 2)
    repeated = "SELECT sum(duplicate) FROM ingest_balance"
    wait_for(lambda: shared_rig.rows(repeated)[0][0] == 2, "two duplicates counted")
    assert shared_rig.count() == before + 2


def test_bad_input_of_each_kind_lands_in_the_quarantine_and_good_neighbours_are_stored(
    shared_rig: Rig,
) -> None:
    before = shared_rig.count()
    bad = [
        (OBS, b"\x00\xff\xfe", "not_utf8"),
        (OBS, b'{"v": ', "not_json"),
        (OBS, b'{"t": 1, "t": 2, "v": 1}', "duplicate_key"),
        (OBS, b"[" * 1000, "too_deep"),
        (OBS, b" " * 300_000, "too_large"),
        (OBS, b'{"v": 1e400, "seq": 1}', "not_finite"),
        (OBS, b'{"v": true, "seq": 1}', "wrong_type"),
        (OBS, b'{"v": 1}', "time_missing"),
        (OBS, b'{"v": 1, "t": "yesterday"}', "time_invalid"),
        (OBS, reading(1, age_s=-3600), "clock_future"),
        (OBS, b'{"v": 1, "t": "1970-01-01T00:10:00Z"}', "clock_unset"),
        (OBS, reading(1, age_s=800 * 86_400), "too_old"),
        ("twin/v1/demo/B9/none/obs", reading(1), "unknown_stream"),
        ("twin/v1/demo/B1/s000/temperature", reading(1), "unknown_topic"),
        ("twin/v1/demo/B1/acc/wave", b"TWV1\x02\x00\x00\x00{}", "missing_field"),
    ]
    publisher = shared_rig.publisher()
    for number, (topic, payload, _) in enumerate(bad):
        assert publisher.publish(topic, payload)
        good = reading(float(number), age_s=60 + number)
        assert publisher.publish(OBS.replace("s000", "s002"), good)
    assert publisher.close() == 0
    shared_rig.wait_for_count(before + len(bad))
    found = shared_rig.rows("SELECT reason, detail, convert_from(topic, 'UTF8') FROM quarantine")
    assert sorted(str(reason) for reason, _, _ in found) == sorted(r for _, _, r in bad)
    for reason, detail, topic in found:
        assert len(str(detail)) > 20, reason
        assert (topic, reason) in {(topic, reason) for topic, _, reason in bad}
    kept = shared_rig.rows("SELECT head, payload FROM quarantine WHERE reason = 'not_json'")
    assert kept == [(b'{"v": ', b'{"v": ')]


def test_a_value_outside_physical_limits_is_stored_with_its_flag(shared_rig: Rig) -> None:
    publisher = shared_rig.publisher()
    assert publisher.publish(OBS.replace("s000", "s003"), reading(99_999.0))
    assert publisher.close() == 0
    flagged = "SELECT q FROM reading WHERE v = 99999"
    assert wait_for(lambda: shared_rig.rows(flagged) or None, "the reading") == [(1 << 6,)]


def test_a_retained_value_without_own_time_is_ignored(shared_rig: Rig) -> None:
    topic = "twin/json/yard"
    publisher = shared_rig.publisher()
    assert publisher.publish(topic, b'{"temp": 21.0}', retain=True)
    values = "SELECT v FROM reading JOIN datastream ON ds = number WHERE uid = 'B1.air'"
    assert wait_for(lambda: shared_rig.rows(values) or None, "the live value") == [(21.0,)]
    with ExitStack() as stack:
        # another client id is a new session: the broker sends the retained value to it
        second = replace(shared_rig.settings.ingest, instance="2")
        city = shared_rig.settings.folder.parent / "second"
        city.mkdir()
        text = (shared_rig.settings.folder / "city.toml").read_text()
        (city / "city.toml").write_text(text + f'[ingest]\ninstance = "{second.instance}"\n')
        process = stack.enter_context(
            subprocess.Popen([sys.executable, "-m", "twin.cli", "--city", str(city), "ingest"])
        )
        stack.callback(process.terminate)
        ignored = "SELECT sum(ignored) FROM ingest_balance"
        wait_for(lambda: shared_rig.rows(ignored)[0][0] == 1, "one retained value ignored")
    assert shared_rig.rows(values) == [(21.0,)]
    assert publisher.publish(topic, b"", retain=True)
    assert publisher.close() == 0


def test_the_job_board_shows_state_and_lag(shared_rig: Rig) -> None:
    publisher = shared_rig.publisher()
    assert publisher.publish(OBS.replace("s000", "s004"), reading(1.0))
    assert publisher.close() == 0
    twin = shared_rig.twin()

    def figures() -> dict[str, float] | None:
        for job in twin.health().jobs:
            if job.job == "ingest" and "lag_p95_s" in job.figures and job.state == "live":
                return dict(job.figures)
        return None

    found = wait_for(figures, "a heartbeat with figures")
    twin.close()
    assert found["broker_connected"] == 1.0
    assert found["messages"] >= 1.0
    assert 0.0 <= found["lag_newest_s"] < 30.0


def test_the_database_stops_and_starts_again_and_nothing_is_lost() -> None:
    with ingest_rig() as rig:
        process = rig.start_ingester()
        rig.wait_for_log("broker_connected")
        begin_ms = int(time.time() * 1000) - 5000
        plan = Plan(lambda stream: f"twin/v1/demo/B1/s{stream:03}/obs", 20, 5000, 500.0, begin_ms)
        broker = rig.settings.broker
        target = Target(broker.host, broker.port, "loadgen", broker.username, rig.broker_password)
        generator = LoadGenerator(target, plan)
        generator.start()
        wait_for(lambda: generator.acknowledged >= 1000, "1,000 messages taken over")
        rig.stop_database()
        rig.wait_for_log("store_unavailable")
        wait_for(lambda: generator.acknowledged >= 4000, "messages while the database is away")
        rig.start_database()
        generator.wait(60)
        rig.wait_for_count(plan.count)
        assert process.poll() is None
        stored = rig.rows(
            "SELECT substr(route_key, 5)::integer, (extract(epoch FROM t) * 1000)::bigint, v "
            "FROM reading JOIN datastream ON ds = number"
        )
        assert len(stored) == plan.count
        assert set(stored) == set(plan.expected())


def test_a_stop_by_signal_is_clean_and_the_session_keeps_what_follows() -> None:
    with ingest_rig() as rig:
        process = rig.start_ingester()
        rig.wait_for_log("broker_connected")
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert time.monotonic() - begun < 20
        publisher = rig.publisher()
        for number in range(50):
            assert publisher.publish(OBS, reading(float(number), age_s=number))
        assert publisher.close() == 0
        rig.start_ingester()
        rig.wait_for_count(50)


def test_the_ingester_works_on_the_embedded_broker() -> None:
    with ingest_rig("embedded") as rig:
        rig.start_ingester()
        rig.wait_for_log("broker_connected")
        publisher = rig.publisher()
        for number in range(500):
            assert publisher.publish(OBS, reading(float(number), age_s=number))
        assert publisher.close() == 0
        rig.wait_for_count(500)


def test_a_recorded_file_is_replayed_through_the_broker_into_the_store() -> None:
    if not MUENSTER.exists():
        pytest.skip(f"sample is not there: {MUENSTER}")
    with ingest_rig() as rig:
        rig.start_ingester()
        rig.wait_for_log("broker_connected")
        command = [
            sys.executable, "-m", "twin.cli", "--city", str(rig.settings.folder),
            "replay", str(MUENSTER), "--mapping",
            str(REPOSITORY / "docs" / "examples" / "muenster.toml"),
            "--speed", "36000", "--shift", "now",
        ]  # fmt: skip
        answer = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert answer.returncode == 0, answer.stderr
        assert '"published": 14261' in answer.stderr
        # none of its detectors is registered in the small city: each one says so, nothing vanishes
        counted = "SELECT sum(received), sum(quarantined) FROM ingest_balance"
        wait_for(lambda: rig.rows(counted) == [(14_261, 14_261)], "all values accounted for")
        reasons = rig.rows("SELECT reason, count(*) FROM quarantine GROUP BY reason")
        assert [reason for reason, _ in reasons] == ["unknown_stream"]
