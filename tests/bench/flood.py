"""A publisher for benchmarks, a process of its own that makes all packets before it sends one.

``flood.py`` reads one JSON object, makes the packets, answers ``ready``, begins at the next line
and answers with its times [s, monotonic clock of the machine].
"""

import json
import select
import socket
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from faults.loadgen import Target, connect_packet, publish_packet

WINDOW = 1000
MS_PER_S = 1000


@dataclass(frozen=True)
class Order:
    """What is published: ``count`` messages of ``per_message`` readings, one every millisecond.

    ``numbers`` are the datastream numbers by stream; ``rate_hz`` 0 is as fast as the broker takes.
    """

    target: Target
    count: int
    base_ms: int
    numbers: list[int]
    rate_hz: float = 0.0
    per_message: int = 1

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> "Order":
        content: dict[str, Any] = json.loads(text)
        return Order(**(content | {"target": Target(**content["target"])}))


def iso(time_ms: int) -> str:
    at = datetime.fromtimestamp(time_ms / MS_PER_S, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{time_ms % MS_PER_S:03d}Z"


def topic(stream: int) -> str:
    return f"twin/v1/demo/B1/s{stream:03}/obs"


def payload(order: Order, number: int) -> bytes:
    """The same bytes for every candidate; ``seq`` is the stream's number, for the peers."""
    ds = order.numbers[number % len(order.numbers)]
    first = number * order.per_message
    rows = [
        f'{{"t": "{iso(order.base_ms + row)}", "v": {row / 4}, "seq": {ds}}}'
        for row in range(first, first + order.per_message)
    ]
    return (rows[0] if order.per_message == 1 else f"[{', '.join(rows)}]").encode()


def packets(order: Order) -> list[bytes]:
    return [
        publish_packet(
            topic(number % len(order.numbers)).encode(),
            payload(order, number),
            packet=number % 65_535 + 1,
        )
        for number in range(order.count)
    ]


def publish(connection: socket.socket, made: list[bytes], rate_hz: float) -> list[float]:
    """Send everything, in order and with a window; when each message was handed over."""
    sent_at: list[float] = []
    confirmed_bytes = 0
    waiting = b""
    begun = time.monotonic()
    while confirmed_bytes < 4 * len(made):
        if not waiting:
            due = len(made) if not rate_hz else int((time.monotonic() - begun) * rate_hz) + 1
            until = min(len(made), due, confirmed_bytes // 4 + WINDOW)
            waiting = b"".join(made[len(sent_at) : until])
            sent_at += [time.monotonic()] * (until - len(sent_at))
        readable, writable, _ = select.select(
            [connection], [connection] if waiting else [], [], 0.001 if rate_hz else 0.05
        )
        if writable:
            waiting = waiting[connection.send(waiting) :]
        if readable:
            received = connection.recv(262_144)
            if not received:
                raise ConnectionResetError("the broker closed the connection")
            confirmed_bytes += len(received)
    return sent_at


def main() -> None:
    order = Order.from_json(sys.stdin.readline())
    made = packets(order)
    address = (order.target.host, order.target.port)
    with socket.create_connection(address, timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(connect_packet(order.target))
        if connection.recv(4) != b"\x20\x02\x00\x00":
            raise ConnectionRefusedError("the broker refused the publisher")
        connection.settimeout(0.0)
        print("ready", flush=True)
        sys.stdin.readline()
        begun = time.monotonic()
        sent_at = publish(connection, made, order.rate_hz)
        ended = time.monotonic()
    step = 1 if order.rate_hz else max(1, len(sent_at))
    print(json.dumps({"begun_s": begun, "ended_s": ended, "sent_s": sent_at[::step]}), flush=True)


if __name__ == "__main__":
    main()
