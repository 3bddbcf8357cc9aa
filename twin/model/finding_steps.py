"""The way of a finding: new, seen, judged, closed; one step at a time, each one logged."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import get_args

from twin.errors import ModelError
from twin.model.findings import Cause, Finding, FindingStage, Severity

STAGES: tuple[FindingStage, ...] = get_args(FindingStage)
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
REASONED: frozenset[FindingStage] = frozenset({"judged", "closed"})
"""Stages that need the reason of a person."""
LONGEST_REASON = 4000

_PERSON = re.compile(r"[a-z][a-z0-9_.-]{1,63}")


@dataclass(frozen=True, slots=True)
class FindingStep:
    """One entry of the log of a finding.

    Parameters
    ----------
    at
        When it was recorded.
    stage
        Stage that it led to.
    person
        Account or role, never a name; empty where the analysis itself made the step.
    reason
        Why, in the words of the person, or what changed in the statement.
    finding
        What the rule stated then: with rule version, evidence windows and reasons.
    """

    at: datetime
    stage: FindingStage
    person: str
    reason: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class StoredFinding:
    """A finding with its number, its stage and its log.

    ``finding`` is the newest statement of the rule, ``opened_at`` the time of its first one.
    """

    id: int
    stage: FindingStage
    opened_at: datetime
    finding: Finding
    steps: tuple[FindingStep, ...]

    @property
    def is_open(self) -> bool:
        """Whether nobody has closed it."""
        return self.stage != "closed"


@dataclass(frozen=True, slots=True)
class OpenFindings:
    """How many open findings of one severity and cause an asset has."""

    asset_id: str
    severity: Severity
    cause: Cause | None
    count: int


def opened(finding: Finding, *, finding_id: int, at: datetime) -> StoredFinding:
    """A finding that was stated for the first time."""
    step = FindingStep(at, "new", "", "first stated", finding)
    return StoredFinding(finding_id, "new", finding.at, finding, (step,))


def restated(stored: StoredFinding, finding: Finding, *, at: datetime) -> StoredFinding:
    """An open finding after its rule stated it again; the same object if nothing changed.

    Other figures of the same statement replace the newest one. Another severity, cause, sentence or
    rule version is a step of the log. More severe than before takes it back to ``new``: whoever
    judged it judged something else. An older statement changes nothing.

    Examples
    --------
    >>> from datetime import UTC, timedelta
    >>> from twin.model.findings import Phrase
    >>> now = datetime(2026, 11, 22, tzinfo=UTC)
    >>> words = Phrase("crack_trend"), Phrase("inspect_crack")
    >>> found = Finding("B09", "crack-trend", "1", "warning", "c1", *words, at=now)
    >>> stored = replace(opened(found, finding_id=1, at=now), stage="judged")
    >>> worse = replace(found, severity="critical", at=now + timedelta(days=1))
    >>> restated(stored, worse, at=now).stage, restated(stored, found, at=now) is stored
    ('new', True)
    """
    known = stored.finding
    if finding == known or finding.at <= known.at:
        return stored
    changes = _changes(known, finding)
    if not changes:
        return replace(stored, finding=finding)
    is_worse = SEVERITIES.index(finding.severity) > SEVERITIES.index(known.severity)
    stage: FindingStage = "new" if is_worse else stored.stage
    step = FindingStep(at, stage, "", "; ".join(changes), finding)
    return replace(stored, stage=stage, finding=finding, steps=(*stored.steps, step))


def moved(
    stored: StoredFinding, stage: str, *, person: str, reason: str, at: datetime
) -> StoredFinding:
    """A finding after a person took it to the next stage.

    Raises
    ------
    ModelError
        If the stage is not the next one, or person or reason are missing; names all of it.
    """
    problems = _problems(stored.stage, stage, person=person, reason=reason)
    if problems:
        raise ModelError(f"finding {stored.id} stays {stored.stage}: {'; '.join(problems)}")
    next_stage = STAGES[STAGES.index(stored.stage) + 1]
    step = FindingStep(at, next_stage, person, reason.strip(), stored.finding)
    return replace(stored, stage=next_stage, steps=(*stored.steps, step))


def _changes(known: Finding, finding: Finding) -> Sequence[str]:
    compared = (
        ("severity", known.severity, finding.severity),
        ("cause", known.cause or "open", finding.cause or "open"),
        ("statement", known.statement.key, finding.statement.key),
        ("rule version", known.rule_version, finding.rule_version),
    )
    return [f"{name} {before} to {after}" for name, before, after in compared if before != after]


def _problems(before: FindingStage, stage: str, *, person: str, reason: str) -> Sequence[str]:
    problems: list[str] = []
    if stage not in STAGES:
        problems.append(f"stage {stage[:40]!r} is unknown; use one of {', '.join(STAGES)}")
    elif before == STAGES[-1]:
        problems.append("it is closed; if it is seen again, a new finding is opened")
    elif stage != STAGES[STAGES.index(before) + 1]:
        problems.append(f"after {before} comes {STAGES[STAGES.index(before) + 1]}, not {stage}")
    if not _PERSON.fullmatch(person):
        problems.append(
            "it needs the account or role of a person (small letters, digits, '.', '_', '-'), "
            f"got {person[:40]!r}"
        )
    if stage in REASONED and not reason.strip():
        problems.append("judging and closing need a reason")
    if len(reason) > LONGEST_REASON:
        problems.append(f"a reason has at most {LONGEST_REASON} characters, got {len(reason)}")
    return problems
