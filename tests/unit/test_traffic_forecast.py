"""Forecasts look at nothing from after their issue, and ship only what proved itself."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from simulations.traffic import forecast as fc
from simulations.traffic.kpi import Calendar
from twin.errors import ModelError

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2018, 4, 1, 22, tzinfo=UTC)
STEP = 15
DAYS = 70


def detector(seed: int = 1, days: int = DAYS) -> fc.History:
    """Two peaks on workdays, a slow wave around them, Poisson noise and incidents."""
    rng = np.random.default_rng(seed)
    blank = fc.history(np.full(days * 96, np.nan), START, step_minutes=STEP, zone=BERLIN)
    hour = blank.slot / 4.0
    peaks = 260 * np.exp(-((hour - 7.5) ** 2) / 2) + 230 * np.exp(-((hour - 16.5) ** 2) / 4)
    level = 40 + np.where(blank.day_type <= 1, peaks, 0.5 * peaks)
    wave = np.zeros(len(hour))
    for row in range(1, len(hour)):
        wave[row] = 0.95 * wave[row - 1] + rng.normal(0, 0.03)
    for row in rng.integers(0, len(hour), days // 3):
        wave[row : row + 6] -= 0.5
    values = rng.poisson(level * np.exp(wave)).astype(float)
    values[rng.random(len(values)) < 0.02] = np.nan
    return fc.History(values, blank.day, blank.slot, blank.day_type, blank.slots)


def busy(series: fc.History) -> np.ndarray:
    return np.nan_to_num(series.value) > 240


@pytest.mark.parametrize("horizon", [1, 2, 4])
def test_the_reference_beats_all_older_baselines_and_its_band_holds(horizon):
    series = detector()
    found = fc.evaluate(series, busy(series), horizon=horizon)
    reference = found.scores[fc.REFERENCE]
    for name in ("last_value", "same_time_last_week", "day_profile"):
        assert reference.mae < found.scores[name].mae
    assert reference.coverage == pytest.approx(0.9, abs=0.03)
    assert found.shipped
    assert found.predictor is not None


@pytest.mark.parametrize("name", [*fc.BASELINES, *fc.CANDIDATES])
def test_nothing_after_the_issue_enters(name):
    series = detector(days=28)
    learn = {**fc.BASELINES, **fc.CANDIDATES}[name]
    issue, horizon = 20 * 96 + 30, 4
    predict = learn(series, np.arange(len(series.value)) < 14 * 96, horizon)
    changed = series.value.copy()
    changed[issue + 1 :] = 1e6
    later = fc.History(changed, series.day, series.slot, series.day_type, series.slots)
    before, after = predict(series), predict(later)
    np.testing.assert_array_equal(before[: issue + 1], after[: issue + 1])


@pytest.mark.parametrize("name", [fc.REFERENCE, "day_profile", *fc.CANDIDATES])
def test_learning_sees_the_training_block_only(name):
    series = detector(days=28)
    is_training = np.arange(len(series.value)) < 14 * 96
    changed = np.where(is_training, series.value, 1e6)
    other = fc.History(changed, series.day, series.slot, series.day_type, series.slots)
    learn = {**fc.BASELINES, **fc.CANDIDATES}[name]
    np.testing.assert_array_equal(
        learn(series, is_training, 4)(series), learn(other, is_training, 4)(series)
    )


def test_last_week_means_the_same_local_time_over_a_clock_change():
    start = datetime(2018, 3, 20, tzinfo=BERLIN).astimezone(UTC)
    values = np.arange(14 * 24.0)
    series = fc.history(values, start, step_minutes=60, zone=BERLIN)
    predict = fc.same_time_last_week(series, np.ones(len(values), dtype=bool), 1)
    aim = np.flatnonzero((series.day == date(2018, 3, 28).toordinal()) & (series.slot == 9))[0]
    week_ago = np.flatnonzero((series.day == date(2018, 3, 21).toordinal()) & (series.slot == 9))[0]
    assert predict(series)[aim - 1] == values[week_ago]
    assert aim - week_ago == 7 * 24 - 1


def test_holidays_are_days_of_their_own_kind():
    days = 14
    calendar = Calendar(public_holidays=[date(2018, 4, 4)], school_holidays=[date(2018, 4, 5)])
    series = fc.history(
        np.ones(days * 96), START, step_minutes=STEP, zone=BERLIN, calendar=calendar
    )
    kinds = dict(zip(series.day, series.day_type, strict=True))
    named = {
        date.fromordinal(int(day)).isoformat(): fc.DAY_TYPES[kind] for day, kind in kinds.items()
    }
    assert named["2018-04-03"] == "workday"
    assert named["2018-04-04"] == "free"
    assert named["2018-04-05"] == "school_holiday"
    assert named["2018-04-06"] == "friday"
    assert named["2018-04-08"] == "free"


def test_a_missing_current_value_leaves_the_forecast_near_the_profile():
    series = detector(days=28)
    is_training = np.arange(len(series.value)) < 20 * 96
    gone = fc.History(
        np.full(len(series.value), np.nan), series.day, series.slot, series.day_type, series.slots
    )
    predict = fc.profile_and_deviation(series, is_training, 2)
    profile = fc.day_profile(series, is_training, 2)(series)
    difference = np.abs(predict(gone) - profile)[:-2]
    assert np.nanmax(difference) < 5.0


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        (fc.ForecastScore(10.0, 19.0, 0.9, 900, 90), "MAE 10"),
        (fc.ForecastScore(9.0, 20.0, 0.9, 900, 90), "when congested"),
        (fc.ForecastScore(9.0, float("nan"), 0.9, 900, 0), "when congested"),
        (fc.ForecastScore(9.0, 19.0, 0.86, 900, 90), "covers 86.0%"),
    ],
)
def test_a_candidate_that_is_no_better_in_every_part_is_refused(candidate, reason):
    reference = fc.ForecastScore(10.0, 20.0, 0.9, 900, 90)
    shipped, refusals = fc.choose({fc.REFERENCE: reference, "new": candidate}, ("new",))
    assert shipped == fc.REFERENCE
    assert reason in refusals["new"]


def test_a_candidate_that_passes_ships():
    reference = fc.ForecastScore(10.0, 20.0, 0.8, 900, 90)
    better = fc.ForecastScore(9.0, 19.0, 0.91, 900, 90)
    assert fc.choose({fc.REFERENCE: reference, "new": better}, ("new",)) == ("new", {})


def test_nothing_ships_when_no_band_holds():
    reference = fc.ForecastScore(10.0, 20.0, 0.8, 900, 90)
    shipped, refusals = fc.choose({fc.REFERENCE: reference}, ())
    assert shipped == ""
    assert "covers 80.0%" in refusals[fc.REFERENCE]


def test_a_running_error_or_a_lost_coverage_takes_the_forecast_down():
    seen = np.full(96, 100.0)
    wide = (seen - 20, seen + 20)
    assert fc.is_valid_now(seen, *wide, observed=seen + 6.0, tested_mae=4.0)
    assert not fc.is_valid_now(seen, *wide, observed=seen + 6.1, tested_mae=4.0)
    assert not fc.is_valid_now(seen, seen, seen, observed=seen + 1.0, tested_mae=4.0)
    assert not fc.is_valid_now(seen, *wide, observed=np.full(96, np.nan), tested_mae=4.0)


def test_a_step_that_does_not_divide_the_day_is_refused():
    with pytest.raises(ModelError, match="divides a day"):
        fc.history(np.ones(3), START, step_minutes=7, zone=BERLIN)
    with pytest.raises(ModelError, match="whole number"):
        fc.rows_ahead(timedelta(minutes=20), step_minutes=15)
