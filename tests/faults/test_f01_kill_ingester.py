"""F1: the ingester is killed while messages flow; every one of them becomes one row."""

import pytest
from faults.rig import ClientKind, ingest_rig, plan
from faults.trial import kill_under_load

MESSAGES = 20_000
RATE_HZ = 1000.0
KILLS = 4

pytestmark = [pytest.mark.db, pytest.mark.broker]


@pytest.mark.parametrize("client", ["bulk", "stock"])
def test_four_kills_during_twenty_thousand_messages_lose_and_repeat_nothing(
    client: ClientKind,
) -> None:
    with ingest_rig(client=client) as rig:
        verdict = kill_under_load(rig, plan(count=MESSAGES, rate_hz=RATE_HZ), kills=KILLS)
        print(f"F1 {client}: {verdict.balance}")
        verdict.require_whole()
        assert verdict.acknowledged == MESSAGES
        assert verdict.stored == MESSAGES
        assert verdict.balance.stored == MESSAGES
        assert verdict.balance.quarantined == 0
