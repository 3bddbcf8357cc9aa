"""What a person should clear up in the inventory: counts by kind, and the list itself."""

from collections import Counter
from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.widgets.parts import empty, plain_table
from twin.model.records import StoredWorkItem
from twin.model.tables import rows

MOST_SHOWN = 100
MOST_READ = 500


def work_section(found: Sequence[StoredWorkItem], texts: Texts) -> list[Component]:
    """Open work items of the inventory; the sentence that nothing is left if there are none.

    The sentences of the items are English in every language: they name columns and files.
    """
    heading = html.H2(texts("work.title"))
    if not found:
        return [heading, empty(texts("work.none"))]
    meanings = _meanings(texts.language)
    counts = Counter(stored.item.code for stored in found)
    summary = [[meanings[code], texts.number(count)] for code, count in counts.most_common()]
    body = [
        [
            meanings[stored.item.code],
            stored.item.source,
            "" if stored.item.row is None else texts.number(stored.item.row),
            html.Span(stored.item.detail, lang="en"),
            texts.time(stored.found_at, has_date=True),
        ]
        for stored in found[:MOST_SHOWN]
    ]
    head = [texts(f"work.{key}") for key in ("kind", "file", "row", "detail", "since")]
    number = texts.number(len(found))
    total = f"{number}+" if len(found) >= MOST_READ else number
    shown = texts("work.caption", n=texts.number(len(body)), total=total)
    return [
        heading,
        plain_table(
            texts("work.counts"), [texts("work.kind"), texts("work.count")], summary,
            numbers=[1], identity="work-counts",
        ),
        plain_table(shown, head, body, numbers=[2], identity="work-list"),
    ]  # fmt: skip


def _meanings(language: str) -> dict[str, str]:
    column = "german" if language == "de" else "english"
    return {row["key"]: row[column] for row in rows("data_problems")}
