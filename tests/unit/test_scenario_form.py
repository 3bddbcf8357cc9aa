"""Forms from the tables, problems at their fields, the picker, past runs and the card of a run."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dashboards.i18n.translate import Texts, catalogue
from dashboards.widgets.scenario_draft import Opened
from dashboards.widgets.scenario_form import FormView, measure_form
from dashboards.widgets.scenario_job import (
    announcement,
    job_card,
    members_of,
    past_of,
    start,
)
from dashboards.widgets.scenario_picker import Choice, list_of, lists_for, matching
from dashboards.widgets.scenario_problems import KEYS, TARGETS, told
from dashboards.widgets.scenario_values import (
    fields_of,
    intervention_of,
    number_of,
    opened_of,
)
from twin.model.interventions import Intervention, kinds, problems
from twin.model.questions import measure_options
from twin.model.scenarios import Run, Scenario
from twin.model.tables import rows
from twin.model.targets import TargetNames, unknown_targets, without_effect

DE, EN = Texts("de"), Texts("en")
ASKED = datetime(2026, 11, 22, 8, tzinfo=UTC)
RUN = Run(
    id=7, scenario=Scenario("a", "today"), engine="measures", version="1", input_hash="x", seed=0,
    status="done", submitted_at=ASKED, base="ab12", ended_at=ASKED + timedelta(seconds=4),
    options=measure_options(relative_gap=1e-6, members=50, seed=0, bridges="b"),
)  # fmt: skip


def words(parts: object) -> str:
    return str(parts)


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("key", list(kinds()))
def test_every_kind_has_a_form_with_a_field_for_each_parameter(key, language):
    form = words(measure_form(FormView(Opened(kind=key)), Texts(language)))
    for name in kinds()[key].parameters:
        assert f"field-{name}" in form
    assert (f"field-{TARGETS}" in form) is (kinds()[key].target != "none")


def test_every_kind_is_in_one_group_and_every_group_holds_known_kinds():
    grouped = [key for row in rows("intervention_groups") for key in row["kinds"].split("|")]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == set(kinds())


def test_every_problem_has_its_words():
    assert {f"scenario_problem.{key}" for key in KEYS} <= set(catalogue("en"))


SPOILT = [
    (Intervention("limit_weight", ("B1",), {"mass_t": -3.0}), "mass_t"),
    (Intervention("limit_weight", ("B1",), {"mass_t": 2e9}), "mass_t"),
    (Intervention("limit_weight", ("B1",), {"mass_t": float("inf")}), "mass_t"),
    (Intervention("limit_weight", ("B1",)), "mass_t"),
    (Intervention("limit_weight", (), {"mass_t": 16}), TARGETS),
    (Intervention("limit_weight", ("B1", "B1"), {"mass_t": 16}), TARGETS),
    (Intervention("limit_weight", ("B\x00",), {"mass_t": 16}), TARGETS),
    (Intervention("close_lane", ("B1",), {"lanes": 1.5}), "lanes"),
    (Intervention("close_lane", ("B1",), {"lanes": 0}), "lanes"),
    (Intervention("close_direction", ("B1",), {"direction": "up"}), "direction"),
    (Intervention("class_ban", ("B1",), {"classes": ()}), "classes"),
    (Intervention("class_ban", ("B1",), {"classes": ("bus", "bus")}), "classes"),
    (Intervention("capacity_factor", ("B1",), {"factor": 0}), "factor"),
    (Intervention("turn_ban", ("L1",)), TARGETS),
    (
        Intervention("close_asset", ("B1",), {}, valid_from=ASKED, valid_until=ASKED),
        "valid_until",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("item", "field"), SPOILT)
def test_what_is_wrong_with_a_measure_stands_at_its_field_in_german(item, field):
    found = told((f"intervention 1 ({item.kind}): {one}" for one in problems(item)), DE)
    assert {one.field for one in found} == {field}
    assert not any(one.is_english for one in found)


def test_what_a_base_does_not_know_is_said_with_what_was_probably_meant():
    names = TargetNames(links=("L1/ab",), assets=("B1",), zones=(), classes=("bus",))
    spoilt = Scenario(
        "x", "today",
        (
            Intervention("close_link", ("L1/ba",)),
            Intervention("class_ban", ("B1",), {"classes": ("lorry",)}),
        ),
    )  # fmt: skip
    first, second = told(unknown_targets(spoilt, names), DE)
    assert (first.number, first.field, second.field) == (1, TARGETS, "classes")
    assert "L1/ab" in first.text


def test_a_scenario_without_a_measure_is_only_incomplete():
    (one,) = told(without_effect(Scenario("x", "today")), EN)
    assert (one.number, one.is_missing, one.is_english) == (0, True, False)


def test_a_sentence_without_words_is_shown_as_it_is():
    (one,) = told(["the moon is wrong"], DE)
    assert (one.text, one.is_english) == ("the moon is wrong", True)


def test_a_measure_comes_back_from_its_form_as_it_went_in():
    item = Intervention(
        "limit_weight", ("B03",), {"mass_t": 7.5, "except_classes": ("bus",)}, valid_from=ASKED
    )
    form = opened_of(3, item, zone="Europe/Berlin", language="de")
    assert form.values["mass_t"] == "7,5"
    assert intervention_of(form, "Europe/Berlin") == (item, ())


@pytest.mark.parametrize("text", ["", "x", "1e5", "1.000,5", "--1", "NaN", "7t"])
def test_what_is_no_number_is_not_read_as_one(text):
    assert number_of(text) is None
    form = Opened(kind="limit_weight", values={"mass_t": text})
    assert [one.field for one in intervention_of(form, "UTC")[1]] == (["mass_t"] if text else [])


def test_the_picker_shows_what_the_kind_takes():
    assert lists_for(Opened(kind="close_link")) == ("roads",)
    assert list_of(Opened(kind="close_link"), "bridges") == "roads"
    assert list_of(Opened(kind="scale_demand"), "roads") == "zones"
    assert list_of(None, "zones") == "bridges"


def test_a_street_is_found_without_its_umlauts():
    found = [Choice("L1/ab", "Königsbrücker Straße, stadteinwärts"), Choice("L2/ab", "Ring")]
    assert matching(found, "koenigsbruecker") == found[:1]
    assert matching(found, "l2/AB") == found[1:]


def test_the_time_of_a_run_is_told_by_runs_of_the_same_base_and_size():
    slow = replace(RUN, id=6, ended_at=ASKED + timedelta(seconds=10))
    other = replace(RUN, base="cd34")
    found = past_of([RUN, slow, other, replace(RUN, status="failed")], "ab12", 50)
    assert found is not None
    assert (found.seconds, found.runs) == (7.0, 2)
    assert past_of([RUN], "ab12", 0) is None
    assert "noch keine Erfahrung" in words(start((), (found, None), is_possible=True, texts=DE))


def test_a_failed_run_says_its_reason_in_words():
    failed = replace(RUN, status="failed", message="this run needs about 9 GB memory, 1 GB allowed")
    card = words(job_card(failed, ASKED, DE))
    assert DE("scenario_failed.memory") in card
    assert "9 GB" in card
    assert words(job_card(None, ASKED, DE)) == "[]"


def test_progress_is_announced_by_quarters():
    running = replace(RUN, status="running", ended_at=None)
    said = [announcement(replace(running, progress=share), EN) for share in (0.3, 0.4, 0.51)]
    assert said[0] == said[1] != said[2]


def test_members_of_a_run_that_says_nothing_are_none():
    assert [members_of(replace(RUN, options=text)) for text in ("", "[]", "{", "{}")] == [0] * 4


def test_all_fields_of_a_form_are_known_by_name():
    assert list(fields_of(kinds()["speed"])) == [
        "targets",
        "speed_kmh",
        "valid_from",
        "valid_until",
    ]
