"""A mode of vibration, and how alike two shapes are. Pure.

References
----------
.. [1] "A correlation coefficient for modal vector analysis", Proc. 1st
   International Modal Analysis Conference, 1982, 110-116.
.. [2] "Consistent-mode indicator for the eigensystem
   realization algorithm", Journal of Guidance, Control, and Dynamics 16 (1993) 852-858.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]


@dataclass(frozen=True, slots=True)
class Mode:
    """A mode as one recording shows it.

    Parameters
    ----------
    frequency_hz, damping
        Natural frequency [Hz] and share of critical damping [-].
    frequency_sd_hz, damping_sd
        Standard deviation of either that the random excitation leaves; NaN where the recording
        has too few parts to tell.
    shape : (channels,)
        Largest component 1; complex, since the estimate is. ``[1]`` from a single channel, which
        says nothing.
    collinearity
        Modal phase collinearity: 1 for a shape of one phase.
    presence
        Share of the model orders in which the mode was stable.
    frequency_spread_hz, damping_spread
        Standard deviation over the model orders; says how sure the selection is, not the estimate.
    """

    frequency_hz: float
    damping: float
    frequency_sd_hz: float
    damping_sd: float
    shape: Complexes
    collinearity: float
    presence: float
    frequency_spread_hz: float
    damping_spread: float


def mac(one: Complexes, other: Complexes) -> Floats:
    r"""Modal assurance criterion of every pair of two sets of shapes [1]_.

    :math:`|a^H b|^2 / ((a^H a)(b^H b))`, between 0 and 1.

    Parameters
    ----------
    one, other : (n, channels) and (m, channels)
        Shapes, one a row.

    Returns
    -------
    (n, m)

    Examples
    --------
    >>> first, second = np.array([[1, 1j]]), np.array([[2, 2j], [1, -1j]])
    >>> mac(first, second)
    array([[1., 0.]])
    """
    product = np.abs(one.conj() @ other.T) ** 2
    sizes = np.outer(_squares(one), _squares(other))
    return product / np.maximum(sizes, np.finfo(float).tiny)


def collinearity(shapes: Complexes) -> Floats:
    """Modal phase collinearity of shapes [2]_: 1 if all components have one phase.

    :math:`((S_xx - S_yy)^2 + 4 S_xy^2)/(S_xx + S_yy)^2` with the sums over real and imaginary
    parts. The components are not centred, unlike in [2]_: a shape that is equal everywhere has a
    phase as well.

    Parameters
    ----------
    shapes : (n, channels)

    Returns
    -------
    (n,)

    Examples
    --------
    >>> collinearity(np.array([[1 + 1j, 2 + 2j], [1, 1j]]))
    array([1., 0.])
    """
    xx = np.sum(shapes.real**2, axis=1)
    yy = np.sum(shapes.imag**2, axis=1)
    xy = np.sum(shapes.real * shapes.imag, axis=1)
    return ((xx - yy) ** 2 + 4.0 * xy**2) / np.maximum((xx + yy) ** 2, np.finfo(float).tiny)


def unit_shapes(shapes: Complexes) -> Complexes:
    """Shapes whose largest component is 1, shape (n, channels).

    Examples
    --------
    >>> unit_shapes(np.array([[1j, 2j]]))
    array([[0.5+0.j, 1. +0.j]])
    """
    largest = np.argmax(np.abs(shapes), axis=1)
    return shapes / shapes[np.arange(len(shapes)), largest][:, None]


def mean_shape(shapes: Complexes) -> Complexes:
    """The shape that all of a set are most like: leading singular vector, largest component 1.

    Examples
    --------
    >>> abs(mean_shape(np.array([[1, 2], [1j, 2j]]))).round(12)
    array([0.5, 1. ])
    """
    lengths = np.sqrt(_squares(shapes))[:, None]
    _, _, rows = np.linalg.svd(shapes / lengths, full_matrices=False)
    return unit_shapes(rows[:1])[0]


def scaled(mode: Mode, factors: Floats) -> Mode:
    """The mode with its shape in units of channels that were divided by factors (channels,)."""
    shapes = unit_shapes((mode.shape * factors)[None])
    return replace(mode, shape=shapes[0], collinearity=float(collinearity(shapes)[0]))


def _squares(shapes: Complexes) -> Floats:
    return np.sum(shapes.real**2 + shapes.imag**2, axis=1)
