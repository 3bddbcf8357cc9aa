"""Sentences of the traffic model: what a solver writes is known in both languages."""

import re
from dataclasses import replace
from typing import cast

import pytest

from simulations.answering import answer
from simulations.telling import report_text
from simulations.traffic import compare, handover, selectlink
from simulations.traffic.detail import check, uxsim
from simulations.traffic.edits import apply
from simulations.traffic.engine import engine
from simulations.traffic.examples import two_routes
from simulations.traffic.fit import PRESETS, Score, objections
from twin.model.bases import TrafficBase
from twin.model.interventions import Intervention
from twin.model.scenarios import Scenario
from twin.model.statements import german_value, in_language, statement
from twin.model.tables import rows
from twin.model.traffic import SolveOptions

PLACE = re.compile(r"\{(\w+)\}")
TABLE = rows("run_sentences")


def test_no_key_is_given_twice_and_both_languages_have_the_same_values() -> None:
    assert len({row["key"] for row in TABLE}) == len(TABLE)
    for row in TABLE:
        assert sorted(PLACE.findall(row["english"])) == sorted(PLACE.findall(row["german"]))


@pytest.mark.parametrize("row", TABLE, ids=[row["key"] for row in TABLE])
def test_every_sentence_is_recognised_as_itself(row: dict[str, str]) -> None:
    values = {name: f"{number}{name}" for number, name in enumerate(PLACE.findall(row["english"]))}
    found = statement(row["english"].format(**values))
    assert (found.key, dict(found.values)) == (row["key"], values)
    assert "{" not in found.german


def test_a_sentence_of_a_plugin_stands_for_itself() -> None:
    found = statement("queues are drawn by lot")
    assert (found.key, found.said("de")) == ("", "queues are drawn by lot")
    assert in_language({"en": "a", "de": "b"}, "en") == "a"


def test_constant_sentences_are_in_the_table() -> None:
    constants = [
        compare.FIXED_DEMAND,
        selectlink.ONE_SOLUTION,
        *check.ASSUMPTIONS,
        *uxsim.ASSUMPTIONS,
        handover._EQUAL_LANES,
        handover._OBEY,
        handover._NO_ESTIMATE,
    ]
    assert [text for text in constants if not statement(text).key] == []


def test_what_measures_say_is_in_the_table() -> None:
    network, demand = two_routes()
    found = apply(
        network,
        demand,
        Scenario(
            "all at once",
            "today",
            (
                Intervention("close_lane", ("B1",), {"lanes": 1}),
                Intervention("limit_weight", ("B1",), {"mass_t": 20.0, "obey_share": 0.5}),
                Intervention("limit_weight", ("B1",), {"mass_t": 30.0}),
                Intervention("change_stiffness", ("B1",), {"factor": 0.5}),
                Intervention("scale_demand", (), {"factor": 1.0}),
                Intervention("close_asset", ("B1",)),
                Intervention("close_asset", ("B1",)),
            ),
        ),
    )
    said = [*found.assumptions, *found.warnings]
    assert len(said) > 4
    assert [text for text in said if not statement(text).key] == []
    assert not any("intervention" in statement(text).german for text in said)


def test_what_an_equilibrium_says_is_in_the_table() -> None:
    network, demand = two_routes()
    closed = Scenario("closed", "today", (Intervention("close_asset", ("B1",)),))
    result = engine.solve(network, demand, closed, options=SolveOptions())
    said = [*result.assumptions, *result.warnings]
    assert said
    assert [text for text in said if not statement(text).key] == []


def test_why_a_base_is_not_calibrated_is_in_the_table() -> None:
    score = Score(rows=4, share_good=0.5, rmse_percent=30.0, bias=-0.2, geh_90=12.0)
    said = [
        text
        for preset in PRESETS.values()
        for text in objections(score, score, preset=preset, share_good=0.5)
    ]
    none = replace(score, rows=0)
    said += objections(none, none, preset=next(iter(PRESETS.values())), share_good=0.0)
    assert len(said) > 3
    assert [text for text in said if not statement(text).key] == []


def test_german_values_have_a_comma_and_a_day_before_its_month() -> None:
    assert german_value("1,234.5") == "1.234,5"
    assert german_value("2024-09-11 02:00") == "11.09.2024 02:00"
    assert german_value("close_asset") == "Bauwerk sperren"


def test_an_answer_in_german_holds_no_english_sentence() -> None:

    network, demand = two_routes()
    base = TrafficBase(network, demand, engine.solve(network, demand, options=SolveOptions()))
    lane = Scenario("Bau", "today", (Intervention("close_lane", ("B1",), {"lanes": 1}),))
    found = answer(base, engine, scenario=lane, options=SolveOptions())
    report = found.report()
    german = report_text(report, language="de", names={})
    assert "feste Nachfrage" in german
    for said in cast("list[dict[str, str]]", report["assumptions"]):
        assert said["key"]
        assert said["en"] not in german
        assert said["en"] in report_text(report, language="en", names={})
