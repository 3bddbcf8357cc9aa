"""Numbers above the map, each with unit, time, provenance and how it was found."""

import re
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from dash import html

from dashboards import theme
from dashboards.i18n.translate import Texts
from dashboards.live.channels import NEVER
from dashboards.live.features import band_of
from dashboards.live.hub import Snapshot
from dashboards.widgets.parts import tag
from twin.model.findings import MonitoringState
from twin.model.quality import QualityClass
from twin.model.quantities import quantity
from twin.model.times import from_us

_YEAR = re.compile(r"\b\d{4}\b")
POOR_BAND = 4
"""From this band on (grade 3.0) the condition counts as insufficient."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number: ``value`` is written already; ``why`` says how it was found.

    ``dated`` stands instead of the time of a number that does not come from readings.
    """

    key: str
    value: str
    why: str
    provenance: str
    at: datetime | None
    dated: str = ""


def figures(snapshot: Snapshot, texts: Texts) -> list[Figure]:
    """The numbers of the present state."""
    found = [_speed(snapshot, texts), _flow(snapshot, texts), _poor(snapshot, texts)]
    found += [_monitoring(snapshot, texts), *_water_level(snapshot, texts)]
    return [*found, _streams(snapshot, texts)]


def tiles(snapshot: Snapshot, texts: Texts) -> list[html.Li]:
    """The numbers as tiles."""
    return [_tile(figure, texts) for figure in figures(snapshot, texts)]


def _tile(figure: Figure, texts: Texts) -> html.Li:
    time = texts.time(figure.at) if figure.at else figure.dated or texts("kpi.no_value")
    return html.Li(
        [
            html.Span(texts(f"kpi.{figure.key}"), className="kpi-label"),
            html.Span(figure.value, className="kpi-value"),
            html.Span(
                [tag(figure.provenance, texts), html.Span(time, className="kpi-time")],
                className="kpi-origin",
            ),
            html.Details([html.Summary(texts("kpi.why")), html.P(figure.why)]),
        ],
        id=f"kpi-{figure.key}",
        className="kpi",
    )


def _counted(snapshot: Snapshot) -> tuple[np.ndarray, np.ndarray, datetime | None]:
    """Speed and flow of the directions that have both now, and the newest of their times."""
    index = snapshot.features.index
    both = (index.road_speed >= 0) & (index.road_flow >= 0)
    speed, flow = index.road_speed[both], index.road_flow[both]
    silent = (QualityClass.STALE, QualityClass.NEVER_REPORTED, QualityClass.SUSPECT)
    current = ~np.isin(snapshot.classes[speed], silent) & ~np.isin(snapshot.classes[flow], silent)
    speed, flow = speed[current], flow[current]
    at = _newest(snapshot, np.concatenate([speed, flow]))
    return snapshot.value[speed], snapshot.value[flow], at


def _newest(snapshot: Snapshot, numbers: np.ndarray) -> datetime | None:

    times = snapshot.time_us[numbers]
    times = times[times != NEVER]
    return from_us(int(times.max())) if times.size else None


def _derived(snapshot: Snapshot) -> str:
    return "simulated" if snapshot.features.is_simulated else "derived"


def _speed(snapshot: Snapshot, texts: Texts) -> Figure:
    speed, flow, at = _counted(snapshot)
    mean = float(np.average(speed, weights=flow)) if flow.sum() > 0 else None
    why = texts("kpi.speed.why", n=texts.number(len(speed)))
    return Figure("speed", texts.with_unit(mean, "km/h", 1), why, _derived(snapshot), at)


def _flow(snapshot: Snapshot, texts: Texts) -> Figure:
    _, flow, at = _counted(snapshot)
    mean = float(flow.mean()) if flow.size else None
    why = texts("kpi.flow.why", n=texts.number(len(flow)))
    return Figure("flow", texts.with_unit(mean, "/h"), why, _derived(snapshot), at)


def _poor(snapshot: Snapshot, texts: Texts) -> Figure:
    bands = [band_of(row.asset) for row in snapshot.features.bridges]
    graded = [band for band in bands if band is not None]
    poor = sum(band >= POOR_BAND for band in graded)
    value = texts("kpi.of", n=texts.number(poor), all=texts.number(len(graded)))
    low = texts.number(theme.CONDITION_BANDS[POOR_BAND].low, 1)
    why = texts("kpi.poor.why", low=low, ungraded=texts.number(len(bands) - len(graded)))
    return Figure("poor", value, why, "derived", None, _years(snapshot, texts))


def _years(snapshot: Snapshot, texts: Texts) -> str:
    """Years in which the published grades were found, from the first to the last."""
    graded = [row.asset for row in snapshot.features.bridges if band_of(row.asset) is not None]
    found = [asset.attribute("condition_year") for asset in graded]
    years = {year for item in found if item for year in _YEAR.findall(str(item.value))}
    if not years:
        return texts("kpi.poor.no_year")
    first, last = min(years), max(years)
    return texts("kpi.poor.year" if first == last else "kpi.poor.years", first=first, last=last)


def _monitoring(snapshot: Snapshot, texts: Texts) -> Figure:
    states = [snapshot.monitoring(row.id) for row in snapshot.features.bridges]
    bad = sum(state in (MonitoringState.NO_DATA, MonitoringState.DATA_FAULT) for state in states)
    value = texts("kpi.of", n=texts.number(bad), all=texts.number(len(states)))
    why = texts("kpi.monitoring.why")
    return Figure("monitoring", value, why, "derived", snapshot.at)


def _water_level(snapshot: Snapshot, texts: Texts) -> list[Figure]:
    levels = [s for s in snapshot.features.streams.values() if s.quantity == "water_level"]
    found: list[Figure] = []
    for stream in levels[:1]:
        now = snapshot.stream(stream)
        measured = quantity("water_level")
        value = texts.measured(now.value if now.is_current else None, measured)
        why = texts("kpi.water_level.why", name=stream.name)
        found.append(Figure("water_level", value, why, stream.provenance, now.time))
    return found


def _streams(snapshot: Snapshot, texts: Texts) -> Figure:
    states = [snapshot.stream(s) for s in snapshot.features.streams.values()]
    current = sum(state.is_current for state in states)
    value = texts("kpi.of", n=texts.number(current), all=texts.number(len(states)))
    return Figure("streams", value, texts("kpi.streams.why"), "derived", snapshot.at)
