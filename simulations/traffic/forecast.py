"""Short-term forecasts of counted series, and the gate that a model must pass to be shown.

Rows are equal intervals. A forecast is issued at a row and aims some rows further; it uses values
up to its row and the calendar of its aim, nothing else. The split between learning, calibrating
and judging is by time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from simulations.traffic.kpi import FRIDAY, SATURDAY, Calendar
from twin.errors import ModelError

Values = NDArray[np.float64]
Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]

DAY_TYPES = ("workday", "friday", "saturday", "free", "school_holiday")
MINUTES_PER_DAY = 1440
DAYS_PER_WEEK = 7
REFERENCE = "profile_and_deviation"
COVERED = 0.9
COVERAGE_TOLERANCE = 0.03
LARGEST_RATIO = 1.5
LEAST_RUNNING_COVERAGE = 0.8
SLOW_SHARE = 0.5
NEAR_CAPACITY = 0.85
LEAST_PROOF, LEAST_PROOF_DAYS = 2.0, 5
"""A gain over the reference must be so many standard errors of the daily means of so many days."""
TRAINING_SHARE, CALIBRATION_SHARE = 0.6, 0.2


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """A series with the calendar of its rows.

    Parameters
    ----------
    value : (rows,)
        NaN where missing, and where the row still lies ahead.
    day, slot : (rows,)
        Ordinal of the local day; interval of the local day, the same for both hours that the
        clocks show twice.
    day_type : (rows,)
        Row of ``DAY_TYPES``.
    slots : int
        Intervals of an ordinary day.
    """

    value: Values
    day: Rows
    slot: Rows
    day_type: Rows
    slots: int


Predictor = Callable[[History], Values]
Learner = Callable[[History, Flags, int], Predictor]


def history(
    values: Values,
    start: datetime,
    *,
    step_minutes: int,
    zone: tzinfo,
    calendar: Calendar | None = None,
) -> History:
    """A series with its local days, slots and day types.

    Parameters
    ----------
    values : (rows,)
        Append NaN for intervals that are to be forecast.
    start
        Aware instant of the first interval.
    step_minutes
        Divides a day.

    Raises
    ------
    ModelError
        If the start has no time zone or the step does not divide a day.

    Examples
    --------
    >>> from datetime import UTC
    >>> found = history(np.ones(4), datetime(2018, 6, 8, 23, tzinfo=UTC), step_minutes=30, zone=UTC)
    >>> found.slot, found.day_type
    (array([46, 47,  0,  1]), array([1, 1, 2, 2]))
    """
    if start.tzinfo is None or step_minutes <= 0 or MINUTES_PER_DAY % step_minutes:
        raise ModelError(
            f"start {start} with steps of {step_minutes} min: give an aware instant and a step "
            "that divides a day"
        )
    calendar = calendar or Calendar()
    first = start.timestamp()
    times = [
        datetime.fromtimestamp(first + 60.0 * step_minutes * row, tz=zone)
        for row in range(len(values))
    ]
    kinds = {time.date(): 0 for time in times}
    for day in kinds:
        kinds[day] = DAY_TYPES.index(_day_type(day.weekday(), calendar.kind(day)))
    return History(
        value=np.asarray(values, dtype=float),
        day=np.array([time.toordinal() for time in times], dtype=np.int64),
        slot=np.array(
            [(60 * time.hour + time.minute) // step_minutes for time in times], dtype=np.int64
        ),
        day_type=np.array([kinds[time.date()] for time in times], dtype=np.int64),
        slots=MINUTES_PER_DAY // step_minutes,
    )


def _day_type(weekday: int, kind: str) -> str:
    if kind == "sunday":
        return "free"
    if weekday == SATURDAY:
        return "saturday"
    if kind == "holiday_workday":
        return "school_holiday"
    return "friday" if weekday == FRIDAY else "workday"


def last_value(_: History, __: Flags, ___: int) -> Predictor:
    """The value of the issue row, the oldest of all baselines."""
    return lambda series: series.value


def same_time_last_week(_: History, __: Flags, horizon: int) -> Predictor:
    """The value seven local days before the aim."""

    def predict(series: History) -> Values:
        key = series.day * series.slots + series.slot
        order = np.argsort(key, kind="stable")
        wanted = _ahead(key, horizon, fill=-1) - DAYS_PER_WEEK * series.slots
        found = np.minimum(np.searchsorted(key[order], wanted), len(key) - 1)
        row = order[found]
        return np.where(key[row] == wanted, series.value[row], np.nan)

    return predict


def day_profile(series: History, is_training: Flags, horizon: int) -> Predictor:
    """The median of the aim's slot and day type."""
    table = _profile(series, is_training)
    return lambda later: _at(table, later, horizon)


