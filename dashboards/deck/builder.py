"""The layers of the live map as pydeck writes them, from areas at the bottom to labels on top."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pydeck
from pydeck.types import String

from dashboards import theme

LINE_ZOOM = 13.0
MAIN_ZOOM = 11.0
SENSOR_ZOOM = 12.5
BRIDGE_LABEL_ZOOM = 12.0
JUNCTION_LABEL_ZOOM = 14.5
START_ZOOM = 12.3
START_PITCH = 35.0
PIXELS = String("pixels")
WHITE = (255, 255, 255)
INK = (26, 26, 26)


@dataclass(frozen=True, slots=True)
class Label:
    """A name on the map."""

    text: str
    longitude: float
    latitude: float


@dataclass(frozen=True, slots=True)
class Sight:
    """Where the map begins."""

    longitude: float
    latitude: float
    zoom: float = START_ZOOM
    pitch: float = START_PITCH
    bearing: float = 0.0


def map_spec(
    *,
    sight: Sight,
    layers: Iterable[str],
    channel: str,
    bridge_labels: Sequence[Label] = (),
    junction_labels: Sequence[Label] = (),
) -> dict[str, Any]:
    """Specification of the map for ``TwinMap``.

    Parameters
    ----------
    sight
        Camera at the start; later specifications do not move it.
    layers
        Which of ``dashboards.state.LAYERS`` are shown.
    channel
        ``speed`` or ``flow``: what colours the roads.
    bridge_labels, junction_labels
        Names to draw; those of junctions only near by.
    """
    makers = {
        "water": lambda: [_water()],
        "roads": lambda: list(_roads(f"roads.{channel}")),
        "bridges": lambda: list(_bridges()),
        "sensors": lambda: [_sensors()],
        "labels": lambda: [
            _labels("junction-labels", junction_labels, zoom=JUNCTION_LABEL_ZOOM, size=12),
            _labels("bridge-labels", bridge_labels, zoom=BRIDGE_LABEL_ZOOM, size=14),
        ],
    }
    wanted = set(layers)
    made = [layer for key, make in makers.items() if key in wanted for layer in make()]
    view = pydeck.ViewState(
        longitude=sight.longitude,
        latitude=sight.latitude,
        zoom=sight.zoom,
        pitch=sight.pitch,
        bearing=sight.bearing,
        min_zoom=9,
        max_zoom=18,
    )
    deck = pydeck.Deck(layers=made, initial_view_state=view, map_provider=None, map_style=None)
    spec: dict[str, Any] = json.loads(deck.to_json())
    return spec


def _table(name: str) -> dict[str, str]:
    return {"@@function": "table", "name": name}


def _live(channel: str, ramp: str, kind: str, quality: str | None = None) -> list[dict[str, str]]:
    extension = {"@@type": "LiveValueExtension", "channel": channel, "ramp": ramp, "kind": kind}
    return [extension if quality is None else {**extension, "quality": quality}]


def _layer(kind: str, identity: str, **properties: object) -> pydeck.Layer:
    return pydeck.Layer(kind, id=identity, **properties)  # pyrefly: ignore[bad-argument-type]


def _water() -> pydeck.Layer:
    return _layer(
        "SolidPolygonLayer",
        "water",
        data=_table("water"),
        get_fill_color=theme.rgb(theme.WATER),
        pickable=False,
    )


def _roads(channel: str) -> Iterable[pydeck.Layer]:
    """Two directions side by side, over a dark casing; fewer and simpler lines from far away."""
    levels: Mapping[str, tuple[str, str, int, dict[str, float]]] = {
        "main": ("LineLayer", "roads_main", 2, {"max_zoom": MAIN_ZOOM}),
        "far": ("LineLayer", "roads_far", 3, {"min_zoom": MAIN_ZOOM, "max_zoom": LINE_ZOOM}),
        "near": ("PathLayer", "roads", 5, {"min_zoom": LINE_ZOOM}),
    }
    for part in ("casing", "colour"):
        for level, (kind, table, width_px, zooms) in levels.items():
            is_casing = part == "casing"
            yield _layer(
                kind,
                f"roads-{level}-{part}",
                data=_table(table),
                width_units=PIXELS,
                get_width=width_px + 2 if is_casing else width_px,
                get_color=theme.rgb(theme.CASING) if is_casing else WHITE,
                pickable=not is_casing,
                **({"cap_rounded": True, "joint_rounded": True} if kind == "PathLayer" else {}),
                **({} if is_casing else {"extensions": _road_values(channel)}),
                **zooms,
            )


def _road_values(channel: str) -> list[dict[str, str]]:
    return _live(channel, "magnitude", "magnitude", f"{channel}.q")


def _bridges() -> Iterable[pydeck.Layer]:
    """Shapes in the colour of the condition, and a ring in the colour of the monitoring state."""
    yield _layer(
        "SolidPolygonLayer",
        "bridges",
        data=_table("bridges"),
        extruded=True,
        get_fill_color=WHITE,
        pickable=True,
        extensions=_live("bridges.grade", "condition", "class"),
    )
    ring = {
        "data": _table("bridge_points"),
        "filled": False,
        "stroked": True,
        "radius_units": PIXELS,
        "line_width_units": PIXELS,
        "parameters": {"depthCompare": "always"},
    }
    yield _layer(
        "ScatterplotLayer",
        "bridge-ring-casing",
        **ring,
        get_radius=13,
        get_line_width=7,
        get_line_color=theme.rgb(theme.CASING),
        pickable=False,
    )
    yield _layer(
        "ScatterplotLayer",
        "bridge-ring",
        **ring,
        get_radius=13,
        get_line_width=4,
        get_line_color=WHITE,
        pickable=True,
        extensions=_live("bridges.monitoring", "monitoring", "class"),
    )


def _sensors() -> pydeck.Layer:
    return _layer(
        "ScatterplotLayer",
        "sensors",
        data=_table("sensors"),
        stroked=True,
        filled=True,
        radius_units=PIXELS,
        line_width_units=PIXELS,
        get_radius=5,
        get_line_width=2,
        get_line_color=theme.rgb(theme.CASING),
        get_fill_color=WHITE,
        pickable=True,
        min_zoom=SENSOR_ZOOM,
        parameters={"depthCompare": "always"},
        extensions=_live("sensors.q", "quality", "class"),
    )


def _labels(identity: str, labels: Sequence[Label], *, zoom: float, size: int) -> pydeck.Layer:
    data = [{"text": label.text, "at": [label.longitude, label.latitude]} for label in labels]
    return _layer(
        "TextLayer",
        identity,
        data=data,
        get_text="text",
        get_position="at",
        get_size=size,
        get_color=INK,
        get_pixel_offset=[0, -24],
        font_family=String("system-ui, sans-serif"),
        character_set=String("auto"),
        background=True,
        get_background_color=[255, 255, 255, 210],
        background_padding=[4, 2],
        pickable=False,
        min_zoom=zoom,
        parameters={"depthCompare": "always"},
    )
