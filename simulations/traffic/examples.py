"""A city small enough to solve by hand, for examples and a first try."""

from typing import Any

import numpy as np

from twin.model.network import CostFunction, LinkAssets, LinkProvenance, Network
from twin.model.traffic import Demand, VehicleClass

CAR = VehicleClass("car", 0, time_value_eur_h=12.0, mass_to_t=2.8, axle_t=1.6, height_m=2.1)
LORRY = VehicleClass(
    "lorry", 1, pce=2.0, time_value_eur_h=30.0, mass_from_t=12.0, mass_to_t=26.0,
    axle_t=11.5, height_m=4.0, mass_distribution_id="hgv_12_26",
)  # fmt: skip


def two_routes(*, cars_vehh: float = 3000.0, lorries_vehh: float = 0.0) -> tuple[Network, Demand]:
    """Two bridges side by side from west to east, and one road on from there.

    Links 1 and 4 are the short bridge ``B1`` (600 s, 1800 car units an hour), 2 and 5 the long
    bridge ``B2`` (720 s, 2400), 3 and 6 the road behind them (60 s). Zones are the nodes 1 and 3.

    Parameters
    ----------
    cars_vehh, lorries_vehh
        Trips from west to east; a third as many cars drive back.

    Examples
    --------
    >>> network, demand = two_routes()
    >>> network.link_name
    ('S1/ab', 'S2/ab', 'S3/ab', 'S1/ba', 'S2/ba', 'S3/ba')
    """
    classes = (CAR, LORRY) if lorries_vehh else (CAR,)
    bpr, fixed = int(CostFunction.BPR), int(CostFunction.FIXED)
    columns = {
        "length_m": [6000.0, 7200.0, 1000.0],
        "t0_s": [600.0, 720.0, 60.0],
        "speed_kmh": [36.0, 36.0, 60.0],
        "capacity_pceh": [1800.0, 2400.0, 2000.0],
        "p0": [0.15, 0.15, 0.0],
        "p1": [4.0, 4.0, 0.0],
        "p2": [0.0, 0.0, 0.0],
        "preload_pceh": [0.0, 0.0, 0.0],
    }
    both_ways: dict[str, Any] = {name: np.array(values * 2) for name, values in columns.items()}
    ids = np.arange(1, 7)
    network = Network(
        epsg=25833,
        node_id=np.array([1, 2, 3]),
        x_m=np.array([0.0, 6000.0, 7000.0]),
        y_m=np.zeros(3),
        is_zone=np.array([True, False, True]),
        no_through=np.zeros(3, dtype=np.bool_),
        link_id=ids,
        tail=np.array([1, 1, 2, 2, 2, 3]),
        head=np.array([2, 2, 3, 1, 1, 2]),
        lanes=np.array([2, 2, 1] * 2, dtype=np.uint8),
        cost_function=np.array([bpr, bpr, fixed] * 2, dtype=np.uint8),
        mask=np.full(6, 3, dtype=np.uint32),
        max_weight_t=np.full(6, np.inf),
        max_axle_t=np.full(6, np.inf),
        max_height_m=np.full(6, np.inf),
        provenance={"capacity_pceh": np.full(6, LinkProvenance.ESTIMATED, dtype=np.uint8)},
        link_assets=LinkAssets(
            link_id=np.array([1, 2, 4, 5]),
            asset=("B1", "B2", "B1", "B2"),
            from_m=np.full(4, 100.0),
            to_m=np.full(4, 500.0),
        ),
        node_name=("west", "fork", "east"),
        link_name=("S1/ab", "S2/ab", "S3/ab", "S1/ba", "S2/ba", "S3/ba"),
        **both_ways,
    )
    flows = [cars_vehh, cars_vehh / 3.0] + ([lorries_vehh] if lorries_vehh else [])
    demand = Demand(
        classes=classes,
        class_index=np.array([0, 0, 1][: len(flows)], dtype=np.uint8),
        origin=np.array([1, 3, 1][: len(flows)]),
        destination=np.array([3, 1, 3][: len(flows)]),
        flow_vehh=np.array(flows),
    )
    return network, demand
