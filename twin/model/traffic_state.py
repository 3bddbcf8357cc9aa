"""What was computed last of the running traffic: live state, forecasts, indicators."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

STATE_KINDS = ("live", "forecast", "indicators")


@dataclass(frozen=True, slots=True)
class TrafficState:
    """The newest document of a kind on a subject.

    Parameters
    ----------
    kind
        One of ``STATE_KINDS``.
    subject
        Name of a base (``live``), or id of an asset.
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


def invalid_reasons(live: TrafficState | None) -> tuple[str, ...]:
    """Why what is derived from a base is not valid now; empty if it is, or nobody looks.

    Examples
    --------
    >>> invalid_reasons(None)
    ()
    """
    if live is None:
        return ()
    found = live.document()
    return () if found.get("is_valid", True) else tuple(found.get("reasons", ()))
