"""What the texts of OSM tags mean: speeds, limits, lanes, directions, access. Pure functions.

The tables are ``osm_highways.csv`` and ``osm_speeds.csv`` in ``twin/model/data``. A text that is
not understood gives None; nothing is guessed from it.
"""

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Literal

from twin.model.tables import rows

KMH_PER_MPH = 1.609344
T_PER = MappingProxyType(
    {"": 1.0, "t": 1.0, "kg": 0.001, "lbs": 0.00045359237, "lb": 0.00045359237, "st": 0.90718474}
)
"""Tonnes: a plain number is in tonnes, ``st`` is the short ton (2,000 lb)."""
M_PER_INCH, INCHES_PER_FOOT = 0.0254, 12.0
FASTEST_KMH = 200.0
HEAVIEST_T, HIGHEST_M, MOST_LANES = 500.0, 30.0, 12
"""Beyond that a tag is a slip of the pen; own choice."""
NUMBER = r"(\d+(?:\.\d+)?)"
SPEED = re.compile(NUMBER + r"\s*(km/h|kmh|kph|mph)?")
ZONE = re.compile(r"[A-Z]{2}:(?:zone:?)?(\d{1,3})")
WEIGHT = re.compile(NUMBER + r"\s*([a-z]*)")
METRES = re.compile(NUMBER + r"\s*m?")
FEET = re.compile(NUMBER + r"\s*(?:'|ft)(?:\s*" + NUMBER + r"\s*(?:\"|''|in))?")
NO_LIMIT = frozenset(
    {"none", "no", "unsigned", "default", "no_sign", "no_indications", "unspecified"}
)
CLOSED = frozenset({"no", "private", "agricultural", "forestry", "agricultural;forestry"})
VEHICLES = ("motorcar", "motor_vehicle", "vehicle", "access")
"""From the most to the least special: the first that is tagged counts."""

Way = Literal["both", "forward", "backward"]
Tags = Mapping[str, str]


@cache
def highways() -> Mapping[str, Mapping[str, str]]:
    """Rows of ``osm_highways.csv`` by their value of ``highway``.

    Examples
    --------
    >>> highways()["primary"]["road_class"]
    'arterial'
    """
    return MappingProxyType({row["highway"]: row for row in rows("osm_highways")})


@cache
def _words() -> Mapping[str, str]:
    return MappingProxyType({row["word"]: row["speed_kmh"] for row in rows("osm_speeds")})


@cache
def speed_kmh(text: str) -> float | None:
    """Speed [km/h] that a text of ``maxspeed`` means; None if it sets none or is not understood.

    Examples
    --------
    >>> [speed_kmh(text) for text in ("50", "30 mph", "DE:urban", "DE:zone:30", "walk", "none")]
    [50.0, 48.28032, 50.0, 30.0, 7.0, None]
    """
    text = text.strip()
    if text in _words():
        return float(_words()[text]) if _words()[text] else None
    plain, zone = SPEED.fullmatch(text), ZONE.fullmatch(text)
    if plain is not None:
        found = float(plain[1]) * (KMH_PER_MPH if plain[2] == "mph" else 1.0)
    elif zone is not None:
        found = float(zone[1])
    else:
        return None
    return found if 0.0 < found <= FASTEST_KMH else None


def is_speed_word(text: str) -> bool:
    """Whether a text of ``maxspeed`` is in the table, also where it sets no speed.

    Examples
    --------
    >>> is_speed_word("none"), is_speed_word("fifty")
    (True, False)
    """
    return text.strip() in _words()


@cache
def mass_t(text: str) -> float | None:
    """Mass [t] of ``maxweight`` or ``maxaxleload``; None if there is no limit or it is unclear.

    Examples
    --------
    >>> mass_t("16"), mass_t("7.5 t"), mass_t("3500 kg"), mass_t("none")
    (16.0, 7.5, 3.5, None)
    """
    found = WEIGHT.fullmatch(text.strip().lower())
    if found is None or found[2] not in T_PER:
        return None
    value = float(found[1]) * T_PER[found[2]]
    return value if 0.0 < value <= HEAVIEST_T else None


@cache
def height_m(text: str) -> float | None:
    r"""Height [m] of ``maxheight``; None if there is no limit or it is unclear.

    Examples
    --------
    >>> height_m("3.8"), height_m("4 m"), round(height_m("12 ft 6 in"), 2), height_m("default")
    (3.8, 4.0, 3.81, None)
    """
    text = text.strip().lower()
    metres, feet = METRES.fullmatch(text), FEET.fullmatch(text)
    if metres is not None:
        value = float(metres[1])
    elif feet is not None:
        value = (float(feet[1]) * INCHES_PER_FOOT + float(feet[2] or 0.0)) * M_PER_INCH
    else:
        return None
    return value if 0.0 < value <= HIGHEST_M else None


def is_no_limit(text: str) -> bool:
    """Whether a text says that there is no limit, as against one that is not understood.

    Examples
    --------
    >>> is_no_limit("none"), is_no_limit("heavy")
    (True, False)
    """
    return text.strip().lower() in NO_LIMIT


@cache
def lane_count(text: str) -> int | None:
    """Whole number of lanes; None if it is unclear.

    Examples
    --------
    >>> lane_count("2"), lane_count("1.5"), lane_count("2;3")
    (2, None, None)
    """
    text = text.strip()
    if not text.isascii() or not text.isdigit():
        return None
    return int(text) if 0 < int(text) <= MOST_LANES else None


def direction(tags: Tags) -> Way:
    """Along which way traffic goes: tagged, or implied by motorway and roundabout.

    Examples
    --------
    >>> direction({"highway": "motorway"}), direction({"highway": "primary", "oneway": "-1"})
    ('forward', 'backward')
    """
    said = tags.get("oneway", "")
    if said in ("yes", "true", "1"):
        return "forward"
    if said in ("-1", "reverse"):
        return "backward"
    if said in ("no", "false", "0"):
        return "both"
    is_round = tags.get("junction") in ("roundabout", "circular")
    row = highways().get(tags.get("highway", ""))
    is_implied = row is not None and row["is_one_way"] == "yes"
    return "forward" if is_round or is_implied else "both"


def left_out(tags: Tags, *, with_service: bool = False) -> str:
    """Why a way with ``highway`` is no road for cars, empty if it is one.

    Examples
    --------
    >>> left_out({"highway": "footway"}), left_out({"highway": "primary", "access": "private"})
    ('not for cars', 'closed to the public')
    """
    row = highways().get(tags["highway"])
    if row is None:
        return "not for cars"
    if tags.get("area") == "yes":
        return "area"
    said = next((tags[key] for key in VEHICLES if key in tags), "")
    if said in CLOSED:
        return "closed to the public"
    if row["is_asked"] == "yes" and not with_service:
        return "service way"
    return ""


def is_bridge(tags: Tags) -> bool:
    """Whether a way is tagged as a bridge.

    Examples
    --------
    >>> is_bridge({"bridge": "viaduct"}), is_bridge({"bridge": "no"})
    (True, False)
    """
    return tags.get("bridge", "no") not in ("no", "")
