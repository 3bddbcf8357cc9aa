"""Traffic counts as NGSI-LD entities `TrafficFlowObserved`; pure.

Source: ETSI GS CIM 009 V1.8.1, clause 4.5 (normalized representation); Smart Data Models,
Transportation, TrafficFlowObserved (attributes); UN/ECE Recommendation 20 (unit codes).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from twin.model.assets import Asset
from twin.model.quality import SUSPECT_MASK
from twin.rules.streams import StreamState

TYPE = "TrafficFlowObserved"
MEDIA_TYPE = "application/ld+json"
CONTEXT = (
    "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld",
    "https://raw.githubusercontent.com/smart-data-models/dataModel.Transportation/master/context.jsonld",
)
FLOW, SPEED, OCCUPANCY = "traffic_flow", "speed", "occupancy"
COUNT_CODE, SPEED_CODE = "C62", "KMH"
S_PER_H = 3600.0
ALL_VEHICLES = ("", "all")
SHOWN_CLASSES = ("technical", "aggregated_traffic")

Entity = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class FlowObserved:
    """Traffic at one section in one period.

    Parameters
    ----------
    key
        Uid of the datastream of the flow.
    end, period_s
        Label and length [s] of the period.
    flow_veh_h
        Flow [veh/h].
    speed_km_h, occupancy_percent
        Mean speed [km/h] and occupancy [%] of the same period, None where unknown.
    source
        ``measured`` or ``simulated``.
    geometry
        Longitude and latitude [degree]; None where unknown.
    """

    key: str
    end: datetime
    period_s: float
    flow_veh_h: float
    source: str
    speed_km_h: float | None = None
    occupancy_percent: float | None = None
    geometry: BaseGeometry | None = None


def entity_of(observed: FlowObserved) -> Entity:
    """One observation as a normalized entity; `intensity` is the number of vehicles in the period.

    Examples
    --------
    >>> end = datetime(2026, 6, 15, 8, tzinfo=UTC)
    >>> found = entity_of(FlowObserved("s1", end, 300.0, 2364.0, "measured"))
    >>> found["intensity"]["value"], found["dateObservedFrom"]["value"]["@value"]
    (197.0, '2026-06-15T07:55:00Z')
    """
    end = _text(observed.end)
    begin = _text(observed.end - timedelta(seconds=observed.period_s))
    entity: dict[str, object] = {
        "id": f"urn:ngsi-ld:{TYPE}:{quote(observed.key, safe='')}",
        "type": TYPE,
        "dateObserved": _property(_time(end)),
        "dateObservedFrom": _property(_time(begin)),
        "dateObservedTo": _property(_time(end)),
        "intensity": _value(observed.flow_veh_h * observed.period_s / S_PER_H, COUNT_CODE, end),
        "source": _property(observed.source),
    }
    if observed.speed_km_h is not None:
        entity["averageVehicleSpeed"] = _value(observed.speed_km_h, SPEED_CODE, end)
    if observed.occupancy_percent is not None:
        entity["occupancy"] = _value(observed.occupancy_percent / 100.0, COUNT_CODE, end)
    if observed.geometry is not None:
        entity["location"] = {"type": "GeoProperty", "value": mapping(observed.geometry)}
    return entity | {"@context": list(CONTEXT)}


def flows_of(states: Iterable[StreamState], assets: Iterable[Asset]) -> Sequence[FlowObserved]:
    """The newest flow of every section that counts at a known period, by uid.

    Values that are doubted, that concern vehicles or persons, or whose period is not known stay
    out. Speed and occupancy belong to a flow if the same sensor at the same place has exactly one
    datastream of each and its newest value has the same label.
    """
    geometries = {asset.id: asset.geometry for asset in assets}
    groups: defaultdict[tuple[str, ...], list[StreamState]] = defaultdict(list)
    for state in states:
        stream = state.datastream
        if _is_usable(state):
            groups[stream.asset_id, stream.component_id or "", stream.sensor_id].append(state)
    found: list[FlowObserved] = []
    for (asset_id, _, _), group in groups.items():
        flows = [state for state in group if state.datastream.quantity == FLOW]
        for state in flows:
            beside = group if len(flows) == 1 else []
            found += _observed(state, beside, geometries.get(asset_id))
    return sorted(found, key=lambda one: one.key)


def _observed(
    state: StreamState, beside: Sequence[StreamState], geometry: BaseGeometry | None
) -> list[FlowObserved]:
    period_s = state.datastream.cadence_s
    if state.time is None or state.value is None or not period_s:
        return []
    return [
        FlowObserved(
            key=state.datastream.uid,
            end=state.time,
            period_s=period_s,
            flow_veh_h=state.value,
            source=state.datastream.provenance,
            speed_km_h=_beside(beside, SPEED, state.time),
            occupancy_percent=_beside(beside, OCCUPANCY, state.time),
            geometry=geometry,
        )
    ]


def _beside(group: Sequence[StreamState], key: str, time: datetime) -> float | None:
    found = [state for state in group if state.datastream.quantity == key]
    return found[0].value if len(found) == 1 and found[0].time == time else None


def _is_usable(state: StreamState) -> bool:
    stream = state.datastream
    return (
        stream.quantity in (FLOW, SPEED, OCCUPANCY)
        and stream.kind == "reading"
        and stream.vehicle_class in ALL_VEHICLES
        and stream.privacy_class in SHOWN_CLASSES
        and state.value is not None
        and not state.quality & SUSPECT_MASK
    )


def _property(value: object) -> Entity:
    return {"type": "Property", "value": value}


def _value(value: float, code: str, at: str) -> Entity:
    return {"type": "Property", "value": value, "unitCode": code, "observedAt": at}


def _time(text: str) -> Entity:
    return {"@type": "DateTime", "@value": text}


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
