"""What the reader chooses: layers, coloured channel, drawing power; and the legend of it all."""

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from dashboards import theme
from dashboards.i18n.translate import Texts
from dashboards.listing import band_name, band_range
from dashboards.live.channels import FLOW, SPEED
from dashboards.live.hub import Snapshot
from dashboards.state import LAYERS, NO_LAYERS, SHOWN, ViewState
from dashboards.widgets.parts import change, go

SCALES = {"speed": (SPEED, "km/h"), "flow": (FLOW, "/h")}


def controls(state: ViewState, texts: Texts, *, has_buildings: bool = False) -> list[Component]:
    """Switches for layers, coloured channel and drawing power."""
    layers = [
        go(
            texts(f"layer.{key}"),
            change(layers=_toggled(state.layers, key)),
            is_pressed=key in state.layers,
        )
        for key in LAYERS
        if key != "buildings" or has_buildings
    ]
    channels = [
        go(
            texts(f"channel.{key}"),
            change(kpi="" if key == "speed" else key),
            is_pressed=state.kpi == key,
        )
        for key in SCALES
    ]
    powers = [
        go(
            texts(f"low.{key}"),
            change(low="" if key == "auto" else key),
            is_pressed=state.low == key,
        )
        for key in ("auto", "on", "off")
    ]
    return [
        _group("layers", layers, texts),
        _group("channels", channels, texts),
        _group("power", powers, texts),
    ]


def _group(key: str, buttons: Sequence[Component], texts: Texts) -> html.Div:
    return html.Div(
        [
            html.H3(texts(f"controls.{key}"), id=f"controls-{key}"),
            html.Div(
                buttons,
                className="switches",
                role="group",
                **{"aria-labelledby": f"controls-{key}"},
            ),
        ]
    )


def _toggled(layers: tuple[str, ...], key: str) -> str:
    wanted = tuple(k for k in LAYERS if (k in layers) != (k == key))
    return "" if wanted == SHOWN else ",".join(wanted) or NO_LAYERS


def legend(state: ViewState, texts: Texts) -> list[Component]:
    """What colours, rings and symbols mean, with units, classes and the colour of no data."""
    scale, unit = SCALES[state.kpi]
    parts: list[Component] = []
    if "roads" in state.layers:
        parts += [
            html.H3(f"{texts(f'legend.{state.kpi}')} [{texts.unit(unit)}]"),
            _ramp(),
            html.Div(
                [
                    html.Span(texts.number(scale.vmin)),
                    html.Span(texts.number((scale.vmin + scale.vmax) / 2)),
                    html.Span("\u2265\u202f" + texts.number(scale.vmax)),
                ],
                className="ramp-ticks",
            ),
            _items(
                [
                    (theme.NO_DATA, "", texts("legend.no_data"), True),
                    (theme.CLOSED, "\u2715", texts("legend.closed"), False),
                ]
            ),
            html.P(texts("legend.no_counter"), className="note"),
        ]
    if "bridges" in state.layers:
        bands = [
            (b.colour, b.symbol, f"{band_range(b, texts)} {band_name(b, texts)}", False)
            for b in theme.CONDITION_BANDS
        ]
        states = [
            (s.colour, s.symbol, texts(f"monitoring.{s.key}"), False)
            for s in theme.MONITORING_STATES
        ]
        parts += [
            html.H3(texts("legend.grade")),
            _items([*bands, (theme.NO_DATA, "", texts("legend.no_grade"), True)]),
            html.P(texts("legend.height"), className="note"),
            html.H3(texts("legend.monitoring")),
            _items(states, is_ring=True),
        ]
    if "sensors" in state.layers:
        shown = [
            s
            for s in theme.QUALITIES
            if s.key in ("good", "simulated", "suspect", "stale", "never_reported")
        ]
        parts += [
            html.H3(texts("legend.sensors")),
            _items([(s.colour, s.symbol, texts(f"quality.{s.key}"), False) for s in shown]),
        ]
    return parts


def _ramp() -> html.Div:
    stops = ", ".join(theme.RAMPS["magnitude"].stops)
    return html.Div(className="ramp", style={"background": f"linear-gradient(to right, {stops})"})


def _items(entries: Sequence[tuple[str, str, str, bool]], *, is_ring: bool = False) -> html.Ul:
    """Swatch, symbol and label of each class; the last entry of a tuple asks for the hatch."""
    rows: list[Component] = []
    for colour, symbol, label, is_hatched in entries:
        look = "swatch ring" if is_ring else "swatch hatch" if is_hatched else "swatch"
        style = {"borderColor": colour} if is_ring else {"backgroundColor": colour}
        swatch = html.Span(className=look, style=style, **{"aria-hidden": "true"})
        sign = html.Span(symbol, className="symbol", **{"aria-hidden": "true"})
        rows.append(html.Li([swatch, sign, html.Span(label)]))
    return html.Ul(rows, className="legend-items")


def legend_time(snapshot: Snapshot, texts: Texts) -> str:
    """When the newest of the shown values was measured."""
    newest = snapshot.newest
    if newest is None:
        return texts("legend.never")
    age = texts.duration((snapshot.at - newest).total_seconds())
    return texts("legend.time", time=texts.time(newest), age=age)
