"""Structural model of a bridge: influence lines, effects of load models, frequencies, why."""

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from dashboards.bridge_figures import Asked
from dashboards.figures.influence import colour_of, written_unit
from dashboards.i18n.translate import Texts
from dashboards.widgets.imposed import imposed_cases, place_of, with_level
from dashboards.widgets.parts import definition, empty, extra, plain_table, tag
from twin.bridge_view import BridgeView
from twin.model.asb import label
from twin.model.assets import Asset
from twin.model.findings import Phrase
from twin.model.phrases import said
from twin.model.statements import german_value, statement
from twin.model.structure import EFFECT_UNITS, Effect
from twin.model.structure_state import (
    CalibrationNote,
    Frequency,
    Line,
    LoadEffect,
    StructureState,
    UsedFact,
)
from twin.model.tables import rows
from twin.model.times import from_us

EFFECTS: tuple[Effect, ...] = ("moment", "shear", "reaction")
KEYED = {"static_system": "static_system", "target_load_level": "target_load_level",
         "stage": "stage"}  # fmt: skip
"""Facts whose values are keys of ASB-ING, and the table of each."""


def structure_section(view: BridgeView, texts: Texts) -> list[Component]:
    """What the model of each part says, or why there is none and what would allow one."""
    if not view.structure:
        return [empty(texts("structure.none"))]
    found: list[Component] = []
    for state in view.structure:
        if len(view.structure) > 1:
            found.append(html.H3(texts("structure.part", part=state.part)))
        found += _part(state, view.asset, texts)
    return found


def _part(state: StructureState, asset: Asset, texts: Texts) -> list[Component]:
    if state.level is None:
        return [
            html.P(_sentence(state.refusal, texts)),
            *_missing(state, texts),
            *_facts(state.facts, asset, texts),
        ]
    return [
        html.P(html.Strong(texts("structure.comparison"))),
        definition(_head(state, texts)),
        *_missing(state, texts),
        *[
            _effect(state, effect, asset.id, texts, is_open=effect == "moment")
            for effect in EFFECTS
        ],
        *_untyped(state, texts),
        *imposed_cases(state, texts),
        html.H3(texts("structure.frequencies")),
        *_calibration(state, texts),
        _frequencies(state.frequencies, texts),
        html.H3(texts("structure.assumptions")),
        html.Ul([html.Li(_sentence(one, texts)) for one in state.assumptions]),
        *_facts(state.facts, asset, texts),
    ]


def _sentence(text: str, texts: Texts) -> str:
    """A sentence of a model in the language of the reader, with its first letter large."""
    said_ = statement(text).said(texts.language)
    return f"{said_[:1].upper()}{said_[1:]}."


def _head(state: StructureState, texts: Texts) -> dict[str, str]:
    level = texts(f"structure.level_{state.level}")
    version = (
        texts("structure.facts_only")
        if state.version is None
        else texts("structure.version", n=texts.number(state.version))
    )
    target = texts("structure.no_target")
    if state.target:
        target = _load_model(state.target, texts)
    spans = " + ".join(texts.number(one, 0 if one == round(one) else 1) for one in state.spans_m)
    return {
        texts("structure.level"): f"{state.level}: {level}",
        texts("structure.basis"): version,
        texts("structure.spans"): f"{spans} m",
        texts("structure.target"): target,
        texts("structure.computed"): texts.time(from_us(state.computed_us), has_date=True),
    }


def _missing(state: StructureState, texts: Texts) -> list[Component]:
    """Which recorded fact would allow which level."""
    if not state.missing:
        return []
    by_level: dict[str, list[str]] = {}
    for level, fact in state.missing:
        by_level.setdefault(level, []).append(said(Phrase(f"missing.{fact}"), texts.language))
    listed = [
        html.Li([html.Strong(f"{level}: "), "; ".join(wanted)])
        for level, wanted in by_level.items()
    ]
    return [html.P(texts("structure.missing")), html.Ul(listed)]


