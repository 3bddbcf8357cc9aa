"""The rule that closes a bridge at high water, on the level of its gauge."""

from datetime import timedelta

import numpy as np

from simulations.bridges.inputs import Bridge
from simulations.bridges.rounds import Analysis, Found
from simulations.monitoring.flood import GaugeJudgement, GaugeRule, GaugeWatch, gauge_rule
from twin.model.datastreams import Datastream
from twin.model.findings import EvidenceWindow, Finding, MonitoringState, Phrase, Reason
from twin.model.monitoring import AnalysisOutcome
from twin.model.quality import SUSPECT_MASK
from twin.model.refusals import UnfitError
from twin.model.times import from_us, to_us

NAME = "gauge"
VERSION = "1"
RULE = "gauge_rule"
"""Attribute of a bridge that names its row of ``gauge_rules.csv``."""
LOOK_BACK = timedelta(days=2)


def is_concerned(bridge: Bridge) -> bool:
    """Whether the inventory names a gauge rule for a bridge."""
    return bridge.asset.attribute(RULE) is not None


def look(bridge: Bridge) -> Found:
    """Take the new levels of the gauge into the rule.

    Raises
    ------
    NotAvailable
        If the city has no such gauge, or the table no such rule.
    """
    attribute = bridge.asset.attribute(RULE)
    rule = gauge_rule("" if attribute is None else str(attribute.value))
    gauge = _gauge(bridge, rule)
    name = f"{NAME}.{rule.key}"
    kept = bridge.twin.bridges.state(bridge.asset.id, name)
    start = bridge.now - LOOK_BACK if kept is None else from_us(kept.position_us + 1)
    watch = GaugeWatch(rule, state=None if kept is None else kept.content)
    for page in bridge.twin.rows([gauge.uid], start=start, end=bridge.now):
        doubtful = (page.quality & int(SUSPECT_MASK)) != 0
        order = np.argsort(page.time_us)
        for row in order.tolist():
            watch.step(
                int(page.time_us[row]), float(page.value[row]), is_doubtful=bool(doubtful[row])
            )
    judged = watch.step(to_us(bridge.now), float("nan"))
    outcome = AnalysisOutcome(
        states=(watch.record(asset_id=bridge.asset.id),),
        findings=_findings(bridge, rule, gauge, judged),
    )
    if judged.state == "blind":
        reason = Phrase("not_armed.gauge_blind", {"gauge": gauge.uid, "hours": rule.blind_after_h})
        return Found(outcome, MonitoringState.NOT_ARMED, reason)
    return Found(outcome)


def _gauge(bridge: Bridge, rule: GaugeRule) -> Datastream:
    names = {asset.id: asset.name for asset in bridge.twin.assets("gauge")}
    for stream in bridge.twin.datastreams():
        if stream.quantity == "water_level" and rule.gauge in names.get(stream.asset_id, ""):
            return stream
    raise UnfitError(Phrase("unfit.no_gauge", {"gauge": rule.gauge}))


def _findings(
    bridge: Bridge, rule: GaugeRule, gauge: Datastream, judged: GaugeJudgement
) -> tuple[Finding, ...]:
    if not judged.proposes_closure:
        return ()
    limit = rule.close_above_m
    return (
        Finding(
            asset_id=bridge.asset.id,
            rule="flood_closure",
            rule_version=VERSION,
            severity="critical",
            key=rule.key,
            statement=Phrase(
                "flood_closure", {"gauge": gauge.uid, "level": judged.level_m, "limit": limit}
            ),
            next_step=Phrase("step.close_for_flood"),
            at=bridge.now,
            reasons=(
                Reason(
                    Phrase("reason.gauge_limit", {"limit": limit}),
                    value=judged.level_m,
                    unit="m",
                    limit=limit,
                    source=rule.source,
                ),
            ),
            evidence=(EvidenceWindow(gauge.uid, bridge.now - LOOK_BACK, bridge.now),),
        ),
    )


ANALYSIS = Analysis(
    NAME, VERSION, timedelta(minutes=5), is_concerned, look, settled_for=timedelta(days=1)
)
