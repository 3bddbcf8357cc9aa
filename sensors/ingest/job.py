"""The job ``ingest``: messages from the broker become rows, acknowledged after their commit."""

import argparse
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
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
from twin.errors import SettingsError
from twin.runtime import open_twin
from twin.settings import Settings
from twin.signals import stop_on_signal

logger = logging.getLogger(__name__)


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Run the ingester until it is told to stop; exit code 0, or 1 if its connection broke."""
    argparse.ArgumentParser(prog="twin ingest", description=__doc__).parse_args(arguments)
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
        inbox.start()
        return ingester.run(stop)


def name_of(settings: Settings) -> str:
    """Client id of the ingester with these settings."""
    return client_id(settings.city.name, settings.ingest.instance)


def is_embedded(settings: Settings) -> bool:
    """Whether the broker is the embedded one."""
    return "broker.host" not in settings.origins


def session_file(settings: Settings) -> Path | None:
    """Where to keep what is known of the session; the embedded broker forgets it on purpose."""
    name = name_of(settings).replace(":", "-")
    return None if is_embedded(settings) else settings.data_dir / "status" / f"session-{name}.json"


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
