"""JSON as codecs accept it: UTF-8, bounded depth, finite numbers, no key twice."""

import json
import math
import re

import numpy as np

from sensors.codecs.decoder import RefusedError
from twin.model.messages import Limits

LONGEST_INTEGER = 40
COMMAS_PER_ITEM = 4
# An unterminated string eats the rest: otherwise each of its escaped quotes would be tried as a
# new start, which takes quadratic time.
STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
NOT_BRACKETS = bytes(code for code in range(256) if code not in b"[]{}")
ONE_STEP = np.zeros(256, np.int32)
ONE_STEP[[ord("["), ord("{")]] = 1
ONE_STEP[[ord("]"), ord("}")]] = -1


def parse(payload: bytes, limits: Limits, *, allows_duplicate_keys: bool = False) -> object:
    """Document of a payload.

    Parameters
    ----------
    allows_duplicate_keys
        For envelopes that a network server writes: the last one counts.

    Raises
    ------
    RefusedError
        If the bytes are no JSON within the limits.
    """
    # so many opening brackets bound the depth from above, and most messages have few
    depth = payload.count(b"[") + payload.count(b"{")
    if depth > limits.depth and (depth := _depth(payload)) > limits.depth:
        raise RefusedError("too_deep", f"nested {depth} levels deep, the limit is {limits.depth}")
    if payload.count(b",") > COMMAS_PER_ITEM * limits.items:
        raise RefusedError("too_many_items", f"far more than {limits.items} values; send less")
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RefusedError(
            "not_utf8", f"byte {error.start} is not UTF-8; let the device send UTF-8 JSON"
        ) from None
    try:
        return (LENIENT if allows_duplicate_keys else STRICT).decode(text)
    except json.JSONDecodeError as error:
        raise RefusedError(
            "not_json", f"{error.msg} at character {error.pos} of {len(text)}"
        ) from None


def is_number(value: object) -> bool:
    """Whether a JSON value is a number; ``true`` is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _depth(payload: bytes) -> int:
    brackets = STRING.sub(b"", payload).translate(None, NOT_BRACKETS)
    if not brackets:
        return 1
    return int(ONE_STEP[np.frombuffer(brackets, np.uint8)].cumsum().max())


def _constant(name: str) -> float:
    raise RefusedError("not_finite", f"{name} is no JSON number; leave the value out or send null")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise RefusedError("not_finite", f"number of {len(text)} characters is beyond 1.8e308")
    return value


def _integer(text: str) -> int:
    if len(text) > LONGEST_INTEGER:
        raise RefusedError(
            "not_finite", f"integer of {len(text)} digits; at most {LONGEST_INTEGER} are read"
        )
    return int(text)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise RefusedError("duplicate_key", "an object holds a key twice; send each key once")
    return found


LENIENT = json.JSONDecoder(parse_constant=_constant, parse_float=_float, parse_int=_integer)
STRICT = json.JSONDecoder(
    parse_constant=_constant, parse_float=_float, parse_int=_integer, object_pairs_hook=_unique
)
