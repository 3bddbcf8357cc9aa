"""What is shown under an address that leads nowhere."""

from dash import html
from dash.development.base_component import Component

from dashboards.pages.frame import PageRequest
from dashboards.view import CityView

TITLE = "missing.title"


def layout(request: PageRequest, view: CityView) -> list[Component]:
    """Content of the page."""
    del view
    texts = request.texts
    content = [html.H1(texts(TITLE)), html.P(texts("missing.text", path=request.path[:200]))]
    return [html.Div([*content, html.P(html.A(texts("missing.home"), href="/"))], className="page")]
