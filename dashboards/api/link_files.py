"""Columns per link as files."""

import csv
import io
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

LINK_FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "npz": "application/octet-stream",
}


def link_file(columns: Mapping[str, NDArray[np.generic]], form: str) -> bytes:
    r"""Columns as ``csv`` or ``parquet``; a column with rows per class becomes one per class.

    Examples
    --------
    >>> link_file({"link_id": np.array([7]), "base_vehh": np.array([1.5])}, "csv")
    b'link_id,base_vehh\r\n7,1.5\r\n'
    """
    flat = _flat(columns)
    return _parquet(flat) if form == "parquet" else _csv(flat)


def _flat(columns: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
    flat: dict[str, NDArray[np.generic]] = {}
    for name, column in columns.items():
        if column.ndim == 1:
            flat[name] = column
        else:
            flat |= {f"{name}_{row}": column[row] for row in range(column.shape[0])}
    return flat


def _csv(columns: Mapping[str, NDArray[np.generic]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
    return text.getvalue().encode()


def _parquet(columns: Mapping[str, NDArray[np.generic]]) -> bytes:
    import pyarrow as pa  # noqa: PLC0415 - the web server starts without it
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    sink = io.BytesIO()
    pq.write_table(pa.table({name: pa.array(column) for name, column in columns.items()}), sink)
    return sink.getvalue()
