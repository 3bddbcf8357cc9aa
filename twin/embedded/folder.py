"""Folders that one process may use at a time, and files that only their owner may read."""

import fcntl
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from twin.errors import AlreadyRunningError, EmbeddedError

OWNER_ONLY_FILE = 0o600
OWNER_ONLY_FOLDER = 0o700


class FolderLock:
    """The right to use one data folder, held until released or until this process ends.

    The kernel drops the lock with the process, so a ``kill -9`` leaves nothing to clean up.
    """

    def __init__(self, path: Path, *, folder: Path) -> None:
        self._path = path
        self._folder = folder
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock; taking it again changes nothing.

        Raises
        ------
        AlreadyRunningError
            If another holder exists; names the folder and its process id.
        """
        if self._descriptor is not None:
            return
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, OWNER_ONLY_FILE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise AlreadyRunningError(
                f"{self._folder} is already in use by process {holder}; "
                "stop that one first, or name another data folder"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; the file stays, because removing it would race with the next one."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def make_folder(path: Path, *, mode: int) -> Path:
    """The folder ``path`` with exactly this mode, whatever the umask says."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(mode)
    except OSError as problem:
        raise EmbeddedError(
            f"cannot prepare the folder {path}: {problem.strerror}; "
            "choose another embedded.data_dir or correct its rights"
        ) from problem
    return path


def write_private(path: Path, text: str) -> None:
    """Replace ``path`` at once by a file with this text that only the owner may read."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY_FILE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)


def read_facts(path: Path) -> dict[str, object]:
    """What was kept in ``path``; nothing if the file is missing or cut short."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def write_facts(path: Path, facts: Mapping[str, object]) -> None:
    """Keep ``facts`` in ``path``, readable for the owner only."""
    write_private(path, json.dumps(facts, indent=2, sort_keys=True) + "\n")


def new_password() -> str:
    """A fresh password of 192 random bits, made of letters, digits, ``-`` and ``_``."""
    return secrets.token_urlsafe(24)
