"""Truth cases of continuous beams (specification, section 5.3): closed solutions in kN and m."""

import math

import numpy as np
import pytest

from simulations.structure.beam import continuous_beam
from simulations.structure.beammodel import BeamModel
from simulations.structure.envelope import envelope
from simulations.structure.loads import axle_list, load_model
from simulations.structure.placement import AdverseLine
from simulations.structure.thermal import gradient, movement_m, settled
from twin.model.structure import Effect, LoadCase, Section

EI = 51e9
MASS = 15_000.0


def bridge(*spans: float) -> BeamModel:
    return BeamModel(continuous_beam(spans, bending_nm2=EI, mass_kg_per_m=MASS))


def line(model: BeamModel, station: float, effect: Effect = "moment"):
    return model.influence(Section(station), effect)[0]


def ordinate(model: BeamModel, station: float, load_at: float, effect: Effect = "moment") -> float:
    one = line(model, station, effect)
    return float(np.interp(load_at, one.x_m, one.y))


def uniform(length: float, load_knm: float = 1.0) -> LoadCase:
    none, no_lane = np.empty(0), np.empty(0, dtype=np.int32)
    return LoadCase(
        none, none, no_lane,
        np.array([0.0]), np.array([length]), np.array([load_knm]), np.array([1], dtype=np.int32),
    )  # fmt: skip


def under_uniform(model: BeamModel, station: float, effect: Effect = "moment") -> float:
    found = model.effects(uniform(model.beam.length_m), ((Section(station), effect),))
    return found.values[0].value


def test_simply_supported_unit_load_and_area() -> None:
    model = bridge(30.0)
    assert ordinate(model, 15.0, 15.0) == pytest.approx(7.5, rel=1e-9)
    assert under_uniform(model, 15.0) == pytest.approx(112.5, rel=1e-9)


@pytest.mark.parametrize(
    ("key", "lanes"),
    [("lm1_en", (7357.5, 3723.75, 2283.75)), ("lm1_de", (8370.0, 4905.0, 2452.5))],
)
def test_lm1_at_mid_span_by_lane(key: str, lanes: tuple[float, ...]) -> None:
    found = envelope(
        bridge(30.0), load_model(key), effect="moment", sections=[Section(15.0)], width_m=9.0
    )
    shares = found.points[0].greatest.shares
    assert [one.placement.value for one in shares] == pytest.approx(lanes, rel=1e-9)
    assert found.points[0].greatest.value == pytest.approx(sum(lanes), rel=1e-9)


def test_absolute_maximum_of_a_tandem_stands_beside_mid_span() -> None:
    tandem = axle_list("tandem", [300.0, 300.0], [1.2], source="EN 1991-2")
    stations = np.arange(10.0, 20.01, 0.05)
    found = envelope(
        bridge(30.0),
        tandem,
        effect="moment",
        sections=[Section(float(one)) for one in stations],
        width_m=3.0,
    )
    best = max(found.points, key=lambda one: one.greatest.value)
    assert best.greatest.value == pytest.approx(4321.8, rel=1e-9)
    assert best.section.station_m in (pytest.approx(14.7), pytest.approx(15.3))


def test_bridge_class_60_30_at_mid_span() -> None:
    found = envelope(
        bridge(30.0), load_model("bk_60_30"), effect="moment", sections=[Section(15.0)], width_m=6.0
    )
    point = found.points[0].greatest
    assert [one.placement.value for one in point.shares] == pytest.approx([6124.8, 2748.0])
    assert point.value == pytest.approx(8872.8, rel=1e-9)


def test_vehicles_at_mid_span_both_ways() -> None:
    adverse = AdverseLine(line(bridge(30.0), 15.0))
    vehicle = load_model("flm3").parts[0].vehicle
    assert adverse.greatest(vehicle).value == pytest.approx(2736.0, rel=1e-9)
    lorry = axle_list("five", [75.0, 100.0, 85.0, 85.0, 85.0], [3.6, 5.4, 1.3, 1.3], source="x")
    one = lorry.parts[0].vehicle
    assert one is not None
    for way in (one, one.turned()):
        assert adverse.greatest(way).value == pytest.approx(2451.75, rel=1e-9)


def test_two_spans_support_moment_follows_its_formula() -> None:
    model, span = bridge(30.0, 30.0), 30.0
    one = line(model, 30.0)
    left = one.x_m <= span
    expected = -one.x_m[left] * (span**2 - one.x_m[left] ** 2) / (4.0 * span**2)
    assert np.abs(one.y[left] - expected).max() < 1e-9
    assert one.y.min() == pytest.approx(-2.88675, rel=1e-4)
    assert one.x_m[left][int(np.argmin(one.y[left]))] == pytest.approx(
        span / math.sqrt(3.0), abs=0.25
    )


