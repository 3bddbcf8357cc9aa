"""Dataclasses of columns as bytes: an npz file without pickle, read back by their types."""

import dataclasses
import io
import json
import types
import typing
import zipfile
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from twin.errors import ModelError

Kind = TypeVar("Kind")
Arrays = dict[str, NDArray[np.generic]]

DOCUMENT = "document"
_COMPRESSION = 1


def pack(value: object) -> bytes:
    """Bytes of a dataclass whose fields are arrays, plain values, or such dataclasses.

    Every array is a member of the npz file under its path, such as ``network.tail``; all else is
    JSON in the member ``document``. Equal values give equal bytes.

    Raises
    ------
    ModelError
        If a value is of another kind; names where it stands.

    Examples
    --------
    >>> from twin.model.network import Turns
    >>> unpack(pack(Turns()), Turns).in_link
    array([], dtype=int64)
    """
    document, arrays = flatten(value)
    return pack_columns({**arrays, DOCUMENT: np.frombuffer(document.encode(), np.uint8)})


def unpack(content: bytes, kind: type[Kind]) -> Kind:
    """Dataclass from the bytes that `pack` made; its arrays are read-only.

    Raises
    ------
    ModelError
        If the bytes are damaged or were made by another version of the class; says which.
    """
    arrays = unpack_columns(content)
    if DOCUMENT not in arrays:
        raise ModelError(f"stored {kind.__name__} is damaged: it has no member {DOCUMENT!r}")
    return restore(arrays[DOCUMENT].tobytes().decode(), arrays, kind)


def pack_columns(columns: Mapping[str, NDArray[np.generic]]) -> bytes:
    """Named arrays as the bytes of an npz file; objects are refused.

    Examples
    --------
    >>> list(unpack_columns(pack_columns({"flow": np.array([1.5])})))
    ['flow']
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=_COMPRESSION) as archive:
        for name, column in columns.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(column), allow_pickle=False)
    return buffer.getvalue()


def unpack_columns(content: bytes) -> Arrays:
    """Named arrays from the bytes that `pack_columns` made, read-only.

    Raises
    ------
    ModelError
        If the bytes are no npz file.
    """
    arrays: Arrays = {}
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            for name in archive.files:
                arrays[name] = archive[name]
                arrays[name].setflags(write=False)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"stored columns are damaged ({error}); compute them again or restore a backup"
        ) from error
    return arrays


def flatten(value: object) -> tuple[str, Arrays]:
    """JSON text and arrays by path of a dataclass, as `restore` takes them."""
    arrays: Arrays = {}
    return json.dumps(_flat(value, "", arrays)), arrays


def restore(document: str, arrays: Mapping[str, NDArray[np.generic]], kind: type[Kind]) -> Kind:
    """Dataclass from JSON text and arrays that `flatten` made; ModelError as in `unpack`."""
    try:
        return typing.cast("Kind", _whole(json.loads(document), kind, "", arrays))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            f"stored {kind.__name__} cannot be read by this version ({error}); compute it again"
        ) from error


def _flat(value: object, path: str, arrays: Arrays) -> object:
    if isinstance(value, np.ndarray):
        arrays[path] = value
        return None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            item.name: _flat(getattr(value, item.name), _below(path, item.name), arrays)
            for item in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {
            str(key): _flat(inner, _below(path, str(key)), arrays) for key, inner in value.items()
        }
    if isinstance(value, (tuple, list)):
        return [_flat(inner, _below(path, str(row)), arrays) for row, inner in enumerate(value)]
    if isinstance(value, np.generic | date):
        return value.item() if isinstance(value, np.generic) else value.isoformat()
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise ModelError(f"{path or 'the value'} is a {type(value).__name__}, which is never stored")


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _whole(node: Any, hint: Any, path: str, arrays: Mapping[str, NDArray[np.generic]]) -> object:  # noqa: ANN401 - JSON and type hints
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        kinds = [part for part in inner if part is not type(None)]
        is_there = node is not None or path in arrays
        kind = next((one for one in kinds if one is type(node)), kinds[0])
        return _whole(node, kind, path, arrays) if is_there else None
    if origin is np.ndarray:
        return _column(arrays[path], inner, path)
    if dataclasses.is_dataclass(hint):
        return _dataclass(node, hint, path, arrays)
    if origin is tuple:
        return _tuple(node, inner, path, arrays)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return types.MappingProxyType(
            {key: _whole(part, inner[1], _below(path, key), arrays) for key, part in node.items()}
        )
    return _plain(node, hint, path)


def _plain(node: Any, hint: Any, path: str) -> object:  # noqa: ANN401 - JSON and type hints
    if hint in (date, datetime):
        return hint.fromisoformat(node)
    is_whole = isinstance(node, int) and not isinstance(node, bool)
    if hint is float and is_whole:
        return node  # as it was given: the hash of its owner is over the same text
    if hint in (str, int, float, bool) and type(node) is not hint:
        raise TypeError(f"{path} is {type(node).__name__}, not {hint.__name__}")
    return node


def _tuple(
    node: list[Any],
    inner: tuple[Any, ...],
    path: str,
    arrays: Mapping[str, NDArray[np.generic]],
) -> object:
    kinds = [inner[0]] * len(node) if inner[-1] is Ellipsis else inner
    return tuple(
        _whole(part, kind, _below(path, str(row)), arrays)
        for row, (part, kind) in enumerate(zip(node, kinds, strict=True))
    )


def _column(column: NDArray[np.generic], inner: tuple[Any, ...], path: str) -> NDArray[np.generic]:
    wanted = typing.get_args(inner[1])[0] if len(inner) > 1 else None
    if isinstance(wanted, type) and column.dtype.type is not wanted:
        raise TypeError(f"{path} holds {column.dtype}, not {wanted.__name__}")
    return column


def _dataclass(
    node: Mapping[str, Any],
    kind: Any,  # noqa: ANN401 - a class
    path: str,
    arrays: Mapping[str, NDArray[np.generic]],
) -> object:
    hints = typing.get_type_hints(kind)
    known = {item.name for item in dataclasses.fields(kind)}
    unknown = sorted(set(node) - known)
    if unknown:
        raise TypeError(f"{_below(path, unknown[0])} is unknown here")
    return kind(
        **{
            name: _whole(part, hints[name], _below(path, name), arrays)
            for name, part in node.items()
        }
    )
