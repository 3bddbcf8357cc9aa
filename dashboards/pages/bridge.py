"""One bridge: its four quantities, findings, side view, live streams, trends, inspections."""

from urllib.parse import quote, urlencode

from dash import Dash, html
from dash.development.base_component import Component

from dashboards.components.series_chart import SeriesChart
from dashboards.i18n.translate import Texts
from dashboards.pages.frame import PageRequest
from dashboards.view import CityView
from dashboards.widgets.bridge_tables import (
    crossings_table,
    inspection_tables,
    model_tables,
    modes_table,
)
from dashboards.widgets.elevation import Station, elevation
from dashboards.widgets.fatigue import fatigue_card, fatigue_table
from dashboards.widgets.findings import finding_list
from dashboards.widgets.parts import definition, empty, plain_table, tag
from twin.bridge_view import BridgeView, read_bridge
from twin.errors import RegistryError, StoreUnavailableError
from twin.model.asb import label
from twin.model.bridge import PartStructure, Restriction
from twin.model.datastreams import Datastream
from twin.model.findings import MonitoringState, Phrase
from twin.model.inspection import Inspection
from twin.model.phrases import said
from twin.model.quantities import quantity

TITLE = "bridge.title"
PERMISSION = "state.read"
TREND_S = 300 * 86_400
LIVE_S = 3600
PIXELS = 700
LIVE = ("strain", "inclination", "crack_width", "displacement", "structure_temperature")
TRENDS = ("crack_width", "displacement", "inclination", "natural_frequency")
SECTIONS = ("findings", "structure", "live", "trend", "modes", "crossings", "models", "inspection")


def layout(request: PageRequest, view: CityView) -> list[Component]:
    """Content of the page; without a bridge in the address the list of all bridges."""
    texts = request.texts
    asset_id = request.state.selected("bridge")
    try:
        if asset_id is None:
            return [html.Div(_all(request, view), className="page")]
        found = read_bridge(view.twin, asset_id)
    except RegistryError:
        missing = [html.H1(texts(TITLE)), empty(texts("bridge.unknown", id=asset_id or ""))]
        return [html.Div([*missing, *_all(request, view)[1:]], className="page")]
    except StoreUnavailableError:
        return [html.H1(texts(TITLE)), html.P(texts("state.database_away"), className="banner")]
    return [html.Div(_bridge(found, texts), className="page bridge")]


def register(app: Dash, view: CityView) -> None:
    """Nothing: charts load by themselves, and the page is read anew with its address."""
    del app, view


def address(asset_id: str, *, language: str) -> str:
    """Address of the page of a bridge.

    Examples
    --------
    >>> address("B10", language="de")
    '/bridge?lang=de&sel=bridge%3AB10'
    """
    return _query("/bridge", asset_id, language)


def _query(path: str, asset_id: str, language: str) -> str:
    return f"{path}?{urlencode({'lang': language, 'sel': f'bridge:{asset_id}'})}"


def _all(request: PageRequest, view: CityView) -> list[Component]:
    texts = request.texts
    counts: dict[str, int] = {}
    for stored in view.twin.bridges.findings():
        counts[stored.finding.asset_id] = counts.get(stored.finding.asset_id, 0) + 1
    states = view.twin.monitoring_states()
    rows = [
        [
            html.A(asset.name, href=address(asset.id, language=texts.language)),
            asset.id,
            _state(states.get(asset.id, MonitoringState.NO_DATA), texts),
            texts.number(counts.get(asset.id, 0)),
        ]
        for asset in sorted(
            view.twin.assets("bridge"),
            key=lambda item: (-states.get(item.id, MonitoringState.NO_DATA), item.name),
        )
    ]
    head = [texts(f"bridge.{key}") for key in ("name", "number", "monitoring", "open_findings")]
    return [html.H1(texts("bridge.all")), plain_table(texts("bridge.all"), head, rows, numbers=[3])]


def _state(state: MonitoringState, texts: Texts) -> html.Span:
    key = state.name.lower()
    return html.Span(texts(f"monitoring_state.{key}"), className=f"tag monitoring-{key}")