def test_two_spans_under_a_load_at_mid_span() -> None:
    model = bridge(30.0, 30.0)
    assert ordinate(model, 30.0, 15.0) == pytest.approx(-2.8125, rel=1e-9)
    assert ordinate(model, 15.0, 15.0) == pytest.approx(6.09375, rel=1e-9)
    assert ordinate(model, 0.0, 15.0, "reaction") == pytest.approx(0.40625, rel=1e-9)


def test_two_spans_under_uniform_load() -> None:
    model = bridge(30.0, 30.0)
    assert under_uniform(model, 30.0) == pytest.approx(-(30.0**2) / 8.0, rel=1e-4)
    found = [under_uniform(model, one, "reaction") / 30.0 for one in (0.0, 30.0, 60.0)]
    assert found == pytest.approx([0.375, 1.25, 0.375], rel=1e-4)


def test_two_spans_largest_ordinate() -> None:
    model = bridge(30.0, 30.0)
    stations = np.arange(11.0, 15.0, 0.05)
    peaks = [float(line(model, one).y.max()) / 30.0 for one in stations.tolist()]
    assert max(peaks) == pytest.approx(0.2074, abs=5e-5)
    assert stations[int(np.argmax(peaks))] / 30.0 == pytest.approx(0.43, abs=0.005)


def test_three_spans_under_uniform_load() -> None:
    model = bridge(30.0, 30.0, 30.0)
    assert under_uniform(model, 30.0) == pytest.approx(-0.1 * 900.0, rel=1e-4)
    assert under_uniform(model, 45.0) == pytest.approx(0.025 * 900.0, rel=1e-4)
    found = [under_uniform(model, one, "reaction") / 30.0 for one in (0.0, 30.0)]
    assert found == pytest.approx([0.4, 1.1], rel=1e-4)


def test_unequal_spans_under_uniform_load() -> None:
    expected = -(24.0**3 + 30.0**3) / (4.0 * (2.0 * 24.0 + 3.0 * 30.0))
    assert expected == pytest.approx(-73.957, abs=1e-3)
    assert under_uniform(bridge(24.0, 30.0, 24.0), 24.0) == pytest.approx(expected, rel=1e-4)


def test_first_frequencies_of_a_simple_span() -> None:
    model = BeamModel(continuous_beam([30.0], bending_nm2=34e9 * 1.5, mass_kg_per_m=MASS))
    found = model.modes(3).frequency_hz
    assert found == pytest.approx(3.218228 * np.array([1.0, 4.0, 9.0]), rel=1e-5)


@pytest.mark.parametrize(
    ("spans", "ratios"),
    [((30.0, 30.0), (1.5622,)), ((30.0, 30.0, 30.0), (1.2815, 1.8713))],
)
def test_ratios_of_frequencies_of_equal_spans(
    spans: tuple[float, ...], ratios: tuple[float, ...]
) -> None:
    found = bridge(*spans).modes(len(spans)).frequency_hz
    assert found[1:] / found[0] == pytest.approx(ratios, rel=1e-3)
    assert found[0] == pytest.approx(3.218228, rel=1e-5)


def test_first_frequency_of_unequal_spans() -> None:
    assert bridge(24.0, 30.0, 24.0).modes(1).frequency_hz[0] == pytest.approx(4.0730, rel=1e-3)


def test_spans_with_a_hinge_over_the_support_vibrate_alone() -> None:
    beam = continuous_beam([30.0, 20.0], bending_nm2=EI, mass_kg_per_m=MASS, hinges_m=[30.0])
    alone = [3.218228, 3.218228 * 2.25, 4.0 * 3.218228]
    assert BeamModel(beam).modes(3).frequency_hz == pytest.approx(alone, rel=1e-5)


def test_settlement_of_the_middle_support() -> None:
    beam = bridge(30.0, 30.0).beam
    found = settled(beam, {1: 0.010}, sections_m=np.array([30.0]))
    assert found.moment_nm[0] / 1e3 == pytest.approx(1700.0, rel=1e-9)


def test_gradient_warmer_on_top() -> None:
    given = {"depth_m": 1.5, "expansion_per_k": 1e-5}
    two = gradient(bridge(30.0, 30.0).beam, 8.0, sections_m=np.array([30.0]), **given)
    three = gradient(bridge(30.0, 30.0, 30.0).beam, 8.0, sections_m=np.array([30.0, 45.0]), **given)
    assert two.moment_nm / 1e3 == pytest.approx([4080.0], rel=1e-9)
    assert three.moment_nm / 1e3 == pytest.approx([3264.0, 3264.0], rel=1e-9)


def test_uniform_change_moves_the_free_end() -> None:
    assert movement_m(100.0, 40.0, expansion_per_k=1e-5) == pytest.approx(0.040)
    assert movement_m(100.0, 40.0, expansion_per_k=1.2e-5) == pytest.approx(0.048)
