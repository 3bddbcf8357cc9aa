"""Vehicles drawn from counts, and what restrictions do to them."""

from collections import defaultdict
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verification.fatigue.streams import detail, mid_span, stream

from simulations.structure.crossings import CrossingDamage, crossing_damage
from simulations.structure.details import DetailKind, NotAssessable, why_not
from simulations.structure.response import DayDamage, day_damage
from simulations.structure.restrictions import (
    ban_overtaking,
    guide_lane,
    keep_distance,
    limit_speed,
    limit_weight,
)
from simulations.structure.templates import template_damage
from simulations.structure.weights import (
    SampledTraffic,
    sample_traffic,
    templates_of,
    vehicle_templates,
)
from twin.errors import ModelError
from twin.model.structure import AxleStream
from twin.model.tables import rows

LENGTH_M = 30.0


def traffic(seed: int = 1, *, flow_vehh: float = 300.0) -> SampledTraffic:
    return sample_traffic(
        {"car": [2.0 * flow_vehh], "hgv_26_40": [flow_vehh], "hgv_over_40": [0.1 * flow_vehh]},
        speed_ms=20.0,
        lane_shares=[0.6, 0.4],
        seed=seed,
    )


def damage(vehicles: AxleStream) -> float:
    found = crossing_damage(vehicles, detail())
    assert isinstance(found, CrossingDamage)
    return found.total


def clear_gaps(vehicles: AxleStream, at_m: float) -> np.ndarray:
    """Way from the last axle ahead to the first axle behind, when that is at a place [m]."""
    found = []
    for lane in np.unique(vehicles.lane):
        rows_ = np.flatnonzero(vehicles.lane == lane)
        arrive = vehicles.time_s[rows_] + at_m / vehicles.speed_ms[rows_]
        longest = np.maximum.reduceat(vehicles.axle_offset_m, vehicles.first_axle[:-1])[rows_]
        speed = vehicles.speed_ms[rows_]
        ahead = speed[:-1] * (arrive[1:] - vehicles.time_s[rows_][:-1]) - longest[:-1]
        found.append(ahead - at_m)
    return np.concatenate(found)


def test_the_table_covers_the_weight_classes_of_traffic_within_their_masses() -> None:
    shares = defaultdict(float)
    classes = {row["mass_distribution_id"]: row for row in rows("vehicle_classes")}
    for one in vehicle_templates():
        shares[one.mass_distribution_id] += one.share
        row = classes[one.mass_distribution_id]
        assert one.mass_to_t <= float(row["mass_to_t"]) + 1e-9
        assert one.mass_from_t >= float(row["mass_from_t"]) - 1e-9
        assert one.load_share.sum() == pytest.approx(1.0)
        assert len(one.load_share) == len(one.offset_m)
        assert one.source
        heaviest = one.load_share.max() * one.mass_mean_t
        assert heaviest <= float(row["axle_t"]) * 1.01
    assert set(shares) == set(classes)
    assert all(total == pytest.approx(1.0) for total in shares.values())


def test_the_same_seed_draws_the_same_vehicles_and_another_one_others() -> None:
    one, same, other = traffic(1).stream, traffic(1).stream, traffic(2).stream
    np.testing.assert_array_equal(one.axle_load_kn, same.axle_load_kn)
    np.testing.assert_array_equal(one.time_s, same.time_s)
    assert len(other) != len(one) or not np.array_equal(one.time_s, other.time_s)


