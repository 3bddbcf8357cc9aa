"""Waveforms of several datastreams as one recording. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simulations.monitoring.recording import Floats, Recording
from twin.errors import InsufficientData, ModelError
from twin.model.observations import Waveform

# Samples of channels that lie further apart, in shares of a sample, twist phases of shapes: 0.1 of
# a sample is 3.6 degrees at a tenth of the sampling rate.
MOST_OFFSET = 0.1
CONTINUES = 0.5
MICRO = 1e6


@dataclass(frozen=True, slots=True)
class _Run:
    """Samples of one channel without a gap."""

    t0_us: int
    samples: Floats


def assemble(
    waveforms: Mapping[str, Sequence[Waveform]], *, units: Mapping[str, str] | None = None
) -> Recording:
    """The times that all channels cover, as one recording with a block for each stretch.

    Waveforms that continue one another are joined; a repeated one counts once, and of an overlap
    the earlier samples stay. Nothing is resampled and no gap is filled.

    Parameters
    ----------
    waveforms
        Waveforms of each channel, in any order.
    units
        Unit of each channel (UCUM), or none.

    Raises
    ------
    ModelError
        If sampling rates differ; names the channels with theirs.
    InsufficientData
        If a channel has no waveform, if no time is covered by all, or if samples of two channels
        lie more than a tenth of a sample apart.

    Examples
    --------
    >>> one = Waveform(1, 0, 100.0, np.zeros(300, np.float32))
    >>> other = Waveform(2, 1_000_000, 100.0, np.ones(300, np.float32))
    >>> assemble({"midspan": [one], "quarter": [other]}).blocks[0].shape
    (200, 2)
    """
    empty = [channel for channel, some in waveforms.items() if not some]
    if empty or not waveforms:
        raise InsufficientData(f"no waveform of {', '.join(empty) or 'any channel'} in this time")
    rates = {channel: sorted({one.rate_hz for one in some}) for channel, some in waveforms.items()}
    rate_hz = next(iter(rates.values()))[0]
    if any(found != [rate_hz] for found in rates.values()):
        told = "; ".join(f"{channel} {found} Hz" for channel, found in rates.items())
        raise ModelError(f"one recording has one sampling rate, got {told}; analyse them apart")
    runs = {channel: _joined(some) for channel, some in waveforms.items()}
    blocks = tuple(_common(runs, rate_hz))
    if not blocks:
        raise InsufficientData(f"no time is covered by all of {', '.join(waveforms)}")
    names = tuple(waveforms)
    return Recording(blocks, rate_hz, names, tuple(units[name] for name in names) if units else ())


def _joined(waveforms: Sequence[Waveform]) -> list[_Run]:
    """Runs of one channel in the order of time."""
    step_us = MICRO / waveforms[0].rate_hz
    runs: list[list[Waveform]] = []
    pieces: list[list[Floats]] = []
    end_us = 0.0
    for one in sorted(waveforms, key=lambda wave: (wave.t0_us, -len(wave.samples))):
        samples = one.samples.astype(np.float64)
        ahead = (one.t0_us - end_us) / step_us if runs else np.inf
        if ahead > 1.0 + CONTINUES:
            runs.append([one])
            pieces.append([samples])
        else:
            pieces[-1].append(samples[max(0, round(1.0 - ahead)) :])
        end_us = max(end_us, one.t0_us + (len(samples) - 1) * step_us) if runs else 0.0
    return [
        _Run(run[0].t0_us, np.concatenate(parts)) for run, parts in zip(runs, pieces, strict=True)
    ]


def _common(runs: Mapping[str, Sequence[_Run]], rate_hz: float) -> list[Floats]:
    """Stretches in which every channel has a run, each (samples, channels)."""
    step_us = MICRO / rate_hz
    at = dict.fromkeys(runs, 0)
    blocks = []
    while all(at[channel] < len(runs[channel]) for channel in runs):
        now = {channel: runs[channel][at[channel]] for channel in runs}
        begin_us = max(run.t0_us for run in now.values())
        first = {channel: _offset(channel, run, begin_us, step_us) for channel, run in now.items()}
        count = min(len(run.samples) - first[channel] for channel, run in now.items())
        if count > 0:
            columns = [run.samples[first[name] : first[name] + count] for name, run in now.items()]
            blocks.append(np.column_stack(columns))
        done = min(now, key=lambda name: now[name].t0_us + len(now[name].samples) * step_us)
        at[done] += 1
    return blocks


def _offset(channel: str, run: _Run, begin_us: int, step_us: float) -> int:
    """Samples of a run before a time."""
    exact = (begin_us - run.t0_us) / step_us
    offset = round(exact)
    if offset < len(run.samples) and abs(exact - offset) > MOST_OFFSET:
        raise InsufficientData(
            f"samples of channel {channel} lie {abs(exact - offset) * step_us / 1000.0:.3g} ms "
            f"beside those of the others; synchronise the channels or analyse it alone"
        )
    return offset
