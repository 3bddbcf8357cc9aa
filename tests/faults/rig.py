"""A broker, a database with a small city, and the real ingester as a process of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import psycopg
from faults.loadgen import LoadGenerator, Plan, Target
from faults.proxy import FaultProxy, fault_proxy
from psycopg import sql
from psycopg.conninfo import make_conninfo
from services import (
    MosquittoAddress,
    embedded_broker,
    mosquitto_broker,
    open_folder,
    postgres_cluster,
)
from shapely import Point
from waiting import wait_for

from sensors.broker import Publisher
from twin.city import Twin
from twin.model.assets import Asset
from twin.model.city import City
from twin.model.datastreams import Datastream, Sensor
from twin.model.provenance import Provenance
from twin.model.times import utc_now
from twin.settings import BrokerSettings, Settings, load_settings
from twin.store import migrate, open_store

SOURCE = "demo"
RULES = """
[[codec.rule]]
topic = "twin/v1/{tenant}/{asset}/{stream}/obs"
codec = "own"
source = "demo"
[[codec.rule]]
topic = "twin/v1/{tenant}/{asset}/{stream}/wave"
codec = "wave"
source = "demo"
[[codec.rule]]
topic = "twin/json/{site}"
codec = "json"
source = "demo"
key = "{site}"
[[codec.rule.value]]
path = "/temp"
quantity = "air_temperature"
unit = "Cel"
"""
BrokerKind = Literal["mosquitto", "embedded"]
ClientKind = Literal["auto", "bulk", "stock"]
Route = Literal["database", "broker"]


def small_city(streams: int) -> City:
    """One asset with strain streams ``B1/s000`` ..., a waveform stream and a thermometer."""
    plain = Datastream(
        uid="B1.s000",
        name="strain",
        asset_id="B1",
        component_id=None,
        quantity="strain",
        sensor_id="gauge",
        source=SOURCE,
        route_key="B1/s000",
        provenance="measured",
    )
    numbered = tuple(
        replace(plain, uid=f"B1.s{row:03}", route_key=f"B1/s{row:03}") for row in range(streams)
    )
    wave = replace(
        plain, uid="B1.acc", quantity="acceleration", route_key="B1/acc", kind="waveform"
    )
    warm = replace(plain, uid="B1.air", quantity="air_temperature", route_key="yard#/temp")
    estimated = Provenance("estimated", by="test")
    return City(
        name="Testcity",
        assets=(Asset("B1", "bridge", "Bridge", Point(13.7, 51.0), estimated),),
        sensors=(Sensor("gauge", "gauge", "model", "measured"),),
        datastreams=(*numbered, wave, warm),
    )


def plan(*, count: int, rate_hz: float, streams: int = 20, **more: Any) -> Plan:
    """Readings for the first datastreams of the small city, up to the present."""
    begin_ms = int(time.time() * 1000) - count * int(more.get("per_message", 1))
    return Plan(
        topic=lambda stream: f"twin/v1/demo/B1/s{stream:03}/obs",
        streams=streams,
        count=count,
        rate_hz=rate_hz,
        begin_ms=begin_ms,
        **more,
    )


def write_city(folder: Path, *, dsn: str, broker: BrokerSettings, extra: str = "") -> Settings:
    """Settings of the small city, read from a real ``city.toml``."""
    text = f"""
