"""Base against scenario with the real engine: noise, sums, diverted trips."""

from dataclasses import replace

import numpy as np
import pytest
from grids import grid, with_lorries

from simulations.traffic.compare import FIXED_DEMAND, Comparison, compare
from simulations.traffic.edits import Edited, apply
from simulations.traffic.engine import engine
from simulations.traffic.examples import two_routes
from twin.errors import ComparisonError
from twin.model.interventions import Intervention, ParameterValue
from twin.model.network import Network
from twin.model.scenarios import Scenario
from twin.model.traffic import Demand, SolveOptions, TrafficResult

OPTIONS = SolveOptions()
TOWN = with_lorries(grid(10, zones=12, destinations=8, load=0.9))


@pytest.fixture(scope="module")
def town_base() -> TrafficResult:
    return engine.solve(TOWN.network, TOWN.demand, options=OPTIONS)


def item(kind: str, *targets: str, **parameters: ParameterValue) -> Intervention:
    return Intervention(kind, targets, parameters)


def answered(
    network: Network, demand: Demand, *items: Intervention, base: TrafficResult | None = None
) -> tuple[Comparison, TrafficResult, TrafficResult, Edited]:
    scenario = Scenario("s", "today", items)
    before = base or engine.solve(network, demand, options=OPTIONS)
    after = engine.solve(network, demand, scenario, options=OPTIONS)
    edited = apply(network, demand, scenario)
    found = compare(before, after, network=network, demand=demand, edited=edited)
    return found, before, after, edited


def busiest(result: TrafficResult) -> int:
    flow = np.where(result.is_flow_dependent, result.volume_pceh, 0.0)
    return int(result.link_id[int(np.argmax(flow))])


def test_a_closed_bridge_sends_its_trips_over_the_other() -> None:
    network, demand = two_routes()
    found, base, _, _ = answered(network, demand, item("close_link", "S1/ab"))
    short = base.flow_vehh[0, 0]
    assert found.difference_vehh[:3] == pytest.approx([-short, short, 0.0])
    assert found.is_significant.tolist() == [True, True, False, False, False, False]
    assert set(found.top_changed().tolist()) == {0, 1}
    diversion = found.diversion
    assert (diversion.origin.tolist(), diversion.destination.tolist()) == ([1], [3])
    assert diversion.lost_vehh == pytest.approx([short])
    assert diversion.extra_length_km == pytest.approx(short * 1.2)
    assert found.total("vehicle_km").difference == pytest.approx(short * 1.2)
    bridges = {change.asset_id: change for change in found.bridges}
    assert bridges["B2"].difference_vehh == pytest.approx(short)
    assert not bridges["B2"].is_newly_loaded
    assert found.is_over_capacity.tolist() == [False, True, True, False, False, False]
    assert found.assumptions[0] == FIXED_DEMAND


def test_a_bridge_that_carried_nobody_is_newly_loaded() -> None:
    network, demand = two_routes(cars_vehh=900.0)
    found = answered(network, demand, item("close_asset", "B1"))[0]
    assert [(change.asset_id, change.is_newly_loaded) for change in found.bridges] == [
        ("B2", True),
        ("B1", False),
    ]


def test_the_floor_is_geh_one_or_three_times_the_movement() -> None:
    network, demand = two_routes(lorries_vehh=200.0)
    base = engine.solve(network, demand, options=OPTIONS)
    moved = replace(base, movement_pceh=np.array([50.0, 0.0, 0.0, 0.0, 0.0, 0.0]))
    found = compare(base, moved, network=network, demand=demand)
    own = base.movement_pceh[0]
    assert found.floor_vehh[0] == pytest.approx(3.0 * (50.0 + own))
    assert found.floor_vehh[1] == pytest.approx(np.sqrt(base.flow_vehh[:, 1].sum()))
    assert found.class_floor_vehh[1, 0] == pytest.approx(1.5 * (50.0 + own))
    assert not found.is_significant.any()
    assert not any(total.is_significant for total in found.sums)


def test_cold_and_warm_answers_of_a_scenario_do_not_differ(town_base: TrafficResult) -> None:
    """Car units agree; the last lines show why vehicles of two classes need not."""
    exact = SolveOptions(relative_gap=1e-8)
    scenario = Scenario("s", "today", (item("close_link", str(busiest(town_base))),))
    cold = engine.solve(TOWN.network, TOWN.demand, scenario, options=exact)
    warm = engine.solve(TOWN.network, TOWN.demand, scenario, options=exact, warm=town_base)
    edited = apply(TOWN.network, TOWN.demand, scenario)
    found = compare(cold, warm, network=edited.network, demand=edited.demand)
    assert not (found.is_significant & found.is_unique).any()
    assert not any(total.is_significant for total in found.sums if total.is_unique)
    cars = np.abs(found.difference_vehh).max()
    assert cars > 10.0 * np.abs(found.scenario_pceh - found.base_pceh).max()


