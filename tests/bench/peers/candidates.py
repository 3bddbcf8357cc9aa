"""Programmes that bring messages into the table, ours and others, started the same way."""

import getpass
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from faults.rig import Rig, write_city
from psycopg.conninfo import conninfo_to_dict

from twin.embedded.broker import free_port

HERE = Path(__file__).resolve().parent
NODE_RED_PACKAGES = ("node-red@4", "node-red-contrib-postgrestor-next")
INSTALL_WITHIN_S = 600
INSERT = (
    "INSERT INTO reading (t, v, ds, q) VALUES (${payload:t}::timestamptz, "
    "${payload:v}::double precision, ${payload:seq}::integer, 0) ON CONFLICT DO NOTHING"
)
COPY = "INSERT INTO reading (t, v, ds) VALUES (${payload:t}, ${payload:v}, ${payload:seq})"


class CannotRunError(Exception):
    """A peer that this machine does not offer; the message says why."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One programme under test; ``start`` runs it against the services of the rig."""

    name: str
    start: Callable[[Rig, Path], subprocess.Popen[bytes]]
    is_ours: bool = False


def folder() -> Path:
    """Where the peers are installed: outside the repository, kept between runs."""
    given = os.environ.get("TWIN_BENCH_PEERS")
    chosen = Path(given or Path(tempfile.gettempdir()) / f"twin-bench-peers-{getpass.getuser()}")
    chosen.mkdir(mode=0o755, exist_ok=True)
    return chosen


def launched(
    command: list[str], log: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("TWIN_")}
    with log.open("ab") as output:
        return subprocess.Popen(
            command, stdout=output, stderr=output, env={**kept, **(environment or {})}
        )


# Ours


def ours(client: str) -> Candidate:
    def start(rig: Rig, work: Path) -> subprocess.Popen[bytes]:
        settings = write_city(
            work / f"city-{client}",
            dsn=rig.settings.database.dsn,
            broker=rig.broker.settings,
            extra=f'[ingest]\nclient = "{client}"\n',
        )
        command = [sys.executable, "-m", "twin.cli", "--city", str(settings.folder), "ingest"]
        return launched(command, work / f"{client}.log")

    return Candidate(f"ours, {client} client", start, is_ours=True)


# mq-bridge


def mq_bridge(*, is_copy: bool) -> Candidate:
    python = _environment_of("mq-bridge")

    def start(rig: Rig, work: Path) -> subprocess.Popen[bytes]:
        kind = "copy" if is_copy else "insert"
        facts = _database(rig)
        route = {
            "input": {
                "mqtt": {
                    "url": f"tcp://{rig.broker.settings.host}:{rig.broker.settings.port}",
                    "topic": "twin/v1/#",
                    "username": rig.broker.settings.username,
                    "password": rig.broker_password,
                    "client_id": f"bench-mq-bridge-{kind}",
                    "qos": 1,
                    "clean_session": False,
                    "session_expiry_interval": 3600,
                    "max_inflight": 20_000,
                    "queue_capacity": 20_000,
                }
            },
            "output": {
                "sqlx": {
                    "url": f"postgres://localhost/{facts['dbname']}?host={facts['host']}",
                    "username": facts["user"],
                    "password": facts["password"],
                    "table": "reading",
                    "insert_query": COPY if is_copy else INSERT,
                    "bulk_copy": is_copy,
                }
            },
            "batch_size": 5000 if is_copy else 1000,
            "reconnect_interval_ms": 500,
        }
        file = work / f"mq-bridge-{kind}.json"
        file.write_text(json.dumps(route))
        script = str(HERE / "mq_bridge_route.py")
        return launched([str(python), script, str(file)], work / f"mq-bridge-{kind}.log")

    return Candidate("mq-bridge, bulk_copy" if is_copy else "mq-bridge, INSERT", start)


def _environment_of(package: str) -> Path:
    """Interpreter of an environment that holds nothing but this package."""
    home = folder() / package
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        shutil.rmtree(home, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(home)])
        _run([str(python), "-m", "pip", "install", "--quiet", package])
        (home / "complete").touch()
    return python


# Node-RED


