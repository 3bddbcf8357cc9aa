"""The web server: pages, interfaces and live socket of one city as one ASGI application."""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, cast

import dash
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.backends._fastapi import reset_current_request, set_current_request
from dash.development.base_component import Component
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from dashboards.compression import StaticCompression
from dashboards.live.hub import Hub
from dashboards.pages import (
    advice,
    bridge,
    missing,
    operations,
    overview,
    result,
    scenario,
    scenarios,
    statement,
)
from dashboards.pages.frame import frame
from dashboards.pages.requests import page_request, read_request
from dashboards.security.guard import Guard, allowed_hosts, listen_address
from dashboards.serving import WebServer, run_until
from dashboards.view import CityView
from twin.city import Twin
from twin.errors import PluginError, SettingsError
from twin.plugins import BrokenPlugin, RouterOffer, load_all
from twin.runtime import open_twin
from twin.settings import Settings
from twin.signals import stop_on_signal

logger = logging.getLogger(__name__)

PAGES: Mapping[str, ModuleType] = {
    "/": overview,
    "/advice": advice,
    "/bridge": bridge,
    "/operations": operations,
    "/result": result,
    "/scenario": scenario,
    "/scenarios": scenarios,
    "/accessibility": statement,
}
INDEX = """<!DOCTYPE html>
<html lang="{language}">
<head>
{metas}
<title>{title}</title>
{favicon}
{css}
</head>
<body>
{app_entry}
<noscript><p>{noscript}</p></noscript>
<div hidden>{config}{scripts}{renderer}</div>
</body>
</html>"""


UNTOLD = ("websocket", "python_version", "dash_version_url")
"""What a browser need not know: we use no callbacks over WebSocket and ask no other host."""


