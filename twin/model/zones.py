"""Where trips begin and end, and how many people live and work there."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Zones:
    """Traffic zones and gateways to the surroundings, one row each.

    Parameters
    ----------
    node_id : (zones,)
        Node of the network that stands for the zone.
    name : tuple[str, ...]
        Ids in the registry.
    residents, jobs : (zones,)
        0 for a gateway.
    gateway_veh_d : (zones,)
        Vehicles a day over the border of the city, both directions; 0 for a zone in the city.
    gateway_heavy_share : (zones,)
        Share of heavy vehicles among them, 0 to 1.
    gateway_through_share : (zones,)
        Share of them that leaves through another gateway, 0 to 1.

    Examples
    --------
    >>> here = Zones(node_id=np.array([1, 2]), name=("Z01", "X01"), residents=np.array([9e3, 0]),
    ...     jobs=np.array([4e3, 0]), gateway_veh_d=np.array([0.0, 8e4]),
    ...     gateway_heavy_share=np.array([0.0, 0.2]), gateway_through_share=np.array([0.0, 0.5]))
    >>> here.is_gateway
    array([False,  True])
    """

    node_id: NDArray[np.int64]
    name: tuple[str, ...]
    residents: NDArray[np.float64]
    jobs: NDArray[np.float64]
    gateway_veh_d: NDArray[np.float64]
    gateway_heavy_share: NDArray[np.float64]
    gateway_through_share: NDArray[np.float64]

    @property
    def is_gateway(self) -> NDArray[np.bool_]:
        """(zones,) Whether the zone stands for the surroundings."""
        return self.gateway_veh_d > 0
