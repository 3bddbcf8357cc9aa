"""The stage of the ingest benchmark: one broker, one database, one table for every candidate."""

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from bench.flood import Order, iso, payload, publish_packet, topic
from bench.peers.candidates import Candidate
from faults.loadgen import connect_packet
from faults.rig import Rig, ingest_rig

STREAMS = 400
READY_WITHIN_S = 60.0
STOP_WITHIN_S = 30.0
REST_S, REST_SHARE, REST_WITHIN_S = 0.5, 0.04, 10.0
PROBE_S = 0.25
LOOK_S = 0.002
CLOCK_TICKS = 100.0
AGE_MS = 3_600_000
MS_PER_S = 1000
EMPTIED = "reading, latest, ingest_commit, ingest_balance, quarantine, dirty, arrival, gap, pending"


class DidNotCountError(Exception):
    """The rows of a candidate do not equal the messages sent."""


@dataclass
class Stage:
    """Services, and what a round needs of them."""

    rig: Rig
    work: Path
    connection: psycopg.Connection[tuple[object, ...]]
    numbers: list[int] = field(default_factory=list)

    def order(self, *, count: int, rate_hz: float = 0.0, per_message: int = 1) -> Order:
        base_ms = int(time.time() * MS_PER_S) - AGE_MS
        return Order(self.rig.target("flood"), count, base_ms, self.numbers, rate_hz, per_message)

    def clear(self) -> None:
        """An empty table and a broker that never knew anybody."""
        self.rig.broker.stop()
        for file in (self.rig.folder / "mosquitto" / "data").iterdir():
            file.unlink()
        shutil.rmtree(self.rig.folder / "city" / "data", ignore_errors=True)
        present = [name for name in EMPTIED.split(", ") if self.has_table(name)]
        self.connection.execute(f"TRUNCATE {', '.join(present)}".encode())
        self.connection.execute(b"VACUUM ANALYZE reading")
        self.rig.broker.start()

    def has_table(self, name: str) -> bool:
        return self.one(b"SELECT to_regclass(%s) IS NOT NULL", name) is True

    def one(self, statement: bytes, *values: object) -> object:
        row = self.connection.execute(statement, values).fetchone()
        return row[0] if row else None

    def stored(self, order: Order) -> int:
        since = datetime.fromtimestamp(order.base_ms / MS_PER_S, UTC)
        return int(str(self.one(b"SELECT count(*) FROM reading WHERE t >= %s", since)))

    def is_visible(self, order: Order, reading: int) -> bool:
        number = reading // order.per_message
        ds = order.numbers[number % len(order.numbers)]
        found = self.connection.execute(
            b"SELECT 1 FROM reading WHERE ds = %s AND t = %s::timestamptz",
            (ds, iso(order.base_ms + reading)),
            prepare=True,
        )
        return found.fetchone() is not None

    def start(self, candidate: Candidate, order: Order) -> subprocess.Popen[bytes]:
        """Start a candidate, wait until a first reading of it is visible and it has come to rest.

        What a programme loads and connects after its first reading belongs to its start.
        """
        process = candidate.start(self.rig, self.work)
        try:
            self._await_ready(process, order)
            self._await_rest(process)
        except BaseException:
            stop(process)
            raise
        return process

    def _await_ready(self, process: subprocess.Popen[bytes], order: Order) -> None:
        import socket  # noqa: PLC0415 - used here alone

        target = order.target
        with socket.create_connection((target.host, target.port), timeout=10) as probe:
            probe.sendall(connect_packet(target))
            probe.recv(4)
            before_s = 60
            early = Order(target, 1, order.base_ms - before_s * MS_PER_S, order.numbers)
            for attempt in range(int(READY_WITHIN_S / PROBE_S)):
                # another time for each: one peer breaks at a row that is there already
                one = Order(target, 1, early.base_ms + attempt, order.numbers)
                packet = publish_packet(topic(0).encode(), payload(one, 0), packet=attempt + 1)
                probe.sendall(packet)
                if self.waited(lambda: self._has_early(order), PROBE_S):
                    return
                if process.poll() is not None:
                    break
        raise DidNotCountError("stores nothing; see its log in the temporary folder")

    def _await_rest(self, process: subprocess.Popen[bytes]) -> None:
        spent_s = [cpu_s(process.pid)]

        def is_at_rest() -> bool:
            spent_s.append(cpu_s(process.pid))
            return spent_s[-1] - spent_s[-2] <= REST_S * REST_SHARE

        threading.Event().wait(REST_S)
        self.waited(is_at_rest, REST_WITHIN_S, REST_S)

    def _has_early(self, order: Order) -> bool:
        since = datetime.fromtimestamp(order.base_ms / MS_PER_S, UTC)
        return self.one(b"SELECT 1 FROM reading WHERE t < %s LIMIT 1", since) == 1

    @staticmethod
    def waited(holds: Callable[[], bool], limit_s: float, pause_s: float = LOOK_S) -> bool:
        pause = threading.Event()
        deadline = time.monotonic() + limit_s
        while not holds():
            if time.monotonic() > deadline:
                return False
            pause.wait(pause_s)
        return True


@contextmanager
def stage() -> Iterator[Stage]:
    """A running stage; everything ends with it."""
    with ingest_rig(streams=STREAMS) as rig:
        work = rig.folder / "bench"
        work.mkdir()
        with psycopg.connect(rig.owner_dsn, autocommit=True) as connection:
            # one peer cannot write a constant, so the column gets a default here
            connection.execute(b"ALTER TABLE reading ALTER q SET DEFAULT 0")
            for day in (b"current_date", b"current_date - 1"):
                connection.execute(b"SELECT twin_make_room('reading', " + day + b")")
            rows = connection.execute(
                b"SELECT number FROM datastream WHERE starts_with(route_key, 'B1/s') "
                b"ORDER BY route_key"
            ).fetchall()
            yield Stage(rig, work, connection, [int(str(number)) for (number,) in rows])


def ceiling(at: Stage, order: Order) -> float:
    """Messages per second that the broker alone passes on, acknowledged at once."""
    at.clear()
    command = [sys.executable, str(Path(__file__).with_name("drain.py"))]
    wanted = {"target": asdict(replace(order.target, client_id="drain")), "count": order.count}
    with (
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as drain,
        flood(order) as publisher,
    ):
        assert drain.stdin is not None
        assert drain.stdout is not None
        drain.stdin.write(json.dumps(wanted) + "\n")
        drain.stdin.flush()
        drain.stdout.readline()
        publisher.go()
        ended_s = float(drain.stdout.readline())
        return order.count / (ended_s - float(str(publisher.result()["begun_s"])))


@dataclass
class Flood:
    """The publisher process, ready to begin."""

    process: subprocess.Popen[str]

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def result(self) -> Mapping[str, object]:
        assert self.process.stdout is not None
        answer: Mapping[str, object] = json.loads(self.process.stdout.readline())
        self.process.wait(STOP_WITHIN_S)
        return answer


@contextmanager
def flood(order: Order) -> Iterator[Flood]:
    command = [sys.executable, str(Path(__file__).with_name("flood.py"))]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(order.to_json() + "\n")
            process.stdin.flush()
            if process.stdout.readline().strip() != "ready":
                raise DidNotCountError("the publisher does not start")
            yield Flood(process)
        finally:
            if process.poll() is None:
                process.kill()


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a candidate, by force if it does not listen."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_WITHIN_S)


def cpu_s(pid: int) -> float:
    """Processor time [s] of a process and all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS
