"""Other programmes for traffic assignment, in an environment of their own.

They are neither in the product nor in its tests' environment: a child process of ``.venv-peers``
gets arrays and gives flows. Where that environment is missing, a test skips with the reason, or
fails where ``CI`` is set (``scripts/environment peers`` makes it).
"""

import functools
import json
import select
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from grids import CONNECTOR_PCEH, Case, at_load, build_demand, build_network, drawn_demand
from numpy.typing import NDArray
from services import missing
from verification.traffic.evaluator import class_terms_s, open_links

from twin.model.network import CostFunction, Network
from twin.model.traffic import Demand

REPOSITORY = Path(__file__).resolve().parent.parent
PYTHON = REPOSITORY / ".venv-peers" / "bin" / "python"
SCRIPTS = REPOSITORY / "tests" / "bench" / "traffic_peers"
START_S = 120.0
EARTH_M = 6_371_000.0
# Speed [km/h], car units an hour and lane, BPR factor: plain values for a network without any.
KINDS = {
    "motorway": (100.0, 1900.0, 0.4),
    "trunk": (80.0, 1700.0, 0.4),
    "primary": (60.0, 1200.0, 0.4),
    "secondary": (50.0, 900.0, 0.3),
    "tertiary": (50.0, 800.0, 0.3),
}
OTHER = (30.0, 600.0, 0.15)


def python() -> Path:
    """The interpreter of the peers' environment."""
    if not PYTHON.exists():
        missing("no .venv-peers: run scripts/environment peers")
    return PYTHON


@functools.cache
def bundled(name: str) -> Mapping[str, NDArray]:
    """Arrays of ``sioux_falls``, ``nauru`` or ``coquimbo`` as they come with AequilibraE."""
    with tempfile.TemporaryDirectory(prefix="twin-peers-") as folder:
        file = Path(folder) / "case.npz"
        script = str(SCRIPTS / "bundled.py")
        subprocess.run([str(python()), script, name, str(file)], check=True, timeout=START_S)
        with np.load(file) as content:
            return {column: content[column] for column in content.files}


def sioux_falls() -> Case:
    """The bundled Sioux Falls; its minutes become seconds, trips may pass zones."""
    table = bundled("sioux_falls")
    network = build_network(
        node_id=table["node_id"],
        tail=table["a"],
        head=table["b"],
        t0_s=60.0 * table["free_flow_time"],
        capacity_pceh=table["capacity"],
        p0=table["b_factor"],
        p1=table["power"],
        zones=table["zones"],
        link_id=table["link_id"],
    )
    origin, destination = np.nonzero(table["trips"])
    zones, flow = table["zones"], table["trips"][origin, destination]
    demand = build_demand((zones[origin], zones[destination], flow))
    return Case("Sioux Falls", network, demand)


def street_network(name: str) -> Case:
    """Nauru or Coquimbo with plain values by road class and drawn demand, from 130 zones or 60."""
    table = bundled(name)
    random = np.random.default_rng(1)
    keep = table["a"] != table["b"]
    kinds, lanes = table["link_type"][keep], np.nan_to_num(table["lanes"][keep], nan=1.0)
    values = np.array([KINDS.get(kind, OTHER) for kind in kinds.tolist()])
    length = table["length_m"][keep]
    is_connector = kinds == "centroid_connector"
    zones = table["node_id"][table["is_centroid"]]
    if zones.size:
        through, zones = zones, zones[:130]
    else:
        through, zones = zones, random.choice(np.unique(table["a"][keep]), 60, replace=False)
    north = np.radians(table["lat"])
    x = EARTH_M * np.cos(north.mean()) * np.radians(table["lon"] - table["lon"].mean())
    y = EARTH_M * (north - north.mean())
    network = build_network(
        node_id=table["node_id"],
        tail=table["a"][keep],
        head=table["b"][keep],
        length_m=np.where(is_connector, 0.0, length),
        t0_s=np.where(is_connector, 0.0, length / values[:, 0] * 3.6),
        capacity_pceh=np.where(
            is_connector, CONNECTOR_PCEH, values[:, 1] * np.clip(lanes, 1.0, 4.0)
        ),
        cost_function=np.where(is_connector, CostFunction.FIXED, CostFunction.BPR),
        p0=values[:, 2],
        zones=zones,
        no_through=through,
        x_m=x,
        y_m=y,
    )
    rows = np.searchsorted(table["node_id"], np.sort(zones))
    range_m = 0.2 * float(np.ptp(x[rows]) + np.ptp(y[rows]))
    demand = drawn_demand(
        network, x=x[rows], y=y[rows], destinations=50, range_m=range_m, random=random
    )
    return Case(name.title(), network, at_load(network, demand, 0.6))


