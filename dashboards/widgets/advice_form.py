"""Form of a question which measures reach a target, its sensible beginnings, and how it is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from dash import dcc, html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.view import CityView
from dashboards.widgets.parts import empty, extra
from dashboards.widgets.scenario_controls import Control, option
from dashboards.widgets.tree import Tree
from twin.advice_shelf import ADVICE_ENGINE
from twin.errors import RegistryError, ScenarioError
from twin.measure_shelf import ENGINE
from twin.model.advice import HEAVY_LIMIT_T, AdviceQuestion, Target, question_of
from twin.model.bases import StoredBase
from twin.model.scenarios import Run
from twin.model.statements import in_language

BRIDGE, BASE, DAMAGE, MOST, MASS, ASK = (
    f"advice-{name}" for name in ("bridge", "base", "damage", "most", "mass", "ask")
)
STATUS, ABOUT = "advice-status", "advice-about"
HALF = 50.0
FEW_VEHD = 50.0
"""Accepted crossings a day to begin with where today's are not known."""
MOST_RUNS = 100


@dataclass(frozen=True, slots=True)
class Begin:
    """What the form begins with, and what it says of a bridge.

    Parameters
    ----------
    bridges
        Name by id, in the order of the names.
    no_damage
        Why the damage of the chosen one cannot be told; empty if it can.
    heavy_vehd
        Crossings a day above 30 t in the base, as an answered run says; None where none does.
    """

    bridges: Mapping[str, str]
    bases: Sequence[StoredBase]
    asset_id: str
    base: StoredBase
    target: Target
    no_damage: str
    heavy_vehd: float | None


def begin(view: CityView, *, asset_id: str, base: str, run: Run | None) -> Begin | None:
    """What the form begins with; None without a base or without a bridge on it.

    A run gives its own question.
    """
    twin = view.twin
    question = None if run is None else question_of(run.options, base=run.scenario.base)
    bases = twin.traffic.bases()
    names = {one.facts.name for one in bases}
    wanted = base or ("" if question is None else question.base)
    try:
        chosen = twin.advice.base(wanted if wanted in names else "")
    except RegistryError:
        return None
    known = twin.advice.bridges_of(chosen, asked_on=twin.now().date())
    if not known:
        return None
    assets = view.now.features.assets
    named = {key: assets[key].name if key in assets else key for key in known}
    bridges = dict(sorted(named.items(), key=lambda item: item[1].casefold()))
    if asset_id not in bridges:
        asset_id = question.asset_id if question and question.asset_id in bridges else ""
    asset_id = asset_id or next((key for key in bridges if not known[key]), next(iter(bridges)))
    heavy = _heavy(view, chosen, asset_id)
    is_same = question is not None and question.asset_id == asset_id
    target = question.target if question and is_same else _target(known[asset_id], heavy)
    return Begin(bridges, bases, asset_id, chosen, target, known[asset_id], heavy)


def _target(no_damage: str, heavy_vehd: float | None) -> Target:
    """Half the damage; where that cannot be told half the crossings above 30 t."""
    if not no_damage:
        return Target(damage_share=1.0 - HALF / 100.0)
    few = FEW_VEHD if heavy_vehd is None else float(round(heavy_vehd / 2.0))
    return Target(above_t=HEAVY_LIMIT_T, crossings_vehd=few)


def _heavy(view: CityView, base: StoredBase, asset_id: str) -> float | None:
    """Crossings above 30 t of the base, as the newest answered run of measures counts them."""
    for run in view.twin.traffic.runs(limit=MOST_RUNS):
        if (run.engine, run.status, run.base) == (ENGINE, "done", base.facts.content_hash):
            document = view.twin.measures.document(run.id)
            if document is not None:
                return _counted(document, asset_id)
    return None


def _counted(document: Mapping[str, object], asset_id: str) -> float | None:
    found = [
        row["base_vehd"]
        for bridge in cast("Sequence[Mapping[str, Any]]", document["bridges"])
        if bridge["asset"] == asset_id
        for row in bridge["crossings_above"]
        if row["limit_t"] == HEAVY_LIMIT_T
    ]
    return max(found) if found and None not in found else None


