"""Watch over natural frequencies: learns how they follow the temperature, then judges."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from simulations.bridges.derived import (
    COMPENSATED,
    T2,
    all_of,
    derived_stream,
    readings_of,
    unwritten,
)
from simulations.bridges.inputs import HOUR_US, Bridge, Columns, Floats
from simulations.bridges.recent import Recent, Row, recent_of
from simulations.bridges.register import newest, oldest
from simulations.bridges.retraining import anew
from simulations.bridges.rounds import Analysis, Found
from simulations.bridges.soundness import sound_modes
from simulations.monitoring.channels import Channels
from simulations.monitoring.compensate import TrainingRules, train
from simulations.monitoring.compensation import Compensation, restored
from simulations.monitoring.lags import lagged
from simulations.monitoring.watch import Judgement, Judgements, NotArmed, Watch
from twin.model.datastreams import Datastream
from twin.model.findings import EvidenceWindow, Finding, MonitoringState, Phrase, Reason
from twin.model.monitoring import AnalysisOutcome, StateRecord, TrainedModel
from twin.model.observations import Readings
from twin.model.refusals import LackingError
from twin.model.times import from_us
from twin.rules.diagnosis import RULE_VERSION, Symptoms, diagnose

NAME = "compensation"
VERSION = "2"
OWNER = "stadtzwilling"
KEPT_BACK_H = 3 * 24
"""The newest days are not trained on: the first judgement needs rows that the model never saw."""
WARM_UP_H = 96
"""A new watch first hears so much of what was learned: the lagged temperatures settle."""
GROWN = timedelta(days=3)
"""In its first year a model learns on twice a week: in spring every week is warmer than all that it
knows, and it is armed only inside of what it knows (docs/benchmarks/monitoring.md)."""
SEASONED_H = 200 * 24
YOUNG = TrainingRules(reserve=2.0)
"""Until 200 days are learned the limit has a larger reserve: the warm and cold ends of what is
known rest on few days, and with the usual one a quarter of sound bridges raised an alarm there."""
EVIDENCE = timedelta(days=14)
RECENT = "recent"
RULE = "frequency_shift"
FALLEN_SIGMA = -0.5
"""A mode counts as fallen where its mean residual of the last two days lies below this."""


def is_concerned(bridge: Bridge) -> bool:
    """Whether a bridge has the natural frequencies of at least two modes."""
    return len(bridge.of("natural_frequency")) > 1


def look(bridge: Bridge) -> Found:
    """Train where no model is registered, then judge what is new.

    A model that is trained anew (`retraining`) judges from the next look on, first of all what
    was kept back from it; what an earlier one has stored stays.

    Raises
    ------
    InsufficientData
        While the record is too short or holds no cold season; names what is missing.
    """
    modes, warm = bridge.of("natural_frequency"), bridge.of("structure_temperature")
    columns = bridge.hourly([item.uid for item in (*modes, *warm[:1])])
    channels = channels_of(columns, modes, warm[:1])
    known, version = newest(bridge, NAME, restored)
    channels, doubts = sound_modes(channels, _usual_hz(channels, known))
    model = known or _trained(bridge, channels, version)
    watch = _watch(bridge, model)
    later = channels.time_us > max(watch.position_us, watch.model.period.until_us)
    first = int(np.argmax(later)) if later.any() else len(channels)
    if not watch.position_us:
        watch.run(channels.between(max(first - WARM_UP_H, 0), first))
    judged = watch.run(channels.between(first, len(channels)))
    shown = np.arange(len(channels)) >= (first if known else 0)
    name = f"{NAME}.{model.version}"
    recent = recent_of(_state(bridge, f"{name}.{RECENT}")).after(judged.rows)
    if known is None:
        trained: tuple[TrainedModel, ...] = (model,)
    else:
        rows = (*recent.rows, *judged.rows)
        trained = _anew(bridge, known, channels, rows, version=version)
    outcome = AnalysisOutcome(
        readings=all_of(
            [*_compensated(bridge, watch.model, channels, modes, shown), _charted(bridge, judged)]
        ),
        states=(
            watch.record(asset_id=bridge.asset.id, name=name),
            recent.record(asset_id=bridge.asset.id, name=f"{name}.{RECENT}"),
        ),
        models=trained,
        findings=_findings(bridge, watch.model, recent),
    )
    if recent.is_persistent and judged.rows and judged.rows[-1].is_armed:
        last = recent.last_alarm
        beyond = Phrase("state.beyond", {"t2": last.t2, "limit": last.limit})
        return Found(outcome, MonitoringState.NOT_ARMED, beyond)
    return _found(outcome, judged, doubts)


def _usual_hz(channels: Channels, known: TrainedModel | None) -> Floats:
    """What the modes were while they were learned, or are in most hours, (p,) [Hz]."""
    if known is None:
        heard = np.where(np.isfinite(channels.value).any(axis=0), channels.value, 1.0)
        return np.asarray(np.nanmedian(heard, axis=0), np.float64)
    model = restored(known.content)
    return model.coefficients[-1] if model.kind == "temperature" else model.mean


def channels_of(
    columns: Columns, modes: Sequence[Datastream], warm: Sequence[Datastream]
) -> Channels:
    """Hourly columns as the statistics take them; doubtful hours of the temperature are marked."""
    count = len(columns)
    value = np.column_stack([columns.value[item.uid] for item in modes])
    temperature = columns.value[warm[0].uid] if warm else np.full(count, np.nan)
    doubtful = columns.bad[warm[0].uid] > 0 if warm else np.zeros(count, np.bool_)
    return Channels(
        tuple(item.uid for item in modes), columns.time_us, value, temperature, doubtful
    )


def _trained(bridge: Bridge, channels: Channels, version: int) -> TrainedModel:
    if len(channels) <= KEPT_BACK_H:
        days = {"days": float(len(channels) // 24), "least": KEPT_BACK_H / 24}
        raise LackingError(Phrase("wait.newest_days", days))
    learned = channels.between(0, len(channels) - KEPT_BACK_H)
    model = train(learned, rules=YOUNG if len(learned) < SEASONED_H else None)
    return model.entry(
        asset_id=bridge.asset.id,
        name=NAME,
        version=version,
        owner=OWNER,
        trained_at=bridge.now,
    )


def _anew(
    bridge: Bridge,
    known: TrainedModel,
    channels: Channels,
    rows: Iterable[Row | Judgement],
    *,
    version: int,
) -> tuple[TrainedModel, ...]:
    """The next version where it is due and none of the newest rows is an alarm.

    Rows that are not armed do not hinder it: else a summer would never be learned.
    """
    if any(row.is_alarm for row in rows):
        return ()
    return anew(
        bridge,
        known,
        channels.time_us[: max(len(channels) - KEPT_BACK_H, 0)],
        rules=(RULE,),
        train=lambda: _trained(bridge, channels, version),
        grown=GROWN,
    )


def _watch(bridge: Bridge, model: TrainedModel) -> Watch:
    kept = _state(bridge, f"{NAME}.{model.version}")
    return Watch(restored(model.content), state=None if kept is None else kept.content)


def _state(bridge: Bridge, name: str) -> StateRecord | None:
    return bridge.twin.bridges.state(bridge.asset.id, name)


def _compensated(
    bridge: Bridge,
    model: Compensation,
    channels: Channels,
    modes: Sequence[Datastream],
    shown: NDArray[np.bool_],
) -> Iterable[Readings]:
    """What the modes would show at the mean temperature of the first training, in some rows.

    The lagged temperatures need the rows before. Hours that are stored keep their value.
    """
    if model.kind != "temperature":
        return
    average = lagged(channels.time_us, channels.usable_temperature_c, lags_h=model.lags_h)
    inside = np.all(model.is_inside(average), axis=1)
    residual = channels.value - model.expected(average)
    level = level_of(bridge, model)
    for column, mode in enumerate(modes):
        stream = derived_stream(bridge, f"{mode.route_key}#{COMPENSATED}")
        value = np.where(inside, level[column] + residual[:, column], np.nan)
        rows = shown & unwritten(bridge, stream, channels.time_us, latest_h=0)
        yield readings_of(stream, channels.time_us[rows], value[rows])


def level_of(bridge: Bridge, model: Compensation) -> Floats:
    """What the model expects at the mean temperatures of the first version, (p,) [Hz].

    Without it the compensated modes would step whenever warmer months have been learned.
    """
    kept = oldest(bridge, NAME, restored)
    first = model if kept is None else restored(kept.content)
    is_alike = (first.kind, first.lags_h, first.knots_c) == (
        model.kind,
        model.lags_h,
        model.knots_c,
    )
    if not is_alike or first.names != model.names:
        return np.asarray(model.coefficients[-1], np.float64)
    away = (first.mean - model.mean) / model.scale
    return np.asarray(away @ model.coefficients[:-1] + model.coefficients[-1], np.float64)


def _charted(bridge: Bridge, judged: Judgements) -> Readings:
    stream = derived_stream(bridge, f"{bridge.asset.id}/modes#{T2}")
    time_us = np.array([row.time_us for row in judged.rows], np.int64)
    rows = unwritten(bridge, stream, time_us, latest_h=0)
    return readings_of(stream, time_us[rows], judged.t2[rows])


def _found(outcome: AnalysisOutcome, judged: Judgements, doubts: tuple[Phrase, ...]) -> Found:
    if not judged.rows:
        return Found(outcome)
    last = judged.rows[-1]
    if not last.is_armed:
        reasons = (*map(not_armed, last.not_armed), *doubts)
        said = Phrase("state.not_armed", {"analysis": NAME}, reasons)
        return Found(outcome, MonitoringState.NOT_ARMED, said)
    charted = Phrase("state.chart", {"t2": last.t2, "limit": last.limit})
    if not doubts:
        return Found(outcome, reason=charted)
    return Found(outcome, reason=Phrase("state.parts", parts=(charted, *doubts)))


def not_armed(reason: NotArmed) -> Phrase:
    """Why a watch does not judge, as a sentence."""
    values: dict[str, float | str] = {"subject": reason.subject.replace("_", " ")}
    for name in ("value", "least", "most"):
        number: float | None = getattr(reason, name)
        values[name] = float("nan") if number is None else number
    return Phrase(f"not_armed.{reason.key}", values)


def _findings(bridge: Bridge, model: Compensation, recent: Recent) -> tuple[Finding, ...]:
    if not recent.is_persistent:
        return ()
    last = recent.last_alarm
    symptoms = _symptoms(model, recent)
    diagnosis = diagnose(symptoms)
    leading = int(np.argmax(last.share))
    charted = Reason(
        Phrase("reason.chart", {"t2": last.t2, "limit": last.limit}),
        value=last.t2,
        limit=last.limit,
        source=f"trained {from_us(model.period.from_us):%Y-%m-%d} to "
        f"{from_us(model.period.until_us):%Y-%m-%d}, one false alarm in "
        f"{1.0 / model.chart.false_alarms_per_year:g} years",
    )
    at = from_us(last.time_us)
    return (
        Finding(
            asset_id=bridge.asset.id,
            rule=RULE,
            rule_version=RULE_VERSION,
            severity="warning",
            key=NAME,
            statement=_statement(last, model.names[leading]),
            next_step=Phrase("step.inspect_structure"),
            at=at,
            cause=diagnosis.cause,
            reasons=(charted, *diagnosis.reasons),
            evidence=tuple(EvidenceWindow(uid, at - EVIDENCE, at) for uid in model.names),
        ),
    )


def _statement(row: Row, channel: str) -> Phrase:
    values: dict[str, float | str] = {
        "t2": row.t2,
        "limit": row.limit,
        "channel": channel,
        "percent": 100.0 * max(row.share) / row.t2,
    }
    return Phrase("frequency_shift", values)


def _symptoms(model: Compensation, recent: Recent) -> Symptoms:
    least, most = float(model.least.min()), float(model.most.max())
    return Symptoms(
        is_temperature_trained=True,
        trained_cel=(least, most),
        neighbours_changed=max(int(np.count_nonzero(recent.mean_residual < FALLEN_SIGMA)) - 1, 0),
        neighbours=len(model.names) - 1,
        lasted_d=recent.lasted_us / (24 * HOUR_US),
    )


ANALYSIS = Analysis(NAME, VERSION, timedelta(hours=1), is_concerned, look, is_structural=True)
