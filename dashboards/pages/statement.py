"""The accessibility statement, linked from every page."""

from dash import Dash, html
from dash.development.base_component import Component

from dashboards.pages.frame import PageRequest
from dashboards.view import CityView

TITLE = "statement.title"
PERMISSION = "public.read"
SECTIONS = ("standard", "ways", "limits", "method", "feedback")


def layout(request: PageRequest, view: CityView) -> list[Component]:
    """Content of the page."""
    texts = request.texts
    parts: list[Component] = [
        html.H1(texts(TITLE)),
        html.P(texts("statement.intro", city=view.settings.city.name)),
    ]
    for key in SECTIONS:
        parts += [html.H2(texts(f"statement.{key}")), html.P(texts(f"statement.{key}_text"))]
    keys = [
        [html.Kbd(texts(f"statement_keys.{key}_key")), texts(f"statement_keys.{key}")]
        for key in ("move", "zoom", "list", "close", "chart")
    ]
    listed = [html.Li([key, " ", text]) for key, text in keys]
    parts += [html.H2(texts("statement.keys")), html.Ul(listed)]
    return [html.Div(parts, className="page text")]


def register(app: Dash, view: CityView) -> None:
    """Nothing: the page has no callbacks."""
    del app, view
