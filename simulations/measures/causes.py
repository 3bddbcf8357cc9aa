"""Where the trips come from that a measure brings onto a bridge, or takes off it."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from simulations.measures.document import Cause
from simulations.measures.flows import PartFlows, TrafficSides
from simulations.traffic.networksums import is_heavy
from simulations.traffic.selectlink import Selection, select

Floats = NDArray[np.float64]

MOST = 5
HEAVY_LIMIT_T = 30.0
_LEAST_SHARE = 0.01
"""Pairs below this share of the largest change are noise of one solution among several."""


def causes(
    sides: TrafficSides, links: NDArray[np.int64], *, flows: PartFlows, names: Mapping[int, str],
    gains: bool,
) -> list[Cause]:  # fmt: skip
    """Pairs of zones with the largest change of heavy vehicles over some links, up to five.

    Parameters
    ----------
    sides
    links : (ids,)
        Of the bridge.
    flows
        On the bridge, for the share of each class above 30 t.
    names
        Readable names of zones by node id.
    gains
        Pairs that add heavy vehicles; else those that take them away.
    """
    known_base = links[np.isin(links, sides.base.state.link_id)]
    base = select(sides.base.state, known_base)
    scenario = select(sides.result, links[np.isin(links, sides.result.link_id)])
    pairs, before, change = _changes(base, scenario, len(sides.classes))
    if not pairs.shape[1]:
        return []
    heavy = is_heavy(sides.classes)
    above, above_now = flows.shares_above(HEAVY_LIMIT_T)
    sign = 1.0 if gains else -1.0
    size = sign * change[heavy].sum(axis=0)
    order = np.lexsort((pairs[1], pairs[0], -size))
    least = _LEAST_SHARE * float(size[order[0]])
    rows = [row for row in order[:MOST].tolist() if size[row] > max(least, 1e-9)]
    day = sides.day_factor
    return [
        {
            "origin": int(pairs[0, row]),
            "destination": int(pairs[1, row]),
            "origin_name": names.get(int(pairs[0, row]), str(int(pairs[0, row]))),
            "destination_name": names.get(int(pairs[1, row]), str(int(pairs[1, row]))),
            "vehd": _of_day(float(change[:, row].sum()), day),
            "heavy_vehd": _of_day(float(change[heavy, row].sum()), day),
            "above_30t_vehd": _of_day(
                float(above_now @ change[:, row] + (above_now - above) @ before[:, row]), day
            ),
        }
        for row in rows
    ]


def _of_day(value: float, day: float | None) -> float | None:
    return None if day is None else value * day


def _changes(
    base: Selection, scenario: Selection, classes: int
) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Pairs (2, pairs), flow before and change of each class (classes, pairs) [1/h]."""
    columns = np.stack(
        [
            np.concatenate((base.origin, scenario.origin)),
            np.concatenate((base.destination, scenario.destination)),
        ]
    ).astype(np.int64)
    pairs, place = np.unique(columns, axis=1, return_inverse=True)
    index = np.concatenate((base.class_index, scenario.class_index)).astype(np.int64)
    flow = np.concatenate((-base.flow_vehh, scenario.flow_vehh))
    cell = index * pairs.shape[1] + place.ravel()
    size = classes * pairs.shape[1]
    own = cell[: base.flow_vehh.size]
    before = np.bincount(own, weights=base.flow_vehh, minlength=size).astype(np.float64)
    sums = np.bincount(cell, weights=flow, minlength=size).astype(np.float64)
    shape = classes, pairs.shape[1]
    return pairs, before.reshape(shape), sums.reshape(shape)
