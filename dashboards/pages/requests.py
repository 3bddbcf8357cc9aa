"""From an address and a browser's wishes to the request of a page."""

from typing import Any, cast

from dash import ctx

from dashboards.i18n.translate import Texts, negotiate
from dashboards.pages.frame import PageRequest
from dashboards.state import decode
from dashboards.view import CityView


def read_request(view: CityView, path: str, address: str | None) -> PageRequest:
    """Request of a callback; its language is that of the address, else what the browser asks."""
    headers = dict(cast("Any", ctx.headers) or {})
    accepted = str(headers.get("accept-language", ""))
    return page_request(view, path, query=address or "", accepted=accepted)


def page_request(view: CityView, path: str, *, query: str, accepted: str) -> PageRequest:
    """Request of a page with its texts and what of its address had to be left out."""
    state, notices = decode(query)
    texts = texts_for(view, state.lang, accepted)
    said = tuple(texts(notice.key, value=notice.value[:80]) for notice in notices)
    return PageRequest(path, state, texts, said)


def texts_for(view: CityView, language: str | None, accepted: str) -> Texts:
    """Texts of the wanted language, if the city offers it; else what the browser asks for."""
    offered = view.settings.dashboards.languages
    if language in offered:
        return view.texts(language)
    return view.texts(negotiate(accepted, available=offered))
