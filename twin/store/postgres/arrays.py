"""Columns of readings as three arrays in one row: a COPY is handed over row by row."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.store.postgres.binary import EPOCH_SHIFT_US
from twin.store.postgres.connections import Connection
from twin.store.postgres.queries import query

_ARRAY = {"t": ">i8", "v": ">f8", "q": ">i2"}
WITH_NUMBER = {**_ARRAY, "ds": ">i4"}
_ARRAY_HEADER_BYTES = 20


def select_arrays(
    connection: Connection,
    name: str,
    values: Mapping[str, object],
    *,
    kinds: Mapping[str, str] = _ARRAY,
) -> Mapping[str, NDArray[Any]]:
    """Columns t, v, q from three arrays in one row, without an object per value.

    ``kinds`` names other columns, with their types as PostgreSQL sends them.
    """
    cursor = connection.cursor(binary=True)
    cursor.execute(query(name), values, prepare=False)
    answer = cursor.pgresult
    cells = [None if answer is None else answer.get_value(0, at) for at in range(len(kinds))]
    columns = {
        key: _elements(b"" if cell is None else bytes(cell), kind)
        for (key, kind), cell in zip(kinds.items(), cells, strict=True)
    }
    columns["t"] += EPOCH_SHIFT_US
    return columns


def _elements(array: bytes, kind: str) -> NDArray[Any]:
    """Elements of a one-dimensional array without NULLs in PostgreSQL's binary format."""
    element = np.dtype([("size", ">i4"), ("value", kind)])
    rows = np.frombuffer(array[_ARRAY_HEADER_BYTES:], element)
    return rows["value"].astype(np.dtype(kind).newbyteorder("="))
