"""Whatever the columns hold, building a graph ends in one typed error or in finite numbers."""

from dataclasses import replace

import numpy as np
from grids import CAR, LORRY, build_demand, build_network, with_columns
from hypothesis import event, given
from hypothesis import strategies as st

from simulations.traffic.costs import integrals, slopes, times
from simulations.traffic.demand import pairs
from simulations.traffic.graph import RoadGraph, build
from twin.errors import DemandError, NetworkError
from twin.model.network import Network, Turns

NUMBERS = ("length_m", "t0_s", "capacity_pceh", "p0", "p1", "preload_pceh", "max_weight_t")
LINKS = 4
sane = st.floats(1.0, 30.0)  # in every column and with every cost function
anything = st.one_of(st.sampled_from([0.0, 1e-6, 1e9, 4.0]), st.floats(width=64))
few = st.sampled_from([False, False, False, True])  # most networks are spoiled in few places
ids = st.lists(st.integers(-1, 6), min_size=LINKS, max_size=LINKS)


def column(values: st.SearchStrategy) -> st.SearchStrategy:
    return st.lists(values, min_size=LINKS, max_size=LINKS)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    ends = st.integers(1, 5)
    plain = build_network(
        node_id=np.arange(1, 6) if not draw(few) else np.array(draw(column(ends))),
        tail=np.array(draw(column(ends))),
        head=np.array(draw(column(ends))),
        t0_s=np.full(LINKS, 10.0),
        p0=1.5,
        zones=np.array(draw(st.lists(ends))),
        no_through=np.array(draw(st.lists(ends))),
    )
    chosen = {name: np.array(draw(column(sane))) for name in NUMBERS}
    for name in NUMBERS:
        if draw(few):
            chosen[name] = np.array(draw(column(st.one_of(sane, anything))))
    chosen["cost_function"] = np.array(draw(column(st.integers(0, 4))), dtype=np.uint8)
    if draw(few):
        chosen["cost_function"][0] = draw(st.integers(0, 255))
    if draw(few):
        chosen["link_id"] = np.array(draw(ids))
    spoiled = replace(with_columns(plain, chosen), epsg=draw(st.sampled_from([0, 25833])))
    return replace(spoiled, turns=draw(turn_rules())) if draw(few) else spoiled


@st.composite
def turn_rules(draw: st.DrawFn) -> Turns:
    return Turns(
        in_link=np.array(draw(ids)),
        out_link=np.array(draw(ids)),
        penalty_s=np.array(draw(column(anything))),
        mask=np.array(draw(column(st.integers(0, 3))), dtype=np.uint32),
    )


def assert_finite(graph: RoadGraph) -> None:
    fixed = (graph.t0_s, graph.length_m, graph.preload_pceh, graph.fixed_cost_s)
    assert all(np.isfinite(column).all() for column in fixed)
    out = np.empty(graph.arcs)
    for volume in (0.0, 1.0, 1e5):
        x = np.full(graph.arcs, volume)
        for kernel in (times, slopes, integrals):
            kernel(
                graph.fn, graph.p0, graph.p1, graph.p2, graph.t0_s, graph.capacity_pceh, x, out
            )  # fmt: skip
            assert (out >= 0.0).all()
            assert np.isfinite(out).all()


@given(networks())
def test_a_network_of_anything_gives_one_error_or_finite_costs(plain: Network) -> None:
    try:
        graph = build(plain, (CAR, LORRY))
    except NetworkError as error:
        assert str(error)  # noqa: PT017 - either outcome is fine, silence is not
    else:
        event("built")
        assert_finite(graph)


@given(
    networks(),
    st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5), st.one_of(sane, sane, anything))),
)
def test_a_demand_of_anything_gives_one_error_or_a_balance(
    plain: Network, rows: list[tuple[int, int, float]]
) -> None:
    plain = replace(plain, is_zone=np.ones(plain.node_id.size, dtype=np.bool_))
    demand = build_demand(rows, classes=(CAR, LORRY))
    try:
        graph = build(plain, demand.classes)
        od = pairs(graph, demand)
    except (NetworkError, DemandError) as error:
        assert str(error)  # noqa: PT017 - as above
    else:
        event("built")
        parts = od.served_vehh.sum() + od.intrazonal_vehh.sum() + od.unserved.flow_vehh.sum()
        assert np.isclose(parts, demand.flow_vehh.sum(), rtol=1e-9)
