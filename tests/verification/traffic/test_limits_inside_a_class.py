"""A mass limit inside a class: numbers by hand, and what holds for every limit on every link."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from measures_case import OPTIONS, town
from scipy.optimize import elementwise

from simulations.traffic.classes import rights
from simulations.traffic.edits import apply
from simulations.traffic.engine import engine
from simulations.traffic.examples import two_routes
from simulations.traffic.massshares import distribution_above, share_between
from simulations.traffic.massslices import edges_of, slice_flows, slices_of
from twin.model.interventions import Intervention
from twin.model.network import Network
from twin.model.scenarios import Scenario
from twin.model.traffic import Demand, SolveOptions, TrafficResult

FINE = SolveOptions(relative_gap=1e-12, threads=1)
LORRIES = "hgv_12_26"
MEDIAN_T = elementwise.find_root(
    np.vectorize(lambda mass: distribution_above(LORRIES, mass) - 0.5), (12.0, 26.0)
).x.item()
MASSES_T = (7.5, 12.0, 13.0, 15.0, 16.5, 20.0, 24.0, 26.0, 30.0, 33.0, 40.0)


def limited(mass_t: float, *targets: str) -> Scenario:
    return Scenario(
        "limit", "b", (Intervention("limit_weight", targets or ("B1",), {"mass_t": mass_t}),)
    )


def test_a_limit_at_the_median_mass_diverts_one_half_of_the_class() -> None:
    # 300 cars and 200 lorries need 600 s on B1 and at least 720 s on B2: all are on B1 before
    network, demand = two_routes(cars_vehh=300.0, lorries_vehh=200.0)
    before = engine.solve(network, demand, options=FINE)
    after = engine.solve(network, demand, limited(MEDIAN_T), options=FINE, warm=before)
    assert before.flow_vehh[1, :2] == pytest.approx([200.0, 0.0])
    assert after.flow_vehh[1, :2] == pytest.approx([100.0, 100.0], rel=1e-9)
    assert after.flow_vehh[0, :2] == pytest.approx([300.0, 0.0])
    assert after.served_vehh.tolist() == pytest.approx([400.0, 200.0])


def test_full_roads_carry_the_same_volumes_while_enough_vehicles_may_choose() -> None:
    # 2600 cars and 200 lorries of 2 units are the 3000 units of `two_routes` with cars alone, which
    # meet at 1949.98 on B1 and 1050.02 on B2; the heavier lorries are 203 units, less than B2 has
    alone, cars = two_routes()
    network, demand = two_routes(cars_vehh=2600.0, lorries_vehh=200.0)
    demand = replace(demand, flow_vehh=np.array([2600.0, 1000.0, 200.0]))
    known = engine.solve(alone, cars, options=FINE).volume_pceh
    found = engine.solve(network, demand, limited(16.0), options=FINE)
    assert found.volume_pceh == pytest.approx(known, rel=1e-9)
    heavier = 200.0 * distribution_above(LORRIES, 16.0)
    assert found.flow_vehh[1, 1] >= heavier * (1.0 - 1e-12)


def test_a_lower_limit_diverts_at_least_as_many() -> None:
    network, demand = two_routes(cars_vehh=300.0, lorries_vehh=200.0)
    diverted = [
        engine.solve(network, demand, limited(mass_t), options=FINE).flow_vehh[1, 1]
        for mass_t in (25.9, 24.0, 20.0, 16.0, 14.0, 12.5, 12.0)
    ]
    assert diverted == sorted(diverted)
    assert diverted[-1] == pytest.approx(200.0)


def test_drawn_masses_decide_on_the_share_above_the_limit() -> None:
    network, demand = two_routes(cars_vehh=300.0, lorries_vehh=200.0)
    for factor in (0.9, 1.1):
        drawn = replace(demand, mass_factor=factor)
        found = engine.solve(network, drawn, limited(16.0), options=FINE)
        above = 200.0 * distribution_above(LORRIES, 16.0 / factor)
        assert found.flow_vehh[1, 1] == pytest.approx(above, rel=1e-9)


def test_a_limit_on_a_bound_of_a_class_is_a_ban_of_the_classes_above_to_the_last_bit() -> None:
    network, demand = town()
    free = replace(network, max_weight_t=np.full(network.link_id.size, np.inf))
    base = engine.solve(free, demand, options=OPTIONS)
    heavier = ("hgv_12_26", "hgv_26_40", "emergency")
    ban = Scenario("ban", "b", (Intervention("class_ban", ("B1",), {"classes": heavier}),))
    one, two = (
        engine.solve(free, demand, asked, options=OPTIONS, warm=base)
        for asked in (limited(12.0), ban)
    )
    assert not one.paths.mass_to_t.size
    for name in ("flow_vehh", "volume_pceh", "time_s"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes()
    assert one.paths.flow_vehh.tobytes() == two.paths.flow_vehh.tobytes()


def test_a_divided_base_is_an_equilibrium_of_the_divided_problem() -> None:
    network, demand = town()
    free = replace(network, max_weight_t=np.full(network.link_id.size, np.inf))
    base = engine.solve(free, demand, options=OPTIONS)
    # nobody drives on the long way round, so a limit there divides the class and changes nothing
    long_way = free.link_id[[name.startswith("S3") for name in free.link_name]]
    lorries = base.flow_vehh[1][np.isin(base.link_id, long_way)]
    assert lorries.sum() == 0.0
    found = engine.solve(free, demand, limited(16.0, "B3"), options=OPTIONS, warm=base)
    assert len(found.passes) == 1
    assert found.flow_vehh == pytest.approx(base.flow_vehh, rel=1e-12, abs=1e-9)
    assert edges_of((found.paths,))[1] == (16.0,)


@cache
def case() -> tuple[Network, Demand, TrafficResult]:
    network, demand = town()
    free = replace(network, max_weight_t=np.full(network.link_id.size, np.inf))
    return free, demand, engine.solve(free, demand, options=OPTIONS)


LIMITS = st.dictionaries(st.integers(0, 15), st.sampled_from(MASSES_T), max_size=6)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(LIMITS, LIMITS)
def test_what_holds_for_every_limit_on_every_link(
    old: dict[int, float], new: dict[int, float]
) -> None:
    free, demand, start = case()
    limit_t = free.max_weight_t.copy()
    limit_t[list(old)] = list(old.values())
    network = replace(free, max_weight_t=limit_t)
    asked = tuple(
        Intervention("limit_weight", (free.link_name[row],), {"mass_t": mass_t})
        for row, mass_t in new.items()
    )
    scenario = Scenario("limits", "b", asked)
    edited = apply(network, demand, scenario, must_change=False)
    changes = edited.is_affected.any()
    found = engine.solve(
        network, demand, scenario if changes else None, options=OPTIONS, warm=start
    )
    require_rights(edited.network, demand, found)
    require_trips(demand, found)
    require_sums(found)


def require_rights(network: Network, demand: Demand, found: TrafficResult) -> None:
    """No path leads over a link that one of its vehicles may not use."""
    paths = found.paths
    index = np.repeat(np.arange(paths.flow_vehh.size), np.diff(paths.start))
    row = np.searchsorted(network.link_id, paths.links)
    rows = np.arange(network.link_id.size)
    for number, item in enumerate(demand.classes):
        mine = paths.class_index[index] == number
        for high in (
            set(paths.mass_to_t[index[mine]].tolist()) if paths.mass_to_t.size else {np.inf}
        ):
            top = replace(item, mass_to_t=min(high, item.mass_to_t))
            is_open = rights(network, top, mask=network.mask, link_of=rows).is_open
            of_slice = mine & (paths.mass_to_t[index] == high) if paths.mass_to_t.size else mine
            assert is_open[row[of_slice]].all()


def require_trips(demand: Demand, found: TrafficResult) -> None:
    """Every pair keeps its trips, and each slice its share of them."""
    paths, lost = found.paths, found.unserved
    slices = slices_of(len(demand.classes), edges_of((paths,)))
    for row, trips in enumerate(demand.flow_vehh.tolist()):
        of_pair, unserved = (
            (one.class_index == demand.class_index[row])
            & (one.origin == demand.origin[row])
            & (one.destination == demand.destination[row])
            for one in (paths, lost)
        )
        missing = lost.flow_vehh[unserved].sum()
        assert paths.flow_vehh[of_pair].sum() + missing == pytest.approx(trips, rel=1e-9)
        item = demand.classes[demand.class_index[row]]
        for one in slices if paths.mass_to_t.size and missing == 0.0 else ():
            if one.class_index != demand.class_index[row]:
                continue
            mine = of_pair & (paths.mass_from_t == one.from_t)
            share = share_between(item, one.from_t, one.to_t)
            assert paths.flow_vehh[mine].sum() == pytest.approx(share * trips, rel=1e-9, abs=1e-9)


def require_sums(found: TrafficResult) -> None:
    """Flows by class are the sums of their slices."""
    slices = slices_of(len(found.classes), edges_of((found.paths,)))
    rows = np.arange(found.link_id.size)
    flows = slice_flows(
        found.paths, slices, classes=found.classes, link_id=found.link_id, wanted=rows
    )
    total = np.zeros_like(found.flow_vehh)
    np.add.at(total, [one.class_index for one in slices], flows)
    assert total == pytest.approx(found.flow_vehh, rel=1e-9, abs=1e-9)
