"""The outermost layer of the web server: hosts, origins, body size, headers; http and websocket."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards.live.hub import Hub
from twin.errors import SettingsError
from twin.settings import DashboardsSettings

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MOST_BODY_BYTES = 1024 * 1024
CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
FIXED_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


@dataclass(frozen=True, slots=True)
class Listen:
    """Address to listen on."""

    host: str
    port: int


def listen_address(settings: DashboardsSettings) -> Listen:
    """Host and port of the setting ``listen``.

    Raises
    ------
    SettingsError
        If the address is not loopback: this version has no login yet.
    """
    host, _, port = settings.listen.rpartition(":")
    host = host.strip("[]")
    if host not in LOOPBACK:
        raise SettingsError(
            f"dashboards.listen is {settings.listen!r}, but this version has no login and listens "
            "on loopback only; use 127.0.0.1:8050 and reach it through a tunnel (ssh -L)"
        )
    return Listen(host, int(port))


def allowed_hosts(settings: DashboardsSettings) -> frozenset[str]:
    """Host names under which the server answers; all others may be a rebound name."""
    public = urlsplit(settings.public_url).hostname
    return frozenset({*LOOPBACK, *([public] if public else [])})


def content_policy(script_hashes: Sequence[str], host: str) -> str:
    """Content Security Policy: nothing from elsewhere, no inline script but Dash's own, no eval."""
    sockets = f" ws://{host} wss://{host}" if host else ""
    rules = (
        "default-src 'self'",
        f"script-src 'self' {' '.join(script_hashes)}",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        f"connect-src 'self'{sockets}",
        "worker-src 'self' blob:",
        "font-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "object-src 'none'",
    )
    return "; ".join(rule.strip() for rule in rules)


class Guard:
    """ASGI middleware around everything.

    A foreign ``Host`` is refused with 400 (stops DNS rebinding), a foreign ``Origin`` of a
    WebSocket or of a request that may change something with 403, a large body with 413.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hub: Hub,
        hosts: frozenset[str],
        script_hashes: Iterable[str],
        is_tls: bool,
    ) -> None:
        self.hub = hub
        self._app = app
        self._hosts = hosts
        self._hashes = tuple(script_hashes)
        self._is_tls = is_tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a permitted request on."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        guarded = self._with_headers(send, headers.get("host", ""))
        if refusal is not None:
            await _refuse(refusal, scope, receive, guarded)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, guarded)
            return
        body = _Body(receive, guarded, scope)
        await self._app(scope, body.receive, body.send)

    def _refusal(self, scope: Scope, headers: Headers) -> PlainTextResponse | None:
        host = headers.get("host", "")
        if _hostname(host) not in self._hosts:
            return PlainTextResponse("this server does not answer to this Host", status_code=400)
        is_socket = scope["type"] == "websocket"
        origin = headers.get("origin")
        if is_socket or (scope["method"] in CHANGING and origin is not None):
            scheme = "https" if self._is_tls else "http"
            if origin != f"{scheme}://{host}":
                return PlainTextResponse("requests from this Origin are refused", status_code=403)
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MOST_BODY_BYTES:
            return _too_large()
        return None

    def _with_headers(self, send: Send, host: str) -> Send:
        async def sender(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in FIXED_HEADERS.items():
                    headers[name] = value
                safe_host = host if _hostname(host) in self._hosts else ""
                headers["Content-Security-Policy"] = content_policy(self._hashes, safe_host)
                if self._is_tls:
                    headers["Strict-Transport-Security"] = "max-age=31536000"
                if "cache-control" not in headers:
                    headers["Cache-Control"] = "no-store"
            await send(message)

        return sender


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


class _Body:
    """Counts a body while it is read, because its announced length need not be true.

    A body that grows too large ends there, and whatever the application then answers becomes 413.
    """

    def __init__(self, receive: Receive, send: Send, scope: Scope) -> None:
        self._receive = receive
        self._send = send
        self._scope = scope
        self._taken = 0
        self._is_answered = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._taken += len(message.get("body", b""))
        if self._taken > MOST_BODY_BYTES:
            return {"type": "http.request", "body": b"", "more_body": False}
        return message

    async def send(self, message: Message) -> None:
        if self._taken <= MOST_BODY_BYTES:
            await self._send(message)
        elif not self._is_answered:
            self._is_answered = True
            await _too_large()(self._scope, self._receive, self._send)


def _too_large() -> PlainTextResponse:
    return PlainTextResponse(f"a request body has at most {MOST_BODY_BYTES} bytes", status_code=413)


async def _refuse(response: PlainTextResponse, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await response(scope, receive, send)
        return
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    start = {
        "type": "websocket.http.response.start",
        "status": response.status_code,
        "headers": response.raw_headers,
    }
    await send(start)
    await send({"type": "websocket.http.response.body", "body": response.body})
