"""Consumed fatigue of a bridge: card, table, stress ranges, projected year, gravest vehicles."""

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from dashboards.bridge_figures import Asked
from dashboards.i18n.translate import Texts
from dashboards.widgets.figures import drawing
from dashboards.widgets.parts import plain_table, tag
from twin.bridge_view import BridgeView
from twin.model.fatigue import DetailFatigue, figure
from twin.model.findings import Phrase
from twin.model.phrases import said
from twin.model.statements import german_value
from twin.model.times import from_us

FARTHEST = 500
"""Years beyond which a projection says nothing."""


def fatigue_card(view: BridgeView, texts: Texts) -> list[Component]:
    """Miner sum of each detail with its origin, and what it misses; or why there is none."""
    if not view.fatigue:
        return [html.Span(texts("bridge.fatigue_unknown"))]
    found: list[Component] = []
    for item in view.fatigue:
        found.append(
            html.P([f"{item.detail}: {_figure(item.damage, texts)} ", tag(item.origin, texts)])
        )
        found += _remarks(item, texts)
        if not item.sees_crossings:
            found.append(html.P(texts("bridge.fatigue_slow")))
    assumed = dict.fromkeys(text for item in view.fatigue for text in item.assumptions)
    listed = html.Ul([html.Li(text) for text in assumed], lang="en")
    found.append(html.Details([html.Summary(texts("bridge.fatigue_assumptions")), listed]))
    return found


def fatigue_section(view: BridgeView, drawn: Sequence[Asked], texts: Texts) -> list[Component]:
    """Miner sum, rate and projection of each detail, its stress ranges, the gravest vehicles.

    Empty without a recorded detail; the card says so.
    """
    if not view.fatigue:
        return []
    details = {item.detail: item for item in view.fatigue}
    charts = [
        drawing(asked, _caption(details[asked.of], texts), texts, tag("derived", texts))
        for asked in drawn
    ]
    parts: list[Component] = [_table(view.fatigue, texts)]
    for item in view.fatigue:
        parts += _remarks(item, texts)
    reasons = dict.fromkeys(item.rate_reason for item in view.fatigue if item.rate_reason)
    for reason in reasons:
        words = [texts("bridge.fatigue_no_rate"), " ", html.Span(reason, lang="en")]
        parts.append(html.P(words, className="note"))
    if charts:
        parts.append(html.Div(charts, className="charts"))
    weighed = [item for item in view.fatigue if item.vehicles]
    parts += [_vehicles(item, texts) for item in weighed]
    if not weighed:
        parts.append(html.P(texts("bridge.fatigue_no_vehicles"), className="note"))
    return parts


def _remarks(item: DetailFatigue, texts: Texts) -> list[Component]:
    """What has to be read beside a Miner sum, such as a gauge without a calibration."""
    return [
        html.P(f"{item.detail}: {said(remark, texts.language)}", className="note")
        for remark in item.remarks
    ]


def _caption(item: DetailFatigue, texts: Texts) -> str:
    since, until = (texts.time(from_us(at), has_date=True) for at in (item.first_us, item.until_us))
    return texts("figure.histogram", detail=item.detail, since=since, until=until)


def _table(details: Sequence[DetailFatigue], texts: Texts) -> Component:
    rows = [
        [
            item.detail,
            tag(item.origin, texts),
            item.datastream,
            item.curve,
            _figure(item.closed_damage, texts),
            _figure(item.residue_damage, texts),
            _figure(item.traffic_damage, texts),
            _figure(item.rate_per_year, texts),
            projected(item),
            f"{texts.number(100.0 * item.coverage, 1)} %",
            texts.time(from_us(item.first_us), has_date=True),
            texts.time(from_us(item.until_us), has_date=True),
        ]
        for item in details
    ]
    names = ("detail", "origin", "stream", "curve", "closed", "open", "traffic", "rate")
    keys = (*names, "projected", "coverage", "from", "until")
    head = [texts("bridge.origin" if key == "origin" else f"bridge.fatigue_{key}") for key in keys]
    return plain_table(texts("bridge.fatigue_caption"), head, rows, numbers=[4, 5, 6, 7, 8, 9])


def projected(item: DetailFatigue) -> str:
    """Year in which the Miner sum reaches 1 at the mean rate, with its 95 % band.

    What lies beyond ``FARTHEST`` years is no year but a bound.
    """
    if item.years is None or item.low_years is None or item.high_years is None:
        return "\u2013"
    now = from_us(item.until_us).year

    def year(years: float) -> str:
        return f"> {now + FARTHEST}" if years > FARTHEST else f"{now + years:.0f}"

    if item.low_years > FARTHEST:
        return year(item.low_years)
    return f"{year(item.years)} ({year(item.low_years)}\u2026{year(item.high_years)})"


def _vehicles(item: DetailFatigue, texts: Texts) -> Component:
    rows = [
        [
            texts.time(from_us(one.at_us), has_date=True),
            said(Phrase(f"axleclass.{one.vehicle_class}"), texts.language),
            texts.with_unit(one.gross_t, "t", 1),
            texts.with_unit(one.range_mpa, "N/mm\u00b2", 1),
            _figure(one.damage, texts),
            f"{texts.number(100.0 * one.share, 1)} %",
        ]
        for one in item.vehicles
    ]
    keys = ("when", "vehicle", "gross", "range", "damage_of_one", "share")
    head = [texts(f"bridge.{key}") for key in keys]
    caption = texts("bridge.fatigue_vehicles", detail=item.detail)
    return plain_table(caption, head, rows, numbers=[2, 3, 4, 5])


def _figure(damage: float | None, texts: Texts) -> str:
    text = figure(damage)
    return german_value(text) if texts.language == "de" else text
