"""Numbers, marks and sentences that all parts of a result page write alike."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import NOTHING, Texts
from dashboards.joint_rows import mark_of
from dashboards.run_words import signed_text
from dashboards.widgets.parts import Children, extra
from twin.model.statements import in_language
from twin.model.tables import rows

KPI_DECIMALS: Mapping[str, int] = {"unserved": 1, "delay_h": 1, "travel_time_index": 3}
"""Decimals of numbers of the town that are not whole."""


@cache
def _words(column: str) -> Mapping[str, str]:
    tables = ("measure_words", "run_words", "vehicle_classes")
    return {row["key"]: row[column] for name in tables for row in rows(name)}


def word(key: str, texts: Texts, /, **values: object) -> str:
    """Word that the answers of the traffic model use everywhere; the key where there is none."""
    known = _words("german" if texts.language == "de" else "english")
    return known.get(key, key).strip().format(**values)


def said(statement: object, texts: Texts) -> str:
    """Sentence of a document, with a large first letter and a full stop."""
    text = in_language(statement, texts.language)
    ending = "" if text.endswith((".", "!", "?")) or not text else "."
    return f"{text[:1].upper()}{text[1:]}{ending}"


def sentence_list(statements: Sequence[object], texts: Texts) -> html.Ul:
    """Sentences as a list, each once."""
    told = dict.fromkeys(said(one, texts) for one in statements)
    return html.Ul([html.Li(text) for text in told])


def span(band: Mapping[str, Any] | None, decimals: int, texts: Texts, *, sign: bool = False) -> str:
    """Low and high of a band; a dash where none was computed."""
    if not band:
        return NOTHING
    ends = (band["low"], band["high"])
    shown = [signed_text(v, decimals, texts) if sign else texts.number(v, decimals) for v in ends]
    return f"{shown[0]} \u2026 {shown[1]}"


def changed(
    value: float | None,
    decimals: int,
    texts: Texts,
    *,
    is_significant: bool,
    has_band: bool = False,
) -> Component | str:
    """A change; one that does not count carries a mark and looks no different otherwise.

    The mark is ``~`` where it is not above the noise, and ``±`` where its band holds zero.
    """
    text = signed_text(value, decimals, texts)
    if value is None:
        return text
    if is_significant:
        return html.Strong(text)
    if round(value, decimals) == 0:
        return text
    sign = mark_of({"is_significant": False, "band": has_band})
    mark = html.Span(f"{sign}\u202f", **extra(aria_hidden="true"))
    told = texts("result.is_open" if has_band else "result.is_noise")
    note = html.Span(f" {told}", className="hidden")
    return html.Span([mark, text, note], className="noise")


def limit_text(item: Mapping[str, Any], texts: Texts) -> str:
    """Kind and extent of a restriction.

    Examples
    --------
    >>> limit_text({"kind": "no_passage", "value": None, "unit": ""}, Texts("en"))
    'no passage'
    """
    kind = word(f"kind.{item['kind']}", texts)
    value = item["value"]
    if value is None:
        return kind
    decimals = 0 if float(value) == round(float(value)) else 1
    return f"{kind} {texts.with_unit(float(value), item['unit'], decimals)}"


def table(
    caption: str,
    head: Sequence[str | Component],
    body: Sequence[Component],
    *,
    identity: str,
    numbers: Sequence[int] = (),
) -> html.Div:
    """Table with rows made elsewhere, in a frame that scrolls by itself."""
    heads = [
        one
        if isinstance(one, html.Th)
        else html.Th(one, scope="col", className="number" if at in numbers else "")
        for at, one in enumerate(head)
    ]
    content = html.Table([html.Caption(caption), html.Thead(html.Tr(heads)), html.Tbody(body)])
    named = extra(aria_label=caption, data_id=identity)
    return html.Div(content, className="scroll", tabIndex=0, role="region", **named)


def folded(title: str, content: Children, *, is_open: bool = False) -> html.Details:
    """Part of a page that opens on demand."""
    return html.Details([html.Summary(title), *content], open=is_open, className="folded")
