"""What the monitoring of a bridge keeps: events, states of its estimators, trained models."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from twin.model.findings import Finding
from twin.model.observations import Readings, no_readings

EventKind = Literal["crossing", "ae_hit", "impact", "flood", "modal"]


@dataclass(frozen=True, slots=True)
class BridgeEvent:
    """Several figures of one instant at a bridge: a crossing, an acoustic hit, a modal analysis.

    ``figures`` hold numbers with units in their names; ``words`` what is no number; ``flags`` say
    what makes the event doubtful. The same (asset, kind, key) again replaces nothing.
    """

    asset_id: str
    kind: EventKind
    key: str
    at: datetime
    figures: Mapping[str, float]
    words: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StateRecord:
    """State of an estimator that goes on after a restart: rainflow, charts, tracking.

    ``position_us`` is the time up to which its input is used up [us since 1970-01-01 UTC].
    """

    name: str
    asset_id: str
    format_version: int
    position_us: int
    content: bytes


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """Entry of the register of trained models; without it no output of the model is shown.

    Parameters
    ----------
    name
        For example ``compensation``; with the asset it is unique per version.
    metric
        Name, value and number of samples of the figure that says how good it is.
    valid
        Limits of validity as name -> (least, most).
    content
        The model itself, serialised.
    """

    name: str
    asset_id: str
    version: int
    purpose: str
    owner: str
    trained_from: datetime
    trained_until: datetime
    trained_at: datetime
    metric: tuple[str, float, int]
    valid: Mapping[str, tuple[float, float]]
    risk_class: str
    content: bytes


@dataclass(frozen=True, slots=True)
class AnalysisOutcome:
    """What one step of an analysis leaves behind; it is kept in one transaction or not at all."""

    readings: Readings = field(default_factory=no_readings)
    events: tuple[BridgeEvent, ...] = ()
    states: tuple[StateRecord, ...] = ()
    models: tuple[TrainedModel, ...] = ()
    findings: tuple[Finding, ...] = ()


ANALYSIS_SOURCE = "analysis"
"""Source of the datastreams that analyses write; they may write to no others."""
UNCALIBRATED = "uncalibrated"
"""Word of an event: its sensors that measure and have no recorded calibration."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of an outcome; all zero if it was kept before.

    Parameters
    ----------
    readings, corrected, quarantined
        Derived readings stored anew, those of them that replaced an earlier value (which stays as a
        revision), and those that were refused.
    events, states, models
        How many were new; a state counts if it went on.
    findings
        Numbers of the findings that were opened or stated anew.
    """

    readings: int = 0
    corrected: int = 0
    quarantined: int = 0
    events: int = 0
    states: int = 0
    models: int = 0
    findings: tuple[int, ...] = ()
