"""What the city knows as files below ``/api/exports``: only what everybody may see."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from dashboards.api.series import FieldError
from dashboards.view import CityView, view_of
from twin.city import Twin
from twin.errors import CityError, StoreUnavailableError
from twin.model.assets import Asset, asset_classes
from twin.model.tables import rows
from twin.plugins import RouterOffer
from twin.settings import Settings

Work = Callable[[CityView, Request], Response]


def offer(twin: Twin, settings: Settings) -> RouterOffer:
    """Routes of the exports of the registry."""
    del twin, settings  # both are in the view of the running server
    router = APIRouter()
    router.add_api_route("/assets.{form}", export_assets, name="export_assets")
    router.add_api_route("/bridges.city.json", export_cityjson, name="export_cityjson")
    router.add_api_route("/catalog.jsonld", export_catalogue, name="export_catalogue")
    names = ("export_assets", "export_cityjson", "export_catalogue")
    return RouterOffer("/api/exports", router, dict.fromkeys(names, "export.view"))


async def export_assets(form: str, request: Request) -> Response:
    """Assets as ``gpkg``, ``geojson``, ``csv`` or ``parquet``; ``class`` names one class."""
    return await _answered(request, lambda view, asked: _assets(view, asked, form))


async def export_cityjson(request: Request) -> Response:
    """Bridges as CityJSON 2.0."""
    return await _answered(request, _cityjson)


async def export_catalogue(request: Request) -> Response:
    """Data sets of the city as an entry of an open-data portal (DCAT-AP 3)."""
    return await _answered(request, _catalogue)


async def _answered(request: Request, work: Work) -> Response:
    try:
        return await asyncio.to_thread(work, view_of(request), request)
    except FieldError as error:
        return JSONResponse({"field": error.name, "error": error.reason}, status_code=422)
    except CityError as error:
        return JSONResponse({"error": str(error)}, status_code=422)
    except StoreUnavailableError:
        return JSONResponse({"error": "the database cannot be reached now"}, status_code=503)


def _known(request: Request, *names: str) -> None:
    for name in request.query_params:
        if name not in names:
            raise FieldError(name, f"unknown; known: {', '.join(names) or 'none'}")


def _public() -> list[str]:
    return [row["attribute"] for row in rows("public_attributes")]


def _assets(view: CityView, request: Request, form: str) -> Response:
    from twin.exchange.tables_out import TABLES  # noqa: PLC0415 - geopandas, only for this file

    _known(request, "class")
    if form not in TABLES:
        known = ", ".join(TABLES)
        return JSONResponse({"error": f"no format {form[:20]!r}; use {known}"}, status_code=404)
    chosen = _chosen(view, request.query_params.get("class"))
    write, media_type = TABLES[form]
    with TemporaryDirectory(prefix="twin-export-") as folder:
        file = Path(folder) / f"assets.{form}"
        write(chosen, file, only=_public())
        body = file.read_bytes()
    return Response(body, media_type=media_type, headers=_named(view, f"assets.{form}"))


def _chosen(view: CityView, asset_class: str | None) -> list[Asset]:
    if asset_class is not None and asset_class not in asset_classes():
        raise FieldError("class", f"must be one of {', '.join(asset_classes())}")
    found = list(view.twin.assets(asset_class))
    if not found:
        raise FieldError("class", "the city has no such asset")
    return found


def _cityjson(view: CityView, request: Request) -> Response:
    from twin.exchange.cityjson_out import cityjson  # noqa: PLC0415 - only for this file

    _known(request)
    city = view.settings.city
    day = view.twin.now().astimezone(UTC).date().isoformat()
    found = cityjson(
        view.twin.assets("bridge"), crs=city.crs, title=city.name, day=day, only=_public()
    )
    text = json.dumps(found, ensure_ascii=False, allow_nan=False)
    headers = _named(view, "bridges.city.json")
    return Response(text, media_type="application/city+json", headers=headers)


def _catalogue(view: CityView, request: Request) -> Response:
    from twin.exchange.dcat_out import MEDIA_TYPE, catalogue  # noqa: PLC0415 - only for this file

    _known(request)
    public = view.settings.dashboards.public_url.rstrip("/")
    host = request.headers.get("host", "")
    found = catalogue(
        city=view.settings.city.name,
        root=public if urlsplit(public).netloc == host else f"http://{host}",
        extent=view.settings.city.extent,
        modified=view.twin.now().astimezone(UTC).isoformat(),
        references=view.twin.references(),
    )
    return Response(json.dumps(found, ensure_ascii=False), media_type=MEDIA_TYPE)


def _named(view: CityView, name: str) -> dict[str, str]:
    stem, _, ending = name.partition(".")
    made_at = view.twin.now().astimezone(UTC)
    file = f"{stem}-{made_at:%Y%m%dT%H%M%SZ}.{ending}"
    return {"Content-Disposition": f'attachment; filename="{file}"'}
