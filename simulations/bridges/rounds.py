"""Rounds over the bridges: which analyses are due, what they found, and what they say of now."""

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from simulations.bridges.inputs import Bridge, bridges
from twin.city import Twin
from twin.errors import (
    InsufficientData,
    ModelError,
    NotAvailable,
    RegistryError,
    StoreError,
    StoreUnavailableError,
)
from twin.model.bridge_status import NAME as STATUS
from twin.model.bridge_status import AnalysisStatus, BridgeStatus, status_of
from twin.model.finding_steps import SEVERITIES, StoredFinding
from twin.model.findings import Finding, MonitoringState, Phrase
from twin.model.monitoring import AnalysisOutcome, StateRecord
from twin.model.refusals import refused_as

logger = logging.getLogger(__name__)

LOCK = "bridge-analyses"
REST_S = 10.0
MOST_COMPARABLE = 5
SETTLED = timedelta(days=90)
"""For so long a closed finding is not opened by the same rule, unless it is graver or has grown."""
GROWN = 1.5
"""Its leading figure is so many times as far from the limit as when it was closed; own choice."""


@dataclass(frozen=True, slots=True)
class Found:
    """What an analysis found at a bridge, and whether it could judge."""

    outcome: AnalysisOutcome = field(default_factory=AnalysisOutcome)
    state: MonitoringState = MonitoringState.NORMAL
    reason: Phrase | None = None


@dataclass(frozen=True, slots=True)
class Analysis:
    """One kind of analysis.

    Parameters
    ----------
    name, version
        As the status tells them.
    every
        Distance between two of its looks at a bridge.
    concerns
        Whether a bridge has what it needs.
    look
        Reads the streams and says what it found; raises InsufficientData while it has to learn,
        NotAvailable where it does not apply.
    is_structural
        Whether it judges the structure: a bridge is normal only if all of these do.
    settled_for
        So long a finding that a person has closed is not opened again, unless it is graver or has
        grown; short for what comes and goes, such as water.
    """

    name: str
    version: str
    every: timedelta
    concerns: Callable[[Bridge], bool]
    look: Callable[[Bridge], Found]
    is_structural: bool = False
    settled_for: timedelta = SETTLED


class Rounds:
    """Looks at bridges whose analyses are due; only one worker of the city does.

    A round comes to every bridge once, so that none that is slow or always due keeps the others
    waiting. The registry is read at its beginning. What an analysis said goes once it no longer
    exists or concerns the bridge: nobody would say it anew.

    Parameters
    ----------
    twin
        The city.
    analyses
        In the order in which they are made.
    """

    def __init__(self, twin: Twin, analyses: Sequence[Analysis]) -> None:
        self._twin = twin
        self._analyses = tuple(analyses)
        self._round: deque[Bridge] = deque()
        self._said: dict[str, dict[str, AnalysisStatus]] | None = None
        self._rests_until = 0.0

    def step(self) -> bool:
        """Make all due analyses of one bridge, so that a waiting run is not kept long.

        False if nothing was due in the rest of the round, or another worker does it; then nothing
        is looked up for a while.
        """
        if time.monotonic() < self._rests_until:
            return False
        if not self._twin.hold_instance(LOCK):
            self._round.clear()
            self._said = None
            return False
        if not self._round:
            self._round.extend(bridges(self._twin))
        said = self._read_said()
        while self._round:
            bridge = replace(self._round.popleft(), now=self._twin.now())
            known = said.setdefault(bridge.asset.id, {})
            timely = [item for item in self._analyses if _is_timely(item, bridge, known)]
            concerns = {item.name: _concerns(item, bridge) for item in timely}
            due = [item for item in timely if concerns[item.name]]
            gone = [name for name in known if self._is_gone(name, concerns)]
            for name in gone:
                del known[name]
            if due or gone:
                self._look_at(bridge, due, known)
                return True
        self._rests_until = time.monotonic() + REST_S
        return False

    def _is_gone(self, name: str, concerns: Mapping[str, bool | None]) -> bool:
        """Whether an analysis no longer exists, or was asked just now and is not concerned."""
        return concerns.get(name) is False or name not in {item.name for item in self._analyses}

    def all_due(self) -> int:
        """Make everything that is due in one round; how many bridges were looked at."""
        looked = int(self.step())
        while self._round and self.step():
            looked += 1
        return looked

    def _read_said(self) -> dict[str, dict[str, AnalysisStatus]]:
        """What the analyses said last, by asset and name, also before this worker began."""
        if self._said is None:
            self._said = {
                record.asset_id: {item.analysis: item for item in _analyses_of(record)}
                for record in self._twin.bridges.states(STATUS)
            }
        return self._said

    def _compared(
        self, findings: Sequence[Finding], *, settled_for: timedelta
    ) -> tuple[Finding, ...]:
        """Findings with the numbers of like ones: same rule and cause, elsewhere or closed."""
        shelf = self._twin.bridges
        own = {
            asset_id: shelf.findings(asset_id, only_open=False)
            for asset_id in {item.asset_id for item in findings}
        }
        wanted = [
            item
            for item in findings
            if not _is_settled(item, own[item.asset_id], settled_for=settled_for)
        ]
        known = shelf.findings(only_open=False) if wanted else ()
        return tuple(
            replace(
                finding,
                comparable=tuple(
                    item.id
                    for item in known
                    if (item.finding.rule, item.finding.cause) == (finding.rule, finding.cause)
                    and (not item.is_open or item.finding.asset_id != finding.asset_id)
                )[:MOST_COMPARABLE],
            )
            for finding in wanted
        )

    def _look_at(
        self, bridge: Bridge, due: Sequence[Analysis], said: dict[str, AnalysisStatus]
    ) -> None:
        for analysis in due:
            found = self._kept(bridge, analysis, look(bridge, analysis))
            said[analysis.name] = AnalysisStatus(
                analysis.name,
                analysis.version,
                found.state,
                bridge.now,
                found.reason,
                analysis.every.total_seconds(),
                analysis.is_structural,
            )
        status = BridgeStatus(bridge.asset.id, bridge.now, tuple(said.values()))
        try:
            self._twin.bridges.keep(AnalysisOutcome(states=(status.record(),)), at=bridge.now)
        except (StoreError, ModelError, RegistryError) as error:
            _require_store(error)
            logger.warning("status_refused", extra={"reason": str(error)})

    def _kept(self, bridge: Bridge, analysis: Analysis, found: Found) -> Found:
        """What was found once it is kept; what the store refuses is said and stops no other."""
        try:
            outcome = replace(
                found.outcome,
                findings=self._compared(found.outcome.findings, settled_for=analysis.settled_for),
            )
            self._twin.bridges.keep(outcome, at=bridge.now)
        except (StoreError, ModelError, RegistryError) as error:
            _require_store(error)
            logger.warning(
                "outcome_refused",
                extra={"asset": bridge.asset.id, "analysis": analysis.name, "reason": str(error)},
            )
            return _silent(analysis, MonitoringState.NOT_ARMED, error)
        return found


