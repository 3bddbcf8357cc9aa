"""Joint analysis: conservation, closures, order, and what measures may never do."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from measures_case import (
    CLOSED,
    NAMES,
    OPTIONS,
    base_of,
    cases,
    sides_for,
    solved,
    town,
    town_base,
)

from simulations.measures.bands import Ensemble, band, coverage
from simulations.measures.causes import causes
from simulations.measures.chain import detail_said
from simulations.measures.coarse import outside
from simulations.measures.damage import DamageFound, worst
from simulations.measures.document import Measures
from simulations.measures.draws import LARGEST_SIGMA, Draw, demand_spread, deviation
from simulations.measures.flows import distribution_above
from simulations.measures.joint import analyse
from simulations.measures.met import judged
from simulations.measures.words import say
from simulations.measures.writing import bridge_document
from simulations.traffic.edits import BRIDGE_ALONE
from simulations.traffic.engine import engine
from twin.errors import ModelError
from twin.model.interventions import Intervention
from twin.model.scenarios import Scenario
from twin.model.tables import rows


def asked(kind: str, *targets: str, **parameters: Any) -> Scenario:
    return Scenario(kind, "town", (Intervention(kind, targets, parameters),))


def sentences_in(found: Any) -> Iterator[Any]:
    """Every sentence of a document, wherever it stands."""
    if isinstance(found, Mapping):
        if {"key", "values", "en"} <= found.keys():
            yield found
            return
        found = list(found.values())
    if isinstance(found, list | tuple):
        for one in found:
            yield from sentences_in(one)


def part(document: Measures, asset: str) -> Any:
    return next(one for one in document["bridges"] if one["asset"] == asset)


def test_the_same_question_has_the_same_bytes() -> None:
    one, two = (json.dumps(solved(members=5).document, allow_nan=False) for _ in range(2))
    assert one == two


def test_vehicles_are_conserved_over_all_bridges() -> None:
    found = solved().joint.sides.found
    for before, after in zip(
        np.sum([one.base_class_vehh for one in found.bridges], axis=0),
        np.sum([one.scenario_class_vehh for one in found.bridges], axis=0),
        strict=True,
    ):
        assert after == pytest.approx(before, rel=1e-9)
    lost = found.scenario_unserved_vehh - found.base_unserved_vehh
    assert lost.tolist() == [0.0] * len(found.classes)


def test_vehicles_that_find_no_way_are_unserved_and_on_no_bridge() -> None:
    scenario = asked("close_asset", "B1", "B2", "B3", "B4")
    answer = solved(scenario)
    trips = float(town()[1].flow_vehh.sum())
    assert answer.document["kpis"][0]["scenario"] == pytest.approx(trips)
    assert all(one["heavy"]["scenario_vehd"] == 0.0 for one in answer.document["bridges"])
    assert answer.document["findings"][0]["severity"] == "critical"


def test_a_closed_bridge_has_exactly_no_heavy_vehicle_no_crossing_and_no_damage() -> None:
    closed = part(solved().document, "B1")
    assert closed["role"] == "target"
    assert closed["heavy"]["scenario_vehd"] == 0.0
    assert closed["fatigue"]["scenario_per_day"] == 0.0
    assert closed["fatigue"]["base_per_day"] > 0.0
    assert closed["fatigue"]["factor"] == 0.0
    assert closed["utilisation"]["scenario"] == 0.0
    assert [one["scenario_vehd"] for one in closed["crossings_above"]] == [0.0]


def test_a_bridge_without_incoming_lorries_has_no_added_damage() -> None:
    known = cases()
    detailed = replace(known[0], asset_id="B2", part_id="B2", name="B2", restrictions=())
    network, demand = town()
    strict = np.where(network.max_weight_t == 15.0, 12.0, np.inf)
    base = base_of(replace(network, max_weight_t=strict), demand)
    document = solved(base=base, parts=(detailed,)).document
    found = part(document, "B2")
    assert found["heavy"]["change_vehd"] == 0.0
    assert found["fatigue"]["base_per_day"] == found["fatigue"]["scenario_per_day"]


def test_no_measure_on_traffic_gives_both_sides_bit_for_bit() -> None:
    scenario = asked("monitoring", "B1", task="crack width")
    for one in solved(scenario).document["bridges"]:
        heavy, fatigue = one["heavy"], one["fatigue"]
        assert heavy["base_vehd"] == heavy["scenario_vehd"]
        assert fatigue["base_per_day"] == fatigue["scenario_per_day"]
        assert fatigue["factor"] in (None, 1.0)
        assert one["utilisation"]["status"] == "not_computed"


def test_the_order_of_bridges_changes_nothing() -> None:
    answer = solved()
    turned = solved(parts=tuple(reversed(cases())))
    assert turned.document == answer.document
    alone = solved(parts=cases()[:1]).document["bridges"][0]
    assert alone == part(answer.document, "B1")


def test_bridges_are_ranked_by_added_heavy_vehicles() -> None:
    gains = [one["heavy"]["change_vehd"] or 0.0 for one in solved().document["bridges"]]
    assert gains == sorted(gains, reverse=True)
    assert gains[0] > 0.0 > gains[-1]


def test_an_added_lorry_never_lowers_damage() -> None:
    more = base_of(*town(lorries_vehh=16.0))
    few = part(solved().document, "B1")["fatigue"]["base_per_day"]
    assert part(solved(base=more).document, "B1")["fatigue"]["base_per_day"] > few


def test_a_tighter_weight_limit_never_raises_damage_there() -> None:
    rates = [
        part(solved(asked("limit_weight", "B1", mass_t=limit)).document, "B1")["fatigue"][
            "scenario_per_day"
        ]
        for limit in (41.0 - 1.5, 30.0, 18.0, 3.5)
    ]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 1e-9 < rates[0]


def test_a_limit_half_kept_lies_between_kept_and_ignored() -> None:
    found = [
        part(solved(asked("limit_weight", "B1", mass_t=18.0, obey_share=share)).document, "B1")
        for share in (1.0, 0.5, 0.0)
    ]
    rates = [one["fatigue"]["scenario_per_day"] for one in found]
    assert rates == sorted(rates)
    assert rates[2] <= found[0]["fatigue"]["base_per_day"] * (1.0 + 1e-12)
    own = [one["restrictions"][-1] for one in found]
    assert [one["status"] for one in own] == ["avoided", "newly_violated", "newly_violated"]
    assert own[1]["scenario_vehd"] == pytest.approx(own[2]["scenario_vehd"] / 2.0)
    assert own[2]["scenario_vehd"] == pytest.approx(own[2]["base_vehd"])


def test_a_limit_that_the_detour_meets_is_avoided_and_never_violated() -> None:
    document = solved().document
    (met,) = part(document, "B2")["restrictions"]
    assert (met["kind"], met["value"], met["status"]) == ("gross_weight", 15.0, "avoided")
    assert met["scenario_vehd"] == 0.0 < met["avoiding_vehd"]
    assert met["source"] == "order of 2019"
    newly = next(one for one in document["kpis"] if one["key"] == "restrictions_newly_met")
    assert newly["scenario"] in (0.0, 1.0)


def test_a_limit_that_the_network_does_not_know_is_violated() -> None:
    network, demand = town()
    free = base_of(replace(network, max_weight_t=np.full(network.link_id.size, np.inf)), demand)
    (met,) = part(solved(base=free).document, "B2")["restrictions"]
    assert met["status"] == "newly_violated"
    assert met["scenario_vehd"] > met["base_vehd"] == 0.0


def test_added_lorries_come_from_pairs_that_sum_to_them() -> None:
    answer = solved()
    sides = answer.joint.sides
    links = np.array([one.link_ids[0] for one in sides.before if one.asset_id == "B4"])
    part_of = next(one for one in answer.joint.parts if one.case.part_id == "B4")
    found = causes(sides, np.unique(links), flows=part_of.flows, names={1: "north"}, gains=True)
    gain = part(answer.document, "B4")["heavy"]["change_vehd"]
    total = sum(one["heavy_vehd"] or 0.0 for one in found)
    assert 0.0 < total <= gain * (1.0 + 1e-9)
    shares = [(one["above_30t_vehd"] or 0.0) <= (one["heavy_vehd"] or 0.0) for one in found]
    assert all(shares)


def test_the_chain_says_where_lorries_come_from_and_what_they_do() -> None:
    told = part(solved().document, "B4")["chain"]
    assert told[0]["key"] == "chain.whole"
    assert re.search(r"of which \d+ from \w+ to \w+, \d+ from", told[0]["en"]), told[0]["en"]
    assert "über 30 t" in told[0]["de"]


def test_a_distance_rule_is_judged_by_vehicles_that_meet() -> None:
    scenario = asked("distance_rule", "B1", min_gap_m=50.0)
    found = part(solved(scenario).document, "B1")
    assert found["role"] == "target"
    assert found["fatigue"]["tool"] == "C"
    assert 0.0 < found["fatigue"]["factor"] <= 1.0
    assert found["utilisation"]["scenario"] <= found["utilisation"]["base"]
    assert found["heavy"]["change_vehd"] == 0.0


def test_what_acts_on_a_bridge_alone_is_said_to_be_outside_of_the_flows() -> None:
    scenario = asked("overtaking_ban", "B1")
    said = [one["key"] for one in solved(scenario).document["assumptions"]]
    assert "assume.not_traffic" in said
    assert scenario.interventions[0].kind in BRIDGE_ALONE


def test_parts_without_a_model_are_listed_with_the_reason() -> None:
    document = solved().document
    (missing,) = document["not_assessable"]
    assert (missing["asset"], missing["reason"]["key"]) == ("B3", "fatigue_orthotropic")
    assert part(document, "B3")["fatigue"]["reason"] == missing["reason"]
    assert part(document, "B3")["heavy"]["change_vehd"] > 0.0


def test_a_part_described_twice_is_refused() -> None:
    traffic, _ = sides_for(town_base(), CLOSED)
    with pytest.raises(ModelError, match="described twice: B1"):
        analyse((*cases(), cases()[0]), traffic, scenario=CLOSED)


def test_without_a_share_of_the_hour_there_is_no_figure_a_day() -> None:
    base = town_base()
    blind = replace(base, surroundings=replace(base.surroundings, peak_share=0.0))
    answer = solved(base=blind)
    found = bridge_document(answer.joint.parts[-1], answer.joint, None)
    assert found["heavy"]["base_vehd"] is None
    assert found["fatigue"]["base_per_day"] is None
    assert found["fatigue"]["factor"] == 0.0
    assert "refused.no_day" in [one["key"] for one in answer.document["cannot_say"]]


def test_bands_hold_the_plain_answer_and_say_how_many_members() -> None:
    document = solved(members=10).document
    for one in document["bridges"]:
        band, change = one["heavy"]["band"], one["heavy"]["change_vehd"]
        assert band is not None
        assert change is not None
        assert band["members"] == 10
        assert band["low"] <= change <= band["high"]
    assert part(document, "B1")["utilisation"]["band"] == {
        "low": 0.0, "median": 0.0, "high": 0.0, "members": 10,
    }  # fmt: skip
    assert "cannot.bands" not in [one["key"] for one in document["cannot_say"]]


def test_members_are_the_same_however_many_there_are_and_differ_from_each_other() -> None:
    base = town_base()
    spread = demand_spread(base)
    first = Draw(3, 0).demand(base.demand, spread).flow_vehh
    assert first.tolist() == Draw(3, 0).demand(base.demand, spread).flow_vehh.tolist()
    assert first.tolist() != Draw(3, 1).demand(base.demand, spread).flow_vehh.tolist()
    case = cases()[0]
    assert Draw(3, 0).stress_factor(case) == Draw(3, 0).stress_factor(replace(case, name="x"))


def test_drawn_demand_spreads_as_the_band_of_the_calibration_says() -> None:
    base = town_base()
    spread = demand_spread(base)
    assert spread.sigma == pytest.approx(np.full(spread.sigma.size, 0.1 / 1.6448536269514722))
    drawn = np.array(
        [
            math.log(Draw(5, member).demand(base.demand, spread).flow_vehh[0])
            for member in range(400)
        ]
    )
    assert drawn.std() == pytest.approx(spread.sigma[0], rel=0.1)
    assert drawn.mean() == pytest.approx(math.log(base.demand.flow_vehh[0]), abs=0.01)


def test_trips_that_no_band_knows_have_the_largest_spread() -> None:
    base = town_base()
    ids = base.network.link_id
    on = np.isin(ids, [1, 9])  # R1 alone: trips of the zone north
    around = base.surroundings
    narrow = replace(
        around,
        band_link=ids[on],
        band_label=("observed",) * 2,
        band_low_vehh=around.band_low_vehh[on],
        band_high_vehh=around.band_high_vehh[on],
    )
    sigma = demand_spread(replace(base, surroundings=narrow)).sigma
    ends = (base.demand.origin == 1) | (base.demand.destination == 1)
    assert sigma[ends] == pytest.approx(np.full(int(ends.sum()), 0.1 / 1.6448536269514722))
    assert sigma[~ends].tolist() == [LARGEST_SIGMA] * int((~ends).sum())


def test_drawn_weights_have_the_deviation_of_their_table() -> None:
    drawn = np.log([Draw(2, member).weight_factor for member in range(2000)])
    assert drawn.std() == pytest.approx(deviation("weights"), rel=0.05)
    assert np.abs(drawn).max() > 2.5 * deviation("weights")


@pytest.mark.parametrize("members", [5, 10, 19, 50])
def test_a_band_holds_as_many_further_members_as_it_says(members: int) -> None:
    random = np.random.default_rng(3)
    held = 0
    for _ in range(4000):
        found = band(random.standard_normal(members).tolist())
        assert found is not None
        held += found["low"] <= random.standard_normal() <= found["high"]
    assert held / 4000 == pytest.approx(coverage(members), abs=0.015)


def test_drawn_weights_move_limits_and_stress_by_one_factor() -> None:
    limit = asked("limit_weight", "B1", mass_t=18.0, obey_share=0.5)
    answer, base, draw = solved(limit), town_base(), Draw(4, 1)
    demand = replace(base.demand, mass_factor=draw.weight_factor)
    state = engine.solve(base.network, demand, options=OPTIONS, warm=base.state)
    drawn, _ = sides_for(replace(base, demand=demand, state=state), limit)
    ensemble = Ensemble(answer.joint)
    ensemble.add(draw, drawn)
    own = ensemble.of_part("B1")[0]
    flows = drawn.found.bridges
    crossing = next(one for one in flows if one.asset_id == "B1").base_class_vehh
    names = [item.name for item in drawn.classes]
    light_t, limit_t = (mass / draw.weight_factor for mass in (15.0, 18.0))
    share, lightest = (distribution_above("hgv_12_26", mass) for mass in (limit_t, light_t))
    heavier = crossing[names.index("hgv_26_40")] * distribution_above("hgv_26_40", limit_t)
    # both slices of the class above 15 t cross B1, as all lorries do that B2 refuses
    above_15 = sum(
        row.flow_vehh
        for row in drawn.before
        if (row.asset_id, row.vehicle_class) == ("B1", "hgv_12_26") and row.mass_from_t >= 15.0
    )
    above = above_15 * share / lightest + heavier
    assert own.above_vehh[18.0] == pytest.approx(-0.5 * above)


def test_a_limit_inside_a_class_keeps_away_only_the_vehicles_above_it() -> None:
    whole = solved(asked("limit_weight", "B1", mass_t=12.0)).joint
    for mass_t in (16.0, 24.0):
        answer = solved(asked("limit_weight", "B1", mass_t=mass_t))
        flows = next(one for one in answer.joint.parts if one.case.part_id == "B1").flows
        row = [item.name for item in flows.classes].index("hgv_12_26")
        before, after = flows.above_vehh(mass_t)
        assert before > 0.0
        assert after == 0.0
        assert flows.scenario_vehh[row] > 0.0
        strict = next(one for one in whole.parts if one.case.part_id == "B1").flows
        assert flows.scenario_vehh[row] > strict.scenario_vehh[row] == 0.0
        keys = {one["text"]["key"] for one in answer.document["findings"]}
        assert "finding.coarse_limit" not in keys
        said = {
            one["key"]
            for one in answer.document["assumptions"]
            if one["values"].get("class") == "hgv_12_26"
        }
        assert said == {"divided_class"}


def test_a_class_without_known_gross_masses_is_diverted_whole_and_says_so() -> None:
    network, demand = town()
    members = tuple(
        replace(item, mass_distribution_id="") if item.name == "hgv_12_26" else item
        for item in demand.classes
    )
    base = base_of(network, replace(demand, classes=members))
    first = solved(asked("limit_weight", "B1", mass_t=16.0), base=base).document["findings"][0]
    assert first["text"]["key"] == "finding.coarse_limit"
    assert first["text"]["values"]["share"] == f"{4.0 / 14.0:.0%}"


def test_damage_of_vehicles_that_meet_has_no_band_and_says_why() -> None:
    found = part(solved(asked("distance_rule", "B1", min_gap_m=50.0), members=5).document, "B1")
    assert found["fatigue"]["band"] is None
    assert found["fatigue"]["band_note"]["key"] == "assume.no_band_meeting"
    assert found["utilisation"]["week_note"]["key"].startswith("assume.week")


def test_a_relative_result_shows_both_powers_and_no_band_without_members() -> None:
    found = part(solved().document, "B4")["fatigue"]
    assert (found["status"], found["band"], len(found["factors"])) == ("relative", None, 2)
    assert found["factor"] == max(found["factors"])


def test_of_sections_compared_by_powers_the_one_with_the_highest_increase_governs() -> None:
    def one(name: str, base: float, *factors: float) -> DamageFound:
        return DamageFound("relative", name, base, base * factors[0], factors, True, ())  # noqa: FBT003

    found = worst([one("large", 100.0, 1.1, 1.2), one("small", 1.0, 2.0, 3.0)])
    assert found is not None
    assert found.detail == "small"


def test_fewer_vehicles_above_a_limit_than_the_noise_do_not_show_that_it_is_kept() -> None:
    assert judged(0.0, 2.0, 5.0, 3.0) == "not_above_noise"
    assert judged(0.0, 0.0, 5.0, 3.0) == "avoided"
    assert judged(0.0, 6.0, 5.0, 0.0) == "newly_violated"


def test_an_answer_outside_of_its_band_says_so() -> None:
    (one, *_) = solved().joint.parts
    assert not outside(one, {"low": -1e9, "median": 0.0, "high": 1e9, "members": 20}, 10.0)
    (told,) = outside(one, {"low": -9.0, "median": -5.0, "high": -1.0, "members": 20}, 10.0)
    assert told["text"]["key"] == "finding.outside_band"


def test_every_sentence_has_the_same_values_in_both_languages() -> None:
    for row in rows("measure_words"):
        found = [sorted(re.findall(r"\{(\w+)\}", row[one])) for one in ("english", "german")]
        assert found[0] == found[1], row["key"]


def test_numbers_in_sentences_are_written_as_each_language_does() -> None:
    text = say("chain.above", vehicles="13,831", limit=30.0)
    assert "13.831" in text["de"]
    assert "13,831" in text["en"]
    assert detail_said("shear at 32.5 m")["de"] == "Querkraft bei 32,5 m"


def test_no_sentence_of_an_answer_is_the_same_in_both_languages() -> None:
    told = [
        one
        for asked_for in (solved(), solved(asked("distance_rule", "B1", min_gap_m=50.0), members=5))
        for one in sentences_in(asked_for.document)
    ]
    assert len(told) > 50
    assert [one["en"] for one in told if one["de"] == one["en"] or not one["de"]] == []


def test_every_name_in_the_document_is_readable() -> None:
    document = solved().document
    assert {one["name"] for one in document["bridges"]} == {
        NAMES[key] for key in ("B1", "B2", "B3", "B4")
    }
