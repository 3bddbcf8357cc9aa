"""Head of a result: what was asked, from which base, how the run goes, and what to do with it."""

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.results import Answer
from dashboards.widgets.parts import definition, extra
from dashboards.widgets.result_parts import said, sentence_list, word
from twin.model.scenario_words import sentences
from twin.model.statements import in_language, statement

SHORT_HASH = 12
NOT_KNOWN = {"not_watched": "not_watched", "unknown": "validity_unknown"}
"""What to say of a base that counts neither confirm nor contradict."""


def head(answer: Answer, names: Mapping[str, str], texts: Texts) -> list[Component]:
    """Title, question, base with its validity, and what can be done with the result."""
    run = answer.run
    title = texts("result.heading", n=texts.number(run.id), name=run.scenario.name)
    return [
        html.Div([html.H1(title), _actions(answer, texts)], className="bridge-bar"),
        html.Section(
            [
                html.H2(texts("result.question")),
                html.Ol([html.Li(text) for text in _question(answer, names, texts)]),
                definition(_facts(answer, texts)),
                *_validity(answer, texts),
            ],
            id="question",
            className="question",
        ),
    ]


def _question(answer: Answer, names: Mapping[str, str], texts: Texts) -> Sequence[str]:
    if answer.joint is not None:
        return list(answer.joint["sentences"][texts.language])
    zone = ZoneInfo(texts.timezone)
    return sentences(answer.run.scenario, language=texts.language, names=names, zone=zone)


def _facts(answer: Answer, texts: Texts) -> Mapping[str, Sequence[Component | str] | str]:
    run, base = answer.run, answer.base
    found: dict[str, Sequence[Component | str] | str] = {
        texts("result.base"): texts("result.base_gone", name=run.scenario.base)
    }
    if base is not None:
        is_calibrated = bool(base.facts.figures.get("is_calibrated"))
        state = word("calibrated" if is_calibrated else "not_calibrated", texts)
        made = texts.time(base.made_at, has_date=True)
        found[texts("result.base")] = texts(
            "result.base_line", name=base.facts.name, version=base.version, made=made, state=state
        )
    found[texts("result.engine")] = f"{run.engine} {run.version.replace(' on ', ', ')}"
    if answer.joint is not None:
        inputs = answer.joint["inputs"]
        members = int(inputs["members"])
        key = "result.members" if members else "result.no_members"
        found[texts("result.uncertainty")] = texts(key, n=members, seed=inputs["seed"])
    found[texts("result.asked")] = texts.time(run.submitted_at, has_date=True)
    found[texts("result.hash")] = [html.Code(run.input_hash[:SHORT_HASH], title=run.input_hash)]
    return found


def _validity(answer: Answer, texts: Texts) -> list[Component]:
    """Whether live counts contradict the base; nothing derived from it looks valid then."""
    status = answer.validity["status"]
    if status == "valid":
        return [html.P(texts("result.valid"), className="note")]
    if status != "not_valid_now":
        return [html.P(texts(f"result.{NOT_KNOWN[status]}"), className="note")]
    reasons = "; ".join(in_language(one, texts.language) for one in answer.validity["reasons"])
    told = f"{word('not_valid_now', texts)}: {reasons}"
    return [html.P(html.Strong(told), className="note validity", role="alert")]


def _actions(answer: Answer, texts: Texts) -> html.Nav:
    """Links and buttons; what needs an answer is there only with one."""
    number = answer.run.id
    links = [
        html.A(texts("result.duplicate"), href=f"/scenario?lang={texts.language}&from={number}")
    ]
    if answer.joint is not None:
        paper = f"/api/measures/runs/{number}/paper"
        links += [
            html.A(texts("result.paper_pdf"), href=f"{paper}.pdf?lang={texts.language}"),
            html.A(texts("result.paper_html"), href=f"{paper}.html?lang={texts.language}"),
            _file("bridges", f"/api/results/{number}/bridges.csv?lang={texts.language}", texts),
        ]
    if answer.report is not None:
        links += [
            _file("kpis", f"/api/results/{number}/kpis.csv?lang={texts.language}", texts),
            _file("document", _document(answer), texts),
        ]
    buttons: list[Component] = [
        html.Button(
            texts("result.copy"),
            type="button",
            **extra(data_copy="address", data_done=texts("result.copied")),
        ),
        html.Button(texts("result.print"), type="button", **extra(data_print="page")),
        html.Span(id="copied", role="status", className="remark"),
    ]
    label = texts("result.actions")
    return html.Nav([*links, *buttons], className="actions", **extra(aria_label=label))


def _document(answer: Answer) -> str:
    number = answer.run.id
    if answer.joint is not None:
        return f"/api/measures/runs/{number}/document"
    return f"/api/whatif/runs/{number}/report"


def _file(key: str, address: str, texts: Texts) -> html.A:
    return html.A(texts(f"result.file_{key}"), href=address, download="")


def job_card(answer: Answer, texts: Texts) -> list[Component]:
    """How far a run is, or why it has no answer; empty as soon as there is one."""
    run = answer.run
    if run.status == "done":
        return []
    done = round(100.0 * run.progress)
    words: list[Component] = [html.Strong(texts(f"result.status_{run.status}"))]
    if run.status == "running":
        words.append(html.Span(f" {texts.number(done)}\u202f%"))
    if run.message:
        known = statement(run.message)
        language = texts.language if known.key else "en"
        words.append(html.Span(f" {said(run.message, texts)}", lang=language))
    bar = html.Div(
        html.Div(style={"width": f"{done}%"}),
        className="progress",
        role="progressbar",
        **extra(
            aria_label=texts("result.progress"),
            aria_valuenow=str(done),
            aria_valuemin="0",
            aria_valuemax="100",
        ),
    )
    shown: list[Component] = [html.P(words), *([] if answer.is_over else [bar])]
    if run.status == "queued":
        shown.append(html.P(texts("result.queued_note"), className="note"))
    return [html.Div(shown, className=f"job-card is-{run.status}")]


def warnings(answer: Answer, texts: Texts) -> list[Component]:
    """What must be known to read the numbers."""
    source = answer.joint if answer.joint is not None else answer.report
    found = [] if source is None else list(source.get("warnings", ()))
    if not found:
        return []
    return [
        html.Section(
            [html.H2(texts("result.warnings")), sentence_list(found, texts)],
            id="warnings",
            className="finding is-warning",
        )
    ]
