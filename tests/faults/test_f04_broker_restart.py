"""F4: the broker is stopped and started again while messages flow."""

import pytest
from faults.oracle import judge, wait_for_stored
from faults.rig import ClientKind, ingest_rig, plan
from waiting import wait_for

RESTARTS = 3
RATE_HZ = 1000.0
# six seconds from restart to restart: three connections that end within five seconds look like
# another ingester with the same client id, and are followed by a minute of silence
MESSAGES = 24_000

pytestmark = [pytest.mark.db, pytest.mark.broker]


@pytest.mark.parametrize("client", ["bulk", "stock"])
def test_three_restarts_of_the_broker_lose_nothing_and_subscriptions_come_back(
    client: ClientKind,
) -> None:
    with ingest_rig(client=client) as rig:
        rig.start_ingester()
        rig.wait_for_log("broker_connected")
        generator = rig.generator(plan(count=MESSAGES, rate_hz=RATE_HZ))
        generator.start()
        for restart in range(1, RESTARTS + 1):
            due = restart * MESSAGES // (RESTARTS + 1)
            wait_for(lambda due=due: generator.acknowledged >= due, f"{due} messages taken over")
            rig.broker.stop()
            rig.broker.start()
            rig.wait_for_log("broker_connected", times=restart + 1)
            # the subscription works: what is published from now on is stored
            now = generator.acknowledged
            wait_for(lambda now=now: rig.count() > now, "readings after the restart")
        generator.wait(60)
        wait_for_stored(rig, [generator], timeout_s=30)
        rig.stop_ingesters()

        verdict = judge(rig, [generator])
        print(f"F4 {client}: {verdict.balance}, {generator.resent} sent again")
        verdict.require_whole()
        assert verdict.acknowledged == MESSAGES
        assert verdict.balance.stored == MESSAGES
        assert generator.connections == RESTARTS + 1
        assert not rig.logged("session_lost")
