"""What a person says of a finding: seen, judged, closed; of a broken wire confirmed or rejected."""

from collections.abc import Sequence
from itertools import pairwise

from dash import dcc, html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.widgets.parts import extra
from twin.model.acoustics import RULE
from twin.model.finding_steps import LONGEST_REASON, STAGES, StoredFinding

NEXT = dict(pairwise(STAGES))
"""The stage after each stage."""


def judging_form(stored: StoredFinding, texts: Texts) -> list[Component]:
    """Form with the next step of an open finding; ``findings.js`` sends it to the API."""
    if not stored.is_open:
        return []
    person, reason = f"person-{stored.id}", f"reason-{stored.id}"
    is_wire = stored.finding.rule == RULE and NEXT[stored.stage] != "closed"
    form = html.Div(
        [
            html.Label(texts("finding.your_role"), htmlFor=person),
            dcc.Input(id=person, type="text", maxLength=64, autoComplete="username"),
            html.Label(texts("finding.your_reason"), htmlFor=reason),
            dcc.Textarea(id=reason, maxLength=LONGEST_REASON),
            html.Div(_spaced(_buttons(stored, texts))),
            html.P(role="status", className="remark"),
            html.P(
                texts("finding.judge_note_wire" if is_wire else "finding.judge_note"),
                className="note",
            ),
        ],
        className="comments comment-form",
        **extra(
            data_judging=str(stored.id),
            data_sending=texts("finding.sending"),
            data_away=texts("finding.not_sent"),
        ),
    )
    return [html.Details([html.Summary(texts("finding.judge")), form], className="judging")]


def _buttons(stored: StoredFinding, texts: Texts) -> list[Component]:
    """The next step; a broken wire that nobody judged is confirmed or rejected."""
    following = NEXT[stored.stage]
    found: list[Component] = []
    if stored.finding.rule == RULE and following in ("seen", "judged"):
        way = "seen judged" if following == "seen" else "judged"
        found += [
            _button(texts(f"finding.act_{verdict}"), way, verdict)
            for verdict in ("confirmed", "rejected")
        ]
        if following == "judged":
            return found
    return [*found, _button(texts(f"finding.act_{following}"), following)]


def _button(label: str, move: str, verdict: str | None = None) -> Component:
    return html.Button(label, type="button", **extra(data_move=move, data_verdict=verdict))


def _spaced(buttons: Sequence[Component]) -> list[Component | str]:
    found: list[Component | str] = []
    for button in buttons:
        found += [button, " "]
    return found[:-1]
