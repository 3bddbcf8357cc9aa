"""Bridges, directions of roads and zones as a table to choose targets from; pure.

The first page of matches is shown; the search names how many more there are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.listing import band_name, band_range, state_text, traffic_text
from dashboards.live.features import CityFeatures, Feature, band_of, grade_of
from dashboards.live.hub import Snapshot
from dashboards.theme import CONDITION_BANDS, MONITORING_STATES
from dashboards.widgets.parts import empty, extra
from dashboards.widgets.scenario_controls import act
from dashboards.widgets.scenario_draft import Opened
from dashboards.widgets.scenario_values import takes
from dashboards.widgets.search import folded
from twin.model.interventions import kinds
from twin.model.targets import TargetNames

SHOWN = 12
LISTS = {"bridges": "asset", "roads": "link", "zones": "zone"}
"""Lists of the picker, and which targets they give."""


@dataclass(frozen=True, slots=True)
class Lorries:
    """Heavy vehicles per day on bridges as an answered run knows them; ``run`` 0: none does."""

    run: int = 0
    by_asset: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """One row that can be picked, with its cells behind the name."""

    id: str
    name: str
    cells: tuple[str, ...] = ()
    rank: float = 0.0


def list_of(opened: Opened | None, wanted: str) -> str:
    """List that the picker shows: the wanted one, unless the kind takes others only."""
    kind = kinds().get(opened.kind) if opened is not None else None
    if kind is None or kind.target == "none":
        return wanted if wanted in ("bridges", "roads") else "bridges"
    if takes(kind, LISTS.get(wanted, "")):
        return wanted
    return next((name for name, target in LISTS.items() if takes(kind, target)), "bridges")


def lists_for(opened: Opened | None) -> tuple[str, ...]:
    """Lists that can be chosen."""
    kind = kinds().get(opened.kind) if opened is not None else None
    if kind is None or kind.target == "none":
        return ("bridges", "roads")
    return tuple(name for name, target in LISTS.items() if takes(kind, target))


def target_kind_of(target: str, names: TargetNames | None, features: CityFeatures) -> str:
    """Sort of a target: ``asset``, ``link`` or ``zone``."""
    if target in features.assets or (names is not None and target in names.assets):
        return "asset"
    if names is not None and target in names.zones and target not in names.links:
        return "zone"
    return "link"


def readable(features: CityFeatures, names: TargetNames | None) -> dict[str, str]:
    """Readable names of assets and of directions of roads."""
    found = {key: asset.name for key, asset in features.assets.items()}
    found |= {row.id: row.name for row in features.roads}
    del names
    return found


def choices(
    which: str, snapshot: Snapshot, names: TargetNames | None, lorries: Lorries, texts: Texts
) -> list[Choice]:
    """All rows of a list, the most urgent bridge first."""
    features = snapshot.features
    if which == "bridges":
        known = None if names is None else frozenset(names.assets)
        found = [
            _bridge(row, snapshot, lorries, texts)
            for row in features.bridges
            if known is None or row.id in known
        ]
        return sorted(found, key=lambda one: (-one.rank, one.name))
    if which == "zones":
        return [Choice(zone, zone) for zone in (names.zones if names else ())]
    return list(_roads(features, names))


def _bridge(row: Feature, snapshot: Snapshot, lorries: Lorries, texts: Texts) -> Choice:
    band, grade = band_of(row.asset), grade_of(row.asset)
    shown = ""
    if band is not None:
        style = CONDITION_BANDS[band]
        number = texts.number(grade, 1) if grade is not None else band_range(style, texts)
        shown = f"{style.symbol} {number} {band_name(style, texts)}"
    state = state_text(MONITORING_STATES[int(snapshot.monitoring(row.id))], "monitoring", texts)
    count = lorries.by_asset.get(row.id)
    rank = grade if grade is not None else CONDITION_BANDS[band].low if band is not None else 0.0
    heavy = texts.number(count) if count is not None else texts("scenario.no_lorries")
    return Choice(row.id, row.name, (shown, traffic_text(row.asset, texts), state, heavy), rank)


def _roads(features: CityFeatures, names: TargetNames | None) -> Iterable[Choice]:
    known = {row.id: row for row in features.roads}
    links = names.links if names is not None else tuple(known)
    listed: set[str] = set()
    numbers: list[str] = []
    for link in links:
        if link.isdigit() and known:
            numbers.append(link)
        elif link not in listed:
            listed.add(link)
            yield Choice(link, known[link].name if link in known else link, (link,))
    if not listed:
        yield from (Choice(link, link, (link,)) for link in numbers)


def matching(found: Sequence[Choice], text: str) -> list[Choice]:
    """Rows whose name or id holds the text.

    Examples
    --------
    >>> matching([Choice("B1", "Augustusbrücke"), Choice("B2", "Steg")], "augustusbruecke")
    [Choice(id='B1', name='Augustusbrücke', cells=(), rank=0.0)]
    """
    wanted = folded(text)
    return [one for one in found if wanted in folded(one.name) or wanted == folded(one.id)]


def picker(
    which: str,
    found: Sequence[Choice],
    *,
    opened: Opened | None,
    search: str,
    lorries: Lorries,
    texts: Texts,
) -> list[Component]:
    """Switch between the lists, and the table of matches."""
    matches = matching(found, search) if search.strip() else list(found)
    chosen = () if opened is None else opened.targets
    kept = [one for one in found if one.id in chosen and one not in matches[:SHOWN]]
    visible = [*matches[:SHOWN], *kept[:SHOWN]]
    parts: list[Component] = [_switch(which, lists_for(opened), texts)]
    if not visible:
        said = "scenario.none_found" if search.strip() else f"scenario_empty.{which}"
        return [*parts, empty(texts(said, text=search[:60]))]
    parts.append(_table(which, visible, chosen, texts))
    more = len(matches) - min(len(matches), SHOWN)
    count = texts("scenario.matches", n=texts.number(len(matches)))
    if more:
        count = f"{count} {texts('scenario.more', n=texts.number(more))}"
    parts.append(html.P(count, className="note"))
    if which == "bridges":
        key = "scenario.lorries_of" if lorries.run else "scenario.lorries_none"
        parts.append(html.P(texts(key, run=lorries.run), className="note"))
    return parts


def _switch(which: str, possible: Sequence[str], texts: Texts) -> html.Div:
    buttons = [
        act(
            texts(f"scenario_list.{name}"),
            "list",
            name,
            **{"aria-pressed": "true" if name == which else "false", "data-id": f"list-{name}"},
        )
        for name in possible
    ]
    label = {"aria-label": texts("scenario.lists")}
    return html.Div(buttons, className="switches", role="group", **label)


_HEADS = {
    "bridges": ("name", "grade", "traffic", "monitoring", "lorries"),
    "roads": ("name", "link"),
    "zones": ("name",),
}


def _table(which: str, rows: Sequence[Choice], chosen: Sequence[str], texts: Texts) -> html.Div:
    heads = [
        html.Th(
            texts(f"scenario_head.{key}"),
            scope="col",
            className="number" if key == "lorries" else "",
        )
        for key in _HEADS[which]
    ]
    body = [_row(one, texts, is_chosen=one.id in chosen) for one in rows]
    caption = texts(f"scenario_caption.{which}")
    table = html.Table(
        [
            html.Caption(caption, className="hidden"),
            html.Thead(html.Tr(heads)),
            html.Tbody(body),
        ]
    )
    return html.Div(
        table, className="scroll", role="region", tabIndex=0, **extra(aria_label=caption)
    )


def _row(one: Choice, texts: Texts, *, is_chosen: bool) -> html.Tr:
    pressed = {"aria-pressed": "true" if is_chosen else "false"}
    label = texts("scenario.unpick" if is_chosen else "scenario.pick", name=one.name)
    mark = html.Span("\u2713 " if is_chosen else "+ ", **{"aria-hidden": "true"})
    button = act(
        [mark, one.name],
        "pick",
        one.id,
        className="name",
        **{"aria-label": label, **pressed},
    )
    last = len(one.cells) - 1
    cells = [
        html.Td(text, className="number" if at == last and last > 0 else "")
        for at, text in enumerate(one.cells)
    ]
    return html.Tr(
        [html.Th(button, scope="row"), *cells],
        className="selected" if is_chosen else "",
        **{"data-id": f"pick-{one.id}"},
    )
