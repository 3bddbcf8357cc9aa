"""The folder for the server's Unix socket: short enough, and nobody else's."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from twin.embedded.account import Account
from twin.embedded.binaries import Binaries
from twin.embedded.folder import OWNER_ONLY_FOLDER, make_folder
from twin.embedded.postmaster import socket_path
from twin.errors import EmbeddedError

SOCKET_PATH_LIMIT = 104  # bytes with the final NUL; the smallest limit of the systems we run on


def socket_candidates(control_dir: Path, *, port: int, runtime_dir: Path | None) -> list[Path]:
    """Folders whose socket path is short enough, best first: beside the data, then hashed ones."""
    name = "twin-" + hashlib.sha256(os.fsencode(control_dir)).hexdigest()[:16]
    bases = [runtime_dir] if runtime_dir else []
    bases += [Path(tempfile.gettempdir()), Path("/tmp")]  # noqa: S108 - the owner is checked
    folders = [control_dir / "socket", *(base.absolute() / name for base in bases)]
    return [
        folder
        for folder in dict.fromkeys(folders)
        if len(os.fsencode(socket_path(folder, port))) < SOCKET_PATH_LIMIT
    ]


def prepare_socket_dir(candidates: list[Path], *, account: Account, binaries: Binaries) -> Path:
    """Make the first candidate that the server can use, for its account alone.

    Raises
    ------
    EmbeddedError
        If a folder of that name belongs to somebody else, or none can be used.
    """
    for folder in candidates:
        if not folder.parent.is_dir():
            make_folder(folder.parent, mode=0o755)
        if not account.can_enter(folder.parent, binaries=binaries):
            continue
        folder.mkdir(mode=OWNER_ONLY_FOLDER, exist_ok=True)
        facts = folder.lstat()
        if not stat.S_ISDIR(facts.st_mode) or not (
            facts.st_uid in {os.geteuid(), account.uid} or _is_ours_alone(folder.parent)
        ):
            raise EmbeddedError(
                f"{folder} exists and belongs to user {facts.st_uid}; remove it, or set "
                "embedded.runtime_dir to a folder of your own"
            )
        folder.chmod(OWNER_ONLY_FOLDER)
        account.own(folder)
        return folder
    raise EmbeddedError(
        "no folder for the database socket: the data folder is too long or out of reach for the "
        f"server's account, and so is {tempfile.gettempdir()}; set embedded.runtime_dir"
    )


def _is_ours_alone(folder: Path) -> bool:
    """Nobody else can have put anything here; in ``/tmp`` anybody can."""
    facts = folder.stat()
    return facts.st_uid == os.geteuid() and not facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
