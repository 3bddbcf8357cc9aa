"""Child processes and their files: the one module of `simulations.traffic` that has them.

A foreign interpreter runs a script of ours that imports nothing of ours. It is watched through a
progress file and killed by its process id.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from simulations.traffic.detail.outcome import Outputs
from simulations.traffic.detail.sumo import PlainNetwork
from twin.errors import DetailError, ExtraMissingError
from twin.ports import SolveControl

SUMO_SCRIPT = Path(__file__).with_name("sumo_child.py")
UXSIM_SCRIPT = Path(__file__).with_name("uxsim_child.py")
MISSING = 3
LOOK_S = 0.1
LOCATE_LIMIT_S = 60.0
TAIL_CHARACTERS = 2000
NETCONVERT_OPTIONS = (
    *("--no-turnarounds", "true"),
    *("--offset.disable-normalization", "true"),
    *("--tls.default-type", "actuated"),
    *("--junctions.corner-detail", "0"),
)


@dataclass(frozen=True, slots=True)
class Sumo:
    """SUMO in some Python environment: its interpreter, its folder, its version."""

    python: str
    home: str
    version: str


@dataclass(frozen=True, slots=True)
class Uxsim:
    """UXsim in some Python environment: its interpreter, version, and whether it is compiled."""

    python: str
    version: str
    mode: str


def environment(folder: Path, **more: str) -> dict[str, str]:
    """All that a child gets to know of ours."""
    return {"HOME": str(folder), "LC_ALL": "C.UTF-8", "PATH": os.defpath, **more}


@dataclass(frozen=True, slots=True)
class SeedInput:
    """Text of the files of one simulation and its settings.

    Parameters
    ----------
    routes, additional : str
    edges : tuple[str, ...]
        Edges whose queues are counted.
    closures : tuple[Mapping[str, object], ...]
        ``at_s``, ``closed`` and ``notified`` of each sudden closure.
    options : Mapping[str, str]
        Further options of SUMO.
    begin_s, measured_until_s, end_s : float
    """

    routes: str
    additional: str
    edges: tuple[str, ...]
    closures: tuple[Mapping[str, object], ...]
    options: Mapping[str, str]
    begin_s: float
    measured_until_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Watch:
    """When to stop a child, and whom to tell how far it is.

    Parameters
    ----------
    deadline : float
        On the clock of ``time.monotonic``.
    cancelled : callable
    progress : callable
        Takes the simulated time [s].
    """

    deadline: float
    cancelled: Callable[[], bool] = lambda: False
    progress: Callable[[float], None] = lambda _: None


def watch(deadline: float, control: SolveControl | None, phase: str) -> Watch:
    """A watch that asks and tells the control of a computation."""
    if control is None:
        return Watch(deadline)
    return Watch(
        deadline,
        control.cancelled,
        lambda simulated_s: control.progress(phase, int(simulated_s), float("nan")),
    )


def locate_sumo(python: str = sys.executable) -> Sumo:
    """SUMO as the interpreter sees it.

    Raises
    ------
    ExtraMissingError
        If it is not installed there.
    """
    python = _found(python)
    found = _locate(python, SUMO_SCRIPT, programme="SUMO", extra="sumo")
    return Sumo(python=python, home=found["home"], version=found["version"])


def locate_uxsim(python: str = sys.executable) -> Uxsim:
    """UXsim as the interpreter sees it.

    Raises
    ------
    ExtraMissingError
        If it is not installed there.
    """
    python = _found(python)
    found = _locate(python, UXSIM_SCRIPT, programme="UXsim", extra="uxsim")
    return Uxsim(python=python, version=found["version"], mode=found["mode"])


def _found(python: str) -> str:
    """The interpreter from any folder; links stay, for they tell an environment from its base."""
    return os.path.abspath(shutil.which(python) or python)  # noqa: PTH100 - resolves no link


def _locate(python: str, script: Path, *, programme: str, extra: str) -> dict[str, str]:
    command = [python, "-I", str(script), "--locate"]
    try:
        answer = subprocess.run(  # noqa: S603 - an interpreter that the caller named
            command, capture_output=True, text=True, timeout=LOCATE_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExtraMissingError(f"the interpreter {python} does not start: {error}") from error
    if answer.returncode == MISSING:
        raise missing_extra(programme, extra, python)
    if answer.returncode != 0:
        raise DetailError(f"{programme} in {python} does not load: {_tail(answer.stderr)}")
    return json.loads(answer.stdout.splitlines()[-1])  # libraries may print warnings before


def missing_extra(programme: str, extra: str, python: str) -> ExtraMissingError:
    """The error that says which extra to install where."""
    return ExtraMissingError(
        f"{programme} is not installed for {python}; install the extra there: "
        f"pip install 'stadtzwilling[{extra}]', or name an interpreter that has it"
    )


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder for the files of one check; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="stadtzwilling-detail-") as name:
        yield Path(name)


def convert(sumo: Sumo, plain: PlainNetwork, *, folder: Path, watch: Watch) -> Path:
    """The network as SUMO reads it.

    Raises
    ------
    DetailError
        If netconvert refuses it, or the limit is reached.
    """
    kinds = {"node": plain.nodes, "edge": plain.edges, "connection": plain.connections}
    target = folder / "area.net.xml"
    command = [str(Path(sumo.home) / "bin" / "netconvert"), *NETCONVERT_OPTIONS, "-o", str(target)]
    for kind, text in kinds.items():
        file = folder / f"area.{kind}.xml"
        file.write_text(text, encoding="utf-8")
        command += [f"--{kind}-files", str(file)]
    with running(
        command, folder=folder, variables=environment(folder, SUMO_HOME=sumo.home)
    ) as process:
        _await(process, folder, watch, "netconvert")
    return target


def simulate(sumo: Sumo, network: Path, given: SeedInput, *, folder: Path, watch: Watch) -> Outputs:
    """Run one simulation and read what it wrote.

    Raises
    ------
    DetailError
        If SUMO ends with an error, the limit is reached or the check is cancelled.
    """
    folder.mkdir()
    job = _write_job(network, given, folder)
    command = [sumo.python, "-I", str(SUMO_SCRIPT), str(job)]
    with running(
        command, folder=folder, variables=environment(folder, SUMO_HOME=sumo.home)
    ) as process:
        _await(process, folder, watch, "SUMO")
    texts = [(folder / name).read_text(encoding="utf-8") for name in _OUTPUTS]
    return Outputs(*texts)


def simulate_city(uxsim: Uxsim, job: Mapping[str, object], *, folder: Path, watch: Watch) -> str:
    """Run one simulation of a city with UXsim; its answer as JSON text.

    Raises
    ------
    DetailError
        If UXsim ends with an error, the limit is reached or the check is cancelled.
    """
    folder.mkdir()
    content = {
        **job,
        "cpp": uxsim.mode == "C++",
        "progress_file": str(folder / "progress"),
        "answer_file": str(folder / "answer.json"),
    }
    file = folder / "job.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    command = [uxsim.python, "-I", str(UXSIM_SCRIPT), str(file)]
    with running(command, folder=folder, variables=environment(folder)) as process:
        _await(process, folder, watch, "UXsim")
    return (folder / "answer.json").read_text(encoding="utf-8")


_OUTPUTS = ("means.xml", "trips.xml", "statistics.xml", "queues.json")


def _write_job(network: Path, given: SeedInput, folder: Path) -> Path:
    (folder / "routes.xml").write_text(given.routes, encoding="utf-8")
    (folder / "additional.xml").write_text(given.additional, encoding="utf-8")
    options = {
        "net-file": str(network),
        "route-files": str(folder / "routes.xml"),
        "additional-files": str(folder / "additional.xml"),
        "tripinfo-output": str(folder / "trips.xml"),
        "tripinfo-output.write-unfinished": "true",
        "statistic-output": str(folder / "statistics.xml"),
        "no-step-log": "true",
        "xml-validation": "never",
        **given.options,
    }
    job = {
        "arguments": [part for name, value in options.items() for part in (f"--{name}", value)],
        "edges": given.edges,
        "closures": given.closures,
        "begin_s": given.begin_s,
        "measured_until_s": given.measured_until_s,
        "end_s": given.end_s,
        "progress_file": str(folder / "progress"),
        "queue_file": str(folder / "queues.json"),
    }
    file = folder / "job.json"
    file.write_text(json.dumps(job), encoding="utf-8")
    return file


@contextmanager
def running(
    command: Sequence[str], *, folder: Path, variables: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A child with its messages in ``folder/messages``; killed if it still runs at the end."""
    with ExitStack() as stack:
        messages = stack.enter_context((folder / "messages").open("wb"))
        process = subprocess.Popen(  # noqa: S603 - our script or netconvert, no shell
            list(command),
            cwd=folder,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=messages,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def _await(process: subprocess.Popen[bytes], folder: Path, watch: Watch, what: str) -> None:
    """Nothing, once the child has ended well; progress is passed on meanwhile."""
    while True:
        try:
            code = process.wait(timeout=LOOK_S)
        except subprocess.TimeoutExpired:
            _look(folder, watch, what)
            continue
        if code != 0:
            messages = (folder / "messages").read_text(encoding="utf-8", errors="replace")
            raise DetailError(f"{what} ended with code {code}: {_tail(messages)}")
        return


def _look(folder: Path, watch: Watch, what: str) -> None:
    """Pass progress on; raise if the child must end."""
    if watch.cancelled():
        raise DetailError(f"the detailed check was cancelled while {what} was running")
    if time.monotonic() > watch.deadline:
        raise DetailError(
            f"the time limit was reached while {what} was running; take a smaller sub-area, a "
            "shorter period, or a higher limit"
        )
    try:
        watch.progress(float((folder / "progress").read_text(encoding="ascii")))
    except (FileNotFoundError, ValueError):
        return  # not begun, or read in the middle of a write


def _tail(text: str) -> str:
    """The errors among the messages, or their end."""
    told = ("error", "exception")
    lines = [line for line in text.splitlines() if any(word in line.casefold() for word in told)]
    return (" ".join(lines) or text.strip())[-TAIL_CHARACTERS:]
