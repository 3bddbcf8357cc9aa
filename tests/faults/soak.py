"""F25: random faults F1 to F6 at 500 messages a second, for minutes or for a day.

Run ``scripts/soak --minutes 120``. The time is cut into stretches; after each one everything that
the broker confirmed has to be in the table, and the table is emptied. The ingester is killed in the
first quarter of the time only: afterwards one process has to live with all other faults, and its
memory and handles are watched.
"""

import argparse
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from faults.loadgen import LoadGenerator
from faults.oracle import balance, judge, lacking, open_files, resident_mib, slope_mib_per_h
from faults.rig import Rig, ingest_rig, plan
from faults.trial import settle

RATE_HZ = 500.0
STRETCH_S = 600.0
PAUSES_S = (3.0, 12.0)
SLOW_COMMIT_S = 2.0
SLOW_FOR_S = 15.0
AWAY_S = (2.0, 20.0)
SETTLE_S = 120.0
BACK_WITHIN_S = 100.0
WARM_UP_S = 120.0
WATCHED_AT_LEAST_S = 1200.0
MOST_MIB_PER_H = 1.0
MOST_MIB = 512.0
MOST_NEW_HANDLES = 5


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@dataclass
class Soak:
    """The ingester, its faults, and what was seen of it."""

    rig: Rig
    random: random.Random
    process: subprocess.Popen[bytes]
    may_lose: int = 0
    done: Counter[str] = field(default_factory=Counter)
    born_s: float = field(default_factory=time.monotonic)
    memory: list[tuple[float, float]] = field(default_factory=list)
    handles: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def f1_kill_ingester(self, _: LoadGenerator) -> None:
        before = self._connections()
        self.process.kill()
        self.process.wait(10)
        self.process = self.rig.start_ingester()
        self.born_s = time.monotonic()
        self.memory.clear()
        self.handles.clear()
        self._wait_connected(before)

    def f2_database_away(self, _: LoadGenerator) -> None:
        self.rig.crash_database()
        self.rest(self.random.uniform(*AWAY_S))
        self.rig.start_database()

    def f3_slow_commits(self, _: LoadGenerator) -> None:
        assert self.rig.database_proxy is not None
        self.rig.database_proxy.hold_replies_after(b"COMMIT", for_s=SLOW_COMMIT_S)
        self.rest(SLOW_FOR_S)
        self.rig.database_proxy.heal()

    def f4_broker_restart(self, _: LoadGenerator) -> None:
        before = self._connections()
        self.rig.broker.stop()
        self.rig.broker.start()
        self._wait_connected(before)

    def f5_broker_killed(self, generator: LoadGenerator) -> None:
        before = self._connections()
        self.rig.broker.save()
        self.rig.broker.kill()
        # confirmed and not stored at this moment: perhaps in no snapshot
        self.may_lose += max(0, lacking(self.rig, [generator])) + generator.in_flight
        self.rig.broker.start()
        self._wait_connected(before)

    def f6_half_open(self, _: LoadGenerator) -> None:
        assert self.rig.broker_proxy is not None
        before = self._connections()
        self.rig.broker_proxy.black_hole(lets_new_in=True)
        self._wait_connected(before)

    def _connections(self) -> int:
        return self.rig.log.read_text().count('"broker_connected"')

    def _wait_connected(self, before: int) -> None:
        deadline = time.monotonic() + BACK_WITHIN_S
        while self._connections() <= before:
            if time.monotonic() > deadline:
                self.problems.append(f"not connected within {BACK_WITHIN_S:g} s")
                return
            self.rest(0.2)

    def rest(self, seconds: float) -> None:
        """Let time pass, and look at the process meanwhile."""
        pause = threading.Event()
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            self.look()
            pause.wait(min(1.0, left_s))

    def look(self) -> None:
        if self.process.poll() is not None:
            self.problems.append(f"the ingester ended with {self.process.returncode}")
            self.process = self.rig.start_ingester()
            return
        age_s = time.monotonic() - self.born_s
        if age_s > WARM_UP_S:
            self.memory.append((age_s, resident_mib(self.process.pid)))
            self.handles.append(open_files(self.process.pid))