class CityDash(Dash):
    """Dash whose page has the language and title that the browser asked for."""

    view: CityView

    def _config(self) -> dict[str, Any]:
        config: dict[str, Any] = super()._config()
        return {key: value for key, value in config.items() if key not in UNTOLD}

    def interpolate_index(self, **parts: str) -> str:  # pyrefly: ignore[bad-override]
        """Page around the application."""
        request: Request = self.backend.request_adapter()._request  # noqa: SLF001  # pyrefly: ignore
        wanted = page_request(
            self.view,
            request.url.path,
            query=request.url.query,
            accepted=request.headers.get("accept-language", ""),
        )
        page = PAGES.get(wanted.path, missing)
        city = self.view.settings.city.name
        title = wanted.texts(page.TITLE, city=city)
        return INDEX.format(
            **{**parts, "title": f"{title} \u2013 {wanted.texts('frame.product')}"},
            language=wanted.texts.language,
            noscript=wanted.texts("frame.noscript"),
        )


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Job ``serve``: the web server of a city, until SIGINT or SIGTERM."""
    if arguments:
        raise SettingsError(f"twin serve takes no argument, got {arguments[0]!r}")
    listen = listen_address(settings.dashboards)
    stop = stop_on_signal()
    twin = open_twin(settings, role="serve")
    try:
        app = create_app(twin, settings)
        server = WebServer(app, listen)
        port = server.start()
        logger.info("web server ready", extra={"address": f"http://{listen.host}:{port}/"})
        return run_until(stop, server, twin=twin, hub=app.hub, name=settings.dashboards.listen)
    finally:
        twin.close()


def create_app(twin: Twin, settings: Settings) -> Guard:
    """The ASGI application of a city; nothing runs before its lifespan starts.

    Raises
    ------
    PluginError
        If two routers claim one prefix, or a route names no permission.
    """
    hub = Hub(twin, tick_hz=settings.dashboards.live.tick_hz)
    fastapi = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan(hub))
    loaded, broken = load_all("routers")
    offers, unfit = _offers(loaded, twin, settings)
    view = CityView(twin, settings, hub, (*broken, *unfit))
    fastapi.state.view = view
    for problem in view.broken:
        logger.error("router left out", extra={"router": problem.name, "reason": problem.reason})
    _mount(fastapi, offers)
    app = _dash(fastapi, view)
    return Guard(
        StaticCompression(fastapi),
        hub=hub,
        hosts=allowed_hosts(settings.dashboards),
        script_hashes=app.csp_hashes(),
        is_tls=settings.dashboards.public_url.startswith("https:"),
    )


def _lifespan(hub: Hub) -> Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        hub.start()
        try:
            yield
        finally:
            await asyncio.to_thread(hub.stop)

    return lifespan


def _offers(
    loaded: Mapping[str, object], twin: Twin, settings: Settings
) -> tuple[Mapping[str, RouterOffer], Sequence[BrokenPlugin]]:
    offers: dict[str, RouterOffer] = {}
    unfit: list[BrokenPlugin] = []
    for name, entry in loaded.items():
        offered = entry(twin, settings) if callable(entry) else None
        if isinstance(offered, RouterOffer) and isinstance(offered.router, APIRouter):
            offers[name] = offered
        else:
            reason = "it does not return a RouterOffer with a FastAPI router"
            unfit.append(BrokenPlugin("routers", name, reason))
    return offers, unfit


def _mount(fastapi: FastAPI, offers: Mapping[str, RouterOffer]) -> None:
    owners: dict[str, str] = {}
    for name, offered in offers.items():
        if offered.prefix in owners:
            raise PluginError(
                f"routers {owners[offered.prefix]!r} and {name!r} both claim the prefix "
                f"{offered.prefix!r}; uninstall one of the two distributions"
            )
        owners[offered.prefix] = name
        router = cast("APIRouter", offered.router)
        for route in router.routes:
            if getattr(route, "name", "") not in offered.permissions:
                raise PluginError(
                    f"router {name!r}: route {getattr(route, 'path', route)!r} declares no "
                    "permission; add its name to RouterOffer.permissions"
                )
        fastapi.include_router(router, prefix=offered.prefix)
        if offered.prefix:
            fastapi.add_api_route(
                offered.prefix + "/{rest:path}",
                _not_found,
                methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
                name=f"{name}_not_found",
                include_in_schema=False,
            )


async def _not_found() -> Response:
    return JSONResponse({"error": "not found"}, status_code=404)


def _dash(fastapi: FastAPI, view: CityView) -> Dash:
    app = CityDash(
        name="dashboards",
        server=cast("Any", fastapi),
        assets_folder="assets",
        suppress_callback_exceptions=True,
        update_title="",
        add_log_handler=False,
        websocket_inactivity_timeout=0,
        enable_mcp=False,
        on_error=_reporter(view),
    )
    app.view = view
    app.layout = html.Div(
        [dcc.Location(id="url", refresh=False), html.Div(id="page")], id="application"
    )
    _register_router(app, view)
    for page in PAGES.values():
        page.register(app, view)
    _serve_pages(fastapi, app)
    app._setup_server()  # noqa: SLF001 - else Dash finds the style sheets with the first "/" only
    return app


def _reporter(view: CityView) -> Callable[[Exception], None]:
    """Log what a callback did not foresee, and tell the reader its number and what to do."""

    def report(error: Exception) -> None:
        incident = uuid.uuid4().hex[:8]
        logger.error("callback failed", exc_info=error, extra={"incident": incident})
        context = cast("Any", dash.ctx)
        address = {**context.states, **context.inputs}.get("url.search")
        texts = read_request(view, "/", address if isinstance(address, str) else None).texts
        said = texts("frame.failed", incident=f"#{incident}")
        dash.ctx.set_props("notices", {"tree": [html.P(said)]})

    return report


def _register_router(app: Dash, view: CityView) -> None:
    @app.callback(Output("page", "children"), Input("url", "pathname"), State("url", "search"))
    async def show_page(path: str | None, address: str | None) -> Iterable[Component] | Any:  # noqa: ANN401 - or Dash's no_update
        if path is None:
            return no_update
        request = read_request(view, path, address)
        page = PAGES.get(path, missing)
        content = await asyncio.to_thread(page.layout, request, view)
        return frame(request, view, content)


def _serve_pages(fastapi: FastAPI, app: Dash) -> None:
    """Every other address is a page; an unknown one answers 404 with a page that says so."""

    async def page(request: Request, path: str) -> Response:
        token = set_current_request(request)
        try:
            status = 200 if f"/{path}" in PAGES else 404
            return Response(app.index(), status_code=status, media_type="text/html")
        finally:
            reset_current_request(token)

    fastapi.add_api_route("/{path:path}", page, methods=["GET"], name="page")
