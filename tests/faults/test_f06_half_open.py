"""F6: the network forgets the connection to the broker: silence, neither FIN nor RST."""

from contextlib import ExitStack

import pytest
from faults.loadgen import LoadGenerator
from faults.oracle import judge, wait_for_stored
from faults.rig import ClientKind, Rig, ingest_rig, plan
from waiting import wait_for

CLIENTS: tuple[ClientKind, ...] = ("bulk", "stock")
RATE_HZ = 100.0
LONGEST = 20_000  # stopped as soon as both are back
# twice the keepalive of 30 s until it is noticed, 30 s of back-off at most
BACK_WITHIN_S = 60.0 + 30.0
BEFORE = 200

pytestmark = [pytest.mark.db, pytest.mark.broker]


def test_a_forgotten_connection_is_noticed_and_nothing_is_lost() -> None:
    with ExitStack() as stack:
        # both at the same time: the fault itself needs a minute
        rigs = [
            stack.enter_context(ingest_rig(client=client, through_proxy=["broker"]))
            for client in CLIENTS
        ]
        generators = [started(rig) for rig in rigs]
        for rig, generator in zip(rigs, generators, strict=True):
            wait_for(lambda one=generator: one.acknowledged > BEFORE, "the first messages")
            assert rig.broker_proxy is not None
            rig.broker_proxy.black_hole(lets_new_in=True)
        for client, rig, generator in zip(CLIENTS, rigs, generators, strict=True):
            rig.wait_for_log("broker_connected", times=2, timeout_s=BACK_WITHIN_S)
            generator.stop()
            wait_for_stored(rig, [generator], timeout_s=30)
            rig.stop_ingesters()
            verdict = judge(rig, [generator])
            print(f"F6 {client}: {verdict.balance}")
            verdict.require_whole()
            assert verdict.acknowledged > BEFORE
            assert not rig.logged("session_lost")


def started(rig: Rig) -> LoadGenerator:
    rig.start_ingester()
    rig.wait_for_log("broker_connected")
    generator = rig.generator(plan(count=LONGEST, rate_hz=RATE_HZ))
    generator.start()
    return generator
