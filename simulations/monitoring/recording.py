"""What accelerometers recorded, and whether modes may be found from it. Pure.

Blocks that follow one another with gaps, such as bursts, are one recording: everything is averaged
over its blocks and nothing is computed across a gap. A missing value (NaN) in one channel is a gap
of all, since a covariance needs both channels at the same time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from twin.errors import InsufficientData, ModelError

Floats = NDArray[np.float64]
IssueKind = Literal["missing", "dead", "upsampled", "unit_suspect"]

MOST_MISSING = 0.2
# An accelerometer that lives is never a thousand times quieter than its neighbours.
DEAD_SHARE = 1e-3
# Repetition by nature comes in runs of one length or its neighbour; a coarse step gives any length.
REGULAR_RUNS = 0.95
FEWEST_REPEATED = 0.25
FEWEST_RUNS = 20
GRAVITY_MS2 = 9.80665
# Gravity on a vertical axis in units that are mistaken for one another, and how far it may be off.
UNIT_NEAR = 0.1
GRAVITY_IN = {"g": 1.0, "m/s2": GRAVITY_MS2, "cm/s2": 100.0 * GRAVITY_MS2}


@dataclass(frozen=True, slots=True)
class Recording:
    """Equally spaced samples of several channels, in one block or in several with gaps between.

    Parameters
    ----------
    blocks : each (samples, channels)
        Samples at the same times in all channels; NaN where one is missing.
    rate_hz
        Samples per second [Hz].
    channels
        Name of each channel.
    units
        Unit of each channel (UCUM), or none.

    Raises
    ------
    ModelError
        If shapes, names or units do not fit one another, or the rate is not positive.

    Examples
    --------
    >>> Recording((np.zeros((200, 2)),), 100.0, ("midspan", "quarter")).duration_s
    2.0
    """

    blocks: tuple[Floats, ...]
    rate_hz: float
    channels: tuple[str, ...]
    units: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.channels)
        wrong = [f"{block.shape}" for block in self.blocks if block.shape[1:] != (count,)]
        if wrong:
            raise ModelError(
                f"every block must be (samples, {count}) for the channels "
                f"{', '.join(self.channels)}; got {', '.join(wrong)}"
            )
        if not self.rate_hz > 0.0:
            raise ModelError(f"the sampling rate must be positive, got {self.rate_hz:g} Hz")
        if self.units and len(self.units) != count:
            raise ModelError(f"{count} channels need {count} units or none; got {len(self.units)}")
        if len(set(self.channels)) < count:
            raise ModelError(f"channel names must differ; got {', '.join(self.channels)}")

    @property
    def samples(self) -> int:
        """Samples per channel, all blocks together."""
        return sum(len(block) for block in self.blocks)

    @property
    def duration_s(self) -> float:
        """Recorded time without the gaps between blocks [s]."""
        return self.samples / self.rate_hz


@dataclass(frozen=True, slots=True)
class ChannelIssue:
    """Why a channel cannot be used as it is.

    ``figure`` is the share that is missing, the rate at which values really change [Hz], or the
    mean of the channel in its declared unit; 0 for a dead one.
    """

    channel: str
    kind: IssueKind
    figure: float
    message: str


def only(recording: Recording, channels: Sequence[str]) -> Recording:
    """The recording with these channels only, in this order.

    Examples
    --------
    >>> both = Recording((np.zeros((200, 2)),), 100.0, ("midspan", "quarter"))
    >>> only(both, ["quarter"]).channels
    ('quarter',)
    """
    unknown = [name for name in channels if name not in recording.channels]
    if unknown:
        raise ModelError(f"no channel {', '.join(unknown)}; there are {recording.channels}")
    columns = [recording.channels.index(name) for name in channels]
    units = tuple(recording.units[column] for column in columns) if recording.units else ()
    blocks = tuple(block[:, columns] for block in recording.blocks)
    return replace(recording, blocks=blocks, channels=tuple(channels), units=units)


def channel_issues(recording: Recording) -> tuple[ChannelIssue, ...]:
    """What speaks against each channel; empty if all can be used.

    A channel is `missing` above 20 % of its values, `dead` if it hardly moves, `upsampled` if a
    slower sensor repeats each value, `unit_suspect` if its mean is gravity in another unit.

    Examples
    --------
    >>> noise = np.random.default_rng(1).normal(size=(1000, 2))
    >>> noise[:, 1] = np.repeat(noise[::10, 1], 10)
    >>> [issue.message for issue in channel_issues(Recording((noise,), 100.0, ("a", "b")))]
    ['channel b repeats its values as a sensor of 10 Hz does; leave it out or record it apart']
    """
    if not recording.samples:
        return ()
    values = np.concatenate([block.T for block in recording.blocks], axis=1)
    finite = [row if np.isfinite(row).all() else row[np.isfinite(row)] for row in values]
    deviations = [float(row.std()) if row.size else 0.0 for row in finite]
    found = []
    for column, channel in enumerate(recording.channels):
        unit = recording.units[column] if recording.units else ""
        same = [
            deviations[other]
            for other in range(len(recording.channels))
            if other != column and (not unit or recording.units[other] == unit)
        ]
        missing = 1.0 - len(finite[column]) / recording.samples
        if missing > MOST_MISSING:
            text = (
                f"{missing:.0%} of channel {channel} are missing, at most {MOST_MISSING:.0%} may be"
            )
            found.append(ChannelIssue(channel, "missing", missing, text))
        elif _is_flat(finite[column]) or deviations[column] < DEAD_SHARE * _median(same):
            text = f"channel {channel} is dead: it hardly moves; check the sensor or leave it out"
            found.append(ChannelIssue(channel, "dead", 0.0, text))
        else:
            found += _rate_issue(channel, finite[column], recording.rate_hz)
            found += _unit_issue(channel, float(finite[column].mean()), unit)
    return tuple(found)


def usable_blocks(
    recording: Recording, *, fewest_samples: int, fewest_channels: int = 2
) -> tuple[Floats, ...]:
    """Gap-free blocks about their mean, each of at least ``fewest_samples`` samples.

    Returns
    -------
    each (samples, channels)
        In the order of time.

    Raises
    ------
    InsufficientData
        With fewer channels than asked for, or if a channel cannot be used, or if no stretch
        without gap is long enough. It names every such channel.

    Examples
    --------
    >>> noise = np.random.default_rng(1).normal(size=(1000, 2))
    >>> noise[500, 0] = np.nan
    >>> recording = Recording((noise,), 100.0, ("midspan", "quarter"))
    >>> [len(block) for block in usable_blocks(recording, fewest_samples=200)]
    [500, 499]
    """
    problems = [issue.message for issue in channel_issues(recording)]
    if len(recording.channels) < fewest_channels:
        names = ", ".join(recording.channels) or "none"
        problems.insert(
            0, f"mode shapes need at least {fewest_channels} channels, there is: {names}"
        )
    if problems:
        raise InsufficientData("; ".join(problems))
    stretches = [part for block in recording.blocks for part in _without_gaps(block)]
    blocks = tuple(part - part.mean(axis=0) for part in stretches if len(part) >= fewest_samples)
    kept = sum(len(block) for block in blocks)
    if kept < (1.0 - MOST_MISSING) * recording.samples or not blocks:
        longest = max((len(part) for part in stretches), default=0)
        raise InsufficientData(
            f"stretches in which all of {', '.join(recording.channels)} have values hold "
            f"{kept} of {recording.samples} samples; each needs {fewest_samples} without a gap, "
            f"the longest has {longest}"
        )
    return blocks


def effective_rate_hz(values: Floats, rate_hz: float) -> float:
    """Rate at which a channel really changes [Hz]; ``rate_hz`` unless it repeats by nature.

    Runs of equal values whose lengths are all one number or its neighbour come from a slower
    sensor whose values are held; a coarse step or a quiet bridge gives runs of any length.

    Parameters
    ----------
    values : (samples,)
        Finite samples of one channel.

    Examples
    --------
    >>> slow = np.random.default_rng(1).normal(size=100)
    >>> effective_rate_hz(np.repeat(slow, 4), 100.0)
    25.0
    """
    is_change = values[1:] != values[:-1]
    count = np.count_nonzero(is_change)
    if count < FEWEST_RUNS or count > (1.0 - FEWEST_REPEATED) * len(is_change):
        return rate_hz
    runs = np.diff(np.flatnonzero(is_change))
    lengths = np.bincount(runs)
    together = lengths[:-1] + lengths[1:]
    if together.max() < REGULAR_RUNS * len(runs):
        return rate_hz
    return float(rate_hz / runs.mean())


def _rate_issue(channel: str, values: Floats, rate_hz: float) -> list[ChannelIssue]:
    """A channel that a slower sensor feeds."""
    effective = effective_rate_hz(values, rate_hz)
    if effective >= rate_hz:
        return []
    text = (
        f"channel {channel} repeats its values as a sensor of {effective:.3g} Hz does; "
        "leave it out or record it apart"
    )
    return [ChannelIssue(channel, "upsampled", effective, text)]


def _unit_issue(channel: str, mean: float, unit: str) -> list[ChannelIssue]:
    """A mean that is gravity in another unit than the declared one."""
    if unit not in GRAVITY_IN:
        return []
    for other, gravity in GRAVITY_IN.items():
        if other != unit and abs(abs(mean) - gravity) < UNIT_NEAR * gravity:
            text = (
                f"channel {channel} has the mean {mean:.3g} {unit}, which is gravity in {other}; "
                "correct its unit"
            )
            return [ChannelIssue(channel, "unit_suspect", mean, text)]
    return []


def _is_flat(values: Floats) -> bool:
    """At most two values in all, as of a cut wire whose last digit flickers."""
    few = np.unique(values[:: max(1, len(values) // 100)])
    if len(few) > 2:  # noqa: PLR2004 - that settles it without a look at all
        return False
    return bool(np.all((values == values.min()) | (values == values.max())))


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else 0.0


def _without_gaps(block: Floats) -> list[Floats]:
    """Stretches of a block in which every channel has a value."""
    with np.errstate(invalid="ignore"):  # infinities of either sign
        is_whole = np.isfinite(block @ np.ones(block.shape[1]))
    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_whole, [False])).astype(np.int8)))
    return [block[begin:end] for begin, end in zip(edges[::2], edges[1::2], strict=True)]
