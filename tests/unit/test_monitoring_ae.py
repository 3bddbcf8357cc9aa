"""Acoustic emission: location, candidates for broken wires, and when the logger was blind."""

from dataclasses import replace

import numpy as np
import pytest

from simulations.monitoring.ae import (
    Burst,
    Hit,
    Site,
    TendonZone,
    bursts,
    common,
    enclosing,
    heard_us,
    judge,
    linear_location,
    listening,
)
from twin.errors import ModelError

SPEED_MS = 3500.0
TOLERANCE_M = 0.05
SENSORS = {"s1": 0.0, "s2": 10.0, "s3": 20.0, "s4": 30.0}
SITE = Site(
    SENSORS,
    SPEED_MS,
    least_amplitude_db=70.0,
    least_energy=1e4,
    zones=(TendonZone("span 1", 1.0, 14.0), TendonZone("span 2", 16.0, 29.0)),
)


def heard(x_m: float, *, at_us: int = 1_000_000, energy: float = 5e4, reach_m: float = 99.0):
    """Hits of a source at a station, with clocks that are exact to a microsecond."""
    return [
        Hit(at_us + round(1e6 * abs(x_m - station) / SPEED_MS), channel, 85.0, energy)
        for channel, station in SENSORS.items()
        if abs(x_m - station) <= reach_m
    ]


def only_burst(hits: list[Hit]) -> Burst:
    (burst,) = bursts(hits, SITE)
    return burst


def test_the_truth_case_of_the_specification_is_located() -> None:
    found = linear_location(-4.0 / 3500.0, x1_m=0.0, x2_m=10.0, wave_speed_ms=3500.0)
    assert found == pytest.approx(3.0, abs=1e-12)


def test_every_station_of_the_line_is_found_to_the_clock() -> None:
    for x_m in np.linspace(0.2, 29.8, 75):
        burst = only_burst(heard(x_m))
        assert burst.x_m == pytest.approx(x_m, abs=SPEED_MS * 1e-6)
        assert len(burst.hits) == 4


@pytest.mark.parametrize("x_m", [-8.0, -0.5, 30.5, 45.0])
def test_outside_of_the_line_there_is_no_number(x_m: float) -> None:
    burst = only_burst(heard(x_m))
    assert (burst.place, burst.x_m) == ("outside", None)
    assert judge(burst, SITE).judgement == "not_located"


def test_one_sensor_alone_locates_nothing() -> None:
    burst = only_burst(heard(3.0, reach_m=4.0))
    assert (burst.place, burst.x_m) == ("unknown", None)
    assert judge(burst, SITE).judgement == "weak"


def test_sources_after_one_another_are_apart_and_echoes_are_not() -> None:
    echoes = [Hit(hit.time_us + 900, hit.channel, 60.0, 1e3) for hit in heard(3.0)]
    found = list(bursts([*heard(22.0, at_us=2_000_000), *heard(3.0), *echoes], SITE))
    assert [round(burst.x_m or 0.0, 2) for burst in found] == [3.0, 22.0]


@pytest.mark.parametrize(
    ("x_m", "energy", "marked", "judgement", "section"),
    [
        (3.0, 5e4, (), "wire_break_candidate", "span 1"),
        (22.0, 5e4, (), "wire_break_candidate", "span 2"),
        (15.0, 5e4, (), "outside_zone", ""),
        (3.0, 5e4, ((900_000, 1_100_000),), "marked_window", "span 1"),
        (3.0, 5e4, ((0, 900_000),), "wire_break_candidate", "span 1"),
    ],
)
def test_a_candidate_is_strong_in_a_zone_and_outside_of_tests(
    x_m: float, energy: float, marked, judgement: str, section: str
) -> None:
    judged = judge(only_burst(heard(x_m, energy=energy)), SITE, marked=marked)
    assert (judged.judgement, judged.section) == (judgement, section)


def test_hits_below_a_limit_of_the_site_make_no_burst() -> None:
    assert list(bursts(heard(3.0, energy=5e3), SITE)) == []
    quiet = [Hit(hit.time_us, hit.channel, 69.9, 5e4) for hit in heard(3.0)]
    assert list(bursts(quiet, SITE)) == []


