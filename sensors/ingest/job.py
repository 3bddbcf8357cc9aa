"""The job ``ingest``: messages from the broker become rows, acknowledged after their commit."""

import argparse
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from sensors.broker import Subscriber, client_id
from sensors.broker.observer import BrokerHealth, BrokerObserver
from sensors.ingest.buffering import Buffer
from sensors.ingest.inbox import silences
from sensors.ingest.loop import Ingester
from sensors.ingest.reporting import OFFLINE, status_topic
from sensors.policies import installed_codecs, time_policy
from sensors.routing import subscriptions
from sensors.spool import Spool, SpoolError
from twin.city import Twin
from twin.errors import SettingsError
from twin.model.jobs import LEFT
from twin.runtime import open_twin
from twin.settings import Settings
from twin.signals import stop_on_signal

logger = logging.getLogger(__name__)


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Run the ingester until it is told to stop; exit code 0, or 1 if its connection broke."""
    parser = argparse.ArgumentParser(prog="twin ingest", description=__doc__)
    parser.add_argument(
        "--leave",
        action="store_true",
        help="take no new messages, record what the broker has queued for this instance, give its "
        "session up and end; for an instance that will not run again",
    )
    is_leaving = parser.parse_args(arguments).leave
    if not settings.broker.host:
        raise SettingsError(
            "no broker is configured: name one in city.toml ([broker] host) or start `twin up`"
        )
    inbox = Subscriber(
        settings.broker,
        settings.ingest,
        client_id=name_of(settings),
        filters=subscriptions(settings.codec.rule),
        will=(status_topic(settings.ingest.instance), OFFLINE),
        session_file=session_file(settings),
        silent_after_s={},  # until the registry is known
    )
    stop = stop_on_signal()
    with ExitStack() as stack:
        answer_s = settings.ingest.database_answer_s
        twin = open_twin(settings, role="ingest", answer_s=answer_s)
        stack.callback(twin.close)
        aside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="aside")
        stack.callback(aside.shutdown, wait=False, cancel_futures=True)
        reopen = partial(open_spool, settings)
        buffer = stack.enter_context(closing(Buffer(reopen(), reopen=reopen)))
        ingester = Ingester(
            twin,
            inbox,
            settings=settings,
            codecs=installed_codecs(settings),
            policy=time_policy(settings),
            buffer=buffer,
            aside=aside,
            health=observed(settings, stack),
            follower=lambda known: inbox.expect(silences(settings.codec.rule, known)),
        )
        ingester.open(stop)
        stack.enter_context(closing(inbox))
        if is_leaving:
            return leave(ingester, inbox, twin, stop)
        inbox.start()
        code = ingester.run(stop)
        inbox.close()
        if is_embedded(settings) and code == 0:
            inbox.forget()  # stopped in good order: it stops as well, with an empty session
        return code


def leave(ingester: Ingester, inbox: Subscriber, twin: Twin, stop: threading.Event) -> int:
    """Record what is queued for this instance, then give its session up; exit code 1 if not."""
    inbox.leave()
    inbox.start()
    code = ingester.run(stop, is_drained=lambda: inbox.is_drained)
    inbox.close()
    if code == 0 and inbox.end_session():
        twin.beat(replace(ingester.status(), state=LEFT))
        logger.info("session_given_up")
        return 0
    logger.error("session_not_given_up", extra={"hint": "run twin ingest --leave again"})
    return 1


def name_of(settings: Settings) -> str:
    """Client id of the ingester with these settings."""
    return client_id(settings.city.name, settings.ingest.instance)


def is_embedded(settings: Settings) -> bool:
    """Whether the broker is the embedded one."""
    return "broker.host" not in settings.origins


def session_file(settings: Settings) -> Path:
    """Where to keep what is known of the session.

    The embedded broker holds it in memory: after a power failure it is gone with what was in it.
    """
    name = name_of(settings).replace(":", "-")
    return settings.data_dir / "status" / f"session-{name}.json"


def observed(settings: Settings, stack: ExitStack) -> Callable[[], BrokerHealth]:
    """What the broker says about itself; the embedded one says nothing."""
    if is_embedded(settings):
        return BrokerHealth
    name = client_id(settings.city.name, f"{settings.ingest.instance}-health")
    observer = stack.enter_context(closing(BrokerObserver(settings.broker, name)))
    observer.start()
    return observer.health


def open_spool(settings: Settings) -> Spool | None:
    """The spool of this ingester; None if it cannot be used, which becomes an alarm.

    Raises
    ------
    AlreadyRunningError
        If another ingester uses it.
    """
    spool = settings.spool
    try:
        return Spool(
            settings.spool_dir,
            max_bytes=spool.max_bytes,
            min_free_bytes=spool.min_free_bytes,
            warn_share=spool.warn_share,
        )
    except SpoolError as error:
        logger.error("spool_not_opened", extra={"reason": str(error)})  # noqa: TRY400 - the reason is enough
        return None
