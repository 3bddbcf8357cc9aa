"""Indicators say what they rest on, and refuse to invent days."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.traffic import kpi
from twin.errors import ModelError

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2018, 6, 3, 22, tzinfo=UTC)  # 2018-06-04 00:00 in Berlin


def weeks(number: int, level: float = 100.0) -> np.ndarray:
    return np.full(7 * 24 * number, level)


def test_daily_sums_belong_to_local_days():
    days = kpi.daily_volumes(weeks(1), MONDAY, zone=BERLIN)
    assert days.day[0] == date(2018, 6, 4)
    assert len(days.day) == 7
    assert days.volume == pytest.approx(2400.0)


@pytest.mark.parametrize(("day", "hours"), [(date(2018, 3, 25), 23), (date(2018, 10, 28), 25)])
def test_the_day_of_a_clock_change_has_so_many_hours(day, hours):
    start = datetime(day.year, day.month, day.day, tzinfo=BERLIN).astimezone(UTC)
    days = kpi.daily_volumes(np.ones(hours), start, zone=BERLIN)
    assert days.day == (day,)
    assert days.volume[0] == hours == days.hours[0]


def test_a_day_below_three_quarters_of_its_hours_is_missing_and_not_scaled():
    values = weeks(1)
    values[:7] = np.nan  # 17 of 24 hours
    values[24:30] = np.nan  # 18 of 24 hours
    days = kpi.daily_volumes(values, MONDAY, zone=BERLIN)
    assert np.isnan(days.volume[0])
    assert days.volume[1] == pytest.approx(2400.0)
    assert not days.is_whole[1]
    mean = kpi.mean_daily_traffic(days, kpi.Calendar())
    assert mean.days == 6
    assert mean.is_estimated


def test_workdays_holidays_and_sundays_have_means_of_their_own():
    values = np.repeat([10.0, 10, 10, 10, 12, 8, 4, 6, 6, 6, 6, 6, 6, 4], 24)
    days = kpi.daily_volumes(values, MONDAY, zone=BERLIN)
    holidays = [date(2018, 6, 11) + timedelta(row) for row in range(7)]
    calendar = kpi.Calendar(school_holidays=holidays, public_holidays=[date(2018, 6, 7)])
    means = {
        kind: kpi.mean_daily_traffic(days, calendar, kind=kind).value
        for kind in ("workday", "holiday_workday", "sunday")
    }
    assert means["workday"] == pytest.approx(24 * (10 + 10 + 10 + 12 + 8) / 5)
    assert means["holiday_workday"] == pytest.approx(24 * 6)
    assert means["sunday"] == pytest.approx(24 * (10 + 4 + 4) / 3)
    factors = kpi.week_factors(days, calendar)
    assert factors["fer"] == pytest.approx(6 / 10)
    assert factors["bFr"] == pytest.approx(1.2)


def test_the_thirtieth_highest_hour_counts_ties():
    values = np.concatenate((np.full(40, 900.0), np.full(8720, 100.0)))
    found = kpi.design_hour(values, rank=30, hours_of_year=8760)
    assert (found.value, found.is_estimated) == (900.0, False)
    assert kpi.design_hour(values, rank=41, hours_of_year=8760).value == 100.0


def test_a_design_hour_of_half_a_year_is_estimated():
    assert kpi.design_hour(np.ones(4380), hours_of_year=8760).is_estimated


@given(st.lists(st.floats(0, 1e5), min_size=30, max_size=200))
def test_the_design_hour_is_the_row_of_the_sorted_list(values):
    expected = sorted(values, reverse=True)[29]
    assert kpi.design_hour(np.array(values), hours_of_year=8760).value == expected


def test_a_rank_below_one_is_refused():
    with pytest.raises(ModelError, match="rank 0"):
        kpi.design_hour(np.ones(3), rank=0, hours_of_year=8760)


def test_class_groups_add_up_to_motor_vehicles():
    shares = {"PLZ": 92.7, "PmA": 0.5, "LoA": 3.0, "Lzg": 2.4, "Son": 0.2, "Bus": 1.2}
    assert kpi.class_volume(shares, "Kfz") == pytest.approx(100.0, abs=1e-9)
    fine = {"Pkw": 80.0, "Lfw": 12.0, "Mot": 0.7, "LmA": 0.4, "Sat": 2.0}
    coarse = {**fine, "PmA": 0.5, "LoA": 3.0, "Son": 0.2, "Bus": 1.2}
    assert kpi.class_volume(coarse, "Kfz") == pytest.approx(100.0)
    assert kpi.class_volume(coarse, "SV") == pytest.approx(6.6)


def test_a_class_that_was_not_counted_is_named():
    with pytest.raises(ModelError, match="'Bus' was not counted"):
        kpi.class_volume({"LoA": 1.0, "Lzg": 1.0}, "SV")


def test_directions_of_the_published_station_add_up():
    assert kpi.is_plausible_sum(np.array([60837.0, 63259.0]), 124096.0, tolerance=0.0)
    assert not kpi.is_plausible_sum(np.array([60837.0, 60000.0]), 124096.0)
    assert 100 * kpi.heavy_share(6926, 124096) == pytest.approx(5.58, abs=0.005)


def test_day_and_night_volumes_have_their_own_heavy_shares():
    hours = np.arange(24)
    motor = np.where((hours >= 6) & (hours < 22), 1000.0, 100.0)
    heavy = np.where((hours >= 6) & (hours < 22), 50.0, 20.0)
    found = kpi.noise_volumes(motor, heavy, MONDAY, zone=BERLIN)
    assert found["Mt"][0].value == 1000.0
    assert found["Mn"][0].value == 100.0
    assert (found["Mt"][1], found["Mn"][1]) == (0.05, 0.2)


def test_hours_without_heavy_counts_enter_neither_volume_nor_share():
    heavy = np.full(24, 5.0)
    heavy[8:12] = np.nan
    found, share = kpi.noise_volumes(np.full(24, 100.0), heavy, MONDAY, zone=BERLIN)["Mt"]
    assert (found.value, share) == (100.0, 0.05)
    assert found.coverage == pytest.approx(0.75)


def test_reliability_compares_the_slow_trips_with_the_median():
    times = np.concatenate((np.full(80, 300.0), np.full(20, 600.0), [np.nan]))
    assert kpi.reliability(times) == pytest.approx(2.0)


def test_a_start_without_time_zone_is_refused():
    with pytest.raises(ModelError, match="time zone"):
        kpi.daily_volumes(np.ones(3), datetime(2018, 6, 4), zone=BERLIN)  # noqa: DTZ001


def test_a_station_without_traffic_has_no_factors_and_no_reliability():
    days = kpi.Days(
        tuple(date(2018, 6, 4 + row) for row in range(7)),
        np.zeros(7), np.full(7, 24), np.full(7, 24),
    )  # fmt: skip
    assert np.isnan(list(kpi.week_factors(days, kpi.Calendar()).values())).all()
    assert np.isnan(kpi.reliability(np.zeros(5)))