def profile_and_deviation(series: History, is_training: Flags, horizon: int) -> Predictor:
    """The profile plus a line through the current deviation from it."""
    return _regression(series, is_training, horizon, lags=1)


def profile_and_deviations(series: History, is_training: Flags, horizon: int) -> Predictor:
    """The profile plus a linear function of the last four deviations from it."""
    return _regression(series, is_training, horizon, lags=4)


BASELINES: Mapping[str, Learner] = MappingProxyType(
    {
        "last_value": last_value,
        "same_time_last_week": same_time_last_week,
        "day_profile": day_profile,
        REFERENCE: profile_and_deviation,
    }
)
CANDIDATES: Mapping[str, Learner] = MappingProxyType(
    {"profile_and_deviations": profile_and_deviations}
)


def _ahead(column: NDArray, horizon: int, *, fill: float) -> NDArray:
    """The column as it stands ``horizon`` rows later."""
    later = np.full(len(column), fill, dtype=column.dtype)
    later[: len(column) - horizon] = column[horizon:]
    return later


def _profile(series: History, is_training: Flags) -> Values:
    """(day types, slots) Medians; a slot without values takes that of workdays, then of all."""
    used = is_training & np.isfinite(series.value)
    key = series.day_type * series.slots + series.slot
    table = np.full(len(DAY_TYPES) * series.slots, np.nan)
    order = np.argsort(key[used], kind="stable")
    keys, first = np.unique(key[used][order], return_index=True)
    groups = np.split(series.value[used][order], first[1:])
    if not len(keys):
        raise ModelError("no value to learn a profile from; give a longer series")
    table[keys] = [float(np.median(group)) for group in groups]
    table = table.reshape(len(DAY_TYPES), series.slots)
    overall = float(np.median(series.value[used]))
    workday = np.where(np.isfinite(table[0]), table[0], overall)
    return np.where(np.isfinite(table), table, workday)


def _at(table: Values, series: History, horizon: int) -> Values:
    kind = _ahead(series.day_type, horizon, fill=0)
    slot = _ahead(series.slot, horizon, fill=0)
    found = table[kind, slot]
    found[len(found) - horizon :] = np.nan
    return found


def _regression(series: History, is_training: Flags, horizon: int, *, lags: int) -> Predictor:
    """Least squares on the last deviations; a missing deviation counts as none."""
    table = _profile(series, is_training)

    def features(later: History) -> Values:
        deviation = np.nan_to_num(later.value - table[later.day_type, later.slot])
        columns = [np.ones(len(deviation))]
        for lag in range(lags):
            column = np.zeros(len(deviation))
            column[lag:] = deviation[: len(deviation) - lag]
            columns.append(column)
        return np.column_stack(columns)

    aim = _ahead(series.value, horizon, fill=np.nan) - _at(table, series, horizon)
    # The aim must lie inside the training block too.
    inside = is_training & _ahead(is_training, horizon, fill=0) & np.isfinite(aim)
    weights, *_ = np.linalg.lstsq(features(series)[inside], aim[inside], rcond=None)

    def predict(later: History) -> Values:
        return np.maximum(_at(table, later, horizon) + features(later) @ weights, 0.0)

    return predict


@dataclass(frozen=True, slots=True)
class Band:
    """90 % interval as quantiles of errors over the root of the forecast."""

    low: float
    high: float

    def around(self, forecast: Values) -> tuple[Values, Values]:
        """Lower and upper end by forecast; never below 0."""
        scale = np.sqrt(np.maximum(forecast, 1.0))
        return np.maximum(forecast + self.low * scale, 0.0), forecast + self.high * scale


def calibrated_band(forecast: Values, observed: Values) -> Band:
    """Interval that covered 90 % of what happened in a block that no model learnt from.

    Raises
    ------
    ModelError
        If no forecast met a value.

    Examples
    --------
    >>> band = calibrated_band(np.full(101, 100.0), 50.0 + np.arange(101.0))
    >>> round(band.low, 1), round(band.high, 1)
    (-4.5, 4.5)
    """
    is_valid = np.isfinite(forecast) & np.isfinite(observed)
    if not is_valid.any():
        raise ModelError("no forecast of the calibration block met a value; give a longer series")
    scale = np.sqrt(np.maximum(forecast[is_valid], 1.0))
    errors = (observed[is_valid] - forecast[is_valid]) / scale
    low, high = np.quantile(errors, [(1 - COVERED) / 2, (1 + COVERED) / 2])
    return Band(float(low), float(high))


