"""Comments on a result: what people wrote, and a place to add one; they are never changed."""

from collections.abc import Callable, Sequence

from dash import Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.state import ViewState
from dashboards.view import CityView
from dashboards.widgets.parts import empty
from dashboards.widgets.tree import Tree
from twin.errors import DecisionError, RegistryError, StoreUnavailableError
from twin.model.decisions import RunComment

Read = Callable[[str | None], tuple[ViewState, Texts]]
"""State and texts of an address."""
AUTHOR, TEXT, SEND = "comment-author", "comment-text", "comment-send"


def comment_section(found: Sequence[RunComment], texts: Texts) -> list[Component]:
    """Comments, the oldest first, and the form of a new one."""
    return [
        html.H2(texts("result.comments")),
        html.Div(
            [
                Tree(id="comment-list", tree=comment_list(found, texts)),
                html.Div(
                    [
                        html.Label(texts("result.comment_author"), htmlFor=AUTHOR),
                        dcc.Input(id=AUTHOR, type="text", maxLength=100, autoComplete="name"),
                        html.Label(texts("result.comment_text"), htmlFor=TEXT),
                        dcc.Textarea(id=TEXT, maxLength=4000),
                        html.Button(texts("result.comment_send"), id=SEND, type="button"),
                        html.P(id="comment-status", role="status", className="remark"),
                        html.P(texts("result.comment_note"), className="note"),
                    ],
                    className="comment-form",
                ),
            ],
            className="comments",
        ),
    ]


def comment_list(found: Sequence[RunComment], texts: Texts) -> list[Component]:
    """Comments with author and time."""
    if not found:
        return [empty(texts("result.comments_none"))]
    return [
        html.Div(
            [
                html.P([html.Strong(one.author), f", {texts.time(one.at, has_date=True)}"]),
                *(html.P(line) for line in one.text.splitlines() if line.strip()),
            ],
            className="comment",
            **{"data-id": f"comment-{one.id}"},
        )
        for one in found
    ]


def register(app: Dash, view: CityView, read: Read) -> None:
    """Callback that keeps a comment and shows all again."""

    @app.callback(
        Output("comment-list", "tree"),
        Output(TEXT, "value"),
        Output("comment-status", "children"),
        Input(SEND, "n_clicks"),
        State(AUTHOR, "value"),
        State(TEXT, "value"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    def send(
        _clicks: int | None, author: str | None, text: str | None, address: str | None
    ) -> tuple[list[Component], str, str]:
        state, texts = read(address)
        number = state.run or 0
        shelf = view.twin.decisions
        said, left = texts("result.comment_kept"), ""
        try:
            shelf.comment(number, author or "", text or "")
        except DecisionError:
            said, left = texts("result.comment_refused"), text or ""
        except (RegistryError, StoreUnavailableError):
            said, left = texts("result.comment_lost"), text or ""
        return _all(view, number, texts), left, said


def _all(view: CityView, number: int, texts: Texts) -> list[Component]:
    try:
        return comment_list(view.twin.decisions.comments(number), texts)
    except (RegistryError, StoreUnavailableError):
        return []
