"""Beams, modes and grillages beside PyNiteFEA, a frame programme that shares nothing with ours.

Forces and deflections agree to 1e-6 of the largest value (rounding of both, in practice 1e-11).
Frequencies agree to 1e-5 where the meshes are about equal; PyNiteFEA does not carry the mass of
hinged members over to the released rotation, so frequencies are compared without hinges.
"""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from pynite import asked, beam_case, grillage_case

from simulations.structure.beam import Beam, Segment, Support, continuous_beam
from simulations.structure.beammodel import BeamModel
from simulations.structure.beamsystem import BeamSystem
from simulations.structure.deckmodel import GrillageModel
from simulations.structure.grillage import GrillageSystem, regular_grillage
from simulations.structure.influence import UnitLoads
from simulations.structure.thermal import settled
from twin.model.structure import Section

CLOSE = 1e-6
ELASTIC, SHEAR = 34e9, 34e9 / 2.4
HAUNCHED = Beam(
    (
        Segment(24.0, 5e10, 15e3),
        Segment(10.0, 8e10, 18e3),
        Segment(20.0, 5e10, 15e3),
        Segment(24.0, 4e10, 12e3),
    ),
    (
        Support(0.0),
        Support(24.0, vertical_n_per_m=3e8, rotation_nm_per_rad=1e9),
        Support(54.0),
        Support(78.0, rotation_nm_per_rad=math.inf),
    ),
)
GERBER = Beam(HAUNCHED.segments, HAUNCHED.supports, hinges_m=(30.0, 60.0))


def far(one: NDArray, other: NDArray) -> float:
    return float(np.abs(one - other).max() / np.abs(other).max())


@pytest.mark.parametrize("beam", [HAUNCHED, GERBER], ids=["springs and haunches", "hinges"])
def test_influence_lines_of_beams(beam: Beam) -> None:
    stations = np.linspace(0.0, 78.0, 40)
    loads = np.arange(1, 39, 4)
    other = asked(beam_case(beam, stations, loads))
    nodes = BeamSystem(beam, extra_m=stations).nodes_m
    units = UnitLoads(BeamSystem(beam), nodes[loads])
    assert far(1e3 * units.deflections(nodes), other["deflection"]) < CLOSE
    assert far(1e3 * units.moments(nodes[:-1]), other["moment"][:, :, 0]) < CLOSE
    assert far(1e3 * units.reactions(), other["reaction"]) < CLOSE


def test_frequencies_of_beams() -> None:
    stations = np.concatenate([np.linspace(0.0, 24.0, 41), np.linspace(24.0, 78.0, 91)])
    other = asked(beam_case(HAUNCHED, stations, np.array([5]), modes=4))
    found = BeamModel(HAUNCHED).modes(4).frequency_hz
    vertical = other["frequency"]
    nearest = np.array([vertical[np.argmin(np.abs(vertical - one))] for one in found[:3]])
    assert found[:3] == pytest.approx(nearest, rel=1e-5)


@pytest.mark.parametrize(("spans", "girders", "skew"), [((30.0,), 6, 0.0), ((18.0, 25.0), 4, 25.0)])
def test_grillages(spans: tuple[float, ...], girders: int, skew: float) -> None:
    grillage = regular_grillage(
        spans_m=spans,
        girders=girders,
        spacing_m=2.4,
        step_m=1.5,
        girder_bending_nm2=ELASTIC * 0.25,
        girder_torsion_nm2=SHEAR * 0.05,
        cross_bending_nm2=ELASTIC * 0.008,
        cross_torsion_nm2=SHEAR * 0.016,
        girder_mass_kg_per_m=2500.0,
        skew_deg=skew,
    )
    nodes = np.concatenate([grillage.grid[0, 3:12:4], grillage.grid[-2, 2:10:3]])
    forces = np.linspace(100e3, 300e3, len(nodes))
    other = asked(grillage_case(grillage, nodes, forces, modes=3))
    system = GrillageSystem(grillage)
    loads = np.zeros((system.size, len(nodes)))
    loads[3 * nodes, np.arange(len(nodes))] = forces
    moved = system.solve(loads)
    assert far(moved[::3], other["deflection"]) < CLOSE
    assert far(system.reactions(loads, moved), other["reaction"]) < CLOSE
    model = GrillageModel(grillage, (0.0,))
    station = float(grillage.x_m[grillage.grid[1, 4]])
    row = grillage.girder_member(1, 4)
    ends = (other["moment"][row, :, 0] + other["moment"][row - 1, :, 1]) / 2.0
    surface = model.deck.surface(Section(station, 2), "moment")
    assert far(surface[nodes] * forces, ends) < CLOSE
    assert model.modes(1).frequency_hz[0] == pytest.approx(other["frequency"][0], rel=1e-3)


def test_settlement_is_the_answer_to_a_reaction() -> None:
    beam = continuous_beam([20.0, 30.0, 25.0], bending_nm2=4e10, mass_kg_per_m=1e4)
    stations = np.array([10.0, 35.0, 62.0])
    moved = settled(beam, {1: 0.01}, sections_m=stations)
    units = UnitLoads(BeamSystem(beam), stations)
    assert moved.deflection_m / 0.01 == pytest.approx(units.reactions()[1], rel=1e-9)
