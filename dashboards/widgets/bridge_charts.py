"""Time series of a bridge: the last hour, and slow movements with and without temperature."""

from collections.abc import Sequence
from urllib.parse import quote, urlencode

from dash import html
from dash.development.base_component import Component

from dashboards.bridge_figures import Asked
from dashboards.components.series_chart import SeriesChart
from dashboards.i18n.translate import Texts
from dashboards.widgets.figures import drawing
from dashboards.widgets.parts import empty, tag
from twin.bridge_view import BridgeView
from twin.model.datastreams import Datastream
from twin.model.quantities import quantity

TREND_S = 300 * 86_400
LIVE_S = 3600
PIXELS = 700
LIVE = ("strain", "inclination", "crack_width", "displacement", "structure_temperature")
TRENDS = ("crack_width", "displacement", "inclination", "natural_frequency")


def live_charts(view: BridgeView, texts: Texts) -> list[Component]:
    """The last hour of every stream of interest; temperature last, so that all stand beside it."""
    streams = [item for key in LIVE for item in view.streams if item.quantity == key]
    charts = [
        _chart(item, f"live-{number}", LIVE_S, texts, refresh_s=10.0)
        for number, item in enumerate(streams)
    ]
    return [html.Div(charts, className="charts")] if charts else [empty(texts("bridge.no_streams"))]


def trend_charts(view: BridgeView, clouds: Sequence[Asked], texts: Texts) -> list[Component]:
    """Slow movements raw and compensated, the test value, and each over the temperature."""
    charts: list[Component] = []
    for stream in view.streams:
        derived = view.derived_of(stream) if stream.quantity in TRENDS else None
        if derived is None:
            continue
        for item, name in ((stream, "raw"), (derived, "compensated")):
            charts.append(_chart(item, f"trend-{name}-{stream.uid}", TREND_S, texts))
    charts += [
        _chart(item, f"trend-{item.uid}", TREND_S, texts)
        for item in view.derived
        if item.quantity == "t2_statistic"
    ]
    streams = {item.uid: item for item in view.streams}
    drawn = [
        drawing(
            asked,
            texts("figure.cloud", name=streams[asked.of].name),
            texts,
            tag(streams[asked.of].provenance, texts),
        )
        for asked in clouds
    ]
    found: list[Component] = []
    if charts:
        found.append(html.P(texts("bridge.trend_note"), className="note"))
        found.append(html.Div(charts, className="charts pairs"))
    if drawn:
        found.append(html.H3(texts("bridge.clouds")))
        found.append(html.P(texts("bridge.clouds_note"), className="note"))
        found.append(html.Div(drawn, className="charts"))
    return found or [empty(texts("bridge.no_trend" if view.streams else "bridge.no_streams"))]


def _chart(
    stream: Datastream, identity: str, span_s: int, texts: Texts, *, refresh_s: float = 0.0
) -> Component:
    measured = quantity(stream.quantity)
    name = measured.label(texts.language)
    export = urlencode({"stream": stream.uid, "last": span_s})
    values = texts("figure.values")
    return html.Figure(
        [
            html.Figcaption([f"{stream.name} ", tag(stream.provenance, texts)]),
            SeriesChart(
                id=identity.replace(".", "-"),
                url=f"/api/series/{quote(stream.uid)}?last={span_s}&px={PIXELS}",
                unit="" if measured.unit == "1" else texts.unit(measured.unit),
                label=f"{name}, {stream.name}",
                lang=texts.tag,
                timezone=texts.timezone,
                decimals=measured.decimals,
                height=150,
                labels=texts.under("chart."),
                refresh_s=refresh_s,
            ),
            html.P(
                html.A(
                    values,
                    href=f"/api/export/readings.csv?{export}",
                    download=f"{stream.uid}.csv",
                    **{"aria-label": f"{values}: {stream.name}"},
                ),
                className="links",
            ),
        ],
        className="chart",
    )
