"""Consumed fatigue of recorded details, counted from strain streams; it judges nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from simulations.bridges.inputs import Bridge, Floats, Ints
from simulations.bridges.rounds import Analysis, Found
from simulations.bridges.signals import is_uncalibrated
from simulations.bridges.vehicle_damage import top_vehicles
from simulations.structure.histories import STATE_NAME, StressHistory
from simulations.structure.miner import stress_from_strain
from simulations.structure.sn import SnCurve, sn_curve
from twin.errors import ModelError
from twin.model.assets import Attribute
from twin.model.datastreams import Datastream
from twin.model.fatigue import DetailFatigue, record_of
from twin.model.findings import MonitoringState, Phrase
from twin.model.monitoring import AnalysisOutcome, StateRecord
from twin.model.quality import SUSPECT_MASK
from twin.model.refusals import LackingError
from twin.model.times import from_us

NAME = "fatigue"
VERSION = "1"
RECORD = "fatigue_detail_"
"""Attributes of a bridge that begin so record a detail; the rest of the name is its own."""
FIELDS = ("datastream", "detail category", "E in N/mm2", "stress factor", "gate in N/mm2")
SLOWEST_S = 0.1
"""Slower samples miss the crossing of an axle."""
LOOK_BACK = timedelta(days=30)
"""What is older when a detail is recorded is not counted."""
UNDER_WAY = timedelta(minutes=2)
"""Samples that are younger may still overtake each other."""
LEAST_AGO = timedelta(hours=1)
"""So far before its position a stream is read, so that the next sample is found in any case."""
LONGEST_STEP = 1.5
"""Cadences between two readings, beyond which there is a gap."""
NEARLY = 0.99
SPAN = timedelta(hours=6)
MOST_SAMPLES = 20_000_000
"""A look ends after so many; the next one goes on from there."""
EXTERNAL = (
    (
        "stress is E times the whole strain: the strain of free thermal expansion counts as stress "
        "unless the gauge compensates it"
    ),
    "Miner sum before the first sample: not known, not contained",
)
TOO_SLOW = "sampled more slowly than 10 Hz: cycles of temperature only, crossings are missed"


@dataclass(frozen=True, slots=True)
class Detail:
    """A recorded detail: what measures it, and how its strain becomes stress."""

    name: str
    stream: Datastream
    curve: SnCurve
    modulus_gpa: float
    factor: float
    gate_mpa: float
    text: str
    origin: str


@dataclass(frozen=True, slots=True)
class Run:
    """Equally spaced strains without a gap between them."""

    start_us: int
    rate_hz: float
    strain_um_m: Floats


def is_concerned(bridge: Bridge) -> bool:
    """Whether a detail is recorded at a bridge."""
    return bool(_recorded(bridge))


def look(bridge: Bridge) -> Found:
    """Count the cycles of every recorded detail since the last look.

    Raises
    ------
    InsufficientData
        If no detail has samples yet.
    ModelError
        If no record can be read; names every problem.
    """
    shown: list[DetailFatigue] = []
    states: list[StateRecord] = []
    wrong: list[str] = []
    silent: list[str] = []
    for attribute in _recorded(bridge):
        try:
            detail = detail_of(bridge, attribute)
            history = _counted(bridge, detail)
        except ModelError as error:
            wrong.append(f"{attribute.name}: {error}")
            continue
        if not history.first_us:
            silent.append(detail.stream.uid)
            continue
        states.append(history.record(bridge.asset.id))
        shown.append(_shown(bridge, detail, history))
    if not shown and wrong:
        raise ModelError("; ".join(wrong))
    if not shown:
        raise LackingError(Phrase("wait.no_sample", {"channels": ", ".join(silent)}))
    states.append(record_of(shown, asset_id=bridge.asset.id, at=bridge.now))
    slow = [item.datastream for item in shown if not item.sees_crossings]
    said = [f"{uid}: {TOO_SLOW}" for uid in slow] + wrong
    reason = Phrase("fatigue_counted", {"details": len(shown), "remarks": "; ".join(said) or "-"})
    return Found(AnalysisOutcome(states=tuple(states)), MonitoringState.NOT_ARMED, reason)


def _recorded(bridge: Bridge) -> tuple[Attribute, ...]:
    return tuple(item for item in bridge.asset.attributes if item.name.startswith(RECORD))


def detail_of(bridge: Bridge, attribute: Attribute) -> Detail:
    """The detail that an attribute records.

    Raises
    ------
    ModelError
        If its value is not ``datastream;category;E;factor;gate``, or the bridge has no such strain.
    """
    text = str(attribute.value)
    parts = [part.strip() for part in text.split(";")]
    try:
        uid, *numbers = parts
        category, modulus_mpa, factor, gate_mpa = (float(part) for part in numbers)
    except ValueError:
        raise ModelError(f"{text!r} is not {'; '.join(FIELDS)}") from None
    stream = next((item for item in bridge.of("strain") if item.uid == uid), None)
    if stream is None:
        raise ModelError(f"{bridge.asset.id} has no strain stream {uid!r}")
    if stream.kind == "reading" and not stream.cadence_s:
        raise ModelError(f"{uid} has no cadence, so the time between its readings is not known")
    return Detail(
        name=attribute.name.removeprefix(RECORD),
        stream=stream,
        curve=sn_curve(category),
        modulus_gpa=modulus_mpa / 1e3,
        factor=factor,
        gate_mpa=gate_mpa,
        text=";".join(parts),
        origin=attribute.provenance.kind,
    )


def _counted(bridge: Bridge, detail: Detail) -> StressHistory:
    """History of a detail up to now.

    The state is named by the whole record: another stream, category, modulus, factor or gate
    starts another one.
    """
    kept = bridge.twin.bridges.state(bridge.asset.id, f"{STATE_NAME}/{detail.text}")
    if kept is None:
        history = StressHistory(detail.text, detail.curve, gate_mpa=detail.gate_mpa)
    else:
        history = StressHistory.from_bytes(
            kept.content, curve=detail.curve, gate_mpa=detail.gate_mpa
        )
    left = MOST_SAMPLES
    for run in _runs(bridge, detail.stream, history.position_us):
        stress = stress_from_strain(
            run.strain_um_m, modulus_gpa=detail.modulus_gpa, detail_factor=detail.factor
        )
        history.feed(stress, start_us=run.start_us, rate_hz=run.rate_hz)
        left -= len(stress)
        if left <= 0:
            break
    return history


def _runs(bridge: Bridge, stream: Datastream, position_us: int) -> Iterator[Run]:
    """Runs of a stream behind a position, in their order; doubtful samples are NaN."""
    start = from_us(position_us) - LEAST_AGO if position_us else bridge.now - LOOK_BACK
    until = bridge.now - UNDER_WAY
    while start < until:
        end = min(start + SPAN, until)
        if stream.kind == "waveform":
            yield from _blocks(bridge, stream, start, end, position_us)
        else:
            yield from _readings(bridge, stream, start, end, position_us)
        start = end


def _blocks(
    bridge: Bridge, stream: Datastream, start: datetime, end: datetime, position_us: int
) -> Iterator[Run]:
    found = bridge.twin.waveforms(stream.uid, start=start, end=end)
    for block in sorted(found, key=lambda item: item.t0_us):
        if block.t0_us < position_us - 0.5e6 / block.rate_hz:
            continue
        strain = block.samples.astype(np.float64)
        if block.quality & int(SUSPECT_MASK):
            strain[:] = np.nan
        yield Run(block.t0_us, block.rate_hz, strain)


def _readings(
    bridge: Bridge, stream: Datastream, start: datetime, end: datetime, position_us: int
) -> Iterator[Run]:
    cadence_us = 1e6 * (stream.cadence_s or 0.0)
    pages = list(bridge.twin.rows([stream.uid], start=start, end=end))
    if not pages:
        return
    time_us: Ints = np.concatenate([page.time_us for page in pages])
    strain = np.concatenate([page.value for page in pages]).astype(np.float64)
    quality = np.concatenate([page.quality for page in pages])
    strain[(quality & int(SUSPECT_MASK)) != 0] = np.nan
    order = np.argsort(time_us, kind="stable")
    order = order[time_us[order] >= position_us - 0.5 * cadence_us]
    time_us, strain = time_us[order], strain[order]
    cuts = np.flatnonzero(np.diff(time_us) > LONGEST_STEP * cadence_us) + 1
    for times, values in zip(np.split(time_us, cuts), np.split(strain, cuts), strict=True):
        if not len(times):
            continue
        length_us = float(times[-1] - times[0])
        step_us = length_us / (len(times) - 1) if length_us > 0.0 else cadence_us
        yield Run(int(times[0]), 1e6 / step_us, values)


def _shown(bridge: Bridge, detail: Detail, history: StressHistory) -> DetailFatigue:
    report, life = history.report(), history.life()
    used = np.trim_zeros(report.half_cycles, "b")
    valid = report.samples - report.invalid_samples
    is_fast = valid * SLOWEST_S >= NEARLY * report.covered_s > 0.0
    said = [*EXTERNAL, *report.assumptions, *life.assumptions]
    traffic = report.traffic_closed_damage + report.traffic_residue_damage
    vehicles = top_vehicles(
        bridge, curve=detail.curve, modulus_gpa=detail.modulus_gpa, factor=detail.factor
    )
    return DetailFatigue(
        detail=detail.name,
        datastream=detail.stream.uid,
        curve=report.curve_id,
        origin=detail.origin,
        closed_damage=report.closed_damage,
        residue_damage=report.residue_damage,
        traffic_damage=traffic if is_fast else None,
        rate_per_year=life.rate_per_year,
        rate_reason=life.reason,
        coverage=report.coverage,
        sees_crossings=is_fast,
        first_us=report.first_us,
        until_us=report.until_us,
        cycles=report.cycles,
        largest_mpa=report.largest_mpa,
        late_samples=report.late_samples,
        assumptions=tuple(said if is_fast else [TOO_SLOW, *said]),
        bin_mpa=report.bin_mpa,
        half_cycles=tuple(int(count) for count in used),
        years=life.years,
        low_years=life.low_years,
        high_years=life.high_years,
        vehicles=vehicles,
        remarks=_remarks(bridge, detail, has_vehicles=bool(vehicles)),
    )


def _remarks(bridge: Bridge, detail: Detail, *, has_vehicles: bool) -> tuple[Phrase, ...]:
    """Gauges without a recorded calibration: of the sum, and of weighed vehicles beside it."""
    weighed = [item for item in bridge.of("strain") if has_vehicles and item.kind == "waveform"]
    sensors = dict.fromkeys(
        item.sensor_id for item in (detail.stream, *weighed) if is_uncalibrated(bridge, item)
    )
    return tuple(Phrase("fatigue_uncalibrated", {"sensor": sensor}) for sensor in sensors)


ANALYSIS = Analysis(NAME, VERSION, timedelta(hours=1), is_concerned, look)
