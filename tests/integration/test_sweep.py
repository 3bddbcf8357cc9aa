"""Sweeps: input order, the bits of a single run, dead workers, and a Dask cluster."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from services import free_port
from third_party import environment
from waiting import wait_for

PROBE = Path(__file__).parents[1] / "sweep_probe.py"
NAMES = ["one way", "back 1", "one way again", "none", "back 2"]

Outcomes = list[tuple[str, str, str]]


def _sweep(folder: Path, kind: str, *names: str) -> Outcomes:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(PROBE), kind, *names],
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Bits of single runs by name of the scenario."""
    folder = tmp_path_factory.mktemp("single")
    return {name: bits for name, bits, _ in _sweep(folder, "single", "one way", "back")}


def _require_answers(outcomes: Outcomes, single: dict[str, str]) -> None:
    assert [name for name, _, _ in outcomes] == NAMES
    one, back = single["one way"], single["back"]
    assert [bits for _, bits, _ in outcomes] == [one, back, one, "", back]
    assert "changes nothing" in outcomes[3][2] or "no effect" in outcomes[3][2]


def test_answers_come_in_order_with_the_bits_of_single_runs(
    tmp_path: Path, single: dict[str, str]
) -> None:
    _require_answers(_sweep(tmp_path, "processes", *NAMES), single)


def test_a_dead_worker_costs_one_retry(tmp_path: Path, single: dict[str, str]) -> None:
    outcomes = _sweep(tmp_path, "processes", "one way", "deadly once", "back 1", "back 2")
    assert [bits for _, bits, _ in outcomes] == [
        single["one way"],
        single["one way"],
        single["back"],
        single["back"],
    ]


def test_a_scenario_that_kills_two_workers_costs_only_itself(
    tmp_path: Path, single: dict[str, str]
) -> None:
    outcomes = _sweep(tmp_path, "processes", "back 1", "deadly", "one way", "back 2", "one way 2")
    by_name = {name: (bits, reason) for name, bits, reason in outcomes}
    assert [name for name, _, _ in outcomes] == [
        "back 1",
        "deadly",
        "one way",
        "back 2",
        "one way 2",
    ]
    assert "died twice" in by_name["deadly"][1]
    assert by_name["back 2"][0] == by_name["back 1"][0] == single["back"]
    assert by_name["one way"][0] == by_name["one way 2"][0] == single["one way"]


def test_a_dask_cluster_with_two_workers_gives_the_same_answers(
    tmp_path: Path, single: dict[str, str]
) -> None:
    port = free_port(besides=())
    address = f"tcp://127.0.0.1:{port}"
    quiet = [sys.executable, "-W", "ignore", "-m", "distributed.cli.dask_spec"]
    scheduler = {
        "cls": "dask.distributed.Scheduler",
        "opts": {"host": "127.0.0.1", "port": port, "dashboard": False},
    }
    worker = {
        "cls": "dask.distributed.Nanny",
        "opts": {"nthreads": 1, "host": "127.0.0.1", "dashboard": False},
    }
    log = (tmp_path / "dask.log").open("wb")
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> None:
        started.append(
            subprocess.Popen(
                [*quiet, *arguments],
                env=environment(tmp_path),
                cwd=tmp_path,
                stdout=log,
                stderr=log,
            )
        )

    try:
        start("--spec", json.dumps(scheduler))
        for _ in range(2):
            start(address, "--spec", json.dumps(worker))

        def has_two_workers() -> bool:
            return (tmp_path / "dask.log").read_text().count("Registered to") >= 2

        wait_for(has_two_workers, "two workers of Dask", timeout_s=90)
        _require_answers(_sweep(tmp_path, address, *NAMES), single)
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait(30)
        log.close()


def test_a_cluster_that_does_not_answer_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(PROBE), "tcp://127.0.0.1:1", "one way"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode != 0
    assert "no Dask scheduler answers at tcp://127.0.0.1:1" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_sweep_leaves_no_workers_and_the_next_one_no_folder(
    tmp_path: Path, number: signal.Signals
) -> None:
    left = environment(tmp_path) | {"TMPDIR": str(tmp_path)}
    killed = subprocess.Popen(
        [sys.executable, "-W", "ignore", str(PROBE), "processes", "one way", "endless"],
        env=left,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert killed.stdout is not None
    with killed.stdout as told:
        assert "one way" in told.readline()  # its workers live
        killed.send_signal(number)
        killed.wait(30)
    wait_for(lambda: not _group(killed.pid), "the end of all its processes", timeout_s=60)
    subprocess.run(
        [sys.executable, "-W", "ignore", str(PROBE), "processes", "one way"],
        env=left,
        capture_output=True,
        timeout=180,
        check=True,
    )
    assert list(tmp_path.glob("twin-sweep-*")) == []


def _group(leader: int) -> list[str]:
    """Living processes of a session."""
    found: list[str] = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(file.parent.name)
    return found