def _bridge(view: BridgeView, texts: Texts) -> list[Component]:
    sections = {
        "findings": finding_list(view.findings, view.streams, texts),
        "structure": [*_structure(view, texts), *fatigue_table(view, texts)],
        "live": _live(view, texts),
        "trend": _trend(view, texts),
        "modes": modes_table(view, texts),
        "crossings": crossings_table(view, texts),
        "models": model_tables(view, texts),
        "inspection": inspection_tables(view, texts),
    }
    links = [html.A(texts(f"bridge.{key}"), href=f"#{key}") for key in SECTIONS if sections[key]]
    parts: list[Component] = [
        html.Div(
            [
                html.H1(view.asset.name),
                html.A(
                    texts("bridge.on_map"),
                    href=_query("/", view.asset.id, texts.language),
                ),
            ],
            className="bridge-bar",
        ),
        html.P([_subtitle(view, texts)], className="subtitle"),
        *_quantities(view, texts),
        html.Nav(links, className="sections", **{"aria-label": texts("bridge.sections")}),
    ]
    for key in SECTIONS:
        if not sections[key]:
            continue
        parts.append(html.Section([html.H2(texts(f"bridge.{key}")), *sections[key]], id=key))
    return parts


def _subtitle(view: BridgeView, texts: Texts) -> str:
    own = "_de" if texts.language == "de" else ""
    found = [
        view.asset.attribute(name + own) or view.asset.attribute(name)
        for name in ("structural_system", "construction_year", "road")
    ]
    return ", ".join([view.asset.id, *(str(item.value) for item in found if item is not None)])


def _quantities(view: BridgeView, texts: Texts) -> list[Component]:
    """The four quantities, side by side and never one number, and what is in force."""
    cards = [
        ("condition", _conditions(view, texts)),
        ("load", _loads(view, texts)),
        ("monitoring", [_state(view.monitoring, texts), *_silent(view, texts)]),
        ("fatigue", fatigue_card(view, texts)),
    ]
    items = [
        html.Li([html.H2(texts(f"bridge.card_{key}")), *content, _note(key, texts)])
        for key, content in cards
    ]
    restrictions = [_restriction(item.content, texts) for item in view.restrictions]
    blind = ", ".join(said(Phrase(f"blind.{key}"), texts.language) for key in view.blind)
    facts = {
        texts("bridge.restrictions"): "; ".join(restrictions) or texts("bridge.none_recorded"),
        texts("bridge.blind"): blind,
    }
    return [html.Ul(items, className="cards"), definition(facts)]


def _note(key: str, texts: Texts) -> html.P:
    return html.P(texts(f"bridge.card_{key}_note"), className="note")


def _conditions(view: BridgeView, texts: Texts) -> list[Component]:
    found: list[Component] = []
    for item in view.conditions:
        inspection = item.content
        if not isinstance(inspection, Inspection) or inspection.condition is None:
            continue
        condition = inspection.condition
        grade = texts.number(condition.grade, 1) if condition.grade else ""
        band = label("grade_bands", condition.band, language=texts.language)
        year = "" if inspection.stated_year is None else f", {inspection.stated_year}"
        part = f"{item.part}: " if item.part else ""
        found.append(html.P([f"{part}{grade or band}{year} ", tag(item.provenance.kind, texts)]))
    return found or [html.P(texts("bridge.none_recorded"))]


def _loads(view: BridgeView, texts: Texts) -> list[Component]:
    found: list[Component] = []
    for item in view.parts:
        part = item.content
        if isinstance(part, PartStructure) and part.load_index:
            index = label("load_index", part.load_index, language=texts.language)
            target = label("target_load_level", part.target_load_level, language=texts.language)
            found.append(html.P([f"{index} / {target} ", tag(item.provenance.kind, texts)]))
    return found or [html.P(texts("bridge.none_recorded"))]


