"""Trip matrices in the Open Matrix format (OMX 0.2, an HDF5 file); needs the extra ``omx``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from twin.errors import DecodeError, DemandError
from twin.model.traffic import Demand, VehicleClass

_SQUARE = 2


@dataclass(frozen=True, slots=True, eq=False)
class OmxFile:
    """Matrices by name, and the zone numbers of rows and columns by name of the mapping."""

    matrices: Mapping[str, NDArray[np.float64]]
    mappings: Mapping[str, NDArray[np.int64]]


def read_omx(file: Path, *, names: Sequence[str] = ()) -> OmxFile:
    """The named matrices of a file, or all of them, with every mapping.

    Raises
    ------
    DecodeError
        If the extra is not installed, or the file is not OMX, lacks a matrix, or holds one that is
        not square or not of the size that the file states.
    """
    try:
        import h5py  # noqa: PLC0415 - an extra
    except ImportError:
        raise DecodeError("OMX needs an extra: pip install 'stadtzwilling[omx]'") from None
    try:
        with h5py.File(file, "r") as content:
            if not isinstance(content.get("data"), h5py.Group):
                raise DecodeError(f"{file} is HDF5 but not OMX: it has no group 'data'")
            found = {name: item[()] for name, item in content["data"].items()}
            lookup = content.get("lookup") or {}
            mappings = {name: np.asarray(item[()]) for name, item in lookup.items()}
            shape = tuple(int(size) for size in content.attrs.get("SHAPE", ()))
    except OSError as error:
        raise DecodeError(f"{file} cannot be read as OMX: {error}") from None
    missing = sorted(set(names) - set(found))
    if missing:
        raise DecodeError(f"{file} has no matrix {', '.join(missing)}; it has {sorted(found)}")
    kept = {name: _checked(file, name, found[name], shape) for name in names or sorted(found)}
    return OmxFile(kept, {name: _zones(file, name, item) for name, item in mappings.items()})


def _checked(file: Path, name: str, values: object, shape: tuple[int, ...]) -> NDArray[np.float64]:
    matrix = np.asarray(values)
    if matrix.dtype.kind not in "fiu":
        raise DecodeError(f"{file}, matrix {name!r}: holds {matrix.dtype}, not numbers")
    if matrix.ndim != _SQUARE or matrix.shape[0] != matrix.shape[1]:
        raise DecodeError(f"{file}, matrix {name!r}: must be square, has shape {matrix.shape}")
    if shape and shape != matrix.shape:
        raise DecodeError(
            f"{file}, matrix {name!r}: has shape {matrix.shape}, the file states {shape}"
        )
    return matrix.astype(np.float64)


def _zones(file: Path, name: str, values: NDArray) -> NDArray[np.int64]:
    if values.dtype.kind not in "iu" or np.unique(values).size != values.size:
        raise DecodeError(f"{file}, mapping {name!r}: zone numbers must be integers, each once")
    return values.astype(np.int64)


def demand_of(
    matrices: Mapping[str, NDArray[np.float64]],
    *,
    classes: Mapping[str, VehicleClass],
    zones: NDArray[np.int64],
) -> Demand:
    """Trips of one matrix per class as demand; cells of 0 are left out.

    Parameters
    ----------
    matrices : by name, (zones, zones)
        Vehicles an hour from row to column.
    classes
        Vehicle class by name of the matrix.
    zones : (zones,)
        Node id of every row and column.

    Raises
    ------
    DemandError
        If a matrix is missing, of another size than ``zones``, or holds negative or missing
        values; lists all problems.

    Examples
    --------
    >>> demand = demand_of(
    ...     {"car": np.array([[0.0, 5.0], [2.0, 0.0]])},
    ...     classes={"car": VehicleClass("car", bit=0)},
    ...     zones=np.array([7, 9]),
    ... )
    >>> demand.origin.tolist(), demand.destination.tolist(), demand.flow_vehh.tolist()
    ([7, 9], [9, 7], [5.0, 2.0])
    """
    problems = [line for name in classes for line in _problems(name, matrices, zones.size)]
    if problems:
        raise DemandError("trip matrices cannot be used:\n- " + "\n- ".join(problems))
    parts = []
    for index, name in enumerate(classes):
        row, column = np.nonzero(matrices[name])
        flow = matrices[name][row, column]
        parts.append((np.full(flow.size, index, np.uint8), zones[row], zones[column], flow))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Demand(tuple(classes.values()), columns[0], columns[1], columns[2], columns[3])


def _problems(name: str, matrices: Mapping[str, NDArray[np.float64]], size: int) -> list[str]:
    if name not in matrices:
        return [f"matrix {name!r} is missing, there are {sorted(matrices)}"]
    matrix = matrices[name]
    if matrix.shape != (size, size):
        return [f"matrix {name!r} has shape {matrix.shape}, there are {size} zones"]
    wrong = np.argwhere(~(np.isfinite(matrix) & (matrix >= 0.0)))
    if not wrong.size:
        return []
    row, column = wrong[0].tolist()
    first = f"the first in row {row}, column {column}: {matrix[row, column]:g}"
    return [f"matrix {name!r} has {len(wrong)} negative or missing values, {first}"]
