"""Demand adjusted to counts, and how far the flows in between may be trusted.

The adjustment follows [1]_: steps along the gradient of the misfit, in proportion to the
demand, on the paths of an equilibrium that is solved again after every few steps. Counts that were
put aside judge it; counts that were fitted never do.

References
----------
.. [1] "A gradient approach for the O-D matrix adjustment problem", CRT publication 693,
   University of Montreal, 1990.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulations.traffic.adjustment import (
    Target,
    Units,
    adjust,
    counted_shares,
    is_heavy,
    misfit,
    modelled,
    subset,
    units_of,
)
from simulations.traffic.fit import (
    PRESETS,
    Score,
    Values,
    geh,
    objections,
    reserve_stations,
    score,
)
from simulations.traffic.trust import LinkLabel, bands, link_labels
from twin.errors import NetworkError, NoCompletePassError
from twin.model.network import Network
from twin.model.traffic import Demand, LinkCounts, SolveOptions, TrafficResult
from twin.ports import SolveControl, TrafficEngine

Judgement = Literal["reserve", "leave_one_station_out"]

# Steps that were halved this often without success end a fit.
LEAST_POWER = 0.1


@dataclass(frozen=True, slots=True)
class EstimateOptions:
    """How the demand is adjusted and judged.

    Parameters
    ----------
    rounds, steps
        Equilibria, and gradient steps on the paths of each.
    prior_variation
        Coefficient of variation of the pairs of the prior, which are weighed against the counts;
        infinite forgets the prior. Its total is fitted first and costs nothing.
    preset
        What "calibrated" asks for, a key of ``simulations.traffic.fit.PRESETS``.
    rounds_gap, final_gap
        Relative gaps of the equilibria of the rounds and of the returned one.
    solve
        Time limit, threads and memory of each equilibrium; its gap is not used.
    """

    rounds: int = 12
    steps: int = 4
    prior_variation: float = 2.0
    preset: str = "calibrated"
    rounds_gap: float = 1e-4
    final_gap: float = 1e-6
    solve: SolveOptions = field(default_factory=SolveOptions)


@dataclass(frozen=True, slots=True)
class Round:
    """One outer round: weighted misfit of its equilibrium, and whether it was kept."""

    number: int
    misfit: float
    is_accepted: bool


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationReport:
    """What was fitted, and what counts that were not fitted say about it.

    Parameters
    ----------
    judgement
        Which counts judge: reserve stations, or each station after a fit without it.
    used_before, used_after
        Scores on fitted counts with the prior and the adjusted demand; never a mark of quality.
    reserve_before, reserve_after
        The same on counts that were not fitted.
    is_calibrated
        The preset holds on the reserve counts.
    objections
        Why it is not calibrated, in English sentences.
    total_before_vehh, total_after_vehh
        Total demand [veh/h].
    rounds
        Progress of the fit that was returned.
    reserve_stations
        Stations put aside; empty when each station was left out once.
    label : tuple[LinkLabel, ...]
        By link, in the order of the network's columns.
    low_vehh, high_vehh : (links,)
        Band of the flow of all classes.
    assumptions
        English sentences.
    """

    judgement: Judgement
    used_before: Score
    used_after: Score
    reserve_before: Score
    reserve_after: Score
    is_calibrated: bool
    objections: tuple[str, ...]
    total_before_vehh: float
    total_after_vehh: float
    rounds: tuple[Round, ...]
    reserve_stations: tuple[str, ...]
    label: tuple[LinkLabel, ...]
    low_vehh: Values
    high_vehh: Values
    assumptions: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Adjusted demand, its equilibrium, and the report on both."""

    demand: Demand
    result: TrafficResult
    report: CalibrationReport


def calibrate(
    network: Network,
    demand_prior: Demand,
    counts: LinkCounts,
    *,
    options: EstimateOptions | None = None,
    control: SolveControl | None = None,
    engine: TrafficEngine | None = None,
) -> Calibration:
    """Demand whose equilibrium fits the counts, judged by counts that were put aside.

    Parameters
    ----------
    network, demand_prior
        A pair that starts at 0 stays at 0.
    counts
        Hourly volumes of directed links. Without heavy counts each pair keeps its share of heavy
        vehicles.
    options
        Defaults to `EstimateOptions()`.
    control
        Watched between and within the equilibria. After a cancellation the best demand so far
        comes back and its result says ``cancelled``.
    engine
        Defaults to the equilibrium by paths.

    Raises
    ------
    NetworkError
        If a count lies on no link, or its value or deviation is not possible; lists all.
    """
    options = options or EstimateOptions()
    _check(network, counts)
    work = _Work(network, demand_prior, options, control, engine or _default_engine())
    reserve = reserve_stations(counts.station)
    is_used = np.array([name not in reserve for name in counts.station], dtype=bool)
    base = work.solve(demand_prior, warm=None, phase="prior", number=0, gap=options.rounds_gap)
    fitted = work.fit(subset(counts, is_used), base)
    if reserve:
        unseen = np.where(is_used, np.nan, modelled(fitted.result, counts))
    else:
        unseen = work.left_out(counts, base)
    final = work.finish(fitted)
    before = modelled(base, counts)
    report = _report(
        work, counts, final, is_used=is_used, before=before, unseen=unseen, reserve=sorted(reserve)
    )
    return Calibration(final.demand, final.result, report)


