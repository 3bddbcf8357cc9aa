"""A town with four bridges, solved and analysed by the real pure pipeline, for pages and papers.

Two quarters on each side of a river. ``B1`` is the short way, ``B2`` beside it carries vehicles up
to 15 t, ``B3`` and ``B4`` are long ways round. ``B1`` has a fatigue detail, ``B2`` and ``B4``
influence lines alone, ``B3`` no model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulations.effects import handover_rows
from simulations.measures.bands import Ensemble
from simulations.measures.cases import BridgeCase, RestrictionCase, TargetEffect
from simulations.measures.document import Measures
from simulations.measures.draws import Draw, demand_spread
from simulations.measures.flows import TrafficSides
from simulations.measures.joint import Joint, analyse
from simulations.measures.writing import write
from simulations.measuring import plain_report
from simulations.reporting import RunReport, report_of, sides_of
from simulations.structure.details import FatigueDetail, section_modulus_factor
from simulations.structure.sn import sn_curve
from simulations.traffic.classes import classes
from simulations.traffic.edits import apply
from simulations.traffic.engine import engine
from twin.model.bases import TrafficBase
from twin.model.findings import Phrase
from twin.model.interventions import Intervention
from twin.model.network import CostFunction, LinkAssets, Network
from twin.model.scenarios import Scenario
from twin.model.structure import InfluenceLine
from twin.model.surroundings import Surroundings
from twin.model.traffic import Demand, SolveOptions

OPTIONS = SolveOptions(relative_gap=1e-7, threads=1)
CLOSED = Scenario("B1 closed", "town", (Intervention("close_asset", ("B1",)),))
NAMES: Mapping[str, str] = {
    "B1": "Alte Brücke", "B2": "Neue Brücke", "B3": "Ringbrücke", "B4": "Hafenbrücke",
    "north": "Nordstadt", "south": "Südstadt", "port": "Hafen", "hill": "Berg",
}  # fmt: skip
USED = ("car", "hgv_12_26", "hgv_26_40", "emergency")
_WAYS = (
    # tail, head, length m, speed km/h, capacity, lanes, mass limit t, name
    (1, 5, 500.0, 50.0, 1800.0, 1, np.inf, "R1"),
    (2, 5, 800.0, 50.0, 1800.0, 1, np.inf, "R2"),
    (3, 6, 500.0, 50.0, 1800.0, 1, np.inf, "R3"),
    (4, 6, 900.0, 50.0, 1800.0, 1, np.inf, "R4"),
    (5, 6, 600.0, 50.0, 1800.0, 2, np.inf, "S1"),
    (5, 6, 900.0, 50.0, 1600.0, 1, 15.0, "S2"),
    (5, 6, 3000.0, 60.0, 2000.0, 1, np.inf, "S3"),
    (2, 4, 2200.0, 60.0, 1600.0, 1, np.inf, "S4"),
)


@dataclass(frozen=True, slots=True)
class Solved:
    """A document with what it was made from."""

    joint: Joint
    report: RunReport
    document: Measures

    @property
    def links(self) -> Mapping[str, NDArray[np.generic]]:
        """Columns per link, as the run stores them."""
        return self.report.links

    @property
    def bridges(self) -> Mapping[str, NDArray[np.generic]]:
        """Columns per bridge, as the run stores them."""
        return self.report.bridges


def town(*, lorries_vehh: float = 15.0) -> tuple[Network, Demand]:
    """Network and demand; ``lorries_vehh`` of each class drive on each relation of the river."""
    rows = [*_WAYS, *((head, tail, *more) for tail, head, *more in _WAYS)]
    count = len(rows)
    column = {
        name: np.array([row[index] for row in rows], dtype=np.float64)
        for index, name in ((2, "length_m"), (3, "speed_kmh"), (4, "capacity_pceh"))
    }
    members = tuple(item for item in classes() if item.name in USED)
    ways: dict[str, Any] = {
        **column,
        "t0_s": 3.6 * column["length_m"] / column["speed_kmh"],
        "lanes": np.array([row[5] for row in rows], dtype=np.uint8),
        "max_weight_t": np.array([row[6] for row in rows]),
    }
    ids = np.arange(1, count + 1)
    half = count // 2
    names = [f"{row[7]}/{'ab' if index < half else 'ba'}" for index, row in enumerate(rows)]
    crossing = {"S1": "B1", "S2": "B2", "S3": "B3", "S4": "B4"}
    on = [index for index, name in enumerate(names) if name[:2] in crossing]
    network = Network(
        epsg=25833,
        node_id=np.arange(1, 7),
        x_m=np.array([0.0, 0.0, 2000.0, 2000.0, 500.0, 1500.0]),
        y_m=np.array([300.0, -300.0, 300.0, -300.0, 0.0, 0.0]),
        is_zone=np.array([True] * 4 + [False] * 2),
        no_through=np.zeros(6, dtype=np.bool_),
        link_id=ids,
        tail=np.array([row[0] for row in rows]),
        head=np.array([row[1] for row in rows]),
        cost_function=np.full(count, int(CostFunction.BPR), dtype=np.uint8),
        p0=np.full(count, 0.15),
        p1=np.full(count, 4.0),
        p2=np.zeros(count),
        mask=np.full(count, 2**9 - 1, dtype=np.uint32),
        max_axle_t=np.full(count, np.inf),
        max_height_m=np.full(count, np.inf),
        preload_pceh=np.zeros(count),
        link_assets=LinkAssets(
            link_id=ids[on],
            asset=tuple(crossing[names[index][:2]] for index in on),
            from_m=np.full(len(on), 100.0),
            to_m=np.full(len(on), 200.0),
        ),
        node_name=("north", "south", "port", "hill", "west", "east"),
        link_name=tuple(names),
        **ways,
    )
    flows = {"car": 300.0, "hgv_12_26": lorries_vehh, "hgv_26_40": lorries_vehh}
    trips = [
        (row, origin, destination, flows[item.name] * (1.0 if origin < destination else 0.8))
        for row, item in enumerate(members)
        if item.name in flows
        for one, other in ((1, 3), (1, 4), (2, 3), (2, 4))
        for origin, destination in ((one, other), (other, one))
    ]
    demand = Demand(
        classes=members,
        class_index=np.array([trip[0] for trip in trips], dtype=np.uint8),
        origin=np.array([trip[1] for trip in trips]),
        destination=np.array([trip[2] for trip in trips]),
        flow_vehh=np.array([trip[3] for trip in trips]),
    )
    return network, demand


def base_of(network: Network, demand: Demand) -> TrafficBase:
    """The solved town; one hour has a tenth of a day, and a calibration states its band."""
    state = engine.solve(network, demand, options=OPTIONS)
    flow = state.flow_vehh.sum(axis=0)
    around = Surroundings(
        peak_share=0.1,
        band_link=network.link_id,
        band_label=("observed",) * len(network.link_id),
        band_low_vehh=0.9 * flow,
        band_high_vehh=1.1 * flow,
    )
    return TrafficBase(network, demand, state, around)


def mid_span(length_m: float = 30.0) -> InfluenceLine:
    """Moment at mid-span of a simply supported beam."""
    x = np.array([0.0, length_m / 2.0, length_m])
    return InfluenceLine(length_m / 2.0, "moment", x, np.array([0.0, length_m / 4.0, 0.0]))


def cases() -> tuple[BridgeCase, ...]:
    """The four bridges."""
    line = mid_span()
    detail = FatigueDetail("bottom flange", sn_curve(71.0), (line,), section_modulus_factor(0.03))
    target = TargetEffect((line,), "LM1 (EN 1991-2)", 7357.5)
    limit = RestrictionCase("gross_weight", 15.0, "t", source="order of 2019")
    return (
        BridgeCase(
            "B1", "B1", NAMES["B1"], length_m=30.0, lanes=4, level="L1", lines=((line,),),
            details=(detail,), targets=(target,), along={"e": 1, "w": -1},
        ),
        BridgeCase(
            "B2", "B2", NAMES["B2"], length_m=24.0, lanes=2, level="L0",
            lines=((mid_span(24.0),),), restrictions=(limit,),
        ),
        BridgeCase(
            "B3", "B3", NAMES["B3"],
            refusal=Phrase("fatigue_orthotropic", {"detail": NAMES["B3"]}),
        ),
        BridgeCase(
            "B4", "B4", NAMES["B4"], length_m=20.0, lanes=2, level="L1",
            lines=((mid_span(20.0),),),
        ),
    )  # fmt: skip


def sides_for(base: TrafficBase, scenario: Scenario) -> tuple[TrafficSides, Any]:
    """Traffic before and after, and what reports are made of."""
    edited = apply(base.network, base.demand, scenario, must_change=False)
    result = base.state
    if edited.is_affected.any() or edited.is_demand_changed.any():
        result = engine.solve(base.network, base.demand, scenario, options=OPTIONS, warm=base.state)
    sides = sides_of(base, result, edited, options=OPTIONS)
    before, after = handover_rows(sides)
    found = TrafficSides(base, result, sides.edited, sides.found, before, after)
    return found, sides


@cache
def town_base() -> TrafficBase:
    """The solved town, once for a test run."""
    return base_of(*town())


def solved(
    scenario: Scenario = CLOSED,
    *,
    base: TrafficBase | None = None,
    parts: Sequence[BridgeCase] | None = None,
    members: int = 0,
    seed: int = 1,
) -> Solved:
    """The document of a scenario on the town, with columns per link and bridge."""
    known = town_base() if base is None else base
    traffic, sides = sides_for(known, scenario)
    joint = analyse(
        cases() if parts is None else parts, traffic, scenario=scenario, seed=seed, names=NAMES
    )
    report = report_of(sides, scenario=scenario, options=OPTIONS)
    ensemble = _ensemble(joint, known, scenario, members=members, seed=seed) if members else None
    plain = plain_report(report.document)
    inputs = {
        "base": {"name": "town", "version": 1, "content_hash": known.content_hash()},
        "bridges_hash": "0" * 64,
        "input_hash": "1" * 64,
        "engine": ["measures", "1"],
        "traffic_engine": [engine.name, engine.version],
        "seed": seed,
        "members": members,
        "relative_gap": OPTIONS.relative_gap,
    }
    return Solved(joint, report, write(joint, ensemble, report=plain, inputs=inputs))


def _ensemble(
    joint: Joint, base: TrafficBase, scenario: Scenario, *, members: int, seed: int
) -> Ensemble:
    spread = demand_spread(base)
    ensemble = Ensemble(joint)
    for member in range(members):
        draw = Draw(seed, member)
        demand = draw.demand(base.demand, spread)
        state = engine.solve(base.network, demand, options=OPTIONS, warm=base.state)
        traffic, _ = sides_for(replace(base, demand=demand, state=state), scenario)
        ensemble.add(draw, traffic)
    return ensemble
