"""Figures on a page: drawn by the server, with their values one click away."""

from dash import html
from dash.development.base_component import Component

from dashboards.bridge_figures import Asked
from dashboards.i18n.translate import Texts

WIDTH, HEIGHT = 480, 300


def drawing(asked: Asked, caption: str, texts: Texts, *tags: Component) -> Component:
    """A figure with its caption, tags of its provenance, and its values as a file."""
    links = [
        html.A(
            texts(f"figure.{name}"),
            href=asked.address(form, texts.language),
            download=f"{asked.asset_id}-{asked.kind}.{form}",
            **{"aria-label": f"{texts(f'figure.{name}')}: {caption}"},
        )
        for name, form in (("values", "csv"), ("drawing", "svg"))
    ]
    return html.Figure(
        [
            html.Figcaption([caption, *(part for tag in tags for part in (" ", tag))]),
            html.Img(
                src=asked.address("svg", texts.language),
                alt=caption,
                width=str(WIDTH),
                height=str(HEIGHT),
            ),
            html.P(links, className="links"),
        ],
        className="chart drawing",
    )
