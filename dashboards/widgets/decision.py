"""Decide what a run has examined: measures that are restrictions, and what was decided on them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from dash import Dash, Input, Output, State, ctx, dcc, html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.state import ViewState
from dashboards.view import CityView
from dashboards.widgets.parts import empty
from dashboards.widgets.scenario_controls import Control
from dashboards.widgets.tree import Tree
from twin.city import Twin
from twin.errors import DecisionError, ModelError, RegistryError, StoreUnavailableError
from twin.model.bridge import Restriction
from twin.model.decision_records import local_day
from twin.model.decisions import Decision
from twin.model.measure_orders import orders_in
from twin.model.order_words import restriction_text
from twin.model.scenarios import Run
from twin.publishing import order_for

Reader = Callable[[str | None], tuple[ViewState, Texts]]
CHOICE, PERSON, BEGIN, REASON = (
    f"decision-{name}" for name in ("choice", "person", "from", "reason")
)
DRAFT, DECIDE, STATUS, LIST = (f"decision-{name}" for name in ("draft", "decide", "status", "list"))


@dataclass(frozen=True, slots=True)
class Choice:
    """A restriction at an asset that a scenario contains."""

    asset_id: str
    name: str
    restriction: Restriction


def choices_of(run: Run, twin: Twin) -> Sequence[Choice]:
    """What of a run can be decided: its measures with a restriction, at assets of the city."""
    assets = {asset.id: asset.name for asset in twin.assets()}
    owners = {key: key for key in assets}
    owners |= {part.id: part.asset_id for part in twin.components() if part.asset_id in assets}
    return [
        Choice(owner, " ".join([assets[owner], *(f"({link})" for link in limit.links)]), limit)
        for owner, limit in orders_in(run.scenario.interventions, owners)
    ]


def decision_panel(run: Run, texts: Texts, twin: Twin) -> list[Component]:
    """Decisions that rest on a run, and a form for a new one."""
    parts: list[Component] = [
        html.H2(texts("decision.title")),
        Tree(id=LIST, tree=decision_list(twin.decisions.decisions(run_id=run.id), texts)),
    ]
    choices = choices_of(run, twin)
    if run.status != "done" or not choices:
        return [*parts, html.P(texts("decision.nothing"), className="note")]
    return [html.Div([*parts, _form(choices, texts, local_day(twin.now()))], className="comments")]


def _form(choices: Sequence[Choice], texts: Texts, day: date) -> Component:
    options = [
        Control(
            "option",
            f"{one.name}: {restriction_text(one.restriction, texts.language)}",
            value=number,
        )
        for number, one in enumerate(choices)
    ]
    select = Control("select", options, id=f"{CHOICE}-field", **{"data-store": CHOICE})
    begin = choices[0].restriction.valid_from or day
    return html.Div(
        [
            html.Label(texts("decision.choice"), htmlFor=f"{CHOICE}-field"),
            Tree(id=f"{CHOICE}-frame", tree=[select]),
            dcc.Store(id=CHOICE, data="0"),
            html.Label(texts("decision.from"), htmlFor=BEGIN),
            dcc.Input(id=BEGIN, type="text", value=begin.isoformat(), maxLength=10),
            html.Label(texts("decision.person"), htmlFor=PERSON),
            dcc.Input(id=PERSON, type="text", maxLength=100, autoComplete="name"),
            html.Label(texts("decision.reason"), htmlFor=REASON),
            dcc.Textarea(id=REASON, maxLength=4000),
            html.Div(
                [
                    html.Button(texts("decision.draft"), id=DRAFT, type="button"),
                    " ",
                    html.Button(texts("decision.decide"), id=DECIDE, type="button"),
                ]
            ),
            html.P(id=STATUS, role="status", className="remark"),
            html.P(texts("decision.note"), className="note"),
        ],
        className="comment-form",
    )


def decision_list(found: Sequence[Decision], texts: Texts) -> list[Component]:
    """Decisions with their state, signs and message."""
    if not found:
        return [empty(texts("decision.none"))]
    return [_decision(decision, texts) for decision in found]


def _decision(decision: Decision, texts: Texts) -> Component:
    order, newest = decision.order, decision.newest
    limit = order.restriction
    signs = f" ({', '.join(limit.signs)})" if limit.signs else ""
    said = texts(
        f"decision.state_{decision.state}",
        person=newest.person,
        at=texts.time(newest.at, has_date=True),
    )
    links: list[Component | str] = [
        html.A(texts("decision.document"), href=f"/api/measures/decisions/{decision.id}")
    ]
    if decision.state != "withdrawn" and limit.valid_from is not None:
        address = f"/api/measures/decisions/{decision.id}/message.xml"
        links += [", ", html.A(texts("decision.message"), href=address)]
    return html.Div(
        [
            html.P([html.Strong(f"{decision.id}. {order.name}"), f": {said}"]),
            html.P(f"{restriction_text(limit, texts.language)}{signs}"),
            html.P(links),
        ],
        className="comment",
        **{"data-id": f"decision-{decision.id}"},
    )


def register(app: Dash, view: CityView, read: Reader) -> None:
    """Callback that keeps a decision and shows all again; its permission is ``measure.edit``.

    ``read`` gives state and texts of an address.
    """

    @app.callback(
        Output(LIST, "tree"),
        Output(STATUS, "children"),
        Input(DRAFT, "n_clicks"),
        Input(DECIDE, "n_clicks"),
        State(CHOICE, "data"),
        State(BEGIN, "value"),
        State(PERSON, "value"),
        State(REASON, "value"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    def decide(
        _drafts: int | None,
        _decisions: int | None,
        choice: str | None,
        begin: str | None,
        person: str | None,
        reason: str | None,
        address: str | None,
    ) -> tuple[list[Component], object]:
        state, texts = read(address)
        number = state.run or 0
        is_draft = ctx.triggered_id == DRAFT
        try:
            said = _kept(
                view.twin,
                number,
                choice=choice or "",
                begin=begin or "",
                person=person or "",
                reason=reason or "",
                is_draft=is_draft,
            )
        except DecisionError as error:
            said = [texts("decision.refused"), html.Ul([html.Li(one) for one in error.problems])]
        except (RegistryError, ModelError, StoreUnavailableError):
            said = [texts("decision.lost")]
        else:
            said = [texts("decision.kept", n=said)]
        try:
            found = decision_list(view.twin.decisions.decisions(run_id=number), texts)
        except StoreUnavailableError:
            found = []
        return found, said


def _kept(
    twin: Twin, number: int, *, choice: str, begin: str, person: str, reason: str, is_draft: bool
) -> str:
    """Number of the decision that was kept."""
    run = twin.run(number)
    choices = choices_of(run, twin)
    if not choice.isascii() or not choice.isdigit() or int(choice) >= len(choices):
        raise DecisionError("choose one of the measures of this run")
    try:
        day = date.fromisoformat(begin.strip())
    except ValueError:
        raise DecisionError(f"valid_from: {begin[:20]!r} is no day such as 2026-12-01") from None
    chosen = choices[int(choice)]
    order = order_for(
        twin,
        chosen.asset_id,
        replace(chosen.restriction, valid_from=day),
        reason=reason.strip(),
        run_id=run.id,
    )
    return str(twin.decisions.decide(order, person=person, is_draft=is_draft).id)
