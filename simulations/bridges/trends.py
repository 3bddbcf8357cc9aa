"""Slow opening of cracks and drift of inclinations, after temperature has been taken out."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from simulations.bridges.derived import (
    COMPENSATED,
    derived_stream,
    readings_of,
    unwritten,
)
from simulations.bridges.inputs import HOUR_US, Bridge, Columns, Floats, Ints
from simulations.bridges.learning import before_first, since_first
from simulations.bridges.register import newest
from simulations.bridges.retraining import anew
from simulations.bridges.rounds import Analysis, Found
from simulations.bridges.soundness import refuse_unfit
from simulations.bridges.streamwise import Seen, streamwise
from simulations.bridges.symptoms import Around, heavy_flow, symptoms_of
from simulations.monitoring.channels import Channels
from simulations.monitoring.compensate import TrainingRules, train
from simulations.monitoring.compensation import Compensation, restored
from simulations.monitoring.lags import lagged
from simulations.monitoring.trend import YEAR_D, Trend, daily_means, slow_trend
from twin.errors import InsufficientData, NotAvailable
from twin.model.datastreams import Datastream
from twin.model.findings import EvidenceWindow, Finding, Phrase, Reason
from twin.model.monitoring import TrainedModel
from twin.model.refusals import LackingError, reasons_of
from twin.model.times import from_us
from twin.rules.diagnosis import RULE_VERSION, diagnose

NAME = "trend"
VERSION = "2"
OWNER = "stadtzwilling"
WINDOW_D = 70
"""Ten blocks of a week: the shortest window in which a trend has a band."""
REACH_D = 84
"""So far back the days of the window may lie: gaps of two weeks are bridged."""
KEPT_BACK_D = 90
NEW_H = 24
"""Hours written at every look: late readings of a day are taken in."""
RULES = TrainingRules(least_channels=1)
SMALLEST = {"crack_width": 0.05, "inclination": 0.1}
"""Smallest change over the window that matters [mm, mm/m]; own choice: ten times the noise."""
STATED = {
    "crack_width": ("crack_trend", "step.inspect_crack"),
    "inclination": ("movement_trend", "step.inspect_movement"),
}
"""What is stated of a trend, and the next step, by quantity."""
CRITICAL_MM_A = 2.0
"""Opening of a crack per year that does not wait for the next inspection; own choice."""
MOSTLY = 0.5
EVIDENCE = timedelta(days=KEPT_BACK_D)


def is_concerned(bridge: Bridge) -> bool:
    """Whether a bridge measures cracks or inclinations beside its temperature."""
    return bool(bridge.of(*SMALLEST)) and bool(bridge.of("structure_temperature"))


def look(bridge: Bridge) -> Found:
    """Look at every crack and every inclination of a bridge.

    Raises
    ------
    InsufficientData
        If none of them has reported yet.
    """
    warm = bridge.of("structure_temperature")[0]
    streams = bridge.of(*SMALLEST)
    columns = bridge.hourly([item.uid for item in (warm, *streams, *bridge.heavy)])
    return streamwise(NAME, streams, lambda stream: _seen(bridge, stream, columns, warm))


def _seen(bridge: Bridge, stream: Datastream, columns: Columns, warm: Datastream) -> Seen:
    channels = Channels(
        (stream.uid,),
        columns.time_us,
        columns.value[stream.uid][:, None],
        columns.value[warm.uid],
        columns.bad[warm.uid] > 0,
    )
    name = f"{NAME}.{stream.uid}"
    known, version = newest(bridge, name, restored)
    registered = known or _first(bridge, channels, name, version)
    new = () if known else (registered,)
    later = functools.partial(_anew, bridge, channels, known, version)
    model = restored(registered.content)
    average = lagged(channels.time_us, channels.usable_temperature_c, lags_h=model.lags_h)
    inside = np.all(model.is_inside(average), axis=1)
    residual = np.where(inside, (channels.value - model.expected(average))[:, 0], np.nan)
    recent = newest_days(columns.time_us, residual)
    derived = derived_stream(bridge, f"{stream.route_key}#{COMPENSATED}")
    latest_h = len(columns) if new else NEW_H
    shown = unwritten(bridge, derived, columns.time_us, latest_h=latest_h)
    readings = readings_of(derived, columns.time_us[shown], residual[shown])
    try:
        refuse_unfit(columns, stream.uid, trained_until_us=model.period.until_us)
        trend = slow_trend(
            columns.time_us[recent],
            residual[recent],
            smallest=SMALLEST[stream.quantity],
            slow_sd=float(model.chart.slow_sd[0]),
        )
    except InsufficientData as error:
        trained = later()
        told = since_first(
            channels,
            inside,
            (registered, model),
            (*trained, registered)[0],
            now=bridge.now,
            kept_back_d=KEPT_BACK_D,
            window_d=WINDOW_D,
            reach_d=REACH_D,
        )
        learning = LackingError(*reasons_of(error), *told)
        return Seen(readings, (*new, *trained), refusal=learning)
    except NotAvailable as error:
        return Seen(readings, new, refusal=error)
    if not trend.is_found:
        return Seen(readings, (*new, *later()))
    around = Around(
        stream=stream,
        columns=columns,
        residual=residual,
        temperature_c=columns.value[warm.uid],
        heavy=heavy_flow(bridge, columns),
        neighbours=_neighbours(bridge, stream, columns, channels),
    )
    change = _Change(trend, around, float(inside[recent].mean()), model)
    return Seen(readings, new, _findings(bridge, change))


def newest_days(time_us: Ints, residual: Floats) -> np.ndarray:
    """Rows of the newest days with values that make a window, at most twelve weeks back; (n,).

    Examples
    --------
    >>> hours = np.arange(100 * 24)
    >>> residual = np.where(hours // 24 == 90, np.nan, 0.0)
    >>> int(newest_days(hours * HOUR_US, residual).sum()) // 24
    71
    """
    day, _ = daily_means(time_us, residual)
    reach_us = int(time_us[-1]) - REACH_D * 24 * HOUR_US
    first_us = int(day[-WINDOW_D:][0]) * 24 * HOUR_US if len(day) else 0
    return np.asarray(time_us > max(first_us - 1, reach_us))


def _neighbours(
    bridge: Bridge, stream: Datastream, columns: Columns, channels: Channels
) -> list[Floats]:
    """Residuals of the other streams of a quantity, each by its own registered model."""
    found: list[Floats] = []
    for item in bridge.of(stream.quantity):
        model, _ = newest(bridge, f"{NAME}.{item.uid}", restored)
        if item.uid == stream.uid or model is None:
            continue
        own = restored(model.content)
        average = lagged(channels.time_us, channels.usable_temperature_c, lags_h=own.lags_h)
        found.append(columns.value[item.uid] - own.expected(average)[:, 0])
    return found


def _first(bridge: Bridge, channels: Channels, name: str, version: int) -> TrainedModel:
    """The first model; while it cannot be trained, what is there already and when it can."""
    try:
        return _trained(bridge, channels, name, version)
    except InsufficientData as error:
        told = before_first(channels, now=bridge.now, kept_back_d=KEPT_BACK_D, rules=RULES)
        raise LackingError(*reasons_of(error), *told) from error


def _trained(bridge: Bridge, channels: Channels, name: str, version: int) -> TrainedModel:
    count = _learnable(channels)
    if not count:
        days = {"days": float(len(channels) // 24), "least": float(KEPT_BACK_D)}
        raise LackingError(Phrase("wait.newest_days", days))
    model = train(channels.between(0, count), rules=RULES)
    return model.entry(
        asset_id=bridge.asset.id,
        name=name,
        version=version,
        owner=OWNER,
        trained_at=bridge.now,
    )


def _learnable(channels: Channels) -> int:
    """Rows that are not kept back."""
    last_us = channels.time_us[-1] - KEPT_BACK_D * 24 * HOUR_US
    return int(np.count_nonzero(channels.time_us <= last_us))


def _anew(
    bridge: Bridge, channels: Channels, known: TrainedModel | None, version: int
) -> tuple[TrainedModel, ...]:
    """The next version where it is due; also while the window has too few days to be judged.

    Otherwise a summer that the first model does not know would never be learned.
    """
    if known is None:
        return ()
    return anew(
        bridge,
        known,
        channels.time_us[: _learnable(channels)],
        rules=[rule for rule, _ in STATED.values()],
        train=lambda: _trained(bridge, channels, known.name, version),
    )


@dataclass(frozen=True, slots=True)
class _Change:
    """A stream with its trend, and what lies around it."""

    trend: Trend
    around: Around
    inside_share: float
    model: Compensation


def _findings(bridge: Bridge, change: _Change) -> tuple[Finding, ...]:
    stream, trend, columns = change.around.stream, change.trend, change.around.columns
    since_us, grown = onset(columns.time_us, change.around.residual)
    least, most = float(change.model.least.min()), float(change.model.most.max())
    symptoms = symptoms_of(
        change.around,
        since_us,
        inside=change.inside_share > MOSTLY,
        trained_cel=(least, most),
    )
    diagnosis = diagnose(symptoms)
    unit = "mm" if stream.quantity == "crack_width" else "mm/m"
    band = abs(trend.rate_most - trend.rate_least) / 2.0 / YEAR_D * trend.days
    statement = {
        "channel": stream.uid,
        "rate": trend.rate_per_year,
        "low": trend.rate_least,
        "high": trend.rate_most,
        "grown": grown,
        "since": f"{from_us(since_us):%Y-%m-%d}",
        "unit": unit,
    }
    explained = 100.0 * float(change.model.chart.explained[0])
    is_critical = stream.quantity == "crack_width" and trend.rate_least > CRITICAL_MM_A
    key, step = STATED[stream.quantity]
    return (
        Finding(
            asset_id=bridge.asset.id,
            rule=key,
            rule_version=RULE_VERSION,
            severity="critical" if is_critical else "warning",
            key=stream.uid,
            statement=Phrase(key, statement),
            next_step=Phrase(step, {"channel": stream.uid}),
            at=from_us(int(columns.time_us[-1])),
            cause=diagnosis.cause,
            reasons=(
                Reason(
                    Phrase(
                        "reason.beyond_band",
                        {
                            "value": trend.size,
                            "unit": unit,
                            "band": band,
                            "percent": 100.0 * trend.confidence,
                        },
                    ),
                    value=trend.size,
                    unit=unit,
                    limit=SMALLEST[stream.quantity],
                    source=f"{trend.days} d",
                    cause="structure",
                    speaks="for",
                ),
                Reason(
                    Phrase("reason.temperature_explained", {"percent": explained}),
                    value=explained,
                    unit="%",
                    cause="temperature",
                    speaks="against",
                ),
                *diagnosis.reasons,
            ),
            evidence=(EvidenceWindow(stream.uid, bridge.now - EVIDENCE, bridge.now),),
        ),
    )


def onset(time_us: Sequence[int] | np.ndarray, residual: Floats) -> tuple[int, float]:
    """Day from which a residual grows linearly [us since 1970], and what it has grown since.

    The day is that of the broken line (level, then slope) with the smallest squared error.

    Examples
    --------
    >>> hours = np.arange(100 * 24)
    >>> grown = np.maximum(hours / 24 - 60.0, 0.0) * 0.01
    >>> start_us, size = onset(hours * HOUR_US, grown)
    >>> start_us // (24 * HOUR_US), round(size, 2)
    (60, 0.4)
    """
    day, mean = daily_means(np.asarray(time_us), residual)
    best, found = np.inf, (int(day[0]), 0.0)
    for start in day[: max(len(day) - 7, 1)]:
        ramp = np.maximum(day - start, 0.0)
        terms = np.column_stack([np.ones(len(day)), ramp])
        solution, *_ = np.linalg.lstsq(terms, mean, rcond=None)
        error = float(np.sum((mean - terms @ solution) ** 2))
        if error < best:
            best, found = error, (int(start), float(solution[1] * ramp[-1]))
    return found[0] * 24 * HOUR_US, found[1]


ANALYSIS = Analysis(NAME, VERSION, timedelta(hours=6), is_concerned, look, is_structural=True)
