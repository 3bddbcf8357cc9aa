"""Disks that fill up, what lies in a spool, and what the ingester says of itself."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from faults.rig import Rig
from services import missing

CHUNK = b"\n" * 65_536
MIB = 1024 * 1024


@contextmanager
def small_disk(folder: Path, *, size_bytes: int) -> Iterator[Path]:
    """A file system of its own with so many bytes, in memory; skips where none can be mounted."""
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={size_bytes},mode=0777"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except FileNotFoundError:
        missing("no programme mount: no small file system for a full disk")
    if answer.returncode != 0:
        missing(f"no small file system for a full disk: {answer.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, timeout=20)


def fill(folder: Path) -> Path:
    """Take all that is free on the disk of this folder; removing the file gives it back."""
    ballast = folder / "ballast"
    grow(ballast)
    return ballast


def grow(file: Path) -> None:
    """Make a file longer by line ends until its disk is full, its own last block too."""
    with file.open("ab", buffering=0) as stream:
        for size in (len(CHUNK), 512, 1):
            try:
                while True:
                    stream.write(CHUNK[:size])
            except OSError:
                continue


def spool_bytes(rig: Rig) -> int:
    """Bytes of the segments that wait in the spool."""
    total = 0
    for path in rig.settings.spool_dir.glob("*.seg"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue  # drained a moment ago
    return total


def corrupt_files(rig: Rig) -> list[str]:
    """Names of damaged segments that the spool kept."""
    return [path.name for path in rig.settings.spool_dir.glob("*.corrupt")]


@dataclass(frozen=True, slots=True)
class Status:
    """What the status file says."""

    state: str
    alarms: frozenset[str]


def status(rig: Rig) -> Status:
    """What the ingester says, also while the database is away; empty before it says anything."""
    file = rig.settings.data_dir / "status" / f"ingest-{rig.settings.ingest.instance}.json"
    try:
        content = json.loads(file.read_bytes())
    except FileNotFoundError:
        return Status("", frozenset())
    return Status(content["state"], frozenset(alarm["kind"] for alarm in content["alarms"]))
