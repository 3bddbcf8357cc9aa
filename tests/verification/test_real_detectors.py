"""Bar B14 of the specification on a real series: hourly counts of the city of Münster, 2016.

The five days (Saturday to Wednesday, 3 to 7 September 2016; Datenlizenz Deutschland Namensnennung
2.0, city of Münster) suffice for counts and indicators. They do not suffice for the forecast: there
is no second week, so no day-type profile can be judged on a later block. The product must say that
instead of forecasting, and this test holds it to that.
"""

import csv
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from simulations.outlook import forecasts
from simulations.traffic import forecast as fc
from simulations.traffic import kpi

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "muenster"
BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2016, 9, 2, 22, tzinfo=UTC)
LEAST_MEAN_VEH_H = 50.0
HOURS = 24
MODELS = ("last_value", "day_profile", fc.REFERENCE, *fc.CANDIDATES)  # no week to look back

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"{FOLDER} is absent")


def detectors() -> np.ndarray:
    """(detectors, hours) Counts of the detectors that report every day and carry traffic."""
    days = []
    for file in sorted(FOLDER.glob("*_24mq.csv")):
        with file.open(encoding="latin-1", newline="") as stream:
            rows = list(csv.reader(stream, delimiter=";"))[1:]
        days.append(
            {
                row[0]: [float(text or "nan") for text in row[1:25]]
                for row in rows
                if len(row) >= HOURS + 1
            }
        )
    names = sorted(set.intersection(*(set(day) for day in days)))
    values = np.array([np.concatenate([day[name] for day in days]) for name in names])
    values[values < 0.0] = np.nan
    return values[np.nan_to_num(values).mean(axis=1) >= LEAST_MEAN_VEH_H]


def mean_errors(values: np.ndarray) -> dict[str, float]:
    """Mean error of one hour ahead on the last day, as a share of the mean flow, by model."""
    found: dict[str, list[float]] = {}
    for column in values:
        series = fc.history(column, START, step_minutes=60, zone=BERLIN)
        training = np.arange(len(column)) < 96
        for name in MODELS:
            learn = {**fc.BASELINES, **fc.CANDIDATES}[name]
            predicted = learn(series, training, 1)(series)[95:-1]
            error = np.abs(predicted - column[96:])
            found.setdefault(name, []).append(float(np.nanmean(error) / np.nanmean(column)))
    return {name: float(np.nanmedian(shares)) for name, shares in found.items()}


def test_a_profile_of_real_counts_beats_the_last_value_one_hour_ahead() -> None:
    values = detectors()
    assert len(values) > 200
    errors = mean_errors(values)
    assert errors[fc.REFERENCE] < errors["last_value"]
    # Measured 2026-11-22 on 301 detectors: last value 24.0 %, day profile 8.2 %, reference 8.0 %,
    # candidate 8.5 % of the mean flow; the candidate does not beat the reference here.
    assert errors[fc.REFERENCE] == pytest.approx(0.080, abs=0.01)
    assert errors[fc.REFERENCE] < min(errors[name] for name in fc.CANDIDATES)


def test_five_real_days_are_too_few_and_the_product_gives_no_forecast() -> None:
    for column in detectors()[:20]:
        found = forecasts(column, START, zone=BERLIN, step_minutes=60, horizons=(60,))
        assert found["status"] == "none"
        assert found["reasons"][0]["key"] == "forecast_too_short"


def test_indicators_of_real_counts_are_marked_as_estimated_where_days_are_few() -> None:
    column = detectors()[0]
    days = kpi.daily_volumes(column, START, zone=BERLIN)
    mean = kpi.mean_daily_traffic(days, kpi.Calendar())
    assert mean.value == pytest.approx(np.nansum(column) / 5.0, rel=0.02)
    sunday = kpi.mean_daily_traffic(days, kpi.Calendar(), kind="sunday")
    assert (sunday.days, sunday.value < mean.value) == (1, True)
    assert kpi.design_hour(column, hours_of_year=8784).is_estimated
