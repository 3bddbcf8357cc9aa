"""Unknown datastreams and topics: a bounded number of them is kept one by one. Pure."""

from collections.abc import Mapping

from twin.model.messages import Rejection

MOST_KEYS = 1000
MOST_SOURCES = 10_000


class Strangers:
    """Route keys and topics that nobody has registered, per source.

    The first ones are kept in the quarantine with their messages; beyond them one row per source
    counts, so that a flood of new topics fills neither memory nor quarantine.

    Examples
    --------
    >>> strangers = Strangers(most_keys=1)
    >>> strangers.admit("demo", "a"), strangers.admit("demo", "b"), strangers.admit("demo", "a")
    (True, False, True)
    """

    def __init__(self, *, most_keys: int = MOST_KEYS) -> None:
        self._most_keys = most_keys
        self._keys: dict[str, set[str]] = {}
        self._turned_away: dict[str, int] = {}

    def admit(self, source: str, key: str) -> bool:
        """Whether this key of this source is one of the first, to be kept with its message."""
        keys = self._keys.get(source)
        if keys is None:
            if len(self._keys) >= MOST_SOURCES:
                return False
            keys = self._keys[source] = set()
        if key in keys:
            return True
        if len(keys) < self._most_keys:
            keys.add(key)
            return True
        self._turned_away[source] = self._turned_away.get(source, 0) + 1
        return False

    def forget(self) -> None:
        """Begin anew: the registry has changed, some of them may be known by now."""
        self._keys.clear()
        self._turned_away.clear()

    def problems(self) -> Mapping[str, str]:
        """What deserves the alarm ``inbox_full``, by source."""
        return {
            source: (
                f"more than {self._most_keys} unknown datastreams or topics; {count} further "
                "values are counted only: register them, or correct the topics of this source"
            )
            for source, count in sorted(self._turned_away.items())
        }


def beyond_the_inbox(rejection: Rejection) -> Rejection:
    """The rejection of a stranger that is only counted: equal for all of one source.

    The store folds equal rejections into one row; therefore neither topic nor payload is kept.
    """
    return Rejection(
        reason=rejection.reason,
        detail=(
            "further unknown datastreams or topics of this source, counted only; register those "
            "that are listed, or correct the topics"
        ),
        source=rejection.source,
        received_at=rejection.received_at,
    )
