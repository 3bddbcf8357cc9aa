"""A sub-area as plain SUMO input: network, vehicle types, vehicles and measured edges, as text.

Edge ids are our link ids, node ids ours too, so that results come back without a table.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from simulations.traffic.detail.departures import Departures
from simulations.traffic.detail.subarea import SubTrips, rows_of
from simulations.traffic.massshares import is_known
from twin.errors import DetailError
from twin.model.detail import ReviewItem
from twin.model.network import LinkProvenance, Network
from twin.model.tables import rows
from twin.model.traffic import VehicleClass

SIGNAL_ARMS = 3
SIGNAL_CAPACITY_PCEH = 3000.0  # of all approaches together: below, right of way suffices
CAPACITY_PER_RANK_PCEH = 400.0
STRAIGHT_SHARE = 0.02  # a road is straight if its length is that of the chord to within this
STRAIGHT_M = 2.0
SHORTEST_LINK_M = 1.0
FREE_VCLASSES = ("truck", "trailer", "coach", "custom1", "custom2", "private", "hov", "taxi")
KMH_PER_M_S = 3.6


@dataclass(frozen=True, slots=True)
class PlainNetwork:
    """Input of netconvert and what is to be reviewed in it."""

    nodes: str
    edges: str
    connections: str
    review: tuple[ReviewItem, ...]


@dataclass(frozen=True, slots=True)
class VehicleTypes:
    """Vehicle types in SUMO, one per class, each with a right of way of its own.

    Parameters
    ----------
    xml : str
    vclass : tuple[str, ...]
        SUMO class by row of our classes.
    """

    xml: str
    vclass: tuple[str, ...]


def vehicle_types(classes: tuple[VehicleClass, ...]) -> VehicleTypes:
    """Vehicle types from the fact table, by name or gross mass of our classes.

    Raises
    ------
    DetailError
        If there are more classes than SUMO has names for.

    Examples
    --------
    >>> vehicle_types((VehicleClass("car", 0), VehicleClass("hgv", 1, mass_to_t=40.0))).vclass
    ('passenger', 'trailer')
    """
    table = {row["key"]: row for row in rows("sumo_vehicle_types")}
    taken: list[str] = []
    lines = []
    for index, vehicle in enumerate(classes):
        row = table[_type_key(vehicle)]
        free = [each for each in (row["vclass"], *FREE_VCLASSES) if each not in taken]
        if not free:
            raise DetailError(
                f"{len(classes)} vehicle classes are more than SUMO can tell apart here; "
                "join some of them for the detailed check"
            )
        taken.append(free[0])
        limit = (
            f' maxSpeed="{vehicle.vmax_kmh / KMH_PER_M_S:.2f}"' if vehicle.vmax_kmh < np.inf else ""
        )
        lines.append(
            f'<vType id="c{index}" vClass="{free[0]}" length="{row["length_m"]}" '
            f'minGap="{row["min_gap_m"]}" accel="{row["accel_m_s2"]}" '
            f'decel="{row["decel_m_s2"]}"{limit}/>'
        )
    return VehicleTypes("\n".join(lines), tuple(taken))


def _type_key(vehicle: VehicleClass) -> str:
    name = vehicle.name.casefold()
    if name in ("bus", "emergency", "van"):
        return name
    for up_to_t, key in ((3.5, "car"), (12.0, "light_truck"), (26.0, "rigid_truck")):
        if vehicle.mass_to_t <= up_to_t:
            return key
    return "articulated_truck"


def plain_network(
    network: Network,
    area: NDArray[np.int64],
    *,
    classes: tuple[VehicleClass, ...],
    driven: SubTrips | None = None,
    signals: Iterable[int] | None = None,
) -> PlainNetwork:
    """Nodes, edges and connections of a sub-area for netconvert.

    Parameters
    ----------
    network : Network
        With the edits of the scenario: a link that no class may use gets no permission.
    area : (links,)
        Ids of the streets.
    classes : tuple[VehicleClass, ...]
    driven : SubTrips, optional
        U-turns that these trips make are written, no other ones except at dead ends.
    signals : iterable of int, optional
        Nodes with signals where they are known; guessed by arms and capacity where not given.

    Raises
    ------
    DetailError
        If a link is unknown or two ends of one lie at the same place.
    """
    links = rows_of(network.link_id, area)
    nodes = np.unique(np.concatenate((network.tail[links], network.head[links])))
    places = rows_of(network.node_id, nodes, what="node")
    known = signals is not None
    lit = set(signals) if signals is not None else guess_signals(network, area)
    vclasses = vehicle_types(classes).vclass
    turns, turn_review = _connections(network, links, driven)
    review = [
        *_lane_review(network, links),
        *([] if known else _signal_review(nodes, lit)),
        *turn_review,
        *_bent_review(network, links),
    ]
    return PlainNetwork(
        nodes=_nodes(network, places, lit),
        edges=_edges(network, links, allowed(network, links, classes, vclasses)),
        connections=turns,
        review=tuple(review),
    )


def guess_signals(network: Network, area: NDArray[np.int64]) -> set[int]:
    """Nodes of the area where signals are likely: several arms and large approaches."""
    links = rows_of(network.link_id, area)
    approach: dict[int, float] = {}
    arms: dict[int, set[int]] = {}
    for row in links.tolist():
        tail, head = int(network.tail[row]), int(network.head[row])
        approach[head] = approach.get(head, 0.0) + float(network.capacity_pceh[row])
        arms.setdefault(head, set()).add(tail)
        arms.setdefault(tail, set()).add(head)
    return {
        node
        for node, capacity in approach.items()
        if len(arms[node]) >= SIGNAL_ARMS and capacity >= SIGNAL_CAPACITY_PCEH
    }


def allowed(
    network: Network,
    links: NDArray[np.int64],
    classes: tuple[VehicleClass, ...],
    vclasses: tuple[str, ...],
) -> list[str]:
    """SUMO classes that may use each link: mask, mass, axle load and height fit.

    A mass limit inside the band of a class lets it pass: routes lead its lighter vehicles there.
    """
    columns = [
        ((network.mask[links] >> np.uint32(each.bit)) & 1).astype(np.bool_)
        & (
            (network.max_weight_t[links] >= each.mass_to_t)
            | (network.max_weight_t[links] > each.mass_from_t) & is_known(each.mass_distribution_id)
        )
        & (network.max_axle_t[links] >= each.axle_t)
        & (network.max_height_m[links] >= each.height_m)
        for each in classes
    ]
    return [
        " ".join(name for name, column in zip(vclasses, columns, strict=True) if column[row])
        for row in range(len(links))
    ]


def _nodes(network: Network, places: NDArray[np.int64], lit: set[int]) -> str:
    lines = []
    for row in places.tolist():
        node = int(network.node_id[row])
        kind = "traffic_light" if node in lit else "priority"
        lines.append(
            f'<node id="{node}" x="{network.x_m[row]:.2f}" y="{network.y_m[row]:.2f}" '
            f'type="{kind}"/>'
        )
    return _document("nodes", lines)


def _edges(network: Network, links: NDArray[np.int64], permitted: list[str]) -> str:
    both = set(zip(network.tail[links].tolist(), network.head[links].tolist(), strict=True))
    bent = is_bent(network, links)
    lines = []
    for place, row in enumerate(links.tolist()):
        tail, head = int(network.tail[row]), int(network.head[row])
        length = max(float(network.length_m[row]), SHORTEST_LINK_M)
        may = f'allow="{permitted[place]}"' if permitted[place] else 'disallow="all"'
        lines.append(
            f'<edge id="{network.link_id[row]}" from="{tail}" to="{head}" '
            f'numLanes="{max(int(network.lanes[row]), 1)}" '
            f'speed="{network.speed_kmh[row] / KMH_PER_M_S:.3f}" '
            f'priority="{round(network.capacity_pceh[row] / CAPACITY_PER_RANK_PCEH)}" '
            + (f'length="{length:.2f}" ' if bent[place] else "")
            + f'spreadType="{"right" if (head, tail) in both else "center"}" {may}/>'
        )
    return _document("edges", lines)


def is_bent(network: Network, links: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the length of a link is not that of the line between its nodes."""
    tail = rows_of(network.node_id, network.tail[links], what="node")
    head = rows_of(network.node_id, network.head[links], what="node")
    chord = np.hypot(network.x_m[head] - network.x_m[tail], network.y_m[head] - network.y_m[tail])
    length = network.length_m[links]
    return np.abs(length - chord) > np.maximum(STRAIGHT_M, STRAIGHT_SHARE * length)


