"""The mapping file of ``twin import geo``: which column of a town's file holds what."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from twin.errors import CityError
from twin.exchange.citations import ATTRIBUTE_NAME, attribute_units
from twin.exchange.problems import suggestion
from twin.exchange.widelayers import PLAIN_NUMBER, unit_of_name
from twin.model.roads import ROAD_CLASSES
from twin.model.tables import rows

FIELDS = ("id", "name", "road_class", "lanes", "maxspeed", "oneway")
"""Columns with a meaning of their own; every other name is an attribute."""
TEXT_KEYS = (
    "path",
    "layer",
    "encoding",
    "axes",
    "prefix",
    "reference",
    "source",
    "licence",
    "assumed_class",
)
KEYS = (*TEXT_KEYS, "crs", "snap_m", "columns")
RULE_KEYS = ("column", "pattern", "unit", "decimal", "per", "values", "forward", "backward", "both")
LONGEST_SNAP_M = 50.0


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """How one column is read.

    Parameters
    ----------
    column
        Its name in the file.
    pattern
        Regular expression; its first group is the value.
    unit
        Unit of a number, a key of ``units.csv`` or a UCUM code; a text without it.
    decimal
        Decimal sign of numbers that stand as text.
    per
        Of ``lanes``: ``road`` counts those of both directions, ``direction`` those of one.
    meanings
        Key ``values``: meaning of every code; a code beyond them is unknown.
    forward, backward, both
        Of ``oneway``: the texts for each way along the line.
    """

    column: str
    pattern: str = ""
    unit: str = ""
    decimal: str = "."
    per: str = "road"
    meanings: Mapping[str, str] = field(default_factory=dict)
    forward: tuple[str, ...] = ()
    backward: tuple[str, ...] = ()
    both: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GeoMapping:
    """The table ``[network]`` of a mapping file; ``docs/import.md`` says what each key means."""

    columns: Mapping[str, ColumnRule]
    crs: str = ""
    snap_m: float = 1.0
    path: str = ""
    layer: str = ""
    encoding: str = ""
    axes: str = "xy"
    prefix: str = ""
    reference: str = ""
    source: str = ""
    licence: str = ""
    assumed_class: str = "residential"

    @property
    def extra(self) -> Mapping[str, ColumnRule]:
        """Columns that become attributes under their own name."""
        return {name: rule for name, rule in self.columns.items() if name not in FIELDS}


def read_geo_mapping(text: str, *, name: str) -> GeoMapping:
    r"""The mapping in the text of a TOML file.

    Raises
    ------
    CityError
        If it is not TOML or a key is wrong; lists every problem with a suggestion.

    Examples
    --------
    >>> read_geo_mapping('[network]\ncrs = 25833', name="m").crs
    'EPSG:25833'
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CityError(f"{name} is not valid TOML: {error}; correct the line named") from None
    table = content.get("network")
    if not isinstance(table, dict):
        raise CityError(f"{name} has no table [network]; docs/import.md says what stands there")
    problems = [f"{key!r} is unknown{suggestion(key, KEYS)}" for key in table if key not in KEYS]
    problems += [
        f"{key} is no text" for key in TEXT_KEYS if not isinstance(table.get(key, ""), str)
    ]
    columns = table.get("columns", {})
    rules: dict[str, ColumnRule] = {}
    for key, given in columns.items() if isinstance(columns, dict) else ():
        rule = _rule(str(key), given, problems)
        if rule is not None:
            rules[str(key)] = rule
    snap_m = table.get("snap_m", 1.0)
    if isinstance(snap_m, bool) or not isinstance(snap_m, int | float):
        problems.append(f"snap_m {snap_m!r} is no number of metres")
    elif not 0 <= snap_m <= LONGEST_SNAP_M:
        problems.append(f"snap_m {snap_m:g} is not between 0 and {LONGEST_SNAP_M:g} m")
    if table.get("axes", "xy") not in ("xy", "yx"):
        problems.append(f"axes {table['axes']!r} is neither 'xy' (east first) nor 'yx'")
    known = known_classes()
    assumed = table.get("assumed_class", "residential")
    if assumed not in known:
        problems.append(f"assumed_class {assumed!r} is unknown{suggestion(str(assumed), known)}")
    if problems:
        raise CityError(f"{name}: {len(problems)} problems\n- " + "\n- ".join(problems))
    texts = {key: table[key] for key in TEXT_KEYS if key in table}
    crs = _crs_text(table.get("crs", ""))
    return GeoMapping(columns=rules, crs=crs, snap_m=float(snap_m), **texts)


