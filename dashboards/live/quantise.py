"""Values of a live channel as one byte each, and back.

A texture holds one byte per feature. 0 to 254 is a value on the scale of the channel, 255 is
:data:`NO_VALUE`: not a number, infinite, stale or absent. Numbers in texts and tables never come
from here; they come from the store in full precision.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from twin.errors import ModelError

NO_VALUE = 255
TOP = 254
MIDDLE = 127

Values = Sequence[float | None] | NDArray[np.generic]
Bytes = NDArray[np.uint8]


class Quality(IntEnum):
    """Codes of the companion channel ``<channel>.q``."""

    GOOD = 0
    SUSPECT = 1
    STALE = 2
    NEVER_REPORTED = 3
    ESTIMATED = 4
    SIMULATED = 5
    DISABLED = 6
    OUT_OF_RANGE = 7


@dataclass(frozen=True, slots=True)
class Scale:
    """How the values of one channel become bytes.

    Attributes
    ----------
    kind
        ``magnitude`` between ``vmin`` and ``vmax``; ``difference`` around zero, with
        ``vmin = -vmax``; ``class`` for codes 0 to 254.
    vmin, vmax
        The values of byte 0 and byte 254, in the unit of the channel.
    scale
        ``linear`` or ``log`` (magnitude only; needs a positive ``vmin``).

    Raises
    ------
    ModelError
        (a ``ValueError``) if the range is empty or does not fit the kind.
    """

    kind: Literal["magnitude", "difference", "class"]
    vmin: float = 0.0
    vmax: float = float(TOP)
    scale: Literal["linear", "log"] = "linear"

    def __post_init__(self) -> None:
        if not (np.isfinite(self.vmin) and np.isfinite(self.vmax) and self.vmin < self.vmax):
            raise ModelError(
                f"the range of a channel must be finite with vmin < vmax, "
                f"got {self.vmin:g} to {self.vmax:g}; widen it"
            )
        if self.kind == "difference" and self.vmin != -self.vmax:
            raise ModelError(
                f"a difference needs a range symmetric about zero, "
                f"got {self.vmin:g} to {self.vmax:g}; use the larger side for both"
            )
        if self.scale == "log" and (self.kind != "magnitude" or self.vmin <= 0):
            raise ModelError(
                f"a logarithmic scale needs kind magnitude and a positive vmin, "
                f"got {self.kind} from {self.vmin:g}; use a linear scale"
            )


def difference(span: float) -> Scale:
    """Scale of a difference between ``-span`` and ``+span``; zero is exactly byte 127."""
    return Scale("difference", -span, span)


CLASSES = Scale("class")
"""Scale of a channel that holds class codes, such as every quality companion."""


def quantise(values: Values, scale: Scale, *, absent: NDArray[np.bool_] | None = None) -> Bytes:
    """Bytes of the values on a scale, 255 where there is no value to show.

    Parameters
    ----------
    values : (features,)
        Values in the unit of the scale; ``None``, NaN and infinities mean no value.
    scale
        Scale of the channel.
    absent : (features,)
        True where a value must not be shown although it is known (stale).

    Returns
    -------
    (features,)
        One byte per feature. Half steps round to even; values outside the range are clipped.

    Raises
    ------
    ModelError
        If a class code is not a whole number from 0 to 254; names the first such row.
    """
    numbers = np.asarray(values, dtype=np.float64)
    shown = np.isfinite(numbers) if absent is None else np.isfinite(numbers) & ~absent
    steps = _steps(np.where(shown, numbers, max(scale.vmin, 0.0)), scale)
    return np.where(shown, steps, NO_VALUE).astype(np.uint8)


def _steps(numbers: NDArray[np.float64], scale: Scale) -> NDArray[np.float64]:
    if scale.kind == "class":
        wrong = (numbers != np.rint(numbers)) | (numbers < 0) | (numbers > TOP)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise ModelError(
                f"a class code is a whole number from 0 to {TOP}, got {numbers[row]:g} "
                f"in row {row}; map it to a code of the channel"
            )
        return numbers
    if scale.kind == "difference":
        clipped = np.clip(numbers, scale.vmin, scale.vmax)
        return np.clip(MIDDLE + np.rint(MIDDLE * (clipped / scale.vmax)), 0, TOP)
    if scale.scale == "log":
        clipped = np.clip(numbers, scale.vmin, scale.vmax)
        share = np.log(clipped / scale.vmin) / np.log(scale.vmax / scale.vmin)
    else:
        clipped = np.clip(numbers, scale.vmin, scale.vmax)
        share = (clipped - scale.vmin) / (scale.vmax - scale.vmin)
    return np.clip(np.rint(TOP * share), 0, TOP)


def dequantise(codes: Bytes, scale: Scale) -> NDArray[np.float64]:
    """Values that the bytes stand for, NaN for 255; off by at most half a step.

    Half a step is ``(vmax - vmin) / 508`` for a linear magnitude and ``vmax / 254`` for a
    difference; class codes are exact.
    """
    steps = np.asarray(codes, dtype=np.float64)
    if scale.kind == "class":
        numbers = steps
    elif scale.kind == "difference":
        numbers = (steps - MIDDLE) / MIDDLE * scale.vmax
    elif scale.scale == "log":
        numbers = scale.vmin * (scale.vmax / scale.vmin) ** (steps / TOP)
    else:
        numbers = scale.vmin + steps / TOP * (scale.vmax - scale.vmin)
    return np.where(steps == NO_VALUE, np.nan, numbers)
