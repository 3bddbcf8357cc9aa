"""Modes of simulated structures against the truth; bars of the specification, section 8.

Few seeds here, all 30 in ``scripts/bench bridge``. With 8 runs a scatter is known to a quarter, so
the bars hold here with the margin that 30 runs show (`docs/benchmarks/bridge.md`).
"""

import numpy as np
import pytest
from modal_experiment import accuracy, flagged_harmonics, modes_of_noise, separated_pairs
from modal_samples import BEAM_HZ, bursts, recording_of, simulated

from simulations.monitoring.oma import identify, identify_single


def test_modes_of_a_beam_meet_the_bars_of_the_specification() -> None:
    found = accuracy(range(8))
    assert not found.misses(), found
    assert 0.5 < found.standard_error < 1.3, "errors are what the stated deviations say"


def test_two_modes_two_percent_apart_are_both_found() -> None:
    assert separated_pairs(range(3)) == 3


def test_a_harmonic_is_flagged_and_is_no_mode() -> None:
    assert flagged_harmonics(range(3)) == 3


def test_noise_has_no_modes() -> None:
    assert modes_of_noise(range(1000, 1005)) == 0


def test_a_beam_of_two_channels_shows_its_modes() -> None:
    found = identify(recording_of(simulated(3)[:, [2, 4]]))
    assert [mode.frequency_hz for mode in found.modes] == pytest.approx(BEAM_HZ, rel=0.003)


def test_bursts_of_two_seconds_are_averaged_without_bridging_their_gaps() -> None:
    pieces = bursts(simulated(4, duration_s=3600.0))
    found = identify(recording_of(*pieces))
    assert found.duration_s == pytest.approx(2.0 * len(pieces))
    assert [mode.frequency_hz for mode in found.modes] == pytest.approx(BEAM_HZ, rel=0.004)
    assert all(mode.damping_sd < 0.2 * mode.damping for mode in found.modes)


def test_one_channel_of_bursts_gives_frequencies_and_says_what_it_cannot() -> None:
    pieces = bursts(simulated(5, duration_s=7200.0, frequency_hz=(2.4, 3.9), damping=(0.01, 0.01)))
    found = identify_single(recording_of(*pieces), "a3")
    assert "single_channel" in found.flags
    assert [mode.shape.tolist() for mode in found.modes] == [[1.0], [1.0]]
    for mode, truth in zip(found.modes, (2.4, 3.9), strict=True):
        assert abs(mode.frequency_hz - truth) < 4.0 * mode.frequency_sd_hz < 0.02 * truth
        assert abs(mode.damping - 0.01) < 4.0 * mode.damping_sd


def test_noise_of_one_channel_has_no_modes() -> None:
    for seed in range(10):
        noise = np.random.default_rng(seed).standard_normal((60_000, 1))
        assert not identify_single(recording_of(noise), "a0").modes


def test_missing_values_widen_the_deviation_and_shift_nothing() -> None:
    samples = simulated(6)
    full = identify(recording_of(samples))
    samples[20_000:28_000, 3] = np.nan
    holed = identify(recording_of(samples))
    assert holed.duration_s == pytest.approx(520.0)
    for one, other in zip(full.modes, holed.modes, strict=True):
        assert abs(one.frequency_hz - other.frequency_hz) < 2.0 * other.frequency_sd_hz


def test_channels_in_other_units_change_the_shapes_by_their_factor_only() -> None:
    samples = simulated(7)
    recording = recording_of(samples * np.array([1.0] * 9 + [1000.0]))
    mixed = type(recording)(recording.blocks, 100.0, recording.channels, ("m/s2",) * 9 + ("mm/m",))
    for one, other in zip(
        identify(mixed).modes, identify(recording_of(samples)).modes, strict=True
    ):
        assert one.frequency_hz == pytest.approx(other.frequency_hz, rel=0.001)
        back = one.shape / np.array([1.0] * 9 + [1000.0])
        assert abs(back[3] / back[9]) == pytest.approx(
            abs(other.shape[3] / other.shape[9]), rel=0.1
        )
