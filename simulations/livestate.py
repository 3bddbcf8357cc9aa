"""Today's base against live counts: a scale with its error, and whether the base holds now.

Stations are split as for the calibration: those put aside by the hash of their id judge the scale
that the others give.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from simulations.counting import Counter, Values, counters, interval_means, interval_start
from simulations.traffic.fit import score
from simulations.traffic.live_scaling import GroupScale, ScalingRule, advance, scaled
from twin.city import Twin
from twin.model.bases import StoredBase, TrafficBase
from twin.model.statements import documents
from twin.model.traffic_state import TrafficState

GROUP = "town"
RESERVE = 5
"""One station in so many judges."""
LARGEST_RATIO = 1.5
"""Held-out error now over that of the calibration (the rule of section 13 for forecasts)."""
LEAST_STATIONS = 3
NO_COUNTS = "no live counts: fewer than {least} used and {others} held-out stations had a count"
LOW_COVERAGE = "live counts cover {coverage} of the last intervals; {least} are asked for"
LARGE_ERROR = "held-out error is {now} % now; {allowed} % are allowed (1.5 times the calibration)"
NO_ERROR = "the base has no held-out error, so nothing bounds the error now"
ONE_HOUR = (
    "the base stands for {day_type} {start} to {end} h; at other times the scale holds the "
    "difference of the whole hour"
)


@dataclass(frozen=True, slots=True)
class Step:
    """How often and over what the state is taken."""

    minutes: int = 15
    intervals: int = 12
    rule: ScalingRule = ScalingRule()  # noqa: RUF009 - frozen

    @property
    def length(self) -> timedelta:
        """One interval."""
        return timedelta(minutes=self.minutes)


def is_reserve(asset_id: str) -> bool:
    """Whether a station judges; both directions of a road do so together.

    Examples
    --------
    >>> sum(is_reserve(f"L{number:03}") for number in range(100)) in range(10, 31)
    True
    """
    return int(hashlib.sha256(asset_id.encode()).hexdigest(), 16) % RESERVE == 0


def live_state(
    twin: Twin, base: TrafficBase, stored: StoredBase, *, step: Step | None = None
) -> TrafficState:
    """State of a base against the counts of the intervals since it was last looked at."""
    step = step or Step()
    now = twin.now()
    end = interval_start(now, step.length)
    before = _before(twin, stored, step=step, end=end)
    start = before[1]
    flow = dict(
        zip(base.network.link_name, base.state.flow_vehh.sum(axis=0).tolist(), strict=False)
    )
    counted = [item for item in counters(twin) if item.every and flow.get(item.direction, 0.0) > 0]
    model = np.array([flow[item.direction] for item in counted])
    reserve = np.array([is_reserve(item.asset_id) for item in counted], dtype=np.bool_)
    since = min(start, end - step.length)
    table = _table(twin, counted, start=since, end=end, step=step)
    scale = before[0]
    for column in table.T[table.shape[1] - int((end - start) / step.length) :]:
        scale = _advanced(scale, column, model, used=~reserve, step=step)
    judged = _judged(scale, table[:, -1] if counted else np.empty(0), model, reserve=reserve)
    reasons = _reasons(scale, judged, stored, step=step)
    found = scaled(np.ones(1), scale, rule=step.rule)
    content = {
        "base": {"name": stored.facts.name, "version": stored.version,
                 "content_hash": stored.facts.content_hash},
        "until": end.isoformat(),
        "interval_minutes": step.minutes,
        "group": GROUP,
        "factor": float(found.flow[0]),
        "factor_low": float(found.low[0]),
        "factor_high": float(found.high[0]),
        "outcome": scale.outcome,
        "coverage": scale.coverage,
        "stations": len(counted),
        "held_out": judged,
        "allowed_rmse_percent": _allowed(stored),
        "is_valid": not reasons,
        "reasons": documents(reasons),
        "assumptions": documents([_one_hour(base)]),
        "provenance": sorted({item.every.provenance for item in counted if item.every}),
        "scale": asdict(scale),
    }  # fmt: skip
    return TrafficState("live", stored.facts.name, now, json.dumps(content, allow_nan=False))


def _before(
    twin: Twin, stored: StoredBase, *, step: Step, end: datetime
) -> tuple[GroupScale, datetime]:
    """Scale and end of the last look at this content; a new one begins some intervals back."""
    first = end - step.intervals * step.length
    for state in twin.traffic.states("live"):
        known = state.document()
        if state.subject == stored.facts.name and _is_same(known, stored, step):
            until = datetime.fromisoformat(known["until"]).astimezone(UTC)
            if first <= until <= end:
                last = known["scale"]
                scale = GroupScale(
                    mean=last["mean"],
                    variance=last["variance"],
                    refused=last["refused"],
                    seen=tuple(last["seen"]),
                    outcome=last["outcome"],
                )
                return scale, until
    return GroupScale(), first


def _is_same(known: Mapping[str, Any], stored: StoredBase, step: Step) -> bool:
    return (
        known["base"]["content_hash"] == stored.facts.content_hash
        and known["interval_minutes"] == step.minutes
    )


def _table(
    twin: Twin, counted: Sequence[Counter], *, start: datetime, end: datetime, step: Step
) -> Values:
    """(stations, intervals) Counted flow [veh/h]."""
    rows = [
        interval_means(twin, item.every, start=start, end=end, step=step.length)
        for item in counted
        if item.every
    ]
    return np.array(rows) if rows else np.empty((0, int((end - start) / step.length)))


def _advanced(
    scale: GroupScale, column: Values, model: Values, *, used: np.ndarray, step: Step
) -> GroupScale:
    """State after one interval; stations without a count are left out on both sides."""
    seen = used & np.isfinite(column)
    hours = step.minutes / 60.0
    enough = seen.sum() >= max(LEAST_STATIONS, step.rule.least_coverage * used.sum())
    count = float(column[seen].sum()) * hours if enough else math.nan
    of_model = float(model[seen].sum() if enough else model[used].sum()) * hours
    return advance(scale, count=count, model=of_model if of_model > 0 else 1.0, rule=step.rule)


def _judged(
    scale: GroupScale, column: Values, model: Values, *, reserve: np.ndarray
) -> Mapping[str, float | int | None]:
    """Error of the scaled flows at the stations that did not scale them, last interval."""
    seen = reserve & np.isfinite(column) if column.size else reserve[:0]
    if seen.sum() < LEAST_STATIONS:
        return {"stations": int(seen.sum()), "rmse_percent": None, "share_geh_below_5": None,
                "bias": None}  # fmt: skip
    found = score(scaled(model[seen], scale).flow, column[seen])
    values = {"rmse_percent": found.rmse_percent, "share_geh_below_5": found.share_good,
              "bias": found.bias}  # fmt: skip
    return {"stations": found.rows} | {
        name: value if math.isfinite(value) else None for name, value in values.items()
    }


def _allowed(stored: StoredBase) -> float | None:
    tested = stored.facts.figures.get("held_out_rmse", math.nan)
    return LARGEST_RATIO * tested if math.isfinite(tested) else None


def _reasons(
    scale: GroupScale,
    judged: Mapping[str, float | int | None],
    stored: StoredBase,
    *,
    step: Step,
) -> list[str]:
    """Why the base is not valid now; empty if it is."""
    least = step.rule.least_coverage
    reasons = []
    if scale.coverage < least:
        reasons.append(LOW_COVERAGE.format(coverage=f"{scale.coverage:.0%}", least=f"{least:.0%}"))
    allowed, error = _allowed(stored), judged["rmse_percent"]
    if allowed is None:
        reasons.append(NO_ERROR)
    elif error is None:
        reasons.append(NO_COUNTS.format(least=LEAST_STATIONS, others=LEAST_STATIONS))
    elif error > allowed:
        reasons.append(LARGE_ERROR.format(now=f"{error:.0f}", allowed=f"{allowed:.0f}"))
    return reasons


def _one_hour(base: TrafficBase) -> str:
    period = base.demand.period
    end = period.start_hour + period.hours
    return ONE_HOUR.format(day_type=period.day_type, start=f"{period.start_hour:g}", end=f"{end:g}")
