"""Structural models of a bridge as JSON values; every number with level and assumptions. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from twin.model.findings import Phrase
from twin.model.phrases import said
from twin.model.statements import documents, statement
from twin.model.structure_state import StructureState
from twin.model.times import from_us


def structure_documents(
    states: Sequence[StructureState], *, language: str
) -> list[Mapping[str, object]]:
    """One document for each part structure; refusals and assumptions in words, too."""
    return [_document(state, language) for state in states]


def _document(state: StructureState, language: str) -> Mapping[str, object]:
    document: dict[str, object] = dict(asdict(state).items())
    for name in ("computed_us", "measured_from_us", "measured_until_us"):
        del document[name]
    document |= {
        "is_proof_of_resistance": False,
        "computed_at": _time(state.computed_us),
        "measured_from": _time(state.measured_from_us),
        "measured_until": _time(state.measured_until_us),
        "refusal": _said(state.refusal, language),
        "missing": [
            {"level": level, "fact": fact, "text": said(Phrase(f"missing.{fact}"), language)}
            for level, fact in state.missing
        ],
        "assumptions": documents(state.assumptions),
        "imposed_assumptions": documents(state.imposed_assumptions),
    }
    note = state.calibration
    if note is not None:
        document["calibration"] = asdict(note) | {"refusal": _said(note.refusal, language)}
    return document


def _said(text: str, language: str) -> str | None:
    return statement(text).said(language) if text else None


def _time(us: int) -> str | None:
    return from_us(us).isoformat() if us else None
