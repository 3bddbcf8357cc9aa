"""F3: every commit takes two seconds; batches grow, nothing is lost, memory stays bounded.

The COMMIT of a batch is a prepared statement after a while, so that a proxy does not see the word.
A deferred trigger takes the time instead, which is where a slow disk would take it.
"""

import psycopg
import pytest
from faults.disks import corrupt_files
from faults.oracle import Watch, judge, wait_for_stored
from faults.rig import ClientKind, Rig, ingest_rig, plan
from waiting import wait_for

RATE_HZ = 500.0
COMMIT_S = 2.0
MOST_MIB = 512.0
CAUGHT_UP_WITHIN_S = 60.0
UNHURRIED = 500

SLOW = f"""
CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql
AS $$BEGIN PERFORM pg_sleep({COMMIT_S}); RETURN NULL; END$$;
CREATE CONSTRAINT TRIGGER be_slow AFTER INSERT OR UPDATE ON ingest_commit
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION be_slow()
"""
HEAL = "DROP TRIGGER be_slow ON ingest_commit"
DONE = "SELECT (SELECT sum(seq) FROM ingest_commit)::integer, (SELECT count(*) FROM reading)"

pytestmark = [pytest.mark.db, pytest.mark.broker]


@pytest.mark.parametrize(("client", "slow_s"), [("bulk", 30), ("stock", 12)])
def test_slow_commits_make_larger_batches_and_lose_nothing(client: ClientKind, slow_s: int) -> None:
    count = int(UNHURRIED + slow_s * RATE_HZ)
    with ingest_rig(client=client) as rig:
        process = rig.start_ingester()
        rig.wait_for_log("broker_connected")
        generator = rig.generator(plan(count=count, rate_hz=RATE_HZ))
        memory = Watch()
        generator.start()
        wait_for(lambda: rig.count() >= UNHURRIED, "readings before the fault")
        run(rig, SLOW)
        begin = done(rig)

        def is_over() -> bool:
            memory.look(process.pid)
            return generator.acknowledged >= count

        wait_for(is_over, "the end of the load", timeout_s=slow_s + 60)
        end = done(rig)
        run(rig, HEAL)
        generator.wait(10)
        wait_for_stored(rig, [generator], timeout_s=CAUGHT_UP_WITHIN_S)
        memory.look(process.pid)
        assert process.poll() is None
        rig.stop_ingesters()

        verdict = judge(rig, [generator])
        commits, stored = end[0] - begin[0], end[1] - begin[1]
        print(
            f"F3 {client}: {stored} readings in {commits} slow commits, "
            f"{memory.peak_mib:.0f} MiB, {verdict.balance}"
        )
        verdict.require_whole()
        assert verdict.acknowledged == count
        assert commits > 0
        assert stored / commits > RATE_HZ * COMMIT_S / 4
        assert not corrupt_files(rig)
        assert memory.peak_mib < MOST_MIB


def run(rig: Rig, statements: str) -> None:
    with psycopg.connect(rig.owner_dsn, autocommit=True) as connection:
        connection.execute(statements.encode())


def done(rig: Rig) -> tuple[int, int]:
    """Commits and readings so far."""
    commits, readings = rig.rows(DONE)[0]
    return int(str(commits)), int(str(readings))
