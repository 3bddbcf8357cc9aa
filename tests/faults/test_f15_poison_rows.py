"""F15: one row in a thousand fails in SQL and costs only itself."""

import math

import psycopg
import pytest
from faults.oracle import judge
from faults.rig import ClientKind, ingest_rig, plan
from waiting import wait_for

MESSAGES = 10_000
POISON_EVERY = 1000
RATE_HZ = float("inf")
# Reading r has the value r / 4: those with r = 500, 1500, 2500 ... are refused.
POISON = f"""
ALTER TABLE reading ADD CONSTRAINT poison
CHECK (mod((v * 4)::bigint, {POISON_EVERY}) <> {POISON_EVERY // 2});
"""
# A sequence keeps counting when the statement that raised it is rolled back.
COUNTS = """
CREATE SEQUENCE attempt;
CREATE FUNCTION count_attempt() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN PERFORM nextval('attempt'); RETURN NULL; END $$;
CREATE TRIGGER count_attempt BEFORE INSERT ON reading
FOR EACH STATEMENT EXECUTE FUNCTION count_attempt();
CREATE SEQUENCE success;
CREATE FUNCTION count_success() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN PERFORM nextval('success'); RETURN NULL; END $$;
CREATE TRIGGER count_success AFTER INSERT ON reading
FOR EACH STATEMENT EXECUTE FUNCTION count_success();
"""
LARGEST_BATCH = 20_000
# The whole batch fails once before the halving begins; a half that fails is counted as well.
MOST_FAILURES_PER_ROW = math.ceil(math.log2(LARGEST_BATCH)) + 1

pytestmark = [pytest.mark.db, pytest.mark.broker]


@pytest.mark.parametrize("client", ["bulk", "stock"])
def test_one_refused_row_in_a_thousand_costs_only_itself(client: ClientKind) -> None:
    with ingest_rig(client=client) as rig:
        with psycopg.connect(rig.owner_dsn, autocommit=True) as connection:
            connection.execute((POISON + COUNTS).encode())
        rig.start_ingester()
        rig.wait_for_log("broker_connected")
        generator = rig.generator(plan(count=MESSAGES, rate_hz=RATE_HZ))
        generator.start()
        generator.wait(120)
        wait_for(
            lambda: judge(rig, [generator]).balance.received >= MESSAGES,
            "all messages in the balance",
            timeout_s=60,
        )
        rig.stop_ingesters()
        verdict = judge(rig, [generator])
        bad = MESSAGES // POISON_EVERY
        assert (verdict.balance.stored, verdict.balance.quarantined) == (MESSAGES - bad, bad)
        assert verdict.balance.difference == 0
        verdict.require_whole(may_lose=bad)
        reasons = rig.rows(
            "SELECT reason, count(*), min(v * 4), max(v * 4) FROM quarantine GROUP BY 1"
        )
        assert reasons == [("db_rejected", bad, 500.0, MESSAGES - 500.0)]
        ((tried, done),) = rig.rows("SELECT a.last_value, s.last_value FROM attempt a, success s")
        assert int(str(tried)) - int(str(done)) <= bad * MOST_FAILURES_PER_ROW
