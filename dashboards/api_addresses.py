"""Addresses of the interfaces that pages use; pages know these and not the interfaces."""


def geo_address(table: str, version: str) -> str:
    """Address of the bytes of a table; it contains the version, so it may be cached for ever."""
    return f"/api/geo/{table}/{version}.bin"


def run_map_address(number: int, version: str, name: str, language: str) -> str:
    """Address of a table or channel of a run; it never changes, so it may be cached for ever."""
    return f"/api/scenario-map/{number}/{version}/{language}/{name}.bin"
