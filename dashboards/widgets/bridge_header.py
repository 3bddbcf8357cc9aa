"""Head of the page of a bridge: what it is, four quantities side by side, what is in force."""

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.widgets.fatigue import fatigue_card
from dashboards.widgets.parts import definition, tag
from twin.bridge_view import BridgeView
from twin.model.asb import fields_of, label
from twin.model.bridge import PartStructure, Restriction, Structure
from twin.model.findings import MonitoringState, Phrase
from twin.model.inspection import Inspection
from twin.model.phrases import said


def state_tag(state: MonitoringState, texts: Texts) -> html.Span:
    """State of the monitoring as a word."""
    key = state.name.lower()
    return html.Span(texts(f"monitoring_state.{key}"), className=f"tag monitoring-{key}")


def header(view: BridgeView, texts: Texts) -> list[Component]:
    """Facts, the four quantities and never one number, restrictions, and what is not seen."""
    cards = [
        ("condition", conditions(view, texts)),
        ("load", _loads(view, texts)),
        ("monitoring", [state_tag(view.monitoring, texts), *_analyses(view, texts)]),
        ("fatigue", fatigue_card(view, texts)),
    ]
    items = [
        html.Li([html.H2(texts(f"bridge.card_{key}")), *content, _note(key, texts)])
        for key, content in cards
    ]
    facts = html.Div(definition(_facts(view, texts)), className="bridge-facts")
    return [facts, html.Ul(items, className="cards"), definition(_in_force(view, texts))]


def _facts(view: BridgeView, texts: Texts) -> dict[str, str]:
    """Bauwerksnummer, part structures, year, system, load level, road; what is not recorded."""
    structures = [
        item.record.content for item in view.records if isinstance(item.record.content, Structure)
    ]
    parts = [item.content for item in view.parts if isinstance(item.content, PartStructure)]
    numbers = [one.number for one in structures] or [part.number for part in parts]
    years = [str(part.year_built) for part in parts if part.year_built]
    levels = [
        label("target_load_level", part.target_load_level, language=texts.language)
        for part in parts
        if part.target_load_level
    ]
    found = {
        "asset_number": _joined(numbers) or view.asset.id,
        "parts": _joined([part.part for part in parts]),
        "year_built": _joined(years) or _attribute(view, texts, "construction_year"),
        "system": _attribute(view, texts, "structural_system")
        or _joined([_system(part, texts) for part in parts]),
        "load_level": _joined(levels),
        "road": _attribute(view, texts, "road"),
        "last_inspection": _last_inspection(view),
        "next_inspection": _next_inspection(view, texts),
    }
    missing = texts("bridge.none_recorded")
    return {texts(f"bridge.{key}"): words or missing for key, words in found.items()}


def _joined(found: list[str]) -> str:
    return ", ".join(dict.fromkeys(filter(None, found)))


def _attribute(view: BridgeView, texts: Texts, name: str) -> str:
    own = "_de" if texts.language == "de" else ""
    found = view.asset.attribute(name + own) or view.asset.attribute(name)
    return "" if found is None else str(found.value)


def _system(part: PartStructure, texts: Texts) -> str:
    table = fields_of("part_structure")["static_system"].keys
    return label(table, part.static_system, language=texts.language) if part.static_system else ""


def _last_inspection(view: BridgeView) -> str:
    days = [
        (item.content.stated_year or 0, str(item.content.day or item.content.stated_year))
        for item in view.of_kind("inspection")
        if isinstance(item.content, Inspection) and item.content.stated_year
    ]
    return max(days, default=(0, ""))[1]


def _next_inspection(view: BridgeView, texts: Texts) -> str:
    day = view.at.date()
    found = [
        (
            str(item.due or item.year),
            label("inspection_kind", item.kind, language=texts.language),
            f"({texts('bridge.overdue')})" if item.is_overdue(day) else "",
        )
        for _, item in view.due
        if item.due or item.year
    ]
    return " ".join(min(found)).strip() if found else ""


def _in_force(view: BridgeView, texts: Texts) -> dict[str, str]:
    restrictions = [restriction(item.content, texts) for item in view.restrictions]
    blind = ", ".join(said(Phrase(f"blind.{key}"), texts.language) for key in view.blind)
    return {
        texts("bridge.restrictions"): "; ".join(restrictions) or texts("bridge.none_recorded"),
        texts("bridge.blind"): blind,
    }


def _note(key: str, texts: Texts) -> html.P:
    return html.P(texts(f"bridge.card_{key}_note"), className="note")


def conditions(view: BridgeView, texts: Texts) -> list[Component]:
    """Newest grade or band of each part structure, with its year and origin."""
    found: list[Component] = []
    for item in view.conditions:
        words = condition(item.content, texts)
        if words:
            part = f"{item.part}: " if item.part else ""
            found.append(html.P([f"{part}{words} ", tag(item.provenance.kind, texts)]))
    return found or [html.P(texts("bridge.none_recorded"))]


def condition(content: object, texts: Texts) -> str:
    """Grade or band of an inspection with its year; empty if it states none."""
    if not isinstance(content, Inspection) or content.condition is None:
        return ""
    stated = content.condition
    grade = texts.number(stated.grade, 1) if stated.grade else ""
    band = label("grade_bands", stated.band, language=texts.language)
    year = "" if content.stated_year is None else f", {content.stated_year}"
    return f"{grade or band}{year}"


def _loads(view: BridgeView, texts: Texts) -> list[Component]:
    found: list[Component] = []
    for item in view.parts:
        part = item.content
        if isinstance(part, PartStructure) and part.load_index:
            index = label("load_index", part.load_index, language=texts.language)
            target = label("target_load_level", part.target_load_level, language=texts.language)
            found.append(html.P([f"{index} / {target} ", tag(item.provenance.kind, texts)]))
    return found or [html.P(texts("bridge.none_recorded"))]


def _analyses(view: BridgeView, texts: Texts) -> list[Component]:
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


def restriction(content: object, texts: Texts) -> str:
    """A restriction in words: kind, value, times, since when."""
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
