"""What each event of the editor does to the draft; pure.

The two events that reach beyond the draft (``run``, ``cancel``) and those with files are the
page's own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from dashboards.widgets.scenario_draft import (
    LONGEST_NAME,
    Draft,
    Opened,
    changed,
    draft_of,
    moved_item,
    raw_values,
    redone,
    text_of,
    undone,
    with_item,
    with_target,
    without_item,
)
from dashboards.widgets.scenario_problems import Problem
from dashboards.widgets.scenario_values import (
    fields_of,
    intervention_of,
    kept_values,
    local_text,
    opened_of,
    takes,
)
from twin.errors import ScenarioError
from twin.model.interventions import kinds
from twin.model.scenarios import Scenario, from_json

LISTS = ("bridges", "roads", "zones")


@dataclass(frozen=True, slots=True)
class Event:
    """One act of the reader: what, with which argument, and all fields of the page then.

    ``form`` and ``head`` say which form and which head the fields belong to.
    """

    n: int = 0
    do: str = ""
    arg: str = ""
    fields: Mapping[str, Any] | None = None
    form: str = ""
    head: str = ""

    @property
    def uid(self) -> int:
        """Argument as the number of a measure; 0 if it is none."""
        return int(self.arg) if self.arg.isascii() and self.arg.isdigit() else 0


@dataclass(frozen=True, slots=True)
class Done:
    """Draft after an event, where the focus goes, and what is said (key of the catalogue)."""

    draft: Draft
    focus: str = ""
    said: str = ""
    said_values: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """What an act needs to know: time zone, language, the sort of a target, problems of a form."""

    zone: str
    language: str
    kind_of: Callable[[str], str]
    form_problems: Callable[[Draft], tuple[Problem, ...]]


def event_of(data: object) -> Event:
    """Event as the browser sends it; what does not fit is left out."""
    found = cast("Mapping[str, Any]", data) if isinstance(data, dict) else {}
    fields = found.get("fields")
    number = found.get("n")
    return Event(
        n=number if isinstance(number, int) else 0,
        do=text_of(found.get("do"), 20),
        arg=text_of(found.get("arg"), 4_000_000),
        fields=fields if isinstance(fields, dict) else None,
        form=text_of(found.get("form"), 20),
        head=text_of(found.get("head"), 20),
    )


def absorbed(draft: Draft, event: Event) -> Draft:
    """Draft with what stands in the fields now.

    Examples
    --------
    >>> absorbed(Draft(), Event(fields={"name": "a"}, head="0")).name
    'a'
    """
    fields = event.fields or {}
    if "search" in fields:
        draft = replace(draft, search=text_of(fields["search"], LONGEST_NAME))
    if event.head == str(draft.epoch) and "name" in fields:
        draft = replace(draft, name=text_of(fields["name"], LONGEST_NAME))
        base = text_of(fields.get("base", draft.now.base), 100)
        at = text_of(fields.get("at", draft.now.at), 40)
        draft = changed(draft, replace(draft.now, base=base, at=at))
    opened = draft.opened
    if opened is not None and event.form == str(opened.uid) and "kind" in fields:
        draft = replace(draft, opened=_typed(opened, fields))
    return draft


def _typed(opened: Opened, fields: Mapping[str, Any]) -> Opened:
    kind = kinds().get(text_of(fields["kind"], 40))
    key = "" if kind is None else kind.key
    if key != opened.kind:
        values = kept_values({**opened.values, **raw_values(fields)}, kind)
        return replace(opened, kind=key, values=values, tried=False)
    return replace(opened, values=kept_values(raw_values(fields), kind))


def acted(draft: Draft, event: Event, setting: Setting) -> Done:
    """What an event makes of a draft whose fields are absorbed; an unknown one changes nothing."""
    act = _ACTS.get(event.do)
    return Done(draft) if act is None else act(draft, event, setting)


def _new(draft: Draft, event: Event, setting: Setting) -> Done:
    del event, setting
    return Done(replace(draft, opened=Opened()), focus="field-kind")


def _edit(draft: Draft, event: Event, setting: Setting) -> Done:
    item = draft.item(event.uid)
    if item is None:
        return Done(draft)
    opened = opened_of(item.uid, item.intervention, zone=setting.zone, language=setting.language)
    return Done(replace(draft, opened=opened), focus="field-kind")


def _close(draft: Draft, event: Event, setting: Setting) -> Done:
    del event, setting
    uid = draft.opened.uid if draft.opened else 0
    return Done(replace(draft, opened=None), focus=f"edit-{uid}" if uid else "measure-add")


def _apply(draft: Draft, event: Event, setting: Setting) -> Done:
    del event
    opened = draft.opened
    if opened is None:
        return Done(draft)
    kind = kinds().get(opened.kind)
    if kind is None:
        return Done(draft, focus="field-kind", said="scenario_said.no_kind")
    tried = replace(draft, opened=replace(opened, tried=True))
    found = setting.form_problems(tried)
    if found:
        order = [*fields_of(kind), ""]
        first = min(found, key=lambda one: order.index(one.field) if one.field in order else 99)
        said = {"n": len(found), "text": first.text}
        return Done(tried, f"field-{first.field or 'kind'}", "scenario_said.problems", said)
    item, _ = intervention_of(opened, setting.zone)
    after = with_item(draft, opened.uid, item)
    uid = opened.uid or after.items[-1].uid
    said = "scenario_said.changed" if opened.uid else "scenario_said.added"
    return Done(after, f"edit-{uid}", said, {"n": len(after.items)})


def _remove(draft: Draft, event: Event, setting: Setting) -> Done:
    del setting
    uids = [item.uid for item in draft.items]
    if event.uid not in uids:
        return Done(draft)
    at = uids.index(event.uid)
    after = without_item(draft, event.uid)
    near = after.items[min(at, len(after.items) - 1)].uid if after.items else None
    focus = "measure-add" if near is None else f"remove-{near}"
    return Done(after, focus, "scenario_said.removed", {"n": at + 1})


def _move(draft: Draft, event: Event, by: int) -> Done:
    after = moved_item(draft, event.uid, by)
    if after is draft:
        return Done(draft)
    place = 1 + [item.uid for item in after.items].index(event.uid)
    focus = f"{'up' if by < 0 else 'down'}-{event.uid}"
    return Done(after, focus, "scenario_said.moved", {"n": place})


def _pick(draft: Draft, event: Event, setting: Setting) -> Done:
    target = event.arg[:200]
    sort = setting.kind_of(target)
    was = draft.opened.targets if draft.opened else ()
    after = with_target(draft, target, fits=lambda key: takes(kinds()[key], sort))
    now = after.opened.targets if after.opened else ()
    if now == was:
        return Done(draft, said="scenario_said.no_fit")
    is_taken = target in now
    focus = "" if is_taken or target not in was else "field-targets"
    is_from_chip = event.form != "" and not is_taken
    said = "scenario_said.picked" if is_taken else "scenario_said.unpicked"
    return Done(after, focus if is_from_chip else "", said, {"n": len(now), "target": target})


def _list(draft: Draft, event: Event, setting: Setting) -> Done:
    del setting
    return Done(replace(draft, pick=event.arg)) if event.arg in LISTS else Done(draft)


def _undo(draft: Draft, event: Event, setting: Setting) -> Done:
    del event, setting
    return Done(undone(draft), said="scenario_said.undone" if draft.past else "")


def _redo(draft: Draft, event: Event, setting: Setting) -> Done:
    del event, setting
    return Done(redone(draft), said="scenario_said.redone" if draft.future else "")


def _clear(draft: Draft, event: Event, setting: Setting) -> Done:
    del event, setting
    after = draft_of(Scenario("", draft.now.base), before=draft)
    return Done(after, "measure-add", "scenario_said.cleared")


def imported(draft: Draft, text: str, setting: Setting) -> tuple[Done, tuple[str, ...]]:
    """Draft of the text of a file, and what is wrong with it; then the draft stays."""
    try:
        scenario = from_json(text)
    except ScenarioError as error:
        return Done(draft, said="scenario_said.not_imported"), error.problems
    at = local_text(scenario.at, setting.zone)
    after = draft_of(scenario, before=draft, at=at)
    said = {"n": len(after.items)}
    return Done(after, "", "scenario_said.imported", said), ()


_ACTS: Mapping[str, Callable[[Draft, Event, Setting], Done]] = {
    "new": _new,
    "edit": _edit,
    "close": _close,
    "apply": _apply,
    "remove": _remove,
    "up": lambda draft, event, _: _move(draft, event, -1),
    "down": lambda draft, event, _: _move(draft, event, 1),
    "pick": _pick,
    "list": _list,
    "undo": _undo,
    "redo": _redo,
    "clear": _clear,
    "picker": lambda draft, *_: Done(draft, focus="field-search"),
    "form": lambda draft, *_: Done(draft, focus="field-kind"),
}