def _silent(view: BridgeView, texts: Texts) -> list[Component]:
    """Analyses that do not judge, with the reason."""
    if view.status is None:
        return [html.P(texts("bridge.no_analyses"))]
    said_of = [
        html.Li(
            [
                html.Strong(said(Phrase(f"analysis.{item.analysis}"), texts.language)),
                ": ",
                said(item.reason or Phrase("state.armed"), texts.language),
            ]
        )
        for item in view.status.analyses
    ]
    summary = texts("bridge.analyses", n=texts.number(len(said_of)))
    return [html.Details([html.Summary(summary), html.Ul(said_of)])]


def _restriction(content: object, texts: Texts) -> str:
    if not isinstance(content, Restriction):
        return ""
    kind = label("restriction_kind", content.kind, language=texts.language)
    value = "" if content.value is None else f" {texts.with_unit(content.value, content.unit)}"
    details = []
    if content.daily_from and content.daily_until:
        times = {"start": content.daily_from, "end": content.daily_until}
        details.append(texts("bridge.daily", **times))
    if content.valid_from is not None:
        details.append(texts("bridge.since", day=content.valid_from.isoformat()))
    return ", ".join([f"{kind}{value}", *details, *filter(None, [content.remark])])


def _structure(view: BridgeView, texts: Texts) -> list[Component]:
    parts = [item.content for item in view.parts if isinstance(item.content, PartStructure)]
    spans = next((part.spans_m for part in parts if part.spans_m), ())
    length = view.asset.attribute("total_length_m")
    return [
        elevation(
            None if length is None else float(length.value), spans, _stations(view, texts), texts
        )
    ]


def _stations(view: BridgeView, texts: Texts) -> list[Station]:
    parts = {part.id: part for part in view.components}
    found: dict[str, list[Datastream]] = {}
    for stream in view.streams:
        if stream.component_id and stream.kind == "reading" and stream.provenance != "derived":
            found.setdefault(stream.component_id, []).append(stream)
    stations: list[Station] = []
    for component_id, streams in found.items():
        part = parts.get(component_id)
        if part is not None and part.station_m is not None:
            names = dict.fromkeys(quantity(item.quantity).label(texts.language) for item in streams)
            stations.append(Station(part.station_m, part.name, tuple(names)))
    return stations


def _live(view: BridgeView, texts: Texts) -> list[Component]:
    streams = [item for key in LIVE for item in view.streams if item.quantity == key]
    charts = [
        _chart(item, f"live-{number}", f"last={LIVE_S}", texts, refresh_s=10.0)
        for number, item in enumerate(streams)
    ]
    return [html.Div(charts, className="charts")] if charts else [empty(texts("bridge.no_streams"))]


def _trend(view: BridgeView, texts: Texts) -> list[Component]:
    charts: list[Component] = []
    for stream in view.streams:
        derived = view.derived_of(stream) if stream.quantity in TRENDS else None
        if derived is None:
            continue
        for item, name in ((stream, "raw"), (derived, "compensated")):
            charts.append(_chart(item, f"trend-{name}-{stream.uid}", f"last={TREND_S}", texts))
    charts += [
        _chart(item, f"trend-{item.uid}", f"last={TREND_S}", texts)
        for item in view.derived
        if item.quantity == "t2_statistic"
    ]
    if not charts:
        return [empty(texts("bridge.no_trend"))]
    return [
        html.P(texts("bridge.trend_note"), className="note"),
        html.Div(charts, className="charts"),
    ]


def _chart(
    stream: Datastream, identity: str, span: str, texts: Texts, *, refresh_s: float = 0.0
) -> Component:
    measured = quantity(stream.quantity)
    name = measured.label(texts.language)
    return html.Figure(
        [
            html.Figcaption([f"{stream.name} ", tag(stream.provenance, texts)]),
            SeriesChart(
                id=identity.replace(".", "-"),
                url=f"/api/series/{quote(stream.uid)}?{span}&px={PIXELS}",
                unit="" if measured.unit == "1" else texts.unit(measured.unit),
                label=f"{name}, {stream.name}",
                lang=texts.tag,
                timezone=texts.timezone,
                decimals=measured.decimals,
                height=150,
                labels=texts.under("chart."),
                refresh_s=refresh_s,
            ),
        ],
        className="chart",
    )
