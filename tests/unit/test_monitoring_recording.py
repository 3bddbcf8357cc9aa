"""What is refused before modes are looked for, with the channel named."""

import numpy as np
import pytest
from modal_samples import beam_shapes, recording_of, simulated

from simulations.monitoring.fdd import cross_spectra, decompose, peaks
from simulations.monitoring.oma import identify, identify_single
from simulations.monitoring.recording import (
    Recording,
    channel_issues,
    effective_rate_hz,
    only,
    usable_blocks,
)
from twin.errors import InsufficientData, ModelError

CHANNELS = 3


@pytest.fixture
def samples() -> np.ndarray:
    return simulated(
        1,
        duration_s=60.0,
        frequency_hz=(3.0, 8.0),
        damping=(0.01, 0.01),
        shapes=beam_shapes(2, channels=CHANNELS),
    )


def test_one_channel_has_no_shapes_and_is_named(samples) -> None:
    with pytest.raises(InsufficientData, match="at least 2 channels, there is: a1"):
        identify(only(recording_of(samples), ["a1"]))


def test_a_fifth_may_be_missing_and_no_more(samples) -> None:
    samples[:1100, 1] = np.nan
    assert len(usable_blocks(recording_of(samples), fewest_samples=100)) == 1
    samples[:1300, 1] = np.nan
    with pytest.raises(InsufficientData, match="22% of channel a1 are missing"):
        identify(recording_of(samples))


def test_gaps_everywhere_leave_no_stretch(samples) -> None:
    samples[::50, 2] = np.nan
    with pytest.raises(InsufficientData, match="each needs 118 without a gap, the longest has 49"):
        identify(recording_of(samples))


@pytest.mark.parametrize("level", [0.0, 9.81, -3.0])
@pytest.mark.parametrize("flicker", [0.0, 0.0005, None])
def test_a_dead_channel_is_named(samples, level: float, flicker: float | None) -> None:
    random = np.random.default_rng(1)
    if flicker is None:
        samples[:, 2] = level + 1e-5 * random.standard_normal(len(samples))
    else:
        samples[:, 2] = level + flicker * random.integers(0, 2, len(samples))
    with pytest.raises(InsufficientData, match="channel a2 is dead"):
        identify(recording_of(samples))


def test_every_bad_channel_is_named_at_once(samples) -> None:
    samples[:, 0] = 0.0
    samples[:3000, 1] = np.nan
    with pytest.raises(InsufficientData, match=r"channel a0 is dead.*; 50% of channel a1"):
        identify(recording_of(samples))


@pytest.mark.parametrize(("every", "rate_hz"), [(2, 50.0), (4, 25.0), (10, 10.0), (100, 1.0)])
def test_an_upsampled_slow_channel_is_named_with_its_rate(
    samples, every: int, rate_hz: float
) -> None:
    samples[:, 1] = np.repeat(samples[::every, 1], every)
    (issue,) = channel_issues(recording_of(samples))
    assert (issue.channel, issue.kind) == ("a1", "upsampled")
    assert issue.figure == pytest.approx(rate_hz)
    with pytest.raises(InsufficientData, match=f"a1 repeats its values as a sensor of {rate_hz:g}"):
        identify(recording_of(samples))


def test_a_slow_channel_whose_rate_does_not_divide_is_named_too() -> None:
    slow = np.random.default_rng(2).standard_normal(4000)
    held = slow[(np.arange(6000) * 0.66).astype(int)]
    assert effective_rate_hz(held, 100.0) == pytest.approx(66.0, rel=0.01)


def test_a_coarse_step_or_a_quiet_bridge_is_not_upsampled() -> None:
    random = np.random.default_rng(3)
    for step in (0.5, 1.0, 2.0, 4.0):
        assert effective_rate_hz(np.round(random.standard_normal(6000) / step), 100.0) == 100.0


@pytest.mark.parametrize(
    ("unit", "mean", "meant"),
    [("m/s2", 1.0, "g"), ("m/s2", -0.99, "g"), ("g", 9.81, "m/s2"), ("m/s2", 981.0, "cm/s2")],
)
def test_gravity_in_another_unit_is_suspect(samples, unit: str, mean: float, meant: str) -> None:
    samples[:, 1] += mean
    recording = Recording((samples,), 100.0, ("a0", "a1", "a2"), ("m/s2", unit, "m/s2"))
    (issue,) = channel_issues(recording)
    assert (issue.channel, issue.kind) == ("a1", "unit_suspect")
    with pytest.raises(InsufficientData, match=f"gravity in {meant}"):
        identify(recording)


def test_gravity_in_the_declared_unit_and_other_quantities_are_fine(samples) -> None:
    shifted = samples + np.array([9.81, 0.0, 1.0])
    recording = Recording((shifted,), 100.0, ("a0", "a1", "s"), ("m/s2", "m/s2", "um/m"))
    assert not channel_issues(recording)


def test_an_empty_recording_and_infinities_are_refused(samples) -> None:
    with pytest.raises(InsufficientData, match="the longest has 0"):
        identify(Recording((), 100.0, ("a0", "a1")))
    samples[:, 0] = np.inf
    samples[5, 1] = -np.inf
    with pytest.raises(InsufficientData, match="100% of channel a0 are missing"):
        identify(recording_of(samples))


@pytest.mark.parametrize(
    ("shape", "rate_hz", "channels", "units"),
    [
        ((10,), 100.0, ("a",), ()),
        ((10, 3), 100.0, ("a", "b"), ()),
        ((10, 2), 0.0, ("a", "b"), ()),
        ((10, 2), float("nan"), ("a", "b"), ()),
        ((10, 2), 100.0, ("a", "a"), ()),
        ((10, 2), 100.0, ("a", "b"), ("m/s2",)),
    ],
)
def test_what_does_not_fit_together_is_no_recording(shape, rate_hz, channels, units) -> None:
    with pytest.raises(ModelError):
        Recording((np.zeros(shape),), rate_hz, channels, units)


def test_an_unknown_channel_and_too_short_bursts_are_refused(samples) -> None:
    with pytest.raises(ModelError, match="no channel b9"):
        only(recording_of(samples), ["b9"])
    short = recording_of(*(samples[at : at + 30] for at in range(0, 3000, 30)))
    with pytest.raises(InsufficientData, match="longest block of channel a0 has 30 samples"):
        identify_single(short, "a0")
    with pytest.raises(InsufficientData, match="each needs 128"):
        cross_spectra(short, bins=64)


def test_a_short_block_says_so(samples) -> None:
    assert "short_block" in identify(recording_of(samples)).flags


def test_peaks_of_the_spectrum_are_the_modes_with_rough_dampings() -> None:
    found = peaks(decompose(cross_spectra(recording_of(simulated(2)))))
    assert [peak.frequency_hz for peak in found] == pytest.approx(
        (3.0, 5.2, 8.1, 11.7, 16.4), rel=0.01
    )
    assert all(peak.damping is not None and 0.003 < peak.damping < 0.03 for peak in found)
