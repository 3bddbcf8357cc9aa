"""Consumed fatigue of the recorded details of a bridge: a card and a table."""

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.widgets.parts import plain_table, tag
from twin.bridge_view import BridgeView
from twin.model.fatigue import figure
from twin.model.statements import german_value
from twin.model.times import from_us


def fatigue_card(view: BridgeView, texts: Texts) -> list[Component]:
    """Miner sum of each detail with its origin, and what it misses; or why there is none."""
    if not view.fatigue:
        return [html.Span(texts("bridge.fatigue_unknown"))]
    found: list[Component] = []
    for item in view.fatigue:
        found.append(
            html.P([f"{item.detail}: {_figure(item.damage, texts)} ", tag(item.origin, texts)])
        )
        if not item.sees_crossings:
            found.append(html.P(texts("bridge.fatigue_slow")))
    said = dict.fromkeys(text for item in view.fatigue for text in item.assumptions)
    listed = html.Ul([html.Li(text) for text in said], lang="en")
    found.append(html.Details([html.Summary(texts("bridge.fatigue_assumptions")), listed]))
    return found


def fatigue_table(view: BridgeView, texts: Texts) -> list[Component]:
    """Closed and open Miner sum of each detail with rate and coverage; nothing without details."""
    if not view.fatigue:
        return []
    rows = [
        [
            item.detail,
            item.datastream,
            item.curve,
            _figure(item.closed_damage, texts),
            _figure(item.residue_damage, texts),
            _figure(item.traffic_damage, texts),
            _figure(item.rate_per_year, texts),
            f"{texts.number(100.0 * item.coverage, 1)} %",
            texts.time(from_us(item.first_us), has_date=True),
            texts.time(from_us(item.until_us), has_date=True),
        ]
        for item in view.fatigue
    ]
    names = ("detail", "stream", "curve", "closed", "open", "traffic", "rate", "coverage")
    head = [texts(f"bridge.fatigue_{key}") for key in (*names, "from", "until")]
    caption = texts("bridge.fatigue_caption")
    return [plain_table(caption, head, rows, numbers=[3, 4, 5, 6, 7])]


def _figure(damage: float | None, texts: Texts) -> str:
    text = figure(damage)
    return german_value(text) if texts.language == "de" else text