def fit(
    network: Network,
    demand_prior: Demand,
    counts: LinkCounts,
    *,
    options: EstimateOptions | None = None,
    control: SolveControl | None = None,
    engine: TrafficEngine | None = None,
) -> tuple[Demand, TrafficResult, tuple[Round, ...]]:
    """Demand fitted to all counts, its equilibrium at the gap of the rounds, and the rounds.

    Nothing judges the answer; ``calibrate`` does.

    Raises
    ------
    NetworkError
        As in ``calibrate``.
    """
    options = options or EstimateOptions()
    _check(network, counts)
    work = _Work(network, demand_prior, options, control, engine or _default_engine())
    base = work.solve(demand_prior, warm=None, phase="prior", number=0, gap=options.rounds_gap)
    found = work.fit(counts, base)
    return found.demand, found.result, found.rounds


def _check(network: Network, counts: LinkCounts) -> None:
    problems = []
    for station, link, flow, deviation, group in zip(
        counts.station,
        counts.link_id,
        counts.flow_vehh,
        counts.deviation_vehh,
        counts.class_group,
        strict=True,
    ):
        if link not in network.link_id:
            problems.append(f"station {station}: link {link} is not in the network")
        if not (np.isfinite(flow) and flow >= 0):
            problems.append(f"station {station}: count {flow:g} veh/h; leave missing values out")
        if not (np.isfinite(deviation) and deviation > 0):
            problems.append(f"station {station}: deviation {deviation:g} veh/h must be positive")
        if group not in ("all", "heavy"):
            problems.append(f"station {station}: class group {group!r}; use all or heavy")
    if not counts.station:
        problems.append("there is no count; without any the prior demand is all that is known")
    if problems:
        raise NetworkError(
            f"the demand cannot be adjusted: {len(problems)} problems\n- " + "\n- ".join(problems)
        )


def _default_engine() -> TrafficEngine:
    from simulations.traffic.engine import engine  # noqa: PLC0415 - kernels load on first use

    return engine


def _target(counts: LinkCounts, prior: Values, prior_variation: float) -> Target:
    return Target(counts.flow_vehh, counts.deviation_vehh, prior, prior_variation)