@dataclass(frozen=True, slots=True)
class ForecastScore:
    """A model on the judging block: mean absolute errors and the share inside its band."""

    mae: float
    mae_congested: float
    coverage: float
    rows: int
    congested_rows: int


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """All models of one horizon, and which one ships.

    Parameters
    ----------
    scores, bands
        By model.
    shipped
        The reference, or a candidate that passed; empty if not even the band of the reference
        holds.
    refusals
        Why each other candidate, or the reference, does not ship.
    predictor
        Of the shipped model; None if there is none.
    """

    horizon: int
    scores: Mapping[str, ForecastScore]
    bands: Mapping[str, Band]
    shipped: str
    refusals: Mapping[str, str]
    predictor: Predictor | None


def is_congested(
    *, speed_kmh: Values, free_speed_kmh: float, flow_vehh: Values, capacity_vehh: float
) -> Flags:
    """(rows,) Speed below half of the free speed, or volume above 85 % of the capacity.

    Examples
    --------
    >>> is_congested(speed_kmh=np.array([20.0, 45.0]), free_speed_kmh=50.0,
    ...     flow_vehh=np.array([900.0, 900.0]), capacity_vehh=1800.0)
    array([ True, False])
    """
    return (speed_kmh < SLOW_SHARE * free_speed_kmh) | (flow_vehh > NEAR_CAPACITY * capacity_vehh)


def evaluate(
    series: History,
    congested: Flags,
    *,
    horizon: int,
    candidates: Mapping[str, Learner] = CANDIDATES,
) -> Evaluation:
    """Learn on the first 60 % of the time, calibrate on the next 20 %, judge on the rest.

    Parameters
    ----------
    congested : (rows,)
        At the aim, see ``is_congested``.
    horizon
        Rows ahead.

    Raises
    ------
    ModelError
        If the series is too short to learn from.
    """
    rows = np.arange(len(series.value))
    first, second = (
        round(share * len(rows)) for share in (TRAINING_SHARE, TRAINING_SHARE + CALIBRATION_SHARE)
    )
    is_training = rows < first
    is_calibration = (rows >= first) & (rows + horizon < second)
    is_judged = rows >= second
    aim = _ahead(series.value, horizon, fill=np.nan)
    hard = _ahead(congested, horizon, fill=0)
    predictors = {
        name: learn(series, is_training, horizon)
        for name, learn in (*BASELINES.items(), *candidates.items())
    }
    scores: dict[str, ForecastScore] = {}
    bands: dict[str, Band] = {}
    errors: dict[str, Values] = {}
    for name, predict in predictors.items():
        forecast = predict(series)
        bands[name] = calibrated_band(forecast[is_calibration], aim[is_calibration])
        scores[name] = _score(forecast[is_judged], aim[is_judged], hard[is_judged], bands[name])
        errors[name] = np.abs(forecast - aim)[is_judged]
    proofs = {
        name: _proof(errors[REFERENCE] - errors[name], series.day[is_judged]) for name in candidates
    }
    shipped, refusals = choose(scores, tuple(candidates), proofs)
    return Evaluation(
        horizon=horizon,
        scores=MappingProxyType(scores),
        bands=MappingProxyType(bands),
        shipped=shipped,
        refusals=MappingProxyType(refusals),
        predictor=predictors.get(shipped),
    )


def _proof(gain: Values, day: Rows) -> float:
    """Mean gain of a day over its standard error; days are taken as independent."""
    known = np.isfinite(gain)
    days, row = np.unique(day[known], return_inverse=True)
    if days.size < LEAST_PROOF_DAYS:
        return 0.0
    daily = np.bincount(row.ravel(), weights=gain[known]) / np.bincount(row.ravel())
    error = float(daily.std(ddof=1)) / float(np.sqrt(days.size))
    return float(daily.mean()) / error if error > 0.0 else 0.0


