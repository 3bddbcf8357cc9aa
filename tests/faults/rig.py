"""A broker, a database with a small city, and the real ingester as a process of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import psycopg
from psycopg import sql
from services import embedded_broker, mosquitto_broker, open_folder, postgres_cluster
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
    """What a test drives: settings, direct access to the database, ingesters as processes."""

    settings: Settings
    owner_dsn: str
    log: Path
    broker_password: str
    folder: Path
    database: ExitStack
    ingesters: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start_ingester(self) -> subprocess.Popen[bytes]:
        """Start the real job; it is stopped with the rig."""
        environment = {name: text for name, text in os.environ.items() if name[:5] != "TWIN_"}
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [
                    sys.executable, "-m", "twin.cli",
                    "--city", str(self.settings.folder), "ingest",
                ],
                stdout=log, stderr=log, env=environment,
            )  # fmt: skip
        self.ingesters.append(process)
        return process

    def stop_ingesters(self) -> None:
        for process in self.ingesters:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(25)
        self.ingesters.clear()

    def stop_database(self) -> None:
        self.database.close()

    def start_database(self) -> None:
        self.database.enter_context(postgres_cluster(self.folder))

    def rows(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with psycopg.connect(self.owner_dsn, autocommit=True) as connection:
            return connection.execute(sql.SQL(statement), values).fetchall()  # pyrefly: ignore

    def count(self) -> int:
        return int(str(self.rows("SELECT count(*) FROM reading")[0][0]))

    def publisher(self, client_id: str = "test-publisher") -> Publisher:
        return Publisher(self.settings.broker, client_id)

    def twin(self) -> Twin:
        return Twin(open_store(self.owner_dsn), clock=utc_now)

    def wait_for_count(self, count: int, *, timeout_s: float = 30.0) -> None:
        wait_for(lambda: self.count() >= count, f"{count} readings", timeout_s=timeout_s)

    def wait_for_log(self, word: str, *, times: int = 1) -> None:
        wait_for(lambda: self.log.read_text().count(word) >= times, f"{word} in the log")


@contextmanager
def broker_settings(kind: BrokerKind, folder: Path) -> Iterator[tuple[BrokerSettings, str]]:
    """A running broker, and its password."""
    if kind == "embedded":
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
        return
    with mosquitto_broker(folder) as address:
        password_file = folder / "ingest.password"
        password_file.write_text(address.passwords["ingest"])
        yield (
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
    kind: BrokerKind = "mosquitto", *, streams: int = 20, extra: Sequence[str] = ()
) -> Iterator[Rig]:
    """Broker, migrated database with the small city, no ingester yet."""
    with ExitStack() as stack:
        folder = stack.enter_context(open_folder())
        database = stack.enter_context(ExitStack())
        cluster = database.enter_context(postgres_cluster(folder))
        broker, password = stack.enter_context(broker_settings(kind, folder))
        owner_dsn = cluster.dsn("twin_owner")
        migrate(owner_dsn)
        settings = write_city(
            folder / "city",
            dsn=cluster.dsn("twin_ingest"),
            broker=broker,
            extra="\n".join(extra),
        )
        rig = Rig(settings, owner_dsn, folder / "ingest.log", password, folder, database)
        stack.callback(rig.stop_ingesters)
        twin = rig.twin()
        twin.load(small_city(streams))
        twin.close()
        yield rig
