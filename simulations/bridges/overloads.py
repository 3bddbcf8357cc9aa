"""Crossings that are heavier than the weight limit in force at a bridge, beyond doubt."""

from collections.abc import Sequence
from datetime import timedelta

from simulations.bridges.inputs import Bridge
from twin.model.bridge import Restriction, in_force
from twin.model.findings import EvidenceWindow, Finding, Phrase, Reason
from twin.model.monitoring import BridgeEvent

RULE = "overload"
VERSION = "1"
GROSS_WEIGHT_LIMIT = "5"
"""Key of the table ``restriction_kind``."""
DEVIATIONS = 2.0
AROUND = timedelta(seconds=10)


def overloads(
    bridge: Bridge, events: Sequence[BridgeEvent], uids: Sequence[str]
) -> tuple[Finding, ...]:
    """At most one finding: the heaviest crossing beyond the lowest limit of the whole bridge.

    A limit of some links or hours only is left out: a crossing does not say its lane.
    """
    sure = [event for event in events if "multiple_presence" not in event.flags]
    if not sure:
        return ()
    limits = [
        (content.value, item.record.provenance.kind)
        for item in bridge.twin.bridges.book.records(bridge.asset.id, "restriction")
        if isinstance(content := item.record.content, Restriction)
        and content.kind == GROSS_WEIGHT_LIMIT
        and content.unit == "t"
        and content.value is not None
        and not (content.links or content.daily_from)
        and in_force(content, bridge.now.date())
    ]
    if not limits:
        return ()
    limit_t, origin = min(limits)
    worst = max(sure, key=_least_t)
    if _least_t(worst) <= limit_t:
        return ()
    gross_t, spread_t = worst.figures["gross_t"], DEVIATIONS * worst.figures["gross_sd_t"]
    values = {"gross": round(gross_t, 1), "spread": round(spread_t, 1), "limit": limit_t}
    return (
        Finding(
            asset_id=bridge.asset.id,
            rule=RULE,
            rule_version=VERSION,
            severity="note",
            key="gross_weight",
            cause="traffic",
            statement=Phrase("overload", values),
            next_step=Phrase("step.look_at_overload"),
            at=worst.at,
            reasons=(
                Reason(
                    Phrase("reason.overload", values),
                    value=gross_t,
                    unit="t",
                    limit=limit_t,
                    source=f"restriction_kind {GROSS_WEIGHT_LIMIT} ({origin})",
                    cause="traffic",
                    speaks="for",
                ),
            ),
            evidence=tuple(
                EvidenceWindow(uid, worst.at - AROUND, worst.at + AROUND) for uid in uids
            ),
        ),
    )


def _least_t(event: BridgeEvent) -> float:
    return event.figures["gross_t"] - DEVIATIONS * event.figures["gross_sd_t"]
