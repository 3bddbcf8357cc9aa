"""Acoustic emission of a bridge: breaks per section, and since when nobody listens."""

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from twin.bridge_view import BridgeView
from twin.model.acoustics import told
from twin.model.findings import Phrase
from twin.model.phrases import said


def acoustics_lines(view: BridgeView, texts: Texts) -> list[Component]:
    """Breaks of each section with their uptime; nothing where no sensor listens."""
    if not view.acoustics:
        return []
    lines = [html.Li(words) for row in view.acoustics for words in told(row, texts.language)]
    title = said(Phrase("analysis.acoustics"), texts.language)
    return [html.Section([html.H3(title), html.Ul(lines)], className="acoustics")]
