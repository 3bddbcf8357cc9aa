"""Everything about one selected bridge, road direction or sensor."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from dash import html
from dash.development.base_component import Component

from dashboards import theme
from dashboards.components.series_chart import SeriesChart
from dashboards.i18n.translate import Texts
from dashboards.listing import last_value, state_text
from dashboards.live.features import CityFeatures
from dashboards.live.hub import Snapshot, StreamNow
from dashboards.state import ViewState
from dashboards.widgets.facts import facts, references
from dashboards.widgets.parts import change, empty, go, origin, tag
from twin.model.assets import Asset, asset_classes
from twin.model.assets import Component as Part
from twin.model.datastreams import Datastream
from twin.model.quality import QualityClass, keys
from twin.model.quantities import quantities, quantity
from twin.model.tables import rows

REFRESH_S = 10.0
CHART_SPAN_S = 3600
CHART_PIXELS = 400
FILE_SPAN_S = 86_400
FILE_FORMATS = {"csv": "CSV", "parquet": "Parquet"}


@dataclass(frozen=True, slots=True)
class Subject:
    """What the drawer is about; ``part`` narrows an asset to one direction or component."""

    kind: str
    id: str
    asset: Asset
    part: Part | None
    streams: Sequence[Datastream]
    charted: Datastream | None


def subject_of(state: ViewState, features: CityFeatures) -> Subject | None:
    """Subject of a view: the first selected feature, else the asset of a selected datastream."""
    charted = features.streams.get(state.selected("stream") or "")
    for kind in ("bridge", "road", "sensor"):
        found = features.feature(kind, state.selected(kind) or "")
        if found is not None:
            streams = _streams(found.asset, found.component, features)
            chosen = charted if charted in streams else next(iter(streams), None)
            return Subject(kind, found.id, found.asset, found.component, streams, chosen)
    if charted is None or charted.asset_id not in features.assets:
        return None
    asset = features.assets[charted.asset_id]
    part = features.components.get(charted.component_id or "")
    return Subject("stream", charted.uid, asset, part, _streams(asset, part, features), charted)


def _streams(asset: Asset, part: Part | None, features: CityFeatures) -> list[Datastream]:
    streams = [
        stream
        for stream in features.streams_of.get(asset.id, ())
        if part is None or stream.component_id in (part.id, None)
    ]
    return sorted(streams, key=_order)


def _order(stream: Datastream) -> tuple[bool, int, str]:
    """Readings before waveforms, then as the table of quantities lists them."""
    place = tuple(quantities()).index(stream.quantity)
    return stream.kind == "waveform", place, stream.uid


def capitalised(text: str) -> str:
    """Text with a capital at its beginning."""
    return text[:1].upper() + text[1:]


def head(subject: Subject, features: CityFeatures, texts: Texts) -> list[Component]:
    """Name, class, facts with provenance, and the references they cite."""
    asset = subject.asset
    class_name = asset_classes()[asset.asset_class].label(texts.language)
    title = asset.name if subject.part is None else f"{asset.name}: {subject.part.name}"
    whole = (
        [go(texts("drawer.whole", name=asset.name), change(sel=f"bridge:{asset.id}"))]
        if subject.part is not None and asset.asset_class == "bridge"
        else []
    )
    cited = references(asset, features.references, texts)
    return [
        html.Div(
            [
                html.H2(title, id="drawer-title", tabIndex=-1),
                go(
                    html.Span("\u00d7", **{"aria-hidden": "true"}),
                    change(sel=""),
                    id="drawer-close",
                    **{"aria-label": texts("drawer.close")},
                ),
            ],
            className="drawer-bar",
        ),
        html.P([capitalised(class_name), " ", html.Code(asset.id)], className="subtitle"),
        *whole,
        *_more(asset, texts),
        html.Details(
            [
                html.Summary(texts("drawer.facts", n=texts.number(len(asset.attributes)))),
                facts(asset, texts),
                html.P(
                    [texts("drawer.geometry"), " ", origin(asset.geometry_provenance, texts)],
                    className="note",
                ),
            ],
            open=True,
        ),
        *cited,
    ]


def _more(asset: Asset, texts: Texts) -> list[Component]:
    """Link to the page of a bridge."""
    if asset.asset_class != "bridge":
        return []
    query = urlencode({"lang": texts.language, "sel": f"bridge:{asset.id}"})
    return [
        html.P(html.A(texts("drawer.more"), href=f"/bridge?{query}")),
        html.P(plan_link(asset.id, texts)),
    ]


def plan_link(asset_id: str, texts: Texts) -> html.A:
    """Way to the editor with a measure begun for an asset."""
    query = urlencode({"lang": texts.language, "bridge": asset_id})
    return html.A(texts("drawer.plan"), href=f"/scenario?{query}", className="plan")


def advice_link(asset_id: str, texts: Texts) -> html.A:
    """Way to the search for measures that reach a target on a bridge."""
    query = urlencode({"lang": texts.language, "bridge": asset_id})
    return html.A(texts("advice.link"), href=f"/advice?{query}", className="plan")


def streams(subject: Subject, snapshot: Snapshot, texts: Texts) -> list[Component]:
    """Datastreams with last value, age and quality in words."""
    heading = html.H3(texts("drawer.streams", n=texts.number(len(subject.streams))))
    if not subject.streams:
        return [heading, empty(texts("drawer.no_streams"))]
    items = [_stream(snapshot.stream(s), subject, texts) for s in subject.streams]
    return [heading, html.Ul(items, className="streams")]


def _stream(now: StreamNow, subject: Subject, texts: Texts) -> html.Li:
    stream = now.stream
    measured = quantity(stream.quantity)
    is_charted = stream == subject.charted
    is_said = now.quality_class == QualityClass.SIMULATED and stream.provenance == "simulated"
    kept = change(sel=[f"{subject.kind}:{subject.id}", f"stream:{stream.uid}"])
    if subject.kind == "stream":
        kept = change(sel=f"stream:{stream.uid}")
    vehicles = texts(f"vehicles.{stream.vehicle_class}") if stream.vehicle_class else ""
    name = ", ".join(filter(None, [capitalised(measured.label(texts.language)), vehicles]))
    return html.Li(
        [
            go(name, kept, is_pressed=is_charted, className="name", title=stream.name),
            html.Span(stream.name, className="remark"),
            html.Span(_value(now, texts), className="value"),
            html.Span(
                [
                    html.Span(_quality(now, texts), className="quality"),
                    *([] if is_said else [tag(stream.provenance, texts)]),
                ]
            ),
        ],
        className="stream" if now.is_current else "stream stale",
        **{"data-uid": stream.uid},
    )


def _value(now: StreamNow, texts: Texts) -> str:
    """Value and age; an old value is named as the last one with its time."""
    if now.time is None:
        return texts("stream.never")
    return last_value(now, texts, "stream.now" if now.is_current else "stream.last")


def _quality(now: StreamNow, texts: Texts) -> str:
    style = theme.QUALITIES[now.quality_class]
    words = {row["key"]: row["german" if texts.language == "de" else "english"]
             for row in rows("quality_flags")}  # fmt: skip
    flags = [words[key] for key in keys(now.quality) if key != style.key]
    return ", ".join([state_text(style, "quality", texts), *flags])


def chart(subject: Subject, texts: Texts) -> list[Component]:
    """Chart of the last hour of the chosen datastream."""
    stream = subject.charted
    if stream is None:
        return []
    measured = quantity(stream.quantity)
    label = capitalised(measured.label(texts.language))
    kind = "waveform" if stream.kind == "waveform" else "hour"
    return [
        html.H3(texts(f"chart_title.{kind}", name=label)),
        html.P([stream.name, " ", tag(stream.provenance, texts)], className="note"),
        SeriesChart(
            id="drawer-series",
            url=f"/api/series/{quote(stream.uid)}?last={CHART_SPAN_S}&px={CHART_PIXELS}",
            unit=texts.unit(measured.unit),
            label=f"{label}, {stream.name}",
            lang=texts.tag,
            timezone=texts.timezone,
            decimals=measured.decimals,
            height=200,
            labels=texts.under("chart."),
            refresh_s=REFRESH_S,
        ),
        _files(stream, texts),
    ]


def _files(stream: Datastream, texts: Texts) -> html.P:
    """Links to the readings of the last day in full resolution."""
    address = f"/api/export/readings.{{form}}?stream={quote(stream.uid, safe='')}"
    links = [
        html.A(
            name,
            href=f"{address.format(form=form)}&last={FILE_SPAN_S}",
            download="",
            className="file",
            **{"aria-label": texts("chart_title.file_as", form=name)},
        )
        for form, name in FILE_FORMATS.items()
    ]
    return html.P([texts("chart_title.files"), *links], className="files note")
