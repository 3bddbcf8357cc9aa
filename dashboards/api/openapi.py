"""``/api/openapi``: all HTTP routes of the web server after OpenAPI 3.1.

Paths, path parameters and descriptions come from the routes that are mounted; what a route reads of
its query is listed in ``parameters.csv``.
"""

import csv
import re
import warnings
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response

from dashboards.view import view_of
from twin.city import Twin
from twin.model import advice
from twin.model.scenario_schema import schema
from twin.plugins import RouterOffer
from twin.settings import Settings

FORMATTED = {"date-time": "date-time", "date": "date"}
REFUSED = {"description": "Refused, absent or not available now; the answer says what is wrong"}
PART = re.compile(r"{(\w+)}")
SCENARIO_BODIES = frozenset(
    f"/api/{what}/{route}" for what in ("whatif", "measures") for route in ("check", "runs")
)
MOVES = ("seen", "judged", "closed")
CREATION = "/sensorthings/v1.1/{path}"
OBSERVATION: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "phenomenonTime": {"type": "string"},
        "result": {"type": "number"},
        "resultTime": {"type": "string"},
        "Datastream": {"type": "object", "properties": {"@iot.id": {"type": "string"}}},
    },
    "required": ["phenomenonTime", "result"],
}
DATA_ARRAY: Mapping[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "Datastream": OBSERVATION["properties"]["Datastream"],
            "components": {"type": "array", "items": {"type": "string"}},
            "dataArray": {"type": "array", "items": {"type": "array"}},
        },
        "required": ["Datastream", "components", "dataArray"],
    },
}


def offer(twin: Twin, settings: Settings) -> RouterOffer:
    """Route of the document."""
    del twin, settings  # both are in the view of the running server
    router = APIRouter()
    router.add_api_route("", read_openapi, name="openapi")
    return RouterOffer("/api/openapi", router, {"openapi": "public.read"})


def read_openapi(request: Request) -> Response:
    """Definition of all routes after OpenAPI 3.1."""
    city = view_of(request).settings.city.name
    with warnings.catch_warnings():
        # One route with several methods has one name; the operations are named below.
        warnings.filterwarnings("ignore", message="Duplicate Operation ID")
        found = get_openapi(
            title=f"Stadtzwilling: {city}",
            version=version("stadtzwilling"),
            routes=request.app.routes,
        )
    paths = {path: item for path, item in found["paths"].items() if _is_interface(path)}
    for path, item in paths.items():
        for method, operation in item.items():
            _complete(path, method, operation)
    return JSONResponse({"openapi": found["openapi"], "info": found["info"], "paths": paths})


def _is_interface(path: str) -> bool:
    """Whether a route is an interface: no page, nothing of Dash."""
    is_page = path in ("/", "/{path}") or path.startswith(("/_", "/assets"))
    return not is_page and not path.endswith("{rest}")


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    """Add the parameters of the query, the body, and the answer to a wrong request."""
    operation["parameters"] = [
        *(
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in PART.findall(path)
        ),
        *([] if (method, path) == ("post", CREATION) else _query().get(path, [])),
    ]
    operation["operationId"] = f"{method}{path}"
    described = operation.get("description", operation.get("summary", ""))
    operation["responses"] = {"2XX": {"description": described}, "default": REFUSED}
    body = _body(path) if method == "post" else None
    if body is not None:
        content = {"application/json": {"schema": body}}
        operation["requestBody"] = {"required": True, "content": content}


def _body(path: str) -> Mapping[str, Any] | None:
    if path in SCENARIO_BODIES:
        return {key: value for key, value in schema().items() if not key.startswith("$")}
    if path == CREATION:
        return {"oneOf": [OBSERVATION, DATA_ARRAY]}
    if path == "/api/measures/advise":
        return advice.schema()
    if path.startswith("/api/bridges/findings/") and path.rpartition("/")[2] in MOVES:
        texts = {name: {"type": "string"} for name in ("person", "reason", "verdict")}
        return {"type": "object", "properties": texts, "additionalProperties": False}
    return None


@cache
def _query() -> Mapping[str, list[dict[str, Any]]]:
    """Parameters of the query by path."""
    text = (files("dashboards") / "api" / "parameters.csv").read_text(encoding="utf-8")
    found: dict[str, list[dict[str, Any]]] = {}
    for row in csv.DictReader(text.splitlines()):
        found.setdefault(row["path"], []).append(
            {
                "name": row["parameter"],
                "in": "query",
                "required": row["needed"] == "yes",
                "description": row["description"],
                "schema": _schema(row),
            }
        )
    return found


def _schema(row: Mapping[str, str]) -> dict[str, Any]:
    kind = row["type"]
    if kind == "strings":
        return {"type": "array", "items": {"type": "string"}, "minItems": 1}
    found: dict[str, Any] = {"type": "string" if kind in FORMATTED else kind}
    if kind in FORMATTED:
        found["format"] = FORMATTED[kind]
    for name, key in (("minimum", "least"), ("maximum", "most")):
        if row[key]:
            found[name] = float(row[key])
    if row["words"]:
        words = row["words"].split()
        found["enum"] = words if kind == "string" else [float(word) for word in words]
    return found
