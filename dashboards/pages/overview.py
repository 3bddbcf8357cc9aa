"""The overview: live map, numbers, lists and the drawer of the selected feature."""

import asyncio
from dataclasses import dataclass
from typing import Any, cast

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from dashboards import theme
from dashboards.api_addresses import geo_address
from dashboards.components.twin_map import Channel as MapChannel
from dashboards.components.twin_map import TableSource, TwinMap
from dashboards.deck.builder import SELECTED_ZOOM, Label, Sight, map_spec, sight_of
from dashboards.i18n.translate import Texts
from dashboards.listing import band_name, band_range, state_text
from dashboards.live.channels import CHANNELS, Channel
from dashboards.live.features import CityFeatures, Feature, band_of, is_closed
from dashboards.pages.frame import PULSE_MS, PageRequest, banner
from dashboards.pages.requests import read_request
from dashboards.state import ViewState
from dashboards.view import CityView
from dashboards.widgets import drawer
from dashboards.widgets.controls import controls, legend, legend_time
from dashboards.widgets.feature_table import feature_table
from dashboards.widgets.kpi import tiles
from dashboards.widgets.parts import empty
from dashboards.widgets.search import results
from dashboards.widgets.tree import Tree

TITLE = "overview.title"
PERMISSION = "state.read"


@dataclass(frozen=True, slots=True)
class DrawerParts:
    """Children of the three parts of the drawer, and whether it is closed."""

    head: list[Component]
    streams: list[Component]
    chart: list[Component]
    is_closed: bool


def layout(request: PageRequest, view: CityView) -> list[Component]:
    """Content of the page."""
    texts, state, now = request.texts, request.state, view.now
    title = html.H1(texts(TITLE, city=view.settings.city.name), className="hidden")
    if not now.features.assets:
        return [title, empty(texts("overview.no_city"))]
    opened = drawer_parts(state, view, texts)
    return [
        title,
        dcc.Interval(id="pulse", interval=PULSE_MS),
        Tree(
            id="kpi",
            tag="ul",
            tree=tiles(now, texts),
            looks={"className": "kpis", "aria-label": texts("kpi.label")},
        ),
        html.Div(
            [
                _side(state, view, texts),
                _map_panel(state, view, texts),
                Tree(
                    id="table",
                    tag="section",
                    tree=feature_table(state, now, texts),
                    looks={"className": "table-panel", "aria-label": texts("table.label")},
                ),
                _drawer(opened, texts),
            ],
            id="workspace",
            className="workspace",
            **{"data-drawer": "closed" if opened.is_closed else "open"},
        ),
    ]


def _side(state: ViewState, view: CityView, texts: Texts) -> html.Section:
    return html.Section(
        [
            html.Div(
                [
                    html.Label(texts("search.label"), htmlFor="search"),
                    dcc.Input(
                        id="search", type="search", debounce=0.2, autoComplete="off", maxLength=80
                    ),
                    Tree(id="search-results", tree=[]),
                ],
                className="search",
                role="search",
            ),
            html.H2(texts("controls.title")),
            Tree(
                id="controls",
                tree=controls(state, texts, has_buildings=view.now.features.has_buildings),
            ),
            html.H2(texts("legend.title")),
            html.P(legend_time(view.now, texts), id="legend-time", className="note"),
            Tree(id="legend", tree=legend(state, texts)),
        ],
        className="side",
        **{"aria-label": texts("side.label")},
    )


def _map_panel(state: ViewState, view: CityView, texts: Texts) -> html.Section:
    pause = html.Button(
        texts("map_panel.pause"),
        id="pause",
        type="button",
        **{
            "aria-pressed": "false",
            "data-pause": texts("map_panel.pause"),
            "data-resume": texts("map_panel.resume"),
        },
    )
    commands = [
        html.Button(
            sign, type="button", **{"data-command": name, "aria-label": texts(f"map_panel.{name}")}
        )
        for sign, name in (("+", "zoom_in"), ("\u2212", "zoom_out"), ("\u2302", "reset_view"))
    ]
    return html.Section(
        [
            html.Div([*commands, pause], className="map-tools"),
            html.Div(city_map(state, view, texts), className="map-holder"),
        ],
        className="map-panel",
        **{"aria-label": texts("map_panel.label")},
    )


