"""Time on a link as a function of its volume, with derivative and integral, for compiled loops.

The functions take the code of ``twin.model.network.CostFunction`` and its parameters; the volume
is in car units an hour with the preload. A volume below zero counts as zero. They check nothing:
``simulations.traffic.validation`` has looked at every parameter before.
"""

# ruff: noqa: PLR0917 - compiled functions take their arguments by position alone
# ruff: noqa: ARG001 - the third parameter waits for a function that needs it

from math import asinh, inf, isfinite, log1p, sqrt

from numba import njit, types

from simulations.traffic.arrays import (
    READ_BYTE,
    READ_FLOAT,
    WRITE_FLOAT,
    BoolArray,
    ByteArray,
    FloatArray,
)
from twin.model.network import CostFunction

_LINEAR = int(CostFunction.LINEAR)
_BPR = int(CostFunction.BPR)
_CONICAL = int(CostFunction.CONICAL)
_AKCELIK = int(CostFunction.AKCELIK)
_QUARTER_HOUR_S = 900.0
_USUAL_EXPONENT = 4.0

_F = types.float64
_SCALARS = (types.int64, _F, _F, _F, _F, _F, _F)
_COLUMNS = (READ_BYTE, *(READ_FLOAT,) * 6, WRITE_FLOAT)


@njit(_F(_F, _F), cache=True, nogil=True)
def _power(z: float, exponent: float) -> float:
    if exponent == _USUAL_EXPONENT:
        return z * z * z * z
    return z**exponent


@njit(types.UniTuple(_F, 2)(_F, _F), cache=True, nogil=True)
def _conical(z: float, steepness: float) -> tuple[float, float]:
    """Value and derivative of the conical function ("Conical volume-delay functions", 1990)."""
    a, u = steepness, 1.0 - z
    q = (2.0 * a - 1.0) / (2.0 * a - 2.0)
    root = sqrt(a * a * u * u + q * q)
    # root - a u without cancelling digits below capacity
    rise = q * q / (root + a * u) if u > 0.0 else root - a * u
    return 2.0 + rise - q, a * rise / root


@njit(_F(_F, _F), cache=True, nogil=True)
def _conical_integral(z: float, steepness: float) -> float:
    a, u = steepness, 1.0 - z
    q = (2.0 * a - 1.0) / (2.0 * a - 2.0)
    whole = sqrt(a * a + q * q) + q * q / a * asinh(a / q)
    rest = u * sqrt(a * a * u * u + q * q) + q * q / a * asinh(a * u / q)
    return (2.0 - q) * z - a * z + 0.5 * a * z * z + 0.5 * (whole - rest)


@njit(types.UniTuple(_F, 2)(_F, _F), cache=True, nogil=True)
def _akcelik(z: float, bend: float) -> tuple[float, float]:
    """Value and derivative of the delay term D of the Akcelik function."""
    root = sqrt((z - 1.0) * (z - 1.0) + bend * z)
    # (z - 1) + root without cancelling digits below capacity
    delay = bend * z / (root + 1.0 - z) if z < 1.0 else z - 1.0 + root
    return delay, (delay + 0.5 * bend) / root


@njit(_F(_F, _F), cache=True, nogil=True)
def _akcelik_integral(z: float, bend: float) -> float:
    # z^2/2 - z + H(z) - H(0) of the specification, with S = D + 1 - z put in: no large terms cancel
    delay = _akcelik(z, bend)[0]
    logarithm = bend * (1.0 - 0.25 * bend) * log1p(2.0 * delay / bend)
    return 0.5 * ((z + 0.5 * bend - 1.0) * delay - 0.5 * bend * z + logarithm)


@njit(types.UniTuple(_F, 2)(*_SCALARS), cache=True, nogil=True)
def time_and_slope_s(
    fn: int, p0: float, p1: float, p2: float, t0: float, capacity: float, x: float
) -> tuple[float, float]:
    """Time [s] and its derivative [s per car unit and hour] at volume ``x`` in one go.

    Examples
    --------
    >>> time_and_slope_s(2, 0.15, 4.0, 0.0, 60.0, 1800.0, 1800.0)
    (69.0, 0.02)
    """
    x = max(x, 0.0)
    if fn == _BPR:
        z = x / capacity
        if p1 == _USUAL_EXPONENT:
            cube = z * z * z
            return t0 + t0 * p0 * (cube * z), t0 * p0 * 4.0 * cube / capacity
        slope = 0.0 if p1 == 0.0 else t0 * p0 * p1 * z ** (p1 - 1.0) / capacity
        return t0 + t0 * p0 * z**p1, slope
    if fn == _CONICAL:
        value, derivative = _conical(x / capacity, p0)
        return t0 * value, t0 * derivative / capacity
    if fn == _AKCELIK:
        delay, derivative = _akcelik(x / capacity, 8.0 * p1 / (capacity * p0))
        scale = _QUARTER_HOUR_S * p0
        return t0 + scale * delay, scale * derivative / capacity
    if fn == _LINEAR:
        return t0 + p0 * x, p0
    return t0, 0.0


