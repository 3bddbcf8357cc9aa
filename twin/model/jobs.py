"""What the jobs of the twin report about themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

LEFT = "left"  # the state of an instance that will not come back, and nothing is wrong with that


@dataclass(frozen=True, slots=True)
class JobStatus:
    """One heartbeat of one job.

    Parameters
    ----------
    job, instance
        For example ``ingest`` and its client id; together the key.
    started_at, heartbeat_at
        Aware UTC.
    state
        One word of the job: ``live``, ``waiting``, ``database away`` ...
    figures
        Named numbers that the job wants to show: queue length, lag in seconds ...
    """

    job: str
    instance: str
    started_at: datetime
    heartbeat_at: datetime
    state: str
    figures: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
