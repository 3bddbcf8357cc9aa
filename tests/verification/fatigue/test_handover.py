"""From flows to damage: linear, monotone, bounded, against drawn vehicles."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from verification.fatigue.streams import detail, mid_span

from simulations.structure.details import DynamicFactor, NotAssessable
from simulations.structure.handover import (
    BridgeFatigue,
    DamageTable,
    FatigueChange,
    bridge_fatigue,
    damage_table,
    fatigue_change,
)
from simulations.structure.templates import template_damage
from simulations.structure.weights import sample_traffic
from twin.errors import ModelError
from twin.model.traffic import BridgeTraffic

CLASSES = ("car", "hgv_12_26", "hgv_26_40")


def row(vehicle_class: str = "hgv_26_40", flow_vehh: float = 100.0, **more: Any) -> BridgeTraffic:
    usual: dict[str, Any] = {
        "asset_id": "b", "part_id": "b", "link_ids": (1,), "direction": "n",
        "lane_shares": (0.75, 0.25), "period_start_hour": 7.0, "hours": 1.0,
        "day_type": "workday", "vehicle_class": vehicle_class, "flow_vehh": flow_vehh,
        "flow_low_vehh": 0.9 * flow_vehh, "flow_high_vehh": 1.2 * flow_vehh,
        "mean_speed_kmh": 70.0, "heavy_share": 0.2, "mass_distribution_id": vehicle_class,
        "mass_limit_t": np.inf, "obey_share": 1.0, "min_gap_m": 0.0, "relative_gap": 1e-6,
        "kind": "base", "assumptions": ("from the model of traffic",),
    }  # fmt: skip
    return BridgeTraffic(**{**usual, **more})


def table(**more: Any) -> DamageTable:
    lines = (mid_span(lane=1), mid_span(20.0, lane=2))
    found = damage_table(detail(*lines, **more), part_id="b", distributions=CLASSES)
    assert isinstance(found, DamageTable)
    return found


TABLE = table()


def fatigue(*rows: BridgeTraffic, **more: Any) -> BridgeFatigue:
    found = bridge_fatigue(rows, TABLE, **more)
    assert isinstance(found, BridgeFatigue)
    return found


def test_expected_damage_is_that_of_drawn_vehicles() -> None:
    drawn = sample_traffic(
        {"hgv_26_40": [20_000.0]}, speed_ms=20.0, lane_shares=[0.75, 0.25], seed=4
    )
    alone = template_damage(drawn, detail(mid_span(lane=1), mid_span(20.0, lane=2)))
    assert not isinstance(alone, NotAssessable)
    found = fatigue(row(flow_vehh=float(len(drawn.stream))))
    assert found.damage == pytest.approx(alone.total, rel=0.02)


@given(st.floats(0.0, 1e4), st.floats(0.0, 1e4))
def test_damage_is_linear_in_the_flows(first: float, second: float) -> None:
    whole = fatigue(row(flow_vehh=first), row("hgv_12_26", second))
    parts = fatigue(row(flow_vehh=first)).damage + fatigue(row("hgv_12_26", second)).damage
    assert whole.damage == pytest.approx(parts, rel=1e-12)
    assert whole.low <= whole.damage <= whole.high


def test_rows_in_any_order_give_the_same_and_other_bridges_count_nothing() -> None:
    rows = [row(), row("car", 900.0), row("hgv_12_26"), row(direction="s")]
    other = row(part_id="c", flow_vehh=1e6)
    one = fatigue(*rows, other)
    assert fatigue(*reversed(rows)).damage == pytest.approx(one.damage, rel=1e-12)
    assert fatigue(other).damage == 0.0


def test_links_of_one_direction_count_once_and_directions_add_up() -> None:
    one = fatigue(row()).damage
    assert fatigue(row(), row(link_ids=(2,), flow_vehh=80.0)).damage == one
    assert fatigue(row(), row(direction="s")).damage == pytest.approx(2.0 * one)


def test_a_closed_bridge_has_no_damage() -> None:
    found = fatigue(row(flow_vehh=0.0))
    assert (found.damage, found.low, found.high, found.heavy_vehicles) == (0.0, 0.0, 0.0, 0.0)


def test_no_measure_changes_no_bit() -> None:
    rows = [row(), row("car", 900.0)]
    found = fatigue_change(rows, rows, TABLE)
    assert isinstance(found, FatigueChange)
    assert found.before == found.after
    assert found.factor == 1.0


@pytest.mark.parametrize(("obey", "most"), [(1.0, 0.6), (0.8, 0.8), (0.0, 1.2)])
def test_a_mass_limit_lowers_the_damage_as_far_as_it_is_kept(obey: float, most: float) -> None:
    before = [row()]
    lawful = float((TABLE.mass_t["hgv_26_40"] <= 34.0).mean())
    after = [row(flow_vehh=100.0 * lawful, mass_limit_t=34.0, obey_share=obey, kind="scenario")]
    found = fatigue_change(before, after, TABLE)
    assert isinstance(found, FatigueChange)
    assert found.factor is not None
    assert found.factor < most
    if obey == 0.0:
        assert found.factor == pytest.approx(1.0, rel=1e-9)
    assert found.after.above_limit_vehicles == pytest.approx((1.0 - obey) * 100.0 * (1.0 - lawful))


@given(st.floats(20.0, 45.0), st.floats(0.0, 10.0))
def test_a_tighter_limit_never_raises_the_damage(limit_t: float, less_t: float) -> None:
    masses, damage = TABLE.mass_t["hgv_26_40"], TABLE.damage["hgv_26_40"][1, 0]
    loose, tight = (float(damage[masses <= one].sum()) for one in (limit_t, limit_t - less_t))
    assert tight <= loose


def test_who_breaks_a_limit_needs_the_base() -> None:
    with pytest.raises(ModelError, match="give them as base"):
        fatigue(row(mass_limit_t=34.0, obey_share=0.8))


def test_a_day_needs_all_its_hours_or_a_factor() -> None:
    hours = [row(period_start_hour=float(hour)) for hour in range(24)]
    assert fatigue(*hours).damage_per_day == pytest.approx(24.0 * fatigue(row()).damage)
    one = fatigue(row())
    assert one.damage_per_day is None
    assert any("1 hours; no figure for a day" in text for text in one.assumptions)
    assert fatigue(row(), day_factor=12.0).damage_per_day == pytest.approx(12.0 * one.damage)


def test_results_carry_the_assumptions_of_traffic_weights_and_curve() -> None:
    said = " ".join(fatigue(row()).assumptions)
    for part in ("from the model of traffic", "not verified", "en1993-1-9:2005", "quasi-static"):
        assert part in said


def test_a_borrowed_dynamic_factor_widens_the_band() -> None:
    own = DynamicFactor((1.1,), (0.0,), "measured")
    borrowed = replace(own, is_borrowed=True)
    narrow, wide = (bridge_fatigue([row()], table(dynamic=one)) for one in (own, borrowed))
    assert isinstance(narrow, BridgeFatigue)
    assert isinstance(wide, BridgeFatigue)
    assert wide.damage == narrow.damage
    assert wide.high > narrow.high
    assert wide.low < narrow.low


def test_lanes_of_a_direction_may_have_other_numbers() -> None:
    turned = replace(TABLE, lanes_of={"n": (2, 1)})
    found = bridge_fatigue([row(lane_shares=(1.0, 0.0))], turned)
    other = bridge_fatigue([row(lane_shares=(0.0, 1.0))], TABLE)
    assert isinstance(found, BridgeFatigue)
    assert isinstance(other, BridgeFatigue)
    assert found.damage == other.damage
    unknown = replace(TABLE, lanes_of={"n": (3, 4)})
    assert isinstance(bridge_fatigue([row()], unknown), NotAssessable)


def test_details_that_cannot_be_assessed_have_no_table() -> None:
    for kind in ("orthotropic_deck", "prestressing_steel"):
        found = damage_table(
            detail(kind=kind, permanent_knm=1.0, decompression_knm=2.0),
            part_id="b",
            distributions=CLASSES,
        )
        assert isinstance(found, NotAssessable)
