"""OGC API Features Part 1 and 2 below ``/ogc/features`` (``docs/ogc-features.md``)."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC
from urllib.parse import quote, urlencode, urlsplit

from fastapi import APIRouter, Request, Response

from dashboards.api import features_documents as documents
from dashboards.api.features_collections import DESCRIPTIONS, WITH_TIME, Collections, Layer
from dashboards.api.features_documents import GEOJSON, JSON, OPENAPI, link
from dashboards.api.features_query import QueryError, read_crs, read_query, single
from twin.city import Twin
from twin.errors import StoreUnavailableError
from twin.plugins import RouterOffer
from twin.settings import Settings

PREFIX = "/ogc/features"


@dataclass(frozen=True, slots=True)
class Answer:
    """A document, its media type and, for features, the CRS of their coordinates."""

    document: object
    media_type: str = JSON
    crs: str = ""


class AbsentError(Exception):
    """There is no such collection or feature: status 404."""


def offer(twin: Twin, settings: Settings) -> RouterOffer:
    """Routes of OGC API Features."""
    service = _Service(twin, settings)
    router = APIRouter()
    routes: Sequence[tuple[str, str, Callable[..., Answer]]] = (
        ("features_landing", "", service.landing),
        ("features_landing_slash", "/", service.landing),
        ("features_api", "/api", service.api),
        ("features_conformance", "/conformance", service.conformance),
        ("features_collections", "/collections", service.collections),
    )
    for name, path, work in routes:
        router.add_api_route(path, _route(work), name=name)
    of_one: Sequence[tuple[str, str, Callable[..., Answer]]] = (
        ("features_collection", "/collections/{collection}", service.collection),
        ("features_items", "/collections/{collection}/items", service.items),
    )
    for name, path, work in of_one:
        router.add_api_route(path, _route_of_one(work), name=name)
    path = "/collections/{collection}/items/{key:path}"
    router.add_api_route(path, _route_of_feature(service.item), name="features_item")
    names = [name for name, _, _ in (*routes, *of_one)]
    return RouterOffer(PREFIX, router, dict.fromkeys((*names, "features_item"), "state.read"))


def _route(work: Callable[..., Answer]) -> Callable[..., object]:
    async def route(request: Request) -> Response:
        return await _answered(lambda: work(request))

    return route


def _route_of_one(work: Callable[..., Answer]) -> Callable[..., object]:
    async def route(collection: str, request: Request) -> Response:
        return await _answered(lambda: work(request, collection))

    return route


def _route_of_feature(work: Callable[..., Answer]) -> Callable[..., object]:
    async def route(collection: str, key: str, request: Request) -> Response:
        return await _answered(lambda: work(request, collection, key))

    return route


async def _answered(work: Callable[[], Answer]) -> Response:
    """The answer of a route, or an exception as clause 7.5.1 of Part 1 wants it."""
    try:
        body, answer = await asyncio.to_thread(_written, work)
    except QueryError as error:
        return _refusal(400, "InvalidParameterValue", str(error))
    except AbsentError as error:
        return _refusal(404, "NotFound", str(error))
    except StoreUnavailableError:
        return _refusal(503, "Unavailable", "the database cannot be reached now")
    headers = {"Content-Crs": f"<{answer.crs}>"} if answer.crs else None
    return Response(body, media_type=answer.media_type, headers=headers)


def _written(work: Callable[[], Answer]) -> tuple[bytes, Answer]:
    answer = work()
    text = json.dumps(answer.document, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "replace"), answer


def _refusal(status: int, code: str, description: str) -> Response:
    text = json.dumps({"code": code, "description": description})
    return Response(text, status_code=status, media_type=JSON)


class _Service:
    """What the routes share: the collections of one city."""

    def __init__(self, twin: Twin, settings: Settings) -> None:
        self._twin = twin
        self._city = settings.city.name
        self._public = urlsplit(settings.dashboards.public_url)
        self._collections = Collections(twin, settings.city.timezone)

    def landing(self, request: Request) -> Answer:
        """Landing page."""
        _only(request, documents.OTHER_PARAMETERS)
        return Answer(documents.landing_document(self._root(request), self._city))

    def api(self, request: Request) -> Answer:
        """Definition after OpenAPI 3.0."""
        _only(request, documents.OTHER_PARAMETERS)
        found = documents.openapi_document(self._root(request), self._city, list(DESCRIPTIONS))
        return Answer(found, OPENAPI)

    def conformance(self, request: Request) -> Answer:
        """Conformance classes."""
        _only(request, documents.OTHER_PARAMETERS)
        return Answer({"conformsTo": list(documents.CONFORMANCE)})

    def collections(self, request: Request) -> Answer:
        """All collections."""
        _only(request, documents.OTHER_PARAMETERS)
        root = self._root(request)
        here = link(f"{root}/collections", "self", JSON, "this document")
        found = [self._described(root, name) for name in DESCRIPTIONS]
        return Answer({"links": [here], "crs": list(documents.CRS_CODES), "collections": found})

    def collection(self, request: Request, name: str) -> Answer:
        """One collection."""
        _only(request, documents.OTHER_PARAMETERS)
        return Answer(self._described(self._root(request), _known(name)))

    def _described(self, root: str, name: str) -> documents.Document:
        return documents.collection_document(
            root,
            name,
            texts=DESCRIPTIONS[name],
            bounds=self._collections.layer(name).bounds,
            has_time=name in WITH_TIME,
        )

    def items(self, request: Request, name: str) -> Answer:
        """One page of features."""
        _known(name)
        query = read_query(_only(request, documents.ITEM_PARAMETERS))
        layer = self._collections.layer(name)
        chosen = layer.chosen(query)
        page = layer.page(chosen, query)
        links = self._page_links(request, name)
        if page.size and page[-1] != chosen[-1]:
            links.append(self._next(request, name, layer.key(int(page[-1]))))
        found = {
            "type": "FeatureCollection",
            "timeStamp": self._twin.now().astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "numberMatched": int(chosen.size),
            "numberReturned": int(page.size),
            "links": links,
            "features": [layer.feature(place, query.crs) for place in page.tolist()],
        }
        return Answer(found, GEOJSON, query.crs)

    def _page_links(self, request: Request, name: str) -> list[documents.Document]:
        here = f"{self._root(request)}/collections/{name}"
        query = f"?{request.url.query}" if request.url.query else ""
        return [
            link(f"{here}/items{query}", "self", GEOJSON, "this page"),
            link(here, "collection", JSON, DESCRIPTIONS[name][0]),
        ]

    def _next(self, request: Request, name: str, key: str) -> documents.Document:
        parameters = {**request.query_params, "after": key}
        here = f"{self._root(request)}/collections/{name}/items?{urlencode(parameters)}"
        return link(here, "next", GEOJSON, "next page")

    def item(self, request: Request, name: str, key: str) -> Answer:
        """One feature."""
        crs = read_crs("crs", _only(request, documents.SINGLE_PARAMETERS).get("crs"))
        layer: Layer = self._collections.layer(_known(name))
        place = layer.find(key)
        if place is None:
            raise AbsentError(f"no feature {key[:100]!r} in collection {name!r}")
        here = f"{self._root(request)}/collections/{name}"
        found = layer.feature(place, crs)
        found["links"] = [
            link(f"{here}/items/{quote(key, safe='')}", "self", GEOJSON, "this feature"),
            link(here, "collection", JSON, DESCRIPTIONS[name][0]),
        ]
        return Answer(found, GEOJSON, crs)

    def _root(self, request: Request) -> str:
        """Address of the landing page as the caller reached it."""
        host = request.headers.get("host", "")
        is_public = self._public.netloc.casefold() == host.casefold() and self._public.scheme
        return f"{self._public.scheme if is_public else 'http'}://{host}{PREFIX}"


def _only(request: Request, known: Sequence[str]) -> dict[str, str]:
    return dict(single(request.query_params.multi_items(), known=known))


def _known(name: str) -> str:
    if name not in DESCRIPTIONS:
        known = ", ".join(DESCRIPTIONS)
        raise AbsentError(f"no collection {name[:60]!r}; there are {known}")
    return name
