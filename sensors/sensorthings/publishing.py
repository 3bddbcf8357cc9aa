"""The job ``publish``: new observations over MQTT on topics of SensorThings, latest retained."""

import logging
import threading
from collections.abc import Sequence
from datetime import timedelta

from sensors.broker import Publisher, client_id
from sensors.sensorthings.announcing import Announcer
from twin.city import Twin
from twin.errors import SettingsError, StoreUnavailableError
from twin.model.jobs import JobStatus
from twin.runtime import open_twin
from twin.settings import Settings
from twin.signals import stop_on_signal

logger = logging.getLogger(__name__)
LOOK_S = 1.0
BUNDLE_S = 0.2
AWAY_S = 2.0
SEND_S = 5.0
BEAT = timedelta(seconds=5)


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Publish until told to stop; exit code 1 if messages were left unconfirmed."""
    if arguments:
        raise SettingsError(f"twin publish takes no argument, got {arguments[0]!r}")
    if not settings.broker.host:
        raise SettingsError(
            "no broker is configured: name one in city.toml ([broker] host) or start `twin up`"
        )
    stop = stop_on_signal()
    twin = open_twin(settings, role="serve")
    publisher = Publisher(settings.broker, client_id(settings.city.tenant, "publish"))
    try:
        announcer = Announcer(
            twin,
            service_root(settings),
            lambda topic, payload: publisher.publish(topic, payload, retain=True, timeout_s=SEND_S),
        )
        run(twin, announcer, stop)
    finally:
        unconfirmed = publisher.close()
        twin.close()
    facts = {"sent": announcer.sent, "unnamed": announcer.unnamed, "refused": publisher.refused}
    logger.info("publish_ended", extra={**facts, "unconfirmed": unconfirmed})
    return 1 if unconfirmed else 0


def service_root(settings: Settings) -> str:
    """Address of the service as others reach it."""
    base = settings.dashboards.public_url.rstrip("/") or f"http://{settings.dashboards.listen}"
    return f"{base}/sensorthings/v1.1"


def run(twin: Twin, announcer: Announcer, stop: threading.Event) -> None:
    """Tell what is new after every commit, until told to stop."""
    started_at = beaten_at = twin.now()
    is_first = True
    while not stop.is_set():
        try:
            announcer.announce()
            now = twin.now()
            if is_first or now - beaten_at >= BEAT:
                figures = {"sent": float(announcer.sent), "unnamed": float(announcer.unnamed)}
                twin.beat(JobStatus("publish", "1", started_at, now, "live", figures))
                beaten_at, is_first = now, False
            stop.wait(BUNDLE_S)
            twin.wait_for_change(LOOK_S)
        except StoreUnavailableError as error:
            logger.warning("publish_waits", extra={"reason": str(error)})
            stop.wait(AWAY_S)
