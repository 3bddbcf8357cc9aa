"""What the reader chooses on the map of a run, and what its colours, widths and signs mean."""

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from dashboards import theme
from dashboards.deck.scenario import QUIET
from dashboards.i18n.translate import Texts
from dashboards.run_links import QUANTITIES
from dashboards.run_map import FINDING_SIGN, RESTRICTION_SIGN, RunMap
from dashboards.run_words import signed_text
from dashboards.state import ViewState
from dashboards.widgets.parts import change, go

SHOWS = ("diff", "split", "swipe")
POWERS = ("auto", "on", "off")


def switches(state: ViewState, texts: Texts) -> list[Component]:
    """Switches for the kind of view, the quantity and the drawing power."""
    groups = (
        ("show", SHOWS, state.show, "diff"),
        ("value", tuple(QUANTITIES), state.value, "flow"),
        ("low", POWERS, state.low, "auto"),
    )
    return [_group(key, keys, now, default, texts) for key, keys, now, default in groups]


def _group(key: str, keys: Sequence[str], now: str, default: str, texts: Texts) -> html.Div:
    words = "low" if key == "low" else f"run_map.{key}"
    buttons = [
        go(
            texts(f"{words}.{one}"),
            change(**{key: "" if one == default else one}),
            is_pressed=one == now,
        )
        for one in keys
    ]
    label = texts("controls.power" if key == "low" else f"run_map.{key}")
    return html.Div(
        [
            html.Span(label, id=f"run-map-{key}", className="switches-label"),
            html.Div(
                buttons,
                className="switches",
                role="group",
                **{"aria-labelledby": f"run-map-{key}"},
            ),
        ],
        className="switches-row",
    )


def legend(found: RunMap, state: ViewState, texts: Texts) -> list[Component]:
    """Legend of what is shown now."""
    parts = (
        _difference(found, state, texts) if state.show == "diff" else _sides(found, state, texts)
    )
    return [html.H3(texts("legend.title")), *parts, *_bridges(found, texts)]


def quantity_name(key: str, texts: Texts) -> str:
    """Quantity with its unit."""
    unit = QUANTITIES[key].unit
    name = texts(f"run_map.value.{key}")
    return name if unit == "1" else f"{name} [{texts.unit(unit)}]"


def _difference(found: RunMap, state: ViewState, texts: Texts) -> list[Component]:
    key = state.value
    span, digits = found.links.change_scale(key).vmax, _digits(key)
    unit = QUANTITIES[key].unit
    title = texts("run_map.legend_change")
    title = title if unit == "1" else f"{title}, {texts.unit(unit)}"
    ends = (signed_text(-span, digits, texts), "0", signed_text(span, digits, texts))
    return [
        html.P(html.Strong(texts(f"run_map.value.{key}"))),
        html.P(title),
        _ramp("difference"),
        _ticks((f"\u2264\u202f{ends[0]}", ends[1], f"\u2265\u202f{ends[2]}")),
        _items(
            [
                (_line("more", theme.RAMPS["difference"].stops[-2]), texts("run_map.more")),
                (_line("less", theme.RAMPS["difference"].stops[1]), texts("run_map.less")),
                (_line("quiet", QUIET), texts("run_map.not_drawn")),
                (_line("closed", theme.CLOSED), texts("run_map.closed_legend")),
            ]
        ),
        html.P(texts("run_map.floor_note"), className="note"),
    ]


def _sides(found: RunMap, state: ViewState, texts: Texts) -> list[Component]:
    key = state.value
    scale, digits = found.links.magnitude(key), _digits(key)
    middle = (scale.vmin + scale.vmax) / 2
    numbers = [texts.number(value, digits) for value in (scale.vmin, middle, scale.vmax)]
    return [
        html.P(html.Strong(quantity_name(key, texts))),
        _ramp("magnitude"),
        _ticks((numbers[0], numbers[1], f"\u2265\u202f{numbers[2]}")),
        _items(
            [
                (_line("quiet", theme.NO_DATA), texts("run_map.not_in_network")),
                (_line("closed", theme.CLOSED), texts("run_map.closed_legend")),
            ]
        ),
        html.P(texts("run_map.both_sides"), className="note"),
    ]


def _digits(key: str) -> int:
    return QUANTITIES[key].decimals


def _bridges(found: RunMap, texts: Texts) -> list[Component]:
    if not found.bridges:
        return []
    unit = texts.unit(found.bridges[0].unit)
    span = found.bridge_scale.vmax
    ends = (signed_text(-span, 0, texts), "0", signed_text(span, 0, texts))
    disc = html.Span(className="swatch run-disc", **{"aria-hidden": "true"})
    return [
        html.H4(f"{texts('run_map.bridges')}, {unit}"),
        _ramp("difference"),
        _ticks((f"\u2264\u202f{ends[0]}", ends[1], f"\u2265\u202f{ends[2]}")),
        _items(
            [
                (disc, texts("run_map.bridge_size")),
                (_sign(RESTRICTION_SIGN), texts("run_map.restriction")),
                (_sign(FINDING_SIGN), texts("run_map.finding")),
            ]
        ),
    ]


def _ramp(name: str) -> html.Div:
    stops = ", ".join(theme.RAMPS[name].stops)
    style = {"background": f"linear-gradient(to right, {stops})"}
    return html.Div(className="ramp", style=style)


def _ticks(texts_of: Sequence[str]) -> html.Div:
    return html.Div([html.Span(text) for text in texts_of], className="ramp-ticks")


def _line(look: str, colour: str) -> html.Span:
    style = {"borderTopColor": colour}
    return html.Span(className=f"run-line run-line-{look}", style=style, **{"aria-hidden": "true"})


def _sign(text: str) -> html.Span:
    return html.Span(text, className="symbol", **{"aria-hidden": "true"})


def _items(entries: Sequence[tuple[Component, str]]) -> html.Ul:
    rows = [html.Li([sign, html.Span(label)]) for sign, label in entries]
    return html.Ul(rows, className="legend-items")
