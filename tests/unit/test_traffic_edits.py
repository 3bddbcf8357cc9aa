"""Interventions become edits of a copy of network and demand."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from simulations.traffic import graph
from simulations.traffic.classes import classes
from simulations.traffic.demand import pairs
from simulations.traffic.edits import BRIDGE_ALONE, Edited, apply
from simulations.traffic.examples import CAR, LORRY, two_routes
from simulations.traffic.linkedits import HANDLERS
from simulations.traffic.reach import reach
from twin.errors import ScenarioError
from twin.model.interventions import Intervention, ParameterValue, kinds
from twin.model.network import LinkProvenance
from twin.model.scenarios import Scenario
from twin.model.traffic import VehicleClass

BEGIN = datetime(2026, 11, 23, 6, tzinfo=UTC)
END = datetime(2026, 11, 24, 6, tzinfo=UTC)
BUS = VehicleClass("bus", 2, mass_from_t=10.0, mass_to_t=28.0, axle_t=11.5, height_m=3.5)
NEW_BRIDGE: dict[str, ParameterValue] = {
    "name": "new",
    "from_node": "west",
    "to_node": "2",
    "geometry": "LINESTRING (0 0, 3000 400, 6000 0)",
    "road_class": "arterial",
    "lanes": 2,
    "capacity_pceh": 1800.0,
    "speed_kmh": 50.0,
    "provenance": "estimated",
    "source": "own assumption",
}


def item(kind: str, *targets: str, **parameters: ParameterValue) -> Intervention:
    return Intervention(kind, targets, parameters)


def edited(*items: Intervention, lorries: float = 100.0, at: datetime | None = None) -> Edited:
    network, demand = two_routes(lorries_vehh=lorries)
    return apply(network, demand, Scenario("s", "today", items), at=at)


def refused(*items: Intervention) -> tuple[str, ...]:
    with pytest.raises(ScenarioError) as caught:
        edited(*items)
    return caught.value.problems


def test_a_closed_link_is_closed_in_one_direction_and_keeps_its_row() -> None:
    result = edited(item("close_link", "S1/ab"))
    assert result.network.mask.tolist() == [0, 3, 3, 3, 3, 3]
    assert result.removed_links.tolist() == [1]
    assert result.is_forbidden[:, 0].all()
    assert result.is_affected.sum() == 2


def test_the_base_stays_as_it_is() -> None:
    network, demand = two_routes(lorries_vehh=100.0)
    before = network.content_hash(), demand.content_hash()
    scenario = Scenario(
        "s",
        "today",
        (
            item("close_asset", "B1"),
            item("toll", "2", toll_eur=3.0),
            item("scale_demand", factor=2.0),
            item("turn_ban", "S2/ab", "S3/ab", classes=("lorry",)),
            Intervention("new_link", (), NEW_BRIDGE),
        ),
    )
    apply(network, demand, scenario)
    assert (network.content_hash(), demand.content_hash()) == before


def test_an_asset_is_closed_in_both_directions_except_for_some_classes() -> None:
    result = edited(item("close_asset", "B1", except_classes=("lorry", "emergency")))
    assert result.network.mask.tolist() == [2, 3, 3, 2, 3, 3]
    assert result.removed_links.size == 0
    assert result.changed_links.tolist() == [1, 4]
    assert not result.is_affected[1].any()


@pytest.mark.parametrize(
    ("point", "closed"), [("e", 1), ("ne", 1), ("se", 1), ("w", 4), ("nw", 4), ("sw", 4)]
)
def test_a_direction_is_closed_by_the_compass(point: str, closed: int) -> None:
    result = edited(item("close_direction", "B1", direction=point))
    assert result.removed_links.tolist() == [closed]


def test_a_compass_point_across_the_bridge_is_refused() -> None:
    assert (
        "lies across it; it runs e and w"
        in refused(item("close_direction", "B1", direction="n"))[0]
    )


def test_a_road_section_without_bridge_can_be_closed_as_an_asset() -> None:
    assert edited(item("close_asset", "S3")).removed_links.tolist() == [3, 6]


def test_a_closed_lane_takes_its_share_and_slows_the_others() -> None:
    result = edited(item("close_lane", "B1", lanes=1))
    factor = 0.858 / 1.0402
    assert result.network.capacity_pceh[0] == pytest.approx(1800.0 / 2.0 * factor)
    assert result.network.lanes.tolist() == [1, 2, 1, 1, 2, 1]
    assert "not verified" in result.assumptions[0]
    stated = edited(item("close_lane", "B1", lanes=1, work_zone_factor=1.0))
    assert stated.network.capacity_pceh[0] == 900.0
    assert stated.assumptions == ()
    assert stated.network.provenance["capacity_pceh"][0] == LinkProvenance.ESTIMATED


def test_closing_all_lanes_is_refused_with_the_way_out() -> None:
    assert "use close link" in refused(item("close_lane", "S3/ab", lanes=1))[0]
    assert (
        "use close link"
        in refused(item("close_lane", "S1/ab", lanes=1), item("close_lane", "S1/ab", lanes=1))[0]
    )


def test_a_new_speed_keeps_the_fixed_delay_of_the_link() -> None:
    network, demand = two_routes()
    network.t0_s[0] += 30.0
    scenario = Scenario("s", "today", (item("speed", "S1/ab", speed_kmh=72.0),))
    result = apply(network, demand, scenario)
    assert result.network.t0_s[0] == pytest.approx(330.0)
    network.t0_s[0] = 1.0
    with pytest.raises(ScenarioError, match="do not fit"):
        apply(network, demand, scenario)


def test_capacity_times_nothing_is_a_closure() -> None:
    assert edited(item("capacity_factor", "1", factor=0.5)).network.capacity_pceh[0] == 900.0
    assert "use close link" in refused(item("capacity_factor", "1", factor=0.0))[0]


def test_a_weight_limit_bans_the_classes_above_it_only() -> None:
    result = edited(item("limit_weight", "B1", mass_t=15.0, obey_share=0.9))
    built = graph.build(result.network, (CAR, LORRY))
    rows = built.row_of[[0, 3]]
    assert built.open_mask[0, rows].all()
    assert not built.open_mask[1, rows].any()
    assert result.obey_share.tolist() == [0.9, 1.0, 1.0, 0.9, 1.0, 1.0]
    assert any("band cut" in text for text in built.assumptions)


@pytest.mark.parametrize(
    ("kind", "parameter", "value"),
    [
        ("limit_weight", "mass_t", 16.0),
        ("limit_axle", "axle_t", 8.0),
        ("limit_height", "height_m", 3.0),
    ],
)
def test_exempt_classes_pass_a_limit_but_not_a_later_one(
    kind: str, parameter: str, value: float
) -> None:
    network, demand = two_routes(lorries_vehh=1.0)
    network = replace(network, mask=np.full(6, 7, dtype=np.uint32))
    demand = replace(demand, classes=(CAR, LORRY, BUS))
    first = item(kind, "S1/ab", **{parameter: value, "except_classes": ("bus",)})
    result = apply(network, demand, Scenario("s", "b", (first,)))
    built = graph.build(result.network, demand.classes)
    assert built.open_mask[:, built.row_of[0]].tolist() == [True, False, True]
    later = item(kind, "S1/ab", **{parameter: value - 0.5})
    result = apply(network, demand, Scenario("s", "b", (first, later)))
    built = graph.build(result.network, demand.classes)
    assert built.open_mask[:, built.row_of[0]].tolist() == [True, False, False]


def test_a_limit_never_loosens_a_stricter_one() -> None:
    network, demand = two_routes(lorries_vehh=1.0)
    network.max_weight_t[0] = 3.0
    scenario = Scenario("s", "b", (item("limit_weight", "S1/ab", "S2/ab", mass_t=12.0),))
    result = apply(network, demand, scenario)
    assert result.network.max_weight_t[:2].tolist() == [3.0, 12.0]
    assert "a stricter limit than 12 stays: S1/ab" in result.warnings
    assert result.changed_links.tolist() == [2]


def test_a_ban_holds_for_its_class_only() -> None:
    result = edited(item("class_ban", "S1/ab", classes=("lorry",)))
    assert result.network.mask[0] == 1
    assert result.is_forbidden.tolist() == [[False] * 6, [True] + [False] * 5]


def test_tolls_and_turns_reach_the_graph() -> None:
    result = edited(
        item("toll", "B2", toll_eur=2.0, classes=("lorry",)),
        item("turn_penalty", "S1/ab", "S3/ab", penalty_s=20.0),
        item("turn_ban", "S2/ab", "S3/ab"),
    )
    built = graph.build(result.network, (CAR, LORRY))
    assert built.fixed_cost_s[1, built.row_of[1]] - built.fixed_cost_s[0, built.row_of[1]] == 240.0
    turns = np.flatnonzero(built.link_of < 0)
    assert 20.0 in built.t0_s[turns].tolist()
    assert result.changed_turns == ((1, 3), (2, 3))


def test_a_new_link_takes_its_length_from_its_course_and_its_curve_from_its_class() -> None:
    result = edited(Intervention("new_link", (), NEW_BRIDGE | {"course": "both_ways"}))
    network = result.network
    assert result.new_links.tolist() == [7, 8]
    assert network.link_name[6:] == ("new", "new/back")
    assert (network.tail[6:].tolist(), network.head[6:].tolist()) == ([1, 2], [2, 1])
    assert network.length_m[6] == pytest.approx(2 * np.hypot(3000, 400))
    assert network.t0_s[6] == pytest.approx(network.length_m[6] / 50.0 * 3.6)
    assert network.p0[6] > 0.0
    assert result.is_affected[:, 6:].all()
    assert any("own assumption" in text for text in result.assumptions)
    graph.build(network, (CAR, LORRY))


def test_a_later_intervention_may_name_the_new_link() -> None:
    result = edited(
        Intervention("new_link", (), NEW_BRIDGE), item("class_ban", "new", classes=("lorry",))
    )
    assert result.is_affected[:, 6].tolist() == [True, False]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"from_node": "nowhere"}, "unknown node 'nowhere'"),
        ({"to_node": "west"}, "same node"),
        ({"geometry": "POINT (0 0)"}, "no WKT LINESTRING"),
        ({"geometry": "LINESTRING (13.7 51, 13.8 51)"}, "EPSG:25833"),
        ({"geometry": "LINESTRING (0 0, nan 0)"}, "no WKT LINESTRING"),
        ({"road_class": "arterrial"}, "did you mean 'arterial'"),
        ({"name": "S1/ab"}, "is taken"),
        ({"length_m": 3.0}, "only for drawings"),
        ({"classes": ("lory",)}, "unknown vehicle class 'lory'; did you mean 'lorry'?"),
        ({"capacity_pceh": 0.0}, "capacity_pceh is 0; it must be greater than 0"),
    ],
)
def test_a_link_that_cannot_be_built_says_why(
    change: dict[str, ParameterValue], words: str
) -> None:
    found = refused(Intervention("new_link", (), NEW_BRIDGE | change))
    assert any(words in problem for problem in found)


def test_a_drawing_needs_a_length_for_a_new_link() -> None:
    network, demand = two_routes()
    network = replace(network, epsg=0)
    with pytest.raises(ScenarioError, match="length_m is missing"):
        apply(network, demand, Scenario("s", "b", (Intervention("new_link", (), NEW_BRIDGE),)))
    stated = Intervention("new_link", (), NEW_BRIDGE | {"length_m": 900.0})
    assert apply(network, demand, Scenario("s", "b", (stated,))).network.length_m[6] == 900.0


def test_trips_are_scaled_by_class_and_zone() -> None:
    both = edited(item("scale_demand", "east", factor=2.0))
    assert both.demand.flow_vehh.tolist() == [6000.0, 2000.0, 200.0]
    one = edited(item("scale_demand", factor=0.5, origins=("1",), classes=("lorry",)))
    assert one.demand.flow_vehh.tolist() == [3000.0, 1000.0, 50.0]
    assert one.is_demand_changed.tolist() == [False, False, True]
    pair = edited(item("scale_demand", factor=0.0, origins=("3",), destinations=("1",)))
    assert pair.demand.flow_vehh.tolist() == [3000.0, 0.0, 100.0]


def test_all_problems_are_raised_together() -> None:
    found = refused(
        item("close_link", "S9/ab"),
        item("close_asset", "S1/ab", "B9"),
        item("close_link", "B1"),
        item("class_ban", "1", classes=("lorri",)),
        item("turn_ban", "S1/ab", "S2/ab"),
        item("scale_demand", "fork", factor=2.0),
    )
    assert len(found) == 7
    assert "unknown link 'S9/ab'" in found[0]
    assert "use close_asset" in found[3]
    assert "did you mean" in found[4] or "known:" in found[4]
    assert "does not lead to" in found[5]
    assert "unknown zone 'fork'" in found[6]


@pytest.mark.parametrize(
    "nothing",
    [
        item("distance_rule", "B1", min_gap_m=50.0),
        item("change_stiffness", "B1", factor=0.9),
        item("limit_weight", "B1", mass_t=40.0),
        item("class_ban", "B1", classes=("bus",)),
        item("capacity_factor", "S3", factor=0.5),
        item("capacity_factor", "B1", factor=1.0),
        item("toll", "B1", toll_eur=0.0),
        item("scale_demand", factor=1.0),
        item("turn_penalty", "S1/ab", "S3/ab", penalty_s=0.0),
    ],
)
def test_a_scenario_without_effect_is_an_error_and_not_an_equal_map(nothing: Intervention) -> None:
    assert refused(nothing)[0].startswith("no effect")
    if nothing.kind not in ("distance_rule", "change_stiffness"):
        beside = edited(nothing, item("close_link", "2"))
        assert any("no effect" in text for text in beside.warnings)


def test_an_empty_scenario_has_no_effect() -> None:
    assert "ask for the base" in refused()[0]


def test_a_closed_link_that_is_edited_again_is_a_warning() -> None:
    result = edited(item("close_link", "1"), item("speed", "S1/ab", speed_kmh=30.0))
    assert "intervention 2 (speed): already closed: S1/ab" in result.warnings
    assert result.removed_links.tolist() == [1]


def test_what_is_not_valid_at_the_time_is_inactive() -> None:
    works = Intervention("close_link", ("1",), valid_from=BEGIN, valid_until=END)
    other = item("close_link", "2")
    assert edited(works, other, at=BEGIN).removed_links.tolist() == [1, 2]
    result = edited(works, other, at=END)
    assert (result.removed_links.tolist(), result.inactive) == ([2], (works,))
    assert "validity was not looked at" in edited(works).warnings[0]
    with pytest.raises(ScenarioError, match="no intervention is valid at 2026-11-24 06:00"):
        edited(works, at=END)
    network, demand = two_routes()
    with pytest.raises(ScenarioError, match="no intervention is valid"):
        apply(network, demand, Scenario("s", "b", (works,), at=END))


def test_what_is_not_applied_is_named() -> None:
    stiff = item("change_stiffness", "B7", factor=0.8)
    rule = item("distance_rule", "B2", min_gap_m=50.0)
    result = edited(stiff, rule, item("close_link", "1"))
    assert result.not_applied == (stiff,)
    assert "B7 is not applied" in result.assumptions[0]
    assert result.min_gap_m.tolist() == [0.0, 50.0, 0.0, 0.0, 50.0, 0.0]


@pytest.mark.parametrize(
    "alone",
    [
        item("overtaking_ban", "B1"),
        item("lane_guidance", "B1", lane=1),
        item("inspection_cycle", "B1", inspection="simple", months=6.0),
        item("monitoring", "B1", task="crack width"),
    ],
)
def test_what_acts_on_a_bridge_alone_leaves_traffic_as_it_is(alone: Intervention) -> None:
    result = edited(alone, item("close_link", "1"))
    assert result.not_applied == (alone,)
    assert "it acts on the bridge alone" in result.assumptions[0]
    assert refused(alone)[0].startswith("no effect")


def test_a_name_of_both_a_link_and_an_asset_must_be_settled() -> None:
    network, demand = two_routes()
    network = replace(network, link_assets=replace(network.link_assets, asset=("1", "2", "1", "2")))

    def closed(target: str) -> list[int]:
        scenario = Scenario("s", "b", (item("capacity_factor", target, factor=0.5),))
        return apply(network, demand, scenario).changed_links.tolist()

    with pytest.raises(ScenarioError, match="write 'link:1' or 'asset:1'"):
        closed("1")
    assert (closed("link:1"), closed("asset:1")) == ([1], [1, 4])


def test_the_order_of_interventions_counts() -> None:
    halved = item("capacity_factor", "1", factor=0.5)
    lane = item("close_lane", "1", lanes=1, work_zone_factor=1.0)
    assert edited(halved, lane).network.capacity_pceh[0] == 450.0
    later = edited(item("close_link", "1"), lane)
    assert later.network.mask[0] == 0


def test_every_kind_on_links_has_its_edit() -> None:
    elsewhere = {*BRIDGE_ALONE, "new_link", "turn_ban", "turn_penalty", "scale_demand"}
    assert set(HANDLERS) | elsewhere == set(kinds())


EMERGENCY = next(member for member in classes() if member.name == "emergency")


@pytest.mark.parametrize(
    "change",
    [
        item("close_asset", "B1", "B2", except_classes=("emergency",)),
        item("limit_weight", "B1", "B2", mass_t=15.0, except_classes=("emergency",)),
        item("class_ban", "B1", "B2", classes=("car", "lorry")),
    ],
    ids=lambda change: change.kind,
)
def test_a_class_without_trips_keeps_the_road_that_it_is_exempt_on(change: Intervention) -> None:
    network, demand = two_routes(lorries_vehh=100.0)
    network = replace(network, mask=np.full(6, 0xFFFFFFFF, dtype=np.uint32))
    after = apply(network, demand, Scenario("s", "b", (change,))).network
    start, ends = np.array([1]), np.array([2, 3])
    before_s = reach(graph.build(network, (EMERGENCY,)), start).at(ends)
    after_s = reach(graph.build(after, (EMERGENCY,)), start).at(ends)
    assert after_s.tolist() == before_s.tolist()


def test_a_ban_holds_for_a_class_without_trips_beside_others() -> None:
    network, demand = two_routes(lorries_vehh=100.0)
    network = replace(network, mask=np.full(6, 0xFFFFFFFF, dtype=np.uint32))
    ban = item("class_ban", "S1/ab", classes=("lorry", "emergency"))
    after = apply(network, demand, Scenario("s", "b", (ban,))).network
    assert int(after.mask[0]) >> EMERGENCY.bit & 1 == 0
    assert int(after.mask[1]) >> EMERGENCY.bit & 1 == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (item("class_ban", "B1", classes=("lorry",)), "no effect on any vehicle"),
        (item("turn_ban", "S1/ab", "S3/ab", classes=("lorry",)), "no effect: for every vehicle"),
        (
            Intervention("new_link", (), NEW_BRIDGE | {"classes": ("emergency",)}),
            "may use the link",
        ),
        (Intervention("new_link", (), NEW_BRIDGE | {"classes": ("lorry",)}), "may use the link"),
    ],
)
def test_what_concerns_only_classes_without_trips_has_no_effect(
    change: Intervention, words: str
) -> None:
    network, demand = two_routes(lorries_vehh=100.0)
    demand.flow_vehh[demand.class_index == 1] = 0.0
    with pytest.raises(ScenarioError, match=words):
        apply(network, demand, Scenario("s", "b", (change,)))
    slower = item("speed", "B2", speed_kmh=30.0)
    found = apply(network, demand, Scenario("s", "b", (change, slower)))
    assert any(words in text for text in found.warnings)


@pytest.mark.parametrize("exempt", [(), ("car",)])
def test_a_closure_that_exempts_a_class_is_the_reason_for_the_others(
    exempt: tuple[str, ...],
) -> None:
    network, demand = two_routes(lorries_vehh=100.0)
    parameters: dict[str, ParameterValue] = {"except_classes": exempt} if exempt else {}
    closed = Intervention("close_asset", ("B1", "B2"), parameters)
    found = apply(network, demand, Scenario("s", "b", (closed,)))
    od = pairs(graph.build(found.network, demand.classes), found.demand)
    assert set(od.unserved.reason) == {"closure"}
    banned = item("class_ban", "B1", "B2", classes=("lorry",))
    found = apply(network, demand, Scenario("s", "b", (banned,)))
    od = pairs(graph.build(found.network, demand.classes), found.demand)
    assert set(od.unserved.reason) == {"mask"}


def test_the_trips_of_another_hour_than_the_instant_are_named() -> None:
    found = edited(item("close_asset", "B1"), at=datetime(2026, 11, 22, 2, tzinfo=UTC))
    assert any(
        "2026-11-22 02:00 UTC" in text and "workday 7 to 8 h" in text for text in found.assumptions
    )
    assert not any("workday" in text for text in edited(item("close_asset", "B1")).assumptions)


def test_lanes_closed_one_after_the_other_count_as_one_work_zone() -> None:
    network, demand = two_routes()
    network = replace(network, lanes=np.full(6, 3, dtype=np.uint8))
    one = item("close_lane", "B1", lanes=1)
    twice = apply(network, demand, Scenario("s", "b", (one, one))).network
    both = item("close_lane", "B1", lanes=2)
    at_once = apply(network, demand, Scenario("s", "b", (both,))).network
    assert twice.capacity_pceh == pytest.approx(at_once.capacity_pceh)
    assert twice.lanes.tolist() == at_once.lanes.tolist()


def test_a_speed_that_no_network_may_have_or_that_says_nothing_is_refused() -> None:
    assert "speed_kmh is 1" in refused(item("speed", "B1", speed_kmh=1.0))[0]
    network, demand = two_routes()
    network = replace(network, speed_kmh=np.zeros(6))
    with pytest.raises(ScenarioError, match="no speed, only a time"):
        apply(network, demand, Scenario("s", "b", (item("speed", "B1", speed_kmh=50.0),)))


def test_preload_on_a_closed_link_is_named() -> None:
    network, demand = two_routes()
    network = replace(network, preload_pceh=np.array([100.0, 0.0, 0.0, 0.0, 0.0, 0.0]))
    found = apply(network, demand, Scenario("s", "b", (item("close_asset", "B1"),)))
    assert any("preload" in text and text.endswith("S1/ab") for text in found.warnings)
