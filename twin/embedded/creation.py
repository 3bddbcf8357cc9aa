"""Making a data directory, and what is written into it from outside."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from twin.embedded.account import Account
from twin.embedded.binaries import FIRST_MAJOR_WITH_BUILTIN_LOCALE, Binaries
from twin.embedded.folder import OWNER_ONLY_FOLDER, make_folder
from twin.embedded.roles import DATABASE, OWNER, SUPERUSER, role_statements
from twin.embedded.serverconf import render
from twin.errors import EmbeddedError

_WRITE_FILE = 'umask 077; mkdir -p "${0%/*}" && cat >"$0.draft" && mv "$0.draft" "$0"'
_APPEND = 'cat >>"$0"'


def data_version(data_dir: Path) -> str | None:
    """Major version that wrote the data directory; None if there is none yet."""
    try:
        return (data_dir / "PG_VERSION").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None


def create_data(
    data_dir: Path,
    *,
    staging: Path,
    passwords: Mapping[str, str],
    account: Account,
    binaries: Binaries,
) -> None:
    """Make a data directory with the database and its roles, whole or not at all.

    It grows in ``staging`` and is moved into place as the last step, so that a crash leaves no
    half cluster behind.

    Raises
    ------
    EmbeddedError
        If a step fails or ``data_dir`` already holds something else.
    """
    shutil.rmtree(staging, ignore_errors=True)
    make_folder(staging, mode=OWNER_ONLY_FOLDER)
    account.own(staging)
    draft, password = staging / "data", staging / "password"
    _write(passwords[SUPERUSER], password, account=account, binaries=binaries)
    command = [binaries.initdb, "-D", str(draft), "-U", SUPERUSER, "-E", "UTF8"]
    command += ["-A", "scram-sha-256", f"--pwfile={password}", "--data-checksums"]
    command += ["--no-instructions", *_locale(account, binaries)]
    _expect(account.run(command, binaries=binaries), "initdb")
    _write("# none yet\n", draft / "conf.d" / "twin.conf", account=account, binaries=binaries)
    include = ["sh", "-c", _APPEND, str(draft / "postgresql.conf")]
    text = "\ninclude_dir = 'conf.d'\n"
    _expect(account.run(include, binaries=binaries, text=text), "writing postgresql.conf")
    _single_user(
        [*role_statements(passwords), f"CREATE DATABASE {DATABASE} OWNER {OWNER};"],
        draft,
        account=account,
        binaries=binaries,
    )
    _move(draft, data_dir)
    shutil.rmtree(staging)


def set_passwords(
    passwords: Mapping[str, str], data_dir: Path, *, account: Account, binaries: Binaries
) -> None:
    """Give roles of a stopped cluster new passwords; a missing role is made."""
    _single_user(role_statements(passwords), data_dir, account=account, binaries=binaries)


def write_settings(
    settings: Mapping[str, str | int], data_dir: Path, *, account: Account, binaries: Binaries
) -> None:
    """Write ``conf.d/twin.conf``, with the best compression of the log that this server knows."""
    probe = [binaries.postgres, "-C", "wal_compression", "-D", str(data_dir)]
    answer = account.run([*probe, "-c", "wal_compression=lz4"], binaries=binaries)
    wal_compression = "lz4" if answer.returncode == 0 else "pglz"
    text = render({**settings, "wal_compression": wal_compression})
    _write(text, data_dir / "conf.d" / "twin.conf", account=account, binaries=binaries)


def _locale(account: Account, binaries: Binaries) -> list[str]:
    if binaries.major >= FIRST_MAJOR_WITH_BUILTIN_LOCALE:
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    known = account.run(["locale", "-a"], binaries=binaries).stdout.lower().split()
    return ["--locale=C.UTF-8" if {"c.utf8", "c.utf-8"} & set(known) else "--locale=C"]


def _single_user(
    statements: list[str], data_dir: Path, *, account: Account, binaries: Binaries
) -> None:
    """Run statements, one per line, without a server; the first error ends it."""
    command = [binaries.postgres, "--single", "-D", str(data_dir)]
    for setting in (
        "exit_on_error=on",
        "shared_preload_libraries=",
        "logging_collector=off",
        "log_min_error_statement=panic",
    ):
        command += ["-c", setting]
    text = "\n".join(statements) + "\n"
    answer = account.run([*command, "postgres"], binaries=binaries, text=text)
    _expect(answer, "setting up roles and database")


def _write(text: str, path: Path, *, account: Account, binaries: Binaries) -> None:
    """Write a file as the server's account, which root must not do in a folder of another one."""
    answer = account.run(["sh", "-c", _WRITE_FILE, str(path)], binaries=binaries, text=text)
    _expect(answer, f"writing {path.name}")


def _move(draft: Path, data_dir: Path) -> None:
    try:
        draft.rename(data_dir)
    except OSError as problem:
        raise EmbeddedError(
            f"cannot put the new database into {data_dir}: {problem.strerror}; it must be missing "
            "or an empty folder, and not itself a mount point"
        ) from problem


def _expect(answer: subprocess.CompletedProcess[str], step: str) -> None:
    if answer.returncode != 0:
        said = (answer.stderr.strip() or answer.stdout.strip()).splitlines()[-5:]
        raise EmbeddedError(
            f"the embedded PostgreSQL could not be prepared: {step} ended with code "
            f"{answer.returncode}: {' | '.join(said)}"
        )