def test_drawn_vehicles_follow_counts_weights_and_lanes() -> None:
    found = sample_traffic(
        {"hgv_26_40": np.array([500.0, 0.0, 1_500.0])}, speed_ms=-20.0, lane_shares=[0.25, 0.75],
        seed=7, start_s=100.0,
    ).stream  # fmt: skip
    assert abs(len(found) - 2_000) < 5 * np.sqrt(2_000)
    hour = ((found.time_s - 100.0) // 3_600.0).astype(int)
    assert set(hour.tolist()) == {0, 2}
    assert np.mean(found.lane == 1) == pytest.approx(0.25, abs=0.05)
    mass_t = found.gross_kn / 9.81
    assert 26.0 <= mass_t.min() < mass_t.max() <= 40.0
    expected = sum(
        one.share * one.mass_t((np.arange(200) + 0.5) / 200).mean()
        for one in templates_of("hgv_26_40")
    )
    assert mass_t.mean() == pytest.approx(expected, rel=0.01)
    assert np.all(found.speed_ms < 0.0)
    assert np.all(np.diff(found.time_s) >= 0.0)


def test_results_say_which_weights_are_not_verified() -> None:
    assert any(text.startswith("not verified: ") for text in traffic().assumptions)


def test_unsound_counts_are_refused_with_all_problems() -> None:
    with pytest.raises(ModelError) as caught:
        sample_traffic(
            {"car": [1.0, -2.0], "bus": [1.0]}, speed_ms=0.0, lane_shares=[0.5, 0.6], seed=1
        )
    for part in ("different numbers of hours", "flow of car", "speed", "sum to 1"):
        assert part in str(caught.value)
    with pytest.raises(ModelError, match="no gross weights of 'tank'"):
        sample_traffic({"tank": [1.0]}, speed_ms=20.0, lane_shares=[1.0], seed=1)


@settings(max_examples=25, deadline=None)
@given(st.floats(3.5, 60.0), st.floats(0.0, 20.0), st.floats(0.0, 1.0))
def test_a_tighter_weight_limit_never_raises_the_damage_of_crossings(
    limit_t: float, less_t: float, compliance: float
) -> None:
    vehicles = traffic(flow_vehh=60.0).stream
    loose = limit_weight(vehicles, gross_t=limit_t, compliance=compliance, seed=3)
    tight = limit_weight(
        vehicles, gross_t=max(limit_t - less_t, 0.1), compliance=compliance, seed=3
    )
    assert tight.removed >= loose.removed
    assert damage(tight.stream) <= damage(loose.stream) * (1.0 + 1e-12) <= damage(vehicles) * 1.1


def test_a_limit_takes_the_heavy_who_comply_and_leaves_exempt_classes() -> None:
    vehicles = traffic().stream
    all_go = limit_weight(vehicles, gross_t=30.0)
    assert all_go.stream.gross_kn.max() <= 30.0 * 9.81 * (1.0 + 1e-9)
    assert len(all_go.stream) + all_go.removed == len(vehicles)
    half = limit_weight(vehicles, gross_t=30.0, compliance=0.5, seed=2)
    assert half.removed == pytest.approx(0.5 * all_go.removed, rel=0.2)
    kept = limit_weight(vehicles, gross_t=30.0, exempt=["hgv_over_40"])
    assert kept.stream.gross_kn.max() > 40.0 * 9.81
    axle = limit_weight(vehicles, axle_t=8.0)
    assert axle.stream.axle_load_kn.max() <= 8.0 * 9.81 * (1.0 + 1e-9)
    assert limit_weight(vehicles).removed == 0


def test_the_distance_rule_holds_at_both_ends_of_the_bridge() -> None:
    vehicles = traffic(flow_vehh=900.0).stream
    assert min(clear_gaps(vehicles, 0.0).min(), clear_gaps(vehicles, LENGTH_M).min()) < 25.0
    found = keep_distance(vehicles, gap_m=50.0, length_m=LENGTH_M)
    assert len(found.stream) == len(vehicles)
    for place in (0.0, 10.0, LENGTH_M):
        assert clear_gaps(found.stream, place).min() >= 50.0 - 1e-6
    assert found.stream.gross_kn.sum() == pytest.approx(vehicles.gross_kn.sum())


def test_the_distance_rule_holds_for_the_other_direction_too() -> None:
    vehicles = stream(np.linspace(0.0, 60.0, 40), speed_ms=-20.0)
    found = keep_distance(vehicles, gap_m=50.0, length_m=LENGTH_M).stream
    turned = stream(found.time_s - LENGTH_M / 20.0, speed_ms=20.0)
    assert clear_gaps(turned, 0.0).min() >= 50.0 - 1e-6


def test_the_distance_rule_of_some_or_of_nobody_changes_no_others() -> None:
    vehicles = traffic(flow_vehh=900.0).stream
    nobody = keep_distance(vehicles, gap_m=50.0, length_m=LENGTH_M, compliance=0.0).stream
    heavy = keep_distance(vehicles, gap_m=50.0, length_m=LENGTH_M, classes=["hgv_26_40"]).stream
    cars = vehicles.vehicle_class == vehicles.classes.index("car")
    assert set(vehicles.time_s[cars]) <= set(heavy.time_s)
    assert len(nobody) == len(vehicles)
    day = day_damage(keep_distance(vehicles, gap_m=50.0, length_m=LENGTH_M).stream, detail())
    assert isinstance(day, DayDamage)
    assert day.highest < 1.2 * 0.5 * LENGTH_M / 2 * vehicles.gross_kn.max()


def test_heavy_classes_share_a_lane_where_overtaking_is_banned() -> None:
    vehicles = traffic(flow_vehh=900.0).stream
    heavy = ["hgv_26_40", "hgv_over_40"]
    found = ban_overtaking(vehicles, lane=1, classes=heavy, length_m=LENGTH_M).stream
    is_heavy = found.gross_kn > 20.0 * 9.81
    assert set(found.lane[is_heavy].tolist()) == {1}
    assert set(found.lane[~is_heavy].tolist()) == {1, 2}
    lines = (mid_span(lane=1), mid_span(lane=2))
    before, after = (day_damage(one, detail(*lines)) for one in (vehicles, found))
    assert isinstance(before, DayDamage)
    assert isinstance(after, DayDamage)
    assert after.highest <= before.highest


def test_lanes_speeds_and_no_measure() -> None:
    vehicles = traffic().stream
    guided = guide_lane(vehicles, lane=3, classes=["hgv_over_40"]).stream
    assert np.count_nonzero(guided.lane == 3) == np.count_nonzero(
        vehicles.vehicle_class == vehicles.classes.index("hgv_over_40")
    )
    slow = limit_speed(vehicles, speed_kmh=60.0).stream
    assert slow.speed_ms.max() <= 60.0 / 3.6
    assert damage(slow) == pytest.approx(damage(vehicles), rel=1e-9)


@pytest.mark.parametrize(
    "refused",
    [
        lambda s: limit_weight(s, gross_t=0.0),
        lambda s: limit_weight(s, gross_t=3.5, compliance=1.5),
        lambda s: limit_weight(s, gross_t=3.5, exempt=["tank"]),
        lambda s: limit_speed(s, speed_kmh=-1.0),
        lambda s: keep_distance(s, gap_m=-1.0, length_m=30.0),
        lambda s: guide_lane(s, lane=1, direction=0),
    ],
    ids=["limit", "compliance", "class", "speed", "gap", "direction"],
)
def test_unsound_restrictions_are_refused(refused: Callable[[AxleStream], object]) -> None:
    with pytest.raises(ModelError):
        refused(traffic(flow_vehh=5.0).stream)


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("orthotropic_deck", "fatigue_orthotropic"),
        ("reinforcement", "fatigue_reinforcement"),
        ("prestressing_steel", "fatigue_decompression_unknown"),
    ],
)
def test_what_cannot_be_assessed_says_why_with_every_tool(kind: DetailKind, key: str) -> None:
    vehicles = traffic(flow_vehh=5.0)
    tested = detail(kind=kind)
    for found in (
        crossing_damage(vehicles.stream, tested),
        template_damage(vehicles, tested),
        day_damage(vehicles.stream, tested),
        why_not(tested),
    ):
        assert isinstance(found, NotAssessable)
        assert found.reason.key == key
    words = {row["key"]: row for row in rows("finding_words")}
    for language in ("english", "german"):
        assert "weld" in words[key][language].format(detail="weld")


def test_prestressed_members_have_no_damage_below_decompression_and_no_figure_above() -> None:
    vehicles = traffic(flow_vehh=20.0)
    safe = detail(kind="prestressing_steel", permanent_knm=8_000.0, decompression_knm=20_000.0)
    for found in (
        crossing_damage(vehicles.stream, safe),
        template_damage(vehicles, safe),
        day_damage(vehicles.stream, safe),
    ):
        assert not isinstance(found, NotAssessable)
        assert found.total == 0.0
        assert any("below decompression" in text for text in found.assumptions)
    opened = detail(kind="prestressing_steel", permanent_knm=8_000.0, decompression_knm=9_000.0)
    for found in (
        crossing_damage(vehicles.stream, opened),
        template_damage(vehicles, opened),
        day_damage(vehicles.stream, opened),
    ):
        assert isinstance(found, NotAssessable)
        assert found.reason.key == "fatigue_decompressed"


def test_a_lane_without_a_line_is_not_assessable() -> None:
    vehicles = traffic(flow_vehh=20.0).stream
    found = day_damage(vehicles, detail(mid_span(lane=1)))
    assert isinstance(found, NotAssessable)
    assert found.reason.values["lane"] == 2
