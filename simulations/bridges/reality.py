"""What the models of a bridge predict against what its sensors say; a model that fails says so."""

import math
from collections.abc import Iterable, Iterator
from datetime import timedelta

from simulations.bridges import crossings
from simulations.bridges.inputs import Bridge
from simulations.bridges.predicted import (
    FACTS_LIMIT_PERCENT,
    STRAIN_LIMIT_PERCENT,
    crossing_strain,
    fixed_station,
    recent_values,
    structural,
    traffic_counts,
)
from simulations.bridges.rounds import Analysis, Found
from simulations.monitoring.trend import Expansion, expansion
from twin.errors import ModelError
from twin.model.datastreams import Datastream
from twin.model.findings import EvidenceWindow, Finding, MonitoringState, Phrase, Reason
from twin.model.monitoring import ANALYSIS_SOURCE, AnalysisOutcome
from twin.model.reality import NAME, REVERSED, Check, carried, checks_of, reason_of, record_of
from twin.model.refusals import UnfitError, reasons_of

VERSION = "2"
DAYS = 30
EXPANSION_PER_K = (10e-6, 12e-6)
"""Thermal expansion of concrete and of steel, EN 1991-1-5:2003 annex C, table C.1."""
EXPANSION_LIMIT_PERCENT = 30.0
FREQUENCY_LIMIT_PERCENT = 25.0
"""Own choices: beyond them a wrong assumption is likelier than scatter."""
EMPA_FACTOR, EMPA_POWER = 95.4, -0.933
"""f1 = 95.4 L^-0.933, EMPA report 211 (1983); scatter of single bridges 0.8 Hz."""
FIRST = "_1"
MAIN_SPAN = "main_span_m"
UNREADABLE = (ArithmeticError, LookupError, TypeError, ValueError)
"""What one check may raise over an attribute or a record that says nonsense; no store error is."""


def is_concerned(bridge: Bridge) -> bool:
    """Whether a bridge measures something that a model predicts."""
    measured = bridge.of("displacement", "natural_frequency") or bridge.heavy
    return bool(measured) or crossings.is_concerned(bridge)


def look(bridge: Bridge) -> Found:
    """Check every prediction that a sensor can answer; what cannot be checked says why.

    Raises
    ------
    NotAvailable
        If no sensor measures what a model predicts.
    """
    checks = carried(_checks(bridge), _before(bridge), at=bridge.now)
    if not checks:
        raise UnfitError(Phrase("unfit.no_prediction"))
    state = record_of(checks, asset_id=bridge.asset.id, at=bridge.now)
    findings = (
        *(_finding(bridge, check) for check in checks if check.verdict == "not_valid"),
        *(_reversed(bridge, check) for check in checks if check.remark == REVERSED),
    )
    outcome = AnalysisOutcome(states=(state,), findings=findings)
    if any(check.verdict != "not_checked" for check in checks):
        return Found(outcome)
    waiting = tuple(reason_of(check) for check in checks)
    reason = Phrase("state.not_armed", {"analysis": NAME}, waiting)
    return Found(outcome, MonitoringState.NOT_ARMED, reason)


def _before(bridge: Bridge) -> tuple[Check, ...]:
    """Checks of the last look; none where it cannot be read."""
    kept = bridge.twin.bridges.state(bridge.asset.id, NAME)
    try:
        return () if kept is None else checks_of(kept)
    except ModelError:
        return ()


def _checks(bridge: Bridge) -> Iterator[Check]:
    for stream in bridge.of("displacement"):
        yield _expansion(bridge, stream)
    for stream in bridge.of("natural_frequency"):
        if stream.uid.endswith(FIRST):
            yield _frequency(bridge, stream)
    for model, channel, unit, rests, made in (
        (
            "structural_frequency",
            "structure",
            "Hz",
            ("structure", "utilisation"),
            structural(bridge, days=DAYS),
        ),
        (
            "crossing_strain",
            "crossings",
            "um/m",
            ("crossings", "fatigue.traffic"),
            crossing_strain(bridge, days=DAYS),
        ),
        ("traffic_counts", "traffic", "1", ("traffic",), traffic_counts(bridge)),
    ):
        yield from _each(model, channel, unit, rests, made)


def _each(
    model: str, channel: str, unit: str, rests: tuple[str, ...], made: Iterable[Check]
) -> Iterator[Check]:
    """Checks of one kind; one that fails says why and stops no other kind."""
    try:
        yield from made
    except UNREADABLE as error:
        yield _waiting(model, channel, unit, rests, error)


def _expansion(bridge: Bridge, stream: Datastream) -> Check:
    """Free expansion from the fixed point to a bearing against its travel per kelvin."""
    derived = (
        item.uid
        for item in bridge.streams
        if item.source == ANALYSIS_SOURCE and item.route_key.startswith(f"{stream.route_key}#")
    )
    rests = (f"bearing.{stream.uid}", *derived)
    try:
        length_m = _length_m(bridge, stream)
        now = _travel(bridge, stream)
    except UNREADABLE as error:
        return _waiting("free_expansion", stream.uid, "mm/K", rests, error)
    predicted = 1e3 * length_m * sum(EXPANSION_PER_K) / 2.0
    measured = abs(now.slope_mm_per_k)
    return Check(
        model="free_expansion",
        channel=stream.uid,
        predicted=predicted,
        measured=measured,
        unit="mm/K",
        error_percent=100.0 * (measured / predicted - 1.0),
        limit_percent=EXPANSION_LIMIT_PERCENT,
        count=now.days,
        rests=rests,
        remark=REVERSED if now.most_mm_per_k < 0.0 else "",
    )


