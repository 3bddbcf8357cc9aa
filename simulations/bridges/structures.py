"""Structural model of every part of every bridge, as far as its recorded facts allow; no judgement.

Computed anew only where the facts, the tables or the measured frequencies have changed. A
calibration keeps the frequencies it rests on until a person records a day for a new one: a model
that followed later measurements would take damage for normal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from simulations.bridges.derived import COMPENSATED, derived_stream
from simulations.bridges.inputs import Bridge
from simulations.bridges.register import newest
from simulations.bridges.rounds import Analysis, Found
from simulations.bridges.structurefacts import CALIBRATED_FROM, PartInput, parts_of_bridge
from simulations.bridges.structurekeeping import content_hash, model_content
from simulations.bridges.structuremodels import (
    MATERIAL,
    Built,
    MeasuredFrequency,
    build,
    input_hash,
    refreshed,
    refused,
    state_of,
)
from simulations.structure.calibrate import LEAST_FACTOR, MOST_FACTOR
from simulations.structure.sentences import sentence
from twin.errors import InsufficientData, ModelError, NotAvailable, OutOfValidity
from twin.model.datastreams import Datastream
from twin.model.findings import MonitoringState, Phrase
from twin.model.monitoring import AnalysisOutcome, TrainedModel
from twin.model.refusals import LackingError
from twin.model.structure_state import (
    NAME,
    Frequency,
    StructureState,
    UsedFact,
    parts_of,
    record_of,
)
from twin.model.times import from_us, to_us

VERSION = "1"
OWNER = "stadtzwilling"
RISK = "limited: compares effects, decides nothing"
COMPENSATED_DAYS, RAW_DAYS = 30, 365
LEAST_COMPENSATED, LEAST_RAW = 30, 168
"""Hourly values; raw ones over a week at least, as temperature is in them. Own choices."""


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
        is_heard = is_one and not part.refusal
        measured = _measured(bridge, part) if is_heard else ()
        settled = _settled(measured, old)
        basis = _basis(bridge, part, settled, old) if is_heard else ()
        digest = input_hash(part, basis, settled)
        if old is not None and old.input_hash == digest:
            states.append(refreshed(old, measured))
            continue
        heard = Heard(basis, settled)
        state, model = _computed(bridge, part, heard, digest=digest, is_one=is_one)
        states.append(refreshed(state, measured))
        models += () if model is None else (model,)
    outcome = AnalysisOutcome()
    if states != list(kept.values()):
        outcome = _outcome(bridge, states, models)
    return Found(outcome, MonitoringState.NOT_ARMED, _said(states))


def calibrated_anew(bridge: Bridge, *, by: str, reason: str, since: str = "") -> AnalysisOutcome:
    """Models of all parts, calibrated to what is measured now because a person wants it.

    Later looks keep to these frequencies, as they do to those of a recorded day.

    Parameters
    ----------
    by, reason
        Role of the person, and why; both stand in the register.
    since
        Day (ISO) before which nothing measured is used; empty for no limit.

    Raises
    ------
    NotAvailable
        If no part has both a model and frequencies of its own; says why.
    InsufficientData
        If too little is measured.
    OutOfValidity
        If the stiffness would need a factor outside of the plausible band. Nothing is kept then.
    """
    kept, inputs = _kept(bridge), parts_of_bridge(bridge)
    fit = [item for item in inputs if not item.refusal]
    if len(fit) != 1:
        note = sentence("frequencies_unassigned", parts=float(len(fit)))
        raise NotAvailable(note if fit else "; ".join(item.refusal for item in inputs))
    (part,) = fit
    measured = _measured(bridge, replace(part, calibrated_from=since or part.calibrated_from))
    if not measured:
        raise LackingError(Phrase("wait.frequencies", {"least": float(LEAST_COMPENSATED)}))
    digest = input_hash(part, measured, measured)
    heard = Heard(measured, measured)
    state, model = _computed(bridge, part, heard, digest=digest, is_one=True)
    if state.refusal:
        raise NotAvailable(state.refusal)
    if state.calibration is None or state.calibration.factor is None:
        raise OutOfValidity("" if state.calibration is None else state.calibration.refusal)
    states = [*(one for name, one in kept.items() if name != part.part), state]
    states.sort(key=lambda one: one.part)
    if model is None:
        return AnalysisOutcome()
    used = {item.channel for item in measured}
    kinds = ", ".join(sorted({one.provenance for one in bridge.streams if one.uid in used}))
    purpose = f"{model.purpose} ({kinds}); calibrated anew by {by}: {reason}"
    return _outcome(bridge, states, [replace(model, owner=by, purpose=purpose)])


@dataclass(frozen=True, slots=True)
class Heard:
    """Measured frequencies: those that a calibration rests on, and those of now."""

    basis: tuple[MeasuredFrequency, ...]
    measured: tuple[MeasuredFrequency, ...]


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
    heard: Heard,
    *,
    digest: str,
    is_one: bool,
) -> tuple[StructureState, TrainedModel | None]:
    at_us = to_us(bridge.now)
    try:
        built = build(part, heard.basis)
        version, is_new = _version(bridge, part, built)
        state = state_of(part, built, heard.measured, version=version, digest=digest, at_us=at_us)
    except (NotAvailable, ModelError) as error:
        return refused(part, error, digest=digest, at_us=at_us), None
    if not is_one and bridge.of("natural_frequency"):
        note = sentence("frequencies_unassigned", parts=float(len(parts_of_bridge(bridge))))
        state = replace(state, assumptions=(*state.assumptions, note))
    if not is_new or version is None:
        return state, None
    return state, _entry(bridge, state, built, version)


def _version(bridge: Bridge, part: PartInput, built: Built) -> tuple[int | None, bool]:
    """Version of the calibrated model, and whether it is new; None without a calibration."""
    if built.calibration is None:
        return None, False
    known, version = newest(bridge, _model_name(part.part), content_hash)
    if known is not None and content_hash(known.content) == input_hash(part, built.basis):
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


def _measured(bridge: Bridge, part: PartInput) -> tuple[MeasuredFrequency, ...]:
    """Means of the tracked frequencies, without temperature where an analysis takes it out."""
    found = [_mean(bridge, stream, part) for stream in bridge.of("natural_frequency")]
    return tuple(sorted((item for item in found if item is not None), key=lambda one: one.mode))


def _mean(bridge: Bridge, stream: Datastream, part: PartInput) -> MeasuredFrequency | None:
    """Mean of one mode; None with too few values, or where its uid names no mode."""
    number = stream.uid.rpartition("_")[2]
    if not number.isascii() or not number.isdigit() or not int(number):
        return None
    derived = derived_stream(bridge, f"{stream.route_key}#{COMPENSATED}")
    tried = [(derived, COMPENSATED_DAYS, LEAST_COMPENSATED)] if derived is not None else []
    for one, days, least in (*tried, (stream, RAW_DAYS, LEAST_RAW)):
        try:
            columns = bridge.hourly([one.uid], hours=24 * days)
        except InsufficientData:
            continue
        value = columns.value[one.uid]
        there = np.isfinite(value) & (columns.time_us > _earliest_us(part))
        if np.count_nonzero(there) < least:
            continue
        times = columns.time_us[there]
        return MeasuredFrequency(
            mode=int(number),
            hz=float(value[there].mean()),
            channel=one.uid,
            count=int(np.count_nonzero(there)),
            is_compensated=one is derived,
            from_us=int(times[0]),
            until_us=int(times[-1]),
        )
    return None


def _earliest_us(part: PartInput) -> int:
    """Nothing before the day that is recorded for a new calibration is used."""
    if not part.calibrated_from:
        return 0
    return to_us(datetime.fromisoformat(part.calibrated_from).replace(tzinfo=UTC))


def _settled(
    measured: Sequence[MeasuredFrequency], old: StructureState | None
) -> tuple[MeasuredFrequency, ...]:
    """The measured frequencies; each as it was settled where it has not moved materially."""
    kept = {} if old is None else {one.mode: one for one in old.frequencies}
    return tuple(_held(item, kept.get(item.mode)) for item in measured)


def _held(item: MeasuredFrequency, before: Frequency | None) -> MeasuredFrequency:
    if before is None or before.channel != item.channel:
        return item
    settled_hz = before.measured_hz if before.settled_hz is None else before.settled_hz
    if settled_hz is None or abs(item.hz / settled_hz - 1.0) > MATERIAL:
        return item
    return replace(item, hz=settled_hz)


def _basis(
    bridge: Bridge,
    part: PartInput,
    measured: Sequence[MeasuredFrequency],
    old: StructureState | None,
) -> tuple[MeasuredFrequency, ...]:
    """What a calibration rests on: once made what it rested on, whatever is measured now.

    Neither another stream nor missing values nor corrected facts put newer measurements below it;
    only another recorded day does.
    """
    made = _calibrated(bridge, part, old)
    if made is None or _day(made.facts) != _day(part.used):
        return tuple(measured)
    return tuple(
        MeasuredFrequency(
            mode=one.mode,
            hz=one.basis_hz,
            channel=one.basis_channel or one.channel,
            count=one.count,
            is_compensated=one.basis_is_compensated if one.basis_channel else one.is_compensated,
            from_us=made.measured_from_us,
            until_us=made.measured_until_us,
        )
        for one in made.frequencies
        if one.basis_hz is not None
    )


def _calibrated(
    bridge: Bridge, part: PartInput, old: StructureState | None
) -> StructureState | None:
    """The state with the newest calibration of a part; None where it was never calibrated."""
    if old is not None and old.version is not None:
        return old
    name = _model_name(part.part)
    known, _ = newest(bridge, name, content_hash)
    if known is None:
        return None
    record = bridge.twin.bridges.state(bridge.asset.id, f"{name}@{known.version}")
    try:
        return None if record is None else parts_of(record)[0]
    except (ModelError, IndexError):
        return None


def _day(facts: Sequence[UsedFact]) -> str:
    """The recorded day from which measurements count, as it is written; empty without one."""
    return next((one.value for one in facts if one.name == CALIBRATED_FROM), "")


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