def test_a_weak_hit_just_before_a_break_neither_hides_nor_moves_it() -> None:
    for early_us in (100, 2_000, 5_000):
        noise = [Hit(1_000_000 - early_us, name, 45.0, 10.0) for name in ("s1", "s2")]
        burst = only_burst([*noise, *heard(3.0)])
        assert burst.x_m == pytest.approx(3.0, abs=0.01)
        assert judge(burst, SITE).judgement == "wire_break_candidate"


def test_weak_hits_between_the_arrivals_are_counted_and_not_used() -> None:
    hits = heard(3.0)
    noise = [Hit(hit.time_us - 300, hit.channel, 60.0, 1e3) for hit in hits[1:]]
    burst = only_burst([*noise, *hits])
    assert (len(burst.hits), burst.weak) == (4, 3)
    assert burst.x_m == pytest.approx(3.0, abs=0.01)


@pytest.mark.parametrize("rate_s", [10.0, 50.0])
def test_breaks_in_traffic_noise_are_found_and_placed(rate_s: float) -> None:
    random = np.random.default_rng(int(rate_s))
    breaks, apart_us = 400, 200_000
    stations = random.uniform(1.5, 13.5, breaks)
    hits = [
        replace(hit, time_us=hit.time_us + round(random.normal(0.0, 3.0)))
        for number, x_m in enumerate(stations)
        for hit in heard(x_m, at_us=(number + 1) * apart_us)
    ]
    span_us = (breaks + 1) * apart_us
    for time_us in random.integers(0, span_us, random.poisson(rate_s * span_us / 1e6)):
        amplitude_db = random.uniform(35.0, 80.0)
        energy = random.uniform(1.0, 9e3)  # above the limit of the amplitude, not of the energy
        hits.append(Hit(int(time_us), f"s{random.integers(1, 5)}", amplitude_db, energy))
    found = [judge(burst, SITE) for burst in bursts(hits, SITE)]
    placed = {
        round(one.burst.time_us / apart_us) - 1: one.burst.x_m
        for one in found
        if one.judgement == "wire_break_candidate"
    }
    near = [abs((placed.get(n) or -99.0) - x_m) <= TOLERANCE_M for n, x_m in enumerate(stations)]
    assert np.mean(near) >= 0.99
    assert len(found) <= breaks


def test_one_strong_sensor_is_not_enough() -> None:
    hits = heard(3.0, energy=5e3)
    loud = Hit(hits[0].time_us, hits[0].channel, 99.0, 1e6)
    assert judge(only_burst([loud, *hits[1:]]), SITE).judgement == "weak"


def test_a_section_is_listened_to_while_all_its_sensors_are() -> None:
    one = listening([0, 50, 100, 900, 950], silence_us=100)
    other = listening([20, 110, 200], silence_us=100)
    both = common(one, other)
    assert both == [(20, 100)]
    assert (heard_us(both, (0, 1000)), heard_us(one, (0, 1000)), heard_us([], (0, 9))) == (
        80,
        150,
        0,
    )


def test_the_sensors_of_a_zone_enclose_it() -> None:
    assert enclosing(SITE, TendonZone("across", 8.0, 12.0)) == ("s1", "s2", "s3")
    assert enclosing(SITE, TendonZone("span 3", 10.0, 20.0)) == ("s2", "s3")
    for zone in (TendonZone("left", -1.0, 5.0), TendonZone("turned", 9.0, 2.0)):
        with pytest.raises(ModelError, match="does not lie between the sensors"):
            enclosing(SITE, zone)


def test_unknown_channels_and_impossible_sites_are_refused() -> None:
    with pytest.raises(ModelError, match="channel s9"):
        list(bursts([Hit(0, "s9", 80.0, 1e5)], SITE))
    with pytest.raises(ModelError, match="speed must be positive"):
        Site(SENSORS, 0.0, 70.0, 1e4)
    with pytest.raises(ModelError, match="share a station"):
        Site({"s1": 1.0, "s2": 1.0}, SPEED_MS, 70.0, 1e4)
    with pytest.raises(ModelError, match="before the second"):
        linear_location(0.0, x1_m=3.0, x2_m=3.0, wave_speed_ms=SPEED_MS)
