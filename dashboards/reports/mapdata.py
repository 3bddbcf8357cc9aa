"""Road sections with their traffic on both sides, and bridges, in metres; both directions as one.

On a page of A4 the two directions of a road lie on one another, so they are drawn as one line: the
sum of their vehicles, beside the sum of their noise floors, which is no less than the floor of the
sum.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SAME_PLACE_M = 2.0
"""Ends of two directed links nearer than this are one place."""


@dataclass(frozen=True, slots=True)
class MapSection:
    """A stretch of road.

    Parameters
    ----------
    name
        As people call it; may be empty.
    xy_m : (points, 2)
        Its course, east and north [m].
    base_vehh, scenario_vehh, floor_vehh
        Vehicles before and after, and what the gaps of the equilibria explain [veh/h].
    """

    name: str
    xy_m: Floats
    base_vehh: float
    scenario_vehh: float
    floor_vehh: float

    @property
    def change_vehh(self) -> float:
        """Vehicles more than before [veh/h]."""
        return self.scenario_vehh - self.base_vehh

    @property
    def is_changed(self) -> bool:
        """Whether the change is beyond the noise floor."""
        return abs(self.change_vehh) > self.floor_vehh

    @property
    def is_emptied(self) -> bool:
        """Whether a road in use before has no vehicle left."""
        return self.is_changed and self.scenario_vehh <= 0.0


@dataclass(frozen=True, slots=True)
class MapBridge:
    """A bridge with its number in the table."""

    number: int
    name: str
    role: str
    x_m: float
    y_m: float


@dataclass(frozen=True, slots=True)
class MapData:
    """What the maps of one run show.

    Parameters
    ----------
    sections, bridges
    is_schematic
        The drawing has no scale and no north.
    left_out
        Links with traffic whose course nobody knows.
    """

    sections: tuple[MapSection, ...]
    bridges: tuple[MapBridge, ...] = ()
    is_schematic: bool = False
    left_out: int = 0


def merged(directed: Sequence[MapSection]) -> tuple[MapSection, ...]:
    """Sections of both directions: links between the same ends and of about one length are one.

    Examples
    --------
    >>> there = MapSection("A", np.array([[0.0, 0.0], [100.0, 0.0]]), 10.0, 0.0, 1.0)
    >>> back = MapSection("A", np.array([[100.0, 0.0], [0.0, 0.0]]), 20.0, 5.0, 2.0)
    >>> [(one.base_vehh, one.change_vehh, one.floor_vehh) for one in merged([there, back])]
    [(30.0, -25.0, 3.0)]
    """
    groups: dict[object, list[MapSection]] = {}
    for one in directed:
        groups.setdefault(_ends(one), []).append(one)
    return tuple(_sum(group) for group in groups.values())


def _ends(one: MapSection) -> object:
    first, last = (tuple(np.round(one.xy_m[at] / SAME_PLACE_M).astype(int)) for at in (0, -1))
    length_m = float(np.hypot(*np.diff(one.xy_m, axis=0).T).sum())
    return (*sorted((first, last)), round(length_m / max(20.0, 0.1 * length_m)))


def _sum(group: Sequence[MapSection]) -> MapSection:
    if len(group) == 1:
        return group[0]
    return MapSection(
        name=next((one.name for one in group if one.name), ""),
        xy_m=group[0].xy_m,
        base_vehh=sum(one.base_vehh for one in group),
        scenario_vehh=sum(one.scenario_vehh for one in group),
        floor_vehh=sum(one.floor_vehh for one in group),
    )
