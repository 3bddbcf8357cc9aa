"""F7: every message three times, with and without DUP, the repeats in other batches."""

import pytest
from faults.oracle import judge, wait_for_stored
from faults.rig import ClientKind, ingest_rig, plan
from waiting import wait_for

MESSAGES = 10_000
TIMES = 3
RATE_HZ = float("inf")

pytestmark = [pytest.mark.db, pytest.mark.broker]


@pytest.mark.parametrize("client", ["bulk", "stock"])
def test_every_message_three_times_is_one_row_and_two_duplicates(client: ClientKind) -> None:
    with ingest_rig(client=client) as rig:
        rig.start_ingester()
        rig.wait_for_log("broker_connected")
        generator = rig.generator(plan(count=MESSAGES, rate_hz=RATE_HZ, repeats=TIMES))
        generator.start()
        generator.wait(120)
        wait_for_stored(rig, [generator], timeout_s=60)
        wait_for(
            lambda: judge(rig, [generator]).balance.received >= MESSAGES * TIMES,
            "all repeats in the balance",
            timeout_s=60,
        )
        rig.stop_ingesters()
        verdict = judge(rig, [generator])
        verdict.require_whole()
        assert generator.acknowledged == MESSAGES * TIMES
        assert verdict.balance.stored == MESSAGES
        assert verdict.balance.duplicate == MESSAGES * (TIMES - 1)
        assert verdict.balance.quarantined == 0
