"""Load models: rows of a table with their source, and any list of axles."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from simulations.structure.sentences import sentence
from twin.errors import ModelError, NotAvailable
from twin.model.tables import rows

Floats = NDArray[np.float64]

LANE_M = 3.0
TWO_LANES_FROM_M = 5.4
WHOLE_LANES_FROM_M = 6.0


@dataclass(frozen=True, slots=True)
class Vehicle:
    """Axles that move together, the first one ahead.

    Parameters
    ----------
    axle_kn : (axles,)
        Axle loads [kN], positive.
    offset_m : (axles,)
        Distance behind the first axle [m]; rising from 0.

    Raises
    ------
    ModelError
        If a load is not positive and finite, or the offsets do not rise from 0; names the axle.
    """

    axle_kn: Floats
    offset_m: Floats

    def __post_init__(self) -> None:
        if self.axle_kn.shape != self.offset_m.shape or self.axle_kn.ndim != 1:
            raise ModelError("axle_kn, offset_m: a vehicle needs one offset per axle load")
        if not len(self.axle_kn):
            raise ModelError("axle_kn: a vehicle needs at least one axle; none is given")
        for index, load in enumerate(self.axle_kn):
            if not (math.isfinite(load) and load > 0.0):
                raise ModelError(f"axle_kn[{index}] is {load:g}; axle loads are positive [kN]")
        steps = np.diff(self.offset_m)
        if self.offset_m[0] != 0.0 or not np.all(steps > 0.0) or not np.all(np.isfinite(steps)):
            raise ModelError(
                f"offset_m is {self.offset_m.tolist()}; distances behind the first axle rise from 0"
            )

    @property
    def gross_kn(self) -> float:
        """Gross weight [kN]."""
        return float(self.axle_kn.sum())

    def turned(self) -> "Vehicle":
        """The vehicle the other way round."""
        return Vehicle(self.axle_kn[::-1].copy(), (self.offset_m[-1] - self.offset_m)[::-1].copy())

    @property
    def is_symmetric(self) -> bool:
        """Whether it is the same both ways."""
        other = self.turned()
        return bool(
            np.allclose(other.axle_kn, self.axle_kn) and np.allclose(other.offset_m, self.offset_m)
        )


@dataclass(frozen=True, slots=True)
class LanePart:
    """What a load model puts on one lane, or on the area outside of all lanes (``lane`` None).

    ``udl_knm2`` acts on adverse parts, except over ``vehicle_length_m`` around the vehicle.
    """

    lane: int | None
    vehicle: Vehicle | None
    udl_knm2: float
    vehicle_length_m: float = 0.0


@dataclass(frozen=True, slots=True)
class LoadModel:
    """A load model with its parts, the most loaded lane first.

    ``lane_rule`` says how lanes are cut: ``en``, ``din1072`` or ``vehicle`` (one vehicle alone).
    The factor ``max(factor_least, factor_base + factor_per_m * length)`` acts on lane 1.
    """

    key: str
    english: str
    german: str
    parts: tuple[LanePart, ...]
    lane_rule: str
    source: str
    is_verified: bool
    factor_base: float = 1.0
    factor_per_m: float = 0.0
    factor_least: float = 1.0

    def factor(self, length_m: float) -> float:
        """Factor on lane 1 for the decisive length [m].

        Examples
        --------
        >>> round(load_model("bk_60_30").factor(30.0), 6)
        1.16
        """
        return max(self.factor_least, self.factor_base + self.factor_per_m * length_m)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a number that rests on this load model must say."""
        return () if self.is_verified else (sentence("load_unverified", model=self.english),)


@cache
def load_model(key: str) -> LoadModel:
    """Load model of this key.

    Raises
    ------
    ModelError
        If no load model has this key; lists those that exist.
    NotAvailable
        If its loads have not been typed from the standard.

    Examples
    --------
    >>> load_model("lm1_en").parts[0].vehicle.gross_kn
    600.0
    """
    known = {row["key"]: row for row in rows("load_models")}
    if key not in known:
        raise ModelError(f"load model {key!r} is unknown; use one of {', '.join(known)}")
    row = known[key]
    typed = [one for one in rows("load_model_parts") if one["model"] == key]
    if not typed:
        raise NotAvailable(
            f"{row['english']}: its loads are {row['source']}; choose another load model or add "
            "its rows to load_model_parts.csv"
        )
    return LoadModel(
        key=key,
        english=row["english"],
        german=row["german"],
        parts=tuple(_part(one) for one in typed),
        lane_rule=row["lane_rule"],
        source=row["source"],
        is_verified=row["verified"] == "yes" and all(one["verified"] == "yes" for one in typed),
        factor_base=float(row["factor_base"]),
        factor_per_m=float(row["factor_per_m"]),
        factor_least=float(row["factor_least"]),
    )


