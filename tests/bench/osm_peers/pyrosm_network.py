"""In the environment of the peers: nodes and edges of an extract by pyrosm, as one JSON line."""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pyrosm  # pyrefly: ignore [missing-import] - in the environment of the peers

begun = time.perf_counter()
nodes, edges = pyrosm.OSM(sys.argv[1]).get_network(network_type="driving", nodes=True)
seconds = time.perf_counter() - begun
# The peak of this process; that of getrusage begins with its parent's.
status = Path("/proc/self/status").read_text().splitlines()
print()
print(
    json.dumps(
        {
            "seconds": seconds,
            "peak_mb": next(
                int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM")
            ),
            "rows": [len(nodes), len(edges)],
            "version": f"pyrosm {version('pyrosm')}",
        }
    )
)
