"""Reads all collections of an OGC API Features server with GDAL's driver OAPIF; prints JSON.

A process of its own: pyogrio holds the lock of the interpreter while it reads, and a server in the
same process could not answer.
"""

import json
import sys

import pyogrio


def main(address: str, west: str, south: str, east: str, north: str) -> None:
    """Counts, places of the bridges, and what lies in a box."""
    source = f"OAPIF:{address}"
    names = pyogrio.list_layers(source)[:, 0].tolist()
    frames = {name: pyogrio.read_dataframe(source, layer=name) for name in names}
    box = tuple(map(float, (west, south, east, north)))
    inside = pyogrio.read_dataframe(source, layer="assets", bbox=box)
    bridges = frames["bridges"].set_index("id")
    answer = {
        "version": pyogrio.__gdal_version__,
        "counts": {name: len(frame) for name, frame in frames.items()},
        "inside": sorted(inside["id"]),
        "grade": float(str(bridges.loc["B1", "condition_grade"])),
        "bounds": bridges.loc["B1"].geometry.bounds,
    }
    print(json.dumps(answer))


main(*sys.argv[1:])
