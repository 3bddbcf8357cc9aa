"""When an NGSI-LD entity was observed: an instant, a window, or the time of its notification."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sensors.codecs.decoder import RefusedError
from sensors.codecs.times import Instant, read_time, received_instant
from twin.model.messages import Message, TimeRule
from twin.model.quality import Quality

NAMES = ("dateObserved", "dateObservedFrom", "dateObservedTo")
S_PER_H = 3600.0


@dataclass(frozen=True, slots=True)
class Moments:
    """The times that an entity tells.

    Parameters
    ----------
    begin, end
        Of the observation period; None where none is told.
    instant_told
        ``dateObserved`` as an instant with zone.
    notified
        Time of the notification, flagged; None without one.
    message
        For the time of arrival.
    """

    begin: Instant | None
    end: Instant | None
    instant_told: Instant | None
    notified: Instant | None
    message: Message

    def instant(self, observed_at: object) -> Instant:
        """Time of a value: the first that is told of its own, the period's end, and so on.

        Raises
        ------
        RefusedError
            If ``observed_at`` is no time.
        """
        if observed_at is not None:
            return _read(bare(observed_at), None, self.message)
        told = (self.end, self.instant_told, self.notified)
        return next((one for one in told if one is not None), None) or received_instant(
            self.message.received_at
        )

    def is_arrival(self, observed_at: object) -> bool:
        """Whether a value has no other time than that of its arrival."""
        told = (observed_at, self.end, self.instant_told, self.notified)
        return all(one is None for one in told)

    def per_hour(self) -> float:
        """Factor from a count in the period to a flow per hour.

        Raises
        ------
        RefusedError
            If no period is told or it is empty.
        """
        if self.begin is None or self.end is None:
            raise RefusedError(
                "missing_field",
                "a count without `dateObservedFrom` and `dateObservedTo` is no flow; send both",
            )
        period_s = (self.end.time - self.begin.time).total_seconds()
        if period_s <= 0:
            raise RefusedError("interval_mismatch", "the observation period does not end after it")
        return S_PER_H / period_s


def moments(
    told: Mapping[str, object], notified: object, message: Message, *, zone: str | None
) -> Moments:
    """Times of an entity.

    Parameters
    ----------
    told
        Values of the attributes `NAMES`.
    notified
        ``notifiedAt`` of the notification.
    zone
        Of local times, where the mapping declares one.

    Raises
    ------
    RefusedError
        If a time that would be used is none.
    """
    begin, end = (
        None if told[name] is None else _read(told[name], zone, message)
        for name in ("dateObservedFrom", "dateObservedTo")
    )
    observed = told["dateObserved"]
    instant_told = None
    if isinstance(observed, str) and "/" in observed:
        if begin is None or end is None:
            first, _, last = observed.partition("/")
            begin, end = _read(first, zone, message), _read(last, zone, message)
    elif observed is not None and end is None:
        try:
            instant_told = _read(observed, zone, message)
        except RefusedError:
            if _has_zone(observed):
                raise
    notice = None
    if notified is not None:
        flags = Quality.TIME_SUBSTITUTED
        notice = Instant(_read(bare(notified), None, message).time, flags)
    return Moments(begin, end, instant_told, notice, message)


def bare(raw: object) -> object:
    """Value of a typed literal such as ``{"@type": "DateTime", "@value": ...}``."""
    return raw["@value"] if isinstance(raw, dict) and "@value" in raw else raw


def _read(raw: object, zone: str | None, message: Message) -> Instant:
    return read_time(raw, TimeRule("", zone=zone), received_at=message.received_at)


def _has_zone(raw: object) -> bool:
    """Whether a text is a time that names its zone, or no time at all."""
    try:
        return not isinstance(raw, str) or datetime.fromisoformat(raw).tzinfo is not None
    except ValueError:
        return True
