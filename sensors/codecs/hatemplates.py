"""Value templates of Home Assistant, as far as they are a path and filters; no template engine."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sensors.codecs.decoder import RefusedError
from sensors.codecs.pointers import ABSENT, find
from sensors.codecs.strict_json import parse
from sensors.codecs.values import DECIMAL
from twin.model.messages import Limits

LONGEST = 200
STEP = r"(?:\.[A-Za-z_]\w{0,60}|\['[^'\]]{1,60}'\]|\[\"[^\"\]]{1,60}\"\]|\[\d{1,4}\])"
TEMPLATE = re.compile(
    rf"\{{\{{\s*(?:(value)|value_json((?:{STEP})+))\s*((?:\|\s*[a-z]+(?:\(\s*\d?\s*\))?\s*)*)\}}\}}",
    re.ASCII,
)
FILTER = re.compile(r"\|\s*([a-z]+)(?:\(\s*(\d?)\s*\))?", re.ASCII)
ONE_STEP = re.compile(r"\.(\w+)|\['([^']+)'\]|\[\"([^\"]+)\"\]|\[(\d+)\]", re.ASCII)
MISSING = frozenset({"unknown", "unavailable", "None", ""})


@dataclass(frozen=True, slots=True)
class Extraction:
    """Where a value stands in a payload (None: it is the payload), and what becomes of it."""

    path: str | None
    filters: Sequence[str]


def read_template(template: str) -> Extraction | None:
    """Extraction of a template, None if it is not supported.

    Examples
    --------
    >>> read_template("{{ value_json['temp'] | float | round(1) }}")
    Extraction(path='/temp', filters=('float', 'round(1)'))
    >>> read_template("{% if value %}1{% endif %}") is None
    True
    """
    found = TEMPLATE.fullmatch(template.strip()) if len(template) <= LONGEST else None
    if found is None:
        return None
    filters: list[str] = []
    for name, digits in FILTER.findall(found[3]):
        if name == "round":
            filters.append(f"round({digits or 0})")
        elif name in ("float", "int") and not digits:
            filters.append(name)
        else:
            return None
    steps = ["".join(one) for one in ONE_STEP.findall(found[2] or "")]
    escaped = (step.replace("~", "~0").replace("/", "~1") for step in steps)
    path = None if found[1] else "".join(f"/{step}" for step in escaped)
    return Extraction(path, tuple(filters))


def extract(payload: bytes, entity: Mapping[str, object], limits: Limits) -> float | None:
    """Value of an accepted entity in a payload, None if the source declares it missing.

    Raises
    ------
    RefusedError
        If it is neither a number nor one of the states of a binary sensor.
    """
    try:
        text = payload.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise RefusedError("not_utf8", "the payload is not UTF-8") from None
    if text in MISSING:
        return None
    path = entity.get("path")
    raw: object = text
    if isinstance(path, str):
        document = parse(payload, limits)
        raw = find(document, path, document=document)
    if raw is ABSENT or raw is None or (isinstance(raw, str) and raw in MISSING):
        return None
    number = _state(raw, entity) if entity.get("component") == "binary_sensor" else _number(raw)
    filters = entity.get("filters")
    for name in filters if isinstance(filters, list | tuple) else ():
        number = _filtered(number, str(name))
    return number


def _number(raw: object) -> float:
    if isinstance(raw, str) and DECIMAL.fullmatch(raw.strip()):
        raw = float(raw)
    if not isinstance(raw, int | float) or isinstance(raw, bool):
        raise RefusedError("wrong_type", f"a number is expected, got {type(raw).__name__}")
    number = float(raw)
    if not math.isfinite(number):
        raise RefusedError("not_finite", "the value is not finite")
    return number


def _state(raw: object, entity: Mapping[str, object]) -> float:
    if isinstance(raw, bool):
        return float(raw)
    for key, number in (("on", 1.0), ("off", 0.0)):
        if str(raw) == entity.get(key, key.upper()):
            return number
    raise RefusedError("wrong_type", "the state is neither that for on nor that for off")


def _filtered(number: float, name: str) -> float:
    if name == "int":
        return float(math.trunc(number))
    if name.startswith("round(") and name[6:-1].isdecimal():
        return round(number, int(name[6:-1]))
    return number
