"""Sensors that the fault rules doubt, that drift, and whose clocks or units cannot be right."""

from datetime import timedelta

import numpy as np

from simulations.bridges.drifting import LEAST_SIGMA, Drift, drift_of
from simulations.bridges.inputs import HOUR_US, Bridge, Columns, Floats
from simulations.bridges.rounds import Analysis, Found
from simulations.bridges.signals import NEED_CALIBRATION, signal_findings
from simulations.bridges.symptoms import MOST_LAG_H, Around, heavy_flow, lag_moved_h, symptoms_of
from twin.errors import InsufficientData
from twin.model.datastreams import Datastream
from twin.model.findings import EvidenceWindow, Finding, MonitoringState, Phrase, Reason
from twin.model.monitoring import AnalysisOutcome
from twin.model.quantities import quantity
from twin.model.refusals import LackingError
from twin.model.times import from_us
from twin.rules.diagnosis import MOVED_LAG_H, RULE_VERSION, Diagnosis, Symptoms, diagnose

NAME = "faults"
VERSION = "2"
WINDOW_H = 7 * 24
DAY_H = 24
LEAST_H = 21 * 24
DOUBTFUL_PERCENT = 1.5
"""More doubtful hours than this in a week make a finding; normal data have below 0.1 %."""
ISOLATED = 12.0
"""Times the median distance from the mean of both neighbours: above all that noise does."""
QUANTITIES = ("crack_width", "displacement", "inclination", "strain", "natural_frequency")
DRIFTING = ("crack_width", "displacement", "inclination")
"""Quantities whose daily means follow the temperature and nothing else that is usual."""


def is_concerned(bridge: Bridge) -> bool:
    """Whether a bridge has sensors that fault rules watch."""
    return bool(bridge.of(*QUANTITIES, *NEED_CALIBRATION))


def look(bridge: Bridge) -> Found:
    """Look at the raw signals, the doubtful hours of the last week, drifts, and lags.

    The lag is that behind the temperature. What the raw signals say is told at once, also while
    the rest has to learn.

    Raises
    ------
    InsufficientData
        While fewer than three weeks are known, and the raw signals say nothing.
    """
    raw = signal_findings(bridge)
    try:
        slow = _slow_findings(bridge)
    except InsufficientData as error:
        if not raw:
            raise
        reason = Phrase("state.learning", {"analysis": NAME, "reason": str(error)})
        return Found(AnalysisOutcome(findings=raw), MonitoringState.LEARNING, reason)
    return Found(AnalysisOutcome(findings=(*raw, *slow)))


def _slow_findings(bridge: Bridge) -> tuple[Finding, ...]:
    """What the hourly means of all streams say."""
    streams = [item for item in bridge.of(*QUANTITIES) if item.kind == "reading"]
    if not streams:
        raise LackingError(Phrase("wait.no_stream"))
    warm = bridge.of("structure_temperature")[:1]
    heavy = [item.uid for item in bridge.heavy]
    columns = bridge.hourly([*(item.uid for item in (*streams, *warm)), *heavy])
    known = [item for item in streams if _is_known(columns, item)]
    if not known:
        raise LackingError(Phrase("wait.stream_hours", {"least": float(LEAST_H)}))
    found: list[Finding] = []
    for stream in known:
        doubtful = _findings(bridge, stream, columns, warm)
        found += doubtful or _drift_findings(bridge, stream, columns, warm)
    return tuple(found)


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


def _drift_findings(
    bridge: Bridge, stream: Datastream, columns: Columns, warm: tuple[Datastream, ...]
) -> tuple[Finding, ...]:
    """A drift, unless the other signs say that the structure itself moves: trends tell that."""
    if stream.quantity not in DRIFTING or not warm:
        return ()
    temperature = columns.value[warm[0].uid]
    alike = [
        item
        for item in bridge.of(stream.quantity)
        if item.uid != stream.uid and item.uid in columns.value
    ]
    drift = drift_of(
        columns.time_us,
        columns.value[stream.uid],
        temperature,
        neighbours=[columns.value[item.uid] for item in alike],
    )
    if drift is None:
        return ()
    symptoms = symptoms_of(
        Around(
            stream=stream,
            columns=columns,
            residual=_less_temperature(columns.value[stream.uid], temperature),
            temperature_c=temperature,
            heavy=heavy_flow(bridge, columns),
            neighbours=[_less_temperature(columns.value[item.uid], temperature) for item in alike],
        ),
        drift.since_us,
        inside=True,
        trained_cel=(float(np.nanmin(temperature)), float(np.nanmax(temperature))),
    )
    diagnosis = diagnose(symptoms)
    if diagnosis.cause == "structure":
        return ()
    return (_drift_finding(bridge, stream, drift, diagnosis),)


def _drift_finding(
    bridge: Bridge, stream: Datastream, drift: Drift, diagnosis: Diagnosis
) -> Finding:
    unit = quantity(stream.quantity).unit
    said: dict[str, float | str] = {
        "channel": stream.uid,
        "size": drift.size,
        "unit": unit,
        "since": f"{from_us(drift.since_us):%Y-%m-%d}",
        "sigma": drift.sigma,
        "neighbours": float(drift.neighbours),
    }
    return Finding(
        asset_id=bridge.asset.id,
        rule="sensor_drift",
        rule_version=RULE_VERSION,
        severity="note",
        key=stream.uid,
        statement=Phrase("sensor_drift", said),
        next_step=Phrase("step.check_sensor", {"channel": stream.uid}),
        at=bridge.now,
        cause=diagnosis.cause,
        reasons=(
            Reason(
                Phrase("reason.drift", {"sigma": drift.sigma, "limit": LEAST_SIGMA}),
                value=drift.sigma,
                limit=LEAST_SIGMA,
                source="CUSUM of daily means, one false alarm in 10,000 days",
            ),
            *diagnosis.reasons,
        ),
        evidence=(EvidenceWindow(stream.uid, from_us(drift.since_us), bridge.now),),
    )


def _less_temperature(value: Floats, temperature_c: Floats) -> Floats:
    """Hourly values less a straight line over the temperature."""
    known = np.isfinite(value) & np.isfinite(temperature_c)
    line = np.polynomial.polynomial.polyfit(temperature_c[known], value[known], 1)
    return value - np.polynomial.polynomial.polyval(temperature_c, line)


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
