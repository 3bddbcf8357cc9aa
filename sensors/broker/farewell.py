"""The end of a connection that loses nothing on the way."""

import contextlib
import socket
import time
from os import dup

from paho.mqtt.client import Client

FAREWELL_S = 1.0


def close(client: Client) -> None:
    """Say goodbye if the broker still listens; the session stays as long as was agreed.

    A socket that is closed with unread bytes resets the connection, and a broker that sees that
    may forget the acknowledgements it has not read yet. So a second descriptor keeps the
    connection until the broker has closed its side.
    """
    connection = client.socket()
    if connection is None:
        return
    with socket.socket(fileno=dup(connection.fileno())) as line:
        client.disconnect()
        left = client.socket()
        if left is not None:
            left.close()
        with contextlib.suppress(OSError):
            line.shutdown(socket.SHUT_WR)
            _drain(line, until_s=time.monotonic() + FAREWELL_S)


def _drain(line: socket.socket, *, until_s: float) -> None:
    """Read and forget until the other side closes; the broker keeps what is not acknowledged."""
    while time.monotonic() < until_s:
        line.settimeout(max(0.001, until_s - time.monotonic()))
        if not line.recv(1 << 16):
            return
