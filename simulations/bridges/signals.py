"""What single channels say of themselves: unit, effective rate, rails, calibration."""

from collections.abc import Iterable
from datetime import timedelta

import numpy as np

from simulations.bridges.inputs import Bridge, Floats
from simulations.monitoring.recording import Recording, channel_issues, effective_rate_hz
from twin.model.datastreams import Datastream
from twin.model.findings import EvidenceWindow, Finding, Phrase
from twin.model.quality import SUSPECT_MASK
from twin.model.quantities import quantity
from twin.rules.diagnosis import RULE_VERSION

BLOCKS = timedelta(hours=1)
READINGS = timedelta(days=2)
FASTEST_S = 900.0
"""Readings that are farther apart are no samples of a faster signal."""
LEAST_SAMPLES = 500
RAIL_SHARE = 1e-3
RAIL_LEADS = 3
"""A rail is held so many times as often as the next value inside of it."""
RAIL_VISITS = 3
"""A rail is met so many times, and left in between for the middle of the signal."""
RAIL_FAR = 1.0 / 3.0
"""A rail lies from the middle at least so far as the other side reaches, times this; own choice:
a strain at rest that only sags lies at its lowest value most of the time, and is not held."""
TAIL = 0.01
CALIBRATED = "calibrated:"
"""Attribute of the bridge, followed by the id of a sensor: when and how it was calibrated."""
NEED_CALIBRATION = ("acceleration", "crack_width", "displacement", "inclination", "strain")


def signal_findings(bridge: Bridge) -> tuple[Finding, ...]:
    """Findings of the raw signals of a bridge, and of its sensors without a calibration."""
    found: list[Finding] = []
    for stream in bridge.of(*NEED_CALIBRATION):
        if stream.kind == "waveform":
            found += _of_waveform(bridge, stream)
        elif stream.cadence_s is not None and stream.cadence_s <= FASTEST_S:
            found += _of_readings(bridge, stream, stream.cadence_s)
    return (*found, *_uncalibrated(bridge))


def unit_problems(recordings: Iterable[Recording]) -> tuple[str, ...]:
    """Channels whose mean is gravity in another unit than the declared one, in words.

    Nothing that is derived from them can be right, so nothing should be.
    """
    return tuple(
        issue.message
        for recording in recordings
        for issue in channel_issues(recording)
        if issue.kind == "unit_suspect"
    )


def rail_share(values: Floats) -> float:
    """Share of samples that lie at an end of the range which clips the signal; 0 if none does.

    An end clips if a thousandth of the samples lie at it, and three times as many as at the value
    next to it: the end of an unclipped signal is its rarest value. It is met at three times at
    least with the median between them, and is no rest: it lies a third as far from the median as
    the other side reaches (1 % of the samples beyond). What is held longer than half of the time
    cannot be told from rest.

    Parameters
    ----------
    values : (n,)
        Finite samples in the order of time.

    Examples
    --------
    >>> wave = np.sin(np.arange(1000) / 7.0)
    >>> rail_share(wave), round(rail_share(np.clip(wave, -0.9, 0.9)), 2)
    (0.0, 0.29)
    """
    known, counts = np.unique(values, return_counts=True)
    if len(known) < 2:  # noqa: PLR2004 - a constant channel is dead and not clipped
        return 0.0
    held = 0
    for end, inner, sign in ((0, 1, -1.0), (-1, -2, 1.0)):
        is_often = counts[end] >= RAIL_SHARE * len(values)
        if is_often and counts[end] > RAIL_LEADS * counts[inner] and _is_met(sign * values):
            held += int(counts[end])
    return held / len(values)


def _is_met(values: Floats) -> bool:
    """Whether the highest value is no rest, and is met several times with the median between."""
    middle, top = float(np.median(values)), float(values.max())
    reach = middle - float(np.quantile(values, TAIL))
    if not top - middle > RAIL_FAR * reach:
        return False
    is_at_top = values[(values == top) | (values <= middle)] == top
    visits = int(is_at_top[0]) + int(np.count_nonzero(is_at_top[1:] & ~is_at_top[:-1]))
    return visits >= RAIL_VISITS


