"""Addresses of the interfaces that pages use; pages know these and not the interfaces."""


def geo_address(table: str, version: str) -> str:
    """Address of the bytes of a table; it contains the version, so it may be cached for ever."""
    return f"/api/geo/{table}/{version}.bin"
