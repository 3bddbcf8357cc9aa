"""Statements about an asset that carry their reasons, and the state of monitoring."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Literal

Severity = Literal["note", "warning", "critical"]
Cause = Literal["sensor_fault", "temperature", "traffic", "structure"]
FindingStage = Literal["new", "seen", "judged", "closed"]


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
class Phrase:
    """A sentence in two languages: a key of ``finding_words.csv`` and the values it names.

    ``parts`` are sentences of their own; joined, they are the value ``reason``.
    """

    key: str
    values: Mapping[str, float | str] = field(default_factory=dict)
    parts: "tuple[Phrase, ...]" = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """One input of a finding: what was compared with which limit, and where that comes from.

    ``cause`` and ``speaks`` say which explanation it supports or weakens; None where it states a
    fact alone.
    """

    statement: Phrase
    value: float | None = None
    unit: str = ""
    limit: float | None = None
    source: str = ""
    cause: Cause | None = None
    speaks: Literal["for", "against"] | None = None


@dataclass(frozen=True, slots=True)
class EvidenceWindow:
    """Raw signal behind a finding: one datastream over one period."""

    datastream: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """A statement about an asset with severity and reasons.

    Parameters
    ----------
    key
        What makes it the same finding when the rule sees it again: (asset, rule, key) is unique
        among those that are not closed.
    cause
        The explanation that the reasons support most, or None while it is open.
    statement, next_step
        What is seen, and the inspection step that would settle it.
    evidence
        Links to the raw data.
    comparable
        Ids of earlier findings of the same rule and cause.
    """

    asset_id: str
    rule: str
    rule_version: str
    severity: Severity
    key: str
    statement: Phrase
    next_step: Phrase
    at: datetime
    cause: Cause | None = None
    reasons: tuple[Reason, ...] = ()
    evidence: tuple[EvidenceWindow, ...] = ()
    comparable: tuple[int, ...] = ()
