"""From lanes to a cross-section: sum of the flows, flow-weighted mean of the speeds. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sensors.codecs.datex2sites import Characteristic

FLOW, SPEED = "TrafficFlow", "TrafficSpeed"
FLOW_TYPE = "trafficFlow"


@dataclass(frozen=True, slots=True)
class LaneValue:
    """A value of one lane; ``kind`` as in the message."""

    meant: Characteristic
    kind: str
    value: float
    time: datetime


@dataclass(frozen=True, slots=True)
class Section:
    """A cross-section; None where a lane is missing, or nobody drove there (speed)."""

    time: datetime
    flow_veh_h: float | None
    speed_km_h: float | None


def cross_section(
    values: Sequence[LaneValue], known: Mapping[str, Characteristic]
) -> Section | None:
    """Flow and speed over all lanes of a site, of all vehicles together.

    Parameters
    ----------
    values
        What a message holds of the site.
    known
        All that the site measures: tells which lanes there are.

    Returns
    -------
    Section or None
        None if the site does not count by lanes, or the message has no such value. Values of
        different times make it incomplete, too.

    Examples
    --------
    >>> from datetime import UTC
    >>> at = datetime(2026, 6, 15, 8, tzinfo=UTC)
    >>> one, two = (Characteristic("trafficFlow", 60.0, lane, "") for lane in "12")
    >>> values = [LaneValue(one, FLOW, 720.0, at), LaneValue(one, SPEED, 96.0, at),
    ...           LaneValue(two, FLOW, 480.0, at), LaneValue(two, SPEED, 112.0, at)]
    >>> section = cross_section(values, {"1": one, "3": two})
    >>> section.flow_veh_h, section.speed_km_h
    (1200.0, 102.4)
    """
    lanes = {
        one.lane for one in known.values() if one.type == FLOW_TYPE and one.lane and not one.vehicle
    }
    mine = [one for one in values if one.meant.lane in lanes and not one.meant.vehicle]
    if not mine or not lanes:
        return None
    time = max(one.time for one in mine)
    flow = {one.meant.lane: one.value for one in mine if one.kind == FLOW and one.time == time}
    speed = {one.meant.lane: one.value for one in mine if one.kind == SPEED and one.time == time}
    if set(flow) != lanes:
        return Section(time, None, None)
    total = sum(flow.values())
    driven = [lane for lane in flow if flow[lane] > 0]
    has_speeds = bool(driven) and set(driven) <= set(speed)
    weighted = sum(flow[lane] * speed[lane] for lane in driven) if has_speeds else 0.0
    return Section(time, total, weighted / total if has_speeds else None)
