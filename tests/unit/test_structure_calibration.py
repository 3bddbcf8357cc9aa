"""Calibration to frequencies and strain, and models from inventory facts."""

from dataclasses import replace

import numpy as np
import pytest

from simulations.structure.beam import continuous_beam
from simulations.structure.beammodel import BeamModel
from simulations.structure.calibrate import (
    MeasuredMode,
    MeasuredStrain,
    Override,
    calibrate,
    mac,
    strain_of_lorry,
)
from simulations.structure.deckmodel import GrillageModel
from simulations.structure.facts import BridgeFacts, facts_of_asset, facts_of_part, model_of
from simulations.structure.grillage import regular_grillage
from simulations.structure.loads import load_model
from twin.errors import InsufficientData, ModelError, NotAvailable, OutOfValidity
from twin.model.assets import Asset, Attribute
from twin.model.bridge import PartStructure
from twin.model.provenance import Provenance
from twin.model.structure import Section


def bridge(springs: float = float("inf")) -> BeamModel:
    inner = [float("inf"), springs, springs, float("inf")]
    return BeamModel(
        continuous_beam(
            [24.0, 30.0, 24.0], bending_nm2=5e10, mass_kg_per_m=15e3, vertical_n_per_m=inner
        )
    )


def measured_of(model: BeamModel, count: int, *, order: tuple[int, ...] = ()) -> list[MeasuredMode]:
    modes = model.modes(count)
    stations = (6.0, 12.0, 18.0, 30.0, 39.0, 48.0, 60.0, 66.0, 72.0)
    return [
        MeasuredMode(
            float(modes.frequency_hz[row]),
            station_m=stations,
            shape=tuple(np.interp(stations, modes.station_m, modes.shape[row]).tolist()),
        )
        for row in (order or range(count))
    ]


def test_the_factor_of_the_truth_is_found_and_modes_are_paired_by_shape() -> None:
    truth = bridge().scaled(1.3)
    found = calibrate(bridge(), measured_of(truth, 3, order=(2, 0, 1)))
    assert found.factor == pytest.approx(1.3, rel=1e-6)
    assert found.residual < 1e-6
    assert [one.model for one in found.pairs] == [3, 1, 2]
    assert found.model.version == 2
    assert bridge().version == 1
    assert any("1.3" in one for one in found.model.assumptions)


def test_noise_gives_a_residual_and_a_covariance_that_covers_the_truth() -> None:
    truth = bridge().scaled(0.8)
    noisy = [
        replace(one, frequency_hz=one.frequency_hz * factor)
        for one, factor in zip(measured_of(truth, 3), (1.01, 0.99, 1.005), strict=True)
    ]
    found = calibrate(bridge(), noisy)
    spread = float(np.sqrt(found.covariance[0, 0]))
    assert 0.0 < found.residual < 0.02
    assert abs(found.factor - 0.8) < 3.0 * spread
    assert spread < 0.05


def test_springs_get_a_factor_of_their_own() -> None:
    model = bridge(2e8)
    truth = model.scaled(1.2, springs=2.5)
    found = calibrate(model, measured_of(truth, 4), springs=True)
    assert found.factor == pytest.approx(1.2, rel=1e-4)
    assert found.spring_factor == pytest.approx(2.5, rel=1e-3)
    with pytest.raises(ModelError, match="no support has a spring"):
        calibrate(bridge(), measured_of(truth, 4), springs=True)


def test_a_strain_line_of_a_weighed_lorry_calibrates_too() -> None:
    lorry = load_model("flm4_3").parts[0].vehicle
    assert lorry is not None
    section = Section(39.0, fibre_m=0.9)
    first = np.arange(0.0, 92.0, 0.5)
    empty = MeasuredStrain(section, first, np.ones_like(first), lorry)
    truth = strain_of_lorry(bridge().scaled(0.7), empty)
    found = calibrate(bridge(), [], strain=replace(empty, strain_um_m=truth))
    assert found.factor == pytest.approx(0.7, rel=1e-6)
    both = calibrate(
        bridge(), measured_of(bridge().scaled(0.7), 2), strain=replace(empty, strain_um_m=truth)
    )
    assert both.factor == pytest.approx(0.7, rel=1e-6)
    with pytest.raises(ModelError, match="all values are 0"):
        calibrate(bridge(), [], strain=replace(empty, strain_um_m=np.zeros_like(first)))


