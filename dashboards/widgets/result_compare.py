"""Up to four runs side by side; a difference between bases is refused with the reason."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import NOTHING, Texts
from dashboards.joint_rows import repeated
from dashboards.results import Answer, Figure, figures_of, rank_of, same_base
from dashboards.state import MOST_COMPARED
from dashboards.widgets.parts import change, extra, go
from dashboards.widgets.result_bridges import place_of
from dashboards.widgets.result_kpis import kpi_name, kpi_unit
from dashboards.widgets.result_parts import KPI_DECIMALS, changed, span, table
from twin.model.scenarios import Run

CHOICE = "compare-choice"
"""Element that holds the buttons of the runs that may be compared."""
Document = Mapping[str, Any]


def compare_section(
    answers: Sequence[Answer], offered: Sequence[Run], problems: Sequence[str], texts: Texts
) -> list[Component]:
    """Both tables of the chosen runs, and which others may be added.

    Parameters
    ----------
    answers
        The first is that of the page.
    offered
        Answered runs, the newest first.
    problems
        Why a wanted run is not shown.
    """
    parts: list[Component] = [
        html.Div(_choice(answers, offered, texts), className="bar"),
        *(html.P(text, className="note validity") for text in problems),
    ]
    if len(answers) < 2:  # noqa: PLR2004 - one run is no comparison
        return [*parts, html.P(texts("result.compare_none"), className="note")]
    if not same_base(answers):
        parts.append(html.P(html.Strong(_refusal(answers, texts)), className="note validity"))
    return [*parts, _kpis(answers, texts), *_bridges(answers, texts)]


def _choice(answers: Sequence[Answer], offered: Sequence[Run], texts: Texts) -> list[Component]:
    """A button for every run, pressed while it is compared; many of them scroll."""
    first = answers[0].run.id
    chosen = [answer.run.id for answer in answers[1:]]
    known = {answer.run.id: answer.run for answer in answers[1:]}
    known |= {run.id: run for run in offered if run.id != first}
    buttons = []
    for number, run in known.items():
        is_chosen = number in chosen
        wanted = [one for one in chosen if one != number] if is_chosen else [*chosen, number]
        buttons.append(
            go(
                texts("result.run_name", n=texts.number(number), name=run.scenario.name),
                change(cmp=",".join(map(str, wanted))),
                is_pressed=is_chosen,
                disabled=not is_chosen and len(chosen) >= MOST_COMPARED,
            )
        )
    if not buttons:
        return [html.P(texts("result.compare_empty"), className="note")]
    label = texts("result.compare_choose", most=MOST_COMPARED)
    group = html.Div(
        buttons, className="switches choice", id=CHOICE, role="group", **extra(aria_label=label)
    )  # fmt: skip
    return [html.Span(label), group]


def _refusal(answers: Sequence[Answer], texts: Texts) -> str:
    told = [
        texts("result.run_base", n=texts.number(answer.run.id), base=_base_name(answer, texts))
        for answer in answers
    ]
    return texts("result.compare_refused", bases="; ".join(told))


def _base_name(answer: Answer, texts: Texts) -> str:
    if answer.base is None:
        return texts("result.base_gone", name=answer.run.scenario.base)
    return texts("result.base_short", name=answer.base.facts.name, version=answer.base.version)


def _run_head(answer: Answer, texts: Texts) -> str:
    number = texts.number(answer.run.id)
    return texts("result.run_name", n=number, name=answer.run.scenario.name)


def _kpis(answers: Sequence[Answer], texts: Texts) -> Component:
    """Per run the value and its change; without changes where the bases differ."""
    is_one_base = same_base(answers)
    found = [{figure.key: figure for figure in figures_of(answer)} for answer in answers]
    keys = list(dict.fromkeys(key for figures in found for key in figures))
    head = [texts("result.kpi"), texts("result.unit")]
    head += [texts("result.before")] if is_one_base else []
    for answer in answers:
        name = _run_head(answer, texts)
        head += [name, texts("result.change_of", run=texts.number(answer.run.id))]
        if not is_one_base:
            head[-1] = texts("result.before_of", run=texts.number(answer.run.id))
    body = [_kpi_row(key, found, texts, is_one_base=is_one_base) for key in keys]
    caption = texts("result.compare_kpis")
    return table(caption, head, body, identity="cmp-kpis", numbers=range(2, len(head)))


def _kpi_row(
    key: str, found: Sequence[Mapping[str, Figure]], texts: Texts, *, is_one_base: bool
) -> html.Tr:
    decimals = KPI_DECIMALS.get(key, 0)
    first = next(figures[key] for figures in found if key in figures)
    cells: list[Any] = [texts.number(first.base, decimals)] if is_one_base else []
    for figures in found:
        figure = figures.get(key)
        if figure is None:
            cells += [NOTHING, NOTHING]
            continue
        cells.append(texts.number(figure.scenario, decimals))
        cells.append(
            _with_band(figure.change, figure.band, decimals, texts, is_real=figure.is_significant)
            if is_one_base
            else texts.number(figure.base, decimals)
        )
    return html.Tr(
        [
            html.Th(kpi_name(first, texts), scope="row"),
            html.Td(kpi_unit(first, texts)),
            *(html.Td(one, className="number") for one in cells),
        ]
    )


def _with_band(
    value: float | None, band: Document | None, decimals: int, texts: Texts, *, is_real: bool
) -> list[Component | str]:
    told: list[Component | str] = [
        changed(value, decimals, texts, is_significant=is_real, has_band=bool(band))
    ]
    if band:
        shown = span(band, decimals, texts, sign=True)
        told.append(html.Span(f" ({shown})", className="remark"))
    return told


def _bridges(answers: Sequence[Answer], texts: Texts) -> list[Component]:
    """Change of heavy vehicles and of the damage rate per bridge and run."""
    joint = [answer for answer in answers if answer.joint is not None]
    if len(joint) < 2:  # noqa: PLR2004 - as above
        return [html.P(texts("result.compare_no_bridges"), className="note")]
    is_one_base = same_base(answers)
    found = [{place_of(bridge): bridge for bridge in answer.bridges} for answer in joint]
    again = frozenset().union(*(repeated(answer.bridges) for answer in joint))
    places: dict[str, float] = {}
    for bridges in found:
        for place, bridge in bridges.items():
            places[place] = max(places.get(place, float("-inf")), rank_of(bridge))
    ranked = sorted(places, key=lambda place: -places[place])
    head = [texts("result.bridge")]
    for answer in joint:
        number = texts.number(answer.run.id)
        heavy = "heavy_of" if is_one_base else "heavy_after_of"
        head += [
            texts(f"result.{heavy}", run=number, unit=texts.unit("/d")),
            texts("result.factor_of", run=number),
        ]
    body = [
        _bridge_row(place, found, texts, is_one_base=is_one_base, again=again) for place in ranked
    ]
    caption = texts("result.compare_bridges")
    told = _other_tools(found, ranked, texts)
    return [table(caption, head, body, identity="cmp-bridges", numbers=range(1, len(head))), *told]


def _other_tools(
    found: Sequence[Mapping[str, Document]], places: Sequence[str], texts: Texts
) -> list[html.P]:
    """Which bridges one run computes alone and another where vehicles meet."""
    names = []
    for place in places:
        bridges = [one[place] for one in found if place in one]
        damages = [one["fatigue"] for one in bridges]
        if len({one["tool"] for one in damages if one["status"] != "not_assessable"}) > 1:
            names.append(bridges[0]["name"] or place)
    if not names:
        return []
    return [html.P(texts("result.compare_tools", bridges=", ".join(names)), className="note")]


def _bridge_row(
    place: str, found: Sequence[Mapping[str, Document]], texts: Texts, *, is_one_base: bool,
    again: frozenset[str],
) -> html.Tr:  # fmt: skip
    """Row of a bridge; vehicles of parts in ``again`` are those of a part above."""
    cells: list[Any] = []
    name = place
    for bridges in found:
        bridge = bridges.get(place)
        if bridge is None:
            cells += [NOTHING, NOTHING]
            continue
        name = bridge["name"] or name
        heavy, fatigue = bridge["heavy"], bridge["fatigue"]
        is_real = bool(heavy["is_significant"])
        if bridge["part"] in again:
            cells.append([NOTHING, html.Div(texts("result.same_vehicles"), className="remark")])
        elif is_one_base:
            cells.append(_with_band(heavy["change_vehd"], heavy["band"], 0, texts, is_real=is_real))
        else:
            cells.append(texts.number(heavy["scenario_vehd"]))
        cells.append(texts.number(fatigue["factor"], 2))
    return html.Tr(
        [html.Th(name, scope="row"), *(html.Td(one, className="number") for one in cells)],
        **{"data-id": place},
    )
