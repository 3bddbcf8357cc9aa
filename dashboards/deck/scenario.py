"""Layers of the map of a run, and of the map on which links and bridges are picked.

Direction of a change is not colour alone: more is wide and solid, less is narrow and dashed, and
the largest changes carry their number with its sign. From far away the two directions of a road lie
further apart.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import pydeck
from pydeck.types import String

from dashboards import theme
from dashboards.deck.builder import (
    BRIDGE_LABEL_ZOOM,
    INK,
    PIXELS,
    WHITE,
    Label,
    Sight,
    bridge_label_zoom,
    bridge_size,
    staggered,
)

QUIET = "#8c8c8c"
"""Links that did not change above the noise: 3.3:1 on the basemap."""
MORE_PX, LESS_PX, SIDE_PX, QUIET_PX, CLOSED_PX, PICK_PX = 6.0, 3.5, 4.0, 1.2, 5.0, 4.0
CASING_PX = 3.0
DASH = (3, 1.5)
LABEL_ZOOM = 10.5
SPREAD_ZOOM = 14.2
"""Below it the directions of a road are drawn further apart than they lie."""
FAR_SHARE = 0.7
"""Width of a line from far away, where roads lie close to each other."""
PICKABLE = "#5c6b7a"
BRIDGE = "#f4a04a"
OVER: dict[str, object] = {"depthCompare": "always"}

Side = Literal["", "left", "right"]


def run_spec(*, sight: Sight, show: str, labels: Sequence[Label] = ()) -> dict[str, Any]:
    """Specification of the map of a run.

    Parameters
    ----------
    sight
        Camera at the start; later specifications do not move it.
    show
        ``diff``, ``split`` or ``swipe``.
    labels
        Names and changes of bridges.
    """
    layers = [_water(), *_quiet()]
    if show == "diff":
        layers += [*_changed("less", LESS_PX), *_changed("more", MORE_PX)]
        layers += [*_closed("closed-before", "closed_before"), *_closed("closed-now", "run_closed")]
    else:
        layers += [*_side("left", "base"), *_side("right", "scenario")]
        layers += [*_closed("closed-before", "closed_before")]
        layers += [*_closed("closed-now", "run_closed", side="right")]
    side: Side = "" if show == "diff" else "right"
    layers += [*_bridges(side), _labels("bridge-labels", staggered(labels), side=side)]
    return _spec(layers, sight)


def pick_spec(
    *, sight: Sight, bridge_spacing_m: float, labels: Sequence[Label] = ()
) -> dict[str, Any]:
    """Specification of the map on which links and bridges are picked.

    ``bridge_spacing_m`` is the common distance of a bridge to the next one [m].
    """
    nearer = bridge_label_zoom(bridge_spacing_m, sight.latitude) - BRIDGE_LABEL_ZOOM
    closed = {"data": _table("closed"), "width_units": PIXELS, "pickable": False}
    layers = [
        _water(),
        *_paths(
            "pick-roads", "roads", PICK_PX, get_color=theme.rgb(PICKABLE), pickable=True,
            about=String("pick"),
        ),
        _layer(
            "PathLayer", "closed-casing", **closed,
            get_width=CLOSED_PX + CASING_PX, get_color=theme.rgb(theme.CASING),
        ),
        _layer(
            "PathLayer", "closed", **closed,
            get_width=CLOSED_PX, get_color=theme.rgb(theme.CLOSED),
        ),
        _layer(
            "ScatterplotLayer", "pick-bridges", data=_table("bridge_points"),
            **bridge_size(9, bridge_spacing_m, line_px=2), filled=True, stroked=True,
            get_fill_color=theme.rgb(BRIDGE), get_line_color=theme.rgb(theme.CASING),
            pickable=True, parameters=OVER,
        ),
        _labels("bridge-labels", staggered(labels), zoom=LABEL_ZOOM + nearer),
    ]  # fmt: skip
    return _spec(layers, sight)


def _spec(layers: Sequence[pydeck.Layer], sight: Sight) -> dict[str, Any]:
    view = pydeck.ViewState(
        longitude=sight.longitude, latitude=sight.latitude, zoom=sight.zoom,
        pitch=0, bearing=0, min_zoom=8, max_zoom=18,
    )  # fmt: skip
    deck = pydeck.Deck(
        layers=list(layers), initial_view_state=view, map_provider=None, map_style=None
    )
    spec: dict[str, Any] = json.loads(deck.to_json())
    return spec


def _table(name: str) -> dict[str, str]:
    return {"@@function": "table", "name": name}


def _layer(kind: str, identity: str, **properties: object) -> pydeck.Layer:
    return pydeck.Layer(kind, id=identity, **properties)  # pyrefly: ignore[bad-argument-type]


def _values(channel: str, ramp: str) -> dict[str, str]:
    return {"@@type": "LiveValueExtension", "channel": channel, "ramp": ramp, "kind": ramp}


def _paths(
    identity: str, table: str, width_px: float, *, side: Side = "", **more: object
) -> Iterable[pydeck.Layer]:
    """Lines of a table near by, and those of its far variant from far away."""
    properties: dict[str, object] = {"width_units": PIXELS, **more}
    if side:
        properties["side"] = String(side)
    yield _layer(
        "PathLayer",
        f"{identity}-far",
        data=_table(f"{table}_far"),
        get_width=FAR_SHARE * width_px,
        max_zoom=SPREAD_ZOOM,
        **properties,
    )
    yield _layer(
        "PathLayer",
        identity,
        data=_table(table),
        get_width=width_px,
        min_zoom=SPREAD_ZOOM,
        **properties,
    )


def _water() -> pydeck.Layer:
    return _layer(
        "SolidPolygonLayer",
        "water",
        data=_table("water"),
        get_fill_color=theme.rgb(theme.WATER),
        pickable=False,
    )


def _quiet() -> Iterable[pydeck.Layer]:
    """All roads thin and grey; the tooltip finds the numbers of a link by the channel."""
    return _paths(
        "roads-quiet", "roads", QUIET_PX, get_color=theme.rgb(QUIET), pickable=True,
        about=String("run.change"),
    )  # fmt: skip


def _changed(sign: str, width_px: float) -> Iterable[pydeck.Layer]:
    table = f"run_{sign}"
    values: list[dict[str, object]] = [{**_values("run.change", "difference")}]
    dash: dict[str, Any] = {}
    if sign == "less":
        values.append({"@@type": "PathStyleExtension", "dash": True})
        dash = {"get_dash_array": list(DASH), "dash_justified": True}
    yield from _paths(
        f"{sign}-casing", table, width_px + CASING_PX,
        get_color=theme.rgb(theme.CASING), pickable=False,
    )  # fmt: skip
    yield from _paths(
        sign, table, width_px, get_color=WHITE, pickable=True, extensions=values, **dash
    )


def _side(side: Side, key: str) -> Iterable[pydeck.Layer]:
    values = [_values(f"run.{key}", "magnitude")]
    yield from _paths(
        f"{key}-casing", "roads", SIDE_PX + 2, side=side,
        get_color=theme.rgb(theme.CASING), pickable=False,
    )  # fmt: skip
    yield from _paths(
        key, "roads", SIDE_PX, side=side, get_color=WHITE, pickable=True, extensions=values
    )


def _closed(identity: str, table: str, *, side: Side = "") -> Iterable[pydeck.Layer]:
    """Closed links: dark red over a dark casing, which no ramp has."""
    yield from _paths(
        f"{identity}-casing", table, CLOSED_PX + CASING_PX, side=side,
        get_color=theme.rgb(theme.CASING), pickable=False,
    )  # fmt: skip
    yield from _paths(
        identity, table, CLOSED_PX, side=side, get_color=theme.rgb(theme.CLOSED), pickable=False,
    )  # fmt: skip


def _bridges(side: Side = "") -> Iterable[pydeck.Layer]:
    """Discs whose area grows with the change of heavy vehicles; not on the side of the base."""
    disc: dict[str, object] = {
        **({"side": String(side)} if side else {}),
        "data": _table("run_bridges"),
        "radius_units": PIXELS,
        "parameters": OVER,
        "filled": True,
        "stroked": True,
        "line_width_units": PIXELS,
        "get_line_width": 2,
        "get_line_color": theme.rgb(theme.CASING),
        "get_fill_color": WHITE,
        "opacity": 0.9,
    }
    yield _layer(
        "ScatterplotLayer", "run-bridges", **disc, pickable=True,
        extensions=[_values("run.bridges", "difference")],
    )  # fmt: skip


def _labels(
    identity: str, labels: Sequence[Label], *, zoom: float = LABEL_ZOOM, side: Side = ""
) -> pydeck.Layer:
    data = [
        {
            "text": label.text,
            "at": [label.longitude, label.latitude],
            "offset": [0, label.offset_px],
        }
        for label in labels
    ]
    return _layer(
        "TextLayer",
        identity,
        data=data,
        get_text="text",
        get_position="at",
        get_size=13,
        get_color=INK,
        get_pixel_offset="offset",
        font_family=String("system-ui, sans-serif"),
        character_set=String("auto"),
        background=True,
        get_background_color=[255, 255, 255, 215],
        background_padding=[4, 2],
        pickable=False,
        min_zoom=zoom,
        parameters=OVER,
        **({"side": String(side)} if side else {}),
    )
