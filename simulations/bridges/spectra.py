"""Spectra of the last hour beside those of the hours before, bounded in size."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from simulations.bridges.inputs import Bridge, Floats
from simulations.monitoring.fdd import BINS, cross_spectra, decompose
from simulations.monitoring.recording import Recording
from twin.errors import InsufficientData, ModelError
from twin.model.monitoring import StateRecord
from twin.model.spectra import NAME, GroupSpectra, decibels, record_of, spectra_of
from twin.model.times import to_us

KEPT = timedelta(days=7)
MOST_HOURS = 168
MOST_GROUPS = 4
MOST_VALUES = 4
TOP_HZ = 25.0
"""Bridges answer below; what lies above stays in the stored blocks."""
NEWEST_BINS = 512
HOUR_BINS = 256
FEWEST_BINS = 32
HOUR = timedelta(hours=1)


def kept_spectra(bridge: Bridge, recordings: Sequence[Recording]) -> StateRecord | None:
    """Record of the spectra of a bridge with those of now; None if no recording gave one."""
    before = {group.channels: group for group in _before(bridge)}
    found: list[GroupSpectra] = []
    for recording in recordings[:MOST_GROUPS]:
        try:
            found.append(group_spectra(recording, before.get(recording.channels), at=bridge.now))
        except InsufficientData:
            continue
    return record_of(found, asset_id=bridge.asset.id, at=bridge.now) if found else None


def _before(bridge: Bridge) -> tuple[GroupSpectra, ...]:
    kept = bridge.twin.bridges.state(bridge.asset.id, NAME)
    try:
        return () if kept is None else spectra_of(kept)
    except ModelError:
        return ()


def group_spectra(
    recording: Recording, before: GroupSpectra | None, *, at: datetime
) -> GroupSpectra:
    """Spectra of a recording, and of the hours before as far as their bins are the same.

    Two looks in one hour of the clock keep one row, that of the later look.

    Raises
    ------
    InsufficientData
        If no block is long enough, or a channel cannot be used.

    Examples
    --------
    >>> from datetime import UTC
    >>> noise = np.random.default_rng(1).normal(size=(2_000, 2))
    >>> recording = Recording((noise,), 100.0, ("a", "b"), ("m/s2", "m/s2"))
    >>> found = group_spectra(recording, None, at=datetime(2026, 11, 22, 8, tzinfo=UTC))
    >>> found.newest_db.shape, found.hours_db.shape, found.step_hz
    ((2, 501), (1, 251), 0.05)
    """
    longest = max((len(block) for block in recording.blocks), default=0)
    bins = min(BINS, longest // 2)
    if bins < FEWEST_BINS:
        raise InsufficientData(f"blocks of {longest} samples are too short for a spectrum")
    spectra = decompose(cross_spectra(recording, bins=bins))
    step_hz = float(spectra.frequency_hz[1])
    shown = spectra.values[spectra.frequency_hz <= TOP_HZ, :MOST_VALUES].T
    newest, newest_hz = _reduced(shown, step_hz, most=NEWEST_BINS)
    row, row_hz = _reduced(shown[:1], step_hz, most=HOUR_BINS)
    at_us = to_us(at)
    hours, levels = _hours(before, at_us, row_hz, row.shape[1])
    return GroupSpectra(
        channels=recording.channels,
        unit=recording.units[0] if recording.units else "",
        newest_us=at_us,
        segments=spectra.segments,
        step_hz=newest_hz,
        newest_db=decibels(newest),
        hour_us=(*hours, at_us),
        hour_step_hz=row_hz,
        hours_db=np.vstack([levels, decibels(row)]),
    )


def _hours(
    before: GroupSpectra | None, at_us: int, step_hz: float, bins: int
) -> tuple[tuple[int, ...], Floats]:
    """Hours that are kept beside the one of now; none if their bins were others."""
    if before is None or before.hours_db.shape[1] != bins or before.hour_step_hz != step_hz:
        return (), np.empty((0, bins))
    hour_us = HOUR // timedelta(microseconds=1)
    kept_us = KEPT // timedelta(microseconds=1)
    rows = [
        row
        for row, time_us in enumerate(before.hour_us)
        if at_us - kept_us < time_us and time_us // hour_us < at_us // hour_us
    ][-(MOST_HOURS - 1) :]
    return tuple(before.hour_us[row] for row in rows), before.hours_db[rows]


def _reduced(values: Floats, step_hz: float, *, most: int) -> tuple[Floats, float]:
    """Values (n, bins) in at most so many bins, each the highest around its middle, and their step.

    The middles are 0, one step, two steps, ...; of an even number of values a bin shares the outer
    ones with its neighbours, so that the middle stays one of them.
    """
    count = values.shape[1]
    if count <= most:
        return values, step_hz
    width = -(-count // (most - 1))
    half = width // 2
    last = -(-(count - 1 - half) // width) * width
    filled = np.pad(values, ((0, 0), (half, last + half + 1 - count)), mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(filled, 2 * half + 1, axis=1)
    return around[:, ::width].max(axis=2), step_hz * width
