"""Traffic on bridges for whoever computes with their loads."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from simulations.traffic.arrays import BoolArray, FloatArray, IdArray
from simulations.traffic.edits import Edited, unedited
from simulations.traffic.massshares import share_between
from simulations.traffic.massslices import Edges, MassSlice, edges_of, slice_flows, slices_of
from simulations.traffic.networksums import MOVEMENTS, is_heavy
from simulations.traffic.pathflows import rows_of, slower_s
from simulations.traffic.places import axis, compass_point
from twin.model.network import Network
from twin.model.traffic import BridgeTraffic, Demand, TrafficResult

_KMH = 3.6  # 1 m/s in km/h
_NO_PARTS: Mapping[int, str] = MappingProxyType({})
_EQUAL_LANES = "every lane of a link carries the same share of each class"
_OBEY = "every vehicle keeps the mass limit"
_NO_ESTIMATE = (
    "the band holds chance and convergence only, no error of the estimation of the demand: no band "
    "of a calibration was given"
)


@dataclass(frozen=True, slots=True, eq=False)
class EstimateBand:
    """Band of the flows of a calibration, all vehicles [1/h]; of links beyond it nothing is known.

    Parameters
    ----------
    link_id : (links,)
    flow_vehh, low_vehh, high_vehh : (links,)
        Of the calibrated base, and ``low_vehh``, ``high_vehh`` of its report.
    """

    link_id: IdArray
    flow_vehh: FloatArray
    low_vehh: FloatArray
    high_vehh: FloatArray


def bridge_traffic(
    result: TrafficResult,
    *,
    network: Network,
    demand: Demand,
    kind: str,
    edited: Edited | None = None,
    movement_pceh: FloatArray | None = None,
    parts: Mapping[int, str] = _NO_PARTS,
    estimate: EstimateBand | None = None,
    edges: Edges | None = None,
) -> tuple[BridgeTraffic, ...]:
    """Rows per part structure, direction and class; over each set of links they sum to the flows.

    A class that limits divide has a row for each mass slice.

    Links of one direction that follow each other on a bridge carry the same vehicles, so a row is
    made per link and its ``link_ids`` has one entry.

    Parameters
    ----------
    result
        Of the base or of a scenario.
    network, demand
        Those that were solved.
    kind
        ``base`` or ``scenario``.
    edited
        Of the scenario, for distance rules and the share that keeps limits.
    movement_pceh : (links,)
        Movement of the side compared with, if it is to widen the band.
    parts
        Part structure by link id; left out, the asset is one part.
    estimate
        Band of the calibration that the demand comes from. A class gets its share of it, and a
        scenario the same share of its flow as the base. Left out, or on a link without a band, the
        rows say that the error of the estimation is missing.
    edges
        Limits that divide classes, those of this result among them (`massslices.edges_of`), so that
        two results have the same slices; by default those of this result.

    Raises
    ------
    NetworkError
        If the table of assets names an unknown link.
    """
    change = unedited(network, demand) if edited is None else edited
    table = network.link_assets
    rows = rows_of(network.link_id, table.link_id)
    noise = _band_vehh(result, movement_pceh)
    low, high, is_estimated = _estimated(result, estimate)
    low, high = (
        np.minimum(low, result.flow_vehh - noise),
        np.maximum(high, result.flow_vehh + noise),
    )
    low = np.maximum(low, 0.0)
    speed_kmh = _speeds_kmh(result, network)
    divided = _divided(result, demand, np.unique(rows), edges)
    out: list[BridgeTraffic] = []
    for asset in dict.fromkeys(table.asset):
        mine = rows[np.array([name == asset for name in table.asset], dtype=np.bool_)]
        mine = np.unique(mine)
        unit, along = axis(network, mine)
        for row, forward in zip(mine.tolist(), along.tolist(), strict=True):
            heading = compass_point(unit if forward else -unit)
            out += _link_rows(
                result, network, demand, change, row=row, asset=asset, heading=heading,
                part=parts.get(int(network.link_id[row]), asset), kind=kind,
                low_vehh=low[:, row], high_vehh=high[:, row], speed_kmh=speed_kmh[:, row],
                has_estimate=bool(is_estimated[row]), divided=divided,
            )  # fmt: skip
    return tuple(out)


@dataclass(frozen=True, slots=True, eq=False)
class _Divided:
    """Shares of the slices of each class on some links, by row of the link.

    Parameters
    ----------
    slices
        By class and rising mass.
    share : (slices, links of bridges)
        Of the flow of its class on the link [-]; of an empty one that of the table.
    column : row of the link -> column of ``share``
    """

    slices: tuple[MassSlice, ...]
    share: FloatArray
    column: Mapping[int, int]

    def of_class(self, index: int, row: int) -> list[tuple[MassSlice, float]]:
        """Slices of a class with their shares of its flow on a link."""
        return [
            (one, float(self.share[number, self.column[row]]))
            for number, one in enumerate(self.slices)
            if one.class_index == index
        ]


def _divided(result: TrafficResult, demand: Demand, rows: IdArray, edges: Edges | None) -> _Divided:
    known = edges_of((result.paths,)) if edges is None else edges
    slices = slices_of(len(result.classes), known)
    share = np.ones((len(slices), rows.size))
    inner = [one for one in slices if one.class_index in known]
    if inner:
        flow = slice_flows(
            result.paths, inner, classes=result.classes, link_id=result.link_id, wanted=rows,
            mass_factor=demand.mass_factor,
        )  # fmt: skip
        owner = np.array([one.class_index for one in inner])
        total = np.zeros((len(result.classes), rows.size))
        np.add.at(total, owner, flow)
        usual = [
            share_between(
                result.classes[one.class_index], one.from_t, one.to_t,
                mass_factor=demand.mass_factor,
            )
            for one in inner
        ]  # fmt: skip
        carries = total[owner] > 0.0
        part = np.divide(flow, total[owner], out=np.zeros_like(flow), where=carries)
        at = [number for number, one in enumerate(slices) if one.class_index in known]
        share[at] = np.where(carries, part, np.array(usual)[:, np.newaxis])
    return _Divided(slices, share, {row: place for place, row in enumerate(rows.tolist())})


def _link_rows(
    result: TrafficResult, network: Network, demand: Demand, change: Edited, *, row: int,
    asset: str, heading: str, part: str, kind: str, low_vehh: FloatArray, high_vehh: FloatArray,
    speed_kmh: FloatArray, has_estimate: bool, divided: _Divided,
) -> list[BridgeTraffic]:  # fmt: skip
    flow = result.flow_vehh[:, row]
    lanes = max(int(network.lanes[row]), 1)
    obey = float(change.obey_share[row])
    assumptions = [*result.assumptions, *([_EQUAL_LANES] if lanes > 1 else [])]
    if np.isfinite(network.max_weight_t[row]) and obey == 1.0:
        assumptions.append(_OBEY)
    if obey < 1.0:
        assumptions.append(
            f"the flow is of vehicles that keep the mass limit; the share {1.0 - obey:.3g} that "
            "does not is missing here: take it from the flow of the class in the base"
        )
    if not has_estimate:
        assumptions.append(_NO_ESTIMATE)
    return [
        BridgeTraffic(
            asset_id=asset,
            part_id=part,
            link_ids=(int(network.link_id[row]),),
            direction=heading,
            lane_shares=(1.0 / lanes,) * lanes,
            period_start_hour=demand.period.start_hour,
            hours=demand.period.hours,
            day_type=demand.period.day_type,
            vehicle_class=item.name,
            flow_vehh=float(flow[index]) * share,
            flow_low_vehh=float(low_vehh[index]) * share,
            flow_high_vehh=_times(float(high_vehh[index]), share),
            mean_speed_kmh=float(speed_kmh[index]),
            heavy_share=_heavy_share(flow, is_heavy(result.classes)),
            mass_distribution_id=item.mass_distribution_id,
            mass_limit_t=float(network.max_weight_t[row]),
            obey_share=obey,
            min_gap_m=float(change.min_gap_m[row]),
            relative_gap=result.relative_gap,
            kind=kind,
            assumptions=tuple(dict.fromkeys(assumptions)),
            mass_from_t=one.from_t,
            mass_to_t=one.to_t,
        )
        for index, item in enumerate(result.classes)
        for one, share in divided.of_class(index, row)
    ]


def _times(bound: float, share: float) -> float:
    """Share of a bound that may be infinite."""
    return bound * share if share > 0.0 else 0.0


def _heavy_share(flow: FloatArray, heavy: BoolArray) -> float:
    total = float(flow.sum())
    return float(flow[heavy].sum()) / total if total > 0.0 else 0.0


def _band_vehh(result: TrafficResult, other_pceh: FloatArray | None) -> FloatArray:
    """Half the band of each class on each link: the noise floor of a flow against itself."""
    movement = result.movement_pceh if other_pceh is None else result.movement_pceh + other_pceh
    pce = np.array([[item.pce] for item in result.classes])
    return np.maximum(np.sqrt(result.flow_vehh), MOVEMENTS * movement / pce)


def _estimated(
    result: TrafficResult, estimate: EstimateBand | None
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Band of each class from the calibration, and on which links there is one."""
    flow = result.flow_vehh
    known = np.zeros(result.link_id.size, dtype=np.bool_)
    if estimate is None:
        return flow, flow, known
    known = np.isin(result.link_id, estimate.link_id)
    rows = rows_of(estimate.link_id, result.link_id[known])
    base, low, high = estimate.flow_vehh[rows], estimate.low_vehh[rows], estimate.high_vehh[rows]
    carries = base > 0.0
    scale = np.where(carries, base, 1.0)
    lowest, highest = flow.copy(), flow.copy()
    lowest[:, known] *= np.where(carries, low / scale, 0.0)
    ratio = np.where(carries, high / scale, 0.0)
    some = flow[:, known] > 0.0  # an unbounded band times no vehicle is no number
    more = np.where(some, (ratio - 1.0) * np.where(some, flow[:, known], 1.0), 0.0)
    more = np.where(carries, more, high)  # an empty link may carry its band of any class
    highest[:, known] += more
    return lowest, highest, known


def _speeds_kmh(result: TrafficResult, network: Network) -> FloatArray:
    """Mean speed of each class on each link; 0 where a link takes no time."""
    time_s = result.time_s + slower_s(network, result.classes)
    length = np.broadcast_to(network.length_m, time_s.shape)
    return np.divide(_KMH * length, time_s, out=np.zeros_like(time_s), where=time_s > 0.0)
