"""The job ``broker``: accounts for Mosquitto, one per device, without any default password."""

import argparse
import base64
import hashlib
import os
import re
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from twin.errors import SettingsError
from twin.settings import Settings

ACCOUNT = re.compile(r"[A-Za-z0-9_.-]{1,64}")
INGEST = ("ingest", "ingest2")
"""The ingester has two accounts and uses one: see `make_accounts`."""
LOGIN = "ingest-login"
PASSWORD_FILE = "passwd"  # noqa: S105 - a file name
SECRETS = "secrets"
ITERATIONS = 20_000
SALT_BYTES = 12


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Make or extend the password file of Mosquitto; exit code 0."""
    del settings
    parser = argparse.ArgumentParser(prog="twin broker", description=command.__doc__)
    actions = parser.add_subparsers(required=True, metavar="init")
    init = actions.add_parser("init", help="make accounts; existing ones stay as they are")
    init.add_argument("folder", type=Path, help="configuration folder of Mosquitto")
    init.add_argument("--device", action="append", default=[], help="account of a device")
    init.add_argument("--renew", action="append", default=[], help="account with a new password")
    init.add_argument("--switch", action="store_true", help="give the ingester its other account")
    options = parser.parse_args(arguments)
    made = make_accounts(options.folder, names=options.device, renewed=frozenset(options.renew))
    made += switch_login(options.folder) if options.switch else []
    for name in made:
        sys.stdout.write(f"{name}: password in {options.folder / SECRETS / name}\n")
    sys.stdout.write(
        f"{len(made)} accounts made; send Mosquitto the signal HUP, so that it reads "
        f"{options.folder / PASSWORD_FILE} again\n"
    )
    return 0


def make_accounts(
    folder: Path, *, names: Sequence[str], renewed: frozenset[str] = frozenset()
) -> list[str]:
    """Names of the accounts that were made or renewed in ``folder``.

    ``passwd`` holds hashes; ``secrets/NAME`` holds the password of one account, readable by its
    owner alone. The ingester has two accounts: while its present one keeps its password, Mosquitto
    keeps its rights. With a new password for a connected account Mosquitto 2.0 drops what arrives
    until the client has come back, without counting it (measured on 2.0.11).

    Raises
    ------
    SettingsError
        If a name is no account name, one to renew does not exist, or the folder is not writable.
    """
    wanted = list(dict.fromkeys([*INGEST, *names, *sorted(renewed)]))
    for name in wanted:
        if not ACCOUNT.fullmatch(name):
            raise SettingsError(
                f"account {name!r} must be 1 to 64 letters, digits, dots, dashes or underscores"
            )
    try:
        known = _read(folder / PASSWORD_FILE)
        unknown = sorted(renewed - known.keys())
        if unknown:
            raise SettingsError(f"account {unknown[0]!r} does not exist; make it with --device")
        made = [name for name in wanted if name not in known or name in renewed]
        passwords = {name: secrets.token_urlsafe(24) for name in made}
        (folder / SECRETS).mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, password in passwords.items():
            _write_private(folder / SECRETS / name, f"{password}\n")
        hashed = {**known, **{name: hashed_password(word) for name, word in passwords.items()}}
        lines = "".join(f"{name}:{text}\n" for name, text in hashed.items())
        _write_private(folder / PASSWORD_FILE, lines)
        if INGEST[0] in made and not (folder / SECRETS / LOGIN).exists():
            _write_login(folder, INGEST[0])
    except OSError as error:
        raise SettingsError(
            f"{folder} cannot be written: {error.strerror}; name a folder of your own"
        ) from error
    return made


def switch_login(folder: Path) -> list[str]:
    """Let the ingester use its other account, which gets a new password; its name."""
    login = folder / SECRETS / LOGIN
    present = login.read_text(encoding="utf-8").partition(":")[0] if login.exists() else INGEST[0]
    other = next(name for name in INGEST if name != present)
    make_accounts(folder, names=[], renewed=frozenset({other}))
    _write_login(folder, other)
    return [other]


def _write_login(folder: Path, name: str) -> None:
    """The file that ``broker.password_file`` names: user and password."""
    password = (folder / SECRETS / name).read_text(encoding="utf-8").strip()
    _write_private(folder / SECRETS / LOGIN, f"{name}:{password}\n")


def hashed_password(password: str, *, salt: bytes | None = None) -> str:
    """A password as Mosquitto 2 keeps it: PBKDF2 with HMAC-SHA512, format ``$7$``.

    Examples
    --------
    >>> hashed_password("secret", salt=b"saltsaltsalt").split("$")[1:4]
    ['7', '20000', 'c2FsdHNhbHRzYWx0']
    """
    salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    return f"$7${ITERATIONS}${_base64(salt)}${_base64(digest)}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _read(path: Path) -> Mapping[str, str]:
    if not path.exists():
        return {}
    pairs = (line.partition(":") for line in path.read_text(encoding="utf-8").splitlines() if line)
    return {name: text for name, _, text in pairs}


def _write_private(path: Path, text: str) -> None:
    """Replace a file at once by one that only its owner may read."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)
