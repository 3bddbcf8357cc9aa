"""Strain sections of a span that weighs vehicles, and the calibration that holds there.

A calibration registered by `twin bridge NAME calibrate` goes before the recorded attributes.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulations.bridges.inputs import Bridge
from simulations.bridges.register import newest
from simulations.bridges.signals import is_uncalibrated
from twin.errors import ModelError
from twin.model.datastreams import Datastream
from twin.model.findings import Phrase
from twin.model.refusals import UnfitError
from twin.model.structure import Effect, InfluenceLine

MODEL = "bwim"
"""Name of the calibration in the register of models."""
FORMAT = 1
CALIBRATION = "bwim_calibration"
"""Attributes of a bridge: strain per bending moment [um/m per kN.m] and its standard deviation
[%], day of the calibration, length and first station of the simply supported span [m]."""
CALIBRATION_SD = "bwim_calibration_sd_percent"
CALIBRATED_ON = "bwim_calibrated_on"
SPAN = "bwim_span_m"
SPAN_START = "bwim_span_start_m"
NEEDED = (CALIBRATION, CALIBRATION_SD, CALIBRATED_ON, SPAN)


@dataclass(frozen=True, slots=True)
class Sections:
    """Strain waveforms by station inside one simply supported span [m]."""

    placed: tuple[tuple[float, Datastream], ...]
    start_m: float
    length_m: float

    @property
    def streams(self) -> tuple[Datastream, ...]:
        """The streams by station."""
        return tuple(stream for _, stream in self.placed)

    def lines(self, effect: Effect, *, scale: float = 1.0) -> tuple[InfluenceLine, ...]:
        """Influence line of the bending moment at each station, times ``scale``."""
        found = []
        for station, _ in self.placed:
            from_m = station - self.start_m
            peak = scale * from_m * (self.length_m - from_m) / self.length_m
            x_m = np.array([self.start_m, station, self.start_m + self.length_m])
            found.append(InfluenceLine(station, effect, x_m, np.array([0.0, peak, 0.0])))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class SiteCalibration:
    """Strain per bending moment [um/m per kN.m], its standard deviation as a share, its origin."""

    factor: float
    sd: float
    origin: str


@dataclass(frozen=True, slots=True)
class Site:
    """Strain sections of one span that is calibrated.

    Parameters
    ----------
    streams, lines
        Streams by station, and the influence line of each.
    calibration_sd
        Standard deviation of the calibration, as a share.
    origin
        Day of the calibration and how it came about.
    uncalibrated
        Sensors that measure and have no recorded calibration; empty if there are none.
    """

    streams: tuple[Datastream, ...]
    lines: tuple[InfluenceLine, ...]
    calibration_sd: float
    origin: str
    uncalibrated: str = ""

    @property
    def line(self) -> InfluenceLine:
        """Influence line of the sum of all sections."""
        x_m = np.unique(np.concatenate([line.x_m for line in self.lines]))
        parts = [np.interp(x_m, line.x_m, line.y) for line in self.lines]
        middle = float(np.mean([line.section_m for line in self.lines]))
        return InfluenceLine(middle, "strain", x_m, np.sum(parts, axis=0))


def site_of(bridge: Bridge) -> Site:
    """Sections and influence lines of a bridge.

    The line is that of the bending moment of a simply supported span, times the calibration.

    Raises
    ------
    NotAvailable
        If the calibration, an attribute, or the stations of two sections inside the span are
        missing.
    """
    known = registered(bridge)
    needed = NEEDED if known is None else (SPAN,)
    missing = [name for name in needed if bridge.asset.attribute(name) is None]
    if missing:
        raise UnfitError(Phrase("unfit.no_calibration", {"missing": ", ".join(missing)}))
    held = known or _recorded(bridge)
    found = sections_of(bridge)
    sensors = {item.sensor_id for item in found.streams if is_uncalibrated(bridge, item)}
    return Site(
        found.streams,
        found.lines("strain", scale=held.factor),
        held.sd,
        held.origin,
        ", ".join(sorted(sensors)),
    )


def sections_of(bridge: Bridge) -> Sections:
    """Sections of the span, calibrated or not.

    Raises
    ------
    NotAvailable
        If the span, or the stations of two sections inside it are missing.
    """
    if bridge.asset.attribute(SPAN) is None:
        raise UnfitError(Phrase("unfit.no_calibration", {"missing": SPAN}))
    length, start = _number(bridge, SPAN), _number(bridge, SPAN_START, default=0.0)
    if length <= 0.0:
        raise UnfitError(Phrase("unfit.not_positive", {"names": SPAN}))
    stations = {part.id: part.station_m for part in bridge.twin.components(bridge.asset.id)}
    placed = [
        (station, stream)
        for stream in strain_waveforms(bridge)
        if (station := stations.get(stream.component_id or "")) is not None
        and start < station < start + length
    ]
    placed.sort(key=lambda pair: (pair[0], pair[1].uid))
    if len({station for station, _ in placed}) < 2:  # noqa: PLR2004
        raise UnfitError(Phrase("unfit.two_stations"))
    return Sections(tuple(placed), start, length)


def strain_waveforms(bridge: Bridge) -> Sequence[Datastream]:
    """Streams of strain that come in blocks."""
    return [item for item in bridge.of("strain") if item.kind == "waveform"]


def registered(bridge: Bridge) -> SiteCalibration | None:
    """The newest calibration in the register that can be read; None without one."""
    model, _ = newest(bridge, MODEL, calibration_in)
    if model is None:
        return None
    factor, sd = calibration_in(model.content)
    return SiteCalibration(factor, sd, f"{model.trained_until:%Y-%m-%d} ({MODEL} {model.version})")


def calibration_in(content: bytes) -> tuple[float, float]:
    """Strain per bending moment, and its standard deviation as a share, of a registered model.

    Raises
    ------
    ModelError
        If the content is damaged or of another format.
    """
    try:
        document = json.loads(content)
        factor, sd = float(document["factor"]), float(document["sd"])
        is_known = document["format"] == FORMAT
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"the calibration of weighing is damaged: {error}") from error
    if not (is_known and factor > 0.0 and 0.0 < sd < 1.0):
        raise ModelError(f"the calibration of weighing has another format than {FORMAT}")
    return factor, sd


def recorded(bridge: Bridge) -> SiteCalibration | None:
    """The calibration in the attributes of a bridge; None where one of them is missing."""
    is_complete = all(bridge.asset.attribute(name) is not None for name in NEEDED)
    return _recorded(bridge) if is_complete else None


def _recorded(bridge: Bridge) -> SiteCalibration:
    factor, percent = _number(bridge, CALIBRATION), _number(bridge, CALIBRATION_SD)
    if min(factor, percent, _number(bridge, SPAN)) <= 0.0:
        names = f"{CALIBRATION}, {CALIBRATION_SD}, {SPAN}"
        raise UnfitError(Phrase("unfit.not_positive", {"names": names}))
    made, day = bridge.asset.attribute(CALIBRATION), bridge.asset.attribute(CALIBRATED_ON)
    origin = f"{day.value if day else ''} ({made.provenance.kind if made else ''})"
    return SiteCalibration(factor, percent / 100.0, origin)


def _number(bridge: Bridge, name: str, *, default: float = math.nan) -> float:
    found = bridge.asset.attribute(name)
    try:
        value = default if found is None else float(found.value)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UnfitError(Phrase("unfit.no_number", {"name": name}))
    return value
