"""State of the monitoring of an asset: whether its data arrive and a rule watches them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from twin.errors import ModelError
from twin.model.bridge_status import BridgeStatus, status_of
from twin.model.finding_steps import OpenFindings
from twin.model.findings import MonitoringState
from twin.model.monitoring import ANALYSIS_SOURCE, StateRecord
from twin.model.quality import QualityClass
from twin.rules.streams import StreamState

FAULTY = frozenset({QualityClass.SUSPECT, QualityClass.STALE, QualityClass.NEVER_REPORTED})
RAISED = frozenset({MonitoringState.WARNING, MonitoringState.ALARM})
SILENT = frozenset({QualityClass.STALE, QualityClass.NEVER_REPORTED})


def monitoring_state(
    classes: Sequence[QualityClass], watched: MonitoringState | None = None
) -> MonitoringState:
    """Monitoring state of an asset from the quality of its datastreams and from its analyses.

    A warning or an alarm stays while a finding is open, whatever the sensors do meanwhile.
    Without datastreams, or when all of them are silent, there is no data. One faulty stream
    makes a data fault. Otherwise the analyses say whether they judge; where none does, data
    arrive and are not armed.

    Parameters
    ----------
    classes
        Quality class of every datastream of the asset.
    watched
        What the analyses say (see `watched_states`); None where there are none.

    Examples
    --------
    >>> monitoring_state([QualityClass.GOOD, QualityClass.STALE])
    <MonitoringState.DATA_FAULT: 1>
    >>> monitoring_state([QualityClass.GOOD], MonitoringState.NORMAL)
    <MonitoringState.NORMAL: 4>
    """
    if watched in RAISED:
        return watched
    if all(item in SILENT for item in classes):
        return MonitoringState.NO_DATA
    if any(item in FAULTY for item in classes):
        return MonitoringState.DATA_FAULT
    return MonitoringState.NOT_ARMED if watched is None else watched


def monitoring_states(
    streams: Iterable[StreamState], watched: Mapping[str, MonitoringState]
) -> Mapping[str, MonitoringState]:
    """Monitoring state of every asset that sensors report of, by asset id.

    Parameters
    ----------
    streams
        State of every datastream; those that analyses write count for nothing.
    watched
        What the analyses say, by asset id.
    """
    classes: dict[str, list[QualityClass]] = {}
    for state in streams:
        if state.datastream.source != ANALYSIS_SOURCE:
            classes.setdefault(state.datastream.asset_id, []).append(state.quality_class)
    return {
        asset_id: monitoring_state(found, watched.get(asset_id))
        for asset_id, found in classes.items()
    }


def _readable(record: StateRecord, now: datetime) -> BridgeStatus:
    """The status of a record; one that cannot be read says nothing, and hides no other."""
    try:
        return status_of(record)
    except ModelError:
        return BridgeStatus(record.asset_id, now, ())


def watched_states(
    records: Iterable[StateRecord], findings: Iterable[OpenFindings], *, now: datetime
) -> Mapping[str, MonitoringState]:
    """What the analyses say of every asset, by asset id.

    Parameters
    ----------
    records
        Status of each asset, as `BridgeStatus.record` wrote it.
    findings
        Open findings; one of an asset without a status counts, too.
    now
        Time at which a status is too old to say anything.
    """
    statuses = {record.asset_id: _readable(record, now) for record in records}
    found: dict[str, list[OpenFindings]] = {asset_id: [] for asset_id in statuses}
    for finding in findings:
        found.setdefault(finding.asset_id, []).append(finding)
    return {
        asset_id: statuses.get(asset_id, BridgeStatus(asset_id, now, ())).watched(open_, now=now)
        for asset_id, open_ in found.items()
    }
