"""Quantities and units: what may be measured, in which unit, within which limits."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal, cast

from twin.errors import ModelError, RegistryError
from twin.model.tables import rows

Aggregation = Literal["mean", "sum", "circular", "state"]


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is measured: unit (UCUM), physical limits and how values are aggregated."""

    key: str
    unit: str
    symbol: str
    lower_limit: float
    upper_limit: float
    aggregation: Aggregation
    english: str
    german: str
    decimals: int
    source: str

    def label(self, language: str) -> str:
        """Name of the quantity in ``de`` or ``en``."""
        return self.german if language == "de" else self.english


@dataclass(frozen=True, slots=True)
class UnitConversion:
    """Linear conversion to a quantity's unit: ``value * scale + offset``."""

    scale: float
    offset: float


@cache
def quantities() -> Mapping[str, Quantity]:
    """All quantities by key, in the order of the table.

    Examples
    --------
    >>> quantities()["speed"].unit
    'km/h'
    """
    return MappingProxyType(
        {
            row["key"]: Quantity(
                key=row["key"],
                unit=row["unit"],
                symbol=row["symbol"],
                lower_limit=float(row["lower_limit"]),
                upper_limit=float(row["upper_limit"]),
                aggregation=cast("Aggregation", row["aggregation"]),
                english=row["english"],
                german=row["german"],
                decimals=int(row["decimals"]),
                source=row["source"],
            )
            for row in rows("quantities")
        }
    )


def quantity(key: str) -> Quantity:
    """Quantity with this key.

    Raises
    ------
    RegistryError
        If the table has no such key; names the known ones.
    """
    try:
        return quantities()[key]
    except KeyError:
        raise RegistryError(
            f"quantity {key!r} is unknown; use one of {', '.join(quantities())} "
            "or add a row to twin/model/data/quantities.csv"
        ) from None


@cache
def conversion(unit: str, target: str) -> UnitConversion:
    """Conversion from a source unit to a UCUM unit.

    Raises
    ------
    ModelError
        If the table has no such pair, for example mass to force.

    Examples
    --------
    >>> conversion("m/s", "km/h").scale
    3.6
    """
    if unit == target:
        return UnitConversion(1.0, 0.0)
    for row in rows("units"):
        if row["unit"] == unit and row["ucum"] == target:
            return UnitConversion(float(row["scale"]), float(row["offset"]))
    raise ModelError(
        f"unit {unit!r} cannot be converted to {target!r}; correct the unit in the mapping "
        "or add a row to twin/model/data/units.csv"
    )


def within_limits(value: float, measured: Quantity) -> bool:
    """Whether a finite value lies inside the physical limits of its quantity."""
    return math.isfinite(value) and measured.lower_limit <= value <= measured.upper_limit