def turns_at(
    network: Network, links: NDArray[np.int64]
) -> tuple[dict[int, list[int]], dict[tuple[int, int], int]]:
    """Rows of the outgoing links of each node, and the class mask of turns that are not free."""
    outgoing: dict[int, list[int]] = {}
    for row in links.tolist():
        outgoing.setdefault(int(network.tail[row]), []).append(row)
    rules = {
        (int(first), int(second)): int(mask)
        for first, second, mask in zip(
            network.turns.in_link, network.turns.out_link, network.turns.mask, strict=True
        )
    }
    return outgoing, rules


def _connections(
    network: Network, links: NDArray[np.int64], driven: SubTrips | None
) -> tuple[str, list[ReviewItem]]:
    outgoing, rules = turns_at(network, links)
    used = set() if driven is None else driven_turns(driven)
    ids, tails = network.link_id, network.tail
    lines, review = [], []
    for row in links.tolist():
        first = int(ids[row])
        onward = outgoing.get(int(network.head[row]), [])
        kept = []
        for other in onward:
            second = int(ids[other])
            mask = rules.get((first, second))
            back = network.head[other] == tails[row] and len(onward) > 1
            if mask == 0 or (back and (first, second) not in used):
                continue
            kept.append(second)
            if mask is not None and (network.mask[row] & network.mask[other] & ~np.uint32(mask)):
                review.append(
                    ReviewItem("turn", first, f"to {second}", "open to some classes; drawn for all")
                )
        lines += [f'<connection from="{first}" to="{second}"/>' for second in kept]
        if onward and not kept:
            lines.append(f'<connection from="{first}"/>')
    return _document("connections", lines), review


