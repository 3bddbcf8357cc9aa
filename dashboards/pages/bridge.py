"""One bridge: facts, its four quantities, findings, side view, streams, trends, inspections."""

from urllib.parse import urlencode

from dash import Dash, html
from dash.development.base_component import Component

from dashboards.bridge_figures import available, read_spectra
from dashboards.i18n.translate import Texts
from dashboards.pages.frame import PageRequest
from dashboards.view import CityView
from dashboards.widgets.acoustics import acoustics_lines
from dashboards.widgets.bridge_charts import live_charts, trend_charts
from dashboards.widgets.bridge_header import header
from dashboards.widgets.bridge_list import bridge_list
from dashboards.widgets.bridge_tables import crossings_table, model_tables
from dashboards.widgets.drawer import advice_link, plan_link
from dashboards.widgets.elevation import elevation, stations
from dashboards.widgets.fatigue import fatigue_section
from dashboards.widgets.findings import finding_list
from dashboards.widgets.inspections import inspections
from dashboards.widgets.obedience import obedience_lines
from dashboards.widgets.parts import empty
from dashboards.widgets.structure import structure_section
from dashboards.widgets.validity import notices
from dashboards.widgets.vibration import vibration
from twin.bridge_view import BridgeView, read_bridge, read_bridges
from twin.errors import RegistryError, StoreUnavailableError
from twin.model.bridge import PartStructure

TITLE = "bridge.title"
PERMISSION = "state.read"
SECTIONS = (
    "findings", "structure", "model", "live", "trend", "modes", "fatigue", "crossings",
    "models", "inspection",
)  # fmt: skip


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
    return [html.Div(_bridge(found, view, texts), className="page bridge")]


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
    """All bridges, the worst first."""
    found = read_bridges(view.twin)
    return [html.H1(request.texts("bridge.all")), *bridge_list(found, request.texts)]


def _bridge(view: BridgeView, city: CityView, texts: Texts) -> list[Component]:
    spectra = read_spectra(city.twin, view.asset.id)
    attachments = city.twin.bridges.book.attachments(view.asset.id)
    drawn = available(view, spectra)
    sections = {
        "findings": [
            *finding_list(view.findings, view.streams, texts),
            *acoustics_lines(view, texts),
        ],
        "structure": _structure(view, texts),
        "model": structure_section(view, texts),
        "live": live_charts(view, texts),
        "trend": trend_charts(view, drawn["cloud"], texts),
        "modes": vibration(view, spectra, drawn, texts),
        "fatigue": fatigue_section(view, drawn["histogram"], texts),
        "crossings": [
            *crossings_table(view, texts),
            *obedience_lines(city.twin, view.asset.id, texts),
        ],
        "models": model_tables(view, texts),
        "inspection": inspections(view, attachments, drawn["grades"], texts),
    }
    for key, content in sections.items():
        sections[key] = [*notices(view, key, texts), *content] if content else content
    shown = [key for key in SECTIONS if sections[key]]
    links = [html.A(texts(f"bridge.{key}"), href=f"#{key}") for key in shown]
    map_address = _query("/", view.asset.id, texts.language)
    bar = [
        html.H1(view.asset.name),
        plan_link(view.asset.id, texts),
        advice_link(view.asset.id, texts),
        html.A(texts("bridge.on_map"), href=map_address),
    ]
    return [
        html.Div(bar, className="bridge-bar"),
        *header(view, texts),
        html.Nav(links, className="sections", **{"aria-label": texts("bridge.sections")}),
        *(html.Section([html.H2(texts(f"bridge.{key}")), *sections[key]], id=key) for key in shown),
    ]


def _structure(view: BridgeView, texts: Texts) -> list[Component]:
    parts = [item.content for item in view.parts if isinstance(item.content, PartStructure)]
    spans = next((part.spans_m for part in parts if part.spans_m), ())
    length = view.asset.attribute("total_length_m")
    return [
        elevation(
            None if length is None else float(length.value), spans, stations(view, texts), texts
        )
    ]
