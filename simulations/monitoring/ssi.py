"""Covariance-driven stochastic subspace identification. Pure.

Covariances over lags come from Fourier transforms of short segments, so exactly and without a
product across a gap; one singular value decomposition serves all model orders.

References
----------
.. [1] "Reference-based stochastic subspace identification for output-only
   modal analysis", Mechanical Systems and Signal Processing 13 (1999) 855-878.
.. [2] "Efficient multi-order uncertainty computation for stochastic subspace
   identification", Mechanical Systems and Signal Processing 38 (2013) 346-366.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, linalg

from simulations.monitoring.modes import Complexes, Floats, unit_shapes

BLOCK_ROWS = 30
LARGEST_ORDER = 40
# Parts of the recording whose scatter gives the standard deviations.
PARTS = 24
# A segment is this many times longer than the lags, so that little of a transform is padding.
SEGMENT_LAGS = 8
SMALLEST_TRANSFORM = 512


@dataclass(frozen=True, slots=True)
class Covariances:
    """Covariances of all channels over lags.

    Parameters
    ----------
    mean : (lags + 1, channels, channels)
        ``mean[k, i, j]`` is the mean of y_i(t + k) y_j(t).
    parts : (parts, lags + 1, channels, channels)
        The same from successive parts of the recording, whose weighted mean it is.
    weights : (parts,)
        Share of each part in the samples.
    """

    mean: Floats
    parts: Floats
    weights: Floats


@dataclass(frozen=True, slots=True)
class Subspace:
    """Leading singular triplets of the block Toeplitz matrix, and its shifted observability.

    Parameters
    ----------
    observability : (block_rows * channels, n)
        Left singular vectors times the roots of the singular values.
    weights : (block_rows * channels, n)
        Right singular vectors over the roots: ``Toeplitz @ weights == observability``.
    upper, shifted : (n, n)
        Triangle of the observability without its last block, and what the one without its first
        block is in the same basis.
    basis : ((block_rows - 1) * channels, n)
        Orthonormal columns of that triangle.
    """

    observability: Floats
    weights: Floats
    upper: Floats
    shifted: Floats
    basis: Floats
    channels: int
    rate_hz: float


@dataclass(frozen=True, slots=True)
class Poles:
    """Oscillating poles of all model orders, one row each; of a conjugate pair the upper one.

    Parameters
    ----------
    order : (poles,)
        Model order.
    root : (poles,)
        Eigenvalue of the discrete system.
    frequency_hz, damping : (poles,)
        Natural frequency [Hz] and share of critical damping [-].
    shape : (poles, channels)
        Largest component 1.
    """

    order: NDArray[np.int64]
    root: Complexes
    frequency_hz: Floats
    damping: Floats
    shape: Complexes

    def __len__(self) -> int:
        return len(self.order)

    def rows(self, chosen: NDArray) -> "Poles":
        """The poles of some rows or of a mask."""
        return Poles(
            self.order[chosen],
            self.root[chosen],
            self.frequency_hz[chosen],
            self.damping[chosen],
            self.shape[chosen],
        )


def covariances(blocks: Sequence[Floats], *, lags: int, parts: int = PARTS) -> Covariances:
    """Covariances over ``lags`` lags, averaged over the products that lie inside the blocks.

    Each product y(t + k) y(t) of a block counts once, none across blocks; the sum is over exactly
    as many products as there are, so that the mean is unbiased.

    Parameters
    ----------
    blocks : each (samples, channels)
        Gap-free samples about their mean.

    Examples
    --------
    >>> ramp = np.arange(4.0)[:, None]
    >>> covariances([ramp], lags=1).mean[:, 0, 0]  # (0 + 1 + 4 + 9)/4, (0 + 2 + 6)/3
    array([3.5       , 2.66666667])
    """
    longest = max(len(block) for block in blocks)
    wanted = max(SMALLEST_TRANSFORM, 1 << ((SEGMENT_LAGS + 1) * lags - 1).bit_length())
    size = min(wanted, fft.next_fast_len(longest + lags, real=True))
    segments = [
        (block, begin) for block in blocks for begin in range(0, len(block), max(1, size - lags))
    ]
    groups = np.array_split(np.arange(len(segments)), min(parts, len(segments)))
    sums, counts = [], []
    for group in groups:
        chosen = [segments[index] for index in group]
        sums.append(_products(chosen, size=size, lags=lags))
        counts.append(_counts(chosen, size=size, lags=lags))
    total, products = np.sum(counts, axis=0), np.array(counts)
    weights = products[:, 0] / total[0]
    each = np.array(sums) / np.maximum(products, 1.0)[:, :, None, None]
    return Covariances(np.sum(sums, axis=0) / total[:, None, None], each, weights)


def _products(segments: Sequence[tuple[Floats, int]], *, size: int, lags: int) -> Floats:
    """Sums of products over lags (lags + 1, channels, channels) that start in the segments."""
    channels = segments[0][0].shape[1]
    early = np.zeros((channels, len(segments), size))
    late = np.zeros_like(early)
    for row, (block, begin) in enumerate(segments):
        first, second = block[begin : begin + size - lags].T, block[begin : begin + size].T
        early[:, row, : first.shape[1]] = first
        late[:, row, : second.shape[1]] = second
    one = np.moveaxis(fft.rfft(early, axis=2), 2, 0).conj()
    other = np.moveaxis(fft.rfft(late, axis=2), 2, 0)
    spectrum = np.matmul(other, one.transpose(0, 2, 1))
    return fft.irfft(spectrum, size, axis=0)[: lags + 1]


def _counts(segments: Sequence[tuple[Floats, int]], *, size: int, lags: int) -> Floats:
    """Number of products per lag that start in the segments, shape (lags + 1,)."""
    steps = np.arange(lags + 1)
    starts = np.array([min(len(block) - begin, size - lags) for block, begin in segments])
    inside = np.array([len(block) - begin for block, begin in segments])
    return np.minimum(starts[:, None], np.maximum(inside[:, None] - steps, 0)).sum(axis=0) * 1.0


def subspace(
    table: Covariances,
    rate_hz: float,
    *,
    block_rows: int = BLOCK_ROWS,
    largest_order: int = LARGEST_ORDER,
) -> Subspace:
    """Singular triplets of the block Toeplitz matrix with blocks R(block_rows + i - j) [1]_.

    Parameters
    ----------
    table
        Covariances over at least ``2 * block_rows - 1`` lags.
    """
    channels = table.mean.shape[1]
    left, values, right = np.linalg.svd(toeplitz(table.mean, block_rows), full_matrices=False)
    enough = values > np.finfo(float).eps * len(values) * values[0]
    count = min(largest_order, int(enough.sum()), (block_rows - 1) * channels)
    roots = np.sqrt(values[:count])
    observability = left[:, :count] * roots
    basis, upper = np.linalg.qr(observability[:-channels])
    shifted = basis.T @ observability[channels:]
    weights = right[:count].T / roots
    return Subspace(observability, weights, upper, shifted, basis, channels, rate_hz)


def toeplitz(table: Floats, block_rows: int) -> Floats:
    """Block Toeplitz matrix of covariances (lags + 1, channels, channels).

    Examples
    --------
    >>> toeplitz(np.arange(4.0)[:, None, None], 2)
    array([[2., 1.],
           [3., 2.]])
    """
    step = np.arange(block_rows)
    blocks = table[block_rows + step[:, None] - step[None, :]]
    size = block_rows * table.shape[1]
    return blocks.transpose(0, 2, 1, 3).reshape(size, size)


def system_poles(space: Subspace, orders: Sequence[int] | None = None) -> Poles:
    """Oscillating poles of the system at every model order; by default all even ones.

    With O the observability of an order, A = pinv(O without last block) (O without first block)
    and C the first block of O; s = rate ln eig(A), f = abs(s)/2 pi, damping = -Re s/abs(s).
    """
    count = space.upper.shape[0]
    chosen = range(2, count + 1, 2) if orders is None else orders
    found = [_poles_of(space, order) for order in chosen if order <= count]
    columns = zip(*found, strict=True)
    order, root, shape = (np.concatenate(column) for column in columns)
    rate = space.rate_hz * np.log(root)
    size = np.abs(rate)
    return Poles(order, root, size / (2.0 * np.pi), -rate.real / size, unit_shapes(shape))


def _poles_of(space: Subspace, order: int) -> tuple[NDArray, Complexes, Complexes]:
    root, vectors = np.linalg.eig(_system(space, order))
    is_upper = (root.imag > 0.0) & (np.abs(root) > np.finfo(float).eps)
    shapes = space.observability[: space.channels, :order] @ vectors[:, is_upper]
    return (
        np.full(int(is_upper.sum()), order),
        root[is_upper].astype(complex),
        shapes.T.astype(complex),
    )


def _system(space: Subspace, order: int) -> Floats:
    return _solved(space, space.shifted[:order, :order])


def _solved(space: Subspace, right: Floats) -> Floats:
    """What the triangle of an order, the rows of ``right``, turns into ``right``."""
    order = len(right)
    return np.asarray(
        linalg.solve_triangular(space.upper[:order, :order], right, check_finite=False)
    )


def _vectors(matrix: Floats, roots: Complexes) -> Complexes:
    """Eigenvectors of the eigenvalues next to some roots, one a column."""
    values, vectors = np.linalg.eig(matrix)
    nearest = np.argmin(np.abs(values[None, :] - roots[:, None]), axis=1)
    return vectors[:, nearest].astype(complex)


def deviations(
    space: Subspace, table: Covariances, *, order: int, roots: Complexes
) -> tuple[Floats, Floats]:
    """Standard deviations of frequency [Hz] and damping of poles, from the parts' scatter.

    First order, after [2]_ with the right singular vectors held: any fixed weighting of the
    Toeplitz matrix finds the poles, so that its scatter at the fixed one is theirs.

    Parameters
    ----------
    order
        Model order of the poles.
    roots : (poles,)
        Their eigenvalues.

    Returns
    -------
    (poles,) and (poles,)
        NaN with fewer than three parts.
    """
    if len(table.weights) < 3:  # noqa: PLR2004 - a scatter needs them
        return np.full(len(roots), np.nan), np.full(len(roots), np.nan)
    system = _system(space, order)
    left, right = _vectors(system.T, roots), _vectors(system, roots)
    first = left.T @ _solved(space, space.basis[:, :order].T)
    first /= np.sum(left * right, axis=0)[:, None]
    second = (space.weights[:, :order] @ right).T
    change = _root_changes(table.parts - table.mean, first, second, roots)
    rate = space.rate_hz * np.log(roots)
    slope = space.rate_hz * change / roots
    size = np.abs(rate)
    growth = (rate.conj() * slope).real / size
    damping = (rate.real / size * growth - slope.real) / size
    return (
        _weighted_sd(growth / (2.0 * np.pi), table.weights),
        _weighted_sd(damping, table.weights),
    )


def _root_changes(
    offset: Floats, first: Complexes, second: Complexes, roots: Complexes
) -> Complexes:
    """What the offset of each part of the covariances does to eigenvalues, (parts, poles).

    That of A is pinv(O up) (d O down - root d O up), and d O = d Toeplitz weights. The bilinear
    form with the Toeplitz matrix is one with the covariances, lag by lag.
    """
    channels, poles = offset.shape[2], len(roots)
    pad = np.zeros((poles, channels))
    rows = np.hstack((pad, first)) - roots[:, None] * np.hstack((first, pad))
    rows, columns = rows.reshape(poles, -1, channels), second.reshape(poles, -1, channels)
    count = rows.shape[1]
    kernel = np.zeros((poles, 2 * count, channels, channels), complex)
    for step in range(count):  # block (i, j) holds the lag count + i - j
        outer = rows[:, :, :, None] * columns[:, step, None, None, :]
        kernel[:, count - step : 2 * count - step] += outer
    lags = min(offset.shape[1], 2 * count)
    flat = kernel[:, :lags].reshape(poles, -1)
    return np.asarray(offset[:, :lags].reshape(len(offset), -1) @ flat.T, complex)


def _weighted_sd(values: Floats, weights: Floats) -> Floats:
    """Standard deviation of the weighted mean of parts (parts, n), shape (n,)."""
    scatter = weights**2 @ (values - weights @ values) ** 2
    return np.sqrt(scatter / (1.0 - np.sum(weights**2)))
