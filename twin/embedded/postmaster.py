"""What a data directory and a socket tell about the server that uses them."""

import socket
import struct
from dataclasses import dataclass
from pathlib import Path

_PROTOCOL_3_0 = 196608
_AUTHENTICATION = b"R"
_LINES = 8


@dataclass(frozen=True, slots=True)
class PidFile:
    """The facts in ``postmaster.pid``; what a starting server has not written yet is empty."""

    pid: int
    port: int
    socket_dir: Path
    listen: str
    status: str

    @property
    def socket_path(self) -> Path:
        """The server's Unix socket."""
        return socket_path(self.socket_dir, self.port)


def socket_path(socket_dir: Path, port: int) -> Path:
    """Where PostgreSQL puts its Unix socket."""
    return socket_dir / f".s.PGSQL.{port}"


def read_pid_file(data_dir: Path) -> PidFile | None:
    """Facts of ``postmaster.pid``; None if it is missing or holds no process id."""
    try:
        text = (data_dir / "postmaster.pid").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    lines = [line.strip() for line in text.splitlines()]
    lines += [""] * (_LINES - len(lines))
    if not lines[0].isdigit():
        return None
    return PidFile(
        pid=int(lines[0]),
        port=int(lines[3]) if lines[3].isdigit() else 0,
        socket_dir=Path(lines[4]),
        listen=lines[5],
        status=lines[7],
    )


def accepts_logins(path: Path, *, user: str, limit_s: float = 5.0) -> bool:
    """The server answers the first message of a login with a question for the password.

    A server that starts, recovers or stops answers with an error instead, a stuck one not at all.
    """
    body = struct.pack(">I", _PROTOCOL_3_0) + b"user\0" + user.encode() + b"\0\0"
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(limit_s)
            connection.connect(str(path))
            connection.sendall(struct.pack(">I", len(body) + 4) + body)
            # All of the answer is read: leaving some of it would make the server log a fault.
            return connection.recv(4096)[:1] == _AUTHENTICATION
    except OSError:
        return False
