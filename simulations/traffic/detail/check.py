"""The detailed check of a sub-area with SUMO: cut, export, simulate with several seeds, compare."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulations.traffic.detail import child, closures, outcome, subarea, sumo
from simulations.traffic.detail.closures import SuddenClosure
from simulations.traffic.detail.departures import (
    DepartureProfile,
    Departures,
    expected_vehicles,
    sample,
)
from simulations.traffic.detail.subarea import SubTrips
from twin.errors import DetailError
from twin.model.detail import DetailResult, SeedRun
from twin.model.network import Network
from twin.model.traffic import TrafficResult
from twin.ports import SolveControl

LEAST_SEEDS = 5
USUAL_EDGES = 1000
USUAL_VEHICLES = 15_000
TELEPORTS_SHARE = 0.005
ASSUMPTIONS = (
    "the same routes as in the equilibrium; only vehicles that meet a sudden closure choose anew",
    "vehicles enter the sub-area at the rate of the static flow; queues outside do not hold them",
    "capacity follows from lanes, speed and junctions; capacity factors have no effect",
    "signal plans are actuated standard plans by netconvert, not the town's",
    "no turning lanes beside the drawn lanes: left turns hold others up more than they do there",
    "junctions are drawn from lanes and angles; pedestrians, parking and buses at stops are absent",
)


@dataclass(frozen=True, slots=True)
class SumoOptions:
    """How a sub-area is simulated.

    Parameters
    ----------
    seeds : tuple[int, ...]
        At least five different ones.
    step_length_s : float
        Stated with the result: 1 s against 0.5 s may change the mean loss of time by a third.
    profile : DepartureProfile
    clearance_s : float
        Time after the period in which vehicles may still finish [s].
    time_limit_s : float
        For all seeds together.
    """

    seeds: tuple[int, ...] = (1, 2, 3, 4, 5)
    step_length_s: float = 1.0
    profile: DepartureProfile = field(default_factory=DepartureProfile)
    clearance_s: float = 1800.0
    time_limit_s: float = 900.0

    def __post_init__(self) -> None:
        if len(set(self.seeds)) < LEAST_SEEDS or len(set(self.seeds)) != len(self.seeds):
            raise DetailError(
                f"at least {LEAST_SEEDS} different seeds are needed to know the spread; "
                f"got {self.seeds}"
            )
        if not (self.step_length_s > 0 and self.clearance_s >= 0 and self.time_limit_s > 0):
            raise DetailError(
                f"step length ({self.step_length_s:g} s), clearance ({self.clearance_s:g} s) and "
                f"time limit ({self.time_limit_s:g} s) must be positive"
            )


@dataclass(frozen=True, slots=True, eq=False)
class _Area:
    """All that the seeds have in common."""

    network: Network
    links: NDArray[np.int64]
    trips: SubTrips
    closures: tuple[SuddenClosure, ...]
    options: SumoOptions


def check(
    network: Network,
    static: TrafficResult,
    area: NDArray[np.int64],
    *,
    installed: child.Sumo,
    sudden: Sequence[SuddenClosure] = (),
    signals: Iterable[int] | None = None,
    options: SumoOptions | None = None,
    control: SolveControl | None = None,
) -> DetailResult:
    """Measured flow, speed, loss of time and queues in a sub-area, beside the equilibrium.

    Parameters
    ----------
    network : Network
        The network that ``static`` was solved on: with the scenario's edits for a scenario.
    static : TrafficResult
        Equilibrium with its paths.
    area : (links,)
        Ids of streets, as from ``subarea.links_around``.
    installed : Sumo
        From ``child.locate_sumo``.
    sudden : sequence of SuddenClosure
        Closures during the period; planned ones belong into the scenario.
    signals : iterable of int, optional
        Nodes with signals; guessed and listed for review if not given.
    options : SumoOptions, optional
    control : SolveControl, optional

    Raises
    ------
    DetailError
        If the area, the routes or a closure do not fit the network, SUMO fails, the time limit
        is reached or the check is cancelled.
    """
    chosen = options or SumoOptions()
    links = np.unique(area)
    trips = subarea.cut(network, static.paths, classes=static.classes, area=links)
    closures.check_permissions(network, trips)
    plain = sumo.plain_network(
        network, links, classes=static.classes, driven=trips, signals=signals
    )
    inputs = _Area(network, links, trips, tuple(sudden), chosen)
    runs, columns = _simulate(inputs, plain, installed, control)
    static_flow, static_speed = _static(network, static, links)
    return DetailResult(
        link_id=links,
        static_flow_vehh=static_flow,
        static_speed_kmh=static_speed,
        flow_vehh=np.array([each.flow_vehh for each in columns]),
        speed_kmh=np.array([each.speed_kmh for each in columns]),
        time_loss_s=np.array([each.time_loss_s for each in columns]),
        queue_veh=np.array([each.queue_veh for each in columns]),
        longest_queue_veh=np.array([each.longest_queue_veh for each in columns]),
        runs=tuple(runs),
        step_length_s=chosen.step_length_s,
        period_s=chosen.profile.duration_s,
        versions={"sumo": installed.version, **static.versions},
        review=plain.review,
        assumptions=ASSUMPTIONS,
        warnings=_warnings(inputs, runs),
    )


def _simulate(
    inputs: _Area,
    plain: sumo.PlainNetwork,
    installed: child.Sumo,
    control: SolveControl | None,
) -> tuple[list[SeedRun], list[outcome.Measured]]:
    """Totals and columns of every seed, in their order."""
    runs, columns = [], []
    deadline = time.monotonic() + inputs.options.time_limit_s
    with child.workplace() as folder:
        watch = child.watch(deadline, control, "network")
        net = child.convert(installed, plain, folder=folder, watch=watch)
        for number, seed in enumerate(inputs.options.seeds, start=1):
            phase = f"seed {number} of {len(inputs.options.seeds)}"
            run, column = _one_seed(
                inputs, installed, net, seed=seed, watch=child.watch(deadline, control, phase)
            )
            runs.append(run)
            columns.append(column)
    return runs, columns


def _one_seed(
    inputs: _Area, installed: child.Sumo, net: Path, *, seed: int, watch: child.Watch
) -> tuple[SeedRun, outcome.Measured]:
    profile = inputs.options.profile
    drawn = sample(inputs.trips, profile, seed=seed)
    departures, unable = closures.split_stranded(
        inputs.trips, drawn, inputs.closures, warm_up_s=profile.warm_up_s
    )
    begun = time.monotonic()
    outputs = child.simulate(
        installed,
        net,
        _seed_input(inputs, departures, seed=seed),
        folder=net.parent / f"seed{seed}",
        watch=watch,
    )
    run = outcome.totals(
        outputs,
        inputs.trips,
        departures,
        seed=seed,
        unable_to_start=unable,
        seconds=time.monotonic() - begun,
    )
    return run, outcome.measured(outputs, inputs.links, period_s=profile.duration_s)


def _seed_input(inputs: _Area, departures: Departures, *, seed: int) -> child.SeedInput:
    profile = inputs.options.profile
    measured_until_s = profile.warm_up_s + profile.duration_s
    end_s = measured_until_s + inputs.options.clearance_s
    means = sumo.measured_edges_xml(
        begin_s=profile.warm_up_s, end_s=measured_until_s, file="means.xml"
    )
    rerouters = closures.rerouters_xml(
        inputs.network,
        inputs.links,
        inputs.closures,
        driven=inputs.trips,
        warm_up_s=profile.warm_up_s,
        end_s=end_s,
    )
    return child.SeedInput(
        routes=sumo.routes_xml(inputs.trips, departures),
        additional=sumo.document("additional", [means, rerouters]),
        edges=tuple(map(str, inputs.links.tolist())),
        closures=closures.notices(
            inputs.network,
            inputs.links,
            inputs.closures,
            driven=inputs.trips,
            warm_up_s=profile.warm_up_s,
            end_s=end_s,
        ),
        options={
            "seed": str(seed),
            "step-length": f"{inputs.options.step_length_s:g}",
            **closures.rerouting_options(inputs.closures),
        },
        begin_s=profile.warm_up_s,
        measured_until_s=measured_until_s,
        end_s=end_s,
    )


def _static(
    network: Network, static: TrafficResult, links: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Flow of all classes [veh/h] and speed [km/h] of the equilibrium on the links."""
    rows = subarea.rows_of(static.link_id, links)
    length = network.length_m[subarea.rows_of(network.link_id, links)]
    with np.errstate(divide="ignore"):
        speed = np.where(static.time_s[rows] > 0, length / static.time_s[rows], np.inf)
    return static.flow_vehh.sum(axis=0)[rows], speed * sumo.KMH_PER_M_S


def _warnings(inputs: _Area, runs: list[SeedRun]) -> tuple[str, ...]:
    found = []
    vehicles = expected_vehicles(inputs.trips, inputs.options.profile)
    if len(inputs.links) > USUAL_EDGES or vehicles > USUAL_VEHICLES:
        found.append(
            f"{len(inputs.links)} links and {vehicles:.0f} vehicles are more than a detailed check "
            f"is meant for ({USUAL_EDGES} links, {USUAL_VEHICLES} vehicles)"
        )
    for run in runs:
        if run.teleports > TELEPORTS_SHARE * run.vehicles:
            found.append(
                f"seed {run.seed}: {run.teleports} of {run.vehicles} vehicles were moved because "
                "they stood too long; look at the review list before using this run"
            )
        if run.waiting + run.driving > 0:
            found.append(
                f"seed {run.seed}: {run.waiting} vehicles never got in and {run.driving} were "
                "still under way at the end"
            )
    return tuple(found)
