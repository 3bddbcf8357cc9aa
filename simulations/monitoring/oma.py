"""Operational modal analysis: the modes that a recording of ambient vibration shows. Pure.

Nothing is known of the forces but that they are broad; harmonics are told apart by their kurtosis.
What one recording cannot tell is said in ``flags``, and nothing is filled in.

References
----------
.. [1] "Introduction to Operational Modal Analysis", Wiley, 2015,
   chapter 8: duration of records.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulations.monitoring import automation, fdd, ssi
from simulations.monitoring.automation import Criteria
from simulations.monitoring.harmonics import LineCheck, check_line
from simulations.monitoring.modes import Floats, Mode, scaled
from simulations.monitoring.recording import Recording, only, usable_blocks
from twin.errors import InsufficientData

Flag = Literal["single_channel", "short_block", "harmonic_undecided", "few_parts", "no_mode"]

# Periods of the first mode that a block should hold: at least, and better.
LEAST_PERIODS, GOOD_PERIODS = 1000.0, 2000.0
# A block shorter than this many times the lags leaves its longest lags to chance.
LAGS_IN_BLOCK = 2
# One channel gives a small matrix; more lags make up for it where blocks are long enough.
SINGLE_BLOCK_ROWS = 60
SINGLE_BLOCK_SHARE = 4
SMALLEST_BLOCK_ROWS = 10
# Segments of the spectrum that looks for harmonics: so many in the longest block, if it can be.
SEGMENTS = 8
SMALLEST_BINS = 64


@dataclass(frozen=True, slots=True)
class Choices:
    """How modes are looked for.

    Parameters
    ----------
    block_rows
        Block rows of the Toeplitz matrix; lags reach twice as far. `block_rows_for` advises.
    largest_order
        Model orders are the even ones from 2 to here.
    least_hz
        Modes and harmonics below are left out [Hz]: drift of sensors, slow passages.
    criteria
        Limits of the selection.
    """

    block_rows: int = ssi.BLOCK_ROWS
    largest_order: int = ssi.LARGEST_ORDER
    least_hz: float = 0.0
    criteria: Criteria = automation.USUAL


@dataclass(frozen=True, slots=True)
class Harmonic:
    """A line that a machine drives; no mode, with the kurtosis that says so."""

    frequency_hz: float
    kurtosis: float


@dataclass(frozen=True, slots=True)
class ModalAnalysis:
    """What one recording shows.

    Parameters
    ----------
    modes
        In rising frequency.
    harmonics
        Lines that are no modes.
    channels
        Channels that were used; shapes have their order.
    duration_s
        Recorded time that was used [s].
    flags
        ``single_channel``: no shapes, close modes are one, identity by frequency alone.
        ``short_block``: fewer than 1,000 periods of the first mode. ``harmonic_undecided``: too
        short to tell harmonics from modes. ``few_parts``: no standard deviations. ``no_mode``.
    """

    modes: tuple[Mode, ...]
    harmonics: tuple[Harmonic, ...]
    channels: tuple[str, ...]
    duration_s: float
    flags: tuple[Flag, ...]


def identify(recording: Recording, choices: Choices = Choices()) -> ModalAnalysis:
    """Modes of a recording of at least two channels by covariance-driven subspace identification.

    Channels of different units count alike: each is divided by its deviation and the shapes are
    scaled back.

    Raises
    ------
    InsufficientData
        Below two channels, above 20 % missing, with a dead or up-sampled channel or one in the
        wrong unit, all of them named; or without a stretch that is long enough.

    Examples
    --------
    >>> random = np.random.default_rng(1)
    >>> noise = random.normal(size=(40_000, 2))
    >>> noise = noise @ np.array([[1.0, 0.2], [0.5, -0.4]])
    >>> identify(Recording((noise,), 100.0, ("midspan", "quarter"))).flags
    ('no_mode',)
    """
    lags = 2 * choices.block_rows - 1
    blocks = usable_blocks(recording, fewest_samples=LAGS_IN_BLOCK * lags)
    scale = _scale(recording, blocks)
    scaled = tuple(block / scale for block in blocks)
    return _analysis(recording, scaled, scale, choices, block_rows=choices.block_rows)


def identify_single(
    recording: Recording,
    channel: str,
    choices: Choices = Choices(),
) -> ModalAnalysis:
    """Frequencies and dampings that one channel shows; there are no shapes.

    Covariances are averaged over all blocks, so that a set of short bursts serves as well as one
    block: a window would smear the damping of a burst of 2 s, covariances do not. What it cannot
    give: shapes, two modes whose frequencies lie closer than the scatter, identity through a
    crossing. ``single_channel`` is always among the flags.

    Raises
    ------
    InsufficientData
        If the channel cannot be used, or its stretches are too short.
    """
    alone = only(recording, [channel])
    longest = max((len(block) for block in alone.blocks), default=0)
    rows = min(max(SINGLE_BLOCK_ROWS, choices.block_rows), longest // SINGLE_BLOCK_SHARE)
    if rows < SMALLEST_BLOCK_ROWS:
        raise InsufficientData(
            f"the longest block of channel {channel} has {longest} samples; at least "
            f"{SMALLEST_BLOCK_ROWS * SINGLE_BLOCK_SHARE} are needed"
        )
    blocks = usable_blocks(alone, fewest_samples=LAGS_IN_BLOCK * (2 * rows - 1), fewest_channels=1)
    return _analysis(alone, blocks, np.ones(1), choices, block_rows=rows)


def block_rows_for(rate_hz: float, lowest_hz: float, *, periods: float = 1.0) -> int:
    """Block rows whose lags see some periods of the lowest mode; at least the usual 30.

    Examples
    --------
    >>> block_rows_for(100.0, 3.0), block_rows_for(100.0, 0.8)
    (30, 63)
    """
    return max(ssi.BLOCK_ROWS, int(np.ceil(0.5 * periods * rate_hz / lowest_hz)))


def block_length_s(first_hz: float, *, periods: float = GOOD_PERIODS) -> float:
    """Length of a block that holds enough periods of the first mode [1]_ [s].

    A parameter of the site: 1,000 to 2,000 periods are the least, and a quiet structure may need
    half an hour or an hour before its modes are found every time.

    Examples
    --------
    >>> block_length_s(2.5)
    800.0
    """
    return periods / first_hz


def least_deviation_hz(frequency_hz: float, *, damping: float, duration_s: float) -> float:
    r"""Deviation of a frequency that even the best estimator leaves, about [Hz].

    :math:`f \\sqrt{\\zeta / (2 \\pi f T)}`, for white excitation and no noise.

    Examples
    --------
    >>> round(least_deviation_hz(3.0, damping=0.01, duration_s=600.0), 4)
    0.0028
    """
    periods = frequency_hz * duration_s
    return float(frequency_hz * np.sqrt(damping / (2.0 * np.pi * periods)))


def _analysis(
    recording: Recording,
    blocks: Sequence[Floats],
    scale: Floats,
    choices: Choices,
    *,
    block_rows: int,
) -> ModalAnalysis:
    rate = recording.rate_hz
    table = ssi.covariances(blocks, lags=2 * block_rows - 1)
    space = ssi.subspace(table, rate, block_rows=block_rows, largest_order=choices.largest_order)
    found = automation.select(ssi.system_poles(space), space, table, choices.criteria)
    candidates = [mode for mode in found if mode.frequency_hz >= choices.least_hz]
    checks = [
        check_line(blocks, rate, frequency_hz=mode.frequency_hz, shape=mode.shape)
        for mode in candidates
    ]
    modes = tuple(
        scaled(mode, scale)
        for mode, check in zip(candidates, checks, strict=True)
        if check.verdict != "harmonic"
    )
    duration_s = sum(len(block) for block in blocks) / rate
    return ModalAnalysis(
        modes=modes,
        harmonics=_harmonics(blocks, rate, candidates, checks, least_hz=choices.least_hz),
        channels=recording.channels,
        duration_s=duration_s,
        flags=_flags(modes, checks, duration_s, is_single=len(scale) == 1),
    )


def _harmonics(
    blocks: Sequence[Floats],
    rate_hz: float,
    candidates: Sequence[Mode],
    checks: Sequence[LineCheck],
    *,
    least_hz: float,
) -> tuple[Harmonic, ...]:
    """Harmonics among the candidates, and those that the spectrum shows and no cluster does."""
    lines = [
        Harmonic(mode.frequency_hz, check.kurtosis)
        for mode, check in zip(candidates, checks, strict=True)
        if check.verdict == "harmonic"
    ]
    longest = max(len(block) for block in blocks)
    bins = min(fdd.BINS, max(SMALLEST_BINS, _power_of_two(longest // SEGMENTS) // 2))
    long_enough = [block for block in blocks if len(block) >= 2 * bins]
    if not long_enough:
        return tuple(lines)
    spectrum = fdd.decompose(fdd.spectra_of_blocks(long_enough, rate_hz, bins=bins))
    width_hz = 2.0 * float(spectrum.frequency_hz[1])
    for peak in fdd.peaks(spectrum, least_hz=max(least_hz, width_hz)):
        known = [line.frequency_hz for line in lines] + [mode.frequency_hz for mode in candidates]
        if np.any(np.abs(np.array(known) - peak.frequency_hz) < width_hz):
            continue
        check = check_line(blocks, rate_hz, frequency_hz=peak.frequency_hz, shape=peak.shape)
        if check.verdict == "harmonic":
            lines.append(Harmonic(peak.frequency_hz, check.kurtosis))
    return tuple(sorted(lines, key=lambda line: line.frequency_hz))


def _flags(
    modes: Sequence[Mode], checks: Sequence[LineCheck], duration_s: float, *, is_single: bool
) -> tuple[Flag, ...]:
    flags: list[Flag] = ["single_channel"] if is_single else []
    if not modes:
        return (*flags, "no_mode")
    if modes[0].frequency_hz * duration_s < LEAST_PERIODS:
        flags.append("short_block")
    if any(check.verdict == "undecided" for check in checks):
        flags.append("harmonic_undecided")
    if any(np.isnan(mode.frequency_sd_hz) for mode in modes):
        flags.append("few_parts")
    return tuple(flags)


def _scale(recording: Recording, blocks: Sequence[Floats]) -> Floats:
    """What each channel is divided by: 1 if all have one unit, else its deviation."""
    if len(set(recording.units)) <= 1:
        return np.ones(len(recording.channels))
    count = sum(len(block) for block in blocks)
    squares = np.sum([np.sum(block**2, axis=0) for block in blocks], axis=0)
    return np.sqrt(squares / count)


def _power_of_two(count: int) -> int:
    """The largest power of two that is not above a count; 1 for less."""
    return 1 << max(0, count.bit_length() - 1)
