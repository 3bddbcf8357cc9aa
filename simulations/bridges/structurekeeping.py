"""What is kept of a structural model: thinned lines, and the entry of the register. Pure."""

import json
from dataclasses import asdict

import numpy as np

from simulations.structure.beammodel import BeamModel
from twin.errors import ModelError
from twin.model.structure import Effect, InfluenceLine, Section
from twin.model.structure_state import Line, StructureState

POINTS_PER_LINE = 160
DIGITS = 6


def drawn(model: BeamModel, section: Section, effect: Effect) -> Line:
    """An influence line with fewer stations; supports, middles, jump and extremes stay."""
    (line,) = model.influence(section, effect)
    kept = _kept_rows(model, line)
    return Line(
        effect,
        section.station_m,
        tuple(round(one, DIGITS) for one in line.x_m[kept].tolist()),
        tuple(round(one, DIGITS) for one in line.y[kept].tolist()),
    )


def _kept_rows(model: BeamModel, line: InfluenceLine) -> np.ndarray:
    even = np.linspace(0, len(line.x_m) - 1, min(POINTS_PER_LINE, len(line.x_m)))
    supports = model.spans_at_m
    places = [line.section_m, *supports.tolist(), *((supports[1:] + supports[:-1]) / 2.0).tolist()]
    near = [np.argsort(np.abs(line.x_m - station))[:3] for station in places]
    ends = np.array([np.argmin(line.y), np.argmax(line.y)])
    return np.unique(np.concatenate([np.rint(even).astype(int), *near, ends]))


def model_content(state: StructureState, model: BeamModel) -> bytes:
    """A calibrated model as bytes of the register; `content_hash` reads whose input it was."""
    beam = model.beam
    document = {
        "format": 1,
        "part": state.part,
        "input_hash": state.model_hash,
        "level": model.level,
        "segments": [asdict(one) for one in beam.segments],
        "supports_m": beam.support_stations_m.tolist(),
        "hinges_m": list(beam.hinges_m),
        "calibration": None if state.calibration is None else asdict(state.calibration),
        "assumptions": list(state.assumptions),
    }
    return json.dumps(document, ensure_ascii=False).encode()


def content_hash(content: bytes) -> str:
    """Hash of the input that a registered model was calibrated with.

    Raises
    ------
    ModelError
        If the content is damaged or of another format.
    """
    try:
        document = json.loads(content)
        if document["format"] != 1:
            raise ModelError(f"the model has format {document['format']}, known is 1")
        return str(document["input_hash"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"the model is damaged: {error}") from error
