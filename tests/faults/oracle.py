"""What must hold after a fault: sets compared, not counts; the balance has the last word."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast

from faults.loadgen import Plan
from waiting import wait_for

Key = tuple[int, int]  # stream, time in ms

STORED = """
SELECT substr(route_key, 5)::integer, (extract(epoch FROM t) * 1000)::bigint, v
FROM reading JOIN datastream ON ds = number WHERE starts_with(route_key, 'B1/s')
"""
LATEST = """
SELECT ds, t, v FROM latest
EXCEPT (SELECT DISTINCT ON (ds) ds, t, v FROM reading ORDER BY ds, t DESC)
"""
WITHOUT_LATEST = "SELECT DISTINCT ds FROM reading EXCEPT SELECT ds FROM latest"
BALANCE = """
SELECT coalesce(sum(received), 0), coalesce(sum(stored), 0), coalesce(sum(duplicate), 0),
       coalesce(sum(quarantined), 0), coalesce(sum(declared_lost), 0), coalesce(sum(ignored), 0)
FROM ingest_balance
"""
BAD = "SELECT substring(convert_from(head, 'UTF8') FROM 'bad-([0-9]+)')::bigint FROM quarantine"
KIB = 1024


class Database(Protocol):
    """Where the rows are; `faults.rig.Rig` is one."""

    def rows(self, statement: str, *values: object) -> list[tuple[object, ...]]: ...


class Published(Protocol):
    """What was published; `faults.loadgen.LoadGenerator` is one."""

    @property
    def plan(self) -> Plan: ...
    @property
    def taken(self) -> bytearray: ...


@dataclass(frozen=True, slots=True)
class Balance:
    """Sums over all sources, days and incarnations."""

    received: int
    stored: int
    duplicate: int
    quarantined: int
    declared_lost: int
    ignored: int

    @property
    def difference(self) -> int:
        """0 if nothing vanished silently."""
        accounted = self.stored + self.duplicate + self.quarantined + self.declared_lost
        return self.received - accounted


@dataclass(frozen=True, slots=True)
class Verdict:
    """How what is stored differs from what was published.

    Attributes
    ----------
    lost
        Confirmed to the publisher, and neither stored nor quarantined.
    invented
        Stored, and never published.
    wrong
        Stored with another value than published.
    doubled
        Keys with more than one row.
    stale
        Datastreams whose latest value is not their newest one.
    """

    published: int
    acknowledged: int
    stored: int
    balance: Balance
    lost: frozenset[Key]
    lost_messages: frozenset[int]
    invented: frozenset[Key]
    wrong: frozenset[Key]
    doubled: frozenset[Key]
    stale: tuple[object, ...]

    def problems(self, *, may_lose: int = 0, declared_lost: int = 0) -> list[str]:
        """Everything that is not as promised, in words."""
        lost = len(self.lost) + len(self.lost_messages)
        found = [
            (lost > may_lose, f"{lost} lost, e.g. {_some(self.lost or self.lost_messages)}"),
            (bool(self.invented), f"{len(self.invented)} invented, e.g. {_some(self.invented)}"),
            (bool(self.wrong), f"{len(self.wrong)} with another value, e.g. {_some(self.wrong)}"),
            (bool(self.doubled), f"{len(self.doubled)} doubled, e.g. {_some(self.doubled)}"),
            (bool(self.stale), f"latest is not the newest of {self.stale[:5]}"),
            (self.balance.difference != 0, f"the balance differs: {self.balance}"),
            (
                self.balance.declared_lost != declared_lost,
                f"{self.balance.declared_lost} declared lost instead of {declared_lost}",
            ),
        ]
        return [words for is_wrong, words in found if is_wrong]

    def require_whole(self, *, may_lose: int = 0, declared_lost: int = 0) -> None:
        """Fail with all that is wrong."""
        problems = self.problems(may_lose=may_lose, declared_lost=declared_lost)
        assert not problems, "; ".join(problems)


def judge(database: Database, published: Sequence[Published]) -> Verdict:
    """Compare what is stored with what was published and confirmed."""
    rows = cast("list[tuple[int, int, float]]", database.rows(STORED))
    stored = {(stream, time_ms): value for stream, time_ms, value in rows}
    expected: dict[Key, float] = {}
    owed: set[Key] = set()
    owed_messages: set[int] = set()
    acknowledged = 0
    for one in published:
        for number in range(one.plan.skipped, one.plan.count):
            is_taken = bool(one.taken[number])
            acknowledged += is_taken
            if one.plan.is_bad(number) and is_taken:
                owed_messages.add(number)
            for stream, time_ms, value in one.plan.readings(number):
                expected[stream, time_ms] = value
                if is_taken:
                    owed.add((stream, time_ms))
    refused = _quarantined(database) if owed_messages else set()
    return Verdict(
        published=sum(one.plan.count - one.plan.skipped for one in published),
        acknowledged=acknowledged,
        stored=len(rows),
        balance=balance(database),
        lost=frozenset(owed - stored.keys()),
        lost_messages=frozenset(owed_messages - refused),
        invented=frozenset(stored.keys() - expected.keys()),
        wrong=frozenset(
            key for key, value in stored.items() if key in expected and expected[key] != value
        ),
        doubled=_doubled(rows),
        stale=tuple(database.rows(LATEST) + database.rows(WITHOUT_LATEST)),
    )


def balance(database: Database) -> Balance:
    """Sums of the balance of all sources."""
    return Balance(*(int(str(number)) for number in database.rows(BALANCE)[0]))


def wait_for_stored(
    database: Database, published: Sequence[Published], *, timeout_s: float
) -> None:
    """Wait until as many readings are stored as the broker confirmed.

    It only waits; whether they are the right ones, `judge` tells.
    """
    wait_for(lambda: lacking(database, published) <= 0, "all readings", timeout_s=timeout_s)


def lacking(database: Database, published: Sequence[Published]) -> int:
    """Readings that the broker confirmed and that are not stored at this moment."""
    wanted = sum(
        one.plan.per_message * (sum(one.taken) - (sum(map(one.plan.is_bad, _taken(one)))))
        for one in published
    )
    return wanted - int(str(database.rows("SELECT count(*) FROM reading")[0][0]))


def _taken(one: Published) -> Iterable[int]:
    return (number for number, is_taken in enumerate(one.taken) if is_taken and one.plan.bad_every)


def _quarantined(database: Database) -> set[int]:
    return {int(str(number)) for (number,) in database.rows(BAD) if number is not None}


def _doubled(rows: Sequence[tuple[int, int, float]]) -> frozenset[Key]:
    seen: set[Key] = set()
    doubled: set[Key] = set()
    for stream, time_ms, _ in rows:
        key = (stream, time_ms)
        (doubled if key in seen else seen).add(key)
    return frozenset(doubled)


def _some(things: frozenset[Key] | frozenset[int]) -> str:
    return str(sorted(things)[:5])


# The process


def resident_mib(pid: int) -> float:
    """Memory of a process that is really used [MiB]."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / KIB
    return 0.0


