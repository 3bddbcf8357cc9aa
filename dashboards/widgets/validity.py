"""What is written beside numbers whose model is not valid now, or could not be checked."""

from collections.abc import Iterable

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from twin.bridge_view import BridgeView
from twin.model.findings import Phrase
from twin.model.phrases import said
from twin.model.reality import Check, Validity, validity_of, validity_words
from twin.model.times import from_us

SIGNS = {"valid": "bridge.valid", "not_valid": "bridge.not_valid"}


def notices(view: BridgeView, section: str, texts: Texts) -> list[Component]:
    """Why numbers of a section of the page are not valid now, or not checked; each reason once."""
    told: dict[str, str] = {}
    for name in _names(view, section):
        found = validity_of(name, view.checks)
        for phrase in found.reasons:
            told[_since(said(phrase, texts.language), found, texts)] = found.verdict or ""
    return [
        html.P(html.Strong(words) if verdict == "not_valid" else words, className="note validity")
        for words, verdict in told.items()
    ]


def verdict_cell(check: Check, texts: Texts) -> Component | str:
    """Verdict of a check, with what is odd about it or why it was not made."""
    key = SIGNS.get(check.verdict)
    shown = said(Phrase("label.not_checked"), texts.language) if key is None else texts(key)
    if check.reasons:
        reasons = "; ".join(said(phrase, texts.language) for phrase in check.reasons)
        return html.Span([f"{shown}: ", html.Span(reasons, className="remark")])
    if check.remark:
        return f"{shown}; {said(Phrase(f'label.{check.remark}'), texts.language)}"
    return shown


def beside(view: BridgeView, name: str, texts: Texts) -> str:
    """What to write beside one number; empty if nothing is wrong."""
    return validity_words(name, view.checks, language=texts.language)


def _since(words: str, found: Validity, texts: Texts) -> str:
    if found.since_us is None:
        return words
    time = texts.time(from_us(found.since_us), has_date=True)
    return texts("bridge.valid_since", words=words, time=time)


def _names(view: BridgeView, section: str) -> Iterable[str]:
    """Names of what a section shows."""
    if section == "model":
        return [f"structure.{item.part}" if item.part else "structure" for item in view.structure]
    if section == "trend":
        return [item.uid for item in view.derived]
    if section == "findings":
        return [
            f"bearing.{item.finding.key}"
            for item in view.findings
            if item.is_open and item.finding.rule == "bearing_locked"
        ]
    return {"fatigue": ["fatigue.traffic"], "crossings": ["crossings"]}.get(section, [])
