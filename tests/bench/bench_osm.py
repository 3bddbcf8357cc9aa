"""``scripts/bench osm``: the OSM import against pyrosm's ``get_network(nodes=True)`` on one file.

Every measurement is a process of its own, in turns; the smallest time and the smallest peak of
each count. pyrosm keeps results of a file below the temporary folder: every run gets a fresh one,
so that it reads the file as we do.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import peers
from osm_files import extract
from osm_town import write_town  # pyrefly: ignore [missing-import] - beside this file

OWN = """
import json, sys, time
from pathlib import Path
from twin.exchange.osm import write_folder
from twin.exchange.osm_town import read_town
def peak_mb():
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
begun = time.perf_counter()
town = read_town(Path(sys.argv[1]))
read = time.perf_counter() - begun
peak = peak_mb()
write_folder(town, Path(sys.argv[2]), name="Town")
whole = time.perf_counter() - begun
last = peak_mb()
counts = [town.report.counts[key] for key in ("junctions", "road sections", "directed links")]
print(json.dumps({"seconds": read, "peak_mb": peak, "rows": counts, "version": "twin",
                  "whole_s": whole, "whole_mb": last}))
"""
PEER = Path(__file__).parent / "osm_peers" / "pyrosm_network.py"
MOST_TIME, MOST_MEMORY = 0.6, 0.75


def measured(*command: str) -> dict:
    """The last line of a process as JSON."""
    with tempfile.TemporaryDirectory(prefix="twin-bench-") as fresh:
        done = subprocess.run(
            command,
            env={**os.environ, "TMPDIR": fresh},
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
    return json.loads(done.stdout.splitlines()[-1])


def best(rows: list[dict]) -> dict:
    smallest = {
        key: min(row[key] for row in rows)
        for key in rows[0]
        if key.endswith(("_mb", "_s")) or key == "seconds"
    }
    return rows[0] | smallest


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench osm", description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--side", type=int, default=200, help="crossings along one side")
    parser.add_argument("--buildings", type=int, default=370_000)
    options = parser.parse_args()
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {sys.platform}")
    with tempfile.TemporaryDirectory(prefix="twin-bench-") as name:
        folder = Path(name)
        town = folder / "town.osm.pbf"
        write_town(town, side=options.side, buildings=options.buildings)
        for file in (town, extract("Helsinki.osm.pbf"), extract("test.osm.pbf")):
            own, other = [], []
            for number in range(options.repeats):
                city = str(folder / f"{file.stem}-{number}")
                own.append(measured(sys.executable, "-c", OWN, str(file), city))
                other.append(measured(str(peers.python()), str(PEER), str(file)))
            report(file, best(own), best(other))


def report(file: Path, own: dict, other: dict) -> None:
    size = file.stat().st_size / 1e6
    print(f"{file.name}: {size:.1f} MB, junctions, sections, directed links {own['rows']}")
    for row in (own, other):
        print(f"  {row['version']:14}{row['seconds']:7.2f} s {row['peak_mb']:7.0f} MB")
    time_ratio, memory = own["seconds"] / other["seconds"], own["peak_mb"] / other["peak_mb"]
    print(f"  ratio of time {time_ratio:.2f} (bar {MOST_TIME}), of memory {memory:.2f} "
          f"(bar {MOST_MEMORY})")  # fmt: skip
    print(f"  with writing the folder {own['whole_s']:.2f} s, {own['whole_mb']:.0f} MB")


if __name__ == "__main__":
    main()
