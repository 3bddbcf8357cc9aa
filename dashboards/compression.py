"""Scripts and style sheets compressed once and kept; everything else passes through."""

import gzip

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PREFIXES = ("/_dash-component-suites/", "/assets/")
SMALLEST_BYTES = 1024
MOST_KEPT = 200


class StaticCompression:
    """ASGI middleware that answers requests for static files with gzip where it is accepted."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._kept: dict[tuple[str, int], bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Compress the answer if it is a static file."""
        is_static = scope["type"] == "http" and scope["path"].startswith(PREFIXES)
        if not is_static or "gzip" not in Headers(scope=scope).get("accept-encoding", ""):
            await self._app(scope, receive, send)
            return
        start: Message = {}
        parts: list[bytes] = []

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                await self._answer(scope["path"], start, b"".join(parts), send)

        await self._app(scope, receive, collect)

    async def _answer(self, path: str, start: Message, body: bytes, send: Send) -> None:
        headers = MutableHeaders(scope=start)
        is_plain = "content-encoding" not in headers
        if start["status"] == 200 and is_plain and len(body) >= SMALLEST_BYTES:  # noqa: PLR2004 - OK
            body = self._compressed(path, body)
            headers["Content-Encoding"] = "gzip"
            headers["Content-Length"] = str(len(body))
            headers.add_vary_header("Accept-Encoding")
        await send(start)
        await send({"type": "http.response.body", "body": body})

    def _compressed(self, path: str, body: bytes) -> bytes:
        key = (path, hash(body))
        if key not in self._kept:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[key] = gzip.compress(body, compresslevel=6, mtime=0)
        return self._kept[key]