def open_files(pid: int) -> int:
    """Handles that a process holds."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


@dataclass
class Watch:
    """Highest memory [MiB] of a process, asked for again and again."""

    peak_mib: float = 0.0
    samples: list[tuple[float, float]] = field(default_factory=list)

    def look(self, pid: int, *, at_s: float = 0.0) -> None:
        try:
            now = resident_mib(pid)
        except (FileNotFoundError, ProcessLookupError):
            return
        self.peak_mib = max(self.peak_mib, now)
        self.samples.append((at_s, now))


def slope_mib_per_h(samples: Sequence[tuple[float, float]]) -> float:
    """Least-squares slope of (seconds, MiB) [MiB/h]; 0 with fewer than two samples."""
    if len(samples) < 2:
        return 0.0
    mean_s = sum(at for at, _ in samples) / len(samples)
    mean = sum(size for _, size in samples) / len(samples)
    over = sum((at - mean_s) * (size - mean) for at, size in samples)
    under = sum((at - mean_s) ** 2 for at, _ in samples)
    return 3600 * over / under if under else 0.0


def figures_of_job(database: Database, job: str = "ingest") -> Mapping[str, float]:
    """What a job last said about itself."""
    rows = database.rows(
        "SELECT figure_names, figure_values FROM job_status WHERE job = %s "
        "ORDER BY heartbeat_at DESC LIMIT 1",
        job,
    )
    if not rows:
        return {}
    names, values = cast("tuple[list[str], list[float]]", rows[0])
    return dict(zip(names, values, strict=True))
