"""Times at which a datastream reports: equal steps with a phase, grouped into blocks.

All values of a block are computed together, so that a value does not depend on whether it is
asked for alone or with others.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensors.simulator.seeds import fraction

BLOCK_S = 3600.0
MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class Slots:
    """Times ``number * cadence + phase`` in whole microseconds since 1970-01-01 UTC."""

    cadence_us: int
    phase_us: int

    @property
    def per_block(self) -> int:
        """Slots in one block."""
        return max(1, round(BLOCK_S * MICRO / self.cadence_us))

    def time_us(self, number: int) -> int:
        """Time of one slot."""
        return number * self.cadence_us + self.phase_us

    def last(self, now_us: int) -> int:
        """Number of the newest slot that is not in the future."""
        return (now_us - self.phase_us) // self.cadence_us

    def block(self, number: int) -> NDArray[np.int64]:
        """Times of all slots of one block [us]."""
        first = number * self.per_block
        return np.arange(first, first + self.per_block) * self.cadence_us + self.phase_us


def slots(cadence_s: float, *, seed: int, name: str) -> Slots:
    """Slots with a phase that belongs to the name, in whole milliseconds."""
    cadence_us = round(cadence_s * MICRO)
    phase_ms = int(fraction(seed, f"phase:{name}") * cadence_us / 1000)
    return Slots(cadence_us, phase_ms * 1000)
