"""Stress histories with time: gaps, late samples, days, restart, temperature."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulations.structure.histories import (
    KEPT_DAYS,
    StressHistory,
    checkpoint_for,
    checkpoint_name,
)
from simulations.structure.sn import sn_curve
from twin.errors import ModelError
from twin.model.monitoring import StateRecord

CURVE = sn_curve(36.0)
DAY_US = 86_400_000_000
START_US = 20_000 * DAY_US + 23 * 3_600_000_000 + 3_000_000_000  # ten minutes before midnight


def history() -> StressHistory:
    return StressHistory("girder 3", CURVE, gate_mpa=0.5)


def noise(count: int, seed: int = 1) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0.0, 40.0, count)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 900), max_size=5))
def test_any_split_over_midnight_with_restarts_gives_the_same(cuts: list[int]) -> None:
    samples = noise(900)
    whole, parts = history(), history()
    whole.feed(samples, start_us=START_US, rate_hz=1.0)
    begin = 0
    for end in [*sorted(cuts), len(samples)]:
        parts.feed(samples[begin:end], start_us=START_US + begin * 1_000_000, rate_hz=1.0)
        parts = StressHistory.from_bytes(parts.to_bytes(), curve=CURVE, gate_mpa=0.5)
        begin = end
    ours, other = parts.report(), whole.report()
    np.testing.assert_array_equal(ours.half_cycles, other.half_cycles)
    assert ours.closed_damage == pytest.approx(other.closed_damage, rel=1e-12)
    assert ours.traffic_closed_damage == pytest.approx(other.traffic_closed_damage, rel=1e-12)
    np.testing.assert_allclose(parts.days, whole.days, rtol=1e-9, atol=1e-18)
    assert [row[1] for row in whole.days.tolist()] == [600.0, 300.0]
    assert parts.position_us == START_US + 900_000_000


def test_a_gap_is_counted_and_nothing_is_put_into_it() -> None:
    samples = noise(400)
    gap, without = history(), history()
    gap.feed(samples[:200], start_us=START_US, rate_hz=10.0)
    found = gap.feed(samples[200:], start_us=START_US + 120_000_000, rate_hz=10.0)
    without.feed(samples, start_us=START_US, rate_hz=10.0)
    assert (found.gap_s, found.counted, found.late) == (100.0, 200, 0)
    report = gap.report()
    assert (report.gaps, report.gap_s, report.covered_s) == (1, 100.0, 40.0)
    assert report.coverage == pytest.approx(40.0 / 140.0)
    assert report.closed_damage == without.report().closed_damage
    total = report.closed_damage + report.residue_damage
    assert report.extrapolated_damage == pytest.approx(total * 3.5)


def test_late_and_repeated_samples_are_not_counted() -> None:
    samples = noise(300)
    late, plain = history(), history()
    plain.feed(samples, start_us=START_US, rate_hz=10.0)
    late.feed(samples[:200], start_us=START_US, rate_hz=10.0)
    again = late.feed(samples[50:100], start_us=START_US + 5_000_000, rate_hz=10.0)
    assert (again.counted, again.late) == (0, 50)
    overlapping = late.feed(samples[150:], start_us=START_US + 15_000_000, rate_hz=10.0)
    assert (overlapping.counted, overlapping.late) == (100, 50)
    assert late.report().late_samples == 100
    assert late.report().closed_damage == plain.report().closed_damage


def test_a_late_waveform_is_counted_from_the_last_checkpoint_before_it() -> None:
    samples = noise(300)
    running, kept = history(), []
    for begin in (0, 100):
        running.feed(
            samples[begin : begin + 100], start_us=START_US + begin * 100_000, rate_hz=10.0
        )
        kept.append(running.record("bridge"))
    late_us = START_US + 10_000_000
    found = checkpoint_for(kept, start_us=late_us)
    assert found is kept[0]
    assert checkpoint_for(kept, start_us=START_US) is None
    assert isinstance(found, StateRecord)
    again = StressHistory.from_bytes(found.content, curve=CURVE)
    again.feed(samples[100:], start_us=late_us, rate_hz=10.0)
    whole = history()
    whole.feed(samples, start_us=START_US, rate_hz=10.0)
    assert again.report().closed_damage == whole.report().closed_damage
    assert checkpoint_name("girder 3", 20_000) == "fatigue/girder 3/20000"


def test_the_record_carries_bytes_that_go_on_and_stay_small() -> None:
    running = history()
    for day in range(KEPT_DAYS + 40):
        running.feed(noise(20, day), start_us=START_US + day * DAY_US, rate_hz=1.0)
    record = running.record("bridge 7")
    assert (record.name, record.asset_id) == ("fatigue/girder 3", "bridge 7")
    assert record.position_us == running.position_us
    assert len(record.content) < 30_000
    assert len(running.days) == KEPT_DAYS
    assert StressHistory.from_bytes(record.content, curve=CURVE).to_bytes() == record.content


def test_another_gate_curve_or_format_starts_a_new_state() -> None:
    content = history().to_bytes()
    with pytest.raises(ModelError, match="new gate starts a new state"):
        StressHistory.from_bytes(content, curve=CURVE, gate_mpa=1.0)
    with pytest.raises(ModelError, match="new curve starts a new state"):
        StressHistory.from_bytes(content, curve=sn_curve(71.0))
    for broken in (b"", content[:-1], content[:30] + b"?" + content[31:]):
        with pytest.raises(ModelError):
            StressHistory.from_bytes(broken, curve=CURVE)


def test_daily_temperature_cycles_count_and_are_told_apart() -> None:
    rate_hz, days = 0.5, 3
    time_s = np.arange(0.0, days * 86_400.0, 1.0 / rate_hz)
    daily = 30.0 * np.sin(2.0 * np.pi * time_s / 86_400.0)
    lorries = np.where(time_s % 600.0 < 6.0, 45.0, 0.0)
    running = StressHistory("bearing", CURVE, gate_mpa=0.5)
    running.feed(daily + lorries, start_us=START_US, rate_hz=rate_hz)
    found = running.report()
    alone = StressHistory("bearing", CURVE, gate_mpa=0.5)
    alone.feed(lorries, start_us=START_US, rate_hz=rate_hz)
    traffic = found.traffic_closed_damage + found.traffic_residue_damage
    expected = alone.report().closed_damage + alone.report().residue_damage
    assert traffic == pytest.approx(expected, rel=0.05)
    both = found.closed_damage + found.residue_damage
    daily_damage = days * CURVE.damage(np.array([105.0]))[0]
    assert both == pytest.approx(traffic + daily_damage, rel=0.05)
    assert any("high-pass" in text for text in found.assumptions)


def test_life_needs_thirty_days_and_says_what_was_before() -> None:
    running = history()
    hour = 3_600
    for day in range(40):
        samples = noise(24 * hour // 60, day)
        running.feed(samples, start_us=START_US + day * DAY_US, rate_hz=1.0 / 60.0)
        if day == 20:
            assert running.life().years is None
    life = running.life(consumed_before=0.3)
    assert life.years is not None
    assert life.low_years is not None
    assert 0.0 < life.low_years < life.years
    assert "before the measurement: 0.3" in life.assumptions[-1]


def test_nothing_but_nan_has_no_damage_and_no_coverage() -> None:
    running = history()
    running.feed(np.full(50, np.nan), start_us=START_US, rate_hz=10.0)
    report = running.report()
    assert (report.closed_damage, report.coverage, report.invalid_samples) == (0.0, 0.0, 50)
    assert report.extrapolated_damage == 0.0
    with pytest.raises(ModelError, match="positive rate"):
        running.feed(np.zeros(3), start_us=START_US, rate_hz=0.0)
