"""Small parts that many widgets use."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from twin.model.provenance import Provenance

Children = Sequence[Component | str]
TRANSLATED = "translated for this project"
"""Remark of attributes that repeat another one in a second language."""


def extra(**attributes: str | None) -> dict[str, Any]:
    """Attributes with hyphens in their names, ready for a component; None leaves one out.

    Examples
    --------
    >>> extra(aria_label="Map", aria_current=None)
    {'aria-label': 'Map'}
    """
    return {key.replace("_", "-"): value for key, value in attributes.items() if value is not None}


def change(**keys: str | Sequence[str]) -> str:
    """Change of the address: each key gets a new value, several values, or none if it is empty.

    Examples
    --------
    >>> change(tab="roads", page="")
    'tab=roads&page='
    """
    return urlencode(keys, doseq=True, quote_via=quote)


def go(
    label: Children | str | Component,
    change_of_address: str,
    *,
    is_pressed: bool | None = None,
    fly_to: tuple[float, float] | None = None,
    **properties: Any,  # noqa: ANN401 - passed on to the component
) -> html.Button:
    """Button that changes the address, and with it the view; the script of the page does it."""
    extra: dict[str, Any] = {"data-set": change_of_address, **properties}
    if is_pressed is not None:
        extra["aria-pressed"] = "true" if is_pressed else "false"
    if fly_to is not None:
        extra["data-fly"] = f"{fly_to[0]:.6f},{fly_to[1]:.6f}"
    return html.Button(label, type="button", **extra)


def tag(kind: str, texts: Texts) -> html.Span:
    """Provenance as a word: measured, derived, simulated, estimated, sourced."""
    return html.Span(texts(f"provenance.{kind}"), className=f"tag tag-{kind}")


def origin(provenance: Provenance, texts: Texts) -> Component:
    """Provenance with its remark and the numbers of its references.

    Remarks are English in every city folder; that a value was translated is not worth one.
    """
    parts: list[Component | str] = [tag(provenance.kind, texts)]
    for reference in provenance.references:
        parts += [" ", html.A(f"[{reference}]", href=f"#ref-{reference}", className="ref")]
    if provenance.by and provenance.by != TRANSLATED:
        parts.append(html.Span(f" {provenance.by}", className="remark", lang="en"))
    return html.Span(parts)


def definition(pairs: Mapping[str, Children | str]) -> html.Dl:
    """Terms and what they are."""
    items: list[Component] = []
    for term, value in pairs.items():
        items += [html.Dt(term), html.Dd(value)]
    return html.Dl(items)


def empty(text: str) -> html.P:
    """What is said instead of an empty list."""
    return html.P(text, className="empty")


def plain_table(
    caption: str,
    head: Sequence[str],
    rows: Sequence[Sequence[Children | str | Component]],
    *,
    numbers: Sequence[int] = (),
    identity: str | None = None,
) -> html.Div:
    """Table without sorting in a frame that scrolls by itself where the page is narrow."""
    body = [
        html.Tr(
            [
                html.Th(cell, scope="row")
                if at == 0
                else html.Td(cell, className="number" if at in numbers else "")
                for at, cell in enumerate(row)
            ]
        )
        for row in rows
    ]
    heads = [
        html.Th(text, scope="col", className="number" if at in numbers else "")
        for at, text in enumerate(head)
    ]
    table = html.Table([html.Caption(caption), html.Thead(html.Tr(heads)), html.Tbody(body)])
    return html.Div(
        table,
        className="scroll",
        tabIndex=0,
        role="region",
        **extra(aria_label=caption, id=identity),
    )