def driven_turns(trips: SubTrips) -> set[tuple[int, int]]:
    """Pairs of links that follow each other in some trip."""
    same = np.ones(max(len(trips.links) - 1, 0), dtype=np.bool_)
    same[trips.start[1:-1] - 1] = False
    first, second = trips.links[:-1][same], trips.links[1:][same]
    return set(zip(first.tolist(), second.tolist(), strict=True))


def _lane_review(network: Network, links: NDArray[np.int64]) -> list[ReviewItem]:
    codes = network.provenance.get("lanes")
    items = []
    for row in links.tolist():
        reason = _lane_doubt(None if codes is None else int(codes[row]), int(network.lanes[row]))
        if reason:
            lanes = max(int(network.lanes[row]), 1)
            items.append(ReviewItem("lanes", int(network.link_id[row]), str(lanes), reason))
    return items


def _lane_doubt(code: int | None, lanes: int) -> str:
    """Why a number of lanes should be checked; empty if it need not."""
    if lanes == 0:
        return "unknown; one lane drawn"
    if code is None:
        return "provenance unknown"
    doubts = {LinkProvenance.ESTIMATED: "estimated", LinkProvenance.DEFAULT: "default"}
    return doubts.get(LinkProvenance(code), "")


def _signal_review(nodes: NDArray[np.int64], lit: set[int]) -> list[ReviewItem]:
    return [
        ReviewItem("signal", node, "signal", "guessed from arms and capacity; plan by netconvert")
        for node in nodes.tolist()
        if node in lit
    ]


def _bent_review(network: Network, links: NDArray[np.int64]) -> list[ReviewItem]:
    return [
        ReviewItem(
            "bent",
            int(network.link_id[row]),
            f"{network.length_m[row]:.0f} m",
            "drawn as a straight line of this length",
        )
        for row in links[is_bent(network, links)].tolist()
    ]


def routes_xml(trips: SubTrips, departures: Departures) -> str:
    """Vehicle types, the routes in use and the vehicles, for one seed.

    A vehicle is called by its row in ``departures``.
    """
    used = np.unique(departures.trip)
    lines = [vehicle_types(trips.classes).xml]
    lines += [
        f'<route id="r{trip}" edges="{" ".join(map(str, trips.route(trip).tolist()))}"/>'
        for trip in used.tolist()
    ]
    kinds = trips.class_index[departures.trip].tolist()
    vehicles = zip(departures.trip.tolist(), departures.depart_s.tolist(), kinds, strict=True)
    lines += [
        f'<vehicle id="{index}" type="c{kind}" route="r{trip}" depart="{depart:.2f}" '
        'departLane="best" departSpeed="max"/>'
        for index, (trip, depart, kind) in enumerate(vehicles)
    ]
    return _document("routes", lines)


def measured_edges_xml(*, begin_s: float, end_s: float, file: str) -> str:
    """Additional input that has SUMO write the means of every edge over one interval."""
    return (
        f'<edgeData id="means" file={quoteattr(file)} begin="{begin_s:.2f}" end="{end_s:.2f}" '
        'excludeEmpty="true"/>'
    )


def document(name: str, parts: Iterable[str]) -> str:
    """One XML document around parts that are XML already."""
    return _document(name, list(parts))


def _document(name: str, lines: list[str]) -> str:
    body = "\n".join(lines)
    return f"<{name}>\n{body}\n</{name}>\n"