def _effect(
    state: StructureState, effect: Effect, asset_id: str, texts: Texts, *, is_open: bool
) -> Component:
    """Influence lines of one effect with the effects of the load models at their sections."""
    lines = [line for line in state.lines if line.effect == effect]
    name = texts(f"structure.effect_{effect}")
    unit = written_unit(EFFECT_UNITS[effect])
    asked = Asked(asset_id, "influence", f"{effect}.{state.part}")
    picture = html.Img(
        src=asked.address("svg", texts.language),
        alt=_alt(lines, name, unit, texts),
        className="influence",
    )
    csv = html.A(texts("structure.csv"), href=asked.address("csv", texts.language))
    note = html.Figcaption([texts("structure.chart_note"), " ", csv], className="note")
    frame = html.Div(
        picture, className="scroll", tabIndex=0, role="region", **extra(aria_label=name)
    )
    figure = html.Figure([frame, note])
    return html.Details(
        [html.Summary(name), figure, _loads(state, lines, effect, texts)],
        open=is_open,
        className="structure-effect",
    )


def _alt(lines: Sequence[Line], name: str, unit: str, texts: Texts) -> str:
    """The extremes of each line in words; the table below has the effects."""
    said = [
        texts(
            "structure.alt_line",
            n=texts.number(number),
            least=texts.number(min(line.y), 2),
            greatest=texts.number(max(line.y), 2),
        )
        for number, line in enumerate(lines, start=1)
    ]
    return f"{texts('structure.alt', effect=name, unit=unit)} {'; '.join(said)}"


def _loads(state: StructureState, lines: Sequence[Line], effect: Effect, texts: Texts) -> Component:
    found = [item for item in state.effects if item.effect == effect]
    keys = list(dict.fromkeys(item.load_model for item in found))
    by_place = {(item.load_model, item.station_m): item for item in found}
    table = []
    for number, line in enumerate(lines, start=1):
        cells = [
            _cell(by_place.get((key, line.station_m)), is_target=key == state.target, texts=texts)
            for key in keys
        ]
        badge = html.Span(
            texts.number(number),
            className="section-number",
            style={"background": colour_of(number)},
        )
        place = place_of(state.spans_m, line.station_m, texts)
        table.append([html.Span([badge, f" {place}"]), *cells])
    unit = written_unit(EFFECT_UNITS[effect])
    key = "structure.loads_caption_target" if state.target else "structure.loads_caption"
    caption = with_level(
        state, texts(key, effect=texts(f"structure.effect_{effect}"), unit=unit), texts
    )
    head = [texts("structure.section"), *(_load_model(key, texts) for key in keys)]
    return plain_table(caption, head, table, numbers=range(1, len(head)))


def _cell(item: LoadEffect | None, *, is_target: bool, texts: Texts) -> str:
    """Greatest and least effect, and the ratio to the target load level."""
    if item is None:
        return "\u2013"
    shown = f"{texts.number(item.greatest)} / {texts.number(item.least)}"
    if item.ratio is None or is_target:
        return shown
    return f"{shown} ({texts.number(item.ratio, 2)})"


def _untyped(state: StructureState, texts: Texts) -> list[Component]:
    if not state.untyped:
        return []
    names = ", ".join(_load_model(key, texts) for key in state.untyped)
    return [html.P(texts("structure.untyped", models=names), className="note")]


def _calibration(state: StructureState, texts: Texts) -> list[Component]:
    note = state.calibration
    if note is None:
        return [html.P(texts("structure.not_measured"))]
    if note.factor is None:
        refused = statement(note.refusal).said(texts.language)
        return [html.P(texts("structure.calibration_refused", reason=refused))]
    shown = [
        texts(
            "structure.calibrated",
            factor=texts.number(note.factor, 3),
            deviation=_deviation(note, texts),
            residual=texts.number(100.0 * (note.residual or 0.0), 2),
            modes=texts.number(note.modes),
            start=f"{from_us(state.measured_from_us):%Y-%m-%d}",
            end=f"{from_us(state.measured_until_us):%Y-%m-%d}",
        )
    ]
    if note.override:
        shown.append(texts("structure.override", override=note.override))
    return [html.P(" ".join(shown))]


