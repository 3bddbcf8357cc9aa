"""Counted traffic of the twin as rows of equal intervals, with gaps where too little arrived."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from twin.city import Twin
from twin.errors import RegistryError
from twin.model.datastreams import Datastream
from twin.model.network import Network

FLOW = "traffic_flow"
ALL, HEAVY = "all", "heavy"
LEAST_FILLED = 0.75
"""Share of an interval that must have readings; else it is missing."""
FINEST_S = 300
MOST_BINS = 5000

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Counter:
    """The flow that is counted in one direction of a road.

    ``direction`` is the component of the registry, which is also the name of the link.
    """

    asset_id: str
    direction: str
    every: Datastream | None
    heavy: Datastream | None


def counters(twin: Twin) -> tuple[Counter, ...]:
    """Directions with counted flows, by name."""
    found: dict[str, dict[str, Datastream]] = {}
    for stream in twin.datastreams():
        if stream.quantity == FLOW and stream.component_id and stream.kind == "reading":
            found.setdefault(stream.component_id, {})[stream.vehicle_class] = stream
    return tuple(
        Counter(next(iter(streams.values())).asset_id, name, streams.get(ALL), streams.get(HEAVY))
        for name, streams in sorted(found.items())
    )


def counters_at(twin: Twin, network: Network | None, asset: str) -> tuple[Counter, ...]:
    """Counters of a road, or of the roads that a bridge carries.

    Raises
    ------
    RegistryError
        If nothing is counted there; names places where something is.
    """
    known = counters(twin)
    table = None if network is None else network.link_assets
    links: set[str] = set()
    if network is not None and table is not None and network.link_name:
        names = dict(zip(network.link_id.tolist(), network.link_name, strict=True))
        pairs = zip(table.link_id.tolist(), table.asset, strict=True)
        links = {names[link] for link, name in pairs if name == asset}
    chosen = tuple(item for item in known if item.asset_id == asset or item.direction in links)
    if not chosen:
        some = ", ".join(sorted({item.asset_id for item in known})[:5]) or "nowhere"
        raise RegistryError(f"no traffic is counted at {asset[:50]!r}; it is at {some}, ...")
    return chosen


def interval_start(time: datetime, step: timedelta) -> datetime:
    """Begin of the interval of this length that holds an instant, counted from midnight UTC.

    Examples
    --------
    >>> interval_start(datetime(2026, 1, 1, 8, 20, tzinfo=UTC), timedelta(minutes=15)).minute
    15
    """
    since = time.timestamp()
    return datetime.fromtimestamp(since - since % step.total_seconds(), tz=UTC)


def interval_means(
    twin: Twin, stream: Datastream, *, start: datetime, end: datetime, step: timedelta
) -> Values:
    """Mean flow of each interval in [start, end) [veh/h]; NaN where under 75 % of it was counted.

    ``start`` and ``end`` lie on intervals. Suspect readings do not count. The time of a reading is
    the end of what it counted, so that of a slow counter belongs to the interval before.
    """
    step_s = int(step.total_seconds())
    fine_s = min(step_s, max(FINEST_S, int(stream.cadence_s or FINEST_S)))
    while step_s % fine_s:
        fine_s += 1
    label = timedelta(seconds=fine_s if (stream.cadence_s or 0) >= FINEST_S else 0)
    rows = int((end - start).total_seconds()) // step_s
    first_us = round((start + label).timestamp()) * 1_000_000
    total, filled = np.zeros(rows), np.zeros(rows)
    span = timedelta(seconds=fine_s * MOST_BINS)
    begin = start
    while begin < end:
        until = min(begin + span, end)
        points = max(1, round((until - begin).total_seconds() / fine_s))
        bins = twin.binned(stream.uid, start=begin + label, end=until + label, points=points)
        row = (bins.start_us - first_us) // (step_s * 1_000_000)
        good = (bins.count > 0) & (row >= 0) & (row < rows) & np.isfinite(bins.mean)
        width_s = bins.width_us / 1e6
        np.add.at(total, row[good], bins.mean[good] * width_s)
        np.add.at(filled, row[good], width_s)
        begin = until
    enough = filled >= LEAST_FILLED * step_s - 1.0
    return np.where(enough, total / np.where(filled > 0.0, filled, 1.0), np.nan)
