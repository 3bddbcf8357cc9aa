"""What a run found, as its page needs it: read through the city, the same for page and files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from twin.city import Twin
from twin.errors import RegistryError
from twin.model.bases import StoredBase
from twin.model.scenarios import Run
from twin.model.traffic_state import live_of, validity

JOINT_PART, REPORT_PART = "measures", "report"
OVER = frozenset({"done", "failed", "cancelled"})
FIGURES = ("vehicle_h", "vehicle_km", "delay_h", "heavy_km")
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """A run with what is known of its base and what it found.

    Parameters
    ----------
    run
    base
        Stored base that it started from; None if that was deleted.
    validity
        What live counts say of the base now (`twin.model.traffic_state.validity`).
    joint
        Document of the joint analysis; None for a plain traffic question, or while it is missing.
    report
        Document of the traffic part; None while there is none.
    """

    run: Run
    base: StoredBase | None
    validity: Document
    joint: Document | None = None
    report: Document | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.run.status in OVER

    @property
    def bridges(self) -> Sequence[Document]:
        """Bridges in the order of the document, the largest added heavy traffic first."""
        return [] if self.joint is None else list(self.joint["bridges"])


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of the town, before and after, with the band of its change.

    ``threshold`` is what gaps and movements of the equilibria explain, where that is known.
    """

    key: str
    unit: str
    base: float | None
    scenario: float | None
    change: float | None
    is_significant: bool
    provenance: str
    by: str = ""
    band: Document = field(default_factory=dict)
    threshold: float | None = None


def read_answer(twin: Twin, number: int) -> Answer:
    """Run of a number with everything stored of it.

    Raises
    ------
    RegistryError
        If there is no such run.
    """
    run = twin.run(number)
    joint = _part(twin, run, JOINT_PART)
    report = _part(twin, run, REPORT_PART)
    if report is None and joint is not None:
        report = joint.get("traffic")
    held = validity(live_of(twin.traffic.states("live"), run.base), twin.now())
    return Answer(run, _base(twin, run), held, joint, report)


def _base(twin: Twin, run: Run) -> StoredBase | None:
    try:
        return twin.traffic.base(run.base)
    except RegistryError:
        return None


def _part(twin: Twin, run: Run, name: str) -> Document | None:
    content = twin.traffic.run_part(run.id, name)
    return None if content is None else dict(json.loads(content))


def figures_of(answer: Answer) -> list[Figure]:
    """Numbers of the town: those of the joint analysis, else those of the traffic part."""
    if answer.joint is not None:
        return [_figure(item) for item in answer.joint["kpis"]]
    return [] if answer.report is None else _traffic_figures(answer.report)


def _figure(item: Document) -> Figure:
    kind, _, by = str(item["provenance"]).partition(": ")
    return Figure(
        key=item["key"],
        unit=item["unit"],
        base=item["base"],
        scenario=item["scenario"],
        change=item["change"],
        is_significant=bool(item["is_significant"]),
        provenance=kind,
        by=by,
        band=item.get("band") or {},
    )


def _traffic_figures(report: Document) -> list[Figure]:
    """Sums over trips that are served on both sides, as soon as not all are."""
    by = " ".join(str(part) for part in report.get("engine", ()))
    lost = report["unserved"]
    before, after = float(lost["base_vehh"]), float(lost["scenario_vehh"])
    is_changed = abs(after - before) > 1e-6  # noqa: PLR2004 - rounding
    found = [Figure("unserved", "1/h", before, after, after - before, is_changed, "simulated", by)]
    scope = "common" if is_changed else "all"
    sums = {item["key"]: item for item in report["sums"] if item["scope"] == scope}
    for key in FIGURES:
        item = sums.get(key)
        if item is not None:
            change = item["scenario"] - item["base"]
            found.append(
                Figure(
                    key, item["unit"], item["base"], item["scenario"], change,
                    item["is_significant"], "simulated", by, threshold=item["threshold"],
                )
            )  # fmt: skip
    return found


def newly_met(bridge: Document) -> list[Document]:
    """Restrictions of a bridge that its traffic meets in the scenario; kept ones are no news."""
    silent = ("kept", "not_assessable")
    return [item for item in bridge["restrictions"] if item["status"] not in silent]


def same_base(answers: Sequence[Answer]) -> bool:
    """Whether all runs started from the same content, so that their numbers have one meaning."""
    return len({answer.run.base for answer in answers}) <= 1


def rank_of(bridge: Document) -> float:
    """Added heavy vehicles a day, for an order; a bridge without a number comes last."""
    change = bridge["heavy"]["change_vehd"]
    return float("-inf") if change is None else float(change)
