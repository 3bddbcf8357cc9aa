"""The embedded MQTT broker: rumqttd from the package iotcore, in a child process of ours.

For a demo and one machine: it listens on 127.0.0.1 only, keeps everything in memory and knows no
rights per topic. Sessions, queues and retained values are gone when it stops.
"""

import logging
import secrets
import socket
import subprocess
import sys
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from twin.embedded.folder import (
    OWNER_ONLY_FOLDER,
    FolderLock,
    make_folder,
    new_password,
    read_facts,
    write_facts,
    write_private,
)
from twin.embedded.mqttprobe import VERSION_3_1_1, VERSION_5, answers
from twin.embedded.processes import wait_until
from twin.errors import EmbeddedError

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
LISTENERS = {"v5": "v5", "v311": "v4", "ws": "ws"}  # our name: the broker's name
START_LIMIT_S = 15.0
STOP_LIMIT_S = 5.0
PORT_LIMIT_S = 3.0  # until the broker of a killed owner has noticed and gone
ATTEMPTS = 5
PROBE_LIMIT_S = 5.0
_LAST_LINES = 5
_CHILD = Path(__file__).with_name("rumqtt.py")  # run as a file: it imports nothing of twin

_ROUTER = """\
# Written by twin at every start; changes here are lost.
id = 0
[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = 16777216
max_segment_count = 8
"""
_LISTENER = """
[{kind}.1]
name = "{name}"
listen = "{host}:{port}"
next_connection_delay_ms = 1
[{kind}.1.connections]
connection_timeout_ms = 60000
max_payload_size = 8388608
max_inflight_count = 100
dynamic_filters = true
[{kind}.1.connections.auth]
"{username}" = "{password}"
"""


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """How to reach the running broker; the password is the only line of its file."""

    host: str
    port_v5: int
    port_v311: int
    username: str
    password_file: Path
    port_ws: int | None = None


@dataclass(frozen=True, slots=True)
class BrokerPorts:
    """Fixed ports; None means a free one, the same at every start of a folder if still free."""

    v5: int | None = None
    v311: int | None = None
    ws: int | None = None


