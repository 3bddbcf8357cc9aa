"""Statements about an asset that carry their reasons, and the state of monitoring."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Literal

Severity = Literal["note", "warning", "critical"]


class MonitoringState(IntEnum):
    """State of the monitoring of one asset; the codes of the ring on the map.

    ``NOT_ARMED`` says that data arrive and no limit or model watches them.
    """

    NO_DATA = 0
    DATA_FAULT = 1
    LEARNING = 2
    NOT_ARMED = 3
    NORMAL = 4
    WARNING = 5
    ALARM = 6


@dataclass(frozen=True, slots=True)
class Reason:
    """One input of a finding: what was compared with which limit, and where that comes from."""

    statement: str
    value: float | None = None
    unit: str = ""
    limit: float | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A statement about an asset with severity and reasons."""

    asset_id: str
    rule: str
    rule_version: str
    severity: Severity
    statement: str
    at: datetime
    reasons: tuple[Reason, ...]
