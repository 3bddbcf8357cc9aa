"""Grillages: girders and cross members with deflection and two slopes at each node."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import reverse_cuthill_mckee

from simulations.structure.banded import SOFTEST, BandedFactor, factored
from twin.errors import ModelError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DIRECTIONS = ("deflection", "slope along x", "slope along y")


@dataclass(frozen=True, slots=True)
class NodeSupport:
    """Bearing under one node; stiffnesses may be infinite.

    Parameters
    ----------
    node
        Index of the node.
    vertical_n_per_m
        Vertical stiffness [N/m].
    slope_x_nm_per_rad, slope_y_nm_per_rad
        Stiffness against a slope along x (rotation about y) and along y [N m/rad].
    """

    node: int
    vertical_n_per_m: float = math.inf
    slope_x_nm_per_rad: float = 0.0
    slope_y_nm_per_rad: float = 0.0


@dataclass(frozen=True, slots=True)
class Grillage:
    """Girders along x, cross members between them.

    Parameters
    ----------
    x_m, y_m : (nodes,)
        Places of the nodes [m]; y to the left of the stationing.
    grid : (girders, stations)
        Node of each girder at each cross line; girders from the right edge.
    tail, head : (members,)
        Nodes that a member joins; the girders come first, each from its beginning.
    bending_nm2, torsion_nm2 : (members,)
        E I and G J [N m2].
    mass_kg_per_m : (members,)
        Mass per length [kg/m].
    supports
        Bearings.

    Raises
    ------
    ModelError
        If a place, stiffness or mass is not finite and positive (a mass may be 0), or a support
        names no node; names field, row and value.
    """

    x_m: Floats
    y_m: Floats
    grid: Ints
    tail: Ints
    head: Ints
    bending_nm2: Floats
    torsion_nm2: Floats
    mass_kg_per_m: Floats
    supports: tuple[NodeSupport, ...]

    def __post_init__(self) -> None:
        problems = [
            f"{name}[{row}] is {column[row]:g}; it must be {wanted}"
            for name, column, is_good, wanted in self._checks()
            for row in np.flatnonzero(~is_good)[:3].tolist()
        ]
        problems += [
            f"supports[{index}].node is {one.node}; nodes are 0 to {len(self.x_m) - 1}"
            for index, one in enumerate(self.supports)
            if not 0 <= one.node < len(self.x_m)
        ]
        if problems:
            raise ModelError("\n".join(problems))

    def _checks(self) -> list[tuple[str, Floats, NDArray[np.bool_], str]]:
        length = self.lengths_m
        found = [
            (name, column, np.isfinite(column), "finite")
            for name, column in (("x_m", self.x_m), ("y_m", self.y_m))
        ]
        for name in ("bending_nm2", "torsion_nm2"):
            column = getattr(self, name)
            found.append((name, column, np.isfinite(column) & (column > 0.0), "positive"))
        mass = self.mass_kg_per_m
        found.append(("mass_kg_per_m", mass, np.isfinite(mass) & (mass >= 0.0), "0 or more"))
        found.append(("length of member", length, ~(length <= 0.0), "positive"))
        return found

    @property
    def lengths_m(self) -> Floats:
        """Lengths of the members [m]."""
        return np.hypot(
            self.x_m[self.head] - self.x_m[self.tail], self.y_m[self.head] - self.y_m[self.tail]
        )

    def girder_member(self, girder: int, part: int) -> int:
        """Row of the member of a girder (from 0) between cross lines ``part`` and the next."""
        return girder * (self.grid.shape[1] - 1) + part


def regular_grillage(
    *,
    spans_m: Sequence[float],
    girders: int,
    spacing_m: float,
    step_m: float,
    girder_bending_nm2: float,
    girder_torsion_nm2: float,
    cross_bending_nm2: float,
    cross_torsion_nm2: float,
    girder_mass_kg_per_m: float = 0.0,
    skew_deg: float = 0.0,
    hold_twist: bool = False,
) -> Grillage:
    """Grillage of equal girders with cross members at steps of at most ``step_m`` and at supports.

    Parameters
    ----------
    spans_m
        Spans [m]; each girder has a rigid bearing at each of their ends.
    girders, spacing_m
        Number of girders and distance between them [m].
    step_m
        Greatest distance of cross members [m].
    skew_deg
        Angle between the support line and the normal of the axis [degree].
    hold_twist
        Whether the bearings hold the slope along y.

    Raises
    ------
    ModelError
        If a value is not positive and finite or the skew is not below 60 degrees; names it.
    """
    for name, value in (("girders", girders), ("spacing_m", spacing_m), ("step_m", step_m)):
        if not (math.isfinite(value) and value > 0):
            raise ModelError(f"{name} is {value:g}; it must be positive")
    for index, span in enumerate(spans_m):
        if not (math.isfinite(span) and span > 0.0):
            raise ModelError(f"spans_m[{index}] is {span:g}; it must be positive")
    if not abs(skew_deg) < 60.0:  # noqa: PLR2004 - a limit of this model
        raise ModelError(f"skew_deg is {skew_deg:g}; this grillage goes to 60 degrees")
    stations, at_support = _stations(spans_m, step_m)
    count = len(stations)
    grid = np.arange(girders * count).reshape(girders, count)
    offset = spacing_m * (np.arange(girders) - (girders - 1) / 2.0)
    x_m = stations[None, :] + math.tan(math.radians(skew_deg)) * (offset - offset[0])[:, None]
    along = girders * (count - 1)
    across = (girders - 1) * count
    kinds = np.repeat([0, 1], [along, across])
    held = math.inf if hold_twist else 0.0
    return Grillage(
        x_m.ravel(),
        np.repeat(offset, count).astype(np.float64),
        grid,
        np.concatenate([grid[:, :-1].ravel(), grid[:-1].ravel()]),
        np.concatenate([grid[:, 1:].ravel(), grid[1:].ravel()]),
        np.array([girder_bending_nm2, cross_bending_nm2])[kinds],
        np.array([girder_torsion_nm2, cross_torsion_nm2])[kinds],
        np.array([girder_mass_kg_per_m, 0.0])[kinds],
        tuple(
            NodeSupport(int(node), slope_y_nm_per_rad=held) for node in grid[:, at_support].ravel()
        ),
    )


def _stations(spans_m: Sequence[float], step_m: float) -> tuple[Floats, Ints]:
    """Stations of the cross lines [m], and which of them are supports."""
    parts = [max(2, math.ceil(span / step_m - 1e-9)) for span in spans_m]
    begins = np.cumsum([0.0, *spans_m])
    pieces = [
        begins[index] + spans_m[index] * np.arange(count) / count
        for index, count in enumerate(parts)
    ]
    stations = np.concatenate([*pieces, begins[-1:]])
    return stations, np.cumsum([0, *parts])


class GrillageSystem:
    """Stiffness of a grillage, factored.

    Unknowns of node k are 3 k (deflection, downward), 3 k + 1 (slope along x), 3 k + 2 (slope
    along y). Bending of a member acts on deflection and slope along it, torsion on the slope across
    it; the two are not coupled.

    Raises
    ------
    ModelError
        If the grillage is a mechanism or nearly one; names the node that moves most and how.
    """

    def __init__(self, grillage: Grillage) -> None:
        self.grillage = grillage
        self.size = 3 * len(grillage.x_m)
        self._local = self._local_matrices()
        self.dofs = (
            3 * np.stack([grillage.tail, grillage.head], axis=1)[:, :, None] + np.arange(3)
        ).reshape(-1, 6)
        turned = self.turns
        self.matrices = np.swapaxes(turned, 1, 2) @ self._local @ turned
        self._hold()
        self.stiffness = self.sparse(self.matrices, springs=True)
        self.factor = self._factored()

    @property
    def turns(self) -> Floats:
        """From slopes along x and y to slopes along and across each member, (members, 6, 6)."""
        grillage, length = self.grillage, self.grillage.lengths_m
        cosine = (grillage.x_m[grillage.head] - grillage.x_m[grillage.tail]) / length
        sine = (grillage.y_m[grillage.head] - grillage.y_m[grillage.tail]) / length
        turned = np.zeros((len(length), 6, 6))
        for first in (0, 3):
            turned[:, first, first] = 1.0
            turned[:, first + 1, first + 1] = turned[:, first + 2, first + 2] = cosine
            turned[:, first + 1, first + 2] = sine
            turned[:, first + 2, first + 1] = -sine
        return turned

    def _local_matrices(self) -> Floats:
        """Member matrices over deflection, slope along, slope across at both ends."""
        length, grillage = self.grillage.lengths_m, self.grillage
        bending, torsion = grillage.bending_nm2, grillage.torsion_nm2 / length
        local = np.zeros((len(length), 6, 6))
        one, two, three = bending / length, bending / length**2, bending / length**3
        for (row, column), value in {
            (0, 0): 12.0 * three, (0, 1): 6.0 * two, (0, 3): -12.0 * three, (0, 4): 6.0 * two,
            (1, 1): 4.0 * one, (1, 3): -6.0 * two, (1, 4): 2.0 * one,
            (3, 3): 12.0 * three, (3, 4): -6.0 * two, (4, 4): 4.0 * one,
            (2, 2): torsion, (2, 5): -torsion, (5, 5): torsion,
        }.items():  # fmt: skip
            local[:, row, column] = local[:, column, row] = value
        return local

    def _hold(self) -> None:
        self.spring = np.zeros(self.size)
        fixed = np.zeros(self.size, dtype=bool)
        for one in self.grillage.supports:
            for part, stiffness in enumerate(
                (one.vertical_n_per_m, one.slope_x_nm_per_rad, one.slope_y_nm_per_rad)
            ):
                if math.isinf(stiffness):
                    fixed[3 * one.node + part] = True
                else:
                    self.spring[3 * one.node + part] += stiffness
        self.free = np.flatnonzero(~fixed)

    def sparse(self, matrices: Floats, *, springs: bool = False) -> csr_array:
        """Matrix of the free unknowns from member matrices (members, 6, 6)."""
        place = np.full(self.size, -1)
        place[self.free] = np.arange(len(self.free))
        rows = place[np.repeat(self.dofs, 6, axis=1).ravel()]
        columns = place[np.tile(self.dofs, (1, 6)).ravel()]
        keep = (rows >= 0) & (columns >= 0)
        diagonal = np.arange(len(self.free))
        entries = np.concatenate([matrices.ravel()[keep], self.spring[self.free] * springs])
        rows = np.concatenate([rows[keep], diagonal])
        columns = np.concatenate([columns[keep], diagonal])
        shape = (len(self.free), len(self.free))
        return coo_array((entries, (rows, columns)), shape=shape).tocsr()

    def _factored(self) -> BandedFactor:
        """Cholesky factor after a numbering with few bands."""
        order = np.asarray(
            reverse_cuthill_mckee(self.stiffness, symmetric_mode=True), dtype=np.int64
        )
        self.place = np.empty_like(order)
        self.place[order] = np.arange(len(order))
        entries = self.stiffness.tocoo()
        found = factored(
            self.place[entries.row], self.place[entries.col], entries.data, size=len(order)
        )
        if found is None:
            raise ModelError(
                "supports: the grillage is a mechanism; add supports or hold the twist"
            )
        if found.softness < SOFTEST:
            dof = int(self.free[order[int(np.argmax(np.abs(found.softest)))]])
            raise ModelError(
                f"supports: the grillage is a mechanism; {DIRECTIONS[dof % 3]} of node {dof // 3} "
                "moves freely; hold it, or add supports or cross members"
            )
        return found

    def inverse(self, right: Floats) -> Floats:
        """Unknowns among the free ones for right-hand sides (free,) or (free, cases)."""
        ordered = np.empty_like(right)
        ordered[self.place] = right
        return self.factor.solve(ordered)[self.place]

    def solve(self, loads: Floats) -> Floats:
        """Unknowns (3 nodes, cases) for forces [N] and moments [N m] on them."""
        found = np.zeros_like(loads)
        found[self.free] = self.inverse(loads[self.free])
        return found

    def reactions(self, loads: Floats, moved: Floats) -> Floats:
        """Upward forces of the supports [N], shape (supports, cases)."""
        inner = np.zeros_like(moved)
        ends = np.einsum("eij,ejk->eik", self.matrices, moved[self.dofs])
        np.add.at(inner, self.dofs, ends)
        rows = np.array([3 * one.node for one in self.grillage.supports], dtype=np.int64)
        return (loads - inner)[rows]
