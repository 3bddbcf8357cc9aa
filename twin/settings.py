"""Settings: one ``city.toml`` per municipality plus the environment, read once by the job."""

import difflib
import os
import tomllib
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal

from twin.errors import ScenarioError, SettingsError
from twin.model.messages import CodecRule, CodecTable
from twin.model.questions import require_gap

ENVIRONMENT_PREFIX = "TWIN_"
SECRET = "***"  # noqa: S105 - what is printed instead of a secret


@dataclass(frozen=True, slots=True)
class CitySettings:
    """Who the city is and where it lies.

    ``extent`` is west, south, east, north [degree]; ``crs`` is the metric CRS for lengths.
    """

    name: str
    crs: str
    extent: tuple[float, ...]
    timezone: str = "Europe/Berlin"
    tenant: str = "demo"


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """The database; without ``dsn`` the embedded one is started."""

    dsn: str = field(default="", metadata={"secret": True})


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """The MQTT broker; without ``host`` the embedded one is started.

    ``protocol`` 5 falls back to 3.1.1; ``fallback_port`` is tried then if it is not 0.
    ``websocket_path`` counts where ``transport`` is ``websockets``. Where ``username`` is empty,
    the password file holds ``user:password``.
    """

    host: str = ""
    port: int = 8883
    fallback_port: int = 0
    protocol: Literal["5", "3.1.1"] = "5"
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    use_tls: bool = True
    transport: Literal["tcp", "websockets"] = "tcp"
    websocket_path: str = "/mqtt"


