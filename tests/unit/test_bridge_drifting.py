"""The drift rule tells a ramp from temperature, steps of all, and what it does not know."""

import numpy as np
import pytest
from bridge_city import BRIDGE_ID, START_US, twin_of
from fault_world import CASES, END, Case, world_of
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.simulator.bridge_world.truth import Fault
from simulations.bridges import faults
from simulations.bridges.drifting import LEAST_SIGMA, drift_of
from simulations.bridges.inputs import bridges
from twin.model.phrases import is_known

HOURS = 400 * 24
TIME_US = START_US + 3_600_000_000 * np.arange(1, HOURS + 1, dtype=np.int64)
DAYS = np.arange(HOURS) / 24.0


@pytest.fixture(scope="module")
def sound() -> dict[str, np.ndarray]:
    return dict(world_of(CASES[0], 7).values)


def sigma(value: np.ndarray) -> float:
    return float(np.nanstd(np.nanmean(value.reshape(-1, 24), axis=1)))


def ramp(value: np.ndarray, *, days: float, size_sigma: float) -> np.ndarray:
    return size_sigma * sigma(value) * np.clip((DAYS - (400.0 - days)) / days, 0.0, 1.0)


@pytest.mark.parametrize(
    ("channel", "neighbour"), [("crack_1", "crack_2"), ("travel_1", "travel_2")]
)
@pytest.mark.parametrize("days", [30.0, 90.0, 240.0])
def test_a_ramp_is_found_before_three_sigma_of_the_year(
    sound: dict[str, np.ndarray], channel: str, neighbour: str, days: float
) -> None:
    value = sound[channel] + ramp(sound[channel], days=days, size_sigma=1.5)
    found = drift_of(TIME_US, value, sound["structure_temperature"], neighbours=[sound[neighbour]])
    assert found is not None
    assert found.sigma < 3.0
    assert found.size > 0.0
    assert found.neighbours == 1
    assert found.since_us <= found.found_us <= TIME_US[-1]


def test_a_falling_ramp_has_a_negative_size(sound: dict[str, np.ndarray]) -> None:
    value = sound["crack_1"] - ramp(sound["crack_1"], days=60.0, size_sigma=1.5)
    found = drift_of(TIME_US, value, sound["structure_temperature"])
    assert found is not None
    assert found.size == pytest.approx(-1.5 * sigma(sound["crack_1"]), rel=0.25)


def test_what_the_neighbours_show_too_is_no_drift_of_the_sensor(
    sound: dict[str, np.ndarray],
) -> None:
    pair = [
        sound[name] + ramp(sound[name], days=60.0, size_sigma=1.5)
        for name in ("crack_1", "crack_2")
    ]
    warm = sound["structure_temperature"]
    assert drift_of(TIME_US, pair[0], warm) is not None
    assert drift_of(TIME_US, pair[0], warm, neighbours=[pair[1]]) is None


def test_a_bearing_that_follows_the_temperature_otherwise_does_not_drift(
    sound: dict[str, np.ndarray],
) -> None:
    value = sound["travel_1"].copy()
    late = DAYS > 370.0
    value[late] -= 0.9 * (value[late] - value[late][0])
    assert drift_of(TIME_US, value, sound["structure_temperature"]) is None


def test_sound_channels_are_never_told(sound: dict[str, np.ndarray]) -> None:
    warm = sound["structure_temperature"]
    for channel in ("crack_1", "crack_2", "travel_1", "travel_2", "inclination"):
        for end in range(230 * 24, HOURS, 10 * 24):
            assert drift_of(TIME_US[:end], sound[channel][:end], warm[:end]) is None, channel


def test_a_short_or_silent_or_constant_record_says_nothing(sound: dict[str, np.ndarray]) -> None:
    warm, rows = sound["structure_temperature"], slice(0, 200 * 24)
    value = sound["crack_1"] + ramp(sound["crack_1"], days=60.0, size_sigma=2.0)
    assert drift_of(TIME_US[rows], value[rows], warm[rows]) is None
    assert drift_of(TIME_US, np.full(HOURS, np.nan), warm) is None
    assert drift_of(TIME_US, np.zeros(HOURS), warm) is None
    assert drift_of(TIME_US, value, np.full(HOURS, np.nan)) is None


@settings(max_examples=20, deadline=None)
@given(
    st.integers(min_value=1, max_value=300),
    st.floats(min_value=-1e6, max_value=1e6),
    st.integers(min_value=0, max_value=2**32 - 1),
)
def test_any_record_is_judged_and_what_is_told_is_large_enough(
    days: int, scale: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    count = days * 24
    value = scale * np.cumsum(random.normal(size=count))
    value[random.random(count) < 0.3] = np.nan
    found = drift_of(TIME_US[:count], value, random.normal(10.0, 8.0, count))
    assert found is None or found.sigma >= LEAST_SIGMA


def test_a_drifting_gauge_becomes_a_finding_with_its_reasons() -> None:
    case = Case(
        "drift", "sensor_fault", faults=(Fault("drift", "travel_2", END - 1400, END, 30.0),)
    )
    twin = twin_of(world_of(case, 5))
    try:
        (bridge,) = bridges(twin, asset_id=BRIDGE_ID)
        found = faults.look(bridge).outcome.findings
    finally:
        twin.close()
    (drift,) = [one for one in found if one.rule == "sensor_drift"]
    assert drift.key == f"{BRIDGE_ID}.travel_2"
    assert drift.cause != "structure"
    assert drift.evidence[0].datastream == drift.key
    for phrase in (drift.statement, drift.next_step, *(one.statement for one in drift.reasons)):
        assert is_known(phrase)
