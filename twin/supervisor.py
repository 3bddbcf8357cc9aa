"""``twin up``: starts the embedded services and the jobs, and keeps them alive."""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from io import TextIOWrapper
from pathlib import Path
from typing import IO, cast

from twin import journal
from twin.embedded.broker import BrokerAddress, EmbeddedBroker
from twin.embedded.cluster import Cluster, ClusterOptions
from twin.embedded.folder import FolderLock
from twin.errors import EmbeddedError
from twin.plugins import find
from twin.runtime import EmbeddedServices, Role, database_dsn, services_file, write_services
from twin.settings import Settings
from twin.store import migrate

logger = logging.getLogger(__name__)

ROLES: tuple[Role, ...] = ("owner", "keep", "ingest", "work", "serve")
JOBS = ("ingest", "work", "serve", "maintain")
STOP_S = 25.0
PROBE_S = 10.0
PROBE_FAILURES = 2
BACK_OFF_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
HEALTHY_S = 30.0


@dataclass(slots=True)
class Child:
    """A job that is kept alive: its process, and when to start it again."""

    job: str
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    restart_at: float = 0.0


@dataclass(slots=True)
class Pause:
    """How long a service that does not start is left alone."""

    failures: int = 0
    until: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """The running twin of one city on one data folder.

    Parameters
    ----------
    settings
        Effective settings.
    jobs
        Names of the jobs to keep alive.
    log
        Open file that takes the log of all children.
    """

    settings: Settings
    jobs: tuple[str, ...]
    log: IO[bytes]
    children: list[Child] = field(default_factory=list)
    cluster: Cluster | None = None
    broker: EmbeddedBroker | None = None
    services: EmbeddedServices = field(default_factory=lambda: EmbeddedServices(dsn={}))
    pauses: dict[str, Pause] = field(default_factory=dict)
    probe_failures: int = 0
    probed_at: float = 0.0

    def start_services(self) -> None:
        """Start what ``city.toml`` does not name, publish the addresses, migrate."""
        dsn: Mapping[str, str] = {}
        if not self.settings.database.dsn:
            self.cluster = Cluster(cluster_options(self.settings))
            address = self.cluster.start()
            dsn = {role: address.dsn(f"twin_{role}") for role in ROLES}
        self.services = EmbeddedServices(dsn=dsn)
        if not self.settings.broker.host:
            self.broker = EmbeddedBroker(self.settings.data_dir / "broker")
            self.services = with_broker(self.services, self.broker.start())
        write_services(self.settings, self.services)
        migrate(
            database_dsn(self.settings, "owner"),
            partition_days=self.settings.store.partition_days,
        )

    def start_jobs(self) -> None:
        """Start every job as a process of its own."""
        known = find("jobs")
        for job in self.jobs:
            if job not in known:
                raise EmbeddedError(f"job {job!r} is not installed; installed: {sorted(known)}")
            child = Child(job)
            self.children.append(child)
            self._start(child)

    def watch(self, stop: threading.Event) -> None:
        """Keep services and jobs alive until ``stop`` is set."""
        while not stop.wait(0.2):
            self._heal_cluster()
            self._heal_broker()
            for child in self.children:
                self._heal(child)

    def shut_down(self) -> None:
        """Stop the jobs first, then the broker, then the database."""
        with ExitStack() as steps:  # run from the last to the first, whatever one of them raises
            if self.cluster is not None:
                steps.callback(self.cluster.stop)
            if self.broker is not None:
                steps.callback(self.broker.stop)
            steps.callback(services_file(self.settings).unlink, missing_ok=True)
            self._end_jobs()
            deadline = time.monotonic() + STOP_S
            for child in self.children:
                if child.process is not None:
                    _wait_or_kill(child.process, deadline)

    def _start(self, child: Child) -> None:
        child.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "twin.cli", child.job, "--supervised"],
            stdin=subprocess.PIPE,
            stdout=self.log,
            stderr=self.log,
            env=environment(self.settings),
            start_new_session=True,
        )
        child.started_at = time.monotonic()
        logger.info("job_started", extra={"name_of_job": child.job, "pid": child.process.pid})

    def _heal(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is not None:
            code = child.process.poll()
            if code is None:
                return
            child.failures = 0 if now - child.started_at > HEALTHY_S else child.failures + 1
            pause_s = BACK_OFF_S[min(child.failures, len(BACK_OFF_S) - 1)]
            child.process, child.restart_at = None, now + pause_s
            logger.warning(
                "job_ended", extra={"name_of_job": child.job, "code": code, "again_in_s": pause_s}
            )
        elif now >= child.restart_at:
            try:
                self._start(child)
            except OSError as error:
                child.restart_at = now + BACK_OFF_S[-1]
                logger.error("job_failed", extra={"name_of_job": child.job, "reason": str(error)})  # noqa: TRY400 - the reason is enough

    def _heal_cluster(self) -> None:
        if self.cluster is not None and not self.cluster.is_alive():
            self._restart("database", self.cluster.start)

    def _heal_broker(self) -> None:
        if self.broker is None:
            return
        now = time.monotonic()
        is_dead = self.broker.process is None or self.broker.process.poll() is not None
        if not is_dead and now - self.probed_at >= PROBE_S:
            self.probed_at = now
            self.probe_failures = 0 if self.broker.probe() else self.probe_failures + 1
        if is_dead or self.probe_failures >= PROBE_FAILURES:
            self._restart("broker", self._restart_broker)

    def _restart_broker(self) -> None:
        broker = cast("EmbeddedBroker", self.broker)
        self.probe_failures = 0
        broker.stop()
        services = with_broker(self.services, broker.start())
        if services != self.services:  # another programme took the port meanwhile
            self.services = services
            write_services(self.settings, services)
            self._end_jobs()

    def _restart(self, service: str, start: Callable[[], object]) -> None:
        """Start a service again, later and later while it fails; nothing ends the supervisor."""
        pause = self.pauses.setdefault(service, Pause())
        if time.monotonic() < pause.until:
            return
        logger.warning("service_ended", extra={"service": service})
        try:
            start()
        except (EmbeddedError, OSError, subprocess.SubprocessError) as error:
            pause.failures += 1
            pause.until = time.monotonic() + BACK_OFF_S[min(pause.failures, len(BACK_OFF_S) - 1)]
            logger.error("service_failed", extra={"service": service, "reason": str(error)})  # noqa: TRY400 - the reason is enough
        else:
            self.pauses[service] = Pause()
            logger.info("service_started", extra={"service": service})

    def _end_jobs(self) -> None:
        for child in self.children:
            if child.process is not None and child.process.poll() is None:
                child.process.terminate()


def with_broker(services: EmbeddedServices, found: BrokerAddress) -> EmbeddedServices:
    """The same addresses with those of the embedded broker."""
    return replace(
        services,
        broker_host=found.host,
        broker_port=found.port_v5,
        broker_fallback_port=found.port_v311,
        broker_username=found.username,
        broker_password_file=str(found.password_file),
    )


def cluster_options(settings: Settings) -> ClusterOptions:
    """Options of the embedded database of this data folder."""
    embedded = settings.embedded
    return ClusterOptions(
        data_dir=settings.data_dir / "postgres",
        pg_bin=Path(embedded.pg_bin) if embedded.pg_bin else None,
        run_as=embedded.run_as or None,
        runtime_dir=Path(embedded.runtime_dir) if embedded.runtime_dir else None,
    )


def supervise(
    settings: Settings,
    *,
    jobs: Sequence[str],
    stop: threading.Event,
    prepare: Callable[[], None],
    ready: Callable[[], None],
) -> int:
    """Run the twin until ``stop`` is set; exit code.

    Parameters
    ----------
    settings
        Effective settings.
    jobs
        Names of the jobs to run.
    stop
        Set by the caller's signal handler.
    prepare
        Called when the database is migrated and before the jobs start (loads the city).
    ready
        Called once after the jobs were started.

    Raises
    ------
    AlreadyRunningError
        If another process holds the data folder.
    EmbeddedError, StoreError
        If a service does not start.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        lock = FolderLock(settings.data_dir / "twin.lock", folder=settings.data_dir)
        lock.acquire()
        stack.callback(lock.release)
        log = stack.enter_context(open_log(settings.data_dir))
        journal.install("up", TextIOWrapper(log, write_through=True))
        supervisor = Supervisor(settings, tuple(jobs), log)
        stack.callback(supervisor.shut_down)
        supervisor.start_services()
        prepare()
        supervisor.start_jobs()
        ready()
        supervisor.watch(stop)
    return 0


def open_log(data_dir: Path) -> IO[bytes]:
    """The one log file of all processes, opened for appending; a full one is set aside."""
    folder = data_dir / "log"
    folder.mkdir(exist_ok=True)
    file = folder / "twin.log"
    largest = 20 * 1024 * 1024
    if file.exists() and file.stat().st_size > largest:
        file.replace(folder / "twin.1.log")
    return file.open("ab", buffering=0)


def environment(settings: Settings) -> dict[str, str]:
    """Environment for a child process that shall work on the same city and data folder."""
    return {
        **os.environ,
        "TWIN_CITY": str(settings.folder),
        "TWIN_DATA_DIR": str(settings.data_dir),
        "PYTHONUNBUFFERED": "1",
    }


def _wait_or_kill(process: subprocess.Popen[bytes], deadline: float) -> None:
    try:
        process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        logger.warning("job_killed", extra={"pid": process.pid})
        process.kill()
        process.wait()