def city_map(state: ViewState, view: CityView, texts: Texts) -> TwinMap:
    """The map in a state; later changes of the state replace single properties."""
    return TwinMap(
        id="map",
        spec=spec_of(state, view, texts),
        tables=tables_of(state, view),
        channels={channel.name: map_channel(channel, texts) for channel in CHANNELS},
        ramps=theme.ramps_for_map(),
        selection=selected_ids(state),
        lang=texts.tag,
        labels=texts.under("map."),
        lowPower=state.low,
    )


def tables_of(state: ViewState, view: CityView) -> dict[str, TableSource]:
    """Tables that the layers of a state draw; buildings only where they are shown."""
    return {
        name: TableSource(url=geo_address(name, table.version), version=table.version)
        for name, table in view.now.features.tables.items()
        if name != "buildings" or name in state.layers
    }


def spec_of(state: ViewState, view: CityView, texts: Texts) -> dict[str, Any]:
    """Layers of a state, and the camera with which the map begins."""
    features = view.now.features
    return map_spec(
        sight=_sight(state, view),
        layers=state.layers,
        channel=state.kpi,
        bridge_spacing_m=features.bridge_spacing_m,
        bridge_labels=[Label(_marked(row, texts), *row.place) for row in features.bridges],
        junction_labels=_junctions(features),
        closed_labels=_closures(features, texts),
    )


def _sight(state: ViewState, view: CityView) -> Sight:
    """Camera of the address, else the selected feature, else all bridges."""
    if state.camera is not None:
        latitude, longitude, zoom, pitch, bearing = state.camera.values
        return Sight(longitude, latitude, zoom, pitch, bearing)
    for item in state.selection:
        found = view.now.features.feature(item.kind, item.id)
        if found is not None:
            return Sight(*found.place, SELECTED_ZOOM)
    return sight_of(_extent(view))


def _extent(view: CityView) -> tuple[float, ...]:
    bridges = view.now.features.tables["bridges"]
    return bridges.bbox if bridges.rows else view.settings.city.extent


def _marked(bridge: Feature, texts: Texts) -> str:
    """Name of a bridge with its condition symbol and whether it is closed, not by colour alone."""
    band = band_of(bridge.asset)
    grade = "" if band is None else f" {theme.CONDITION_BANDS[band].symbol}"
    closed = f" {_closed_sign(texts)}" if is_closed(bridge.asset) else ""
    return f"{bridge.name}{grade}{closed}"


def _closed_sign(texts: Texts) -> str:
    return f"\u2715 {texts('legend.closed_sign')}"


def _closures(features: CityFeatures, texts: Texts) -> list[Label]:
    """A sign on every closed road section, once for both directions.

    A section that carries a closed bridge needs none: the name of the bridge says it.
    """
    decks = [row.asset.geometry for row in features.bridges if is_closed(row.asset)]
    closed = {row.asset.id: row for row in features.roads if is_closed(row.asset)}
    return [
        Label(_closed_sign(texts), *row.place)
        for row in closed.values()
        if not any(deck.intersects(row.asset.geometry) for deck in decks)
    ]


def _junctions(features: CityFeatures) -> list[Label]:
    found = [asset for asset in features.assets.values() if asset.asset_class == "junction"]
    return [Label(a.name, a.geometry.centroid.x, a.geometry.centroid.y) for a in found]


def map_channel(channel: Channel, texts: Texts) -> MapChannel:
    """What the tooltip must know of a channel."""
    label = texts(f"map_channel.{channel.name}")
    found = MapChannel(table=channel.table, label=label, kind=cast("Any", channel.kind))
    if channel.unit:
        return MapChannel(**found, unit=texts.unit(channel.unit), decimals=0)
    if channel.name == "bridges.grade":
        classes = [f"{band_range(b, texts)} {band_name(b, texts)}" for b in theme.CONDITION_BANDS]
    elif channel.name == "bridges.monitoring":
        classes = [state_text(s, "monitoring", texts) for s in theme.MONITORING_STATES]
    else:
        classes = [state_text(s, "quality", texts) for s in theme.QUALITIES]
    return MapChannel(**found, classes=classes)


def selected_ids(state: ViewState) -> list[str]:
    """Ids of the features that the map highlights."""
    return [item.id for item in state.selection if item.kind != "stream"]


