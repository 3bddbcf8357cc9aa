"""Who uses a link: from where to where, in which class, and along which other links."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulations.traffic.arrays import BoolArray, FloatArray, IdArray
from simulations.traffic.pathflows import Paths, on_network, rows_of
from twin.model.traffic import TrafficResult

ONE_SOLUTION = (
    "flows by class and by path are one consistent solution of several; the volume of a link is "
    "unique where its time grows with the volume"
)


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """Trips through some links of an equilibrium.

    Parameters
    ----------
    class_index, origin, destination : (pairs,)
        Class, and node ids of zones.
    flow_vehh : (pairs,)
        Trips of the pair that pass the links.
    class_vehh : (classes,)
        Trips by class.
    link_vehh : (classes, links)
        Where these trips drive, in the order of the network's columns.
    assumptions : tuple[str, ...]
    """

    class_index: IdArray
    origin: IdArray
    destination: IdArray
    flow_vehh: FloatArray
    class_vehh: FloatArray
    link_vehh: FloatArray
    assumptions: tuple[str, ...]

    @property
    def total_vehh(self) -> float:
        """All trips through the links."""
        return float(self.class_vehh.sum())


def select(
    result: TrafficResult, links: IdArray, *, through: Literal["any", "all"] = "any"
) -> Selection:
    """Trips whose retained paths lead through any or all of some links; nothing is solved anew.

    Parameters
    ----------
    result
    links : (ids,)
        Link ids.
    through
        ``any`` of the links, or ``all`` of them in any order.

    Raises
    ------
    NetworkError
        If a link is unknown; names it.

    Examples
    --------
    ``select(result, np.array([28]))`` has the same ``total_vehh`` as link 28 has flow.
    """
    paths = on_network(result.paths, result.link_id)
    wanted = np.unique(rows_of(result.link_id, np.asarray(links, dtype=np.int64)))
    chosen = _chosen(paths, wanted, needed=1 if through == "any" else wanted.size)
    state = result.paths
    return _selection(paths, chosen & (state.flow_vehh > 0.0), classes=len(result.classes))


def _chosen(paths: Paths, wanted: IdArray, *, needed: int) -> BoolArray:
    """Which paths hold at least so many different of the wanted links."""
    if needed == 0:
        return np.zeros(paths.state.flow_vehh.size, dtype=np.bool_)
    place = np.full(paths.links, -1, dtype=np.int64)
    place[wanted] = np.arange(wanted.size)
    entry = np.flatnonzero(place[paths.row] >= 0)
    key = np.unique(paths.path[entry] * wanted.size + place[paths.row[entry]])
    count = np.bincount(key // wanted.size, minlength=paths.state.flow_vehh.size)
    return count >= needed


def _selection(paths: Paths, chosen: BoolArray, *, classes: int) -> Selection:
    state = paths.state
    rows = np.flatnonzero(chosen)
    columns = np.stack((state.class_index[rows], state.origin[rows], state.destination[rows]))
    pairs, place = np.unique(columns, axis=1, return_inverse=True)
    flow = np.bincount(place.ravel(), weights=state.flow_vehh[rows], minlength=pairs.shape[1])
    return Selection(
        class_index=pairs[0],
        origin=pairs[1],
        destination=pairs[2],
        flow_vehh=flow.astype(np.float64),
        class_vehh=np.bincount(
            state.class_index[rows], weights=state.flow_vehh[rows], minlength=classes
        ).astype(np.float64),
        link_vehh=paths.link_flows(classes, chosen),
        assumptions=(ONE_SOLUTION,),
    )
