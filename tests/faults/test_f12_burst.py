"""F12: ten times the usual rate for half a minute."""

import pytest
from faults.loadgen import Burst
from faults.oracle import Watch, judge, lacking, wait_for_stored
from faults.rig import ingest_rig, plan
from waiting import wait_for

USUAL_HZ = 200.0
BURST = Burst(begin_s=2.0, length_s=30.0, rate_hz=2000.0)
MESSAGES = int(BURST.length_s * BURST.rate_hz + 10 * USUAL_HZ)
LAG_S = 2.0
CAUGHT_UP_WITHIN_S = 60.0
MOST_MIB = 512.0

pytestmark = [pytest.mark.db, pytest.mark.broker]


def test_a_burst_of_ten_times_the_rate_loses_nothing_and_is_caught_up_with() -> None:
    with ingest_rig() as rig:
        process = rig.start_ingester()
        rig.wait_for_log("broker_connected")
        generator = rig.generator(plan(count=MESSAGES, rate_hz=USUAL_HZ, bursts=(BURST,)))
        memory = Watch()
        generator.start()
        after_burst = int(BURST.begin_s * USUAL_HZ + BURST.length_s * BURST.rate_hz)

        def is_over() -> bool:
            memory.look(process.pid)
            return generator.acknowledged >= after_burst

        wait_for(is_over, "the end of the burst", timeout_s=60)
        behind = lacking(rig, [generator])
        wait_for(
            lambda: lacking(rig, [generator]) < LAG_S * USUAL_HZ,
            f"less than {LAG_S:g} s behind",
            timeout_s=CAUGHT_UP_WITHIN_S,
        )
        generator.wait(60)
        wait_for_stored(rig, [generator], timeout_s=30)
        rig.stop_ingesters()

        verdict = judge(rig, [generator])
        print(f"F12: {behind} behind at the end of the burst, {memory.peak_mib:.0f} MiB")
        verdict.require_whole()
        assert verdict.acknowledged == MESSAGES
        assert memory.peak_mib < MOST_MIB
