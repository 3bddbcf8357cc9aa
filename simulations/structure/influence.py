"""Influence lines of continuous beams: what a unit load does wherever it stands."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from simulations.structure.beam import SAME_PLACE_M, Beam, merged
from simulations.structure.beamsystem import BeamSystem, clamped, hermite
from twin.errors import ModelError

Floats = NDArray[np.float64]

STEP_M = 0.125
PARTS = 80
JUMP_M = 1e-6


def load_stations(
    beam: Beam, *, step_m: float = STEP_M, sections_m: Sequence[float] = ()
) -> Floats:
    """Stations of the unit load [m]: every break of the beam, steps of at most ``step_m``.

    The sections are among them. Between two breaks there are at least 80 steps.

    Raises
    ------
    ModelError
        If the step is not positive and finite.
    """
    if not (np.isfinite(step_m) and step_m > 0.0):
        raise ModelError(f"step_m is {step_m:g}; it must be positive")
    breaks = beam.breaks_m
    pieces = [
        np.linspace(start, end, max(PARTS, int(np.ceil((end - start) / step_m))) + 1)
        for start, end in pairwise(breaks)
    ]
    return merged(np.concatenate([*pieces, np.asarray(sections_m, dtype=float)]))


class UnitLoads:
    """A beam under unit loads at many positions, solved at once.

    All values are in SI units per newton of load; deflections are positive downward, moments
    sagging, reactions upward. The shear force is the slope of the moment; a section at a node is
    seen just behind it, at the end of the bridge just before it.

    Parameters
    ----------
    system
        The factored beam.
    positions_m : (positions,)
        Stations of the unit load [m].
    """

    def __init__(self, system: BeamSystem, positions_m: Floats) -> None:
        self._system = system
        self.positions_m = np.asarray(positions_m, dtype=float)
        self._loads = system.unit_loads(self.positions_m)
        self._moved = system.solve(self._loads)
        self._at, self._local = system.element_at(self.positions_m)

    def moments(self, sections_m: Floats) -> Floats:
        """Bending moments [N m / N], shape (sections, positions)."""
        element, _ = self._system.element_at(sections_m)
        bending = -self._system.bending_nm2[element, None]
        return bending * self._nodal(sections_m, 2) + self._inside(sections_m, "moment")

    def shears(self, sections_m: Floats) -> Floats:
        """Shear forces [N / N], shape (sections, positions)."""
        element, _ = self._system.element_at(sections_m)
        bending = -self._system.bending_nm2[element, None]
        return bending * self._nodal(sections_m, 3) + self._inside(sections_m, "shear")

    def deflections(self, sections_m: Floats) -> Floats:
        """Deflections [m / N], shape (sections, positions)."""
        return self._nodal(sections_m, 0) + self._inside(sections_m, "deflection")

    def reactions(self) -> Floats:
        """Reactions of all supports [N / N], shape (supports, positions)."""
        return self._system.reactions(self._loads, self._moved)

    def _nodal(self, sections_m: Floats, derivative: int) -> Floats:
        element, local = self._system.element_at(sections_m)
        shape = hermite(local, self._system.lengths_m[element], derivative=derivative)
        return np.einsum("si,sip->sp", shape, self._moved[self._system.dofs[element]])

    def _inside(self, sections_m: Floats, effect: str) -> Floats:
        """What the loaded element adds as if its ends were clamped."""
        element, local = self._system.element_at(sections_m)
        found = np.zeros((len(element), len(self._at)))
        section, position = np.nonzero(element[:, None] == self._at[None, :])
        piece = element[section]
        part = clamped(
            local[section],
            self._local[position],
            self._system.lengths_m[piece],
            self._system.bending_nm2[piece],
        )
        found[section, position] = getattr(part, effect)
        return found


def around_jump(stations_m: Floats, section_m: float) -> Floats:
    """The stations with two more a micrometre before and behind the section, for shear."""
    inside = stations_m[np.abs(stations_m - section_m) > 2.0 * JUMP_M]
    near = np.array([section_m - JUMP_M, section_m + JUMP_M])
    near = near[(near >= stations_m[0]) & (near <= stations_m[-1])]
    ends = [section_m] if section_m in (stations_m[0], stations_m[-1]) else []
    return np.sort(np.concatenate([inside, near, np.array(ends)]))


def support_index(beam: Beam, station_m: float) -> int:
    """Number of the support at this station, counted from 0.

    Raises
    ------
    ModelError
        If there is none.
    """
    distance = np.abs(beam.support_stations_m - station_m)
    found = int(np.argmin(distance))
    if not distance[found] <= 1e3 * SAME_PLACE_M:
        listed = ", ".join(f"{one:g}" for one in beam.support_stations_m)
        raise ModelError(f"station_m is {station_m:g} m; supports are at {listed} m")
    return found
