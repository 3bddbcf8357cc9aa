"""Whether the restrictions of a bridge are kept: ``GET /api/measures/obedience/{asset}``."""

from fastapi import Request, Response

from dashboards.api import whatif
from dashboards.view import CityView
from twin.bridge_view import read_obedience


async def fetch_obedience(asset: str, request: Request) -> Response:
    """Every restriction in force: verdict, interval, effect, sentences in both languages."""
    return await whatif.answered(request, lambda view: (200, _document(view, asset)))


def _document(view: CityView, asset: str) -> object:
    found = read_obedience(view.twin, asset)
    return {"asset": asset, "restrictions": [one.document() for one in found]}
