"""Cracks that grow, bearings that lock, gauges and scour."""

import numpy as np
import pytest
from bridge_worlds import HOUR_US, START_US, YEAR_H, followed, weather

from simulations.monitoring.channels import Channels
from simulations.monitoring.compensate import TrainingRules, train
from simulations.monitoring.flood import GaugeRule, GaugeWatch, ScourRule, gauge_rule, scour
from simulations.monitoring.trend import Expansion, bearing_motion, expansion, slow_trend
from simulations.monitoring.watch import Watch
from twin.errors import InsufficientData, ModelError, NotAvailable

TRAINED = 220 * 24
RULES = TrainingRules(least_channels=1, runs=20)
TIME_US = START_US + np.arange(YEAR_H, dtype=np.int64) * HOUR_US


def crack(seed: int, *, growth_mm_a: float) -> Channels:
    """Crack width that breathes with temperature and, after day 230, grows."""
    random = np.random.default_rng([seed, 7])
    air = weather(random)
    body = followed(air, lag_h=8.0)
    day = np.arange(YEAR_H) / 24
    width = 0.2 - 0.004 * body + 0.002 * np.maximum(-body, 0.0)
    width += growth_mm_a * np.clip(day - 230.0, 0.0, None) / 365.25
    width += random.normal(0.0, 0.004, YEAR_H)
    return Channels(("crack",), TIME_US, width[:, None], air)


def compensated(seen: Channels) -> tuple[np.ndarray, np.ndarray, float]:
    """Times and residuals in mm after the training, and what it leaves for seasons."""
    model = train(seen.between(0, TRAINED), rules=RULES)
    rows = Watch(model).run(seen.between(TRAINED, YEAR_H)).rows
    left = np.array([row.residual[0] for row in rows]) * model.chart.sigma[0]
    return np.array([row.time_us for row in rows]), left, float(model.chart.slow_sd[0])


@pytest.mark.parametrize("seed", range(3))
def test_a_slow_crack_is_found_with_its_rate_inside_the_band(seed) -> None:
    time_us, left, slow_sd = compensated(crack(seed, growth_mm_a=0.1))
    since = time_us >= START_US + 230 * 24 * HOUR_US
    found = slow_trend(time_us[since], left[since], smallest=0.01, slow_sd=slow_sd)
    assert found.is_found
    assert found.rate_least <= 0.1 <= found.rate_most
    assert found.rate_per_year == pytest.approx(0.1, rel=0.2)
    assert found.size == pytest.approx(0.1 * 135 / 365.25, rel=0.25)


@pytest.mark.parametrize("seed", range(3))
def test_a_crack_that_only_breathes_has_no_trend(seed) -> None:
    time_us, left, slow_sd = compensated(crack(seed, growth_mm_a=0.0))
    found = slow_trend(time_us, left, smallest=0.002, slow_sd=slow_sd)
    assert not found.is_found
    assert found.rate_least <= 0.0 <= found.rate_most


def test_short_records_have_no_trend() -> None:
    with pytest.raises(InsufficientData, match="fewer than ten blocks"):
        slow_trend(TIME_US[:240], np.zeros(240), smallest=0.01)
    with pytest.raises(ModelError, match="must be positive"):
        slow_trend(TIME_US, np.zeros(YEAR_H), smallest=0.0)


def bearing(seed: int, *, locked_share: float) -> tuple[Expansion, Expansion]:
    """Expansion of a 100 m deck in training, and in three weeks after the bearing changed."""
    random = np.random.default_rng([seed, 9])
    air = weather(random)
    body = followed(air, lag_h=10.0)
    travel = 100_000 * 1.0e-5 * (body - 10.0)
    travel[TRAINED:] = travel[TRAINED] + (1.0 - locked_share) * (travel[TRAINED:] - travel[TRAINED])
    travel += random.normal(0.0, 0.3, YEAR_H)
    before = expansion(TIME_US[:TRAINED], travel[:TRAINED], air[:TRAINED])
    rows = slice(TRAINED - 96, TRAINED + 21 * 24)
    now = np.where(np.arange(YEAR_H) < TRAINED, np.nan, travel)
    return before, expansion(TIME_US[rows], now[rows], air[rows], lag_h=before.lag_h)


