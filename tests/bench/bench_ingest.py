"""Our ingester beside other programmes that bring MQTT into PostgreSQL.

Run ``scripts/bench ingest [throughput|latency|batch|loss|sizes ...]`` on a quiet machine; without a
part all of them. Every candidate gets the same bytes from the same Mosquitto and writes into the
same table; before each round the broker forgets everybody and the table is emptied. A peer counts
only if its rows equal the messages sent. What the peers are: ``tests/bench/peers/README.md``.
"""

import argparse
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import psycopg
from bench.flood import Order
from bench.ingest_loss import loss
from bench.ingest_sizes import sizes
from bench.ingest_stage import (
    STREAMS,
    DidNotCountError,
    Stage,
    ceiling,
    cpu_s,
    flood,
    stage,
    stop,
)
from bench.peers.candidates import Candidate, available, versions
from services import open_folder

from twin.model.times import utc_now

MESSAGES = 60_000
ROUNDS = 3
LATENCY_HZ = 1000.0
LATENCY_MESSAGES = 9000
WARM_UP = 1000
SAMPLED_EVERY = 20
BATCH_MESSAGES = 2000
PER_MESSAGE = 100
BARE_ROWS = 20_000
DONE_WITHIN_S = 180.0
LONG_S = 5.0
US = 1e6
# what is asked of us; the names are those of the candidates
RATE_BARS = {
    "ours, stock client": 2.5,
    "mq-bridge, INSERT": 2.0,
    "Node-RED 4, 500 rows or 50 ms": 1.6,
}
DELAY_BARS = {"mq-bridge, INSERT": (1.5, 0), "Node-RED 4, 500 rows or 50 ms": (0, 0.4)}
BROKER_BAR, BATCH_BAR, CPU_BAR_US = 0.6, 0.7, 8.0

say: Callable[[str], object] = sys.stdout.write


@dataclass(frozen=True, slots=True)
class Run:
    """One round of one candidate."""

    rate: float
    cpu_us: float


def throughput(at: Stage, candidates: Sequence[Candidate], *, rounds: int, count: int) -> None:
    """Sustained QoS 1 single readings, processor time per reading, and the broker alone."""
    say(f"\n## Single readings: {count:,} messages, QoS 1, {STREAMS} streams\n\n")
    found: dict[str, list[Run]] = {}
    failures: dict[str, str] = {}
    for _ in range(rounds):
        for candidate in candidates:
            try:
                run = sustained(at, candidate, count=count)
            except DidNotCountError as error:
                failures[candidate.name] = str(error)
            else:
                found.setdefault(candidate.name, []).append(run)
    say("| | messages/s | our bulk client is | bar | processor time per reading |\n")
    say("|---|---|---|---|---|\n")
    ours = statistics.median(run.rate for run in found[candidates[0].name])
    alone = statistics.median(ceiling(at, at.order(count=count)) for _ in range(rounds))
    say(f"| the broker alone, acknowledged at once, nothing stored | {alone:,.0f} | ")
    say(f"{ours / alone:.2f} x | >= {BROKER_BAR:g} x | |\n")
    for name, runs in found.items():
        if name in failures:
            continue
        rate = statistics.median(run.rate for run in runs)
        cpu = statistics.median(run.cpu_us for run in runs)
        bar = f">= {RATE_BARS[name]:g} x" if name in RATE_BARS else ""
        say(f"| {name} | {rate:,.0f} | {ours / rate:.2f} x | {bar} | {cpu:.1f} us |\n")
    say(f"\nThe bar for our processor time is {CPU_BAR_US:g} us, from the first message to the ")
    say("last visible reading. Publisher, broker and database run beside it, and where they take ")
    say("its caches or its core's other half, the same work is charged with more time.\n")
    _say_failures(failures)


def sustained(at: Stage, candidate: Candidate, *, count: int, per_message: int = 1) -> Run:
    """Publish as fast as the broker takes; the time until the last reading is visible.

    Processor time is that of all threads of the candidate from the first message to the last
    visible reading: its start and a first reading are over by then, and it does not wait idle.
    """
    at.clear()
    order = at.order(count=count, per_message=per_message)
    process = at.start(candidate, order)
    readings = count * per_message
    try:
        with flood(order) as publisher:
            spent_s = cpu_s(process.pid)
            publisher.go()
            last = readings - 1
            if not at.waited(lambda: at.is_visible(order, last), DONE_WITHIN_S, 0.01):
                raise DidNotCountError(f"{at.stored(order):,} of {readings:,} rows")
            # not every candidate keeps the order
            at.waited(lambda: at.stored(order) == readings, LONG_S, 0.05)
            ended = time.monotonic()
            spent_s = cpu_s(process.pid) - spent_s
            result = publisher.result()
        stored = at.stored(order)
        if stored != readings:
            raise DidNotCountError(f"{stored:,} of {readings:,} rows")
        took_s = ended - float(str(result["begun_s"]))
        return Run(readings / took_s, spent_s / readings * US)
    finally:
        stop(process)


