"""What we know of our session at the broker, kept in a file across restarts."""

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from twin.model.times import to_us
from twin.ports import Clock

logger = logging.getLogger(__name__)

LARGEST_BYTES = 1024 * 1024


class Remembered(NamedTuple):
    """What an earlier connection has left at the broker.

    Parameters
    ----------
    filters
        Subscriptions that the session may hold.
    is_expected
        Whether the broker should still have the session.
    """

    filters: tuple[str, ...] = ()
    is_expected: bool = False


class SessionFile:
    """The file of one client id; losing it costs the two conclusions that are drawn from it.

    Parameters
    ----------
    file
        Where; None keeps nothing.
    owner
        Host of the broker and client id: the session of anybody else says nothing.
    expiry_s
        How long the broker keeps a session without a connection [s].
    clock
        Tells how old it is.
    """

    def __init__(
        self, file: Path | None, *, owner: tuple[str, str], expiry_s: int, clock: Clock
    ) -> None:
        self._file = file
        self._owner = list(owner)
        self._expiry_s = expiry_s
        self._clock = clock

    def read(self) -> Remembered:
        """What was kept last; nothing if that cannot be read."""
        if self._file is None or not self._file.exists():
            return Remembered()
        try:
            content = json.loads(self._file.read_bytes()[:LARGEST_BYTES])
            if content["owner"] != self._owner:
                return Remembered()
            age_us = to_us(self._clock()) - int(content["seen_us"])
            filters = tuple(one for one in content["filters"] if _is_filter(one))
            return Remembered(filters, age_us < int(content["expiry_s"]) * 1_000_000)
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            logger.warning("session_unreadable", extra={"reason": str(error)})
            return Remembered()

    def forget(self) -> None:
        """Note that the session is over."""
        if self._file is not None:
            self._file.unlink(missing_ok=True)

    def keep(self, filters: Sequence[str]) -> None:
        """Note that the session exists now and may hold these subscriptions."""
        if self._file is None:
            return
        content = {
            "owner": self._owner,
            "seen_us": to_us(self._clock()),
            "expiry_s": self._expiry_s,
            "filters": list(filters),
        }
        temporary = self._file.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(content), encoding="utf-8")
            temporary.replace(self._file)
        except OSError as error:
            logger.warning("session_not_kept", extra={"reason": str(error)})


def _is_filter(one: object) -> bool:
    return isinstance(one, str) and one.isprintable() and 0 < len(one.encode()) < 1 << 16
