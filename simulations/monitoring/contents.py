"""Models and states of estimators as bytes: one JSON object with a kind and a format version."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from twin.errors import ModelError


def packed(kind: str, *, format_version: int, fields: Mapping[str, Any]) -> bytes:
    """The fields as UTF-8 JSON; arrays become lists, missing numbers null; floats stay exact.

    Examples
    --------
    >>> packed("demo", format_version=1, fields={"z": np.array([0.1, np.nan])})
    b'{"kind":"demo","format_version":1,"z":[0.1,null]}'
    """
    content = {"kind": kind, "format_version": format_version}
    content.update({name: _plain(value) for name, value in fields.items()})
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()


def unpacked(content: bytes, *, kind: str, format_version: int) -> dict[str, Any]:
    """Fields of `packed`.

    Raises
    ------
    ModelError
        If the bytes are damaged, of another kind or of another format version.

    Examples
    --------
    >>> unpacked(packed("demo", format_version=1, fields={"n": 2}), kind="demo", format_version=1)
    {'n': 2}
    """
    try:
        fields = json.loads(content)
        found = (fields.pop("kind"), fields.pop("format_version"))
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelError(
            f"the stored content of '{kind}' is damaged ({error}); train or start it anew"
        ) from error
    if found != (kind, format_version):
        raise ModelError(
            f"stored content is {found[0]} of format {found[1]}, expected {kind} of format "
            f"{format_version}; train or start it anew"
        )
    return fields


def floats(values: Any) -> np.ndarray:  # noqa: ANN401 - nested lists out of JSON
    """Array of a nested list in which null stands for a missing number.

    Examples
    --------
    >>> floats([1, None])
    array([ 1., nan])
    """
    return np.array(values, dtype=np.float64)


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
