"""Load cases of imposed deformation: a support that settles, a deck that is warmer on top.

They stand beside the traffic loads for comparison: the sizes are assumed, no settlement or
temperature of this bridge is forecast. What they do grows with the stiffness itself, unlike the
effects of loads.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from simulations.structure.beammodel import BeamModel
from simulations.structure.influence import support_index
from simulations.structure.sentences import sentence
from simulations.structure.thermal import Bending, gradient, settled
from twin.model.structure import EFFECT_UNITS, Effect, Section
from twin.model.structure_state import ImposedEffect
from twin.model.tables import rows

Floats = NDArray[np.float64]


def imposed_effects(
    model: BeamModel,
    asked: Sequence[tuple[Section, Effect]],
    *,
    section_type: str,
    depth_m: float | None,
) -> tuple[tuple[ImposedEffect, ...], tuple[str, ...]]:
    """Effects of every case of ``imposed_cases.csv`` that is known enough, and what they assume.

    Parameters
    ----------
    asked
        Sections with moment, shear or reaction; others are left out.
    section_type
        Key of ``section_types.csv``; without it, or without a depth, no temperature case.
    depth_m
        Structural depth [m].

    Returns
    -------
    effects, assumptions
        Extreme effects of each case at the sections, zero where nothing is restrained; and
        sentences that have to stand beside them. No effects where the beam is free to follow
        every case.

    Examples
    --------
    >>> from simulations.structure.beam import continuous_beam
    >>> beam = continuous_beam([30.0, 30.0], bending_nm2=51e9, mass_kg_per_m=15_000.0)
    >>> asked = [(Section(30.0), "moment")]
    >>> found, _ = imposed_effects(BeamModel(beam), asked, section_type="slab", depth_m=1.5)
    >>> [(one.case, round(one.greatest), round(one.least)) for one in found]
    [('settlement', 1700, -850), ('warm_slab', 7650, 7650), ('cool_slab', -4080, -4080)]
    """
    if _is_free(model):
        return (), (sentence("imposed_free"),)
    cases = [row for row in rows("imposed_cases") if row["section_type"] in ("", section_type)]
    is_thermal = bool(section_type) and depth_m is not None
    low, high = model.stiffness_band
    key = "imposed_linear" if (low, high) == (1.0, 1.0) else "imposed_stiffness"
    notes = [sentence(key, low=low, high=high)]
    found: list[ImposedEffect] = []
    for row in cases:
        if row["kind"] == "settlement":
            bent = _settlements(model, asked, drop_m=float(row["value"]) / 1e3)
            notes.append(sentence("imposed_settlement", value=float(row["value"])))
        elif is_thermal and depth_m is not None:
            bent = (_warmed(model, asked, row, depth_m),)
            notes.append(sentence("imposed_gradient", value=float(row["value"]), depth=depth_m))
        else:
            continue
        found += _extremes(model, row["key"], asked, bent)
    if not is_thermal:
        notes.append(sentence("imposed_no_depth"))
    return tuple(found), tuple(dict.fromkeys(notes))


def expansion_of(section_type: str) -> float:
    """Coefficient of thermal expansion of the material of a section type [1/K]."""
    material = next(row["material"] for row in rows("section_types") if row["key"] == section_type)
    table = {row["key"]: row for row in rows("bridge_materials")}
    return float(table[material]["expansion_per_k"])


def _is_free(model: BeamModel) -> bool:
    """Whether the beam is statically determinate: as many hinges as inner supports."""
    return len(model.beam.hinges_m) >= len(model.spans_at_m) - 2


def _stations(asked: Sequence[tuple[Section, Effect]]) -> Floats:
    return np.array([section.station_m for section, _ in asked])


def _settlements(
    model: BeamModel, asked: Sequence[tuple[Section, Effect]], *, drop_m: float
) -> tuple[Bending, ...]:
    """Each support alone."""
    at = _stations(asked)
    return tuple(
        settled(model.beam, {number: drop_m}, sections_m=at)
        for number in range(len(model.spans_at_m))
    )


def _warmed(
    model: BeamModel,
    asked: Sequence[tuple[Section, Effect]],
    row: Mapping[str, str],
    depth_m: float,
) -> Bending:
    return gradient(
        model.beam,
        float(row["value"]),
        depth_m=depth_m,
        expansion_per_k=expansion_of(row["section_type"]),
        sections_m=_stations(asked),
    )


def _extremes(
    model: BeamModel,
    case: str,
    asked: Sequence[tuple[Section, Effect]],
    bent: Sequence[Bending],
) -> list[ImposedEffect]:
    found = []
    for index, (section, effect) in enumerate(asked):
        columns = {
            "moment": [one.moment_nm for one in bent],
            "shear": [one.shear_n for one in bent],
        }
        if effect == "reaction":
            support = support_index(model.beam, section.station_m)
            values = [float(one.reactions_n[support]) / 1e3 for one in bent]
        elif effect in columns:
            values = [float(column[index]) / 1e3 for column in columns[effect]]
        else:
            continue
        unit, greatest, least = EFFECT_UNITS[effect], max(values), min(values)
        found.append(ImposedEffect(case, effect, section.station_m, unit, greatest, least))
    return found
