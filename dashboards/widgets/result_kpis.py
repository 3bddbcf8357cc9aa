"""Numbers of the town: before, after, change with its band, and why each is as it is."""

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.results import Answer, Figure, figures_of
from dashboards.widgets.parts import empty, tag
from dashboards.widgets.result_parts import KPI_DECIMALS, changed, span, table

FILES = {
    "bridges_more_loaded": "/api/results/{n}/bridges.csv",
    "bridges_newly_loaded": "/api/results/{n}/bridges.csv",
    "restrictions_newly_met": "/api/results/{n}/bridges.csv",
    "emergency_beyond_residents": "/api/whatif/runs/{n}/report",
    "unserved": "/api/whatif/runs/{n}/report",
}
LINK_FILE = "/api/whatif/runs/{n}/links.csv"


def kpi_section(answer: Answer, texts: Texts) -> list[Component]:
    """Table of the numbers; a sentence where there is none."""
    found = figures_of(answer)
    heading = html.H2(texts("result.kpis"))
    if not found:
        return [heading, empty(texts("result.no_kpis"))]
    names = ("kpi", "unit", "before", "after", "change", "band", "origin", "why")
    head = [texts(f"result.{name}") for name in names]
    body = [_row(figure, answer, texts) for figure in found]
    return [
        heading,
        table(texts("result.kpis_caption"), head, body, identity="kpis", numbers=range(2, 6)),
        html.P(texts("result.noise_note"), className="note"),
        html.P(_band_note(answer, texts), className="note"),
    ]


def kpi_name(figure: Figure, texts: Texts) -> str:
    """Name of a number for people; its key where the catalogue has none."""
    return texts.under("result.kpi_").get(figure.key, figure.key)


def kpi_unit(figure: Figure, texts: Texts) -> str:
    """Unit of a number for people."""
    return texts.under("result.unit_").get(figure.key, texts.unit(figure.unit))


def _row(figure: Figure, answer: Answer, texts: Texts) -> html.Tr:
    decimals = KPI_DECIMALS.get(figure.key, 0)
    numbers = [
        texts.number(figure.base, decimals),
        texts.number(figure.scenario, decimals),
        changed(
            figure.change,
            decimals,
            texts,
            is_significant=figure.is_significant,
            has_band=bool(figure.band),
        ),
        _band(figure, decimals, texts),
    ]
    return html.Tr(
        [
            html.Th(kpi_name(figure, texts), scope="row"),
            html.Td(kpi_unit(figure, texts)),
            *(html.Td(one, className="number") for one in numbers),
            html.Td(tag(figure.provenance, texts)),
            html.Td(_why(figure, answer, texts)),
        ],
        **{"data-id": figure.key},
    )


def _band(figure: Figure, decimals: int, texts: Texts) -> str:
    if figure.band or figure.threshold is None:
        return span(figure.band, decimals, texts, sign=True)
    return f"\u00b1 {texts.number(figure.threshold, decimals)}"


def _band_note(answer: Answer, texts: Texts) -> str:
    if answer.joint is None:
        return texts("result.band_is_threshold")
    members = int(answer.joint["inputs"]["members"])
    return texts("result.band_members" if members else "result.band_none", n=members)


def _why(figure: Figure, answer: Answer, texts: Texts) -> html.Details:
    """Formula, what computed it, and the values behind it."""
    formula = texts.under("result.why_").get(figure.key, texts("result.why_unknown"))
    file = FILES.get(figure.key, LINK_FILE).format(n=answer.run.id)
    by = figure.by or f"{answer.run.engine} {answer.run.version}"
    summary = html.Summary(
        [texts("result.why"), html.Span(f" {kpi_name(figure, texts)}", className="hidden")]
    )
    return html.Details(
        [
            summary,
            html.P(formula),
            html.P(texts("result.computed_by", by=by)),
            html.P(html.A(texts("result.values"), href=file)),
        ],
        className="why",
    )
