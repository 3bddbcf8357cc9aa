"""Hourly columns that must not be judged: silent, held over hours, or in another unit than before.

Marks of single readings do not show these: each value for itself is possible.
"""

from dataclasses import replace

import numpy as np

from simulations.bridges.inputs import Columns, Floats
from simulations.monitoring.channels import Channels
from twin.model.findings import Phrase
from twin.model.refusals import UnfitError

DAY_H = 24
SILENT_H = 48
"""A stream without a sound value for two days says nothing of now."""
HELD_WINDOW_H = 21 * DAY_H
MOST_HELD_H = 24
LEAST_HELD_H = 3
"""Values held for two hours still follow the day; own choice."""
LEAST_CHANGES = 20
IN_STEP = 0.95
"""So many of all changes fall on the same hours of a regular step; own choice."""
NOISE_H = 12
LEAST_FORMER_H = 500
MOST_TIMES = 2.0
"""A frequency that doubles or halves is that of another mode or unit; own choice."""
UNIT_FACTOR = 50.0
"""No damage moves a channel so much more from hour to hour; own choice: units differ by 1000."""


def refuse_unfit(columns: Columns, uid: str, *, trained_until_us: int) -> None:
    """Refuse a stream whose newest hours must not be judged by what was learned.

    Parameters
    ----------
    columns
        Hourly means of it.
    uid
        Which stream.
    trained_until_us
        End of what was learned [us since 1970].

    Raises
    ------
    UnfitError
        With all reasons.
    """
    value = columns.value[uid]
    phrases: list[Phrase] = []
    known = np.flatnonzero(np.isfinite(value))
    silent_h = len(value) - 1 - int(known[-1]) if len(known) else len(value)
    if silent_h >= SILENT_H:
        phrases.append(Phrase("bad.silent", {"days": silent_h / DAY_H}))
    held = held_hours(value[-HELD_WINDOW_H:])
    if held >= LEAST_HELD_H:
        phrases.append(_held(held))
    factor = scale_change(value, columns.time_us <= trained_until_us)
    if factor is not None:
        phrases.append(Phrase("bad.scale", {"factor": factor}))
    if phrases:
        raise UnfitError(*phrases)


def sound_modes(channels: Channels, usual_hz: Floats) -> tuple[Channels, tuple[Phrase, ...]]:
    """Natural frequencies without what cannot be theirs, and what is wrong of late.

    A frequency below half or above twice the usual one is told in another unit or belongs to
    another mode; it is missing. A mode that is held over hours is missing in the last weeks.

    Parameters
    ----------
    channels
        Natural frequencies [Hz] and the temperature.
    usual_hz : (p,)
        What they were when the model was learned [Hz].

    Raises
    ------
    UnfitError
        If the temperature is held over hours: every expectation rests on it.
    """
    held = held_hours(channels.temperature_c[-HELD_WINDOW_H:])
    if held >= LEAST_HELD_H:
        raise UnfitError(Phrase("wait.temperature", parts=(_held(held),)))
    value = channels.value.copy()
    with np.errstate(invalid="ignore"):
        is_odd = (value < usual_hz / MOST_TIMES) | (value > usual_hz * MOST_TIMES)
    phrases: list[Phrase] = []
    for column, name in enumerate(channels.names):
        odd = value[-SILENT_H:, column][is_odd[-SILENT_H:, column]]
        if len(odd):
            said = {"value": float(odd[-1]), "mean": float(usual_hz[column])}
            phrases.append(Phrase("bad.frequency", {"channel": name, **said}))
        held = held_hours(np.where(is_odd, np.nan, value)[-HELD_WINDOW_H:, column])
        if held >= LEAST_HELD_H:
            value[-HELD_WINDOW_H:, column] = np.nan
            phrases.append(Phrase("wait.channel", {"channel": name}, (_held(held),)))
    return replace(channels, value=np.where(is_odd, np.nan, value)), tuple(phrases)


def _held(hours: int) -> Phrase:
    return Phrase("bad.held", {"hours": float(hours)})


def held_hours(value: Floats) -> int:
    """For how many hours a channel holds each value, or draws lines between them; 1 if for none.

    Values of a slow channel that were repeated or interpolated change, or bend, in a regular step
    of hours only. A coarse sensor changes at any hour.

    Parameters
    ----------
    value : (n,)
        Hourly values; NaN is missing.

    Examples
    --------
    >>> slow = np.random.default_rng(1).normal(size=100)
    >>> held_hours(slow), held_hours(np.repeat(slow, 6))
    (1, 6)
    >>> held_hours(np.interp(np.arange(500) / 5, np.arange(100), slow))
    5
    """
    spread = float(np.nanstd(value)) if np.isfinite(value).any() else 0.0
    if spread <= 0.0:
        return 1
    moved = np.abs(np.diff(value)) > 1e-9 * spread
    bent = np.abs(np.diff(value, n=2)) > 1e-9 * spread
    return max(_step(moved), _step(bent))


def _step(marked: np.ndarray) -> int:
    """Largest regular step in which nearly all marked hours lie; 1 if there is none."""
    hours = np.flatnonzero(marked)
    if len(hours) < LEAST_CHANGES:
        return 1
    for step in range(MOST_HELD_H, 1, -1):
        phases = np.bincount(hours % step, minlength=step)
        if phases.max() >= IN_STEP * len(hours):
            return step
    return 1


def scale_change(value: Floats, former: np.ndarray) -> float | None:
    """By what factor a channel moves from hour to hour of late if that looks like another unit.

    Much less movement is another unit only where the values have shrunk, too: a bearing that is
    locked does not move either, and stays where it is. None if there is no such change.

    Parameters
    ----------
    value : (n,)
        Hourly values; NaN is missing.
    former : (n,)
        Rows of what was learned.

    Examples
    --------
    >>> value = np.random.default_rng(1).normal(size=2000)
    >>> value[-30:] /= 1000.0
    >>> former = np.arange(2000) < 1500
    >>> scale_change(value, former) < 0.01, scale_change(value + 3.0 * ~former, former)
    (True, None)
    """
    steps = np.abs(np.diff(value))
    learned = steps[former[1:] & np.isfinite(steps)]
    late = steps[-NOISE_H:][np.isfinite(steps[-NOISE_H:])]
    if len(learned) < LEAST_FORMER_H or len(late) < NOISE_H // 2:
        return None
    usual, now = float(np.median(learned)), float(np.median(late))
    if usual <= 0.0 or 1.0 / UNIT_FACTOR < now / usual < UNIT_FACTOR:
        return None
    level = float(np.nanmedian(np.abs(value[-NOISE_H:])))
    is_shrunk = level < float(np.nanstd(value[former])) / UNIT_FACTOR
    return now / usual if now > usual or (now > 0.0 and is_shrunk) else None