def test_an_implausible_factor_needs_a_person_and_a_reason() -> None:
    far = measured_of(bridge().scaled(3.0), 2)
    with pytest.raises(OutOfValidity, match="factor of 3"):
        calibrate(bridge(), far)
    override = Override("site engineer", "mass measured by weighing")
    found = calibrate(bridge(), far, override=override)
    assert found.factor == pytest.approx(3.0, rel=1e-5)
    assert any("site engineer" in one for one in found.assumptions)
    with pytest.raises(ModelError, match="reason is empty"):
        Override("site engineer", " ")


def test_modes_that_do_not_belong_to_the_model_are_refused() -> None:
    first = float(bridge().modes(1).frequency_hz[0])
    wrong = [MeasuredMode(first), MeasuredMode(6.0 * first)]
    with pytest.raises(OutOfValidity, match="modes do not belong together"):
        calibrate(bridge(), wrong)
    found = calibrate(bridge(), wrong, override=Override("site engineer", "second mode is local"))
    assert found.residual > 0.1
    assert any("site engineer: second mode is local" in one for one in found.assumptions)


def test_what_cannot_be_calibrated_says_so() -> None:
    with pytest.raises(InsufficientData, match="0 frequencies"):
        calibrate(bridge(), [])
    with pytest.raises(ModelError, match=r"measured\[0\].frequency_hz is -1"):
        calibrate(bridge(), [MeasuredMode(-1.0)])
    flat = MeasuredMode(3.0, station_m=(12.0, 39.0, 66.0), shape=(1.0, 0.0, -2.0))
    odd = MeasuredMode(3.0, station_m=(6.0, 12.0, 18.0), shape=(1.0, -1.0, 1.0))
    with pytest.raises(InsufficientData, match="MAC"):
        calibrate(bridge(), [odd])
    with pytest.raises(ModelError, match="3 stations, 2 values"):
        calibrate(bridge(), [replace(flat, shape=(1.0, 2.0))])
    deck = regular_grillage(
        spans_m=[20.0], girders=3, spacing_m=2.0, step_m=5.0, girder_bending_nm2=1e10,
        girder_torsion_nm2=1e9, cross_bending_nm2=1e9, cross_torsion_nm2=1e9,
    )  # fmt: skip
    with pytest.raises(NotAvailable, match="level L2"):
        calibrate(GrillageModel(deck, (0.0,)), [MeasuredMode(3.0)])
    with pytest.raises(NotAvailable, match="no mass"):
        GrillageModel(deck, (0.0,)).modes(1)


def test_mac_ignores_scale_and_phase() -> None:
    one = np.array([1.0, 2.0, -1.0])
    assert mac(one, one * np.exp(0.7j) * 3.0) == pytest.approx(1.0)
    assert mac(one, np.zeros(3)) == 0.0


def test_known_spans_and_frequency_make_l1_guesses_make_l0() -> None:
    facts = BridgeFacts(
        static_system="1.3", spans_m=(24.0, 30.0, 24.0), width_m=12.0, material="concrete",
        first_frequency_hz=3.9,
    )  # fmt: skip
    model = model_of(facts)
    assert model.level == "L1"
    assert model.modes(1).frequency_hz[0] == pytest.approx(3.9)
    deep = replace(facts, first_frequency_hz=None, section_type="slab_beam", depth_m=1.5)
    assert model_of(deep).level == "L1"
    guessed = model_of(replace(facts, first_frequency_hz=None))
    assert guessed.level == "L0"
    assert guessed.stiffness_band == (0.5, 2.0)
    assert guessed.modes(1).frequency_hz[0] == pytest.approx(95.4 * 30.0**-0.933)
    assert guessed.influence(Section(39.0), "moment")[0].level == "L0"
    with pytest.raises(NotAvailable, match="strain on level L0"):
        guessed.influence(Section(39.0, fibre_m=1.0), "strain")


