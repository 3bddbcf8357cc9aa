"""The job ``detail``: a part of the town vehicle by vehicle, beside the equilibrium."""

import argparse
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simulations.answering import solve_base
from simulations.capacity import Capacity, capacity_of, prepare_process
from simulations.running import open_base, traffic_engine
from simulations.traffic.detail import (
    check,
    child,
    closures,
    departures,
    spillback,
    subarea,
)
from simulations.watching import Told
from simulations.whatif import read_scenario
from twin.errors import DetailError
from twin.model.bases import TrafficBase
from twin.model.detail import DetailResult, SpillbackResult, Spread, spread
from twin.model.network import Network
from twin.model.traffic import SolveOptions, TrafficResult
from twin.runtime import open_twin
from twin.settings import Settings
from twin.signals import stop_on_signal

if TYPE_CHECKING:
    from twin.model.scenarios import Scenario

RADIUS_M = 800.0
SHOWN_LINKS = 20
Content = Mapping[str, object]
Look = Callable[[Network, TrafficResult, Told], tuple[Content, str]]
COLUMNS = ("flow_vehh", "speed_kmh", "time_loss_s", "queue_veh", "longest_queue_veh")
SECONDS_PER_MINUTE = 60.0


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Simulate streets vehicle by vehicle, on the routes of the equilibrium."""
    options = _parser(settings).parse_args(arguments)
    look = _looking(options)
    scenario = read_scenario(options.scenario) if options.scenario else None
    told = Told(stop_on_signal())
    capacity = capacity_of(settings)
    prepare_process(settings, threads=capacity.threads)
    twin = open_twin(settings, role="work")
    try:
        name = options.base or (scenario.base if scenario else settings.traffic.base)
        base = open_base(twin, twin.base(name).facts.content_hash)
    finally:
        twin.close()
    network, static = state(base, scenario, settings, capacity, told)
    content, text = look(network, static, told)
    told.end()
    sys.stdout.write((json.dumps(content, indent=2) if options.json else text) + "\n")
    return 0


def _looking(options: argparse.Namespace) -> Look:
    """What is to be done; the programme for it is there."""
    if options.spillback:
        return partial(_city, child.locate_uxsim(options.python))
    if not options.around:
        raise DetailError("name a bridge or a link to look at, or ask for --spillback")
    return partial(_sub_area, child.locate_sumo(options.python), options)


def _city(
    installed: child.Uxsim, network: Network, static: TrafficResult, told: Told
) -> tuple[Content, str]:
    found = spillback.check(network, static, installed=installed, control=told)
    return spillback_document(found), spillback_table(found, _names(network))


def _sub_area(
    installed: child.Sumo,
    options: argparse.Namespace,
    network: Network,
    static: TrafficResult,
    told: Told,
) -> tuple[Content, str]:
    around = links_of(network, options.around)
    found = check.check(
        network,
        static,
        subarea.links_around(network, around, radius_m=options.radius),
        installed=installed,
        sudden=_sudden(around, options.close_at),
        options=_sumo_options(options),
        control=told,
    )
    return document(found), table(found, _names(network))


def _names(network: Network) -> Mapping[int, str]:
    named = zip(network.link_id.tolist(), network.link_name, strict=False)
    return {link: name or str(link) for link, name in named}


def _parser(settings: Settings) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="twin detail", description=command.__doc__)
    parser.add_argument("around", nargs="?", metavar="ASSET", help="bridge, or id of a link")
    parser.add_argument(
        "--spillback", action="store_true", help="queues of the whole town with UXsim"
    )
    parser.add_argument("--radius", type=float, default=RADIUS_M, help="metres (%(default)g)")
    parser.add_argument("--scenario", type=Path, help="JSON file; its own equilibrium is driven")
    parser.add_argument("--base", metavar="NAME", help=f"default: {settings.traffic.base}")
    parser.add_argument(
        "--close-at", type=float, metavar="MINUTE", help="close ASSET suddenly, both directions"
    )
    parser.add_argument("--minutes", type=float, default=60.0, help="period (%(default)g)")
    parser.add_argument("--seeds", type=int, default=check.LEAST_SEEDS, help="at least %(default)d")
    parser.add_argument("--step", type=float, default=1.0, help="seconds (%(default)g)")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds (%(default)g)")
    parser.add_argument(
        "--python", default=sys.executable, help="interpreter that has the programme"
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    return parser


def _sumo_options(options: argparse.Namespace) -> check.SumoOptions:
    period = departures.DepartureProfile(duration_s=options.minutes * SECONDS_PER_MINUTE)
    return check.SumoOptions(
        seeds=tuple(range(1, options.seeds + 1)),
        step_length_s=options.step,
        profile=period,
        time_limit_s=options.limit,
    )


def _sudden(links: np.ndarray, minute: float | None) -> tuple[closures.SuddenClosure, ...]:
    if minute is None:
        return ()
    return (closures.SuddenClosure(tuple(links.tolist()), minute * SECONDS_PER_MINUTE),)


def state(
    base: TrafficBase,
    scenario: "Scenario | None",
    settings: Settings,
    capacity: Capacity,
    told: Told,
) -> tuple[Network, TrafficResult]:
    """Network and equilibrium that are driven: the base's, or the scenario's own."""
    if scenario is None:
        return base.network, base.state
    from simulations.traffic.edits import apply  # noqa: PLC0415 - kernels need a prepared process

    solved = solve_base(
        base,
        traffic_engine(settings.traffic.engine),
        scenario=scenario,
        options=SolveOptions(
            relative_gap=settings.traffic.relative_gap,
            time_limit_s=settings.traffic.time_limit_s,
            threads=capacity.threads,
        ),
        control=told,
    )
    return apply(base.network, base.demand, scenario).network, solved


def links_of(network: Network, name: str) -> np.ndarray:
    """Ids of the links of an asset, or the one link with this id.

    Raises
    ------
    DetailError
        If there is neither; names some assets.
    """
    rows = [row for row, asset in enumerate(network.link_assets.asset) if asset == name]
    if rows:
        return np.unique(network.link_assets.link_id[rows])
    if name.isdecimal() and int(name) in network.link_id:
        return np.array([int(name)])
    known = ", ".join(sorted(set(network.link_assets.asset))[:12])
    raise DetailError(f"no link lies on {name!r}; name one of {known}, or the id of a link")


def document(found: DetailResult) -> Content:
    """Everything of a check as JSON values; links in the order of ``link_id``."""
    return {
        "link_id": found.link_id.tolist(),
        "static": {
            "flow_vehh": _values(found.static_flow_vehh),
            "speed_kmh": _values(found.static_speed_kmh),
        },
        "simulated": {name: _spread(spread(getattr(found, name))) for name in COLUMNS},
        "runs": [{k: _value(v) for k, v in asdict(run).items()} for run in found.runs],
        "step_length_s": found.step_length_s,
        "period_s": found.period_s,
        "versions": dict(found.versions),
        "review": [asdict(item) for item in found.review],
        "assumptions": list(found.assumptions),
        "warnings": list(found.warnings),
    }


def _spread(values: Spread) -> Mapping[str, list[float | None]]:
    return {name: _values(getattr(values, name)) for name in ("mean", "low", "high")}


def _values(column: np.ndarray) -> list[float | None]:
    return [_value(each) for each in column.tolist()]


def _value(number: float) -> float | None:
    return number if math.isfinite(number) else None


def table(found: DetailResult, names: Mapping[int, str]) -> str:
    """The streets with the longest queues, where the vehicles ended, and what to review."""
    flow, speed = spread(found.flow_vehh), spread(found.speed_kmh)
    queue = spread(found.longest_queue_veh)
    seeds = ", ".join(map(str, found.seeds))
    lines = [
        f"{found.versions['sumo']}, step {found.step_length_s:g} s; mean of seeds {seeds} (range)",
        f"{'street':24} {'equilibrium':>20} {'simulated veh/h':>24} {'km/h':>16} {'queue veh':>16}",
    ]
    for row in np.argsort(-queue.mean, kind="stable")[:SHOWN_LINKS].tolist():
        link = int(found.link_id[row])
        static = f"{found.static_flow_vehh[row]:.0f} at {found.static_speed_kmh[row]:.0f}"
        lines.append(
            f"{names.get(link, str(link)):24} {static:>20} {_cell(flow, row):>24} "
            f"{_cell(speed, row):>16} {_cell(queue, row):>16}"
        )
    lines += [
        f"seed {run.seed}: of {run.vehicles} vehicles {run.arrived} arrived, {run.stranded} "
        f"stranded, {run.waiting} never got in, {run.driving} still under way, {run.teleports} "
        f"teleports; {run.time_loss_s:.0f} s lost per vehicle"
        for run in found.runs
    ]
    kinds = sorted({item.kind for item in found.review})
    counts = [f"{sum(item.kind == kind for item in found.review)} {kind}" for kind in kinds]
    lines += [f"to review: {', '.join(counts) or 'nothing'} (--json lists them)"]
    lines += [f"warning: {text}" for text in found.warnings]
    return "\n".join(lines + [f"assumed: {text}" for text in found.assumptions])


def _cell(values: Spread, row: int) -> str:
    if math.isnan(values.mean[row]):
        return "none"
    return f"{values.mean[row]:.0f} ({values.low[row]:.0f} to {values.high[row]:.0f})"


def spillback_document(found: SpillbackResult) -> Content:
    """Everything of a spillback check as JSON values; links in the order of ``link_id``."""
    return {
        "link_id": found.link_id.tolist(),
        "platoons": list(found.platoons),
        "queue_veh": found.queue_veh.tolist(),
        "longest_queue_veh": found.longest_queue_veh.tolist(),
        "full_s": found.full_s.tolist(),
        "platoon_spread": found.platoon_spread,
        "vehicles": list(found.vehicles),
        "arrived": list(found.arrived),
        "seed": found.seed,
        "period_s": found.period_s,
        "versions": dict(found.versions),
        "assumptions": list(found.assumptions),
        "warnings": list(found.warnings),
    }


def spillback_table(found: SpillbackResult, names: Mapping[int, str]) -> str:
    """The streets that a queue covers with every platoon size, the longest time first."""
    sizes = " and ".join(map(str, found.platoons))
    least = found.full_s.min(axis=0)
    full = np.flatnonzero(found.spills_back())
    lines = [
        f"UXsim {found.versions['uxsim']}, platoons of {sizes} vehicles, seed {found.seed}",
        f"{full.size} of {len(found.link_id)} streets are covered by a queue at some time",
    ]
    for row in full[np.argsort(-least[full], kind="stable")][:SHOWN_LINKS].tolist():
        link = int(found.link_id[row])
        queues = " and ".join(f"{each:.0f}" for each in found.longest_queue_veh[:, row])
        lines.append(f"{names.get(link, str(link)):24} longest queue {queues} car units")
    lines.append(
        f"standing vehicles differ by {found.platoon_spread:.0%} between the platoon sizes"
    )
    lines += [f"warning: {text}" for text in found.warnings]
    return "\n".join(lines + [f"assumed: {text}" for text in found.assumptions])
