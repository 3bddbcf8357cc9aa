"""What the models of a bridge predict against what its sensors say; a model that fails says so."""

from datetime import timedelta

import numpy as np

from simulations.bridges.inputs import Bridge
from simulations.bridges.rounds import Analysis, Found
from simulations.monitoring.trend import expansion
from twin.errors import InsufficientData, NotAvailable
from twin.model.datastreams import Datastream
from twin.model.findings import EvidenceWindow, Finding, Phrase, Reason
from twin.model.monitoring import AnalysisOutcome
from twin.model.reality import NAME, Check, record_of

VERSION = "1"
DAYS = 30
EXPANSION_PER_K = (10e-6, 12e-6)
"""Thermal expansion of concrete and of steel, EN 1991-1-5:2003 annex C, table C.1."""
EXPANSION_LIMIT_PERCENT = 30.0
FREQUENCY_LIMIT_PERCENT = 25.0
"""Own choices: beyond them a wrong assumption is likelier than scatter."""
EMPA_FACTOR, EMPA_POWER = 95.4, -0.933
"""f1 = 95.4 L^-0.933, EMPA report 211 (1983); scatter of single bridges 0.8 Hz."""


def is_concerned(bridge: Bridge) -> bool:
    """Whether a bridge measures something that a model predicts."""
    return bool(bridge.of("displacement", "natural_frequency"))


def look(bridge: Bridge) -> Found:
    """Check every prediction that a sensor can answer.

    Raises
    ------
    InsufficientData
        If none can be checked yet; names why.
    NotAvailable
        If no sensor measures what a model predicts.
    """
    checks: list[Check] = []
    waiting: list[str] = []
    for stream in bridge.of("displacement", "natural_frequency"):
        try:
            check = _CHECKS[stream.quantity](bridge, stream)
        except InsufficientData as error:
            waiting.append(f"{stream.uid}: {error}")
        else:
            checks += () if check is None else (check,)
    if waiting and not checks:
        raise InsufficientData("; ".join(waiting))
    if not checks:
        raise NotAvailable("no prediction of a model has a sensor at this bridge")
    state = record_of(checks, asset_id=bridge.asset.id, at=bridge.now)
    findings = tuple(_finding(bridge, check) for check in checks if not check.is_valid)
    return Found(AnalysisOutcome(states=(state,), findings=findings))


def _expansion(bridge: Bridge, stream: Datastream) -> Check | None:
    """Free expansion of the whole length against the travel per kelvin of the last month."""
    length = bridge.asset.attribute("total_length_m")
    warm = bridge.of("structure_temperature")
    if length is None or not warm:
        return None
    columns = bridge.hourly([stream.uid, warm[0].uid], hours=24 * DAYS)
    now = expansion(columns.time_us, columns.value[stream.uid], columns.value[warm[0].uid])
    low, high = (1e3 * alpha * float(length.value) for alpha in EXPANSION_PER_K)
    predicted = (low + high) / 2.0
    return _check(
        "free_expansion",
        stream,
        predicted=predicted,
        measured=abs(now.slope_mm_per_k),
        count=now.days,
    )


def _frequency(bridge: Bridge, stream: Datastream) -> Check | None:
    """Rule of thumb for the first frequency against its mean of the last month."""
    span = bridge.asset.attribute("main_span_m")
    if span is None or not stream.uid.endswith("_1"):
        return None
    columns = bridge.hourly([stream.uid], hours=24 * DAYS)
    known = columns.value[stream.uid][np.isfinite(columns.value[stream.uid])]
    if len(known) < DAYS:
        raise InsufficientData(f"{len(known)} values in {DAYS} days, needed are {DAYS}")
    predicted = EMPA_FACTOR * float(span.value) ** EMPA_POWER
    return _check(
        "first_frequency",
        stream,
        predicted=predicted,
        measured=float(known.mean()),
        count=len(known),
    )


_CHECKS = {"displacement": _expansion, "natural_frequency": _frequency}
_UNITS = {"free_expansion": "mm/K", "first_frequency": "Hz"}
_LIMITS = {"free_expansion": EXPANSION_LIMIT_PERCENT, "first_frequency": FREQUENCY_LIMIT_PERCENT}


def _check(
    model: str, stream: Datastream, *, predicted: float, measured: float, count: int
) -> Check:
    return Check(
        model=model,
        channel=stream.uid,
        predicted=predicted,
        measured=measured,
        unit=_UNITS[model],
        error_percent=100.0 * (measured / predicted - 1.0),
        limit_percent=_LIMITS[model],
        count=count,
    )


def _finding(bridge: Bridge, check: Check) -> Finding:
    values: dict[str, float | str] = {
        "channel": check.channel,
        "error": check.error_percent,
        "limit": check.limit_percent,
    }
    compared = {"predicted": check.predicted, "measured": check.measured, "unit": check.unit}
    return Finding(
        asset_id=bridge.asset.id,
        rule="model_not_valid",
        rule_version=VERSION,
        severity="note",
        key=f"{check.model}.{check.channel}",
        statement=Phrase(f"model_not_valid.{check.model}", values),
        next_step=Phrase("step.check_model"),
        at=bridge.now,
        reasons=(
            Reason(
                Phrase("reason.predicted", compared),
                value=check.measured,
                unit=check.unit,
                limit=check.predicted,
                source=f"{check.count} values",
            ),
        ),
        evidence=(EvidenceWindow(check.channel, bridge.now - timedelta(days=DAYS), bridge.now),),
    )


ANALYSIS = Analysis(NAME, VERSION, timedelta(hours=6), is_concerned, look)
