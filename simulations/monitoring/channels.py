"""Indicators of a structure over time with the temperature beside them: input of the statistics."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from twin.errors import ModelError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def _none_doubtful() -> Bools:
    return np.empty(0, np.bool_)


@dataclass(frozen=True, slots=True)
class Channels:
    """Frequencies, crack widths, inclinations or bearing travels of one asset.

    Parameters
    ----------
    names
        Name of each channel, in the order of the columns.
    time_us : (n,)
        Times as they arrived [us since 1970].
    value : (n, p)
        Values in the unit of each channel; NaN is missing.
    temperature_c : (n,)
        Temperature of the structure, or of the air [Cel]; NaN is missing. All NaN where no
        temperature is measured.
    is_doubtful : (n,)
        Whether the temperature carries a mark of a sensor fault; empty if none does.

    Raises
    ------
    ModelError
        If shapes do not fit, names repeat, or a value is infinite.
    """

    names: tuple[str, ...]
    time_us: Ints
    value: Floats
    temperature_c: Floats
    is_doubtful: Bools = field(default_factory=_none_doubtful)

    def __post_init__(self) -> None:
        rows = len(self.time_us)
        if not self.names or len(set(self.names)) != len(self.names):
            raise ModelError(f"channels need names that differ, got {', '.join(self.names)}")
        if self.value.shape != (rows, len(self.names)):
            raise ModelError(
                f"{rows} times and {len(self.names)} names need values of that shape, got "
                f"{self.value.shape}"
            )
        if self.temperature_c.shape != (rows,) or len(self.is_doubtful) not in (0, rows):
            raise ModelError(f"temperature and its marks need {rows} rows, one for each time")
        if np.any(np.isinf(self.value)) or np.any(np.isinf(self.temperature_c)):
            raise ModelError("channels hold infinity; mark what is missing as NaN")

    def __len__(self) -> int:
        return len(self.time_us)

    @property
    def usable_temperature_c(self) -> Floats:
        """Temperature without its doubtful values, shape (n,) [Cel]."""
        if not len(self.is_doubtful):
            return self.temperature_c
        return np.where(self.is_doubtful, np.nan, self.temperature_c)

    def between(self, start: int, end: int) -> "Channels":
        """The rows from ``start`` up to ``end`` without it."""
        rows = slice(start, end)
        return Channels(
            self.names,
            self.time_us[rows],
            self.value[rows],
            self.temperature_c[rows],
            self.is_doubtful[rows],
        )
