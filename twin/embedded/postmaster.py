"""What a data directory and a socket tell about the server that uses them."""

import os
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

_PROTOCOL_3_0 = 196608
_AUTHENTICATION = b"R"
_ZOMBIE = "Z"
_LINES = 6


@dataclass(frozen=True, slots=True)
class PidFile:
    """The facts in ``postmaster.pid``."""

    pid: int
    data_dir: str
    port: int
    socket_dir: Path
    listen: str

    @property
    def socket_path(self) -> Path:
        """The server's Unix socket."""
        return self.socket_dir / f".s.PGSQL.{self.port}"


def read_pid_file(data_dir: Path) -> PidFile | None:
    """Facts of ``postmaster.pid``; None if it is missing or not complete yet."""
    try:
        lines = (data_dir / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    if len(lines) < _LINES or not lines[0].strip("-").isdigit() or not lines[3].isdigit():
        return None
    pid, folder, _, port, socket_dir, listen = (line.strip() for line in lines[:_LINES])
    return PidFile(
        pid=abs(int(pid)), data_dir=folder, port=int(port), socket_dir=Path(socket_dir), listen=listen
    )


def is_running(pid: int) -> bool:
    """The process exists and is more than a zombie that nobody has waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return not Path("/proc/self/stat").exists()
    return status.rpartition(")")[2].split()[0] != _ZOMBIE


def serves(pid: int, *, data_dir: Path) -> bool:
    """The running process ``pid`` is a server on ``data_dir``, not a later owner of its number.

    A server works in its data directory. Where the system does not show that (no ``/proc``), the
    running process gets the benefit of the doubt.
    """
    if not is_running(pid):
        return False
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == data_dir
    except OSError:
        return not Path("/proc/self/stat").exists()


def accepts_logins(socket_path: Path, *, user: str, limit_s: float = 5.0) -> bool:
    """The server answers the first message of a login with a question for the password.

    A server that starts, recovers or stops answers with an error instead, a stuck one not at all.
    """
    body = struct.pack(">I", _PROTOCOL_3_0) + b"user\0" + user.encode() + b"\0\0"
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(limit_s)
            connection.connect(str(socket_path))
            connection.sendall(struct.pack(">I", len(body) + 4) + body)
            return connection.recv(1) == _AUTHENTICATION
    except OSError:
        return False
