"""The restriction that an intervention of a scenario amounts to, where there is one."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

from twin.model.bridge import Restriction
from twin.model.decision_records import local_day
from twin.model.interventions import Intervention
from twin.model.order_words import LORRIES
from twin.model.tables import rows

EXEMPT = frozenset({"emergency"})
"""Classes that signs bind anyway only where section 35 StVO says so."""

_VALUES = {
    "limit_weight": ("5", "mass_t", "t"),
    "limit_axle": ("4", "axle_t", "t"),
    "limit_height": ("6", "height_m", "m"),
    "speed": ("2", "speed_kmh", "km/h"),
    "distance_rule": ("11", "min_gap_m", "m"),
}
_PLAIN = {"close_asset": "3", "close_link": "3", "close_direction": "3", "overtaking_ban": "9"}


def restriction_of(measure: Intervention) -> Restriction | None:
    """Restriction by the ASB key with value, direction, lane and days of an intervention.

    None where no traffic sign stands for it, such as a toll, or where one would say something
    else: exceptions but for emergency vehicles, a ban of some classes that are not all lorries.

    Examples
    --------
    >>> limit = restriction_of(Intervention("limit_weight", ("B1",), {"mass_t": 16.0}))
    >>> limit == Restriction("5", 16.0, "t")
    True
    >>> restriction_of(Intervention("toll", ("B1",), {"toll_eur": 2.0})) is None
    True
    """
    if set(measure.names("except_classes")) - EXEMPT:
        return None
    limit = _limit(measure)
    if limit is None:
        return None
    begin, end = measure.valid_from, measure.valid_until
    return replace(
        limit,
        valid_from=None if begin is None else local_day(begin),
        valid_until=None if end is None else local_day(end - timedelta(seconds=1)),
    )


def orders_in(
    interventions: Iterable[Intervention], owners: Mapping[str, str]
) -> Iterator[tuple[str, Restriction]]:
    """Restrictions that measures of a scenario amount to, with the asset of each.

    Parameters
    ----------
    interventions
        Measures; those without a restriction are left out.
    owners
        Asset of every asset (itself) and of every component by id; other targets are left out.

    Examples
    --------
    >>> measure = Intervention("limit_weight", ("B1", "nowhere"), {"mass_t": 16.0})
    >>> [(asset, limit.value) for asset, limit in orders_in([measure], {"B1": "B1"})]
    [('B1', 16.0)]
    """
    for measure in interventions:
        limit = restriction_of(measure)
        for target in () if limit is None else measure.targets:
            owner = owners.get(target)
            if owner is not None and limit is not None:
                yield owner, limit if owner == target else replace(limit, links=(target,))


def is_examined(limit: Restriction, examined: Restriction) -> bool:
    """Whether a restriction orders what was examined; days, hours, signs and remarks may differ."""
    return all(
        getattr(limit, name) == getattr(examined, name)
        for name in ("kind", "value", "lane", "vehicle_group")
    ) and set(examined.links) <= set(limit.links or examined.links)


def _limit(measure: Intervention) -> Restriction | None:
    if measure.kind in _VALUES:
        kind, name, unit = _VALUES[measure.kind]
        return Restriction(kind, measure.number(name), unit)
    if measure.kind in _PLAIN:
        return Restriction(_PLAIN[measure.kind], direction=measure.text("direction"))
    if measure.kind == "close_lane":
        return Restriction("3", lane=f"{measure.number('lanes'):g}")
    lorries = {row["key"] for row in rows("vehicle_classes") if row["key"].startswith("hgv")}
    if measure.kind == "class_ban" and set(measure.names("classes")) == lorries:
        return Restriction("3", vehicle_group=LORRIES)
    return None
