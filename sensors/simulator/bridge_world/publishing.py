"""Messages of a simulated bridge: arrays of readings on our own topics, as a logger sends them."""

from collections.abc import Iterator, Mapping

import numpy as np

from sensors.simulator.bridge_world.hourly import HourlyWorld
from sensors.simulator.messages import MOST_ITEMS, Outgoing, readings, topic
from twin.model.datastreams import Datastream


def messages(
    world: HourlyWorld, streams: Mapping[str, Datastream], *, tenant: str
) -> Iterator[Outgoing]:
    """Yield the readings of the channels that have a datastream, the oldest first.

    Hours without a value carry no reading and no sequence number.
    """
    for channel, datastream in streams.items():
        values = world.values[channel]
        there = np.flatnonzero(np.isfinite(values))
        address = topic(datastream, tenant=tenant, kind="obs")
        for start in range(0, len(there), MOST_ITEMS):
            rows = there[start : start + MOST_ITEMS]
            payload = readings(world.time_us[channel][rows], values[rows], first_sequence=start)
            yield Outgoing(address, payload)
