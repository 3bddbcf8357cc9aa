"""S-N curves: how much of the life of a detail one stress cycle takes."""

from dataclasses import dataclass

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from twin.errors import ModelError
from twin.model.tables import rows

Floats = NDArray[np.float64]

STEEL_DETAILS = "en1993-1-9:2005/direct"
KNEE, CUTOFF, FACTOR_1, FACTOR_2, SLOPE_1, SLOPE_2 = range(6)
"""Columns of `SnCurve.parameters`."""
_F = types.float64


@dataclass(frozen=True, slots=True)
class SnCurve:
    """S-N curve of one detail category [1]_: two slopes and a cut-off limit, exact factors.

    ``dsD = dsC / gMf (2e6 / 5e6)^(1/3)`` and ``dsL = dsD (5e6 / 1e8)^(1/5)`` for direct stress;
    the rounded 0.737 and 0.549 of the standard shift damage by up to 0.13 %.

    Parameters
    ----------
    key
        Row of ``sn_curves.csv``: standard, edition and kind of stress.
    category_mpa
        Stress range at the reference cycles, a detail category of that row [MPa].
    load_factor, resistance_factor
        Partial factors gFf on the range and gMf on the category [-].
    reference_cycles, knee_cycles, cutoff_cycles, slope_1, slope_2
        From the table.
    is_verified
        Whether the row was checked.

    References
    ----------
    .. [1] EN 1993-1-9:2005, 7.1 and Annex A.
    """

    key: str
    category_mpa: float
    load_factor: float
    resistance_factor: float
    reference_cycles: float
    knee_cycles: float
    cutoff_cycles: float
    slope_1: int
    slope_2: int
    is_verified: bool

    @property
    def curve_id(self) -> str:
        """What a stored state must agree in: table row, category and partial factors."""
        return (
            f"{self.key}/{self.category_mpa:g} gFf {self.load_factor:g} "
            f"gMf {self.resistance_factor:g}"
        )

    @property
    def knee_mpa(self) -> float:
        """Range at the knee, before the load factor [MPa]; dsD for direct stress."""
        ratio = self.reference_cycles / self.knee_cycles
        return self.category_mpa / self.resistance_factor * ratio ** (1.0 / self.slope_1)

    @property
    def cutoff_mpa(self) -> float:
        """Range below which a cycle does no damage, before the load factor [MPa]; dsL."""
        return self.knee_mpa * (self.knee_cycles / self.cutoff_cycles) ** (1.0 / self.slope_2)

    @property
    def parameters(self) -> Floats:
        """The curve as kernels read it, shape (6,): limits [MPa], ``1/N = factor range^slope``."""
        knee, ff = self.knee_mpa, self.load_factor
        return np.array(
            [
                knee / ff,
                self.cutoff_mpa / ff,
                (ff / knee) ** self.slope_1 / self.knee_cycles,
                (ff / knee) ** self.slope_2 / self.knee_cycles,
                self.slope_1,
                self.slope_2,
            ]
        )

    def damage(self, range_mpa: Floats) -> Floats:
        """Damage 1/N of one cycle of each range, same shape [-].

        Examples
        --------
        >>> curve = sn_curve(71.0)
        >>> 1e5 * curve.damage(np.array([100.0, 25.0]))
        array([0.13969953, 0.        ])
        """
        p = self.parameters
        steep = p[FACTOR_1] * range_mpa**self.slope_1
        flat = p[FACTOR_2] * range_mpa**self.slope_2
        damage = np.where(range_mpa >= p[KNEE], steep, flat)
        return np.where(range_mpa >= p[CUTOFF], damage, 0.0)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What a figure that rests on this curve must say."""
        said = [f"S-N curve {self.curve_id}: category [MPa], partial factors on ranges, category"]
        if not self.is_verified:
            said.append(f"the row {self.key} of the S-N curves is not verified")
        return tuple(said)


def sn_curve(
    category_mpa: float,
    *,
    key: str = STEEL_DETAILS,
    load_factor: float = 1.0,
    resistance_factor: float = 1.0,
) -> SnCurve:
    """S-N curve of a detail category from the table ``sn_curves``.

    Raises
    ------
    ModelError
        If the row or the category is unknown, or a partial factor is not positive.
    """
    found = {row["key"]: row for row in rows("sn_curves")}.get(key)
    if found is None:
        known = ", ".join(row["key"] for row in rows("sn_curves"))
        raise ModelError(f"there is no S-N curve {key!r}; known are {known}")
    categories = [float(text) for text in found["categories_mpa"].split("|")]
    if category_mpa not in categories:
        raise ModelError(
            f"{key} has no detail category {category_mpa:g} MPa; it has "
            f"{', '.join(f'{one:g}' for one in categories)}"
        )
    for name, factor in (("load_factor", load_factor), ("resistance_factor", resistance_factor)):
        if not (np.isfinite(factor) and factor > 0.0):
            raise ModelError(f"{name} must be a positive number, got {factor!r}")
    return SnCurve(
        key=key,
        category_mpa=float(category_mpa),
        load_factor=float(load_factor),
        resistance_factor=float(resistance_factor),
        reference_cycles=float(found["reference_cycles"]),
        knee_cycles=float(found["knee_cycles"]),
        cutoff_cycles=float(found["cutoff_cycles"]),
        slope_1=int(found["slope_1"]),
        slope_2=int(found["slope_2"]),
        is_verified=found["verified"] == "yes",
    )


@njit(_F(_F, _F, types.int64), cache=True, nogil=True)
def power(factor: float, base: float, slope: int) -> float:
    """``factor base^slope``, the usual slopes without a loop."""
    square = base * base
    if slope == 3:  # noqa: PLR2004
        return factor * base * square
    if slope == 5:  # noqa: PLR2004
        return factor * base * square * square
    return factor * base**slope


@njit(_F(_F, types.Array(_F, 1, "C", readonly=True)), cache=True, nogil=True)
def cycle_damage(range_mpa: float, curve: Floats) -> float:
    """Damage of one cycle; ``curve`` is `SnCurve.parameters`."""
    if range_mpa < curve[CUTOFF]:
        return 0.0
    if range_mpa >= curve[KNEE]:
        return power(curve[FACTOR_1], range_mpa, int(curve[SLOPE_1]))
    return power(curve[FACTOR_2], range_mpa, int(curve[SLOPE_2]))
