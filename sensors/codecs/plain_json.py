"""Flat JSON arrays, read fast: only what strict reading would read the same way."""

import json
from collections.abc import Iterable
from itertools import chain
from typing import cast

from twin.model.messages import Limits

LARGEST = 1e38  # beyond it, strict reading counts digits


def flat_records(payload: bytes, limits: Limits, *, most: int) -> list[dict[str, object]] | None:
    """Records of an array of flat objects, or None if it is anything else.

    An object in it holds texts, numbers, true, false and null. A key that occurs twice shows in
    the number of quotation marks: every key and every text has two of them.

    Examples
    --------
    >>> flat_records(b'[{"v": 1}]', Limits(), most=10)
    [{'v': 1}]
    >>> flat_records(b'[{"v": 1, "v": 1}]', Limits(), most=10) is None
    True
    """
    if len(payload) > limits.payload_bytes or payload[:1] != b"[" or b"\\" in payload:
        return None
    objects = payload.count(b"{")
    if payload.count(b"[") != 1 or not 0 < objects <= most:
        return None
    try:
        records = json.loads(str(payload, "ascii"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    if len(records) != objects or set(map(type, records)) != {dict}:
        return None
    texts = list(map(type, chain.from_iterable(map(dict.values, records)))).count(str)
    if payload.count(b'"') != 2 * (sum(map(len, records)) + texts):
        return None
    return records


def finite_floats(values: Iterable[object]) -> list[float] | None:
    """Numbers as floats, or None if one of them is none or large."""
    listed = list(values)
    if not listed or not set(map(type, listed)) <= {int, float}:
        return None
    numbers = cast("list[float]", listed)
    if not -LARGEST < min(numbers) <= max(numbers) < LARGEST:
        return None
    return list(map(float, numbers))


def _refuse(name: str) -> float:
    raise ValueError(name)
