"""The acceptance experiment of the bridge specification, section 9, on three made-up bridges.

The bench (``python -m tests.bench.bench_monitoring``) runs many more and publishes the figures.
"""

import numpy as np
import pytest
from bridge_trial import LINEAR, RAW, TRAINED, channels, judged, per_mode_delay_d, trial
from bridge_worlds import modal_world

from simulations.monitoring.compensate import train

SEEDS = (0, 1, 2)


def test_a_drop_of_one_percent_is_found_within_two_days_and_its_mode_is_named() -> None:
    trials = [trial(seed, drop=0.01) for seed in SEEDS]
    assert float(np.median([one.delay_d for one in trials])) <= 2.0
    assert all(np.isfinite(one.delay_d) for one in trials)
    assert sum(one.is_leading_top for one in trials) >= 2
    assert sum(one.false for one in trials) <= 0.001 * sum(one.armed for one in trials)


def test_a_drop_of_half_a_percent_is_found_within_a_week() -> None:
    assert float(np.median([trial(seed, drop=0.005).delay_d for seed in SEEDS])) <= 7.0


def test_undamaged_bridges_stay_quiet_and_armed() -> None:
    trials = [trial(seed, drop=0.0) for seed in SEEDS]
    hours = sum(one.armed for one in trials)
    assert sum(one.false for one in trials) <= 0.001 * hours
    assert sum(one.false_alarms for one in trials) <= 2  # 1.3 expected at one a year
    assert all(one.not_armed <= 0.15 * (one.armed + one.not_armed) for one in trials)


@pytest.mark.parametrize("rules", [RAW, LINEAR], ids=["raw", "linear"])
def test_a_drop_that_looks_like_warming_is_found_three_times_sooner(rules) -> None:
    seeds = range(5)
    ours = [trial(seed, drop=0.01, damage="all").delay_d for seed in seeds]
    theirs = [per_mode_delay_d(seed, rules, drop=0.01, damage="all") for seed in seeds]
    assert float(np.median(ours)) <= float(np.median(theirs)) / 3.0


def test_outside_the_trained_range_nothing_is_judged() -> None:
    world = modal_world(4, drop=0.0)
    seen = channels(world)
    model = train(seen.between(0, TRAINED))
    hotter = seen.temperature_c.copy()
    hotter[TRAINED:] += 25.0
    found = judged(model, type(seen)(seen.names, seen.time_us, seen.value, hotter))
    hot = np.array(
        [any(r.key == "outside_trained_range" for r in row.not_armed) for row in found.rows]
    )
    assert hot.sum() > 1000
    assert not found.is_armed[hot].any()
    assert np.isnan(found.t2[hot]).all()
