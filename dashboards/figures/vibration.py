"""Spectrum of an hour, and the waterfall of the last days with the modes over it. Pure."""

import base64
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from babel.dates import format_datetime
from numpy.typing import NDArray

from dashboards import theme
from dashboards.figures.plot import (
    COLOURS,
    LEFT,
    PLOT_HEIGHT,
    RIGHT,
    TOP,
    WIDTH,
    Axis,
    Figure,
    Floats,
    Plot,
    linear,
)
from dashboards.i18n.translate import Texts
from twin.model.spectra import GroupSpectra
from twin.model.times import from_us

HOUR_US = 3_600_000_000
DAY_H = 24
HEADROOM = 1.6
"""The drawing ends at so many times the highest mode; the table holds everything."""
LEAST_TOP_HZ = 5.0
DEEPEST_DB = 80.0
"""So far below the highest level the drawing ends."""
ABSENT = 255
DARK, LIGHT = 5.0, 99.7
"""Percentiles of the levels that have the darkest and the lightest colour."""


@dataclass(frozen=True, slots=True)
class ModeLine:
    """Frequencies of one mode over time.

    ``kind`` is ``found`` (by the modal analysis), ``raw`` (stream of a logger) or ``compensated``
    (the same without the influence of temperature).
    """

    name: str
    kind: str
    time_us: NDArray[np.int64]
    frequency_hz: Floats


def spectrum(group: GroupSpectra, modes_hz: Sequence[float], texts: Texts) -> Figure:
    """Singular values of the newest hour; the modes found in it as dotted lines.

    Parameters
    ----------
    modes_hz
        Frequencies of the newest modal analysis.
    """
    frequency = group.frequency_hz()
    top = _top_hz(group, modes_hz)
    shown = frequency <= top
    level = group.newest_db
    level = level[: max(1, group.segments)]
    high = float(level[:, shown].max())
    low = max(float(level[:, shown].min()), high - DEEPEST_DB)
    unit = f"dB re ({texts.unit(group.unit)})²/Hz"
    plot = Plot(
        linear(0.0, top, texts("figure.frequency"), texts),
        linear(low, high + 3.0, unit, texts, is_wide=True),
    )
    for number, values in reversed(list(enumerate(level))):
        dash = "" if number == 0 else f'stroke-dasharray="{6 - number} {1 + number}"'
        plot.line(
            frequency[shown],
            values[shown],
            texts("figure.singular_value", n=number + 1),
            look=f'stroke="{COLOURS[number]}" stroke-width="1.5" {dash}',
        )
    for mode in modes_hz:
        way = np.array([mode, mode]), np.array([plot.y.low, plot.y.high])
        plot.line(*way, look='stroke="#1c2630" stroke-dasharray="2 3"')
        plot.text(mode, plot.y.high, f" {texts.number(mode, 2)}", below_px=11.0)
    plot.keys.reverse()
    when = texts.time(from_us(group.newest_us), has_date=True)
    step = texts.with_unit(group.step_hz, "Hz", 2)
    title = texts(
        "figure.spectrum", channels=_channels(group), time=when, n=group.segments, step=step
    )
    return Figure(
        title,
        plot.svg(title, texts.language),
        ("frequency [Hz]", *(f"singular value {n + 1} [{unit}]" for n in range(len(level)))),
        [
            (round(float(one), 6), *(float(db) for db in column))
            for one, column in zip(frequency, level.T, strict=True)
        ],
    )


