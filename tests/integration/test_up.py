"""``twin demo`` as a person runs it: start, heal, refuse a second start, stop, start again."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from services import free_port
from waiting import wait_for

pytestmark = [pytest.mark.db, pytest.mark.broker]


@dataclass
class Demo:
    """A running ``twin demo`` with its address, output and data folder."""

    process: subprocess.Popen[str]
    address: str
    data_dir: Path
    lines: list[str]

    def job_pids(self) -> dict[str, int]:
        """Newest process id per job, from the processes that are children of the supervisor."""
        found = {}
        for pid in children(self.process.pid):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"--supervised" in command:
                found[command[command.index(b"--supervised") - 1].decode()] = pid
        return found


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def descendants(pid: int) -> list[int]:
    direct = children(pid)
    return direct + [deeper for child in direct for deeper in descendants(child)]


def start(data_dir: Path, listen: str) -> Demo:
    environment = {**os.environ, "TWIN_DATA_DIR": str(data_dir), "TWIN_LISTEN": listen}
    process = subprocess.Popen(
        [sys.executable, "-m", "twin.cli", "demo"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines = []
    for line in process.stdout or ():
        lines.append(line)
        if f"open http://{listen}/" in line:
            return Demo(process, f"http://{listen}/", data_dir, lines)
    log = data_dir / "log" / "twin.log"
    pytest.fail("".join(lines) + (log.read_text()[-5000:] if log.exists() else ""))


def stop(demo: Demo) -> int:
    demo.process.send_signal(signal.SIGINT)
    return demo.process.wait(60)


def stored(address: str) -> int:
    """Readings stored so far, or 0 while the server does not answer."""
    try:
        with urlopen(f"{address}metrics", timeout=5) as answer:
            text = answer.read().decode()
    except (URLError, ConnectionError, TimeoutError):
        return 0
    return sum(
        int(float(value))
        for value in re.findall(r'^twin_ingest_today\{[^}]*fate="stored"\} (\S+)$', text, re.MULTILINE)
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    running = start(tmp_path_factory.mktemp("demo"), f"127.0.0.1:{free_port()}")
    yield running
    if running.process.poll() is None:
        assert stop(running) == 0


def test_the_address_is_printed_after_a_line_for_each_step(demo: Demo) -> None:
    text = "".join(demo.lines)
    assert "database and broker are ready" in text
    assert re.search(r"\d+ assets, [4-9]\d\d datastreams", text)


def test_live_readings_are_stored(demo: Demo) -> None:
    wait_for(lambda: stored(demo.address) >= 400, "400 stored readings")


def test_a_second_start_on_the_same_folder_is_refused(demo: Demo) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "twin.cli", "demo"],
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


def test_every_listener_is_on_the_loopback_interface(demo: Demo) -> None:
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


def test_secrets_are_readable_for_their_owner_only(demo: Demo) -> None:
    secrets = [
        file
        for file in demo.data_dir.rglob("*")
        if file.is_file() and re.search(r"pass|secret|credential|services\.json", file.name)
    ]
    assert secrets
    assert [str(file) for file in secrets if file.stat().st_mode & 0o077] == []


@pytest.mark.parametrize("job", ["ingest", "work", "serve", "simulate"])
def test_a_killed_job_is_started_again(demo: Demo, job: str) -> None:
    old = demo.job_pids()[job]
    os.kill(old, signal.SIGKILL)
    wait_for(lambda: demo.job_pids().get(job, old) != old, f"a new {job}")
    before = wait_for(lambda: stored(demo.address) or None, "the web server")
    wait_for(lambda: stored(demo.address) > before, "more stored readings")


def test_a_killed_database_and_broker_are_started_again(demo: Demo) -> None:
    jobs = set(demo.job_pids().values())
    services = [pid for pid in children(demo.process.pid) if pid not in jobs]
    assert services
    for pid in services:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not set(services) & set(children(demo.process.pid)), "the end of the services")
    before = wait_for(lambda: stored(demo.address) or None, "the web server", timeout_s=60)
    wait_for(lambda: stored(demo.address) > before, "more stored readings", timeout_s=90)


def test_interrupt_stops_everything_and_a_second_start_keeps_the_data(demo: Demo) -> None:
    before = stored(demo.address)
    everything = descendants(demo.process.pid)
    assert stop(demo) == 0
    assert [pid for pid in everything if Path(f"/proc/{pid}/cmdline").exists()] == []
    log = (demo.data_dir / "log" / "twin.log").read_text().splitlines()
    assert [line for line in log if line.startswith("{") and json.loads(line).get("trace")] == []
    again = start(demo.data_dir, demo.address.removeprefix("http://").rstrip("/"))
    try:
        assert stored(again.address) >= before
        assert "0 rows added, 0 changed" in "".join(again.lines)
    finally:
        assert stop(again) == 0
