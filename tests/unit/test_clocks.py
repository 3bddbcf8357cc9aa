"""Clocks of sources: offset, drift, hints for wrong times, the nights of daylight saving."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from sensors.clocks import ClockWatch, looks_swapped, time_hint
from sensors.codecs.decoder import RefusedError
from sensors.codecs.times import read_time
from twin.model.messages import TimeRule
from twin.model.quality import Quality
from twin.model.times import to_us

NOW = datetime(2026, 11, 5, 14, 30, tzinfo=UTC)
NOW_US = to_us(NOW)
MINUTE_US = 60_000_000


def watched(*, hours: float, slow_s: float = 0.0, ppm: float = 0.0) -> ClockWatch:
    """A source whose values travel 0 to 2 s and whose clock is off."""
    rng = np.random.default_rng(3)
    watch = ClockWatch()
    for minute in range(int(hours * 60)):
        sent_us = minute * MINUTE_US + np.arange(0, 60, 10) * 1_000_000
        arrived_us = NOW_US + sent_us + rng.integers(0, 2_000_000, 6)
        clock_us = NOW_US + sent_us - round(slow_s * 1e6) - (sent_us * ppm / 1e6).astype(np.int64)
        watch.note("s", received_us=np.sort(arrived_us), time_us=clock_us)
    return watch


def test_nothing_is_known_of_a_source_that_never_reported() -> None:
    assert ClockWatch().state("s").offset_s is None
    assert ClockWatch().states() == {}


def test_delays_of_transport_are_no_offset() -> None:
    state = watched(hours=2).state("s")
    assert state.offset_s == pytest.approx(0.0, abs=0.5)
    assert state.problem == ""


@pytest.mark.parametrize(("slow_s", "word"), [(3600.0, "slow"), (-400.0, "fast"), (301.0, "slow")])
def test_a_clock_five_minutes_off_is_a_problem(slow_s: float, word: str) -> None:
    state = watched(hours=1, slow_s=slow_s).state("s")
    assert state.offset_s == pytest.approx(slow_s, abs=0.5)
    assert word in state.problem


def test_a_drift_of_100_ppm_is_found_within_a_day_and_30_ppm_are_tolerated() -> None:
    drifting = watched(hours=20, ppm=100.0).state("s")
    assert drifting.drift_ppm == pytest.approx(100.0, abs=5.0)
    assert "ppm" in drifting.problem
    fine = watched(hours=20, ppm=30.0).state("s")
    assert fine.drift_ppm == pytest.approx(30.0, abs=5.0)
    assert fine.problem == ""


def test_drift_is_unknown_before_six_hours() -> None:
    assert watched(hours=5, ppm=100.0).state("s").drift_ppm is None


def test_a_corrected_clock_is_well_again_after_ten_minutes() -> None:
    watch = watched(hours=0.5, slow_s=900.0)
    later = NOW_US + 3_600_000_000
    watch.note("s", received_us=[later], time_us=[later - 1])
    assert watch.state("s").problem == ""


def test_the_memory_of_a_source_covers_one_day() -> None:
    watch = ClockWatch()
    for window in range(1000):
        at = NOW_US + window * 600_000_000
        watch.note("s", received_us=[at], time_us=[at])
    assert len(watch._sources["s"].history) <= 144


@pytest.mark.parametrize(
    ("time_us", "hint"),
    [
        (NOW_US // 1000, "epoch s where the rule says ms"),
        (NOW_US * 1000, "epoch ms where the rule says s"),
        (NOW_US // 1_000_000, "epoch s where the rule says us"),
        (NOW_US * 1_000_000, "epoch us where the rule says s"),
        (to_us(datetime(2026, 5, 11, 14, 29, tzinfo=UTC)), "day and month exchanged"),
        (NOW_US - 10**12, ""),
        (0, ""),
    ],
)
def test_a_refused_time_says_what_it_looks_like(time_us: int, hint: str) -> None:
    found = time_hint(time_us, received_us=NOW_US)
    assert hint in found
    assert bool(found) == bool(hint)


def test_late_data_are_not_taken_for_exchanged_dates() -> None:
    start = datetime(2025, 1, 1, tzinfo=UTC)
    hours = (start + timedelta(hours=hour) for hour in range(24 * 700))
    suspected = [time for time in hours if looks_swapped(to_us(time), received_us=NOW_US)]
    assert {time.date().isoformat() for time in suspected} == {"2026-05-11"}
    same = datetime(2026, 11, 11, tzinfo=UTC)
    assert not looks_swapped(to_us(same), received_us=NOW_US)


def local(text: str, received_at: datetime) -> tuple[datetime, int]:
    instant = read_time(text, TimeRule("/t", zone="Europe/Berlin"), received_at=received_at)
    return instant.time, instant.flags


def test_both_october_hours_are_distinct() -> None:
    for hour in (0, 1):  # UTC
        received_at = datetime(2026, 10, 25, hour, 31, tzinfo=UTC)
        time, flags = local("2026-10-25T02:30:00", received_at)
        assert time == datetime(2026, 10, 25, hour, 30, tzinfo=UTC)
        assert flags == Quality.AMBIGUOUS_TIME


def test_the_missing_march_hour_is_refused_with_its_own_reason() -> None:
    received_at = datetime(2026, 3, 29, 1, 31, tzinfo=UTC)
    with pytest.raises(RefusedError) as refused:
        local("2026-03-29T02:30:00", received_at)
    assert refused.value.reason == "nonexistent_local_time"
    time, flags = local("2026-03-29T03:30:00", received_at)
    assert (time, flags) == (datetime(2026, 3, 29, 1, 30, tzinfo=UTC), 0)


def test_an_epoch_in_another_unit_is_refused_with_a_hint() -> None:
    raw = NOW_US // 1000
    with pytest.raises(RefusedError, match="epoch ms where the rule says s"):
        read_time(raw, TimeRule("/t", unit="s"), received_at=NOW)
