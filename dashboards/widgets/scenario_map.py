"""Maps of a scenario: its result beside the base, and the map on which places are picked."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dash import ClientsideFunction, Dash, Input, Output, html
from dash.development.base_component import Component

from dashboards import theme
from dashboards.api_addresses import geo_address
from dashboards.components.twin_map import Channel, Compare, Fact, TableSource, TwinMap
from dashboards.deck.builder import Label, Sight, sight_of
from dashboards.deck.scenario import pick_spec, run_spec
from dashboards.i18n.translate import Texts
from dashboards.live.features import CityFeatures
from dashboards.live.quantise import Scale
from dashboards.run_links import QUANTITIES
from dashboards.run_map import RunMap, bridge_label, read_run_map
from dashboards.state import ViewState
from dashboards.view import CityView
from dashboards.widgets.parts import empty
from dashboards.widgets.scenario_map_legend import legend, switches
from dashboards.widgets.scenario_map_table import link_table
from dashboards.widgets.tree import Tree
from twin.errors import ModelError, RegistryError, StoreUnavailableError

MAP, PICK = "run-map", "pick-map"
Read = Callable[[str | None], tuple[ViewState, Texts]]
"""State and texts of an address."""
PICK_WIDER = 0.6
"""Zoom that the picking map begins further away: it is narrower than that of the city."""
PICK_TABLES = ("water", "roads", "roads_far", "closed", "bridges", "bridge_points")
MOST_LABELS = 12
"""Bridges whose change is written on the map, the largest first."""
MARGIN = 0.15
"""Share of the box of the changed links that is shown around it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything of the map that an address decides on."""

    spec: dict[str, object]
    tables: dict[str, TableSource]
    channels: dict[str, Channel]
    compare: Compare | None
    selection: list[str]
    low: str
    switches: list[Component]
    legend: list[Component]
    table: list[Component]


def result_map(state: ViewState, texts: Texts, view: CityView) -> list[Component]:
    """Map, legend and table of the links of a run, as its address asks for them."""
    heading = html.H2(texts("run_map.title"))
    try:
        shown = _shown(state, texts, view)
    except (RegistryError, ModelError) as error:
        return [heading, empty(texts("run_map.nothing", reason=str(error)))]
    except StoreUnavailableError:
        return [heading, html.P(texts("state.database_away"), className="banner")]
    drawn = TwinMap(
        id=MAP,
        spec=shown.spec,
        tables=shown.tables,
        channels=shown.channels,
        compare=shown.compare,
        ramps=theme.ramps_for_map(),
        selection=shown.selection,
        lang=texts.tag,
        labels=texts.under("map."),
        lowPower=state.low,
        liveUrl="",
    )
    return [
        heading,
        Tree(id="run-map-switches", tree=shown.switches, looks={"className": "run-map-switches"}),
        html.Div(
            [
                _panel(drawn, MAP, texts, label="run_map.label"),
                Tree(
                    id="run-map-legend",
                    tag="section",
                    tree=shown.legend,
                    looks={"className": "run-map-legend", "aria-label": texts("legend.title")},
                ),
            ],
            className="run-map",
        ),
        Tree(id="run-links", tree=shown.table, looks={"className": "run-links"}),
    ]


def pick_map(
    view: CityView, texts: Texts, *, selected: Sequence[str] = (), low: str = "auto"
) -> list[Component]:
    """Map on which links and bridges are picked; a click arrives as ``clickData`` of `PICK`.

    Parameters
    ----------
    selected
        Ids of links and bridges that are picked already; set ``selection`` of `PICK` later on.
    low
        Drawing power: ``auto``, ``on`` or ``off``.
    """
    features = view.now.features
    if not features.roads and not features.bridges:
        return [empty(texts("overview.no_city"))]
    labels = [Label(row.name, *row.place) for row in features.bridges]
    seen = _city_sight(view)
    drawn = TwinMap(
        id=PICK,
        spec=pick_spec(
            sight=replace(seen, zoom=seen.zoom - PICK_WIDER),
            bridge_spacing_m=features.bridge_spacing_m,
            labels=labels,
        ),
        tables=_city_tables(features, PICK_TABLES),
        channels={"pick": Channel(table="roads", facts=[])},
        selection=list(selected),
        lang=texts.tag,
        labels=texts.under("map."),
        lowPower=low,  # pyrefly: ignore[bad-argument-type]
        liveUrl="",
        writeUrl=False,
    )
    return [
        _panel(drawn, PICK, texts, label="pick_map.label"),
        html.P(texts("pick_map.help"), className="note"),
    ]


def register(app: Dash, view: CityView, read: Read) -> None:
    """Callbacks: redraw what the address changes, and choose on the map of a result."""

    @app.callback(
        Output(MAP, "spec"),
        Output(MAP, "tables"),
        Output(MAP, "channels"),
        Output(MAP, "compare"),
        Output(MAP, "selection"),
        Output(MAP, "lowPower"),
        Output("run-map-switches", "tree"),
        Output("run-map-legend", "tree"),
        Output("run-links", "tree"),
        Input("url", "search"),
        prevent_initial_call=True,
    )
    async def redraw(address: str | None) -> tuple[object, ...]:
        found = await asyncio.to_thread(_shown, *read(address), view)
        return (
            found.spec, found.tables, found.channels, found.compare, found.selection,
            found.low, found.switches, found.legend, found.table,
        )  # fmt: skip

    app.clientside_callback(
        ClientsideFunction("stadtzwilling", "chooseInResult"),
        Output("url", "search", allow_duplicate=True),
        Input(MAP, "clickData"),
        prevent_initial_call=True,
    )


def _panel(drawn: TwinMap, identity: str, texts: Texts, *, label: str) -> html.Section:
    commands = [
        html.Button(
            sign,
            type="button",
            **{
                "data-command": name,
                "data-map": identity,
                "aria-label": texts(f"map_panel.{name}"),
            },
        )
        for sign, name in (("+", "zoom_in"), ("\u2212", "zoom_out"), ("\u2302", "reset_view"))
    ]
    return html.Section(
        [
            html.Div(commands, className="map-tools"),
            html.Div(drawn, className="map-holder"),
        ],
        className="run-map-panel",
        **{"aria-label": texts(label)},
    )


def _shown(state: ViewState, texts: Texts, view: CityView) -> Shown:
    """What the map of the run of an address shows.

    Raises
    ------
    RegistryError
        If the address names no run, or one without a result.
    """
    features = view.now.features
    if state.run is None:
        raise RegistryError("the address names no run")
    found = read_run_map(view.twin, state.run, features)
    largest = sorted((b for b in found.bridges if b.is_changed), key=lambda b: -abs(b.change))
    labels = [Label(bridge_label(b, texts), *b.place) for b in largest[:MOST_LABELS]]
    sides = [texts("run_map.base"), texts("run_map.scenario")]
    compare = None
    if state.show != "diff":
        compare = Compare(kind=state.show, left=sides[0], right=sides[1])
    return Shown(
        spec=run_spec(sight=_sight(state, found, view), show=state.show, labels=labels),
        tables=_tables(found, state, texts, features),
        channels=_channels(found, state, texts),
        compare=compare,
        selection=[item.id for item in state.selection],
        low=state.low,
        switches=switches(state, texts),
        legend=legend(found, state, texts),
        table=link_table(found, state, features, texts),
    )


def _city_tables(features: CityFeatures, names: Sequence[str]) -> dict[str, TableSource]:
    return {
        name: TableSource(
            url=geo_address(name, features.tables[name].version),
            version=features.tables[name].version,
        )
        for name in names
    }


def _tables(
    found: RunMap, state: ViewState, texts: Texts, features: CityFeatures
) -> dict[str, TableSource]:
    """Tables of the city and of the run; those of the other view are left out."""
    key = state.value
    names = {"run_facts": f"facts.{key}", "run_bridges": "run_bridges"}
    for far in ("", "_far"):
        names |= {f"closed_before{far}": f"closed_before{far}", f"run_closed{far}": f"closed{far}"}
        if state.show == "diff":
            names |= {f"run_{sign}{far}": f"{sign}{far}.{key}" for sign in ("more", "less")}
    made = {
        name: TableSource(
            url=found.address(wanted, texts.language),
            version=f"{found.number}-{found.version}-{texts.language}-{wanted}",
        )
        for name, wanted in names.items()
    }
    return {**_city_tables(features, ("water", "roads", "roads_far")), **made}


def _channels(found: RunMap, state: ViewState, texts: Texts) -> dict[str, Channel]:
    key = state.value
    change = found.links.change_scale(key)
    bridges = _channel(found, "bridge_change", found.bridge_scale, texts, table="run_bridges")
    unit = found.bridges[0].unit if found.bridges else "/d"
    channels = {
        "run.change": _channel(found, f"change.{key}", change, texts),
        "run.bridges": Channel(**bridges, facts=_facts(texts, texts.unit(unit), 0)),
    }
    if state.show != "diff":
        sides = found.links.magnitude(key)
        for side in ("base", "scenario"):
            channels[f"run.{side}"] = _channel(found, f"{side}.{key}", sides, texts)
    item = QUANTITIES[key]
    unit = "" if item.unit == "1" else texts.unit(item.unit)
    facts = _facts(texts, unit, item.decimals)
    for name in channels.keys() - {"run.bridges"}:
        channels[name] = Channel(**channels[name], facts=facts, factsTable="run_facts")
    return channels


def _channel(
    found: RunMap, name: str, scale: Scale, texts: Texts, *, table: str = "roads"
) -> Channel:
    return Channel(
        table=table,
        url=found.address(name, texts.language),
        kind=scale.kind,
        vmin=scale.vmin,
        vmax=scale.vmax,
    )


def _facts(texts: Texts, unit: str, decimals: int) -> list[Fact]:
    """Lines of a tooltip: both sides, the change beside its noise, classes, what to know."""
    numbers = [
        Fact(label=texts(f"run_map.{key}"), column=key, unit=unit, decimals=decimals)
        for key in ("base", "scenario", "change", "floor")
    ]
    words = [Fact(label=texts(f"run_map.{key}"), column=key) for key in ("classes", "time_s")]
    return [*numbers, *words, Fact(label="", column="state")]


def _sight(state: ViewState, found: RunMap, view: CityView) -> Sight:
    """Camera of the address, else the bridges that changed, else the city; a pane sees half."""
    if state.camera is not None:
        latitude, longitude, zoom, _, _ = state.camera.values
        return Sight(longitude, latitude, zoom, pitch=0.0)
    seen = _changed_sight(found) or _city_sight(view)
    return replace(seen, zoom=seen.zoom - 1.0) if state.show == "split" else seen


def _changed_sight(found: RunMap) -> Sight | None:
    """Camera on the bridges that changed; None if they have no extent."""
    places = [item.place for item in found.bridges if item.is_changed]
    if len(places) < 2:  # noqa: PLR2004 - one place has no extent
        return None
    west, east = min(p[0] for p in places), max(p[0] for p in places)
    south, north = min(p[1] for p in places), max(p[1] for p in places)
    dx, dy = MARGIN * (east - west), MARGIN * (north - south)
    return sight_of((west - dx, south - dy, east + dx, north + dy))


def _city_sight(view: CityView) -> Sight:
    bridges = view.now.features.tables["bridges"]
    return sight_of(bridges.bbox if bridges.rows else view.settings.city.extent)
