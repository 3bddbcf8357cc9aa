"""Reading 300 bridges from PostgreSQL: queries and time of the list, all at once and one by one.

Run ``scripts/bench bridges`` on a quiet machine; it takes half a minute.
"""

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

from many_bridges import START, counted, fill
from store_servers import running_server

from simulations.bridges.analyses import ANALYSES
from simulations.bridges.rounds import Rounds
from twin.bridge_view import read_bridge, read_bridges
from twin.city import Twin
from twin.store import PostgresStore, open_store

say = sys.stdout.write


def one_by_one(twin: Twin) -> int:
    """Everything that is known of each bridge."""
    return len([read_bridge(twin, asset.id) for asset in twin.assets("bridge")])


def at_once(twin: Twin) -> int:
    """The list."""
    return len(read_bridges(twin))


def states(twin: Twin) -> int:
    """States of the monitoring, as the map asks for them."""
    return len(twin.monitoring_states())


def rest(twin: Twin) -> int:
    """A step of a worker that has to find that nothing is due."""
    return int(Rounds(twin, [item for item in ANALYSES if item.name == "trend"]).step())


def measure(store: PostgresStore, twin: Twin, work: Callable[[Twin], int], *, rounds: int) -> None:
    """Print queries, median and slowest time."""
    work(twin)
    taken = []
    for _ in range(rounds):
        before = time.perf_counter()
        work(twin)
        taken.append(time.perf_counter() - before)
    with counted(store) as tally:
        work(twin)
    name = (work.__doc__ or "").split("\n")[0]
    say(
        f"| {name} | {tally.queries} | {statistics.median(taken) * 1e3:.1f} ms "
        f"| {max(taken) * 1e3:.1f} ms |\n"
    )


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bridges", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    with (
        running_server("postgres") as server,
        closing(open_store(server.migrated_database().dsn())) as store,
    ):
        fill(store, options.bridges)
        twin = Twin(store, clock=lambda: START + timedelta(minutes=1))
        say(f"{platform.machine()}, {os.cpu_count()} CPUs, {store.description()}\n\n")
        say(f"| {options.bridges} bridges | queries | median | slowest |\n|---|---|---|---|\n")
        for work, rounds in (
            (at_once, options.rounds),
            (states, options.rounds),
            (rest, options.rounds),
            (one_by_one, 2),
        ):
            measure(store, twin, work, rounds=rounds)


if __name__ == "__main__":
    main()
