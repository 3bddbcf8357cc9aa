"""Predictions of a bridge's models that others than a single sensor answer, as checks."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

import numpy as np

from simulations.bridges.inputs import Bridge, Floats
from simulations.bridges.strainsite import site_of
from twin.errors import InsufficientData, ModelError, NotAvailable
from twin.model.bridge import ComponentFacts
from twin.model.findings import Phrase
from twin.model.monitoring import BridgeEvent
from twin.model.reality import Check
from twin.model.refusals import LackingError, UnfitError, reasons_of
from twin.model.structure import InfluenceLine, ModelLevel
from twin.model.structure_state import NAME as STRUCTURE
from twin.model.structure_state import Frequency, StructureState, parts_of
from twin.model.traffic_state import TrafficState, validity

FIXED_POINT = "fixed_point_station_m"
"""Attribute of a bridge: station from which it expands [m]."""
FIXED = frozenset({"fixed", "fest", "0"})
"""Words of `ComponentFacts.fixity` for a bearing that moves in no direction."""
FACTS_LIMIT_PERCENT = 25.0
CALIBRATED_LIMIT_PERCENT = 10.0
STRAIN_LIMIT_PERCENT = 15.0
"""Own choices: facts alone scatter as the rule of thumb does; a calibrated model has met the
frequency before; a lorry's bounce and noise raise a peak by some per cent."""
FEWEST_CROSSINGS = 20
MOST_CROSSINGS = 300
"""Of more crossings every second, fourth, ... over the whole time is computed."""
FEWEST_VALUES = 30
GRID_M = 0.1


def fixed_station(bridge: Bridge, stations: Mapping[str, float | None]) -> float:
    """Station of the fixed point, from a fixed bearing of the inventory or an attribute [m].

    Raises
    ------
    NotAvailable
        If none is recorded, or several that differ.
    """
    found: set[float] = set()
    for item in bridge.twin.bridges.book.records(bridge.asset.id):
        facts = item.record.content
        if isinstance(facts, ComponentFacts) and facts.fixity.strip().casefold() in FIXED:
            known = stations.get(facts.component)
            station = facts.from_m if known is None else known
            if station is not None:
                found.add(station)
    attribute = bridge.asset.attribute(FIXED_POINT)
    if not found and attribute is not None:
        try:
            station_m = float(attribute.value)
        except ValueError:
            station_m = math.nan
        if not math.isfinite(station_m):
            value = {"name": FIXED_POINT, "value": str(attribute.value)}
            raise UnfitError(Phrase("unfit.no_station", value))
        return station_m
    if not found:
        raise UnfitError(Phrase("unfit.no_fixed_point", {"name": FIXED_POINT}))
    if len(found) > 1:
        listed = ", ".join(f"{station:g} m" for station in sorted(found))
        raise UnfitError(Phrase("unfit.fixed_points", {"stations": listed}))
    return found.pop()


def recent_values(bridge: Bridge, uid: str, *, days: int) -> Floats:
    """Hourly values of the last days.

    Raises
    ------
    InsufficientData
        If there are fewer than thirty.
    """
    value = bridge.hourly([uid], hours=24 * days).value[uid]
    known = value[np.isfinite(value)]
    if len(known) < FEWEST_VALUES:
        counts = {"count": float(len(known)), "days": float(days), "least": float(FEWEST_VALUES)}
        raise LackingError(Phrase("wait.values", counts))
    return known


def structural(bridge: Bridge, *, days: int, level: ModelLevel | None = None) -> Iterator[Check]:
    """First frequency of each structural model against the mean of the last days.

    Parameters
    ----------
    level
        Only models of this level; all if None.
    """
    for part in _parts(bridge):
        first = part.first_frequency
        if first is None or level not in (None, part.level):
            continue
        channel = first.channel or first.basis_channel
        if not channel:
            continue
        own = f".{part.part}" if part.part else ""
        first = replace(first, channel=channel)
        yield _structural(bridge, first, (f"{STRUCTURE}{own}", f"utilisation{own}"), days=days)


def _structural(bridge: Bridge, first: Frequency, rests: tuple[str, ...], *, days: int) -> Check:
    is_calibrated = first.calibrated_hz is not None
    predicted = first.predicted_hz if first.calibrated_hz is None else first.calibrated_hz
    limit = CALIBRATED_LIMIT_PERCENT if is_calibrated else FACTS_LIMIT_PERCENT
    named = ("structural_frequency", first.channel)
    try:
        known = recent_values(bridge, first.channel, days=days)
    except InsufficientData as error:
        return Check(
            *named, predicted, None, "Hz", None, limit, 0, rests=rests, reasons=reasons_of(error)
        )
    measured = float(known.mean())
    error = 100.0 * (measured / predicted - 1.0)
    return Check(*named, predicted, measured, "Hz", error, limit, len(known), rests=rests)


