"""Raw signals tell their unit, their effective rate, their rails; a missing calibration is said."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import uuid4

import numpy as np
import pytest
from bridge_city import BRIDGE_ID, MADE, city
from scipy.signal import lfilter

from simulations.bridges import faults, modes
from simulations.bridges.inputs import bridges
from simulations.bridges.rounds import Found, look
from simulations.bridges.signals import CALIBRATED, rail_share
from simulations.monitoring.recording import Recording, channel_issues
from twin.city import Twin
from twin.model.assets import Attribute
from twin.model.datastreams import Datastream
from twin.model.findings import Finding, MonitoringState
from twin.model.observations import Batch, Readings, Tally, Waveform
from twin.model.phrases import is_known
from twin.model.times import to_us
from twin.store.memory import MemoryStore

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
RATE_HZ = 50.0
MINUTES = 30
SAMPLES = int(RATE_HZ) * 60


def stream(name: str, quantity: str, **more: object) -> Datastream:
    base = Datastream(
        uid=f"{BRIDGE_ID}.{name}", name=name, asset_id=BRIDGE_ID, component_id=None,
        quantity=quantity, sensor_id=f"sensor-{name}", source="demo",
        route_key=f"{BRIDGE_ID}/{name}", provenance="simulated",
    )  # fmt: skip
    return replace(base, **more)  # pyrefly: ignore[bad-argument-type]


def twin_of(streams: tuple[Datastream, ...], attributes: tuple[Attribute, ...] = ()) -> Twin:
    ticks = count()
    twin = Twin(MemoryStore(), clock=lambda: NOW + timedelta(microseconds=next(ticks)))
    base = city()
    sensors = tuple(
        replace(base.sensors[0], id=name) for name in sorted({one.sensor_id for one in streams})
    )
    asset = replace(base.assets[0], attributes=attributes)
    twin.load(replace(base, assets=(asset,), sensors=sensors, datastreams=streams))
    return twin


def number(twin: Twin, uid: str) -> int:
    found = twin.datastream(uid).number
    assert found is not None
    return found


def shaken(values: np.ndarray) -> Twin:
    """A bridge with one accelerometer that sent these samples in blocks of a minute."""
    twin = twin_of((stream("acc", "acceleration", kind="waveform"),))
    start = NOW - timedelta(minutes=MINUTES)
    blocks = tuple(
        Waveform(
            number=number(twin, f"{BRIDGE_ID}.acc"),
            t0_us=to_us(start + timedelta(minutes=minute)),
            rate_hz=RATE_HZ,
            samples=values[minute * SAMPLES : (minute + 1) * SAMPLES].astype(np.float32),
        )
        for minute in range(MINUTES)
    )
    twin.record(Batch(uuid4(), 1, waveforms=blocks, tallies={"demo": Tally()}))
    return twin


def sampled(values: np.ndarray, cadence_s: float) -> Twin:
    """A bridge with one crack gauge that sent these readings."""
    twin = twin_of((stream("crack", "crack_width", cadence_s=cadence_s),))
    count = len(values)
    step_us = round(cadence_s * 1e6)
    readings = Readings(
        np.full(count, number(twin, f"{BRIDGE_ID}.crack"), np.int32),
        to_us(NOW) - step_us * np.arange(count, 0, -1, dtype=np.int64),
        values,
        np.zeros(count, np.int16),
    )
    twin.record(Batch(uuid4(), 1, readings=readings, tallies={"demo": Tally()}))
    return twin


def told(twin: Twin) -> tuple[Found, tuple[Finding, ...]]:
    try:
        (bridge,) = bridges(twin, asset_id=BRIDGE_ID)
        found = look(bridge, faults.ANALYSIS)
    finally:
        twin.close()
    for one in found.outcome.findings:
        assert is_known(one.statement)
        assert is_known(one.next_step)
    return found, found.outcome.findings


def noise(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.02, MINUTES * SAMPLES)


@pytest.mark.parametrize("mean", [1.0, -1.0, 980.665 / 10.0 * 1.7])
def test_gravity_is_told_by_its_mean_in_the_wrong_unit_only(mean: float) -> None:
    _, findings = told(shaken(noise() + mean))
    rules = [one.rule for one in findings]
    assert rules == (["unit_suspect"] if abs(mean) == pytest.approx(1.0) else [])


@pytest.mark.parametrize("mean", [0.0, 9.81])
def test_a_sound_accelerometer_has_no_finding(mean: float) -> None:
    _, findings = told(shaken(noise() + mean))
    assert findings == ()


def test_modes_are_not_armed_while_a_unit_is_suspect() -> None:
    twin = shaken(noise() + 1.0)
    try:
        (bridge,) = bridges(twin, asset_id=BRIDGE_ID)
        found = look(bridge, modes.ANALYSIS)
    finally:
        twin.close()
    assert found.state is MonitoringState.NOT_ARMED
    assert found.reason is not None
    assert "gravity in g" in str(found.reason.values["reason"])
    assert not found.outcome.events


def test_an_upsampled_accelerometer_tells_its_effective_rate() -> None:
    _, findings = told(shaken(np.repeat(noise()[::5], 5)))
    (one,) = findings
    assert one.rule == "slow_channel"
    assert one.statement.values["effective"] == pytest.approx(0.1, rel=0.01)
    assert one.statement.values["declared"] == pytest.approx(0.02)


def test_upsampled_readings_tell_it_too_and_a_coarse_gauge_does_not() -> None:
    random = np.random.default_rng(3)
    slow = np.repeat(np.round(random.normal(0.3, 0.01, 280), 4), 10)
    _, findings = told(sampled(slow, 60.0))
    (one,) = findings
    assert (one.rule, one.severity) == ("slow_channel", "note")
    assert one.statement.values["effective"] == pytest.approx(600.0, rel=0.03)
    coarse = np.round(np.cumsum(random.normal(0, 0.004, 2800)), 2)
    assert told(sampled(coarse, 60.0))[1] == ()


def test_samples_at_the_rail_are_told_with_their_share() -> None:
    wave = np.sin(np.arange(MINUTES * SAMPLES) / 9.0) + noise()
    _, findings = told(shaken(np.clip(wave, -0.8, 0.8)))
    (one,) = findings
    assert one.rule == "saturated"
    assert 30.0 < float(one.statement.values["percent"]) < 50.0


def test_an_unclipped_signal_has_no_rail_however_coarse() -> None:
    random = np.random.default_rng(5)
    flagged = 0
    for step in (0.001, 0.01, 0.05):
        for _ in range(20):
            value = np.round(random.normal(0.0, 0.1, 4000) / step) * step
            flagged += rail_share(value) > 0.0
    assert flagged == 0
    assert rail_share(np.zeros(100)) == 0.0


@pytest.mark.parametrize("noise_umm", [0.05, 0.1, 0.2, 0.3])
@pytest.mark.parametrize("lorries", [10, 40])
def test_a_quiet_strain_that_sags_in_coarse_steps_is_not_held(
    noise_umm: float, lorries: int
) -> None:
    random = np.random.default_rng(lorries)
    time_s = np.arange(180_000) / 50.0
    for centre in (0.0, 0.3, -0.3):
        strain = random.normal(centre, noise_umm, len(time_s))
        for at_s in random.uniform(0.0, time_s[-1], lorries):
            near = np.abs(time_s - at_s) < 2.0
            strain[near] += random.uniform(5, 40) * (1.0 - np.abs(time_s[near] - at_s) / 2.0)
        assert rail_share(np.round(strain)) == 0.0
        assert rail_share(-np.round(strain)) == 0.0


def test_a_strain_whose_lorries_are_cut_off_is_held() -> None:
    time_s = np.arange(36_000) / 100.0
    strain = np.random.default_rng(2).normal(0.0, 0.1, len(time_s))
    for at_s in np.arange(5.0, 355.0, 10.0):
        strain += 30.0 * np.clip(1.0 - np.abs(time_s - at_s), 0.0, None)
    cut = np.minimum(np.round(strain), 20.0)
    assert rail_share(cut) == pytest.approx(35 * 0.7 / 360.0, rel=0.1)
    assert rail_share(-cut) == rail_share(cut)
    once = np.where(time_s < 20.0, cut, np.round(strain * (time_s < 3.0)))
    assert rail_share(once) == 0.0


def test_a_sensor_without_calibration_is_flagged_until_it_is_recorded() -> None:
    gauge = stream("crack", "crack_width", provenance="measured", cadence_s=60.0)
    found, findings = told(twin_of((gauge,)))
    (one,) = findings
    assert one.rule == "uncalibrated"
    assert one.statement.values["sensors"] == "sensor-crack"
    assert found.state is MonitoringState.LEARNING
    known = Attribute(f"{CALIBRATED}sensor-crack", "2026-03-01", "", MADE)
    assert told(twin_of((gauge,), (known,)))[1] == ()


def test_a_simulated_sensor_needs_no_calibration() -> None:
    assert told(twin_of((stream("crack", "crack_width"),)))[1] == ()


def test_a_thousand_sound_accelerometers_of_any_step_have_no_issue() -> None:
    random = np.random.default_rng(11)
    flagged = 0
    for step in (0.001, 0.01, 0.05, 0.2):
        for _ in range(250):
            keep = random.uniform(0.0, 0.95)
            noisy = random.normal(0.0, 1.0, 3000)
            value = np.asarray(lfilter([1.0], [1.0, -keep], noisy))
            value = np.round(0.1 * value / value.std() / step) * step + random.choice([0.0, 9.81])
            recording = Recording((value[:, None],), 100.0, ("a",), ("m/s2",))
            flagged += bool(rail_share(value) or channel_issues(recording))
    assert flagged <= 1
