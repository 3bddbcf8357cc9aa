"""Modes of a bridge from the acceleration blocks of the last hour, with identities that last."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from simulations.bridges.inputs import Bridge, Floats
from simulations.bridges.rounds import Analysis, Found
from simulations.bridges.signals import unit_problems
from simulations.bridges.spectra import kept_spectra
from simulations.monitoring.oma import ModalAnalysis, identify, identify_single
from simulations.monitoring.recording import Recording
from simulations.monitoring.tracking import (
    TrackedMode,
    TrackingState,
    follow,
    state_of,
    state_record,
)
from twin.errors import InsufficientData, NotAvailable
from twin.model.datastreams import Datastream
from twin.model.findings import MonitoringState, Phrase
from twin.model.monitoring import AnalysisOutcome, BridgeEvent, StateRecord
from twin.model.observations import Waveform
from twin.model.quality import SUSPECT_MASK
from twin.model.quantities import quantity
from twin.model.refusals import LackingError
from twin.model.times import to_us

NAME = "modes"
VERSION = "1"
WINDOW = timedelta(hours=1)
TOGETHER = 0.8
"""Channels whose blocks begin together this often are analysed as one recording."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One accelerometer with its sound blocks of the window, by time."""

    stream: Datastream
    blocks: tuple[Waveform, ...]

    @property
    def starts(self) -> frozenset[int]:
        """Times at which blocks begin [ms since 1970-01-01 UTC]."""
        return frozenset(block.t0_us // 1000 for block in self.blocks)


def is_concerned(bridge: Bridge) -> bool:
    """Whether a bridge sends acceleration blocks."""
    return any(item.kind == "waveform" for item in bridge.of("acceleration"))


def look(bridge: Bridge) -> Found:
    """Identify and follow the modes of the last hour, recording by recording; keep its spectra.

    Raises
    ------
    InsufficientData
        If no recording of the hour can be used, not even for a spectrum; names why.
    NotAvailable
        If the mean of a channel is gravity in another unit than the declared one.
    """
    channels = [
        channel
        for stream in bridge.of("acceleration")
        if stream.kind == "waveform" and (channel := _channel(bridge, stream)).blocks
    ]
    if not channels:
        raise LackingError(Phrase("wait.no_vibration"))
    events: list[BridgeEvent] = []
    recordings = [_recording(group) for group in together(channels)]
    suspect = unit_problems(recordings)
    if suspect:
        raise NotAvailable("; ".join(suspect))
    spectra = kept_spectra(bridge, recordings)
    states: list[StateRecord] = [] if spectra is None else [spectra]
    waiting: list[str] = []
    for recording in recordings:
        try:
            analysis = _identified(recording)
        except InsufficientData as error:
            waiting.append(str(error))
            continue
        state, tracked = _followed(bridge, analysis, bridge.now)
        states.append(state)
        events.append(_event(bridge, analysis, tracked))
    outcome = AnalysisOutcome(events=tuple(events), states=tuple(states))
    if events:
        return Found(outcome)
    if spectra is None:
        raise InsufficientData("; ".join(waiting))
    reason = Phrase("state.learning", {"analysis": NAME, "reason": "; ".join(waiting)})
    return Found(outcome, MonitoringState.LEARNING, reason)


def _channel(bridge: Bridge, stream: Datastream) -> Channel:
    found = bridge.twin.waveforms(stream.uid, start=bridge.now - WINDOW, end=bridge.now)
    sound = [block for block in found if not block.quality & int(SUSPECT_MASK)]
    return Channel(stream, tuple(sorted(sound, key=lambda block: block.t0_us)))


def together(channels: Sequence[Channel]) -> list[list[Channel]]:
    """Channels in groups whose blocks begin at the same time, rate and length."""
    groups: list[list[Channel]] = []
    for channel in channels:
        for group in groups:
            first = group[0]
            shared = len(first.starts & channel.starts)
            is_alike = first.blocks[0].rate_hz == channel.blocks[0].rate_hz
            if is_alike and shared >= TOGETHER * max(len(first.starts), len(channel.starts)):
                group.append(channel)
                break
        else:
            groups.append([channel])
    return groups


def _recording(group: Sequence[Channel]) -> Recording:
    names = tuple(channel.stream.uid for channel in group)
    units = tuple(quantity(channel.stream.quantity).unit for channel in group)
    starts = sorted(frozenset.intersection(*(channel.starts for channel in group)))
    by_start = [
        {block.t0_us // 1000: block.samples for block in channel.blocks} for channel in group
    ]
    blocks: list[Floats] = []
    for start in starts:
        columns = [known[start] for known in by_start]
        length = min(len(column) for column in columns)
        blocks.append(np.column_stack([column[:length] for column in columns]).astype(np.float64))
    return Recording(tuple(blocks), group[0].blocks[0].rate_hz, names, units)


def _identified(recording: Recording) -> ModalAnalysis:
    names = recording.channels
    return identify(recording) if len(names) > 1 else identify_single(recording, names[0])


def _followed(
    bridge: Bridge, analysis: ModalAnalysis, at: datetime
) -> tuple[StateRecord, tuple[TrackedMode, ...]]:
    name = f"{NAME}.{'+'.join(analysis.channels)}"
    kept = bridge.twin.bridges.state(bridge.asset.id, name)
    state = TrackingState(analysis.channels) if kept is None else state_of(kept)
    state, tracked = follow(state, analysis.modes, at_us=to_us(at))
    return state_record(state, asset_id=bridge.asset.id, name=name), tracked


def _event(bridge: Bridge, analysis: ModalAnalysis, tracked: Sequence[TrackedMode]) -> BridgeEvent:
    channels = "+".join(analysis.channels)
    figures = {"duration_s": analysis.duration_s}
    for number, mode in enumerate(analysis.modes, 1):
        figures[f"frequency_{number}_hz"] = mode.frequency_hz
        figures[f"frequency_sd_{number}_hz"] = mode.frequency_sd_hz
        figures[f"damping_{number}"] = mode.damping
        same = [one.identity for one in tracked if one.mode is mode]
        figures[f"identity_{number}"] = float(same[0]) if same else 0.0
    for number, line in enumerate(analysis.harmonics, 1):
        figures[f"harmonic_{number}_hz"] = line.frequency_hz
    return BridgeEvent(
        asset_id=bridge.asset.id,
        kind="modal",
        key=f"{channels}@{bridge.now:%Y-%m-%dT%H:%M:%SZ}",
        at=bridge.now,
        figures={name: value for name, value in figures.items() if np.isfinite(value)},
        words={"channels": channels, "method": "ssi-cov"},
        flags=analysis.flags,
    )


ANALYSIS = Analysis(NAME, VERSION, WINDOW, is_concerned, look)
