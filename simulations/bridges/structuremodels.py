"""From recorded facts and measured frequencies of one part of a bridge to numbers to keep. Pure."""

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from simulations.bridges.structurefacts import PartInput, missing_facts
from simulations.bridges.structurekeeping import drawn
from simulations.structure.beammodel import BeamModel
from simulations.structure.calibrate import (
    LEAST_FACTOR,
    MOST_FACTOR,
    Calibration,
    MeasuredMode,
    calibrate,
)
from simulations.structure.envelope import EnvelopePoint, envelope
from simulations.structure.facts import MEASURED_BAND, model_of
from simulations.structure.imposed import imposed_effects
from simulations.structure.loads import LoadModel, load_model, target_model
from simulations.structure.sentences import sentence
from twin.errors import InsufficientData, NotAvailable, OutOfValidity
from twin.model.structure import EFFECT_UNITS, Effect, Section
from twin.model.structure_state import (
    CalibrationNote,
    Frequency,
    ImposedEffect,
    LoadEffect,
    StructureState,
)
from twin.model.tables import rows

VERSION = "1"
COMPARED = (
    "lm1_en", "lm1_de", "lm1_fb101", "bk_60_30", "bk_60", "bk_45", "bk_30_30", "bk_30", "bk_24",
    "bk_16_16", "bk_12_12", "tgl", "lmm", "flm3",
)  # fmt: skip
"""Load models whose effects are compared, in this order; those without loads are listed."""
TABLES = (
    "load_models", "load_model_parts", "structure_sentences", "structural_systems",
    "section_types", "bridge_materials", "imposed_cases", "structure_limits",
)  # fmt: skip
"""What the numbers follow from besides the facts."""
SHOWN_MODES = 3
MOST_SECTIONS = 8
"""Sections of one effect that are kept: those with the greatest effects of `DECIDING`."""
DECIDING = "lm1_de"
MATERIAL = 0.02
"""A measured frequency that moves by less makes no new assumptions; own choice."""


@dataclass(frozen=True, slots=True)
class MeasuredFrequency:
    """Mean of a measured natural frequency.

    Parameters
    ----------
    mode
        Number of the mode, from 1.
    from_us, until_us
        When it was measured [us since 1970-01-01 UTC].
    """

    mode: int
    hz: float
    channel: str
    count: int
    is_compensated: bool
    from_us: int
    until_us: int


@dataclass(frozen=True, slots=True)
class Built:
    """A model before it is put into numbers: from facts alone, and calibrated where possible."""

    base: BeamModel
    calibration: Calibration | None
    note: CalibrationNote | None
    basis: tuple[MeasuredFrequency, ...] = ()

    @property
    def used(self) -> BeamModel:
        """The model that effects and lines come from."""
        return self.base if self.calibration is None else self.calibration.model


def input_hash(
    part: PartInput, basis: Sequence[MeasuredFrequency], measured: Sequence[MeasuredFrequency] = ()
) -> str:
    """SHA-256 of the facts, the tables, the basis of a calibration and what is measured now.

    Of the measured frequencies only mode, value and channel count, not when they were measured.
    """
    tables = {name: [dict(row) for row in rows(name)] for name in TABLES}
    frequencies = [
        [(item.mode, item.hz, item.channel, item.is_compensated) for item in one]
        for one in (basis, measured)
    ]
    document = [VERSION, asdict(part), frequencies, tables]
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def build(part: PartInput, basis: Sequence[MeasuredFrequency]) -> Built:
    """Model of the best level that the facts allow, calibrated where frequencies are measured.

    Raises
    ------
    NotAvailable
        If no beam stands for the part, or too little is known of it.
    ModelError
        If a fact is impossible.
    """
    if part.refusal:
        raise NotAvailable(part.refusal)
    found = model_of(part.facts)
    base = replace(found, notes=(*found.notes, *part.notes))
    if not basis:
        return Built(base, None, None)
    modes = [MeasuredMode(item.hz) for item in _without_holes(basis)]
    try:
        calibration = calibrate(base, modes, override=part.override)
    except (OutOfValidity, InsufficientData) as error:
        return Built(base, None, CalibrationNote(refusal=str(error), modes=len(modes)))
    return Built(base, _promoted(calibration, part), _note(calibration, part), tuple(basis))


