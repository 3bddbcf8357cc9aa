"""The address in the browser is the state of the view: both directions, pure.

Keys: ``v`` codec version, ``lang``, ``map`` (latitude, longitude, zoom, pitch, bearing), ``sel``
(repeated, ``kind:id``), ``layers``, ``kpi`` (coloured channel), ``tab``, ``sort``, ``page``,
``low``, ``run`` (number of a run), ``cmp`` (up to three more runs), ``role`` (of bridges in a
result), ``show`` and ``value`` (how and what the map of a result shows), ``links``, ``order``,
``rows`` (which links its table holds, sorted how, which page), ``scenario`` (packed question of
the editor), ``bridge`` and ``from`` (bridge or run that it begins with), ``q`` and ``status``
(filter of the list of runs). Defaults are left out and the order is fixed, so equal views have
equal addresses.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import parse_qsl, quote, urlencode

from twin.errors import ModelError

VERSION = 1
MOST_SELECTED = 20
MOST_COMPARED = 3
"""Runs beside the first one."""
LAYERS = ("water", "buildings", "roads", "bridges", "sensors", "labels")
SHOWN = tuple(key for key in LAYERS if key != "buildings")
"""Layers of a map that nobody has changed; buildings are many, and are loaded when asked for."""
NO_LAYERS = "none"
KINDS = ("bridge", "road", "sensor", "stream")
Language = Literal["de", "en"]
Channel = Literal["speed", "flow"]
Tab = Literal["bridges", "roads", "streams"]
LowPower = Literal["auto", "on", "off"]
Role = Literal["", "target", "detour", "relieved", "unchanged"]
Show = Literal["diff", "split", "swipe"]
Value = Literal["flow", "heavy", "time", "saturation"]
Links = Literal["changed", "all"]
Status = Literal["", "queued", "running", "done", "failed", "cancelled"]
LONGEST_WORDS = 200
_CODE = re.compile(r"[A-Za-z0-9_-]{1,1800}")
_SORT = re.compile(r"-?[a-z_]{1,32}")
_LIMITS = ((-90.0, 90.0), (-180.0, 180.0), (0.0, 24.0), (0.0, 85.0), (-180.0, 180.0))
_DECIMALS = (5, 5, 2, 0, 0)


@dataclass(frozen=True, slots=True)
class Camera:
    """Where the map looks: centre [degree], zoom, pitch and bearing [degree], rounded."""

    latitude: float
    longitude: float
    zoom: float
    pitch: float = 0.0
    bearing: float = 0.0

    def __post_init__(self) -> None:
        for value, (low, high), decimals in zip(self.values, _LIMITS, _DECIMALS, strict=True):
            if not (math.isfinite(value) and low <= value <= high):
                raise ModelError(f"camera value {value!r} is outside {low:g} to {high:g}")
            if value != round(value, decimals):
                raise ModelError(f"camera value {value!r} must have {decimals} decimals; round it")

    @property
    def values(self) -> tuple[float, float, float, float, float]:
        """Latitude, longitude, zoom, pitch, bearing."""
        return self.latitude, self.longitude, self.zoom, self.pitch, self.bearing


@dataclass(frozen=True, slots=True)
class Selected:
    """One selected feature or datastream."""

    kind: str
    id: str

    def __post_init__(self) -> None:
        if self.kind not in KINDS or not self.id:
            raise ModelError(f"a selection is kind:id with a kind of {', '.join(KINDS)}")


@dataclass(frozen=True, slots=True)
class ViewState:
    """Everything that an address says about a view; None means negotiated or the default.

    ``sort`` is a column key, with a leading minus for descending; ``page`` counts from 1.
    ``scenario`` is a packed question of the editor, ``bridge`` one that it begins with, ``source``
    the run that it begins from; ``words`` and ``status`` filter the list of runs.
    ``run`` is the run of a result page, ``compared`` the runs beside it, ``role`` which bridges.
    """

    lang: Language | None = None
    camera: Camera | None = None
    selection: tuple[Selected, ...] = ()
    layers: tuple[str, ...] = SHOWN
    kpi: Channel = "speed"
    tab: Tab = "bridges"
    sort: str = ""
    page: int = 1
    low: LowPower = "auto"
    run: int | None = None
    compared: tuple[int, ...] = ()
    role: Role = ""
    show: Show = "diff"
    value: Value = "flow"
    links: Links = "changed"
    order: str = ""
    rows: int = 1
    scenario: str = ""
    bridge: str = ""
    source: int | None = None
    words: str = ""
    status: Status = ""

    def __post_init__(self) -> None:
        if len(self.selection) > MOST_SELECTED:
            raise ModelError(f"at most {MOST_SELECTED} features can be selected")
        if self.layers != tuple(key for key in LAYERS if key in self.layers):
            raise ModelError(f"layers must be some of {', '.join(LAYERS)}, in this order")
        for sort, page in ((self.sort, self.page), (self.order, self.rows)):
            if (sort and not _SORT.fullmatch(sort)) or page < 1:
                raise ModelError(f"sort {sort!r} or page {page} is not possible")
        if self.scenario and not _CODE.fullmatch(self.scenario):
            raise ModelError("a packed scenario has at most 1800 letters, digits, - and _")
        if max(len(self.bridge), len(self.words)) > LONGEST_WORDS or (self.source or 1) < 1:
            raise ModelError(f"bridge and words have at most {LONGEST_WORDS} characters")
        if len(self.compared) > MOST_COMPARED or min((self.run or 1, *self.compared)) < 1:
            raise ModelError(f"runs count from 1, and at most {MOST_COMPARED} stand beside one")

    def selected(self, kind: str) -> str | None:
        """Id of the first selected feature of a kind."""
        return next((item.id for item in self.selection if item.kind == kind), None)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something in an address that was left out; ``key`` is a key of the catalogues."""

    key: str
    value: str = ""


