"""Crossings of heavy vehicles, weighed by the strain of two or more sections of one span."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from simulations.bridges.inputs import Bridge, Floats
from simulations.bridges.overloads import overloads
from simulations.bridges.rounds import Analysis, Found
from simulations.bridges.strainsite import Site, site_of, strain_waveforms
from simulations.monitoring.bwim import WeighingRules, weigh
from simulations.monitoring.detection import crossings, without_baseline
from simulations.monitoring.sections import MOST_AXLES, fitted_passage
from twin.errors import InsufficientData
from twin.model.datastreams import Datastream
from twin.model.findings import Phrase
from twin.model.monitoring import UNCALIBRATED, AnalysisOutcome, BridgeEvent, StateRecord
from twin.model.quality import SUSPECT_MASK
from twin.model.refusals import LackingError
from twin.model.structure import InfluenceLine
from twin.model.times import from_us, to_us

NAME = "crossings"
VERSION = "1"
EVERY = timedelta(minutes=5)
LOOK_BACK = timedelta(hours=1)
"""What is older was not weighed in time and is left."""
CONTEXT = timedelta(minutes=10)
"""Signal before the new part, for the running median of the baseline; also longer than a block."""
MARGIN_S = 1.0
MOST_RESIDUAL = 0.045
"""Half as much again as single lorries leave in the simulation."""
AT_THE_PEAK = 0.5
"""Share of a vehicle that stands at the sections when the strain is highest; own choice."""
LEAST_KN = 35.0
"""Gross weight of the lightest vehicle of interest: 3.5 t, above which one counts as heavy."""
TOLERANCE = 1.5
SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """Strain of all sections without gaps, on the clock of the first one."""

    start_us: int
    rate_hz: float
    strain_umm: Floats

    @property
    def end_us(self) -> int:
        """Time after its last sample."""
        return self.start_us + round(len(self.strain_umm) / self.rate_hz * SECOND_US)


def is_concerned(bridge: Bridge) -> bool:
    """Whether a bridge sends strain waveforms of two sections."""
    return len(strain_waveforms(bridge)) > 1


def look(bridge: Bridge) -> Found:
    """Weigh the vehicles that crossed since the last look.

    Raises
    ------
    NotAvailable
        If the calibration, the span or the stations are missing; names them.
    InsufficientData
        If no sound blocks of all sections are stored.
    """
    site = site_of(bridge)
    kept = bridge.twin.bridges.state(bridge.asset.id, NAME)
    oldest_us = to_us(bridge.now - LOOK_BACK)
    position_us = oldest_us if kept is None else max(kept.position_us, oldest_us)
    pieces = list(stretches(bridge, site.streams, from_us(position_us) - CONTEXT))
    if not pieces:
        raise LackingError(Phrase("wait.no_strain_blocks"))
    events: list[BridgeEvent] = []
    for stretch in pieces:
        found, position_us = _weighed(bridge, site, stretch, position_us)
        events += found
    state = StateRecord(NAME, bridge.asset.id, 1, position_us, b"")
    uids = [stream.uid for stream in site.streams]
    findings = overloads(bridge, events, uids)
    return Found(AnalysisOutcome(events=tuple(events), states=(state,), findings=findings))


def stretches(bridge: Bridge, streams: Sequence[Datastream], start: datetime) -> Iterator[Stretch]:
    """Stretches in which every section reports, on the clock of the first section."""
    signals: list[tuple[Floats, Floats]] = []
    rate_hz = 0.0
    for stream in streams:
        blocks = [
            block
            for block in bridge.twin.waveforms(stream.uid, start=start, end=bridge.now)
            if not block.quality & int(SUSPECT_MASK)
        ]
        if not blocks:
            return
        blocks.sort(key=lambda block: block.t0_us)
        rate_hz = rate_hz or blocks[0].rate_hz
        times = [
            np.asarray(b.t0_us + np.arange(len(b.samples)) * (SECOND_US / b.rate_hz), np.float64)
            for b in blocks
        ]
        value = np.concatenate([b.samples for b in blocks])
        signals.append((np.concatenate(times), value.astype(np.float64)))
    grid = signals[0][0]
    step_us = TOLERANCE * SECOND_US / rate_hz
    is_there = np.ones(len(grid), np.bool_)
    columns = []
    for time_us, value in signals:
        after = np.clip(np.searchsorted(time_us, grid), 1, len(time_us) - 1)
        is_inside = (grid >= time_us[0] - step_us) & (grid <= time_us[-1] + step_us)
        is_near = np.minimum(abs(grid - time_us[after - 1]), abs(time_us[after] - grid)) <= step_us
        is_there &= is_inside & is_near
        columns.append(np.interp(grid, time_us, value))
    rows = np.flatnonzero(is_there)
    cuts = np.flatnonzero((np.diff(rows) > 1) | (np.diff(grid[rows]) > step_us)) + 1
    strain = np.column_stack(columns)
    for part in np.split(rows, cuts):
        if len(part) > 2.0 * MARGIN_S * rate_hz:
            yield Stretch(round(float(grid[part[0]])), rate_hz, strain[part])


def _weighed(
    bridge: Bridge, site: Site, stretch: Stretch, position_us: int
) -> tuple[list[BridgeEvent], int]:
    """Crossings of a stretch after a time, and the time up to which it is used up.

    A crossing that is not over yet is left for the next look.
    """
    rate_hz, line = stretch.rate_hz, site.line
    total = stretch.strain_umm.sum(axis=1)
    level = np.column_stack(
        [without_baseline(one, rate_hz=rate_hz) for one in stretch.strain_umm.T]
    )
    events: list[BridgeEvent] = []
    done_us = stretch.end_us - round(MARGIN_S * SECOND_US)
    least_umm = AT_THE_PEAK * LEAST_KN * float(line.y.max())
    for one in crossings(total, rate_hz=rate_hz, least_peak_umm=least_umm):
        middle_us = stretch.start_us + round(0.5 * (one.start_s + one.end_s) * SECOND_US)
        if middle_us <= position_us:
            continue
        if stretch.start_us + (one.end_s + MARGIN_S) * SECOND_US > stretch.end_us:
            done_us = min(done_us, stretch.start_us + round((one.start_s - MARGIN_S) * SECOND_US))
            break
        rows = slice(
            max(0, round((one.start_s - MARGIN_S) * rate_hz)),
            round((one.end_s + MARGIN_S) * rate_hz),
        )
        try:
            event = _event(bridge, site, level[rows], stretch, rows.start)
        except InsufficientData:
            continue
        if event.figures["gross_kn"] >= LEAST_KN:
            events.append(event)
    return events, max(position_us, done_us)


def _event(bridge: Bridge, site: Site, level: Floats, stretch: Stretch, first: int) -> BridgeEvent:
    fitted = fitted_passage(level, rate_hz=stretch.rate_hz, lines=site.lines)
    passage = fitted.passage
    weighing = weigh(
        level.sum(axis=1),
        rate_hz=stretch.rate_hz,
        line=site.line,
        passage=passage,
        share=fitted.vehicle.share,
        rules=WeighingRules(most_residual=MOST_RESIDUAL, calibration_sd=site.calibration_sd),
        is_shared=len(passage.axle_offset_m) > MOST_AXLES,
    )
    at_us = stretch.start_us + round((first / stretch.rate_hz + passage.enters_s) * SECOND_US)
    at = from_us(at_us)
    event = weighing.event(
        passage,
        asset_id=bridge.asset.id,
        key=f"{at:%Y-%m-%dT%H:%M:%S.%fZ}",
        at=at,
        lane=0,
        vehicle_class=fitted.vehicle.key,
        peaks={"peak_umm": float(level.max()), "misfit": fitted.misfit},
    )
    figures = {name: value for name, value in event.figures.items() if name != "lane"}
    figures["speed_sd_ms"] = abs(passage.speed_ms) * passage.speed_sd
    figures["gross_sd_t"] = figures["gross_t"] * weighing.gross_sd_kn / weighing.gross_kn
    words = {
        **event.words,
        "sections": _sections(site.lines),
        "calibration": site.origin,
        "method": f"{NAME} {VERSION}",
    }
    if site.uncalibrated:
        words[UNCALIBRATED] = site.uncalibrated
    flags = event.flags if fitted.is_clear else (*event.flags, "axles_uncertain")
    return replace(event, figures=figures, words=words, flags=flags)


def _sections(lines: Sequence[InfluenceLine]) -> str:
    return ", ".join(f"{line.section_m:g} m" for line in lines)


ANALYSIS = Analysis(NAME, VERSION, EVERY, is_concerned, look)
