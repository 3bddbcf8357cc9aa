"""F9: readings come an hour, a week and two months late; the policy of the source decides."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

import pytest
from faults.loadgen import LoadGenerator, Plan
from faults.oracle import balance, judge
from faults.rig import Rig, ingest_rig, plan
from faults.test_f08_disorder import measured_every_second
from rollup_oracle import all_rollups, check, recomputed
from waiting import wait_for

from twin.model.quality import Quality
from twin.model.times import to_us, utc_now
from twin.model.upkeep import Retention, UpkeepRule
from twin.store import open_store

pytestmark = [pytest.mark.db, pytest.mark.broker]

LATENESS = (timedelta(hours=1), timedelta(days=7), timedelta(days=60))
PER_AGE = 1600
PER_MESSAGE = 20
RULE = UpkeepRule()
BOUNDS = """
SELECT pg_get_expr(relpartbound, oid) FROM pg_class
WHERE relispartition AND relkind = 'r' AND relname ~ '^(reading|waveform)_'
"""


def late_plans() -> list[Plan]:
    plans = []
    for lateness in LATENESS:
        fresh = plan(
            count=PER_AGE // PER_MESSAGE,
            rate_hz=400.0,
            per_message=PER_MESSAGE,
            shuffle_seed=9,
        )
        begin_ms = fresh.begin_ms - int(lateness.total_seconds() * 1000)
        plans.append(replace(fresh, begin_ms=begin_ms))
    return plans


def publish(rig: Rig, plans: Sequence[Plan]) -> list[LoadGenerator]:
    """Publish everything and wait until the broker has confirmed it."""
    generators = [rig.generator(one, f"loadgen-{row}") for row, one in enumerate(plans)]
    for generator in generators:
        generator.start()
    for generator in generators:
        generator.wait(30)
    return generators


def has_partitions_inside(rig: Rig) -> bool:
    """No partition of readings or waveforms lies outside [now - retention, now + 4 d]."""
    earliest = utc_now() - timedelta(days=Retention().reading_days + 1)
    latest = utc_now() + timedelta(days=4)
    for (bound,) in rig.rows(BOUNDS):
        texts = str(bound).split("'")
        begin, end = (datetime.fromisoformat(texts[place]) for place in (1, 3))
        if not (end > earliest and begin <= latest):
            return False
    return True


def test_late_readings_are_stored_and_one_pass_makes_the_rollups_right() -> None:
    with ingest_rig() as rig:
        measured_every_second(rig)
        store = open_store(rig.owner_dsn)
        rig.start_ingester()
        rig.wait_for_log("broker_connected")
        plans = late_plans()
        first = publish(rig, plans[:1])
        rig.wait_for_count(PER_AGE)
        assert store.upkeep.roll(RULE, at=utc_now() + timedelta(days=2), settle_s=0) is not None
        generators = [*first, *publish(rig, plans[1:])]
        rig.wait_for_count(3 * PER_AGE)
        rig.stop_ingesters()
        verdict = judge(rig, generators)
        verdict.require_whole()
        assert verdict.stored == 3 * PER_AGE
        rows = rig.rows(
            "SELECT count(*) FROM reading WHERE now() - t > interval '2 hours' AND q & %s = 0",
            int(Quality.LATE),
        )
        assert rows == [(0,)]
        assert has_partitions_inside(rig)
        report = store.upkeep.roll(RULE, at=utc_now() + timedelta(days=2), settle_s=0)
        assert report is not None
        assert report.oldest_due is None
        now_us = to_us(utc_now())
        day_us = 86_400_000_000
        wanted = recomputed(store, start_us=now_us - 90 * day_us, end_us=now_us)
        assert len({key for key in wanted if key[0] == "rollup_1d"}) >= 60
        check(all_rollups(rig.owner_dsn), wanted)
        store.close()


def test_a_source_that_wants_it_gets_its_late_readings_into_the_quarantine() -> None:
    policy = ('[[source]]\nname = "demo"\nlate_policy = "quarantine"\nlate_after_days = 30.0',)
    with ingest_rig(extra=policy) as rig:
        rig.start_ingester()
        rig.wait_for_log("broker_connected")
        publish(rig, late_plans())
        wait_for(lambda: balance(rig).received >= 3 * PER_AGE, "everything", timeout_s=60)
        rig.stop_ingesters()
        found = balance(rig)
        assert (found.stored, found.quarantined, found.difference) == (2 * PER_AGE, PER_AGE, 0)
        reasons = cast("list[tuple[str]]", rig.rows("SELECT DISTINCT reason FROM quarantine"))
        assert reasons == [("late",)]
        oldest = rig.rows("SELECT now() - min(t) < interval '30 days' FROM reading")
        assert oldest == [(True,)]
        assert has_partitions_inside(rig)
