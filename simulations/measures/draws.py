"""What members of an ensemble draw: demand, weights and models.

Member ``k`` of a seed is the same whatever the number of members and the order of bridges: each of
its numbers has a generator of its own, made from seed, member and name.
"""

import hashlib
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from simulations.measures.cases import BridgeCase
from simulations.traffic.networksums import is_heavy
from twin.model.bases import TrafficBase
from twin.model.tables import rows
from twin.model.traffic import Demand

Floats = NDArray[np.float64]

COMMON_SHARE = 0.5
"""Share of the variance of the demand that all trips have in common; own estimate."""
_BAND_SIGMA = 1.6448536269514722
"""Half width of a band of 90 % over its standard deviation."""
LARGEST_SIGMA = 0.5
"""Most that a band says; also of trips that no band knows."""


@dataclass(frozen=True, slots=True, eq=False)
class DemandSpread:
    """Relative standard deviation of each row of the demand, from the band of the calibration.

    Parameters
    ----------
    sigma : (rows,)
        Of the logarithm [-]; 0 everywhere if the calibration states no band at all.
    group : (rows,)
        Rows with the same number have the same factor: origin, and light or heavy.
    names
        Of the groups.
    """

    sigma: Floats
    group: NDArray[np.int64]
    names: tuple[str, ...]

    @property
    def is_known(self) -> bool:
        """Whether the calibration states a band at all."""
        return bool(self.sigma.any())


@dataclass(frozen=True, slots=True)
class Draw:
    """One member of an ensemble; apply it with `demand`, `weight_factor` and `stress_factor`.

    ``member`` counts from 0.
    """

    seed: int
    member: int

    def demand(self, base: Demand, spread: DemandSpread) -> Demand:
        """The demand of this member: trips of a group times one factor, median 1.

        Its gross masses are those of this member, too: they decide on the shares that limits inside
        a class divide it into.

        Examples
        --------
        >>> from simulations.traffic.examples import two_routes
        >>> _, demand = two_routes()
        >>> spread = DemandSpread(np.zeros(2), np.zeros(2, dtype=np.int64), ("1/light",))
        >>> drawn = Draw(1, 0).demand(demand, spread)
        >>> drawn.flow_vehh.tolist() == demand.flow_vehh.tolist()
        True
        >>> drawn.mass_factor == Draw(1, 0).weight_factor
        True
        """
        common = self._normal("demand")
        own = np.array([self._normal("demand", name) for name in spread.names])
        mixed = np.sqrt(COMMON_SHARE) * common + np.sqrt(1.0 - COMMON_SHARE) * own[spread.group]
        return replace(
            base,
            flow_vehh=base.flow_vehh * np.exp(spread.sigma * mixed),
            mass_factor=self.weight_factor,
        )

    @property
    def weight_factor(self) -> float:
        """Factor on all gross masses, median 1 [-]."""
        return float(np.exp(deviation("weights") * self._normal("weights")))

    def stress_factor(self, case: BridgeCase) -> float:
        """Factor on the effects of all vehicles at a part: weights times its model [-]."""
        if not case.level:
            return self.weight_factor
        model = np.exp(deviation(case.level) * self._normal("model", case.part_id))
        return self.weight_factor * float(model)

    def _normal(self, *names: str) -> float:
        return float(self._generator(*names).standard_normal())

    def _generator(self, *names: str) -> np.random.Generator:
        text = "|".join((str(self.seed), str(self.member), *names))
        digest = hashlib.sha256(text.encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:16], "big"))


@cache
def deviation(key: str) -> float:
    """Relative standard deviation of weights, or of a model level, from the table [-]."""
    found = {row["key"]: float(row["deviation"]) for row in rows("measure_deviations")}
    return found[key]


def demand_spread(base: TrafficBase) -> DemandSpread:
    """Spread of the demand from the band of the calibration on the links that its trips use.

    A path is known as well as the best known link on its way: of several links with a band the
    narrowest counts, they are not added up. A path without any such link has `LARGEST_SIGMA`:
    nobody has looked at it. The deviation of a row is the mean of its paths, weighted with their
    flows; a row without a path has the largest one, too. Bands are those of 90 %.
    """
    demand, state = base.demand, base.state
    link_sigma = _link_sigma(base)
    unknown = LARGEST_SIGMA if np.isfinite(link_sigma).any() else 0.0
    paths = state.paths
    order = np.argsort(state.link_id, kind="stable")
    row = order[np.searchsorted(state.link_id, paths.links, sorter=order)]
    size = paths.flow_vehh.size
    best = np.minimum.reduceat(link_sigma[row], paths.start[:-1]) if size else np.empty(0)
    best = np.where(np.isfinite(best), best, unknown)
    of_pair: dict[tuple[int, int, int], tuple[float, float]] = {}
    keys = zip(
        paths.class_index.tolist(), paths.origin.tolist(), paths.destination.tolist(), strict=True
    )
    summed = paths.flow_vehh * best
    for key, one, two in zip(keys, summed.tolist(), paths.flow_vehh.tolist(), strict=True):
        old = of_pair.get(key, (0.0, 0.0))
        of_pair[key] = (old[0] + one, old[1] + two)
    rows_of = zip(
        demand.class_index.tolist(), demand.origin.tolist(), demand.destination.tolist(),
        strict=True,
    )  # fmt: skip
    sums = np.array([of_pair.get(key, (0.0, 0.0)) for key in rows_of]).reshape(-1, 2)
    sigma = np.divide(
        sums[:, 0], sums[:, 1], out=np.full(len(sums), unknown), where=sums[:, 1] > 0.0
    )
    heavy = is_heavy(demand.classes)
    labels = [
        f"{origin}/{'heavy' if heavy[index] else 'light'}"
        for origin, index in zip(demand.origin.tolist(), demand.class_index.tolist(), strict=True)
    ]
    names, group = np.unique(np.array(labels, dtype=np.str_), return_inverse=True)
    return DemandSpread(sigma, group.ravel().astype(np.int64), tuple(names.tolist()))


def _link_sigma(base: TrafficBase) -> Floats:
    """Deviation of the logarithm of the flow of each link; infinite where there is no band."""
    state, around = base.state, base.surroundings
    sigma = np.full(state.link_id.size, np.inf)
    place = {link: row for row, link in enumerate(state.link_id.tolist())}
    flow = state.flow_vehh.sum(axis=0)
    for index, link in enumerate(around.band_link.tolist()):
        row = place.get(link)
        width = float(around.band_high_vehh[index] - around.band_low_vehh[index])
        if row is not None and flow[row] > 0.0 and np.isfinite(width):
            sigma[row] = min(width / (2.0 * _BAND_SIGMA * flow[row]), LARGEST_SIGMA)
    return sigma
