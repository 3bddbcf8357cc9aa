"""Real services for tests, as context managers; import with ``from services import ...``.

A service that this machine cannot offer skips the test with the reason, or fails it where ``CI``
is set. Everything listens on 127.0.0.1 or a Unix socket and ends with the ``with`` block.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from twin.embedded.broker import BrokerAddress, EmbeddedBroker, free_port
from twin.embedded.cluster import Cluster, ClusterAddress, ClusterOptions
from twin.embedded.folder import new_password
from twin.embedded.mqttprobe import VERSION_3_1_1, answers

REPOSITORY = Path(__file__).resolve().parent.parent
SHIPPED_MOSQUITTO = REPOSITORY / "deploy" / "mosquitto"
NOT_POSSIBLE_HERE = 77
DEADLINE_S = 20.0


def missing(reason: str) -> NoReturn:
    """Skip this test with its reason, or fail it where ``CI`` is set."""
    if os.environ.get("CI"):
        pytest.fail(f"missing in CI: {reason}", pytrace=False)
    pytest.skip(reason)


def eventually(holds: Callable[[], bool], what: str, *, limit_s: float = DEADLINE_S) -> None:
    """Wait until the condition holds; fail naming ``what`` after the limit."""
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {limit_s:g} s: {what}"
        time.sleep(0.01)


@contextmanager
def open_folder() -> Iterator[Path]:
    """A temporary folder that other users can enter, unlike pytest's ``tmp_path``."""
    with tempfile.TemporaryDirectory(prefix="twin-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def postgres_cluster(folder: Path, *, pg_bin: Path | None = None) -> Iterator[ClusterAddress]:
    """The embedded PostgreSQL on ``folder/postgres``: fresh, or with what is there already."""
    options = ClusterOptions(data_dir=folder / "postgres", pg_bin=pg_bin)
    with Cluster(options) as address:
        yield address


@contextmanager
def timescale_cluster(folder: Path) -> Iterator[ClusterAddress]:
    """The same with the real TimescaleDB loaded; the extension is not created yet."""
    with postgres_cluster(folder, pg_bin=timescale_bin()) as address:
        yield address


def timescale_bin() -> Path:
    """Folder of a PostgreSQL with TimescaleDB; fetched once per machine."""
    given = os.environ.get("TWIN_TEST_TIMESCALE_BIN")
    if given:
        return Path(given)
    target = Path(tempfile.gettempdir()) / f"stadtzwilling-timescale-{os.getuid()}"
    target.mkdir(mode=0o755, exist_ok=True)
    if target.stat().st_uid != os.getuid():
        missing(f"{target} belongs to another user")
    with (target / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = run_timescale_script(target)
    if answer.returncode == NOT_POSSIBLE_HERE:
        missing(answer.stderr.strip().splitlines()[-1])
    assert answer.returncode == 0, answer.stderr
    return Path(answer.stdout.strip().splitlines()[-1])


def run_timescale_script(
    target: Path, *, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``scripts/timescale.sh`` with this interpreter."""
    return subprocess.run(
        ["sh", str(REPOSITORY / "scripts" / "timescale.sh"), str(target)],
        env={**os.environ, "PYTHON": sys.executable, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@contextmanager
def embedded_broker(folder: Path) -> Iterator[BrokerAddress]:
    """The embedded MQTT broker on ``folder/broker``."""
    with EmbeddedBroker(folder / "broker") as address:
        yield address


@dataclass(frozen=True, slots=True)
class MosquittoAddress:
    """A running Mosquitto with the shipped configuration; ``passwords`` by user name."""

    host: str
    port: int
    port_tls: int
    port_wss: int
    ca_file: Path
    passwords: Mapping[str, str]
    process: subprocess.Popen[bytes]
    log_file: Path


@contextmanager
def mosquitto_broker(
    folder: Path,
    *,
    users: tuple[str, ...] = ("ingest",),
    extra_lines: tuple[str, ...] = (),
) -> Iterator[MosquittoAddress]:
    """The distribution's Mosquitto with the configuration in ``deploy/mosquitto``.

    Only paths and ports are replaced; as root, ``user root`` is added so that it may stay in
    ``folder``. A second call with the same folder is a restart: same ports, passwords and
    persisted sessions. ``extra_lines`` override settings, e.g. ``max_queued_messages 1000``.
    """
    server = _programme("mosquitto")
    home = folder / "mosquitto"
    ports, passwords = _mosquitto_facts(home, users)
    config = home / "mosquitto.conf"
    config.write_text(mosquitto_config(home, ports=ports, extra_lines=extra_lines))
    log_file = home / "mosquitto.log"
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            [server, "-c", str(config)], stdout=log, stderr=log, start_new_session=True
        )
    try:
        user, password = next(iter(passwords.items()))

        def serves() -> bool:
            return answers(
                "127.0.0.1",
                ports["1883"],
                version=VERSION_3_1_1,
                username=user,
                password=password,
            )

        eventually(lambda: process.poll() is not None or serves(), "mosquitto serves")
        assert process.poll() is None, log_file.read_text()
        yield MosquittoAddress(
            host="127.0.0.1",
            port=ports["1883"],
            port_tls=ports["8883"],
            port_wss=ports["8884"],
            ca_file=home / "certs" / "ca.crt",
            passwords=passwords,
            process=process,
            log_file=log_file,
        )
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


def mosquitto_config(
    home: Path, *, ports: Mapping[str, int], extra_lines: tuple[str, ...] = ()
) -> str:
    """The shipped configuration with its paths and ports replaced."""
    text = (SHIPPED_MOSQUITTO / "mosquitto.conf").read_text()
    text = text.replace("/mosquitto/", f"{home}/")
    for shipped, port in ports.items():
        # The encrypted listeners are for every interface when shipped; tests stay on this machine.
        text = text.replace(f"listener {shipped} 127.0.0.1\n", f"listener {port} 127.0.0.1\n")
        text = text.replace(f"listener {shipped}\n", f"listener {port} 127.0.0.1\n")
    keys = {line.split()[0] for line in extra_lines}
    kept = [line for line in text.splitlines() if (line.split() or [""])[0] not in keys]
    head = ["user root"] if os.geteuid() == 0 else []
    return "\n".join([*head, *extra_lines, *kept]) + "\n"


def _mosquitto_facts(home: Path, users: tuple[str, ...]) -> tuple[dict[str, int], dict[str, str]]:
    """Ports and passwords of this folder, made together with its files at the first call."""
    facts = home / "facts.json"
    if facts.exists():
        known = json.loads(facts.read_text())
        return known["ports"], known["passwords"]
    for name in ("data", "config", "certs"):
        (home / name).mkdir(parents=True)
    ports: dict[str, int] = {}
    for shipped in ("1883", "8883", "8884"):
        ports[shipped] = free_port(besides=ports.values())
    passwords = {user: new_password() for user in users}
    shutil.copy(SHIPPED_MOSQUITTO / "acl", home / "config" / "acl")
    (home / "config" / "acl").chmod(0o600)
    password_file = home / "config" / "passwd"
    password_file.write_text("".join(f"{user}:{word}\n" for user, word in passwords.items()))
    password_file.chmod(0o600)
    hashing = [_programme("mosquitto_passwd"), "-U", str(password_file)]
    subprocess.run(hashing, check=True, timeout=DEADLINE_S, capture_output=True)
    make_certificates(home / "certs")
    facts.write_text(json.dumps({"ports": ports, "passwords": passwords}))
    return ports, passwords


def make_certificates(folder: Path, *, days: int = 2) -> None:
    """A throw-away authority ``ca.crt`` and a certificate ``server.crt`` for 127.0.0.1."""
    openssl = _programme("openssl")
    key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        str(days),
    ]
    authority = [openssl, "req", "-x509", *key, "-subj", "/CN=throw-away test authority"]
    authority += ["-keyout", str(folder / "ca.key"), "-out", str(folder / "ca.crt")]
    server = [openssl, "req", "-x509", *key, "-subj", "/CN=localhost"]
    server += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    server += ["-addext", "basicConstraints=critical,CA:FALSE"]
    server += ["-CA", str(folder / "ca.crt"), "-CAkey", str(folder / "ca.key")]
    server += ["-keyout", str(folder / "server.key"), "-out", str(folder / "server.crt")]
    for command in (authority, server):
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
        if answer.returncode != 0:
            missing(f"openssl cannot make certificates: {answer.stderr.strip()}")


def _programme(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        missing(f"{name} is not installed")
    return found
