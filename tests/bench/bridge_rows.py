"""Rows of the bridge benchmark, and how both sides of a row are measured.

A part of the benchmark is a module that offers ``measure(rounds) -> list[Row]``: ours and the peer
take turns in one run, on one thread, and the medians count. A peer is a script in
``tests/bench/bridge_peers`` that runs in ``.venv-peers`` (``timing.py`` there says how).
"""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from peers import Peer, child

SCRIPTS = Path(__file__).resolve().parent / "bridge_peers"
ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
LIMIT_S = 240.0


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison; ``bar`` is the least ratio of times, ``most_s`` the most that ours may take.

    ``peer`` names programme and version, or says which way of our own is compared with; it is
    empty where ``most_s`` alone counts. ``accuracy`` says how far both answers are apart.
    """

    name: str
    ours_s: float
    peer: str = ""
    peer_s: float | None = None
    bar: float | None = None
    most_s: float | None = None
    accuracy: str = ""

    @property
    def ratio(self) -> float | None:
        """How often faster ours is."""
        return None if self.peer_s is None else self.peer_s / self.ours_s

    @property
    def is_met(self) -> bool:
        fast = self.bar is None or (self.ratio is not None and self.ratio >= self.bar)
        return fast and (self.most_s is None or self.ours_s <= self.most_s)


def timed(action: Callable[[], object]) -> Callable[[], float]:
    """The action as something that says how many seconds it took."""

    def run() -> float:
        began = time.perf_counter()
        action()
        return time.perf_counter() - began

    return run


def in_turn(rounds: int, sides: Sequence[Callable[[], float]]) -> list[float]:
    """Median seconds of each side; they take turns, and the first round does not count."""
    taken = [[side() for side in sides] for _ in range(rounds + 1)]
    return [statistics.median(column) for column in zip(*taken[1:], strict=True)]


@dataclass(slots=True)
class TimedPeer:
    """A child process that has its input in memory and measures itself."""

    _peer: Peer
    version: str = ""
    answer: Mapping[str, NDArray] = field(default_factory=dict)

    def run(self, **question: object) -> float:
        """Run once more; its seconds. What it found is in ``answer``."""
        self._peer.ask(question)
        line = self._peer.line(LIMIT_S)
        if line is None:
            raise RuntimeError(f"the peer did not answer within {LIMIT_S:g} s")
        told = json.loads(line)
        self.version = told["version"]
        with np.load(told["file"]) as content:
            self.answer = {name: content[name] for name in content.files}
        return float(told["seconds"])


@contextmanager
def timed_peer(script: str, arrays: Mapping[str, NDArray]) -> Iterator[TimedPeer]:
    """``script`` of ``bridge_peers`` with these arrays, on one thread; ends with the block."""
    with tempfile.TemporaryDirectory(prefix="twin-peers-") as folder:
        file = Path(folder) / "case.npz"
        np.savez(file, allow_pickle=False, **arrays)
        environment = {**os.environ, **ONE_THREAD}
        with child(SCRIPTS / f"{script}.py", file, environment=environment) as peer:
            yield TimedPeer(peer)
