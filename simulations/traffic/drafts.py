"""A network and a demand while a scenario changes them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulations.traffic.arrays import BoolArray, FloatArray, IdArray, MaskArray
from simulations.traffic.classes import classes, open_mass_t, rights
from simulations.traffic.places import Places
from simulations.traffic.turns import EVERY_CLASS
from twin.model.interventions import suggestion
from twin.model.network import CostFunction, LinkProvenance, Network, Turns
from twin.model.traffic import Demand, VehicleClass

_CHANGEABLE = (
    "t0_s",
    "speed_kmh",
    "lanes",
    "capacity_pceh",
    "mask",
    "max_weight_t",
    "max_axle_t",
    "max_height_m",
)
_PER_LINK = (
    *_CHANGEABLE,
    "link_id",
    "tail",
    "head",
    "length_m",
    "cost_function",
    "p0",
    "p1",
    "p2",
    "preload_pceh",
)


class Draft:
    """Writable columns of a network and its demand; the originals stay as they are.

    ``obey_share`` and ``min_gap_m`` are what bridges need to know of limits and distance rules;
    ``closed_lanes`` and the ``works_share`` of capacity that is left let closures of lanes add up.
    """

    def __init__(self, network: Network, demand: Demand) -> None:
        columns: dict[str, Any] = {name: getattr(network, name).copy() for name in _CHANGEABLE}
        toll = network.toll_eur
        exempt, closed = network.limit_exempt, network.closed_to
        self.network = replace(
            network,
            **columns,
            toll_eur=None if toll is None else toll.copy(),
            limit_exempt=None if exempt is None else exempt.copy(),
            closed_to=None if closed is None else closed.copy(),
            provenance={name: codes.copy() for name, codes in network.provenance.items()},
        )
        self.demand = replace(demand, flow_vehh=demand.flow_vehh.copy())
        trips = np.bincount(demand.class_index, demand.flow_vehh, minlength=len(demand.classes))
        self.has_trips: BoolArray = trips > 0.0
        self.places = Places(network)
        self.obey_share = np.ones(network.link_id.size)
        self.min_gap_m = np.zeros(network.link_id.size)
        self.closed_lanes = np.zeros(network.link_id.size, dtype=np.int64)
        self.works_share = np.ones(network.link_id.size)
        self.turns: list[tuple[int, int]] = []
        self.assumptions: list[str] = []
        self.warnings: list[str] = []

    @property
    def classes(self) -> tuple[VehicleClass, ...]:
        """Vehicle classes of the demand."""
        return self.demand.classes

    @property
    def all_classes(self) -> tuple[VehicleClass, ...]:
        """Vehicle classes of the demand, and those of the default table that have no trips here.

        Exemptions and bans hold for them too: emergency services are seldom in a demand. A class of
        the table whose bit belongs to another class of the demand is left out.
        """
        bits = {item.bit for item in self.classes}
        return (*self.classes, *(item for item in classes() if item.bit not in bits))

    def named_classes(self, names: Sequence[str]) -> tuple[BoolArray, list[str]]:
        """Which classes of the demand are named, and a problem for each unknown name.

        A class of the default table that has no trips here is no problem.
        """
        known = [item.name for item in self.classes]
        default = [item.name for item in classes()]
        chosen = np.array([name in names for name in known], dtype=np.bool_)
        problems = [
            f"unknown vehicle class {name[:100]!r}{suggestion(name, known)}"
            for name in names
            if name not in known and name not in default
        ]
        return chosen, problems

    def bits(self, names: Sequence[str]) -> np.uint32:
        """Mask with the bits of some classes, with or without trips."""
        return np.uint32(sum({1 << item.bit for item in self.all_classes if item.name in names}))

    def is_noticed(self, mask: int) -> bool:
        """Whether a mask has the bit of a class that has trips."""
        pairs = zip(self.classes, self.has_trips, strict=True)
        return any(trips and mask >> item.bit & 1 for item, trips in pairs)

    def is_open(self, rows: IdArray, members: tuple[VehicleClass, ...] | None = None) -> BoolArray:
        """Which class, by default of the demand, may use which of some links, (classes, rows)."""
        asked = self.classes if members is None else members
        out = np.empty((len(asked), rows.size), dtype=np.bool_)
        mask = self.network.mask[rows]
        for index, item in enumerate(asked):
            out[index] = rights(self.network, item, mask=mask, link_of=rows).is_open
        return out

    def open_mass_t(self, rows: IdArray) -> FloatArray:
        """Gross mass up to which each class of the demand may use some links, (classes, rows)."""
        mask = self.network.mask[rows]
        return np.array(
            [open_mass_t(self.network, item, mask=mask, link_of=rows) for item in self.classes]
        ).reshape(len(self.classes), rows.size)

    def noticed(self, rows: IdArray) -> tuple[NDArray, ...]:
        """What vehicles notice of some links: permission, mass, time, capacity, toll in seconds.

        A class without trips notices nothing.
        """
        network = self.network
        depends = network.cost_function[rows] != CostFunction.FIXED
        money = np.array([1.0 / item.time_value_eur_h for item in self.classes])
        toll = np.zeros((len(self.classes), rows.size))
        if network.toll_eur is not None:
            toll = network.toll_eur[:, rows] * money[:, np.newaxis]
        mass_t = np.where(self.has_trips[:, np.newaxis], self.open_mass_t(rows), -np.inf)
        is_open = mass_t > -np.inf
        used = is_open.any(axis=0)
        return (
            is_open,
            mass_t,
            np.where(used, network.t0_s[rows], 0.0),
            np.where(used & depends, network.capacity_pceh[rows], 0.0),
            np.where(is_open, toll, 0.0),
        )

    def turn_rule(self, in_link: int, out_link: int) -> tuple[float, int]:
        """Penalty [s] and mask of a turn as all rules together make them."""
        turns = self.network.turns
        same = (turns.in_link == in_link) & (turns.out_link == out_link)
        mask = np.bitwise_and.reduce(turns.mask[same], initial=EVERY_CLASS)
        return float(turns.penalty_s[same].sum()), int(mask)

    def add_turn(self, in_link: int, out_link: int, *, penalty_s: float, mask: np.uint32) -> bool:
        """Add a rule for a turn; False if it changes nothing for any class that has trips."""
        before = self.turn_rule(in_link, out_link)
        turns = self.network.turns
        self.network = replace(
            self.network,
            turns=Turns(
                in_link=np.append(turns.in_link, in_link),
                out_link=np.append(turns.out_link, out_link),
                penalty_s=np.append(turns.penalty_s, penalty_s),
                mask=np.append(turns.mask, mask).astype(np.uint32),
            ),
        )
        now = self.turn_rule(in_link, out_link)
        if now[0] == before[0] and not self.is_noticed(now[1] ^ before[1]):
            return False
        self.turns.append((in_link, out_link))
        return True

    def tolls(self) -> FloatArray:
        """Writable tolls by class and link [EUR]."""
        if self.network.toll_eur is None:
            links = self.network.link_id.size
            self.network = replace(self.network, toll_eur=np.zeros((len(self.classes), links)))
        assert self.network.toll_eur is not None  # noqa: S101 - set above
        return self.network.toll_eur

    def exempt(self) -> MaskArray:
        """Writable bits of the classes that limits do not bind, by link."""
        if self.network.limit_exempt is None:
            none = np.zeros(self.network.link_id.size, dtype=np.uint32)
            self.network = replace(self.network, limit_exempt=none)
        assert self.network.limit_exempt is not None  # noqa: S101 - set above
        return self.network.limit_exempt

    def close(self, rows: IdArray, exempt: np.uint32) -> None:
        """Keep out all classes but the exempt ones; those who lose a link lose it by a closure."""
        mask, closed = self.network.mask, self.network.closed_to
        if closed is None:
            closed = np.zeros(mask.size, dtype=np.uint32)
            self.network = replace(self.network, closed_to=closed)
        closed[rows] |= mask[rows] & ~exempt
        mask[rows] &= exempt

    def mark(self, column: str, rows: IdArray, code: LinkProvenance) -> None:
        """Say where new values of a column come from, if the network keeps account of it."""
        codes = self.network.provenance.get(column)
        if codes is not None:
            codes[rows] = code

    def add_link(self, values: dict[str, float | int], *, name: str, code: LinkProvenance) -> None:
        """Append a link; ``values`` has every column that a link needs."""
        network = self.network
        columns: dict[str, Any] = {
            column: np.append(getattr(network, column), values[column]).astype(
                getattr(network, column).dtype
            )
            for column in _PER_LINK
        }
        toll, exempt, odd = network.toll_eur, network.limit_exempt, network.odd_speed
        closed = network.closed_to
        self.network = replace(
            network,
            **columns,
            toll_eur=None if toll is None else np.pad(toll, ((0, 0), (0, 1))),
            limit_exempt=None if exempt is None else np.append(exempt, np.uint32(0)),
            closed_to=None if closed is None else np.append(closed, np.uint32(0)),
            odd_speed=None if odd is None else np.append(odd, False),
            provenance={
                column: np.append(codes, np.uint8(code))
                for column, codes in network.provenance.items()
            },
            link_name=(*network.link_name, name) if network.link_name else (),
        )
        self.obey_share = np.append(self.obey_share, 1.0)
        self.min_gap_m = np.append(self.min_gap_m, 0.0)
        self.closed_lanes = np.append(self.closed_lanes, 0)
        self.works_share = np.append(self.works_share, 1.0)
        row = network.link_id.size
        self.places.add_link(name, row)
        self.places.add_link(str(values["link_id"]), row)