def encode(state: ViewState) -> str:
    """Query of a state, without the question mark; defaults are left out.

    Examples
    --------
    >>> encode(ViewState(lang="en", selection=(Selected("bridge", "B06"),)))
    'lang=en&sel=bridge%3AB06'
    """
    camera = state.camera
    pairs: list[tuple[str, str]] = []
    if state.lang is not None:
        pairs.append(("lang", state.lang))
    if camera is not None:
        numbers = zip(camera.values, _DECIMALS, strict=True)
        pairs.append(("map", ",".join(f"{value:.{digits}f}" for value, digits in numbers)))
    pairs += [("sel", f"{item.kind}:{item.id}") for item in state.selection]
    if state.layers != SHOWN:
        pairs.append(("layers", ",".join(state.layers) or NO_LAYERS))
    pairs += _changed(state, ("kpi", "tab", "sort", "page", "low"))
    if state.run is not None:
        pairs.append(("run", str(state.run)))
    if state.compared:
        pairs.append(("cmp", ",".join(map(str, state.compared))))
    if state.role:
        pairs.append(("role", state.role))
    pairs += _changed(state, ("show", "value", "links", "order", "rows", "scenario", "bridge"))
    if state.source is not None:
        pairs.append(("from", str(state.source)))
    if state.words:
        pairs.append(("q", state.words))
    pairs += _changed(state, ("status",))
    return urlencode(pairs, quote_via=quote, safe=",")