def latency(at: Stage, candidates: Sequence[Candidate], *, rounds: int, count: int) -> None:
    """Time from handing a message to the broker until its row is visible to others."""
    say(f"\n## Publish to visible at {LATENCY_HZ:,.0f} messages/s\n\n")
    figures: dict[str, list[tuple[float, float]]] = {}
    failures: dict[str, str] = {}
    for _ in range(rounds):
        for candidate in candidates:
            try:
                found = visible_after(at, candidate, count=count)
            except DidNotCountError as error:
                failures[candidate.name] = str(error)
                continue
            both = (float(np.percentile(found, 50)), float(np.percentile(found, 95)))
            figures.setdefault(candidate.name, []).append(both)
    ours = _medians(figures[candidates[0].name])
    say("| | p50 | ours is | bar | p95 | ours is | bar |\n|---|---|---|---|---|---|---|\n")
    for name, runs in figures.items():
        p50, p95 = _medians(runs)
        bars = [f"<= {bar:g} x" if bar else "" for bar in DELAY_BARS.get(name, (0, 0))]
        say(f"| {name} | {p50 * 1000:.1f} ms | {ours[0] / p50:.2f} x | {bars[0]} | ")
        say(f"{p95 * 1000:.1f} ms | {ours[1] / p95:.2f} x | {bars[1]} |\n")
    _say_failures(failures)


def visible_after(at: Stage, candidate: Candidate, *, count: int) -> list[float]:
    """Delays [s] of every twentieth message."""
    at.clear()
    order = at.order(count=count, rate_hz=LATENCY_HZ)
    process = at.start(candidate, order)
    seen: dict[int, float] = {}
    try:
        with flood(order) as publisher:
            publisher.go()
            for number in range(WARM_UP, count, SAMPLED_EVERY):
                if not at.waited(lambda number=number: at.is_visible(order, number), 20, 0.0005):
                    raise DidNotCountError(f"message {number} is not visible after 20 s")
                seen[number] = time.monotonic()
            sent_s = publisher.result()["sent_s"]
        if not at.waited(lambda: at.stored(order) == count, LONG_S, 0.05):
            raise DidNotCountError(f"{at.stored(order):,} of {count:,} rows")
    finally:
        stop(process)
    return [at_s - sent_s[number] for number, at_s in seen.items()]  # type: ignore[index]


def batch(at: Stage, candidates: Sequence[Candidate], *, rounds: int) -> None:
    """A hundred readings per message against the bare staging writer."""
    say(f"\n## {PER_MESSAGE} readings per message, {BATCH_MESSAGES * PER_MESSAGE:,} readings\n\n")
    ours = [
        sustained(at, candidates[0], count=BATCH_MESSAGES, per_message=PER_MESSAGE)
        for _ in range(rounds)
    ]
    bare = statistics.median(bare_staging(at) for _ in range(rounds))
    rate = statistics.median(run.rate for run in ours)
    cpu = statistics.median(run.cpu_us for run in ours)
    say("| | readings/s | ours is | bar | processor time per reading |\n|---|---|---|---|---|\n")
    say(f"| {candidates[0].name}, from publish to visible | {rate:,.0f} | | | {cpu:.2f} us |\n")
    say(f"| bare COPY into staging and INSERT, no broker | {bare:,.0f} | {rate / bare:.2f} x | ")
    say(f">= {BATCH_BAR:g} x | |\n")


