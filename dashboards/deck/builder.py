"""The layers of the live map as pydeck writes them, from areas at the bottom to labels on top."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pydeck
from pydeck.types import String

from dashboards import theme
from dashboards.deck.geometry import METRES_PER_DEGREE

LINE_ZOOM = 13.0
MAIN_ZOOM = 11.0
SENSOR_ZOOM = 12.5
DISC_ZOOM = 14.0
BRIDGE_LABEL_ZOOM = 11.5
JUNCTION_LABEL_ZOOM = 14.5
SELECTED_ZOOM = 14.5
BUILDING_ZOOM = 13.5
OFFSETS_PX = (-24, 26, -46, 48)
CROWDED_DEGREES = 0.012  # nearer labels would overlap when the whole city is in view
START_PITCH = 35.0
FITTED_PX = (900, 420)
RING_PX = 13
SMALLEST_SHARE = 0.2  # of a symbol's full size, where neighbours are nearest
LABELLED_PX = 60  # names of neighbours take turns in height, so this distance is enough
COMMON_SPACING_M = 1000.0
MOST_JUNCTION_LABELS = 500  # the texts of more would be larger than everything else of the page
EQUATOR_M_PER_PX = 78271.5
PIXELS = String("pixels")
METRES = String("meters")
WHITE = (255, 255, 255)
INK = (26, 26, 26)


@dataclass(frozen=True, slots=True)
class Label:
    """A name on the map, ``offset_px`` below its place (negative: above)."""

    text: str
    longitude: float
    latitude: float
    offset_px: int = OFFSETS_PX[0]


@dataclass(frozen=True, slots=True)
class Sight:
    """Where the map begins."""

    longitude: float
    latitude: float
    zoom: float
    pitch: float = START_PITCH
    bearing: float = 0.0


def sight_of(bbox: tuple[float, ...]) -> Sight:
    """Sight from which a box (west, south, east, north) fits a map of common size."""
    west, south, east, north = bbox
    latitude = (south + north) / 2
    width_m = (east - west) * METRES_PER_DEGREE * math.cos(math.radians(latitude))
    height_m = (north - south) * METRES_PER_DEGREE
    metres_per_pixel = max(width_m / FITTED_PX[0], height_m / FITTED_PX[1], 0.5)
    zoom = math.log2(EQUATOR_M_PER_PX * math.cos(math.radians(latitude)) / metres_per_pixel)
    return Sight((west + east) / 2, latitude, round(min(zoom, SELECTED_ZOOM), 2))


def staggered(labels: Sequence[Label]) -> list[Label]:
    """The same labels from west to east; crowded neighbours take turns in height."""
    placed: list[Label] = []
    turn = 0
    for label in sorted(labels, key=lambda item: item.longitude):
        last = placed[-1] if placed else None
        is_crowded = (
            last is not None
            and label.longitude - last.longitude < CROWDED_DEGREES
            and abs(label.latitude - last.latitude) < CROWDED_DEGREES
        )
        turn = (turn + 1) % len(OFFSETS_PX) if is_crowded else 0
        placed.append(replace(label, offset_px=OFFSETS_PX[turn]))
    return placed


def bridge_label_zoom(spacing_m: float, latitude: float) -> float:
    """Zoom from which the names of bridges that lie ``spacing_m`` [m] apart can be read.

    Examples
    --------
    >>> [round(bridge_label_zoom(metres, 51.0), 1) for metres in (5000.0, 1000.0, 250.0)]
    [11.5, 11.5, 13.5]
    """
    equator_px = EQUATOR_M_PER_PX * math.cos(math.radians(latitude)) * LABELLED_PX
    return max(BRIDGE_LABEL_ZOOM, math.log2(equator_px / max(spacing_m, 1.0)))


def bridge_size(radius_px: float, spacing_m: float, *, line_px: float = 0) -> dict[str, Any]:
    """Radius and line width of the symbols of bridges: as given near by, smaller from far away.

    Symbols shrink with the map where those of neighbours, ``spacing_m`` [m] apart, would cover
    each other, down to a fifth.
    """
    metres_per_px = spacing_m / 3 / RING_PX
    size: dict[str, Any] = {
        "radius_units": METRES,
        "get_radius": radius_px * metres_per_px,
        "radius_min_pixels": radius_px * SMALLEST_SHARE,
        "radius_max_pixels": radius_px,
    }
    if line_px:
        size |= {
            "line_width_units": METRES,
            "get_line_width": line_px * metres_per_px,
            "line_width_min_pixels": max(1.0, line_px * SMALLEST_SHARE),
            "line_width_max_pixels": line_px,
        }
    return size


def map_spec(
    *,
    sight: Sight,
    layers: Iterable[str],
    channel: str,
    bridge_spacing_m: float = COMMON_SPACING_M,
    bridge_labels: Sequence[Label] = (),
    junction_labels: Sequence[Label] = (),
    closed_labels: Sequence[Label] = (),
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
    bridge_spacing_m
        Common distance of a bridge to the next one [m]; symbols and names are sized by it.
    bridge_labels, junction_labels, closed_labels
        Names to draw; those of junctions only near by, and none in a city with very many of them.
        The last say which roads are closed.
    """
    if len(junction_labels) > MOST_JUNCTION_LABELS:
        junction_labels = ()
    bridge_zoom = bridge_label_zoom(bridge_spacing_m, sight.latitude)
    makers = {
        "water": lambda: [_water()],
        "buildings": lambda: [_buildings()],
        "roads": lambda: [
            *_roads(f"roads.{channel}"),
            _labels("closed-labels", closed_labels, zoom=BRIDGE_LABEL_ZOOM, size=13),
        ],
        "bridges": lambda: list(_bridges(bridge_spacing_m)),
        "sensors": lambda: [_sensors()],
        "labels": lambda: [
            _labels("junction-labels", junction_labels, zoom=JUNCTION_LABEL_ZOOM, size=12),
            _labels("bridge-labels", staggered(bridge_labels), zoom=bridge_zoom, size=14),
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


def _buildings() -> pydeck.Layer:
    return _layer(
        "SolidPolygonLayer",
        "buildings",
        data=_table("buildings"),
        extruded=True,
        get_fill_color=theme.rgb(theme.BUILDING),
        material={"ambient": 0.5, "diffuse": 0.45, "shininess": 1},
        pickable=False,
        min_zoom=BUILDING_ZOOM,
    )


def _roads(channel: str) -> Iterable[pydeck.Layer]:
    """Two directions side by side; those with a counter are wider and over a dark casing.

    From far away there are fewer and simpler lines.
    """
    values = _live(channel, "magnitude", "magnitude", f"{channel}.q")
    main: dict[str, float] = {"max_zoom": MAIN_ZOOM}
    far: dict[str, float] = {"min_zoom": MAIN_ZOOM, "max_zoom": LINE_ZOOM}
    near: dict[str, float] = {"min_zoom": LINE_ZOOM}
    up_to_near: dict[str, float] = {"max_zoom": LINE_ZOOM}
    yield _line("LineLayer", "roads-main", "roads_main", 1, values, **main)
    yield _line("LineLayer", "roads-far", "roads_far", 1.5, values, **far)
    yield _line("PathLayer", "roads", "roads", 2, values, **near)
    yield _line("LineLayer", "counted-far-casing", "counted_far", 6, theme.CASING, **up_to_near)
    yield _line("LineLayer", "counted-far", "counted_far", 4, values, **up_to_near)
    yield _line("PathLayer", "counted-casing", "counted", 8, theme.CASING, **near)
    yield _line("PathLayer", "counted", "counted", 5, values, **near)
    yield _line("PathLayer", "closed-casing", "closed", 9, theme.CASING)
    yield _line("PathLayer", "closed", "closed", 6, theme.CLOSED)


def _line(
    kind: str,
    identity: str,
    table: str,
    width_px: float,
    values: list[dict[str, str]] | str,
    **zooms: float,
) -> pydeck.Layer:
    """Lines in the colour of their values, or in one fixed colour."""
    round_ends = {"cap_rounded": True, "joint_rounded": True} if kind == "PathLayer" else {}
    return _layer(
        kind,
        identity,
        data=_table(table),
        width_units=PIXELS,
        get_width=width_px,
        get_color=theme.rgb(values) if isinstance(values, str) else WHITE,
        pickable=not isinstance(values, str),
        **({} if isinstance(values, str) else {"extensions": values}),
        **round_ends,
        **zooms,
    )


def _bridges(spacing_m: float) -> Iterable[pydeck.Layer]:
    """Shapes in the colour of the condition, and a ring in the colour of the monitoring state.

    From far away, where the shape is small, a disc inside the ring has the colour of the condition.
    """
    yield _layer(
        "SolidPolygonLayer",
        "bridges",
        data=_table("bridges"),
        extruded=True,
        get_fill_color=WHITE,
        pickable=True,
        extensions=_live("bridges.grade", "condition", "class"),
    )
    yield _layer(
        "ScatterplotLayer",
        "bridge-disc",
        data=_table("bridge_points"),
        **bridge_size(11, spacing_m),
        get_fill_color=WHITE,
        pickable=False,
        max_zoom=DISC_ZOOM,
        parameters={"depthCompare": "always"},
        extensions=_live("bridges.grade", "condition", "class"),
    )
    ring = {
        "data": _table("bridge_points"),
        "filled": False,
        "stroked": True,
        "parameters": {"depthCompare": "always"},
    }
    yield _layer(
        "ScatterplotLayer",
        "bridge-ring-casing",
        **ring,
        **bridge_size(RING_PX, spacing_m, line_px=7),
        get_line_color=theme.rgb(theme.CASING),
        pickable=False,
    )
    yield _layer(
        "ScatterplotLayer",
        "bridge-ring",
        **ring,
        **bridge_size(RING_PX, spacing_m, line_px=4),
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
        get_size=size,
        get_color=INK,
        get_pixel_offset="offset",
        font_family=String("system-ui, sans-serif"),
        character_set=String("auto"),
        background=True,
        get_background_color=[255, 255, 255, 210],
        background_padding=[4, 2],
        pickable=False,
        min_zoom=zoom,
        parameters={"depthCompare": "always"},
    )
