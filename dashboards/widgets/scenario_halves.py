"""Both halves of the editor of scenarios, before the draft fills them."""

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.view import CityView
from dashboards.widgets import scenario_map
from dashboards.widgets.scenario_controls import field as labelled
from dashboards.widgets.scenario_controls import text_control
from dashboards.widgets.tree import Tree


def left(texts: Texts) -> html.Div:
    """Question, measures, run and exchange; the draft of the browser fills them."""
    form = Tree(id="scenario-form", tree=[], looks={"hidden": True})
    return html.Div(
        [
            _section("question", [_advice(texts), Tree(id="scenario-head", tree=[])], texts),
            _section("measures", [Tree(id="scenario-measures", tree=[]), form], texts),
            _section(
                "run",
                [Tree(id="scenario-run", tree=[]), Tree(id="scenario-job", tree=[])],
                texts,
            ),
            _section("exchange", [Tree(id="scenario-exchange", tree=[])], texts),
        ]
    )


def right(view: CityView, texts: Texts) -> html.Div:
    """Places to pick: search, table and map."""
    search = text_control("search", "", identity="search", kind="search")
    tree = [labelled("search", texts("scenario.search"), search, texts=texts)]
    return html.Div(
        [
            _section(
                "pick",
                [
                    Tree(id="scenario-search", tree=tree),
                    Tree(id="scenario-picker", tree=[]),
                    html.Div(scenario_map.pick_map(view, texts), id="scenario-map"),
                ],
                texts,
            )
        ]
    )


def _section(key: str, content: list[Component], texts: Texts) -> html.Section:
    title = html.H2(texts(f"scenario_section.{key}"), id=f"section-{key}")
    return html.Section([title, *content], **{"aria-labelledby": f"section-{key}"})


def _advice(texts: Texts) -> html.P:
    """Way to the search for whoever knows the target and not the measure."""
    link = html.A(texts("advice.link"), href=f"/advice?lang={texts.language}")
    return html.P([texts("advice.from_scenario"), " ", link], className="note")
