"""Head and list of a scenario: base, name, measures as sentences with what can be done; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.widgets.parts import empty, tag
from dashboards.widgets.scenario_controls import (
    Control,
    act,
    option,
    problem_line,
    select_control,
    text_control,
)
from dashboards.widgets.scenario_controls import field as labelled
from dashboards.widgets.scenario_draft import LONGEST_NAME, Draft
from dashboards.widgets.scenario_problems import Problem
from twin.model.bases import StoredBase


@dataclass(frozen=True, slots=True)
class Bases:
    """Stored bases and what live counts say of the chosen one."""

    stored: Sequence[StoredBase]
    chosen: StoredBase | None
    validity: Mapping[str, Any] = field(default_factory=dict)


def head(draft: Draft, bases: Bases, problems: Sequence[Problem], texts: Texts) -> list[Component]:
    """Name and base of the question."""
    if not bases.stored:
        return [_no_base(texts)]
    identity = str(draft.epoch)
    found = [one for one in problems if one.number == 0]
    of_name = [one for one in found if one.field == "name"]
    of_at = [one for one in found if one.field == "at"]
    names = [base.facts.name for base in bases.stored]
    known = names if draft.now.base in names else [draft.now.base, *names]
    name = text_control(
        "name", draft.name, identity=identity, problems=of_name, longest=LONGEST_NAME, has_hint=True
    )
    base = select_control(
        "base", draft.now.base, [option(key, key) for key in known], identity=identity
    )
    at = text_control(
        "at", draft.now.at, identity=identity, kind="datetime-local", problems=of_at, has_hint=True
    )
    return [
        html.Div(
            [
                labelled(
                    "name",
                    texts("scenario.name"),
                    name,
                    texts=texts,
                    hint=texts("scenario.name_hint"),
                    problems=of_name,
                ),
                labelled("base", texts("scenario.base"), base, texts=texts),
            ],
            className="field-row",
        ),
        *_about(bases, draft, texts),
        html.Details(
            [
                html.Summary(texts("scenario.time")),
                labelled(
                    "at",
                    texts("scenario.at"),
                    at,
                    texts=texts,
                    hint=texts("scenario.at_hint", zone=texts.timezone),
                    problems=of_at,
                ),
            ],
            open=bool(draft.now.at) or None,
            **{"data-id": f"time-{identity}"},
        ),
    ]


def _no_base(texts: Texts) -> html.Div:
    return html.Div(
        [
            html.P(texts("scenario.no_base")),
            html.P([texts("scenario.no_base_how"), " ", html.Code(texts("scenario.no_base_do"))]),
        ],
        className="empty",
    )


def _about(bases: Bases, draft: Draft, texts: Texts) -> list[Component]:
    """Version, date, origin and whether live counts confirm the base."""
    base = bases.chosen
    if base is None:
        return [html.P(texts("scenario.base_gone", name=draft.now.base), className="problem")]
    made = texts(
        "scenario.base_facts",
        version=texts.number(base.version),
        time=texts.time(base.made_at, has_date=True),
        engine=f"{base.facts.engine} {base.facts.engine_version}",
    )
    found: list[Component] = [
        html.P([made, " ", tag(base.facts.provenance.kind, texts)], className="note")
    ]
    status = bases.validity.get("status", "not_watched")
    reasons = [str(one.get(texts.language, "")) for one in bases.validity.get("reasons", ())]
    said = [texts(f"scenario_validity.{status}"), "; ".join(reasons)]
    is_bad = status == "not_valid_now"
    found.append(
        html.P(" ".join(filter(None, said)), className="warning-note" if is_bad else "note")
    )
    return found


def measures(
    draft: Draft, sentences: Sequence[str], problems: Sequence[Problem], texts: Texts
) -> list[Component]:
    """The measures in order, or what to do first."""
    count = len(draft.items)
    rows = [
        _measure(
            at,
            item.uid,
            sentences[at - 1],
            count=count,
            problems=problems,
            texts=texts,
            is_open=_is_open(draft, item.uid),
        )
        for at, item in enumerate(draft.items, 1)
    ]
    listed = html.Ol(rows, className="measures") if rows else empty(texts("scenario.no_measure"))
    tools = [
        act(texts("scenario.add"), "new", id="measure-add", className="primary"),
        act(texts("scenario.undo"), "undo", id="undo", is_possible=bool(draft.past)),
        act(texts("scenario.redo"), "redo", id="redo", is_possible=bool(draft.future)),
        act(
            texts("scenario.clear"),
            "clear",
            id="clear",
            is_possible=bool(draft.items or draft.name or draft.opened),
        ),
    ]
    return [listed, html.Div(tools, className="actions")]


def _is_open(draft: Draft, uid: int) -> bool:
    return draft.opened is not None and draft.opened.uid == uid


def _measure(
    at: int,
    uid: int,
    sentence: str,
    *,
    count: int,
    problems: Sequence[Problem],
    texts: Texts,
    is_open: bool,
) -> html.Li:
    found = [one for one in problems if one.number == at]
    lines = [problem_line(one) for one in found]
    buttons = [
        act(
            texts(f"scenario_do.{do}"),
            do,
            uid,
            id=f"{do}-{uid}",
            is_possible=is_possible,
            **{"aria-label": texts(f"scenario_do.{do}_n", n=at)},
        )
        for do, is_possible in (
            ("edit", True),
            ("up", at > 1),
            ("down", at < count),
            ("remove", True),
        )
    ]
    return html.Li(
        [
            html.Span(sentence, className="sentence"),
            *lines,
            html.Div(buttons, className="actions small"),
        ],
        className="measure open" if is_open else "measure",
        **{"data-id": f"measure-{uid}"},
    )


def exchange(draft: Draft, texts: Texts) -> list[Component]:
    """Export and import of the scenario as a file."""
    chosen = Control(
        "input",
        id="import-file",
        type="file",
        accept=".json,application/json",
        **{"data-id": "import-file"},
    )
    return [
        act(texts("scenario.export"), "export", id="export", is_possible=bool(draft.items)),
        html.Div(
            [html.Label(texts("scenario.import"), htmlFor="import-file"), chosen],
            className="import",
        ),
    ]
