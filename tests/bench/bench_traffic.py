"""Equilibria beside AequilibraE and pytraf, closures, classes and sweeps beside our own cold solve.

Run ``scripts/bench traffic`` on a quiet machine; ``scripts/bench traffic g30 town`` for some
networks, ``--tntp DIR --time-unit min --length-unit km`` for a network of your own. All programmes
solve the same case in turn, on two threads; what counts is wall time from arrays in memory to
flows whose gap, by the evaluator, is at or below the target. The preparation of the peers is not
counted; ours contains everything.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import grids
import numpy as np
from bench.processor_time import processor_seconds_below
from bench.traffic_bars import (
    AEQUILIBRAE_BARS,
    MOST_PASSES,
    PER_LOADING,
    PYTRAF_CONGESTED,
    PYTRAF_NEVER_SLOWER,
    SWEEP_EFFICIENCY,
    TWO_CLASSES,
    WARM_LOADINGS,
    WARM_RATIO,
    WARM_WALL_S,
    Bars,
)
from bench.traffic_contest import PEERS, Candidate, Contest, machine, solve_ours
from grids import Case
from peers import sioux_falls, street_network
from verification.traffic.evaluator import evaluate

from simulations.sweep import Plan, Processes, sweep
from simulations.traffic.engine import engine
from twin.exchange.tntp import LENGTH_UNITS_M, TIME_UNITS_S, TntpUnits, read_tntp
from twin.model.bases import TrafficBase
from twin.model.interventions import Intervention
from twin.model.network import CostFunction, Network
from twin.model.scenarios import Scenario
from twin.model.traffic import SolveOptions

LARGE_LINKS = 10_000
CLOSURES = 10
CLOSURE_GAP = 1e-6


@dataclass(frozen=True, slots=True)
class Entry:
    """A case of the benchmark: how to make it, its kind of bars, its load if it was drawn."""

    make: Callable[[], Case]
    kind: str
    gaps: tuple[float, ...]
    is_congested: bool = False
    load: float | None = None


ENTRIES = {
    "sioux-falls": Entry(sioux_falls, "small", (1e-4, 1e-6), is_congested=True),
    "g30": Entry(grids.g30, "small", (1e-4, 1e-6), load=0.6),
    "g30-0.8": Entry(lambda: grids.g30(0.8), "small", (1e-4, 1e-6), is_congested=True, load=0.8),
    "g60": Entry(grids.g60, "small", (1e-4, 1e-6), load=0.6),
    "g86": Entry(grids.g86, "large", (1e-4,), load=0.6),
    "nauru": Entry(lambda: street_network("nauru"), "plain", (1e-4,), load=0.6),
    "coquimbo": Entry(lambda: street_network("coquimbo"), "coquimbo", (1e-4,), load=0.6),
    "congested": Entry(grids.congested_town, "small", (1e-4, 1e-6), is_congested=True),
    "town": Entry(grids.large_town, "large", (1e-4, 1e-6)),
}
USUAL = ("sioux-falls", "congested", "coquimbo", "town")
PARTS = ("peers", "closures", "classes", "sweep")
SWEPT = 200
SAMPLED = 5  # answers between two looks at the processor time of the workers


def race(case: Case, entry: Entry, bars: Bars, options: argparse.Namespace) -> None:
    """Ours against the peers at every target."""
    with ExitStack() as stack:
        contest = Contest(case, stack, names=options.against)
        for gap in options.gaps or entry.gaps:
            print(f"{case.name} to {gap:g}", flush=True)
            found = contest.compete(gap, rounds=options.rounds, limit_s=options.limit)
            for one in found:
                print(one.line(), flush=True)
            judge_race(case, entry, gap, found, bars)


def judge_race(
    case: Case, entry: Entry, gap: float, found: Sequence[Candidate], bars: Bars
) -> None:
    """The bars of one target."""
    ours = found[0]
    name = f"{case.name} to {gap:g}"
    bars.add(f"{name}: evaluated gap over target", ours.runs[-1].gap / gap, 1.0, lower=True)
    faster, exact = AEQUILIBRAE_BARS[entry.kind]
    for peer in found[1:]:
        ratio = peer.median_s / ours.median_s
        if peer.name != "pytraf":
            threshold = faster if gap > 1e-5 else exact
            if threshold is not None:
                bars.add(f"{name}: times {peer.name}", ratio, threshold, is_bound=peer.is_late)
            continue
        bar = PYTRAF_CONGESTED if entry.is_congested else PYTRAF_NEVER_SLOWER
        bars.add(f"{name}: times pytraf", ratio, bar, is_bound=peer.is_late)
    if gap == 1e-4 and entry.load in MOST_PASSES:
        bars.add(f"{name}: passes", ours.runs[-1].passes, MOST_PASSES[entry.load], lower=True)


def busy_streets(
    network: Network, volume: np.ndarray, count: int, *, part: int = 20
) -> list[tuple[int, int]]:
    """Rows of both directions of streets among the busiest part, the same ones every time."""
    grows = network.cost_function != CostFunction.FIXED
    by_ends = {
        pair: row
        for row, pair in enumerate(zip(network.tail.tolist(), network.head.tolist(), strict=True))
        if grows[row]
    }
    ranked = [row for row in np.argsort(-volume) if grows[row]]
    ranked = ranked[: max(len(ranked) // part, count)]
    random = np.random.default_rng(1)
    found: list[tuple[int, int]] = []
    for row in random.permutation(ranked).tolist():
        back = by_ends.get((int(network.head[row]), int(network.tail[row])))
        if back is not None and (back, row) not in found and len(found) < count:
            found.append((row, back))
    return found


def close(case: Case, rows: tuple[int, int]) -> Case:
    """The case with both directions of a street closed."""
    mask = case.network.mask.copy()
    mask[list(rows)] = 0
    return replace(case, network=replace(case.network, mask=mask))


def loading_s(case: Case) -> float:
    """Wall time of one all-origin loading of ours: a solve that stops at its first certificate."""
    seconds = [solve_ours(case, 0.999)[1] for _ in range(3)]
    return min(seconds)


def closures(case: Case, entry: Entry, bars: Bars, options: argparse.Namespace) -> None:
    """Busy streets closed, warm against cold, to an equal gap that the evaluator confirms."""
    del entry
    gap = options.gaps[-1] if options.gaps else CLOSURE_GAP
    print(f"{case.name}: {CLOSURES} closures to {gap:g}", flush=True)
    base, base_s = solve_ours(case, gap)
    loading = loading_s(case)
    print(
        f"  base {base_s:.3f} s, {base.passes[-1].number} passes, loading {loading:.3f} s",
        flush=True,
    )
    ratios, warm_s = [], []
    for rows in busy_streets(case.network, base.volume_pceh, CLOSURES):
        changed = close(case, rows)
        times: list[tuple[float, float]] = []
        for _ in range(options.rounds):
            cold, cold_round_s = solve_ours(changed, gap)
            warm, warm_round_s = solve_ours(changed, gap, warm=base)
            times.append((cold_round_s, warm_round_s))
        cold_s, seconds = (statistics.median(column) for column in zip(*times, strict=True))
        for result in (cold, warm):
            judged = evaluate(changed.network, changed.demand, result.flow_vehh)
            if judged.relative_gap > gap or judged.imbalance_vehh > 1e-6:
                raise AssertionError(f"{changed.name}: gap {judged.relative_gap:g}")
        ratios.append(cold_s / seconds)
        warm_s.append(seconds)
        passes = [one.passes[-1].number for one in (cold, warm)]
        print(
            f"  links {rows[0]:>6} and {rows[1]:>6}: cold {cold_s:.3f} s ({passes[0]}), "
            f"warm {seconds:.3f} s ({passes[1]}), {ratios[-1]:.1f} times",
            flush=True,
        )
    bars.add(f"{case.name}: warm closure, worst of {len(ratios)}", min(ratios), WARM_RATIO)
    print(f"  median {statistics.median(ratios):.1f} times, {statistics.median(warm_s):.3f} s")
    size = "large" if case.network.link_id.size >= LARGE_LINKS else "small"
    bars.add(
        f"{case.name}: warm closure in loadings, worst",
        max(warm_s) / loading, WARM_LOADINGS[size], lower=True,
    )  # fmt: skip
    if case.network.link_id.size >= LARGE_LINKS:
        bars.add(f"{case.name}: warm closure [s], worst", max(warm_s), WARM_WALL_S, lower=True)
    cold = base_s / max(base.passes[-1].number, 1) / loading
    bars.add(f"{case.name}: solve / (passes x loading)", cold, PER_LOADING, lower=True)


def classes(case: Case, entry: Entry, bars: Bars, options: argparse.Namespace) -> None:
    """Cars and lorries with bans against the same trips as cars."""
    del entry
    both = grids.with_lorries(case)
    gap = options.gaps[0] if options.gaps else 1e-4
    one_s, two_s = [], []
    for _ in range(options.rounds + 1):
        one_s.append(solve_ours(case, gap)[1])
        result, seconds = solve_ours(both, gap)
        two_s.append(seconds)
    judged = evaluate(both.network, both.demand, result.flow_vehh)
    if judged.relative_gap > gap:
        raise AssertionError(f"{both.name}: gap {judged.relative_gap:g}")
    ratio = statistics.median(two_s[1:]) / statistics.median(one_s[1:])
    bars.add(f"{both.name} to {gap:g}: times one class", ratio, TWO_CLASSES, lower=True)


def swept(case: Case, entry: Entry, bars: Bars, options: argparse.Namespace) -> None:
    """Closures in a sweep on all cores against the same on one, start of processes and all.

    Beside wall time stands the same ratio in processor time, that of the busiest worker, of the
    process that starts them and of the sweep itself: what an idle machine would show, without
    waiting for others.
    """
    del entry, options
    state, _ = solve_ours(case, CLOSURE_GAP)
    base = TrafficBase(case.network, case.demand, state)
    streets = busy_streets(case.network, state.volume_pceh, SWEPT, part=2)
    ids = case.network.link_id
    scenarios = [
        Scenario(
            f"street {number}",
            "bench",
            (Intervention("close_link", (str(ids[rows[0]]), str(ids[rows[1]]))),),
        )
        for number, rows in enumerate(streets)
    ]
    plan = Plan(engine=engine.name, options=SolveOptions(relative_gap=CLOSURE_GAP))
    cores = os.cpu_count() or 1
    wall_s: dict[int, float] = {}
    busy_s: dict[int, float] = {}
    for workers in (1, cores):
        began, own_s, children = time.perf_counter(), time.process_time(), {}
        found = []
        for one in sweep(base, scenarios, plan, executor=Processes(workers)):
            found.append(one)
            if len(found) % SAMPLED == 0:
                children |= processor_seconds_below(os.getpid())
        wall_s[workers] = time.perf_counter() - began
        by_size = sorted(children.values(), reverse=True)
        busiest_s = by_size[0] + sum(by_size[workers:])  # and what no worker did, their server
        busy_s[workers] = busiest_s + time.process_time() - own_s
        failed = [one.reason for one in found if one.answer is None]
        print(f"  {len(found)} closures, {workers} processes: {wall_s[workers]:.1f} s, busiest "
              f"{busiest_s:.1f} processor s, all {sum(children.values()):.1f}, "
              f"{len(failed)} without an answer {failed[:1]}", flush=True)  # fmt: skip
    name = f"{case.name}: {len(scenarios)} closures, efficiency"
    bars.add(name, wall_s[1] / wall_s[cores] / cores, SWEEP_EFFICIENCY)
    bars.add(f"{name} in processor time", busy_s[1] / busy_s[cores] / cores, SWEEP_EFFICIENCY)


def given(folder: Path, options: argparse.Namespace) -> dict[str, Entry]:
    """A network of the user's."""
    if not options.time_unit or not options.length_unit:
        raise SystemExit("--tntp needs --time-unit and --length-unit: the files do not say them")
    units = TntpUnits(
        TIME_UNITS_S[options.time_unit],
        LENGTH_UNITS_M[options.length_unit],
        toll_weight=options.toll_weight,
        length_weight=options.length_weight,
    )
    found = []
    for place in sorted({file.parent for file in folder.rglob("*_net.tntp")}):
        content = read_tntp(place, units=units)
        for warning in content.warnings:
            print(f"{place.name}: {warning}")
        if content.demand is None:
            print(f"{place.name}: no trips file, left out")
            continue
        found.append(Case(place.name, content.network, content.demand))
    if not found:
        raise SystemExit(f"{folder} holds no *_net.tntp with trips")
    return {case.name: _entry(case) for case in found}


