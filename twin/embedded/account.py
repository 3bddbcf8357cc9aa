"""The operating-system account that the server runs under.

PostgreSQL refuses to run as root. We never create a system user; as root, the server runs as an
unprivileged one, or, where that one cannot reach the files, inside a user namespace in which root
has an ordinary number.
"""

import logging
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from twin.embedded.binaries import Binaries
from twin.embedded.folder import OWNER_ONLY_FOLDER
from twin.errors import EmbeddedError

logger = logging.getLogger(__name__)

UNPRIVILEGED = "nobody"
HELPER_LIMIT_S = 120
_ORDINARY_ID = 1000


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs the server: owner of its files, and how a command is started as that owner."""

    uid: int
    gid: int
    name: str
    user: int | None = None
    prefix: tuple[str, ...] = ()

    def popen(
        self, command: list[str], *, binaries: Binaries, log: Path
    ) -> subprocess.Popen[bytes]:
        """Start ``command`` in a session of its own: Ctrl-C in the terminal is not meant for it."""
        with log.open("wb") as output:
            return subprocess.Popen(  # noqa: S603 - our own command line, no shell
                [*self.prefix, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd="/",
                env=binaries.environment(),
                user=self.user,
                group=self.gid if self.user is not None else None,
                extra_groups=[] if self.user is not None else None,
            )

    def run(
        self, command: list[str], *, binaries: Binaries, text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run ``command`` to its end with ``text`` on its input."""
        return subprocess.run(  # noqa: S603 - our own command line, no shell
            [*self.prefix, *command],
            input=text,
            capture_output=True,
            text=True,
            timeout=HELPER_LIMIT_S,
            check=False,
            cwd="/",
            env=binaries.environment(),
            user=self.user,
            group=self.gid if self.user is not None else None,
            extra_groups=[] if self.user is not None else None,
        )

    def own(self, folder: Path) -> None:
        """Give a folder and all it holds to this account; only root can and needs to."""
        if os.geteuid() == 0:
            for entry in (folder, *folder.rglob("*")):
                os.chown(entry, self.uid, self.gid, follow_symlinks=False)

    def can_enter(self, folder: Path, *, binaries: Binaries) -> bool:
        """The account may use files in ``folder`` or below it."""
        return self.run(["test", "-x", str(folder)], binaries=binaries).returncode == 0


def choose_account(run_as: str | None, *, binaries: Binaries, folder: Path) -> Account:
    """The account for a server whose programmes and ``folder`` it must be able to use.

    Raises
    ------
    EmbeddedError
        If no account can run it; says what was tried and the ways out.
    """
    if os.geteuid() != 0:
        if run_as and _find_user(run_as).pw_uid != os.geteuid():
            raise EmbeddedError(
                f"embedded.run_as is {run_as!r}, but only root can change the user; "
                "remove the setting or start as root"
            )
        return Account(uid=os.geteuid(), gid=os.getegid(), name="as ourselves")
    tried = []
    for account in (*_other_users(run_as), _namespace()):
        obstacle = _obstacle(account, binaries=binaries, at=folder)
        if obstacle is None:
            logger.debug("embedded_account", extra={"account": account.name})
            return account
        tried.append(f"{account.name}: {obstacle}")
    raise EmbeddedError(
        f"PostgreSQL does not run as root, and neither way around it works: {'; '.join(tried)}. "
        "Start twin as an ordinary user, or choose an embedded.data_dir that "
        f"{run_as or UNPRIVILEGED} can reach, or set database.dsn to use a server of your own"
    )


def _find_user(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise EmbeddedError(
            f"embedded.run_as names the user {name!r}, who does not exist on this machine; "
            f"name an existing unprivileged one, or remove the setting to use {UNPRIVILEGED}"
        ) from None


def _other_users(run_as: str | None) -> list[Account]:
    entries = [_find_user(run_as)] if run_as else _entries(UNPRIVILEGED)
    return [
        Account(
            uid=entry.pw_uid, gid=entry.pw_gid, name=f"as user {entry.pw_name}", user=entry.pw_uid
        )
        for entry in entries
    ]


def _namespace() -> Account:
    """Root under another number: initdb wants one that has a name here."""
    number = next((entry.pw_uid for entry in _entries(UNPRIVILEGED)), _ORDINARY_ID)
    mapping = (f"--map-user={number}", f"--map-group={number}")
    return Account(
        uid=0, gid=0, name="in a user namespace", prefix=("unshare", "--user", *mapping, "--")
    )


def _entries(name: str) -> list[pwd.struct_passwd]:
    return [entry for entry in pwd.getpwall() if entry.pw_name == name]


def _obstacle(account: Account, *, binaries: Binaries, at: Path) -> str | None:
    """Why this account cannot run the server here; None if it can.

    It really runs the server and really makes and deletes a file, because rights also depend on
    mount options, access lists and container rules.
    """
    trial = at / "preflight"
    shutil.rmtree(trial, ignore_errors=True)
    trial.mkdir(mode=OWNER_ONLY_FOLDER)
    os.chown(trial, account.uid, account.gid)
    script = '"$0" --version && : >"$1" && rm "$1"'
    command = ["sh", "-c", script, binaries.postgres, str(trial / "file")]
    try:
        answer = account.run(command, binaries=binaries)
    except OSError as problem:
        return str(problem)
    finally:
        shutil.rmtree(trial, ignore_errors=True)
    if answer.returncode == 0:
        return None
    reason = answer.stderr.strip().splitlines()
    return reason[-1] if reason else f"exit code {answer.returncode}"
