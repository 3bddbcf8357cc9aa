"""What a structural model says of a bridge, and what drives over it, column by column."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from twin.errors import ModelError

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

ModelLevel = Literal["L0", "L1", "L2", "L3"]
Effect = Literal["moment", "shear", "reaction", "deflection", "strain"]

EFFECT_UNITS = {
    "moment": "kN.m",
    "shear": "kN",
    "reaction": "kN",
    "deflection": "mm",
    "strain": "um/m",
}


@dataclass(frozen=True, slots=True)
class InfluenceLine:
    """Effect at one section of a unit load of 1 kN that travels along one path.

    Between the abscissae it is linear; outside of them it is zero.

    Parameters
    ----------
    section_m
        Station of the section where the effect is seen [m]; for a reaction, of the support.
    effect
        What is seen; sagging moment, downward deflection and tension are positive.
    x_m : (n,)
        Rising stations of the load [m].
    y : (n,)
        Effect per kN of load, in the unit of `EFFECT_UNITS` per kN.
    lane
        Path of the load, counted from 1 at the right edge in the direction of stationing; None
        where the model knows one path only.
    level
        Model level that it comes from.
    assumptions
        What it takes for granted, in sentences.
    """

    section_m: float
    effect: Effect
    x_m: Floats
    y: Floats
    lane: int | None = None
    level: ModelLevel = "L1"
    assumptions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.x_m.shape != self.y.shape or self.x_m.ndim != 1 or len(self.x_m) < 2:  # noqa: PLR2004
            raise ModelError(
                f"an influence line needs at least two stations and one value each; got "
                f"{self.x_m.shape} and {self.y.shape}"
            )
        if not (np.all(np.isfinite(self.x_m)) and np.all(np.isfinite(self.y))):
            raise ModelError("an influence line holds finite numbers only; remove NaN and infinity")
        if np.any(np.diff(self.x_m) <= 0.0):
            raise ModelError(
                "the stations of an influence line must rise; sort them, remove doubles"
            )

    @property
    def unit(self) -> str:
        """Unit of the effect per kN of load (UCUM)."""
        return f"{EFFECT_UNITS[self.effect]}/kN"


@dataclass(frozen=True, slots=True)
class AxleStream:
    """Vehicles that pass a bridge, one row each, with their axles in one long column.

    Parameters
    ----------
    time_s : (n,)
        Rising time at which the first axle reaches station 0 [s].
    lane : (n,)
        Lane, counted as in `InfluenceLine`.
    speed_ms : (n,)
        Speed along the stationing [m/s]; negative against it, then the first axle is the one
        that enters at the far end.
    vehicle_class : (n,)
        Index into ``classes``.
    first_axle : (n + 1,)
        Axles of vehicle i are the rows ``first_axle[i]:first_axle[i + 1]``.
    axle_offset_m : (k,)
        Distance behind the first axle of the vehicle [m]; 0 for the first.
    axle_load_kn : (k,)
        Axle loads [kN].
    classes
        Names of the vehicle classes.
    """

    time_s: Floats
    lane: Ints
    speed_ms: Floats
    vehicle_class: Ints
    first_axle: Ints
    axle_offset_m: Floats
    axle_load_kn: Floats
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.time_s)

    @property
    def gross_kn(self) -> Floats:
        """Gross weight of each vehicle [kN], shape (n,)."""
        if not len(self.time_s):
            return np.empty(0)
        return np.add.reduceat(self.axle_load_kn, self.first_axle[:-1])
