"""Identities through swings, crossings, gaps and restarts; bars of the specification, section 8."""

from collections.abc import Sequence

import numpy as np
import pytest
from modal_samples import beam_shapes, recording_of, simulated

from simulations.monitoring.modes import Mode, unit_shapes
from simulations.monitoring.oma import identify
from simulations.monitoring.tracking import TrackingState, follow, state_of, state_record
from twin.errors import ModelError
from twin.model.monitoring import StateRecord

CHANNELS = tuple(f"a{number}" for number in range(6))
SHAPES = beam_shapes(3, channels=len(CHANNELS))
BLOCK_US = 600_000_000


def seen(
    frequency_hz: Sequence[float], random: np.random.Generator, *, shapes: np.ndarray = SHAPES
) -> list[Mode]:
    """Modes as a block shows them: scatter of 0.1 % and 3 %, any phase, in rising frequency."""
    modes = []
    for frequency, shape in zip(frequency_hz, shapes, strict=True):
        noisy = shape + 0.03 * (
            random.standard_normal(len(shape)) + 1j * random.standard_normal(len(shape))
        )
        turned = unit_shapes((noisy * np.exp(2j * np.pi * random.random()))[None])[0]
        hertz = frequency * (1.0 + 0.001 * random.standard_normal())
        modes.append(Mode(hertz, 0.01, 0.003, 0.001, turned, 1.0, 0.9, 0.0, 0.0))
    return sorted(modes, key=lambda mode: mode.frequency_hz)


def truth_of(mode: Mode) -> int:
    """Which of the shapes a mode has."""
    return int(np.argmax(np.abs(SHAPES @ mode.shape) / np.linalg.norm(SHAPES, axis=1)))


def test_identities_hold_through_a_swing_of_five_percent() -> None:
    random, state = np.random.default_rng(1), TrackingState(CHANNELS)
    for block in range(600):
        warm = 1.0 + 0.05 * np.sin(2.0 * np.pi * block / 144.0)
        modes = seen(np.array([2.0, 2.6, 4.1]) * warm, random)
        state, found = follow(state, modes, at_us=block * BLOCK_US)
        assert [one.identity for one in found] == ([1, 2, 3] if block >= 4 else [])
        assert [truth_of(one.mode) for one in found if one.mode] == [
            one.identity - 1 for one in found
        ]


def test_identities_hold_where_two_modes_cross() -> None:
    random, state = np.random.default_rng(2), TrackingState(CHANNELS)
    for block in range(200):
        rising = 2.9 + 0.2 * block / 199.0
        state, found = follow(state, seen((rising, 3.0, 5.0), random), at_us=block)
        assert [truth_of(one.mode) for one in found if one.mode] == [
            one.identity - 1 for one in found
        ]
    assert len(found) == 3


def test_modes_of_recordings_keep_their_identity_while_they_cross() -> None:
    state = TrackingState(CHANNELS)
    for block in range(12):
        rising = 2.85 + 0.3 * block / 11.0
        samples = simulated(
            block,
            duration_s=300.0,
            frequency_hz=(rising, 3.0, 5.0),
            damping=(0.01,) * 3,
            shapes=SHAPES,
        )
        analysis = identify(recording_of(samples))
        state, found = follow(state, analysis.modes, at_us=block)
        assert all(truth_of(one.mode) == one.identity - 1 for one in found if one.mode)
    assert [one.identity for one in found] == [1, 2, 3]
    assert [one.mode is None for one in found].count(True) <= 1


def test_a_mode_that_is_not_seen_stays_missing_and_comes_back_as_itself() -> None:
    random, state = np.random.default_rng(3), TrackingState(CHANNELS)
    for block in range(40):
        modes = seen((2.0, 2.6, 4.1), random)
        away = 20 <= block < 30
        state, found = follow(state, [modes[0], modes[2]] if away else modes, at_us=block)
        if away:
            assert [one.mode is None for one in found] == [False, True, False]
            assert np.isnan(found[1].mac)
    assert [one.identity for one in found if one.mode] == [1, 2, 3]


def test_a_pole_outside_the_gates_is_another_mode() -> None:
    random, state = np.random.default_rng(4), TrackingState(CHANNELS)
    for block in range(10):
        state, _ = follow(state, seen((2.0,), random, shapes=SHAPES[:1]), at_us=block)
    state, far = follow(state, seen((2.0 * 1.09,), random, shapes=SHAPES[:1]), at_us=10)
    state, unlike = follow(state, seen((2.0,), random, shapes=SHAPES[1:2]), at_us=11)
    assert [one.mode for one in (*far, *unlike)] == [None, None]


def test_a_frequency_that_a_model_expects_moves_the_gate() -> None:
    random, state = np.random.default_rng(5), TrackingState(CHANNELS)
    for block in range(10):
        state, _ = follow(state, seen((2.0,), random, shapes=SHAPES[:1]), at_us=block)
    modes = seen((2.0 * 1.12,), random, shapes=SHAPES[:1])
    _, alone = follow(state, modes, at_us=10)
    _, helped = follow(state, modes, at_us=10, expected_hz={1: 2.2})
    assert alone[0].mode is None
    assert helped[0].mode is modes[0]
    assert helped[0].distance == pytest.approx(modes[0].frequency_hz / 2.2 - 1.0)


def test_a_pole_that_comes_by_once_in_a_while_gets_no_identity() -> None:
    random, state = np.random.default_rng(6), TrackingState(CHANNELS)
    for block in range(60):
        modes = seen((2.0, 2.6, 4.1), random)
        state, found = follow(state, modes if block % 4 == 0 else modes[:2], at_us=block)
    assert [one.identity for one in found] == [1, 2]
    assert len(state.references) <= 3


def test_a_restart_between_any_two_blocks_changes_no_bit() -> None:
    random = np.random.default_rng(7)
    blocks = [seen((2.0, 2.6, 4.1), random)[: 2 + block % 2] for block in range(30)]
    through = TrackingState(CHANNELS)
    restarted = TrackingState(CHANNELS)
    for number, modes in enumerate(blocks):
        through, one = follow(through, modes, at_us=number)
        restarted, other = follow(restarted, modes, at_us=number)
        record = state_record(restarted, asset_id="B08")
        restarted = state_of(record)
        assert record == state_record(through, asset_id="B08")
        assert repr(one) == repr(other)
        assert record.position_us == number


def test_a_block_out_of_order_and_other_channels_are_refused() -> None:
    state, _ = follow(TrackingState(CHANNELS), [], at_us=10)
    with pytest.raises(ModelError, match="not later than the last one at 10 us"):
        follow(state, [], at_us=10)
    other = seen((2.0,), np.random.default_rng(8), shapes=beam_shapes(1, channels=2))
    with pytest.raises(ModelError, match="a mode of 2 channels does not fit"):
        follow(state, other, at_us=11)


@pytest.mark.parametrize(
    ("version", "content", "message"),
    [
        (99, b"{}", "has the format 99"),
        (1, b"{}", "cannot be read"),
        (1, b"\xff", "cannot be read"),
        (1, b'{"channels": 1, "references": [], "next_identity": 1}', "cannot be read"),
        (1, b'{"channels": [], "references": [[]], "next_identity": 1}', "cannot be read"),
    ],
)
def test_a_damaged_or_foreign_state_is_refused(version: int, content: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        state_of(StateRecord("modes", "B08", version, 0, content))
