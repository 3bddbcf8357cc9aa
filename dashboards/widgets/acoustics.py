"""Acoustic emission of a bridge: breaks per section, candidates with who judged them, events."""

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.widgets.parts import plain_table
from twin.bridge_view import BridgeView
from twin.model.acoustics import RULE, VERDICTS, told, verdict_of
from twin.model.finding_steps import StoredFinding
from twin.model.findings import Phrase
from twin.model.monitoring import BridgeEvent
from twin.model.phrases import said

MOST_EVENTS = 30


def acoustics_lines(view: BridgeView, texts: Texts) -> list[Component]:
    """Breaks of each section with their uptime, candidates, and the last located events.

    Nothing where no sensor listens.
    """
    if not view.acoustics:
        return []
    lines = [html.Li(words) for row in view.acoustics for words in told(row, texts.language)]
    title = said(Phrase("analysis.acoustics"), texts.language)
    parts = [html.H3(title), html.Ul(lines), *_candidates(view, texts), *_events(view, texts)]
    return [html.Section(parts, className="acoustics")]


def _candidates(view: BridgeView, texts: Texts) -> list[Component]:
    """Every candidate with its verdict: who, when, why."""
    found = [stored for stored in view.findings if stored.finding.rule == RULE]
    if not found:
        return []
    head = [
        texts(f"acoustics.{key}")
        for key in ("finding", "heard", "section", "verdict", "person", "when", "reason")
    ]
    rows = [_candidate(stored, texts) for stored in found]
    return [plain_table(texts("acoustics.candidates"), head, rows)]


def _candidate(stored: StoredFinding, texts: Texts) -> list[Component | str]:
    section, _, _ = stored.finding.key.rpartition("@")
    number: Component | str = str(stored.id)
    if stored.is_open:
        number = html.A(str(stored.id), href=f"#finding-{stored.id}")
    shown = [number, texts.time(stored.finding.at, has_date=True), section]
    step = next((one for one in reversed(stored.steps) if one.stage == "judged"), None)
    verdict = verdict_of(stored)
    if step is None:
        return [*shown, texts("acoustics.open"), "", "", ""]
    word, _, rest = step.reason.partition(":")
    reason = rest.strip() if word.strip() in VERDICTS else step.reason
    named = texts(f"acoustics.{verdict or 'open'}")
    return [*shown, named, step.person, texts.time(step.at, has_date=True), reason]


def _events(view: BridgeView, texts: Texts) -> list[Component]:
    """The newest events that were strong on some sensor, wherever they came from."""
    events = [item for item in view.events if item.kind == "ae_hit"]
    if not events:
        return []
    head = [
        texts(f"acoustics.{key}")
        for key in ("heard", "judgement", "section", "station", "sensors", "amplitude", "energy")
    ]
    rows = [_event(event, texts) for event in events[:MOST_EVENTS]]
    count = texts.number(len(events))
    table = plain_table(
        texts("acoustics.events", shown=texts.number(len(rows)), count=count),
        head,
        rows,
        numbers=[3, 4, 5, 6],
    )
    return [html.Details([html.Summary(texts("acoustics.events_of", count=count)), table])]


def _event(event: BridgeEvent, texts: Texts) -> list[Component | str]:
    figures, words = event.figures, event.words
    return [
        texts.time(event.at, has_date=True),
        texts(f"acoustics.is_{words.get('judgement', 'not_located')}"),
        words.get("section", ""),
        texts.with_unit(figures.get("x_m"), "m", 1),
        texts.number(figures.get("sensors")),
        texts.with_unit(figures.get("amplitude_db"), "dB[uV]", 0),
        texts.with_unit(figures.get("energy_aj"), "aJ", 0),
    ]
