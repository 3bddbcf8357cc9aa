"""Restrictions out of a DATEX II v3 SituationPublication, our own or another publisher's."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from twin.errors import DecodeError
from twin.exchange.datex2_situation import ASSET, DAYS, EXTRA_TEXTS, LINK, PART, PREFIXES
from twin.exchange.xml_nodes import TYPE, Node, read
from twin.model.bridge import Restriction
from twin.model.decision_records import LOCAL
from twin.model.notices import InformationStatus, Notice
from twin.model.records import UNIT_OF_RESTRICTION, problems_of
from twin.model.tables import rows

OTHER = "12"
"""Kind of a record that is no restriction we know; its text stands in the remark."""
ENDING = ("terminationRequested", "beingTerminated")


@dataclass(frozen=True, slots=True)
class ReadPublication:
    """What a publication says, and what could not be read of it."""

    notices: tuple[Notice, ...]
    problems: tuple[str, ...]

    @property
    def standing(self) -> tuple[Notice, ...]:
        """Those that were not withdrawn."""
        return tuple(one for one in self.notices if one.ended_at is None)


def read_publication(content: bytes) -> ReadPublication:
    """Notices of a publication; a record that is not sound costs this record.

    Raises
    ------
    DecodeError
        If it is no XML that may be read, or no situation publication.
    """
    root = read(content, PREFIXES)
    if root.attributes.get(TYPE) != "sit:SituationPublication":
        raise DecodeError(f"{root.name} is no DATEX II v3 SituationPublication; check the sender")
    notices: list[Notice] = []
    problems: list[str] = []
    for situation in root.all("sit:situation"):
        status = situation.value("sit:headerInformation", "com:informationStatus")
        for record in situation.all("sit:situationRecord"):
            name = record.attributes.get("id", "")
            try:
                notice = _notice(record, "real" if status == "real" else "test")
            except (ValueError, IndexError) as error:
                problems.append(f"{name[:80]}: {error}")
                continue
            wrong = problems_of(notice.restriction)
            problems.extend(f"{name[:80]}: {problem}" for problem in wrong)
            if not wrong:
                notices.append(notice)
    return ReadPublication(tuple(notices), tuple(problems))


def _notice(record: Node, status: InformationStatus) -> Notice:
    version_at = _time(record.value("sit:situationRecordVersionTime"))
    location = record.find("sit:locationReference") or Node("")
    references: dict[str, list[str]] = {}
    for one in location.all("loc:externalReferencing"):
        system = one.value("loc:externalReferencingSystem")
        references.setdefault(system, []).append(one.value("loc:externalLocationCode"))
    is_ending = record.value("sit:operatorActionStatus") in ENDING
    end = record.value("sit:validity", "com:validityTimeSpecification", "com:overallEndTime")
    description = ("loc:supplementaryPositionalDescription", "loc:locationDescription")
    return Notice(
        id=record.attributes["id"] if "id" in record.attributes else _missing("id"),
        version=int(record.attributes.get("version", "")),
        status=status,
        created_at=_time(record.value("sit:situationRecordCreationTime")),
        version_at=version_at,
        asset_id=(references.get(ASSET) or [""])[0],
        part=(references.get(PART) or [""])[0],
        name=location.value(*description, "com:values", "com:value"),
        restriction=_restriction(record, tuple(references.get(LINK, ()))),
        points=tuple(_points(location)),
        ended_at=version_at if is_ending and end else None,
    )


def _missing(name: str) -> str:
    raise ValueError(f"{name} is missing")


def _restriction(record: Node, links: tuple[str, ...]) -> Restriction:
    own = record.find("sit:_situationRecordExtension", "stz:restriction") or Node("")
    kind, value, unit = _kind(record, own)
    spec = record.find("sit:validity", "com:validityTimeSpecification") or Node("")
    period = spec.find("com:validPeriod") or Node("")
    times = period.find("com:recurringTimePeriodOfDay") or Node("")
    words = {name: word for word, name in DAYS.items()}
    days = period.find("com:recurringDayWeekMonthPeriod") or Node("")
    texts = {name: own.value(f"stz:{name}") for name in EXTRA_TEXTS}
    if kind == OTHER and own.find("stz:kind") is None:
        texts["remark"] = _comment(record)
    begin, end = _days(spec, own)
    station = own.value("stz:station_m")
    return Restriction(
        kind=kind,
        value=value,
        unit=unit,
        signs=tuple(node.text for node in own.all("stz:sign")),
        valid_from=begin,
        valid_until=end,
        daily_from=times.value("com:startTimeOfPeriod")[:5],
        daily_until=times.value("com:endTimeOfPeriod")[:5],
        weekdays=",".join(words[node.text] for node in days.all("com:applicableDay")),
        links=links,
        station_m=float(station) if station else None,
        vehicle_group=texts["vehicle_group"],
        direction=texts["direction"],
        lane=texts["lane"],
        section=texts["section"],
        remark=texts["remark"],
    )


def _kind(record: Node, own: Node) -> tuple[str, float | None, str]:
    """Kind by the ASB key with value and unit; what DATEX II cannot tell apart, by our own word."""
    stated = own.value("stz:kind")
    said = own.value("stz:value")
    for row in rows("datex_restrictions"):
        record_type = record.value(f"sit:{row['element']}")
        fits = record.attributes.get(TYPE) == f"sit:{row['record']}" and record_type in (
            (row["type"], "laneClosures") if row["type"] == "roadClosed" else (row["type"],)
        )
        if not fits or (row["type"] == "other" and not row["value"] and stated != row["key"]):
            continue
        if not row["value"]:
            unit = own.value("stz:unit") or (said and UNIT_OF_RESTRICTION.get(row["key"], ""))
            return row["key"], float(said) if said else None, unit
        text = record.value(row["value"])
        if row["characteristic"]:
            vehicles = record.find("sit:forVehiclesWithCharacteristicsOf") or Node("")
            text = vehicles.value(row["characteristic"], row["value"])
        if text:
            return row["key"], float(text), UNIT_OF_RESTRICTION[row["key"]]
    return OTHER, None, ""


def _days(spec: Node, own: Node) -> tuple[date | None, date | None]:
    """First and last local day; of what was withdrawn, those that had been ordered."""
    begin, end = spec.value("com:overallStartTime"), spec.value("com:overallEndTime")
    first = own.value("stz:valid_from")
    if first:
        last = own.value("stz:valid_until")
        return date.fromisoformat(first), date.fromisoformat(last) if last else None
    last_instant = _time(end) - timedelta(seconds=1) if end else None
    return (
        _time(begin).astimezone(LOCAL).date() if begin else None,
        None if last_instant is None else last_instant.astimezone(LOCAL).date(),
    )


def _comment(record: Node) -> str:
    found = record.find("sit:generalPublicComment", "sit:comment", "com:values")
    return "\n".join(node.text for node in found.all("com:value")) if found else ""


def _points(location: Node) -> Iterator[tuple[float, float]]:
    point = location.find("loc:pointByCoordinates", "loc:pointCoordinates")
    if point is not None:
        yield float(point.value("loc:longitude")), float(point.value("loc:latitude"))
    numbers = [float(text) for text in location.value("loc:gmlLineString", "loc:posList").split()]
    for latitude, longitude in zip(numbers[::2], numbers[1::2], strict=True):
        yield longitude, latitude


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"time {text!r} has no zone")
    return found.astimezone(UTC)
