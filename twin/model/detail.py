"""What a detailed check of a sub-area found, beside the static equilibrium."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

ReviewKind = Literal["lanes", "signal", "turn", "bent"]


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """One thing that somebody who knows the place should check before using the result.

    Parameters
    ----------
    kind : ReviewKind
    id : int
        Link id, or node id for a signal.
    value : str
        What was taken.
    reason : str
    """

    kind: ReviewKind
    id: int
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class SeedRun:
    """Totals of one simulated day of the sub-area, the warm-up included.

    Parameters
    ----------
    seed : int
    vehicles : int
        Planned; all of them are in exactly one of the next four counts.
    arrived : int
        At the end of their route.
    stranded : int
        Ended before it, or could not start, because of a sudden closure: unserved.
    waiting : int
        Never got into the sub-area, because its entry was full.
    driving : int
        Still under way at the end.
    teleports : int
        Vehicles that SUMO moved because they stood too long; above a few, do not trust the run.
    time_loss_s, depart_delay_s : float
        Mean per vehicle that entered: slower than alone on the road; waiting at the entry.
    seconds : float
        Duration of the computation.
    """

    seed: int
    vehicles: int
    arrived: int
    stranded: int
    waiting: int
    driving: int
    teleports: int
    time_loss_s: float
    depart_delay_s: float
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Mean, least and greatest value over the seeds, per link; NaN where no vehicle came."""

    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class DetailResult:
    """Measured in a microscopic simulation of a sub-area, beside the static equilibrium.

    Parameters
    ----------
    link_id : (links,)
        Streets of the sub-area, ascending.
    static_flow_vehh, static_speed_kmh : (links,)
        Of the equilibrium.
    flow_vehh : (seeds, links)
        Vehicles that entered or began on the link.
    speed_kmh, time_loss_s : (seeds, links)
        Mean speed; loss of time per vehicle on the link, without its junctions. NaN where no
        vehicle came.
    queue_veh, longest_queue_veh : (seeds, links)
        Standing vehicles: mean over the period and the most at one time.
    runs : tuple[SeedRun, ...]
        In the order of the rows.
    step_length_s : float
        Other step lengths give other delays.
    period_s : float
    versions : Mapping[str, str]
    review : tuple[ReviewItem, ...]
    assumptions, warnings : tuple[str, ...]
    """

    link_id: NDArray[np.int64]
    static_flow_vehh: NDArray[np.float64]
    static_speed_kmh: NDArray[np.float64]
    flow_vehh: NDArray[np.float64]
    speed_kmh: NDArray[np.float64]
    time_loss_s: NDArray[np.float64]
    queue_veh: NDArray[np.float64]
    longest_queue_veh: NDArray[np.float64]
    runs: tuple[SeedRun, ...]
    step_length_s: float
    period_s: float
    versions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    review: tuple[ReviewItem, ...] = ()
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds in the order of the rows."""
        return tuple(run.seed for run in self.runs)


def spread(values: NDArray[np.float64]) -> Spread:
    """Mean and range over the seeds.

    Parameters
    ----------
    values : (seeds, links)

    Examples
    --------
    >>> found = spread(np.array([[1.0, np.nan], [3.0, np.nan]]))
    >>> found.mean, found.low, found.high
    (array([ 2., nan]), array([ 1., nan]), array([ 3., nan]))
    """
    seen = ~np.isnan(values)
    count = seen.sum(axis=0)
    total = np.where(seen, values, 0.0).sum(axis=0)
    missing = count == 0
    low = np.where(seen, values, np.inf).min(axis=0)
    high = np.where(seen, values, -np.inf).max(axis=0)
    return Spread(
        mean=np.where(missing, np.nan, total / np.maximum(count, 1)),
        low=np.where(missing, np.nan, low),
        high=np.where(missing, np.nan, high),
    )


@dataclass(frozen=True, slots=True, eq=False)
class SpillbackResult:
    """Where queues reach back over whole links, for several platoon sizes.

    Parameters
    ----------
    link_id : (links,)
    platoons : tuple[int, ...]
        Vehicles that move together.
    queue_veh, longest_queue_veh : (platoons, links)
        Standing car units: mean over the run and the most at one time.
    full_s : (platoons, links)
        Time during which the queue covered the whole link [s].
    platoon_spread : float
        Range over mean of all standing vehicles between the platoon sizes [-].
    vehicles, arrived : tuple[int, ...]
        Car units by platoon size.
    seed : int
    period_s : float
    versions : Mapping[str, str]
    assumptions, warnings : tuple[str, ...]
    """

    link_id: NDArray[np.int64]
    platoons: tuple[int, ...]
    queue_veh: NDArray[np.float64]
    longest_queue_veh: NDArray[np.float64]
    full_s: NDArray[np.float64]
    platoon_spread: float
    vehicles: tuple[int, ...]
    arrived: tuple[int, ...]
    seed: int
    period_s: float
    versions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def spills_back(self) -> NDArray[np.bool_]:
        """Links that were full for some time with every platoon size."""
        return np.all(self.full_s > 0.0, axis=0)
