"""Settlement and temperature cases of a structural model, with what they assume beside them."""

from collections.abc import Iterator, Sequence

from dash import html
from dash.development.base_component import Component

from dashboards.figures.influence import written_unit
from dashboards.i18n.translate import Texts
from dashboards.widgets.parts import plain_table
from twin.model.statements import statement
from twin.model.structure import EFFECT_UNITS, Effect
from twin.model.structure_state import ImposedEffect, StructureState
from twin.model.tables import rows

NEAR_M = 1e-3


def imposed_cases(state: StructureState, texts: Texts) -> list[Component]:
    """One table an effect, and the assumptions of these numbers; empty in older models."""
    if not state.imposed_assumptions:
        return []
    said = [statement(one).said(texts.language) for one in state.imposed_assumptions]
    notes = html.Ul([html.Li(f"{text[:1].upper()}{text[1:]}.") for text in said])
    return [
        html.Details(
            [html.Summary(texts("structure.imposed")), notes, *_tables(state, texts)],
            className="structure-imposed",
        )
    ]


def with_level(state: StructureState, caption: str, texts: Texts) -> str:
    """A caption with the level of the model, and how many assumptions its numbers carry."""
    count = texts.number(len(state.assumptions))
    return texts("structure.with_level", caption=caption, level=state.level, count=count)


def place_of(spans_m: Sequence[float], station_m: float, texts: Texts) -> str:
    """Support or middle of a span, with its station."""
    at = texts.with_unit(station_m, "m", 1)
    begin = 0.0
    for number, span in enumerate(spans_m, start=1):
        if abs(station_m - begin) < NEAR_M:
            return texts("structure.support", n=texts.number(number), at=at)
        if station_m < begin + span - NEAR_M:
            return texts("structure.middle", n=texts.number(number), at=at)
        begin += span
    return texts("structure.support", n=texts.number(len(spans_m) + 1), at=at)


def _tables(state: StructureState, texts: Texts) -> Iterator[Component]:
    cases = list(dict.fromkeys(item.case for item in state.imposed))
    for effect in dict.fromkeys(item.effect for item in state.imposed):
        found = {(one.case, one.station_m): one for one in state.imposed if one.effect == effect}
        table = [
            [
                place_of(state.spans_m, station, texts),
                *(_cell(found.get((case, station)), texts) for case in cases),
            ]
            for station in dict.fromkeys(station for _, station in found)
        ]
        head = [texts("structure.section"), *(_case(case, texts) for case in cases)]
        caption = with_level(state, _caption(state, effect, texts), texts)
        yield plain_table(caption, head, table, numbers=range(1, len(head)))


def _caption(state: StructureState, effect: Effect, texts: Texts) -> str:
    key = "structure.imposed_caption_target" if state.target else "structure.imposed_caption"
    unit = written_unit(EFFECT_UNITS[effect])
    return texts(key, effect=texts(f"structure.effect_{effect}"), unit=unit)


def _cell(item: ImposedEffect | None, texts: Texts) -> str:
    if item is None:
        return "\u2013"
    shown = texts.number(item.greatest)
    if item.least != item.greatest:
        shown = f"{shown} / {texts.number(item.least)}"
    return shown if item.ratio is None else f"{shown} ({texts.number(item.ratio, 2)})"


def _case(key: str, texts: Texts) -> str:
    column = "german" if texts.language == "de" else "english"
    return next((row[column] for row in rows("imposed_cases") if row["key"] == key), key)
