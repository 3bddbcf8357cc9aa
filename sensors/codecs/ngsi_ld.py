"""NGSI-LD notifications and entities: three notations, counts per period, several streams at once.

References
----------
.. [1] ETSI GS CIM 009, "Context Information Management (CIM); NGSI-LD API", V1.8.1, clauses 4.5
   and 5.3.1.
.. [2] Smart Data Models, Transportation, TrafficFlowObserved.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from sensors.codecs import ngsi_times as times
from sensors.codecs.decoder import Decoder, RefusedError, shown
from sensors.codecs.ngsi_times import Moments
from sensors.codecs.pointers import checked_key
from sensors.codecs.strict_json import is_number, parse
from sensors.codecs.values import Yield, is_any_of, mapped_value, number_of
from twin.errors import TwinError
from twin.model.messages import CodecContext, Event, Message, Observation, Outcome, ValueRule
from twin.model.quality import Quality
from twin.model.quantities import conversion, quantity
from twin.model.tables import rows

SYSTEM = frozenset({"id", "type", "@context", "location", "createdAt", "modifiedAt"})
COUNT_UNITS = ("C62", "1")
EXTENT_SIDES = 4
PERCENT = 100.0
FRACTIONS = frozenset({("occupancy", "1"), ("occupancy", "C62")})


@dataclass(frozen=True, slots=True)
class Attribute:
    """What an attribute means: how its value is read, and whether it is a count per period."""

    rule: ValueRule
    is_count: bool = False
    is_declared: bool = False


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance of an attribute, whatever its notation; empty parts are not told."""

    value: object
    unit: object = None
    observed_at: object = None
    dataset: str = ""


def local_name(name: str) -> str:
    """Last segment of a full IRI; a short name stays as it is.

    Examples
    --------
    >>> local_name("https://uri.etsi.org/ngsi-ld/default-context/intensity"), local_name("speed")
    ('intensity', 'speed')
    """
    return name.replace("#", "/").rpartition("/")[2] if "://" in name else name


@cache
def known_attributes() -> Mapping[str, Mapping[str, Attribute]]:
    """Known attributes by entity type and name."""
    found: dict[str, dict[str, Attribute]] = {}
    for row in rows("ngsi_attributes"):
        missing = (float(row["missing"]),) if row["missing"] else ()
        rule = ValueRule(f"/{row['attribute']}", row["quantity"], row["unit"], missing=missing)
        attribute = Attribute(rule, is_count=row["is_count"] == "yes")
        found.setdefault(row["type"], {})[row["attribute"]] = attribute
    return found


def _decode(message: Message, context: CodecContext) -> Outcome:
    document = parse(message.payload, context.limits)
    if isinstance(document, dict) and "body" in document and "metadata" in document:
        document = document["body"]
    notified: object = None
    entities: object = document
    if isinstance(document, dict) and "data" in document:
        entities, notified = document["data"], document.get("notifiedAt")
    listed = entities if isinstance(entities, list) else [entities]
    if len(listed) > context.limits.items:
        raise RefusedError("too_many_items", f"more than {context.limits.items} entities")
    into = Yield()
    for entity in listed:
        try:
            _read_entity(entity, notified, message, context, into)
        except RefusedError as refused:
            into.reject(refused)
        if len(into.items) > context.limits.items:
            raise RefusedError("too_many_items", f"more than {context.limits.items} values")
    return into.outcome()


def _read_entity(
    entity: object, notified: object, message: Message, context: CodecContext, into: Yield
) -> None:
    if not isinstance(entity, dict):
        raise RefusedError("wrong_type", "an entity must be a JSON object")
    names = {local_name(name): name for name in entity}
    key = entity.get(names.get("id", "id"), entity.get("@id"))
    if not isinstance(key, str):
        raise RefusedError("missing_field", "an entity without `id`")
    attributes = _attributes(entity.get("type", entity.get("@type")), context)
    if not attributes:
        raise RefusedError(
            "unmapped",
            f"no attribute of this type of entity is known; map values of {shown(key)} or "
            "take the type out of the subscription",
        )
    _note_place(entity, names, checked_key(key), message=message, context=context, into=into)
    moments = times.moments(
        {name: _first(entity.get(names.get(name, name))) for name in times.NAMES},
        notified,
        message,
        zone=context.rule.time.zone if context.rule.time else None,
    )
    into.unassigned += _unassigned(entity, names, attributes)
    told_unit = _first(entity.get(names.get("unit", "unit")))
    for name, attribute in attributes.items():
        if name not in names:
            _note_absent(attribute, into)
            continue
        for instance in instances(entity[names[name]]):
            unit = told_unit if instance.unit is None and not attribute.rule.unit else instance.unit
            try:
                _read(
                    replace(instance, unit=unit),
                    attribute,
                    key,
                    moments=moments,
                    message=message,
                    into=into,
                )
            except RefusedError as refused:
                into.reject(refused)


def _note_absent(attribute: Attribute, into: Yield) -> None:
    """Count a mapped attribute that an entity lacks; what is merely known may be absent."""
    if attribute.rule.required:
        detail = f"{attribute.rule.path!r} is absent and required"
        into.reject(RefusedError("missing_field", detail))
    elif attribute.is_declared:
        into.missing += 1


