"""Weigh-in-motion on made-up lorries with known weights (bridge specification, section 11)."""

import numpy as np
import pytest
from bridge_worlds import (
    LORRIES,
    PEAK_UMM_PER_KN,
    RATE_HZ,
    SPAN_M,
    Lorry,
    axle_signal,
    crossing_record,
    lorry,
)

from simulations.monitoring.bwim import Passage, Weighing, WeighingRules, weigh
from simulations.monitoring.detection import crossings, measured_passage
from twin.errors import InsufficientData, ModelError
from twin.model.structure import InfluenceLine
from twin.model.times import utc_now

LINE = InfluenceLine(
    SPAN_M / 2, "strain", np.array([0.0, 7.5, 15.0]), np.array([0.0, PEAK_UMM_PER_KN, 0.0])
)
SPREAD = 0.12  # of axle loads about the shares of their class


def weighed(vehicle: Lorry, kind: str, **changed) -> Weighing:
    passage = Passage(vehicle.enters_s, vehicle.seen_speed_ms, 0.01, vehicle.seen_offset_m)
    strain = changed.pop("strain", vehicle.strain_umm)
    return weigh(
        strain, rate_hz=RATE_HZ, line=LINE, passage=passage, share=LORRIES[kind][1], **changed
    )


@pytest.mark.parametrize("kind", list(LORRIES))
def test_gross_weight_is_within_five_percent_for_95_percent_of_single_crossings(kind) -> None:
    random = np.random.default_rng(11)
    vehicles = [lorry(random, kind, spread=SPREAD) for _ in range(200)]
    found = [weighed(vehicle, kind) for vehicle in vehicles]
    gross = np.array([vehicle.axle_kn.sum() for vehicle in vehicles])
    error = np.array([one.gross_kn for one in found]) / gross - 1.0
    assert error.std() <= 0.02
    assert (np.abs(error) <= 0.05).mean() >= 0.95
    spread = np.array([one.gross_sd_kn for one in found]) / gross
    assert (np.abs(error) <= 2.0 * spread).mean() >= 0.95
    axles = np.array([v.axle_kn for v in vehicles])
    axle_error = np.array([one.axle_kn for one in found]) / axles - 1.0
    assert np.sqrt(np.mean(axle_error**2)) <= 0.12
    axle_sd = np.array([one.axle_sd_kn for one in found]) / axles
    assert (np.abs(axle_error) <= 2.0 * axle_sd).mean() >= 0.9
    assert not any(one.flags for one in found)


def test_two_vehicles_at_once_are_flagged() -> None:
    random = np.random.default_rng(12)
    flagged = 0
    for _ in range(40):
        first, second = lorry(random, "two"), lorry(random, "five")
        strain = first.strain_umm.copy()
        rows = min(len(strain) - 60, len(second.strain_umm))
        strain[60 : 60 + rows] += second.strain_umm[:rows]
        flagged += "multiple_presence" in weighed(first, "two", strain=strain).flags
    assert flagged >= 32
    assert "multiple_presence" in weighed(first, "two", is_shared=True).flags


def test_axles_that_cannot_be_told_apart_are_not_weighed_singly() -> None:
    vehicle = lorry(np.random.default_rng(1), "five")
    found = weighed(vehicle, "five", rules=WeighingRules(most_condition=10.0))
    assert found.flags == ("ill_conditioned",)
    assert not len(found.axle_kn)
    passage = Passage(vehicle.enters_s, vehicle.speed_ms, 0.01, vehicle.offset_m)
    event = found.event(
        passage, asset_id="B09", key="1", at=utc_now(), lane=1, vehicle_class="semi_5"
    )
    assert "axle_1_kn" not in event.figures
    assert event.figures["gross_t"] == pytest.approx(found.gross_kn / 9.81)
    assert event.flags == found.flags


def test_a_vehicle_against_the_stationing_weighs_the_same() -> None:
    vehicle = lorry(np.random.default_rng(4), "five")
    slanted = InfluenceLine(9.0, "strain", np.array([0.0, 9.0, 15.0]), np.array([0.0, 0.4, 0.0]))
    mirrored = InfluenceLine(6.0, "strain", np.array([0.0, 6.0, 15.0]), np.array([0.0, 0.4, 0.0]))
    ways = [(slanted, vehicle.speed_ms), (mirrored, -vehicle.speed_ms)]
    gross = [
        weigh(
            vehicle.strain_umm,
            rate_hz=RATE_HZ,
            line=line,
            passage=Passage(vehicle.enters_s, speed, 0.01, vehicle.offset_m),
        ).gross_kn
        for line, speed in ways
    ]
    assert gross[0] == pytest.approx(gross[1], rel=1e-9)


def test_speed_and_axle_distances_come_from_two_sections() -> None:
    random = np.random.default_rng(5)
    for seed in range(20):
        vehicle = lorry(random, "five")
        signals = [
            axle_signal(vehicle, station_m=at, noise=0.02, seed=100 * seed + int(at))
            for at in (3.0, 12.0)
        ]
        found = measured_passage(
            *signals, rate_hz=RATE_HZ, stations_m=(3.0, 12.0), line_m=(0.0, SPAN_M)
        )
        assert found.speed_ms == pytest.approx(vehicle.speed_ms, rel=0.01)
        assert found.enters_s == pytest.approx(vehicle.enters_s, abs=0.01)
        assert np.allclose(found.axle_offset_m, vehicle.offset_m, atol=0.12)
    back = measured_passage(
        *signals[::-1], rate_hz=RATE_HZ, stations_m=(3.0, 12.0), line_m=(0.0, SPAN_M)
    )
    assert back.speed_ms == pytest.approx(-vehicle.speed_ms, rel=0.01)
    assert back.enters_s == pytest.approx(vehicle.enters_s, abs=0.01)
    with pytest.raises(InsufficientData, match="axles"):
        measured_passage(
            signals[0],
            np.zeros_like(signals[0]),
            rate_hz=RATE_HZ,
            stations_m=(3.0, 12.0),
            line_m=(0.0, SPAN_M),
        )


def test_every_lorry_of_a_continuous_signal_is_found_and_no_car() -> None:
    strain, enters = crossing_record(("two", "five", "three", "five") * 3, seed=3)
    found = crossings(strain, rate_hz=RATE_HZ, least_peak_umm=12.0)
    assert len(found) == len(enters)
    assert np.all(
        [one.start_s < at + 0.3 < one.end_s for one, at in zip(found, enters, strict=True)]
    )


def test_what_cannot_be_weighed_is_refused() -> None:
    vehicle = lorry(np.random.default_rng(1), "two")
    with pytest.raises(InsufficientData, match="finite"):
        weighed(vehicle, "two", strain=np.where(vehicle.strain_umm > 5, np.nan, 0.0))
    with pytest.raises(InsufficientData, match="samples hold the vehicle"):
        weighed(vehicle, "two", strain=vehicle.strain_umm[:100])
    moment = InfluenceLine(7.5, "moment", LINE.x_m, LINE.y)
    with pytest.raises(ModelError, match="line of strain"):
        weigh(
            vehicle.strain_umm,
            rate_hz=RATE_HZ,
            line=moment,
            passage=Passage(0.5, 20.0, 0.01, vehicle.offset_m),
        )
    with pytest.raises(ModelError, match="rise from 0"):
        weigh(
            vehicle.strain_umm,
            rate_hz=RATE_HZ,
            line=LINE,
            passage=Passage(0.5, 20.0, 0.01, np.array([0.0, -1.0])),
        )