def _changed(state: ViewState, keys: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of the keys whose values are not the default."""
    default = ViewState()
    return [
        (key, str(getattr(state, key)))
        for key in keys
        if getattr(state, key) != getattr(default, key)
    ]


def decode(query: str) -> tuple[ViewState, tuple[Notice, ...]]:
    """State of any query, and what of it was left out; never an error.

    Examples
    --------
    >>> decode("?tab=roads&colour=red")[1]
    (Notice(key='notice.unknown_key', value='colour'),)
    """
    fields: dict[str, object] = {}
    selection: list[Selected] = []
    notices: list[Notice] = []
    for key, text in parse_qsl(query.removeprefix("?")[:8000], keep_blank_values=True):
        if key == "v":
            notices += _version(text)
        elif key == "sel":
            found = _selected(text)
            if found is None or len(selection) == MOST_SELECTED:
                notices.append(Notice("notice.bad_value", f"sel={text}"))
            else:
                selection.append(found)
        elif key not in _READERS:
            notices.append(Notice("notice.unknown_key", key))
        else:
            name, reader = _READERS[key]
            value = reader(text)
            if value is None:
                notices.append(Notice("notice.bad_value", f"{key}={text}"))
            else:
                fields[name] = value
    return _state(fields, tuple(selection)), tuple(notices)


def _state(fields: Mapping[str, object], selection: tuple[Selected, ...]) -> ViewState:
    return ViewState(selection=selection, **fields)  # pyrefly: ignore[bad-argument-type]


def _version(text: str) -> list[Notice]:
    if text == str(VERSION):
        return []
    is_newer = text.isascii() and text.isdigit() and int(text[:9]) > VERSION
    return [Notice("notice.newer_version" if is_newer else "notice.bad_value", f"v={text}")]


def _selected(text: str) -> Selected | None:
    kind, _, key = text.partition(":")
    return Selected(kind, key) if kind in KINDS and key else None


def _camera(text: str) -> Camera | None:
    parts = text.split(",")
    if len(parts) != len(_DECIMALS):
        return None
    try:
        numbers = [float(part) for part in parts]
        rounded = [round(n, digits) + 0.0 for n, digits in zip(numbers, _DECIMALS, strict=True)]
        return Camera(*rounded)
    except (ValueError, OverflowError):
        return None


def _layers(text: str) -> tuple[str, ...] | None:
    wanted = [] if text == NO_LAYERS else text.split(",")
    known = tuple(key for key in LAYERS if key in wanted)
    return known if len(known) == len(wanted) else None


def _page(text: str, *, most_digits: int = 6) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) <= most_digits
    return int(text) if is_number and int(text) > 0 else None


def _run(text: str) -> int | None:
    return _page(text, most_digits=18)


def _runs(text: str) -> tuple[int, ...] | None:
    found = [_run(part) for part in text.split(",")]
    runs = tuple(dict.fromkeys(number for number in found if number is not None))
    return runs if len(runs) == len(found) <= MOST_COMPARED else None


def _sort(text: str) -> str | None:
    return text if _SORT.fullmatch(text) else None


def _code(text: str) -> str | None:
    return text if _CODE.fullmatch(text) else None


def _short(text: str) -> str | None:
    return text if 0 < len(text) <= LONGEST_WORDS else None


def _one_of(kind: object) -> Callable[[str], str | None]:
    allowed = get_args(kind)
    return lambda text: text if text in allowed else None


_READERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "lang": ("lang", _one_of(Language)),
    "map": ("camera", _camera),
    "layers": ("layers", _layers),
    "kpi": ("kpi", _one_of(Channel)),
    "tab": ("tab", _one_of(Tab)),
    "sort": ("sort", _sort),
    "page": ("page", _page),
    "low": ("low", _one_of(LowPower)),
    "run": ("run", _run),
    "cmp": ("compared", _runs),
    "role": ("role", _one_of(Role)),
    "show": ("show", _one_of(Show)),
    "value": ("value", _one_of(Value)),
    "links": ("links", _one_of(Links)),
    "order": ("order", _sort),
    "rows": ("rows", _page),
    "scenario": ("scenario", _code),
    "bridge": ("bridge", _short),
    "from": ("source", _run),
    "q": ("words", _short),
    "status": ("status", _one_of(Status)),
}