class _Quiet:
    """Passes cancellations into an equilibrium and keeps its progress to itself."""

    def __init__(self, control: SolveControl) -> None:
        self._control = control

    def cancelled(self) -> bool:
        """Whether the answer is no longer wanted."""
        return self._control.cancelled()

    def progress(self, phase: str, number: int, relative_gap: float) -> None:
        """Take no note."""


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    """A demand with its equilibrium, and how it was found."""

    demand: Demand
    result: TrafficResult
    rounds: tuple[Round, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """What all fits of one calibration share."""

    network: Network
    prior: Demand
    options: EstimateOptions
    control: SolveControl | None
    engine: TrafficEngine

    def is_cancelled(self) -> bool:
        return self.control is not None and self.control.cancelled()

    def solve(
        self, demand: Demand, *, warm: TrafficResult | None, phase: str, number: int, gap: float
    ) -> TrafficResult:
        """Equilibrium at a gap; its number and gap are reported."""
        result = self.engine.solve(
            self.network,
            demand,
            None,
            options=replace(self.options.solve, relative_gap=gap),
            warm=warm,
            control=None if self.control is None else _Quiet(self.control),
        )
        if self.control is not None:
            self.control.progress(phase, number, result.relative_gap)
        return result

    def fit(self, counts: LinkCounts, base: TrafficResult, *, phase: str = "fit") -> _Fitted:
        """Prior demand adjusted to some counts; a round is kept if its misfit falls."""
        units = units_of(self.prior, is_heavy_apart="heavy" in counts.class_group)
        found = self._scaled(counts, base, phase)
        target = _target(counts, units.sums(found.demand), self.options.prior_variation)
        least, power = misfit(modelled(found.result, counts), target), 1.0
        for number in range(1, self.options.rounds + 1):
            if self.is_cancelled() or power < LEAST_POWER:
                break
            demand = self._stepped(found, counts, units, target, power)
            found, error = self._tried(
                found, demand, counts, target, least=least, phase=phase, number=number
            )
            if error < least:
                least = error
            else:
                power /= 2.0
        return found

    def _scaled(self, counts: LinkCounts, base: TrafficResult, phase: str) -> _Fitted:
        """The prior times counted over modelled total, if that is better."""
        target = _target(counts, np.empty(0), np.inf)
        flow = modelled(base, counts)
        unscaled = _Fitted(self.prior, base, ())
        total = float(flow.sum())
        if not (total > 0 and target.flow.sum() > 0):
            return unscaled
        factor = float(target.flow.sum()) / total
        demand = replace(self.prior, flow_vehh=factor * self.prior.flow_vehh)
        least = misfit(flow, target)
        return self._tried(unscaled, demand, counts, target, least=least, phase=phase, number=0)[0]

    def _tried(
        self,
        found: _Fitted,
        demand: Demand,
        counts: LinkCounts,
        target: Target,
        *,
        least: float,
        phase: str,
        number: int,
    ) -> tuple[_Fitted, float]:
        """The demand with its equilibrium if its misfit is below ``least``, else what was found."""
        try:
            result = self.solve(
                demand, warm=found.result, phase=phase, number=number, gap=self.options.rounds_gap
            )
        except NoCompletePassError:
            return found, np.inf
        error = misfit(modelled(result, counts), target)
        if result.status == "cancelled":
            error = np.inf
        rounds = (*found.rounds, Round(number, error, error < least))
        if error < least:
            return _Fitted(demand, result, rounds), error
        return replace(found, rounds=rounds), error

    def _stepped(
        self, found: _Fitted, counts: LinkCounts, units: Units, target: Target, power: float
    ) -> Demand:
        """Demand after the steps of one round; ``power`` below 1 shortens them."""
        before = units.sums(found.demand)
        share = counted_shares(found.result.paths, found.demand, counts, units=units)
        after = adjust(share, before, target, steps=self.options.steps)
        ratio = np.divide(after, before, out=np.ones(before.size), where=before > 0)
        return replace(
            found.demand, flow_vehh=found.demand.flow_vehh * ratio[units.of_row] ** power
        )

    def left_out(self, counts: LinkCounts, base: TrafficResult) -> Values:
        """(counts,) Flow at each station after a fit without it; NaN after a cancellation."""
        flows = np.full(len(counts.station), np.nan)
        for station in dict.fromkeys(counts.station):
            if self.is_cancelled():
                break
            inside = np.array([name == station for name in counts.station], dtype=bool)
            if inside.all():
                break
            others = self.fit(subset(counts, ~inside), base, phase=f"without {station}")
            flows[inside] = modelled(others.result, subset(counts, inside))
        return flows

    def finish(self, fitted: _Fitted) -> _Fitted:
        """The same demand with its equilibrium at the final gap."""
        stopped = replace(fitted, result=replace(fitted.result, status="cancelled"))
        if self.is_cancelled():
            return stopped
        try:
            result = self.solve(
                fitted.demand,
                warm=fitted.result,
                phase="certificate",
                number=0,
                gap=self.options.final_gap,
            )
        except NoCompletePassError:
            return stopped
        return replace(fitted, result=result)


def _report(
    work: _Work,
    counts: LinkCounts,
    final: _Fitted,
    *,
    is_used: NDArray[np.bool_],
    before: Values,
    unseen: Values,
    reserve: Sequence[str],
) -> CalibrationReport:
    """Scores on used counts, and on counts as they are modelled unseen."""
    is_judged = np.isfinite(unseen)
    judged = counts.flow_vehh[is_judged]
    used = counts.flow_vehh[is_used]
    reserve_before = score(before[is_judged], judged)
    reserve_after = score(unseen[is_judged], judged)
    preset = PRESETS[work.options.preset]
    share_good = float(np.mean(geh(unseen[is_judged], judged) < preset.geh)) if len(judged) else 0.0
    why = objections(reserve_before, reserve_after, preset=preset, share_good=share_good)
    label = link_labels(final.result, subset(counts, is_used))
    low, high = bands(
        final.result, subset(counts, is_used), label, before=reserve_before, after=reserve_after
    )
    return CalibrationReport(
        judgement="reserve" if reserve else "leave_one_station_out",
        used_before=score(before[is_used], used),
        used_after=score(modelled(final.result, counts)[is_used], used),
        reserve_before=reserve_before,
        reserve_after=reserve_after,
        is_calibrated=not why,
        objections=tuple(why),
        total_before_vehh=float(work.prior.flow_vehh.sum()),
        total_after_vehh=float(final.demand.flow_vehh.sum()),
        rounds=final.rounds,
        reserve_stations=tuple(reserve),
        label=label,
        low_vehh=low,
        high_vehh=high,
        assumptions=_assumptions(counts, final.result),
    )


def _assumptions(counts: LinkCounts, result: TrafficResult) -> tuple[str, ...]:
    found = ["the demand was adjusted on the routes of an equilibrium, which are not observed"]
    if "heavy" not in counts.class_group and any(map(is_heavy, result.classes)):
        found.append("no heavy counts: each pair keeps the share of heavy vehicles of the prior")
    return tuple(found)