def _without_holes(measured: Sequence[MeasuredFrequency]) -> list[MeasuredFrequency]:
    """Modes from the first on; behind a missing one the order says nothing."""
    ordered = sorted(measured, key=lambda item: item.mode)
    return [item for number, item in enumerate(ordered, start=1) if item.mode == number]


def _promoted(calibration: Calibration, part: PartInput) -> Calibration:
    """The calibrated model: on L1 where its spans are known, without the notes of the guess."""
    model = calibration.model
    guessed = {
        sentence("stiffness_guessed"),
        sentence("stiffness_band", low=model.stiffness_band[0], high=model.stiffness_band[1]),
    }
    band = (1.0, 1.0) if part.facts.mass_kg_per_m is not None else MEASURED_BAND
    notes = [note for note in model.notes if note not in guessed]
    if band != (1.0, 1.0):
        notes.append(sentence("stiffness_band", low=band[0], high=band[1]))
    level = "L1" if part.facts.spans_m else model.level
    model = replace(model, level=level, notes=tuple(notes), stiffness_band=band)
    return replace(calibration, model=model, assumptions=model.assumptions)


def _note(calibration: Calibration, part: PartInput) -> CalibrationNote:
    variance = float(calibration.covariance[0, 0])
    outside = not LEAST_FACTOR <= calibration.factor <= MOST_FACTOR
    override = part.override
    return CalibrationNote(
        factor=calibration.factor,
        residual=calibration.residual,
        deviation=math.sqrt(variance) if math.isfinite(variance) else None,
        modes=len(calibration.pairs),
        override=f"{override.person}: {override.reason}" if outside and override else "",
    )


def refused(part: PartInput, error: Exception, *, digest: str, at_us: int) -> StructureState:
    """State of a part that no model stands for."""
    return StructureState(
        part=part.part,
        level=None,
        version=None,
        input_hash=digest,
        computed_us=at_us,
        refusal=str(error),
        missing=() if part.refusal else missing_facts(part.facts),
        facts=part.used,
        spans_m=part.facts.spans_m,
        width_m=part.facts.width_m,
    )


def state_of(
    part: PartInput,
    built: Built,
    measured: Sequence[MeasuredFrequency],
    *,
    version: int | None,
    digest: str,
    at_us: int,
) -> StructureState:
    """Numbers of a model: lines, effects of load models, frequencies, with all assumptions."""
    model = built.used
    width, notes = _width(part)
    asked = _deciding_sections(model, width)
    models, untyped = _typed()
    target = _target(part)
    effects, said = _effects(model, models, asked, width=width, target=target)
    frequencies = _frequencies(built, measured)
    imposed, imposed_said = _imposed(part, model, asked, width=width, target=target)
    assumptions = (
        sentence("comparison"),
        *model.assumptions,
        *notes,
        *said,
        *_said_of(built.basis),
        *_moved(built.basis, measured),
        sentence("mass_consistent"),
    )
    return StructureState(
        part=part.part,
        level=model.level,
        version=version,
        input_hash=digest,
        computed_us=at_us,
        model_hash=input_hash(part, built.basis),
        missing=() if model.level == "L1" else missing_facts(part.facts),
        facts=part.used,
        spans_m=tuple(np.diff(model.spans_at_m).tolist()),
        width_m=width,
        target="" if target is None else target.key,
        untyped=untyped,
        assumptions=tuple(dict.fromkeys(assumptions)),
        lines=tuple(drawn(model, section, effect) for section, effect in asked),
        effects=effects,
        frequencies=frequencies,
        calibration=built.note,
        measured_from_us=min((item.from_us for item in built.basis), default=0),
        measured_until_us=max((item.until_us for item in built.basis), default=0),
        imposed=imposed,
        imposed_assumptions=imposed_said,
    )


