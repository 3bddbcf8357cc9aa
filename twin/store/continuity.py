"""Whether a waveform block continues the one before it; the same for every store.

Found when blocks are read and not when they are written: a block that arrives late would leave a
wrong mark on its successor.
"""

from collections.abc import Iterable
from dataclasses import replace

from twin.model.observations import Continuity, Waveform

MOST_DEVIATION_SAMPLES = 0.5


def due_us(*, t0_us: int, rate_hz: float, samples: int) -> float:
    """When the first sample of the next block is due [us since 1970-01-01 UTC]."""
    return t0_us + samples * 1e6 / rate_hz


def marked(blocks: Iterable[Waveform], *, first_due_us: float | None) -> tuple[Waveform, ...]:
    """Blocks of one datastream in order of time, each with how it follows the one before.

    Parameters
    ----------
    blocks
        In order of time.
    first_due_us
        When the first of them was due; None if no block is older.

    Examples
    --------
    >>> import numpy as np
    >>> samples = np.zeros(10, np.float32)
    >>> starts = (0, 1_000_000, 2_100_000, 3_000_000)
    >>> blocks = [Waveform(1, start, 10.0, samples) for start in starts]
    >>> [block.follows for block in marked(blocks, first_due_us=None)]
    [None, 'contiguous', 'gap', 'overlap']
    """
    due, found = first_due_us, []
    for block in blocks:
        found.append(block if due is None else replace(block, follows=_how(block, due)))
        due = due_us(t0_us=block.t0_us, rate_hz=block.rate_hz, samples=len(block.samples))
    return tuple(found)


def _how(block: Waveform, due: float) -> Continuity:
    late_samples = (block.t0_us - due) * block.rate_hz / 1e6
    if abs(late_samples) <= MOST_DEVIATION_SAMPLES:
        return "contiguous"
    return "gap" if late_samples > 0 else "overlap"
