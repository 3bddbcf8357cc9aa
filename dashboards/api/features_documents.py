"""Documents of OGC API Features that are the same for every request: landing, schema; pure."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from dashboards.api.features_query import (
    CRS84,
    CRS_CODES,
    DEFAULT_LIMIT,
    FORMATS,
    LONGEST_VALUE,
    MOST_FEATURES,
)

GEOJSON = "application/geo+json"
JSON = "application/json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
CONFORMANCE = (
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs",
)
ITEM_PARAMETERS = ("bbox", "bbox-crs", "crs", "datetime", "limit", "after", "f")
SINGLE_PARAMETERS = ("crs", "f")
OTHER_PARAMETERS = ("f",)

Document = Mapping[str, object]


def link(href: str, rel: str, media_type: str, title: str) -> Document:
    """One link of a document."""
    return {"href": href, "rel": rel, "type": media_type, "title": title}


def landing_document(root: str, city: str) -> Document:
    """Landing page with its links."""
    return {
        "title": f"Stadtzwilling: {city}",
        "description": "Assets, roads, sensors, restrictions and findings of the city.",
        "links": [
            link(root, "self", JSON, "this document"),
            link(f"{root}/api", "service-desc", OPENAPI, "definition of this interface"),
            link(f"{root}/conformance", "conformance", JSON, "what this interface conforms to"),
            link(f"{root}/collections", "data", JSON, "collections"),
        ],
    }


def collection_document(
    root: str,
    name: str,
    *,
    texts: tuple[str, str],
    bounds: Sequence[float] | None,
    has_time: bool,
) -> Document:
    """What is known of one collection."""
    here = f"{root}/collections/{name}"
    extent: dict[str, object] = {}
    if bounds is not None:
        extent["spatial"] = {"bbox": [bounds], "crs": CRS84}
    if has_time:
        extent["temporal"] = {"interval": [[None, None]]}
    return {
        "id": name,
        "title": texts[0],
        "description": texts[1],
        "itemType": "feature",
        "extent": extent,
        "crs": list(CRS_CODES),
        "storageCrs": CRS84,
        "links": [
            link(here, "self", JSON, texts[0]),
            link(f"{here}/items", "items", GEOJSON, f"features of {name}"),
        ],
    }


PARAMETERS: Mapping[str, Document] = MappingProxyType(
    {
        "bbox": {
            "description": "Lowest corner, then highest, in the axes of bbox-crs",
            "style": "form",
            "explode": False,
            "schema": {
                "type": "array",
                "minItems": 4,
                "maxItems": 6,
                "items": {"type": "number"},
            },
        },
        "bbox-crs": {"schema": {"type": "string", "enum": list(CRS_CODES), "default": CRS84}},
        "crs": {"schema": {"type": "string", "enum": list(CRS_CODES), "default": CRS84}},
        "datetime": {
            "description": "A time, a day, or an interval with .. for an open end",
            "schema": {"type": "string"},
        },
        "limit": {
            "schema": {
                "type": "integer",
                "minimum": 1,
                "maximum": MOST_FEATURES,
                "default": DEFAULT_LIMIT,
            }
        },
        "after": {
            "description": "Key of the feature before the page; taken from the link next",
            "schema": {"type": "string", "maxLength": LONGEST_VALUE},
        },
        "f": {"schema": {"type": "string", "enum": list(FORMATS)}},
    }
)


def openapi_document(root: str, city: str, collections: Sequence[str]) -> Document:
    """Definition of the interface after OpenAPI 3.0."""
    parameters = {
        name: {"name": name, "in": "query", "required": False, **rest}
        for name, rest in PARAMETERS.items()
    }
    parameters["collection"] = {
        "name": "collection",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "enum": list(collections)},
    }
    parameters["key"] = {
        "name": "key",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
    }
    of_one = "/collections/{collection}"
    return {
        "openapi": "3.0.3",
        "info": {
            "title": f"Stadtzwilling: {city}, OGC API Features",
            "version": "1.0.0",
            "license": {"name": "EUPL-1.2"},
        },
        "servers": [{"url": root}],
        "paths": {
            "/": _operation("landing", OTHER_PARAMETERS),
            "/conformance": _operation("conformance", OTHER_PARAMETERS),
            "/collections": _operation("collections", OTHER_PARAMETERS),
            of_one: _operation("collection", OTHER_PARAMETERS, of="collection"),
            f"{of_one}/items": _operation(
                "features", ITEM_PARAMETERS, of="collection", media_type=GEOJSON
            ),
            f"{of_one}/items/{{key}}": _operation(
                "feature", SINGLE_PARAMETERS, of="collection key", media_type=GEOJSON
            ),
        },
        "components": {
            "parameters": parameters,
            "schemas": {
                "exception": {
                    "type": "object",
                    "required": ["code"],
                    "properties": {
                        "code": {"type": "string"},
                        "description": {"type": "string"},
                    },
                }
            },
        },
    }


def _operation(
    name: str, parameters: Sequence[str], *, of: str = "", media_type: str = JSON
) -> Document:
    refused = {"$ref": "#/components/schemas/exception"}
    problem = {"description": "refused", "content": {JSON: {"schema": refused}}}
    answer = {"description": name, "content": {media_type: {"schema": {"type": "object"}}}}
    names = [*of.split(), *parameters]
    return {
        "get": {
            "operationId": name,
            "parameters": [{"$ref": f"#/components/parameters/{one}"} for one in names],
            "responses": {
                "200": answer,
                "400": problem,
                **({"404": problem} if of else {}),
                "503": problem,
            },
        }
    }
