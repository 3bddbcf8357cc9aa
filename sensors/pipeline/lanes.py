"""What a topic means, found once and remembered: rule, codec, datastream. Pure."""

from collections.abc import Mapping
from typing import NamedTuple, cast

from sensors.codecs.columns import ColumnCodec
from sensors.routing import Route, Router, StreamTable
from sensors.rules.features import FEATURES, feature_key
from sensors.rules.quality import TimePolicy
from twin.errors import ModelError
from twin.model.messages import CodecContext
from twin.model.quantities import conversion
from twin.ports import Codec

UNROUTED = "unrouted"
MOST_LANES = 50_000
LONGEST_KNOWN_BYTES = 512
MOST_KEYS = 100_000
BY_MESSAGE = -1
PRIVATE_CLASSES = ("vehicle", "person", "image")
"""Privacy classes of which the quarantine keeps reason, size and hash alone."""


class Lane(NamedTuple):
    """What the messages of one topic have in common.

    Parameters
    ----------
    source
        Under which they are counted.
    route, codec, label
        Rule and codec; None and empty if no rule fits.
    reader
        The codec, if it reads this topic many messages at a time and its datastream is known.
    group
        Rule number: lanes of one group may be read together.
    number
        Datastream number of all readings; `BY_MESSAGE` if the messages name theirs.
    accepts_retained
        Whether retained messages are measurements.
    is_private
        Whether the codec declares a privacy class of which no bytes are kept.
    """

    source: str
    route: Route | None = None
    codec: Codec | None = None
    label: str = ""
    reader: ColumnCodec | None = None
    group: int = 0
    number: int = BY_MESSAGE
    accepts_retained: bool = False
    is_private: bool = False


class Place(NamedTuple):
    """Where the values of a key in a message belong, and how they get the unit of the quantity."""

    number: int
    scale: float
    offset: float


class Lanes:
    """Lanes by topic; made for one state of the registry and dropped with it."""

    def __init__(
        self,
        router: Router,
        codecs: Mapping[str, Codec],
        streams: StreamTable,
        policy: TimePolicy,
    ) -> None:
        self._router = router
        self._codecs = codecs
        self._streams = streams
        self._policy = policy
        self._groups: dict[tuple[str, str], int] = {}
        self._places: dict[tuple[str, str, str], Place | None] = {}
        self._features: dict[tuple[str, str], Mapping[str, int]] = {}
        self.known: dict[bytes, Lane] = {}

    def find(self, topic: bytes) -> Lane:
        """Lane of a topic; remembered unless it is very long; see ``known`` first."""
        lane = self.known.get(topic)
        if lane is None:
            lane = self._look_up(topic.decode("utf-8", "replace"))
            if len(topic) <= LONGEST_KNOWN_BYTES:
                if len(self.known) >= MOST_LANES:
                    self.known.clear()
                self.known[topic] = lane
        return lane

    def place(self, source: str, key: str, unit: str) -> Place | None:
        """Where values of a key go; None if `decode` has to say what is wrong with it."""
        wanted = (source, key, unit)
        if wanted not in self._places:
            if len(self._places) >= MOST_KEYS:
                self._places.clear()
            self._places[wanted] = self._locate(source, key, unit)
        return self._places[wanted]

    def features(self, source: str, wave_key: str) -> Mapping[str, int]:
        """Datastream number of every feature of a waveform stream that is registered."""
        wanted = (source, wave_key)
        if wanted not in self._features:
            if len(self._features) >= MOST_KEYS:
                self._features.clear()
            streams = {
                name: self._streams.find(source, feature_key(wave_key, name)) for name in FEATURES
            }
            self._features[wanted] = {
                name: stream.number
                for name, stream in streams.items()
                if stream is not None and stream.datastream.kind == "reading"
            }
        return self._features[wanted]

    def _look_up(self, topic: str) -> Lane:
        route = self._router.route(topic)
        if route is None:
            return Lane(UNROUTED)
        rule = route.rule
        codec = self._codecs[rule.codec]
        group = self._groups.setdefault((rule.topic, rule.codec), len(self._groups))
        lane = Lane(
            source=rule.source,
            route=route,
            codec=codec,
            label=f"{codec.name}/{codec.version}",
            group=group,
            accepts_retained=self._policy.treatment(rule.source).accepts_retained,
            is_private=getattr(codec, "privacy_class", "technical") in PRIVATE_CLASSES,
        )
        if not (hasattr(codec, "topic_key") and hasattr(codec, "decode_columns")):
            return lane
        reader = cast("ColumnCodec", codec)
        key = reader.topic_key(topic, CodecContext(rule=rule, names=route.names))
        if key is None:
            return lane
        if not key:
            return lane._replace(reader=reader)
        stream = self._streams.find(rule.source, key)
        return lane if stream is None else lane._replace(reader=reader, number=stream.number)

    def _locate(self, source: str, key: str, unit: str) -> Place | None:
        stream = self._streams.find(source, key)
        if stream is None:
            return None
        try:
            to_quantity = conversion(unit or stream.quantity.unit, stream.quantity.unit)
        except ModelError:
            return None
        return Place(stream.number, to_quantity.scale, to_quantity.offset)
