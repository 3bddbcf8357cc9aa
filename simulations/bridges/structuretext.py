"""Structural models of a bridge as lines of text and as JSON values for ``twin bridge``."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from twin.model.findings import Phrase
from twin.model.phrases import said, written
from twin.model.statements import german_value, statement
from twin.model.structure_state import Frequency, ImposedEffect, LoadEffect, StructureState
from twin.model.tables import rows


def structure_lines(states: Sequence[StructureState], language: str) -> Iterator[str]:
    """Level, decisive effects, frequencies and assumptions of each part, or why there is none."""
    for state in states:
        part = f" {state.part}" if state.part else ""
        head = f"{_word('analysis.structure', language)}{part}: "
        if state.level is None:
            yield head + statement(state.refusal).said(language)
        else:
            yield head + _head(state, language)
            yield from _effects(state, language)
            yield from _imposed(state, language)
            for item in state.frequencies:
                yield _frequency(item, language)
        wanted = "; ".join(
            f"{level}: {_word(f'missing.{fact}', language)}" for level, fact in state.missing
        )
        if wanted:
            yield f"  {_word('label.structure_missing', language)}: {wanted}"
        yield from (f"  * {statement(one).said(language)}" for one in state.assumptions)


def structure_document(states: Sequence[StructureState]) -> Sequence[Mapping[str, object]]:
    """The same as JSON values, with the influence lines."""
    return [asdict(state) for state in states]


def _head(state: StructureState, language: str) -> str:
    key = "label.structure_facts" if state.version is None else "label.structure_version"
    version = "" if state.version is None else f" {state.version}"
    spans = _number(" + ".join(f"{one:g}" for one in state.spans_m), language)
    note = state.calibration
    factor = ""
    if note is not None and note.factor is not None:
        factor = f", E I x {_number(written(note.factor), language)}"
    if note is not None and note.refusal:
        factor = f"; {statement(note.refusal).said(language)}"
    return f"{state.level}, {spans} m, {_word(key, language)}{version}{factor}"


def _effects(state: StructureState, language: str) -> Iterator[str]:
    """The greatest effect of each kind by load model, with its section."""
    for effect in dict.fromkeys(item.effect for item in state.effects):
        yield f"  {_word(f'label.effect_{effect}', language)}"
        for key in dict.fromkeys(item.load_model for item in state.effects):
            found = [
                item for item in state.effects if (item.load_model, item.effect) == (key, effect)
            ]
            largest = max(found, key=lambda item: max(item.greatest, -item.least))
            yield f"    {_name(key, language):<42}{_value(largest, language)}"


def _imposed(state: StructureState, language: str) -> Iterator[str]:
    """The greatest amount of each case and effect, and what these numbers assume."""
    if state.imposed_assumptions:
        yield f"  {_word('label.structure_imposed', language)}"
    for effect in dict.fromkeys(item.effect for item in state.imposed):
        for case in dict.fromkeys(item.case for item in state.imposed):
            found = [item for item in state.imposed if (item.case, item.effect) == (case, effect)]
            largest = max(found, key=lambda item: max(item.greatest, -item.least))
            named = f"{_word(f'label.effect_{effect}', language)}, {_case(case, language)}"
            yield f"    {named:<58}{_value(largest, language)}"
    for one in state.imposed_assumptions:
        yield f"    * {statement(one).said(language)}"


def _case(key: str, language: str) -> str:
    column = "german" if language == "de" else "english"
    return next((row[column] for row in rows("imposed_cases") if row["key"] == key), key)


def _value(item: LoadEffect | ImposedEffect, language: str) -> str:
    value = item.greatest if item.greatest >= -item.least else item.least
    shown = f"{_number(f'{value:.0f}', language):>10} {item.unit}"
    ratio = "" if item.ratio is None else f" ({_number(f'{item.ratio:.2f}', language)})"
    return f"{shown} x = {_number(f'{item.station_m:g}', language)} m{ratio}"


def _frequency(item: Frequency, language: str) -> str:
    def hz(value: float) -> str:
        return f"{_number(f'{value:.3f}', language)} Hz"

    parts = [f"f{item.mode} {hz(item.predicted_hz)} ({hz(item.low_hz)} - {hz(item.high_hz)})"]
    if item.calibrated_hz is not None:
        parts.append(f"{_word('label.structure_calibrated', language)} {hz(item.calibrated_hz)}")
    if item.measured_hz is not None:
        measured = f"{_word('label.structure_measured', language)} {hz(item.measured_hz)}"
        parts.append(f"{measured} ({item.channel})")
    return f"  {', '.join(parts)}"


def _name(key: str, language: str) -> str:
    column = "german" if language == "de" else "english"
    return next((row[column] for row in rows("load_models") if row["key"] == key), key)


def _number(text: str, language: str) -> str:
    if language != "de":
        return text
    return " + ".join(german_value(one) for one in text.split(" + "))


def _word(key: str, language: str) -> str:
    return said(Phrase(key), language)
