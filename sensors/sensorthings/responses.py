"""HTTP responses of SensorThings: JSON, and what went wrong."""

import json
import math
from collections.abc import Mapping

from fastapi import Response


def json_response(
    body: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Body as JSON; numbers that are not finite become null."""
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:  # an attribute or a limit is not finite; JSON knows no such number
        text = json.dumps(_finite(body), ensure_ascii=False, separators=(",", ":"))
    return Response(
        text.encode("utf-8", errors="replace"),
        status_code=status,
        headers=dict(headers or {}),
        media_type="application/json",
    )


def failed(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """What went wrong, with its status."""
    return json_response({"code": status, "type": "error", "message": message}, status, headers)


def _finite(body: object) -> object:
    if isinstance(body, dict):
        return {key: _finite(value) for key, value in body.items()}
    if isinstance(body, list | tuple):
        return [_finite(value) for value in body]
    return None if isinstance(body, float) and not math.isfinite(body) else body