class EmbeddedBroker:
    """Starts, watches and stops the broker of one data folder.

    Parameters
    ----------
    folder
        Where its configuration, credentials and ports are kept.
    ports
        Ports to use; free ones by default.
    with_websocket
        Also listen for MQTT 3.1.1 over WebSocket.
    """

    def __init__(
        self,
        folder: Path,
        *,
        ports: BrokerPorts | None = None,
        with_websocket: bool = False,
    ) -> None:
        self.folder = folder.resolve()
        self._fixed = ports or BrokerPorts()
        self._names = [name for name in LISTENERS if name != "ws" or with_websocket]
        self._lock = FolderLock(self.folder / "lock", folder=self.folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._address: BrokerAddress | None = None

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The child process; None when it is stopped."""
        return self._process

    @property
    def start_log(self) -> Path:
        """What the broker said since its last start."""
        return self.folder / "broker.log"

    def start(self) -> BrokerAddress:
        """Start the broker and wait until every listener has answered a login and a ping.

        Calling it again returns the same address, after starting the broker anew if it died.

        Raises
        ------
        AlreadyRunningError
            If another process holds this folder.
        EmbeddedError
            If a fixed port is taken or the broker does not start.
        """
        if self._address is not None and self.is_alive():
            return self._address
        make_folder(self.folder, mode=OWNER_ONLY_FOLDER)
        with ExitStack() as undo:
            self._lock.acquire()
            undo.callback(self.stop)
            self._end_child()
            address = self._address = self._start_child()
            undo.pop_all()
        logger.info("embedded_broker_started", extra={"folder": str(self.folder)})
        return address

    def stop(self) -> None:
        """Stop the broker and free the folder; does nothing if it is not running."""
        if self._process is not None:
            self._end_child()
            logger.info("embedded_broker_stopped", extra={"folder": str(self.folder)})
        self._address = None
        self._lock.release()

    def is_alive(self) -> bool:
        """The child process exists; `probe` tells whether it also answers."""
        return self._process is not None and self._process.poll() is None

    def probe(self) -> bool:
        """Every MQTT listener answers a login and a ping within a few seconds."""
        return self._address is not None and _listeners_answer(self._address)

    def __enter__(self) -> BrokerAddress:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _start_child(self) -> BrokerAddress:
        for _ in range(ATTEMPTS):
            address = self._launch(self._choose_ports())
            if self._await_ready(address):
                return address
            self._end_child()
            # Between choosing a free port and using it, another programme may have taken it.
        raise EmbeddedError(self._failure())

    def _fixed_ports(self) -> list[int | None]:
        return [getattr(self._fixed, name) for name in self._names]

    def _choose_ports(self) -> dict[str, int]:
        """A port per listener: the fixed one, else the one of last time, else a free one."""
        kept = read_facts(self._ports_file)
        chosen: dict[str, int] = {}
        for name, fixed in zip(self._names, self._fixed_ports(), strict=True):
            wish = fixed or kept.get(name)
            if isinstance(wish, int) and wait_until(
                lambda p=wish: is_free(p), limit_s=PORT_LIMIT_S
            ):
                chosen[name] = wish
            elif fixed:
                raise EmbeddedError(
                    f"port {fixed} of {HOST} for the embedded broker is taken; "
                    "stop the other programme or choose another port"
                )
            else:
                chosen[name] = free_port(besides=chosen.values())
        write_facts(self._ports_file, chosen)
        return chosen

    def _login(self) -> tuple[str, str]:
        """User name and password of this folder; made at its first start."""
        name, password = self.folder / "username", self.folder / "password"
        if not (name.is_file() and password.is_file()):
            write_private(name, f"twin-{secrets.token_hex(4)}\n")
            write_private(password, f"{new_password()}\n")
        return name.read_text("utf-8").strip(), password.read_text("utf-8").strip()

    def _launch(self, ports: dict[str, int]) -> BrokerAddress:
        username, password = self._login()
        login = {"username": username, "password": password}
        listeners = [
            _LISTENER.format(kind=LISTENERS[name], name=name, host=HOST, port=port, **login)
            for name, port in ports.items()
        ]
        config = self.folder / "rumqttd.toml"
        write_private(config, _ROUTER + "".join(listeners))
        with self.start_log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and file
                [sys.executable, "-P", str(_CHILD), str(config)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return BrokerAddress(
            host=HOST,
            port_v5=ports["v5"],
            port_v311=ports["v311"],
            port_ws=ports.get("ws"),
            username=username,
            password_file=self.folder / "password",
        )

    def _await_ready(self, address: BrokerAddress) -> bool:
        def settled() -> bool:
            return not self.is_alive() or _listeners_answer(address)

        return wait_until(settled, limit_s=START_LIMIT_S) and self.is_alive()

    def _end_child(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_LIMIT_S)
        if process.stdin is not None:
            process.stdin.close()

    def _failure(self) -> str:
        said = self.start_log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        last = " | ".join(said[-_LAST_LINES:]) or "nothing"
        return f"the embedded MQTT broker in {self.folder} does not start; it said: {last}"

    @property
    def _ports_file(self) -> Path:
        return self.folder / "ports.json"


def _listeners_answer(address: BrokerAddress) -> bool:
    password = address.password_file.read_text(encoding="utf-8").strip()
    return all(
        answers(
            address.host,
            port,
            version=version,
            username=address.username,
            password=password,
            limit_s=PROBE_LIMIT_S,
        )
        for port, version in ((address.port_v5, VERSION_5), (address.port_v311, VERSION_3_1_1))
    )


def is_free(port: int) -> bool:
    """A server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, port))
            trial.listen()
        except OSError:
            return False
    return True


def free_port(*, besides: Collection[int]) -> int:
    """A port of 127.0.0.1 that nobody uses now and that is not among ``besides``."""
    while True:
        with socket.socket() as trial:
            trial.bind((HOST, 0))
            port = trial.getsockname()[1]
        if port not in besides:
            return port
