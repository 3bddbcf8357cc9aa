"""Demand, equilibrium and hand-over of the traffic model, as plain columns."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SolveStatus = Literal["converged", "time_limit", "pass_limit", "cancelled"]
UnservedReason = Literal["mask", "weight", "axle", "height", "closure", "no_connection"]


@dataclass(frozen=True, slots=True)
class VehicleClass:
    """Vehicles that share a cost and a right of way.

    Parameters
    ----------
    name : str
    bit : int
        Position of the class in the masks of links and turns, 0 to 31.
    pce : float
        Passenger-car equivalents of one vehicle [-].
    vmax_kmh : float
    mass_from_t, mass_to_t : float
        Band of gross mass; a limit below ``mass_to_t`` bans the vehicles above it, or the whole
        class if its distribution of gross mass is not known.
    axle_t, height_m : float
        Heaviest axle and height that occur in the class.
    time_value_eur_h, distance_cost_eur_km : float
    mass_distribution_id : str
        Names the distribution of gross mass that bridges are loaded with.
    """

    name: str
    bit: int
    pce: float = 1.0
    vmax_kmh: float = np.inf
    mass_from_t: float = 0.0
    mass_to_t: float = 0.0
    axle_t: float = 0.0
    height_m: float = 0.0
    time_value_eur_h: float = np.inf
    distance_cost_eur_km: float = 0.0
    mass_distribution_id: str = ""


@dataclass(frozen=True, slots=True)
class DemandPeriod:
    """The hours that a demand stands for: first hour of the day, length [h], and kind of day."""

    start_hour: float = 7.0
    hours: float = 1.0
    day_type: str = "workday"


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """Trips between zones, one row per class, origin and destination; repeated rows add up.

    Parameters
    ----------
    classes : tuple[VehicleClass, ...]
    class_index : (rows,)
        Row of ``classes``.
    origin, destination : (rows,)
        Node ids of zones.
    flow_vehh : (rows,)
        Vehicles an hour, not car units.
    period : DemandPeriod
    assumptions : tuple[str, ...]
        What was estimated, in English sentences.
    mass_factor : float
        On all gross masses of the table of vehicles, as a member of an ensemble draws it.
    """

    classes: tuple[VehicleClass, ...]
    class_index: NDArray[np.uint8]
    origin: NDArray[np.int64]
    destination: NDArray[np.int64]
    flow_vehh: NDArray[np.float64]
    period: DemandPeriod = field(default_factory=DemandPeriod)
    assumptions: tuple[str, ...] = ()
    mass_factor: float = 1.0

    def content_hash(self) -> str:
        """SHA-256 of everything that an assignment reads, in hexadecimal."""
        digest = hashlib.sha256(repr((self.classes, self.period)).encode())
        for column in (self.class_index, self.origin, self.destination, self.flow_vehh):
            digest.update(f"{column.dtype} {column.shape}".encode())
            digest.update(np.ascontiguousarray(column).tobytes())
        if self.mass_factor != 1.0:
            digest.update(repr(self.mass_factor).encode())
        return digest.hexdigest()


def _none() -> NDArray[np.float64]:
    return np.zeros(0)


@dataclass(frozen=True, slots=True, eq=False)
class PathState:
    """The paths in use and their flows: for select-link, warm starts and sub-areas.

    Parameters
    ----------
    class_index, origin, destination : (paths,)
        Class and node ids of the pair; the paths of a pair follow each other.
    flow_vehh : (paths,)
    start : (paths + 1,)
        Path p uses ``links[start[p]:start[p + 1]]``.
    links : (entries,)
        Link ids from origin to destination.
    mass_from_t, mass_to_t : (paths,) or (0,)
        Masses between which the vehicles of the path lie, where limits divide a class; 0 and
        infinity for the whole class. Empty if no class is divided.
    """

    class_index: NDArray[np.uint8]
    origin: NDArray[np.int64]
    destination: NDArray[np.int64]
    flow_vehh: NDArray[np.float64]
    start: NDArray[np.int64]
    links: NDArray[np.int64]
    mass_from_t: NDArray[np.float64] = field(default_factory=_none)
    mass_to_t: NDArray[np.float64] = field(default_factory=_none)


@dataclass(frozen=True, slots=True, eq=False)
class Unserved:
    """Trips without an allowed path, one row per class and pair."""

    class_index: NDArray[np.uint8]
    origin: NDArray[np.int64]
    destination: NDArray[np.int64]
    flow_vehh: NDArray[np.float64]
    reason: tuple[UnservedReason, ...]


@dataclass(frozen=True, slots=True)
class SolvePass:
    """One full pricing pass: gap, objective and paths at that moment."""

    number: int
    seconds: float
    relative_gap: float
    objective: float
    paths: int


@dataclass(frozen=True, slots=True, eq=False)
class TrafficResult:
    """A user equilibrium and its certificate.

    Class and path flows are one consistent solution of several; ``volume_pceh`` is unique on links
    whose time grows with the volume.

    Parameters
    ----------
    link_id : (links,)
        In the order of the network's columns.
    classes : tuple[VehicleClass, ...]
    flow_vehh : (classes, links)
    volume_pceh : (links,)
        Car units an hour with the preload.
    t0_s, time_s : (links,)
        Time on the empty link and now, without class terms.
    capacity_pceh : (links,)
    is_flow_dependent : (links,)
        The time grows with the volume here, so the volume is unique.
    movement_pceh : (links,)
        |volume - volume stored when the gap first fell below ten times the target|.
    relative_gap : float
        From one full pass on exactly these flows.
    gap_by_class : tuple[float, ...]
    excess_s : float
        Mean time that a car unit could save.
    objective, lower_bound : float
        Beckmann objective and the best bound below the optimum.
    total_time_pce_s, shortest_time_pce_s : float
        TSTT and SPTT of the gap, generalised cost in seconds.
    status : SolveStatus
    passes : tuple[SolvePass, ...]
    served_vehh, intrazonal_vehh : (classes,)
    unserved : Unserved
    paths : PathState
    assumptions, warnings : tuple[str, ...]
    input_hash : str
    versions : Mapping[str, str]
    threads : int
    seconds : float
    peak_memory_bytes : int
    """

    link_id: NDArray[np.int64]
    classes: tuple[VehicleClass, ...]
    flow_vehh: NDArray[np.float64]
    volume_pceh: NDArray[np.float64]
    t0_s: NDArray[np.float64]
    time_s: NDArray[np.float64]
    capacity_pceh: NDArray[np.float64]
    is_flow_dependent: NDArray[np.bool_]
    movement_pceh: NDArray[np.float64]
    relative_gap: float
    gap_by_class: tuple[float, ...]
    excess_s: float
    objective: float
    lower_bound: float
    total_time_pce_s: float
    shortest_time_pce_s: float
    status: SolveStatus
    passes: tuple[SolvePass, ...]
    served_vehh: NDArray[np.float64]
    intrazonal_vehh: NDArray[np.float64]
    unserved: Unserved
    paths: PathState
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    input_hash: str = ""
    versions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    threads: int = 1
    seconds: float = 0.0
    peak_memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class SolveOptions:
    """How exactly and how long to solve.

    Parameters
    ----------
    relative_gap : float
        Target; 1e-4 for screening, 1e-6 for whatever is compared.
    max_passes : int
    time_limit_s : float
    threads : int
        0 takes what the process may use.
    path_memory_bytes : int
        0 takes a quarter of the memory that the process may use.
    pricing : str
        ``auto``, ``dijkstra`` or ``hierarchy``.
    """

    relative_gap: float = 1e-6
    max_passes: int = 200
    time_limit_s: float = 120.0
    threads: int = 0
    path_memory_bytes: int = 0
    pricing: Literal["auto", "dijkstra", "hierarchy"] = "auto"

    def identity(self) -> str:
        """What of the options may change the result; threads and memory may not."""
        kept = [
            item.name for item in fields(self) if item.name not in ("threads", "path_memory_bytes")
        ]
        return repr([(name, getattr(self, name)) for name in kept])


@dataclass(frozen=True, slots=True)
class RunEstimate:
    """What a run will probably take, for the job card."""

    seconds: float
    memory_bytes: int


@dataclass(frozen=True, slots=True, eq=False)
class LinkCounts:
    """Validated counts of one period on directed links.

    Parameters
    ----------
    station : tuple[str, ...]
        Both directions of a station share its id.
    link_id : (rows,)
    flow_vehh : (rows,)
    deviation_vehh : (rows,)
        Standard deviation of the count.
    class_group : tuple[str, ...]
        ``all`` or ``heavy``.
    """

    station: tuple[str, ...]
    link_id: NDArray[np.int64]
    flow_vehh: NDArray[np.float64]
    deviation_vehh: NDArray[np.float64]
    class_group: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BridgeTraffic:
    """Traffic on one part structure in one direction by one class over one period.

    Low and high are the band from estimation and noise floor; without an estimation's band the
    assumptions say that it is the noise floor alone. ``obey_share`` is the share of
    vehicles that keep ``mass_limit_t``; 1 is an assumption. Where a limit inside its mass band
    divides a class, each slice has a row: its vehicles weigh more than ``mass_from_t`` and at most
    ``mass_to_t``.
    """

    asset_id: str
    part_id: str
    link_ids: tuple[int, ...]
    direction: str
    lane_shares: tuple[float, ...]
    period_start_hour: float
    hours: float
    day_type: str
    vehicle_class: str
    flow_vehh: float
    flow_low_vehh: float
    flow_high_vehh: float
    mean_speed_kmh: float
    heavy_share: float
    mass_distribution_id: str
    mass_limit_t: float
    obey_share: float
    min_gap_m: float
    relative_gap: float
    kind: str
    assumptions: tuple[str, ...] = ()
    mass_from_t: float = 0.0
    mass_to_t: float = np.inf
