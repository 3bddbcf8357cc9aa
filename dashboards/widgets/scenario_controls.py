"""Native form fields inside a `Tree`, with label, unit, hint and problem; pure but for components.

Fields are not controlled: what a reader types stays while everything around them is drawn anew.
A field with another ``data-id`` is another element and begins with its own value.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboards.i18n.translate import Texts
from dashboards.widgets.parts import Children, extra
from dashboards.widgets.scenario_problems import Problem


class Control(Component):
    """An element of HTML that Dash has no component for, with its attributes as React names them.

    Only a `Tree` draws it.
    """

    _namespace = "stadtzwilling_parts"
    _type = "Control"

    def __init__(self, tag: str, children: Any = None, **props: Any) -> None:  # noqa: ANN401 - attributes of any element
        self._type = tag
        self._prop_names = ["children", *props]
        self._valid_wildcard_attributes: list[str] = []
        self.available_properties = self._prop_names
        self.available_wildcard_properties: list[str] = []
        kept = {name: value for name, value in props.items() if value is not None}
        super().__init__(children=children, **kept)


def act(
    label: Children | str | Component,
    do: str,
    arg: str | int = "",
    *,
    is_possible: bool = True,
    **properties: Any,  # noqa: ANN401 - passed on to the component
) -> html.Button:
    """Button of the editor; one that is not possible now keeps the focus and says so."""
    attributes: dict[str, Any] = {"data-do": do, "data-arg": str(arg), **properties}
    if not is_possible:
        attributes["aria-disabled"] = "true"
    return html.Button(label, type="button", **attributes)


def field(
    name: str,
    label: str,
    control: Control,
    *,
    texts: Texts,
    unit: str = "",
    hint: str = "",
    problems: Sequence[Problem] = (),
) -> html.Div:
    """Labelled field; `control` must have the id ``field-NAME``."""
    lines: list[Component] = []
    if hint:
        lines.append(html.P(hint, id=f"hint-{name}", className="note"))
    lines.append(problem_lines(name, problems, texts))
    sides = [control, *([html.Span(unit, className="field-unit")] if unit else [])]
    return html.Div(
        [
            html.Label(label, htmlFor=f"field-{name}"),
            html.Div(sides, className="field-sides"),
            *lines,
        ],
        className="field",
        **{"data-id": f"f-{name}"},
    )


def problem_lines(name: str, problems: Sequence[Problem], texts: Texts) -> html.Div:
    """What is wrong with a field, where its ``aria-describedby`` finds it; empty if nothing."""
    del texts
    lines = [problem_line(one) for one in problems]
    return html.Div(lines, id=f"problem-{name}")


def problem_line(one: Problem) -> html.P:
    """One problem in words; a sentence without words of ours is marked as English."""
    properties: dict[str, Any] = {"lang": "en"} if one.is_english else {}
    return html.P(one.text, className="problem", **properties)


def text_control(
    name: str,
    value: str,
    *,
    identity: str,
    kind: str = "text",
    mode: str | None = None,
    problems: Sequence[Problem] = (),
    has_hint: bool = False,
    longest: int = 200,
    suggestions: str | None = None,
) -> Control:
    """Field for one line of text, or of a time."""
    return Control(
        "input",
        id=f"field-{name}",
        name=name,
        type=kind,
        inputMode=mode,
        defaultValue=value,
        maxLength=longest if kind in {"text", "search"} else None,
        autoComplete="off",
        list=suggestions,
        **_described(name, identity, problems, has_hint=has_hint),
    )


def select_control(
    name: str,
    value: str,
    options: Iterable[Component],
    *,
    identity: str,
    problems: Sequence[Problem] = (),
    has_hint: bool = False,
) -> Control:
    """Field to choose one of several."""
    return Control(
        "select",
        list(options),
        id=f"field-{name}",
        name=name,
        defaultValue=value,
        **_described(name, identity, problems, has_hint=has_hint),
    )


def _described(
    name: str, identity: str, problems: Sequence[Problem], *, has_hint: bool
) -> dict[str, Any]:
    said = [f"hint-{name}"] if has_hint else []
    attributes = extra(
        aria_describedby=" ".join([*said, f"problem-{name}"]),
        aria_invalid="true" if problems else None,
    )
    return {**attributes, "data-id": f"{name}-{identity}"}


def option(value: str, label: str) -> html.Option:
    """One choice of a select."""
    return html.Option(label, value=value)


def check_boxes(
    name: str,
    legend: str,
    choices: Iterable[tuple[str, str]],
    chosen: Sequence[str],
    *,
    identity: str,
    texts: Texts,
    problems: Sequence[Problem] = (),
) -> html.Fieldset:
    """Several of several, as boxes."""
    boxes = [
        html.Label(
            [
                Control(
                    "input",
                    type="checkbox",
                    name=name,
                    value=key,
                    id=f"field-{name}" if at == 0 else f"field-{name}-{key}",
                    defaultChecked=key in chosen,
                    **{
                        "data-id": f"{name}-{key}-{identity}",
                        "aria-describedby": f"problem-{name}",
                    },
                ),
                html.Span(label),
            ],
            className="box",
        )
        for at, (key, label) in enumerate(choices)
    ]
    parts = [html.Legend(legend), html.Div(boxes, className="boxes")]
    return html.Fieldset([*parts, problem_lines(name, problems, texts)], **{"data-id": f"f-{name}"})
