"""F16: somebody starts a second ingester with the client id of the first."""

import pytest
from faults.oracle import judge, wait_for_stored
from faults.rig import ClientKind, ingest_rig, plan
from waiting import wait_for

RATE_HZ = 500.0
MESSAGES = 5000

pytestmark = [pytest.mark.db, pytest.mark.broker]


@pytest.mark.parametrize("client", ["bulk", "stock"])
def test_a_second_ingester_refuses_to_start_and_may_when_the_first_is_gone(
    client: ClientKind,
) -> None:
    with ingest_rig(client=client) as rig:
        first = rig.start_ingester()
        rig.wait_for_log("broker_connected")
        generator = rig.generator(plan(count=MESSAGES, rate_hz=RATE_HZ))
        generator.start()
        second = rig.start_ingester()
        wait_for(lambda: second.poll() is not None, "the end of the second ingester")
        assert second.returncode != 0
        assert first.poll() is None
        assert rig.log.read_text().count("broker_connected") == 1  # never fought over the session
        wait_for(lambda: generator.acknowledged >= MESSAGES // 2, "half of the messages")
        first.kill()
        first.wait(10)
        rig.start_ingester()
        rig.wait_for_log("broker_connected", times=2)
        generator.wait(60)
        wait_for_stored(rig, [generator], timeout_s=30)
        rig.stop_ingesters()
        verdict = judge(rig, [generator])
        verdict.require_whole()
        assert verdict.acknowledged == MESSAGES
