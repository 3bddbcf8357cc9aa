"""Texts that every store can keep: no NUL character, no half of a surrogate pair."""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass

from twin.errors import StoreError

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SHOWN_CHARACTERS = 60


def is_storable(text: str) -> bool:
    r"""Whether a store can keep this text; one that cannot is not found in any store either.

    Examples
    --------
    >>> is_storable("a'; --"), is_storable("a\0")
    (True, False)
    """
    return _UNSTORABLE.search(text) is None


def cleaned(text: str) -> str:
    """Text with what cannot be stored replaced by U+FFFD: nothing else is lost."""
    return _UNSTORABLE.sub("\ufffd", text)


def require_storable(value: object, *, what: str) -> None:
    """Check every text inside a value: dataclasses, mappings and tuples are searched.

    Raises
    ------
    StoreError
        If one cannot be stored; names where it stands.
    """
    if isinstance(value, str):
        if not is_storable(value):
            raise StoreError(
                f"{what} holds a NUL character or half a surrogate pair: "
                f"{value[:_SHOWN_CHARACTERS]!r}; remove it"
            )
    elif is_dataclass(value):
        for item in fields(value):
            require_storable(getattr(value, item.name), what=f"{what}.{item.name}")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            require_storable(key, what=f"a key of {what}")
            require_storable(inner, what=f"{what}.{key}")
    elif isinstance(value, tuple | list):
        for inner in value:
            require_storable(inner, what=what)
