"""Writes the projects that come with AequilibraE as arrays; runs in the environment of the peers.

``python bundled.py sioux_falls|nauru|coquimbo OUT.npz``: links with mode ``c``, one row a
direction, as they are in the project: ``link_id`` (negative against the drawing), ``a``, ``b``,
``length_m``, ``lanes``, ``speed_kmh``, ``capacity``, ``b_factor``, ``power``, ``free_flow_time``,
``link_type``; ``node_id``, ``is_centroid``, ``lon``, ``lat``; for Sioux Falls ``zones``, ``trips``.
"""

import sqlite3
import struct
import sys
import tempfile
import zipfile
from pathlib import Path

import aequilibrae  # pyrefly: ignore [missing-import] - in the environment of the peers
import numpy as np
import openmatrix  # pyrefly: ignore [missing-import] - in the environment of the peers

NAMES = ("capacity", "speed", "lanes", "travel_time")


def links_of(database: sqlite3.Connection) -> dict[str, np.ndarray]:
    database.row_factory = sqlite3.Row
    rows = []
    for link in database.execute("SELECT * FROM links WHERE modes LIKE '%c%' ORDER BY link_id"):
        keys = link.keys()
        common = [link["distance"], link["link_type"]]
        special = [link[key] if key in keys else None for key in ("b", "power", "free_flow_time")]
        for side, sign, ends in (("ab", 1, "ab"), ("ba", -1, "ba")):
            if link["direction"] == -sign:
                continue
            nodes = [link[f"{end}_node"] for end in ends]
            sides = [link[f"{name}_{side}"] if f"{name}_{side}" in keys else None for name in NAMES]
            rows.append([sign * link["link_id"], *nodes, *common, *special, *sides])
    names = ["link_id", "a", "b", "length_m", "link_type", "b_factor", "power", "free_flow_time"]
    names += ["capacity", "speed_kmh", "lanes", "travel_time"]
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    kinds = {"link_id": np.int64, "a": np.int64, "b": np.int64, "link_type": np.str_}
    return {name: np.array(column, dtype=kinds.get(name, np.float64))
            for name, column in columns.items()}  # fmt: skip


def nodes_of(database: sqlite3.Connection) -> dict[str, np.ndarray]:
    rows = database.execute(
        "SELECT node_id, is_centroid, geometry FROM nodes ORDER BY node_id"
    ).fetchall()
    # A point in SpatiaLite's format: 43 bytes of header, then x and y.
    places = np.array([struct.unpack("<dd", row["geometry"][43:59]) for row in rows])
    return {
        "node_id": np.array([row["node_id"] for row in rows], dtype=np.int64),
        "is_centroid": np.array([row["is_centroid"] == 1 for row in rows]),
        "lon": places[:, 0],
        "lat": places[:, 1],
    }


def trips_of(folder: Path) -> dict[str, np.ndarray]:
    file = folder / "matrices" / "demand.omx"
    if not file.exists():
        return {}
    with openmatrix.open_file(str(file)) as matrix:
        name = matrix.list_matrices()[0]
        mapping = matrix.list_mappings()
        zones = matrix.map_entries(mapping[0]) if mapping else range(1, matrix.shape()[0] + 1)
        return {"zones": np.array(zones, dtype=np.int64), "trips": np.array(matrix[name])}


def main() -> None:
    name, out = sys.argv[1:]
    archive = Path(aequilibrae.__file__).parent / "reference_files" / f"{name}.zip"
    with tempfile.TemporaryDirectory() as temporary:
        zipfile.ZipFile(archive).extractall(temporary)
        database = sqlite3.connect(Path(temporary) / "project_database.sqlite")
        parts = (links_of(database), nodes_of(database), trips_of(Path(temporary)))
        for part in parts[1:]:
            parts[0].update(part)
        np.savez(out, allow_pickle=False, **parts[0])
        database.close()


if __name__ == "__main__":
    main()
