"""Restrictions as a DATEX II v3 SituationPublication, for whoever pulls it.

What DATEX II has an element for stands there; what it has none for, such as sign numbers, stands in
the extension of the record under our own namespace, which other readers pass over.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta

from twin.errors import DecisionError
from twin.exchange.datex2_structure import NAMESPACES, ROOT, problems_of_publication
from twin.exchange.xml_nodes import TYPE, Node, read, write
from twin.model.bridge import Restriction
from twin.model.decision_records import LOCAL
from twin.model.decisions import WEEKDAYS
from twin.model.notices import Notice
from twin.model.order_words import restriction_text
from twin.model.tables import rows

EXTENSION = "urn:stadtzwilling:restriction:1"
PREFIXES = {**NAMESPACES, "stz": EXTENSION}
ASSET, PART, LINK = "stadtzwilling asset", "stadtzwilling part", "stadtzwilling link"
"""Referencing systems of a location."""
DAYS = dict(
    zip(
        WEEKDAYS,
        ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
        strict=True,
    )
)
EXTRA_TEXTS = ("vehicle_group", "direction", "lane", "section", "remark")
"""Fields of a restriction without an element of DATEX II."""
SRS = "http://www.opengis.net/def/crs/EPSG/0/4326"


def publication(notices: Iterable[Notice], *, at: datetime, publisher: str, country: str) -> bytes:
    """Snapshot of notices, each a situation, in the order given; it was validated.

    Parameters
    ----------
    at
        Time of publication.
    publisher, country
        National identifier of whoever publishes, and the country in two letters.

    Raises
    ------
    DecisionError
        With everything in which the result would not follow the model.
    """
    root = Node(
        ROOT,
        attributes={TYPE: "sit:SituationPublication", "lang": "de", "modelBaseVersion": "3"},
        children=[
            Node("com:publicationTime", _instant(at)),
            _group(
                "com:publicationCreator",
                Node("com:country", country),
                Node("com:nationalIdentifier", publisher),
            ),
            *(_situation(notice) for notice in notices),
        ],
    )
    content = write(root, PREFIXES)
    problems = problems_of_publication(read(content, PREFIXES))
    if problems:
        raise DecisionError(*problems)
    return content


def _situation(notice: Notice) -> Node:
    return Node(
        "sit:situation",
        attributes={"id": notice.id.rpartition("-")[0] or notice.id},
        children=[
            Node("sit:situationVersionTime", _instant(notice.version_at)),
            _group(
                "sit:headerInformation",
                Node("com:confidentiality", "noRestriction"),
                Node("com:informationStatus", notice.status),
            ),
            _record(notice),
        ],
    )


def _record(notice: Notice) -> Node:
    limit = notice.restriction
    row = next(row for row in rows("datex_restrictions") if row["key"] == limit.kind)
    kind = row["type"]
    if kind == "roadClosed" and limit.lane:
        kind = "laneClosures"
    specific = [Node(f"sit:{row['element']}", kind)]
    if row["value"] and not row["characteristic"]:
        specific.append(Node(row["value"], _number(limit.value)))
    if limit.kind == "11":
        specific.append(_texts("sit:generalMessageToRoadUsers", limit))
    is_over = notice.ended_at is not None
    return Node(
        "sit:situationRecord",
        attributes={
            TYPE: f"sit:{row['record']}",
            "id": notice.id,
            "version": str(notice.version),
        },
        children=[
            Node("sit:situationRecordCreationTime", _instant(notice.created_at)),
            Node("sit:situationRecordVersionTime", _instant(notice.version_at)),
            Node("sit:probabilityOfOccurrence", "certain"),
            _validity(notice),
            _group("sit:generalPublicComment", _texts("sit:comment", limit)),
            _location(notice),
            _extension(notice, has_value=bool(row["value"])),
            Node("sit:operatorActionStatus", "beingTerminated" if is_over else "approved"),
            Node("sit:complianceOption", "mandatory"),
            *_characteristics(limit, row["characteristic"], row["value"]),
            *specific,
        ],
    )


def _characteristics(limit: Restriction, name: str, value: str) -> Iterator[Node]:
    if not name:
        return
    inner = [Node("com:comparisonOperator", "greaterThan"), Node(value, _number(limit.value))]
    if "Weight" in name:
        inner.append(Node("com:typeOfWeight", "actual"))  # signs 262, 263: what the vehicle weighs
    yield _group("sit:forVehiclesWithCharacteristicsOf", _group(name, *inner))


def _validity(notice: Notice) -> Node:
    limit, ended = notice.restriction, notice.ended_at
    begin = begin_of(limit.valid_from or notice.created_at.date())
    end = None if limit.valid_until is None else begin_of(limit.valid_until + timedelta(days=1))
    if ended is not None:
        begin = min(begin, ended)
        end = ended if end is None else min(end, ended)
    inner = [Node("com:overallStartTime", _instant(begin))]
    if end is not None:
        inner.append(Node("com:overallEndTime", _instant(end)))
    period = []
    if limit.daily_from:
        times = (
            Node("com:startTimeOfPeriod", f"{limit.daily_from}:00"),
            Node("com:endTimeOfPeriod", f"{limit.daily_until}:00"),
        )
        period.append(_group("com:recurringTimePeriodOfDay", *times))
    if limit.weekdays:
        days = [Node("com:applicableDay", DAYS[day]) for day in limit.weekdays.split(",")]
        period.append(_group("com:recurringDayWeekMonthPeriod", *days))
    if period:
        inner.append(_group("com:validPeriod", *period))
    return _group(
        "sit:validity",
        Node("com:validityStatus", "definedByValidityTimeSpec"),
        _group("com:validityTimeSpecification", *inner),
    )


def _location(notice: Notice) -> Node:
    known = [(ASSET, notice.asset_id), (PART, notice.part)]
    known += [(LINK, link) for link in notice.restriction.links]
    children = [
        _group(
            "loc:externalReferencing",
            Node("loc:externalLocationCode", code),
            Node("loc:externalReferencingSystem", system),
        )
        for system, code in known
        if code
    ]
    named = _multilingual("loc:locationDescription", {"de": notice.name})
    children.append(_group("loc:supplementaryPositionalDescription", named))
    if len(notice.points) == 1:
        kind, ((longitude, latitude),) = "loc:PointLocation", notice.points
        point = _group(
            "loc:pointCoordinates",
            Node("loc:latitude", _number(latitude)),
            Node("loc:longitude", _number(longitude)),
        )
        children.append(_group("loc:pointByCoordinates", point))
    else:
        kind = "loc:LinearLocation"
        line = " ".join(f"{_number(lat)} {_number(lon)}" for lon, lat in notice.points)
        inner = Node("loc:posList", line)
        children.append(Node("loc:gmlLineString", attributes={"srsName": SRS}, children=[inner]))
    return Node("sit:locationReference", attributes={TYPE: kind}, children=children)


def _extension(notice: Notice, *, has_value: bool) -> Node:
    limit = notice.restriction
    inner = [Node("stz:kind", limit.kind)]
    if not has_value and limit.value is not None:
        inner.append(Node("stz:value", _number(limit.value)))
        inner += [Node("stz:unit", limit.unit)] if limit.unit else []
    inner += [Node("stz:sign", sign) for sign in limit.signs]
    inner += [
        Node(f"stz:{name}", getattr(limit, name)) for name in EXTRA_TEXTS if getattr(limit, name)
    ]
    if limit.station_m is not None:
        inner.append(Node("stz:station_m", _number(limit.station_m)))
    if notice.ended_at is not None:
        inner += [
            Node(f"stz:{name}", getattr(limit, name).isoformat())
            for name in ("valid_from", "valid_until")
            if getattr(limit, name) is not None
        ]
    return _group("sit:_situationRecordExtension", _group("stz:restriction", *inner))


def _texts(name: str, limit: Restriction) -> Node:
    return _multilingual(name, {tag: restriction_text(limit, tag) for tag in ("de", "en")})


def _multilingual(name: str, texts: dict[str, str]) -> Node:
    values = [Node("com:value", text, {"lang": language}) for language, text in texts.items()]
    return _group(name, _group("com:values", *values))


def _group(name: str, *children: Node) -> Node:
    return Node(name, children=list(children))


def begin_of(day: date) -> datetime:
    """First instant of a local day, aware UTC."""
    return datetime.combine(day, time(), LOCAL).astimezone(UTC)


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _number(value: float | None) -> str:
    return "" if value is None else repr(float(value))
