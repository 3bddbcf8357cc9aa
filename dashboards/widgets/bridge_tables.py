"""Tables of a bridge: modes, crossings, models against sensors, register of models."""

import re
from collections.abc import Iterable

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.widgets.parts import empty, plain_table
from dashboards.widgets.validity import beside, verdict_cell
from twin.bridge_view import BridgeView
from twin.model.findings import Phrase
from twin.model.monitoring import UNCALIBRATED, BridgeEvent, TrainedModel
from twin.model.phrases import said
from twin.model.reality import Check

MOST_MODES = 4
MOST_ANALYSES = 12
MOST_CROSSINGS = 30
PURPOSES = ("compensation", "trend", "bearing", "structure", "bwim")
"""Kinds of registered models whose purpose has a sentence in every language."""
PRODUCT = "stadtzwilling"
"""Owner of models that an analysis trains of its own accord."""
FIGURES = (
    "least_explained_share",
    "slope_mm_per_k",
    "residual",
    "factor",
    "strain_per_moment",
    "structure_temperature_c",
)
"""Figures of models with words in every language."""
SMALL, SMALL_DECIMALS = 0.1, 4
KMH_PER_MS = 3.6
_LAG = re.compile(r"temperature_lag_(\d+)h_c")


def modes_table(view: BridgeView, texts: Texts) -> list[Component]:
    """Modes of the last analyses, with their caveats."""
    events = [item for item in view.events if item.kind == "modal"][:MOST_ANALYSES]
    if not events:
        return [empty(texts("bridge.no_modes"))]
    rows = []
    for event in events:
        modes = [
            f"{texts.with_unit(event.figures[f'frequency_{number}_hz'], 'Hz', 3)}"
            f" ({texts.number(100.0 * event.figures[f'damping_{number}'], 1)} %)"
            for number in range(1, MOST_MODES + 1)
            if f"frequency_{number}_hz" in event.figures
        ]
        rows.append(
            [
                texts.time(event.at, has_date=True),
                event.words.get("channels", ""),
                "; ".join(modes) or texts("bridge.no_mode_found"),
                ", ".join(texts(f"bridge.flag_{flag}") for flag in event.flags),
            ]
        )
    head = [texts(f"bridge.{key}") for key in ("when", "channels", "frequencies", "doubts")]
    return [plain_table(texts("bridge.modes_caption"), head, rows)]


def crossings_table(view: BridgeView, texts: Texts) -> list[Component]:
    """The last crossings of heavy vehicles with their weights; nothing if there are none."""
    events = [item for item in view.events if item.kind == "crossing"][:MOST_CROSSINGS]
    if not events:
        return []
    rows = [_crossing(event, texts) for event in events]
    keys = ("gross", "axles", "class", "speed", "sections", "flags")
    head = [
        texts("bridge.when"),
        *(said(Phrase(f"crossing.{key}"), texts.language) for key in keys),
    ]
    caption = texts("bridge.crossings_caption", calibration=events[0].words["calibration"])
    sensors = events[0].words.get(UNCALIBRATED)
    noted = Phrase("crossing.uncalibrated", {"sensors": sensors or ""})
    note = [html.P(said(noted, texts.language), className="note")] if sensors else []
    return [plain_table(caption, head, rows, numbers=[2, 4]), *note]


def _crossing(event: BridgeEvent, texts: Texts) -> list[Component | str]:
    figures = event.figures
    gross_t, gross_kn = (
        f"{texts.number(figures[f'gross_{unit}'], decimals)} \u00b1 "
        f"{texts.with_unit(figures[f'gross_sd_{unit}'], name, decimals)}"
        for unit, name, decimals in (("t", "t", 1), ("kn", "kN", 0))
    )
    words = [
        said(Phrase(key), texts.language)
        for key in (
            f"axleclass.{event.words['vehicle_class']}",
            *(f"crossing_flag.{flag}" for flag in event.flags),
        )
    ]
    return [
        texts.time(event.at, has_date=True),
        f"{gross_t} ({gross_kn})",
        texts.number(figures["axles"]),
        words[0],
        texts.with_unit(abs(figures["speed_ms"]) * KMH_PER_MS, "km/h"),
        event.words["sections"],
        ", ".join(words[1:]),
    ]