def stretch(soak: Soak, *, seconds: float, faults: list[str]) -> None:
    """One plan under faults, judged at its end."""
    rig = soak.rig
    generator = rig.generator(plan(count=int(seconds * RATE_HZ * 2), rate_hz=RATE_HZ))
    generator.reconnect_for_s = BACK_WITHIN_S
    generator.start()
    until_s = time.monotonic() + seconds
    before = soak.may_lose
    while time.monotonic() < until_s:
        name = soak.random.choice(faults)
        begun_s = time.monotonic()
        getattr(soak, name)(generator)
        soak.done[name] += 1
        say(f"  {name} took {time.monotonic() - begun_s:.1f} s")
        soak.rest(soak.random.uniform(*PAUSES_S))
    generator.stop()
    settle(rig, generator, within_s=SETTLE_S if soak.may_lose == before else SETTLE_S / 4)
    wait_for_balance(soak)
    verdict = judge(rig, [generator])
    found = verdict.problems(may_lose=soak.may_lose - before)
    soak.problems += found
    say(
        f"{verdict.acknowledged:,} confirmed, {verdict.stored:,} stored, {len(verdict.lost)} lost "
        f"(at most {soak.may_lose - before}), {verdict.balance.duplicate:,} repeated in all, "
        f"balance {verdict.balance.difference}"
    )
    rig.rows("DELETE FROM reading RETURNING 1")


def wait_for_balance(soak: Soak) -> None:
    """The last batch counts in the transaction of its data; nothing may be on its way."""
    deadline = time.monotonic() + SETTLE_S
    while time.monotonic() < deadline:
        before = balance(soak.rig)
        soak.rest(2.0)
        if balance(soak.rig) == before:
            return


def verdict_of(soak: Soak) -> list[str]:
    """Problems of the whole run."""
    problems = list(soak.problems)
    watched_s = soak.memory[-1][0] - soak.memory[0][0] if soak.memory else 0.0
    if soak.memory:
        slope = slope_mib_per_h(soak.memory)
        peak = max(size for _, size in soak.memory)
        grown = soak.handles[-1] - soak.handles[0]
        say(f"memory {peak:.0f} MiB at most, {grown:+d} handles")
        if peak > MOST_MIB:
            problems.append(f"{peak:.0f} MiB")
        if watched_s >= WATCHED_AT_LEAST_S:
            say(f"memory {slope:+.2f} MiB/h over {watched_s / 60:.0f} min")
            if slope > MOST_MIB_PER_H:
                problems.append(f"memory grows by {slope:.2f} MiB/h")
            if grown > MOST_NEW_HANDLES:
                problems.append(f"{grown} more handles")
    if watched_s < WATCHED_AT_LEAST_S:
        say(f"less than {WATCHED_AT_LEAST_S / 60:.0f} min: too short to judge memory and handles")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--client", choices=("auto", "bulk", "stock"), default="auto")
    options = parser.parse_args()
    whole_s = options.minutes * 60
    faults = [name for name in vars(Soak) if name[0] == "f" and name[1].isdigit()]
    with ingest_rig(client=options.client, through_proxy=["database", "broker"]) as rig:
        process = rig.start_ingester()
        rig.wait_for_log('"broker_connected"')
        soak = Soak(rig, random.Random(options.seed), process)  # noqa: S311 - which fault is next
        begun_s = time.monotonic()
        while (left_s := whole_s - (time.monotonic() - begun_s)) > 0:
            is_early = left_s > 0.75 * whole_s
            now = faults if is_early else [name for name in faults if not name.startswith("f1")]
            # the early quarter is a stretch of its own
            rest_s = left_s - 0.75 * whole_s if is_early else left_s
            stretch(soak, seconds=min(STRETCH_S, rest_s), faults=now)
        problems = verdict_of(soak)
        rig.stop_ingesters()
    say(f"faults: {', '.join(f'{name} {count}' for name, count in sorted(soak.done.items()))}")
    for problem in problems:
        say(f"PROBLEM: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
