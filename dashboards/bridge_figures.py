"""Figures of a bridge from what the city keeps: which there are, and each one drawn."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urlencode

import numpy as np

from dashboards.figures.cloud import Cloud, training_cloud
from dashboards.figures.fatigue import range_histogram
from dashboards.figures.grades import Grade, grade_timeline, year_of
from dashboards.figures.influence import influence_of
from dashboards.figures.plot import Figure, Floats
from dashboards.figures.vibration import ModeLine, spectrum, waterfall
from dashboards.i18n.translate import Texts
from twin.bridge_view import BridgeView, read_bridge
from twin.city import Twin
from twin.errors import ModelError, RegistryError
from twin.model.datastreams import Datastream
from twin.model.inspection import Inspection
from twin.model.monitoring import BridgeEvent
from twin.model.phrases import said
from twin.model.quantities import quantity
from twin.model.spectra import NAME as SPECTRA
from twin.model.spectra import GroupSpectra, spectra_of
from twin.model.times import from_us, to_us

CLOUDS = ("crack_width", "inclination", "displacement")
CLOUD_DAYS = 400
FEWEST_HOURS = 2
"""A waterfall begins with the second hour."""
MOST_MODES = 12
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """A figure that is asked for: its kind, and of what."""

    asset_id: str
    kind: str
    of: str = ""

    def address(self, form: str, language: str) -> str:
        """Address of its drawing (``svg``) or of its table (``csv``)."""
        query = urlencode({"asset": self.asset_id, "of": self.of, "lang": language})
        return f"/api/bridge-figures/{self.kind}.{form}?{query}"


@dataclass(frozen=True, slots=True)
class Drawn:
    """What figures are drawn from: the bridge and its spectra."""

    twin: Twin
    view: BridgeView
    spectra: tuple[GroupSpectra, ...]
    texts: Texts


def read_spectra(twin: Twin, asset_id: str) -> tuple[GroupSpectra, ...]:
    """Spectra that the modal analysis keeps of a bridge; none where it has not been made."""
    kept = twin.bridges.state(asset_id, SPECTRA)
    try:
        return () if kept is None else spectra_of(kept)
    except ModelError:
        return ()


def available(view: BridgeView, spectra: Sequence[GroupSpectra]) -> Mapping[str, list[Asked]]:
    """Figures that can be drawn of a bridge now, by kind."""
    found: dict[str, list[Asked]] = {kind: [] for kind in DRAWINGS}
    for number, group in enumerate(spectra):
        found["spectrum"].append(Asked(view.asset.id, "spectrum", str(number)))
        if len(group.hour_us) >= FEWEST_HOURS:
            found["waterfall"].append(Asked(view.asset.id, "waterfall", str(number)))
    found["histogram"] = [
        Asked(view.asset.id, "histogram", item.detail) for item in view.fatigue if item.half_cycles
    ]
    if _grades(view):
        found["grades"] = [Asked(view.asset.id, "grades")]
    if _warm(view) is not None:
        found["cloud"] = [
            Asked(view.asset.id, "cloud", item.uid)
            for item in view.streams
            if item.quantity in CLOUDS and item.kind == "reading"
        ]
    return found


def figure_of(twin: Twin, asked: Asked, texts: Texts) -> Figure:
    """The figure, with bridge, time and origin in its facts.

    Raises
    ------
    RegistryError
        If there is no such bridge, kind or subject, or nothing to draw it from.
    """
    draw = DRAWINGS.get(asked.kind)
    if draw is None:
        raise RegistryError(f"no figure {asked.kind[:40]!r}; there are {', '.join(DRAWINGS)}")
    view = read_bridge(twin, asked.asset_id)
    drawn = Drawn(twin, view, read_spectra(twin, asked.asset_id), texts)
    figure = draw(drawn, asked.of)
    facts = {
        "title": figure.title,
        "bridge": f"{view.asset.id} {view.asset.name}",
        "read": f"{view.at:%Y-%m-%dT%H:%M:%SZ}",
        **figure.facts,
    }
    return replace(figure, facts=facts)


def _spectrum(drawn: Drawn, of: str) -> Figure:
    group = _group(drawn, of)
    newest = next(iter(_analyses(drawn.view, group)), None)
    modes = [] if newest is None else [hz for _, hz in _modes(newest)]
    return replace(spectrum(group, modes, drawn.texts), facts=_spectral(drawn, group))


def _waterfall(drawn: Drawn, of: str) -> Figure:
    group = _group(drawn, of)
    lines = [*_found_modes(drawn.view, group), *_logged_modes(drawn, group)]
    return replace(waterfall(group, lines, drawn.texts), facts=_spectral(drawn, group))


def _group(drawn: Drawn, of: str) -> GroupSpectra:
    if of.isascii() and of.isdigit() and len(of) < 3 and int(of) < len(drawn.spectra):  # noqa: PLR2004 - digits
        return drawn.spectra[int(of)]
    raise RegistryError(f"{drawn.view.asset.id} has no spectra {of[:40]!r}")


def _spectral(drawn: Drawn, group: GroupSpectra) -> Mapping[str, str]:
    known = {item.uid: item for item in drawn.view.streams}
    origins = dict.fromkeys(known[uid].provenance for uid in group.channels if uid in known)
    return {
        "provenance": "derived by the analysis modes (frequency domain decomposition, Welch)",
        "from": f"{', '.join(group.channels)} ({', '.join(origins)})",
        "newest": f"{from_us(group.newest_us):%Y-%m-%dT%H:%M:%SZ}, {group.segments} segments",
    }


def _analyses(view: BridgeView, group: GroupSpectra) -> list[BridgeEvent]:
    """Modal analyses of the channels of a group, the newest first."""
    channels = "+".join(group.channels)
    return [
        item
        for item in view.events
        if item.kind == "modal" and item.words.get("channels") == channels
    ]


def _modes(event: BridgeEvent) -> list[tuple[int, float]]:
    """Identity (0 if it has none) and frequency [Hz] of the modes of an analysis."""
    names = [f"frequency_{number}_hz" for number in range(1, MOST_MODES + 1)]
    return [
        (int(event.figures.get(f"identity_{number}", 0.0)), event.figures[name])
        for number, name in enumerate(names, 1)
        if name in event.figures
    ]


def _found_modes(view: BridgeView, group: GroupSpectra) -> list[ModeLine]:
    """Followed modes of the modal analysis, one line per identity."""
    rows = [
        (identity, to_us(event.at), hz)
        for event in reversed(_analyses(view, group))
        if to_us(event.at) >= group.hour_us[0]
        for identity, hz in _modes(event)
        if identity
    ]
    return [
        ModeLine(
            str(identity),
            "found",
            np.array([at_us for one, at_us, _ in rows if one == identity], np.int64),
            np.array([hz for one, _, hz in rows if one == identity]),
        )
        for identity in sorted({one for one, _, _ in rows})
    ]


def _logged_modes(drawn: Drawn, group: GroupSpectra) -> list[ModeLine]:
    """Streams of natural frequencies, and each without the influence of temperature."""
    start_us, end_us = group.hour_us[0] - _in_us(HOUR), group.hour_us[-1]
    lines: list[ModeLine] = []
    for stream in drawn.view.streams:
        if stream.quantity != "natural_frequency":
            continue
        beside = drawn.view.derived_of(stream)
        for item, kind in ((stream, "raw"), (beside, "compensated")):
            if item is not None:
                time_us, value = _hourly(drawn.twin, item, start_us, end_us)
                lines.append(ModeLine(stream.name, kind, time_us, value))
    return lines


def _in_us(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def _hourly(
    twin: Twin, stream: Datastream, start_us: int, end_us: int
) -> tuple[np.ndarray, Floats]:
    hour_us = _in_us(HOUR)
    start_us -= start_us % hour_us
    hours = max(1, -(-(end_us - start_us) // hour_us))
    end = from_us(start_us + hours * hour_us)
    bins = twin.binned(stream.uid, start=from_us(start_us), end=end, points=hours)
    return bins.start_us[:hours] + hour_us, bins.mean[:hours]


def _histogram(drawn: Drawn, of: str) -> Figure:
    detail = next((item for item in drawn.view.fatigue if item.detail == of), None)
    if detail is None or not detail.half_cycles:
        raise RegistryError(f"{drawn.view.asset.id} has no counted detail {of[:40]!r}")
    facts = {
        "provenance": f"derived by the analysis fatigue; the detail's record is {detail.origin}",
        "from": detail.datastream,
        "curve": detail.curve,
        "assumptions": "; ".join(detail.assumptions),
    }
    if detail.remarks:
        facts["remarks"] = "; ".join(said(one, drawn.texts.language) for one in detail.remarks)
    return replace(range_histogram(detail, drawn.texts), facts=facts)


def _grades(view: BridgeView) -> list[Grade]:
    """Published grades and bands of which the time is known."""
    found: list[Grade] = []
    for item in view.of_kind("inspection"):
        content = item.content
        if not isinstance(content, Inspection) or content.condition is None:
            continue
        year = year_of(content.day, content.year)
        grade, band = content.condition.grade, content.condition.band
        if year is not None and (grade is not None or band):
            found.append(Grade(item.part, year, grade, band, item.provenance.kind))
    return found


def _timeline(drawn: Drawn, of: str) -> Figure:
    grades = _grades(drawn.view)
    if not grades or of:
        raise RegistryError(f"no grade with its year is recorded of {drawn.view.asset.id}")
    now = year_of(drawn.view.at.date(), None) or 0.0
    figure = grade_timeline(grades, drawn.view.asset.name, drawn.texts, now=now)
    return replace(figure, facts={"provenance": "imported inspections; see each row"})


def _warm(view: BridgeView) -> Datastream | None:
    return next((item for item in view.streams if item.quantity == "structure_temperature"), None)


def _cloud(drawn: Drawn, of: str) -> Figure:
    view, warm = drawn.view, _warm(drawn.view)
    stream = next((s for s in view.streams if s.uid == of and s.quantity in CLOUDS), None)
    if stream is None or warm is None:
        raise RegistryError(f"{view.asset.id} has no stream {of[:200]!r} beside a temperature")
    end_us = to_us(view.at)
    end_us -= end_us % _in_us(HOUR)
    start_us = end_us - _in_us(timedelta(days=CLOUD_DAYS))
    time_us, value = _hourly(drawn.twin, stream, start_us, end_us)
    _, temperature = _hourly(drawn.twin, warm, start_us, end_us)
    if not np.any(np.isfinite(value) & np.isfinite(temperature)):
        raise RegistryError(f"no full hour of {of[:200]!r} and of its temperature is stored")
    names = (f"trend.{stream.uid}", f"bearing.{stream.uid}")
    models = [model for model in view.models if model.name in names]
    until_us = to_us(max(models, key=lambda m: m.version).trained_until) if models else None
    residual = np.full(len(value), np.nan)
    beside = view.derived_of(stream)
    if beside is not None and until_us is not None:
        _, compensated = _hourly(drawn.twin, beside, start_us, end_us)
        trained = compensated[(time_us <= until_us) & np.isfinite(compensated)]
        residual = compensated - (float(np.median(trained)) if len(trained) else np.nan)
    cloud = Cloud(time_us, temperature, value, residual, until_us)
    until = "no model" if until_us is None else f"{from_us(until_us):%Y-%m-%dT%H:%M:%SZ}"
    facts = {
        "provenance": f"hourly means of {stream.uid} ({stream.provenance}) and {warm.uid} "
        f"({warm.provenance})",
        "trained_until": until,
    }
    figure = training_cloud(cloud, quantity(stream.quantity), stream.name, drawn.texts)
    return replace(figure, facts=facts)


def _influence(drawn: Drawn, of: str) -> Figure:
    found = influence_of(drawn.view.structure, of, drawn.texts)
    if found is None:
        raise RegistryError(f"{drawn.view.asset.id} has no influence lines {of[:40]!r}")
    return found


DRAWINGS: Mapping[str, Callable[[Drawn, str], Figure]] = {
    "spectrum": _spectrum,
    "waterfall": _waterfall,
    "histogram": _histogram,
    "grades": _timeline,
    "cloud": _cloud,
    "influence": _influence,
}
"""Kinds of figures, and what draws each."""
