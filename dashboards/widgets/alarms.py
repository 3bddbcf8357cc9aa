"""Alarms of the system itself as tables: what, since when, what to do."""

from collections.abc import Mapping, Sequence

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.widgets.parts import empty, plain_table
from twin.model.alarms import Alarm
from twin.model.tables import rows

MOST_CLOSED = 10


def alarm_section(alarms: Sequence[Alarm], texts: Texts) -> list[Component]:
    """Open alarms with their remedies, and the ones that ended last."""
    still_open = [alarm for alarm in alarms if alarm.is_open]
    closed = [alarm for alarm in alarms if not alarm.is_open][:MOST_CLOSED]
    parts: list[Component] = [html.H2(texts("operations.alarms"))]
    parts.append(_open_table(still_open, texts) if still_open else _none(texts))
    if closed:
        parts.append(_closed_table(closed, texts))
    return parts


def _none(texts: Texts) -> Component:
    return empty(texts("operations.no_alarms"))


def _open_table(alarms: Sequence[Alarm], texts: Texts) -> Component:
    head = [
        texts(f"alarm.{key}")
        for key in ("what", "severity", "subject", "detail", "since", "remedy")
    ]
    body = []
    for alarm in alarms:
        kind = _kinds()[alarm.kind]
        body.append(
            [
                kind[_language(texts)],
                html.Span(texts(f"alarm.severity_{kind['severity']}"), className="bad"),
                alarm.subject,
                alarm.detail,
                texts.time(alarm.opened_at, has_date=True),
                kind[f"remedy_{_language(texts)}"],
            ]
        )
    return plain_table(texts("operations.alarms_open"), head, body, identity="alarms")


def _closed_table(alarms: Sequence[Alarm], texts: Texts) -> Component:
    head = [texts(f"alarm.{key}") for key in ("what", "subject", "detail", "since", "ended")]
    body = [
        [
            _kinds()[alarm.kind][_language(texts)],
            alarm.subject,
            alarm.detail,
            texts.time(alarm.opened_at, has_date=True),
            texts.time(alarm.closed_at, has_date=True),
        ]
        for alarm in alarms
    ]
    return plain_table(texts("operations.alarms_closed"), head, body, identity="alarms-closed")


def _kinds() -> Mapping[str, Mapping[str, str]]:
    return {row["key"]: row for row in rows("alarm_kinds")}


def _language(texts: Texts) -> str:
    return "german" if texts.language == "de" else "english"
