"""A subscriber that does nothing but acknowledge: what the broker alone can do with QoS 1.

``drain.py`` reads one JSON object, answers ``ready`` once it is subscribed, and the time [s,
monotonic clock of the machine] when it has the last message.
"""

import json
import socket
import sys
import time

from faults.loadgen import Target, connect_packet

PUBLISH = 0x30
SUBSCRIBE = b"\x82\x0e\x00\x01\x00\x09twin/v1/#\x01"


def take(buffer: bytes) -> tuple[bytes, list[bytes]]:
    """What is left of the buffer, and the packet ids of the QoS 1 messages in it."""
    at, ids = 0, []
    while at + 2 <= len(buffer):
        size, shift, head = 0, 0, at + 1
        while True:
            if head >= len(buffer):
                return buffer[at:], ids
            byte = buffer[head]
            size |= (byte & 0x7F) << shift
            head, shift = head + 1, shift + 7
            if byte < 0x80:
                break
        if head + size > len(buffer):
            break
        if buffer[at] & 0xF0 == PUBLISH:
            topic = int.from_bytes(buffer[head : head + 2], "big")
            ids.append(buffer[head + 2 + topic : head + 4 + topic])
        at = head + size
    return buffer[at:], ids


def main() -> None:
    content = json.loads(sys.stdin.readline())
    target, count = Target(**content["target"]), int(content["count"])
    with socket.create_connection((target.host, target.port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(connect_packet(target))
        if connection.recv(4) != b"\x20\x02\x00\x00":
            raise ConnectionRefusedError("the broker refused the subscriber")
        connection.sendall(SUBSCRIBE)
        connection.recv(5)
        print("ready", flush=True)
        left, received = b"", 0
        while received < count:
            left, ids = take(left + connection.recv(262_144))
            received += len(ids)
            connection.sendall(b"".join(b"\x40\x02" + packet for packet in ids))
        print(json.dumps(time.monotonic()), flush=True)


if __name__ == "__main__":
    main()
