"""The job ``detail``: a part of the town vehicle by vehicle, beside the equilibrium."""

import argparse
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from simulations.answering import solve_base
from simulations.capacity import Capacity, capacity_of, prepare_process
from simulations.detailtexts import spillback_table, table
from simulations.running import engine_of, open_base
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
from twin.model.bases import StoredBase, TrafficBase
from twin.model.detail import DetailResult, SpillbackResult, Spread, spread
from twin.model.network import Network
from twin.model.scenarios import to_document
from twin.model.statements import documents
from twin.model.traffic import SolveOptions, TrafficResult
from twin.model.traffic_state import TrafficState
from twin.ports import TrafficEngine
from twin.runtime import open_twin
from twin.settings import Settings
from twin.signals import stop_on_signal

if TYPE_CHECKING:
    from twin.model.scenarios import Scenario

RADIUS_M = 800.0
Content = Mapping[str, object]
Look = Callable[[Network, TrafficResult, Told], tuple[Content, str]]
COLUMNS = ("flow_vehh", "speed_kmh", "time_loss_s", "queue_veh", "longest_queue_veh")
SECONDS_PER_MINUTE = 60.0


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Simulate streets vehicle by vehicle, on the routes of the equilibrium."""
    options = _parser(settings).parse_args(arguments)
    look = _looking(options, settings.dashboards.languages[0])
    scenario = read_scenario(options.scenario) if options.scenario else None
    told = Told(stop_on_signal())
    capacity = capacity_of(settings)
    prepare_process(settings, threads=capacity.threads)
    twin = open_twin(settings, role="work")
    try:
        name = options.base or (scenario.base if scenario else settings.traffic.base)
        stored = twin.base(name)
        engine = engine_of(stored.facts)
        base = open_base(twin, stored.facts.content_hash)
    finally:
        twin.close()
    network, static = state(base, scenario, engine, settings, capacity=capacity, told=told)
    content, text = look(network, static, told)
    told.end()
    content = {**_about(stored, scenario, options), **content}
    _keep(settings, content)
    if options.json:
        text = json.dumps(content, indent=2, ensure_ascii=False)
    sys.stdout.write(text + "\n")
    return 0


def _about(
    stored: StoredBase, scenario: "Scenario | None", options: argparse.Namespace
) -> Mapping[str, object]:
    """What was looked at."""
    return {
        "around": "" if options.spillback else options.around,
        "radius_m": None if options.spillback else options.radius,
        "close_at_minute": options.close_at,
        "base": {
            "name": stored.facts.name,
            "version": stored.version,
            "content_hash": stored.facts.content_hash,
        },
        "scenario": None if scenario is None else to_document(scenario),
        "provenance": ["simulated"],
    }


def _keep(settings: Settings, content: Content) -> None:
    """Store the newest check of this place, base and scenario."""
    base, scenario = (
        dict(cast("Mapping[str, Any]", content[key] or {})) for key in ("base", "scenario")
    )
    subject = "/".join(
        part
        for part in (str(base["name"]), str(content["around"]), str(scenario.get("name", "")))
        if part
    )
    twin = open_twin(settings, role="work")
    try:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False)
        twin.traffic.keep_state(TrafficState("detail", subject, twin.now(), text))
    finally:
        twin.close()


def _looking(options: argparse.Namespace, language: str) -> Look:
    """What is to be done; the programme for it is there."""
    if options.spillback:
        return partial(_city, child.locate_uxsim(options.python), language=language)
    if not options.around:
        raise DetailError("name a bridge or a link to look at, or ask for --spillback")
    return partial(_sub_area, child.locate_sumo(options.python), options, language=language)


def _city(
    installed: child.Uxsim, network: Network, static: TrafficResult, told: Told, *, language: str
) -> tuple[Content, str]:
    found = spillback.check(network, static, installed=installed, control=told)
    return spillback_document(found), spillback_table(found, _names(network), language=language)


def _sub_area(
    installed: child.Sumo,
    options: argparse.Namespace,
    network: Network,
    static: TrafficResult,
    told: Told,
    *,
    language: str,
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
    return document(found), table(found, _names(network), language=language)


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
    engine: TrafficEngine,
    settings: Settings,
    *,
    capacity: Capacity,
    told: Told,
) -> tuple[Network, TrafficResult]:
    """Network and equilibrium that are driven: the base's, or the scenario's own."""
    if scenario is None:
        return base.network, base.state
    from simulations.traffic.edits import apply  # noqa: PLC0415 - kernels need a prepared process

    solved = solve_base(
        base,
        engine,
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
        "assumptions": documents(found.assumptions),
        "warnings": documents(found.warnings),
    }


def _spread(values: Spread) -> Mapping[str, list[float | None]]:
    return {name: _values(getattr(values, name)) for name in ("mean", "low", "high")}


def _values(column: np.ndarray) -> list[float | None]:
    return [_value(each) for each in column.tolist()]


def _value(number: float) -> float | None:
    return number if math.isfinite(number) else None


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
        "assumptions": documents(found.assumptions),
        "warnings": documents(found.warnings),
    }
