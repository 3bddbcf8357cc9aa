"""What the analyses of a bridge say of themselves: armed, learning, not armed, and why."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from twin.errors import ModelError
from twin.model.findings import Finding, MonitoringState, Phrase
from twin.model.monitoring import StateRecord
from twin.model.times import from_us, to_us

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
        rows = [
            {
                "analysis": item.analysis,
                "version": item.version,
                "state": item.state.name,
                "at": item.at.isoformat(),
                "every_s": item.every_s,
                "is_structural": item.is_structural,
                "reason": None
                if item.reason is None
                else {"key": item.reason.key, "values": dict(item.reason.values)},
            }
            for item in self.analyses
        ]
        content = json.dumps(rows, ensure_ascii=False).encode()
        return StateRecord(NAME, self.asset_id, FORMAT_VERSION, to_us(self.at), content)

    def watched(self, findings: Sequence[Finding], *, now: datetime) -> MonitoringState:
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
    if record.format_version != FORMAT_VERSION:
        raise ModelError(
            f"the status of {record.asset_id} has format {record.format_version}, known is "
            f"{FORMAT_VERSION}: run the analyses with this version"
        )
    try:
        rows = json.loads(record.content)
        analyses = tuple(_analysis(row) for row in rows)
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"the status of {record.asset_id} is damaged ({error}): run the analyses again"
        ) from error
    return BridgeStatus(record.asset_id, from_us(record.position_us), analyses)


def _analysis(row: Mapping[str, object]) -> AnalysisStatus:
    reason = row["reason"]
    phrase = None
    if isinstance(reason, dict):
        phrase = Phrase(str(reason["key"]), dict(reason["values"]))
    state = MonitoringState[str(row["state"])]
    at = datetime.fromisoformat(str(row["at"]))
    return AnalysisStatus(
        str(row["analysis"]),
        str(row["version"]),
        state,
        at,
        phrase,
        float(str(row["every_s"])),
        bool(row["is_structural"]),
    )