def _parts(bridge: Bridge) -> tuple[StructureState, ...]:
    record = bridge.twin.bridges.state(bridge.asset.id, STRUCTURE)
    try:
        return () if record is None else parts_of(record)
    except ModelError:
        return ()


def crossing_strain(bridge: Bridge, *, days: int) -> Iterator[Check]:
    """Highest strain of weighed vehicles after their weights against the measured one.

    Weights were fitted to the same strain: this tells whether the shape of the influence line
    holds, and not whether its calibration does.
    """
    try:
        site = site_of(bridge)
    except NotAvailable:
        return
    events = _crossings(bridge, days=days)
    named = ("crossing_strain", "crossings")
    rests = ("crossings", "fatigue.traffic")
    if len(events) < FEWEST_CROSSINGS:
        counts = {
            "count": float(len(events)),
            "days": float(days),
            "least": float(FEWEST_CROSSINGS),
        }
        reasons = (Phrase("wait.crossings", counts),)
        limit = STRAIN_LIMIT_PERCENT
        yield Check(*named, None, None, "um/m", None, limit, 0, rests=rests, reasons=reasons)
        return
    predicted = np.array([_peak_umm(event, site.lines) for event in events])
    measured = np.array([event.figures["peak_umm"] for event in events])
    yield Check(
        *named,
        float(np.median(predicted)),
        float(np.median(measured)),
        "um/m",
        100.0 * (float(np.median(measured / predicted)) - 1.0),
        STRAIN_LIMIT_PERCENT,
        len(events),
        rests=rests,
    )


def _crossings(bridge: Bridge, *, days: int) -> list[BridgeEvent]:
    """Weighed crossings of the last days without flags; of many some, evenly over the time."""
    kept: list[BridgeEvent] = []
    step = 1
    usable = (
        event
        for event in bridge.events("crossing", start=bridge.now - timedelta(days=days))
        if not event.flags and "axle_1_kn" in event.figures and "peak_umm" in event.figures
    )
    for number, event in enumerate(usable):
        if number % step == 0:
            kept.append(event)
        if len(kept) > MOST_CROSSINGS:
            kept, step = kept[::2], 2 * step
    return kept


def _peak_umm(event: BridgeEvent, lines: tuple[InfluenceLine, ...]) -> float:
    """Highest strain of any section while a vehicle of these axles crosses [um/m]."""
    figures = event.figures
    numbers = range(1, int(figures["axles"]) + 1)
    offset_m = np.array([figures[f"axle_{number}_offset_m"] for number in numbers])
    load_kn = np.array([figures[f"axle_{number}_kn"] for number in numbers])
    length_m = max(float(line.x_m[-1]) for line in lines) + float(offset_m.max())
    first_m = np.arange(0.0, length_m + GRID_M, GRID_M)
    at_m = first_m[:, None] - offset_m
    peaks = [
        float((np.interp(at_m, line.x_m, line.y, left=0.0, right=0.0) @ load_kn).max())
        for line in lines
    ]
    return max(peaks)


def traffic_counts(bridge: Bridge) -> Iterator[Check]:
    """Running error of the live traffic state against stations that did not scale it."""
    states = bridge.twin.traffic.states("live") if bridge.heavy else ()
    if not states:
        return
    live = max(states, key=lambda state: state.made_at)
    document = live.document()
    held_out = document.get("held_out") or {}
    error, limit = held_out.get("rmse_percent"), document.get("allowed_rmse_percent")
    reasons = _uncounted(live, bridge, error=error, limit=limit)
    named = ("traffic_counts", live.subject)
    stations = int(held_out.get("stations") or 0)
    if reasons or error is None or limit is None:
        yield Check(*named, None, None, "1", None, limit or 0.0, stations, ("traffic",), reasons)
        return
    factor = float(document["factor"])
    yield Check(*named, 1.0, factor, "1", float(error), float(limit), stations, ("traffic",))


def _uncounted(
    live: TrafficState, bridge: Bridge, *, error: float | None, limit: float | None
) -> tuple[Phrase, ...]:
    """Why the counts tell no error now; empty if they do."""
    status = validity(live, bridge.now)["status"]
    if status == "unknown":
        return (Phrase("wait.counts_old"),)
    if error is None or limit is None:
        return (Phrase("wait.no_held_out"),)
    is_short = status == "not_valid_now" and error <= limit
    return (Phrase("wait.few_counts"),) if is_short else ()
