"""What must hold for every bridge: reciprocity, balance, symmetry, scaling, refinement."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simulations.structure.beam import Beam, Segment, Support
from simulations.structure.beammodel import BeamModel
from simulations.structure.beamsystem import BeamSystem
from simulations.structure.deckmodel import GrillageModel
from simulations.structure.envelope import envelope
from simulations.structure.grillage import GrillageSystem, regular_grillage
from simulations.structure.influence import UnitLoads, load_stations
from simulations.structure.loads import load_model
from simulations.structure.modal import beam_modes
from simulations.structure.placement import AdverseLine, ordinates
from simulations.structure.thermal import gradient, section_temperature, settled
from twin.model.structure import InfluenceLine, LoadCase, Section

SPAN = st.floats(5.0, 80.0)
STIFFNESS = st.floats(1e9, 1e12)
quick = settings(max_examples=40, deadline=None)


@st.composite
def beams(draw: st.DrawFn, *, most: int = 4, hinges: bool = True) -> Beam:
    """Continuous beams as stiff as bridges are, some with springs, arms at the ends and hinges."""
    spans = draw(st.lists(SPAN, min_size=1, max_size=most))
    arm = draw(st.sampled_from([0.0, 0.0, 3.0]))
    pieces = [_piece(draw, one) for one in spans]
    ends = np.cumsum([arm, *spans])
    stiffest = max(one.bending_nm2 / one.length_m**3 for one in pieces)
    supports = [Support(float(ends[0])), *(_support(draw, one, stiffest) for one in ends[1:])]
    if arm:
        arms = [Segment(arm, one.bending_nm2, one.mass_kg_per_m) for one in pieces]
        pieces = [arms[0], *pieces, arms[-1]]
    gaps = []
    if hinges and len(spans) > 1 and draw(st.booleans()):
        gaps = [float(ends[-2] + 0.3 * spans[-1])]
    return Beam(tuple(pieces), tuple(supports), tuple(gaps))


def _piece(draw: st.DrawFn, span: float) -> Segment:
    """E I = m L^4 (2 f / pi)^2 with a first frequency f of 2 to 15 Hz."""
    mass = draw(st.floats(2e3, 4e4))
    frequency = draw(st.floats(2.0, 15.0))
    return Segment(span, mass * span**4 * (2.0 * frequency / np.pi) ** 2, mass)


def _support(draw: st.DrawFn, station: float, stiffest: float) -> Support:
    rigid = draw(st.booleans())
    return Support(
        float(station), float("inf") if rigid else stiffest * draw(st.floats(0.1, 100.0))
    )


def _far(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).max() / max(np.abs(other).max(), 1e-300))


@quick
@given(beams())
def test_a_load_here_bends_there_as_much_as_a_load_there_bends_here(beam: Beam) -> None:
    stations = np.linspace(0.0, beam.length_m, 23)
    found = UnitLoads(BeamSystem(beam), stations).deflections(stations)
    assert _far(found, found.T) <= 1e-9


@quick
@given(beams())
def test_reactions_sum_to_the_load(beam: Beam) -> None:
    stations = load_stations(beam, step_m=1.0)
    reactions = UnitLoads(BeamSystem(beam), stations).reactions()
    assert np.abs(reactions.sum(axis=0) - 1.0).max() <= 1e-8
    moments = reactions.T @ beam.support_stations_m - stations
    assert np.abs(moments).max() <= 1e-8 * beam.length_m


@quick
@given(beams(hinges=False))
def test_a_load_over_a_rigid_support_bends_nothing(beam: Beam) -> None:
    rigid = [one.station_m for one in beam.supports if one.vertical_n_per_m == float("inf")]
    units = UnitLoads(BeamSystem(beam), np.array(rigid))
    sections = np.linspace(0.0, beam.length_m, 17)
    assert np.abs(units.moments(sections)).max() <= 1e-9 * beam.length_m
    reactions = units.reactions()
    assert np.abs(reactions.max(axis=0) - 1.0).max() <= 1e-9


@quick
@given(beams())
def test_the_moment_at_a_hinge_is_zero(beam: Beam) -> None:
    if not beam.hinges_m:
        return
    found = UnitLoads(BeamSystem(beam), load_stations(beam)).moments(np.array(beam.hinges_m))
    assert np.abs(found).max() <= 1e-8 * beam.length_m


@quick
@given(st.lists(SPAN, min_size=1, max_size=2), STIFFNESS)
def test_a_symmetric_bridge_has_mirrored_lines(half: list[float], stiffness: float) -> None:
    spans = [*half, *half[::-1]]
    beam = Beam(
        tuple(Segment(one, stiffness, 1e4) for one in spans),
        tuple(Support(float(one)) for one in np.cumsum([0.0, *spans])),
    )
    stations = np.linspace(0.0, beam.length_m, 31)
    units = UnitLoads(BeamSystem(beam), stations)
    found = units.moments(stations)
    assert _far(found, found[::-1, ::-1]) <= 1e-9
    assert _far(units.reactions(), units.reactions()[::-1, ::-1]) <= 1e-9


@quick
@given(beams(most=3), st.floats(0.1, 10.0))
def test_scaling_all_stiffness_leaves_moments(beam: Beam, factor: float) -> None:
    other = BeamModel(beam).scaled(factor, springs=factor)
    stations = np.linspace(0.0, beam.length_m, 21)
    one, two = (UnitLoads(BeamSystem(item), stations) for item in (beam, other.beam))
    assert _far(two.moments(stations), one.moments(stations)) <= 1e-8
    assert _far(factor * two.deflections(stations), one.deflections(stations)) <= 1e-8
    assert other.version == 2


@quick
@given(beams(most=3))
def test_statics_do_not_depend_on_the_mesh(beam: Beam) -> None:
    stations = np.linspace(0.0, beam.length_m, 19)
    coarse = UnitLoads(BeamSystem(beam), stations)
    nodes = [np.linspace(*ends, 4) for ends in pairwise(beam.breaks_m)]
    fine = UnitLoads(BeamSystem(beam, extra_m=np.concatenate(nodes)), stations)
    assert _far(coarse.moments(stations), fine.moments(stations)) <= 1e-5
    assert _far(coarse.deflections(stations), fine.deflections(stations)) <= 1e-5


@settings(max_examples=15, deadline=None)
@given(beams(most=3))
def test_frequencies_converge_from_above_and_shapes_have_unit_mass(beam: Beam) -> None:
    few, _, _ = beam_modes(beam, 3)
    many, stations, shape = beam_modes(beam, 12)
    # small eigenvalues carry the rounding of large ones: a soft support sets them far apart
    assert np.all(many[:3] <= few * (1.0 + 1e-6) + 1e-6 * few[-1])
    assert np.abs(few / many[:3] - 1.0).max() < 1e-4
    piece = beam.segment_at((stations[1:] + stations[:-1]) / 2.0)
    mass = np.array([one.mass_kg_per_m for one in beam.segments])[piece]
    squared = shape[0] ** 2
    modal = float(np.sum(mass * np.diff(stations) * (squared[1:] + squared[:-1]) / 2.0))
    assert abs(modal - 1.0) < 2e-2


@settings(max_examples=20, deadline=None)
@given(beams(most=3), st.floats(0.05, 0.95), st.sampled_from(["lm1_en", "bk_60_30", "flm4_3"]))
def test_no_placement_beats_the_decisive_one(beam: Beam, share: float, key: str) -> None:
    section = Section(share * beam.length_m)
    model = BeamModel(beam, step_m=1.0)
    part = load_model(key).parts[0]
    (line,) = model.influence(section, "moment")
    best = AdverseLine(line).greatest(part.vehicle)
    assert part.vehicle is not None
    first = np.linspace(-2.0, beam.length_m + 15.0, 900)
    for one in (part.vehicle, part.vehicle.turned()):
        at = first[:, None] - one.offset_m[None, :]
        tried = ordinates(line.x_m, line.y, at) @ one.axle_kn
        assert tried.max() <= best.value * (1.0 + 1e-9) + 1e-9


@settings(max_examples=15, deadline=None)
@given(beams(most=3), st.floats(3.0, 12.0))
def test_a_wider_carriageway_never_lowers_an_envelope(beam: Beam, width: float) -> None:
    model, at = BeamModel(beam, step_m=2.0), [Section(0.4 * beam.length_m)]
    for key in ("lm1_de", "bk_60_30"):
        narrow, wide = (
            envelope(model, load_model(key), effect="moment", sections=at, width_m=one).points[0]
            for one in (width, width + 3.0)
        )
        assert wide.greatest.value >= narrow.greatest.value - 1e-9
        assert wide.least.value <= narrow.least.value + 1e-9
        assert narrow.greatest.value >= 0.0 >= narrow.least.value


@quick
@given(beams(most=3))
def test_no_load_no_effect(beam: Beam) -> None:
    none, lane = np.empty(0), np.empty(0, dtype=np.int32)
    loads = LoadCase(none, none, lane, none, none, none, lane)
    found = BeamModel(beam, step_m=5.0).effects(loads)
    assert all(one.value == 0.0 for one in found.values)
    at = np.linspace(0.0, beam.length_m, 9)
    assert np.all(settled(beam, {}, sections_m=at).moment_nm == 0.0)
    warm = gradient(beam, 0.0, depth_m=1.5, expansion_per_k=1e-5, sections_m=at)
    assert np.all(warm.moment_nm == 0.0)


@quick
@given(beams(), st.integers(-15, 15))
def test_imposed_deformations_have_no_resultant(beam: Beam, change: int) -> None:
    at = np.linspace(0.0, beam.length_m, 9)
    warm = gradient(beam, change, depth_m=1.5, expansion_per_k=1e-5, sections_m=at)
    down = settled(beam, {len(beam.supports) - 1: 0.01}, sections_m=at)
    for found in (warm, down):
        size = max(float(np.abs(found.reactions_n).max()), 1000.0)
        assert abs(float(found.reactions_n.sum())) <= 1e-6 * size


@quick
@given(
    st.lists(st.floats(0.05, 1.0), min_size=2, max_size=6),
    st.lists(st.floats(0.1, 10.0), min_size=7, max_size=7),
    st.lists(st.floats(-20.0, 20.0), min_size=7, max_size=7),
)
def test_stress_inside_a_section_is_self_equilibrated(
    layers: list[float], widths: list[float], warm: list[float]
) -> None:
    height = np.cumsum([0.0, *layers])
    count = len(height)
    found = section_temperature(
        height,
        np.array(widths[:count]),
        np.array(warm[:count]),
        elastic_pa=34e9,
        expansion_per_k=1e-5,
    )
    area = float(np.trapezoid(widths[:count], height))
    size = 34e9 * 1e-5 * 20.0 * area
    assert abs(found.force_n) <= 1e-9 * size
    assert abs(found.moment_nm) <= 1e-9 * size * height[-1]


@settings(max_examples=15, deadline=None)
@given(
    st.integers(2, 5),
    st.lists(st.floats(8.0, 40.0), min_size=1, max_size=2),
    st.floats(-30.0, 30.0),
    st.floats(0.02, 5.0),
)
def test_grillages_are_reciprocal_and_balanced(
    girders: int, spans: list[float], skew: float, torsion: float
) -> None:
    grillage = regular_grillage(
        spans_m=spans, girders=girders, spacing_m=2.5, step_m=4.0, girder_bending_nm2=8e9,
        girder_torsion_nm2=torsion * 1e9, cross_bending_nm2=3e8, cross_torsion_nm2=2e8,
        skew_deg=skew,
    )  # fmt: skip
    system = GrillageSystem(grillage)
    count = len(grillage.x_m)
    loads = np.zeros((system.size, count))
    loads[3 * np.arange(count), np.arange(count)] = 1.0
    moved = system.solve(loads)
    assert _far(moved[::3], moved[::3].T) <= 1e-9
    assert np.abs(system.reactions(loads, moved).sum(axis=0) - 1.0).max() <= 1e-8
    surface = GrillageModel(grillage, (0.0,)).deck.surface(Section(3.0, 1), "deflection")
    assert np.all(np.isfinite(surface))


def test_an_influence_line_keeps_level_and_assumptions() -> None:
    beam = Beam((Segment(30.0, 5e10, 1e4),), (Support(0.0), Support(30.0)))
    (line,) = BeamModel(beam).influence(Section(15.0), "deflection")
    assert isinstance(line, InfluenceLine)
    assert line.level == "L1"
    assert "linear" in line.assumptions[0]
    assert line.unit == "mm/kN"
