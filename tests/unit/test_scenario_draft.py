"""The draft of the editor: steps, undo, the way into the browser and back, the address."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.widgets.scenario_acts import Event, Setting, absorbed, acted, event_of, imported
from dashboards.widgets.scenario_address import LONGEST_CODE, code_of, scenario_of_code
from dashboards.widgets.scenario_draft import (
    MOST_STEPS,
    Draft,
    Opened,
    draft_of,
    file_of,
    from_store,
    moved_item,
    scenario_of,
    to_store,
    undone,
    with_item,
    without_item,
)
from twin.model.interventions import Intervention
from twin.model.scenarios import Scenario

LIMIT = Intervention("limit_weight", ("B03",), {"mass_t": 16})
CLOSE = Intervention("close_asset", ("B06",))
SETTING = Setting(
    zone="Europe/Berlin", language="de", kind_of=lambda _: "asset", form_problems=lambda _: ()
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)


def written(*interventions: Intervention) -> Draft:
    draft = Draft()
    for one in interventions:
        draft = with_item(draft, 0, one)
    return draft


def act(draft: Draft, do: str, arg: object = "", **fields: object) -> Draft:
    form = "" if draft.opened is None else str(draft.opened.uid)
    event = event_of(
        {"n": 1, "do": do, "arg": str(arg), "form": form, "head": "0", "fields": fields}
    )
    return acted(absorbed(draft, event), event, SETTING).draft


def test_a_measure_is_written_by_its_fields_and_applied():
    draft = act(Draft(), "new")
    draft = act(draft, "type", kind="limit_weight")
    draft = act(draft, "pick", "B03", kind="limit_weight")
    draft = act(draft, "apply", kind="limit_weight", mass_t="16")
    assert scenario_of(draft).interventions == (LIMIT,)
    assert draft.opened is None


def test_every_step_can_be_undone_and_done_again():
    draft = without_item(moved_item(written(LIMIT, CLOSE), 2, -1), 1)
    assert scenario_of(draft).interventions == (CLOSE,)
    steps = [scenario_of(draft)]
    while draft.past:
        draft = undone(draft)
        steps.append(scenario_of(draft))
    assert [len(step.interventions) for step in steps] == [1, 2, 2, 1, 0]
    while draft.future:
        draft = act(draft, "redo")
    assert scenario_of(draft) == steps[0]


def test_the_number_of_a_measure_is_not_given_again():
    draft = with_item(without_item(written(LIMIT), 1), 0, CLOSE)
    assert [item.uid for item in draft.items] == [2]


def test_steps_are_kept_up_to_a_limit():
    assert len(written(*[LIMIT] * (MOST_STEPS + 5)).past) == MOST_STEPS


def test_a_draft_survives_the_browser():
    draft = written(LIMIT, CLOSE)
    draft = act(act(draft, "edit", 1), "type", kind="limit_weight", mass_t="7,")
    assert from_store(json.loads(json.dumps(to_store(draft)))) == draft


@given(json_values)
def test_whatever_the_browser_kept_gives_a_draft(stored):
    assert isinstance(from_store(stored), Draft)
    assert isinstance(from_store({**to_store(written(LIMIT)), "now": stored}), Draft)


@given(json_values)
def test_any_event_leaves_a_draft(data):
    event = event_of(data)
    assert isinstance(acted(absorbed(written(LIMIT), event), event, SETTING).draft, Draft)


def test_fields_of_another_form_are_not_taken():
    draft = act(written(LIMIT), "edit", 1)
    late = Event(do="type", form="0", fields={"kind": "close_asset"})
    assert absorbed(draft, late).opened == draft.opened


def test_another_kind_keeps_the_place_and_what_still_fits():
    draft = Draft(opened=Opened(kind="limit_weight", targets=("B03",), values={"mass_t": "16"}))
    draft = act(draft, "type", kind="limit_axle", mass_t="16")
    assert draft.opened == Opened(kind="limit_axle", targets=("B03",))


def test_a_place_that_the_kind_does_not_take_stays_out():
    draft = Draft(opened=Opened(kind="close_link"))
    assert act(draft, "pick", "B03", kind="close_link").opened == Opened(kind="close_link")


def test_a_turn_keeps_the_two_roads_that_were_picked_last():
    setting = Setting(SETTING.zone, "de", kind_of=lambda _: "link", form_problems=lambda _: ())
    draft = Draft(opened=Opened(kind="turn_ban"))
    for road in ("L1", "L2", "L3"):
        draft = acted(draft, Event(do="pick", arg=road), setting).draft
    assert draft.opened is not None
    assert draft.opened.targets == ("L2", "L3")


def test_a_file_replaces_the_draft_and_undo_brings_it_back():
    text = file_of(Scenario("other", "2018", (CLOSE,)))
    done, problems = imported(written(LIMIT), text, SETTING)
    assert problems == ()
    assert scenario_of(done.draft) == Scenario("other", "2018", (CLOSE,))
    assert scenario_of(undone(done.draft)).interventions == (LIMIT,)


def test_a_spoilt_file_changes_nothing_and_says_why():
    done, problems = imported(written(LIMIT), '{"name": 1}', SETTING)
    assert scenario_of(done.draft).interventions == (LIMIT,)
    assert len(problems) == 3


def test_a_copy_of_nothing_cannot_be_undone_to_nothing():
    assert draft_of(Scenario("a", "today"), before=Draft()).past == ()


def test_a_small_scenario_fits_the_address():
    scenario = Scenario("Brücke zu", "today", (CLOSE, LIMIT))
    assert len(code_of(scenario)) < 300
    assert scenario_of_code(code_of(scenario)) == scenario


def test_a_large_scenario_does_not_fit_the_address():
    many = tuple(Intervention("close_link", (f"{n:x}/{n * 7919:x}",)) for n in range(2000))
    assert code_of(Scenario("many", "today", many)) == ""


@given(st.text("ABCabc012-_", max_size=LONGEST_CODE))
def test_no_code_is_an_error(code):
    assert scenario_of_code(code) is None or code


@pytest.mark.parametrize("uid", ["x", "-1", "99", ""])
def test_a_measure_that_is_not_there_is_not_removed(uid):
    assert act(written(LIMIT), "remove", uid) == written(LIMIT)
