"""pytraf's gradient projection on arrays; runs in the environment of the peers.

Network and demand are built before the clock starts. U-turns are ordinary turns, as everywhere.
"""

import time

import numpy as np
import pytraf  # pyrefly: ignore [missing-import] - in the environment of the peers
from asked import Answer, Arrays, serve  # pyrefly: ignore [missing-import] - beside this file

TINY_S = 1e-9
MOST_PASSES = 500


def prepare(arrays: Arrays, threads: int):
    began = time.perf_counter()
    nodes = int(arrays["nodes"])
    network = pytraf.Network(
        nodes,
        arrays["tail"].astype(np.int64),
        arrays["head"].astype(np.int64),
        arrays["t0_s"].astype(np.float64),
        np.maximum(arrays["capacity"], 1e-3),
        arrays["factor"],
        arrays["power"],
        arrays["no_through"],
        allow_u_turns=True,
    )
    classes = []
    for index, pce in enumerate(arrays["pce"].tolist()):
        rows = (arrays["class_index"] == index) & (arrays["origin"] != arrays["destination"])
        trips = pytraf.Demand(
            nodes, arrays["origin"][rows], arrays["destination"][rows], arrays["flow"][rows]
        )
        classes.append(
            pytraf.TrafficClass(
                trips,
                pce=pce,
                extra_link_cost=arrays["extra_s"][index],
                allowed_links=arrays["allowed"][index],
            )
        )
    prepared_s = time.perf_counter() - began

    def solve(gap: float, limit_s: float) -> tuple[np.ndarray, Answer]:
        del limit_s
        began = time.perf_counter()
        result = network.assign(
            classes, gap=gap, max_iter=MOST_PASSES, threads=threads, unreachable="skip"
        )
        seconds = time.perf_counter() - began
        flows = np.array([np.asarray(flow) for flow in result.links.by_class])
        return flows, {
            "seconds": seconds,
            "prepared_s": prepared_s,
            "passes": int(result.iterations),
            "own_gap": float(result.relative_gap),
            "version": pytraf.__version__,
        }

    return solve


if __name__ == "__main__":
    serve(prepare)
