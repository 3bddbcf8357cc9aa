"""Grillage G1 of the specification, and its limits: load shared equally, one girder alone."""

import numpy as np
import pytest

from simulations.structure.beam import continuous_beam
from simulations.structure.beammodel import BeamModel
from simulations.structure.deckmodel import GrillageModel
from simulations.structure.grillage import Grillage, GrillageSystem, regular_grillage
from twin.errors import ModelError
from twin.model.structure import Effect, Section

ELASTIC = 34e9
SHEAR = ELASTIC / (2.0 * 1.2)


def deck(girders: int = 6, spans: tuple[float, ...] = (30.0,), **changes: float | bool) -> Grillage:
    given = {
        "spacing_m": 2.4,
        "step_m": 1.0,
        "girder_bending_nm2": ELASTIC * 0.25,
        "girder_torsion_nm2": SHEAR * 0.05,
        "cross_bending_nm2": ELASTIC * 0.008,
        "cross_torsion_nm2": SHEAR * 0.016,
        **changes,
    }
    return regular_grillage(spans_m=spans, girders=girders, **given)  # pyrefly: ignore[bad-argument-type]


def sag_mm(grillage: Grillage, forces: dict[int, float]) -> np.ndarray:
    """Deflections at mid-span of all girders for forces [N] there, by girder from 0."""
    system = GrillageSystem(grillage)
    loads = np.zeros((system.size, 1))
    for girder, force in forces.items():
        loads[3 * grillage.grid[girder, 15]] = force
    return 1e3 * system.solve(loads)[3 * grillage.grid[:, 15], 0]


@pytest.mark.parametrize(
    ("girder", "expected"),
    [
        (0, (7.98917, 5.66207, 3.66813, 2.07042, 0.78438, -0.32122)),
        (2, (3.66813, 3.91107, 3.97979, 3.46124, 2.76229, 2.07042)),
    ],
)
def test_g1_under_one_load(girder: int, expected: tuple[float, ...]) -> None:
    assert sag_mm(deck(), {girder: 300e3}) == pytest.approx(expected, abs=6e-6)


def test_g1_with_the_load_shared_equally() -> None:
    expected = 300e3 * 30.0**3 / (48.0 * ELASTIC * 6.0 * 0.25) * 1e3
    assert expected == pytest.approx(3.308824, abs=1e-6)
    found = sag_mm(deck(), dict.fromkeys(range(6), 50e3))
    assert found == pytest.approx([expected] * 6, rel=1e-9)


@pytest.mark.parametrize("effect", ["moment", "shear", "deflection", "reaction", "strain"])
def test_one_girder_equals_the_beam(effect: Effect) -> None:
    spans = (20.0, 30.0)
    alone = GrillageModel(
        deck(1, spans, hold_twist=True, girder_mass_kg_per_m=9000.0), lane_offsets_m=(0.0,)
    )
    beam = BeamModel(continuous_beam(spans, bending_nm2=ELASTIC * 0.25, mass_kg_per_m=9000.0))
    at = {"reaction": 20.0, "shear": 30.5}.get(effect, 31.0)
    one = alone.influence(Section(at, 1, fibre_m=1.1), effect)[0]
    other = beam.influence(Section(at, fibre_m=1.1), effect)[0]
    expected = np.interp(one.x_m, other.x_m, other.y)
    assert np.abs(one.y - expected).max() <= 1e-9 * np.abs(expected).max()
    assert alone.modes(2).frequency_hz == pytest.approx(beam.modes(2).frequency_hz, rel=1e-5)


def test_a_lane_over_a_girder_is_the_line_of_that_girder() -> None:
    model = GrillageModel(deck(), lane_offsets_m=(-6.0, 1.2))
    first, second = model.influence(Section(15.0, 1), "deflection")
    surface = sag_mm(deck(), {0: 1000.0})
    assert np.interp(15.0, first.x_m, first.y) == pytest.approx(surface[0], rel=1e-9)
    assert np.interp(15.0, second.x_m, second.y) == pytest.approx(surface[3], rel=1e-9)


def test_reactions_of_a_deck_sum_to_the_load() -> None:
    model = GrillageModel(deck(4, (18.0, 24.0), skew_deg=15.0), lane_offsets_m=(0.7,))
    lines = []
    for girder in range(1, 5):
        shift = (girder - 1) * 2.4 * np.tan(np.radians(15.0))
        lines += [
            model.influence(Section(at + shift, girder), "reaction")[0] for at in (0.0, 18.0, 42.0)
        ]
    total = np.sum([one.y for one in lines], axis=0)
    assert np.abs(total - 1.0).max() < 1e-9


def test_a_deck_without_hold_against_twist_is_refused() -> None:
    with pytest.raises(ModelError, match="mechanism"):
        GrillageSystem(deck(1))


def test_bad_members_and_supports_are_named() -> None:
    with pytest.raises(ModelError, match=r"torsion_nm2\[0\] is -1"):
        deck(3, girder_torsion_nm2=-1.0)
    with pytest.raises(ModelError, match=r"bending_nm2\[\d+\] is nan"):
        deck(3, cross_bending_nm2=float("nan"))
    with pytest.raises(ModelError, match="spacing_m is 0"):
        deck(3, spacing_m=0.0)
    with pytest.raises(ModelError, match=r"spans_m\[0\] is -30"):
        deck(3, (-30.0,))
    with pytest.raises(ModelError, match="girder is 7"):
        GrillageModel(deck(3), (0.0,)).influence(Section(15.0, 7), "moment")
    with pytest.raises(ModelError, match="offset_m is 9"):
        GrillageModel(deck(3), (9.0,)).influence(Section(15.0, 1), "moment")
