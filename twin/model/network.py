"""The road network as columns, ready for an assignment."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Network:
    """Directed links between nodes.

    Parameters
    ----------
    node_id : (nodes,)
        Asset ids of the junctions.
    link_id : (links,)
        Component ids of the directions of road sections.
    tail, head : (links,)
        Rows of ``node_id``.
    length_m, free_speed_km_h, lanes : (links,)
        Length [m], speed on the empty link [km/h], lanes in this direction [-].
    """

    node_id: tuple[str, ...]
    link_id: tuple[str, ...]
    tail: NDArray[np.int32]
    head: NDArray[np.int32]
    length_m: NDArray[np.float64]
    free_speed_km_h: NDArray[np.float64]
    lanes: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class NetworkState:
    """Flow [veh/h], travel time [s] and closure per link, at an instant or under a scenario."""

    flow_veh_h: NDArray[np.float64]
    time_s: NDArray[np.float64]
    is_closed: NDArray[np.bool_]