def refreshed(state: StructureState, measured: Sequence[MeasuredFrequency]) -> StructureState:
    """A state with the newest measured frequencies beside the basis; nothing else changes."""
    newest = {item.mode: item for item in measured}
    return replace(
        state,
        frequencies=tuple(
            replace(one, measured_hz=newest[one.mode].hz, count=newest[one.mode].count)
            if one.mode in newest
            else one
            for one in state.frequencies
        ),
    )


def _width(part: PartInput) -> tuple[float, tuple[str, ...]]:
    if part.carriageway_m is not None:
        return part.carriageway_m, ()
    if part.facts.width_m is None:
        raise NotAvailable(sentence("refused_mass", who=part.facts.name or "this bridge"))
    return part.facts.width_m, (sentence("kerbs_unknown", width=part.facts.width_m),)


def _said_of(measured: Sequence[MeasuredFrequency]) -> Iterable[str]:
    for item in measured:
        days = (item.until_us - item.from_us) / 86.4e9
        key = "frequencies_compensated" if item.is_compensated else "frequencies_raw"
        yield sentence(key, days=round(days))
        yield sentence("modes_by_order")


def _moved(
    basis: Sequence[MeasuredFrequency], measured: Sequence[MeasuredFrequency]
) -> Iterable[str]:
    """Frequencies that have left the basis of the calibration: the model does not follow them."""
    used = {item.mode: item for item in basis}
    for item in measured:
        rest = used.get(item.mode)
        if rest is None:
            continue
        if abs(item.hz / rest.hz - 1.0) > MATERIAL:
            percent = 100.0 * (item.hz / rest.hz - 1.0)
            yield sentence("frequency_moved", mode=float(item.mode), percent=percent)
        if item.is_compensated != rest.is_compensated:
            yield sentence("frequency_other_stream", mode=float(item.mode))


def _deciding_sections(model: BeamModel, width_m: float) -> tuple[tuple[Section, Effect], ...]:
    """Moments in the middle of spans and over supports, shears and reactions at supports."""
    stations = model.spans_at_m
    asked: tuple[tuple[Effect, np.ndarray], ...] = (
        ("moment", (stations[1:] + stations[:-1]) / 2.0),
        ("moment", stations[1:-1]),
        ("shear", stations),
        ("reaction", stations),
    )
    deciding = load_model(DECIDING)
    found: list[tuple[Section, Effect]] = []
    for effect, places in asked:
        sections = [Section(station) for station in places.tolist()]
        if len(sections) > MOST_SECTIONS:
            points = envelope(
                model, deciding, effect=effect, sections=sections, width_m=width_m
            ).points
            sections = _greatest(points)
        found += [(section, effect) for section in sections]
    return tuple(found)


def _greatest(points: Sequence[EnvelopePoint]) -> list[Section]:
    """Sections with the greatest effects, in their order along the bridge."""
    size = [max(point.greatest.value, -point.least.value) for point in points]
    kept = sorted(np.argsort(size)[::-1][:MOST_SECTIONS].tolist())
    return [points[index].section for index in kept]


def _typed() -> tuple[tuple[LoadModel, ...], tuple[str, ...]]:
    """Load models with loads, and keys of those without."""
    models: list[LoadModel] = []
    untyped: list[str] = []
    for key in COMPARED:
        try:
            models.append(load_model(key))
        except NotAvailable:
            untyped.append(key)
    return tuple(models), tuple(untyped)


def _target(part: PartInput) -> LoadModel | None:
    """Load model of the recorded target load level; None without one, or without its loads."""
    if not part.target:
        return None
    try:
        return target_model(part.target)
    except NotAvailable:
        return None


