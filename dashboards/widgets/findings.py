"""Findings with their reasons, their raw signal one click away, and who judged them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote

from dash import html
from dash.development.base_component import Component

from dashboards.components.series_chart import SeriesChart
from dashboards.i18n.translate import Texts
from dashboards.widgets.judging import judging_form
from dashboards.widgets.parts import empty, plain_table
from twin.model.datastreams import Datastream
from twin.model.finding_steps import SEVERITIES, StoredFinding
from twin.model.findings import EvidenceWindow, Phrase, Reason
from twin.model.phrases import said
from twin.model.quantities import quantity

PIXELS = 700


def finding_list(
    findings: Sequence[StoredFinding], streams: Sequence[Datastream], texts: Texts
) -> list[Component]:
    """All findings, the open ones in full, the closed ones as a table."""
    open_ = sorted(
        (item for item in findings if item.is_open),
        key=lambda item: SEVERITIES.index(item.finding.severity),
        reverse=True,
    )
    closed = [item for item in findings if not item.is_open]
    known = {stream.uid: stream for stream in streams}
    parts: list[Component] = [_finding(item, known, texts) for item in open_]
    if not open_:
        parts.append(empty(texts("finding.none")))
    if closed:
        rows = [
            [
                str(item.id),
                _sentence(item.finding.statement, known, texts),
                texts.time(item.opened_at, has_date=True),
                item.steps[-1].reason,
            ]
            for item in closed
        ]
        head = [texts(f"finding.{key}") for key in ("number", "statement", "opened", "reason")]
        parts.append(plain_table(texts("finding.closed"), head, rows))
    return parts


def _finding(stored: StoredFinding, known: dict[str, Datastream], texts: Texts) -> Component:
    finding = stored.finding
    cause = texts(f"finding.cause_{finding.cause or 'open'}")
    severity = texts(f"finding.severity_{finding.severity}")
    return html.Article(
        [
            html.H3(
                [
                    html.Span(severity, className=f"tag severity-{finding.severity}"),
                    " ",
                    _sentence(finding.statement, known, texts),
                ]
            ),
            html.P(
                texts(
                    "finding.meta",
                    number=str(stored.id),
                    cause=cause,
                    stage=texts(f"finding.stage_{stored.stage}"),
                    opened=texts.time(stored.opened_at, has_date=True),
                    rule=f"{finding.rule} {finding.rule_version}",
                ),
                className="note",
            ),
            html.P(
                [
                    html.Strong(texts("finding.next")),
                    " ",
                    _sentence(finding.next_step, known, texts),
                ]
            ),
            *_comparable(finding.comparable, texts),
            _reasons(finding.reasons, known, texts),
            *(
                _evidence(f"{stored.id}-{row}", window, known.get(window.datastream), texts)
                for row, window in enumerate(finding.evidence)
            ),
            _log(stored, texts),
            *judging_form(stored, texts),
        ],
        className=f"finding is-{finding.severity}",
        id=f"finding-{stored.id}",
    )


def _sentence(phrase: Phrase, known: Mapping[str, Datastream], texts: Texts) -> str:
    """A sentence that calls datastreams by their names, as the charts beside it do."""
    opened, closed = texts("finding.quotes").split()
    values = {
        key: f"{opened}{known[value].name}{closed}" if value in known else value
        for key, value in phrase.values.items()
    }
    return said(replace(phrase, values=values), texts.language)


def _comparable(numbers: Sequence[int], texts: Texts) -> list[Component]:
    if not numbers:
        return []
    listed = ", ".join(str(number) for number in numbers)
    return [html.P(texts("finding.comparable", numbers=listed), className="note")]


def _reasons(reasons: Sequence[Reason], known: Mapping[str, Datastream], texts: Texts) -> Component:
    rows = [
        [
            _sentence(reason.statement, known, texts),
            "" if reason.cause is None else texts(f"finding.about_{reason.cause}"),
            "" if reason.speaks is None else texts(f"finding.{reason.speaks}"),
            "" if reason.limit is None else texts.with_unit(reason.limit, reason.unit, 2),
            html.Span(reason.source, lang="en", className="remark"),
        ]
        for reason in reasons
    ]
    head = [texts(f"finding.{key}") for key in ("seen", "about", "speaks", "limit", "source")]
    return plain_table(texts("finding.reasons"), head, rows)


def _evidence(
    name: str, window: EvidenceWindow, stream: Datastream | None, texts: Texts
) -> Component:
    span = texts(
        "finding.window",
        name=window.datastream if stream is None else stream.name,
        start=texts.time(window.start, has_date=True),
        end=texts.time(window.end, has_date=True),
    )
    if stream is None:
        return html.P(span, className="note")
    measured = quantity(stream.quantity)
    start, end = (
        quote(time.isoformat().replace("+00:00", "Z")) for time in (window.start, window.end)
    )
    chart = SeriesChart(
        id=f"evidence-{name}",
        url=f"/api/series/{quote(stream.uid)}?t0={start}&t1={end}&px={PIXELS}",
        unit=texts.unit(measured.unit),
        label=f"{measured.label(texts.language)}, {stream.name}",
        lang=texts.tag,
        timezone=texts.timezone,
        decimals=measured.decimals,
        height=180,
        labels=texts.under("chart."),
    )
    return html.Details([html.Summary(span), chart], className="evidence")


def _log(stored: StoredFinding, texts: Texts) -> Component:
    rows = [
        [
            texts.time(step.at, has_date=True),
            texts(f"finding.stage_{step.stage}"),
            step.person or texts("finding.by_rule"),
            step.reason,
        ]
        for step in stored.steps
    ]
    head = [texts(f"finding.{key}") for key in ("when", "stage", "person", "reason")]
    return html.Details(
        [
            html.Summary(texts("finding.log", n=texts.number(len(stored.steps)))),
            plain_table(texts("finding.log_of", number=str(stored.id)), head, rows),
        ]
    )
