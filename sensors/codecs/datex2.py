"""DATEX II measured data, version 3 and 2: what an index measures stands in the site table."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sensors.codecs.datex2lanes import LaneValue, cross_section
from sensors.codecs.datex2sites import (
    Characteristic,
    characteristics,
    namespace_of,
    number_of,
    publications,
    site_key,
)
from sensors.codecs.decoder import Decoder, RefusedError
from sensors.codecs.strict_xml import Element, parse
from sensors.codecs.times import read_time
from sensors.codecs.values import Yield
from twin.model.messages import CodecContext, Message, Observation, Outcome, TimeRule

ISO = TimeRule("")
NO_VALUE = -1.0
SHARE_OF_PERIOD = {"begin": 1.0, "middle": 0.5, "end": 0.0}
TRUE = ("true", "1")


@dataclass(frozen=True, slots=True)
class Measure:
    """Where a kind of basic data holds its value, its quantity and its unit."""

    path: tuple[str, str]
    quantity: str
    unit: str


# DATEX II 3.5 and 2.3, package RoadTrafficData (Version 2: MeasuredDataPublication)
MEASURES = {
    "TrafficFlow": Measure(("vehicleFlow", "vehicleFlowRate"), "traffic_flow", "veh/h"),
    "TrafficSpeed": Measure(("averageVehicleSpeed", "speed"), "speed", "km/h"),
    "TrafficConcentration": Measure(("occupancy", "percentage"), "occupancy", "%"),
    "TravelTimeData": Measure(("travelTime", "duration"), "", "s"),
}
VALUE_TYPES = {
    "trafficFlow": "TrafficFlow",
    "trafficSpeed": "TrafficSpeed",
    "trafficConcentration": "TrafficConcentration",
    "travelTimeInformation": "TravelTimeData",
}


def _decode(message: Message, context: CodecContext) -> Outcome:
    root = parse(message.payload, context.limits)
    found = publications(root, "MeasuredDataPublication")
    if not found:
        raise RefusedError(
            "unsupported_version", "no MeasuredDataPublication; situations and tables go elsewhere"
        )
    reading = _Reading(message, context, namespace_of(root))
    for publication in found:
        for site in publication.all("siteMeasurements", within=reading.within):
            reading.take_site(site)
    return reading.into.outcome()


class _Reading:
    def __init__(self, message: Message, context: CodecContext, within: str) -> None:
        self.within = within
        self.into = Yield()
        self._received_at = message.received_at
        self._limits = context.limits
        self._table = context.tables.get("sites")
        table = self._table if isinstance(self._table, Mapping) else {}
        self._has_sections = table.get("cross_sections") is True

    def take_site(self, site: Element) -> None:
        values = [
            one
            for name in ("physicalQuantity", "measuredValue")
            for one in site.all(name, within=self.within)
        ]
        reference = site.first("measurementSiteReference", within=self.within)
        try:
            if reference is None or not reference.attributes.get("id"):
                raise RefusedError("missing_field", "siteMeasurements names no site")  # noqa: TRY301
            known = characteristics(self._table, site_key(reference))
        except RefusedError as refused:
            for _ in values:
                self.into.reject(refused)
            return
        lanes: list[LaneValue] = []
        for one in values:
            if len(self.into.items) >= self._limits.items:
                raise RefusedError("too_many_items", f"more than {self._limits.items} values")
            try:
                self._take(one, site, reference.attributes["id"], known, lanes)
            except RefusedError as refused:
                self.into.reject(refused)
        if self._has_sections:
            self._add_section(reference.attributes["id"], lanes, known)

    def _take(
        self,
        outer: Element,
        site: Element,
        site_id: str,
        known: Mapping[str, Characteristic],
        lanes: list[LaneValue],
    ) -> None:
        index = outer.attributes.get("index", "")
        meant = known.get(index)
        if meant is None:
            raise RefusedError(
                "metadata_missing",
                "the table `sites` does not say what an index of this site measures; import the "
                "site table again: twin import datex2-sites",
            )
        inner = outer.first(outer.name, within=self.within) or outer
        basic = inner.first("basicData", within=self.within)
        if basic is None or any(one.name.endswith("Fault") for one in inner.children):
            self.into.missing += 1
            return
        kind = basic.type[1] if basic.type and basic.type[0].startswith(self.within) else ""
        measure = MEASURES.get(kind)
        if measure is None:
            self.into.unassigned += 1
            return
        if VALUE_TYPES.get(meant.type, kind) != kind:
            raise RefusedError(
                "unit_conflict",
                "the message holds another kind of data than the site table says; import the site "
                "table again",
            )
        value = self._value(basic, measure)
        if value is None:
            self.into.missing += 1
            return
        time = self._time(basic, site, meant)
        key = f"{site_id}/{index}"
        self.into.items.append(
            Observation(key, "", time, value, quantity=measure.quantity, unit=measure.unit)
        )
        lanes.append(LaneValue(meant, kind, value, time))

    def _value(self, basic: Element, measure: Measure) -> float | None:
        """The value, None if the source declares it missing."""
        outer = basic.first(measure.path[0], within=self.within)
        if outer is None:
            return None
        error = outer.first("dataError", within=self.within)
        if error is not None and error.text in TRUE:
            return None
        given = outer.first(measure.path[1], within=self.within)
        if given is None:
            return None
        value = number_of(given)
        if value is None:
            raise RefusedError("wrong_type", f"{measure.path[1]} is no finite number")
        return None if value == NO_VALUE else value

    def _time(self, basic: Element, site: Element, meant: Characteristic) -> datetime:
        """End of the interval: the label of an interval is its end."""
        given = basic.first("measurementOrCalculationTime", within=self.within)
        given = given or site.first("measurementTimeDefault", within=self.within)
        if given is None:
            raise RefusedError("time_missing", "neither measurementTimeDefault nor an own time")
        inner = given.first("timeValue", within=self.within)
        meaning = given.first("timeMeaning", within=self.within)
        raw = (inner or given).text
        time = read_time(raw, ISO, received_at=self._received_at).time
        word = meaning.text.removesuffix("Time").lower() if meaning is not None else "end"
        share = SHARE_OF_PERIOD.get(word)
        own = number_of(basic.first("measurementOrCalculationPeriod", within=self.within))
        period_s = meant.period_s if own is None else own
        if share is None or (share and not period_s):
            raise RefusedError(
                "time_invalid", "the time is not the end of the interval and no period is known"
            )
        try:
            return time + timedelta(seconds=share * (period_s or 0.0))
        except OverflowError:
            raise RefusedError("time_invalid", "the period leads out of all years") from None

    def _add_section(
        self, site_id: str, lanes: list[LaneValue], known: Mapping[str, Characteristic]
    ) -> None:
        section = cross_section(lanes, known)
        if section is None:
            return
        for name, key, unit, value in (
            ("flow", "traffic_flow", "veh/h", section.flow_veh_h),
            ("speed", "speed", "km/h", section.speed_km_h),
        ):
            if value is None:
                self.into.missing += 1
                continue
            self.into.items.append(
                Observation(f"{site_id}/{name}", "", section.time, value, quantity=key, unit=unit)
            )


codec = Decoder("datex2", "1", _decode)
