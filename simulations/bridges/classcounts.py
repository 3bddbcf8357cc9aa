"""Whether a ban of lorries is kept, by counts of classes and how often a counter mistakes."""

import math
from datetime import timedelta

import numpy as np

from simulations.bridges.inputs import Bridge
from simulations.measures.obedience import Recognised, Share, share_of_class
from twin.errors import InsufficientData, ModelError
from twin.model.bridge import Restriction
from twin.model.findings import Phrase
from twin.model.obedience import CANNOT_BE_TOLD, RestrictionObedience
from twin.model.times import to_us

LOOKED_AT_H = 28 * 24
LEAST_H = 72
LORRIES = ("lkw", "lorr", "schwer", "heavy", "truck")
"""One of these in the vehicle group means a ban of lorries."""
HEAVY_RIGHT, OTHERS_RIGHT = "class_check_heavy", "class_check_others"
"""Attributes of a bridge: of so many vehicles that a person looked at, the counter told so many
rightly, written ``480/500``; for lorries and for other vehicles."""


def class_obedience(
    bridge: Bridge, part: str, held: Restriction, *, tolerated: float
) -> RestrictionObedience:
    """How a closure for lorries is kept: their share among all, corrected for mistaken classes."""

    def untold(key: str, **values: float) -> RestrictionObedience:
        reason = Phrase(f"obedience.{key}", values)
        return RestrictionObedience(
            part, held.kind, held.value, held.unit, CANNOT_BE_TOLD, (reason,)
        )

    if not any(word in held.vehicle_group.casefold() for word in LORRIES):
        return untold("closed")
    counted = _counts(bridge)
    if counted is None:
        return untold("no_counts")
    heavy, total, hours = counted
    recognised = _recognised(bridge)
    if recognised is None:
        return untold("no_class_check", heavy=24.0 * heavy / hours)
    try:
        share = share_of_class(round(heavy), round(total), recognised=recognised)
    except ModelError:
        return untold("no_class_check", heavy=24.0 * heavy / hours)
    verdict = share.verdict(tolerated)
    return RestrictionObedience(
        part=part,
        kind=held.kind,
        value=held.value,
        unit=held.unit,
        verdict=verdict,
        phrases=(_told(share, tolerated),),
        share=share.value if math.isfinite(share.value) else None,
        low=share.low,
        high=share.high,
        vehicles=share.vehicles,
        measured_above=share.measured_above,
        first_us=to_us(bridge.now - timedelta(hours=LOOKED_AT_H)),
        until_us=to_us(bridge.now),
        remarks=(Phrase("obedience.remark_classes"),),
    )


def _counts(bridge: Bridge) -> tuple[float, float, int] | None:
    """Lorries, all vehicles, and hours in which both were counted; None with too few."""
    places = {stream.asset_id for stream in bridge.heavy}
    all_vehicles = [
        stream
        for stream in bridge.twin.datastreams()
        if stream.asset_id in places
        and stream.quantity == "traffic_flow"
        and stream.vehicle_class in ("", "all")
    ]
    paired = {stream.asset_id for stream in all_vehicles}
    heavy = [stream for stream in bridge.heavy if stream.asset_id in paired]
    if not heavy:
        return None
    try:
        columns = bridge.hourly([one.uid for one in (*heavy, *all_vehicles)], hours=LOOKED_AT_H)
    except InsufficientData:
        return None
    lorries = np.sum([columns.value[one.uid] for one in heavy], axis=0)
    total = np.sum([columns.value[one.uid] for one in all_vehicles], axis=0)
    known = np.isfinite(lorries) & np.isfinite(total) & (lorries <= total)
    hours = int(np.count_nonzero(known))
    if hours < LEAST_H or float(total[known].sum()) < 1.0:
        return None
    return float(lorries[known].sum()), float(total[known].sum()), hours


def _recognised(bridge: Bridge) -> Recognised | None:
    pairs = [_pair(bridge, name) for name in (HEAVY_RIGHT, OTHERS_RIGHT)]
    return None if None in pairs else Recognised(*(n for pair in pairs if pair for n in pair))


def _pair(bridge: Bridge, name: str) -> tuple[int, int] | None:
    stated = bridge.asset.attribute(name)
    right, slash, seen = ("" if stated is None else str(stated.value)).partition("/")
    if not (slash and right.strip().isdigit() and seen.strip().isdigit()):
        return None
    found = int(right), int(seen)
    return found if 0 <= found[0] <= found[1] and found[1] > 0 else None


def _told(share: Share, tolerated: float) -> Phrase:
    names = ("share", "low", "high", "measured", "tolerated")
    apparent = share.measured_above / share.vehicles
    shown = (share.value, share.low, share.high, apparent, tolerated)
    percent = {name: 100.0 * value for name, value in zip(names, shown, strict=True)}
    return Phrase(f"obedience.class_{share.verdict(tolerated)}", percent)
