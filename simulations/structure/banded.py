"""Symmetric positive definite systems with few bands: factored once, solved many times."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_solve_banded, cholesky_banded

from twin.errors import ModelError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SOFTEST = 1e-13
ITERATIONS = 4


@dataclass(frozen=True, slots=True)
class BandedFactor:
    """Cholesky factor of a scaled matrix in LAPACK's lower band storage.

    ``softness`` is about the smallest eigenvalue of the matrix scaled to ones on its diagonal;
    ``softest`` is its eigenvector, in unscaled coordinates.
    """

    bands: Floats
    scale: Floats
    softness: float
    softest: Floats

    def solve(self, right: Floats) -> Floats:
        """Unknowns for one or many right-hand sides, shape of ``right`` (n,) or (n, k)."""
        if not right.size:
            return right.copy()
        columns = right.reshape(len(right), -1) * self.scale[:, None]
        found = np.asarray(cho_solve_banded((self.bands, True), columns, check_finite=False))
        return (found * self.scale[:, None]).reshape(right.shape)


def factored(rows: Ints, columns: Ints, values: Floats, *, size: int) -> BandedFactor | None:
    """Factor of the symmetric matrix with these entries (repeated ones add up).

    None if the matrix is singular beyond doubt; a matrix that is close to it has a ``softness``
    below `SOFTEST`.

    Raises
    ------
    ModelError
        If an entry is not finite.
    """
    if not size:
        return BandedFactor(np.empty((1, 0)), np.empty(0), 1.0, np.empty(0))
    if not np.all(np.isfinite(values)):
        raise ModelError("a stiffness is infinite or not a number; check lengths and stiffnesses")
    lower = rows >= columns
    rows, columns, values = rows[lower], columns[lower], values[lower]
    width = int((rows - columns).max(initial=0))
    flat = np.bincount((rows - columns) * size + columns, values, minlength=(width + 1) * size)
    bands = flat.reshape(width + 1, size)
    if not np.all(bands[0] > 0.0):
        return None
    scale = 1.0 / np.sqrt(bands[0])
    for offset in range(width + 1):
        bands[offset, : size - offset] *= scale[offset:] * scale[: size - offset]
    try:
        factor = np.asarray(
            cholesky_banded(bands, overwrite_ab=True, lower=True, check_finite=False)
        )
    except LinAlgError:
        return None
    softness, softest = _softest(factor, size)
    return BandedFactor(factor, scale, softness, softest * scale)


def _softest(factor: Floats, size: int) -> tuple[float, Floats]:
    """Smallest eigenvalue and its vector by inverse iteration."""
    vector = np.cos(np.arange(size) * 1.7) + 1.5
    vector /= np.linalg.norm(vector)
    growth = 1.0
    for _ in range(ITERATIONS):
        found = np.asarray(cho_solve_banded((factor, True), vector, check_finite=False))
        growth = float(np.linalg.norm(found))
        vector = found / growth
    return 1.0 / growth, vector
