"""Closures in SUMO: planned ones by permission, sudden ones by rerouters on the streets before."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulations.traffic.detail.departures import Departures
from simulations.traffic.detail.subarea import SubTrips, rows_of
from simulations.traffic.detail.sumo import driven_turns, turns_at
from twin.errors import DetailError
from twin.model.network import Network

REROUTING_MODE = 8  # routes ignore passing closures, so that a trip into one does not end the run


@dataclass(frozen=True, slots=True)
class SuddenClosure:
    """Streets that close while vehicles are under way.

    Parameters
    ----------
    link_ids : tuple[int, ...]
        Directed links; both directions are two.
    at_s, until_s : float
        From the begin of the measured period [s]; open again at ``until_s``.
    """

    link_ids: tuple[int, ...]
    at_s: float
    until_s: float = np.inf

    def __post_init__(self) -> None:
        if not self.link_ids or not self.at_s < self.until_s:
            raise DetailError(
                "a sudden closure needs at least one link and an end after its begin; "
                f"got {len(self.link_ids)} links, {self.at_s:g} s to {self.until_s:g} s"
            )


def planned(network: Network, link_ids: Sequence[int]) -> Network:
    """The network with all permissions taken from some links.

    A scenario does the same; its own equilibrium then keeps off these links.

    Raises
    ------
    DetailError
        If a link is unknown.
    """
    mask = network.mask.copy()
    mask[rows_of(network.link_id, np.asarray(link_ids, dtype=np.int64))] = 0
    return replace(network, mask=mask)


def check_permissions(network: Network, trips: SubTrips) -> None:
    """Nothing, if every trip may use its links.

    Raises
    ------
    DetailError
        If some routes use closed links, that is, belong to another network; names the links.
    """
    rows = rows_of(network.link_id, trips.links)
    bits = np.array([each.bit for each in trips.classes], dtype=np.uint32)
    bit = np.repeat(bits[trips.class_index], np.diff(trips.start))
    shut = (network.mask[rows] >> bit) & 1 == 0
    if shut.any():
        raise DetailError(
            f"routes use links that are closed to their class: "
            f"{np.unique(trips.links[shut])[:10].tolist()}; a planned closure needs the paths of "
            "the scenario's own equilibrium and its edited network"
        )


def notified_links(
    network: Network, area: NDArray[np.int64], closed: Sequence[int], *, driven: SubTrips
) -> list[int]:
    """Links on which drivers learn of a closure, ascending.

    Backwards from each closed link up to the last ones with another way on, them included; and
    the closed links themselves, for vehicles that are on one with another ahead.

    Parameters
    ----------
    network : Network
    area : (links,)
    closed : sequence of int
    driven : SubTrips
        Turns of these trips exist, U-turns too.
    """
    onward, before = _turn_tables(network, area, driven)
    shut = set(closed)
    notified: set[int] = set()
    reached = list(shut)
    while reached:
        for previous in before.get(reached.pop(), []):
            if previous in notified:
                continue
            notified.add(previous)
            if previous in shut:
                continue
            if not set(onward[previous]) - shut:
                reached.append(previous)
    return sorted(notified | shut)


def _turn_tables(
    network: Network, area: NDArray[np.int64], driven: SubTrips
) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """Links that follow and precede each link of the area, as they are drawn for SUMO."""
    links = rows_of(network.link_id, area)
    outgoing, rules = turns_at(network, links)
    used = driven_turns(driven)
    onward: dict[int, list[int]] = {}
    before: dict[int, list[int]] = {}
    for row in links.tolist():
        first = int(network.link_id[row])
        onward[first] = []
        exits = outgoing.get(int(network.head[row]), [])
        for other in exits:
            second = int(network.link_id[other])
            back = network.head[other] == network.tail[row] and len(exits) > 1
            if rules.get((first, second)) == 0 or (back and (first, second) not in used):
                continue
            onward[first].append(second)
            before.setdefault(second, []).append(first)
    return onward, before


def rerouters_xml(
    network: Network,
    area: NDArray[np.int64],
    closures: Sequence[SuddenClosure],
    *,
    driven: SubTrips,
    warm_up_s: float,
    end_s: float,
) -> str:
    """Rerouters for sudden closures, as a part of SUMO's additional input.

    Raises
    ------
    DetailError
        If a closed link is not in the area.
    """
    parts = []
    for index, closure in enumerate(closures):
        rows_of(np.asarray(area), np.asarray(closure.link_ids, dtype=np.int64))
        edges = notified_links(network, area, closure.link_ids, driven=driven)
        begin = warm_up_s + closure.at_s
        end = min(warm_up_s + closure.until_s, end_s)
        shut = "".join(f'<closingReroute id="{each}" disallow="all"/>' for each in closure.link_ids)
        parts.append(
            f'<rerouter id="closure{index}" edges="{" ".join(map(str, edges))}">'
            f'<interval begin="{begin:.2f}" end="{end:.2f}">{shut}'
            '<destProbReroute id="terminateRoute"/></interval></rerouter>'
        )
    return "\n".join(parts)


def rerouting_options(closures: Sequence[SuddenClosure]) -> dict[str, str]:
    """Options of SUMO that sudden closures need; none without them."""
    if not closures:
        return {}
    return {
        "device.rerouting.probability": "1",
        "device.rerouting.mode": str(REROUTING_MODE),
        "device.rerouting.pre-period": "0",  # else vehicles choose anew before they depart
    }


def split_stranded(
    trips: SubTrips, departures: Departures, closures: Sequence[SuddenClosure], *, warm_up_s: float
) -> tuple[Departures, int]:
    """Vehicles that can start, and how many cannot: they would on a street that is closed then."""
    first = trips.links[trips.start[:-1]][departures.trip]
    stuck = np.zeros(len(first), dtype=np.bool_)
    for closure in closures:
        since = departures.depart_s - warm_up_s
        stuck |= (
            np.isin(first, np.asarray(closure.link_ids, dtype=np.int64))
            & (since >= closure.at_s)
            & (since < closure.until_s)
        )
    return Departures(departures.trip[~stuck], departures.depart_s[~stuck]), int(stuck.sum())


def notices(
    network: Network,
    area: NDArray[np.int64],
    closures: Sequence[SuddenClosure],
    *,
    driven: SubTrips,
    warm_up_s: float,
    end_s: float,
) -> tuple[dict[str, object], ...]:
    """What the child process must know to turn back vehicles that are past the notice."""
    return tuple(
        {
            "at_s": warm_up_s + each.at_s,
            "until_s": min(warm_up_s + each.until_s, end_s),
            "closed": [str(link) for link in each.link_ids],
            "notified": [
                str(link) for link in notified_links(network, area, each.link_ids, driven=driven)
            ],
        }
        for each in closures
    )
