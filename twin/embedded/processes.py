"""Processes that may not be our children: are they there, what are they, how do they end."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from twin.errors import EmbeddedError

STOP_LIMIT_S = 30.0
ABORT_LIMIT_S = 15.0
POLL_S = 0.01
_PROC = Path("/proc")
_ZOMBIE = "Z"


def wait_until(holds: Callable[[], bool], *, limit_s: float | None) -> bool:
    """Wait until the condition holds; False if it does not within the limit."""
    deadline = None if limit_s is None else time.monotonic() + limit_s
    while not holds():
        if deadline is not None and time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def is_running(pid: int) -> bool:
    """The process exists and is more than a zombie that nobody has waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        status = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return not _shows_processes()
    return status.rpartition(")")[2].split()[0] != _ZOMBIE


def works_in(pid: int, folder: Path) -> bool:
    """The process runs with ``folder`` as its working directory, as a server does with its data.

    Where the system does not show that, a running process gets the benefit of the doubt.
    """
    return is_running(pid) and _link(pid, "cwd") in {folder, None}


def is_executing(pid: int, programme: Path) -> bool:
    """The process runs this very file; with the benefit of the doubt as in `works_in`."""
    return _link(pid, "exe") in {programme.resolve(), None}


def stop_child(process: subprocess.Popen[bytes]) -> None:
    """End our own server: quickly, with all clients told; if it does not comply, at once."""
    _stop(process.pid, lambda: process.poll() is not None)


def stop_other(pid: int, *, folder: Path) -> None:
    """End the server on ``folder`` that is not our child, in the same way."""
    _stop(pid, lambda: not works_in(pid, folder))


def _stop(pid: int, has_ended: Callable[[], bool]) -> None:
    # SIGTERM would wait for all clients to leave by themselves.
    for number, limit_s in ((signal.SIGINT, STOP_LIMIT_S), (signal.SIGQUIT, ABORT_LIMIT_S)):
        if has_ended():
            return
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        if wait_until(has_ended, limit_s=limit_s):
            return
    raise EmbeddedError(
        f"process {pid} of the embedded database has not ended {STOP_LIMIT_S + ABORT_LIMIT_S:g} s "
        "after it was told to; look at its log before ending it by force"
    )


def _link(pid: int, name: str) -> Path | None:
    try:
        return (_PROC / str(pid) / name).readlink()
    except PermissionError:
        return None
    except OSError:
        return Path() if _shows_processes() else None


def _shows_processes() -> bool:
    return (_PROC / "self" / "stat").exists()
