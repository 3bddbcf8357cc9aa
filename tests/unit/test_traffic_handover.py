"""Traffic on bridges for whoever computes with their loads."""

import numpy as np
import pytest

from simulations.traffic.edits import apply
from simulations.traffic.engine import engine
from simulations.traffic.examples import two_routes
from simulations.traffic.handover import EstimateBand, bridge_traffic
from simulations.traffic.massshares import distribution_above
from twin.model.interventions import Intervention
from twin.model.scenarios import Scenario
from twin.model.traffic import SolveOptions

NETWORK, DEMAND = two_routes(lorries_vehh=200.0)
SCENARIO = Scenario(
    "s",
    "today",
    (
        Intervention("limit_weight", ("B1",), {"mass_t": 16.0, "obey_share": 0.8}),
        Intervention("distance_rule", ("B2",), {"min_gap_m": 50.0}),
    ),
)


def test_the_rows_of_a_bridge_add_up_to_the_flows_of_its_links() -> None:
    result = engine.solve(NETWORK, DEMAND, options=SolveOptions())
    rows = bridge_traffic(result, network=NETWORK, demand=DEMAND, kind="base", parts={1: "B1/1"})
    for asset, links in (("B1", [0, 3]), ("B2", [1, 4])):
        total = sum(row.flow_vehh for row in rows if row.asset_id == asset)
        assert total == pytest.approx(result.flow_vehh[:, links].sum())
    first = rows[0]
    assert (first.asset_id, first.part_id, first.direction) == ("B1", "B1/1", "e")
    assert {row.direction for row in rows if row.link_ids == (4,)} == {"w"}
    assert first.lane_shares == (0.5, 0.5)
    assert first.mean_speed_kmh == pytest.approx(6000.0 / result.time_s[0] * 3.6)
    flow = result.flow_vehh[:, 0]
    assert first.heavy_share == pytest.approx(flow[1] / flow.sum())
    assert first.flow_high_vehh - first.flow_vehh >= np.sqrt(first.flow_vehh) - 1e-9
    assert first.flow_low_vehh <= first.flow_vehh
    assert (first.kind, first.day_type, first.mass_limit_t) == ("base", "workday", np.inf)
    assert first.relative_gap == result.relative_gap
    assert any("every lane" in text for text in first.assumptions)


def test_limits_and_distance_rules_of_a_scenario_reach_the_bridge() -> None:
    edited = apply(NETWORK, DEMAND, SCENARIO)
    result = engine.solve(NETWORK, DEMAND, SCENARIO, options=SolveOptions())
    rows = bridge_traffic(
        result, network=edited.network, demand=edited.demand, kind="scenario", edited=edited
    )
    lorries = {
        (row.link_ids[0], row.mass_from_t, row.mass_to_t): row
        for row in rows
        if row.vehicle_class == "lorry"
    }
    light, heavy = (0.0, 16.0), (16.0, np.inf)
    assert set(lorries) == {(link, *ends) for link in (1, 2, 4, 5) for ends in (light, heavy)}
    assert (lorries[1, *heavy].mass_limit_t, lorries[1, *heavy].obey_share) == (16.0, 0.8)
    assert (lorries[1, *heavy].flow_vehh, lorries[1, *heavy].flow_low_vehh) == (0.0, 0.0)
    above = 200.0 * distribution_above("hgv_12_26", 16.0)
    assert lorries[2, *heavy].flow_vehh == pytest.approx(above)
    assert sum(lorries[link, *light].flow_vehh for link in (1, 2)) == pytest.approx(200.0 - above)
    assert lorries[2, *heavy].min_gap_m == 50.0
    assert lorries[2, *heavy].mass_distribution_id == "hgv_12_26"


def test_the_movement_of_the_other_side_widens_the_band() -> None:
    result = engine.solve(NETWORK, DEMAND, options=SolveOptions())
    rows = bridge_traffic(
        result, network=NETWORK, demand=DEMAND, kind="base", movement_pceh=np.full(6, 100.0)
    )
    assert rows[0].flow_high_vehh - rows[0].flow_vehh >= 299.999
    assert rows[1].flow_high_vehh - rows[1].flow_vehh >= 149.999


def test_the_band_holds_the_error_of_the_estimation_or_says_that_it_does_not() -> None:
    result = engine.solve(NETWORK, DEMAND, options=SolveOptions())
    flow = result.flow_vehh.sum(axis=0)
    known = EstimateBand(result.link_id[:3], flow[:3], 0.5 * flow[:3], 2.0 * flow[:3])
    rows = bridge_traffic(result, network=NETWORK, demand=DEMAND, kind="base", estimate=known)
    for row in rows:
        is_known = row.link_ids[0] <= 3
        assert any("no error of the estimation" in text for text in row.assumptions) != is_known
        if is_known and row.vehicle_class == "car":
            assert row.flow_low_vehh == pytest.approx(0.5 * row.flow_vehh)
            assert row.flow_high_vehh == pytest.approx(2.0 * row.flow_vehh)


def test_a_link_that_was_empty_or_unbounded_in_the_estimation_has_a_band() -> None:
    result = engine.solve(NETWORK, DEMAND, options=SolveOptions())
    flow = np.array([0.0, 100.0])
    known = EstimateBand(result.link_id[:2], flow, flow, np.array([250.0, np.inf]))
    rows = bridge_traffic(result, network=NETWORK, demand=DEMAND, kind="base", estimate=known)
    high = {(row.link_ids[0], row.vehicle_class): row for row in rows}
    first = high[1, "car"]
    assert first.flow_high_vehh == pytest.approx(first.flow_vehh + 250.0)
    assert high[2, "car"].flow_high_vehh == np.inf
    assert not any(np.isnan(row.flow_high_vehh) for row in rows)


def test_vehicles_that_ignore_a_limit_are_said_to_be_missing() -> None:
    edited = apply(NETWORK, DEMAND, SCENARIO)
    assert any("the share 0.2 that does not keep it" in text for text in edited.assumptions)
    result = engine.solve(NETWORK, DEMAND, SCENARIO, options=SolveOptions())
    rows = bridge_traffic(
        result, network=edited.network, demand=edited.demand, kind="scenario", edited=edited
    )
    for row in rows:
        is_said = any("the share 0.2 that does not is missing" in text for text in row.assumptions)
        assert is_said == (row.asset_id == "B1")
