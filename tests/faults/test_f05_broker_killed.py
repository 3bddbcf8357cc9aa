"""F5: the broker is killed; what it had not written to its snapshot yet is gone."""

from dataclasses import replace

import pytest
from faults.loadgen import LoadGenerator
from faults.oracle import judge, wait_for_stored
from faults.rig import Rig, ingest_rig, plan
from waiting import wait_for

STREAMS = 20
KEPT = 2000
UNSAVED = 1400
AFTER = 1000
FAST = float("inf")

pytestmark = [pytest.mark.db, pytest.mark.broker]


def published(rig: Rig, *, after: LoadGenerator | None, count: int) -> LoadGenerator:
    """Everything up to ``count`` more messages; those of ``after`` are known to the broker."""
    done = after.plan.count if after else 0
    whole = after.plan if after else plan(count=KEPT + UNSAVED + AFTER, rate_hz=FAST)
    generator = rig.generator(replace(whole, count=done + count, skipped=done))
    generator.start()
    generator.wait(60)
    return generator


def test_only_what_the_snapshot_lacked_is_lost_and_the_gap_is_reported() -> None:
    with ingest_rig(streams=STREAMS, through_proxy=["broker"]) as rig:
        assert rig.broker_proxy is not None
        rig.start_ingester()
        rig.wait_for_log("broker_connected")
        # the queue of 2,000 messages is in the snapshot, and stored afterwards
        cut_off(rig)
        kept = published(rig, after=None, count=KEPT)
        rig.broker.save()
        rig.broker_proxy.heal()
        wait_for_stored(rig, [kept], timeout_s=60)
        # 1,400 more are not, and nobody takes them before the broker dies
        cut_off(rig)
        unsaved = published(rig, after=kept, count=UNSAVED)
        rig.broker.kill()
        rig.broker.start()
        rig.broker_proxy.heal()
        after = published(rig, after=unsaved, count=AFTER)
        wait_for_stored(rig, [kept, after], timeout_s=90)
        wait_for(lambda: sum(missing(rig).values()) >= UNSAVED, "the gap of every stream")
        rig.stop_ingesters()

        verdict = judge(rig, [kept, unsaved, after])
        print(f"F5: {len(verdict.lost)} lost, {verdict.balance}")
        verdict.require_whole(may_lose=UNSAVED)
        assert len(verdict.lost) == UNSAVED
        # exactly, because the devices count
        assert missing(rig) == {f"B1/s{n:03}": UNSAVED // STREAMS for n in range(STREAMS)}
        # the snapshot holds what was acknowledged after it: a storm of redelivery
        assert verdict.balance.duplicate >= KEPT


def test_a_broker_that_forgot_the_session_is_subscribed_to_anew() -> None:
    with ingest_rig() as rig:
        rig.start_ingester()
        rig.wait_for_log("broker_connected")
        before = published(rig, after=None, count=AFTER)
        wait_for_stored(rig, [before], timeout_s=30)
        rig.broker.kill()  # before its first snapshot
        rig.broker.start()
        rig.wait_for_log("broker_connected", times=2)
        wait_for(lambda: rig.logged("session_lost"), "the lost session in the log")
        gaps = "SELECT source FROM gap WHERE cause = 'session_lost' AND estimated"
        assert wait_for(lambda: rig.rows(gaps) or None, "the gap of the source") == [("demo",)]
        after = published(rig, after=before, count=AFTER)
        wait_for_stored(rig, [before, after], timeout_s=30)
        rig.stop_ingesters()
        judge(rig, [before, after]).require_whole()


def test_the_embedded_broker_forgets_everything_with_its_end_and_the_gap_is_reported() -> None:
    with ingest_rig("embedded") as rig:
        rig.start_ingester()
        rig.wait_for_log("broker_connected")
        before = published(rig, after=None, count=AFTER)
        wait_for_stored(rig, [before], timeout_s=30)
        rig.broker.stop()
        rig.broker.start()
        rig.wait_for_log("broker_connected", times=2)
        gaps = "SELECT source FROM gap WHERE cause = 'session_lost' AND estimated"
        assert wait_for(lambda: rig.rows(gaps) or None, "the gap of the source") == [("demo",)]
        after = published(rig, after=before, count=AFTER)
        wait_for_stored(rig, [before, after], timeout_s=30)
        rig.stop_ingesters()
        judge(rig, [before, after]).require_whole()


def cut_off(rig: Rig) -> None:
    """Take the broker away from the ingester; it may not come back before the proxy heals."""
    assert rig.broker_proxy is not None
    rig.broker_proxy.refuse()
    rig.broker_proxy.reset()


def missing(rig: Rig) -> dict[str, int]:
    """Sequence numbers that the ingester reports as missing, by datastream."""
    rows = rig.rows(
        "SELECT key, sum(missing) FROM gap WHERE cause = 'sequence' AND NOT estimated GROUP BY key"
    )
    return {str(key): int(str(count)) for key, count in rows}
