"""Bad input to structural models is refused with field and value; no number comes of it."""

import math
from typing import Any

import numpy as np
import pytest

from simulations.structure.beam import Beam, Segment, Support, continuous_beam
from simulations.structure.beammodel import BeamModel
from simulations.structure.envelope import envelope, utilisation
from simulations.structure.levels import LinesModel
from simulations.structure.loads import (
    axle_list,
    lane_layout,
    load_model,
    target_model,
    vehicle_of,
)
from simulations.structure.thermal import gradient, restraint_n, section_temperature, settled
from twin.errors import ModelError, NotAvailable
from twin.model.structure import InfluenceLine, LoadCase, Section
from twin.model.tables import rows

NAN = float("nan")


def bridge() -> BeamModel:
    return BeamModel(continuous_beam([20.0, 25.0], bending_nm2=3e10, mass_kg_per_m=1e4))


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        (r"segments\[0\].length_m is -20", {"spans_m": [-20.0, 25.0]}),
        (r"segments\[1\].length_m is 0", {"spans_m": [20.0, 0.0]}),
        (r"segments\[0\].bending_nm2 is nan", {"bending_nm2": NAN}),
        (r"segments\[1\].bending_nm2 is 0", {"bending_nm2": [3e10, 0.0]}),
        (r"segments\[0\].mass_kg_per_m is inf", {"mass_kg_per_m": math.inf}),
        (r"is it in metres", {"spans_m": [20e3, 25e3]}),
        (r"supports\[0\].vertical_n_per_m is -1", {"vertical_n_per_m": -1.0}),
        (r"bending_nm2 has 3 values; give one, or 2", {"bending_nm2": [1e9, 1e9, 1e9]}),
        (r"hinges_m\[0\] is 70 m, off the bridge", {"hinges_m": [70.0]}),
        (r"hinges_m\[0\] is 0 m, at the end", {"hinges_m": [0.0]}),
        (r"hinges_m\[1\] is 22 m; it must come after 23", {"hinges_m": [23.0, 22.0]}),
    ],
)
def test_a_beam_names_the_bad_field(field: str, changes: dict) -> None:
    given: dict[str, Any] = {
        "spans_m": [20.0, 25.0],
        "bending_nm2": 3e10,
        "mass_kg_per_m": 1e4,
        **changes,
    }
    with pytest.raises(ModelError, match=field):
        continuous_beam(given.pop("spans_m"), **given)


def test_all_problems_of_a_beam_are_listed_at_once() -> None:
    with pytest.raises(ModelError) as caught:
        continuous_beam([-1.0, 25.0], bending_nm2=[3e10, NAN], mass_kg_per_m=0.0)
    assert str(caught.value).count("\n") == 3


@pytest.mark.parametrize(
    ("supports", "hinges"),
    [
        ((Support(0.0),), ()),
        ((), ()),
        ((Support(0.0), Support(30.0)), (15.0,)),
        ((Support(0.0), Support(10.0), Support(30.0)), (12.0, 18.0)),
        ((Support(0.0, rotation_nm_per_rad=1e9, vertical_n_per_m=0.0),), ()),
    ],
)
def test_a_mechanism_is_refused(supports: tuple, hinges: tuple) -> None:
    with pytest.raises(ModelError, match="mechanism"):
        Beam((Segment(30.0, 1e10, 1e4),), supports, hinges)


def test_a_cantilever_and_a_hinged_bridge_stand() -> None:
    clamp = Support(0.0, rotation_nm_per_rad=math.inf)
    (line,) = BeamModel(Beam((Segment(4.0, 1e9, 1e4),), (clamp,))).influence(Section(0.0), "moment")
    assert line.y[-1] == pytest.approx(-4.0)
    beam = continuous_beam(
        [30.0, 40.0, 30.0], bending_nm2=5e10, mass_kg_per_m=1e4, hinges_m=[36.0, 64.0]
    )
    (line,) = BeamModel(beam).influence(Section(50.0), "moment")
    assert line.y.max() == pytest.approx(7.0)


def test_a_section_off_the_bridge_or_without_support_or_fibre_is_refused() -> None:
    with pytest.raises(ModelError, match="station_m is 46 m"):
        bridge().influence(Section(46.0), "moment")
    with pytest.raises(ModelError, match="supports are at 0, 20, 45 m"):
        bridge().influence(Section(10.0), "reaction")
    with pytest.raises(ModelError, match="fibre_m is missing"):
        bridge().influence(Section(10.0), "strain")
    with pytest.raises(ModelError, match="station_m is nan"):
        bridge().influence(Section(NAN), "moment")
    with pytest.raises(ModelError, match="effect is 'torsion'"):
        bridge().influence(Section(10.0), "torsion")  # pyrefly: ignore[bad-argument-type]
    with pytest.raises(ModelError, match="step_m is 0"):
        BeamModel(bridge().beam, step_m=0.0).influence(Section(10.0), "moment")
    with pytest.raises(ModelError, match="count is 0"):
        bridge().modes(0)


def test_loads_that_are_no_numbers_are_refused() -> None:
    one, none = np.array([NAN]), np.empty(0)
    lane, no_lane = np.array([1], dtype=np.int32), np.empty(0, dtype=np.int32)
    with pytest.raises(ModelError, match=r"point_kn\[0\] is nan"):
        LoadCase(np.array([3.0]), one, lane, none, none, none, no_lane)
    with pytest.raises(ModelError, match="one value per load"):
        LoadCase(np.array([3.0]), none, lane, none, none, none, no_lane)
    with pytest.raises(ModelError, match=r"until_m\[0\] is 2"):
        LoadCase(none, none, no_lane, np.array([3.0]), np.array([2.0]), np.array([1.0]), lane)


