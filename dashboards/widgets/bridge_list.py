"""All bridges, the worst first, with the reason why it is first."""

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.widgets.bridge_header import condition, restriction, state_tag
from dashboards.widgets.parts import plain_table
from twin.bridge_view import BridgeSummary
from twin.model.inspection import Inspection
from twin.model.tables import rows

KEYS = ("name", "number", "monitoring", "open_findings", "condition", "in_force", "next_due")


def bridge_list(found: Sequence[BridgeSummary], texts: Texts) -> list[Component]:
    """Which bridge is worst and by what order, and the table in that order."""
    ordered = worst_first(found)
    head = [texts(f"bridge.list_{key}") for key in KEYS]
    table = plain_table(
        texts("bridge.list_caption"), head, [_row(one, texts) for one in ordered], numbers=[3]
    )
    return [*(_worst(one, texts) for one in ordered[:1]), table]


def worst_first(found: Sequence[BridgeSummary]) -> list[BridgeSummary]:
    """Bridges by monitoring state, open findings and the worst stated grade; then by name.

    The quantities are never mixed: the next one decides only between equals.
    """
    return sorted(
        found,
        key=lambda one: (-one.monitoring, -one.open_findings, -worst_grade(one), one.asset.name),
    )


def worst_grade(one: BridgeSummary) -> float:
    """Worst grade of the parts, of a band its lower end; 0 where none is stated."""
    return max((_grade(item.content) for item in one.conditions), default=0.0)


def _grade(content: object) -> float:
    if not isinstance(content, Inspection) or content.condition is None:
        return 0.0
    if content.condition.grade is not None:
        return float(content.condition.grade)
    lows = {row["key"]: float(row["lower"]) for row in rows("grade_bands")}
    return lows.get(content.condition.band, 0.0)


def _worst(one: BridgeSummary, texts: Texts) -> html.P:
    """The first bridge of the list and what made it first."""
    reasons = [state_tag(one.monitoring, texts)]
    findings = texts("bridge.worst_findings", n=texts.number(one.open_findings))
    graded = _conditions(one, texts) or texts("bridge.worst_ungraded")
    link = html.A(one.asset.name, href=_address(one, texts))
    return html.P(
        [
            html.Strong(f"{texts('bridge.worst')} "),
            link,
            ": ",
            *reasons,
            f", {findings}, {texts('bridge.worst_grade', grade=graded)}. ",
            html.Span(texts("bridge.worst_order"), className="remark"),
        ],
        id="worst",
    )


def _address(one: BridgeSummary, texts: Texts) -> str:
    return f"/bridge?lang={texts.language}&sel=bridge%3A{one.asset.id}"


def _conditions(one: BridgeSummary, texts: Texts) -> str:
    stated = [(item.part, condition(item.content, texts)) for item in one.conditions]
    return "; ".join(f"{part}: {words}" if part else words for part, words in stated if words)


def _row(one: BridgeSummary, texts: Texts) -> list[Component | str]:
    limits = "; ".join(restriction(item.content, texts) for item in one.restrictions)
    due = min(
        (str(item.due or item.year) for _, item in one.due if item.due or item.year), default=""
    )
    return [
        html.A(one.asset.name, href=_address(one, texts)),
        one.asset.id,
        state_tag(one.monitoring, texts),
        texts.number(one.open_findings),
        _conditions(one, texts) or "\u2013",
        limits or "\u2013",
        due or "\u2013",
    ]
