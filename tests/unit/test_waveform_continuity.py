"""F-WAV-3: the next block starts within half a sample of the expected time."""

import numpy as np
import pytest

from twin.model.observations import Waveform
from twin.store.continuity import due_us, marked

RATE_HZ, SAMPLES, T0_US = 100.0, 200, 1_781_510_400_000_000


def block(t0_us: int) -> Waveform:
    return Waveform(1, t0_us, RATE_HZ, np.zeros(SAMPLES, np.float32))


@pytest.mark.parametrize(
    ("deviation_us", "follows"),
    [(0, "contiguous"), (5_000, "contiguous"), (-5_000, "contiguous"), (5_001, "gap"),
     (-5_001, "overlap")],
)  # fmt: skip
def test_f_wav_3_half_a_sample_decides_between_contiguous_gap_and_overlap(
    deviation_us: int, follows: str
) -> None:
    due = due_us(t0_us=T0_US, rate_hz=RATE_HZ, samples=SAMPLES)
    first, second = marked([block(T0_US), block(round(due) + deviation_us)], first_due_us=None)
    assert (first.follows, second.follows) == (None, follows)


def test_f_wav_3_the_first_block_is_judged_by_what_was_stored_before() -> None:
    (only,) = marked([block(T0_US)], first_due_us=T0_US - 10_000.0)
    assert only.follows == "gap"
