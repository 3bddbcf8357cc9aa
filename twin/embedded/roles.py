"""The database roles of the embedded server and where their passwords lie."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from twin.embedded.folder import new_password, write_private
from twin.embedded.postmaster import socket_path
from twin.errors import EmbeddedError

SUPERUSER = "twin"
DATABASE = "twin"
OWNER = "twin_owner"
JOB_ROLES = (OWNER, "twin_ingest", "twin_work", "twin_serve", "twin_keep")
ROLES = (SUPERUSER, *JOB_ROLES)


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """How to reach a running cluster."""

    socket_dir: Path
    port: int
    secrets_dir: Path
    database: str = DATABASE

    @property
    def socket_path(self) -> Path:
        """The server's Unix socket."""
        return socket_path(self.socket_dir, self.port)

    def dsn(self, role: str) -> str:
        """Connection string of libpq for ``role``; it names the password's file, not the password.

        Raises
        ------
        EmbeddedError
            If the cluster has no such role; lists those it has.
        """
        if role not in ROLES:
            raise EmbeddedError(f"no database role {role!r}; there are {', '.join(ROLES)}")
        facts = {
            "host": self.socket_dir,
            "port": self.port,
            "dbname": self.database,
            "user": role,
            "passfile": password_file(self.secrets_dir, role),
        }
        return " ".join(f"{key}={_quoted(str(value))}" for key, value in facts.items())


def password_file(secrets_dir: Path, role: str) -> Path:
    """The owner-only file, in libpq's format, with the password of one role."""
    return secrets_dir / f"{role}.pgpass"


def missing_roles(secrets_dir: Path) -> tuple[str, ...]:
    """Roles whose password is not known here."""
    return tuple(role for role in ROLES if not password_file(secrets_dir, role).is_file())


def new_passwords(roles: tuple[str, ...] = ROLES) -> dict[str, str]:
    """A fresh password for each role."""
    return {role: new_password() for role in roles}


def store_passwords(secrets_dir: Path, passwords: Mapping[str, str]) -> None:
    """Write each password to the file of its role."""
    for role, password in passwords.items():
        write_private(password_file(secrets_dir, role), f"*:*:*:{role}:{password}\n")


def forget_passwords(secrets_dir: Path) -> None:
    """Remove all password files."""
    for role in ROLES:
        password_file(secrets_dir, role).unlink(missing_ok=True)


def role_statements(passwords: Mapping[str, str]) -> list[str]:
    """Statements, one per line, that make these roles log in with these passwords.

    Repeatable. The role names are constants of this module and the passwords hold no quote.
    """
    statements = []
    for role, password in passwords.items():
        make = f"IF to_regrole('{role}') IS NULL THEN CREATE ROLE {role}; END IF;"
        statements.append(f"DO $$BEGIN {make} END$$;")
        statements.append(f"ALTER ROLE {role} LOGIN PASSWORD '{password}';")
    return statements


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
