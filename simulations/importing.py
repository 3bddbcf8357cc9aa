"""The import ``twin import tntp DIR``: a network with trips becomes a base of the traffic model."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulations.capacity import capacity_of, prepare_process
from simulations.running import traffic_engine
from twin.exchange.tntp import LENGTH_UNITS_M, TIME_UNITS_S, TntpFolder, TntpUnits, read_tntp
from twin.model.bases import BASE_PART, BaseFacts, TrafficBase
from twin.model.packing import pack
from twin.model.provenance import Provenance
from twin.model.traffic import SolveOptions, TrafficResult
from twin.runtime import open_twin
from twin.settings import Settings

NOT_CONVERGED = 1
_GEH_CLOSE = 1.0


def import_tntp(settings: Settings, arguments: Sequence[str]) -> int:
    """Read a directory, solve it, and keep it as a base; 1 if it did not converge, nothing kept."""
    options = _parser().parse_args(arguments)
    units = TntpUnits(
        time_s=TIME_UNITS_S[options.time_unit],
        length_m=LENGTH_UNITS_M[options.length_unit],
        toll_weight=options.toll_weight,
        length_weight=options.length_weight,
    )
    found = read_tntp(options.folder, units=units)
    _tell(_facts(found))
    demand = found.demand
    if options.dry_run or demand is None:
        _tell([] if demand is not None else ["no trips file: there is nothing to solve or keep"])
        return 0
    capacity = capacity_of(settings)
    prepare_process(settings, threads=capacity.threads)
    engine = traffic_engine(settings.traffic.engine)
    solve_options = SolveOptions(
        relative_gap=settings.traffic.relative_gap,
        time_limit_s=settings.traffic.time_limit_s,
        threads=capacity.threads,
        path_memory_bytes=capacity.memory_bytes // 2,
    )
    state = engine.solve(found.network, demand, options=solve_options)
    _tell(_outcome(found, state))
    if state.status != "converged":
        return NOT_CONVERGED
    base = TrafficBase(found.network, demand, state)
    name = options.name or options.folder.resolve().name
    twin = open_twin(settings, role="work")
    try:
        facts = BaseFacts(
            name=name,
            content_hash=base.content_hash(),
            engine=engine.name,
            engine_version=engine.version,
            figures={
                "links": float(found.network.link_id.size),
                "pairs": float(demand.flow_vehh.size),
                "relative_gap": state.relative_gap,
            },
            assumptions=(*demand.assumptions, *found.warnings),
            provenance=Provenance("derived", by=f"TNTP files, {engine.name} {engine.version}"),
        )
        stored = twin.traffic.keep_base(facts, {BASE_PART: pack(base)}, at=twin.now())
    finally:
        twin.close()
    _tell([f"kept as base {name!r}, version {stored.version}"])
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="twin import tntp",
        description="Read *_net.tntp, *_trips.tntp and, where there are, *_node.tntp and "
        "*_flow.tntp of one network, solve it and keep it as a base that scenarios start from.",
    )
    parser.add_argument("folder", type=Path, help="directory of one network")
    parser.add_argument(
        "--time-unit", choices=TIME_UNITS_S, required=True, help="of the file: it does not say it"
    )
    parser.add_argument(
        "--length-unit", choices=LENGTH_UNITS_M, required=True, help="none: lengths are a drawing"
    )
    parser.add_argument("--toll-weight", type=float, default=0.0, help="time units per toll unit")
    parser.add_argument(
        "--length-weight", type=float, default=0.0, help="time units per length unit"
    )
    parser.add_argument("--name", help="of the base; otherwise that of the directory")
    parser.add_argument("--dry-run", action="store_true", help="read and report, store nothing")
    return parser


def _tell(lines: Sequence[str] | Iterator[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _facts(found: TntpFolder) -> Iterator[str]:
    """What was read, in words."""
    network = found.network
    yield (
        f"{network.link_id.size:,} links, {network.node_id.size:,} nodes, "
        f"{np.count_nonzero(network.is_zone):,} zones, "
        f"{np.count_nonzero(network.no_through):,} nodes that no path may pass"
    )
    if found.demand is not None:
        demand = found.demand
        inside = demand.flow_vehh[demand.origin == demand.destination].sum()
        yield (
            f"{demand.flow_vehh.size:,} pairs, {demand.flow_vehh.sum():,.1f} trips, "
            f"{inside:,.1f} of them inside a zone"
        )
    yield from found.warnings


def _outcome(found: TntpFolder, state: TrafficResult) -> Iterator[str]:
    """What was solved, and how it compares with the published flows."""
    yield (
        f"{state.status}: relative gap {state.relative_gap:.2e} after {len(state.passes)} passes "
        f"in {state.seconds:.2f} s, objective {state.objective:.10g}"
    )
    if state.unserved.flow_vehh.size:
        yield f"{state.unserved.flow_vehh.sum():,.1f} trips have no path"
    yield from state.warnings
    if found.flow_vehh is not None:
        yield _comparison(found.flow_vehh, state)


def _comparison(published: NDArray[np.float64], state: TrafficResult) -> str:
    grows = state.is_flow_dependent & np.isfinite(published)
    one, two = state.volume_pceh[grows], published[grows]
    geh = np.sqrt(2.0 * (one - two) ** 2 / np.maximum(one + two, 1e-9))
    close = np.count_nonzero(geh < _GEH_CLOSE)
    return (
        f"published flows: GEH below 1 on {close:,} of {one.size:,} links whose time grows, "
        f"largest difference {np.abs(one - two).max(initial=0.0):.4g}"
    )
