"""The job ``maintain`` as a process: fresh rollups, one at a time, a proof of deletion."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from bridge_samples import trained_model
from services import open_folder
from store_samples import batch, city, stream
from store_servers import Database, Server, running_server
from waiting import wait_for

from twin.city import Twin
from twin.maintain import maintain_once, prove, rule_of
from twin.model.jobs import JobStatus
from twin.model.monitoring import AnalysisOutcome, StateRecord
from twin.model.times import to_us, utc_now
from twin.model.upkeep import Retention, UpkeepRule
from twin.settings import load_settings
from twin.store import MemoryStore, open_store

CITY = """
[city]
name = "Testcity"
crs = "EPSG:25833"
extent = [13.5, 50.9, 14.0, 51.2]
timezone = "Europe/Berlin"
[database]
dsn = {dsn}
[embedded]
data_dir = {data_dir}
[store]
{store}
"""
TEN_SECONDS = 10_000_000


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server("postgres") as found:
        yield found


@dataclass
class Bench:
    """A database with three streams, and the job as processes with the rights of ``twin_keep``."""

    database: Database
    folder: Path
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def write_settings(self, store: str = "") -> None:
        text = CITY.format(
            dsn=json.dumps(self.database.dsn("twin_keep")),
            data_dir=json.dumps(str(self.folder / "data")),
            store=store,
        )
        (self.folder / "city.toml").write_text(text, encoding="utf-8")

    def start(self, *arguments: str, instance: str = "1") -> subprocess.Popen[str]:
        environment = {name: text for name, text in os.environ.items() if name[:5] != "TWIN_"}
        process = subprocess.Popen(
            [sys.executable, "-m", "twin.cli", "--city", str(self.folder), "maintain", *arguments],
            env={**environment, "TWIN_INSTANCE": instance},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def run(self, *arguments: str) -> tuple[int, str]:
        process = self.start(*arguments)
        out, errors = process.communicate(timeout=60)
        return process.returncode, out + errors

    def record(self, rows: list[tuple[int, int, float]]) -> None:
        store = open_store(self.database.dsn("twin_ingest"))
        assert store.record(batch(rows)).stored == len(rows)
        store.close()

    def job(self, instance: str) -> JobStatus | None:
        store = open_store(self.database.dsn())
        found = [job for job in store.jobs() if (job.job, job.instance) == ("maintain", instance)]
        store.close()
        return found[0] if found else None

    def state(self, instance: str) -> str:
        job = self.job(instance)
        return "" if job is None else job.state


@pytest.fixture
def bench(server: Server) -> Iterator[Bench]:
    database = server.migrated_database()
    store = open_store(database.dsn())
    plain = [stream(f"stream-{row:03}") for row in range(3)]
    store.load(
        replace(
            city(streams=0),
            datastreams=(
                replace(plain[0], source="right", cadence_s=1.0),
                replace(plain[1], source="left", privacy_class="person"),
                replace(plain[2], source="right", privacy_class="vehicle"),
            ),
        ),
        at=utc_now(),
    )
    store.close()
    with open_folder() as folder:
        found = Bench(database, folder)
        found.write_settings()
        yield found
        for process in found.processes:
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=10)


def test_a_bucket_is_made_within_ten_seconds_of_its_end(bench: Bench) -> None:
    bench.start()
    wait_for(lambda: bench.state("1") == "live", "the first heartbeat")
    end_us = (to_us(utc_now()) // TEN_SECONDS + 1) * TEN_SECONDS
    bench.record([(1, end_us - TEN_SECONDS + k, float(k)) for k in range(5)])

    def made() -> bool:
        return bench.database.run("SELECT count(*) FROM rollup_10s WHERE n = 5") == [(1,)]

    wait_for(made, "the bucket", timeout_s=25)
    print(f"made {(to_us(utc_now()) - end_us) / 1e6:.1f} s after the end of the bucket")
    job = bench.job("1")
    assert job is not None
    assert {"pending", "oldest_due_s", "buckets_per_s", "rows_deleted"} == set(job.figures)


def test_two_never_work_at_once_and_the_second_takes_over(bench: Bench) -> None:
    first = bench.start(instance="a")
    wait_for(lambda: bench.state("a") == "live", "the first one")
    bench.start(instance="b")
    wait_for(lambda: bench.state("b") == "waiting for another maintain", "the second one")
    code, said = bench.run("--once")
    assert code == 1
    assert "another process does the upkeep" in said
    first.send_signal(signal.SIGKILL)
    wait_for(lambda: bench.state("b") == "live", "the second one at work")


def test_once_says_what_was_done_and_ends(bench: Bench) -> None:
    now_us = to_us(utc_now())
    bench.record([(1, now_us - k * 1_000_000, float(k)) for k in range(3600)])
    bench.record([(2, now_us - 86_400_000_000 * days, 1.0) for days in (1, 40)])
    code, said = bench.run("--once")
    assert code == 0, said
    assert re.search(r"rollups: 4\d\d buckets computed, 0 removed", said)
    assert "retention: 1 rows deleted" in said
    assert "compression: not offered by this server" in said
    assert bench.run("--once")[1].startswith("rollups: 0 buckets")


def test_the_proof_is_printed_and_breaks_when_it_is_edited(bench: Bench) -> None:
    code, said = bench.run("--proof")
    assert (code, "nothing has been deleted yet" in said) == (0, True)
    now_us = to_us(utc_now())
    bench.record([(number, now_us - 86_400_000_000 * 100, 1.0) for number in (2, 3)])
    code, said = bench.run("--proof")
    assert code == 1
    assert "overdue: 1 rows of reading (person)" in said
    code, said = bench.run("--once", "--proof")
    assert code == 0, said
    assert "reading person" in said
    assert "store.person_days = 30" in said
    assert "the chain of" in said
    assert "no row is older than its retention" in said
    tampering = "SET session_replication_role = replica; UPDATE deletion SET row_count = 7"
    bench.database.run(f"{tampering} WHERE number = 1")
    code, said = bench.run("--proof")
    assert code == 1
    assert "the chain is broken at entry 1" in said


def test_once_thins_superseded_states_of_analyses_after_the_days_of_the_setting(
    bench: Bench,
) -> None:
    begun = utc_now().replace(day=1) - timedelta(days=500)
    store = open_store(bench.database.dsn("twin_work"))
    for version in range(1, 5):
        at = begun + timedelta(hours=version)
        model = replace(trained_model("bridge", at=at), version=version)
        state = StateRecord(f"compensation.{version}", "bridge", 1, to_us(at), b"x")
        store.bridges.keep(AnalysisOutcome(models=(model,), states=(state,)), at=at)
    store.close()
    names = "SELECT name FROM bridge_state ORDER BY name"
    bench.write_settings("state_days = 0")
    assert bench.run("--once")[0] == 0
    assert len(bench.database.run(names)) == 4
    bench.write_settings()
    assert bench.run("--once")[0] == 0
    assert bench.database.run(names) == [("compensation.3",), ("compensation.4",)]


def test_nobody_edits_the_proof_through_the_front_door(bench: Bench) -> None:
    bench.record([(2, to_us(utc_now()) - 86_400_000_000 * 100, 1.0)])
    bench.run("--once")
    for role in ("twin", "twin_owner"):
        for statement in (
            "DELETE FROM deletion",
            "TRUNCATE deletion",
            "UPDATE deletion SET rule = ''",
        ):
            with pytest.raises(Exception, match="never changed"):
                bench.database.run(statement, role=role)


def test_the_job_can_neither_delete_unproved_nor_prove_what_it_did_not_delete(bench: Bench) -> None:
    bench.record([(1, to_us(utc_now()), 1.0), (1, to_us(utc_now()) - 86_400_000_000 * 3, 1.0)])
    everything = "'reading', ARRAY['technical'], '-infinity'"
    forged = (
        "INSERT INTO deletion VALUES "
        "(1, now(), 'reading', 'technical', now(), now(), 5, 'rule', 'me', '')"
    )
    for statement, refusal in (
        (f"SELECT twin_delete_rows({everything}, 'infinity', 100)", "permission denied"),
        ("SELECT twin_drop_room('reading', now(), now())", "permission denied"),
        ("SELECT twin_prove('reading', '', now(), now(), 1, '', '')", "permission denied"),
        (forged, "permission denied"),
        ("DELETE FROM quarantine", "permission denied"),
        ("UPDATE quarantine SET payload = NULL", "permission denied"),
        (f"SELECT twin_expire_rows({everything}, 'infinity', 100, '', '')", "younger than a day"),
        ("SELECT twin_expire_room('reading', now(), now(), '', '')", "younger than a day"),
        ("SELECT twin_expire_quarantine(now(), NULL, '', '')", "younger than a day"),
        ("SELECT twin_bound_quarantine(0, '', '')", "a bound of 0 bytes"),
        ("DELETE FROM bridge_state", "permission denied"),
        ("SELECT twin_expire_states(now())", "younger than a day"),
    ):
        with pytest.raises(psycopg.Error, match=refusal):
            bench.database.run(statement, role="twin_keep")
    assert bench.database.run("SELECT count(*) FROM reading") == [(2,)]
    odd = "E'a rule \\\\ \"quoted\"\\n\\u0001 für Straßen', 'me'"
    bench.database.run(
        f"SELECT twin_expire_rows({everything}, now() - interval '2 days', 100, {odd})",
        role="twin_keep",
    )
    assert bench.database.run("SELECT row_count, rule ~ 'für' FROM deletion") == [(1, True)]
    code, said = bench.run("--proof")
    assert code == 0, said


def test_a_chain_that_its_owner_wrote_anew_shows_by_a_hash_that_was_noted(bench: Bench) -> None:
    bench.record([(2, to_us(utc_now()) - 86_400_000_000 * 100, 1.0)])
    code, said = bench.run("--once", "--proof")
    (found,) = re.findall(r"note the newest one: (\d+:[0-9a-f]{64})", said)
    code, said = bench.run("--proof", "--expect", found)
    assert code == 0, said
    assert "is the one that was noted" in said
    bench.database.run(
        "ALTER TABLE deletion DISABLE TRIGGER deletion_stays; DELETE FROM deletion; "
        "SELECT twin_prove('reading', 'person', now(), now(), 1, 'rewritten', 'me') "
        "FROM generate_series(1, 5); ALTER TABLE deletion ENABLE TRIGGER deletion_stays",
        role="twin_owner",
    )
    assert bench.run("--proof")[0] == 0
    code, said = bench.run("--proof", "--expect", found)
    assert (code, "the chain was written anew" in said) == (1, True)
    assert bench.run("--proof", "--expect", "no entry")[0] == 2


def test_settings_decide_how_long_data_are_kept(bench: Bench) -> None:
    bench.write_settings(
        "person_days = 200\nvehicle_days = 0\nwaveform_days = 3\ncompression = 'auto'"
    )
    rule = rule_of(load_settings(bench.folder, {}))
    assert rule.retention == Retention(person_days=200, vehicle_days=0, waveform_days=3)
    assert rule.is_compressed
    assert rule.zone == "Europe/Berlin"
    assert rule.made_by.startswith("stadtzwilling ")
    bench.record([(n, to_us(utc_now()) - 86_400_000_000 * 300, 1.0) for n in (1, 2, 3)])
    assert bench.run("--once", "--proof")[0] == 0
    assert bench.database.run("SELECT ds FROM reading ORDER BY ds") == [(1,), (3,)]


def test_the_database_may_go_away_and_come_back(bench: Bench) -> None:
    process = bench.start()
    wait_for(lambda: bench.state("1") == "live", "the first heartbeat")
    bench.database.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'twin-keep'"
    )
    before = utc_now()
    wait_for(
        lambda: (job := bench.job("1")) is not None and job.heartbeat_at > before,
        "another heartbeat",
    )
    assert process.poll() is None
    assert bench.state("1") == "live"


class MovableClock:
    def __init__(self) -> None:
        self.time = datetime(2026, 11, 22, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time


def test_one_pass_runs_on_a_store_in_memory_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    twin = Twin(MemoryStore(), clock=MovableClock())
    assert maintain_once(twin, UpkeepRule())
    assert prove(twin, UpkeepRule())
    assert "nothing has been deleted yet" in capsys.readouterr().out


def test_payloads_above_the_bound_go_first_and_their_heads_stay(bench: Bench) -> None:
    bench.database.run(
        "INSERT INTO quarantine (fingerprint, first_seen, last_seen, seen, source, topic, reason, "
        "detail, codec, payload_sha256, size, head, payload) SELECT sha256(n::text::bytea), "
        "now() - n * interval '1 hour', now() - n * interval '1 hour', 1, 'left', '', 'not_json', "
        "'', 'own', '', 1000, 'head', convert_to(repeat('x', 1000), 'UTF8') "
        "FROM generate_series(1, 10) AS n"
    )
    bench.write_settings("quarantine_bytes = 3700")
    code, said = bench.run("--once")
    assert (code, "retention: 7 rows deleted" in said) == (0, True), said
    left = bench.database.run(
        "SELECT count(*), count(payload), count(head), min(last_seen) FILTER (WHERE payload IS NOT "
        "NULL) > now() - interval '4 hours' FROM quarantine"
    )
    assert left == [(10, 3, 10, True)]
    rules = bench.database.run("SELECT series, row_count, rule FROM deletion")
    assert rules == [("quarantine.payload", 7, "store.quarantine_bytes = 3700")]


def test_the_settings_of_the_rollups_do_not_choose_the_plans_of_retention(bench: Bench) -> None:
    """Without bitmaps the index on the age of `arrival` is of no use."""
    settings = bench.database.run(
        "SELECT bool_and('enable_bitmapscan=on' = ANY (proconfig)), count(*) FROM pg_proc "
        "WHERE proname IN ('twin_delete_rows', 'twin_count_rows', 'twin_drop_room')"
    )
    assert settings == [(True, 3)]


def test_entries_without_a_payload_are_bounded_too(bench: Bench) -> None:
    """F-QUA-1: the quarantine is a ring with a limit of bytes."""
    bench.database.run(
        "INSERT INTO quarantine (fingerprint, first_seen, last_seen, seen, source, topic, reason, "
        "detail, codec, payload_sha256, size, head, ds, t, v) SELECT sha256(n::text::bytea), "
        "now() - n * interval '1 s', now() - n * interval '1 s', 1, 'left', '', 'conflict', "
        "'', 'own', '', 0, '', 1, now(), 1 FROM generate_series(1, 3000) AS n"
    )
    bench.write_settings("quarantine_bytes = 2000")
    code, said = bench.run("--once", "--proof")
    assert (code, "retention: 2990 rows deleted" in said) == (0, True), said
    left = "SELECT count(*), min(last_seen) > now() - interval '5 min' FROM quarantine"
    assert bench.database.run(left) == [(10, True)]
    rules = bench.database.run("SELECT series, row_count, rule FROM deletion")
    assert rules == [("quarantine", 2990, "store.quarantine_bytes = 2000")]
