"""F19: ten thousand new topics within a minute; known streams notice nothing of it."""

import time

import pytest
from faults.loadgen import Plan
from faults.oracle import balance, figures_of_job, judge, resident_mib
from faults.rig import ingest_rig, plan
from waiting import wait_for

pytestmark = [pytest.mark.db, pytest.mark.broker]

SUBSCRIBED = '"client": "bulk"'  # in the log once the subscriptions are confirmed

TOPICS = 10_000
RATE_HZ = 250.0
KNOWN_RATE_HZ = 100.0
INBOX = 1000


def test_ten_thousand_new_topics_fill_the_inbox_and_nothing_else() -> None:
    with ingest_rig() as rig:
        process = rig.start_ingester()
        rig.wait_for_log(SUBSCRIBED)
        seconds = TOPICS / RATE_HZ
        known = rig.generator(
            plan(count=int(KNOWN_RATE_HZ * seconds), rate_hz=KNOWN_RATE_HZ), "known"
        )
        strangers = rig.generator(
            Plan(
                topic=lambda stream: f"twin/v1/demo/B1/new{stream:05}/obs",
                streams=TOPICS,
                count=TOPICS,
                rate_hz=RATE_HZ,
                begin_ms=int(time.time() * 1000) - TOPICS,
            ),
            "strangers",
        )
        names_before = set(wait_for(lambda: figures_of_job(rig) or None, "figures of the job"))
        known.start()
        strangers.start()
        known.wait(120)
        strangers.wait(120)
        total = TOPICS + known.plan.count
        wait_for(lambda: balance(rig).received >= total, "all messages", timeout_s=60)
        alarms = wait_for(
            lambda: rig.rows("SELECT subject, detail FROM alarm WHERE kind = 'inbox_full'") or None,
            "the alarm",
        )
        memory_mib = resident_mib(process.pid)
        rig.stop_ingesters()

        verdict = judge(rig, [known])
        rows = int(str(rig.rows("SELECT count(*) FROM quarantine")[0][0]))
        seen = int(str(rig.rows("SELECT sum(seen) FROM quarantine")[0][0]))
        new_figures = set(figures_of_job(rig)) - names_before
        print(
            f"F19: {rows} rows in quarantine for {seen} messages, {verdict.balance}, "
            f"{memory_mib:.0f} MiB, new figures {sorted(new_figures)}"
        )
        assert verdict.problems() == []
        assert (rows, seen) == (INBOX + 1, TOPICS)
        assert verdict.balance.quarantined == TOPICS
        assert [alarm[0] for alarm in alarms] == ["demo"]
        assert len(new_figures) < 20  # no figure per topic
        assert memory_mib < 512
