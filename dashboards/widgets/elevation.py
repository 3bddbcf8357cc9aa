"""Side view of a bridge as HTML: spans in their true lengths, sensors at their stations."""

from collections.abc import Sequence
from dataclasses import dataclass

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.widgets.parts import empty
from twin.bridge_view import BridgeView
from twin.model.quantities import quantity

ROW_REM = 1.6
"""Height of the row of one measuring point [rem]."""
FAR = 0.6
"""Beyond this share of the length a label stands left of its point."""


@dataclass(frozen=True, slots=True)
class Station:
    """Sensors at one station [m from the beginning of the bridge]."""

    station_m: float
    name: str
    sensors: tuple[str, ...]


def stations(view: BridgeView, texts: Texts) -> list[Station]:
    """Components with sensors of which the station is known."""
    parts = {part.id: part for part in view.components}
    found: dict[str, dict[str, None]] = {}
    for stream in view.streams:
        if stream.component_id and stream.kind == "reading" and stream.provenance != "derived":
            name = quantity(stream.quantity).label(texts.language)
            found.setdefault(stream.component_id, {})[name] = None
    placed: list[Station] = []
    for component_id, names in found.items():
        part = parts.get(component_id)
        if part is not None and part.station_m is not None:
            placed.append(Station(part.station_m, part.name, tuple(names)))
    return placed


def elevation(
    length_m: float | None, spans_m: Sequence[float], places: Sequence[Station], texts: Texts
) -> Component:
    """Spans, supports and sensors; a sentence where the length is not known.

    Parameters
    ----------
    length_m
        Total length; None if it is not known.
    spans_m
        Spans in order; empty where only the length is known: then no support is drawn inside.
    places
        Places with sensors, in any order.
    """
    total = sum(spans_m) or length_m
    if not total:
        return empty(texts("bridge.no_length"))
    spans = [
        html.Span(
            texts.with_unit(span, "m", 1 if span % 1 else 0),
            className="span",
            style={"flexGrow": f"{span:g}"},
        )
        for span in spans_m or [total]
    ]
    placed = sorted(places, key=lambda item: item.station_m)
    marks = [_mark(station, total, row) for row, station in enumerate(placed)]
    note = "bridge.spans_known" if spans_m else "bridge.spans_unknown"
    return html.Figure(
        [
            html.Div(spans, className="deck"),
            html.Ul(
                marks,
                className="stations",
                style={"height": f"{ROW_REM * len(marks) + 0.5:.1f}rem"},
                **{"aria-label": texts("bridge.stations")},
            ),
            html.Figcaption(
                texts(note, n=texts.number(len(spans_m)), length=texts.with_unit(total, "m")),
                className="note",
            ),
        ],
        className="elevation",
    )


def _mark(station: Station, total_m: float, row: int) -> html.Li:
    share = min(max(station.station_m / total_m, 0.0), 1.0)
    return html.Li(
        f"{station.name}: {', '.join(station.sensors)}",
        className="station far" if share > FAR else "station",
        style={"left": f"{100 * share:.2f}%", "paddingTop": f"{ROW_REM * row:.1f}rem"},
    )