def known_classes() -> set[str]:
    """Words that a road class may have."""
    return {*(row["key"] for row in rows("road_classes")), *ROAD_CLASSES}


def target_unit(field: str, unit: str) -> str:
    """Unit in which a column is kept: that of the name, else its own after ``units.csv``.

    Examples
    --------
    >>> target_unit("maxspeed", "mph"), target_unit("max_mass_t", "t"), target_unit("note", "")
    ('km/h', 't', '')
    """
    if field == "maxspeed":
        return "km/h"
    named = unit_of_name(field)
    if named != PLAIN_NUMBER or not unit:
        return named if unit else ""
    return unit if unit in attribute_units() else _first_ucum(unit)


def _first_ucum(unit: str) -> str:
    return next((row["ucum"] for row in rows("units") if row["unit"] == unit), "")


def conversion(unit: str, target: str) -> tuple[float, float] | None:
    """Factor and offset from one unit to another; None if there is none.

    Examples
    --------
    >>> conversion("mph", "km/h"), conversion("t", "t"), conversion("kg", "t")
    ((1.609344, 0.0), (1.0, 0.0), None)
    """
    if unit == target:
        return 1.0, 0.0
    for row in rows("units"):
        if (row["unit"], row["ucum"]) == (unit, target):
            return float(row["scale"]), float(row["offset"])
    return None


def _crs_text(given: object) -> str:
    return f"EPSG:{given}" if isinstance(given, int) else str(given)


def _rule(field: str, given: object, problems: list[str]) -> ColumnRule | None:
    before = len(problems)
    place = f"columns.{field}"
    if not ATTRIBUTE_NAME.fullmatch(field):
        problems.append(f"{place}: a name has small letters, digits and _, for example width_m")
    if isinstance(given, str):
        given = {"column": given}
    if not isinstance(given, dict) or not isinstance(given.get("column"), str):
        problems.append(f'{place} is neither the name of a column nor {{ column = "NAME" }}')
        return None
    table = cast("dict[str, Any]", given)
    problems.extend(
        f"{place}.{key} is unknown{suggestion(key, RULE_KEYS)}"
        for key in table
        if key not in RULE_KEYS
    )
    _check_rule(place, field, table, problems)
    if len(problems) > before:
        return None
    values = {str(code): str(meaning) for code, meaning in table.get("values", {}).items()}
    return ColumnRule(
        column=table["column"],
        pattern=str(table.get("pattern", "")),
        unit=str(table.get("unit", "")),
        decimal=str(table.get("decimal", ".")),
        per=str(table.get("per", "road")),
        meanings=values,
        forward=_texts(table, "forward"),
        backward=_texts(table, "backward"),
        both=_texts(table, "both"),
    )


def _texts(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(str(item) for item in table.get(key, ()))


def _check_rule(place: str, field: str, table: Mapping[str, Any], problems: list[str]) -> None:
    try:
        groups = re.compile(str(table.get("pattern", ""))).groups
        if table.get("pattern") and not groups:
            problems.append(f"{place}.pattern has no group ( ) around the value")
    except re.error as error:
        problems.append(f"{place}.pattern is no regular expression: {error}")
    problems.extend(
        f"{place}.{key} is no list of texts"
        for key in ("forward", "backward", "both")
        if not isinstance(table.get(key, []), list)
    )
    if not isinstance(table.get("values", {}), dict):
        problems.append(f"{place}.values is no table of code and meaning")
    elif field == "road_class":
        known = known_classes()
        problems.extend(
            f"{place}.values: road class {word!r} is unknown{suggestion(str(word), known)}"
            for word in table.get("values", {}).values()
            if word not in known
        )
    unit = str(table.get("unit", ""))
    units = {*attribute_units(), *(row["unit"] for row in rows("units"))}
    if unit and unit not in units:
        problems.append(f"{place}.unit {unit!r} is unknown{suggestion(unit, units)}")
    elif unit and conversion(unit, target_unit(field, unit)) is None:
        problems.append(
            f"{place}.unit {unit!r} cannot become {target_unit(field, unit)!r}, the unit of "
            f"{field}; give it in that unit or under another name"
        )
    if table.get("per", "road") not in ("road", "direction"):
        problems.append(f"{place}.per {table['per']!r} is neither 'road' nor 'direction'")
    if field == "oneway" and not any(table.get(key) for key in ("forward", "backward")):
        problems.append(f"{place} names no texts for forward or backward")