def _travel(bridge: Bridge, stream: Datastream) -> Expansion:
    """Travel of a bearing per kelvin in the last month."""
    warm = bridge.of("structure_temperature")
    if not warm:
        raise UnfitError(Phrase("unfit.no_temperature"))
    columns = bridge.hourly([stream.uid, warm[0].uid], hours=24 * DAYS)
    return expansion(columns.time_us, columns.value[stream.uid], columns.value[warm[0].uid])


def _length_m(bridge: Bridge, stream: Datastream) -> float:
    """Distance from the fixed point to the bearing [m].

    Raises
    ------
    NotAvailable
        If one of the two is not recorded, or both are the same.
    """
    stations = {part.id: part.station_m for part in bridge.twin.components(bridge.asset.id)}
    station_m = stations.get(stream.component_id or "")
    if station_m is None:
        raise UnfitError(Phrase("unfit.bearing_station"))
    length_m = abs(station_m - fixed_station(bridge, stations))
    if not length_m > 0.0:
        raise UnfitError(Phrase("unfit.at_fixed_point"))
    return length_m


def _frequency(bridge: Bridge, stream: Datastream) -> Check:
    """Rule of thumb for the first frequency against its mean of the last month.

    A structural model of level L0 has its stiffness from the same rule and rests on it.
    """
    rests: tuple[str, ...] = ()
    try:
        rests = tuple(
            name for check in structural(bridge, days=DAYS, level="L0") for name in check.rests
        )
        span_m = _main_span_m(bridge)
        known = recent_values(bridge, stream.uid, days=DAYS)
    except UNREADABLE as error:
        return _waiting("first_frequency", stream.uid, "Hz", rests, error)
    predicted, measured = EMPA_FACTOR * span_m**EMPA_POWER, float(known.mean())
    return Check(
        model="first_frequency",
        channel=stream.uid,
        predicted=predicted,
        measured=measured,
        unit="Hz",
        error_percent=100.0 * (measured / predicted - 1.0),
        limit_percent=FREQUENCY_LIMIT_PERCENT,
        count=len(known),
        rests=rests,
    )


def _main_span_m(bridge: Bridge) -> float:
    span = bridge.asset.attribute(MAIN_SPAN)
    if span is None:
        raise UnfitError(Phrase("unfit.no_span"))
    try:
        span_m = float(span.value)
    except ValueError:
        span_m = math.nan
    if not math.isfinite(span_m):
        raise UnfitError(Phrase("unfit.no_number", {"name": MAIN_SPAN}))
    if span_m <= 0.0:
        raise UnfitError(Phrase("unfit.not_positive", {"names": MAIN_SPAN}))
    return span_m


_LIMITS = {
    "free_expansion": EXPANSION_LIMIT_PERCENT,
    "first_frequency": FREQUENCY_LIMIT_PERCENT,
    "structural_frequency": FACTS_LIMIT_PERCENT,
    "crossing_strain": STRAIN_LIMIT_PERCENT,
    "traffic_counts": 0.0,
}


def _waiting(
    model: str, channel: str, unit: str, rests: tuple[str, ...], error: Exception
) -> Check:
    is_told = isinstance(error, ModelError)
    reasons = reasons_of(error) if is_told else (Phrase("unfit.unread", {"reason": repr(error)}),)
    return Check(
        model,
        channel,
        None,
        None,
        unit,
        None,
        _LIMITS[model],
        0,
        rests=rests,
        reasons=reasons,
    )


def _finding(bridge: Bridge, check: Check) -> Finding:
    error = 0.0 if check.error_percent is None else check.error_percent
    values = {"channel": check.channel, "error": error, "limit": check.limit_percent}
    measured = check.channel in {item.uid for item in bridge.streams}
    return Finding(
        asset_id=bridge.asset.id,
        rule="model_not_valid",
        rule_version=VERSION,
        severity="note",
        key=f"{check.model}.{check.channel}",
        statement=Phrase(f"model_not_valid.{check.model}", values),
        next_step=Phrase("step.check_model"),
        at=bridge.now,
        reasons=(_compared(check),),
        evidence=_evidence(bridge, check.channel) if measured else (),
    )


def _reversed(bridge: Bridge, check: Check) -> Finding:
    """The sensor moves towards the fixed point when it gets warmer."""
    return Finding(
        asset_id=bridge.asset.id,
        rule=REVERSED,
        rule_version=VERSION,
        severity="note",
        key=check.channel,
        statement=Phrase(REVERSED, {"channel": check.channel}),
        next_step=Phrase("step.check_sensor", {"channel": check.channel}),
        at=bridge.now,
        cause="sensor_fault",
        reasons=(_compared(check),),
        evidence=_evidence(bridge, check.channel),
    )


def _compared(check: Check) -> Reason:
    nothing = float("nan")
    predicted = nothing if check.predicted is None else check.predicted
    measured = nothing if check.measured is None else check.measured
    return Reason(
        Phrase(
            "reason.predicted", {"predicted": predicted, "measured": measured, "unit": check.unit}
        ),
        value=measured,
        unit=check.unit,
        limit=predicted,
        source=f"{check.count} values",
    )


def _evidence(bridge: Bridge, uid: str) -> tuple[EvidenceWindow, ...]:
    return (EvidenceWindow(uid, bridge.now - timedelta(days=DAYS), bridge.now),)


ANALYSIS = Analysis(NAME, VERSION, timedelta(hours=6), is_concerned, look)
