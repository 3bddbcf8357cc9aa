"""The simulated world is repeatable, bounded, and keeps to the published levels."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from sensors.simulator.climate import temperature, water_level
from sensors.simulator.seeds import fraction, generator
from sensors.simulator.slots import MICRO, Slots, slots
from sensors.simulator.structure import Bridge, BridgeSensor, VibrationSensor
from sensors.simulator.tables import PROFILES, day_profile, harmonics, parameters
from sensors.simulator.traffic import Counter, Road, expected_flow, hourly_share, local_day_time
from twin.model.times import to_us

ZONE = "Europe/Berlin"
ROAD = Road(daily_flow_veh_d=40_000, heavy_share=0.05, max_speed_km_h=50, capacity_veh_h=1800)
TUESDAY = datetime(2026, 11, 23, 23, tzinfo=UTC)  # local midnight
SLOTS = Slots(cadence_us=15 * MICRO, phase_us=4_321_000)


def day_us(start: datetime) -> np.ndarray:
    """Middles of all minutes of one local day."""
    return to_us(start) + np.arange(1440) * 60 * MICRO + 30 * MICRO


def counter(seed: int = 1, name: str = "L1/ab") -> Counter:
    return Counter(name, ROAD, SLOTS, seed, ZONE)


def bridge(road: Road | None = ROAD) -> Bridge:
    return Bridge("B1", 300.0, 5.0, road, (0.9, 3.6), 1, ZONE)


def block_at(time: datetime) -> int:
    return SLOTS.last(to_us(time)) // SLOTS.per_block


@pytest.mark.parametrize("name", PROFILES)
def test_the_shares_of_a_day_add_up_to_one(name):
    assert day_profile(name).sum() == pytest.approx(1.0, abs=1e-12)
    assert day_profile(name).min() > 0


def test_the_peak_hour_has_the_share_of_the_local_discussion():
    assert day_profile("monday_to_thursday").max() == pytest.approx(0.078, abs=5e-4)


def test_the_linear_profile_keeps_the_day():
    hours = (np.arange(24 * 60) + 0.5) / 60
    assert hourly_share(hours, "saturday").sum() / 60 == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("days", "cars", "heavy"), [(0, 1.0, 1.0), (3, 1.03, 1.0), (4, 0.78, 0.45), (5, 0.62, 0.2)]
)
def test_the_expected_flow_integrates_to_the_daily_count(days, cars, heavy):
    flows = expected_flow(day_us(TUESDAY + timedelta(days=days)), ROAD, zone=ZONE)
    assert flows[0].sum() / 60 == pytest.approx(20_000 * 0.95 * cars, rel=1e-4)
    assert flows[1].sum() / 60 == pytest.approx(20_000 * 0.05 * heavy, rel=1e-4)


def test_local_time_follows_the_zone_in_summer_and_winter():
    for month, hour in ((1, 13.0), (7, 14.0)):
        noon = np.array([to_us(datetime(2026, month, 7, 12, tzinfo=UTC))])
        weekday, local = local_day_time(noon, ZONE)
        assert (weekday[0], local[0]) == (datetime(2026, month, 7, tzinfo=UTC).weekday(), hour)


def test_counted_vehicles_of_a_day_match_the_daily_count():
    first = block_at(TUESDAY)
    flows = np.concatenate([counter().flows(first + hour)[0] for hour in range(24)])
    assert flows.mean() * 24 == pytest.approx(20_000, rel=0.02)


def test_flow_scatters_like_counts_do():
    noon = block_at(TUESDAY + timedelta(hours=12))
    per_window = np.array([counter(seed).flows(noon)[0][120] / 12 for seed in range(300)])
    assert per_window.var() / per_window.mean() == pytest.approx(1.0, abs=0.25)


def test_the_moving_window_runs_on_over_the_end_of_a_block():
    block = block_at(TUESDAY + timedelta(hours=8))
    left, right = counter().flows(block)[0], counter().flows(block + 1)[0]
    steps = np.abs(np.diff(np.concatenate([left, right])))
    assert steps[len(left) - 1] <= steps.max()
    assert np.all(np.concatenate([left, right]) % 12 == 0)


def test_heavy_vehicles_are_a_part_of_all_vehicles():
    flow, heavy = counter().flows(block_at(TUESDAY + timedelta(hours=9)))
    assert np.all(heavy <= flow)
    assert heavy.max() > 0


def test_speeds_stay_between_walking_pace_and_the_limit_and_fall_with_the_flow():
    night = counter().speeds(block_at(TUESDAY + timedelta(hours=3)))
    peak = counter().speeds(block_at(TUESDAY + timedelta(hours=16)))
    for cars, heavy in (night, peak):
        assert cars.min() >= 5
        assert cars.max() <= 50
        assert heavy.min() >= 5
        assert heavy.max() <= 50
    assert peak[0].mean() < night[0].mean()


def test_lorries_keep_to_their_own_limit_on_motorways():
    road = Road(80_000, 0.28, 120, 6000)
    flows = Counter("A4/ab", road, SLOTS, 1, ZONE)
    assert flows.speeds(block_at(TUESDAY + timedelta(hours=3)))[1].max() <= 80


def test_the_same_seed_gives_the_same_world_and_another_seed_another():
    block = block_at(TUESDAY + timedelta(hours=8))
    assert np.array_equal(counter().flows(block)[0], counter().flows(block)[0])
    assert not np.array_equal(counter(1).flows(block)[0], counter(2).flows(block)[0])
    assert not np.array_equal(
        counter(name="L1/ab").flows(block)[0], counter(name="L1/ba").flows(block)[0]
    )


def test_random_numbers_depend_on_seed_name_and_number_alone():
    assert generator(1, "a", 2).random() == generator(1, "a", 2).random()
    numbers = {generator(*key).random() for key in ((1, "a", 2), (2, "a", 2), (1, "b", 2),
                                                     (1, "a", 3))}  # fmt: skip
    assert len(numbers) == 4
    assert 0 <= fraction(1, "a") < 1


def test_slots_are_equal_steps_with_a_phase_in_whole_milliseconds():
    found = slots(15.0, seed=3, name="counter-1")
    assert 0 <= found.phase_us < found.cadence_us
    assert found.phase_us % 1000 == 0
    now = to_us(TUESDAY)
    last = found.last(now)
    assert found.time_us(last) <= now < found.time_us(last + 1)
    block = found.block(last // found.per_block)
    assert found.time_us(last) in block
    assert len(block) == found.per_block == 240


def test_a_structure_follows_the_air_later_and_less():
    times_us = to_us(TUESDAY) + np.arange(0, 30 * 24) * 3600 * MICRO
    air = temperature(times_us, seed=1)
    thin, thick = (temperature(times_us, seed=1, lag_h=lag) for lag in (2.0, 20.0))
    assert air.std() > thin.std() > thick.std()
    assert np.corrcoef(air[:-5], thin[5:])[0, 1] < np.corrcoef(air[:-2], thin[2:])[0, 1]


def test_the_lag_is_the_exact_answer_to_the_lag_equation():
    times_us = to_us(TUESDAY) + np.arange(0, 86_400, 60) * MICRO
    air = temperature(times_us, seed=1)
    body = temperature(times_us, seed=1, lag_h=3.0)
    slope_k_s = np.gradient(body, 60.0)
    residual_k = 3.0 * 3600.0 * slope_k_s[1:-1] - (air - body)[1:-1]
    assert np.abs(residual_k).max() < 1e-3


def test_temperatures_and_river_stay_plausible_for_years():
    times_us = to_us(TUESDAY) + np.arange(0, 5 * 365 * 24, 5) * 3600 * MICRO
    air = temperature(times_us, seed=7)
    assert -25 < air.min() < 0
    assert 22 < air.max() < 42
    level = water_level(times_us, seed=7)
    swing = sum(item.amplitude for item in harmonics("river")) + parameters()["river_annual_m"]
    assert 0.3 < parameters()["river_mean_m"] - swing <= level.min()
    assert level.max() < 3


@pytest.mark.parametrize(
    ("quantity", "sign"),
    [("strain", 1), ("displacement", 1), ("crack_width", -1)],
)
def test_slow_responses_follow_the_temperature_of_the_structure(quantity, sign):
    sensor = BridgeSensor("B1.x", quantity, bridge(), Slots(60 * MICRO, 0))
    blocks = [to_us(TUESDAY) // (3600 * MICRO) + 24 * day for day in range(60)]
    values = np.concatenate([sensor.values(block) for block in blocks])
    body = np.concatenate([bridge().body(sensor.slots.block(block)) for block in blocks])
    assert sign * np.corrcoef(values, body)[0, 1] > 0.95


def test_lorries_strain_the_bridge_and_none_drive_where_none_may():
    noon = to_us(TUESDAY + timedelta(hours=10)) // (3600 * MICRO)
    times = Slots(60 * MICRO, 0)
    driven, empty = (
        BridgeSensor("B1.eps", "strain", bridge(road), times).values(noon) for road in (ROAD, None)
    )
    assert driven.mean() > empty.mean() + 2
    noise = empty - np.polyval(np.polyfit(np.arange(60), empty, 1), np.arange(60))
    assert noise.std() == pytest.approx(parameters()["strain_noise_um_m"], rel=0.4)


def test_bursts_ring_at_the_frequencies_of_the_bridge():
    sensor = VibrationSensor("B1.acc", bridge(), Slots(20 * MICRO, 0))
    first = sensor.slots.last(to_us(TUESDAY + timedelta(hours=10)))
    power = np.zeros(201)
    for number in range(first, first + 150):
        burst = sensor.burst(number)
        assert burst.shape == (200,)
        power += np.abs(np.fft.rfft(burst, 400)) ** 2
    frequency_hz = np.fft.rfftfreq(400, 0.01)
    low, high = frequency_hz < 2, (frequency_hz > 2) & (frequency_hz < 10)
    assert frequency_hz[low][power[low].argmax()] == pytest.approx(0.9, abs=0.5)
    assert frequency_hz[high][power[high].argmax()] == pytest.approx(3.6, abs=0.5)
    assert power[low | high].sum() > 20 * power[~(low | high)].sum()


def test_a_burst_is_the_same_whenever_it_is_asked_for():
    sensor = VibrationSensor("B1.acc", bridge(), Slots(20 * MICRO, 0))
    assert np.array_equal(sensor.burst(89_765_000), sensor.burst(89_765_000))
    assert not np.array_equal(sensor.burst(89_765_000), sensor.burst(89_765_001))
