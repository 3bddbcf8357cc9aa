"""Modes beside pyOMA_2: seconds, agreement, and the accuracy experiment of the specification.

``scripts/bench bridge`` runs it with the other parts; ``scripts/bench modal`` runs it alone. Ours
contains the check of the channels, the selection and the standard deviations, which the peer has
not: its own stability labels are its selection.
"""

import functools
import os
import sys

if "numpy" not in sys.modules:  # alone: one thread, set before numpy is there
    os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1"))

import numpy as np
from bench.bridge_rows import Row, TimedPeer, in_turn, timed, timed_peer
from modal_experiment import accuracy, flagged_harmonics, modes_of_noise, separated_pairs
from modal_samples import RATE_HZ, recording_of, simulated

from simulations.monitoring.automation import select
from simulations.monitoring.fdd import Decomposition, cross_spectra, decompose
from simulations.monitoring.modes import Mode
from simulations.monitoring.recording import Recording, usable_blocks
from simulations.monitoring.ssi import (
    BLOCK_ROWS,
    LARGEST_ORDER,
    covariances,
    subspace,
    system_poles,
)

SAMPLES, BINS, RUNS, NOISE_RUNS = 100_000, 2048, 30, 20
SSI_BAR, FDD_BAR, AGREEMENT = 5.0, 2.0, 0.002


def modes_of(recording: Recording) -> tuple[Mode, ...]:
    """What the peer does, by our way: from samples to selected modes, without harmonics."""
    lags = 2 * BLOCK_ROWS - 1
    table = covariances(usable_blocks(recording, fewest_samples=2 * lags), lags=lags)
    space = subspace(table, recording.rate_hz)
    return select(system_poles(space), space, table)


def spectrum_of(recording: Recording) -> Decomposition:
    """Singular values of all frequencies."""
    return decompose(cross_spectra(recording, bins=BINS))


def measure(rounds: int) -> list[Row]:
    """Rows of the benchmark; prints the accuracy experiment."""
    samples = simulated(1, duration_s=SAMPLES / RATE_HZ)
    recording = recording_of(samples - samples.mean(axis=0))
    arrays = {
        "samples": recording.blocks[0],
        "rate_hz": np.array(RATE_HZ),
        "block_rows": np.array(BLOCK_ROWS),
        "largest_order": np.array(LARGEST_ORDER),
        "bins": np.array(BINS),
    }
    print(accuracy_text(), flush=True)
    with timed_peer("pyoma_modes", arrays) as peer:
        return [_ssi_row(recording, peer, rounds), _fdd_row(recording, peer, rounds)]


def accuracy_text() -> str:
    """The accuracy experiment of section 8 over all its runs, in lines."""
    found = accuracy(range(RUNS))
    missed = ", ".join(found.misses()) or "none"
    return "\n".join(
        (
            f"modes of a beam, {found.runs} runs of 600 s, bars missed: {missed}",
            f"  bias [%]                    {_percent(found.bias)}",
            f"  deviation [%]               {_percent(found.deviation)}",
            f"  twice the least [%]         {_percent(found.limit)}",
            f"  deviation of damping [%]    {_percent(found.damping_deviation, digits=1)}",
            f"  least MAC                   {found.least_mac:.5f}",
            f"  error in stated deviations  {found.standard_error:.2f}",
            f"  pairs 2 % apart separated   {separated_pairs(range(RUNS))} of {RUNS}",
            f"  harmonics flagged           {flagged_harmonics(range(RUNS))} of {RUNS}",
            f"  modes in {NOISE_RUNS} runs of noise   {modes_of_noise(range(NOISE_RUNS))}",
        )
    )


def _percent(values: np.ndarray, *, digits: int = 3) -> str:
    return "  ".join(f"{100.0 * value:.{digits}f}" for value in values)


def _ssi_row(recording: Recording, peer: TimedPeer, rounds: int) -> Row:
    sides = (timed(functools.partial(modes_of, recording)), lambda: peer.run(task="ssi"))
    ours_s, peer_s = in_turn(rounds, sides)
    poles, worst = peer.answer, 0.0
    modes = modes_of(recording)
    for mode in modes:
        near = np.abs(poles["frequency_hz"] / mode.frequency_hz - 1.0) < 0.01
        theirs = np.median(poles["frequency_hz"][near & (poles["label"] == 1)])
        worst = max(worst, abs(theirs / mode.frequency_hz - 1.0))
    if worst > AGREEMENT:
        raise RuntimeError(f"frequencies differ by {worst:.2%} from those of {peer.version}")
    return Row(
        "SSI-cov, 10 channels, 100,000 samples, orders to 40",
        ours_s,
        peer=peer.version,
        peer_s=peer_s,
        bar=SSI_BAR,
        accuracy=f"{len(modes)} modes, frequencies within {worst:.3%}",
    )


def _fdd_row(recording: Recording, peer: TimedPeer, rounds: int) -> Row:
    sides = (timed(functools.partial(spectrum_of, recording)), lambda: peer.run(task="fdd"))
    ours_s, peer_s = in_turn(rounds, sides)
    off = np.max(np.abs(spectrum_of(recording).values[:, 0] / peer.answer["value"] - 1.0))
    return Row(
        "FDD, 10 channels, 100,000 samples, 2,048 bins",
        ours_s,
        peer=peer.version,
        peer_s=peer_s,
        bar=FDD_BAR,
        accuracy=f"singular values within {off:.1e}",
    )


if __name__ == "__main__":
    for row in measure(5):
        print(f"{row.name}: {row.ours_s * 1e3:.0f} ms, {row.ratio:.1f} times {row.peer}")
        print(f"  bar {row.bar:g} {'met' if row.is_met else 'MISSED'}; {row.accuracy}")
