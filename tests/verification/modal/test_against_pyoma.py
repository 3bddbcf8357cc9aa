"""Poles and spectra of the same samples beside pyOMA_2, in its own environment (ADR 0023)."""

import numpy as np
import pytest
from bench.bridge_rows import timed_peer
from modal_samples import RATE_HZ, recording_of, simulated

from simulations.monitoring.fdd import cross_spectra, decompose
from simulations.monitoring.modes import mac
from simulations.monitoring.oma import identify
from simulations.monitoring.ssi import BLOCK_ROWS, LARGEST_ORDER

BINS = 512


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    values = simulated(11, duration_s=300.0)
    return values - values.mean(axis=0)


@pytest.fixture(scope="module")
def answers(samples):
    arrays = {
        "samples": samples,
        "rate_hz": np.array(RATE_HZ),
        "block_rows": np.array(BLOCK_ROWS),
        "largest_order": np.array(LARGEST_ORDER),
        "bins": np.array(BINS),
    }
    with timed_peer("pyoma_modes", arrays) as peer:
        peer.run(task="ssi")
        ssi = peer.answer
        peer.run(task="fdd")
        return ssi, peer.answer


def test_frequencies_agree_with_pyoma_within_two_per_mille(samples, answers) -> None:
    poles = answers[0]
    stable = poles["label"] == 1
    modes = identify(recording_of(samples)).modes
    assert len(modes) == 5
    for mode in modes:
        near = stable & (np.abs(poles["frequency_hz"] / mode.frequency_hz - 1.0) < 0.01)
        assert near.sum() >= 8
        assert np.median(poles["frequency_hz"][near]) == pytest.approx(mode.frequency_hz, rel=0.002)
        # Their median of all stable poles against our weighted mean: dampings agree less closely.
        assert np.median(poles["damping"][near]) == pytest.approx(mode.damping, rel=0.1)
        assert np.median(mac(poles["shape"][near], mode.shape[None])) > 0.999


def test_first_singular_values_are_those_of_pyoma(samples, answers) -> None:
    spectrum = answers[1]
    ours = decompose(cross_spectra(recording_of(samples), bins=BINS))
    assert ours.frequency_hz == pytest.approx(spectrum["frequency_hz"])
    assert ours.values[:, 0] == pytest.approx(spectrum["value"], rel=1e-9)
