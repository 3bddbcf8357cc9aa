"""Streaming rainflow against ASTM E1049, `rainflow` and `pylife`, and what any history obeys."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pytest
from bench.bridge_rows import timed_peer
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulations.structure.miner import miner_sum
from simulations.structure.rainflow import BINS, LONGEST_RESIDUE, Cycles, Rainflow, count_cycles
from simulations.structure.sn import sn_curve
from twin.errors import ModelError

CURVE = sn_curve(36.0)
ASTM = np.array([-2.0, 1.0, -3.0, 5.0, -1.0, 3.0, -4.0, 4.0, -2.0])
stresses = st.lists(
    st.one_of(st.integers(-12, 12), st.floats(-300.0, 300.0, width=32)), max_size=120
).map(lambda values: np.array(values, dtype=np.float64))


def noise(seed: int, count: int = 3_000, scale: float = 40.0) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    slow = np.cumsum(random.normal(0.0, 1.0, count))
    return scale * (random.normal(0.0, 1.0, count) + 0.1 * slow)


def fed(samples: NDArray[np.float64], *, gate_mpa: float = 0.0) -> Rainflow:
    counter = Rainflow(CURVE, gate_mpa=gate_mpa)
    counter.feed(samples)
    return counter


def asked(peer: str, samples: NDArray[np.float64]) -> Mapping[str, NDArray[np.float64]]:
    with timed_peer(peer, {"samples": samples}) as child:
        child.run()
        return child.answer


def test_the_series_of_astm_leaves_one_cycle_of_four_and_a_residue() -> None:
    cycles = count_cycles(ASTM, curve=CURVE)
    assert cycles.closed.tolist() == [4.0]
    totals: Counter[float] = Counter()
    for size, weight in zip(cycles.ranges.tolist(), cycles.weights.tolist(), strict=True):
        totals[size] += weight
    assert totals == {3.0: 0.5, 4.0: 1.5, 6.0: 0.5, 8.0: 1.0, 9.0: 0.5}


@pytest.mark.parametrize("seed", range(3))
def test_the_cycles_are_those_of_rainflow_and_pylife(seed: int) -> None:
    samples = noise(seed)
    ours = count_cycles(samples, curve=CURVE)
    other = asked("rainflow_count", samples)
    closed = other["ranges"][other["weights"] == 1.0]
    np.testing.assert_array_equal(np.sort(ours.closed), np.sort(closed))
    halves = other["ranges"][other["weights"] == 0.5]
    np.testing.assert_array_equal(np.sort(np.abs(np.diff(ours.residue))), np.sort(halves))
    damage = float(other["weights"] @ CURVE.damage(other["ranges"]))
    assert miner_sum(ours, CURVE) == pytest.approx(damage, rel=1e-12)

    four_points = asked("pylife_count", samples)
    np.testing.assert_array_equal(np.sort(ours.closed), np.sort(four_points["ranges"]))
    np.testing.assert_array_equal(ours.residue, four_points["residue"])


@settings(max_examples=150, deadline=None)
@given(
    stresses,
    st.lists(st.integers(0, 120), max_size=6),
    st.sampled_from([0.0, 1.0, 7.5]),
)
def test_any_split_with_a_restart_between_gives_the_same(
    samples: NDArray[np.float64], cuts: list[int], gate_mpa: float
) -> None:
    whole = fed(samples, gate_mpa=gate_mpa)
    parts = Rainflow(CURVE, gate_mpa=gate_mpa)
    for piece in np.split(samples, sorted(min(cut, len(samples)) for cut in cuts)):
        parts.feed(piece)
        parts = Rainflow.from_bytes(parts.to_bytes(), curve=CURVE)
    np.testing.assert_array_equal(parts.half_cycles, whole.half_cycles)
    np.testing.assert_array_equal(parts.residue, whole.residue)
    assert parts.closed_cycles == whole.closed_cycles
    assert parts.closed_damage == pytest.approx(whole.closed_damage, rel=1e-12)
    assert parts.to_bytes() == whole.to_bytes()


@settings(max_examples=100, deadline=None)
@given(stresses, st.floats(1.0, 4.0))
def test_damage_is_never_negative_and_grows_with_the_scale(
    samples: NDArray[np.float64], factor: float
) -> None:
    cycles = count_cycles(samples, curve=CURVE)
    damage = miner_sum(cycles, CURVE)
    assert 0.0 <= damage <= miner_sum(cycles, CURVE, scale=factor) * (1.0 + 1e-12)


@settings(max_examples=100, deadline=None)
@given(stresses, stresses)
def test_damage_never_falls_while_samples_come(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> None:
    counter = fed(first)
    before, closed = counter.closed_damage + counter.residue_damage, counter.closed_damage
    counter.feed(second)
    assert counter.closed_damage >= closed
    assert counter.closed_damage + counter.residue_damage >= before * (1.0 - 1e-12)


@settings(max_examples=100, deadline=None)
@given(stresses)
def test_the_largest_range_is_that_of_the_history(samples: NDArray[np.float64]) -> None:
    span = float(np.ptp(samples)) if len(samples) else 0.0
    assert fed(samples).largest_mpa == pytest.approx(span, abs=1e-12)


@pytest.mark.parametrize(
    "samples", [np.empty(0), np.zeros(50), np.full(20, np.nan), np.array([3.0])]
)
def test_nothing_constant_or_invalid_has_no_damage(samples: NDArray[np.float64]) -> None:
    counter = fed(samples)
    assert (counter.closed_damage, counter.residue_damage, counter.closed_cycles) == (0.0, 0.0, 0)
    assert counter.samples == len(samples)


def test_what_is_no_finite_number_is_dropped_and_counted() -> None:
    clean = noise(5, 400)
    dirty = np.insert(clean, [0, 100, 100, 399], [np.nan, np.inf, -np.inf, np.nan])
    counter = fed(dirty)
    assert counter.invalid_samples == 4
    assert counter.closed_damage == fed(clean).closed_damage
    np.testing.assert_array_equal(counter.residue, fed(clean).residue)


def test_reversals_within_the_gate_are_noise() -> None:
    time_s = np.arange(0.0, 60.0, 0.01)
    clean = 30.0 * np.sin(2.0 * np.pi * 0.2 * time_s)
    noisy = clean + np.random.default_rng(2).uniform(-1.0, 1.0, len(time_s))
    assert fed(noisy).closed_cycles > 1_000
    gated = count_cycles(noisy, curve=CURVE, gate_mpa=2.0)
    assert len(gated.closed) + len(gated.residue) <= 26
    assert gated.weights[gated.ranges > 50.0].sum() == 11.5
    assert gated.ranges.max() == pytest.approx(60.0, abs=2.0)


def test_a_residue_that_is_full_gives_up_its_smallest_range() -> None:
    steps = np.arange(1.0, 3.0 * LONGEST_RESIDUE)
    alternating = np.where(np.arange(len(steps)) % 2 == 0, 1.0, -1.0)
    growing, shrinking = alternating * steps, alternating * steps[::-1]
    for series, tolerance in ((growing, 1e-12), (shrinking, 2e-3)):
        counter = fed(series)
        assert counter.shortened > 0
        assert len(counter.residue) <= LONGEST_RESIDUE + 1
        other = float(0.5 * CURVE.damage(np.abs(np.diff(series))).sum())
        found = counter.closed_damage + counter.residue_damage
        assert found == pytest.approx(other, rel=tolerance)


def test_the_histogram_holds_all_closed_cycles_and_its_last_bin_the_rest() -> None:
    counter = Rainflow(CURVE, bin_mpa=0.01)
    counter.feed(noise(7))
    assert counter.half_cycles.shape == (BINS,)
    assert int(counter.half_cycles.sum()) == 2 * counter.closed_cycles
    assert counter.half_cycles[-1] > 0


def test_a_state_of_another_curve_or_damaged_is_refused() -> None:
    content = fed(ASTM).to_bytes()
    with pytest.raises(ModelError, match="new curve starts a new state"):
        Rainflow.from_bytes(content, curve=sn_curve(71.0))
    for broken in (content[:3], content[:-1], b"XXXX" + content[4:], content[:40] + b"!" * 9):
        with pytest.raises(ModelError):
            Rainflow.from_bytes(broken, curve=CURVE)
    with pytest.raises(ModelError, match="format 9"):
        Rainflow.from_bytes(content[:4] + b"\x09\x00" + content[6:], curve=CURVE)


def test_memory_and_residue_stay_small_over_a_million_samples() -> None:
    counter = fed(np.random.default_rng(3).normal(0.0, 30.0, 1_000_000))
    assert len(counter.residue) < 60
    assert len(counter.to_bytes()) < 6_000
    assert counter.shortened == 0


def test_half_cycles_weigh_half() -> None:
    assert Cycles(np.array([5.0]), np.array([0.0, 7.0])).weights.tolist() == [1.0, 0.5]


@pytest.mark.parametrize("arguments", [{"gate_mpa": -1.0}, {"gate_mpa": np.nan}, {"bin_mpa": 0.0}])
def test_impossible_settings_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(ModelError):
        Rainflow(CURVE, **arguments)
