"""The form of one measure: kind, targets, parameters, validity; made from the tables; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.widgets.scenario_controls import (
    Control,
    act,
    check_boxes,
    option,
    problem_lines,
    select_control,
    text_control,
)
from dashboards.widgets.scenario_controls import field as labelled
from dashboards.widgets.scenario_draft import Opened, Raw
from dashboards.widgets.scenario_problems import TARGETS, Problem
from dashboards.widgets.scenario_values import TIMES, limits_of
from twin.model.interventions import Kind, Parameter, kinds
from twin.model.tables import rows

NO_DIMENSION = ("1", "")


@dataclass(frozen=True, slots=True)
class FormView:
    """An open form with what is shown beside it.

    Parameters
    ----------
    opened
    number
        Of the measure that is changed, from 1; 0 for a new one.
    problems
        That are to be shown.
    sentence
        How the measure reads; empty while it is not sound.
    names
        Readable names of targets.
    classes
        Keys of the vehicle classes of the base; empty if all are possible.
    """

    opened: Opened
    number: int = 0
    problems: Sequence[Problem] = ()
    sentence: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    classes: Sequence[str] = ()

    def of(self, name: str) -> tuple[Problem, ...]:
        """Problems of a field."""
        return tuple(one for one in self.problems if one.field == name)

    @property
    def others(self) -> tuple[Problem, ...]:
        """Problems of no field."""
        kind = kinds().get(self.opened.kind)
        known = {TARGETS, *TIMES, *(() if kind is None else kind.parameters)}
        return tuple(one for one in self.problems if one.field not in known)


def measure_form(view: FormView, texts: Texts) -> list[Component]:
    """Content of the form."""
    opened = view.opened
    kind = kinds().get(opened.kind)
    title = (
        texts("scenario.form_change", n=view.number) if view.number else texts("scenario.form_new")
    )
    parts: list[Component] = [html.H3(title, id="form-title"), _kind_field(opened, texts)]
    if kind is not None:
        if kind.acts_on == "bridge":
            parts.append(html.P(texts("scenario.bridge_only"), className="note"))
        parts += [_targets(view, kind, texts)] if kind.target != "none" else []
        parts += [_parameter(view, item, texts) for item in kind.parameters.values()]
        parts += [_validity(view, texts), problem_lines("form", view.others, texts)]
        parts.append(_preview(view, texts))
    elif opened.targets:
        parts.append(_targets(view, None, texts))
    buttons = [
        act(texts("scenario.apply"), "apply", id="form-apply", className="primary"),
        act(texts("scenario.close_form"), "close", id="form-close"),
    ]
    return [*parts, html.Div(buttons, className="actions")]


def _kind_field(opened: Opened, texts: Texts) -> html.Div:
    control = select_control(
        "kind",
        opened.kind,
        [option("", texts("scenario.choose")), *_groups(texts.language)],
        identity=f"{opened.uid}-{opened.kind}",
    )
    return labelled("kind", texts("scenario.kind"), control, texts=texts)


def _groups(language: str) -> list[Component]:
    """All kinds, grouped as planners know them; a kind without a group comes last."""
    column = "german" if language == "de" else "english"
    known = kinds()
    grouped: dict[str, list[Kind]] = {}
    for row in rows("intervention_groups"):
        found = [known[key] for key in row["kinds"].split("|") if key in known]
        grouped.setdefault(row[column], []).extend(found)
    used = {kind.key for members in grouped.values() for kind in members}
    last = next(reversed(grouped))
    grouped[last] += [kind for key, kind in known.items() if key not in used]
    return [
        Control(
            "optgroup",
            [option(kind.key, _capitalised(kind.label(language))) for kind in members],
            label=group,
        )
        for group, members in grouped.items()
    ]


def _targets(view: FormView, kind: Kind | None, texts: Texts) -> html.Fieldset:
    """Chosen targets as buttons that take them out, in their order."""
    chips = [
        html.Li(
            act(
                [html.Span(_name(target, view)), html.Span(" \u00d7", **{"aria-hidden": "true"})],
                "pick",
                target,
                className="chip",
                **{"aria-label": texts("scenario.untarget", name=_name(target, view))},
            ),
            **{"data-id": f"target-{target}"},
        )
        for target in view.opened.targets
    ]
    wanted = texts(f"scenario_target.{kind.target if kind else 'link_or_asset'}")
    content: list[Component] = [
        html.Legend(texts("scenario.targets")),
        html.Ul(chips, className="chips") if chips else html.P(wanted, className="note"),
        act(texts("scenario.to_picker"), "picker", id="field-targets"),
        problem_lines(TARGETS, view.of(TARGETS), texts),
    ]
    return html.Fieldset(content, **{"data-id": "f-targets"})


def _name(target: str, view: FormView) -> str:
    return view.names.get(target, target)


def _parameter(view: FormView, parameter: Parameter, texts: Texts) -> Component:
    name = parameter.name
    raw = view.opened.values.get(name, "")
    identity = f"{view.opened.uid}-{view.opened.kind}"
    problems = view.of(name)
    label = _capitalised(parameter.german if texts.language == "de" else parameter.english)
    if not parameter.required:
        label = texts("scenario.optional", label=label)
    if parameter.type == "classes":
        choices = [(key, words) for key, words in _classes(texts.language, view.classes)]
        chosen = raw if isinstance(raw, tuple) else tuple(filter(None, raw.split(",")))
        return check_boxes(
            name, label, choices, chosen, identity=identity, texts=texts, problems=problems
        )
    value = _one(raw)
    hint = _hint(parameter, texts)
    choices = _choices(parameter, texts)
    if choices:
        control = select_control(
            name, value, choices, identity=identity, problems=problems, has_hint=bool(hint)
        )
    else:
        control = text_control(
            name,
            value,
            identity=identity,
            mode="decimal" if parameter.type in ("number", "whole") else None,
            problems=problems,
            has_hint=bool(hint),
            longest=20_000 if parameter.type == "text" else 200,
        )
    unit = "" if parameter.unit in NO_DIMENSION else texts.unit(parameter.unit)
    return labelled(name, label, control, texts=texts, unit=unit, hint=hint, problems=problems)


def _one(raw: Raw) -> str:
    return raw if isinstance(raw, str) else ", ".join(raw)


def _hint(parameter: Parameter, texts: Texts) -> str:
    """What values are possible."""
    if parameter.type == "zones":
        return texts("scenario.zones_hint")
    if parameter.type not in ("number", "whole"):
        return ""
    lower, is_open, upper = limits_of(parameter)
    low = "" if lower is None else _plain(lower, texts)
    high = "" if upper is None else _plain(upper, texts)
    if low and high:
        return texts("scenario.above_to" if is_open else "scenario.from_to", low=low, high=high)
    if low:
        return texts("scenario.above" if is_open else "scenario.least", low=low)
    return ""


def _plain(value: float, texts: Texts) -> str:
    text = f"{value:.10g}"
    return text.replace(".", ",") if texts.language == "de" else text


def _choices(parameter: Parameter, texts: Texts) -> list[Component]:
    column = "german" if texts.language == "de" else "english"
    if parameter.name == "road_class":
        found = [(row["key"], row[column]) for row in rows("road_classes")]
    else:
        words = {row["key"]: row[column] for row in rows("intervention_words")}
        found = [(key, words.get(key, key)) for key in parameter.choices]
    return [option("", texts("scenario.choose")), *(option(*one) for one in found)] if found else []


def _classes(language: str, known: Sequence[str]) -> list[tuple[str, str]]:
    column = "german" if language == "de" else "english"
    words = {row["key"]: row[column] for row in rows("vehicle_classes")}
    return [(key, words.get(key, key)) for key in (known or words)]


def _validity(view: FormView, texts: Texts) -> html.Details:
    values = view.opened.values
    identity = f"{view.opened.uid}-{view.opened.kind}"
    fields = [
        labelled(
            name,
            texts(f"scenario.{name}"),
            text_control(
                name,
                _one(values.get(name, "")),
                identity=identity,
                kind="datetime-local",
                problems=view.of(name),
            ),
            texts=texts,
            problems=view.of(name),
        )
        for name in TIMES
    ]
    is_used = any(values.get(name) for name in TIMES) or any(view.of(name) for name in TIMES)
    note = html.P(texts("scenario.validity_note", zone=texts.timezone), className="note")
    return html.Details(
        [html.Summary(texts("scenario.validity")), note, *fields],
        open=is_used or None,
        **{"data-id": f"validity-{identity}"},
    )


def _preview(view: FormView, texts: Texts) -> html.P:
    if not view.sentence:
        return html.P("", id="form-preview", className="preview")
    return html.P(
        [html.Span(texts("scenario.reads"), className="note"), " ", html.Span(view.sentence)],
        id="form-preview",
        className="preview",
    )


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