def test_vehicles_with_impossible_axles_are_refused() -> None:
    for axles, spacings, field in (
        ([100.0, -5.0], [1.2], r"axle_kn\[1\] is -5"),
        ([100.0, NAN], [1.2], r"axle_kn\[1\] is nan"),
        ([100.0, 50.0], [0.0], "rise from 0"),
        ([100.0, 50.0], [1.0, 2.0], "spacings_m has 2 values; 2 axles need 1"),
        ([], [], "spacings_m has 0 values"),
    ):
        with pytest.raises(ModelError, match=field):
            vehicle_of(axles, spacings)


def test_load_models_without_loads_say_so() -> None:
    for row in rows("load_models"):
        typed = any(part["model"] == row["key"] for part in rows("load_model_parts"))
        if typed:
            assert load_model(row["key"]).parts
            continue
        with pytest.raises(NotAvailable, match="not typed"):
            load_model(row["key"])
    with pytest.raises(ModelError, match="'lm9' is unknown; use one of lm1_en"):
        load_model("lm9")
    with pytest.raises(ModelError, match="LM 1"):
        target_model("BK 90")
    with pytest.raises(NotAvailable):
        target_model("LMM")
    assert target_model("3").key == "bk_60_30"


def test_every_load_has_a_source_and_unverified_ones_are_told() -> None:
    for name in ("load_models", "load_model_parts", "fatigue_traffic", "bridge_materials"):
        assert all(row["source"] and row["verified"] in {"yes", "no"} for row in rows(name))
    assert any("not yet checked" in one for one in load_model("lm1_de").remarks)
    assert axle_list("crane", [120.0] * 3, [1.6, 1.6], source="permit").remarks == ()


def test_lanes_follow_the_width() -> None:
    found = {width: lane_layout(width, "en").count for width in (2.5, 5.0, 5.5, 6.0, 9.0, 10.5)}
    assert found == {2.5: 1, 5.0: 1, 5.5: 2, 6.0: 2, 9.0: 3, 10.5: 3}
    assert lane_layout(5.5, "en").lane_m == 2.75
    assert lane_layout(12.0, "din1072").rest_m == 6.0
    with pytest.raises(ModelError, match="width_m is 0"):
        lane_layout(0.0, "en")


def test_a_utilisation_is_a_comparison_and_says_so() -> None:
    given = {"target_level": "LM 1", "width_m": 7.5, "section": Section(8.0)}
    found = utilisation(bridge(), 1000.0, effect="moment", **given)
    assert found.ratio == pytest.approx(1000.0 / found.reference)
    assert "not a proof of resistance" in found.assumptions[0]
    down = utilisation(bridge(), -200.0, effect="moment", **given)
    assert down.reference < 0.0 < down.ratio
    with pytest.raises(NotAvailable, match="choose another section"):
        utilisation(bridge(), 5.0, effect="moment", **{**given, "section": Section(0.0)})
    with pytest.raises(ModelError, match="traffic is nan"):
        utilisation(bridge(), NAN, effect="moment", **given)


def test_an_envelope_needs_sections_and_a_length_for_its_factor() -> None:
    model = load_model("bk_60_30")
    with pytest.raises(ModelError, match="at least one section"):
        envelope(bridge(), model, effect="moment", sections=[], width_m=7.5)
    line = InfluenceLine(5.0, "moment", np.array([0.0, 5.0, 10.0]), np.array([0.0, 2.5, 0.0]))
    imported = LinesModel((line,), "recalculation 2019")
    with pytest.raises(NotAvailable, match="factor_length_m"):
        envelope(imported, model, effect="moment", sections=[Section(5.0)], width_m=7.5)
    found = envelope(
        imported, model, effect="moment", sections=[Section(5.0)], width_m=6.0, factor_length_m=10.0
    )
    assert found.level == "L3"
    assert found.points[0].greatest.value > 0.0


def test_imported_lines_answer_what_they_hold_and_nothing_else() -> None:
    line = InfluenceLine(5.0, "moment", np.array([0.0, 5.0, 10.0]), np.array([0.0, 2.5, 0.0]))
    model = LinesModel((line,), "recalculation 2019")
    assert model.influence(Section(5.0), "moment")[0].level == "L3"
    assert "recalculation 2019" in model.assumptions[0]
    with pytest.raises(NotAvailable, match="moment at 5 m"):
        model.influence(Section(4.0), "moment")
    with pytest.raises(NotAvailable, match="neither mass nor stiffness"):
        model.modes(2)
    with pytest.raises(ModelError, match="source is empty"):
        LinesModel((line,), " ")


def test_temperature_and_settlement_refuse_what_cannot_be() -> None:
    beam, at = bridge().beam, np.array([5.0])
    with pytest.raises(ModelError, match="support 7 does not exist"):
        settled(beam, {7: 0.01}, sections_m=at)
    with pytest.raises(ModelError, match=r"drops_m\[1\] is nan"):
        settled(beam, {1: NAN}, sections_m=at)
    with pytest.raises(ModelError, match="depth_m is 0"):
        gradient(beam, 8.0, depth_m=0.0, expansion_per_k=1e-5, sections_m=at)
    with pytest.raises(ModelError, match="axial_n is -1"):
        restraint_n(10.0, 5.0, expansion_per_k=1e-5, axial_n=-1.0)
    with pytest.raises(ModelError, match="rise") as caught:
        section_temperature(
            np.array([0.0, 0.0]),
            np.array([1.0, -1.0]),
            np.array([1.0, NAN]),
            elastic_pa=0.0,
            expansion_per_k=1e-5,
        )
    assert str(caught.value).count("\n") == 3