@pytest.mark.parametrize(("locked_share", "motion"), [(0.0, "moves"), (0.97, "locked")])
def test_a_bearing_that_lost_its_expansion_is_locked(locked_share, motion) -> None:
    for seed in range(3):
        before, now = bearing(seed, locked_share=locked_share)
        assert before.slope_mm_per_k == pytest.approx(1.0, rel=0.05)
        assert bearing_motion(now, expected_mm_per_k=before.slope_mm_per_k) == motion


def test_without_swing_of_temperature_a_bearing_is_not_judged() -> None:
    still = Expansion(0.0, -0.1, 0.1, 6.0, 20, 0.4)
    assert bearing_motion(still, expected_mm_per_k=1.0) == "undecided"
    with pytest.raises(ModelError, match="fixed bearing"):
        bearing_motion(still, expected_mm_per_k=0.0)


def levels(*metres: float) -> list[str]:
    watch = GaugeWatch(gauge_rule("loschwitzer_bruecke"))
    return [watch.step(hour * HOUR_US, level).state for hour, level in enumerate(metres, start=1)]


def test_the_blaues_wunder_closes_above_7_10_m_and_opens_with_hysteresis() -> None:
    rule = gauge_rule("loschwitzer_bruecke")
    assert (rule.gauge, rule.close_above_m) == ("Dresden", 7.10)
    assert levels(7.05, 7.10, 7.11) == ["below", "below", "above"]
    falling = levels(7.2, *[6.8] * 12)
    assert falling == ["above", *["falling"] * 12]
    assert levels(7.2, *[6.8] * 13)[-1] == "below"
    assert levels(7.2, *[6.8] * 10, 6.95, *[6.8] * 11)[-1] == "falling"
    with pytest.raises(NotAvailable, match="loschwitzer_bruecke"):
        gauge_rule("golden_gate")
    with pytest.raises(ModelError, match="has to lie below"):
        GaugeRule("x", "Dresden", 7.0, 7.0, 12, 3, "source", is_verified=False)


def test_a_faulty_gauge_neither_closes_nor_opens_and_says_that_it_is_blind() -> None:
    watch = GaugeWatch(gauge_rule("loschwitzer_bruecke"))
    watch.step(HOUR_US, 7.0)
    assert watch.step(2 * HOUR_US, 29.9, is_doubtful=True).state == "below"
    blind = watch.step(5 * HOUR_US, float("nan"))
    assert (blind.state, blind.proposes_closure) == ("blind", False)
    watch.step(6 * HOUR_US, 7.2)
    again = GaugeWatch(watch.rule, state=watch.record(asset_id="B09").content)
    kept = again.step(10 * HOUR_US, float("nan"))
    assert (kept.state, kept.proposes_closure) == ("blind", True)
    assert again.step(9 * HOUR_US, 7.4).rise_m_per_h == pytest.approx(0.2 / 3)
    assert again.step(9 * HOUR_US, 1.0).level_m == 7.4


def test_hours_that_nobody_saw_do_not_open_a_bridge() -> None:
    watch = GaugeWatch(gauge_rule("loschwitzer_bruecke"))
    watch.step(HOUR_US, 7.2)
    watch.step(2 * HOUR_US, 6.8)
    late = watch.step(22 * HOUR_US, 6.8)
    assert (late.state, late.proposes_closure) == ("falling", True)
    states = [watch.step(hour * HOUR_US, 6.8) for hour in range(23, 35)]
    assert [one.proposes_closure for one in states] == [True] * 11 + [False]


def test_scour_has_limits_of_its_own_pier() -> None:
    rule = ScourRule(100.0, 1.0, 2.0, "recalculation")
    depths = (99.5, 99.0, 97.9, np.nan)
    assert [scour(bed, rule)[0] for bed in depths] == ["ok", "warning", "alarm", "unknown"]
    assert scour(90.0, rule, is_doubtful=True)[0] == "unknown"
    with pytest.raises(ModelError, match="source"):
        ScourRule(100.0, 1.0, 2.0, "")