@dataclass(frozen=True, slots=True)
class EmbeddedSettings:
    """The embedded services and where their data lie."""

    data_dir: str = ""
    pg_bin: str = ""
    run_as: str = ""
    runtime_dir: str = ""


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Days that data are kept, and the width of native partitions.

    ``retention_days`` holds for readings of class ``technical`` and ``aggregated_traffic``; 0 in
    any other ``..._days`` keeps the data for ever. ``compression`` uses what the server offers.
    """

    retention_days: int = 730
    vehicle_days: int = 90
    person_days: int = 30
    waveform_days: int = 90
    rollup_10s_days: int = 90
    rollup_1m_days: int = 730
    quarantine_days: int = 90
    quarantine_bytes: int = 1024**3
    arrival_days: int = 7
    state_days: int = 365
    partition_days: Literal[1, 7] = 1
    compression: Literal["auto", "off"] = "off"


@dataclass(frozen=True, slots=True)
class SpoolSettings:
    """The disk spool of the ingester, used while the database is away.

    Empty ``folder`` lies in the data folder. Above ``warn_share`` of ``max_bytes`` an alarm is
    raised; at ``max_bytes``, or with less than ``min_free_bytes`` on the disk, nothing more is
    acknowledged.
    """

    folder: str = ""
    max_bytes: int = 4 * 1024**3
    min_free_bytes: int = 1024**3
    warn_share: float = 0.8


@dataclass(frozen=True, slots=True)
class SourcePolicy:
    """How one source is treated; a source that is not named gets the defaults.

    Parameters
    ----------
    name
        As in the routing rules.
    clock
        ``device`` believes the time in the message; ``server`` takes the time of arrival instead
        where the device's clock is unset or ahead.
    retained
        ``accept`` takes retained messages as measurements.
    corrections
        Whether a later value of the same time replaces the earlier one, which is kept.
    late_policy, late_after_days
        What becomes of readings that arrive later than this.
    backfill
        Entry point of group ``stadtzwilling.backfill`` that fetches what is missing.
    """

    name: str
    clock: Literal["device", "server"] = "device"
    retained: Literal["ignore", "accept"] = "ignore"
    corrections: bool = False
    late_policy: Literal["store", "quarantine"] = "store"
    late_after_days: float = 30.0
    backfill: str = ""


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """The path from the broker to the store.

    ``client`` bulk is the fast path over paho, stock is paho alone, auto takes bulk where it
    works. Several ingesters with the same ``shared_group`` share the messages. A database that
    owes an answer for longer than ``database_answer_s`` counts as away. A member of the group that
    gives no sign of life for ``absent_after_s`` raises an alarm of the others.
    """

    instance: str = "1"
    client: Literal["auto", "bulk", "stock"] = "auto"
    shared_group: str = ""
    queue_messages: int = 50_000
    queue_bytes: int = 64 * 1024 * 1024
    batch_readings: int = 20_000
    future_tolerance_s: float = 300.0
    session_expiry_s: int = 7 * 24 * 3600
    database_answer_s: float = 10.0
    absent_after_s: float = 300.0


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """The live map: frames per second [Hz] and the most browsers at a time."""

    tick_hz: float = 2.0
    max_clients: int = 500


@dataclass(frozen=True, slots=True)
class DashboardsSettings:
    """The web server."""

    listen: str = "127.0.0.1:8050"
    public_url: str = ""
    languages: tuple[str, ...] = ("de", "en")
    live: LiveSettings = field(default_factory=LiveSettings)


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """The simulated sensors.

    Parameters
    ----------
    seed
        Random seed.
    history_minutes
        Past that all of them deliver at the start.
    history_days, history_step_minutes
        Past of the slow streams of bridges, and the step between its values; delivered while
        nothing live is due.
    """

    seed: int = 1
    history_minutes: int = 60
    history_days: int = 0
    history_step_minutes: int = 60


@dataclass(frozen=True, slots=True)
class TrafficSettings:
    """The traffic model.

    Parameters
    ----------
    base, engine
        Name of the base that `twin estimate` makes, and the engine that solves it.
    relative_gap
        Target of a scenario run; 1e-6 for whatever is compared.
    time_limit_s
        Of one run.
    threads, memory_bytes
        What a solver may use; 0 takes the processors granted to the container, and half of its
        memory.
    kernel_folder
        Compiled kernels; empty lies in the data folder.
    reach_minutes
        Limits within which emergency services should arrive; the legal time differs by state.
    live_minutes
        The worker compares today's base with live counts so often; 0 does not.
    answer_days
        Answered questions are kept so long; 0 keeps them for ever.
    emission_table
        CSV of emission factors that the user made; a relative name lies in the city folder. Without
        it no emissions are told.
    """

    base: str = "today"
    engine: str = "path_equilibrium"
    relative_gap: float = 1e-6
    time_limit_s: float = 120.0
    threads: int = 0
    memory_bytes: int = 0
    kernel_folder: str = ""
    reach_minutes: tuple[float, ...] = (8.0, 10.0, 12.0)
    emission_table: str = ""
    answer_days: int = 365
    live_minutes: int = 15


@dataclass(frozen=True, slots=True)
class CodecSettings:
    """Routing: which codec reads which topic, and the metadata tables that codecs read."""

    rule: tuple[CodecRule, ...] = ()
    table: tuple[CodecTable, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one municipality; ``folder`` holds its city files."""

    city: CitySettings
    folder: Path
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    broker: BrokerSettings = field(default_factory=BrokerSettings)
    embedded: EmbeddedSettings = field(default_factory=EmbeddedSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    ingest: IngestSettings = field(default_factory=IngestSettings)
    spool: SpoolSettings = field(default_factory=SpoolSettings)
    source: tuple[SourcePolicy, ...] = ()
    dashboards: DashboardsSettings = field(default_factory=DashboardsSettings)
    simulator: SimulatorSettings = field(default_factory=SimulatorSettings)
    traffic: TrafficSettings = field(default_factory=TrafficSettings)
    codec: CodecSettings = field(default_factory=CodecSettings)
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def data_dir(self) -> Path:
        """Folder for everything that the twin itself writes."""
        return Path(self.embedded.data_dir).expanduser()

    @property
    def spool_dir(self) -> Path:
        """Folder of the spool of this ingester."""
        folder = Path(self.spool.folder).expanduser() if self.spool.folder else None
        return (folder or self.data_dir / "spool") / self.ingest.instance

    @property
    def kernel_dir(self) -> Path:
        """Folder of compiled kernels."""
        named = self.traffic.kernel_folder
        return Path(named).expanduser() if named else self.data_dir / "kernels"

    def policy(self, source: str) -> SourcePolicy:
        """Policy of a source."""
        named = (policy for policy in self.source if policy.name == source)
        return next(named, SourcePolicy(name=source))


# Environment variables and the setting that each one overrides.
ENVIRONMENT = {
    "TWIN_DATABASE_DSN": "database.dsn",
    "TWIN_BROKER_HOST": "broker.host",
    "TWIN_BROKER_PORT": "broker.port",
    "TWIN_BROKER_FALLBACK_PORT": "broker.fallback_port",
    "TWIN_BROKER_USERNAME": "broker.username",
    "TWIN_BROKER_PASSWORD_FILE": "broker.password_file",
    "TWIN_BROKER_USE_TLS": "broker.use_tls",
    "TWIN_DATA_DIR": "embedded.data_dir",
    "TWIN_PG_BIN": "embedded.pg_bin",
    "TWIN_RUN_AS": "embedded.run_as",
    "TWIN_LISTEN": "dashboards.listen",
    "TWIN_INSTANCE": "ingest.instance",
}
OTHER_ENVIRONMENT = ("TWIN_CITY", "TWIN_CHROMIUM", "TWIN_TEST_TSL_DSN")


def load_settings(path: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from a ``city.toml`` (or its folder) and the environment.

    Parameters
    ----------
    path
        File, or folder that contains ``city.toml``.
    environment
        Variables ``TWIN_...`` override the file; the process environment by default.

    Raises
    ------
    SettingsError
        If the file is missing or not TOML, a key is unknown (with a suggestion), has the wrong
        type, or a required one is missing.
    """
    environment = os.environ if environment is None else environment
    file = path / "city.toml" if path.is_dir() else path
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            f"{file} does not exist; name a city folder with --city or TWIN_CITY"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not valid TOML: {error}; correct the line named") from None
    origins = _origins(content, str(file))
    for variable, key in _overrides(environment):
        section, name = key.split(".")
        content.setdefault(section, {})[name] = environment[variable]
        origins[key] = variable
    content.setdefault("embedded", {}).setdefault("data_dir", str(_default_data_dir(environment)))
    sections = {name: value for name, value in content.items() if name not in ("folder", "origins")}
    settings = _build({**sections, "folder": file.parent, "origins": origins}, str(file))
    _validate(settings, file)
    return settings


def new_city(folder: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Settings of a city folder that an import is about to make; its extent is empty.

    Examples
    --------
    >>> new_city(Path("cities/helsinki"), {"TWIN_DATA_DIR": "/tmp"}).city.name
    'helsinki'
    """
    environment = os.environ if environment is None else environment
    data_dir = environment.get("TWIN_DATA_DIR") or str(_default_data_dir(environment))
    city = CitySettings(name=folder.resolve().name, crs="", extent=())
    return Settings(city, folder, embedded=EmbeddedSettings(data_dir=data_dir))


def describe(settings: Settings) -> Sequence[tuple[str, str, str]]:
    """Effective settings as (key, value, origin); secrets are masked."""
    return tuple(_describe(settings, "", settings.origins))


def _describe(
    value: Any,  # noqa: ANN401 - walks every kind of settings dataclass
    prefix: str,
    origins: Mapping[str, str],
) -> typing.Iterator[tuple[str, str, str]]:
    for item in fields(value):
        key = f"{prefix}{item.name}"
        inner = getattr(value, item.name)
        if key in ("origins", "codec", "source"):
            continue
        if is_dataclass(inner):
            yield from _describe(inner, f"{key}.", origins)
            continue
        shown = SECRET if item.metadata.get("secret") and inner else str(inner)
        yield key, shown, origins.get(key, "default")


def _overrides(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    known = {*ENVIRONMENT, *OTHER_ENVIRONMENT}
    for variable in environment:
        if variable.startswith(ENVIRONMENT_PREFIX) and variable not in known:
            if variable.startswith(("TWIN_TEST_", "TWIN_TS_", "TWIN_DEBIAN_")):
                continue
            raise SettingsError(
                f"environment variable {variable} is unknown{_suggest(variable, known)}"
            )
    return [(variable, key) for variable, key in ENVIRONMENT.items() if environment.get(variable)]


def _default_data_dir(environment: Mapping[str, str]) -> Path:
    state = environment.get("XDG_STATE_HOME")
    home = Path(environment.get("HOME") or "~")
    return (Path(state) if state else home / ".local" / "state") / "stadtzwilling"


def _origins(content: Mapping[str, Any], file: str, prefix: str = "") -> dict[str, str]:
    origins: dict[str, str] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            origins |= _origins(value, file, f"{prefix}{key}.")
        else:
            origins[f"{prefix}{key}"] = file
    return origins


def _build(content: Mapping[str, Any], where: str) -> Settings:
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - keeps `twin --help` fast

    _check_keys(Settings, content, where)
    try:
        return TypeAdapter(Settings).validate_python(content)
    except ValidationError as error:
        problems = [_explain(problem) for problem in error.errors()]
        raise SettingsError(f"{where}: {'; '.join(problems)}") from None


def _check_keys(kind: Any, content: Mapping[str, Any], where: str) -> None:  # noqa: ANN401 - a dataclass
    hints = typing.get_type_hints(kind)
    for key, value in content.items():
        if key not in hints:
            raise SettingsError(f"{where}: unknown key {key!r}{_suggest(key, hints)}")
        inner = next(
            (t for t in (hints[key], *typing.get_args(hints[key])) if is_dataclass(t)), None
        )
        for item in value if isinstance(value, list) else [value]:
            if inner is not None and isinstance(item, dict):
                _check_keys(inner, item, f"{where}: {key}")


def _explain(problem: Any) -> str:  # noqa: ANN401 - pydantic's error details
    path = [str(part) for part in problem["loc"]]
    if problem["type"] == "missing":
        return f"key {'.'.join(path)!r} is missing; add it"
    return f"{'.'.join(path)}: {problem['msg']}, got {problem['input']!r}"


def _suggest(key: str, known: typing.Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(key, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(sorted(names))}"


def _validate(settings: Settings, file: Path) -> None:
    degrees = settings.city.extent
    corners = 4
    if (
        len(degrees) != corners
        or not (-180 <= degrees[0] < degrees[2] <= 180)  # noqa: PLR2004 - degrees of longitude
        or not (-90 <= degrees[1] < degrees[3] <= 90)  # noqa: PLR2004 - degrees of latitude
    ):
        raise SettingsError(
            f"{file}: city.extent must be [west, south, east, north] in degrees, "
            f"got {list(degrees)}"
        )
    if settings.ingest.database_answer_s <= 0 or settings.ingest.absent_after_s <= 0:
        raise SettingsError(
            f"{file}: ingest.database_answer_s and ingest.absent_after_s must be positive, got "
            f"{settings.ingest.database_answer_s:g} and {settings.ingest.absent_after_s:g}"
        )
    _validate_traffic(settings.traffic, file)
    host = settings.dashboards.listen.rpartition(":")
    if not host[0] or not host[2].isdigit():
        raise SettingsError(
            f"{file}: dashboards.listen must be host:port, got {settings.dashboards.listen!r}"
        )


def _validate_traffic(traffic: TrafficSettings, file: Path) -> None:
    try:
        require_gap(traffic.relative_gap, what="traffic.relative_gap")
    except ScenarioError as error:
        raise SettingsError(f"{file}: {error}") from None
    if traffic.time_limit_s <= 0 or traffic.threads < 0 or traffic.memory_bytes < 0:
        raise SettingsError(
            f"{file}: traffic.time_limit_s must be positive; threads and memory_bytes must not be "
            "negative, 0 takes what is granted"
        )
    if traffic.live_minutes and (traffic.live_minutes < 5 or 60 % traffic.live_minutes):  # noqa: PLR2004 - the finest rollup
        raise SettingsError(
            f"{file}: traffic.live_minutes must be 0, or 5 or more and divide an hour, "
            f"got {traffic.live_minutes}"
        )
    if traffic.answer_days < 0:
        raise SettingsError(f"{file}: traffic.answer_days must not be negative; 0 keeps for ever")
    minutes = traffic.reach_minutes
    if not minutes or minutes[0] <= 0 or sorted(set(minutes)) != list(minutes):
        raise SettingsError(
            f"{file}: traffic.reach_minutes must be positive and rising, got {list(minutes)}"
        )
