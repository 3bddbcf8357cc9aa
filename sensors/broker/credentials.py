"""Password and certificate authority of the broker, which may change while we are connected."""

import logging
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from twin.errors import SettingsError
from twin.settings import BrokerSettings

logger = logging.getLogger(__name__)

_FILE_REMEDY = "name a file that holds nothing but the password, or user:password"
_CA_REMEDY = (
    "name a PEM file with the certificate of the authority that signed the broker's certificate"
)
Mark = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a connection is opened with: account, and PEM text of the authority, if any."""

    username: str = ""
    password: str = ""
    authority: str = ""


class Credentials:
    """The secrets in force: those that could be read last.

    Parameters
    ----------
    broker
        Names the files.

    Raises
    ------
    SettingsError
        If a file cannot be read at the start. Later that is logged, and the old secrets stay.
    """

    def __init__(self, broker: BrokerSettings) -> None:
        self._broker = broker
        self._marks = self._look()
        self.secrets = _read(broker)
        self.tls = _tls_context(broker, self.secrets)

    def renew(self) -> bool:
        """Read the files again if they look different; whether the secrets changed."""
        marks = self._look()
        if marks == self._marks:
            return False
        self._marks = marks
        try:
            secrets = _read(self._broker)
            tls = _tls_context(self._broker, secrets)
        except SettingsError as error:
            facts = {"why": str(error), "use": "the old ones"}
            logger.warning("credentials_unreadable", extra=facts)
            return False
        if secrets == self.secrets:
            return False
        self.secrets, self.tls = secrets, tls
        logger.info("credentials_renewed")
        return True

    def _look(self) -> tuple[Mark | None, ...]:
        names = (self._broker.password_file, self._broker.ca_file if self._broker.use_tls else "")
        return tuple(_mark(name) for name in names if name)


def _mark(name: str) -> Mark | None:
    """What changes with a file: time, size, and the file behind a link."""
    try:
        found = Path(name).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(broker: BrokerSettings) -> Secrets:
    password = _text("broker.password_file", broker.password_file, _FILE_REMEDY)
    authority = _text("broker.ca_file", broker.ca_file if broker.use_tls else "", _CA_REMEDY)
    username, password = broker.username, password.strip()
    if password and not username:
        username, colon, password = password.partition(":")
        if not (username and colon and password):
            raise SettingsError(
                f"broker.password_file {broker.password_file!r} must hold user:password, because "
                "broker.username is empty; name the user in one of the two places"
            )
    return Secrets(username, password, authority)


def _text(setting: str, name: str, remedy: str) -> str:
    """Text of a file that is named; empty if none is."""
    if not name:
        return ""
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{setting} {name!r} cannot be read: {error}; {remedy}") from None
    if not text.strip():  # it is just being written
        raise SettingsError(f"{setting} {name!r} is empty; {remedy}")
    return text


def _tls_context(broker: BrokerSettings, secrets: Secrets) -> ssl.SSLContext | None:
    if not broker.use_tls:
        return None
    try:
        return ssl.create_default_context(cadata=secrets.authority or None)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"broker.ca_file {broker.ca_file!r} cannot be used: {error}; {_CA_REMEDY}"
        ) from None


def expiry_of(layer: object) -> datetime | None:
    """Until when the certificate of the other side is valid, below a socket; None without TLS."""
    while layer is not None and not isinstance(layer, ssl.SSLSocket):
        layer = getattr(layer, "wire", None) or getattr(layer, "_socket", None)
    until = (layer.getpeercert() or {}).get("notAfter") if layer is not None else None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(until)), UTC) if until else None
