"""Where a value lies in a document: JSON Pointers, key templates, numeric leaves."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final, Literal

from sensors.codecs.decoder import RefusedError, shown
from sensors.codecs.strict_json import is_number

ROOT = "$"
LONGEST_KEY = 200
MOST_NODES = 20_000
TEMPLATE_PART = re.compile(r"\{([^{}]*)\}|([^{}]+)")


class Absent:
    """Type of `ABSENT`: nothing lies where a pointer leads."""


ABSENT: Final = Absent()


@lru_cache(maxsize=1024)
def tokens(pointer: str) -> tuple[str, ...]:
    """Steps of a JSON Pointer (RFC 6901), without a leading ``$``.

    Examples
    --------
    >>> tokens("/a/0/b~1c")
    ('a', '0', 'b/c')
    """
    steps = pointer.removeprefix(ROOT).split("/")[1:]
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in steps)


def find(element: object, pointer: str, *, document: object) -> object:
    """Value at a pointer, relative to the element or, with ``$``, to the document."""
    value = document if pointer.startswith(ROOT) else element
    for step in tokens(pointer):
        if isinstance(value, dict):
            value = value.get(step, ABSENT)
        elif isinstance(value, list) and step.isdecimal() and step.isascii():
            index = int(step) if len(step) < 8 else len(value)  # noqa: PLR2004 - beyond any list
            value = value[index] if index < len(value) else ABSENT
        else:
            return ABSENT
    return value


def numeric_leaves(document: object) -> Iterator[tuple[str, float]]:
    """Pointer and value of every number in a document, in its order.

    Raises
    ------
    RefusedError
        If it holds more than `MOST_NODES` numbers, arrays and objects: the walk is bounded.
    """
    waiting: list[tuple[str, object]] = [("", document)]
    visited = 0
    while waiting:
        pointer, value = waiting.pop()
        visited += 1
        size = len(value) if isinstance(value, dict | list) else 0
        if visited + len(waiting) + size > MOST_NODES:
            raise RefusedError("too_many_items", f"more than {MOST_NODES} parts in one message")
        if is_number(value):
            yield pointer, value  # pyrefly: ignore[invalid-yield] - is_number saw to it
        elif isinstance(value, dict):
            inner = [
                (f"{pointer}/{_escaped(key)}", item) for key, item in value.items() if _holds(item)
            ]
            waiting.extend(reversed(inner))
        elif isinstance(value, list):
            inner = [(f"{pointer}/{row}", item) for row, item in enumerate(value) if _holds(item)]
            waiting.extend(reversed(inner))


def _holds(value: object) -> bool:
    """Whether a value is a number or may contain one."""
    return is_number(value) or (isinstance(value, dict | list) and bool(value))


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


Part = tuple[Literal["text", "name", "pointer"], str]


@lru_cache(maxsize=256)
def key_parts(template: str) -> tuple[Part, ...]:
    """Parts of a key template such as ``{site}/{device}/{/id}``.

    Examples
    --------
    >>> key_parts("{site}/{/id}")
    (('name', 'site'), ('text', '/'), ('pointer', '/id'))
    """
    parts: list[Part] = []
    for inside, text in TEMPLATE_PART.findall(template):
        if text:
            parts.append(("text", text))
        elif inside.startswith(("/", ROOT)):
            parts.append(("pointer", inside))
        else:
            parts.append(("name", inside))
    return tuple(parts)


def make_key(template: str, names: Mapping[str, str], *, element: object, document: object) -> str:
    """Key of a device or stream; without a template the topic's names, joined by ``/``.

    Raises
    ------
    RefusedError
        If a part is absent or no text, or the key is empty, too long or not printable.
    """
    if not template:
        return checked_key("/".join(names.values()))
    texts: list[str] = []
    for kind, part in key_parts(template):
        value: object = part
        if kind == "name":
            value = names.get(part, ABSENT)
        elif kind == "pointer":
            value = find(element, part, document=document)
        if isinstance(value, Absent) or value is None:
            raise RefusedError("missing_field", f"key {template!r}: {part!r} is absent")
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise RefusedError(
                "wrong_type", f"key {template!r}: {part!r} is neither text nor integer"
            )
        texts.append(str(value))
    return checked_key("".join(texts))


def checked_key(key: str) -> str:
    """The key itself, if it can be one."""
    if not key or len(key) > LONGEST_KEY or not key.isprintable():
        raise RefusedError(
            "wrong_type",
            f"key {shown(key)} must be printable text of 1 to {LONGEST_KEY} characters",
        )
    return key