def node_red() -> Candidate:
    home = folder() / "node-red"
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise CannotRunError("node and npm are not installed")
    if not (home / "complete").exists():
        home.mkdir(exist_ok=True)
        quiet = ["--no-fund", "--no-audit", "--silent"]
        _run([npm, "install", *quiet, "--prefix", str(home), *NODE_RED_PACKAGES])
        (home / "complete").touch()
    programme = home / "node_modules" / "node-red" / "red.js"

    def start(rig: Rig, work: Path) -> subprocess.Popen[bytes]:
        place = work / "node-red"
        if not place.exists():
            _write_flow(place, rig)
            (place / "node_modules").symlink_to(home / "node_modules")
        port = {"TWIN_BENCH_UI_PORT": str(free_port(besides=()))}
        return launched(
            [node, str(programme), "--userDir", str(place)], work / "node-red.log", port
        )

    return Candidate("Node-RED 4, 500 rows or 50 ms", start)


def _write_flow(place: Path, rig: Rig) -> None:
    place.mkdir()
    facts = _database(rig)
    words = {
        "BROKER_PORT": str(rig.broker.settings.port),
        "BATCH": (HERE / "node_red_batch.js").read_text(),
        "HOST": facts["host"],
        "PORT": facts["port"],
        "DATABASE": facts["dbname"],
        "USER": facts["user"],
        "PASSWORD": facts["password"],
    }
    text = (HERE / "node_red_flows.json").read_text()
    for word, value in words.items():
        text = text.replace(f'"@{word}@"', json.dumps(value))
    (place / "flows.json").write_text(text)
    secrets = {"broker": {"user": rig.broker.settings.username, "password": rig.broker_password}}
    (place / "flows_cred.json").write_text(json.dumps(secrets))
    shutil.copy(HERE / "node_red_settings.js", place / "settings.js")


# executemany


def executemany() -> Candidate:
    def start(rig: Rig, work: Path) -> subprocess.Popen[bytes]:
        broker = rig.broker.settings
        address = [broker.host, str(broker.port), broker.username, broker.password_file]
        script = str(HERE / "executemany.py")
        return launched([sys.executable, script, *address, rig.owner_dsn], work / "executemany.log")

    return Candidate("paho and executemany", start)


def available() -> tuple[list[Candidate], list[str]]:
    """All candidates that run here, and why the others do not."""
    makers: list[Callable[[], Candidate]] = [
        lambda: ours("bulk"),
        lambda: ours("stock"),
        lambda: mq_bridge(is_copy=False),
        lambda: mq_bridge(is_copy=True),
        node_red,
        executemany,
    ]
    found: list[Candidate] = []
    absent: list[str] = []
    for maker in makers:
        try:
            found.append(maker())
        except CannotRunError as error:
            absent.append(str(error))
    return found, absent


def versions() -> dict[str, str]:
    """Versions of the installed peers."""
    found: dict[str, str] = {}
    for package in ("node-red", "node-red-contrib-postgrestor-next"):
        file = folder() / "node-red" / "node_modules" / package / "package.json"
        if file.exists():
            found[package] = json.loads(file.read_text())["version"]
    for place in (folder() / "mq-bridge").glob("lib/*/site-packages/mq_bridge-*.dist-info"):
        found["mq-bridge"] = place.name.removeprefix("mq_bridge-").removesuffix(".dist-info")
    node = shutil.which("node")
    if node:
        found["node"] = subprocess.run(
            [node, "--version"], capture_output=True, text=True, check=True
        ).stdout.strip()
    return found


def _database(rig: Rig) -> dict[str, str]:
    """Host, port, database, user and password of the owner, as text."""
    facts = {name: str(value) for name, value in conninfo_to_dict(rig.owner_dsn).items()}
    line = Path(facts["passfile"]).read_text().splitlines()[0]
    return facts | {"password": line.rsplit(":", 1)[1]}


def _run(command: list[str]) -> None:
    answer = subprocess.run(
        command, capture_output=True, text=True, timeout=INSTALL_WITHIN_S, check=False
    )
    if answer.returncode != 0:
        last = (answer.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise CannotRunError(f"{' '.join(command[:4])} ... failed: {last}")
