"""The fact tables of the model: one CSV per fact, read once and frozen."""

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType


@cache
def rows(name: str) -> tuple[Mapping[str, str], ...]:
    """Rows of the table ``twin/model/data/<name>.csv`` as read-only mappings.

    Examples
    --------
    >>> rows("quality_flags")[0]["key"]
    'bad_at_source'
    """
    text = (files("twin") / "model" / "data" / f"{name}.csv").read_text(encoding="utf-8")
    return tuple(MappingProxyType(row) for row in csv.DictReader(text.splitlines()))
