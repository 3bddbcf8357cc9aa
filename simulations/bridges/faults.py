"""Sensors that the fault rules doubt, and clocks that no longer fit the temperature."""

from datetime import timedelta

import numpy as np

from simulations.bridges.inputs import HOUR_US, Bridge, Columns, Floats
from simulations.bridges.rounds import Analysis, Found
from simulations.bridges.symptoms import MOST_LAG_H, lag_moved_h
from twin.errors import InsufficientData
from twin.model.datastreams import Datastream
from twin.model.findings import EvidenceWindow, Finding, Phrase
from twin.model.monitoring import AnalysisOutcome
from twin.rules.diagnosis import MOVED_LAG_H, RULE_VERSION, Symptoms, diagnose

NAME = "faults"
VERSION = "1"
WINDOW_H = 7 * 24
DAY_H = 24
LEAST_H = 21 * 24
DOUBTFUL_PERCENT = 1.5
"""More doubtful hours than this in a week make a finding; normal data have below 0.1 %."""
ISOLATED = 12.0
"""Times the median distance from the mean of both neighbours: above all that noise does."""
QUANTITIES = ("crack_width", "displacement", "inclination", "strain", "natural_frequency")


def is_concerned(bridge: Bridge) -> bool:
    """Whether a bridge has sensors that fault rules watch."""
    return bool(bridge.of(*QUANTITIES))


def look(bridge: Bridge) -> Found:
    """Look at the doubtful hours of the last week, and at the lag behind the temperature.

    Raises
    ------
    InsufficientData
        While fewer than three weeks are known.
    """
    streams = [item for item in bridge.of(*QUANTITIES) if item.kind == "reading"]
    warm = bridge.of("structure_temperature")[:1]
    columns = bridge.hourly([item.uid for item in (*streams, *warm)])
    known = [item for item in streams if _is_known(columns, item)]
    if not known:
        raise InsufficientData(f"no stream has {LEAST_H} hours, a day of them in the last week")
    findings = [finding for stream in known for finding in _findings(bridge, stream, columns, warm)]
    return Found(AnalysisOutcome(findings=tuple(findings)))


def _is_known(columns: Columns, stream: Datastream) -> bool:
    """Whether a stream has reported for three weeks, and on a day of the last one."""
    heard = np.isfinite(columns.value[stream.uid]) | (columns.bad[stream.uid] > 0)
    return bool(np.count_nonzero(heard) >= LEAST_H and np.count_nonzero(heard[-WINDOW_H:]) >= DAY_H)


def _findings(
    bridge: Bridge, stream: Datastream, columns: Columns, warm: tuple[Datastream, ...]
) -> tuple[Finding, ...]:
    after = columns.time_us > columns.time_us[-1] - WINDOW_H * HOUR_US
    bad = (columns.bad[stream.uid] > 0) | isolated(columns.value[stream.uid])
    bad = bad[after]
    percent = 100.0 * float(np.count_nonzero(bad)) / WINDOW_H
    moved = (
        lag_moved_h(columns.value[stream.uid], columns.value[warm[0].uid], after) if warm else None
    )
    is_late = moved is not None and MOVED_LAG_H <= abs(moved) < MOST_LAG_H
    if percent < DOUBTFUL_PERCENT and not is_late:
        return ()
    symptoms = Symptoms(
        flagged_percent=percent, flags=("suspect",) if percent else (), lag_moved_h=moved
    )
    diagnosis = diagnose(symptoms)
    values: dict[str, float | str] = {
        "channel": stream.uid,
        "percent": percent,
        "hours": float(WINDOW_H),
        "flags": "suspect",
    }
    shifted: dict[str, float | str] = {"channel": stream.uid, "hours": abs(moved or 0.0)}
    shift = "clock_shift" if (moved or 0.0) > 0.0 else "clock_shift_earlier"
    return (
        Finding(
            asset_id=bridge.asset.id,
            rule="clock_shift" if is_late else "sensor_fault",
            rule_version=RULE_VERSION,
            severity="note",
            key=stream.uid,
            statement=Phrase(shift, shifted) if is_late else Phrase("sensor_fault", values),
            next_step=Phrase(
                "step.check_clock" if is_late else "step.check_sensor", {"channel": stream.uid}
            ),
            at=bridge.now,
            cause=diagnosis.cause,
            reasons=diagnosis.reasons,
            evidence=(
                EvidenceWindow(stream.uid, bridge.now - timedelta(hours=2 * WINDOW_H), bridge.now),
            ),
        ),
    )


def isolated(value: Floats) -> np.ndarray:
    """Hours whose value stands far off both its neighbours, which lie together; shape (n,).

    It is what the spike rule of the ingester sees in faster streams. Hours that stand still do not
    count to what is usual, so that one step of a coarse sensor is no fault.

    Examples
    --------
    >>> value = np.sin(np.arange(400) / 24 * 6.28)
    >>> value[77] += 5.0
    >>> np.flatnonzero(isolated(value)).tolist()
    [77]
    """
    before, after = np.roll(value, 1), np.roll(value, -1)
    off = np.abs(value - (before + after) / 2.0)
    off[[0, -1]] = np.nan
    moved = off[off > 0.0]
    usual = float(np.median(moved)) if len(moved) else np.nan
    gap = np.abs(after - before)
    return (off > ISOLATED * usual) & (gap < off)


ANALYSIS = Analysis(NAME, VERSION, timedelta(hours=6), is_concerned, look)