def test_spans_are_guessed_from_length_and_number() -> None:
    facts = BridgeFacts(static_system="1.3", length_m=104.0, span_count=4, width_m=12.0)
    model = model_of(replace(facts, material="concrete"))
    spans = np.diff(model.beam.support_stations_m)
    assert spans / spans[1] == pytest.approx([0.8, 1.0, 1.0, 0.8])
    assert spans.sum() == pytest.approx(104.0)
    assert any("spans assumed" in one for one in model.assumptions)
    alone = model_of(replace(facts, static_system="1.2", material="concrete"))
    middle = alone.influence(Section(float(spans[0] + spans[1] / 2.0)), "moment")[0]
    assert middle.y.max() == pytest.approx(spans[1] / 4.0)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (BridgeFacts(system_words="sandstone arch"), "thrust"),
        (BridgeFacts(system_words="steel arch with composite approaches"), "thrust"),
        (BridgeFacts(system_words="cable-stayed, composite deck"), "cables"),
        (BridgeFacts(system_words="riveted steel truss"), "axial forces"),
        (BridgeFacts(static_system="2.1"), "static system 2.1"),
        (BridgeFacts(static_system="3"), "static system 3"),
        (BridgeFacts(system_words="box girders with Gerber hinges"), "hinges"),
        (BridgeFacts(static_system="1.3.1"), "hinges"),
        (BridgeFacts(static_system="1.1", skew_deg=-30.0), "skew of -30"),
        (BridgeFacts(static_system="1.1", is_curved=True), "curved"),
        (BridgeFacts(static_system="1.3"), "spans of this bridge are not known"),
        (BridgeFacts(static_system="1.1", length_m=20.0), "material"),
        (BridgeFacts(static_system="1.1", length_m=20.0, material="steel"), "mass"),
        (BridgeFacts(), "static system of this bridge is not known"),
    ],
)
def test_what_no_beam_stands_for_is_refused_with_the_reason(
    facts: BridgeFacts, reason: str
) -> None:
    with pytest.raises(NotAvailable, match=reason):
        model_of(facts)


def test_impossible_facts_are_listed_at_once() -> None:
    facts = BridgeFacts(
        static_system="1.3", spans_m=(30.0, -2.0), width_m=0.0, section_type="tube", material="ice"
    )
    with pytest.raises(ModelError) as caught:
        model_of(facts)
    assert len(str(caught.value).splitlines()) == 3
    assert "spans_m[1] = -2 m" in str(caught.value)
    assert "width_m = 0 m (0.5 ... 200 m)" in str(caught.value)
    with pytest.raises(ModelError, match="add up to 60 m, but its length is 40 m"):
        model_of(BridgeFacts(static_system="1.3", spans_m=(30.0, 30.0), length_m=40.0))


def test_facts_come_from_the_inventory() -> None:
    part = PartStructure(
        number="4948501", part="0", static_system="1.3", spans_m=(20.0, 20.0), width_m=11.0
    )
    assert facts_of_part(part, first_frequency_hz=4.0).first_frequency_hz == 4.0
    known = {
        "structural_system": "steel composite girder, 4 spans",
        "spans_m": "65+115+65+40 (layout of the old bridge)",
        "total_length_m": 285.0,
        "width_m": 31.0,
        "construction_year": 2004.0,
    }
    where = Provenance("estimated")
    attributes = tuple(Attribute(name, value, "", where) for name, value in known.items())
    asset = Asset("B", "bridge", "B", None, where, attributes)  # pyrefly: ignore[bad-argument-type]
    facts = facts_of_asset(asset)
    assert facts.spans_m == (65.0, 115.0, 65.0, 40.0)
    assert facts.year_built == 2004
    assert model_of(facts).level == "L0"
    words = replace(attributes[1], value="130 main")
    assert facts_of_asset(replace(asset, attributes=(words,))).spans_m == ()
