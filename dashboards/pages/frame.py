"""What every page has: skip link, header, navigation, badges, languages, footer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.state import ViewState, encode
from dashboards.view import CityView
from dashboards.widgets.parts import extra
from dashboards.widgets.tree import Tree

PULSE_MS = 5000


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What a page is asked for: path, state of the address, and the texts of the reader."""

    path: str
    state: ViewState
    texts: Texts
    notices: Sequence[str] = ()


NAVIGATION = (
    ("/", "nav.overview"),
    ("/bridge", "nav.bridges"),
    ("/scenario", "nav.scenario"),
    ("/scenarios", "nav.scenarios"),
    ("/operations", "nav.operations"),
)


def frame(request: PageRequest, view: CityView, content: Sequence[Component]) -> list[Component]:
    """Page around its content; ``content`` begins with the ``h1``."""
    texts = request.texts
    notices = Tree(
        id="notices",
        tree=[html.P(text) for text in request.notices],
        looks={"role": "status", "className": "notices"},
    )
    main = html.Main([notices, *content], id="main", tabIndex=-1)
    return [
        html.A(texts("frame.skip"), href="#main", className="skip"),
        _header(request, view),
        Tree(id="banner", tree=banner(view, texts), looks={"role": "status"}),
        main,
        _footer(request),
    ]


def banner(view: CityView, texts: Texts) -> list[Component]:
    """Says that the database is away; empty while all is well."""
    return [html.P(texts("state.database_away"), className="banner")] if view.now.is_away else []


def _query(request: PageRequest) -> str:
    query = encode(ViewState(lang=request.state.lang))
    return f"?{query}" if query else ""


def _header(request: PageRequest, view: CityView) -> html.Header:
    texts = request.texts
    links = [
        html.A(
            texts(key),
            href=f"{path}{_query(request)}",
            **extra(aria_current="page" if path == request.path else None),
        )
        for path, key in NAVIGATION
    ]
    simulated = (
        [html.Span(texts("frame.simulated"), id="simulated-badge", className="badge simulated")]
        if view.now.features.is_simulated
        else []
    )
    return html.Header(
        [
            html.Div(
                [
                    html.Span(texts("frame.product"), className="product"),
                    html.Span(view.settings.city.name, className="city"),
                ],
                className="brand",
            ),
            html.Nav(links, **{"aria-label": texts("frame.navigation")}),
            html.Div([*simulated, _status(texts)], className="badges"),
            _languages(request, view),
        ],
        className="header",
    )


def _status(texts: Texts) -> html.Span:
    """Badge of the live connection; the script of the page writes it from these templates."""
    templates = {f"data_{key}": text for key, text in texts.under("status.").items()}
    text = texts("status.connecting")
    named = extra(**templates)
    return html.Span(text, id="live-status", className="badge", hidden=True, **named)


def _languages(request: PageRequest, view: CityView) -> html.Nav:
    links = [
        html.A(
            request.texts(f"language.{language}"),
            href=f"{request.path}?{encode(_in_language(request.state, language))}",
            lang=language,
            hrefLang=language,
            **extra(
                data_lang=language,
                aria_current="true" if language == request.texts.language else None,
            ),
        )
        for language in view.settings.dashboards.languages
    ]
    label = {"aria-label": request.texts("frame.languages")}
    return html.Nav(links, className="languages", **label)


def _in_language(state: ViewState, language: str) -> ViewState:

    return replace(state, lang=language)  # pyrefly: ignore[bad-argument-type]


def _footer(request: PageRequest) -> html.Footer:
    texts = request.texts
    link = html.A(
        texts("nav.accessibility"),
        href=f"/accessibility{_query(request)}",
        **extra(aria_current="page" if request.path == "/accessibility" else None),
    )
    product = texts("frame.version", version=version("stadtzwilling"))
    return html.Footer(
        [html.Span(product), link, html.Span(texts("frame.zone", zone=texts.timezone))]
    )