@njit(_F(*_SCALARS), cache=True, nogil=True)
def time_s(fn: int, p0: float, p1: float, p2: float, t0: float, capacity: float, x: float) -> float:
    """Time on a link [s] at volume ``x`` [car units/h].

    Parameters
    ----------
    fn : int
        Code of ``CostFunction``.
    p0, p1, p2 : float
        Parameters of that function.
    t0 : float
        Time of the formula on the empty link [s].
    capacity : float
        [car units/h]; positive unless ``fn`` is ``FIXED`` or ``LINEAR``.
    x : float
        Volume with preload [car units/h].

    References
    ----------
    .. [1] Bureau of Public Roads, "Traffic Assignment Manual", 1964.
    .. [2] "Conical volume-delay functions", Transportation Science 24, 1990.
    .. [3] "Travel time functions for transport planning purposes", Australian Road
       Research 21, 1991.

    Examples
    --------
    >>> time_s(2, 0.15, 4.0, 0.0, 60.0, 1800.0, 1800.0)
    69.0
    """
    x = max(x, 0.0)
    if fn == _BPR:
        return t0 + t0 * p0 * _power(x / capacity, p1)
    return time_and_slope_s(fn, p0, p1, p2, t0, capacity, x)[0]


@njit(_F(*_SCALARS), cache=True, nogil=True)
def slope_s(
    fn: int, p0: float, p1: float, p2: float, t0: float, capacity: float, x: float
) -> float:
    """Derivative of the time by the volume [s per car unit and hour]; see ``time_s``.

    Examples
    --------
    >>> slope_s(1, 0.5, 0.0, 0.0, 20.0, 0.0, 7.0)
    0.5
    """
    return time_and_slope_s(fn, p0, p1, p2, t0, capacity, x)[1]


@njit(_F(*_SCALARS), cache=True, nogil=True)
def integral(
    fn: int, p0: float, p1: float, p2: float, t0: float, capacity: float, x: float
) -> float:
    """Integral of the time from 0 to ``x`` [s car units/h], the share of a link in Beckmann's Z.

    Examples
    --------
    >>> integral(1, 0.5, 0.0, 0.0, 20.0, 0.0, 4.0)
    84.0
    """
    x = max(x, 0.0)
    if fn == _BPR:
        return t0 * x * (1.0 + p0 * _power(x / capacity, p1) / (p1 + 1.0))
    if fn == _CONICAL:
        return t0 * capacity * _conical_integral(x / capacity, p0)
    if fn == _AKCELIK:
        delay = _akcelik_integral(x / capacity, 8.0 * p1 / (capacity * p0))
        return t0 * x + _QUARTER_HOUR_S * p0 * capacity * delay
    if fn == _LINEAR:
        return t0 * x + 0.5 * p0 * x * x
    return t0 * x


@njit(types.void(*_COLUMNS), cache=True, nogil=True)
def times(
    fn: ByteArray,
    p0: FloatArray,
    p1: FloatArray,
    p2: FloatArray,
    t0: FloatArray,
    capacity: FloatArray,
    x: FloatArray,
    out: FloatArray,
) -> None:
    """Write the time on every link [s] into ``out``; columns of a ``RoadGraph``, see ``time_s``.

    Examples
    --------
    >>> import numpy as np
    >>> out = np.empty(1)
    >>> one = np.ones(1)
    >>> times(np.ones(1, np.uint8), 0.5 * one, one, one, 20.0 * one, one, 4.0 * one, out)
    >>> out
    array([22.])
    """
    for a in range(fn.size):
        out[a] = time_s(fn[a], p0[a], p1[a], p2[a], t0[a], capacity[a], x[a])


@njit(types.void(*_COLUMNS), cache=True, nogil=True)
def slopes(
    fn: ByteArray,
    p0: FloatArray,
    p1: FloatArray,
    p2: FloatArray,
    t0: FloatArray,
    capacity: FloatArray,
    x: FloatArray,
    out: FloatArray,
) -> None:
    """Write the derivative on every link into ``out``; see ``slope_s``."""
    for a in range(fn.size):
        out[a] = slope_s(fn[a], p0[a], p1[a], p2[a], t0[a], capacity[a], x[a])


@njit(types.void(*_COLUMNS), cache=True, nogil=True)
def integrals(
    fn: ByteArray,
    p0: FloatArray,
    p1: FloatArray,
    p2: FloatArray,
    t0: FloatArray,
    capacity: FloatArray,
    x: FloatArray,
    out: FloatArray,
) -> None:
    """Write the integral on every link into ``out``; see ``integral``."""
    for a in range(fn.size):
        out[a] = integral(fn[a], p0[a], p1[a], p2[a], t0[a], capacity[a], x[a])


@njit(
    types.void(READ_BYTE, *(READ_FLOAT,) * 6, _F, types.Array(types.boolean, 1, "C")),
    cache=True, nogil=True,
)  # fmt: skip
def find_falling(
    fn: ByteArray,
    p0: FloatArray,
    p1: FloatArray,
    p2: FloatArray,
    t0: FloatArray,
    capacity: FloatArray,
    ratios: FloatArray,
    rounding: float,
    falls: BoolArray,
) -> None:
    """Mark links whose time falls, or is no number, at one of these ratios of volume and capacity.

    A link of infinite capacity is tried at the ratios themselves; a time may fall by the share
    ``rounding``.
    """
    for a in range(fn.size):
        before, scale = 0.0, capacity[a] if isfinite(capacity[a]) else 1.0
        for z in ratios:
            now = time_s(fn[a], p0[a], p1[a], p2[a], t0[a], capacity[a], z * scale)
            if not (now >= before * (1.0 - rounding) and now < inf):
                falls[a] = True
                break
            before = now
