"""Search for a bridge or a street; pure but for the components."""

import unicodedata
from collections.abc import Iterator

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.live.features import CityFeatures, Feature
from dashboards.widgets.parts import change, go

MOST_RESULTS = 12


def results(text: str, features: CityFeatures, texts: Texts) -> list[Component]:
    """Matches of a search as buttons, and how many there are."""
    wanted = folded(text)
    if not wanted:
        return []
    found = list(_matches(wanted, features))
    count = texts("search.count", n=texts.number(len(found)))
    if not found:
        return [html.P(texts("search.none", text=text[:60]), role="status")]
    items = [
        html.Li(
            go(
                [row.name, html.Span(texts(f"kind.{kind}"), className="kind")],
                change(sel=f"{kind}:{row.id}"),
                fly_to=row.place,
            )
        )
        for kind, row in found[:MOST_RESULTS]
    ]
    return [html.P(count, role="status"), html.Ul(items, className="results")]


def _matches(wanted: str, features: CityFeatures) -> Iterator[tuple[str, Feature]]:
    for kind, rows in (("bridge", features.bridges), ("road", features.roads)):
        for row in rows:
            if wanted in folded(row.name) or wanted == folded(row.asset.id):
                yield kind, row


def folded(text: str) -> str:
    """Text for comparison: without case, accents and the different spellings of umlauts.

    Examples
    --------
    >>> folded("Waldschlößchenbrücke") == folded("waldschloesschenbruecke")
    True
    """
    spelled = text.strip().casefold().translate(_UMLAUTS)
    plain = unicodedata.normalize("NFKD", spelled)
    return "".join(sign for sign in plain if not unicodedata.combining(sign))


_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
