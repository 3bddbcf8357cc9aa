"""The live map of the city as a Dash component."""

from typing import Any, Literal, TypedDict, Unpack

from dash.development.base_component import Component

from dashboards.theme import NO_DATA, SELECTION, ramps_for_map


class TableSource(TypedDict):
    """Where the browser gets a table: the address contains the version, so it may be cached."""

    url: str
    version: str


class Channel(TypedDict, total=False):
    """What the browser must know of a channel beyond the ``hello`` message of the socket."""

    table: str
    url: str
    kind: Literal["magnitude", "difference", "class"]
    vmin: float
    vmax: float
    scale: Literal["linear", "log"]
    unit: str
    label: str
    decimals: int
    classes: list[str]
    facts: "list[Fact]"
    factsTable: str


class Fact(TypedDict, total=False):
    """A line of the tooltip from a column of the feature's table, in full precision."""

    label: str
    column: str
    unit: str
    decimals: int


class Compare(TypedDict, total=False):
    """Two pictures with one camera, their names, and where the divider stands [%]."""

    kind: Literal["split", "swipe"]
    left: str
    right: str
    divider: float


class TwinMapProps(TypedDict, total=False):
    """Properties of :class:`TwinMap`; see there."""

    id: str
    className: str
    spec: dict[str, Any]
    tables: dict[str, TableSource]
    channels: dict[str, Channel]
    ramps: dict[str, dict[str, object]]
    colours: dict[str, str]
    liveUrl: str
    compare: Compare | None
    selection: list[str]
    flyTo: dict[str, float]
    command: dict[str, object]
    paused: bool
    lang: str
    labels: dict[str, str]
    reducedMotion: bool
    lowPower: Literal["auto", "on", "off"]
    writeUrl: bool
    clickData: dict[str, Any]
    viewState: dict[str, float]
    connection: dict[str, Any]
    error: list[str]
    perf: dict[str, Any]


