"""The twin as a person runs it, for tests: started by a command, stopped by an interrupt."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from services import free_port

STOP_S = 60.0


@dataclass
class RunningTwin:
    """A running ``twin up`` or ``twin demo`` with its address, first lines and data folder."""

    process: "subprocess.Popen[str]"
    address: str
    data_dir: Path
    lines: list[str]

    def stored(self) -> int:
        """Readings stored today, or 0 while the web server does not answer."""
        try:
            with urlopen(f"{self.address}metrics", timeout=5) as answer:
                text = answer.read().decode()
        except (URLError, ConnectionError, TimeoutError):
            return 0
        found = re.findall(r'^twin_ingest_today\{[^}]*fate="stored"\} (\S+)$', text, re.MULTILINE)
        return sum(int(float(value)) for value in found)

    def stop(self) -> int:
        """Interrupt it like Ctrl-C; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        code = self.process.wait(STOP_S)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code


def start_twin(
    command: Sequence[str], *, data_dir: Path, listen: str = "", folder: Path | None = None
) -> RunningTwin:
    """Start the twin by a command and wait until it prints its address."""
    listen = listen or f"127.0.0.1:{free_port(besides=())}"
    inherited = {name: text for name, text in os.environ.items() if name != "CI"}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**inherited, "TWIN_DATA_DIR": str(data_dir), "TWIN_LISTEN": listen},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    running = RunningTwin(process, f"http://{listen}/", data_dir, [])
    for line in process.stdout or ():
        running.lines.append(line)
        if f"open {running.address}" in line:
            return running
    running.stop()
    log = data_dir / "log" / "twin.log"
    end = log.read_text()[-5000:] if log.exists() else "no log was written"
    pytest.fail(f"{' '.join(command)}\n{''.join(running.lines)}\n{end}")


@contextmanager
def running_twin(
    command: Sequence[str], *, data_dir: Path, listen: str = "", folder: Path | None = None
) -> Iterator[RunningTwin]:
    """The same for a ``with`` block; stopped at its end, and the exit code must be 0."""
    running = start_twin(command, data_dir=data_dir, listen=listen, folder=folder)
    try:
        yield running
    finally:
        assert running.stop() == 0
