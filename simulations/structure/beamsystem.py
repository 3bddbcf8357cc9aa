"""The equations of a continuous beam: assembled and factored once, asked many times."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from simulations.structure.banded import BandedFactor, factored
from simulations.structure.beam import SAME_PLACE_M, Beam, merged
from twin.errors import ModelError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BALANCE = 1e-6
ROUNDING = 1e-13


def hermite(local_m: Floats, length_m: Floats, *, derivative: int = 0) -> Floats:
    """Cubic Hermite shape functions or a derivative of them, shape (n, 4).

    Order: deflection and slope at the left end, deflection and slope at the right end.
    """
    xi, one = local_m / length_m, np.ones_like(local_m)
    length = length_m * one
    match derivative:
        case 0:
            parts = (
                1.0 - 3.0 * xi**2 + 2.0 * xi**3,
                length * (xi - 2.0 * xi**2 + xi**3),
                3.0 * xi**2 - 2.0 * xi**3,
                length * (xi**3 - xi**2),
            )
        case 1:
            slope = (6.0 * xi**2 - 6.0 * xi) / length
            parts = (slope, 1.0 - 4.0 * xi + 3.0 * xi**2, -slope, 3.0 * xi**2 - 2.0 * xi)
        case 2:
            bend = (12.0 * xi - 6.0) / length**2
            parts = (bend, (6.0 * xi - 4.0) / length, -bend, (6.0 * xi - 2.0) / length)
        case _:
            parts = (12.0 / length**3, 6.0 / length**2, -12.0 / length**3, 6.0 / length**2)
    return np.stack([part * one for part in parts], axis=-1)


@dataclass(frozen=True, slots=True)
class Clamped:
    """Moment, shear and deflection of a beam clamped at both ends under a unit point load.

    Shapes (sections, loads) in N m, N and m per N; M = E I times minus the second derivative of
    the deflection, which is positive downward.
    """

    moment: Floats
    shear: Floats
    deflection: Floats


def clamped(section_m: Floats, load_m: Floats, length_m: Floats, bending_nm2: Floats) -> Clamped:
    """Effects in a clamped element at ``section_m`` of a unit load at ``load_m`` (broadcast)."""
    right = length_m - load_m
    end_force = right**2 * (3.0 * load_m + right) / length_m**3
    end_moment = load_m * right**2 / length_m**2
    beyond = np.maximum(section_m - load_m, 0.0)
    moment = -end_moment + end_force * section_m - beyond
    shear = end_force - (section_m >= load_m)
    sag = end_moment * section_m**2 / 2.0 - end_force * section_m**3 / 6.0 + beyond**3 / 6.0
    return Clamped(moment, shear, sag / bending_nm2)


class BeamSystem:
    """Stiffness of a beam on a mesh, factored.

    Parameters
    ----------
    beam
        The beam.
    extra_m
        Further stations that become nodes [m]; the breaks of the beam always are.

    Raises
    ------
    ModelError
        If the equations are too ill-conditioned for trustworthy numbers.
    """

    def __init__(self, beam: Beam, *, extra_m: Floats | tuple[float, ...] = ()) -> None:
        self.beam = beam
        self.nodes_m = merged(np.concatenate([beam.breaks_m, np.asarray(extra_m, dtype=float)]))
        self.lengths_m = np.diff(self.nodes_m)
        piece = beam.segment_at((self.nodes_m[:-1] + self.nodes_m[1:]) / 2.0)
        self.bending_nm2 = np.array([one.bending_nm2 for one in beam.segments])[piece]
        self.mass_kg_per_m = np.array([one.mass_kg_per_m for one in beam.segments])[piece]
        self._number()
        self._hold()
        self.factor = self._factored()

    def _number(self) -> None:
        """Numbers of the unknowns: a hinge has a slope before and one behind."""
        is_hinge = np.zeros(len(self.nodes_m), dtype=bool)
        is_hinge[self.nodes_at(np.array(self.beam.hinges_m))] = True
        count = np.where(is_hinge, 3, 2)
        first = np.concatenate([[0], np.cumsum(count)[:-1]])
        self.size = int(count.sum())
        self.down = np.where(is_hinge, first + 1, first)
        before = np.where(is_hinge, first, first + 1)
        behind = np.where(is_hinge, first + 2, first + 1)
        self.dofs = np.stack([self.down[:-1], behind[:-1], self.down[1:], before[1:]], axis=1)
        self.slope = behind

    def nodes_at(self, stations_m: Floats) -> Ints:
        """Indices of the nodes nearest to these stations."""
        if not len(stations_m):
            return np.empty(0, dtype=np.int64)
        distance = np.abs(self.nodes_m[:, None] - np.asarray(stations_m)[None, :])
        return np.argmin(distance, axis=0)

    def _hold(self) -> None:
        """Which unknowns the supports fix, and the springs of the others."""
        self.spring = np.zeros(self.size)
        fixed = np.zeros(self.size, dtype=bool)
        self.support_nodes = self.nodes_at(self.beam.support_stations_m)
        for support, node in zip(self.beam.supports, self.support_nodes, strict=True):
            for dof, stiffness in (
                (self.down[node], support.vertical_n_per_m),
                (self.slope[node], support.rotation_nm_per_rad),
            ):
                if math.isinf(stiffness):
                    fixed[dof] = True
                else:
                    self.spring[dof] += stiffness
        self.fixed, self.free = np.flatnonzero(fixed), np.flatnonzero(~fixed)

    def element_stiffness(self) -> Floats:
        """Stiffness matrices of the elements, shape (elements, 4, 4) [N, m]."""
        length = self.lengths_m
        pattern = np.array(
            [
                [12.0, 6.0, -12.0, 6.0],
                [6.0, 4.0, -6.0, 2.0],
                [-12.0, -6.0, 12.0, -6.0],
                [6.0, 2.0, -6.0, 4.0],
            ]
        )
        arm = np.stack([np.ones_like(length), length, np.ones_like(length), length], axis=1)
        factor = (self.bending_nm2 / length**3)[:, None, None]
        return factor * pattern * arm[:, :, None] * arm[:, None, :]

    def _entries(self, matrices: Floats, *, springs: bool) -> tuple[Ints, Ints, Floats]:
        """Rows, columns and values of element matrices among the free unknowns."""
        place = np.full(self.size, -1)
        place[self.free] = np.arange(len(self.free))
        rows = place[np.repeat(self.dofs, 4, axis=1).ravel()]
        columns = place[np.tile(self.dofs, (1, 4)).ravel()]
        keep = (rows >= 0) & (columns >= 0)
        diagonal = np.arange(len(self.free))
        held = self.spring[self.free] * springs
        return (
            np.concatenate([rows[keep], diagonal]),
            np.concatenate([columns[keep], diagonal]),
            np.concatenate([matrices.ravel()[keep], held]),
        )

    def sparse(self, matrices: Floats, *, springs: bool = False) -> csr_array:
        """Matrix of the free unknowns from element matrices (elements, 4, 4)."""
        rows, columns, values = self._entries(matrices, springs=springs)
        size = len(self.free)
        return coo_array((values, (rows, columns)), shape=(size, size)).tocsr()

    def _factored(self) -> BandedFactor:
        entries = self._entries(self.element_stiffness(), springs=True)
        found = factored(*entries, size=len(self.free))
        if found is None:
            raise ModelError(
                "segments, supports: lengths or stiffnesses differ too much for trustworthy "
                f"numbers (elements from {self.lengths_m.min():g} to {self.lengths_m.max():g} m); "
                "merge very short segments, make very soft springs stiffer"
            )
        return found

    def solve(self, loads: Floats, *, given: Floats | None = None) -> Floats:
        """Deflections and slopes, shape of ``loads`` (unknowns, cases).

        Parameters
        ----------
        loads
            Forces [N] and moments [N m] per unknown.
        given : (unknowns, cases)
            Prescribed values of the unknowns that supports hold; None: all zero.
        """
        found = np.zeros_like(loads)
        right = loads
        if given is not None:
            found[self.fixed] = given[self.fixed]
            right = loads - self.forces(found)
        found[self.free] += self.factor.solve(right[self.free])
        self._check(loads, found)
        return found

    def forces(self, moved: Floats) -> Floats:
        """Forces on the nodes of the elements that these deflections and slopes cause."""
        found = np.zeros_like(moved)
        ends = np.einsum("eij,ejk->eik", self.element_stiffness(), moved[self.dofs])
        np.add.at(found, self.dofs, ends)
        return found

    def reactions(self, loads: Floats, moved: Floats) -> Floats:
        """Upward forces of the supports [N], shape (supports, cases)."""
        return (loads - self.forces(moved))[self.down[self.support_nodes]]

    def _check(self, loads: Floats, moved: Floats) -> None:
        """Vertical balance of what was found; rounding shows here first."""
        held = self.reactions(loads, moved)
        lost = np.abs(loads[self.down].sum(axis=0) - held.sum(axis=0))
        size = np.abs(loads[self.down]).sum(axis=0) + np.abs(held).sum(axis=0)
        inner = np.einsum(
            "eij,ejk->eik", np.abs(self.element_stiffness()), np.abs(moved[self.dofs])
        )
        if not np.all(lost <= BALANCE * size + ROUNDING * inner.max(axis=(0, 1))):
            raise ModelError(
                "segments, supports: the reactions do not balance the loads; lengths or "
                "stiffnesses differ too much for trustworthy numbers"
            )

    def element_at(self, stations_m: Floats) -> tuple[Ints, Floats]:
        """Element and place in it [m] of each station; at a node the element behind it.

        Raises
        ------
        ModelError
            If a station is off the bridge or not a number; names the first.
        """
        stations = np.atleast_1d(np.asarray(stations_m, dtype=float))
        length = float(self.nodes_m[-1])
        off = ~((stations >= -SAME_PLACE_M) & (stations <= length + SAME_PLACE_M))
        if np.any(off):
            raise ModelError(
                f"station_m is {stations[off][0]:g} m; the bridge goes from 0 to {length:g} m"
            )
        found = np.searchsorted(self.nodes_m, stations, side="right") - 1
        element = np.clip(found, 0, len(self.lengths_m) - 1)
        local = np.clip(stations - self.nodes_m[element], 0.0, self.lengths_m[element])
        return element, local

    def unit_loads(self, positions_m: Floats) -> Floats:
        """Consistent loads of a unit load at each position, shape (unknowns, positions)."""
        element, local = self.element_at(positions_m)
        loads = np.zeros((self.size, len(element)))
        shape = hermite(local, self.lengths_m[element])
        loads[self.dofs[element], np.arange(len(element))[:, None]] = shape
        return loads
