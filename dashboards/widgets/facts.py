"""Facts about an asset with where each of them comes from."""

import re
from collections.abc import Mapping

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts, catalogue
from dashboards.widgets.parts import origin
from twin.model.assets import Asset, Attribute
from twin.model.provenance import Reference

_COUNT_OF_YEAR = re.compile(r"adt_(\d{4})_veh_d")
LOCALISED = ("_de", "_en")
MOST_DECIMALS = 3
CHOICES = ("road_class", "zone_kind")
"""Attributes whose values are keys and have words in the catalogues."""


def facts(asset: Asset, texts: Texts) -> html.Div:
    """All attributes, each once in the language of the reader, with unit and provenance."""
    items: list[Component] = []
    for attribute in shown_attributes(asset, texts.language):
        items.append(html.Dt(attribute_name(attribute.name, texts)))
        value = html.Span(attribute_value(attribute, texts), className="fact")
        items.append(html.Dd([value, " ", origin(attribute.provenance, texts)]))
    label = {"aria-label": texts("drawer.facts", n=texts.number(len(asset.attributes)))}
    return html.Div(html.Dl(items), className="facts", role="region", tabIndex=0, **label)


def shown_attributes(asset: Asset, language: str) -> list[Attribute]:
    """Attributes without those that have a version in the reader's language, or in another one."""
    names = {attribute.name for attribute in asset.attributes}
    own = f"_{language}"
    shown: list[Attribute] = []
    for attribute in asset.attributes:
        base = attribute.name.removesuffix("_de").removesuffix("_en")
        is_localised = attribute.name.endswith(LOCALISED) and base in names
        has_own = f"{attribute.name}{own}" in names
        if (is_localised and not attribute.name.endswith(own)) or (not is_localised and has_own):
            continue
        shown.append(attribute)
    return shown


def attribute_name(name: str, texts: Texts) -> str:
    """Name of an attribute in words; a foreign one keeps its own name, made readable."""
    counted = _COUNT_OF_YEAR.fullmatch(name)
    if counted:
        return texts("attribute.adt", year=counted[1])
    for known in (name, name.removesuffix("_de").removesuffix("_en")):
        if f"attribute.{known}" in catalogue(texts.language):
            return texts(f"attribute.{known}")
    return name.replace("_", " ")


def attribute_value(attribute: Attribute, texts: Texts) -> str:
    """Value of an attribute with its unit."""
    if isinstance(attribute.value, str):
        if attribute.name in CHOICES:
            key = f"{attribute.name}.{attribute.value}"
            return texts(key) if key in catalogue(texts.language) else attribute.value
        return attribute.value
    plain = f"{attribute.value:.{MOST_DECIMALS}f}".rstrip("0").rstrip(".")
    decimals = len(plain.partition(".")[2])
    unit = "" if attribute.unit == "1" else attribute.unit
    if attribute.name == "condition_grade":
        decimals = 1
    return texts.with_unit(attribute.value, unit, decimals)


def references(asset: Asset, known: Mapping[str, Reference], texts: Texts) -> list[Component]:
    """The references that the facts of an asset cite, with licence."""
    cited: dict[str, None] = {}
    for attribute in asset.attributes:
        cited |= dict.fromkeys(attribute.provenance.references)
    cited |= dict.fromkeys(asset.geometry_provenance.references)
    found = [known[key] for key in cited if key in known]
    if not found:
        return []
    found.sort(key=_order)
    licences = sorted({item.licence for item in found if item.licence})
    items = [
        html.Li([f"[{item.id}] {item.title}", _licence(item, licences)], id=f"ref-{item.id}")
        for item in found
    ]
    note = f"{texts('drawer.licence')}: {licences[0]}" if len(licences) == 1 else ""
    summary = html.Summary(texts("drawer.references", n=texts.number(len(found))))
    listed = html.Ul(items, className="references")
    return [html.Details([summary, listed, html.P(note, className="note")])]


def _licence(item: Reference, licences: list[str]) -> str:
    """Licence of one reference, unless all have the same, which is said once."""
    return f" ({item.licence})" if item.licence and len(licences) > 1 else ""


def _order(item: Reference) -> tuple[int, str]:
    return (int(item.id), "") if item.id.isdigit() else (0, item.id)
