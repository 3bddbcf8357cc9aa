"""Scour at piers: the bed against its reference, with the limits of the pier's recalculation."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from simulations.bridges.inputs import Bridge
from simulations.bridges.rounds import Analysis, Found
from simulations.monitoring.flood import ScourRule, scour
from twin.errors import ModelError, NotAvailable
from twin.model.assets import Attribute
from twin.model.datastreams import Datastream
from twin.model.findings import EvidenceWindow, Finding, MonitoringState, Phrase, Reason
from twin.model.monitoring import AnalysisOutcome
from twin.model.quality import SUSPECT_MASK
from twin.model.times import from_us

NAME = "scour"
VERSION = "1"
BED = "bed_level"
RULE = "scour_"
"""Attributes of a bridge that begin so hold ``datastream;reference;warning;alarm;source``."""
FIELDS = "datastream;reference level in m NHN;warning depth in m;alarm depth in m;source"
LOOK_BACK = timedelta(days=2)
BLIND_AFTER = timedelta(hours=24)
"""Own choice: a flood scours within hours, soundings are often hourly."""
SOUNDINGS = 3
"""The median of so many counts: one echo of driftwood is no scour, and one of a fish no bed."""


@dataclass(frozen=True, slots=True)
class Pier:
    """One sounding with the limits of its pier."""

    name: str
    stream: Datastream
    rule: ScourRule


def is_concerned(bridge: Bridge) -> bool:
    """Whether a bridge sounds the bed at a pier."""
    return bool(bridge.of(BED))


def look(bridge: Bridge) -> Found:
    """Judge the newest soundings at every pier whose limits can be read; tells the others.

    Raises
    ------
    NotAvailable
        If no limits can be read; names every problem.
    """
    piers, problems = piers_of(bridge)
    if not piers:
        raise NotAvailable("; ".join(problems))
    findings: list[Finding] = []
    blind: list[str] = []
    for pier in piers:
        level = _level(bridge, pier.stream)
        state, depth = scour(level, pier.rule)
        if state == "unknown":
            blind.append(pier.stream.uid)
        elif state != "ok":
            findings.append(_finding(bridge, pier, depth, is_alarm=state == "alarm"))
    outcome = AnalysisOutcome(findings=tuple(findings))
    if problems:
        told = (*problems, *(f"no sound sounding of {uid}" for uid in blind))
        judged = [pier.name for pier in piers if pier.stream.uid not in blind]
        values = {"piers": ", ".join(judged) or "-", "reason": "; ".join(told)}
        reason = Phrase("not_armed.scour_parts", values)
        return Found(outcome, MonitoringState.NOT_ARMED, reason)
    if blind:
        values = {"channels": ", ".join(blind), "hours": BLIND_AFTER.total_seconds() / 3600.0}
        reason = Phrase("not_armed.scour_blind", values)
        return Found(outcome, MonitoringState.NOT_ARMED, reason)
    return Found(outcome)


def piers_of(bridge: Bridge) -> tuple[tuple[Pier, ...], tuple[str, ...]]:
    """Every sounding with limits that can be read, and what is wrong with the others."""
    streams = {item.uid: item for item in bridge.of(BED)}
    piers: list[Pier] = []
    problems: list[str] = []
    for attribute in bridge.asset.attributes:
        if attribute.name.startswith(RULE):
            try:
                piers.append(_pier(attribute, streams))
            except ModelError as error:
                problems.append(f"{attribute.name}: {error}")
    named = {
        str(item.value).partition(";")[0].strip()
        for item in bridge.asset.attributes
        if item.name.startswith(RULE)
    }
    problems += [
        f"no limits are recorded for {uid} ({RULE}<name> = {FIELDS})"
        for uid in streams
        if uid not in named
    ]
    return tuple(piers), tuple(problems)


def _pier(attribute: Attribute, streams: dict[str, Datastream]) -> Pier:
    parts = [part.strip() for part in str(attribute.value).split(";", 4)]
    try:
        uid, *numbers, source = parts
        reference_m, warn_m, alarm_m = (float(number) for number in numbers)
    except ValueError:
        raise ModelError(f"{attribute.value!r} is not {FIELDS}") from None
    if uid not in streams:
        raise ModelError(f"the bridge has no sounding {uid!r}")
    if not np.isfinite(reference_m):
        raise ModelError("the reference level is no number")
    rule = ScourRule(reference_m, warn_m, alarm_m, source)
    return Pier(attribute.name.removeprefix(RULE), streams[uid], rule)


def _level(bridge: Bridge, stream: Datastream) -> float:
    """Median of the newest sound soundings [m NHN]; NaN without a new one."""
    pages = list(bridge.twin.rows([stream.uid], start=bridge.now - LOOK_BACK, end=bridge.now))
    if not pages:
        return float("nan")
    time_us = np.concatenate([page.time_us for page in pages])
    value = np.concatenate([page.value for page in pages])
    quality = np.concatenate([page.quality for page in pages])
    good = ((quality & int(SUSPECT_MASK)) == 0) & np.isfinite(value)
    time_us, value = time_us[good], value[good]
    if not len(time_us) or bridge.now - from_us(int(time_us.max())) > BLIND_AFTER:
        return float("nan")
    newest = np.argsort(time_us, kind="stable")[-SOUNDINGS:]
    return float(np.median(value[newest]))


def _finding(bridge: Bridge, pier: Pier, depth_m: float, *, is_alarm: bool) -> Finding:
    rule, uid = pier.rule, pier.stream.uid
    limit_m = rule.alarm_below_m if is_alarm else rule.warn_below_m
    return Finding(
        asset_id=bridge.asset.id,
        rule=NAME,
        rule_version=VERSION,
        severity="critical" if is_alarm else "warning",
        key=pier.name,
        statement=Phrase("scour", {"pier": pier.name, "depth": depth_m, "limit": limit_m}),
        next_step=Phrase("step.close_for_scour" if is_alarm else "step.inspect_scour"),
        at=bridge.now,
        cause="structure",
        reasons=(
            Reason(
                Phrase("reason.scour", {"reference": rule.reference_m, "channel": uid}),
                value=depth_m,
                unit="m",
                limit=limit_m,
                source=rule.source,
                cause="structure",
                speaks="for",
            ),
        ),
        evidence=(EvidenceWindow(uid, bridge.now - LOOK_BACK, bridge.now),),
    )


ANALYSIS = Analysis(
    NAME, VERSION, timedelta(minutes=15), is_concerned, look, settled_for=timedelta(days=1)
)
