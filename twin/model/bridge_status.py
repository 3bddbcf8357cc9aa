"""What the analyses of a bridge say of themselves: armed, learning, not armed, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from twin.model.finding_steps import OpenFindings
from twin.model.findings import MonitoringState, Phrase
from twin.model.monitoring import StateRecord
from twin.model.phrases import phrase_of
from twin.model.state_rows import record_of_rows, rows_of
from twin.model.times import from_us

NAME = "status"
FORMAT_VERSION = 2
STALE_PERIODS = 3


@dataclass(frozen=True, slots=True)
class AnalysisStatus:
    """One analysis of one bridge: whether it judges, and why not.

    ``state`` is ``LEARNING``, ``NOT_ARMED`` or ``NORMAL`` (it judges); what it found lies in the
    findings. ``at`` is when it last looked, ``every_s`` how often it does [s]; what is older than
    three of them says nothing of now. Only a structural one can make a bridge normal.
    """

    analysis: str
    version: str
    state: MonitoringState
    at: datetime
    reason: Phrase | None = None
    every_s: float = 3600.0
    is_structural: bool = True

    def is_current(self, now: datetime) -> bool:
        """Whether it has looked lately."""
        return (now - self.at).total_seconds() <= STALE_PERIODS * self.every_s


@dataclass(frozen=True, slots=True)
class BridgeStatus:
    """All analyses of a bridge at one time."""

    asset_id: str
    at: datetime
    analyses: tuple[AnalysisStatus, ...]

    def record(self) -> StateRecord:
        """The status as the store keeps it."""
        return record_of_rows(
            NAME,
            map(_row, self.analyses),
            asset_id=self.asset_id,
            at=self.at,
            format_version=FORMAT_VERSION,
        )

    def watched(self, findings: Sequence[OpenFindings], *, now: datetime) -> MonitoringState:
        """State of the monitoring from the analyses and the open findings.

        A finding that is put down to a sensor raises nothing. Without one a bridge is normal if
        every structural analysis that concerns it judges; else it is what the least of them is.
        """
        structural = [item for item in findings if item.cause != "sensor_fault"]
        if any(item.severity == "critical" for item in structural):
            return MonitoringState.ALARM
        if any(item.severity == "warning" for item in structural):
            return MonitoringState.WARNING
        states = [
            item.state if item.is_current(now) else MonitoringState.NOT_ARMED
            for item in self.analyses
            if item.is_structural
        ]
        for state in (MonitoringState.NOT_ARMED, MonitoringState.LEARNING, MonitoringState.NORMAL):
            if state in states:
                return state
        return MonitoringState.NOT_ARMED


def status_of(record: StateRecord) -> BridgeStatus:
    """The status that a record holds.

    Raises
    ------
    ModelError
        If it was written by a later version or is damaged.
    """
    analyses = rows_of(record, _analysis, format_version=FORMAT_VERSION)
    return BridgeStatus(record.asset_id, from_us(record.position_us), analyses)


def _row(item: AnalysisStatus) -> Mapping[str, object]:
    return asdict(item) | {"state": item.state.name, "at": item.at.isoformat()}


def _analysis(row: Mapping[str, Any]) -> AnalysisStatus:
    reason = row["reason"]
    return AnalysisStatus(
        analysis=str(row["analysis"]),
        version=str(row["version"]),
        state=MonitoringState[row["state"]],
        at=datetime.fromisoformat(row["at"]),
        reason=None if reason is None else phrase_of(reason),
        every_s=float(row["every_s"]),
        is_structural=bool(row["is_structural"]),
    )
