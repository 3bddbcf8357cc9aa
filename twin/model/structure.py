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
class Section:
    """Where an effect is seen.

    Parameters
    ----------
    station_m
        Station [m]; for a reaction, of the support.
    girder
        Girder, counted from 1 at the right edge in the direction of stationing; None where the
        model knows one beam only.
    fibre_m
        Depth of the fibre below the neutral axis [m], for strain.
    """

    station_m: float
    girder: int | None = None
    fibre_m: float | None = None


@dataclass(frozen=True, slots=True)
class LoadCase:
    """Vertical loads on the carriageway, downward positive.

    Parameters
    ----------
    point_m, point_kn, point_lane : (points,)
        Station [m], load [kN] and lane, counted as in `InfluenceLine`.
    from_m, until_m, line_knm, line_lane : (lines,)
        Uniform loads along a lane: both ends [m], load per length [kN/m], lane.

    Raises
    ------
    ModelError
        If columns of one kind differ in length, a number is not finite or an end is not behind
        its beginning; names the column and the row.
    """

    point_m: Floats
    point_kn: Floats
    point_lane: Ints
    from_m: Floats
    until_m: Floats
    line_knm: Floats
    line_lane: Ints

    def __post_init__(self) -> None:
        for names in (
            ("point_m", "point_kn", "point_lane"),
            ("from_m", "until_m", "line_knm", "line_lane"),
        ):
            columns = [getattr(self, name) for name in names]
            if len({column.shape for column in columns}) != 1 or columns[0].ndim != 1:
                raise ModelError(f"{', '.join(names)} need one value per load each")
            for name, column in zip(names, columns, strict=True):
                if not np.all(np.isfinite(column)):
                    row = int(np.argmin(np.isfinite(column)))
                    raise ModelError(f"{name}[{row}] is {column[row]}; loads are finite numbers")
        if np.any(self.until_m <= self.from_m):
            row = int(np.argmax(self.until_m <= self.from_m))
            raise ModelError(f"until_m[{row}] is {self.until_m[row]:g}, not behind from_m")


@dataclass(frozen=True, slots=True)
class EffectValue:
    """One effect at one section with its unit (UCUM)."""

    section: Section
    effect: Effect
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Effects:
    """What a load case does, with the level and the assumptions of the model."""

    values: tuple[EffectValue, ...]
    level: ModelLevel
    assumptions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Modes:
    """Natural frequencies and shapes of vertical vibration, the lowest first.

    Parameters
    ----------
    frequency_hz : (modes,)
        Natural frequencies [Hz].
    station_m, offset_m : (places,)
        Where the shapes are given [m]: along the axis and to the left of it.
    shape : (modes, places)
        Vertical shapes of unit modal mass [1/sqrt(kg)]; the largest value is positive.
    """

    frequency_hz: Floats
    station_m: Floats
    offset_m: Floats
    shape: Floats
    level: ModelLevel
    assumptions: tuple[str, ...] = ()


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
