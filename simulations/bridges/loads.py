"""Strains that lie far above what the usual traffic causes."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from simulations.bridges.inputs import Bridge, Columns, Floats, Ints
from simulations.bridges.rounds import Analysis, Found
from simulations.bridges.symptoms import heavy_flow
from twin.model.datastreams import Datastream
from twin.model.findings import EvidenceWindow, Finding, Phrase, Reason
from twin.model.monitoring import AnalysisOutcome
from twin.model.refusals import LackingError
from twin.model.times import from_us
from twin.rules.diagnosis import RULE_VERSION, Symptoms, diagnose

NAME = "load"
VERSION = "1"
LEAST_H = 1000
RECENT_H = 48
QUANTILE = 0.999
FACTOR = 1.25
"""Above so much of the 99.9 % quantile of former hours a strain is unusual; own choice."""


def is_concerned(bridge: Bridge) -> bool:
    """Whether a bridge measures strain."""
    return any(item.kind == "reading" for item in bridge.of("strain"))


def look(bridge: Bridge) -> Found:
    """Compare the strain peaks of the last two days with all before them.

    Raises
    ------
    InsufficientData
        While fewer than a thousand hours are known.
    """
    streams = [item for item in bridge.of("strain") if item.kind == "reading"]
    uids = [item.uid for item in (*streams, *bridge.heavy)]
    columns = bridge.hourly(uids)
    heavy = heavy_flow(bridge, columns)
    judged = [item for item in streams if _is_known(columns.highest[item.uid])]
    if not judged:
        hours = {"least": float(LEAST_H), "recent": float(RECENT_H)}
        raise LackingError(Phrase("wait.strain_hours", hours))
    findings = [
        finding for stream in judged for finding in _findings(bridge, stream, columns, heavy)
    ]
    return Found(AnalysisOutcome(findings=tuple(findings)))


def _is_known(peak: Floats) -> bool:
    """Whether enough former hours and half of the recent ones hold a value."""
    known = np.isfinite(peak)
    former, recent = known[:-RECENT_H], known[-RECENT_H:]
    return bool(np.count_nonzero(former) >= LEAST_H and 2 * np.count_nonzero(recent) >= RECENT_H)


def _findings(
    bridge: Bridge, stream: Datastream, columns: Columns, heavy: Floats | None
) -> tuple[Finding, ...]:
    usual = float(np.nanmedian(columns.value[stream.uid]))
    for peak in (columns.highest[stream.uid] - usual, usual - columns.lowest[stream.uid]):
        limit = FACTOR * float(np.nanquantile(peak[:-RECENT_H], QUANTILE))
        hours = np.flatnonzero(peak[-RECENT_H:] > limit) + len(peak) - RECENT_H
        if len(hours):
            return (_finding(bridge, stream, columns, heavy, _Peak(peak, hours, limit)),)
    return ()


@dataclass(frozen=True, slots=True)
class _Peak:
    """Strain beyond the median on one side, the hours above the limit, and the limit [um/m]."""

    strain: Floats
    hours: Ints
    limit: float


def _finding(
    bridge: Bridge, stream: Datastream, columns: Columns, heavy: Floats | None, found: _Peak
) -> Finding:
    peak, hours, limit = found.strain, found.hours, found.limit
    former = peak[:-RECENT_H]
    highest = int(hours[np.argmax(peak[hours])])
    symptoms = Symptoms(
        heavy_percent=_share(heavy, hours), came_back=True, lasted_d=len(hours) / 24
    )
    diagnosis = diagnose(symptoms)
    at = from_us(int(columns.time_us[highest]))
    values: dict[str, float | str] = {
        "channel": stream.uid,
        "value": float(peak[highest]),
        "limit": limit,
        "hours": float(len(hours)),
    }
    return Finding(
        asset_id=bridge.asset.id,
        rule="unusual_load",
        rule_version=RULE_VERSION,
        severity="note" if diagnosis.cause == "traffic" else "warning",
        key=f"{stream.uid}@{at:%Y-%m-%d}",
        statement=Phrase("unusual_load", values),
        next_step=Phrase("step.look_at_traffic"),
        at=at,
        cause=diagnosis.cause,
        reasons=(
            Reason(
                Phrase("reason.chart", {"t2": float(peak[highest]), "limit": limit}),
                value=float(peak[highest]),
                unit="um/m",
                limit=limit,
                source=f"{np.count_nonzero(np.isfinite(former))} h",
            ),
            *diagnosis.reasons,
        ),
        evidence=(EvidenceWindow(stream.uid, at - timedelta(hours=12), at + timedelta(hours=12)),),
    )


def _share(heavy: Floats | None, hours: np.ndarray) -> float | None:
    """Lorries in some hours against the usual number in the same hours of the week [%]."""
    if heavy is None:
        return None
    usual = [np.nanmean(heavy[hour % 168 : hour - 24 : 168]) for hour in hours.tolist()]
    expected = float(np.nansum(usual))
    return 100.0 * float(np.nansum(heavy[hours])) / expected if expected > 0.0 else None


ANALYSIS = Analysis(NAME, VERSION, timedelta(hours=1), is_concerned, look)
