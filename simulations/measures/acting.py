"""What the interventions of a scenario do on one part structure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simulations.measures.cases import BridgeCase
from simulations.measures.words import Said, of_texts
from simulations.structure.restrictions import (
    ban_overtaking,
    guide_lane,
    keep_distance,
    limit_speed,
)
from simulations.traffic.edits import Edited
from simulations.traffic.places import Places
from twin.model.interventions import Intervention, kinds
from twin.model.network import Network
from twin.model.scenarios import Scenario
from twin.model.structure import AxleStream
from twin.model.traffic import BridgeTraffic, VehicleClass

Way = tuple[int, tuple[int, ...], int]
"""Sign along the stationing, lanes as the lines count them, and how many of them stay open."""
LEAST_GAP_M = 5.0
MEETINGS = ("distance_rule", "overtaking_ban")
"""Measures that change how vehicles meet: only a stream of all of them shows it."""
_UNKNOWN_LENGTH = (
    "the length of the bridge is not recorded: how vehicles follow each other is as before"
)


def acting_on(
    scenario: Scenario, edited: Edited, network: Network, links: NDArray[np.int64], asset: str
) -> tuple[Intervention, ...]:
    """Interventions that are valid and act on a part, by its links or the name of its bridge."""
    places = Places(network)
    out = []
    for item in scenario.interventions:
        if item in edited.inactive or kinds()[item.kind].target in ("zone", "turn", "none"):
            continue
        if asset in {target.removeprefix("asset:") for target in item.targets}:
            out.append(item)
            continue
        rows, _ = places.links(item.targets, assets=True, links=True)
        if np.isin(network.link_id[rows], links).any():
            out.append(item)
    return tuple(out)


def act(
    stream: AxleStream, case: BridgeCase, acting: Sequence[Intervention], *,
    classes: Sequence[VehicleClass], ways: Mapping[str, Way],
) -> tuple[AxleStream, tuple[Said, ...]]:  # fmt: skip
    """The stream after the measures on this bridge; weight limits and closures are in its flows."""
    said: list[str] = []
    length = case.length_m
    for item in acting:
        own = _distributions(item, classes, stream.classes)
        if item.kind == "speed":
            done = limit_speed(stream, speed_kmh=item.number("speed_kmh"), classes=own)
            stream, said = done.stream, [*said, *done.assumptions]
        elif item.kind == "lane_guidance":
            for sign, lanes, _ in ways.values():
                lane = lanes[min(int(item.number("lane")), len(lanes)) - 1]
                done = guide_lane(stream, lane=lane, classes=own, direction=sign)
                stream, said = done.stream, [*said, *done.assumptions]
        elif item.kind in (*MEETINGS, "close_lane") and length is None:
            said.append(_UNKNOWN_LENGTH)
        elif item.kind == "distance_rule" and length is not None:
            done = keep_distance(stream, gap_m=item.number("min_gap_m"), length_m=length)
            stream, said = done.stream, [*said, *done.assumptions]
        elif item.kind == "overtaking_ban" and length is not None:
            for sign, lanes, _ in ways.values():
                done = ban_overtaking(
                    stream, lane=lanes[0], classes=own or stream.classes, length_m=length,
                    direction=sign,
                )  # fmt: skip
                stream, said = done.stream, [*said, *done.assumptions]
        elif item.kind == "close_lane" and length is not None:
            stream = _on_open_lanes(stream, ways, length)
    return stream, tuple(of_texts(said))


def _on_open_lanes(stream: AxleStream, ways: Mapping[str, Way], length_m: float) -> AxleStream:
    """Vehicles of closed lanes follow in the last open one of their direction."""
    lane = stream.lane.copy()
    for sign, lanes, count in ways.values():
        closed = np.isin(lane, lanes[count:]) & (np.sign(stream.speed_ms) == sign)
        lane[closed] = lanes[max(count, 1) - 1]
    moved = replace(stream, lane=lane.astype(np.int32))
    return keep_distance(moved, gap_m=LEAST_GAP_M, length_m=length_m).stream


def _distributions(
    item: Intervention, classes: Sequence[VehicleClass], known: Sequence[str]
) -> tuple[str, ...] | None:
    """Distributions of gross mass of the classes that an intervention names; None for all."""
    names = item.names("classes")
    if not names:
        return None
    found = {one.mass_distribution_id for one in classes if one.name in names}
    return tuple(name for name in known if name in found)


def guided(
    rows: Sequence[BridgeTraffic], acting: Sequence[Intervention], *, heavy: Collection[str]
) -> tuple[BridgeTraffic, ...]:
    """Hand-over rows after measures that choose the lane of a class.

    Parameters
    ----------
    heavy
        Classes that a ban on overtaking binds if it names none.
    """
    out = list(rows)
    for item in acting:
        if item.kind == "lane_guidance":
            lane, names = int(item.number("lane")), set(item.names("classes"))
        elif item.kind == "overtaking_ban":
            lane, names = 1, set(item.names("classes")) or set(heavy)
        else:
            continue
        out = [
            replace(row, lane_shares=_only(lane, len(row.lane_shares)))
            if not names or row.vehicle_class in names
            else row
            for row in out
        ]
    return tuple(out)


def fitted(case: BridgeCase, rows: Sequence[BridgeTraffic]) -> tuple[BridgeTraffic, ...]:
    """Rows with one share for each lane that the influence lines of the direction know.

    A closed lane has none; where the network has more lanes, the last one carries the rest.
    """
    out = []
    for row in rows:
        count = len(case.lanes_of.get(row.direction, row.lane_shares))
        shares = row.lane_shares
        if len(shares) > count:
            shares = (*shares[: count - 1], sum(shares[count - 1 :]))
        elif len(shares) < count:
            shares = (*shares, *[0.0] * (count - len(shares)))
        out.append(row if shares == row.lane_shares else replace(row, lane_shares=shares))
    return tuple(out)


def _only(lane: int, count: int) -> tuple[float, ...]:
    kept = min(lane, count) - 1
    return tuple(1.0 if index == kept else 0.0 for index in range(count))
