"""Stiffness of a beam model from what was measured: frequencies and a strain influence line."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares, linear_sum_assignment

from simulations.structure.beammodel import BeamModel
from simulations.structure.loads import Vehicle
from simulations.structure.placement import ordinates
from simulations.structure.sentences import sentence
from twin.errors import InsufficientData, ModelError, NotAvailable, OutOfValidity
from twin.model.structure import Modes, Section
from twin.ports import StructuralModel

Floats = NDArray[np.float64]

LEAST_FACTOR, MOST_FACTOR = 0.5, 2.0
MOST_RESIDUAL = 0.10
"""Root mean square error that a calibrated model may leave; beyond it the modes are not the same
(own choice: beam models of sound bridges come to a few percent)."""
LEAST_MAC = 0.8
SPARE_MODES = 3
SPRING_RANGE = 1e3
SINGULAR = 1e-10


@dataclass(frozen=True, slots=True)
class MeasuredMode:
    """One measured mode.

    Parameters
    ----------
    frequency_hz
        Frequency [Hz].
    weight
        Weight of its relative error.
    station_m, shape : (sensors,)
        Stations of the sensors [m] and the shape there, real or complex; empty if only the
        frequency is known: then the mode is taken by its order.
    """

    frequency_hz: float
    weight: float = 1.0
    station_m: tuple[float, ...] = ()
    shape: tuple[complex, ...] = ()


@dataclass(frozen=True, slots=True)
class MeasuredStrain:
    """Strain at one section while a weighed lorry passes slowly.

    Parameters
    ----------
    section
        Section with the depth of the fibre.
    first_axle_m : (points,)
        Station of the first axle [m].
    strain_um_m : (points,)
        Strain [um/m], tension positive.
    lorry
        Weighed axles; it drives along the stationing.
    weight
        Weight of its mean square error, relative to its greatest strain.
    """

    section: Section
    first_axle_m: Floats
    strain_um_m: Floats
    lorry: Vehicle
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Override:
    """An engineer accepts a factor outside of the plausible band, with a reason.

    Raises
    ------
    ModelError
        If person or reason are empty.
    """

    person: str
    reason: str

    def __post_init__(self) -> None:
        for name in ("person", "reason"):
            if not getattr(self, name).strip():
                raise ModelError(f"{name} is empty; an override needs a person and a reason")


@dataclass(frozen=True, slots=True)
class Pair:
    """Measured mode, mode of the model (both from 1), and MAC where a shape was measured."""

    measured: int
    model: int
    mac: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """Result of a calibration.

    Parameters
    ----------
    model
        The next version of the model; the one that was calibrated stays as it is.
    factor, spring_factor
        Factors on the stiffness of the beam and, if they took part, of its springs.
    residual
        Root mean square of the relative errors that are left.
    covariance : (factors, factors)
        Of the factors, from the errors that are left; NaN where there are not more measurements
        than factors.
    pairs
        Which mode was compared with which.
    """

    model: BeamModel
    factor: float
    spring_factor: float | None
    residual: float
    covariance: Floats
    pairs: tuple[Pair, ...]
    assumptions: tuple[str, ...]


def mac(one: Floats, other: Floats) -> float:
    """Modal assurance criterion of two shapes, from 0 to 1 [1]_.

    References
    ----------
    .. [1] "The modal assurance criterion", Sound and Vibration, August 2003.

    Examples
    --------
    >>> mac(np.array([1.0, 2.0]), np.array([-2.0, -4.0]))
    1.0
    """
    cross = abs(np.vdot(one, other)) ** 2
    size = float(np.vdot(one, one).real * np.vdot(other, other).real)
    return float(cross) / size if size > 0.0 else 0.0


def calibrate(
    model: StructuralModel,
    measured: Sequence[MeasuredMode],
    *,
    strain: MeasuredStrain | None = None,
    springs: bool = False,
    override: Override | None = None,
) -> Calibration:
    """Factors with which the model vibrates, and bends under a lorry, as measured.

    Minimises ``sum w_i ((f_model,i - f_i) / f_i)^2`` over a factor on the stiffness of the beam
    and, if asked, one on its springs, plus the mean square error of the strain.

    Parameters
    ----------
    model
        Beam model (L0 or L1).
    measured
        Modes, of which those with a shape are paired by MAC of at least 0.8.
    strain
        Influence line of strain from a weighed lorry.
    springs
        Whether the springs of the supports get a factor of their own.
    override
        Acceptance of a factor outside of 0.5 to 2, or of a residual above 0.1.

    Raises
    ------
    NotAvailable
        For L2 and L3.
    InsufficientData
        If nothing can be compared, or less than the factors need.
    OutOfValidity
        If the factor on the stiffness lies outside of 0.5 to 2, or the errors that are left
        are larger than 0.1, without an override.
    ModelError
        If a frequency, weight or strain is not positive and finite, or the measurements do not
        tell the two factors apart.

    Examples
    --------
    >>> from simulations.structure.beam import continuous_beam
    >>> beam = continuous_beam([30.0], bending_nm2=51e9, mass_kg_per_m=15_000.0)
    >>> found = calibrate(BeamModel(beam), [MeasuredMode(3.53), MeasuredMode(14.12)])
    >>> round(found.factor, 3), found.model.version
    (1.203, 2)
    """
    if not isinstance(model, BeamModel):
        raise NotAvailable(
            f"calibration on level {model.level}: only beam models (L0, L1) have one stiffness to "
            "scale; recalculate the grillage, or import new lines"
        )
    _check(model, measured, strain, springs=springs)
    pairs = paired(model, measured)
    if not pairs and strain is None:
        raise InsufficientData(
            f"no measured shape has a MAC of {LEAST_MAC:g} or more with a mode of the model; check "
            "stations and signs of the sensors"
        )
    fit = least_squares(
        lambda logs: _errors(model, logs, measured, pairs, strain),
        np.zeros(1 + springs),
        bounds=(-math.log(SPRING_RANGE), math.log(SPRING_RANGE)),
        x_scale="jac",
        xtol=1e-12,
        ftol=1e-14,
        gtol=1e-14,
    )
    factors = np.exp(fit.x)
    _check_band(float(factors[0]), override)
    covariance = _covariance(np.asarray(fit.jac), np.asarray(fit.fun), factors)
    residual = float(np.sqrt(np.mean(fit.fun**2)))
    _check_residual(residual, override)
    notes = [sentence("calibrated", factor=float(factors[0]), modes=len(pairs), residual=residual)]
    if strain is not None:
        notes.append(sentence("calibrated_line"))
    if override is not None and not LEAST_FACTOR <= factors[0] <= MOST_FACTOR:
        notes.append(sentence("override", person=override.person, reason=override.reason))
    if override is not None and residual > MOST_RESIDUAL:
        notes.append(
            sentence(
                "override_residual",
                residual=residual,
                person=override.person,
                reason=override.reason,
            )
        )
    scaled = model.scaled(
        float(factors[0]), springs=float(factors[1]) if springs else 1.0, notes=tuple(notes)
    )
    return Calibration(
        scaled,
        float(factors[0]),
        float(factors[1]) if springs else None,
        residual,
        covariance,
        pairs,
        scaled.assumptions,
    )


def _check_residual(residual: float, override: Override | None) -> None:
    if residual > MOST_RESIDUAL and override is None:
        raise OutOfValidity(sentence("refused_residual", residual=residual, most=MOST_RESIDUAL))


def paired(model: BeamModel, measured: Sequence[MeasuredMode]) -> tuple[Pair, ...]:
    """Which measured mode is which of the model: by shape where measured, else by order."""
    if not measured:
        return ()
    modes = model.modes(len(measured) + SPARE_MODES)
    by_shape = [index for index, one in enumerate(measured) if one.station_m]
    found = []
    if by_shape:
        table = np.array(
            [
                [_mac_with(modes, row, measured[index]) for row in range(len(modes.frequency_hz))]
                for index in by_shape
            ]
        )
        rows, columns = linear_sum_assignment(table, maximize=True)
        found = [
            Pair(by_shape[row] + 1, column + 1, float(table[row, column]))
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
            if table[row, column] >= LEAST_MAC
        ]
    taken = {one.model for one in found}
    found += [
        Pair(index + 1, index + 1, None)
        for index, one in enumerate(measured)
        if not one.station_m and index + 1 not in taken
    ]
    return tuple(sorted(found, key=lambda one: one.measured))


def _mac_with(modes: Modes, row: int, measured: MeasuredMode) -> float:
    shape = np.interp(measured.station_m, modes.station_m, modes.shape[row])
    return mac(shape, np.asarray(measured.shape))


def _errors(
    model: BeamModel,
    logs: Floats,
    measured: Sequence[MeasuredMode],
    pairs: Sequence[Pair],
    strain: MeasuredStrain | None,
) -> Floats:
    factors = np.exp(logs)
    trial = model.scaled(float(factors[0]), springs=float(factors[-1]) if len(logs) > 1 else 1.0)
    parts = []
    if pairs:
        modes = trial.modes(max(one.model for one in pairs))
        for pair in pairs:
            one = measured[pair.measured - 1]
            error = modes.frequency_hz[pair.model - 1] / one.frequency_hz - 1.0
            parts.append(np.array([math.sqrt(one.weight) * error]))
    if strain is not None:
        seen = strain_of_lorry(trial, strain)
        scale = math.sqrt(strain.weight / len(seen)) / np.abs(strain.strain_um_m).max()
        parts.append(scale * (seen - strain.strain_um_m))
    return np.concatenate(parts)


def strain_of_lorry(model: BeamModel, strain: MeasuredStrain) -> Floats:
    """Strain of the model [um/m] for each station of the first axle."""
    (line,) = model.influence(strain.section, "strain")
    axles = strain.first_axle_m[:, None] - strain.lorry.offset_m[None, :]
    return ordinates(line.x_m, line.y, axles) @ strain.lorry.axle_kn


def _check(
    model: BeamModel,
    measured: Sequence[MeasuredMode],
    strain: MeasuredStrain | None,
    *,
    springs: bool,
) -> None:
    problems = []
    for index, one in enumerate(measured):
        for name in ("frequency_hz", "weight"):
            value = getattr(one, name)
            if not (math.isfinite(value) and value > 0.0):
                problems.append(f"measured[{index}].{name} is {value:g}; it must be positive")
        if len(one.station_m) != len(one.shape):
            problems.append(
                f"measured[{index}]: {len(one.station_m)} stations, {len(one.shape)} values"
            )
        elif not np.all(np.isfinite(np.asarray(one.shape))):
            problems.append(f"measured[{index}].shape holds a value that is no number")
    if strain is not None:
        problems += _strain_problems(strain)
    held = [
        value
        for support in model.beam.supports
        for value in (support.vertical_n_per_m, support.rotation_nm_per_rad)
    ]
    if springs and not any(0.0 < value < math.inf for value in held):
        problems.append("springs: no support has a spring with a finite stiffness")
    if problems:
        raise ModelError("\n".join(problems))
    if len(measured) + (strain is not None) < 1 + springs:
        raise InsufficientData(
            f"{len(measured)} frequencies and {int(strain is not None)} strain lines for "
            f"{1 + springs} factor(s); measure more modes"
        )


def _strain_problems(strain: MeasuredStrain) -> list[str]:
    problems = []
    if strain.first_axle_m.shape != strain.strain_um_m.shape or not len(strain.strain_um_m):
        problems.append("strain: first_axle_m and strain_um_m need one value per point")
    elif not (np.all(np.isfinite(strain.first_axle_m)) and np.all(np.isfinite(strain.strain_um_m))):
        problems.append("strain: a station or strain is no number; leave such points out")
    elif not np.any(strain.strain_um_m):
        problems.append("strain: all values are 0; the lorry must load the section")
    if not (math.isfinite(strain.weight) and strain.weight > 0.0):
        problems.append(f"strain.weight is {strain.weight:g}; it must be positive")
    return problems


def _check_band(factor: float, override: Override | None) -> None:
    if LEAST_FACTOR <= factor <= MOST_FACTOR or override is not None:
        return
    raise OutOfValidity(
        sentence("refused_factor", factor=factor, least=LEAST_FACTOR, most=MOST_FACTOR)
    )


def _covariance(jacobian: Floats, errors: Floats, factors: Floats) -> Floats:
    """Covariance of the factors, from that of their logarithms."""
    normal = jacobian.T @ jacobian
    values = np.linalg.eigvalsh(normal)
    if values[0] <= SINGULAR * values[-1]:
        raise ModelError(
            "springs: the measurements do not tell the stiffness of the springs from that of the "
            "beam; calibrate without springs, or measure more modes"
        )
    spare = len(errors) - len(factors)
    if spare <= 0:
        return np.full(normal.shape, np.nan)
    variance = float(errors @ errors) / spare
    return variance * np.linalg.inv(normal) * np.outer(factors, factors)
