"""The simulated bridge does what its truth says, and nothing else."""

import itertools
import json

import numpy as np
import pytest
from scipy.signal import welch

from sensors.simulator.bridge_world.crossings import Lorry, Span, lorries, strains
from sensors.simulator.bridge_world.hourly import CHANNELS, HOUR_US, HourlyWorld, play
from sensors.simulator.bridge_world.publishing import messages
from sensors.simulator.bridge_world.truth import (
    MODES,
    BridgeTruth,
    Damage,
    Fault,
    Loading,
    draw,
    loss,
    ranges,
)
from sensors.simulator.bridge_world.vibration import accelerations, beam_modes
from twin.model.datastreams import Datastream

START_US = 490_000 * HOUR_US
HOURS = 24 * 60


def world(truth: BridgeTruth, **changes: object) -> HourlyWorld:
    return play(truth, start_us=START_US, hours=HOURS, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(5))
def test_a_bridge_is_drawn_from_the_published_ranges(seed: int) -> None:
    truth = draw(seed)
    for name, (least, most) in ranges().items():
        assert least <= truth.numbers[name] <= most
    assert len(truth.frequencies_hz) == MODES
    assert list(truth.frequencies_hz) == sorted(truth.frequencies_hz)


def test_the_same_seed_plays_the_same_values_and_another_one_others() -> None:
    first, again, other = world(draw(1)), world(draw(1)), world(draw(2))
    assert set(first.values) == set(CHANNELS)
    for name in CHANNELS:
        np.testing.assert_array_equal(first.values[name], again.values[name])
        assert not np.array_equal(first.values[name], other.values[name], equal_nan=True)


def test_a_loss_of_stiffness_acts_from_its_onset_on_by_its_shares() -> None:
    truth, onset_h = draw(5), 700
    damage = loss(5, onset_h=onset_h, size=0.01)
    sound, broken = world(truth), world(truth, damages=[damage])
    for mode, share in enumerate(damage.shares):
        ratio = 1.0 - broken.values[f"mode_{mode + 1}"] / sound.values[f"mode_{mode + 1}"]
        assert np.nanmax(abs(ratio[:onset_h])) == 0.0
        assert np.nanmean(ratio[onset_h:]) == pytest.approx(0.01 * share, rel=0.1)
    np.testing.assert_array_equal(sound.values["crack_1"], broken.values["crack_1"])


def test_a_crack_grows_linearly_and_its_neighbour_does_not() -> None:
    truth = draw(6)
    sound = world(truth)
    broken = world(truth, damages=[Damage("crack_trend", 240, 0.01)])
    grown = broken.values["crack_1"] - sound.values["crack_1"]
    expected = 0.01 * np.arange(HOURS - 240) / 24.0
    assert np.abs(grown[:240]).max() == 0.0
    assert np.all(grown[240:] >= expected - 1e-12)
    np.testing.assert_allclose(grown[240:], expected, rtol=0.2, atol=1e-9)
    np.testing.assert_array_equal(sound.values["crack_2"], broken.values["crack_2"])


def test_a_locked_bearing_keeps_its_place_and_the_other_moves_on() -> None:
    truth = draw(7)
    broken = world(truth, damages=[Damage("bearing_locked", 500, 1.0)])
    assert np.ptp(broken.values["travel_1"][500:]) < 1e-9
    assert np.ptp(broken.values["travel_2"][500:]) > 1.0


@pytest.mark.parametrize("kind", ["stuck", "drift", "spike", "clock"])
def test_a_fault_touches_its_channel_in_its_hours_alone(kind: str) -> None:
    truth = draw(8)
    fault = Fault(kind, "crack_1", 300, 500, size=12.0)  # type: ignore[arg-type]
    sound, faulty = world(truth), world(truth, faults=[fault])
    changed = (sound.values["crack_1"] != faulty.values["crack_1"]) | (
        sound.time_us["crack_1"] != faulty.time_us["crack_1"]
    )
    assert changed.any()
    assert set(np.flatnonzero(changed)) <= set(range(300, 500))
    for name in set(CHANNELS) - {"crack_1"}:
        np.testing.assert_array_equal(sound.values[name], faulty.values[name])


def test_a_cold_spell_moves_the_structure_later_and_less_than_the_air() -> None:
    truth = draw(9)
    swing = Loading("temperature_swing", 600, 640, -18.0)
    calm, cold = world(truth), world(truth, loadings=[swing])
    air = cold.values["air_temperature"] - calm.values["air_temperature"]
    body = cold.values["structure_temperature"] - calm.values["structure_temperature"]
    assert air.min() == pytest.approx(-18.0, abs=0.3)
    assert air.min() < body.min() < 0.0
    assert body.argmin() > air.argmin()


def test_a_convoy_brings_lorries_and_larger_strains() -> None:
    truth = draw(10)
    convoy = Loading("convoy", 610, 620, 6.0)
    calm, busy = world(truth), world(truth, loadings=[convoy])
    rows = slice(610, 620)
    assert busy.values["heavy_flow"][rows].mean() > 3.0 * calm.values["heavy_flow"][rows].mean()
    assert busy.values["strain_max"][rows].mean() > calm.values["strain_max"][rows].mean()


def test_vibrations_have_their_peaks_at_the_modes_and_at_the_machine() -> None:
    modes = beam_modes((2.5, 6.0), sensors=4)
    signal = accelerations(modes, rate_hz=100.0, count=60_000, hum_hz=12.5, seed=3)
    frequency, power = welch(signal[:, 0], 100.0, nperseg=4096)
    for expected in (2.5, 6.0, 12.5):
        near = abs(frequency - expected) < 0.4
        assert frequency[near][power[near].argmax()] == pytest.approx(expected, abs=0.05)
        assert power[near].max() > 30.0 * np.median(power)


def test_a_slow_axle_in_the_middle_gives_the_moment_of_a_beam() -> None:
    span = Span(length_m=20.0, gauges_m=(10.0,), bounce=0.0, vibration=0.0, noise=0.0)
    axle = Lorry(1.0, 5.0, "one", (0.0,), (100.0,))
    _, strain = strains((axle,), span, rate_hz=200.0, duration_s=8.0)
    assert strain.max() == pytest.approx(100.0 * 20.0 / 4.0 * span.strain_per_moment, rel=1e-3)


def test_lorries_follow_each_other_and_stay_within_their_class() -> None:
    passing = lorries(50, gap_s=10.0, seed=2)
    assert all(a.time_s < b.time_s for a, b in itertools.pairwise(passing))
    gross = [sum(lorry.axle_load_kn) for lorry in passing]
    assert 200.0 < min(gross) < max(gross) < 520.0


def test_messages_carry_what_was_reported_and_leave_out_what_was_not() -> None:
    played = world(draw(11))
    stream = Datastream(
        "B1.f1", "f1", "B1", None, "natural_frequency", "s", "demo", "B1/f1", "simulated"
    )
    told = list(messages(played, {"mode_1": stream}, tenant="demo"))
    items = [item for message in told for item in json.loads(message.payload)]
    assert {message.topic for message in told} == {"twin/v1/demo/B1/f1/obs"}
    assert len(items) == np.isfinite(played.values["mode_1"]).sum() < HOURS
    assert [item["seq"] for item in items] == list(range(len(items)))