def form(found: Begin | None, texts: Texts) -> list[Component]:
    """The form, or what is missing before there can be one."""
    if found is None:
        return [empty(texts("advice.no_base")), html.P(html.Code(texts("scenario.no_base_do")))]
    target = found.target
    reduction = None if target.damage_share is None else round(100 * (1 - target.damage_share), 1)
    return [
        html.Div(
            [
                _select("bridge", BRIDGE, found.bridges, found.asset_id, texts),
                _select("base", BASE, _bases(found), found.base.facts.name, texts),
                html.Fieldset(
                    [
                        html.Legend(texts("advice.target")),
                        html.Div(
                            [
                                html.Label(texts("advice.damage"), htmlFor=DAMAGE),
                                _number(DAMAGE, reduction, "%", texts),
                            ],
                            className="target",
                        ),
                        html.Div(
                            [
                                html.Label(texts("advice.most"), htmlFor=MOST),
                                _number(MOST, target.crossings_vehd, "", texts),
                                html.Label(texts("advice.above"), htmlFor=MASS),
                                _number(MASS, target.above_t or HEAVY_LIMIT_T, "t", texts),
                            ],
                            className="target",
                        ),
                        Tree(id=ABOUT, tree=about(found, texts)),
                    ]
                ),
                html.Div(
                    html.Button(texts("advice.ask"), id=ASK, type="button", className="primary")
                ),
                html.P(id=STATUS, role="status", className="said"),
            ],
            className="advice-form",
        )
    ]


def _bases(found: Begin) -> Mapping[str, str]:
    names = dict.fromkeys(base.facts.name for base in found.bases)
    return {name: name for name in names}


def _select(
    key: str, store: str, choices: Mapping[str, str], chosen: str, texts: Texts
) -> html.Div:
    options = [option(value, label) for value, label in choices.items()]
    field = f"{store}-field"
    select = Control("select", options, id=field, defaultValue=chosen, **{"data-store": store})
    return html.Div(
        [
            html.Label(texts(f"advice.{key}"), htmlFor=field),
            Tree(id=f"{store}-frame", tree=[select]),
            dcc.Store(id=store, data=chosen),
        ],
        className="field",
    )


def field_text(value: float | None, texts: Texts) -> str:
    """A number as a reader types it, without separators of thousands; empty for none.

    Examples
    --------
    >>> field_text(7.5, Texts("de")), field_text(1200.0, Texts("de"))
    ('7,5', '1200')
    """
    text = "" if value is None else f"{value:.10g}"
    return text.replace(".", ",") if texts.language == "de" else text


def _number(identity: str, value: float | None, unit: str, texts: Texts) -> html.Span:
    shown = field_text(value, texts)
    control = dcc.Input(
        id=identity, type="text", inputMode="numeric", value=shown, maxLength=9, size="6",
        autoComplete="off", debounce=True,
    )  # fmt: skip
    sides = [control, *([html.Span(unit, className="field-unit")] if unit else [])]
    return html.Span(sides, className="field-sides")


def about(found: Begin, texts: Texts) -> list[Component]:
    """What is known of the chosen bridge, and which target it cannot have."""
    parts: list[Component] = [html.P(texts("advice.empty_field"), className="note")]
    name = found.bridges[found.asset_id]
    if found.no_damage:
        why = in_language(found.no_damage, texts.language)
        is_english = texts.language != "en" and why == found.no_damage
        reason = html.Q(why, **extra(lang="en" if is_english else None))
        said = texts("advice.no_damage", name=name)
        parts.append(
            html.P([said, " ", reason, ". ", texts("advice.instead")], className="warning-note")
        )
    if found.heavy_vehd is not None:
        today = texts.number(found.heavy_vehd)
        parts.append(html.P(texts("advice.today", name=name, n=today), className="note"))
    return parts


def read_question(
    texts: Texts, *, asset_id: str, base: str, damage: str, most: str, mass: str
) -> AdviceQuestion:
    """Question of the fields.

    Raises
    ------
    ScenarioError
        In words of the reader, with all that is wrong.
    """
    problems: list[str] = []
    reduction = _read(damage, texts("advice.damage"), texts, problems)
    few = _read(most, texts("advice.most"), texts, problems)
    above = _read(mass, texts("advice.above"), texts, problems)
    if reduction is not None and not 0.0 < reduction <= 100.0:  # noqa: PLR2004 - percent
        problems.append(texts("advice.problem_percent"))
    if few is not None and above is None:
        problems.append(texts("advice.problem_mass"))
    if not problems and reduction is None and few is None:
        problems.append(texts("advice.problem_none"))
    if problems:
        raise ScenarioError(*problems)
    share = None if reduction is None else round(1.0 - reduction / 100.0, 6)
    target = Target(share, None if few is None else above, few)
    return AdviceQuestion(asset_id, target, base)


def _read(text: str, label: str, texts: Texts, problems: list[str]) -> float | None:
    """Number of a field, with the decimal sign of either language; None if it is empty."""
    bare = text.strip().replace(",", ".")
    if not bare:
        return None
    try:
        value = float(bare)
    except ValueError:
        value = float("nan")
    if not 0.0 <= value < float("inf"):
        problems.append(texts("advice.problem_number", label=label, text=text.strip()[:20]))
        return None
    return value


def recent(view: CityView, base: str | None = None) -> list[Run]:
    """Newest runs of advice, of one base if its content is given."""
    runs = view.twin.traffic.runs(limit=MOST_RUNS)
    return [run for run in runs if run.engine == ADVICE_ENGINE and base in (None, run.base)]