def _entry(case: Case) -> Entry:
    is_large = case.network.link_id.size >= LARGE_LINKS
    kind = "large given" if is_large else "given"
    return Entry(lambda: case, kind, (1e-4,) if is_large else (1e-4, 1e-6))


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description=__doc__)
    found.add_argument("network", nargs="*", help=f"of {', '.join(ENTRIES)} (usual: {USUAL})")
    found.add_argument("--tntp", type=Path, metavar="DIR", help="networks of your own instead")
    found.add_argument("--time-unit", choices=TIME_UNITS_S)
    found.add_argument("--length-unit", choices=LENGTH_UNITS_M)
    found.add_argument("--toll-weight", type=float, default=0.0)
    found.add_argument("--length-weight", type=float, default=0.0)
    found.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS[:3]))
    found.add_argument("--gaps", type=float, nargs="*", help="instead of those of the network")
    found.add_argument("--against", nargs="*", choices=list(PEERS), default=list(PEERS))
    found.add_argument("--rounds", type=int, default=3)
    found.add_argument("--limit", type=float, default=120.0, help="seconds a peer may take")
    return found


def main() -> None:
    options = parser().parse_args()
    entries = given(options.tntp, options) if options.tntp else ENTRIES
    chosen = options.network or (list(entries) if options.tntp else USUAL)
    unknown = sorted(set(chosen) - set(entries))
    if unknown:
        raise SystemExit(f"unknown: {', '.join(unknown)}; known: {', '.join(entries)}")
    bars = Bars()
    print(machine())
    began = time.perf_counter()
    solve_ours(grids.grid(4, zones=4, destinations=3), 1e-4)
    print(
        f"first solve of this process, kernels from the cache: {time.perf_counter() - began:.1f} s"
    )
    actions = {"peers": race, "closures": closures, "classes": classes, "sweep": swept}
    for name in chosen:
        entry = entries[name]
        case = entry.make()
        pairs = case.demand.flow_vehh.size
        print(f"\n{case.name}: {case.network.link_id.size:,} links, {pairs:,} pairs", flush=True)
        for part in options.parts:
            actions[part](case, entry, bars, options)
    print(f"\n{bars.summary()}")


if __name__ == "__main__":
    main()
