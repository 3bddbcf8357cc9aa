"""Advice for a target of damage at a recorded detail of a bridge of the demo city."""

from dataclasses import replace
from typing import Any

import pytest
from measure_city import measure_city, settings
from measure_web import LIMITS

from simulations.advising import AdviceRuns
from simulations.measures.advice_outcome import outcome_of
from simulations.measuring import MeasureRuns
from simulations.running import OpenBases, solve
from simulations.worker import installed_solvers
from twin.advice_shelf import ADVICE_ENGINE
from twin.city import Twin
from twin.errors import RegistryError, ScenarioError
from twin.exchange.folder import read_city
from twin.measure_shelf import ENGINE
from twin.model.advice import AdviceQuestion, Target
from twin.model.assets import Asset, Attribute
from twin.model.provenance import Provenance
from twin.model.scenarios import from_document

SECTION = Attribute(
    "fatigue_section_midspan", "122.5;0.35;71;steel", "", Provenance("estimated", by="test")
)


@pytest.fixture(scope="module")
def twin() -> Twin:
    """The demo city; the Flügelwegbrücke has a detail in the middle of its main span."""
    found, _ = measure_city()
    own = settings()
    city = read_city(own.folder, own.city)
    found.load(replace(city, assets=tuple(_with_section(asset) for asset in city.assets)))
    return found


def _with_section(asset: Asset) -> Asset:
    if asset.id != "B03":
        return asset
    return replace(asset, attributes=(*asset.attributes, SECTION))


def advised(twin: Twin, question: AdviceQuestion) -> dict[str, Any]:
    run = twin.advice.ask(question)
    claimed = twin.claim_run((ADVICE_ENGINE,), only=run.id)
    assert claimed is not None
    solve(twin, claimed, AdviceRuns(LIMITS, OpenBases()))
    done = twin.run(run.id)
    assert done.status == "done", done.message
    return dict(twin.advice.document(run.id) or {})


def test_a_limit_reaches_a_target_of_damage_and_a_looser_one_that_misses_ends_the_search(
    twin: Twin,
) -> None:
    document = advised(twin, AdviceQuestion("B03", Target(damage_share=0.3)))
    assert document["today"]["damage"] == "assessed"
    first = document["ranks"][0]
    assert first["reaches"]
    assert first["damage_share"] <= 0.3
    assert document["answer"][0]["de"].endswith("die beste steht vorn.")
    limits = {
        one["measures"][0]["parameters"]["mass_t"]: one["damage_share"]
        for one in document["ranks"]
        if one["measures"][0]["family"] == "weight_limit" and len(one["measures"]) == 1
    }
    shares = [limits[mass] for mass in sorted(limits)]
    assert shares == sorted(shares)
    for rank in document["ranks"]:
        figures = [rank["damage_share"], rank["vehicle_h"], rank["reaches"]]
        assert (None in figures) == (rank["unserved_vehh"] is None)
        assert rank["reasons"]
    ranked = [one for one in document["ranks"] if one["unserved_vehh"] is not None]
    assert all(len(one["reasons"]) >= 4 for one in ranked)


def test_figures_of_a_rank_are_those_of_its_scenario_as_an_ordinary_run(twin: Twin) -> None:
    question = AdviceQuestion("B07", Target(above_t=30.0, crossings_vehd=200.0))
    document = advised(twin, question)
    rank = document["ranks"][0]
    scenario = replace(from_document(rank["scenario"]), name="taken over")
    run = twin.measures.ask(scenario)
    claimed = twin.claim_run((ENGINE,), only=run.id)
    assert claimed is not None
    solve(twin, claimed, MeasureRuns(LIMITS, OpenBases()))
    found = twin.measures.document(run.id)
    assert found is not None, twin.run(run.id).message
    outcome = outcome_of(found, "B07", question.target)
    assert rank["crossings_vehd"] == outcome.crossings_vehd
    assert document["today"]["crossings_vehd"] == outcome.today_vehd
    assert (rank["vehicle_h"], rank["heavy_km"]) == (outcome.vehicle_h, outcome.heavy_km)
    assert tuple(rank["overloaded"]) == outcome.overloaded


def test_a_bridge_without_influence_lines_says_why_and_what_can_be_asked(twin: Twin) -> None:
    with pytest.raises(ScenarioError, match="an arch carries by thrust") as refused:
        twin.advice.ask(AdviceQuestion("B07", Target(damage_share=0.3)))
    assert "ask for crossings above a mass instead" in str(refused.value)
    section = next(asset for asset in twin.assets() if asset.asset_class != "bridge")
    with pytest.raises(ScenarioError, match="is no bridge of the base '2018'"):
        twin.advice.ask(AdviceQuestion(section.id, Target(damage_share=0.3)))
    with pytest.raises(RegistryError, match="stored are: 2018"):
        twin.advice.ask(AdviceQuestion("B03", Target(damage_share=0.3), "2035"))


def test_every_worker_with_an_engine_of_traffic_answers_searches() -> None:
    solvers = installed_solvers(LIMITS)
    assert {ENGINE, ADVICE_ENGINE} <= solvers.keys()
    search = solvers[ADVICE_ENGINE]
    assert isinstance(search, AdviceRuns)
    assert search.limits.time_limit_s > LIMITS.time_limit_s