def _part(cells: Mapping[str, str]) -> LanePart:
    vehicle = None
    if cells["axles_kn"]:
        spacings = [float(one) for one in cells["spacings_m"].split("|") if one]
        vehicle = vehicle_of([float(one) for one in cells["axles_kn"].split("|")], spacings)
    return LanePart(
        lane=None if cells["lane"] == "rest" else int(cells["lane"]),
        vehicle=vehicle,
        udl_knm2=float(cells["udl_knm2"]),
        vehicle_length_m=float(cells["vehicle_length_m"]),
    )


def target_model(level: str) -> LoadModel:
    """Load model that stands for a Ziellastniveau (target load level), by its name or ASB key.

    Raises
    ------
    ModelError
        If no load model stands for this level; lists those that have one.
    NotAvailable
        If its loads have not been typed.

    Examples
    --------
    >>> target_model("BK 60/30").key
    'bk_60_30'
    """
    known = [row for row in rows("load_models") if row["target_level"]]
    for row in known:
        if level in (row["target_level"], row["target_key"]):
            return load_model(row["key"])
    listed = ", ".join(f"{row['target_level']} ({row['target_key']})" for row in known)
    raise ModelError(f"target level {level!r} is unknown; use one of {listed}")


def vehicle_of(axles_kn: Sequence[float], spacings_m: Sequence[float]) -> Vehicle:
    """Vehicle from axle loads [kN] and the distances between neighbours [m].

    Raises
    ------
    ModelError
        If there is not one spacing less than axles, or as `Vehicle`.
    """
    if len(spacings_m) != len(axles_kn) - 1:
        raise ModelError(
            f"spacings_m has {len(spacings_m)} values; {len(axles_kn)} axles need "
            f"{max(len(axles_kn) - 1, 0)}"
        )
    return Vehicle(np.asarray(axles_kn, dtype=float), np.cumsum([0.0, *spacings_m]).astype(float))


def axle_list(
    name: str, axles_kn: Sequence[float], spacings_m: Sequence[float], *, source: str
) -> LoadModel:
    """Load model of one vehicle, for example a heavy transport from its permit.

    Parameters
    ----------
    name
        What results call it.
    axles_kn, spacings_m
        Axle loads [kN] from the front, and distances between neighbours [m].
    source
        Number of the permit or document.

    Raises
    ------
    ModelError
        If an axle load or spacing is not positive; names it.

    Examples
    --------
    >>> axle_list("crane", [120.0] * 5, [1.6] * 4, source="permit").parts[0].vehicle.gross_kn
    600.0
    """
    part = LanePart(1, vehicle_of(axles_kn, spacings_m), 0.0)
    return LoadModel("axle_list", name, name, (part,), "vehicle", source, is_verified=True)


@dataclass(frozen=True, slots=True)
class LaneLayout:
    """How many lanes of which width a carriageway has, and what is left over [m]."""

    count: int
    lane_m: float
    rest_m: float


def lane_layout(width_m: float, rule: str) -> LaneLayout:
    """Notional lanes on a carriageway [1]_.

    ``din1072`` has lanes of 3 m, two at most; ``vehicle`` has one lane and no remaining area.

    Raises
    ------
    ModelError
        If the width is not positive and finite.

    References
    ----------
    .. [1] EN 1991-2:2003, Table 4.1.

    Examples
    --------
    >>> lane_layout(10.5, "en")
    LaneLayout(count=3, lane_m=3.0, rest_m=1.5)
    """
    if not (math.isfinite(width_m) and width_m > 0.0):
        raise ModelError(f"width_m is {width_m:g}; the carriageway has a positive width")
    if rule == "vehicle":
        return LaneLayout(1, min(LANE_M, width_m), 0.0)
    if rule == "din1072":
        count = min(2, int(width_m // LANE_M))
    elif TWO_LANES_FROM_M <= width_m < WHOLE_LANES_FROM_M:
        return LaneLayout(2, width_m / 2.0, 0.0)
    else:
        count = int(width_m // LANE_M)
    if count == 0:
        return LaneLayout(1, width_m, 0.0)
    return LaneLayout(count, LANE_M, width_m - count * LANE_M)
