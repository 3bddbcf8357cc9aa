"""The most adverse place of loads on an influence line."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulations.structure.beam import SAME_PLACE_M
from simulations.structure.loads import Vehicle
from twin.model.structure import InfluenceLine, LoadCase

Floats = NDArray[np.float64]

STEP_M = 0.25


@dataclass(frozen=True, slots=True)
class Placement:
    """Greatest effect of one lane and where the vehicle stands.

    ``first_axle_m`` is the station of the leading axle [m], None where no vehicle stands on the
    bridge; ``is_backward`` says that it drives against the stationing.
    """

    value: float
    first_axle_m: float | None = None
    is_backward: bool = False


class AdverseLine:
    """One influence line, and the area of its parts above zero.

    Parameters
    ----------
    line
        The line.
    sign
        1 for the greatest effect, -1 for the least.
    """

    def __init__(self, line: InfluenceLine, sign: float = 1.0) -> None:
        self.x_m, self.y = line.x_m, sign * line.y
        grid_m, value = _with_zeros(self.x_m, np.maximum(self.y, 0.0), self.y)
        self._grid_m, self._positive = grid_m, value
        steps = np.diff(grid_m) * (value[1:] + value[:-1]) / 2.0
        self._area = np.concatenate([[0.0], np.cumsum(steps)])

    def at(self, stations_m: Floats) -> Floats:
        """Ordinates; zero off the bridge, with a micrometre of tolerance at its ends."""
        return ordinates(self.x_m, self.y, stations_m)

    def adverse_area(self, stations_m: Floats) -> Floats:
        """Area above zero from the beginning of the bridge to each station."""
        inside = np.clip(stations_m, self._grid_m[0], self._grid_m[-1])
        index = np.clip(
            np.searchsorted(self._grid_m, inside, side="right") - 1, 0, len(self._grid_m) - 2
        )
        ahead = inside - self._grid_m[index]
        width = self._grid_m[index + 1] - self._grid_m[index]
        slope = (self._positive[index + 1] - self._positive[index]) / width
        return self._area[index] + ahead * (self._positive[index] + slope * ahead / 2.0)

    @property
    def whole_area(self) -> float:
        """Area above zero over the whole bridge."""
        return float(self._area[-1])

    def greatest(
        self, vehicle: Vehicle | None, *, udl_knm: float = 0.0, vehicle_length_m: float = 0.0
    ) -> Placement:
        """Greatest effect of a vehicle, either way round, and uniform load on adverse parts.

        The vehicle is left out where it would relieve; ``vehicle_length_m`` around its middle is
        free of uniform load.
        """
        best = Placement(udl_knm * self.whole_area)
        if vehicle is None:
            return best
        ways = [(vehicle.offset_m, False)]
        if not vehicle.is_symmetric:
            ways.append((-vehicle.offset_m, True))
        for behind_m, is_backward in ways:
            first_m = self._tried(behind_m, with_grid=vehicle_length_m > 0.0)
            value = np.zeros_like(first_m)
            for offset, load in zip(behind_m, vehicle.axle_kn, strict=True):
                value += load * self.at(first_m - offset)
            middle_m = first_m - behind_m[-1] / 2.0
            covered = self.adverse_area(middle_m + vehicle_length_m / 2.0) - self.adverse_area(
                middle_m - vehicle_length_m / 2.0
            )
            value += udl_knm * (self.whole_area - covered)
            row = int(np.argmax(value))
            if value[row] > best.value:
                best = Placement(float(value[row]), float(first_m[row]), is_backward)
        return best

    def _tried(self, behind_m: Floats, *, with_grid: bool) -> Floats:
        """Stations of the first axle where an axle meets a node of the line, and a grid."""
        meets = (self.x_m[None, :] + behind_m[:, None]).ravel()
        if not with_grid:
            return meets
        low, high = float(meets.min()), float(meets.max())
        count = int(np.ceil((high - low) / STEP_M)) + 1
        return np.concatenate([meets, np.linspace(low, high, count)])


def ordinates(x_m: Floats, y: Floats, stations_m: Floats) -> Floats:
    """Values of an influence line at stations; zero outside, a micrometre of tolerance at the ends.

    Examples
    --------
    >>> ordinates(np.array([0.0, 4.0]), np.array([1.0, 0.0]), np.array([-1e-9, 1.0, 5.0]))
    array([1.  , 0.75, 0.  ])
    """
    found = np.interp(stations_m, x_m, y)
    is_off = (stations_m < x_m[0] - SAME_PLACE_M) | (stations_m > x_m[-1] + SAME_PLACE_M)
    return np.where(is_off, 0.0, found)


def _with_zeros(x_m: Floats, positive: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Nodes of the part above zero: those of the line and its crossings of zero."""
    crosses = np.flatnonzero(y[:-1] * y[1:] < 0.0)
    share = y[crosses] / (y[crosses] - y[crosses + 1])
    zeros = x_m[crosses] + share * np.diff(x_m)[crosses]
    merged_x = np.concatenate([x_m, zeros])
    order = np.argsort(merged_x, kind="stable")
    grid = merged_x[order]
    keep = np.concatenate([[True], np.diff(grid) > 0.0])
    return grid[keep], np.concatenate([positive, np.zeros(len(zeros))])[order][keep]


def summed(lines: tuple[InfluenceLine, ...], loads: LoadCase) -> float:
    """Effect of a load case: ordinates under point loads, areas under uniform loads.

    A line without a lane takes the loads of all lanes. Loads in a lane that no line has add
    nothing: the models refuse them before.
    """
    total = 0.0
    for line in lines:
        on = np.isin(loads.point_lane, line.lane) if line.lane is not None else slice(None)
        along = np.isin(loads.line_lane, line.lane) if line.lane is not None else slice(None)
        total += float(np.sum(loads.point_kn[on] * ordinates(line.x_m, line.y, loads.point_m[on])))
        area = _area(line, loads.until_m[along]) - _area(line, loads.from_m[along])
        total += float(np.sum(loads.line_knm[along] * area))
    return total


def _area(line: InfluenceLine, stations_m: Floats) -> Floats:
    """Area under the line from its beginning to each station."""
    inside = np.clip(stations_m, line.x_m[0], line.x_m[-1])
    steps = np.diff(line.x_m) * (line.y[1:] + line.y[:-1]) / 2.0
    area = np.concatenate([[0.0], np.cumsum(steps)])
    index = np.clip(np.searchsorted(line.x_m, inside, side="right") - 1, 0, len(line.x_m) - 2)
    ahead = inside - line.x_m[index]
    slope = (line.y[index + 1] - line.y[index]) / (line.x_m[index + 1] - line.x_m[index])
    return area[index] + ahead * (line.y[index] + slope * ahead / 2.0)
