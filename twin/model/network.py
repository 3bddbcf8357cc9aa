"""The road network as columns, ready for an assignment."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import IntEnum
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray


@cache
def _name(kind: np.dtype) -> str:
    """Name of a type of numpy; it takes longer to spell than a small column to hash."""
    return str(kind)


class CostFunction(IntEnum):
    """How the time on a link grows with its volume; the parameters are ``p0`` to ``p2``.

    ``FIXED`` has none. ``LINEAR``: slope [s per car unit and hour]. ``BPR``: factor, exponent.
    ``CONICAL``: steepness a > 1. ``AKCELIK``: period T [h], delay parameter J.
    """

    FIXED = 0
    LINEAR = 1
    BPR = 2
    CONICAL = 3
    AKCELIK = 4


class LinkProvenance(IntEnum):
    """Where an attribute of a link comes from."""

    MEASURED = 0
    SOURCED = 1
    DERIVED = 2
    ESTIMATED = 3
    DEFAULT = 4


def _no_ids() -> NDArray[np.int64]:
    return np.empty(0, dtype=np.int64)


def _no_values() -> NDArray[np.float64]:
    return np.empty(0)


@dataclass(frozen=True, slots=True, eq=False)
class Turns:
    """Turns that are banned or cost time; every other turn is free and open to all.

    Parameters
    ----------
    in_link, out_link : (turns,)
        Link ids; the head of the first is the tail of the second.
    penalty_s : (turns,)
        Extra time of the turn [s].
    mask : (turns,)
        Bits of the vehicle classes that may turn; 0 bans the turn.
    """

    in_link: NDArray[np.int64] = field(default_factory=_no_ids)
    out_link: NDArray[np.int64] = field(default_factory=_no_ids)
    penalty_s: NDArray[np.float64] = field(default_factory=_no_values)
    mask: NDArray[np.uint32] = field(default_factory=lambda: np.empty(0, dtype=np.uint32))


@dataclass(frozen=True, slots=True, eq=False)
class LinkAssets:
    """Which links lie on which assets, many to many.

    Parameters
    ----------
    link_id : (rows,)
    asset : (rows,)
        Id of a bridge or other asset in the registry.
    from_m, to_m : (rows,)
        Where the asset begins and ends along the link [m].
    """

    link_id: NDArray[np.int64] = field(default_factory=_no_ids)
    asset: tuple[str, ...] = ()
    from_m: NDArray[np.float64] = field(default_factory=_no_values)
    to_m: NDArray[np.float64] = field(default_factory=_no_values)


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Directed links between nodes, in any order; parallel links are legal and keep their ids.

    Whoever builds one states every number; ``simulations.traffic.graph`` checks them.

    Parameters
    ----------
    epsg : int
        Metric coordinate system of ``x_m`` and ``y_m``; 0 for a schematic drawing.
    node_id, x_m, y_m : (nodes,)
    is_zone : (nodes,)
        Trips begin and end here.
    no_through : (nodes,)
        A path may begin or end here and never pass.
    link_id : (links,)
        Unique; every result comes back under these ids.
    tail, head : (links,)
        Node ids.
    length_m, t0_s, speed_kmh : (links,)
        Length, time on the empty link (0 is legal), speed on the empty link.
    lanes : (links,)
    capacity_pceh : (links,)
        Car units an hour in this direction over all lanes.
    cost_function, p0, p1, p2 : (links,)
        ``CostFunction`` and its parameters.
    mask : (links,)
        Bits of the vehicle classes that may use the link.
    max_weight_t, max_axle_t, max_height_m : (links,)
        Limits in force; +inf where there is none.
    preload_pceh : (links,)
        Volume that is always there, such as buses on a timetable.
    toll_eur : (classes, links) or None
    limit_exempt : (links,) or None
        Bits of the classes that the limits do not bind, such as buses.
    closed_to : (links,) or None
        Bits of the classes that a closure keeps out, whoever else may pass; says why trips have no
        path.
    odd_speed : (links,) or None
        A free speed outside 2 to 250 km/h was looked at here and is right.
    provenance : Mapping[str, (links,)]
        ``LinkProvenance`` by name of the column.
    node_name, link_name : tuple[str, ...]
        Registry ids (asset of a junction, component of a direction) in the order of the columns;
        empty where the network comes from elsewhere.
    """

    epsg: int
    node_id: NDArray[np.int64]
    x_m: NDArray[np.float64]
    y_m: NDArray[np.float64]
    is_zone: NDArray[np.bool_]
    no_through: NDArray[np.bool_]
    link_id: NDArray[np.int64]
    tail: NDArray[np.int64]
    head: NDArray[np.int64]
    length_m: NDArray[np.float64]
    t0_s: NDArray[np.float64]
    speed_kmh: NDArray[np.float64]
    lanes: NDArray[np.uint8]
    capacity_pceh: NDArray[np.float64]
    cost_function: NDArray[np.uint8]
    p0: NDArray[np.float64]
    p1: NDArray[np.float64]
    p2: NDArray[np.float64]
    mask: NDArray[np.uint32]
    max_weight_t: NDArray[np.float64]
    max_axle_t: NDArray[np.float64]
    max_height_m: NDArray[np.float64]
    preload_pceh: NDArray[np.float64]
    toll_eur: NDArray[np.float64] | None = None
    limit_exempt: NDArray[np.uint32] | None = None
    closed_to: NDArray[np.uint32] | None = None
    odd_speed: NDArray[np.bool_] | None = None
    provenance: Mapping[str, NDArray[np.uint8]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    turns: Turns = field(default_factory=Turns)
    link_assets: LinkAssets = field(default_factory=LinkAssets)
    node_name: tuple[str, ...] = ()
    link_name: tuple[str, ...] = ()

    def content_hash(self) -> str:
        """SHA-256 of everything that an assignment reads, in hexadecimal."""
        digest = hashlib.sha256()
        for part in (self, self.turns, self.link_assets):
            for item in fields(part):
                value = getattr(part, item.name)
                if isinstance(value, np.ndarray):
                    digest.update(f"{item.name} {_name(value.dtype)} {value.shape}".encode())
                    digest.update(np.ascontiguousarray(value).tobytes())
                elif isinstance(value, (int, tuple)):
                    digest.update(f"{item.name} {value!r}".encode())
        return digest.hexdigest()
