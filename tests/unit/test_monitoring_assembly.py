"""Waveforms of several channels become blocks of the times that all cover."""

import numpy as np
import pytest

from simulations.monitoring.assembly import assemble
from twin.errors import InsufficientData, ModelError
from twin.model.observations import Waveform

STEP_US = 10_000


def wave(begin: int, count: int, *, number: int = 1, shift_us: int = 0, rate_hz: float = 100.0):
    """Samples that are their own number since time 0."""
    values = np.arange(begin, begin + count, dtype=np.float32)
    return Waveform(number, begin * STEP_US + shift_us, rate_hz, values)


def blocks_of(*channels: list[Waveform]) -> list[np.ndarray]:
    names = [f"a{number}" for number in range(len(channels))]
    return list(assemble(dict(zip(names, channels, strict=True))).blocks)


def test_waveforms_that_continue_are_joined_and_gaps_are_kept() -> None:
    (first, second) = blocks_of(
        [wave(0, 100), wave(100, 100), wave(300, 50)], [wave(50, 400), wave(450, 9)]
    )
    assert np.array_equal(first, np.arange(50, 200)[:, None] * np.ones(2))
    assert np.array_equal(second, np.arange(300, 350)[:, None] * np.ones(2))


def test_order_repetition_and_overlap_change_nothing() -> None:
    usual = blocks_of([wave(0, 100), wave(100, 100)], [wave(0, 200)])
    odd = blocks_of([wave(100, 100), wave(0, 100), wave(100, 100), wave(150, 50)], [wave(0, 200)])
    assert len(odd) == 1
    assert np.array_equal(usual[0], odd[0])


def test_stamps_that_jitter_by_less_than_half_a_sample_continue() -> None:
    (block,) = blocks_of([wave(0, 100), wave(100, 100, shift_us=3000)])
    assert len(block) == 200


def test_channels_beside_one_another_by_part_of_a_sample_are_refused() -> None:
    assert len(blocks_of([wave(0, 100)], [wave(0, 100, shift_us=900)])[0]) == 100
    with pytest.raises(InsufficientData, match="channel a0 lie 4 ms beside"):
        blocks_of([wave(0, 100)], [wave(0, 100, shift_us=4000)])


def test_no_common_time_no_waveform_and_two_rates_are_refused() -> None:
    with pytest.raises(InsufficientData, match="no time is covered by all of a0, a1"):
        blocks_of([wave(0, 100)], [wave(100, 100)])
    with pytest.raises(InsufficientData, match="no waveform of a1"):
        blocks_of([wave(0, 100)], [])
    with pytest.raises(ModelError, match=r"a0 \[100.0\] Hz; a1 \[50.0\] Hz"):
        blocks_of([wave(0, 100)], [wave(0, 100, rate_hz=50.0)])
