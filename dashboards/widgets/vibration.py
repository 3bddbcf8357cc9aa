"""Vibrations of a bridge: spectrum, waterfall with the modes over it, modes as a table."""

from collections.abc import Mapping, Sequence

from dash import html
from dash.development.base_component import Component

from dashboards.bridge_figures import Asked
from dashboards.i18n.translate import Texts
from dashboards.widgets.bridge_tables import modes_table
from dashboards.widgets.figures import drawing
from dashboards.widgets.parts import tag
from twin.bridge_view import BridgeView
from twin.model.spectra import GroupSpectra
from twin.model.times import from_us


def vibration(
    view: BridgeView,
    spectra: Sequence[GroupSpectra],
    found: Mapping[str, list[Asked]],
    texts: Texts,
) -> list[Component]:
    """Spectra of each group of accelerometers, then the modes; the latter say if there are none."""
    charts: list[Component] = []
    known = {stream.uid: stream for stream in view.streams}
    for asked in (*found["spectrum"], *found["waterfall"]):
        group = spectra[int(asked.of)]
        names = [known[uid] for uid in group.channels if uid in known]
        tags = [tag(kind, texts) for kind in dict.fromkeys(item.provenance for item in names)]
        words = {
            "channels": ", ".join(item.name for item in names),
            "time": texts.time(from_us(group.newest_us), has_date=True),
            "step": texts.with_unit(group.step_hz, "Hz", 2),
            "n": texts.number(group.segments if asked.kind == "spectrum" else len(group.hour_us)),
        }
        caption = texts(f"figure.{asked.kind}", **words)
        charts.append(drawing(asked, caption, texts, tag("derived", texts), *tags))
    parts: list[Component] = [html.Div(charts, className="charts")] if charts else []
    if charts and not found["waterfall"]:
        parts.append(html.P(texts("bridge.no_waterfall"), className="note"))
    return [*parts, *modes_table(view, texts)]
