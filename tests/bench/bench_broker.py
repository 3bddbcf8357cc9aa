"""The bulk client against paho alone, on the same Mosquitto with the shipped configuration.

Run ``scripts/bench broker`` on a quiet machine. For each transport a session is filled with QoS 1
messages while its reader is away; then the time is taken until all are read and acknowledged.
"""

import argparse
import platform
import statistics
import sys
import time
from contextlib import closing
from dataclasses import replace
from importlib.metadata import version

from broker_ways import CHOICES, TRANSPORTS, Choice, Shipped, Way, blast, shipped_mosquitto
from waiting import wait_for

from sensors.broker import Subscriber
from twin.settings import IngestSettings

FILTER = "twin/v1/bench/#"
BATCH = 20_000


def subscriber(shipped: Shipped, way: Way) -> Subscriber:
    ingest = replace(IngestSettings(), client=way.choice)
    name = f"bench-{way.choice}-{way.transport}"
    found = Subscriber(shipped.settings(way), ingest, client_id=name, filters=[FILTER])
    found.start()
    return found


def measure(shipped: Shipped, way: Way, count: int) -> tuple[float, float]:
    """CPU time of all threads per message [us], and messages per second."""
    with closing(subscriber(shipped, way)) as source:
        wait_for(lambda: source.figures().is_connected, "the subscription")
    messages = [
        (b"twin/v1/bench/%d" % (row % 500), b'{"t":1795305600000,"v":%d}' % row)
        for row in range(count)
    ]
    blast(shipped, messages)
    cpu_s, wall_s, taken = time.process_time(), time.monotonic(), 0
    with closing(subscriber(shipped, way)) as source:
        while taken < count:
            found = source.poll(max_messages=BATCH, max_bytes=1 << 24, timeout_s=1.0)
            source.ack(found)
            taken += len(found)
        cpu_s, wall_s = time.process_time() - cpu_s, time.monotonic() - wall_s
    return cpu_s / count * 1e6, count / wall_s


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"paho-mqtt {version('paho-mqtt')}, Python {platform.python_version()}")
    print(f"{'':5} {'':6} {'us/message':>11} {'messages/s':>11}")
    with shipped_mosquitto() as shipped:
        for transport in TRANSPORTS:
            count = options.messages // (4 if transport.startswith("ws") else 1)
            cost: dict[Choice, float] = {}
            for choice in CHOICES:
                rounds = [
                    measure(shipped, Way(choice, "5", transport), count)
                    for _ in range(options.rounds)
                ]
                cost[choice] = statistics.median(cpu for cpu, _ in rounds)
                rate = statistics.median(rate for _, rate in rounds)
                print(f"{transport:5} {choice:6} {cost[choice]:11.1f} {rate:11.0f}")
            print(f"{transport:5} ratio  {cost['stock'] / cost['bulk']:10.1f}x")
    return 0


if __name__ == "__main__":
    sys.exit(main())
