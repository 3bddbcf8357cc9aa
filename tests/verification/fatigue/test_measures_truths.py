"""Joint analysis against numbers worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from simulations.measures.cases import BridgeCase, TargetEffect
from simulations.measures.damage import damages, part_tables
from simulations.measures.flows import share_above
from simulations.measures.stress import met_damage, utilisations
from simulations.measures.weeks import Week, joined
from simulations.structure.details import FatigueDetail
from simulations.structure.sn import sn_curve
from simulations.traffic.avoiding import Avoiding
from simulations.traffic.classes import classes
from simulations.traffic.edits import apply
from simulations.traffic.engine import engine
from simulations.traffic.examples import two_routes
from simulations.traffic.graph import build
from twin.model.interventions import Intervention
from twin.model.scenarios import Scenario
from twin.model.structure import AxleStream, InfluenceLine
from twin.model.traffic import BridgeTraffic, SolveOptions

# Simply supported, 30 m, moment at mid-span: 7.5 kN.m per kN. Fatigue load model 3 has axles of
# 120 kN at 0, 1.2, 7.2 and 8.4 m (EN 1991-2, 4.6.4). With the second axle at mid-span the others
# stand 1.2, 6 and 7.2 m from it: 120 (7.5 + 6.9 + 4.5 + 3.9) = 2736 kN.m.
LINE = InfluenceLine(15.0, "moment", np.array([0.0, 15.0, 30.0]), np.array([0.0, 7.5, 0.0]))
FLM3_KNM = 2736.0
LM1_KNM = 7357.5
CASE = BridgeCase(
    "b", "b", "bridge", length_m=30.0, lines=((LINE,),),
    targets=(TargetEffect((LINE,), "LM1", LM1_KNM),),
)  # fmt: skip


def flm3(*time_s: float, axle_kn: float = 120.0) -> AxleStream:
    count = len(time_s)
    return AxleStream(
        time_s=np.array(time_s),
        lane=np.ones(count, dtype=np.int32),
        speed_ms=np.full(count, 20.0),
        vehicle_class=np.zeros(count, dtype=np.int32),
        first_axle=4 * np.arange(count + 1, dtype=np.int32),
        axle_offset_m=np.tile([0.0, 1.2, 7.2, 8.4], count),
        axle_load_kn=np.full(4 * count, axle_kn),
        classes=("hgv_26_40",),
    )


def test_one_fatigue_vehicle_uses_the_share_of_its_moment_in_that_of_the_target() -> None:
    found = utilisations(CASE, Week(flm3(0.0), flm3(0.0, axle_kn=60.0), 7.0, ()))
    assert found is not None
    assert found.base == pytest.approx(FLM3_KNM / LM1_KNM, rel=1e-6)
    assert found.scenario == pytest.approx(FLM3_KNM / LM1_KNM / 2.0, rel=1e-6)


def test_moment_ranges_to_the_third_and_fifth_power_are_those_of_one_cycle() -> None:
    (found,) = met_damage(CASE, Week(flm3(0.0), flm3(0.0, 100.0, 200.0), 7.0, ()))
    assert found.status == "relative"
    assert 7.0 * found.base == pytest.approx((FLM3_KNM / 1000.0) ** 3, rel=2e-3)
    assert found.factors == pytest.approx((3.0, 3.0), rel=1e-6)


def test_doubled_weights_count_eight_and_thirty_two_times() -> None:
    (found,) = met_damage(CASE, Week(flm3(0.0), flm3(0.0, axle_kn=240.0), 7.0, ()))
    assert found.factors == pytest.approx((8.0, 32.0), rel=1e-9)
    assert found.factor == pytest.approx(32.0)


def row(flow_vehh: float) -> BridgeTraffic:
    return BridgeTraffic(
        asset_id="b", part_id="b", link_ids=(1,), direction="n", lane_shares=(1.0,),
        period_start_hour=7.0, hours=1.0, day_type="workday", vehicle_class="hgv_26_40",
        flow_vehh=flow_vehh, flow_low_vehh=flow_vehh, flow_high_vehh=flow_vehh,
        mean_speed_kmh=70.0, heavy_share=1.0, mass_distribution_id="hgv_26_40",
        mass_limit_t=np.inf, obey_share=1.0, min_gap_m=0.0, relative_gap=1e-6, kind="base",
    )  # fmt: skip


def rate(stress_mpa: float, key: str = "en1993-1-9:2005/direct", category: float = 36.0) -> float:
    detail = FatigueDetail("d", sn_curve(category, key=key), (LINE,), stress_mpa)
    case = replace(CASE, details=(detail,))
    tables = part_tables(case, ("hgv_26_40",), part_id="b")
    (found,), refused = damages(tables, (row(10.0),), (row(20.0),), day_factor=10.0)
    assert not refused
    assert found.factor == pytest.approx(2.0)
    return found.base


@pytest.mark.parametrize("stress_mpa", [1.0, 3.0])
def test_doubled_weights_above_the_knee_do_eight_times_the_damage(stress_mpa: float) -> None:
    assert rate(2.0 * stress_mpa) / rate(stress_mpa) == pytest.approx(8.0, rel=1e-9)


@pytest.mark.parametrize("stress_mpa", [1.0, 3.0])
def test_doubled_weights_on_a_slope_of_five_do_thirty_two_times_the_damage(
    stress_mpa: float,
) -> None:
    shear = "en1993-1-9:2005/shear"
    found = rate(2.0 * stress_mpa, shear, 80.0) / rate(stress_mpa, shear, 80.0)
    assert found == pytest.approx(32.0, rel=1e-9)


@pytest.mark.parametrize("stress_mpa", [0.012, 0.015, 0.02, 0.05, 0.1])
def test_doubled_weights_across_the_knee_lie_between(stress_mpa: float) -> None:
    ranges = stress_mpa * 9.81 * 26.0 * 7.5 * 0.5  # the lightest lorries, a low estimate
    if ranges > sn_curve(36.0).cutoff_mpa:
        assert 8.0 - 1e-9 <= rate(2.0 * stress_mpa) / rate(stress_mpa) <= 32.0


def test_half_of_a_symmetric_distribution_is_above_its_mean() -> None:
    small = next(item for item in classes() if item.name == "hgv_3_7")
    assert share_above(small, 5.5) == pytest.approx(0.5)
    assert (share_above(small, 3.5), share_above(small, 7.5)) == (1.0, 0.0)
    # normal, mean 5.5 t, deviation 1 t, cut off at two of them: (0.97725 - 0.84134) / 0.95450
    assert share_above(small, 6.5) == pytest.approx(0.14239, abs=1e-5)


def test_streams_of_two_directions_meet_in_one() -> None:
    both = joined((flm3(0.0, 50.0), flm3(20.0)))
    assert both.time_s.tolist() == [0.0, 20.0, 50.0]
    assert both.gross_kn.tolist() == [480.0] * 3


def test_lorries_that_a_limit_keeps_from_the_short_bridge_avoid_it() -> None:
    network, demand = two_routes(cars_vehh=300.0, lorries_vehh=90.0)
    limit = Scenario("x", "t", (Intervention("limit_weight", ("B1",), {"mass_t": 15.0}),))
    edited = apply(network, demand, limit)
    result = engine.solve(network, demand, limit, options=SolveOptions(threads=1))
    ways = Avoiding(build(edited.network, demand.classes), demand, result.time_s)
    short, long = np.array([1, 4]), np.array([2, 5])
    assert ways.vehicles(short, "gross_weight").tolist() == [0.0, 90.0]
    assert ways.vehicles(short, "gross_weight", exempt=("lorry",)).tolist() == [0.0, 0.0]
    assert ways.vehicles(long, "gross_weight").tolist() == [0.0, 0.0]
