"""Whether the restrictions in force are kept, under the crossings that tell of it."""

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from twin.bridge_view import read_obedience
from twin.city import Twin
from twin.model.asb import label
from twin.model.findings import Phrase
from twin.model.obedience import RestrictionObedience
from twin.model.phrases import said


def obedience_lines(twin: Twin, asset_id: str, texts: Texts) -> list[Component]:
    """Each restriction with what is told of it; nothing where none is in force."""
    found = read_obedience(twin, asset_id)
    if not found:
        return []
    title = said(Phrase("obedience.title"), texts.language)
    items = [html.Li(_item(one, texts)) for one in found]
    return [html.Section([html.H3(title), html.Ul(items)], className="obedience")]


def _item(one: RestrictionObedience, texts: Texts) -> list[Component | str]:
    kind = label("restriction_kind", one.kind, language=texts.language)
    value = "" if one.value is None else f" {texts.with_unit(one.value, one.unit)}"
    part = f"{one.part}: " if one.part else ""
    told = " ".join(said(phrase, texts.language) for phrase in one.phrases)
    parts: list[Component | str] = [html.Strong(f"{part}{kind}{value}"), " ", told]
    if one.remarks:
        remarks = html.Ul([html.Li(said(remark, texts.language)) for remark in one.remarks])
        parts.append(html.Details([html.Summary(texts("structure.assumptions")), remarks]))
    return parts
