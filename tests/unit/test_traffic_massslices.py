"""Classes divided by limits inside their mass band: which limits divide, and what bridges get."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from measures_case import OPTIONS, cases, sides_for, solved, town, town_base

from simulations.measures.weeks import week
from simulations.structure.handover import DamageTable, damage_table
from simulations.structure.weights import GRAVITY_MS2
from simulations.traffic.classes import open_mass_t
from simulations.traffic.edits import apply
from simulations.traffic.engine import engine
from simulations.traffic.graph import build
from simulations.traffic.massshares import distribution_above, share_between
from simulations.traffic.massslices import MOST_LIMITS, slicing
from twin.errors import ScenarioError
from twin.model.interventions import Intervention
from twin.model.network import LinkAssets, Network
from twin.model.scenarios import Scenario
from twin.model.traffic import Demand

LORRIES = "hgv_12_26"


def limited(mass_t: float, *targets: str) -> Scenario:
    return Scenario(
        "limit", "town", (Intervention("limit_weight", targets or ("B1",), {"mass_t": mass_t}),)
    )


def edges(network: Network, demand: Demand) -> dict[str, list[float]]:
    """Limits that divide each class."""
    found = slicing(network, demand)
    if found is None:
        return {}
    return {
        item.name: ends
        for index, item in enumerate(found.classes)
        if (ends := [one.to_t for one in found.slices if one.class_index == index][:-1])
    }


def with_limits(*limits_t: float) -> tuple[Network, Demand]:
    network, demand = town()
    column = np.full(network.link_id.size, np.inf)
    column[: len(limits_t)] = limits_t
    return replace(network, max_weight_t=column), demand


def test_only_limits_inside_a_band_with_trips_and_known_masses_divide() -> None:
    assert edges(*with_limits(12.0, 26.0, 40.0)) == {}
    assert edges(*with_limits(15.0, 30.0, 5.0)) == {LORRIES: [15.0], "hgv_26_40": [30.0]}
    network, demand = with_limits(15.0)
    nobody = np.where(demand.class_index == 1, 0.0, demand.flow_vehh)
    assert edges(network, replace(demand, flow_vehh=nobody)) == {}
    unknown = tuple(replace(item, mass_distribution_id="") for item in demand.classes)
    assert edges(network, replace(demand, classes=unknown)) == {}
    closed = np.where(np.isinf(network.max_weight_t), network.mask, np.uint32(1))
    assert edges(replace(network, mask=closed), demand) == {}


def test_a_base_is_divided_by_the_limits_of_its_bridges_first() -> None:
    limits = (13.0, 14.0, 15.0, 17.0, 19.0, 19.0)
    network, demand = with_limits(*limits)
    bridge = LinkAssets(link_id=np.array([4]), asset=("B",), from_m=np.zeros(1), to_m=np.ones(1))
    found = edges(replace(network, link_assets=bridge), demand)[LORRIES]
    assert len(found) == MOST_LIMITS
    assert {17.0, 19.0} <= set(found)
    result = engine.solve(replace(network, link_assets=bridge), demand, options=OPTIONS)
    said = [text for text in result.assumptions if text.startswith(("divided", "band cut"))]
    assert sum(text.startswith("divided") for text in said) == MOST_LIMITS
    assert sum(f"class {LORRIES} is banned" in text for text in said) == 1


def test_a_limit_that_does_not_divide_the_base_bans_the_same_vehicles_in_a_scenario() -> None:
    network, demand = with_limits(13.0, 13.0, 14.0, 14.0, 17.0, 17.0, 19.0, 19.0, 15.0)
    network = replace(network, link_assets=LinkAssets())
    assert edges(network, demand)[LORRIES] == [13.0, 14.0, 17.0, 19.0]
    asked = Scenario("limit", "town", (Intervention("limit_weight", ("S4/ba",), {"mass_t": 14.5}),))
    edited = apply(network, demand, asked).network
    sliced = slicing(network, demand, edited=edited)
    assert sliced is not None
    graph = sliced.graph(build(edited, demand.classes))
    arcs = graph.row_of[np.flatnonzero(np.isin(edited.max_weight_t, (14.5, 15.0)))]
    free = {
        one.to_t: graph.open_mask[row, arcs].tolist()
        for row, one in enumerate(sliced.slices)
        if one.class_index == 1
    }
    # 15 t bans all from 14 to 17 t as in the base, the new limit only those above 14.5 t
    assert free[14.0] == [True, True]
    assert free[14.5] == [False, True]
    assert free[17.0] == free[19.0] == free[np.inf] == [False, False]


def test_a_limit_below_another_inside_the_class_is_noticed_and_a_higher_one_is_not() -> None:
    base = town_base()
    edited = apply(base.network, base.demand, limited(13.0, "B2"))
    assert edited.is_affected[1].sum() == 2
    assert not edited.is_forbidden.any()
    with pytest.raises(ScenarioError, match="no effect"):
        apply(base.network, base.demand, limited(16.0, "B2"))
    rows = np.flatnonzero(np.isfinite(edited.network.max_weight_t))
    mask = edited.network.mask[rows]
    lorry = base.demand.classes[1]
    open_t = open_mass_t(edited.network, lorry, mask=mask, link_of=rows)
    assert open_t.tolist() == [13.0, 13.0]


def test_a_class_that_only_an_earlier_limit_exempts_is_divided_by_a_later_one() -> None:
    base = town_base()
    earlier = Intervention("limit_weight", ("B1",), {"mass_t": 20.0, "except_classes": (LORRIES,)})
    later = (Intervention("limit_weight", ("B1",), {"mass_t": mass}) for mass in (16.0, 24.0))
    opened = []
    for one in later:
        asked = Scenario("limit", "town", (earlier, one))
        network = apply(base.network, base.demand, asked).network
        rows = np.flatnonzero(network.max_weight_t < np.inf)
        rows = rows[[network.link_name[row].startswith("S1") for row in rows]]
        mask = network.mask[rows]
        found = open_mass_t(network, base.demand.classes[1], mask=mask, link_of=rows)
        opened.append(set(found.tolist()))
    # a looser limit that does not exempt it has no column of its own: the class keeps off
    assert opened == [{16.0}, {-np.inf}]


def test_diverted_trips_of_a_limit_are_those_above_it() -> None:
    base = town_base()
    sides, _ = sides_for(base, limited(20.0))
    row = [item.name for item in base.demand.classes].index(LORRIES)
    diversion = sides.found.diversion
    mine = diversion.class_index == row
    flows = next(one for one in sides.found.bridges if one.asset_id == "B1").base_class_vehh
    # those up to 15 t may take B2, those above cannot
    heavy = sum(
        one.flow_vehh
        for one in sides.before
        if (one.asset_id, one.vehicle_class) == ("B1", LORRIES) and one.mass_from_t >= 20.0
    )
    assert diversion.edited_vehh[mine].sum() == pytest.approx(heavy)
    assert diversion.lost_vehh[mine].sum() == pytest.approx(heavy)
    assert heavy < flows[row]


def test_the_limited_bridge_keeps_the_light_part_and_the_detour_gets_the_heavy_one() -> None:
    joint = solved(limited(16.0)).joint
    flows = {one.case.part_id: one.flows for one in joint.parts}
    assert flows["B1"].above_vehh(16.0)[1] == 0.0
    lost = flows["B1"].above_vehh(16.0)[0]
    gained = sum(flows[name].above_vehh(16.0)[1] - flows[name].above_vehh(16.0)[0]
                 for name in ("B2", "B3", "B4"))  # fmt: skip
    assert gained == pytest.approx(lost)
    assert flows["B2"].above_vehh(15.0) == (0.0, 0.0)
    (met,) = [one for part in joint.parts for one in part.met if one.is_of_measure]
    assert met.status == "avoided"
    assert met.base_vehh == pytest.approx(lost)
    assert met.scenario_vehh == 0.0


def test_a_simulated_week_has_no_vehicle_above_the_limit_and_the_same_ones_below() -> None:
    scenario = limited(16.0)
    sides, _ = sides_for(town_base(), scenario)
    before, after = (
        [row for row in rows if row.asset_id == "B1" and row.mass_distribution_id]
        for rows in (sides.before, sides.after)
    )
    heavy = tuple(item for item in sides.classes if item.mass_to_t > 3.5)
    found = week(cases()[0], before, after, classes=heavy, acting=(), seed=1, day_factor=10.0)
    assert found is not None
    mass_t = found.after.gross_kn / GRAVITY_MS2
    assert mass_t.max() <= 16.0
    assert (found.before.gross_kn / GRAVITY_MS2).max() > 16.0
    hours = 70.0
    rate = sum(row.flow_vehh for row in after if row.vehicle_class in {one.name for one in heavy})
    assert len(found.after) == pytest.approx(rate * hours, rel=0.1)


def test_damage_of_the_slices_adds_up_to_that_of_the_class() -> None:
    detail = cases()[0].details[0]
    table = damage_table(detail, part_id="B1", distributions=(LORRIES,))
    assert isinstance(table, DamageTable)
    whole = table.split(LORRIES).lawful_damage
    item = next(one for one in town()[1].classes if one.name == LORRIES)
    ends = (0.0, 15.0, 16.0, 25.99, np.inf)
    parts = [
        share_between(item, low, high) * table.split(LORRIES, from_t=low, to_t=high).lawful_damage
        for low, high in pairwise(ends)
    ]
    assert np.sum(parts, axis=0) == pytest.approx(whole, rel=0.02)
    above = table.split(LORRIES, 16.0, from_t=16.0)
    assert (above.above, above.lawful_damage.max()) == (1.0, 0.0)


def test_breakers_of_a_limit_are_a_share_of_those_above_it() -> None:
    scenario = Scenario(
        "limit", "town",
        (Intervention("limit_weight", ("B1",), {"mass_t": 16.0, "obey_share": 0.75}),),
    )  # fmt: skip
    joint = solved(scenario).joint
    flows = next(one for one in joint.parts if one.case.part_id == "B1").flows
    before, after = flows.above_vehh(16.0)
    assert after == pytest.approx(0.25 * before)
    assert flows.breaking_vehh.sum() == pytest.approx(0.25 * before)


def test_members_divide_a_class_by_the_masses_that_they_draw() -> None:
    base = town_base()
    lorry = base.demand.classes[1]
    found = slicing(base.network, replace(base.demand, mass_factor=1.1))
    assert found is not None
    shares = [found.share(one) for one in found.slices if one.class_index == 1]
    assert shares[1] == pytest.approx(distribution_above(LORRIES, 15.0 / 1.1))
    assert sum(shares) == pytest.approx(1.0)
    assert lorry.mass_distribution_id == LORRIES
