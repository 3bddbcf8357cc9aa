"""How the columns of a graph look to compiled kernels: contiguous, and read-only where read.

A kernel with an explicit signature accepts the frozen arrays of a ``RoadGraph`` only if its
signature says that it reads them; writable arrays fit both.
"""

import numpy as np
from numba import types
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IdArray = NDArray[np.int64]
IndexArray = NDArray[np.int32]
BoolArray = NDArray[np.bool_]
ByteArray = NDArray[np.uint8]
MaskArray = NDArray[np.uint32]

READ_FLOAT = types.Array(types.float64, 1, "C", readonly=True)
READ_ID = types.Array(types.int64, 1, "C", readonly=True)
READ_INDEX = types.Array(types.int32, 1, "C", readonly=True)
READ_BYTE = types.Array(types.uint8, 1, "C", readonly=True)
READ_BOOL = types.Array(types.boolean, 1, "C", readonly=True)
WRITE_FLOAT = types.Array(types.float64, 1, "C")
WRITE_ID = types.Array(types.int64, 1, "C")
WRITE_INDEX = types.Array(types.int32, 1, "C")
