"""Other ingesters of the group: whether one of them has been lost and left its session behind."""

import logging
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from datetime import datetime

from sensors.ingest.errand import Errand
from twin.city import Twin
from twin.errors import TwinError
from twin.model.jobs import LEFT, JobStatus

logger = logging.getLogger(__name__)


def absent(
    jobs: Iterable[JobStatus], *, own: str, now: datetime, after_s: float
) -> Mapping[str, str]:
    """Other ingesters without a sign of life, and what that means, by instance.

    One that has left gave its session up: nothing is kept for it any more.

    Examples
    --------
    >>> from datetime import UTC, timedelta
    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> seen = [
    ...     JobStatus("ingest", one, noon, noon - timedelta(minutes=age), state)
    ...     for one, age, state in (("1", 60, "live"), ("2", 60, "live"), ("3", 60, "left"))
    ... ]
    >>> list(absent(seen, own="1", now=noon, after_s=300.0))
    ['2']
    """
    found = {}
    for one in jobs:
        silent_s = (now - one.heartbeat_at).total_seconds()
        if one.job != "ingest" or one.instance == own or one.state == LEFT or silent_s <= after_s:
            continue
        found[one.instance] = (
            f"last seen {one.heartbeat_at:%Y-%m-%d %H:%M} UTC; the broker keeps a part of the "
            "messages for it until its session expires"
        )
    return found


class GroupWatch:
    """Looks now and then whether all other ingesters of the group are alive.

    Parameters
    ----------
    twin
        Whose job board.
    aside
        Where to look.
    instance
        Who looks.
    after_s
        Silence [s] after which an instance is absent.
    """

    def __init__(self, twin: Twin, aside: Executor, *, instance: str, after_s: float) -> None:
        self._twin = twin
        self._errand = Errand(aside)
        self._instance = instance
        self._after_s = after_s
        self.absent: Mapping[str, str] = {}

    def look(self) -> None:
        """Look aside; what is found is in ``absent`` later."""
        self._errand.run(self._look)

    def _look(self) -> None:
        try:
            jobs = self._twin.jobs()
        except TwinError as error:
            logger.warning("group_not_seen", extra={"reason": str(error)})
            return
        now = self._twin.now()
        self.absent = absent(jobs, own=self._instance, now=now, after_s=self._after_s)
