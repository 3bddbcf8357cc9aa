"""The job ``estimate``: demand of the city adjusted to its counts, stored as a base."""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from simulations.capacity import Capacity, capacity_of, prepare_process
from simulations.running import traffic_engine
from simulations.watching import Told
from twin.city import Twin
from twin.errors import RegistryError, SettingsError, SolveError
from twin.exchange.emission_tables import read_emission_tables
from twin.exchange.facilities import emergency_places
from twin.exchange.roadnetwork import counts_of, road_network, zones_of
from twin.model.bases import (
    BASE_PART,
    ROADS_DAY,
    BaseFacts,
    StoredBase,
    TrafficBase,
    roads_day,
)
from twin.model.city import City
from twin.model.network import Network
from twin.model.packing import pack
from twin.model.provenance import Provenance
from twin.model.surroundings import Surroundings
from twin.model.targets import TARGETS_PART, target_names
from twin.model.traffic import SolveOptions
from twin.ports import TrafficEngine
from twin.runtime import open_twin
from twin.settings import Settings
from twin.signals import stop_on_signal

if TYPE_CHECKING:
    from simulations.traffic.estimate import Calibration, CalibrationReport

CALIBRATION_PART = "calibration"
"""Part of a base that holds its `CalibrationReport`, packed."""
FEWEST_COUNTS = 3
DAILY_COUNT = re.compile(r"adt_(\d{4})_veh_d")