def _attributes(kinds: object, context: CodecContext) -> Mapping[str, Attribute]:
    """The attributes to read: known ones of the types of an entity, and those of the mapping."""
    found: dict[str, Attribute] = {}
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if isinstance(kind, str):
            found |= known_attributes().get(local_name(kind), {})
    for rule in context.rule.value:
        found[rule.path.removeprefix("/")] = Attribute(rule, is_declared=True)
    return found


def instances(raw: object) -> Iterator[Instance]:
    """Instances of an attribute: normalized, concise, bare, or an array of them."""
    for one in raw if isinstance(raw, list) else [raw]:
        if not isinstance(one, dict):
            yield Instance(one)
        elif "value" in one or one.get("type") == "Property":
            dataset = one.get("datasetId")
            yield Instance(
                times.bare(one.get("value")),
                one.get("unitCode"),
                one.get("observedAt"),
                dataset if isinstance(dataset, str) and dataset != "@none" else "",
            )
        else:
            yield Instance(times.bare(one))


def _first(raw: object) -> object:
    """Value of the first instance of an attribute."""
    return next(instances(raw), Instance(None)).value


def _read(
    instance: Instance,
    attribute: Attribute,
    key: str,
    *,
    moments: Moments,
    message: Message,
    into: Yield,
) -> None:
    rule = _with_unit(attribute, instance.unit)
    if instance.value is None and not rule.required:
        into.missing += 1
        return
    scale = moments.per_hour() if attribute.is_count else 1.0
    value = _value(instance.value, replace(rule, scale=rule.scale * scale))
    if value is None:
        into.missing += 1
        return
    instant = moments.instant(instance.observed_at)
    is_timed = not moments.is_arrival(instance.observed_at)
    if message.retained and instant.flags & Quality.TIME_SUBSTITUTED:
        into.ignored += 1
        return
    dataset = instance.dataset.replace("~", "~0").replace("/", "~1")
    into.items.append(
        Observation(
            key=key,
            path=f"{rule.path}/{checked_key(dataset)}" if dataset else rule.path,
            phenomenon_time=instant.time,
            value=value,
            quality=instant.flags,
            quantity=rule.quantity,
            unit="" if rule.quantity else rule.unit,
            is_timed=is_timed,
        )
    )


def _value(raw: object, rule: ValueRule) -> float | None:
    """Value in the unit of the quantity, or in its own where the entity type names none."""
    if not rule.quantity:
        if raw is None or is_any_of(raw, rule.missing):
            return None
        return number_of(raw, rule.path) * rule.scale + rule.offset
    value = mapped_value(raw, rule)
    if value is not None and (rule.quantity, rule.unit) in FRACTIONS and value > PERCENT:
        raise RefusedError(
            "unit_conflict", f"{rule.path!r} is above 1 and no percent is told; send unitCode P1"
        )
    return value


def _with_unit(attribute: Attribute, code: object) -> ValueRule:
    """How a value is read with the unit that comes with it."""
    rule = attribute.rule
    if code is None and not rule.unit:
        raise RefusedError(
            "unit_missing", f"{rule.path!r} tells no unit; map it with quantity and unit"
        )
    if code is None or (attribute.is_count and code in COUNT_UNITS):
        return rule
    if isinstance(code, str) and not attribute.is_count and _is_unit(code, rule.quantity):
        return replace(rule, unit=code)
    if attribute.is_declared:
        return rule
    raise RefusedError(
        "unit_missing",
        f"{rule.path!r} has the unit code {shown(str(code))}, which does not fit; "
        "map it with quantity and unit",
    )


def _is_unit(code: str, key: str) -> bool:
    """Whether a unit is known, and fits the quantity if there is one."""
    if not key:
        return any(row["unit"] == code for row in rows("units"))
    try:
        conversion(code, quantity(key).unit)
    except TwinError:
        return False
    return True


def _unassigned(
    entity: Mapping[str, object], names: Mapping[str, str], attributes: Mapping[str, Attribute]
) -> int:
    """Numbers under attributes that nobody reads."""
    others = [
        entity[names[name]] for name in names if name not in attributes and name not in SYSTEM
    ]
    return sum(is_number(one.value) for raw in others for one in instances(raw))


def _note_place(
    entity: Mapping[str, object],
    names: Mapping[str, str],
    key: str,
    *,
    message: Message,
    context: CodecContext,
    into: Yield,
) -> None:
    """Tell a point that lies in the city only with its coordinates exchanged; it is not swapped."""
    place = _first(entity.get(names.get("location", "location")))
    extent = context.tables.get("extent")
    point = _numbers(place.get("coordinates") if isinstance(place, dict) else None, 2)
    sides = _numbers(extent, EXTENT_SIDES)
    if point is None or sides is None:
        return
    longitude, latitude = point[:2]
    if not _holds(sides, longitude, latitude) and _holds(sides, latitude, longitude):
        details = {"position": (longitude, latitude), "finding": "coordinates_exchanged"}
        into.items.append(Event("position_doubtful", key, message.received_at, details))


def _numbers(raw: object, least: int) -> list[float] | None:
    """A list of numbers, at least so many; None if it is anything else."""
    if not isinstance(raw, list) or len(raw) < least or not all(map(is_number, raw)):
        return None
    return raw


def _holds(extent: Sequence[float], longitude: float, latitude: float) -> bool:
    west, south, east, north = extent[:EXTENT_SIDES]
    return west <= longitude <= east and south <= latitude <= north


codec = Decoder("ngsi_ld", "1", _decode)
