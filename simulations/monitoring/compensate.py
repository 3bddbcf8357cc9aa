"""Temperature compensation of frequencies, crack widths, inclinations and bearing travels.

Every channel is regressed on lagged, piecewise-linear temperature; without a temperature the first
principal component of the channels is removed. Residuals of rows that the fit did not see give the
scale, the covariance of the chart and, drawn in blocks, its limit for a stated rate of false
alarms. Training that is too short, without cold days or with clocks in doubt is refused.

References
----------
.. [1] "Damage detection of the Z24 Bridge using control charts", Mech. Syst. Signal
   Process. 17 (2003) 163-170: charts of residuals.
.. [2] "A Multivariate Exponentially Weighted Moving Average Control Chart",
   Technometrics 34 (1992) 46-53.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from simulations.monitoring.bootstrap import drawn_blocks, limit_for_rate
from simulations.monitoring.channels import Bools, Channels, Floats, Ints
from simulations.monitoring.clock import ClockDoubt, doubt_of_record
from simulations.monitoring.compensation import Chart, Compensation, Period
from simulations.monitoring.lags import HOUR_US, KNOTS_C, LAGS_H, hinged, lagged
from simulations.monitoring.regression import (
    RIDGES,
    component_fit,
    component_scores,
    ridge_fit,
)
from twin.errors import ModelError
from twin.model.findings import Phrase
from twin.model.refusals import LackingError, UnfitError

DAY_US = 24 * HOUR_US
WEEK_US = 7 * DAY_US
YEAR_H = 8766.0
FOLDS = 5
FORTNIGHT_H = 336.0
SHORTEST_STEP_US = HOUR_US // 6
LEAST_SHARE = 0.25
SETTLED_AFTER = 20


@dataclass(frozen=True, slots=True)
class TrainingRules:
    """What a training has to hold, and how its chart is set.

    Parameters
    ----------
    least_hours
        Hours with a temperature and at least ``least_channels`` channels.
    cold_below_c, least_cold_hours
        So many of these hours below that temperature [Cel]; with 0 hours no cold season is asked.
    least_channels
        Channels that must be present for a judgement.
    least_days_without_temperature
        Span of a training without temperature [d]: the season cannot be seen in it.
    lags_h, knots_c, ridges
        Terms of the regression and candidates of its penalty.
    weight
        Weight of the newest residual in the chart, lambda.
    false_alarms_per_year
        Stated rate.
    block_h
        Length of the drawn blocks [h].
    clip
        Residuals count at most this many standard deviations, so that one wrongly identified mode
        is no alarm.
    runs
        Drawn years for the limit.
    reserve
        The drawn limit times this: blocks of held-out rows do not hold the error of a season that
        was never seen. On made-up bridges the rate is 1.7 times the stated one without a reserve,
        a quarter of it with 1.3 (docs/benchmarks/monitoring.md).
    """

    least_hours: float = 2000.0
    cold_below_c: float = 2.0
    least_cold_hours: float = 200.0
    least_channels: int = 2
    least_days_without_temperature: float = 300.0
    lags_h: Sequence[float] = LAGS_H
    knots_c: Sequence[float] = KNOTS_C
    ridges: Sequence[float] = RIDGES
    weight: float = 0.02
    false_alarms_per_year: float = 1.0
    block_h: float = 48.0
    clip: float = 4.0
    runs: int = 100
    reserve: float = 1.3


def train(channels: Channels, *, rules: TrainingRules | None = None, seed: int = 0) -> Compensation:
    """Compensation of the channels, with the limit of its chart.

    Parameters
    ----------
    channels
        A time without damage, in order of arrival; means of hours, at least of ten minutes, with a
        cold season among them.
    rules
        What the training has to hold; the defaults are those of the specification.
    seed
        Of the drawn blocks.

    Raises
    ------
    InsufficientData
        If it is too short, holds no cold season, or times are in doubt; names all reasons.
    ModelError
        If a channel never changes, or rows follow each other faster than ten minutes.

    Examples
    --------
    >>> hours = np.arange(300)
    >>> short = Channels(("mode_1", "mode_2"), hours * HOUR_US, np.ones((300, 2)), hours % 24.0)
    >>> train(short)
    Traceback (most recent call last):
    ...
    twin.model.refusals.LackingError: the training holds 228 valid hours, needed are 2000; ...
    """
    rules = rules or TrainingRules()
    doubt = doubt_of_record(channels.time_us)
    if doubt is not None:
        raise LackingError(_clock_phrase(doubt))
    if np.any(np.isfinite(channels.usable_temperature_c)):
        return _by_temperature(channels, rules, seed)
    return _by_component(channels, rules, seed)


def _by_temperature(channels: Channels, rules: TrainingRules, seed: int) -> Compensation:
    average = lagged(channels.time_us, channels.usable_temperature_c, lags_h=rules.lags_h)
    present = np.isfinite(channels.value).sum(axis=1)
    usable = np.all(np.isfinite(average), axis=1) & (present >= rules.least_channels)
    is_cold = usable & (channels.usable_temperature_c < rules.cold_below_c)
    period = _period(channels, usable, is_cold)
    _refuse(channels, usable, lacks=_lacks_cold(period, rules), rules=rules)
    average, value = average[usable], channels.value[usable]
    fold = _folds(channels.time_us[usable])
    fit = ridge_fit(hinged(average, knots_c=rules.knots_c), value, fold=fold, ridges=rules.ridges)
    step_us = _step_us(channels)
    return Compensation(
        kind="temperature",
        names=channels.names,
        step_us=step_us,
        lags_h=tuple(rules.lags_h),
        knots_c=tuple(rules.knots_c),
        mean=fit.mean,
        scale=fit.scale,
        coefficients=fit.coefficients,
        least=average.min(axis=0),
        most=average.max(axis=0),
        least_channels=rules.least_channels,
        chart=_chart(
            fit.held_out, value, names=channels.names, rules=rules, step_us=step_us, seed=seed
        ),
        period=period,
    )


def _by_component(channels: Channels, rules: TrainingRules, seed: int) -> Compensation:
    rules = replace(rules, least_channels=max(rules.least_channels, 2))
    usable = np.isfinite(channels.value).sum(axis=1) >= rules.least_channels
    period = _period(channels, usable, np.zeros_like(usable))
    _refuse(channels, usable, lacks=_lacks_seasons(channels, rules), rules=rules)
    value, step_us = channels.value[usable], _step_us(channels)
    held_out = _without_component(value, fold=_folds(channels.time_us[usable]))
    mean, scale, direction = component_fit(value)
    scores = component_scores((value - mean) / scale, direction)
    return Compensation(
        kind="component",
        names=channels.names,
        step_us=step_us,
        lags_h=(),
        knots_c=(),
        mean=mean,
        scale=scale,
        coefficients=direction[None, :],
        least=np.array([np.nanmin(scores)]),
        most=np.array([np.nanmax(scores)]),
        least_channels=rules.least_channels,
        chart=_chart(
            held_out, value, names=channels.names, rules=rules, step_us=step_us, seed=seed
        ),
        period=period,
    )


def _without_component(value: Floats, *, fold: Ints) -> Floats:
    """Residual of every row from the component of the other folds."""
    held_out = np.full(value.shape, np.nan)
    for number in np.unique(fold):
        mean, scale, direction = component_fit(value[fold != number])
        standard = (value[fold == number] - mean) / scale
        score = component_scores(standard, direction)
        held_out[fold == number] = (standard - score[:, None] * direction) * scale
    return held_out


def _period(channels: Channels, usable: Bools, is_cold: Bools) -> Period:
    row_h = _step_us(channels) / HOUR_US
    times = channels.time_us[usable]
    return Period(
        hours=float(np.count_nonzero(usable)) * row_h,
        cold_hours=float(np.count_nonzero(is_cold)) * row_h,
        from_us=int(times[0]) if len(times) else 0,
        until_us=int(times[-1]) if len(times) else 0,
    )


def _step_us(channels: Channels) -> int:
    if len(channels) < 2:  # noqa: PLR2004
        raise LackingError(Phrase("wait.two_rows"))
    step_us = int(np.median(np.diff(channels.time_us)))
    if step_us < SHORTEST_STEP_US:
        raise ModelError(
            f"the rows are {step_us / 1e6:.0f} s apart, needed are at least "
            f"{SHORTEST_STEP_US / 1e6:.0f} s: give means of hours"
        )
    return step_us


def _lacks_cold(period: Period, rules: TrainingRules) -> list[Phrase]:
    if period.cold_hours >= rules.least_cold_hours:
        return []
    said = {
        "hours": period.cold_hours,
        "below": rules.cold_below_c,
        "least": rules.least_cold_hours,
    }
    return [Phrase("wait.cold_hours", said)]


def _lacks_seasons(channels: Channels, rules: TrainingRules) -> list[Phrase]:
    days = float(np.ptp(channels.time_us)) / DAY_US
    if days >= rules.least_days_without_temperature:
        return []
    said = {"days": np.floor(days), "least": rules.least_days_without_temperature}
    return [Phrase("wait.seasons", said)]


def _clock_phrase(doubt: ClockDoubt) -> Phrase:
    key = doubt.fault if doubt.fault == "day_month_exchanged" else f"clock_{doubt.fault}"
    fault = Phrase(f"not_armed.{key}", {"value": doubt.seconds})
    return Phrase("wait.clock", {"row": float(doubt.row)}, (fault,))


def _refuse(
    channels: Channels, usable: Bools, *, lacks: list[Phrase], rules: TrainingRules
) -> None:
    """Raise with everything that the training lacks."""
    hours = float(np.count_nonzero(usable)) * _step_us(channels) / HOUR_US
    if hours < rules.least_hours:
        said = {"hours": hours, "least": rules.least_hours}
        lacks = [Phrase("wait.hours", said), *lacks]
    present = np.count_nonzero(np.isfinite(channels.value[usable]), axis=0)
    least = max(LEAST_SHARE * np.count_nonzero(usable), 1.0)
    scarce = [
        name for name, rows in zip(channels.names, present.tolist(), strict=True) if rows < least
    ]
    if scarce:
        lacks = [*lacks, Phrase("wait.scarce", {"channels": ", ".join(scarce)})]
    if lacks:
        raise LackingError(Phrase("wait.training", parts=tuple(lacks)))


def _folds(time_us: Ints) -> Ints:
    """Weeks dealt out in turn: neighbours stay together, every fold sees every season."""
    return (time_us // WEEK_US) % FOLDS


def _chart(
    held_out: Floats,
    value: Floats,
    *,
    names: Sequence[str],
    rules: TrainingRules,
    step_us: int,
    seed: int,
) -> Chart:
    """Scale, covariance and limit of the chart, from drawn blocks of held-out residuals."""
    sigma = np.sqrt(np.nanmean(held_out**2, axis=0))
    spread = np.nanstd(value, axis=0)
    if np.any(sigma <= 0.0) or np.any(spread <= 0.0):
        still = [name for name, size in zip(names, spread.tolist(), strict=True) if size <= 0.0]
        raise UnfitError(Phrase("bad.still", {"channels": ", ".join(still or names)}))
    rows_per_hour = HOUR_US / step_us
    rows = drawn_blocks(
        len(held_out),
        block=max(1, round(rules.block_h * rows_per_hour)),
        length=round(YEAR_H * rows_per_hour),
        runs=rules.runs,
        random=np.random.default_rng(seed),
    )
    clipped = np.clip(held_out / sigma, -rules.clip, rules.clip)
    average = averaged(clipped, rows, weight=rules.weight)
    settled = average[:, average.shape[1] // SETTLED_AFTER :].reshape(-1, value.shape[1])
    covariance = settled.T @ settled / len(settled)
    inverse = inverted(covariance)
    limit = limit_for_rate(
        np.einsum("rti,ij,rtj->rt", average, inverse, average, optimize=True),
        alarms_per_row=rules.false_alarms_per_year / (YEAR_H * rows_per_hour),
        apart=round(24 * rows_per_hour),
    )
    return Chart(
        sigma=sigma,
        explained=1.0 - (sigma / spread) ** 2,
        slow_sd=_slow_sd(held_out, max(1, round(FORTNIGHT_H * rows_per_hour))),
        weight=rules.weight,
        clip=rules.clip,
        covariance=covariance,
        limit=rules.reserve * limit,
        false_alarms_per_year=rules.false_alarms_per_year,
    )


def _slow_sd(held_out: Floats, rows: int) -> Floats:
    """Standard deviation of the means of so many consecutive rows, per channel.

    A stretch in which a channel is silent counts for nothing.
    """
    whole = len(held_out) // rows * rows
    parts = held_out[:whole].reshape(-1, rows, held_out.shape[1])
    there = np.isfinite(parts)
    count = there.sum(axis=1)
    means = np.where(there, parts, 0.0).sum(axis=1) / np.maximum(count, 1)
    return np.sqrt((means**2).sum(axis=0) / np.maximum((count > 0).sum(axis=0), 1))


def inverted(covariance: Floats) -> Floats:
    """Inverse of a covariance; directions that residuals never take are left out."""
    return np.asarray(np.linalg.pinv(covariance, rcond=1e-6, hermitian=True), np.float64)


def averaged(residual: Floats, rows: Ints, *, weight: float) -> Floats:
    """Exponential averages of drawn residuals; a missing one keeps the average as it is.

    Parameters
    ----------
    residual : (n, p)
        Residuals; NaN is missing.
    rows : (runs, length)
        Rows of each drawn run.
    weight
        Weight of the newest.

    Returns
    -------
    (runs, length, p)
        Averages, from zero on.

    Examples
    --------
    >>> averaged(np.array([[1.0], [np.nan]]), np.array([[0, 1]]), weight=0.5)[0, :, 0]
    array([0.5, 0.5])
    """
    gain = np.where(np.isfinite(residual), weight, 0.0)
    pull = gain * np.where(np.isfinite(residual), residual, 0.0)
    keep = 1.0 - gain
    found = np.empty((*rows.shape, residual.shape[1]))
    now = np.zeros((len(rows), residual.shape[1]))
    for step, drawn in enumerate(rows.T):
        now = keep[drawn] * now + pull[drawn]
        found[:, step] = now
    return found
