"""Recorded facts of a bridge that cannot be: out of their limits, or without their unit."""

import math
from collections.abc import Iterable, Mapping
from functools import cache

from simulations.structure.sentences import sentence
from twin.model.assets import Asset
from twin.model.tables import rows

PLAIN = "1"
"""Unit of a plain number; the name of the attribute says the unit then."""
SUM_SHARE = 0.05
"""Spans and total length may differ by this share."""
RATIO = "depth_over_span"


@cache
def _limits() -> Mapping[str, Mapping[str, str]]:
    return {row["attribute"]: row for row in rows("structure_limits")}


def outside(name: str, value: float, *, label: str = "") -> str:
    """A value out of the limits of ``structure_limits.csv`` with its range; else empty.

    Parameters
    ----------
    name
        As in the column ``attribute``.
    label
        What the value is called, if not like the attribute.

    Examples
    --------
    >>> outside("width_m", 1250.0)
    'width_m = 1250 m (0.5 ... 200 m)'
    >>> outside("width_m", 12.5)
    ''
    """
    row = _limits()[name]
    if math.isfinite(value) and float(row["lower"]) <= value <= float(row["upper"]):
        return ""
    unit = "" if row["unit"] == PLAIN else f" {row['unit']}"
    return f"{label or name} = {value:g}{unit} ({row['lower']} ... {row['upper']}{unit})"


def impossible(
    who: str,
    values: Mapping[str, float | None],
    *,
    spans_m: Iterable[float] = (),
    depth_m: float | None = None,
) -> str:
    """Sentence that lists all values out of their limits; empty if none is.

    Parameters
    ----------
    who
        Name of the bridge.
    values
        By attribute; None where unknown.
    spans_m
        Spans [m], each within its limits and the longest at least three times the depth.
    depth_m
        Depth of the superstructure [m].

    Examples
    --------
    >>> impossible("B", {"width_m": 1250.0}, spans_m=(5000.0, 30.0)).split("; ")[0]
    'impossible facts of B: spans_m[0] = 5000 m (0.5 ... 400 m), width_m = 1250 m (0.5 ... 200 m)'
    """
    spans = tuple(spans_m)
    found = [outside("spans_m", one, label=f"spans_m[{at}]") for at, one in enumerate(spans)]
    found += [outside(name, one) for name, one in values.items() if one is not None]
    if spans and max(spans) > 0.0 and depth_m is not None and depth_m > 0.0:
        label = f"structural_depth_m / spans_m = {depth_m:g} / {max(spans):g}"
        found.append(outside(RATIO, depth_m / max(spans), label=label))
    listed = ", ".join(filter(None, found))
    return sentence("refused_limits", who=who, facts=listed) if listed else ""


def unread(asset: Asset) -> str:
    """Sentence that lists attributes without their unit or with another one; empty if none.

    A plain number (unit ``1``) stands for the unit in the name of the attribute.

    Examples
    --------
    >>> from twin.model.assets import Attribute
    >>> from twin.model.provenance import Provenance
    >>> where = Provenance("estimated", by="made up")
    >>> mass = Attribute("mass_t_m", "15", "", where)
    >>> unread(Asset("B", "bridge", "B", None, where, (mass,))).split("; ")[0]
    'attributes of B lack their unit or have another one: mass_t_m = 15 [] -> [t/m]'
    """
    found = []
    for name, row in _limits().items():
        item = asset.attribute(name)
        if item is None or name == "spans_m":
            continue
        is_number = isinstance(item.value, (int, float))
        known = {row["unit"], PLAIN, ""} if is_number else set()
        if item.unit not in known:
            found.append(f"{name} = {item.value} [{item.unit}] -> [{row['unit']}]")
    listed = ", ".join(found)
    return sentence("refused_unit", who=asset.name, facts=listed) if listed else ""
