"""The embedded PostgreSQL: one data directory, one server, our own child process.

A folder ``<data_dir>.control`` beside the data holds what is ours: the lock, the passwords, the
socket and the output of the last start.
"""

import logging
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from twin.embedded.account import Account, choose_account
from twin.embedded.binaries import Binaries, find_binaries
from twin.embedded.creation import create_data, data_version, set_passwords, write_settings
from twin.embedded.folder import OWNER_ONLY_FOLDER, FolderLock, make_folder
from twin.embedded.postmaster import PidFile, accepts_logins, read_pid_file
from twin.embedded.processes import is_executing, stop_child, stop_other, wait_until, works_in
from twin.embedded.roles import (
    SUPERUSER,
    ClusterAddress,
    forget_passwords,
    missing_roles,
    new_passwords,
    store_passwords,
)
from twin.embedded.serverconf import server_settings
from twin.embedded.socketdir import prepare_socket_dir, socket_candidates
from twin.errors import EmbeddedError

__all__ = ["Cluster", "ClusterAddress", "ClusterOptions"]

logger = logging.getLogger(__name__)

PORT = 5432
START_LIMIT_S = 300.0  # recovery after a crash reads up to max_wal_size
SHARED_MEMORY_LIMIT_S = 10.0
SHARED_MEMORY_PAUSE_S = 0.1
CONTROL_MODE = 0o711  # the server's account passes through to its socket, and lists nothing
_ORPHANS = "pre-existing shared memory block"
_EXTENSION = "timescaledb"
_LAST_LINES = 5


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """What the embedded server is started with.

    Attributes
    ----------
    data_dir
        PostgreSQL's data directory; made at the first start.
    pg_bin
        Folder with ``postgres`` and ``initdb``; without it the installed wheel is used.
    run_as
        User that runs the server when we are root.
    runtime_dir
        Short folder for the socket when ``data_dir`` is too long for one.
    tcp_port
        Also listen on this port of 127.0.0.1; without it only on the Unix socket.
    preload
        Further libraries to load at start.
    """

    data_dir: Path
    pg_bin: Path | None = None
    run_as: str | None = None
    runtime_dir: Path | None = None
    tcp_port: int | None = None
    preload: tuple[str, ...] = ()