def _deviation(note: CalibrationNote, texts: Texts) -> str:
    if note.deviation is None:
        return texts("structure.no_deviation")
    return f"\u00b1 {texts.number(note.deviation, 3)}"


def _frequencies(found: Sequence[Frequency], texts: Texts) -> Component:
    table = [
        [
            texts.number(item.mode),
            texts.with_unit(item.predicted_hz, "Hz", 2),
            f"{texts.number(item.low_hz, 2)}\u2013{texts.number(item.high_hz, 2)}",
            texts.with_unit(item.calibrated_hz, "Hz", 3),
            texts.with_unit(item.basis_hz, "Hz", 3),
            _measured(item, texts),
            _error(item.measured_hz, item.predicted_hz, texts),
            _error(item.measured_hz, item.calibrated_hz, texts),
        ]
        for item in found
    ]
    names = ("mode", "predicted", "band", "calibrated_head", "basis_head", "measured")
    keys = (*names, "off_facts", "off_model")
    head = [texts(f"structure.{key}") for key in keys]
    return plain_table(
        texts("structure.frequencies_caption"), head, table, numbers=[1, 2, 3, 4, 6, 7]
    )


def _measured(item: Frequency, texts: Texts) -> str:
    if item.measured_hz is None:
        return "\u2013"
    kind = texts("structure.compensated" if item.is_compensated else "structure.raw")
    value = texts.with_unit(item.measured_hz, "Hz", 3)
    return f"{value} ({item.channel}, {kind}, n {texts.number(item.count)})"


def _error(measured: float | None, model: float | None, texts: Texts) -> str:
    if measured is None or model is None:
        return "\u2013"
    return f"{texts.number(100.0 * (measured / model - 1.0), 1)} %"


def _facts(facts: Sequence[UsedFact], asset: Asset, texts: Texts) -> list[Component]:
    """Facts that the model rests on, those of part and bridge that are equal once."""
    if not facts:
        return []
    table = [
        [
            texts(f"structure.fact_{fact.name}"),
            _value(fact, asset, texts),
            html.Span([tag(fact.origin, texts), _cited(fact)]),
        ]
        for fact in {(one.name, one.value, one.unit): one for one in facts}.values()
    ]
    head = [texts(f"structure.{key}") for key in ("fact", "value", "origin")]
    return [
        html.Details(
            [
                html.Summary(texts("structure.facts")),
                plain_table(texts("structure.facts"), head, table),
            ]
        )
    ]


def _cited(fact: UsedFact) -> str:
    return "".join(f" [{reference}]" for reference in fact.references)


def _value(fact: UsedFact, asset: Asset, texts: Texts) -> str:
    """Value as people write it; words in German where the town has them in German."""
    if fact.name in KEYED:
        return label(KEYED[fact.name], fact.value, language=texts.language)
    if texts.language != "de":
        return f"{fact.value} {_fact_unit(fact, texts)}".strip()
    own = asset.attribute(f"{fact.name}_de")
    given = asset.attribute(fact.name)
    if own is not None and given is not None and str(given.value) == fact.value:
        return str(own.value)
    return f"{german_value(fact.value)} {_fact_unit(fact, texts)}".strip()


def _fact_unit(fact: UsedFact, texts: Texts) -> str:
    return "" if fact.unit in ("", "1") else texts.unit(fact.unit)


def _load_model(key: str, texts: Texts) -> str:
    column = "german" if texts.language == "de" else "english"
    return next((row[column] for row in rows("load_models") if row["key"] == key), key)