class TwinMap(Component):
    """Map that is loaded once by address and whose values then arrive over one WebSocket.

    Properties that Python sets
    ---------------------------
    id, className
        As everywhere in Dash. The wrapper fills its parent, which must have a height.
    spec
        ``json.loads(deck.to_json())`` of a pydeck ``Deck`` with ``map_provider=None`` and
        ``map_style=None``. ``initialViewState`` counts on mount only; a later ``spec`` changes
        layers and leaves the camera. Layer classes: PathLayer, LineLayer, ScatterplotLayer,
        ColumnLayer, SolidPolygonLayer, PolygonLayer, IconLayer, TextLayer, GeoJsonLayer,
        BitmapLayer; extensions: LiveValueExtension, DataFilterExtension, PathStyleExtension.
        Functions: ``table(name)`` as ``data``, ``ramp(name)`` as a list of colours.
        The layers are drawn in the order given: areas, casings (wider and dark), coloured lines.
        A layer with ``"minZoom"``/``"maxZoom"`` is visible in that range only; one with
        ``"side": "left"`` or ``"right"`` in that picture of a comparison only. ``"about"`` names
        the channel of the tooltip where a layer has one fixed colour.
    tables
        ``{name: {"url": ..., "version": ...}}``, TWT1 tables. Columns: ``id`` and, for tooltips
        and the list, ``name`` (texts); lines ``start`` + ``xy``; polygons ``start`` + ``xy`` and
        optionally ``height`` [m] and ``tri``; points ``xy`` and optionally ``radius`` (f32).
        ``feature`` (u32 per row) if the rows are not the features themselves; clicks then name
        the features of the channel's table.
    channels
        ``{name: {...}}``. ``table`` names the table whose rows the values follow. Live channels
        get their range from the socket; ``unit``, ``label``, ``decimals`` and ``classes`` (the
        label of each class code) are for the tooltip. ``facts`` are its lines instead of the value
        of the byte: each from a column of the feature's table, or of ``factsTable``, which has the
        same rows (numbers in full precision, or texts). With ``url`` the values come once, as TWT1
        with the u8 column ``value``, and then ``kind``, ``vmin``, ``vmax`` and ``scale`` count.
        Every channel that a layer draws, and its companion ``<channel>.q``, must be listed.
    compare
        ``{"kind": "split" | "swipe", "left", "right", "divider"?}``: two pictures with one camera
        and their names, side by side or with a divider that arrow keys and the pointer move (a
        slider of 0 to 100 %). None shows one picture. Both lie flat.
    ramps, colours
        Default ``dashboards.theme.ramps_for_map()`` and the no-data and selection colours.
    liveUrl
        Address of the WebSocket, default ``/live/v1``; an empty text means no live values.
    selection
        Ids of the highlighted features.
    flyTo
        ``{"longitude", "latitude", "zoom", "pitch"?, "bearing"?}``; the only way Python moves
        the camera after mounting. Under reduced motion it jumps. Another key, such as a growing
        ``n``, makes it fly to the same place again.
    command
        ``{"name": "zoom_in" | "zoom_out" | "reset_view" | "focus_map" | "focus_list", "n": int}``.
        Executed whenever ``n`` changes; 0 does nothing.
    paused
        True keeps receiving but stops drawing new values.
    lang, labels
        Language of numbers and texts; ``labels`` replaces the English texts by key, see
        :data:`LABELS`. A callback that sets ``labels`` gives all of them.
    reducedMotion
        No blending, no flights; default: what the browser asks for.
    lowPower
        ``auto`` (default: on if the browser renders in software), ``on``, ``off``. On: 2D, lines
        instead of paths, no extrusion, one pixel per CSS pixel, no blending, one update a second.
    writeUrl
        True (default) writes the camera as ``map=lat,lon,zoom,pitch,bearing`` into the address.

    Properties that the browser sets
    --------------------------------
    clickData
        ``{"layer", "table", "index", "id", "coordinate", "source": "pointer" | "list", "n"}``;
        ``n`` grows, so that the same feature can be chosen twice. A click on nothing has
        ``id`` None.
    viewState
        ``{"longitude", "latitude", "zoom", "pitch", "bearing"}``, 250 ms after the last move.
    connection
        ``{"state": "connecting" | "live" | "lost" | "reload" | "refused" | "off",
        "ages": {channel: seconds}, "stale": [channel], "serverTime": ISO text, "lowPower": bool}``,
        at most every five seconds and on each change of ``state``. ``ages`` are by the server's
        clock.
    error
        Texts, one for each layer, table or channel that could not be shown; [] if none.
    perf
        ``{"renderer", "firstMapMs", "updateMs", "frames"}`` after the first map and every 5 s.

    A lost connection, a lost graphics context and missing WebGL2 are also said in a message on the
    map (``role="status"``). Enter on the map opens the list of features in view; a choice there
    arrives as ``clickData`` with source ``list``.

    For tests the wrapper carries ``data-state`` (``loading``, ``ready``, ``error``), ``data-seq``
    (highest sequence number drawn), ``data-seqs`` (JSON, per channel), ``data-features``,
    ``data-connection``, ``data-paused``, ``data-low-power``,
    ``data-compare`` and ``data-divider`` (per cent from the left). Without WebGL2 the state is
    ``error`` and ``error`` holds the reason, so that the page can lead to its table.

    LiveValueExtension in a layer of the spec::

        {"@@type": "LiveValueExtension", "channel": "speed", "ramp": "magnitude",
         "kind": "magnitude", "quality": "speed.q"}

    It replaces the colour of the layer. Extruded polygons: it multiplies the lit colour, so give
    them ``get_fill_color=[255, 255, 255]``. A layer with fill and line keeps its line colour.
    Byte 255 and quality stale, never reported or disabled are drawn in the no-data grey with a
    hatch. The rows of the layer's table, or its column ``feature``, are rows of the channel.

    Examples
    --------
    >>> roads = {
    ...     "@@type": "PathLayer",
    ...     "id": "roads",
    ...     "data": {"@@function": "table", "name": "roads"},
    ...     "_pathType": "open",
    ...     "positionFormat": "XY",
    ...     "widthUnits": "pixels",
    ...     "getWidth": 4,
    ...     "getColor": [255, 255, 255],
    ...     "pickable": True,
    ...     "extensions": [
    ...         {
    ...             "@@type": "LiveValueExtension",
    ...             "channel": "speed",
    ...             "ramp": "magnitude",
    ...             "kind": "magnitude",
    ...             "quality": "speed.q",
    ...         }
    ...     ],
    ... }
    >>> town = TwinMap(
    ...     id="map",
    ...     spec={
    ...         "initialViewState": {"longitude": 13.74, "latitude": 51.05, "zoom": 12},
    ...         "layers": [roads],
    ...     },
    ...     tables={"roads": {"url": "/api/geo/roads/0123456789abcdef.bin", "version": "0123"}},
    ...     channels={
    ...         "speed": {"table": "roads", "unit": "km/h", "label": "Speed", "decimals": 0},
    ...         "speed.q": {"table": "roads"},
    ...     },
    ... )
    >>> town.to_plotly_json()["type"]
    'TwinMap'
    """

    _namespace = "twin_map"
    _type = "TwinMap"

    def __init__(self, **props: Unpack[TwinMapProps]) -> None:
        self._prop_names = list(TwinMapProps.__annotations__)
        self._valid_wildcard_attributes: list[str] = []
        self.available_properties = self._prop_names
        self.available_wildcard_properties: list[str] = []
        props["labels"] = {**LABELS, **props.get("labels", {})}
        props.setdefault("ramps", ramps_for_map())
        props.setdefault("colours", {"noData": NO_DATA, "selection": SELECTION})
        super().__init__(**props)


LABELS = {
    "map": "Map of the city",
    "help": (
        "Arrow keys move the map, plus and minus zoom, Enter opens the list of features in view, "
        "Escape returns to the map."
    ),
    "loading": "Loading the map",
    "list": "Features in view",
    "more": "and {n} more: open the table",
    "empty": "No feature in view",
    "divider": "Divider between the two pictures",
    "divider_value": "{left_name} {left} %, {right_name} {right} %",
    "approx": "about {value} {unit}",
    "age": "data {age} old",
    "seconds": "{n} s",
    "minutes": "{n} min",
    "hours": "{n} h",
    "quality.0": "good",
    "quality.1": "suspect",
    "quality.2": "stale",
    "quality.3": "never reported",
    "quality.4": "estimated",
    "quality.5": "simulated",
    "quality.6": "disabled",
    "quality.7": "outside the model's valid range",
    "no_value": "no current value",
    "lost": "Connection lost. The map shows the last known values; trying again.",
    "reload": "The server was updated. Reload the page.",
    "refused": "Live values are not available for this account.",
    "context_lost": "The graphics card was reset. The map returns as soon as it is back.",
    "no_webgl": "This browser cannot draw the map (WebGL2 is missing). Use the table instead.",
    "layer_failed": "Layer {layer} cannot be drawn: {reason}",
    "table_failed": "Table {table} cannot be loaded: {reason}",
    "channel_failed": "Channel {channel} cannot be shown: {reason}",
}
"""English texts of the map; the property ``labels`` replaces them by key."""