def _score(forecast: Values, aim: Values, hard: Flags, band: Band) -> ForecastScore:
    is_valid = np.isfinite(forecast) & np.isfinite(aim)
    error = np.abs(forecast - aim)
    low, high = band.around(forecast)
    inside = (aim >= low) & (aim <= high)

    def mean(chosen: Flags, values: NDArray) -> float:
        return float(values[chosen].mean()) if chosen.any() else float("nan")

    return ForecastScore(
        mae=mean(is_valid, error),
        mae_congested=mean(is_valid & hard, error),
        coverage=mean(is_valid, inside),
        rows=int(is_valid.sum()),
        congested_rows=int((is_valid & hard).sum()),
    )


def choose(
    scores: Mapping[str, ForecastScore],
    candidates: tuple[str, ...],
    proofs: Mapping[str, float] = MappingProxyType({}),
) -> tuple[str, dict[str, str]]:
    """Which model ships, and why the others do not.

    A candidate must beat the reference in mean absolute error overall and in the congested part,
    and its band must cover 90 % within 3 points. Where ``proofs`` has its mean daily gain over the
    standard error, that must be 2 or more: a gain by chance is none. The best of those that pass
    ships, else the reference if its band holds.

    Examples
    --------
    >>> reference = ForecastScore(10.0, 20.0, 0.90, 1000, 100)
    >>> better_overall = ForecastScore(9.0, 21.0, 0.90, 1000, 100)
    >>> choose({REFERENCE: reference, "new": better_overall}, ("new",))
    ('profile_and_deviation', {'new': 'MAE when congested 21 is not below 20'})
    """
    reference = scores[REFERENCE]
    refusals = {
        name: _refusal(scores[name], reference) or _chance(proofs.get(name, np.inf))
        for name in candidates
    }
    passed = [name for name, reason in refusals.items() if not reason]
    uncovered = _uncovered(reference)
    if passed:
        shipped = min(passed, key=lambda name: scores[name].mae)
        refusals = {name: reason for name, reason in refusals.items() if reason}
        return shipped, refusals
    if uncovered:
        refusals[REFERENCE] = uncovered
        return "", refusals
    return REFERENCE, refusals


def _refusal(candidate: ForecastScore, reference: ForecastScore) -> str:
    if not candidate.mae < reference.mae:
        return f"MAE {candidate.mae:.4g} is not below {reference.mae:.4g}"
    if not candidate.mae_congested < reference.mae_congested:
        return (
            f"MAE when congested {candidate.mae_congested:.4g} is not below "
            f"{reference.mae_congested:.4g}"
        )
    return _uncovered(candidate)


def _chance(proof: float) -> str:
    if proof >= LEAST_PROOF:
        return ""
    return f"its daily gain is {proof:.1f} standard errors, {LEAST_PROOF:g} are asked for"


def _uncovered(model: ForecastScore) -> str:
    if abs(model.coverage - COVERED) <= COVERAGE_TOLERANCE:
        return ""
    return f"its 90 % interval covers {model.coverage:.1%}"


def is_valid_now(
    forecast: Values, low: Values, high: Values, *, observed: Values, tested_mae: float
) -> bool:
    """Whether the running error of the last 24 h lets the forecast be shown.

    Parameters
    ----------
    forecast, low, high, observed : (rows,)
        What was forecast for the last 24 h, and what happened.
    tested_mae
        Of the judging block.

    Examples
    --------
    >>> seen = np.full(10, 100.0)
    >>> is_valid_now(seen, seen - 9, seen + 9, observed=seen + 5.0, tested_mae=4.0)
    True
    >>> is_valid_now(seen, seen - 9, seen + 9, observed=seen + 7.0, tested_mae=4.0)
    False
    """
    known = np.isfinite(forecast) & np.isfinite(observed)
    if not known.any():
        return False
    error = float(np.abs(forecast - observed)[known].mean())
    inside = float(((observed >= low) & (observed <= high))[known].mean())
    return error <= LARGEST_RATIO * tested_mae and inside >= LEAST_RUNNING_COVERAGE


def rows_ahead(horizon: timedelta, *, step_minutes: int) -> int:
    """Rows that a horizon of 15, 30 or 60 min is away.

    Raises
    ------
    ModelError
        If the horizon is no whole number of steps.

    Examples
    --------
    >>> rows_ahead(timedelta(minutes=30), step_minutes=5)
    6
    """
    rows, rest = divmod(horizon, timedelta(minutes=step_minutes))
    if rest or rows < 1:
        raise ModelError(f"a horizon of {horizon} is no whole number of {step_minutes} min steps")
    return rows