def model_tables(view: BridgeView, texts: Texts) -> list[Component]:
    """Models against sensors, and the register of trained models."""
    parts: list[Component] = []
    if view.checks:
        rows = [
            [
                said(Phrase(f"model.{check.model}"), texts.language),
                check.channel,
                texts.with_unit(check.predicted, check.unit, 2),
                texts.with_unit(check.measured, check.unit, 2),
                _error(check, texts),
                verdict_cell(check, texts),
            ]
            for check in view.checks
        ]
        head = [
            texts(f"bridge.{key}")
            for key in ("model_name", "sensor", "predicted", "measured", "error", "verdict")
        ]
        parts.append(plain_table(texts("bridge.checks"), head, rows, numbers=[2, 3, 4]))
    if view.models:
        rows = [
            [
                _purpose(model, texts),
                f"{model.version}",
                f"{model.trained_from:%Y-%m-%d} \u2013 {model.trained_until:%Y-%m-%d}",
                _metric(model, texts),
                "; ".join(_limits(name, span, texts) for name, span in model.valid.items()),
                beside(view, model.name, texts),
            ]
            for model in _newest(view.models)
        ]
        head = [
            texts(f"bridge.{key}")
            for key in ("model_name", "version", "trained", "metric", "valid_in", "verdict")
        ]
        parts.append(plain_table(texts("bridge.register"), head, rows))
        earlier = len(view.models) - len(rows)
        if earlier:
            parts.append(html.P(texts("bridge.earlier_models", count=earlier), className="note"))
    return parts or [empty(texts("bridge.no_models"))]


def _newest(models: Iterable[TrainedModel]) -> list[TrainedModel]:
    """The newest version of every model; a model of its first year has dozens of earlier ones."""
    found: dict[str, TrainedModel] = {}
    for model in models:
        known = found.get(model.name)
        if known is None or model.version > known.version:
            found[model.name] = model
    return list(found.values())


def _purpose(model: TrainedModel, texts: Texts) -> str | Component:
    """What a trained model is for; as it was registered where its kind is not one of ours."""
    kind, _, subject = model.name.partition(".")
    if kind in PURPOSES:
        purpose = texts(f"bridge.purpose_{kind}", subject=subject).replace(" :", ":")
        if model.owner == PRODUCT:
            return purpose
        return texts("bridge.calibrated_by", purpose=purpose, owner=model.owner)
    return html.Span(model.purpose, lang="en")


def _error(check: Check, texts: Texts) -> str:
    if check.error_percent is None:
        return "\u2013"
    limit = texts.number(check.limit_percent)
    return f"{texts.number(check.error_percent, 0)} % (\u00b1{limit} %)"


def _metric(model: TrainedModel, texts: Texts) -> str:
    name, value, count = model.metric
    decimals = SMALL_DECIMALS if abs(value) < SMALL else 2
    return f"{_figure(name, texts)} {texts.number(value, decimals)} (n {texts.number(count)})"


def _limits(name: str, span: tuple[float, float], texts: Texts) -> str:
    decimals = SMALL_DECIMALS if 0.0 < abs(span[0]) < SMALL else 1
    least, most = (texts.number(value, decimals) for value in span)
    return f"{_figure(name, texts)} {least}\u2026{most}"


def _figure(name: str, texts: Texts) -> str:
    """A figure of a model in words; its name where there are none."""
    lag = _LAG.fullmatch(name)
    if lag is not None:
        return texts("bridge.figure_temperature_lag", hours=texts.number(int(lag[1])))
    return texts(f"bridge.figure_{name}") if name in FIGURES else name.replace("_", " ")
