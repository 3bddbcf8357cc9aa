"""JSON schema of a scenario file, made from the tables of interventions."""

import json
import math

from twin.model.interventions import LONGEST_TEXT, Kind, Parameter, kinds
from twin.model.scenarios import LONGEST_BASE, LONGEST_NAME, MOST_INTERVENTIONS

_TIME = {
    "type": "string",
    "format": "date-time",
    "description": "time with its offset, such as 2026-11-22T06:00:00Z",
}


def schema() -> dict[str, object]:
    """JSON schema (draft 2020-12) of what `twin.model.scenarios.from_json` reads.

    Examples
    --------
    >>> schema()["required"]
    ['name', 'base', 'interventions']
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:stadtzwilling:schema:scenario",
        "title": "scenario",
        "description": "A named base state and an ordered list of interventions.",
        "type": "object",
        "required": ["name", "base", "interventions"],
        "additionalProperties": False,
        "properties": {
            "$schema": {"description": "address of this schema, for editors"},
            "name": {"type": "string", "maxLength": LONGEST_NAME},
            "base": {
                "type": "string",
                "maxLength": LONGEST_BASE,
                "description": "the state that is changed",
            },
            "at": _TIME,
            "interventions": {
                "type": "array",
                "maxItems": MOST_INTERVENTIONS,
                "items": {"oneOf": [{"$ref": f"#/$defs/{key}"} for key in kinds()]},
            },
        },
        "$defs": {kind.key: _intervention(kind) for kind in kinds().values()},
    }


def schema_text() -> str:
    """Schema as the text of ``docs/schemas/scenario.schema.json``."""
    return json.dumps(schema(), indent=2) + "\n"


def _intervention(kind: Kind) -> dict[str, object]:
    required = [item.name for item in kind.parameters.values() if item.required]
    needed = ["kind"]
    if kind.fewest_targets:
        needed.append("targets")
    if required:
        needed.append("parameters")
    return {
        "title": kind.english,
        "type": "object",
        "required": needed,
        "additionalProperties": False,
        "properties": {
            "kind": {"const": kind.key},
            "targets": _targets(kind),
            "parameters": {
                "type": "object",
                "required": required,
                "additionalProperties": False,
                "properties": {name: _value(item) for name, item in kind.parameters.items()},
            },
            "valid_from": _TIME,
            "valid_until": _TIME,
        },
    }


def _targets(kind: Kind) -> dict[str, object]:
    content: dict[str, object] = {
        "type": "array",
        "items": {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT},
        "minItems": kind.fewest_targets,
        "description": kind.target.replace("_", " "),
    }
    if math.isfinite(kind.most_targets):
        content["maxItems"] = int(kind.most_targets)
    if kind.target != "turn":
        content["uniqueItems"] = True
    return content


def _value(item: Parameter) -> dict[str, object]:
    content: dict[str, object] = {"description": item.english}
    if item.unit:
        content["description"] = f"{item.english} [{item.unit}]"
    if item.type in ("number", "whole"):
        content["type"] = "integer" if item.type == "whole" else "number"
        if math.isfinite(item.lower):
            content["exclusiveMinimum" if item.lower_open else "minimum"] = item.lower
        if math.isfinite(item.upper):
            content["maximum"] = item.upper
    elif item.type in ("classes", "zones"):
        names = {"type": "string", "minLength": 1}
        content |= {"type": "array", "items": names, "minItems": 1, "uniqueItems": True}
    elif item.choices:
        content |= {"enum": list(item.choices)}
    else:
        content |= {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT}
    return content
