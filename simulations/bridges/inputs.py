"""What an analysis reads of a bridge: its streams, and their hourly means on one grid."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from twin.city import Twin
from twin.model.assets import Asset
from twin.model.datastreams import Datastream
from twin.model.findings import Phrase
from twin.model.monitoring import ANALYSIS_SOURCE, BridgeEvent, EventKind
from twin.model.refusals import LackingError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
HOUR = timedelta(hours=1)
HOUR_US = 3_600_000_000
HEAVY = ("traffic_flow", "heavy")
"""Quantity and vehicle class of the streams that count lorries."""
MOST_HOURS = 9_600
"""400 days: a year with its cold season, and room for what came after it."""
PAGE_EVENTS = 1000


@dataclass(frozen=True, slots=True)
class Columns:
    """Hourly means of streams on one grid.

    Parameters
    ----------
    time_us : (n,)
        End of each hour [us since 1970-01-01 UTC].
    value
        By uid, each (n,), in the unit of the stream; NaN where no good reading fell into the hour.
    lowest, highest
        By uid, each (n,): the extreme good readings of the hour.
    bad
        By uid, each (n,): readings of the hour that are suspect and in no mean.
    """

    time_us: Ints
    value: Mapping[str, Floats]
    lowest: Mapping[str, Floats]
    highest: Mapping[str, Floats]
    bad: Mapping[str, Ints]

    def __len__(self) -> int:
        return len(self.time_us)


@dataclass(frozen=True, slots=True)
class Bridge:
    """One bridge with its streams, at one time; ``heavy`` count the lorries that it carries."""

    twin: Twin
    asset: Asset
    streams: tuple[Datastream, ...]
    now: datetime
    heavy: tuple[Datastream, ...] = ()

    def of(self, *quantities: str) -> tuple[Datastream, ...]:
        """Streams of some quantities that sensors send, by uid."""
        return tuple(
            item
            for item in self.streams
            if item.quantity in quantities and item.source != ANALYSIS_SOURCE
        )

    def hourly(self, uids: Sequence[str], *, hours: int = MOST_HOURS) -> Columns:
        """Hourly means up to the last full hour.

        Raises
        ------
        InsufficientData
            If none of the streams has reported yet.
        """
        found = hourly(self.twin, uids, until=self.now, hours=hours)
        if not len(found):
            raise LackingError(Phrase("wait.no_hour", {"channels": ", ".join(uids)}))
        return found

    def events(self, kind: EventKind, *, start: datetime) -> Iterator[BridgeEvent]:
        """All events from a time until now, the newest first, read page by page."""
        end, at_end = self.now, set[str]()
        while True:
            limit = PAGE_EVENTS + len(at_end)
            page = self.twin.bridges.events(self.asset.id, kind, start=start, end=end, limit=limit)
            yield from (event for event in page if event.key not in at_end)
            if len(page) < limit:
                return
            oldest = page[-1].at
            end = oldest + timedelta.resolution
            at_end = {event.key for event in page if event.at == oldest}


def bridges(twin: Twin, *, asset_id: str | None = None) -> Sequence[Bridge]:
    """All bridges, or one of them, as they are now; as many queries for one as for many."""
    now, carried = twin.now(), _carried_sections(twin)
    streams: dict[str, list[Datastream]] = {}
    for stream in twin.datastreams():
        streams.setdefault(stream.asset_id, []).append(stream)
    return [
        Bridge(
            twin,
            asset,
            tuple(streams.get(asset.id, ())),
            now,
            tuple(
                stream
                for place in (asset.id, *carried.get(asset.id, ()))
                for stream in streams.get(place, ())
                if (stream.quantity, stream.vehicle_class) == HEAVY
            ),
        )
        for asset in twin.assets("bridge")
        if asset_id in (None, asset.id)
    ]


def _carried_sections(twin: Twin) -> Mapping[str, Sequence[str]]:
    """Ids of the road sections that each bridge carries, by bridge."""
    found: dict[str, list[str]] = {}
    for section in twin.assets("road_section"):
        bridge = section.attribute("bridge")
        if bridge is not None:
            found.setdefault(str(bridge.value), []).append(section.id)
    return found


def hourly(twin: Twin, uids: Sequence[str], *, until: datetime, hours: int) -> Columns:
    """Hourly means of streams up to the last full hour before a time; leading empty hours go."""
    end = until.replace(minute=0, second=0, microsecond=0)
    start = end - hours * HOUR
    value: dict[str, Floats] = {}
    lowest: dict[str, Floats] = {}
    highest: dict[str, Floats] = {}
    bad: dict[str, Ints] = {}
    time_us = np.arange(hours, dtype=np.int64)
    for uid in uids:
        bins = twin.binned(uid, start=start, end=end, points=hours)
        rows = slice(0, hours)
        time_us = bins.start_us[rows] + HOUR_US
        value[uid], bad[uid] = bins.mean[rows], bins.bad[rows]
        lowest[uid], highest[uid] = bins.minimum[rows], bins.maximum[rows]
    there = [np.flatnonzero(np.isfinite(column)) for column in value.values()]
    first = min((int(rows[0]) for rows in there if len(rows)), default=hours)
    return Columns(
        time_us[first:],
        {uid: column[first:] for uid, column in value.items()},
        {uid: column[first:] for uid, column in lowest.items()},
        {uid: column[first:] for uid, column in highest.items()},
        {uid: column[first:] for uid, column in bad.items()},
    )
