"""Where the city meets the machine: joins `Twin` with a real store and finds the services."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from twin.city import Twin
from twin.embedded.folder import write_private
from twin.errors import EmbeddedError
from twin.model.times import utc_now
from twin.settings import Settings
from twin.store import open_store

Role = Literal["owner", "keep", "ingest", "work", "serve"]


@dataclass(frozen=True, slots=True)
class EmbeddedServices:
    """Addresses of the embedded services that run now; ``dsn`` by role, no secret inside."""

    dsn: Mapping[str, str]
    broker_host: str = ""
    broker_port: int = 0
    broker_fallback_port: int = 0
    broker_username: str = ""
    broker_password_file: str = ""


def services_file(settings: Settings) -> Path:
    """File in which ``twin up`` tells other jobs where the embedded services are."""
    return settings.data_dir / "services.json"


def write_services(settings: Settings, services: EmbeddedServices) -> None:
    """Publish the addresses; readers see the old file or the new one, never half of it."""
    write_private(services_file(settings), json.dumps(asdict(services)))


def read_services(settings: Settings) -> EmbeddedServices:
    """Addresses of the embedded services.

    Raises
    ------
    EmbeddedError
        If no ``twin up`` runs on this data folder.
    """
    file = services_file(settings)
    try:
        return EmbeddedServices(**json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise EmbeddedError(
            f"no services run on the data folder {settings.data_dir}: start `twin up` first, or "
            "name a database and a broker in city.toml ([database] dsn, [broker] host)"
        ) from None


def with_services(settings: Settings) -> Settings:
    """Settings whose broker section names the embedded broker where none is configured."""
    if settings.broker.host or not services_file(settings).exists():
        return settings
    services = read_services(settings)
    broker = replace(
        settings.broker,
        host=services.broker_host,
        port=services.broker_port,
        fallback_port=services.broker_fallback_port,
        username=services.broker_username,
        password_file=services.broker_password_file,
        use_tls=False,
    )
    return replace(settings, broker=broker)


def database_dsn(settings: Settings, role: Role) -> str:
    """Connection string of the configured database, else of the embedded one for this role."""
    return settings.database.dsn or read_services(settings).dsn[role]


def open_twin(settings: Settings, *, role: Role, answer_s: float = 0.0) -> Twin:
    """Open the city on its real store, with the rights of a role.

    Parameters
    ----------
    settings
        Where it is.
    role
        Whose rights.
    answer_s
        A database that owes an answer for longer counts as away [s]; 0: never.

    Raises
    ------
    EmbeddedError
        If no database is configured and no embedded one runs.
    """
    store = open_store(
        database_dsn(settings, role),
        application=f"twin-{role}",
        retention_days=settings.store.retention_days,
        answer_s=answer_s,
    )
    return Twin(store, clock=utc_now)
