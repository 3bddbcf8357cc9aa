"""Fire stations and hospitals of the registry at the nodes of the network: pure mappings."""

import numpy as np
from pyproj import Transformer

from twin.errors import NetworkError
from twin.model.city import City
from twin.model.network import Network
from twin.model.surroundings import EMERGENCY_CLASSES, EmergencyPlace

DEGREES = "EPSG:4326"
FARTHEST_M = 2000.0
"""A station farther from every junction lies beyond the network, or in the wrong place."""


def emergency_places(city: City, network: Network, *, crs: str) -> tuple[EmergencyPlace, ...]:
    """Fire stations and hospitals of a city, each at the nearest junction.

    Parameters
    ----------
    city
        Assets of the classes ``fire_station`` and ``hospital``.
    network
        Of the same city.
    crs
        Metric coordinate system of the network.

    Raises
    ------
    NetworkError
        If one lies more than 2 km from every junction; names all of them.

    Examples
    --------
    >>> from datetime import date
    >>> from twin.exchange.roadnetwork import road_network
    >>> empty, crs = City("Town"), "EPSG:25833"
    >>> network = road_network(empty, crs=crs, classes=(), as_of=date(2018, 1, 1))
    >>> emergency_places(empty, network, crs=crs)
    ()
    """
    metric = Transformer.from_crs(DEGREES, crs, always_xy=True)
    junctions = np.flatnonzero(~network.is_zone)
    found, lost = [], []
    for asset in sorted(city.assets, key=lambda item: item.id):
        if asset.asset_class not in EMERGENCY_CLASSES or not junctions.size:
            continue
        centre = asset.geometry.centroid
        x_m, y_m = metric.transform(centre.x, centre.y)
        away_m = np.hypot(network.x_m[junctions] - x_m, network.y_m[junctions] - y_m)
        nearest = int(np.argmin(away_m))
        if away_m[nearest] > FARTHEST_M:
            lost.append(f"{asset.asset_class} {asset.id}: {away_m[nearest]:,.0f} m")
            continue
        node = int(network.node_id[junctions[nearest]])
        found.append(
            EmergencyPlace(
                asset.asset_class, asset.id, asset.name, node, round(float(away_m[nearest]), 1)
            )
        )
    if lost:
        raise NetworkError(
            f"{len(lost)} place(s) lie more than {FARTHEST_M:,.0f} m from every junction, move "
            f"them or add roads: {', '.join(lost)}"
        )
    return tuple(found)