[city]
name = "Testcity"
crs = "EPSG:25833"
extent = [13.5, 50.9, 14.0, 51.2]
[database]
dsn = {json.dumps(dsn)}
[broker]
host = "{broker.host}"
port = {broker.port}
fallback_port = {broker.fallback_port}
username = "{broker.username}"
password_file = {json.dumps(broker.password_file)}
use_tls = false
protocol = "{broker.protocol}"
[embedded]
data_dir = {json.dumps(str(folder / "data"))}
{extra}
{RULES}
"""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "city.toml").write_text(text, encoding="utf-8")
    return load_settings(folder, {})


@dataclass
class Rig:
    """What a test drives: settings, direct access to the database, ingesters as processes.

    ``database_proxy`` and ``broker_proxy`` stand before the services where the ingester, and only
    the ingester, goes through them.
    """

    settings: Settings
    owner_dsn: str
    log: Path
    broker_password: str
    folder: Path
    database: ExitStack
    broker: "RunningBroker"
    database_proxy: FaultProxy | None = None
    broker_proxy: FaultProxy | None = None
    ingesters: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start_ingester(
        self,
        *,
        programme: Sequence[str] = ("-m", "twin.cli"),
        instance: str = "",
        arguments: Sequence[str] = (),
    ) -> subprocess.Popen[bytes]:
        """Start the real job; it is stopped with the rig.

        Another ``programme`` is a script that takes the same arguments; another ``instance`` has
        its own session at the broker.
        """
        environment = {name: text for name, text in os.environ.items() if name[:5] != "TWIN_"}
        if instance:
            environment["TWIN_INSTANCE"] = instance
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [
                    sys.executable, *programme,
                    "--city", str(self.settings.folder), "ingest", *arguments,
                ],
                stdout=log, stderr=log, env=environment,
            )  # fmt: skip
        self.ingesters.append(process)
        return process

    def stop_ingesters(self) -> None:
        for process in self.ingesters:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(25)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(5)
                    raise
        self.ingesters.clear()

    def stop_database(self) -> None:
        """Stop it as ``twin up`` does; it closes its connections."""
        self.database.close()

    def start_database(self) -> None:
        """Start it again: same data, same socket."""
        self.database.enter_context(postgres_cluster(self.folder))

    def crash_database(self, sign: signal.Signals = signal.SIGQUIT) -> None:
        """End it without goodbye: SIGQUIT is its own immediate stop, SIGKILL leaves orphans."""
        pid_file = self.folder / "postgres" / "postmaster.pid"
        pid = int(pid_file.read_text().splitlines()[0])
        os.kill(pid, sign)
        wait_for(lambda: not _is_running(pid), "the end of the database")
        self.database.close()

    def rows(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with psycopg.connect(self.owner_dsn, autocommit=True) as connection:
            return connection.execute(sql.SQL(statement), values).fetchall()  # pyrefly: ignore

    def count(self) -> int:
        return int(str(self.rows("SELECT count(*) FROM reading")[0][0]))

    def publisher(self, client_id: str = "test-publisher") -> Publisher:
        return Publisher(self.settings.broker, client_id)

    def target(self, client_id: str = "loadgen") -> Target:
        """The broker itself, past the proxy."""
        address = self.broker.settings
        port = address.fallback_port or address.port  # where 3.1.1 is spoken
        return Target(address.host, port, client_id, address.username, self.broker_password)

    def generator(self, plan: Plan, client_id: str = "loadgen") -> LoadGenerator:
        """A load generator for the broker itself, past the proxy; not started."""
        return LoadGenerator(self.target(client_id), plan)

    def twin(self) -> Twin:
        return Twin(open_store(self.owner_dsn), clock=utc_now)

    def wait_for_count(self, count: int, *, timeout_s: float = 30.0) -> None:
        wait_for(lambda: self.count() >= count, f"{count} readings", timeout_s=timeout_s)

    def wait_for_log(self, word: str, *, times: int = 1, timeout_s: float = 30.0) -> None:
        wait_for(
            lambda: self.log.read_text().count(word) >= times,
            f"{word} in the log",
            timeout_s=timeout_s,
        )

    def logged(self, word: str) -> list[dict[str, object]]:
        """Facts of all lines of the log with this event."""
        lines = self.log.read_text().splitlines()
        found = [json.loads(line) for line in lines if f'"{word}"' in line and line[:1] == "{"]
        return [facts for facts in found if word in facts.values()]


class RunningBroker:
    """A broker that can be stopped, killed and started again on the same ports.

    Attributes
    ----------
    settings
        How an ingester connects.
    password
        Of that user.
    """

    def __init__(self, kind: BrokerKind, folder: Path) -> None:
        self._kind: BrokerKind = kind
        self._folder = folder
        self._running = ExitStack()
        self._mosquitto: MosquittoAddress | None = None
        self.settings = BrokerSettings()
        self.password = ""

    @property
    def pid(self) -> int:
        """Process of Mosquitto."""
        assert self._mosquitto is not None, "the embedded broker has no process to reach here"
        return self._mosquitto.process.pid

    def start(self) -> None:
        """Start it; with what it kept on disk if it ran before."""
        running: AbstractContextManager[tuple[BrokerSettings, str]]
        if self._kind == "embedded":
            running = _embedded(self._folder)
        else:
            address = self._running.enter_context(mosquitto_broker(self._folder))
            self._mosquitto = address
            running = contextlib.nullcontext(_mosquitto_settings(address, self._folder))
        self.settings, self.password = self._running.enter_context(running)

    def stop(self) -> None:
        """SIGTERM: it writes its sessions to disk and closes its connections."""
        self._running.close()

    def kill(self) -> None:
        """SIGKILL: what it did not write yet is gone."""
        assert self._mosquitto is not None, "only Mosquitto is killed"
        self._mosquitto.process.kill()
        self._mosquitto.process.wait(10)
        self._running.close()

    def save(self) -> None:
        """Let Mosquitto write its snapshot now, as it does once a minute."""
        assert self._mosquitto is not None, "only Mosquitto keeps snapshots"
        file = self._folder / "mosquitto" / "data" / "mosquitto.db"
        before = file.stat().st_mtime_ns if file.exists() else 0
        self._mosquitto.process.send_signal(signal.SIGUSR1)
        wait_for(
            lambda: file.exists() and file.stat().st_mtime_ns > before, "a snapshot of the broker"
        )


@contextmanager
def broker_settings(kind: BrokerKind, folder: Path) -> Iterator[tuple[BrokerSettings, str]]:
    """A running broker, and its password."""
    broker = RunningBroker(kind, folder)
    broker.start()
    try:
        yield broker.settings, broker.password
    finally:
        broker.stop()


@contextmanager
def _embedded(folder: Path) -> Iterator[tuple[BrokerSettings, str]]:
    with embedded_broker(folder) as address:
        yield (
            BrokerSettings(
                host=address.host,
                port=address.port_v5,
                fallback_port=address.port_v311,
                username=address.username,
                password_file=str(address.password_file),
                use_tls=False,
            ),
            address.password_file.read_text().strip(),
        )


def _mosquitto_settings(address: MosquittoAddress, folder: Path) -> tuple[BrokerSettings, str]:
    password_file = folder / "ingest.password"
    password_file.write_text(address.passwords["ingest"])
    return (
        BrokerSettings(
            host=address.host,
            port=address.port,
            username="ingest",
            password_file=str(password_file),
            use_tls=False,
        ),
        address.passwords["ingest"],
    )


@contextmanager
def ingest_rig(
    kind: BrokerKind = "mosquitto",
    *,
    streams: int = 20,
    extra: Sequence[str] = (),
    client: ClientKind | None = None,
    through_proxy: Sequence[Route] = (),
) -> Iterator[Rig]:
    """Broker, migrated database with the small city, no ingester yet.

    Parameters
    ----------
    extra
        Further tables of ``city.toml``, e.g. ``'[spool]\\nmax_bytes = 1000000'``.
    client
        ``ingest.client``; the default of the settings without it.
    through_proxy
        Which services the ingester reaches through a `FaultProxy` only.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(open_folder())
        database = stack.enter_context(ExitStack())
        cluster = database.enter_context(postgres_cluster(folder))
        broker = RunningBroker(kind, folder)
        stack.callback(broker.stop)
        broker.start()
        owner_dsn = cluster.dsn("twin_owner")
        migrate(owner_dsn)
        ingest_dsn, reached = cluster.dsn("twin_ingest"), broker.settings
        database_proxy = broker_proxy = None
        if "database" in through_proxy:
            database_proxy = stack.enter_context(fault_proxy(cluster.socket_path))
            ingest_dsn = make_conninfo(ingest_dsn, host="127.0.0.1", port=database_proxy.port)
        if "broker" in through_proxy:
            broker_proxy = stack.enter_context(fault_proxy((reached.host, reached.port)))
            reached = replace(reached, port=broker_proxy.port)
        settings = write_city(
            folder / "city",
            dsn=ingest_dsn,
            broker=reached,
            extra=_with_client("\n".join(extra), {"client": client} if client else {}),
        )
        rig = Rig(
            settings=settings,
            owner_dsn=owner_dsn,
            log=folder / "ingest.log",
            broker_password=broker.password,
            folder=folder,
            database=database,
            broker=broker,
            database_proxy=database_proxy,
            broker_proxy=broker_proxy,
        )
        stack.callback(rig.stop_ingesters)
        twin = rig.twin()
        twin.load(small_city(streams))
        twin.close()
        yield rig


def _with_client(extra: str, ingest: Mapping[str, str]) -> str:
    """Add keys to the table ``[ingest]`` of these tables."""
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in ingest.items())
    if "[ingest]" in extra:
        return extra.replace("[ingest]", f"[ingest]\n{lines}", 1)
    return f"{extra}\n[ingest]\n{lines}" if lines else extra


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
