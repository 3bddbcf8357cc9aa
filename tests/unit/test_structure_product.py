"""Structural models of recorded bridges: level, refusal, calibration, versions, what is shown."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from structure_city import (
    BRIDGE_ID,
    FACTS,
    START,
    Clock,
    frequency_stream,
    hear,
    structure_city,
    structure_twin,
)

from dashboards.api.structure_documents import structure_documents
from dashboards.bridge_figures import Asked, figure_of
from dashboards.i18n.translate import Texts
from dashboards.widgets.structure import structure_section
from simulations.bridges import structures
from simulations.bridges.command import document, text
from simulations.bridges.derived import readings_of
from simulations.bridges.rounds import Rounds
from twin.bridge_view import read_bridge
from twin.city import Twin
from twin.errors import ModelError, RegistryError
from twin.model.bridge import PartStructure
from twin.model.bridge_status import NAME as STATUS
from twin.model.bridge_status import status_of
from twin.model.findings import MonitoringState
from twin.model.inspection import Condition, Inspection
from twin.model.monitoring import AnalysisOutcome
from twin.model.provenance import Provenance
from twin.model.records import InventoryRecord
from twin.model.statements import statement
from twin.model.structure_state import StructureState, parts_of
from twin.model.times import to_us

F1_HZ = 3.218228
"""Of the truth case (specification 5.3): 30 m, 51 GN m2, 15 t/m."""
MODES = (frequency_stream(1), frequency_stream(2))


def computed(twin: Twin, name: str = "structure") -> StructureState:
    Rounds(twin, [structures.ANALYSIS]).all_due()
    kept = twin.bridges.state(BRIDGE_ID, name)
    assert kept is not None
    (found,) = parts_of(kept)
    return found


def of(facts: Mapping[str, float | str]) -> StructureState:
    return computed(structure_twin(facts, Clock(START)))


def without(*names: str) -> dict[str, float | str]:
    return {name: value for name, value in FACTS.items() if name not in names}


def test_spans_system_and_section_make_a_beam_of_level_1() -> None:
    found = of(FACTS)
    assert (found.level, found.version, found.refusal, found.missing) == ("L1", None, "", ())
    assert found.spans_m == (30.0,)
    assert "not a proof of resistance" in found.assumptions[0]
    assert {item.name for item in found.facts} >= {"spans_m", "section_type", "mass_t_m"}
    assert {item.origin for item in found.facts} == {"estimated"}
    first = found.first_frequency
    assert first is not None
    assert first.low_hz < first.predicted_hz < first.high_hz


def test_length_and_number_of_spans_are_for_ranking_only() -> None:
    facts = without("spans_m", "section_type", "structural_depth_m", "static_system")
    found = of(facts | {"span_count": 3.0, "total_length_m": 90.0})
    assert found.level == "L0"
    assert any("for ranking only" in one for one in found.assumptions)
    assert ("L1", "spans") in found.missing
    assert len(found.spans_m) == 3


@pytest.mark.parametrize(
    ("changes", "reason", "missing"),
    [
        ({"static_system": "3"}, "static system 3", [("L3", "recalculation")]),
        (
            {"static_system": "2", "structural_system": "sandstone arch"},
            "arch carries by thrust",
            [("L3", "recalculation")],
        ),
        ({"skew_deg": 35.0}, "skew of 35", [("L3", "recalculation")]),
        ({"plan": "curved"}, "curved in plan", [("L3", "recalculation")]),
        ({"static_system": "1.3.1"}, "hinges whose stations", [("L1", "hinges")]),
        ({"mass_t_m": -1.0}, "mass_t_m = -1 t/m", []),
    ],
)
def test_what_no_beam_stands_for_is_kept_with_its_reason(
    changes: Mapping[str, float | str], reason: str, missing: list[tuple[str, str]]
) -> None:
    found = of({**FACTS, **changes})
    assert found.level is None
    assert reason in found.refusal
    assert set(missing) <= set(found.missing)
    assert found.effects == found.lines == found.frequencies == ()


def test_a_part_that_is_gone_has_no_model_and_another_has_one() -> None:
    twin = structure_twin(FACTS, Clock(START))
    where = Provenance("sourced", references=("1",))
    parts = [
        InventoryRecord(
            BRIDGE_ID, "part_structure", part, PartStructure("1", part, stage=stage), where, part
        )
        for part, stage in (("A", "4"), ("B", "3"))
    ]
    twin.bridges.book.add(parts, at=START)
    Rounds(twin, [structures.ANALYSIS]).all_due()
    gone, there = read_bridge(twin, BRIDGE_ID).structure
    assert (gone.part, gone.level, gone.missing) == ("A", None, ())
    assert "no longer there" in gone.refusal
    assert (there.part, there.level) == ("B", "L1")


def test_a_model_is_computed_anew_only_where_its_input_has_changed() -> None:
    clock = Clock(START)
    twin = structure_twin(FACTS, clock)
    first = computed(twin)
    clock.now += timedelta(hours=7)
    assert computed(twin) == first
    assert twin.bridges.state(BRIDGE_ID, STATUS)
    other = structure_twin({**FACTS, "width_m": 10.0}, clock)
    assert computed(other).input_hash != first.input_hash


def test_measured_frequencies_calibrate_and_are_registered() -> None:
    clock = Clock(START)
    twin = structure_twin(FACTS, clock, MODES)
    for mode in (1, 2):
        hear(twin, mode, 1.02 * mode**2 * F1_HZ, until=START)
    found = computed(twin)
    note = found.calibration
    assert note is not None
    assert (found.level, found.version) == ("L1", 1)
    first = found.first_frequency
    assert first is not None
    assert note.factor == pytest.approx((1.02 * F1_HZ / first.predicted_hz) ** 2, rel=1e-4)
    assert note.residual == pytest.approx(0.0, abs=1e-4)
    assert note.deviation is not None
    assert first.calibrated_hz == pytest.approx(first.measured_hz, rel=1e-4)
    (model,) = twin.bridges.models(BRIDGE_ID)
    assert (model.name, model.version, model.metric[2]) == ("structure", 1, 2)
    assert model.valid == {"factor": (0.5, 2.0)}
    assert json.loads(model.content)["calibration"]["factor"] == note.factor
    assert any("their order" in one for one in found.assumptions)


def test_a_calibration_does_not_follow_a_frequency_that_moves() -> None:
    clock = Clock(START)
    twin = structure_twin(FACTS, clock, MODES[:1])
    hear(twin, 1, F1_HZ, until=START)
    first = computed(twin)
    clock.now += timedelta(hours=48)
    hear(twin, 1, 1.01 * F1_HZ, until=clock.now, hours=40)
    near = computed(twin)
    shown, before = near.first_frequency, first.first_frequency
    assert shown is not None
    assert before is not None
    assert (shown.measured_hz or 0.0) > (before.measured_hz or 0.0)
    assert replace(near, frequencies=()) == replace(first, frequencies=())
    for _ in range(2):
        clock.now += timedelta(hours=7)
        assert computed(twin) == near
    clock.now += timedelta(days=80)
    hear(twin, 1, 0.9 * F1_HZ, until=clock.now, hours=900)
    later = computed(twin)
    assert later.version == first.version == 1
    assert later.calibration == first.calibration
    one, other = first.first_frequency, later.first_frequency
    assert one is not None
    assert other is not None
    assert other.calibrated_hz == one.calibrated_hz
    assert other.basis_hz == one.basis_hz == one.measured_hz
    assert (other.measured_hz or 0.0) < 0.95 * (one.measured_hz or 0.0)
    assert any("has moved by -" in said for said in later.assumptions)
    assert first.calibration is not None
    assert first.calibration.deviation is None


def test_a_recorded_day_calibrates_anew_and_the_old_version_stays() -> None:
    clock = Clock(START)
    twin = structure_twin(FACTS, clock, MODES[:1])
    hear(twin, 1, F1_HZ, until=START)
    first = computed(twin)
    clock.now += timedelta(days=60)
    hear(twin, 1, 1.2 * F1_HZ, until=clock.now, hours=400)
    day = f"{clock.now - timedelta(days=20):%Y-%m-%d}"
    twin.load(structure_city({**FACTS, "structure_calibrated_from": day}, MODES[:1]))
    second = computed(twin)
    assert (first.version, second.version) == (1, 2)
    assert second.first_frequency is not None
    assert second.first_frequency.basis_hz == pytest.approx(1.2 * F1_HZ)
    assert computed(twin, "structure@1") == first
    assert [item.version for item in twin.bridges.models(BRIDGE_ID)] == [1, 2]


def test_a_calibration_that_was_lost_with_its_state_is_found_in_the_register() -> None:
    clock = Clock(START)
    twin = structure_twin(FACTS, clock, MODES[:1])
    hear(twin, 1, F1_HZ, until=START)
    first = computed(twin)
    again = structure_twin(FACTS, clock, MODES[:1])
    hear(again, 1, F1_HZ, until=START)
    models = tuple(twin.bridges.models(BRIDGE_ID))
    again.bridges.keep(AnalysisOutcome(models=models), at=START)
    assert computed(again).version == first.version == 1
    assert len(again.bridges.models(BRIDGE_ID)) == 1


def test_a_factor_out_of_the_band_is_refused_unless_somebody_records_why() -> None:
    clock = Clock(START)
    twin = structure_twin(FACTS, clock, MODES[:1])
    hear(twin, 1, 2.0 * F1_HZ, until=START)
    found = computed(twin)
    assert found.version is None
    assert found.calibration is not None
    assert "outside of 0.5 to 2" in found.calibration.refusal
    assert not twin.bridges.models(BRIDGE_ID)
    accepted = structure_twin(
        {**FACTS, "structure_override": "bridge-office; stiff parapets"}, clock, MODES[:1]
    )
    hear(accepted, 1, 2.0 * F1_HZ, until=START)
    found = computed(accepted)
    assert found.version == 1
    assert found.calibration is not None
    assert found.calibration.override == "bridge-office: stiff parapets"
    assert any("accepted by bridge-office" in one for one in found.assumptions)


def test_an_override_without_a_reason_is_refused_by_name() -> None:
    twin = structure_twin({**FACTS, "structure_override": "bridge-office"}, Clock(START))
    Rounds(twin, [structures.ANALYSIS]).all_due()
    kept = twin.bridges.state(BRIDGE_ID, STATUS)
    assert kept is not None
    (status,) = status_of(kept).analyses
    assert status.state is MonitoringState.NOT_ARMED
    assert "structure_override" in str(status.reason)


def compensate(twin: Twin, hz: float, *, until: datetime, hours: int = 40) -> None:
    """Hourly values of the first mode without temperature that end an hour before a time."""
    derived = twin.datastream(f"{BRIDGE_ID}.natural_frequency_1-compensated")
    times = np.array([to_us(until - timedelta(hours=back)) for back in range(hours, 0, -1)])
    readings = readings_of(derived, times, np.full(hours, hz))
    twin.bridges.keep(AnalysisOutcome(readings=readings), at=until)


BOTH = (*MODES[:1], frequency_stream(1, is_compensated=True))


def test_a_falling_frequency_with_gaps_in_the_compensated_stream_keeps_version_1() -> None:
    clock = Clock(START)
    twin = structure_twin(FACTS, clock, BOTH)
    hear(twin, 1, F1_HZ, until=START)
    compensate(twin, F1_HZ, until=START)
    first = computed(twin)
    assert first.version == 1
    for days, share, is_compensated in (
        (35, 0.914, True),
        (40, 0.914, False),
        (35, 0.90, True),
        (40, 0.88, False),
    ):
        clock.now += timedelta(days=days)
        hear(twin, 1, share * F1_HZ, until=clock.now, hours=480)
        if is_compensated:
            compensate(twin, share * F1_HZ, until=clock.now)
        found = computed(twin)
        assert (found.version, found.calibration) == (1, first.calibration)
        now, before = found.first_frequency, first.first_frequency
        assert now is not None
        assert before is not None
        assert (now.basis_hz, now.calibrated_hz) == (before.basis_hz, before.calibrated_hz)
        assert now.basis_channel == before.channel
        assert now.is_compensated == is_compensated
        assert any("has moved by -" in one for one in found.assumptions)
        other = [one for one in found.assumptions if "may be temperature" in one]
        assert bool(other) != is_compensated
    assert [item.version for item in twin.bridges.models(BRIDGE_ID)] == [1]


def test_a_calibration_outlives_the_values_it_was_made_of() -> None:
    clock = Clock(START)
    twin = structure_twin(FACTS, clock, BOTH[:1])
    hear(twin, 1, F1_HZ, until=START)
    first = computed(twin)
    silent = structure_twin(FACTS, clock, BOTH[:1])
    kept = [twin.bridges.state(BRIDGE_ID, name) for name in ("structure", "structure@1")]
    states = tuple(item for item in kept if item is not None)
    models = tuple(twin.bridges.models(BRIDGE_ID))
    silent.bridges.keep(AnalysisOutcome(states=states, models=models), at=START)
    found = computed(silent)
    assert (found.version, found.calibration) == (1, first.calibration)
    frequency = found.first_frequency
    assert frequency is not None
    assert (frequency.measured_hz, frequency.basis_hz) == (None, pytest.approx(F1_HZ))


def test_a_corrected_fact_makes_a_new_version_on_the_old_frequency() -> None:
    clock = Clock(START)
    twin = structure_twin(FACTS, clock, BOTH[:1])
    hear(twin, 1, F1_HZ, until=START)
    first = computed(twin)
    clock.now += timedelta(days=400)
    hear(twin, 1, 0.9 * F1_HZ, until=clock.now, hours=200)
    twin.load(structure_city({**FACTS, "mass_t_m": -1.0}, BOTH[:1]))
    Rounds(twin, [structures.ANALYSIS]).all_due()
    clock.now += timedelta(hours=7)
    twin.load(structure_city({**FACTS, "mass_t_m": 14.0}, BOTH[:1]))
    second = computed(twin)
    one, other = first.first_frequency, second.first_frequency
    assert one is not None
    assert other is not None
    assert (first.version, second.version) == (1, 2)
    assert other.basis_hz == one.basis_hz == pytest.approx(F1_HZ)


def test_compensated_frequencies_come_before_raw_ones_and_leave_the_calibration() -> None:
    clock = Clock(START)
    twin = structure_twin(FACTS, clock, BOTH)
    hear(twin, 1, F1_HZ, until=START)
    raw = computed(twin).first_frequency
    assert raw is not None
    assert (raw.channel, raw.is_compensated) == (f"{BRIDGE_ID}.natural_frequency_1", False)
    derived = twin.datastream(f"{BRIDGE_ID}.natural_frequency_1-compensated")
    compensate(twin, 0.99 * F1_HZ, until=START)
    clock.now += timedelta(hours=7)
    found = computed(twin)
    first = found.first_frequency
    assert first is not None
    assert (first.channel, first.is_compensated) == (derived.uid, True)
    assert first.measured_hz == pytest.approx(0.99 * F1_HZ)
    assert (found.version, first.basis_channel) == (1, raw.channel)
    assert any("may be temperature" in one for one in found.assumptions)
    fresh = structure_twin(FACTS, clock, BOTH)
    hear(fresh, 1, F1_HZ, until=START)
    compensate(fresh, 0.99 * F1_HZ, until=START)
    assert any("without temperature" in one for one in computed(fresh).assumptions)


def test_utilisation_is_the_ratio_to_the_recorded_target_level_and_nothing_without_one() -> None:
    assert {item.ratio for item in of(FACTS).effects} == {None}
    found = of({**FACTS, "target_load_level": "BK 60/30"})
    assert found.target == "bk_60_30"
    ratios = {(item.load_model, item.effect, item.station_m): item.ratio for item in found.effects}
    assert ratios["bk_60_30", "moment", 15.0] == pytest.approx(1.0)
    by = {item.load_model: item for item in found.effects if item.effect == "moment"}
    expected = by["lm1_de"].greatest / by["bk_60_30"].greatest
    assert ratios["lm1_de", "moment", 15.0] == pytest.approx(expected)
    assert of({**FACTS, "target_load_level": "LMM"}).target == ""


def test_many_spans_keep_the_sections_that_decide() -> None:
    spans = "+".join(["20"] * 14)
    found = of({**FACTS, "spans_m": spans, "total_length_m": 280.0, "static_system": "1.3"})
    assert len([line for line in found.lines if line.effect == "moment"]) == 16
    assert len([line for line in found.lines if line.effect == "shear"]) == 8


def test_an_inspection_that_lies_ahead_counts_for_nothing() -> None:
    clock = Clock(START)
    twin = structure_twin({}, clock, MODES)
    day = clock().date()
    done = Inspection("3", end=day - timedelta(days=400), status="5", condition=Condition(2.3))
    ahead = Inspection("3", end=day + timedelta(days=1500), status="5", condition=Condition(1.0))
    for key, content in (("1", done), ("2", ahead)):
        record = InventoryRecord(BRIDGE_ID, "inspection", key, content, Provenance("estimated"))
        twin.bridges.book.add([record], at=clock())
    view = read_bridge(twin, BRIDGE_ID)
    assert [one.content for one in view.conditions] == [done]
    assert {due.counted_from for _, due in view.due if due.kind == "3"} == {done}


@pytest.mark.parametrize("language", ["de", "en"])
def test_page_command_and_interface_tell_the_same(language: str) -> None:
    clock = Clock(START)
    twin = structure_twin({**FACTS, "target_load_level": "2"}, clock, MODES)
    hear(twin, 1, 1.02 * F1_HZ, until=START)
    state = computed(twin)
    view = read_bridge(twin, BRIDGE_ID)
    shown = str(structure_section(view, Texts(language)))
    printed = text(view, language=language)
    (answer,) = structure_documents(view.structure, language=language)
    proof = "kein Tragfähigkeitsnachweis" if language == "de" else "not a proof of resistance"
    assert proof in shown
    assert proof in printed
    assert answer["is_proof_of_resistance"] is False
    for one in state.assumptions:
        assert statement(one).key, one
        assert statement(one).said(language)[1:] in shown
    assert json.dumps(document(view, language=language))
    assert json.dumps(answer)
    drawn = figure_of(twin, Asked(BRIDGE_ID, "influence", "moment."), Texts(language))
    assert drawn.svg.startswith("<svg")
    assert max(float(row[3] or 0.0) for row in drawn.rows) == pytest.approx(7.5)
    with pytest.raises(RegistryError, match="no influence lines"):
        figure_of(twin, Asked(BRIDGE_ID, "influence", "moment.7"), Texts(language))


@pytest.mark.parametrize("language", ["de", "en"])
def test_a_refusal_is_told_with_what_would_help(language: str) -> None:
    twin = structure_twin(without("spans_m", "total_length_m"), Clock(START))
    computed(twin)
    view = read_bridge(twin, BRIDGE_ID)
    wanted = "Stützweiten" if language == "de" else "all spans"
    for shown in (str(structure_section(view, Texts(language))), text(view, language=language)):
        assert wanted in shown
    empty = replace(view, structure=())
    assert structure_section(empty, Texts(language))


def test_a_damaged_record_is_refused_and_computed_anew() -> None:
    clock = Clock(START)
    twin = structure_twin(FACTS, clock)
    computed(twin)
    kept = twin.bridges.state(BRIDGE_ID, "structure")
    assert kept is not None
    with pytest.raises(ModelError, match="damaged"):
        parts_of(replace(kept, content=b'[{"part": 3}]'))
    with pytest.raises(ModelError, match="format 9"):
        parts_of(replace(kept, format_version=9))


def test_settlement_and_temperature_stand_beside_the_loads_with_what_they_assume() -> None:
    facts = {**FACTS, "static_system": "1.3", "spans_m": "30+30", "total_length_m": 60.0}
    found = of({**facts, "target_load_level": "3"})
    at_support = {
        one.case: one for one in found.imposed if (one.effect, one.station_m) == ("moment", 30.0)
    }
    assert list(at_support) == ["settlement", "warm_slab", "cool_slab"]
    settled, warm, cool = at_support.values()
    assert settled.greatest == pytest.approx(-2.0 * settled.least)
    assert warm.greatest / cool.greatest == pytest.approx(-15.0 / 8.0)
    model = next(
        one
        for one in found.effects
        if (one.load_model, one.effect, one.station_m) == ("bk_60_30", "moment", 30.0)
    )
    assert settled.ratio == pytest.approx(settled.greatest / max(model.greatest, -model.least))
    words = "; ".join(statement(one).said("de") for one in found.imposed_assumptions)
    assert "nicht gemessen und keine Vorhersage" in words
    assert "das 0,5- bis 2-Fache" in words
    assert "15 K über 1,2 m Höhe" in words


def test_a_beam_that_follows_freely_says_so_and_without_a_depth_there_is_no_temperature() -> None:
    found = of(FACTS)
    assert found.imposed == ()
    assert statement(found.imposed_assumptions[0]).said("en").endswith("free to follow them")
    two = {"static_system": "1.3", "spans_m": "30+30", "total_length_m": 60.0}
    other = of({**without("section_type", "structural_depth_m"), **two, "material": "concrete"})
    assert {one.case for one in other.imposed} == {"settlement"}
    assert "no temperature case" in other.imposed_assumptions[-1]


@pytest.mark.parametrize("language", ["de", "en"])
def test_every_table_of_the_page_names_its_level_and_the_cases_are_shown(language: str) -> None:
    facts = {**FACTS, "static_system": "1.3", "spans_m": "30+30", "total_length_m": 60.0}
    twin = structure_twin(facts, Clock(START))
    Rounds(twin, [structures.ANALYSIS]).all_due()
    view = read_bridge(twin, BRIDGE_ID)
    shown = str(structure_section(view, Texts(language, "Europe/Berlin")))
    level = {"de": "Stufe L1, dazu", "en": "level L1, with"}[language]
    assert shown.count(level) == 2 * 6  # caption and name of each table
    case = {"de": "oben um 15 K wärmer", "en": "top warmer by 15 K"}[language]
    assert case in shown
    assert case in text(view, language=language)
    (served,) = structure_documents(view.structure, language=language)
    assert str(served["imposed"]).count("warm_slab") == len(view.structure[0].imposed) // 3 > 0
