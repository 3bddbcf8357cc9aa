"""The smallest MQTT client: a login and a ping, to see that a listener really works.

A listener of the embedded broker can hang while its port still accepts connections, so the probe
is a round trip in the protocol.
"""

import secrets
import socket
import struct

PROBE_CLIENT = "twin-probe"
VERSION_3_1_1 = 4
VERSION_5 = 5
_CONNECT, _CONNACK = 0x10, 0x20
_PINGREQ, _PINGRESP = b"\xc0\x00", 0xD0
_CLEAN_WITH_LOGIN = 0b1100_0010
_KEEPALIVE_S = 30
_SHORT = 128  # a remaining length below this takes one byte


def answers(
    host: str, port: int, *, version: int, username: str, password: str, limit_s: float = 5.0
) -> bool:
    """The listener accepts this login and answers a ping.

    Parameters
    ----------
    host, port
        Where it listens.
    version
        Protocol level, 4 for MQTT 3.1.1 or 5.
    username, password
        Credentials; short ones, the packet has room for 100 bytes.
    limit_s
        How long each answer may take [s].
    """
    try:
        with socket.create_connection((host, port), timeout=limit_s) as connection:
            connection.sendall(connect_packet(version, username=username, password=password))
            kind, body = _read_packet(connection)
            if kind != _CONNACK or len(body) <= 1 or body[1] != 0:
                return False
            connection.sendall(_PINGREQ)
            kind, _ = _read_packet(connection)
            # No DISCONNECT: together with the end of the connection it counts twice in the embedded
            # broker, and the second time may hit a client that has just come.
            return kind == _PINGRESP
    except (OSError, EOFError):
        return False


def connect_packet(version: int, *, username: str, password: str) -> bytes:
    """A CONNECT packet with a clean session."""
    body = _text("MQTT") + struct.pack(">BBH", version, _CLEAN_WITH_LOGIN, _KEEPALIVE_S)
    if version == VERSION_5:
        body += b"\x00"  # no properties
    # A fresh id each time: the embedded broker may break a listener when an id comes again before
    # its last connection, on whatever listener, is quite gone.
    client = f"{PROBE_CLIENT}-{secrets.token_hex(4)}"
    body += _text(client) + _text(username) + _text(password)
    if len(body) >= _SHORT:
        raise ValueError(f"a probe packet of {len(body)} bytes is too long; use short credentials")
    return bytes([_CONNECT, len(body)]) + body


def _text(value: str) -> bytes:
    raw = value.encode("utf-8")
    return struct.pack(">H", len(raw)) + raw


def _read_packet(connection: socket.socket) -> tuple[int, bytes]:
    kind, length = _read(connection, 2)
    if length >= _SHORT:
        raise EOFError  # no answer to a probe is that long
    return kind & 0xF0, _read(connection, length)


def _read(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data
