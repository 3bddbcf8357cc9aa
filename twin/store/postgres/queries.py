"""The SQL of the store: one file per query, read as bytes."""

from functools import cache
from importlib.resources import files


@cache
def query(name: str) -> bytes:
    """Content of ``twin/store/queries/<name>.sql``."""
    return (files("twin.store") / "queries" / f"{name}.sql").read_bytes()
