"""How far the flow of each link may be trusted after an adjustment to counts."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from simulations.traffic.fit import Score, Values, geh_band
from twin.model.traffic import LinkCounts, TrafficResult

LinkLabel = Literal["observed", "near", "inferred"]

# A link is near a counter if this share of its flow passes a counted link.
NEAR_SHARE = 0.5
# Half of the two-sided 90 % interval of the normal distribution.
Z_90 = 1.6448536269514722


def link_labels(result: TrafficResult, counts: LinkCounts) -> tuple[LinkLabel, ...]:
    """Which links were counted, lie near a counter, or are inferred.

    A link is near if at least half of its flow passes a counted link; one that no such path
    touches is inferred.
    """
    paths = result.paths
    order = np.argsort(result.link_id)
    link = order[np.searchsorted(result.link_id, paths.links, sorter=order)]
    is_counted = np.isin(result.link_id, counts.link_id)
    path = np.repeat(np.arange(paths.flow_vehh.size), np.diff(paths.start))
    touches = np.bincount(path, weights=is_counted[link], minlength=paths.flow_vehh.size) > 0
    size = result.link_id.size
    total = np.bincount(link, weights=paths.flow_vehh[path], minlength=size)
    seen = np.bincount(link, weights=(paths.flow_vehh * touches)[path], minlength=size)
    is_near = (seen > 0) & (seen >= NEAR_SHARE * total)
    return tuple(
        "observed" if counted else "near" if near else "inferred"
        for counted, near in zip(is_counted, is_near, strict=True)
    )


def bands(
    result: TrafficResult,
    counts: LinkCounts,
    label: Sequence[LinkLabel],
    *,
    before: Score,
    after: Score,
) -> tuple[Values, Values]:
    """Band of each link: around its counter, or the GEH that reserve counts stay below.

    The band of a counted link is centred on the model and wide enough to hold the count with its
    deviation, however far the model is from it; of several counts the worst decides. An inferred
    link gets the worse of the GEH before and after the adjustment. Without reserve counts nothing
    bounds the flow.
    """
    flow = result.flow_vehh.sum(axis=0)
    near = np.nan_to_num(after.geh_90, nan=np.inf)
    level = np.where(np.array(label) == "near", near, np.fmax(near, before.geh_90))
    if np.isfinite(level).all():
        low, high = geh_band(flow, level)
    else:
        low, high = np.zeros(flow.size), np.full(flow.size, np.inf)
    row = {int(link): at for at, link in enumerate(result.link_id)}
    spreads: dict[int, float] = {}
    for at, link in enumerate(counts.link_id):
        if counts.class_group[at] == "all":
            here = row[int(link)]
            misfit = abs(float(flow[here] - counts.flow_vehh[at]))
            spread = max(spreads.get(here, 0.0), misfit + Z_90 * float(counts.deviation_vehh[at]))
            spreads[here] = spread
            low[here], high[here] = max(flow[here] - spread, 0.0), flow[here] + spread
    return low, high
