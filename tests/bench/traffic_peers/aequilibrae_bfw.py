"""AequilibraE's bi-conjugate Frank-Wolfe on arrays; runs in the environment of the peers.

Set up as its authors know it: graph and matrix are ready before the clock starts, ends without an
entrance or exit are cut off first (its compression books flow on wrong links there), times of 0 and
powers below 1 become tiny or neutral. The flows are judged by whoever asks.
"""

import os
import time

os.environ["OMP_WAIT_POLICY"] = "passive"
os.environ["AEQ_SHOW_PROGRESS"] = "FALSE"

from importlib.metadata import version

import numpy as np
import pandas as pd

# pyrefly: ignore [missing-import] - in the environment of the peers
from aequilibrae.matrix import AequilibraeMatrix

# pyrefly: ignore [missing-import] - in the environment of the peers
from aequilibrae.paths import Graph, TrafficAssignment, TrafficClass
from asked import Answer, Arrays, serve  # pyrefly: ignore [missing-import] - beside this file

TINY_S = 1e-7
FEWEST_PASSES = 3


def used_links(arrays: Arrays) -> np.ndarray:
    """Rows of links that a trip can use: no loops, no sinks or sources but zones."""
    tail, head, is_zone = arrays["tail"], arrays["head"], arrays["is_zone"]
    keep = tail != head
    while True:
        size = int(arrays["nodes"])
        has_in = np.bincount(head[keep], minlength=size) > 0
        has_out = np.bincount(tail[keep], minlength=size) > 0
        dead = ~is_zone & ~(has_in & has_out)
        drop = keep & (dead[tail] | dead[head])
        if not drop.any():
            return np.flatnonzero(keep)
        keep &= ~drop


def graph_of(arrays: Arrays, rows: np.ndarray) -> Graph:
    grows = (arrays["factor"] > 0.0) & (arrays["power"] >= 1.0)
    constant = np.where(arrays["power"] == 0.0, arrays["factor"], 0.0)
    table = pd.DataFrame(
        {
            "link_id": np.arange(1, rows.size + 1),
            "a_node": arrays["tail"][rows] + 1,
            "b_node": arrays["head"][rows] + 1,
            "direction": np.ones(rows.size, dtype=np.int8),
            "free_flow_time": np.maximum(arrays["t0_s"] * (1.0 + constant), TINY_S)[rows],
            "capacity": np.maximum(arrays["capacity"], 1e-3)[rows],
            "alpha": np.where(grows, arrays["factor"], 0.0)[rows],
            "beta": np.where(grows, arrays["power"], 1.0)[rows],
        }
    )
    table["id"] = table.link_id
    graph = Graph()
    graph.mode = "c"
    graph.network = table
    graph.prepare_graph(np.flatnonzero(arrays["is_zone"]) + 1)
    graph.set_graph("free_flow_time")
    graph.set_blocked_centroid_flows(bool(arrays["no_through"].any()))
    return graph


def matrix_of(arrays: Arrays) -> AequilibraeMatrix:
    zones = np.flatnonzero(arrays["is_zone"])
    matrix = AequilibraeMatrix()
    matrix.create_empty(zones=zones.size, matrix_names=["trips"], memory_only=True)
    matrix.index[:] = zones + 1
    values = np.zeros((zones.size, zones.size))
    place = np.zeros(int(arrays["nodes"]), dtype=np.int64)
    place[zones] = np.arange(zones.size)
    ends = (place[arrays["origin"]], place[arrays["destination"]])
    np.add.at(values, ends, arrays["flow"])
    matrix.matrix["trips"][:, :] = values
    matrix.computational_view(["trips"])
    return matrix


def prepare(arrays: Arrays, threads: int):
    if arrays["pce"].size != 1:
        raise SystemExit("this peer is asked about one class only")
    rows = used_links(arrays)
    began = time.perf_counter()
    graph, matrix = graph_of(arrays, rows), matrix_of(arrays)
    prepared_s = time.perf_counter() - began
    pass_s = [0.0]

    def solve(gap: float, limit_s: float) -> tuple[np.ndarray, Answer]:
        graph.set_graph("free_flow_time")
        assignment = TrafficAssignment()
        assignment.set_classes([TrafficClass("car", graph, matrix)])
        assignment.set_vdf("BPR")
        assignment.set_vdf_parameters({"alpha": "alpha", "beta": "beta"})
        assignment.set_capacity_field("capacity")
        assignment.set_time_field("free_flow_time")
        assignment.set_algorithm("bfw")
        assignment.set_cores(threads)
        most = int(limit_s / pass_s[0]) if pass_s[0] else 10_000
        assignment.max_iter = max(most, FEWEST_PASSES)
        assignment.rgap_target = gap
        began = time.perf_counter()
        assignment.execute(log_specification=False)
        seconds = time.perf_counter() - began
        report = assignment.assignment.convergence_report
        pass_s[0] = seconds / len(report["iteration"])
        flows = np.zeros((1, arrays["tail"].size))
        found = assignment.results()
        flows[0, rows[found.index.to_numpy() - 1]] = found["PCE_AB"].to_numpy()
        return flows, {
            "seconds": seconds,
            "prepared_s": prepared_s,
            "passes": len(report["iteration"]),
            "own_gap": float(report["rgap"][-1]),
            "version": version("aequilibrae"),
        }

    return solve


if __name__ == "__main__":
    serve(prepare)
