"""F8: readings arrive in any order within ten minutes; nothing is lost, nothing goes backwards."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast

import pytest
from faults.loadgen import Plan
from faults.oracle import judge
from faults.rig import Rig, ingest_rig, plan, small_city
from rollup_oracle import all_rollups, check, recomputed
from waiting import wait_for

from twin.model.times import to_us, utc_now
from twin.model.upkeep import UpkeepRule
from twin.store import open_store

pytestmark = [pytest.mark.db, pytest.mark.broker]

READINGS = 50_000
PER_MESSAGE = 10
SPAN_MS = 600_000
STRIDE_MS = SPAN_MS // READINGS
RULE = UpkeepRule()


@dataclass(frozen=True)
class WidePlan(Plan):
    """A plan whose readings lie further apart in time than a millisecond."""

    def _reading(self, row: int) -> dict[str, float]:
        return {"t": self.begin_ms + row * STRIDE_MS, "v": row / 4}

    def readings(self, number: int) -> Iterator[tuple[int, int, float]]:
        first = number * self.per_message
        for row in range(first, first + self.per_message):
            yield number % self.streams, self.begin_ms + row * STRIDE_MS, row / 4


def measured_every_second(rig: Rig) -> None:
    """All levels are built for the streams of the rig from now on."""
    city = small_city(20)
    streams = [
        replace(item, cadence_s=1.0) if item.quantity == "strain" else item
        for item in city.datastreams
    ]
    twin = rig.twin()
    twin.load(replace(city, datastreams=tuple(streams)))
    twin.close()


@dataclass
class Newest:
    """The newest time of each datastream, which never may become older."""

    rig: Rig
    times: dict[int, datetime]
    looks: int = 0

    def look(self) -> None:
        rows = cast("list[tuple[int, datetime]]", self.rig.rows("SELECT ds, t FROM latest"))
        for number, time in rows:
            assert time >= self.times.get(number, time)
            self.times[number] = time
        self.looks += 1


def test_fifty_thousand_readings_in_any_order_lead_to_the_same_city() -> None:
    with ingest_rig() as rig:
        measured_every_second(rig)
        ordered = plan(count=READINGS // PER_MESSAGE, rate_hz=1000.0)
        begin_ms = to_us(utc_now()) // 1000 - SPAN_MS
        spread = WidePlan(
            topic=ordered.topic,
            streams=ordered.streams,
            count=ordered.count,
            rate_hz=ordered.rate_hz,
            begin_ms=begin_ms,
            per_message=PER_MESSAGE,
            shuffle_seed=8,
        )
        rig.start_ingester()
        rig.wait_for_log("broker_connected")
        generator = rig.generator(spread)
        newest = Newest(rig, {})
        store = open_store(rig.owner_dsn)
        generator.start()

        def is_stored() -> bool:
            newest.look()
            # The worker does its passes while the readings come, as in a running twin.
            report = store.upkeep.roll(RULE, at=utc_now())
            assert report is not None
            return rig.count() >= READINGS

        wait_for(is_stored, f"{READINGS} readings", timeout_s=90)
        generator.wait(10)
        rig.stop_ingesters()
        newest.look()
        verdict = judge(rig, [generator])
        verdict.require_whole()
        assert verdict.stored == READINGS
        assert newest.looks > 3
        assert len(newest.times) == 20
        report = store.upkeep.roll(RULE, at=utc_now() + timedelta(days=2))
        assert report is not None
        assert report.oldest_due is None
        end_us = to_us(utc_now())
        wanted = recomputed(store, start_us=(begin_ms - SPAN_MS) * 1000, end_us=end_us)
        fine = [row for (series, _, _), row in wanted.items() if series == "rollup_10s"]
        # Values beyond the limits of strain count as bad; there are both kinds.
        assert sum(row.good_count + row.bad_count for row in fine) == READINGS
        assert min(sum(row.good_count for row in fine), sum(row.bad_count for row in fine)) > 0
        check(all_rollups(rig.owner_dsn), wanted)
        store.close()
