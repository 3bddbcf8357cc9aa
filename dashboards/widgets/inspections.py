"""What inspectors found: grades over the years, due dates, damages, measures, attachments."""

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from dashboards.bridge_figures import Asked
from dashboards.i18n.translate import Texts
from dashboards.widgets.figures import drawing
from dashboards.widgets.parts import empty, plain_table, tag
from twin.bridge_view import BridgeView
from twin.model.asb import label
from twin.model.inspection import Damage, Inspection, Recommendation
from twin.model.records import InventoryRecord, StoredAttachment

SHOWN = ("image/jpeg", "image/png")
"""Media types that are shown as pictures; the server looks at the bytes again before it says so."""
MOST_SHOWN = 60
OPTIONAL = ("part", "cause", "inspection_kind", "place")
"""Columns that are left out where no row says anything in them."""
Cells = Sequence[Component | str]
THUMBNAIL_PX = 160
KILOBYTE = 1024
LAST_URGENCY = "9"


def inspections(
    view: BridgeView,
    attachments: Sequence[StoredAttachment],
    grades: Sequence[Asked],
    texts: Texts,
) -> list[Component]:
    """Everything in the order in which it is asked for; each part that is missing says so."""
    parts: list[Component] = (
        [
            html.Div(
                [
                    drawing(asked, texts("figure.grades", name=view.asset.name), texts)
                    for asked in grades
                ],
                className="charts",
            )
        ]
        if grades
        else []
    )
    tables = [*_due(view, texts), *_held(view, texts)]
    parts += tables or [empty(texts("bridge.no_inspections"))]
    parts += _damages(view, texts) or [empty(texts("bridge.no_damages"))]
    parts += _measures(view, texts) or [empty(texts("bridge.no_measures"))]
    return [*parts, *_attached(attachments, texts)]


def _due(view: BridgeView, texts: Texts) -> list[Component]:
    day = view.at.date()
    rows = [
        [
            " ".join([part, label("inspection_kind", item.kind, language=texts.language)]).strip(),
            str(item.due or item.year or texts("bridge.not_known")),
            texts("bridge.overdue") if item.is_overdue(day) else "",
            html.Span(item.source, lang="en", className="remark"),
        ]
        for part, item in view.due
    ]
    head = [texts(f"bridge.{key}") for key in ("inspection_kind", "due", "overdue_head", "source")]
    return [plain_table(texts("bridge.due_dates"), head, rows)] if rows else []


def _held(view: BridgeView, texts: Texts) -> list[Component]:
    rows = [
        [
            str(item.content.day or item.content.stated_year or "\u2013"),
            item.part,
            label("inspection_kind", item.content.kind, language=texts.language),
            _grade(item.content, texts),
            tag(item.provenance.kind, texts),
        ]
        for item in view.of_kind("inspection")
        if isinstance(item.content, Inspection)
    ]
    rows.sort(key=lambda row: str(row[0]), reverse=True)
    keys = ("year", "part", "inspection_kind", "grade", "origin")
    return _table(texts("bridge.timeline"), keys, rows, (), texts)


def _grade(inspection: Inspection, texts: Texts) -> str:
    condition = inspection.condition
    if condition is None:
        return ""
    if condition.grade is not None:
        return texts.number(condition.grade, 1)
    return label("grade_bands", condition.band, language=texts.language)


def _damages(view: BridgeView, texts: Texts) -> list[Component]:
    """Damages, the gravest first; a rating that is not recorded is a dash."""
    found: list[tuple[int, InventoryRecord, Damage]] = [
        (max((one for one in (item.content.s, item.content.v, item.content.d) if one is not None),
             default=-1), item, item.content)
        for item in view.of_kind("damage")
        if isinstance(item.content, Damage)
    ]  # fmt: skip
    found.sort(key=lambda one: -one[0])
    rows = [
        [
            damage.kind or damage.number,
            item.part,
            label("component_group", damage.group, language=texts.language),
            ", ".join(filter(None, [damage.place, damage.quantity])),
            *(texts.number(rating) for rating in (damage.s, damage.v, damage.d)),
            damage.cause,
            str(damage.found_on or damage.year or "\u2013"),
            tag(item.provenance.kind, texts),
        ]
        for _, item, damage in found
    ]
    keys = ("damage", "part", "group", "place", "s", "v", "d", "cause", "found", "origin")
    return _table(texts("bridge.damages"), keys, rows, ("s", "v", "d"), texts)


def _measures(view: BridgeView, texts: Texts) -> list[Component]:
    """Recommended measures, the most urgent first; those without an urgency stand last."""
    found = [
        (item, item.content)
        for item in view.of_kind("recommendation")
        if isinstance(item.content, Recommendation)
    ]
    found.sort(key=lambda one: (one[1].done_on is not None, one[1].urgency or LAST_URGENCY))
    rows = [
        [
            measure.kind or measure.number,
            item.part,
            label("urgency", measure.urgency, language=texts.language) or "\u2013",
            str(measure.due_on or "\u2013"),
            str(measure.done_on or "\u2013"),
            "\u2013" if measure.cost_eur is None else texts.with_unit(measure.cost_eur, "EUR"),
            tag(item.provenance.kind, texts),
        ]
        for item, measure in found
    ]
    keys = ("measure", "part", "urgency", "due", "done", "cost", "origin")
    return _table(texts("bridge.measures"), keys, rows, ("cost",), texts)


def _table(
    caption: str, keys: Sequence[str], rows: Sequence[Cells], numbers: Sequence[str], texts: Texts
) -> list[Component]:
    """Table without the columns of ``OPTIONAL`` in which nothing stands; none without rows."""
    if not rows:
        return []
    shown = [
        at for at, key in enumerate(keys) if key not in OPTIONAL or any(row[at] for row in rows)
    ]
    head = [texts(f"bridge.{keys[at]}") for at in shown]
    right = [place for place, at in enumerate(shown) if keys[at] in numbers]
    return [plain_table(caption, head, [[row[at] for at in shown] for row in rows], numbers=right)]


def _attached(attachments: Sequence[StoredAttachment], texts: Texts) -> list[Component]:
    if not attachments:
        return [empty(texts("bridge.no_attachments"))]
    items = [html.Li(_attachment(one, texts)) for one in attachments[-MOST_SHOWN:][::-1]]
    more = len(attachments) - len(items)
    found: list[Component] = [
        html.H3(texts("bridge.attachments", n=texts.number(len(attachments)))),
        html.Ul(items, className="attachments"),
    ]
    if more > 0:
        found.append(html.P(texts("bridge.attachments_more", n=texts.number(more))))
    return found


def _attachment(stored: StoredAttachment, texts: Texts) -> list[Component]:
    """A picture as a thumbnail, another file as a link; both by the hash of their bytes."""
    attachment, address = stored.attachment, f"/api/bridges/files/{stored.sha256}"
    size = f"{texts.number(max(1.0, stored.size_bytes / KILOBYTE))} KiB"
    words = html.Span(
        [f"{attachment.name} ({size}) ", tag(attachment.provenance.kind, texts)], className="name"
    )
    if attachment.media_type not in SHOWN:
        return [html.A(words, href=address)]
    picture = html.Img(
        src=address, alt="", width=str(THUMBNAIL_PX), height=str(THUMBNAIL_PX * 3 // 4)
    )
    return [html.A([picture, words], href=address)]
