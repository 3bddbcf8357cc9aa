"""Features of waveforms against sines whose RMS, peak and frequency are known."""

import numpy as np
import pytest

from sensors.rules.features import FEATURES, feature_readings, features
from twin.model.observations import Waveform
from twin.model.quality import Quality

RATE_HZ = 100.0
SAMPLES = 2000  # 20 s: lines of 0.05 Hz


def wave(samples: np.ndarray, *, rate_hz: float = RATE_HZ) -> Waveform:
    return Waveform(1, 0, rate_hz, samples.astype(np.float32), int(Quality.SIMULATED))


@pytest.mark.parametrize("frequency_hz", [0.4, 1.0, 2.37, 2.375, 7.777, 33.3, 45.01])
@pytest.mark.parametrize("amplitude", [0.002, 3.0])
def test_a_sine_has_its_frequency_rms_and_peak(frequency_hz: float, amplitude: float) -> None:
    time_s = np.arange(SAMPLES) / RATE_HZ
    found = features(wave(9.81 + amplitude * np.sin(2 * np.pi * frequency_hz * time_s + 0.3)))
    assert found.dominant_hz == pytest.approx(frequency_hz, abs=0.002)  # a twentieth of a line
    assert found.rms == pytest.approx(amplitude / np.sqrt(2), rel=0.02)
    assert found.peak == pytest.approx(amplitude, rel=0.05)


def test_the_strongest_of_two_lines_wins_in_noise() -> None:
    rng = np.random.default_rng(9)
    time_s = np.arange(SAMPLES) / RATE_HZ
    samples = np.sin(2 * np.pi * 2.9 * time_s) + 0.6 * np.sin(2 * np.pi * 3.3 * time_s)
    found = features(wave(samples + rng.normal(0, 0.5, SAMPLES)))
    assert found.dominant_hz == pytest.approx(2.9, abs=0.01)


def test_mean_squares_add_up() -> None:
    rng = np.random.default_rng(2)
    samples = rng.normal(4.0, 2.0, 100_000)
    found = features(wave(samples))
    assert found.rms == pytest.approx(np.std(samples.astype(np.float32), dtype=np.float64))


@pytest.mark.parametrize("samples", [[], [3.0], [3.0] * 500, [1.0, 2.0] * 10])
def test_short_and_constant_blocks_have_no_frequency(samples: list[float]) -> None:
    assert features(wave(np.array(samples))).dominant_hz is None


def test_what_leaks_from_below_three_cycles_is_no_line() -> None:
    time_s = np.arange(200) / RATE_HZ
    assert features(wave(np.sin(2 * np.pi * 0.9 * time_s))).dominant_hz != pytest.approx(1.25)
    both = np.sin(2 * np.pi * 0.9 * time_s) + 0.2 * np.sin(2 * np.pi * 3.6 * time_s)
    assert features(wave(both)).dominant_hz == pytest.approx(3.6, abs=0.1)


def test_features_lie_at_the_end_of_the_block_and_keep_its_flags() -> None:
    block = wave(np.sin(np.arange(SAMPLES) / 5.0))
    numbers = {name: row for row, name in enumerate(FEATURES, start=11)}
    found = feature_readings(block, numbers)
    assert [reading.number for reading in found] == [11, 12, 13]
    assert {reading.time_us for reading in found} == {19_990_000}
    assert {reading.quality for reading in found} == {int(Quality.SIMULATED)}
    assert found[2].value == pytest.approx(RATE_HZ / (2 * np.pi * 5.0), abs=0.002)
    assert feature_readings(block, {}) == []
