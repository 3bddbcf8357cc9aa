"""Gaps as a table: what never reached us, and what became of it."""

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import NOTHING, Texts
from dashboards.widgets.parts import empty, plain_table
from twin.model.gaps import Gap

MARKS = {"open": "bad", "lost": "bad", "filled": "good"}


def gap_section(gaps: Sequence[Gap], texts: Texts) -> list[Component]:
    """Gaps with their span, cause, size and state."""
    heading = html.H2(texts("operations.gaps"))
    if not gaps:
        return [heading, empty(texts("operations.no_gaps"))]
    head = [
        texts(f"gap.{key}")
        for key in ("source", "stream", "cause", "from", "to", "missing", "state")
    ]
    body = [
        [
            gap.source,
            gap.key or texts("gap.whole_source"),
            texts(f"gap_cause.{gap.cause}"),
            texts.time(gap.start, has_date=True),
            texts("gap.lasts") if gap.end is None else texts.time(gap.end, has_date=True),
            _missing(gap, texts),
            html.Span(texts(f"gap_state.{gap.state}"), className=MARKS[gap.state]),
        ]
        for gap in gaps
    ]
    caption = texts("operations.gaps_caption", n=texts.number(len(gaps)))
    return [heading, plain_table(caption, head, body, numbers=[5], identity="gaps")]


def _missing(gap: Gap, texts: Texts) -> str:
    if gap.missing is None:
        return NOTHING
    number = texts.number(gap.missing)
    return texts("gap.about", n=number) if gap.is_estimated else number
