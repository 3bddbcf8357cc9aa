"""Which measures reach a target: progress, ranks with their reasons, and provenance; pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from dash import html
from dash.development.base_component import Component

from dashboards.advice_rows import RankColumn, figures_for, heading, verdict
from dashboards.i18n.translate import NOTHING, Texts
from dashboards.run_words import signed_text
from dashboards.widgets.parts import definition, extra
from dashboards.widgets.scenario_address import code_of
from dashboards.widgets.scenario_job import OVER
from twin.model.advice import AdviceQuestion
from twin.model.scenarios import Run, from_document
from twin.model.statements import in_language

Document = Mapping[str, Any]
MOST_ROWS = 8
"""Ranks that are open at once."""
SHORT_HASH = 12
SIGNED = ("unserved", "vehicle_h", "heavy_km")
_SET = re.compile(r"set (\d+): ([a-z_ +]+)")


def mass_text(mass_t: float, texts: Texts) -> str:
    """A mass with the decimals that it has, three at most.

    Examples
    --------
    >>> mass_text(30.0, Texts("de")), mass_text(7.5, Texts("de"))
    ('30', '7,5')
    """
    decimals = next((n for n in range(3) if round(mass_t, n) == mass_t), 3)
    return texts.number(mass_t, decimals)


def question_line(question: AdviceQuestion, name: str, texts: Texts) -> str:
    """A question in words."""
    target, parts = question.target, []
    if target.damage_share is not None:
        reduction = texts.number(100.0 * (1.0 - target.damage_share), 0)
        parts.append(texts("advice.wish_damage", percent=reduction))
    if target.above_t is not None:
        few, mass = texts.number(target.crossings_vehd), mass_text(target.above_t, texts)
        parts.append(texts("advice.wish_crossings", n=few, mass=mass))
    return f"{name}: {texts('advice.and').join(parts)}"


def job_card(run: Run | None, now: datetime, texts: Texts, *, has_worker: bool) -> list[Component]:
    """How far a search is, or why it has no answer; empty as soon as there is one."""
    if run is None or run.status == "done":
        return []
    percent = round(100 * min(1.0, max(0.0, run.progress)))
    words: list[Component] = [html.Strong(texts(f"run_status.{run.status}"))]
    if run.status == "running":
        elapsed = texts.duration((now - run.submitted_at).total_seconds())
        words.append(html.Span(f" \u00b7 {progress_words(run.message, texts)} \u00b7 {elapsed}"))
    shown: list[Component] = [html.P(words)]
    if run.status not in OVER:
        shown.append(
            html.Div(
                html.Div(style={"width": f"{percent}%"}),
                className="progress",
                role="progressbar",
                **extra(
                    aria_label=texts("advice.progress"),
                    aria_valuenow=str(percent),
                    aria_valuemin="0",
                    aria_valuemax="100",
                ),
            )
        )
        shown.append(html.P(texts("advice.progress_note"), className="note"))
    if run.status == "queued" and not has_worker:
        shown.append(html.P(texts("scenario_job.no_worker"), className="problem"))
    if run.status == "failed":
        shown.append(
            html.P([texts("scenario_job.said"), " ", html.Q(run.message[:800], lang="en")])
        )
        shown.append(html.P(texts("advice.ask_again")))
    if run.status == "cancelled":
        shown.append(html.P(texts("advice.cancelled")))
    return [html.Div(shown, className=f"job-card is-{run.status}")]


def progress_words(message: str, texts: Texts) -> str:
    """Number and measures of the set that is computed, in words of the reader."""
    found = _SET.fullmatch(message)
    if found is None:
        return texts("advice.today_computed")
    families = [texts(f"advice_family.{one}") for one in found[2].split(" + ")]
    return texts("advice.set", n=found[1], measures=" + ".join(families))


def answer(document: Document, run: Run, texts: Texts) -> list[Component]:
    """The answer in a sentence, the ranks, remarks, files, and what it rests on."""
    ranks: Sequence[Document] = document["ranks"]
    said = [in_language(one, texts.language) for one in document["answer"]]
    kind = "is-warning" if not document["is_reached"] else "is-info"
    figures = figures_for(document)
    if document["is_reached"] and not document["is_met_today"]:
        said += ranks[0]["sentences"][texts.language]
    parts: list[Component] = [
        html.H2(texts("advice.answer")),
        html.P(html.Strong(" ".join(said)), id="advice-said", className=f"finding {kind}"),
        *_today(document, texts),
        html.H2(texts("advice.ranks")),
        _table(ranks[:MOST_ROWS], document, figures, texts, key="advice.caption"),
    ]
    if len(ranks) > MOST_ROWS:
        more = _table(ranks[MOST_ROWS:], document, figures, texts, key="advice.caption_more")
        summary = html.Summary(texts("advice.more", n=texts.number(len(ranks) - MOST_ROWS)))
        parts.append(html.Details([summary, more], className="folded"))
    remarks = [html.Li(in_language(one, texts.language)) for one in document["remarks"]]
    if any(rank["is_noise"] for rank in ranks):
        remarks.append(html.Li(f"~: {texts('advice.noise')}."))
    return [
        *parts,
        _files(run, texts),
        html.H2(texts("advice.limits")),
        html.Ul(remarks, className="plain"),
        html.H2(texts("advice.basis")),
        definition(_basis(document, run, texts)),
    ]


def _today(document: Document, texts: Texts) -> list[Component]:
    """What the bridge carries without measures."""
    today, target = document["today"], document["target"]
    said = []
    if today["heavy_vehd"] is not None:
        said.append(texts("advice.today_heavy", n=texts.number(today["heavy_vehd"])))
    if today["crossings_vehd"] is not None:
        shown = texts.number(today["crossings_vehd"])
        said.append(
            texts("advice.today_crossings", n=shown, mass=mass_text(target["above_t"], texts))
        )
    if target["damage_share"] is not None:
        said.append(texts(f"advice.today_{today['damage']}"))
    return [html.P(" ".join(said), className="note")] if said else []


def _table(
    ranks: Sequence[Document],
    document: Document,
    figures: Sequence[RankColumn],
    texts: Texts,
    *,
    key: str,
) -> html.Div:
    heads = [
        html.Th(texts("advice.column_rank"), scope="col", className="number"),
        html.Th(texts("advice.column_measures"), scope="col"),
        html.Th(texts("advice.column_verdict"), scope="col"),
        *(html.Th(heading(column, texts), scope="col", className="number") for column in figures),
        html.Th(texts("advice.column_overloaded"), scope="col"),
    ]
    caption = texts(key, name=document["name"])
    rows = [_row(rank, document, figures, texts) for rank in ranks]
    table = html.Table(
        [html.Caption(caption, className="hidden"), html.Thead(html.Tr(heads)), html.Tbody(rows)]
    )
    return html.Div(
        table, className="scroll", role="region", tabIndex=0, **extra(aria_label=caption)
    )


def _row(
    rank: Document, document: Document, figures: Sequence[RankColumn], texts: Texts
) -> html.Tr:
    said = [html.Div(text) for text in rank["sentences"][texts.language]]
    reasons = [html.Li(in_language(one, texts.language)) for one in rank["reasons"]]
    why = html.Details(
        [html.Summary(texts("advice.why")), html.Ul(reasons)],
        className="why",
        open=rank["rank"] == 1 or None,
        **{"data-id": f"why-{rank['rank']}"},
    )
    over = rank["overloaded"]
    is_known = rank["unserved_vehh"] is not None
    cells = [
        html.Td(str(rank["rank"]), className="number"),
        html.Th([*said, *_take(rank, document, texts), why], scope="row"),
        html.Td(html.Strong(verdict(rank, texts)) if rank["reaches"] else verdict(rank, texts)),
        *(_cell(rank, column, texts) for column in figures),
        html.Td(", ".join(over) if over else (texts("advice.none_over") if is_known else NOTHING)),
    ]
    look = "reaches" if rank["reaches"] else ""
    return html.Tr(cells, className=look, **{"data-id": f"rank-{rank['rank']}"})


def _figure(rank: Document, column: RankColumn, texts: Texts) -> str:
    value = column.read(rank)
    number = value if isinstance(value, int | float) else None
    if column.key in SIGNED:
        return signed_text(number, column.decimals, texts)
    return texts.number(number, column.decimals)


def _cell(rank: Document, column: RankColumn, texts: Texts) -> html.Td:
    """A figure; time that lies within the noise is marked, as it ranks nothing."""
    text = _figure(rank, column, texts)
    if column.key != "vehicle_h" or not rank["is_noise"]:
        return html.Td(text, className="number")
    return html.Td(
        html.Span(f"~\u202f{text}", className="noise", title=texts("advice.noise")),
        className="number",
    )


def _take(rank: Document, document: Document, texts: Texts) -> list[Component]:
    """Way to the editor with the measures of a set; none to what cannot be had."""
    if rank["unserved_vehh"] is None:
        return []
    name = texts("advice.scenario_name", name=document["name"], rank=rank["rank"])[:200]
    scenario = replace(from_document(rank["scenario"]), name=name)
    query = urlencode({"lang": texts.language, "scenario": code_of(scenario)})
    label = texts("advice.take_over_of", rank=rank["rank"])
    link = html.A(
        texts("advice.take_over"), href=f"/scenario?{query}", className="copy",
        **extra(aria_label=label),
    )  # fmt: skip
    return [html.Div(link)]


def _files(run: Run, texts: Texts) -> html.Nav:
    address = f"/api/measures/runs/{run.id}"
    csv = f"{address}/advice.csv?lang={texts.language}"
    links = [
        html.A(texts("advice.file_csv"), href=csv, download=""),
        html.A(
            texts("advice.file_json"), href=f"{address}/document", download=f"advice-{run.id}.json"
        ),
    ]
    return html.Nav(links, className="actions", **extra(aria_label=texts("advice.files")))


def _basis(
    document: Document, run: Run, texts: Texts
) -> dict[str, Sequence[Component | str] | str]:
    """Base, day of the restrictions, engines and hashes."""
    inputs = document["inputs"]
    base = inputs["base"]
    made = texts.time(datetime.fromisoformat(base["made_at"]), has_date=True)
    engines = ", ".join(" ".join(inputs[key]) for key in ("engine", "analysis", "traffic_engine"))
    code = html.Code(inputs["input_hash"][:SHORT_HASH], title=inputs["input_hash"])
    return {
        texts("advice.run"): f"{run.id} ({texts.time(run.ended_at, has_date=True)})",
        texts("advice.base"): texts(
            "advice.base_line", name=base["name"], version=base["version"], made=made,
            by=base["provenance"]["by"],
        ),
        texts("advice.as_of"): inputs["restrictions_on"],
        texts("advice.engines"): engines,
        texts("advice.hash"): [code],
    }  # fmt: skip