def bare_staging(at: Stage) -> float:
    """Rows per second of COPY BINARY and INSERT ON CONFLICT alone, rows packed before."""
    at.clear()
    order = at.order(count=BATCH_MESSAGES, per_message=PER_MESSAGE)
    total = BATCH_MESSAGES * PER_MESSAGE
    blocks = [packed(order, begin, BARE_ROWS) for begin in range(0, total, BARE_ROWS)]
    with psycopg.connect(at.rig.owner_dsn) as connection:
        connection.execute(
            b"CREATE TEMP TABLE bare (t timestamptz, v double precision, ds integer, q smallint)"
            b" ON COMMIT DELETE ROWS"
        )
        connection.commit()
        begun = time.monotonic()
        for block in blocks:
            cursor = connection.cursor()
            with cursor.copy(b"COPY bare FROM STDIN (FORMAT BINARY)") as copy:
                copy.write(block)
            cursor.execute(
                b"INSERT INTO reading (t, v, ds, q) SELECT t, v, ds, q FROM bare "
                b"ON CONFLICT DO NOTHING"
            )
            connection.commit()
        took_s = time.monotonic() - begun
    if at.stored(order) != total:
        raise DidNotCountError(f"the bare writer stored {at.stored(order)} rows")
    return total / took_s


def packed(order: Order, begin: int, count: int) -> bytes:
    """A COPY BINARY stream, made with numpy: 40 bytes a row."""
    row = np.arange(begin, begin + count)
    number = np.array(order.numbers)[(row // order.per_message) % len(order.numbers)]
    kinds = [("n", ">i2"), ("lt", ">i4"), ("t", ">i8"), ("lv", ">i4"), ("v", ">f8")]
    kinds += [("ld", ">i4"), ("ds", ">i4"), ("lq", ">i4"), ("q", ">i2")]
    rows = np.zeros(count, np.dtype(kinds))
    rows["n"], rows["lt"], rows["lv"], rows["ld"], rows["lq"] = 4, 8, 8, 4, 2
    rows["t"] = (order.base_ms + row) * 1000 - 946_684_800_000_000
    rows["v"], rows["ds"] = row / 4, number
    return b"PGCOPY\n\xff\r\n\0" + bytes(8) + rows.tobytes() + b"\xff\xff"


def _medians(runs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return statistics.median(p50 for p50, _ in runs), statistics.median(p95 for _, p95 in runs)


def _say_failures(failures: dict[str, str]) -> None:
    for name, why in failures.items():
        say(f"\n{name} does not count: {why}\n")


def sync_ms() -> float:
    """Time of one write that reaches the disk [ms], median."""
    took: list[float] = []
    with open_folder() as folder, (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(50):
            begun = time.monotonic()
            file.write(b"x" * 8192)
            os.fdatasync(file.fileno())
            took.append(time.monotonic() - begun)
    return statistics.median(took) * 1000


def introduce(at: Stage) -> None:
    """Machine, versions and load."""
    server = str(at.one(b"SHOW server_version"))
    broker = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    said = subprocess.run(
        [broker or "mosquitto", "-h"], capture_output=True, text=True, check=False
    )
    facts = {
        "mosquitto": said.stdout.split("\n")[0].removeprefix("mosquitto version "),
        "PostgreSQL": server,
        "Python": platform.python_version(),
        "psycopg": psycopg.__version__,
        **versions(),
    }
    say(f"# Ingest, {utc_now():%Y-%m-%d}\n\n{platform.machine()}, {os.cpu_count()} cores, ")
    say(f"load {os.getloadavg()[0]:.1f} at the start, disk sync {sync_ms():.2f} ms; ")
    say(", ".join(f"{name} {version}" for name, version in facts.items()) + ".\n")


PARTS = ("throughput", "latency", "batch", "loss", "sizes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--messages", type=int, default=MESSAGES)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--only", nargs="+", default=[""], help="beginnings of candidates' names")
    options = parser.parse_args()
    known, absent = available()
    candidates = [one for one in known if one.name.startswith(tuple(options.only))]
    if not candidates:
        parser.error(f"--only matches none of: {'; '.join(one.name for one in known)}")
    parts = options.parts or PARTS
    with stage() as at:
        introduce(at)
        for reason in absent:
            say(f"\nNot compared: {reason}\n")
        if "throughput" in parts:
            throughput(at, candidates, rounds=options.rounds, count=options.messages)
        if "latency" in parts:
            latency(at, candidates, rounds=options.rounds, count=LATENCY_MESSAGES)
        if "batch" in parts:
            batch(at, candidates, rounds=options.rounds)
        if "loss" in parts:
            loss(at, candidates, kills=options.kills, restarts=math.ceil(options.kills / 4))
        if "sizes" in parts:
            sizes(at)
        say(f"\nLoad at the end: {os.getloadavg()[0]:.1f}\n")


if __name__ == "__main__":
    main()