@dataclass(frozen=True, slots=True)
class Wish:
    """What base is to be made: its name, the day of its roads, and the year of the counts."""

    name: str
    as_of: date
    year: str


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Adjust the demand of the city to its counts and store the solved state; exit code 0."""
    options = _parser(settings).parse_args(arguments)
    told = Told(stop_on_signal())
    capacity = capacity_of(settings)
    prepare_process(settings, threads=capacity.threads)
    twin = open_twin(settings, role="work")
    try:
        city = registry(twin, settings)
        year = counted_year(city, options.counts) if options.counts else newest_year(city)
        as_of = _day(options.as_of) if options.as_of else twin.now().date()
        wish = Wish(options.name, as_of, year)
        engine = traffic_engine(settings.traffic.engine)
        stored = estimate(twin, city, engine, wish, settings=settings, capacity=capacity, told=told)
    finally:
        told.end()
        twin.close()
    sys.stdout.write(f"{_summary(stored)}\n")
    return 0


def _parser(settings: Settings) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="twin estimate", description=command.__doc__)
    parser.add_argument(
        "name", nargs="?", default=settings.traffic.base, help="name of the base (%(default)s)"
    )
    parser.add_argument("--as-of", metavar="DATE", help="roads as they were that day; today")
    parser.add_argument("--counts", metavar="YEAR", help="year of the counts; the newest")
    return parser


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"--as-of is {text!r}; write a date such as 2018-06-01") from None


def registry(twin: Twin, settings: Settings) -> City:
    """The city as it stands in the registry; RegistryError if nothing is loaded."""
    assets = tuple(twin.assets())
    if not assets:
        raise RegistryError("the registry is empty; run `twin load` first")
    return City(
        name=settings.city.name,
        references=tuple(twin.references()),
        assets=assets,
        components=tuple(twin.components()),
    )


def newest_year(city: City) -> str:
    """Newest year with enough published counts on bridges.

    Raises
    ------
    RegistryError
        If no year has; says which attribute is meant.
    """
    years = counted_years(city)
    if not years:
        raise RegistryError(
            f"no year has {FEWEST_COUNTS} counts on bridges; give them as attributes such as "
            "adt_2018_veh_d in attributes.csv and load the city"
        )
    return years[-1]


def counted_year(city: City, year: str) -> str:
    """Return the year if it has enough counts; SettingsError that names those that have."""
    years = counted_years(city)
    if year not in years:
        raise SettingsError(
            f"--counts is {year[:40]!r}; years with counts are {', '.join(years) or 'none'}"
        )
    return year


def counted_years(city: City) -> Sequence[str]:
    """Years with enough published counts on bridges, in their order."""
    counted: dict[str, int] = {}
    for asset in city.assets:
        for item in asset.attributes:
            found = DAILY_COUNT.fullmatch(item.name)
            if found and isinstance(item.value, (int, float)) and item.value > 0:
                counted[found[1]] = counted.get(found[1], 0) + 1
    return sorted(year for year, count in counted.items() if count >= FEWEST_COUNTS)


def estimate(
    twin: Twin,
    city: City,
    engine: TrafficEngine,
    wish: Wish,
    *,
    settings: Settings,
    capacity: Capacity,
    told: Told,
) -> StoredBase:
    """Calibrate the demand in the year of the counts, solve it on the roads of the day, store it.

    Raises
    ------
    SolveError
        If it was interrupted, or the base did not reach its gap.
    NetworkError, DemandError
        If registry or counts do not fit; names all problems.
    """
    from simulations.traffic.classes import classes  # noqa: PLC0415 - in a prepared process
    from simulations.traffic.estimate import EstimateOptions, calibrate  # noqa: PLC0415 - as above
    from simulations.traffic.prior import parameters, prior_demand  # noqa: PLC0415 - as above

    solve = SolveOptions(
        relative_gap=settings.traffic.relative_gap,
        time_limit_s=settings.traffic.time_limit_s,
        threads=capacity.threads,
        path_memory_bytes=capacity.memory_bytes // 2,
    )
    counted_on = date(int(wish.year), 6, 1)
    then = road_network(city, crs=settings.city.crs, classes=classes(), as_of=counted_on)
    peak = parameters()["peak_hour_share"]
    found = calibrate(
        then,
        prior_demand(then, zones_of(city, then)),
        counts_of(city, then, year=wish.year, peak_share=peak),
        options=EstimateOptions(final_gap=solve.relative_gap, solve=solve),
        control=told,
        engine=engine,
    )
    _require_whole(found.result.status, told)
    base = TrafficBase(then, found.demand, found.result)
    if wish.as_of != counted_on:
        base = _on_day(city, engine, found, wish, settings=settings, solve=solve, told=told)
    around = _surroundings(city, base.network, then, found.report, settings=settings, peak=peak)
    base = replace(base, surroundings=around)
    return twin.traffic.keep_base(
        _facts(base, engine, found.report, wish, peak=peak, solve=solve, at=twin),
        {
            BASE_PART: pack(base),
            TARGETS_PART: pack(target_names(base.network, base.demand.classes)),
            CALIBRATION_PART: pack(found.report),
        },
        at=twin.now(),
    )


def _on_day(
    city: City,
    engine: TrafficEngine,
    found: "Calibration",
    wish: Wish,
    *,
    settings: Settings,
    solve: SolveOptions,
    told: Told,
) -> TrafficBase:
    """The same demand on the roads of another day."""
    from simulations.traffic.classes import classes  # noqa: PLC0415 - in a prepared process

    network = road_network(city, crs=settings.city.crs, classes=classes(), as_of=wish.as_of)
    said = f"demand of {wish.year} on the roads of {wish.as_of}: nobody drives elsewhere since"
    demand = replace(found.demand, assumptions=(*found.demand.assumptions, said))
    state = engine.solve(network, demand, options=solve, control=told)
    _require_whole(state.status, told)
    return TrafficBase(network, demand, state)


def _surroundings(
    city: City,
    network: Network,
    then: Network,
    report: "CalibrationReport",
    *,
    settings: Settings,
    peak: float,
) -> Surroundings:
    """What answers tell beside the traffic; bands follow the names of links to another day."""
    zones = zones_of(city, network)
    row_of = {name: row for row, name in enumerate(then.link_name)}
    known = [
        (int(link), row_of[name])
        for link, name in zip(network.link_id, network.link_name, strict=True)
        if name in row_of
    ]
    rows = np.array([row for _, row in known], dtype=np.int64)
    table = settings.traffic.emission_table
    return Surroundings(
        zone_node=zones.node_id,
        residents=zones.residents,
        places=emergency_places(city, network, crs=settings.city.crs),
        reach_minutes=settings.traffic.reach_minutes,
        peak_share=peak,
        band_link=np.array([link for link, _ in known], dtype=np.int64),
        band_label=tuple(report.label[row] for row in rows.tolist()),
        band_low_vehh=report.low_vehh[rows],
        band_high_vehh=report.high_vehh[rows],
        emissions=read_emission_tables(settings.folder / table) if table else (),
    )


def _require_whole(status: str, told: Told) -> None:
    if told.cancelled():
        raise SolveError("interrupted; nothing was stored")
    if status != "converged":
        raise SolveError(
            f"the base did not converge ({status.replace('_', ' ')}); raise traffic.time_limit_s"
        )


def _facts(
    base: TrafficBase,
    engine: TrafficEngine,
    report: "CalibrationReport",
    wish: Wish,
    *,
    peak: float,
    solve: SolveOptions,
    at: Twin,
) -> BaseFacts:
    needed = engine.estimate(base.network, base.demand, solve)
    figures: Mapping[str, float] = {
        "relative_gap": base.state.relative_gap,
        "links": float(base.network.link_id.size),
        "zones": float(base.network.is_zone.sum()),
        "demand": float(base.demand.flow_vehh.sum()),
        "peak_hour_share": peak,
        "counts_used": float(report.used_after.rows),
        "counts_held_out": float(report.reserve_after.rows),
        "used_geh_below_5": report.used_after.share_good,
        "held_out_geh_below_5": report.reserve_after.share_good,
        "held_out_geh_90": report.reserve_after.geh_90,
        "held_out_rmse": report.reserve_after.rmse_percent,
        "held_out_rmse_before": report.reserve_before.rmse_percent,
        "held_out_bias": report.reserve_after.bias,
        "is_calibrated": float(report.is_calibrated),
        "run_memory": float(needed.memory_bytes),
        ROADS_DAY: roads_day(wish.as_of),
    }
    units = {"demand": "1/h", "run_memory": "By", ROADS_DAY: "d"}
    units |= dict.fromkeys(("held_out_rmse", "held_out_rmse_before"), "%")
    return BaseFacts(
        name=wish.name,
        content_hash=base.content_hash(),
        engine=engine.name,
        engine_version=engine.version,
        figures=figures,
        units=units,
        assumptions=(*report.assumptions, *report.objections, *base.demand.assumptions),
        provenance=Provenance(
            "estimated", by=f"{engine.name} {engine.version} on counts of {wish.year}", at=at.now()
        ),
    )


def _summary(stored: StoredBase) -> str:
    figures = stored.facts.figures
    return (
        f"base {stored.facts.name!r}, version {stored.version}: {figures['links']:.0f} links, "
        f"{figures['demand']:.0f} vehicles an hour, gap {figures['relative_gap']:.1e}; "
        f"GEH below 5 on {figures['used_geh_below_5']:.0%} of {figures['counts_used']:.0f} used "
        f"and {figures['held_out_geh_below_5']:.0%} of {figures['counts_held_out']:.0f} held-out "
        f"counts (GEH of nine in ten held out: {figures['held_out_geh_90']:.1f})"
    )