def drawer_parts(state: ViewState, view: CityView, texts: Texts) -> DrawerParts:
    """The drawer of a state."""
    now = view.now
    subject = drawer.subject_of(state, now.features)
    if subject is None:
        return DrawerParts([], [], [], is_closed=True)
    return DrawerParts(
        head=drawer.head(subject, now.features, texts),
        streams=drawer.streams(subject, now, texts),
        chart=drawer.chart(subject, texts),
        is_closed=False,
    )


def _drawer(parts: DrawerParts, texts: Texts) -> html.Aside:
    return html.Aside(
        [
            Tree(id="drawer-head", tree=parts.head),
            html.Div(parts.chart, id="drawer-chart"),
            Tree(id="drawer-streams", tree=parts.streams),
        ],
        id="drawer",
        className="drawer",
        hidden=parts.is_closed,
        **{"aria-label": texts("drawer.label")},
    )


def register(app: Dash, view: CityView) -> None:
    """Callbacks of the page."""
    _register_navigation(app, view)
    _register_pulse(app, view)

    @app.callback(
        Output("search-results", "tree"),
        Input("search", "value"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    async def search(text: str | None, address: str | None) -> list[Component]:
        request = read_request(view, "/", address)
        found = view.now.features
        return await asyncio.to_thread(results, text or "", found, request.texts)

    script = "stadtzwilling"
    app.clientside_callback(
        ClientsideFunction(script, "chooseOnMap"),
        Output("url", "search"),
        Input("map", "clickData"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction(script, "showConnection"),
        Output("live-status", "title"),
        Input("map", "connection"),
        Input("map", "paused"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction(script, "pause"),
        Output("map", "paused"),
        Output("pulse", "disabled"),
        Output("pause", "aria-pressed"),
        Output("pause", "children"),
        Input("pause", "n_clicks"),
        State("map", "paused"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction(script, "afterDrawer"),
        Output("drawer", "title"),
        Input("drawer-head", "tree"),
        prevent_initial_call=True,
    )


def _register_navigation(app: Dash, view: CityView) -> None:
    @app.callback(
        Output("map", "spec"),
        Output("map", "tables"),
        Output("map", "lowPower"),
        Output("map", "selection"),
        Output("controls", "tree"),
        Output("legend", "tree"),
        Output("table", "tree", allow_duplicate=True),
        Output("drawer-head", "tree"),
        Output("drawer-chart", "children"),
        Output("drawer-streams", "tree", allow_duplicate=True),
        Output("drawer", "hidden"),
        Output("workspace", "data-drawer"),
        Input("url", "search"),
        prevent_initial_call=True,
    )
    async def navigate(address: str | None) -> tuple[object, ...]:
        request = read_request(view, "/", address)
        return await asyncio.to_thread(_navigated, request, view)

    # Every page has notices: with them, the callback above would run on pages without a map.
    @app.callback(Output("notices", "tree"), Input("url", "search"), prevent_initial_call=True)
    async def notice(address: str | None) -> list[Component]:
        return [html.P(text) for text in read_request(view, "/", address).notices]


def _navigated(request: PageRequest, view: CityView) -> tuple[object, ...]:
    state, texts = request.state, request.texts
    opened = drawer_parts(state, view, texts)
    return (
        spec_of(state, view, texts),
        tables_of(state, view),
        state.low,
        selected_ids(state),
        controls(state, texts, has_buildings=view.now.features.has_buildings),
        legend(state, texts),
        feature_table(state, view.now, texts),
        opened.head,
        opened.chart,
        opened.streams,
        opened.is_closed,
        "closed" if opened.is_closed else "open",
    )


def _register_pulse(app: Dash, view: CityView) -> None:
    @app.callback(
        Output("kpi", "tree"),
        Output("legend-time", "children"),
        Output("table", "tree", allow_duplicate=True),
        Output("drawer-streams", "tree", allow_duplicate=True),
        Output("banner", "tree", allow_duplicate=True),
        Input("pulse", "n_intervals"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    async def pulse(_beats: int, address: str | None) -> tuple[object, ...]:
        request = read_request(view, "/", address)
        return await asyncio.to_thread(_refreshed, request, view)


def _refreshed(request: PageRequest, view: CityView) -> tuple[object, ...]:
    state, texts, now = request.state, request.texts, view.now
    subject = drawer.subject_of(state, now.features)
    return (
        tiles(now, texts),
        legend_time(now, texts),
        feature_table(state, now, texts),
        no_update if subject is None else drawer.streams(subject, now, texts),
        banner(view, texts),
    )
