"""Runs of the engine ``advice``: sets of measures one by one, each as a measures run solves it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simulations.measuring import (
    SNAPSHOT_PART,
    Analysed,
    Asked,
    MeasureRuns,
    analysed,
    plain_report,
)
from simulations.running import Limits, OpenBases, base_document
from simulations.watching import RunWatch
from twin.advice_shelf import ADVICE_ENGINE, ADVICE_PART, ADVICE_VERSION, advice_version_on
from twin.city import Twin
from twin.errors import ScenarioError, SolveError, TwinError
from twin.measure_shelf import ENGINE, VERSION, version_on
from twin.model.advice import AdviceQuestion, question_of, refusal_of_damage
from twin.model.findings import Phrase
from twin.model.interventions import Intervention
from twin.model.packing import pack
from twin.model.provenance import Provenance
from twin.model.questions import measure_options
from twin.model.scenarios import Result, Run, Scenario
from twin.model.statements import in_language

if TYPE_CHECKING:
    from simulations.measures.advise import Outcome, Step
    from simulations.measures.cases import BridgeCase
    from simulations.measuring import Cases

ENDED = "ended before it had an answer"
STATUSES = ("not_assessable", "relative", "assessed")
"""Of the damage of a part; the weakest of a bridge counts."""
SOLVED = 0.7
SETS_IN_TIME = 20
"""The time limit of a run is that of one equilibrium; advice may take so many of them."""


@dataclass(frozen=True, slots=True)
class AdviceRuns:
    """Answers runs of the engine ``advice``; each set of measures may take what a run may."""

    each: Limits
    bases: OpenBases

    @property
    def limits(self) -> Limits:
        """What a whole search may use."""
        return replace(self.each, time_limit_s=SETS_IN_TIME * self.each.time_limit_s)

    def found(self, twin: Twin, run: Run, watch: RunWatch) -> tuple[Result, Mapping[str, bytes]]:
        """The result of a run and its files by name.

        Raises
        ------
        SolveError
            If base, engine or bridges are not those of the question any more, it was ended, or
            the target cannot be told for the bridge; says what can.
        """
        from simulations.measures.advice_document import document  # noqa: PLC0415 - kernels need a prepared process
        from simulations.measures.advise import advise, candidates_for  # noqa: PLC0415 - as above

        question = question_of(run.options, base=run.scenario.base)
        searcher = Searcher(twin, self._asked(twin, run), question, watch)
        today = searcher.today()
        classes = [one.name for one in searcher.asked.base.demand.classes]
        found = advise(
            candidates_for(question.asset_id, classes), question.target, searcher.outcome,
            tell=searcher.tell,
        )  # fmt: skip
        content = document(
            found, question, names=searcher.asked.names, inputs=searcher.inputs(run), today=today
        )
        indicators = {
            "sets_evaluated": float(found.evaluated),
            "sets_reaching": float(sum(rank.reaches for rank in found.ranks)),
        }
        result = Result(
            run.id,
            indicators,
            dict.fromkeys(indicators, "1"),
            (),
            Provenance("simulated", by=f"{ADVICE_ENGINE} {ADVICE_VERSION}"),
        )
        text = json.dumps(content, ensure_ascii=False, allow_nan=False)
        return result, {ADVICE_PART: text.encode(), SNAPSHOT_PART: pack(searcher.asked.snapshot)}

    def _asked(self, twin: Twin, run: Run) -> Asked:
        """What the measures runs of all sets follow from."""
        facts = twin.traffic.base(run.base).facts
        if run.version != advice_version_on(facts):
            raise SolveError(
                f"the question was asked of {ADVICE_ENGINE} {run.version}, installed is "
                f"{advice_version_on(facts)}; ask again"
            )
        wanted = json.loads(run.options)
        options = measure_options(
            relative_gap=wanted["relative_gap"], members=0, seed=0, bridges=wanted["bridges"]
        )
        as_measures = replace(run, engine=ENGINE, version=version_on(facts), options=options)
        return MeasureRuns(self.each, self.bases).asked(twin, as_measures)


def cases_for(asked: Asked, asset_id: str) -> "Cases":
    """Cases of the bridges; of others than the one that is asked for no damage is computed.

    Where they have a target load level their models stay, for they may be overloaded.
    """
    from simulations.measure_cases import cases_of  # noqa: PLC0415 - kernels need a prepared process

    cases, parts = cases_of(asked.snapshot, asked.base.network)
    kept = tuple(
        case if case.asset_id == asset_id or case.targets or case.refusal else _bare(case)
        for case in cases
    )
    return kept, parts


def _bare(case: "BridgeCase") -> "BridgeCase":
    """A case without details and lines; its refusal is read by nobody."""
    return replace(case, lines=(), details=(), excluded=(), refusal=Phrase("advice.not_asked"))


class SetWatch(RunWatch):
    """Watch of one set inside a search: the share stays that of the search, its end is its own."""

    def __init__(self, search: RunWatch, *, share: float, said: str) -> None:
        super().__init__()
        self._search, self._at, self._said = search, share, said

    def cancelled(self) -> bool:
        """Whether the search is no longer wanted."""
        return self._search.cancelled()

    def report(self, share: float, message: str) -> bool:
        """Take note that the set is computed; False to stop."""
        del share, message
        return self._search.report(self._at, self._said)


class Searcher:
    """Outcomes of sets of measures on one base and one bridge, with their progress."""

    def __init__(self, twin: Twin, asked: Asked, question: AdviceQuestion, watch: RunWatch) -> None:
        self.asked = asked
        self._twin, self._question, self._search = twin, question, watch
        self._watch = SetWatch(watch, share=0.0, said="set 0")
        self._cases = cases_for(asked, question.asset_id)

    def tell(self, step: "Step") -> None:
        """Take note of the next set; SolveError if the search is no longer wanted."""
        said = f"set {step.number}: {' + '.join(step.families)}"
        self._watch = SetWatch(self._search, share=step.share, said=said)
        if not self._search.report(step.share, said):
            raise SolveError(ENDED)

    def today(self) -> Mapping[str, object]:
        """Figures of the bridge without measures.

        Raises
        ------
        SolveError
            If the target cannot be told for the bridge; says why, and what can be asked.
        """
        from simulations.measures.advice_outcome import blocks, outcome_of  # noqa: PLC0415 - kernels need a prepared process

        asset_id, target = self._question.asset_id, self._question.target
        found = self._analysed(())
        block = blocks(found.joint, plain_report(found.report.document), target)
        mine = [one for one in block["bridges"] if one["asset"] == asset_id]
        name = self.asked.names.get(asset_id, asset_id)
        if not mine:
            raise SolveError(
                f"{name} carries no vehicle in the base {self.asked.stored.facts.name!r}; there is "
                "nothing that a measure on it could change"
            )
        outcome = outcome_of(block, asset_id, target)
        if target.damage_share is not None and outcome.damage_share is None:
            reasons = [one["fatigue"]["reason"] for one in mine if one["fatigue"]["reason"]]
            why = in_language(reasons[0], "en") if reasons else "no heavy vehicle crosses it"
            raise SolveError(refusal_of_damage(name, why))
        if target.above_t is not None and outcome.today_vehd is None:
            raise SolveError(
                f"crossings of {name} are known by the hour only, because the base "
                f"{self.asked.stored.facts.name!r} knows no share of its hour in the day; ask for "
                "a damage rate (damage_share), or make a base with `twin estimate`"
            )
        statuses = [one["fatigue"]["status"] for one in mine]
        return {
            "damage": next((one for one in STATUSES if one in statuses), STATUSES[0]),
            "crossings_vehd": outcome.today_vehd,
            "heavy_vehd": mine[0]["heavy"]["base_vehd"],
        }

    def outcome(self, chosen: tuple[Intervention, ...]) -> "Outcome":
        """Outcome of measures together.

        Raises
        ------
        ScenarioError
            If they cannot be had here, or not be solved.
        SolveError
            If the search was ended.
        """
        from simulations.measures.advice_outcome import outcome_in  # noqa: PLC0415 - kernels need a prepared process

        try:
            found = self._analysed(chosen)
        except ScenarioError:
            raise
        except TwinError as error:
            if self._search.cancelled():
                raise SolveError(ENDED) from error
            raise ScenarioError(str(error)) from error
        report = plain_report(found.report.document)
        return outcome_in(found.joint, report, self._question.asset_id, self._question.target)

    def _analysed(self, chosen: tuple[Intervention, ...]) -> Analysed:
        scenario = Scenario("advice", self._question.base, chosen)
        if chosen:
            self._twin.measures.check(scenario)
        asked = replace(self.asked, run=replace(self.asked.run, scenario=scenario))
        return analysed(asked, self._watch, until=SOLVED, known=self._cases)

    def inputs(self, run: Run) -> Mapping[str, object]:
        """What the advice of a run follows from."""
        asked = self.asked
        return {
            "base": base_document(asked.stored),
            "bridges_hash": asked.bridges_hash,
            "restrictions_on": asked.snapshot.day.isoformat(),
            "input_hash": run.input_hash,
            "engine": [ADVICE_ENGINE, ADVICE_VERSION],
            "analysis": [ENGINE, VERSION],
            "traffic_engine": [asked.engine.name, asked.engine.version],
            "relative_gap": asked.options.relative_gap,
        }