def _effects(
    model: BeamModel,
    models: Sequence[LoadModel],
    asked: Sequence[tuple[Section, Effect]],
    *,
    width: float,
    target: LoadModel | None,
) -> tuple[tuple[LoadEffect, ...], list[str]]:
    """Effects of every load model at every section, and what they take for granted."""
    table: list[LoadEffect] = []
    said: list[str] = []
    for effect in dict.fromkeys(effect for _, effect in asked):
        sections = [section for section, one in asked if one == effect]
        reference = _points(model, target, effect, sections, width)
        for loads in models:
            found = envelope(model, loads, effect=effect, sections=sections, width_m=width)
            said += [text for text in found.assumptions if text not in model.assumptions]
            table += [
                LoadEffect(
                    loads.key,
                    effect,
                    point.section.station_m,
                    EFFECT_UNITS[effect],
                    point.greatest.value,
                    point.least.value,
                    None if at is None else _ratio(point, at),
                )
                for point, at in zip(
                    found.points, reference or (None,) * len(sections), strict=True
                )
            ]
    return tuple(table), said


def _imposed(
    part: PartInput,
    model: BeamModel,
    asked: Sequence[tuple[Section, Effect]],
    *,
    width: float,
    target: LoadModel | None,
) -> tuple[tuple[ImposedEffect, ...], tuple[str, ...]]:
    """Settlement and temperature cases, over the effects of the target load level."""
    facts = part.facts
    found, said = imposed_effects(
        model, asked, section_type=facts.section_type, depth_m=facts.depth_m
    )
    largest = {
        (effect, point.section.station_m): max(point.greatest.value, -point.least.value)
        for effect in dict.fromkeys(effect for _, effect in asked)
        for point in _points(model, target, effect, [s for s, one in asked if one == effect], width)
    }
    return tuple(
        replace(one, ratio=max(abs(one.greatest), abs(one.least)) / reference)
        if (reference := largest.get((one.effect, one.station_m), 0.0)) > 0.0
        else one
        for one in found
    ), said


def _points(
    model: BeamModel,
    target: LoadModel | None,
    effect: Effect,
    sections: Sequence[Section],
    width_m: float,
) -> tuple[EnvelopePoint, ...]:
    if target is None:
        return ()
    return envelope(model, target, effect=effect, sections=sections, width_m=width_m).points


def _ratio(point: EnvelopePoint, reference: EnvelopePoint) -> float | None:
    """Effect over that of the target load level, on the side where that is greater."""
    up, down = reference.greatest.value, -reference.least.value
    if max(up, down) <= 0.0:
        return None
    return point.greatest.value / up if up >= down else -point.least.value / down


def _frequencies(built: Built, measured: Sequence[MeasuredFrequency]) -> tuple[Frequency, ...]:
    known = {item.mode: item for item in measured}
    used = {item.mode: item for item in built.basis}
    count = max(SHOWN_MODES, *known) if known else SHOWN_MODES
    low, high = (math.sqrt(one) for one in built.base.stiffness_band)
    base = built.base.modes(count).frequency_hz.tolist()
    calibrated = None if built.calibration is None else built.used.modes(count).frequency_hz
    return tuple(
        Frequency(
            mode=mode,
            predicted_hz=hz,
            low_hz=low * hz,
            high_hz=high * hz,
            calibrated_hz=None if calibrated is None else float(calibrated[mode - 1]),
            measured_hz=None if (one := known.get(mode)) is None else one.hz,
            channel="" if one is None else one.channel,
            count=0 if one is None else one.count,
            is_compensated=one is not None and one.is_compensated,
            basis_hz=None if (rest := used.get(mode)) is None else rest.hz,
            basis_channel="" if rest is None else rest.channel,
            basis_is_compensated=rest is not None and rest.is_compensated,
            settled_hz=None if one is None else one.hz,
        )
        for mode, hz in enumerate(base, start=1)
    )