def waterfall(group: GroupSpectra, lines: Sequence[ModeLine], texts: Texts) -> Figure:
    """First singular value of every kept hour as colours, with modes over time."""
    end = -(-group.hour_us[-1] // HOUR_US)
    first = min(group.hour_us) // HOUR_US - 1
    known = [line for line in lines if np.isfinite(line.frequency_hz).any()]
    highest = [float(np.nanmax(line.frequency_hz)) for line in known]
    top = _top_hz(group, highest)
    frequency = group.frequency_hz(of_hours=True)
    bins = int(np.count_nonzero(frequency <= top))
    plot = Plot(_time_axis(first, end, texts), linear(0.0, top, texts("figure.frequency"), texts))
    plot.layers.append(_image(group, first, end, bins, plot))
    for line in known:
        _draw(
            plot,
            line,
            first,
            texts,
            is_first=line.kind not in {k.kind for k in known[: known.index(line)]},
        )
    title = texts("figure.waterfall", channels=_channels(group), n=texts.number(len(group.hour_us)))
    return Figure(
        title,
        plot.svg(title, texts.language),
        ("end of hour [UTC]", *(f"{one:g} Hz [dB]" for one in frequency)),
        [
            (f"{from_us(at_us):%Y-%m-%dT%H:%M:%SZ}", *(float(db) for db in row))
            for at_us, row in zip(group.hour_us, group.hours_db, strict=True)
        ],
    )


LOOKS = {
    "raw": ('stroke="#ffffff" stroke-width="1.5"', 'stroke="#1c2630" stroke-width="3.5"'),
    "compensated": (
        'stroke="#ffb000" stroke-width="1.8" stroke-dasharray="5 3"',
        'stroke="#1c2630" stroke-width="3.8"',
    ),
}


def _draw(plot: Plot, line: ModeLine, first: int, texts: Texts, *, is_first: bool) -> None:
    """One mode; the legend names each kind once."""
    time_h = line.time_us / HOUR_US - first
    name = texts(f"figure.mode_{line.kind}") if is_first else ""
    if line.kind in LOOKS:
        look, casing = LOOKS[line.kind]
        plot.line(time_h, line.frequency_hz, name, look=look, casing=casing)
        return
    plot.dots(time_h, line.frequency_hz, colour="#1c2630", size=7.0)
    plot.dots(time_h, line.frequency_hz, name, colour="#ff6db6", size=4.5)


def _time_axis(first: int, end: int, texts: Texts) -> Axis:
    """Hours since the first one; midnights of the city are ticks where there are several."""
    zone = ZoneInfo(texts.timezone)
    start = datetime.fromtimestamp(first * 3600, UTC).astimezone(zone)
    hours = end - first
    ticks: list[tuple[float, str]] = []
    every = 24 if hours > 2 * DAY_H else max(1, hours // 5)
    day = "EEE d." if texts.language == "de" else "EEE d"
    pattern = day if every == DAY_H else "HH:mm"
    for hour in range(hours + 1):
        local = (start + timedelta(hours=hour)).astimezone(zone)
        if local.hour % every == 0:
            words = format_datetime(local, pattern, locale="de" if texts.language == "de" else "en")
            ticks.append((float(hour), words))
    return Axis(0.0, float(hours), "", ticks)


def _image(group: GroupSpectra, first: int, end: int, bins: int, plot: Plot) -> str:
    """Levels as an image: one column per hour, what was not recorded is grey."""
    level = group.hours_db[:, :bins]
    low, high = np.percentile(level, [DARK, LIGHT])
    colour = np.clip((level - low) / max(float(high - low), 1e-9), 0.0, 1.0) * (ABSENT - 1)
    cells = np.full((bins, end - first), ABSENT, np.uint8)
    for at_us, row in zip(group.hour_us, colour, strict=True):
        cells[::-1, (at_us - 1) // HOUR_US - first] = np.rint(row).astype(np.uint8)
    data = base64.b64encode(_png(cells)).decode()
    # The middle of the first bin is 0 Hz; the image ends half a bin above the last one.
    up = float(plot.y_px((bins - 0.5) * group.hour_step_hz))
    bottom = float(plot.y_px(-0.5 * group.hour_step_hz))
    return (
        f'<rect x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{PLOT_HEIGHT}" '
        f'fill="#c9c9c9"/><image x="{LEFT}" y="{up:.1f}" width="{WIDTH - LEFT - RIGHT}" '
        f'height="{bottom - up:.1f}" preserveAspectRatio="none" '
        f'style="image-rendering:pixelated" href="data:image/png;base64,{data}"/>'
    )


def _png(cells: NDArray[np.uint8]) -> bytes:
    """Image of palette colours; the last colour is transparent [1]_.

    References
    ----------
    .. [1] ISO/IEC 15948:2004, Portable Network Graphics (PNG), clauses 5 and 11.
    """
    height, width = cells.shape
    stops = theme.RAMPS["magnitude"].stops
    channels = np.array([[int(stop[at : at + 2], 16) for at in (1, 3, 5)] for stop in stops])
    place = np.linspace(0.0, len(stops) - 1.0, ABSENT)
    palette = np.stack([np.interp(place, np.arange(len(stops)), one) for one in channels.T], axis=1)
    colours = np.vstack([np.rint(palette), [0, 0, 0]]).astype(np.uint8)
    lines = np.hstack([np.zeros((height, 1), np.uint8), cells]).tobytes()
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, body)
        for kind, body in (
            (b"IHDR", head),
            (b"PLTE", colours.tobytes()),
            (b"tRNS", b"\xff" * ABSENT + b"\x00"),
            (b"IDAT", zlib.compress(lines, 9)),
            (b"IEND", b""),
        )
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _top_hz(group: GroupSpectra, modes_hz: Sequence[float]) -> float:
    """Where the drawing ends: above the highest mode, else where the record ends."""
    most = float(group.frequency_hz()[-1])
    if not modes_hz:
        return most
    return min(most, max(LEAST_TOP_HZ, HEADROOM * max(modes_hz)))


def _channels(group: GroupSpectra) -> str:
    return ", ".join(group.channels)
