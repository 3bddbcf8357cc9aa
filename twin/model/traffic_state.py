"""What was computed last of the running traffic: live state, forecasts, indicators."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

STATE_KINDS = ("live", "forecast", "indicators", "detail")


@dataclass(frozen=True, slots=True)
class TrafficState:
    """The newest document of a kind on a subject.

    Parameters
    ----------
    kind
        One of ``STATE_KINDS``.
    subject
        Name of a base (``live``), id of an asset, or base, place and scenario (``detail``).
    made_at
        When it was computed, aware UTC.
    content
        JSON.
    """

    kind: str
    subject: str
    made_at: datetime
    content: str

    def document(self) -> Mapping[str, Any]:
        """The content as plain values.

        Examples
        --------
        >>> from datetime import UTC
        >>> TrafficState("live", "today", datetime.now(UTC), '{"is_valid": true}').document()
        {'is_valid': True}
        """
        return dict(json.loads(self.content))


OLD = timedelta(hours=1)
"""Without a newer look nothing is known of the present."""


def live_of(states: Iterable[TrafficState], content_hash: str) -> TrafficState | None:
    """The live state of the base with this content, or None if nobody looks at it."""
    for state in states:
        if state.kind == "live" and state.document()["base"]["content_hash"] == content_hash:
            return state
    return None


def validity(live: TrafficState | None, now: datetime) -> Mapping[str, Any]:
    """Whether what is derived from a base holds now, as plain values.

    ``status`` is ``valid``, ``not_valid_now`` (with ``reasons`` in both languages), ``unknown``
    when the last look is older than an hour, or ``not_watched``.

    Examples
    --------
    >>> validity(None, datetime.now())["status"]
    'not_watched'
    """
    if live is None:
        return {"status": "not_watched", "reasons": []}
    age_s = (now - live.made_at).total_seconds()
    found: dict[str, Any] = {"made_at": live.made_at.isoformat(), "age_s": age_s, "reasons": []}
    document = live.document()
    if age_s > OLD.total_seconds():
        return found | {"status": "unknown"}
    if document["is_valid"]:
        return found | {"status": "valid"}
    return found | {"status": "not_valid_now", "reasons": document["reasons"]}