def test_both_parts_of_the_difference_add_up(town_base: TrafficResult) -> None:
    link = busiest(town_base)
    found, base, after, _ = answered(
        TOWN.network, TOWN.demand, item("close_link", str(link)), base=town_base
    )
    row = int(np.flatnonzero(base.link_id == link)[0])
    assert after.volume_pceh[row] == 0.0
    parts = found.diversion.diverted_vehh + found.diversion.secondary_vehh
    assert parts == pytest.approx(found.scenario_vehh - found.base_vehh, abs=1e-6)
    assert found.diversion.diverted_vehh[:, row] == pytest.approx(-base.flow_vehh[:, row])
    assert found.diversion.secondary_vehh[:, row] == pytest.approx([0.0, 0.0])
    assert found.diversion.lost_vehh.sum() == pytest.approx(base.flow_vehh[:, row].sum())
    assert np.abs(found.diversion.secondary_vehh).max() > 1.0
    assert found.diversion.new_paths.size
    assert found.diversion.extra_time_h > 0.0
    assert found.total("vehicle_h").is_significant


def test_a_ban_diverts_its_class_only(town_base: TrafficResult) -> None:
    is_open = town_base.flow_vehh[1] * town_base.is_flow_dependent
    link = int(town_base.link_id[int(np.argmax(is_open))])
    found, _, after, _ = answered(
        TOWN.network, TOWN.demand, item("class_ban", str(link), classes=("lorry",)), base=town_base
    )
    assert set(found.diversion.class_index.tolist()) == {1}
    assert after.flow_vehh[1, after.link_id == link] == pytest.approx([0.0])
    assert found.diversion.lost_vehh == pytest.approx(found.diversion.edited_vehh)


def test_trips_attracted_by_a_new_link_are_diverted_and_not_secondary() -> None:
    network, demand = two_routes()
    built = item(
        "new_link", name="new", from_node="west", to_node="east",
        geometry="LINESTRING (0 0, 7000 0)", road_class="arterial", lanes=2,
        capacity_pceh=3000.0, speed_kmh=50.0, provenance="estimated", source="own assumption",
    )  # fmt: skip
    found, base, after, _ = answered(network, demand, built)
    assert found.link_id.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert found.base_vehh[0, 6] == 0.0
    assert np.isnan(found.base_time_s[6])
    assert np.isnan(found.base_saturation[6])
    assert found.diversion.diverted_vehh[0, 6] == pytest.approx(after.flow_vehh[0, 6])
    assert not found.diversion.secondary_vehh.any()
    assert found.diversion.new_paths.size == 1
    assert found.total("vehicle_h").difference < 0.0
    assert after.objective < base.objective


def test_scaled_trips_are_the_direct_part() -> None:
    network, demand = two_routes()
    scaled = item("scale_demand", factor=1.2, origins=("east",))
    found = answered(network, demand, scaled)[0]
    assert found.diversion.origin.tolist() == [3]
    assert found.diversion.extra_length_km == pytest.approx(0.0, abs=1e-6)
    assert found.difference_vehh[3:] == pytest.approx([200.0, 0.0, 200.0], abs=0.01)


def test_a_banned_turn_diverts_those_who_made_it() -> None:
    network, demand = two_routes()
    found, base, after, _ = answered(network, demand, item("turn_ban", "S1/ab", "S3/ab"))
    assert after.flow_vehh[0, 0] == pytest.approx(0.0)
    assert found.diversion.edited_vehh == pytest.approx([base.flow_vehh[0, 0]])
    assert not found.diversion.secondary_vehh.any()


def test_sums_are_those_of_common_pairs_when_trips_are_cut_off() -> None:
    network, demand = two_routes()
    found = answered(network, demand, item("close_link", "S3/ab"))[0]
    assert found.scenario_unserved_vehh.tolist() == [3000.0]
    assert found.base_unserved_vehh.tolist() == [0.0]
    common = found.total("vehicle_km")
    assert common.scope == "common"
    assert common.difference == pytest.approx(0.0)
    assert not common.is_significant
    assert found.total("vehicle_km", scope="all").difference < -1000.0
    assert found.diversion.scenario_vehh.tolist() == [0.0]
    assert np.isnan(found.diversion.scenario_time_s).all()


