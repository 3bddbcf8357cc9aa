"""What temperature and settlement do: movement, restraint, bending, stress inside a section."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulations.structure.beam import Beam
from simulations.structure.beamsystem import BeamSystem, hermite
from twin.errors import ModelError

Floats = NDArray[np.float64]

GAUSS_POINTS = 4


@dataclass(frozen=True, slots=True)
class Bending:
    """Effects of an imposed deformation in SI units.

    Parameters
    ----------
    sections_m : (sections,)
        Stations [m].
    moment_nm, shear_n, deflection_m : (sections,)
        Sagging moment [N m], shear [N], downward deflection [m].
    reactions_n : (supports,)
        Upward reactions [N]; they sum to zero.
    """

    sections_m: Floats
    moment_nm: Floats
    shear_n: Floats
    deflection_m: Floats
    reactions_n: Floats


def settled(beam: Beam, drops_m: dict[int, float], *, sections_m: Floats) -> Bending:
    """What downward movement of supports (numbered from 0) does [m].

    A support on a spring moves at the foot of the spring.

    Raises
    ------
    ModelError
        If a support does not exist or a movement is not finite.

    Examples
    --------
    >>> from simulations.structure.beam import continuous_beam
    >>> beam = continuous_beam([30.0, 30.0], bending_nm2=51e9, mass_kg_per_m=15_000.0)
    >>> settled(beam, {1: 0.010}, sections_m=np.array([30.0])).moment_nm.round(3)
    array([1700000.])
    """
    system = BeamSystem(beam)
    given, loads = np.zeros((system.size, 1)), np.zeros((system.size, 1))
    for support, drop in drops_m.items():
        if not 0 <= support < len(beam.supports):
            raise ModelError(
                f"support {support} does not exist; they are 0 to {len(beam.supports) - 1}"
            )
        if not math.isfinite(drop):
            raise ModelError(f"drops_m[{support}] is {drop}; give metres, downward positive")
        dof = system.down[system.support_nodes[support]]
        given[dof] = drop
        stiffness = beam.supports[support].vertical_n_per_m
        if not math.isinf(stiffness):
            loads[dof] = stiffness * drop
    moved = system.solve(loads, given=given)
    bending = _bending(system, moved, np.zeros(len(system.lengths_m)), sections_m)
    springs = loads[system.down[system.support_nodes], 0]
    return Bending(
        bending.sections_m,
        bending.moment_nm,
        bending.shear_n,
        bending.deflection_m,
        system.reactions(loads, moved)[:, 0] - springs,
    )


def moments_per_mm(beam: Beam) -> Floats:
    """Moments at all supports per millimetre of settlement of each [kN m / mm].

    Shape (supports where the moment is seen, supports that settle).
    """
    stations = beam.support_stations_m
    columns = [
        settled(beam, {index: 1e-3}, sections_m=stations).moment_nm / 1e3
        for index in range(len(stations))
    ]
    return np.stack(columns, axis=1)


def gradient(
    beam: Beam, gradient_k: float, *, depth_m: float, expansion_per_k: float, sections_m: Floats
) -> Bending:
    """What a linear temperature difference does, top warmer positive [1]_.

    Parameters
    ----------
    gradient_k
        Temperature of the top less that of the bottom [K].
    depth_m
        Depth between them [m].
    expansion_per_k
        Coefficient of thermal expansion [1/K].
    sections_m : (sections,)
        Stations [m].

    Raises
    ------
    ModelError
        If the depth is not positive or a value is not finite.

    References
    ----------
    .. [1] EN 1991-1-5:2003, 6.1.4: the curvature is alpha dT / h.

    Examples
    --------
    >>> from simulations.structure.beam import continuous_beam
    >>> beam = continuous_beam([30.0, 30.0], bending_nm2=51e9, mass_kg_per_m=15_000.0)
    >>> hot = gradient(beam, 8.0, depth_m=1.5, expansion_per_k=1e-5, sections_m=np.array([30.0]))
    >>> hot.moment_nm.round(3)
    array([4080000.])
    """
    if not (math.isfinite(depth_m) and depth_m > 0.0):
        raise ModelError(f"depth_m is {depth_m:g}; it must be positive")
    if not (math.isfinite(gradient_k) and math.isfinite(expansion_per_k)):
        raise ModelError(
            f"gradient_k {gradient_k:g}, expansion_per_k {expansion_per_k:g}: not finite"
        )
    system = BeamSystem(beam)
    curvature = np.full(len(system.lengths_m), expansion_per_k * gradient_k / depth_m)
    end_moment = system.bending_nm2 * curvature
    loads = np.zeros((system.size, 1))
    np.add.at(loads[:, 0], system.dofs[:, 1], -end_moment)
    np.add.at(loads[:, 0], system.dofs[:, 3], end_moment)
    return _bending(system, system.solve(loads), curvature, sections_m)


def _bending(system: BeamSystem, moved: Floats, curvature: Floats, sections_m: Floats) -> Bending:
    element, local = system.element_at(sections_m)
    length, ends = system.lengths_m[element], moved[system.dofs[element], 0]
    stiffness = system.bending_nm2[element]

    def nodal(derivative: int) -> Floats:
        return np.einsum("si,si->s", hermite(local, length, derivative=derivative), ends)

    return Bending(
        np.asarray(sections_m, dtype=float),
        -stiffness * (nodal(2) - curvature[element]),
        -stiffness * nodal(3),
        nodal(0),
        system.reactions(np.zeros_like(moved), moved)[:, 0],
    )


def movement_m(length_m: float, change_k: float, *, expansion_per_k: float) -> float:
    """Movement of a free end [m], away from the fixed point positive.

    Parameters
    ----------
    length_m
        Distance from the fixed point [m].
    change_k
        Uniform change of temperature [K].
    expansion_per_k
        Coefficient of thermal expansion [1/K]: about 1.0e-5 for concrete, 1.2e-5 for steel
        (EN 1991-1-5:2003, Table C.1).

    Raises
    ------
    ModelError
        If the length is not positive or a value is not finite.

    Examples
    --------
    >>> movement_m(100.0, 40.0, expansion_per_k=1e-5)
    0.04
    """
    if not (math.isfinite(length_m) and length_m > 0.0):
        raise ModelError(f"length_m is {length_m:g}; it must be positive")
    if not (math.isfinite(change_k) and math.isfinite(expansion_per_k)):
        raise ModelError(f"change_k {change_k:g}, expansion_per_k {expansion_per_k:g}: not finite")
    return expansion_per_k * change_k * length_m


def restraint_n(
    length_m: float,
    change_k: float,
    *,
    expansion_per_k: float,
    axial_n: float,
    spring_n_per_m: float = math.inf,
) -> float:
    """Axial force where a spring hinders the movement [N], tension positive.

    Parameters
    ----------
    axial_n
        Axial stiffness E A [N].
    spring_n_per_m
        Stiffness of the hindered end [N/m]; infinite: fully restrained.

    Raises
    ------
    ModelError
        As `movement_m`, or if a stiffness is not positive.

    Examples
    --------
    >>> restraint_n(100.0, -10.0, expansion_per_k=1e-5, axial_n=2e11)
    20000000.0
    """
    if not (math.isfinite(axial_n) and axial_n > 0.0):
        raise ModelError(f"axial_n is {axial_n:g}; it must be positive")
    if not spring_n_per_m > 0.0:
        raise ModelError(f"spring_n_per_m is {spring_n_per_m:g}; it must be positive")
    free_m = movement_m(length_m, change_k, expansion_per_k=expansion_per_k)
    return -free_m / (length_m / axial_n + 1.0 / spring_n_per_m)


@dataclass(frozen=True, slots=True)
class SectionTemperature:
    """Parts of a temperature profile, and the stress that only the shape of it causes.

    Parameters
    ----------
    uniform_k, gradient_k_per_m
        Mean of the section [K] and linear part, top warmer positive [K/m].
    height_m, stress_pa : (points,)
        Heights above the bottom [m] and self-equilibrated stress there [Pa], tension positive.
    force_n, moment_nm
        What the stress sums to; zero but for rounding.
    """

    uniform_k: float
    gradient_k_per_m: float
    height_m: Floats
    stress_pa: Floats
    force_n: float
    moment_nm: float


def section_temperature(
    height_m: Floats,
    width_m: Floats,
    change_k: Floats,
    *,
    elastic_pa: float,
    expansion_per_k: float,
) -> SectionTemperature:
    """Uniform, linear and remaining part of a temperature profile by section integration [1]_.

    Parameters
    ----------
    height_m : (points,)
        Rising heights above the bottom [m]; width and temperature are linear between them.
    width_m, change_k : (points,)
        Width of the section [m] and change of temperature [K] there.
    elastic_pa, expansion_per_k
        Modulus of elasticity [Pa] and coefficient of thermal expansion [1/K].

    Raises
    ------
    ModelError
        If the columns differ in length, heights do not rise, a width is negative or all are zero,
        or a value is not finite.

    References
    ----------
    .. [1] EN 1991-1-5:2003, 4 and Figure 4.1.
    """
    _check_profile(height_m, width_m, change_k, elastic_pa)
    points, weights = np.polynomial.legendre.leggauss(GAUSS_POINTS)
    middle, half = (height_m[1:] + height_m[:-1]) / 2.0, np.diff(height_m) / 2.0
    z = (middle[:, None] + half[:, None] * points).ravel()
    area = (half[:, None] * weights).ravel() * np.interp(z, height_m, width_m)
    warm = np.interp(z, height_m, change_k)
    total = float(area.sum())
    centre = float(area @ z) / total
    lever = z - centre
    uniform = float(area @ warm) / total
    slope = float(area @ (lever * warm)) / float(area @ lever**2)
    stress = -elastic_pa * expansion_per_k * (warm - uniform - slope * lever)
    linear = uniform + slope * (height_m - centre)
    return SectionTemperature(
        uniform,
        slope,
        height_m,
        -elastic_pa * expansion_per_k * (change_k - linear),
        float(area @ stress),
        float(area @ (stress * lever)),
    )


def _check_profile(height_m: Floats, width_m: Floats, change_k: Floats, elastic_pa: float) -> None:
    problems = []
    if not height_m.shape == width_m.shape == change_k.shape or len(height_m) < 2:  # noqa: PLR2004
        raise ModelError(
            "height_m, width_m, change_k need one value per point, two points at least"
        )
    for name, column in (("height_m", height_m), ("width_m", width_m), ("change_k", change_k)):
        if not np.all(np.isfinite(column)):
            problems.append(f"{name}[{int(np.argmin(np.isfinite(column)))}] is not a finite number")
    if not np.all(np.diff(height_m) > 0.0):
        problems.append("height_m must rise from the bottom to the top")
    if np.any(width_m < 0.0) or not np.any(width_m > 0.0):
        problems.append(f"width_m from {width_m.min():g} to {width_m.max():g}: not a section")
    if not (math.isfinite(elastic_pa) and elastic_pa > 0.0):
        problems.append(f"elastic_pa is {elastic_pa:g}; it must be positive")
    if problems:
        raise ModelError("\n".join(problems))
