"""``twin measures advise``: which measures reach a target on a bridge at least traffic cost."""

import argparse
import json
import logging
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence

from simulations.bridges.command import bridge_id
from simulations.capacity import capacity_of, prepare_process
from simulations.measures.advise import (
    Advice,
    Candidate,
    Outcome,
    Rank,
    Target,
    advise,
    candidates_for,
    outcome_of,
    scenario_of,
    told,
)
from simulations.measuring import MeasureRuns
from simulations.obedience_command import share_argument
from simulations.running import Limits, OpenBases, open_base, solve
from simulations.whatif import OVER, follow, require_worker
from twin.city import Twin
from twin.errors import RegistryError, ScenarioError, SolveError
from twin.measure_shelf import ENGINE
from twin.model.bases import StoredBase
from twin.model.findings import Phrase
from twin.model.interventions import Intervention
from twin.model.phrases import said
from twin.model.scenario_words import sentences
from twin.model.scenarios import Run
from twin.runtime import open_twin
from twin.settings import Settings
from twin.signals import stop_on_signal

MOST_SHOWN = 12


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Propose measures that reach a target, ranked by their number and by what traffic pays."""
    options = _parser().parse_args(arguments)
    above_t, most_vehd = options.crossings or (None, None)
    target = Target(options.damage_below, above_t, most_vehd)
    stop = stop_on_signal()
    logging.getLogger("simulations").setLevel(logging.WARNING)  # the progress says the same
    if options.here:
        prepare_process(settings, threads=capacity_of(settings).threads)
    twin = open_twin(settings, role="work" if options.here else "serve")
    try:
        asset_id = bridge_id(twin, options.bridge)
        stored = twin.base(options.base) if options.base else _newest(twin)
        classes = [one.name for one in open_base(twin, stored.facts.content_hash).demand.classes]
        asker = Asker(
            twin, settings, stop, base=stored.facts.name, asset_id=asset_id, target=target,
            is_here=options.here,
        )  # fmt: skip
        found = advise(candidates_for(asset_id, classes), target, asker.ask, tell=asker.tell)
        names = twin.target_names()
    finally:
        twin.close()
    if options.json:
        sys.stdout.write(json.dumps(document(found), ensure_ascii=False, indent=2) + "\n")
    else:
        language = options.language or settings.dashboards.languages[0]
        sys.stdout.write("\n".join(_lines(found, names, language)) + "\n")
    return 0 if found.is_reached else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="twin measures advise", description=command.__doc__)
    parser.add_argument("bridge", help="id or part of a name")
    parser.add_argument(
        "--damage-below", type=share_argument, metavar="SHARE",
        help="damage rate of at most this share of today's, such as 30%%",
    )  # fmt: skip
    parser.add_argument(
        "--crossings", type=crossings_argument, metavar="MASS:NUMBER",
        help="at most so many crossings a day above a mass, such as 30t:50",
    )  # fmt: skip
    parser.add_argument("--base", metavar="NAME", help="base; the newest one if left out")
    parser.add_argument(
        "--here", action="store_true", help="solve in this process, not in a worker"
    )
    parser.add_argument("--language", choices=("de", "en"), help="default: first one of the city")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def crossings_argument(text: str) -> tuple[float, float]:
    """Mass [t] and number a day of a command line.

    Examples
    --------
    >>> crossings_argument("30t:50")
    (30.0, 50.0)
    """
    mass, _, number = text.partition(":")
    try:
        found = float(mass.removesuffix("t")), float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be such as 30t:50, got {text[:40]!r}") from None
    return found


def _newest(twin: Twin) -> StoredBase:
    bases = list(twin.traffic.bases())
    if not bases:
        raise RegistryError("there is no base of traffic; make one with `twin estimate`")
    return max(bases, key=lambda one: (one.made_at, one.version))


class Asker:
    """Outcomes by ordinary measures runs of the queue: known ones are read, the others solved."""

    def __init__(
        self, twin: Twin, settings: Settings, stop: threading.Event, *, base: str, asset_id: str,
        target: Target, is_here: bool,
    ) -> None:  # fmt: skip
        self._twin, self._settings, self._stop = twin, settings, stop
        self._base, self._asset_id, self._target = base, asset_id, target
        self._is_here = is_here
        limits = Limits(capacity_of(settings), settings.traffic.time_limit_s)
        self._runs = MeasureRuns(limits, OpenBases())

    def tell(self, number: int, what: str) -> None:
        """Progress on standard error; SolveError once the person has interrupted."""
        if self._stop.is_set():
            raise SolveError("the search for measures was cancelled")
        sys.stderr.write(f"set {number}: {what}\n")

    def ask(self, chosen: tuple[Intervention, ...]) -> Outcome:
        """Outcome of measures together.

        Raises
        ------
        ScenarioError
            If they cannot be had here.
        SolveError
            If the search was cancelled.
        """
        name = f"advice for {self._asset_id}"
        scenario = scenario_of(chosen, name=name, base=self._base)
        gap = self._settings.traffic.relative_gap
        run = self._ended(self._twin.measures.ask(scenario, relative_gap=gap))
        if run.status == "cancelled":
            raise SolveError("the search for measures was cancelled")
        found = self._twin.measures.document(run.id)
        if found is None:
            raise ScenarioError(run.message or "the run has no document")
        return outcome_of(found, self._asset_id, self._target)

    def _ended(self, run: Run) -> Run:
        if run.status in OVER:
            return run
        if not self._is_here:
            require_worker(self._twin, run)
            return follow(self._twin, run, self._stop, needs_worker=True)
        claimed = self._twin.claim_run((ENGINE,), only=run.id)
        if claimed is not None:
            given = (self._twin, claimed, self._runs)
            solver = threading.Thread(target=solve, args=given, name="solve", daemon=True)
            solver.start()
            follow(self._twin, claimed, self._stop)
            solver.join()
        return follow(self._twin, run, self._stop)


def document(found: Advice) -> dict[str, object]:
    """The advice as JSON values, ranks in their order."""
    return {
        "is_reached": found.is_reached,
        "is_met_today": found.is_met_today,
        "evaluated": found.evaluated,
        "left_out": found.left_out,
        "ranks": [_rank_document(rank) for rank in found.ranks],
    }


def _rank_document(rank: Rank) -> dict[str, object]:
    outcome = rank.outcome
    return {
        "measures": [_measure(one) for one in rank.candidates],
        "reaches": rank.reaches,
        "damage_share": None if outcome is None else outcome.damage_share,
        "crossings_vehd": None if outcome is None else outcome.crossings_vehd,
        "unserved_vehh": None if outcome is None else outcome.unserved_vehh,
        "vehicle_h": None if outcome is None else outcome.vehicle_h,
        "heavy_km": None if outcome is None else outcome.heavy_km,
        "overloaded": [] if outcome is None else list(outcome.overloaded),
        "reasons": [{"de": said(one, "de"), "en": said(one, "en")} for one in told(rank)],
    }


def _measure(one: Candidate) -> dict[str, object]:
    values = one.intervention.parameters
    return {"family": one.family, "kind": one.intervention.kind, "parameters": dict(values)}


def _lines(found: Advice, names: Mapping[str, str], language: str) -> Iterator[str]:
    if found.is_met_today:
        yield said(Phrase("advice.met_today"), language)
    elif not found.is_reached:
        yield said(Phrase("advice.none"), language)
    elif found.ranks[0].candidates[0].family == "closure":
        yield said(Phrase("advice.only_closure"), language)
    for number, rank in enumerate(found.ranks[:MOST_SHOWN], start=1):
        chosen = tuple(one.intervention for one in rank.candidates)
        scenario = scenario_of(chosen, name="", base="")
        yield f"{number:2}. {'; '.join(sentences(scenario, language=language, names=names))}"
        yield from (f"      {said(phrase, language)}" for phrase in told(rank))
    counts = {"evaluated": float(found.evaluated), "left_out": float(found.left_out)}
    yield said(Phrase("advice.count", counts), language)
    yield said(Phrase("advice.no_speed"), language)