def _is_timely(analysis: Analysis, bridge: Bridge, said: Mapping[str, AnalysisStatus]) -> bool:
    last = said.get(analysis.name)
    return last is None or bridge.now - last.at >= analysis.every


def _concerns(analysis: Analysis, bridge: Bridge) -> bool | None:
    """Whether a bridge has what an analysis needs; None where that failed."""
    try:
        return analysis.concerns(bridge)
    except StoreUnavailableError:
        raise
    except Exception:
        logger.exception(
            "analysis_failed", extra={"asset": bridge.asset.id, "analysis": analysis.name}
        )
        return None


def _analyses_of(record: StateRecord) -> tuple[AnalysisStatus, ...]:
    """Analyses of a status; none where it cannot be read, so that all of them are made anew."""
    try:
        return status_of(record).analyses
    except ModelError as error:
        logger.warning("status_unreadable", extra={"reason": str(error)})
        return ()


def look(bridge: Bridge, analysis: Analysis) -> Found:
    """One analysis of one bridge; what it cannot do is a result and not an error."""
    try:
        return analysis.look(bridge)
    except InsufficientData as error:
        return _silent(analysis, MonitoringState.LEARNING, error)
    except NotAvailable as error:
        return _silent(analysis, MonitoringState.NOT_ARMED, error)
    except ModelError as error:
        logger.warning(
            "analysis_refused",
            extra={"asset": bridge.asset.id, "analysis": analysis.name, "reason": str(error)},
        )
        return _silent(analysis, MonitoringState.NOT_ARMED, error)
    except StoreUnavailableError:
        raise
    except Exception as error:
        logger.exception(
            "analysis_failed", extra={"asset": bridge.asset.id, "analysis": analysis.name}
        )
        return _silent(analysis, MonitoringState.NOT_ARMED, error)


def _is_settled(
    finding: Finding, known: Sequence[StoredFinding], *, settled_for: timedelta
) -> bool:
    """Whether a person has closed the same statement lately; it is no graver and has not grown."""
    for item in known:
        same = item.finding
        if (same.asset_id, same.rule, same.key) != (finding.asset_id, finding.rule, finding.key):
            continue
        if item.is_open:
            return False
        graver = SEVERITIES.index(finding.severity) > SEVERITIES.index(same.severity)
        grown = _distance(finding) > GROWN * _distance(same)
        return not graver and not grown and finding.at - item.steps[-1].at < settled_for
    return False


def _distance(finding: Finding) -> float:
    """How far the leading figure of a finding lies from its limit; zero where it has none."""
    for reason in finding.reasons:
        if reason.value is not None:
            return abs(reason.value - (reason.limit or 0.0))
    return 0.0


def _require_store(error: Exception) -> None:
    """Raise the error again where the database is away: then everything waits for it."""
    if isinstance(error, StoreUnavailableError):
        raise error


def _silent(analysis: Analysis, state: MonitoringState, error: Exception) -> Found:
    key = "state.learning" if state is MonitoringState.LEARNING else "state.not_armed"
    values: Mapping[str, float | str] = {
        "analysis": analysis.name,
        "reason": str(error) or repr(error),
    }
    return Found(state=state, reason=Phrase(key, values, refused_as(error)))
