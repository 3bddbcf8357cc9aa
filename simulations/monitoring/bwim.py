"""Bridge weigh-in-motion: gross weight and axle loads of one vehicle from the strain it causes.

The strain is the sum over the axles of load times influence line, ``m(t) = sum w_i I(x(t) - d_i)``.
The gross weight is that of least squares; axle loads, which hardly differ in their effect on a
bridge, are held near the shares of the vehicle class (Tikhonov, with the noise of the signal and
the spread of the class as weights). Every figure has an uncertainty.

References
----------
.. [1] "Weigh-in-motion system using instrumented bridges", J. Transp. Eng. 105 (1979)
   233-249.
.. [2] "A regularised solution to the bridge weigh-in-motion equations", Int.
   J. Heavy Vehicle Systems 16 (2009) 310-327.
.. [3] "A Simple, Positive Semi-Definite, Heteroskedasticity and
   Autocorrelation Consistent Covariance Matrix", Econometrica 55 (1987) 703-708.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from twin.errors import InsufficientData, ModelError
from twin.model.monitoring import BridgeEvent
from twin.model.structure import InfluenceLine

Floats = NDArray[np.float64]

GRAVITY_MS2 = 9.81
MEMORY_S = 0.25
ABSORBED = 4.0  # axle loads take up much of the body bounce: it is missing in the residual
LIFTED = 4.0  # an axle that pulls the bridge up by so many standard deviations is no axle


@dataclass(frozen=True, slots=True)
class Passage:
    """What is known of a vehicle before it is weighed.

    Parameters
    ----------
    enters_s
        When its first axle enters the influence line, after the first sample of the signal [s].
    speed_ms
        Speed along the stationing [m/s]; negative against it.
    speed_sd
        Its standard deviation as a share of the speed.
    axle_offset_m : (k,)
        Distance of the axles behind the first one [m]; rising from 0.
    """

    enters_s: float
    speed_ms: float
    speed_sd: float
    axle_offset_m: Floats


@dataclass(frozen=True, slots=True)
class WeighingRules:
    """Where a weighing is in doubt.

    Parameters
    ----------
    most_residual
        Rms of what the weighed vehicle does not explain, over the peak of what it explains; above
        it another vehicle was there.
    most_condition
        Condition number of the axle equations above which axle loads are not given.
    least_samples
        Samples with the vehicle on the bridge.
    calibration_sd
        Standard deviation of the calibration of the site, as a share.
    """

    most_residual: float = 0.06
    most_condition: float = 200.0
    least_samples: int = 32
    calibration_sd: float = 0.0


@dataclass(frozen=True, slots=True)
class Weighing:
    """Weight of one vehicle.

    Parameters
    ----------
    gross_kn, gross_sd_kn
        Gross weight and its standard deviation [kN].
    axle_kn, axle_sd_kn : (k,)
        Axle loads and their standard deviations [kN]; empty where they are ill conditioned.
    residual
        Rms of the strain that is not explained, over the peak of the explained one.
    condition
        Condition number of the axle equations.
    flags
        ``multiple_presence``, ``ill_conditioned``.
    """

    gross_kn: float
    gross_sd_kn: float
    axle_kn: Floats
    axle_sd_kn: Floats
    residual: float
    condition: float
    flags: tuple[str, ...]

    def event(
        self,
        passage: Passage,
        *,
        asset_id: str,
        key: str,
        at: datetime,
        lane: int,
        vehicle_class: str,
        peaks: Mapping[str, float] | None = None,
    ) -> BridgeEvent:
        """The crossing as it is kept: weights, speed, class, and what makes it doubtful."""
        figures = {
            "gross_kn": self.gross_kn,
            "gross_sd_kn": self.gross_sd_kn,
            "gross_t": self.gross_kn / GRAVITY_MS2,
            "speed_ms": passage.speed_ms,
            "lane": float(lane),
            "residual": self.residual,
            "condition": self.condition,
            "axles": float(len(passage.axle_offset_m)),
        }
        for number, offset in enumerate(passage.axle_offset_m.tolist(), start=1):
            figures[f"axle_{number}_offset_m"] = offset
        loads = zip(self.axle_kn.tolist(), self.axle_sd_kn.tolist(), strict=True)
        for number, (load, spread) in enumerate(loads, start=1):
            figures[f"axle_{number}_kn"], figures[f"axle_{number}_sd_kn"] = load, spread
        figures.update(peaks or {})
        words = {"vehicle_class": vehicle_class}
        return BridgeEvent(asset_id, "crossing", key, at, figures, words, self.flags)


def weigh(
    strain_umm: Floats,
    *,
    rate_hz: float,
    line: InfluenceLine,
    passage: Passage,
    share: Sequence[float] | None = None,
    share_spread: float = 0.15,
    is_shared: bool = False,
    rules: WeighingRules | None = None,
) -> Weighing:
    """Gross weight and axle loads of a vehicle.

    Parameters
    ----------
    strain_umm : (n,)
        Strain without its baseline, from before the vehicle enters until after it left [um/m].
    rate_hz
        Sampling rate.
    line
        Influence line of the strain for the lane of the vehicle [um/m per kN].
    passage
        Speed, axle distances and time of entry.
    share : (k,)
        Shares of the axles in the gross weight by class; None takes equal ones.
    share_spread
        Standard deviation of the axle loads of the class about these shares, as a share of them.
    is_shared
        Whether another vehicle is known to have been on the bridge at that time.
    rules
        Where the result is in doubt.

    Raises
    ------
    InsufficientData
        If too few samples have the vehicle on the bridge, or some are missing.
    ModelError
        If line, axle distances, speed or shares make no sense.

    Examples
    --------
    >>> from simulations.monitoring.bwim import Passage
    >>> line = InfluenceLine(7.5, "strain", np.array([0.0, 7.5, 15.0]), np.array([0.0, 0.4, 0.0]))
    >>> time = np.arange(400) / 256
    >>> strain = 60 * np.interp(20 * time, line.x_m, line.y) + 100 * np.interp(
    ...     20 * time - 4.0, line.x_m, line.y)
    >>> found = weigh(strain, rate_hz=256.0, line=line,
    ...               passage=Passage(0.0, 20.0, 0.01, np.array([0.0, 4.0])), share=(0.4, 0.6))
    >>> round(found.gross_kn, 1), found.flags
    (160.0, ())
    """
    rules = rules or WeighingRules()
    shares = _checked(line, passage, share)
    effect = effects(len(strain_umm), rate_hz=rate_hz, line=line, passage=passage)
    is_on = np.any(effect != 0.0, axis=1)
    if np.count_nonzero(is_on) < rules.least_samples or not np.all(np.isfinite(strain_umm)):
        raise InsufficientData(
            f"{np.count_nonzero(is_on)} samples hold the vehicle, needed are "
            f"{rules.least_samples}, all of them finite: cut a longer window out of a signal "
            "without gaps"
        )
    free = np.asarray(np.linalg.lstsq(effect, strain_umm, rcond=None)[0], np.float64)
    gross = float(free.sum())
    noise = _noise(effect, strain_umm - effect @ free, rate_hz=rate_hz)
    share_sd = np.hypot(passage.speed_sd, rules.calibration_sd)
    gross_sd = float(np.hypot(np.sqrt(max(noise.sum(), 0.0)), abs(gross) * share_sd))
    axles, axle_sd = _held(
        free, np.asarray(ABSORBED * noise), expected=shares * gross, spread=share_spread
    )
    residual = _rms(strain_umm - effect @ axles) / max(float(np.max(np.abs(effect @ axles))), 1e-12)
    condition = float(np.linalg.cond(effect / np.linalg.norm(effect, axis=0)))
    is_lifted = bool(np.any(free < -LIFTED * np.sqrt(ABSORBED * np.diag(noise))))
    flags = []
    if is_shared or residual > rules.most_residual or is_lifted:
        flags.append("multiple_presence")
    if condition > rules.most_condition:
        flags.append("ill_conditioned")
        axles = axle_sd = np.empty(0)
    return Weighing(gross, gross_sd, axles, axle_sd, residual, condition, tuple(flags))


def effects(samples: int, *, rate_hz: float, line: InfluenceLine, passage: Passage) -> Floats:
    """Strain per kN of each axle at each sample, shape (samples, axles) [um/m per kN]."""
    way = abs(passage.speed_ms) * (np.arange(samples) / rate_hz - passage.enters_s)
    behind = way[:, None] - passage.axle_offset_m
    start, end = float(line.x_m[0]), float(line.x_m[-1])
    place = start + behind if passage.speed_ms > 0.0 else end - behind
    return np.interp(place, line.x_m, line.y, left=0.0, right=0.0)


def _checked(line: InfluenceLine, passage: Passage, share: Sequence[float] | None) -> Floats:
    """Shares that sum to one, after everything else was found sound."""
    offsets = passage.axle_offset_m
    if line.effect != "strain":
        raise ModelError(f"weighing needs an influence line of strain, got one of {line.effect}")
    if len(offsets) == 0 or offsets[0] != 0.0 or np.any(np.diff(offsets) <= 0.0):
        raise ModelError("axle distances have to rise from 0; the first axle is the foremost")
    if not np.isfinite(passage.speed_ms) or passage.speed_ms == 0.0:
        raise ModelError(f"a vehicle at {passage.speed_ms:g} m/s cannot be weighed in motion")
    shares = np.full(len(offsets), 1.0) if share is None else np.array(share, np.float64)
    if shares.shape != offsets.shape or np.any(shares <= 0.0):
        raise ModelError(f"{len(offsets)} axles need as many positive shares, got {share}")
    return shares / shares.sum()


def _held(free: Floats, noise: Floats, *, expected: Floats, spread: float) -> tuple[Floats, Floats]:
    """Axle loads and their standard deviations: least squares held near the class shares.

    Minimum of ``(w - w_ls)' C^-1 (w - w_ls) + (w - w0)' D^-1 (w - w0)``: C is the covariance of
    least squares, D the spread of the class about its shares.
    """
    prior = np.diag((spread * expected) ** 2)
    gain = prior @ np.linalg.pinv(prior + noise)
    variance = np.diag(prior - gain @ prior)
    return expected + gain @ (free - expected), np.sqrt(np.maximum(variance, 0.0))


def _noise(effect: Floats, left: Floats, *, rate_hz: float) -> Floats:
    """Covariance of least squares for residuals with a memory of a quarter of a second [3]_."""
    moment = effect * left[:, None]
    middle = moment.T @ moment
    memory = max(1, round(MEMORY_S * rate_hz))
    for lag in range(1, min(memory, len(left) - 1)):
        part = moment[lag:].T @ moment[:-lag]
        middle += (1.0 - lag / memory) * (part + part.T)
    inverse = np.linalg.pinv(effect.T @ effect)
    return np.asarray(inverse @ middle @ inverse, np.float64)


def _rms(value: Floats) -> float:
    return float(np.sqrt(np.mean(value**2)))
