"""Many scenarios of one base at once, on processes of this machine or on a Dask cluster.

Every worker has one thread and opens the base once; answers come in the order of the scenarios and
have the bits that a single run has.
"""

import json
import multiprocessing
import os
import shutil
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from simulations.answering import Answer, answer
from simulations.running import traffic_engine
from twin.errors import PluginError, SolveError, TwinError
from twin.model.bases import TrafficBase
from twin.model.packing import flatten, pack, restore, unpack
from twin.model.scenarios import Scenario, from_document, to_document
from twin.model.traffic import SolveOptions
from twin.ports import TrafficEngine

if TYPE_CHECKING:
    from distributed import Client

IN_FLIGHT = 2
"""Scenarios per worker that are handed out at a time, so that no worker waits for the next."""
DOCUMENT = "document.json"
PREFIX = "twin-sweep-"
"""Of folders; the number of the process follows."""
LOOK_S = 1.0
_LOADED_ONCE = ("simulations.sweep", "numba", "scipy.sparse.csgraph", "scipy.spatial")
"""For all workers. Not the engine: compiled loops start the threads that a fork must not have."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What all scenarios of a sweep share: the engine by name, options, and what is kept.

    ``parts`` names the files of an answer that come back; the others are not written.
    """

    engine: str
    options: SolveOptions
    parts: tuple[str, ...] = ("report",)

    def single(self) -> SolveOptions:
        """Options of one solve: a worker has one thread."""
        return replace(self.options, threads=1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Answer to one scenario, or the reason why there is none."""

    number: int
    scenario: Scenario
    answer: Answer | None
    reason: str = ""


Task = tuple[int, Mapping[str, object]]
Given = tuple[int, Mapping[str, Any] | None, str]


class Executor(Protocol):
    """Where the scenarios of a sweep are solved."""

    def run(self, base: TrafficBase, tasks: Sequence[Task], plan: Plan) -> Iterator[Given]:
        """Yield what became of each task, in their order."""
        ...


def sweep(
    base: TrafficBase, scenarios: Sequence[Scenario], plan: Plan, *, executor: Executor
) -> Iterator[Outcome]:
    """Answers to many scenarios of one base, in their order.

    A scenario that cannot be answered costs only itself. A worker that dies costs one retry; a
    scenario that kills two workers has no answer.
    """
    tasks = [(number, to_document(item)) for number, item in enumerate(scenarios)]
    for number, found, reason in executor.run(base, tasks, plan):
        answered = None if found is None else Answer(**found)
        yield Outcome(number, scenarios[number], answered, reason)


# In the worker


_OPENED: dict[str, tuple[TrafficBase, TrafficEngine]] = {}
"""Base and engine of this worker process, opened once."""


def solve_task(base: TrafficBase, engine: TrafficEngine, task: Task, plan: Plan) -> Given:
    """Answer one task as plain values, or say why not."""
    number, document = task
    try:
        found = answer(
            base, engine, scenario=from_document(document), options=plan.single(), parts=plan.parts
        )
    except TwinError as error:
        return number, None, str(error)
    except Exception as error:  # noqa: BLE001 - engines are plugins; the outcome shows the reason
        return number, None, f"{type(error).__name__}: {error}"
    plain = {
        "indicators": dict(found.indicators),
        "units": dict(found.units),
        "assumptions": found.assumptions,
        "provenance": found.provenance,
        "parts": found.parts,
    }
    return number, plain, ""


# On processes of this machine


class Processes:
    """Processes of this machine; each maps the base from one file, so that memory is shared.

    Parameters
    ----------
    workers
        At least one.
    folder
        Where the base is written for the time of a sweep; by default the folder for such files.
    """

    def __init__(self, workers: int, *, folder: Path | None = None) -> None:
        self._workers = max(workers, 1)
        self._folder = folder

    def run(self, base: TrafficBase, tasks: Sequence[Task], plan: Plan) -> Iterator[Given]:
        """Yield what became of each task, in their order."""
        parent = self._folder or Path(tempfile.gettempdir())
        remove_left(parent)
        own = f"{PREFIX}{os.getpid()}-"
        with tempfile.TemporaryDirectory(prefix=own, dir=parent) as name:
            folder = Path(name)
            write_base(base, folder)
            yield from _in_order(self._finished(folder, tasks, plan))

    def _finished(self, folder: Path, tasks: Sequence[Task], plan: Plan) -> Iterator[Given]:
        """What became of the tasks, as they end; after a death each suspect has a pool alone."""
        waiting = deque(tasks)
        while waiting:
            suspects: list[Task] = []
            with self._pool(folder, plan, workers=min(self._workers, len(waiting))) as pool:
                yield from self._drained(pool, waiting, suspects)
            for task in suspects:
                yield self._alone(folder, task, plan)

    def _drained(
        self, pool: ProcessPoolExecutor, waiting: deque[Task], suspects: list[Task]
    ) -> Iterator[Given]:
        flying: dict[Future[Given], Task] = {}
        is_broken = False
        while flying or (waiting and not is_broken):
            while waiting and not is_broken and len(flying) < IN_FLIGHT * self._workers:
                try:
                    future = pool.submit(_solve_in_process, waiting[0])
                except BrokenProcessPool:
                    is_broken = True
                else:
                    flying[future] = waiting.popleft()
            for future in wait(flying, return_when=FIRST_COMPLETED).done:
                task = flying.pop(future)
                try:
                    yield future.result()
                except BrokenProcessPool:
                    is_broken = True
                    suspects.append(task)

    def _alone(self, folder: Path, task: Task, plan: Plan) -> Given:
        with self._pool(folder, plan, workers=1) as pool:
            try:
                return pool.submit(_solve_in_process, task).result()
            except BrokenProcessPool:
                reason = "its worker died twice; probably it needs more memory than there is"
                return task[0], None, reason

    def _pool(self, folder: Path, plan: Plan, *, workers: int) -> ProcessPoolExecutor:
        # Never fork: threads of the solver may run in this process.
        method = (
            "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        )
        context = multiprocessing.get_context(method)
        if method == "forkserver":
            context.set_forkserver_preload(list(_LOADED_ONCE))
        return ProcessPoolExecutor(
            workers,
            mp_context=context,
            initializer=_open_in_process,
            initargs=(str(folder), plan, os.getpid()),
        )


def _in_order(given: Iterator[Given]) -> Iterator[Given]:
    """The same in the order of their numbers, each as soon as those before it are there."""
    early: dict[int, Given] = {}
    due = 0
    for item in given:
        early[item[0]] = item
        while due in early:
            yield early.pop(due)
            due += 1


def write_base(base: TrafficBase, folder: Path) -> None:
    """Write a base so that processes can map its arrays instead of reading them."""
    document, arrays = flatten(base)
    names = {path: f"{row}.npy" for row, path in enumerate(arrays)}
    for path, name in names.items():
        np.save(folder / name, arrays[path], allow_pickle=False)
    content = json.dumps({"document": document, "arrays": names})
    (folder / DOCUMENT).write_text(content, encoding="utf-8")


def map_base(folder: Path) -> TrafficBase:
    """Base whose arrays are mapped from the files that `write_base` made, read-only."""
    content = json.loads((folder / DOCUMENT).read_text(encoding="utf-8"))
    arrays = {path: _mapped(folder / name) for path, name in content["arrays"].items()}
    return restore(content["document"], arrays, TrafficBase)


def _mapped(file: Path) -> np.ndarray[Any, np.dtype[Any]]:
    """Array of a file, mapped; an empty one cannot be."""
    found = np.load(file, mmap_mode="r", allow_pickle=False)
    return np.asarray(found)


_PROCESS: dict[str, tuple[TrafficBase, TrafficEngine, Plan]] = {}


def _open_in_process(folder: str, plan: Plan, parent: int) -> None:
    threading.Thread(target=_end_with, args=(parent,), name="parent-watch", daemon=True).start()
    _PROCESS["opened"] = (map_base(Path(folder)), traffic_engine(plan.engine), plan)


def _end_with(parent: int) -> None:
    """End this process when the sweep is gone: a killed one cannot end its workers itself.

    The sweep started the process from which this one was forked, so that no sentinel tells of it.
    """
    pause = threading.Event()
    while is_alive(parent):
        pause.wait(LOOK_S)
    os._exit(1)


def is_alive(process: int) -> bool:
    """Whether there is a process with this number; a zombie has ended."""
    try:
        os.kill(process, 0)
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except ProcessLookupError:
        return False
    except OSError:  # another user's, or no such file on this system
        return True
    return state.rpartition(")")[2].split()[0] != "Z"


def remove_left(parent: Path) -> None:
    """Remove the folders of sweeps that were killed."""
    for folder in parent.glob(f"{PREFIX}*"):
        number = folder.name.removeprefix(PREFIX).partition("-")[0]
        if number.isdigit() and not is_alive(int(number)):
            shutil.rmtree(folder, ignore_errors=True)


def _solve_in_process(task: Task) -> Given:
    base, engine, plan = _PROCESS["opened"]
    return solve_task(base, engine, task, plan)


# On an existing Dask cluster


class Cluster:
    """An existing Dask cluster; its workers need the same version of this programme.

    Parameters
    ----------
    address
        Of the scheduler, for example ``tcp://10.0.0.5:8786``.
    """

    def __init__(self, address: str) -> None:
        self._address = address

    def run(self, base: TrafficBase, tasks: Sequence[Task], plan: Plan) -> Iterator[Given]:
        """Yield what became of each task, in their order.

        Raises
        ------
        PluginError
            If the extra ``dask`` is not installed.
        SolveError
            If the scheduler does not answer.
        """
        with opened_cluster(self._address) as client:
            key = base.content_hash()
            content = client.scatter(pack(base), broadcast=True)
            futures = [
                client.submit(_solve_on_cluster, content, key, task, plan, pure=False, retries=1)
                for task in tasks
            ]
            for number, future in enumerate(futures):
                try:
                    yield future.result()
                except Exception as error:  # noqa: BLE001 - Dask raises whatever a lost worker left
                    yield number, None, f"{type(error).__name__}: {error}"


def opened_cluster(address: str) -> "Client":
    """Client of the scheduler at an address; close it after use.

    Raises
    ------
    PluginError
        If the extra ``dask`` is not installed.
    SolveError
        If the scheduler does not answer.
    """
    try:
        from distributed import Client  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise PluginError(
            "--cluster needs Dask; install stadtzwilling[dask] here and on the cluster"
        ) from error
    try:
        return Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise SolveError(
            f"no Dask scheduler answers at {address}: {error}; check address and network"
        ) from error


def _solve_on_cluster(content: bytes, key: str, task: Task, plan: Plan) -> Given:
    """Solve a task on a worker of Dask that opens the base once."""
    if key not in _OPENED:
        _OPENED.clear()
        _OPENED[key] = (unpack(content, TrafficBase), traffic_engine(plan.engine))
    base, engine = _OPENED[key]
    return solve_task(base, engine, task, plan)
