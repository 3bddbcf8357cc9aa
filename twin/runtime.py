"""Where the city meets the machine: joins `Twin` with a real store and finds the services."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from twin.city import Twin
from twin.embedded.folder import write_private
from twin.errors import EmbeddedError
from twin.model.times import utc_now
from twin.settings import Settings, describe
from twin.store import open_store

Role = Literal["owner", "keep", "ingest", "work", "serve"]

OF_THE_BROKER = tuple(
    f"broker.{key}"
    for key in ("host", "port", "fallback_port", "username", "password_file", "use_tls")
)
NOT_RUNNING = "embedded {}, not running: twin up starts it"


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


def described(settings: Settings) -> Sequence[tuple[str, str, str]]:
    """Settings as the jobs get them, as (key, value, origin): with the embedded services.

    What an embedded service that does not run would say is empty.
    """
    embedded: dict[str, tuple[str, str]] = {}
    running = read_services(settings) if services_file(settings).exists() else None
    found = describe(with_services(settings))
    if not settings.broker.host:
        origin = "embedded broker" if running else NOT_RUNNING.format("broker")
        shown = {key: value for key, value, _ in found} if running else {}
        embedded = {key: (shown.get(key, ""), origin) for key in OF_THE_BROKER}
    if not settings.database.dsn:
        origin = "embedded database" if running else NOT_RUNNING.format("database")
        embedded["database.dsn"] = running.dsn.get("serve", "") if running else "", origin
    return [(key, *embedded.get(key, (value, origin))) for key, value, origin in found]


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
