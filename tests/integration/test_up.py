"""``twin demo`` as a person runs it: start, heal, refuse a second start, stop, start again."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import RunningTwin, running_twin
from waiting import wait_for

pytestmark = [pytest.mark.db, pytest.mark.broker]


DEMO = (sys.executable, "-m", "twin.cli", "demo")


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def descendants(pid: int) -> list[int]:
    direct = children(pid)
    return direct + [deeper for child in direct for deeper in descendants(child)]


def lives(pid: int) -> bool:
    """Whether a process runs; a zombie that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except FileNotFoundError:
        return False


def job_pids(demo: RunningTwin) -> dict[str, int]:
    """Newest process id per job, from the processes that are children of the supervisor."""
    found = {}
    for pid in children(demo.process.pid):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"--supervised" in command:
            found[command[command.index(b"--supervised") - 1].decode()] = pid
    return found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTwin]:
    with running_twin(DEMO, data_dir=tmp_path_factory.mktemp("demo")) as running:
        yield running


def test_the_address_is_printed_after_a_line_for_each_step(demo: RunningTwin) -> None:
    text = "".join(demo.lines)
    assert "database and broker are ready" in text
    assert re.search(r"\d+ assets, [4-9]\d\d datastreams", text)


def test_live_readings_are_stored(demo: RunningTwin) -> None:
    wait_for(lambda: demo.stored() >= 400, "400 stored readings")


def test_a_second_start_on_the_same_folder_is_refused(demo: RunningTwin) -> None:
    result = subprocess.run(
        DEMO,
        env={**os.environ, "TWIN_DATA_DIR": str(demo.data_dir)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == 2
    assert str(demo.data_dir) in result.stderr
    assert str(demo.process.pid) in result.stderr
    assert demo.process.poll() is None


def test_every_listener_is_on_the_loopback_interface(demo: RunningTwin) -> None:
    inodes = set()
    for pid in [demo.process.pid, *descendants(demo.process.pid)]:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            try:
                inodes |= set(re.findall(r"socket:\[(\d+)\]", str(descriptor.readlink())))
            except OSError:
                continue  # closed meanwhile
    addresses = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A" and columns[9] in inodes:
                addresses.add(columns[1].partition(":")[0])
    assert addresses == {"0100007F"}


def test_secrets_are_readable_for_their_owner_only(demo: RunningTwin) -> None:
    secrets = [
        file
        for file in demo.data_dir.rglob("*")
        if file.is_file() and re.search(r"pass|secret|credential|services\.json", file.name)
    ]
    assert secrets
    assert [str(file) for file in secrets if file.stat().st_mode & 0o077] == []


@pytest.mark.parametrize("job", ["ingest", "work", "serve", "maintain", "simulate"])
def test_a_killed_job_is_started_again(demo: RunningTwin, job: str) -> None:
    old = job_pids(demo)[job]
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: job_pids(demo).get(job, old) != old, f"a new {job}")
    before = wait_for(lambda: demo.stored() or None, "the web server")
    wait_for(lambda: demo.stored() > before, "more stored readings")


def test_a_killed_database_and_broker_are_started_again(demo: RunningTwin) -> None:
    jobs = set(job_pids(demo).values())
    services = [pid for pid in children(demo.process.pid) if pid not in jobs]
    assert services
    for pid in services:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not set(services) & set(children(demo.process.pid)), "the end of the services")
    before = wait_for(lambda: demo.stored() or None, "the web server", timeout_s=60)
    wait_for(lambda: demo.stored() > before, "more stored readings", timeout_s=90)


def test_interrupt_stops_everything_and_a_second_start_keeps_the_data(demo: RunningTwin) -> None:
    before = demo.stored()
    everything = descendants(demo.process.pid)
    assert demo.stop() == 0
    assert [pid for pid in everything if lives(pid)] == []
    log = (demo.data_dir / "log" / "twin.log").read_text().splitlines()
    assert [line for line in log if line.startswith("{") and json.loads(line).get("trace")] == []
    listen = demo.address.removeprefix("http://").rstrip("/")
    with running_twin(DEMO, data_dir=demo.data_dir, listen=listen) as again:
        assert again.stored() >= before
        assert "0 rows added, 0 changed" in "".join(again.lines)
