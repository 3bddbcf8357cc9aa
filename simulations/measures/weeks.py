"""A simulated week of heavy vehicles on a part structure, before and after a measure."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from simulations.measures.acting import act
from simulations.measures.cases import BridgeCase
from simulations.measures.words import Said, say
from simulations.structure.restrictions import take
from simulations.structure.weights import GRAVITY_MS2, sample_traffic
from simulations.traffic.massshares import distribution_above
from twin.model.interventions import Intervention
from twin.model.structure import AxleStream
from twin.model.traffic import BridgeTraffic, VehicleClass

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MOST_VEHICLES = 12_000
"""Of one direction; a week with more is cut short and says so."""
DAYS = 7.0
_KMH = 3.6
_SLOWEST_KMH = 5.0


@dataclass(frozen=True, slots=True)
class Week:
    """Heavy vehicles of a week on both sides, the same ones where flows are equal.

    Parameters
    ----------
    before, after
        Sorted by time.
    days
        Days that the vehicles stand for; less than seven where the week was cut short.
    """

    before: AxleStream
    after: AxleStream
    days: float
    said: tuple[Said, ...]


def week(
    case: BridgeCase, before: Sequence[BridgeTraffic], after: Sequence[BridgeTraffic], *,
    classes: Sequence[VehicleClass], acting: Sequence[Intervention], seed: int,
    day_factor: float,
) -> Week | None:  # fmt: skip
    """Draw a week; None if no heavy vehicle crosses on either side.

    Vehicles are drawn at the larger flow of both sides and kept on each side with the share that
    its flow is of it, so that equal flows give equal streams and fewer vehicles are some of the
    same ones. Where a limit divides a class, that holds on both sides of its mass.

    Parameters
    ----------
    before, after
        Hand-over rows of the part.
    classes
        Heavy ones with a distribution of gross mass.
    acting
        Interventions on this part, for what they do to the stream.
    seed
        The same for all parts; each part and direction has its own draw from it.
    day_factor
        Vehicles of a day over those of the hour.
    """
    names = tuple(sorted({item.mass_distribution_id for item in classes}))
    directions = sorted({row.direction for row in (*before, *after)})
    ways = [
        _Way.of(case, direction, before, after, classes=classes, names=names)
        for direction in directions
    ]
    hours = max(1, round(DAYS * day_factor))
    busiest = max((float(way.rate_vehh.sum()) for way in ways), default=0.0)
    if busiest <= 0.0:
        return None
    kept_hours = min(hours, max(1, int(MOST_VEHICLES / busiest)))
    pairs = [
        _drawn(way, names, kept_hours, _own_seed(seed, case.part_id, way.direction), sign)
        for way, sign in zip(ways, _signs(case, directions), strict=True)
        if way.rate_vehh.sum() > 0.0
    ]
    one, two = (joined([pair[side] for pair in pairs]) for side in (0, 1))
    changed, said = act(two, case, acting, classes=classes, ways={
        way.direction: (sign, way.lanes, way.open_lanes)
        for way, sign in zip(ways, _signs(case, directions), strict=True)
    })  # fmt: skip
    key = "assume.week" if kept_hours == hours else "assume.week_reduced"
    values = {"seed": str(seed), "hours": f"{kept_hours}", "share": f"{kept_hours / hours:.0%}"}
    if key == "assume.week":
        told = say(key, seed=values["seed"], hours=values["hours"])
    else:
        told = say(key, seed=values["seed"], share=values["share"])
    return Week(one, changed, DAYS * kept_hours / hours, (told, say("assume.light"), *said))


@dataclass(frozen=True, slots=True)
class _Way:
    """Flows of one direction.

    Parameters
    ----------
    rate_vehh : (distributions,)
        Vehicles of each distribution of gross mass to draw, so many that each side is some of them
        at every mass [1/h].
    edge_t
        Masses that divide each distribution, rising.
    before_share, after_share
        Of each distribution and the masses between its edges, which of the drawn ones cross [-].
    limit_t, obey : (distributions,)
    """

    direction: str
    rate_vehh: Floats
    edge_t: tuple[Floats, ...]
    before_share: tuple[Floats, ...]
    after_share: tuple[Floats, ...]
    limit_t: Floats
    obey: Floats
    speed_ms: float
    shares: tuple[float, ...]
    lanes: tuple[int, ...]
    open_lanes: int

    @classmethod
    def of(
        cls, case: BridgeCase, direction: str, before: Sequence[BridgeTraffic],
        after: Sequence[BridgeTraffic], *, classes: Sequence[VehicleClass], names: tuple[str, ...],
    ) -> "_Way":  # fmt: skip
        """The busiest link of a direction on each side."""
        of_class = {item.name: names.index(item.mass_distribution_id) for item in classes}
        one = _busiest([row for row in before if row.direction == direction], of_class)
        two = _busiest([row for row in after if row.direction == direction], of_class)
        limit, obey = np.full(len(names), np.inf), np.ones(len(names))
        drawn = [
            _by_mass(
                name,
                *(
                    [row for row in rows if of_class[row.vehicle_class] == index]
                    for rows in (one, two)
                ),
            )
            for index, name in enumerate(names)
        ]
        for row in two:
            if row.obey_share < 1.0:
                index = of_class[row.vehicle_class]
                limit[index], obey[index] = row.mass_limit_t, row.obey_share
        known = one or two
        weights = np.array([row.flow_vehh for row in known]) + 1e-12
        speeds = np.array([max(row.mean_speed_kmh, _SLOWEST_KMH) for row in known])
        shares = known[0].lane_shares if known else (1.0,)
        return cls(
            direction=direction,
            rate_vehh=np.array([each.rate_vehh for each in drawn]),
            edge_t=tuple(each.edge_t for each in drawn),
            before_share=tuple(each.share[0] for each in drawn),
            after_share=tuple(each.share[1] for each in drawn),
            limit_t=limit,
            obey=obey,
            speed_ms=float(weights @ speeds / weights.sum()) / _KMH if known else 1.0,
            shares=shares,
            lanes=case.lanes_of.get(direction, tuple(range(1, len(shares) + 1))),
            open_lanes=len(two[0].lane_shares) if two else len(shares),
        )

    def crosses(self, chance: Floats, kind: NDArray[np.int32], mass_t: Floats) -> list[Bools]:
        """Which of the drawn vehicles cross on each side, (vehicles,) each."""
        out = [np.zeros(chance.size, dtype=np.bool_) for _ in range(2)]
        for index, edges in enumerate(self.edge_t):
            mine = kind == index
            place = np.searchsorted(edges, mass_t[mine])
            for side, share in enumerate((self.before_share[index], self.after_share[index])):
                out[side][mine] = chance[mine] < share[place]
        return out


@dataclass(frozen=True, slots=True)
class _ByMass:
    """Vehicles of one distribution: how many to draw, and which share crosses on each side."""

    rate_vehh: float
    edge_t: Floats
    share: Floats


def _by_mass(name: str, before: Sequence[BridgeTraffic], after: Sequence[BridgeTraffic]) -> _ByMass:
    edges = sorted({row.mass_to_t for row in (*before, *after) if np.isfinite(row.mass_to_t)})
    ends = (0.0, *edges, np.inf)
    pieces = list(pairwise(ends))
    usual = np.array([_between(name, low, high) for low, high in pieces])
    flows = np.zeros((2, len(pieces)))
    for side, rows in enumerate((before, after)):
        for row in rows:
            whole = _between(name, row.mass_from_t, row.mass_to_t)
            for index, (low, high) in enumerate(pieces):
                if row.mass_from_t <= low and high <= row.mass_to_t:
                    flows[side, index] += row.flow_vehh * (usual[index] / whole)
    most = flows.max(axis=0)
    rate = float(np.max(np.divide(most, usual, out=np.zeros_like(most), where=usual > 0.0)))
    drawn = np.where(rate * usual > 0.0, rate * usual, 1.0)
    return _ByMass(rate, np.array(edges), flows / drawn)


def _between(name: str, from_t: float, to_t: float) -> float:
    """Share of a distribution above one mass and up to another [-]."""
    low = 1.0 if from_t <= 0.0 else distribution_above(name, from_t)
    return low - (0.0 if np.isinf(to_t) else distribution_above(name, to_t))


def _busiest(
    rows: Sequence[BridgeTraffic], of_class: Mapping[str, int]
) -> tuple[BridgeTraffic, ...]:
    by_link: dict[tuple[int, ...], list[BridgeTraffic]] = {}
    for row in rows:
        if row.vehicle_class in of_class:
            by_link.setdefault(row.link_ids, []).append(row)
    if not by_link:
        return ()
    return tuple(
        max(by_link.items(), key=lambda one: (sum(row.flow_vehh for row in one[1]), one[0]))[1]
    )


def _signs(case: BridgeCase, directions: Sequence[str]) -> list[int]:
    """+1 along the stationing; where nothing is known, the second direction is against it."""
    return [
        case.along.get(direction, 1 if index == 0 else -1)
        for index, direction in enumerate(directions)
    ]


def _drawn(
    way: _Way, names: tuple[str, ...], hours: int, seed: int, sign: int
) -> tuple[AxleStream, AxleStream]:
    drawn = sample_traffic(
        {name: [flow] * hours for name, flow in zip(names, way.rate_vehh.tolist(), strict=True)},
        speed_ms=sign * way.speed_ms,
        lane_shares=way.shares,
        seed=seed,
    ).stream
    numbers = np.array((*way.lanes, *range(len(way.lanes) + 1, len(way.shares) + 1)))
    stream = replace(drawn, lane=numbers[drawn.lane - 1].astype(np.int32))
    random = np.random.default_rng([seed, 1])
    chance, draw = random.random(len(stream)), random.random(len(stream))
    kind = stream.vehicle_class
    is_before, is_after = way.crosses(chance, kind, stream.gross_kn / GRAVITY_MS2)
    heavier = stream.gross_kn > way.limit_t[kind] * GRAVITY_MS2
    breaks = is_before & heavier & (draw >= way.obey[kind])
    return (
        take(stream, np.flatnonzero(is_before)),
        take(stream, np.flatnonzero(is_after | breaks)),
    )


def joined(streams: Sequence[AxleStream]) -> AxleStream:
    """Streams of the same classes as one, sorted by time."""
    sizes = np.concatenate([np.diff(one.first_axle) for one in streams])
    whole = AxleStream(
        time_s=np.concatenate([one.time_s for one in streams]),
        lane=np.concatenate([one.lane for one in streams]),
        speed_ms=np.concatenate([one.speed_ms for one in streams]),
        vehicle_class=np.concatenate([one.vehicle_class for one in streams]),
        first_axle=np.concatenate(([0], np.cumsum(sizes))).astype(np.int32),
        axle_offset_m=np.concatenate([one.axle_offset_m for one in streams]),
        axle_load_kn=np.concatenate([one.axle_load_kn for one in streams]),
        classes=streams[0].classes,
    )
    return take(whole, np.argsort(whole.time_s, kind="stable"))


def _own_seed(seed: int, *names: str) -> int:
    """Seed of one part and direction: of its names, whatever else is computed."""
    text = "|".join((str(seed), *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
