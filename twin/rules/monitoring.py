"""State of the monitoring of an asset: whether its data arrive and a rule watches them."""

from collections.abc import Sequence

from twin.model.findings import MonitoringState
from twin.model.quality import QualityClass

FAULTY = frozenset({QualityClass.SUSPECT, QualityClass.STALE, QualityClass.NEVER_REPORTED})
SILENT = frozenset({QualityClass.STALE, QualityClass.NEVER_REPORTED})


def monitoring_state(classes: Sequence[QualityClass]) -> MonitoringState:
    """Monitoring state of an asset from the quality classes of its datastreams.

    Without datastreams, or when all of them are silent, there is no data. One faulty stream
    makes a data fault. Otherwise data arrive and are not armed: this version has no rule that
    compares a value with a limit, so it never says ``NORMAL``.

    Examples
    --------
    >>> monitoring_state([QualityClass.GOOD, QualityClass.STALE])
    <MonitoringState.DATA_FAULT: 1>
    """
    if all(item in SILENT for item in classes):
        return MonitoringState.NO_DATA
    if any(item in FAULTY for item in classes):
        return MonitoringState.DATA_FAULT
    return MonitoringState.NOT_ARMED
