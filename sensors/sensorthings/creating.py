"""Observations over HTTP on their way: judged as by the ingester, published, seen in the store."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from sensors.broker import Delivery, Publisher, Receipt, client_id
from sensors.codecs.sensorthings_made import codec
from sensors.pipeline.preparation import Pipeline
from sensors.policies import time_policy
from sensors.routing import Router, StreamTable, parse_template
from sensors.sensorthings.bodies import Asked
from sensors.sensorthings.catalogue import Catalogue
from sensors.sensorthings.problems import (
    ConflictError,
    MalformedError,
    NotYetError,
    RequestError,
)
from twin.city import Twin
from twin.model.messages import CodecRule
from twin.model.observations import Readings
from twin.model.times import from_us, to_us
from twin.settings import Settings

logger = logging.getLogger(__name__)
VISIBLE_S = 5.0
"""So long a request waits until its observations are in the store."""
HAND_IN_S = 1.0
LOOK_S = 0.1
NO_RULE = (
    "no observations are created here: add a [[codec.rule]] with codec = "
    f'"{codec.name}" and a topic without levels in braces, and a broker (docs/sensorthings.md)'
)


@dataclass(frozen=True, slots=True)
class Checked:
    """An observation that the ingester will accept: its reading, and the message that tells it."""

    readings: Readings
    payload: bytes

    @property
    def key(self) -> tuple[int, int]:
        """Number of the datastream and time [us]: there is one value for it."""
        return int(self.readings.number[0]), int(self.readings.time_us[0])

    @property
    def value(self) -> float:
        """In the unit of the quantity."""
        return float(self.readings.value[0])


Result = Readings | RequestError


class Creator:
    """Creates observations of the datastreams whose readings come from this service.

    Its connection to the broker is made for the first observation.

    Parameters
    ----------
    twin
        Where the readings appear, and the clock.
    settings
        Rules and broker.
    """

    def __init__(self, twin: Twin, settings: Settings) -> None:
        self._twin = twin
        self._settings = settings
        self._rule = rule_for_posts(settings)
        self._publisher: Publisher | None = None
        self._pipeline: tuple[str, Pipeline] | None = None
        self._lock = threading.Lock()

    @property
    def is_offered(self) -> bool:
        """Whether there is a way for observations."""
        return self._rule is not None and bool(self._settings.broker.host)

    def create(self, catalogue: Catalogue, asked: Sequence[Asked | RequestError]) -> list[Result]:
        """The reading of each observation once it is in the store, or what is wrong with it.

        Raises
        ------
        StoreUnavailableError
            If the database cannot be reached.
        """
        found = [self._checked(catalogue, one) for one in asked]
        results: list[Result | None] = [None] * len(found)
        new: list[tuple[int, Checked]] = []
        keys: set[tuple[int, int]] = set()
        for place, one in enumerate(found):
            if isinstance(one, RequestError):
                results[place] = one
            elif one.key in keys:
                results[place] = MalformedError(
                    "phenomenonTime: an earlier row of this request has the same time"
                )
            elif (known := self._stored(one)) is not None:
                results[place] = known
            else:
                new.append((place, one))
            if isinstance(one, Checked):
                keys.add(one.key)
        for place, result in self._passed_on(new):
            results[place] = result
        return [one for one in results if one is not None]

    def close(self) -> None:
        """Disconnect."""
        with self._lock:
            publisher, self._publisher = self._publisher, None
        if publisher is not None:
            publisher.close()

    def _checked(self, catalogue: Catalogue, asked: Asked | RequestError) -> Checked | RequestError:
        """What the ingester would make of an observation."""
        if isinstance(asked, RequestError):
            return asked
        try:
            self._require_ours(catalogue, asked)
        except RequestError as error:
            return error
        prepared = self._judge().prepare(
            [Delivery(0, 0, 1, self._topic, asked.payload, to_us(self._twin.now()))],
            most_readings=1,
        )
        if prepared.rejections:
            one = prepared.rejections[0]
            return MalformedError(f"{one.reason}: {one.detail}")
        if not len(prepared.readings):
            return MalformedError("result: there is no value")
        return Checked(prepared.readings, asked.payload)

    def _require_ours(self, catalogue: Catalogue, asked: Asked) -> None:
        row = catalogue.row("Datastreams", asked.datastream)
        stream = catalogue.stream(row).stream
        rule = self._rule
        if rule is None or (stream.source, stream.route_key) != (rule.source, stream.uid):
            raise ConflictError(
                f"the readings of datastream {stream.uid!r} come from the source "
                f"{stream.source!r}; to create them here, register it in the city folder with "
                f"source = {'' if rule is None else rule.source!r} and its id as route_key"
            )
        if stream.kind != "reading":
            raise MalformedError(f"datastream {stream.uid!r} holds waveforms, not single results")
        feature = catalogue.ids["FeaturesOfInterest"][int(catalogue.feature[row])]
        if asked.feature not in ("", feature):
            raise MalformedError(
                f"FeatureOfInterest: that of datastream {stream.uid!r} is {feature!r}, "
                f"got {asked.feature[:80]!r}; leave it out"
            )

    def _passed_on(self, new: Sequence[tuple[int, Checked]]) -> list[tuple[int, Result]]:
        """Publish all, then wait for each: the ingester keeps their order."""
        receipts = [self._published(one.payload) for _, one in new]
        until_s = time.monotonic() + VISIBLE_S
        return [
            (place, self._seen(one, receipt, until_s))
            for (place, one), receipt in zip(new, receipts, strict=True)
        ]

    def _published(self, payload: bytes) -> Receipt | None:
        with self._lock:
            if self._publisher is None:
                name = client_id(self._settings.city.tenant, f"create-{uuid4().hex[:8]}")
                self._publisher = Publisher(self._settings.broker, name)
            publisher = self._publisher
        receipt = Receipt()
        topic = self._topic.decode()
        is_taken = publisher.publish(topic, payload, timeout_s=HAND_IN_S, receipt=receipt)
        return receipt if is_taken else None

    def _seen(self, one: Checked, receipt: Receipt | None, until_s: float) -> Result:
        state = "full" if receipt is None else receipt.wait(max(0.0, until_s - time.monotonic()))
        if state != "taken":
            logger.warning("observation_not_taken", extra={"state": state})
            return NotYetError(NOT_TAKEN[state])
        while True:
            found = self._stored(one)
            if found is not None:
                return found
            left_s = until_s - time.monotonic()
            if left_s <= 0.0:
                return NotYetError(
                    "the broker has the observation and the store does not show it yet; repeat "
                    "the request, it will not be doubled"
                )
            self._twin.wait_for_change(min(LOOK_S, left_s))

    def _stored(self, one: Checked) -> Result | None:
        """The reading as it is stored; an error if another value is; None if there is none."""
        number, time_us = one.key
        span = {"start": from_us(time_us), "end": from_us(time_us + 1)}
        found = self._twin.page([number], limit=1, **span)
        if not len(found):
            return None
        if float(found.value[0]) != one.value:
            return ConflictError(
                f"for this time the result {float(found.value[0]):g} is stored; an observation "
                "is not changed over this service"
            )
        return found

    def _judge(self) -> Pipeline:
        """What the ingester does with messages, for the registry of this moment."""
        version = self._twin.registry_version()
        known = self._pipeline
        if known is None or known[0] != version:
            rule = self._rule
            rules = [] if rule is None else [rule]
            streams = StreamTable(
                one
                for one in self._twin.datastreams()
                if rule is not None and one.source == rule.source
            )
            codecs = {codec.name: codec}
            policy = time_policy(self._settings)
            known = (version, Pipeline.of(Router(rules), codecs, streams, policy))
            self._pipeline = known
        return known[1]

    @property
    def _topic(self) -> bytes:
        return b"" if self._rule is None else self._rule.topic.encode()


NOT_TAKEN = {
    "full": "the broker takes nothing now; repeat the request later, it will not be doubled",
    "open": "the broker has not confirmed the observation; repeat the request, it will not be "
    "doubled",
    "refused": "the broker refuses the topic; give the account of the web server the right to "
    "write it",
    "unheard": "no ingester reads the topic; start `twin ingest` and repeat the request",
}


def rule_for_posts(settings: Settings) -> CodecRule | None:
    """Rule by which the ingester reads what a POST hands over; its topic names one place."""
    for rule in settings.codec.rule:
        if rule.codec == codec.name and not _is_pattern(rule.topic):
            return rule
    return None


def listens_on_topics(settings: Settings) -> bool:
    """Whether the ingester reads the topics of the standard, for any datastream."""
    return any(
        rule.codec == codec.name and _is_pattern(rule.topic) and rule.topic.startswith("v1.1/")
        for rule in settings.codec.rule
    )


def _is_pattern(topic: str) -> bool:
    template = parse_template(topic)
    return template.is_open or bool(template.names)