def _recording(bridge: Bridge, stream: Datastream) -> Recording:
    """The last hour of one channel; the blocks of the most usual rate."""
    found = bridge.twin.waveforms(stream.uid, start=bridge.now - BLOCKS, end=bridge.now)
    sound = [block for block in found if not block.quality & int(SUSPECT_MASK)]
    rates = [block.rate_hz for block in sound]
    rate_hz = max(set(rates), key=rates.count) if rates else 1.0
    blocks = tuple(
        block.samples.astype(np.float64)[:, None] for block in sound if block.rate_hz == rate_hz
    )
    return Recording(blocks, rate_hz, (stream.uid,), (quantity(stream.quantity).unit,))


def _of_waveform(bridge: Bridge, stream: Datastream) -> Iterable[Finding]:
    recording = _recording(bridge, stream)
    if recording.samples < LEAST_SAMPLES:
        return
    values = np.concatenate([block[:, 0] for block in recording.blocks])
    values = values[np.isfinite(values)]
    for issue in channel_issues(recording):
        if issue.kind == "unit_suspect":
            said: dict[str, float | str] = {
                "channel": stream.uid,
                "mean": issue.figure,
                "unit": quantity(stream.quantity).unit,
            }
            yield _finding(bridge, stream, "unit_suspect", said, step="step.check_unit")
        elif issue.kind == "upsampled":
            yield _slow(bridge, stream, effective=issue.figure, rate_hz=recording.rate_hz)
    yield from _clipped(bridge, stream, values)


def _of_readings(bridge: Bridge, stream: Datastream, cadence_s: float) -> Iterable[Finding]:
    _, series = bridge.twin.series(stream.uid, start=bridge.now - READINGS, end=bridge.now)
    values = series.value[np.isfinite(series.value)]
    if len(values) < LEAST_SAMPLES:
        return
    rate_hz = 1.0 / cadence_s
    effective = effective_rate_hz(values, rate_hz)
    if effective < rate_hz:
        yield _slow(bridge, stream, effective=effective, rate_hz=rate_hz)


def _slow(bridge: Bridge, stream: Datastream, *, effective: float, rate_hz: float) -> Finding:
    said: dict[str, float | str] = {
        "channel": stream.uid,
        "effective": 1.0 / effective,
        "declared": 1.0 / rate_hz,
    }
    return _finding(bridge, stream, "slow_channel", said, step="step.declare_rate")


def _clipped(bridge: Bridge, stream: Datastream, values: Floats) -> Iterable[Finding]:
    share = rail_share(values) if len(values) else 0.0
    if share:
        said: dict[str, float | str] = {"channel": stream.uid, "percent": 100.0 * share}
        yield _finding(bridge, stream, "saturated", said, step="step.check_sensor")


def is_uncalibrated(bridge: Bridge, stream: Datastream) -> bool:
    """Whether a sensor measures and the bridge has no record of its calibration."""
    return (
        stream.provenance == "measured"
        and bridge.asset.attribute(f"{CALIBRATED}{stream.sensor_id}") is None
    )


def _uncalibrated(bridge: Bridge) -> Iterable[Finding]:
    """One finding for all sensors that measure and of which no calibration is recorded."""
    streams = [stream for stream in bridge.of(*NEED_CALIBRATION) if is_uncalibrated(bridge, stream)]
    if streams:
        sensors = sorted({stream.sensor_id for stream in streams})
        said: dict[str, float | str] = {"count": float(len(sensors)), "sensors": ", ".join(sensors)}
        yield _finding(
            bridge, streams[0], "uncalibrated", said, key="sensors", step="step.enter_calibration"
        )


def _finding(
    bridge: Bridge,
    stream: Datastream,
    rule: str,
    said: dict[str, float | str],
    *,
    step: str,
    key: str = "",
) -> Finding:
    start = bridge.now - (BLOCKS if stream.kind == "waveform" else READINGS)
    return Finding(
        asset_id=bridge.asset.id,
        rule=rule,
        rule_version=RULE_VERSION,
        severity="note",
        key=key or stream.uid,
        statement=Phrase(rule, said),
        next_step=Phrase(step, {"channel": stream.uid}),
        at=bridge.now,
        cause="sensor_fault",
        evidence=(EvidenceWindow(stream.uid, start, bridge.now),),
    )