def test_links_of_constant_time_that_share_a_cycle_are_marked() -> None:
    network, demand = two_routes()
    flat = replace(network, cost_function=np.zeros(6, dtype=np.uint8))
    base = engine.solve(flat, demand, options=OPTIONS)
    found = compare(base, base, network=flat, demand=demand)
    assert found.is_unique.tolist() == [False, False, True, False, False, True]


@pytest.mark.parametrize(("gap", "screening"), [(9e-7, False), (5e-6, True)])
def test_inexact_results_are_labelled(gap: float, screening: bool) -> None:  # noqa: FBT001
    network, demand = two_routes()
    base = engine.solve(network, demand, options=OPTIONS)
    found = compare(base, replace(base, relative_gap=gap), network=network, demand=demand)
    assert found.is_screening is screening
    assert any("screening" in text for text in found.assumptions) is screening


def test_results_that_cannot_be_compared_are_refused_with_all_reasons() -> None:
    network, demand = two_routes()
    base = engine.solve(network, demand, options=OPTIONS)
    rough = replace(base, relative_gap=1e-4, status="time_limit", link_id=base.link_id + 1)
    with pytest.raises(ComparisonError) as caught:
        compare(base, rough, network=network, demand=demand)
    assert "the scenario has a gap of 1.0e-04 (status time_limit)" in str(caught.value)
    assert "another network" in str(caught.value)
    with pytest.raises(ComparisonError, match="vehicle classes"):
        compare(replace(base, classes=()), base, network=network, demand=demand)
    with pytest.raises(ComparisonError, match="gap of nan"):
        compare(replace(base, relative_gap=float("nan")), base, network=network, demand=demand)


def test_results_of_another_version_of_the_network_or_the_demand_are_refused() -> None:
    network, demand = two_routes()
    base = engine.solve(network, demand, options=OPTIONS)
    wider = replace(network, capacity_pceh=2.0 * network.capacity_pceh)
    scenario = Scenario("s", "today", (item("close_asset", "B1"),))
    edited = apply(wider, demand, scenario)
    after = engine.solve(wider, demand, scenario, options=OPTIONS)
    with pytest.raises(ComparisonError, match=r"the base .* another capacity on 6 link"):
        compare(base, after, network=wider, demand=demand, edited=edited)
    half = replace(demand, flow_vehh=0.5 * demand.flow_vehh)
    with pytest.raises(ComparisonError, match=r"the base was solved with 4000.0 car trips"):
        compare(base, after, network=wider, demand=half, edited=apply(wider, half, scenario))


def test_a_link_without_capacity_whose_time_is_constant_is_not_over_it() -> None:
    network, demand = two_routes()
    free = np.where(np.arange(6) % 3 == 2, 0.0, network.capacity_pceh)
    found = answered(replace(network, capacity_pceh=free), demand, item("close_asset", "B1"))[0]
    assert np.isnan(found.scenario_saturation[[2, 5]]).all()
    assert not found.is_over_capacity[[2, 5]].any()


def test_a_gap_that_overshoots_its_target_does_not_narrow_the_noise_of_sums() -> None:
    network, demand = two_routes(lorries_vehh=200.0)
    base = engine.solve(network, demand, options=OPTIONS)
    lucky, moved = replace(base, relative_gap=1e-12), base.movement_pceh + 5.0
    still = compare(lucky, lucky, network=network, demand=demand)
    total_h = base.total_time_pce_s / 3600.0
    assert still.total("car_unit_h").threshold >= 2e-5 * total_h
    assert still.total("heavy_km").threshold >= 2e-5 * still.total("car_unit_km").base
    restless = compare(lucky, replace(lucky, movement_pceh=moved), network=network, demand=demand)
    assert restless.total("car_unit_h").threshold > still.total("car_unit_h").threshold
    assert restless.total("car_unit_km").threshold > still.total("car_unit_km").threshold


@pytest.mark.parametrize(
    "change", [{"factor": 2.0}, {"speed_kmh": 80.0}, {"classes": ("lorry",)}], ids=str
)
def test_no_sum_differs_between_cold_and_warm_answers(
    town_base: TrafficResult, change: dict[str, ParameterValue]
) -> None:
    kind = {"factor": "capacity_factor", "speed_kmh": "speed", "classes": "class_ban"}
    question = Intervention(kind[next(iter(change))], (str(busiest(town_base)),), change)
    scenario = Scenario("s", "today", (question,))
    cold = engine.solve(TOWN.network, TOWN.demand, scenario, options=OPTIONS)
    warm = engine.solve(TOWN.network, TOWN.demand, scenario, options=OPTIONS, warm=town_base)
    edited = apply(TOWN.network, TOWN.demand, scenario)
    found = compare(cold, warm, network=edited.network, demand=edited.demand)
    assert [total.key for total in found.sums if total.is_significant] == []
