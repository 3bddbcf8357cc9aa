"""``twin bridge NAME calibrate``: what a person calibrates anew, with residual and refusal."""

import argparse
import re
from collections.abc import Iterator, Sequence
from datetime import date

from simulations.bridges.calibrating import WeighingCalibration, calibrated_weighing, read_runs
from simulations.bridges.inputs import bridges
from simulations.bridges.structures import calibrated_anew
from simulations.structure.calibrate import LEAST_FACTOR, MOST_FACTOR
from twin.city import Twin
from twin.errors import ModelError
from twin.model.findings import Phrase
from twin.model.monitoring import AnalysisOutcome, TrainedModel
from twin.model.phrases import said
from twin.model.structure_state import CalibrationNote, parts_of

_PERSON = re.compile(r"[a-z][a-z0-9_.-]{1,63}")


def calibrate(
    twin: Twin, bridge_id: str, options: argparse.Namespace, *, language: str
) -> Sequence[str]:
    """Calibrate, keep the next version of the model, and say what was found.

    Raises
    ------
    ModelError
        If person, reason or day are missing or wrong; names all of it.
    NotAvailable, InsufficientData, OutOfValidity
        If it is refused; says why, and nothing is kept.
    """
    by, reason = (options.by or "").strip(), (options.reason or "").strip()
    _require(by, reason, options.since or "")
    (bridge,) = bridges(twin, asset_id=bridge_id)
    if options.lorries is None:
        outcome = calibrated_anew(bridge, by=by, reason=reason, since=options.since or "")
        lines = [*_structure(outcome, language)]
    else:
        runs = read_runs(options.lorries.read_text(encoding="utf-8-sig"))
        found = calibrated_weighing(bridge, runs, by=by, reason=reason, is_accepted=options.accept)
        outcome = AnalysisOutcome(models=(found.model,))
        lines = [*_weighing(found, language)]
    if options.is_trial:
        return [*lines, _said("calibrate.trial", language)]
    twin.bridges.keep(outcome, at=bridge.now)
    return [*lines, *(_kept(model, language) for model in outcome.models)]


def _require(by: str, reason: str, since: str) -> None:
    problems = []
    if not _PERSON.fullmatch(by):
        problems.append(
            "--by needs the account or role of a person (small letters, digits, '.', '_', '-'), "
            f"got {by[:40]!r}"
        )
    if not reason:
        problems.append("--reason is empty; it stands in the register of models")
    try:
        if since:
            date.fromisoformat(since)
    except ValueError:
        problems.append(f"--since is {since[:40]!r}; write a day such as 2026-11-22")
    if problems:
        raise ModelError("; ".join(problems))


def _structure(outcome: AnalysisOutcome, language: str) -> Iterator[str]:
    """Factor, residual and frequencies of each model that is new."""
    if not outcome.models:
        yield _said("calibrate.nothing_new", language)
    for part in (part for state in outcome.states[1:] for part in parts_of(state)):
        note = part.calibration or CalibrationNote()
        values: dict[str, float | str] = {
            "factor": note.factor or 0.0,
            "least": LEAST_FACTOR,
            "most": MOST_FACTOR,
            "residual": 100.0 * (note.residual or 0.0),
            "modes": float(note.modes),
            "level": part.level or "",
        }
        yield _said("calibrate.structure", language, **values)
        for one in part.frequencies:
            if one.basis_hz is not None and one.calibrated_hz is not None:
                values = {
                    "mode": float(one.mode),
                    "measured": one.basis_hz,
                    "before": one.predicted_hz,
                    "after": one.calibrated_hz,
                    "channel": one.basis_channel,
                }
                yield "  " + _said("calibrate.mode", language, **values)


def _weighing(found: WeighingCalibration, language: str) -> Iterator[str]:
    for number, (noted, run) in enumerate(zip(found.noted, found.runs, strict=True), start=1):
        values: dict[str, float | str] = {
            "number": float(number),
            "at": f"{noted.at:%Y-%m-%d %H:%M:%S} UTC",
            "gross": noted.lorry.gross_kn,
            "speed": 3.6 * abs(run.speed_ms),
            "factor": run.factor,
            "residual": 100.0 * run.residual,
        }
        yield _said("calibrate.run", language, **values)
    values = {
        "factor": found.found.factor,
        "sd": 100.0 * found.found.sd,
        "scatter": 100.0 * found.found.scatter,
    }
    yield _said("calibrate.weighing", language, **values)
    if found.before is None:
        yield _said("calibrate.first", language)
    else:
        change = found.found.factor / found.before
        yield _said("calibrate.before", language, before=found.before, change=change)


def _kept(model: TrainedModel, language: str) -> str:
    return _said("calibrate.kept", language, name=model.name, version=float(model.version))


def _said(key: str, language: str, **values: float | str) -> str:
    return said(Phrase(key, values), language)
