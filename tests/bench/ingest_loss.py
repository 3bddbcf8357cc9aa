"""Rows lost and doubled under kills and restarts, for `bench_ingest`."""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import psycopg
from bench.flood import Order, iso, payload
from bench.ingest_stage import STREAMS, DidNotCountError, Stage, stop
from bench.peers.candidates import Candidate
from faults.loadgen import LoadGenerator, Plan
from faults.oracle import judge
from faults.rig import Rig

LOSS_HZ = 2000.0
BETWEEN_FAULTS_S = 2.5
SETTLED_S = 10.0

say = sys.stdout.write


def loss(at: Stage, candidates: Sequence[Candidate], *, kills: int, restarts: int) -> None:
    """Rows lost and doubled over kills of the ingester, and for ours restarts of the services."""
    say(f"\n## Rows lost and doubled at {LOSS_HZ:,.0f} messages/s\n\n")
    say("| | kills | restarts of database and broker | messages | lost | doubled |\n")
    say("|---|---|---|---|---|---|\n")
    for candidate in candidates:
        rounds = restarts if candidate.is_ours else 0
        try:
            say(f"| {candidate.name} | {kills} | {rounds} and {rounds} | ")
            say(lost_and_doubled(at, candidate, kills=kills, restarts=rounds) + " |\n")
        except DidNotCountError as error:
            say(f"did not count: {error} |\n")


@dataclass(frozen=True)
class BenchPlan(Plan):
    """The messages of the other parts, for the generator that outlives its broker."""

    contents: Order | None = None

    def payload(self, number: int) -> bytes:
        assert self.contents is not None
        return payload(self.contents, number)


def lost_and_doubled(at: Stage, candidate: Candidate, *, kills: int, restarts: int) -> str:
    """Messages, lost and doubled rows as cells of the table."""
    at.clear()
    faults = ["kill"] * kills + ["database", "broker"] * restarts
    random.Random(1).shuffle(faults)  # noqa: S311 - an order, no secret
    count = int(LOSS_HZ * BETWEEN_FAULTS_S * (len(faults) + 1))
    order = at.order(count=count)
    plan = BenchPlan(
        topic=lambda stream: f"twin/v1/demo/B1/s{stream:03}/obs",
        streams=STREAMS,
        count=count,
        rate_hz=LOSS_HZ,
        begin_ms=order.base_ms,
        contents=order,
    )
    process = at.start(candidate, order)
    generator = LoadGenerator(replace(at.rig.target(), client_id="loss"), plan)
    generator.start()
    try:
        for row, fault in enumerate(faults, start=1):
            due = row * count // (len(faults) + 1)
            if not at.waited(lambda due=due: generator.acknowledged >= due, 60, 0.01):
                raise DidNotCountError(f"only {generator.acknowledged} messages confirmed")
            process = inflict(at, candidate, process, fault)
        generator.wait(60)
        settled(at, generator, order)
    finally:
        stop(process)
    verdict = judge(_WithoutProbes(at.rig, order), [generator])
    return f"{verdict.published:,} | {len(verdict.lost):,} | {len(verdict.doubled):,}"


def inflict(
    at: Stage, candidate: Candidate, process: subprocess.Popen[bytes], fault: str
) -> subprocess.Popen[bytes]:
    if fault == "kill":
        process.kill()
        process.wait(10)
        return candidate.start(at.rig, at.work)
    if fault == "broker":
        at.rig.broker.stop()
        at.rig.broker.start()
        return process
    at.connection.close()
    at.rig.stop_database()
    at.rig.start_database()
    at.connection = psycopg.connect(at.rig.owner_dsn, autocommit=True)
    return process


def settled(at: Stage, generator: LoadGenerator, order: Order) -> None:
    """Wait until nothing lacks, or nothing more has come for a while."""
    stored, since_s = -1, time.monotonic()
    pause = threading.Event()
    while stored < sum(generator.taken) and time.monotonic() - since_s < SETTLED_S:
        now = at.stored(order)
        if now != stored:
            stored, since_s = now, time.monotonic()
        pause.wait(0.2)


class _WithoutProbes:
    """The database as the oracle asks for it, without what told that a candidate is ready."""

    def __init__(self, rig: Rig, order: Order) -> None:
        rig.rows("DELETE FROM reading WHERE t < %s::timestamptz RETURNING 1", iso(order.base_ms))
        self._rig = rig

    def rows(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        return self._rig.rows(statement, *values)