def peer_arrays(network: Network, demand: Demand) -> dict[str, NDArray]:
    """The case as the peers' scripts read it; costs must be constant or BPR, turns free."""
    grows = network.cost_function == CostFunction.BPR
    if not np.all(grows | (network.cost_function == CostFunction.FIXED)):
        raise ValueError("peers know constant and BPR costs only")
    order = np.argsort(network.node_id)

    def row(ids: NDArray[np.int64]) -> NDArray[np.int64]:
        return order[np.searchsorted(network.node_id[order], ids)]

    classes = list(enumerate(demand.classes))
    return {
        "nodes": np.array(network.node_id.size),
        "tail": row(network.tail),
        "head": row(network.head),
        "t0_s": network.t0_s,
        "capacity": network.capacity_pceh,
        "factor": np.where(grows, network.p0, 0.0),
        "power": np.where(grows, network.p1, 1.0),
        "is_zone": network.is_zone,
        "no_through": network.no_through,
        "link_id": network.link_id,
        "origin": row(demand.origin),
        "destination": row(demand.destination),
        "flow": demand.flow_vehh,
        "class_index": demand.class_index,
        "pce": np.array([one.pce for one in demand.classes]),
        "allowed": np.array([open_links(network, one) for one in demand.classes]),
        "extra_s": np.array([class_terms_s(network, index, one) for index, one in classes]),
    }


@dataclass(frozen=True, slots=True)
class Answer:
    """Flows (classes, links) of another programme, and what it took."""

    flow_vehh: NDArray[np.float64]
    seconds: float
    prepared_s: float
    passes: int
    own_gap: float
    peak_bytes: int
    version: str


class Peer:
    """A running child process that has the case in memory."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process = process
        self._log = log

    def line(self, limit_s: float) -> str | None:
        """Its next line, or None if none came in time."""
        out = self._process.stdout
        assert out is not None
        if not select.select([out], [], [], limit_s)[0]:
            return None
        line = out.readline()
        if not line:
            raise RuntimeError(f"the peer ended: {self._log.read_text()[-2000:]}")
        return line

    def ask(self, question: Mapping[str, object]) -> None:
        """Send it a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()

    def solve(self, gap: float, *, limit_s: float = 60.0) -> Answer | None:
        """Its flows at its own idea of a gap; None if it took three times the limit."""
        self.ask({"gap": gap, "limit_s": limit_s})
        line = self.line(3.0 * limit_s)
        if line is None:
            return None
        answer = json.loads(line)
        flows = np.load(answer.pop("flows"))
        return Answer(flow_vehh=flows, **answer)


@contextmanager
def running_peer(script: str, case: Case, *, threads: int = 2) -> Iterator[Peer]:
    """``aequilibrae_bfw`` or ``pytraf_paths`` with a case prepared; ends with the block."""
    with tempfile.TemporaryDirectory(prefix="twin-peers-") as folder:
        file = Path(folder) / "case.npz"
        np.savez(file, allow_pickle=False, **peer_arrays(case.network, case.demand))
        with child(SCRIPTS / f"{script}.py", file, str(threads)) as peer:
            yield peer


@contextmanager
def child(
    script: Path, *arguments: str | Path, environment: Mapping[str, str] | None = None
) -> Iterator[Peer]:
    """A script in the environment of the peers that said it is ready; ends with the block."""
    with tempfile.TemporaryDirectory(prefix="twin-peers-") as folder:
        log = Path(folder) / "log"
        with log.open("w") as errors:
            process = subprocess.Popen(
                [str(python()), str(script), *(str(one) for one in arguments)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
                text=True,
            )
        try:
            peer = Peer(process, log)
            if peer.line(START_S) is None:
                raise RuntimeError(f"{script.stem} did not get ready within {START_S:g} s")
            yield peer
        finally:
            process.kill()
            process.communicate()
