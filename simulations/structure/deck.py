"""Influence surfaces of a grillage, and the lines that lanes cut out of them."""

import numpy as np
from numpy.typing import NDArray

from simulations.structure.beam import SAME_PLACE_M
from simulations.structure.beamsystem import hermite
from simulations.structure.grillage import GrillageSystem
from twin.errors import ModelError
from twin.model.structure import Effect, Section

Floats = NDArray[np.float64]

BENDING = [0, 1, 3, 4]
PLACE_M = 1e-3


class Deck:
    """A factored grillage that is asked for surfaces; loads stand on its nodes.

    All values are in SI units per newton of load.

    Parameters
    ----------
    system
        The factored grillage.
    """

    def __init__(self, system: GrillageSystem) -> None:
        self.system = system
        self._turns = system.turns

    def surface(self, section: Section, effect: Effect) -> Floats:
        """Effect of a unit load at each node, shape (nodes,), by reciprocity from one solve.

        The moment at a node is the mean of both sides, between which cross members twist in; the
        shear is that just behind it.

        Raises
        ------
        ModelError
            If girder, station or fibre are missing, do not exist, or no bearing is there.
        """
        girder = self._girder(section)
        seen = np.zeros(self.system.size)
        direct = np.zeros(len(self.system.grillage.x_m))
        if effect == "reaction":
            node = self._bearing(section, girder)
            rows, ends = np.nonzero(self.system.dofs == 3 * node)
            for row, end in zip(rows.tolist(), ends.tolist(), strict=True):
                np.subtract.at(seen, self.system.dofs[row], self.system.matrices[row, end])
            direct[node] = 1.0
        else:
            for share, part, local_m in self._places(section, girder, effect):
                self._add(seen, share, (part, local_m), section, effect)
        found = np.zeros(self.system.size)
        found[self.system.free] = self.system.inverse(seen[self.system.free])
        return found[::3] + direct

    def path(self, surface: Floats, offset_m: float) -> tuple[Floats, Floats]:
        """Stations and ordinates of the line at this distance to the left of the axis.

        Raises
        ------
        ModelError
            If the path lies more than one girder spacing outside of the outer girders.
        """
        grillage = self.system.grillage
        grid = grillage.grid
        if len(grid) == 1:
            return grillage.x_m[grid[0]], surface[grid[0]]
        offsets = grillage.y_m[grid[:, 0]]
        low = float(2.0 * offsets[0] - offsets[1])
        high = float(2.0 * offsets[-1] - offsets[-2])
        if not low - PLACE_M <= offset_m <= high + PLACE_M:
            raise ModelError(f"offset_m is {offset_m:g}; this deck goes from {low:g} to {high:g} m")
        right = int(np.clip(np.searchsorted(offsets, offset_m) - 1, 0, len(offsets) - 2))
        share = (offset_m - offsets[right]) / (offsets[right + 1] - offsets[right])
        first, second = grid[right], grid[right + 1]
        stations = (1.0 - share) * grillage.x_m[first] + share * grillage.x_m[second]
        return stations, (1.0 - share) * surface[first] + share * surface[second]

    def _girder(self, section: Section) -> int:
        count = len(self.system.grillage.grid)
        if section.girder is None or not 1 <= section.girder <= count:
            raise ModelError(f"girder is {section.girder}; this deck has girders 1 to {count}")
        return section.girder - 1

    def _bearing(self, section: Section, girder: int) -> int:
        grillage = self.system.grillage
        nodes = {one.node for one in grillage.supports}
        for node in grillage.grid[girder].tolist():
            if node in nodes and abs(grillage.x_m[node] - section.station_m) < PLACE_M:
                return node
        raise ModelError(
            f"station_m is {section.station_m:g} m; girder {girder + 1} has no bearing there"
        )

    def _places(
        self, section: Section, girder: int, effect: Effect
    ) -> list[tuple[float, int, float]]:
        """Share, member and place in it [m] whose effects make up the section's."""
        grillage = self.system.grillage
        stations = grillage.x_m[grillage.grid[girder]]
        station = section.station_m
        if not stations[0] - SAME_PLACE_M <= station <= stations[-1] + SAME_PLACE_M:
            raise ModelError(
                f"station_m is {station:g} m; girder {girder + 1} goes from {stations[0]:g} to "
                f"{stations[-1]:g} m"
            )
        last = len(stations) - 2
        nearest = int(np.argmin(np.abs(stations - station)))
        member = grillage.girder_member
        is_node = abs(stations[nearest] - station) < SAME_PLACE_M
        if is_node and effect in ("moment", "strain") and 0 < nearest <= last:
            before = float(stations[nearest] - stations[nearest - 1])
            return [
                (0.5, member(girder, nearest - 1), before),
                (0.5, member(girder, nearest), 0.0),
            ]
        found = int(np.searchsorted(stations, station + SAME_PLACE_M, side="right")) - 1
        part = min(max(found, 0), last)
        length = stations[part + 1] - stations[part]
        return [(1.0, member(girder, part), float(np.clip(station - stations[part], 0.0, length)))]

    def _add(
        self,
        seen: Floats,
        share: float,
        place: tuple[int, float],
        section: Section,
        effect: Effect,
    ) -> None:
        """Add what the unknowns of a member contribute to the effect."""
        row, local_m = place
        stiffness = float(self.system.grillage.bending_nm2[row])
        derivative, factor = {
            "deflection": (0, 1.0),
            "moment": (2, -stiffness),
            "strain": (2, -(section.fibre_m or 0.0)),
            "shear": (3, -stiffness),
        }[effect]
        length = self.system.grillage.lengths_m[row : row + 1]
        local = np.zeros(6)
        local[BENDING] = hermite(np.array([local_m]), length, derivative=derivative)[0]
        np.add.at(seen, self.system.dofs[row], share * factor * (self._turns[row].T @ local))
