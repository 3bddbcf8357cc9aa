"""Facts of OSM roads with where each comes from: tagged, derived from a tag, or assumed."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

import numpy as np

from twin.exchange.osm_tags import (
    Tags,
    direction,
    height_m,
    highways,
    is_no_limit,
    is_speed_word,
    lane_count,
    mass_t,
    speed_kmh,
)
from twin.exchange.widelayers import provenance_text

REFERENCE = "osm"
TAGGED = provenance_text("sourced", references=[REFERENCE])
MOST_UNREAD_SHOWN = 5
STOREY_M = 3.0
"""Height of a storey where only their number is tagged; own choice."""
MOST_STOREYS = 200.0
RURAL_KMH = 70.0
"""From this limit on a street is taken as a road outside of built-up areas; own choice."""
RURAL_CLASSES = ("arterial", "collector", "residential")
IMPLIED = ("maxspeed:type", "source:maxspeed", "zone:maxspeed")
LIMITS: Mapping[str, tuple[tuple[str, ...], Callable[[str], float | None]]] = {
    "max_mass_t": (("maxweight",), mass_t),
    "max_axle_load_t": (("maxaxleload",), mass_t),
    "max_height_m": (("maxheight", "maxheight:physical"), height_m),
}
LIMIT_KEYS = frozenset(key for keys, _ in LIMITS.values() for key in keys)


class Fact(NamedTuple):
    """A value and the content of its provenance cell; both empty where nothing is known."""

    value: float | str | None = None
    provenance: str = ""


NOTHING = Fact()


@cache
def tagged(value: float | str) -> Fact:
    """A value as it is tagged; equal ones are one object.

    Examples
    --------
    >>> tagged("2").value
    '2'
    """
    return Fact(value, TAGGED)


def building_facts(tags: Tags) -> dict[str, Fact]:
    """Height of a building [m] as it is tagged, or from its storeys; absent where neither is.

    Examples
    --------
    >>> building_facts({"height": "12.5 m"})["height_m"].value
    12.5
    >>> building_facts({"building:levels": "4"})["height_m"]
    Fact(value=12.0, provenance='estimated: 4 storeys of 3 m')
    >>> building_facts({"height": "tall"})
    {}
    """
    tall = height_m(tags.get("height", ""))
    if tall is not None and tall > 0:
        return {"height_m": tagged(tall)}
    try:
        storeys = float(tags.get("building:levels", ""))
    except ValueError:
        return {}
    if not 0 < storeys <= MOST_STOREYS:
        return {}
    note = f"{storeys:g} storeys of {STOREY_M:g} m"
    return {"height_m": Fact(storeys * STOREY_M, provenance_text("estimated", note=note))}


@dataclass(slots=True)
class RoadReader:
    """Reads the facts of one road after the other and counts what it did not understand."""

    unread: Counter[tuple[str, str]] = field(default_factory=Counter)

    def facts(self, tags: Tags) -> dict[str, Fact]:
        """Attributes of a way by name; those that are not tagged and have no default are absent."""
        highway = tags["highway"]
        speed = self.speed(tags)
        found = {
            "road_class": _road_class(highway, speed),
            "max_speed_km_h": speed,
            "lanes_per_direction": self.lanes(tags),
            "osm_highway": tagged(highway),
        }
        for name, key in (("lanes", "lanes"), ("road", "ref"), ("layer", "layer")):
            if tags.get(key):
                found[name] = tagged(tags[key])
        return found | self.limits(tags)

    def speed(self, tags: Tags) -> Fact:
        """Speed limit [km/h]: tagged, implied by the kind of area, or the default of the class."""
        said = tags.get("maxspeed", "") or _strictest(tags)
        found = speed_kmh(said) if said else None
        if found is not None:
            return Fact(found, TAGGED if _is_plain(said) else derived(f"tagged {said}"))
        if said and not is_speed_word(said):
            self.unread["maxspeed", said] += 1
        for key in IMPLIED:
            implied = speed_kmh(tags[key]) if key in tags and not said else None
            if implied is not None:
                return Fact(implied, derived(f"{key} is {tags[key]}"))
        reason = "tagged without a fixed limit" if said else ""
        return _default(tags["highway"], "speed_kmh", reason)

    def lanes(self, tags: Tags) -> Fact:
        """Lanes in each direction; of two different numbers the smaller one."""
        total = lane_count(tags.get("lanes", ""))
        if "lanes" in tags and total is None:
            self.unread["lanes", tags["lanes"]] += 1
        if direction(tags) != "both":
            return _default(tags["highway"], "lanes") if total is None else tagged(total)
        parts = [lane_count(tags.get(f"lanes:{way}", "")) for way in ("forward", "backward")]
        known = [part for part in parts if part is not None]
        if len(known) == len(parts):
            return Fact(min(known), derived("the smaller of lanes:forward and lanes:backward"))
        if total is not None:
            return Fact(max(total // 2, 1), derived("half of the tagged lanes"))
        return _default(tags["highway"], "lanes")

    def limits(self, tags: Tags) -> dict[str, Fact]:
        """Limits of mass [t], axle load [t] and height [m]."""
        found: dict[str, Fact] = {}
        if LIMIT_KEYS.isdisjoint(tags):
            return found
        for name, (keys, read) in LIMITS.items():
            texts = [tags[key] for key in keys if key in tags]
            values = [(read(text), text) for text in texts]
            known = [(value, text) for value, text in values if value is not None]
            if known:
                value, text = min(known)
                found[name] = Fact(value, TAGGED if _is_plain(text) else derived(f"tagged {text}"))
            for value, text in values:
                if value is None and not is_no_limit(text):
                    self.unread[keys[0], text] += 1
        return found

    def lines(self) -> Sequence[str]:
        """What was not understood, most frequent first."""
        by_key: dict[str, list[str]] = {}
        for (key, text), count in self.unread.most_common():
            by_key.setdefault(key, []).append(f"{text!r} ({count})")
        return [
            f"{key} not understood and not used: {', '.join(texts[:MOST_UNREAD_SHOWN])}"
            + (
                f" and {len(texts) - MOST_UNREAD_SHOWN} more"
                if len(texts) > MOST_UNREAD_SHOWN
                else ""
            )
            for key, texts in by_key.items()
        ]


def name_of(tags: Tags, key: int) -> str:
    """What people call a way: its name, its number, or its kind with its id.

    Examples
    --------
    >>> name_of({"highway": "residential"}, 7)
    'residential (way 7)'
    """
    kind = tags.get("highway") or tags.get("railway") or tags.get("waterway") or "way"
    return tags.get("name") or tags.get("ref") or f"{kind} (way {key})"


def as_columns(facts: Sequence[Mapping[str, Fact]], rows: np.ndarray) -> dict[str, np.ndarray]:
    """Facts of ways as columns of values and of provenance cells, repeated for rows of ways.

    Examples
    --------
    >>> facts = [{"lanes": Fact("2", TAGGED)}, {}]
    >>> as_columns(facts, np.array([0, 0, 1]))["lanes"].tolist()
    ['2', '2', None]
    """
    names = sorted({name for one in facts for name in one})
    columns: dict[str, np.ndarray] = {}
    for name in names:
        found = [one.get(name, NOTHING) for one in facts]
        values = [one.value for one in found]
        is_text = any(isinstance(value, str) for value in values)
        kind = object if is_text else float
        columns[name] = np.array(values, dtype=kind)[rows]
        columns[f"{name}_provenance"] = np.array([one.provenance for one in found], object)[rows]
    return columns


def _strictest(tags: Tags) -> str:
    """The lower one of the limits of both directions where they are tagged apart."""
    known = [
        (value, tags[key])
        for key in ("maxspeed:forward", "maxspeed:backward")
        if key in tags and (value := speed_kmh(tags[key])) is not None
    ]
    return min(known)[1] if known else ""


@cache
def _road_class(highway: str, speed: Fact) -> Fact:
    name = highways()[highway]["road_class"]
    is_tagged = not speed.provenance.startswith("estimated")
    if name in RURAL_CLASSES and is_tagged and float(speed.value or 0.0) >= RURAL_KMH:
        return Fact("rural", derived(f"highway={highway} with {RURAL_KMH:g} km/h or more"))
    return Fact(name, derived(f"highway={highway}"))


@cache
def _default(highway: str, column: str, reason: str = "") -> Fact:
    note = f"assumed, default of highway={highway}" + (f"; {reason}" if reason else "")
    return Fact(float(highways()[highway][column]), provenance_text("estimated", note=note))


@cache
def derived(note: str) -> str:
    """Content of the provenance cell of what follows from tags.

    Examples
    --------
    >>> derived("half of the tagged lanes")
    'derived [osm]: half of the tagged lanes'
    """
    return provenance_text("derived", references=[REFERENCE], note=note)


def _is_plain(text: str) -> bool:
    return text.strip().replace(".", "", 1).isdigit()
