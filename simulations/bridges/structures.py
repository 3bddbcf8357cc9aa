"""Structural model of every part of every bridge, as far as its recorded facts allow; no judgement.

Computed anew only where the facts, the tables or the measured frequencies have changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np

from simulations.bridges.derived import COMPENSATED, derived_stream
from simulations.bridges.inputs import Bridge
from simulations.bridges.register import newest
from simulations.bridges.rounds import Analysis, Found
from simulations.bridges.structurefacts import PartInput, parts_of_bridge
from simulations.bridges.structuremodels import (
    Built,
    MeasuredFrequency,
    build,
    content_hash,
    input_hash,
    model_content,
    refused,
    state_of,
)
from simulations.structure.calibrate import LEAST_FACTOR, MOST_FACTOR
from simulations.structure.sentences import sentence
from twin.errors import InsufficientData, ModelError, NotAvailable
from twin.model.datastreams import Datastream
from twin.model.findings import MonitoringState, Phrase
from twin.model.monitoring import AnalysisOutcome, TrainedModel
from twin.model.structure_state import NAME, StructureState, parts_of, record_of
from twin.model.times import from_us, to_us

VERSION = "1"
OWNER = "stadtzwilling"
RISK = "limited: compares effects, decides nothing"
COMPENSATED_DAYS, RAW_DAYS = 30, 365
LEAST_VALUES = 30
MATERIAL = 0.02
"""A measured frequency that moves by less is the one that was used; own choice."""


def is_concerned(bridge: Bridge) -> bool:
    """Every bridge: one without a model says why."""
    return bridge.asset.asset_class == "bridge"


def look(bridge: Bridge) -> Found:
    """Build the model of each part whose input has changed, and keep what it says.

    Raises
    ------
    ModelError
        If a recorded attribute cannot be read; names it.
    """
    kept = _kept(bridge)
    inputs = parts_of_bridge(bridge)
    is_one = sum(not item.refusal for item in inputs) == 1
    states: list[StructureState] = []
    models: list[TrainedModel] = []
    for part in inputs:
        old = kept.get(part.part)
        measured = _settled(_measured(bridge), old) if is_one and not part.refusal else ()
        digest = input_hash(part, measured)
        if old is not None and old.input_hash == digest:
            states.append(old)
            continue
        state, model = _computed(bridge, part, measured, digest=digest, is_one=is_one)
        states.append(state)
        models += () if model is None else (model,)
    outcome = AnalysisOutcome()
    if states != list(kept.values()):
        outcome = _outcome(bridge, states, models)
    return Found(outcome, MonitoringState.NOT_ARMED, _said(states))


def _kept(bridge: Bridge) -> Mapping[str, StructureState]:
    """What was computed last, by part; nothing where it cannot be read."""
    record = bridge.twin.bridges.state(bridge.asset.id, NAME)
    try:
        return {} if record is None else {item.part: item for item in parts_of(record)}
    except ModelError:
        return {}


def _computed(
    bridge: Bridge,
    part: PartInput,
    measured: Sequence[MeasuredFrequency],
    *,
    digest: str,
    is_one: bool,
) -> tuple[StructureState, TrainedModel | None]:
    at_us = to_us(bridge.now)
    try:
        built = build(part, measured)
        version, is_new = _version(bridge, part, built, digest)
        state = state_of(part, built, measured, version=version, digest=digest, at_us=at_us)
    except (NotAvailable, ModelError) as error:
        return refused(part, error, digest=digest, at_us=at_us), None
    if not is_one and bridge.of("natural_frequency"):
        note = sentence("frequencies_unassigned", parts=float(len(parts_of_bridge(bridge))))
        state = replace(state, assumptions=(*state.assumptions, note))
    if not is_new or version is None:
        return state, None
    return state, _entry(bridge, state, built, version)


def _version(bridge: Bridge, part: PartInput, built: Built, digest: str) -> tuple[int | None, bool]:
    """Version of the calibrated model, and whether it is new; None without a calibration."""
    if built.calibration is None:
        return None, False
    known, version = newest(bridge, _model_name(part.part), content_hash)
    if known is not None and content_hash(known.content) == digest:
        return known.version, False
    return version, True


def _model_name(part: str) -> str:
    return f"{NAME}.{part}" if part else NAME


def _entry(bridge: Bridge, state: StructureState, built: Built, version: int) -> TrainedModel:
    note = state.calibration
    factor = 1.0 if note is None or note.factor is None else note.factor
    residual = 0.0 if note is None or note.residual is None else note.residual
    return TrainedModel(
        name=_model_name(state.part),
        asset_id=bridge.asset.id,
        version=version,
        purpose=f"beam on level {state.level}, stiffness times {factor:.3g} after measured "
        "frequencies: influence lines and effects of loads",
        owner=OWNER,
        trained_from=from_us(state.measured_from_us),
        trained_until=from_us(state.measured_until_us),
        trained_at=bridge.now,
        metric=("residual", residual, 0 if note is None else note.modes),
        valid={"factor": (LEAST_FACTOR, MOST_FACTOR)},
        risk_class=RISK,
        content=model_content(state, built.used),
    )


def _outcome(
    bridge: Bridge, states: Sequence[StructureState], models: Sequence[TrainedModel]
) -> AnalysisOutcome:
    """The newest state, and a copy beside each new version that later ones do not replace."""
    asset_id, at = bridge.asset.id, bridge.now
    by_name = {_model_name(item.part): item for item in states}
    copies = [
        record_of(
            [by_name[model.name]], asset_id=asset_id, at=at, name=f"{model.name}@{model.version}"
        )
        for model in models
    ]
    newest_ = record_of(states, asset_id=asset_id, at=at)
    return AnalysisOutcome(states=(newest_, *copies), models=tuple(models))


def _measured(bridge: Bridge) -> tuple[MeasuredFrequency, ...]:
    """Means of the tracked frequencies, without temperature where an analysis takes it out."""
    found = [_mean(bridge, stream) for stream in bridge.of("natural_frequency")]
    return tuple(sorted((item for item in found if item is not None), key=lambda one: one.mode))


def _mean(bridge: Bridge, stream: Datastream) -> MeasuredFrequency | None:
    """Mean of one mode; None with too few values, or where its uid names no mode."""
    number = stream.uid.rpartition("_")[2]
    if not number.isascii() or not number.isdigit() or not int(number):
        return None
    derived = derived_stream(bridge, f"{stream.route_key}#{COMPENSATED}")
    tried = [(derived, COMPENSATED_DAYS)] if derived is not None else []
    for one, days in (*tried, (stream, RAW_DAYS)):
        try:
            columns = bridge.hourly([one.uid], hours=24 * days)
        except InsufficientData:
            continue
        there = np.isfinite(columns.value[one.uid])
        if np.count_nonzero(there) < LEAST_VALUES:
            continue
        times = columns.time_us[there]
        return MeasuredFrequency(
            mode=int(number),
            hz=float(columns.value[one.uid][there].mean()),
            channel=one.uid,
            count=int(np.count_nonzero(there)),
            is_compensated=one is derived,
            from_us=int(times[0]),
            until_us=int(times[-1]),
        )
    return None


def _settled(
    measured: Sequence[MeasuredFrequency], old: StructureState | None
) -> tuple[MeasuredFrequency, ...]:
    """The measured frequencies, or those that were used before if none has moved materially."""
    used = {} if old is None else {f.mode: f for f in old.frequencies if f.measured_hz is not None}
    if old is None or {item.mode for item in measured} != set(used):
        return tuple(measured)
    for item in measured:
        before = used[item.mode]
        is_same = (before.channel, before.is_compensated) == (item.channel, item.is_compensated)
        if not is_same or abs(item.hz / (before.measured_hz or item.hz) - 1.0) > MATERIAL:
            return tuple(measured)
    return tuple(
        MeasuredFrequency(
            mode=one.mode,
            hz=one.measured_hz or 0.0,
            channel=one.channel,
            count=one.count,
            is_compensated=one.is_compensated,
            from_us=old.measured_from_us,
            until_us=old.measured_until_us,
        )
        for one in used.values()
    )


def _said(states: Sequence[StructureState]) -> Phrase:
    """What the status of the bridge says of its models."""
    levels = [item.level for item in states if item.level is not None]
    if not levels:
        return Phrase("structure_refused")
    versions = [str(item.version) for item in states if item.version is not None]
    values: dict[str, float | str] = {
        "level": ", ".join(dict.fromkeys(levels)),
        "parts": float(len(levels)),
        "version": ", ".join(versions) or "-",
    }
    return Phrase("structure_built", values)


ANALYSIS = Analysis(NAME, VERSION, timedelta(hours=6), is_concerned, look)
