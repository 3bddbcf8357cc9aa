"""Natural frequencies and shapes of vertical vibration."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.linalg import LinearOperator, eigsh

from simulations.structure.beam import Beam
from simulations.structure.beamsystem import BeamSystem
from twin.errors import ModelError

Floats = NDArray[np.float64]

ELEMENTS_PER_SPAN = 40
PER_HALF_WAVE = 8


@dataclass(frozen=True, slots=True)
class Vibration:
    """Frequencies [Hz] (modes,) and the unknowns of the shapes of unit modal mass (modes, n)."""

    frequency_hz: Floats
    shape: Floats


class _Inverse(LinearOperator):
    """The inverse of the stiffness as scipy's iteration asks for it."""

    def __init__(self, solve: Callable[[Floats], Floats], size: int) -> None:
        super().__init__(np.float64, (size, size))
        self._solve = solve

    def _matvec(self, x: Floats) -> Floats:
        return self._solve(x)


def lowest_modes(
    stiffness: csr_array, mass: csr_array, *, solve: Callable[[Floats], Floats], count: int
) -> Vibration:
    """Lowest modes of ``stiffness x = omega^2 mass x``, by Lanczos iteration around zero.

    Raises
    ------
    ModelError
        If ``count`` is not from 1 to half the number of unknowns.
    """
    size = len(stiffness.indptr) - 1
    if not 1 <= count <= size // 2:
        raise ModelError(f"count is {count}; this model has 1 to {size // 2} modes")
    inverse = _Inverse(solve, size)
    start = np.cos(np.arange(size) * 1.7) + 1.5
    values, vectors = eigsh(
        stiffness, k=count, M=mass, sigma=0.0, which="LM", OPinv=inverse, v0=start
    )
    order = np.argsort(values)
    shape = vectors[:, order].T
    modal_mass = np.einsum("mi,mi->m", shape, (mass @ shape.T).T)
    return Vibration(
        np.sqrt(np.maximum(values[order], 0.0)) / (2.0 * np.pi),
        shape / np.sqrt(modal_mass)[:, None],
    )


def element_masses(lengths_m: Floats, mass_kg_per_m: Floats) -> Floats:
    """Consistent mass matrices of beam elements [1]_, shape (elements, 4, 4).

    References
    ----------
    .. [1] "Dynamics of Structures", section 10-3.
    """
    pattern = np.array(
        [
            [156.0, 22.0, 54.0, -13.0],
            [22.0, 4.0, 13.0, -3.0],
            [54.0, 13.0, 156.0, -22.0],
            [-13.0, -3.0, -22.0, 4.0],
        ]
    )
    one = np.ones_like(lengths_m)
    arm = np.stack([one, lengths_m, one, lengths_m], axis=1)
    factor = (mass_kg_per_m * lengths_m / 420.0)[:, None, None]
    return factor * pattern * arm[:, :, None] * arm[:, None, :]


def beam_modes(beam: Beam, count: int) -> tuple[Floats, Floats, Floats]:
    """Frequencies [Hz] (modes,), stations [m] (n,) and unit-mass shapes [1/sqrt(kg)] (modes, n).

    Examples
    --------
    >>> from simulations.structure.beam import continuous_beam
    >>> beam = continuous_beam([30.0], bending_nm2=34e9 * 1.5, mass_kg_per_m=15_000.0)
    >>> frequency_hz, _, _ = beam_modes(beam, 3)
    >>> frequency_hz.round(3)
    array([ 3.218, 12.873, 28.964])
    """
    parts = max(ELEMENTS_PER_SPAN, PER_HALF_WAVE * count) * max(len(beam.supports) - 1, 1)
    system = BeamSystem(beam, extra_m=_mesh(beam, parts))
    mass = system.sparse(element_masses(system.lengths_m, system.mass_kg_per_m))
    stiffness = system.sparse(system.element_stiffness(), springs=True)
    found = lowest_modes(stiffness, mass, solve=system.factor.solve, count=count)
    whole = np.zeros((count, system.size))
    whole[:, system.free] = found.shape
    return found.frequency_hz, system.nodes_m, pointing_up(whole[:, system.down])


def _mesh(beam: Beam, parts: int) -> Floats:
    """About ``parts`` elements, shorter where waves are: their length goes with (E I / m)^(1/4)."""
    breaks = beam.breaks_m
    piece = beam.segment_at((breaks[:-1] + breaks[1:]) / 2.0)
    waves = np.array([(one.mass_kg_per_m / one.bending_nm2) ** 0.25 for one in beam.segments])
    share = np.diff(breaks) * waves[piece]
    numbers = np.maximum(2, np.ceil(parts * share / share.sum())).astype(int)
    ends = zip(pairwise(breaks), numbers, strict=True)
    return np.concatenate([np.linspace(*pair, number + 1) for pair, number in ends])


def pointing_up(shapes: Floats) -> Floats:
    """Shapes whose largest value is positive."""
    largest = np.argmax(np.abs(shapes) > (1.0 - 1e-6) * np.abs(shapes).max(axis=1)[:, None], axis=1)
    return shapes * np.sign(shapes[np.arange(len(shapes)), largest])[:, None]
