"""One message on its way in: what a codec takes and what it yields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from twin.model.tables import rows

REASONS = frozenset(row["key"] for row in rows("rejection_reasons"))


@dataclass(frozen=True, slots=True)
class Message:
    """A received message, undecoded.

    Parameters
    ----------
    topic, payload
        As delivered; the topic is decoded with replacement of invalid UTF-8.
    received_at
        Aware UTC.
    retained
        Whether the broker had kept it from an earlier time.
    """

    topic: str
    payload: bytes
    received_at: datetime
    retained: bool = False


@dataclass(frozen=True, slots=True)
class ValueRule:
    """How one value of a decoded message becomes a value of a quantity.

    Parameters
    ----------
    path
        JSON Pointer inside the (array) element.
    quantity, unit
        Quantity key and the unit in the message (UCUM or a name of ``units.csv``).
    scale, offset
        Applied first: raw * scale + offset.
    missing
        Raw values that mean "no value"; compared before scaling.
    numeric_string
        Whether a text such as ``"21.5"`` is accepted as a number.
    required
        Whether an absent path is a rejection.
    """

    path: str
    quantity: str
    unit: str
    scale: float = 1.0
    offset: float = 0.0
    missing: tuple[float | str, ...] = ()
    numeric_string: bool = False
    required: bool = False


@dataclass(frozen=True, slots=True)
class TimeRule:
    """Where a message carries its time and in which form.

    ``unit`` is one of ``iso``, ``s``, ``ms``, ``us``, ``ns``; ``zone`` is needed for local times.
    """

    path: str
    unit: str = "iso"
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class QualityRule:
    """Where a message carries a quality code, and which codes are good."""

    path: str
    good: tuple[float | str, ...] = ()


@dataclass(frozen=True, slots=True)
class CodecRule:
    """Which codec reads a topic, for which source, with which mapping.

    Parameters
    ----------
    topic
        Template: ``{name}`` is one level and names it, ``#`` only last.
    codec
        Name of an entry point of group ``stadtzwilling.codecs``.
    source
        Name under which messages are counted and datastreams are registered.
    key
        Template of the route key from topic names and JSON Pointers: ``{site}/{/id}``.
    array, time, quality, value
        The mapping; unused by codecs that need none.
    """

    topic: str
    codec: str
    source: str
    key: str = ""
    array: str = ""
    time: TimeRule | None = None
    quality: QualityRule | None = None
    value: tuple[ValueRule, ...] = ()


@dataclass(frozen=True, slots=True)
class CodecTable:
    """A metadata table of a source: a JSON file of the city folder that its codecs read.

    Parameters
    ----------
    name
        Under which the codec looks for it.
    source
        As in the routing rules.
    file
        Relative to the city folder.
    """

    name: str
    source: str
    file: str


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that hold for every message, checked before parsing where possible."""

    payload_bytes: int = 256 * 1024
    depth: int = 32
    items: int = 10_000


@dataclass(frozen=True, slots=True)
class CodecContext:
    """All that a codec may know besides the message itself.

    Parameters
    ----------
    names
        The topic levels that the rule's template names.
    tables
        Metadata of the source by name (sensor list, site table), as plain JSON data; a table that
        is not configured or not loaded is absent.
    state
        What this codec gave as `Outcome.state` for the previous message of the same source and
        ``state_key``, as plain JSON data; empty at first, and for a codec without ``state_key``.
    """

    rule: CodecRule
    names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    limits: Limits = field(default_factory=Limits)
    tables: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    state: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Observation:
    """One value of one datastream at one time, as decoded.

    Parameters
    ----------
    key, path
        Device or stream key and, where a message holds several values, the JSON Pointer of
        this one; together the route key of the datastream.
    phenomenon_time
        Aware UTC; the label of an interval is its end.
    value
        Finite, in the unit of the quantity, or in ``unit``.
    quality
        Bit mask.
    quantity
        Quantity key where the mapping names one, else empty (the datastream knows it).
    sequence
        Sequence number or frame counter, if the message carries one.
    unit
        Unit where the message names one, else empty (that of the datastream's quantity).
    is_timed
        Whether the time comes from the message alone; False where it counts from the arrival.
    """

    key: str
    path: str
    phenomenon_time: datetime
    value: float
    quality: int = 0
    quantity: str = ""
    sequence: int | None = None
    unit: str = ""
    is_timed: bool = True

    @property
    def route_key(self) -> str:
        """Key under which the datastream is registered."""
        return f"{self.key}#{self.path}" if self.path else self.key


@dataclass(frozen=True, slots=True)
class WaveformBlock:
    """A burst of samples, as decoded; ``t0_us`` in microseconds since 1970-01-01 UTC."""

    key: str
    t0_us: int
    rate_hz: float
    samples: NDArray[np.float32]
    unit: str
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a device or source; no value of a datastream."""

    kind: str
    key: str
    at: datetime
    details: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Proposal:
    """A stream that a person may accept into the registry."""

    key: str
    name: str
    unit: str
    details: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Rejection:
    """What could not be used, and why; it goes to the quarantine.

    Parameters
    ----------
    reason
        Key of the table ``rejection_reasons.csv``.
    detail
        What exactly, which value, what to do; one sentence without payload.
    source, topic, codec, received_at, payload
        Filled by the ingester before the rejection is stored.
    datastream_number, time_us, value
        The reading in question, if there is one.
    stored_value
        Of a conflict, the value that is stored for this time.
    is_private
        Whether the payload is only counted and hashed, and nothing of it kept.
    """

    reason: str
    detail: str
    source: str = ""
    topic: str = ""
    codec: str = ""
    received_at: datetime | None = None
    payload: bytes = b""
    datastream_number: int | None = None
    time_us: int | None = None
    value: float | None = None
    stored_value: float | None = None
    is_private: bool = False


@dataclass(frozen=True, slots=True)
class Numbered:
    """A sequence number that came without a value: it was missing, or it was refused.

    Parameters
    ----------
    key
        Device, as in `Observation`.
    sequence
        Sequence number or frame counter, from 0 on.
    time
        Phenomenon time, aware UTC; None where it could not be read.
    """

    key: str
    sequence: int
    time: datetime | None = None


Item = Observation | WaveformBlock | Event | Proposal | Rejection


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one message yields.

    Parameters
    ----------
    items
        Observations, waveforms, events, proposals and rejections in the order of the message.
    missing
        Values that the source declared missing.
    ignored
        Values left out on purpose (retained without own time).
    unassigned
        Numeric values without a mapping.
    state
        What the codec needs to know at the next message of this source, as plain JSON data; None
        leaves it as it was.
    numbered
        Sequence numbers of values that are no item, so that they do not count as lost.
    """

    items: Sequence[Item] = ()
    missing: int = 0
    ignored: int = 0
    unassigned: int = 0
    state: Mapping[str, object] | None = None
    numbered: Sequence[Numbered] = ()


def rejected(reason: str, detail: str) -> Outcome:
    """Outcome of a message that could not be used at all."""
    return Outcome(items=(Rejection(reason=reason, detail=detail),))