class Cluster:
    """Starts, watches and stops the server on one data directory."""

    def __init__(self, options: ClusterOptions) -> None:
        self.options = options
        self.data_dir = options.data_dir.resolve()
        self.control_dir = self.data_dir.with_name(f"{self.data_dir.name}.control")
        self._lock = FolderLock(self.control_dir / "lock", folder=self.data_dir)
        self._process: subprocess.Popen[bytes] | None = None
        self._adopted: PidFile | None = None
        self._address: ClusterAddress | None = None

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The server as our child; None when it is stopped or adopted."""
        return self._process

    @property
    def pid(self) -> int | None:
        """Process id of the server that we started or adopted."""
        if self._process is not None:
            return self._process.pid
        return self._adopted.pid if self._adopted else None

    @property
    def start_log(self) -> Path:
        """What the server said at its last start, before its own log under ``data_dir/log``."""
        return self.control_dir / "start.log"

    def start(self) -> ClusterAddress:
        """Start the server, or take over the one that a killed owner left behind.

        Calling it again returns the same address, after starting the server anew if it died.

        Raises
        ------
        AlreadyRunningError
            If another process holds this data directory.
        EmbeddedError
            If the server cannot be started; says why and what to do.
        """
        if self._address is not None and self.is_alive():
            return self._address
        make_folder(self.control_dir, mode=CONTROL_MODE)
        make_folder(self._secrets_dir, mode=OWNER_ONLY_FOLDER)
        with ExitStack() as undo:
            self._lock.acquire()
            undo.callback(self.stop)
            self._process, self._adopted, self._address = None, None, None
            binaries = find_binaries(self.options.pg_bin, data_version=data_version(self.data_dir))
            self._address = self._adopt(binaries) or self._launch(binaries)
            undo.pop_all()
        facts = {"folder": str(self.data_dir), "pid": self.pid, "adopted": bool(self._adopted)}
        logger.info("embedded_database_started", extra=facts)
        return self._address

    def stop(self) -> None:
        """Stop the server and free the data directory; does nothing if it is not running."""
        if self._process is not None:
            stop_child(self._process)
        elif self._adopted is not None:
            stop_other(self._adopted.pid, folder=self.data_dir)
        if self._address is not None:
            logger.info("embedded_database_stopped", extra={"folder": str(self.data_dir)})
        self._process, self._adopted, self._address = None, None, None
        self._lock.release()

    def is_alive(self) -> bool:
        """The server's process exists; `probe` tells whether it also answers."""
        if self._process is not None:
            return self._process.poll() is None
        return self._adopted is not None and works_in(self._adopted.pid, self.data_dir)

    def wait(self, limit_s: float | None = None) -> bool:
        """Wait until the server has ended, at most ``limit_s`` seconds; True if it has."""
        return wait_until(lambda: not self.is_alive(), limit_s=limit_s)

    def probe(self) -> bool:
        """The server answers a login."""
        if self._address is None:
            return False
        return accepts_logins(self._address.socket_path, user=SUPERUSER)

    def __enter__(self) -> ClusterAddress:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _adopt(self, binaries: Binaries) -> ClusterAddress | None:
        """The address of a live server on our data; None, and none there any more, if unfit."""
        found = read_pid_file(self.data_dir)
        if found is None:
            return None
        if not works_in(found.pid, self.data_dir):
            # A dead server, or its number now belongs to another process.
            (self.data_dir / "postmaster.pid").unlink(missing_ok=True)
            return None
        self._adopted = found
        if self._fits(found, binaries) and self._await_ready(found.pid):
            return self._address_of(found.socket_dir)
        stop_other(found.pid, folder=self.data_dir)
        self._adopted = None
        return None

    def _fits(self, found: PidFile, binaries: Binaries) -> bool:
        wanted_listen = "127.0.0.1" if self.options.tcp_port else ""
        return (
            found.port == self._port
            and found.listen == wanted_listen
            and found.socket_dir in self._socket_candidates()
            and is_executing(found.pid, Path(binaries.postgres))
        )

    def _launch(self, binaries: Binaries) -> ClusterAddress:
        account = choose_account(self.options.run_as, binaries=binaries, folder=self.control_dir)
        socket_dir = prepare_socket_dir(
            self._socket_candidates(), account=account, binaries=binaries
        )
        self._prepare_data(account, binaries)
        preload = self.options.preload
        if binaries.has_extension(_EXTENSION) and _EXTENSION not in preload:
            preload = (_EXTENSION, *preload)
        settings = server_settings(
            data_dir=self.data_dir,
            socket_dir=socket_dir,
            tcp_port=self.options.tcp_port,
            preload=preload,
        )
        write_settings(settings, self.data_dir, account=account, binaries=binaries)
        self._run_server(account, binaries)
        return self._address_of(socket_dir)

    def _prepare_data(self, account: Account, binaries: Binaries) -> None:
        if data_version(self.data_dir) is None:
            passwords = new_passwords()
            forget_passwords(self._secrets_dir)  # of an earlier data directory of this name
            create_data(
                self.data_dir,
                staging=self.control_dir / "staging",
                passwords=passwords,
                account=account,
                binaries=binaries,
            )
            store_passwords(self._secrets_dir, passwords)
            return
        if self.data_dir.stat().st_uid != account.uid:
            account.own(self.data_dir)
        missing = missing_roles(self._secrets_dir)
        if missing:
            passwords = new_passwords(missing)
            set_passwords(passwords, self.data_dir, account=account, binaries=binaries)
            store_passwords(self._secrets_dir, passwords)

    def _run_server(self, account: Account, binaries: Binaries) -> None:
        deadline = time.monotonic() + SHARED_MEMORY_LIMIT_S
        while True:
            self._process = account.popen(
                [binaries.postgres, "-D", str(self.data_dir)],
                binaries=binaries,
                log=self.start_log,
            )
            if self._await_ready(self._process.pid):
                return
            said = self.start_log.read_text(encoding="utf-8", errors="replace")
            if _ORPHANS not in said or time.monotonic() > deadline:
                raise EmbeddedError(self._failure(said))
            # Back-ends of a killed server still end; it takes them a moment to notice.
            time.sleep(SHARED_MEMORY_PAUSE_S)

    def _await_ready(self, pid: int) -> bool:
        """Wait until the server with this number is ready and answers; False if it ended."""

        def settled() -> bool:
            found = read_pid_file(self.data_dir)
            ready = found is not None and found.pid == pid and found.status == "ready"
            return ready or self._has_ended(pid)

        if not wait_until(settled, limit_s=START_LIMIT_S) or self._has_ended(pid):
            return False
        found = read_pid_file(self.data_dir)
        return found is not None and accepts_logins(found.socket_path, user=SUPERUSER)

    def _has_ended(self, pid: int) -> bool:
        if self._process is not None:
            return self._process.poll() is not None
        return not works_in(pid, self.data_dir)

    def _failure(self, said: str) -> str:
        process = self._process
        ended = process is not None and process.poll() is not None
        how = "ended at once" if ended else f"did not get ready within {START_LIMIT_S:g} s"
        last = " | ".join(said.strip().splitlines()[-_LAST_LINES:]) or "nothing"
        return (
            f"the embedded PostgreSQL on {self.data_dir} {how}; it said: {last}. "
            f"More may be in {self.data_dir / 'log'}"
        )

    @property
    def _port(self) -> int:
        return self.options.tcp_port or PORT

    @property
    def _secrets_dir(self) -> Path:
        return self.control_dir / "secrets"

    def _address_of(self, socket_dir: Path) -> ClusterAddress:
        return ClusterAddress(socket_dir=socket_dir, port=self._port, secrets_dir=self._secrets_dir)

    def _socket_candidates(self) -> list[Path]:
        return socket_candidates(
            self.control_dir, port=self._port, runtime_dir=self.options.runtime_dir
        )
