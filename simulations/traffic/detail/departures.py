"""When the vehicles of a sub-area enter it: one random sample per seed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulations.traffic.detail.subarea import SubTrips
from twin.errors import DetailError

SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class DepartureProfile:
    """How the flow is spread over the period.

    Parameters
    ----------
    duration_s : float
        Length of the period that is measured [s].
    shares : tuple[float, ...]
        Relative rates in equal parts of the period; their mean counts as 1.
    warm_up_s : float
        Time before, at the rate of the first part, in which the streets fill; not measured [s].
    """

    duration_s: float = 3600.0
    shares: tuple[float, ...] = (1.0,)
    warm_up_s: float = 900.0

    def __post_init__(self) -> None:
        positive = len(self.shares) > 0 and min(self.shares) >= 0.0 and sum(self.shares) > 0.0
        if not (self.duration_s > 0.0 and self.warm_up_s >= 0.0 and positive):
            raise DetailError(
                f"a departure profile needs a positive duration (got {self.duration_s:g} s), a "
                f"warm-up of 0 or more (got {self.warm_up_s:g} s) and shares of 0 or more that "
                f"are not all 0 (got {self.shares})"
            )

    def slots(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Borders of the parts with the warm-up, from 0 [s], and their rates [-].

        Examples
        --------
        >>> DepartureProfile(600.0, (1.0, 3.0), 100.0).slots()
        (array([  0., 100., 400., 700.]), array([0.5, 0.5, 1.5]))
        """
        rates = np.array(self.shares) / np.mean(self.shares)
        parts = self.warm_up_s + np.linspace(0.0, self.duration_s, len(rates) + 1)
        if self.warm_up_s == 0.0:
            return parts, rates
        return np.concatenate(([0.0], parts)), np.concatenate((rates[:1], rates))


@dataclass(frozen=True, slots=True, eq=False)
class Departures:
    """Vehicles in the order of departure.

    Parameters
    ----------
    trip : (vehicles,)
        Row of the trips.
    depart_s : (vehicles,)
        From the begin of the warm-up [s].
    """

    trip: NDArray[np.int64]
    depart_s: NDArray[np.float64]


def expected_vehicles(trips: SubTrips, profile: DepartureProfile) -> float:
    """Mean number of vehicles of one seed, the warm-up included."""
    borders, rates = profile.slots()
    return float(np.sum(trips.flow_vehh)) * float(np.diff(borders) @ rates) / SECONDS_PER_HOUR


def sample(trips: SubTrips, profile: DepartureProfile, *, seed: int) -> Departures:
    """One random day: whole vehicles for fractional flows.

    Systematic sampling over the trips, so that each part of the period has its total to within
    one vehicle, and neighbouring trips (of one entry, as the paths are ordered) nearly so.
    Within a part, departures are uniform.

    Parameters
    ----------
    trips : SubTrips
    profile : DepartureProfile
    seed : int
        Equal seeds give equal vehicles.
    """
    random = np.random.default_rng(seed)
    borders, rates = profile.slots()
    chosen: list[NDArray[np.int64]] = []
    times: list[NDArray[np.float64]] = []
    for begin, end, rate in zip(borders[:-1], borders[1:], rates, strict=True):
        expected = trips.flow_vehh * (rate * (end - begin) / SECONDS_PER_HOUR)
        totals = np.floor(np.concatenate(([0.0], np.cumsum(expected))) + random.random())
        picked = np.repeat(np.arange(len(expected)), np.diff(totals).astype(np.int64))
        chosen.append(picked)
        times.append(random.uniform(begin, end, len(picked)))
    trip, depart_s = np.concatenate(chosen), np.concatenate(times)
    order = np.argsort(depart_s, kind="stable")
    return Departures(trip[order], depart_s[order])
