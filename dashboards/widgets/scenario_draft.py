"""The scenario that a planner writes: measures, the open form, undo; pure.

A draft is a value. `to_store` and `from_store` are its form in the browser, which may be of an
earlier version or changed by hand: what does not fit is left out.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, cast

from twin.errors import ScenarioError
from twin.model.interventions import Intervention, kinds
from twin.model.scenarios import LONGEST_NAME, Scenario, from_json, to_document, to_json

FORM = 1
MOST_STEPS = 50
"""Steps that can be undone."""
LONGEST_RAW = 20_000
MOST_TARGETS = 200
"""Targets that a form shows; a file may hold more."""
Raw = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One measure of the draft; ``uid`` tells it from an equal one."""

    uid: int
    intervention: Intervention


@dataclass(frozen=True, slots=True)
class Opened:
    """The open form: raw texts as typed; ``uid`` 0 is a new measure.

    ``tried`` is whether it was to be applied already: then missing values are problems, too.
    """

    uid: int = 0
    kind: str = ""
    targets: tuple[str, ...] = ()
    values: Mapping[str, Raw] = field(default_factory=lambda: MappingProxyType({}))
    tried: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What undo brings back."""

    base: str = ""
    at: str = ""
    items: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything of the editor that must not be lost.

    Parameters
    ----------
    name, now
        Name, and the base, time (raw text as typed) and measures of the question.
    opened
        The form; None while it is closed.
    past, future
        For undo and redo, the newest last.
    run
        Number of the run that this draft asked for last.
    search, pick
        Search text and list (``bridges``, ``roads``, ``zones``) of the picker.
    epoch
        Rises when the fields of the head change from outside, so that they are made anew.
    """

    name: str = ""
    now: Snapshot = Snapshot()
    opened: Opened | None = None
    past: tuple[Snapshot, ...] = ()
    future: tuple[Snapshot, ...] = ()
    run: int | None = None
    search: str = ""
    pick: str = "bridges"
    epoch: int = 0

    @property
    def items(self) -> tuple[Item, ...]:
        """Measures in the order in which they act."""
        return self.now.items

    def item(self, uid: int) -> Item | None:
        """Measure of this number."""
        return next((one for one in self.items if one.uid == uid), None)


def scenario_of(draft: Draft, *, name: str = "") -> Scenario:
    """Question of a draft without its time; ``name`` stands in for an empty one."""
    interventions = tuple(item.intervention for item in draft.items)
    return Scenario(draft.name.strip() or name, draft.now.base, interventions)


def draft_of(scenario: Scenario, *, before: Draft | None = None, at: str = "") -> Draft:
    """Draft of a scenario; what ``before`` held can be brought back by undo."""
    items = tuple(Item(uid, one) for uid, one in enumerate(scenario.interventions, 1))
    now = Snapshot(scenario.base, at, items)
    past = _pushed(before) if before is not None and before.items else ()
    epoch = 1 if before is None else before.epoch + 1
    return Draft(scenario.name, now, past=past, epoch=epoch)


def changed(draft: Draft, now: Snapshot) -> Draft:
    """Draft after one step that can be undone; the same state is no step."""
    if now == draft.now:
        return draft
    return replace(draft, now=now, past=_pushed(draft), future=(), run=None)


def _pushed(draft: Draft) -> tuple[Snapshot, ...]:
    return (*draft.past, draft.now)[-MOST_STEPS:]


def undone(draft: Draft) -> Draft:
    """Draft before the last step."""
    if not draft.past:
        return draft
    *past, now = draft.past
    future = (*draft.future, draft.now)[-MOST_STEPS:]
    return _moved(draft, now, past=tuple(past), future=future)


def redone(draft: Draft) -> Draft:
    """Draft after the step that was undone last."""
    if not draft.future:
        return draft
    *future, now = draft.future
    return _moved(draft, now, past=_pushed(draft), future=tuple(future))


def _moved(
    draft: Draft, now: Snapshot, *, past: tuple[Snapshot, ...], future: tuple[Snapshot, ...]
) -> Draft:
    known = {item.uid for item in now.items}
    opened = draft.opened if draft.opened and draft.opened.uid in {0, *known} else None
    return replace(
        draft, now=now, past=past, future=future, opened=opened, run=None, epoch=draft.epoch + 1
    )


def with_item(draft: Draft, uid: int, intervention: Intervention) -> Draft:
    """Draft with a measure changed, or added at the end if ``uid`` is 0; the form is closed."""
    if draft.item(uid) is None:
        uid = 1 + max((item.uid for item in _all_items(draft)), default=0)
        items = (*draft.items, Item(uid, intervention))
    else:
        items = tuple(Item(uid, intervention) if i.uid == uid else i for i in draft.items)
    return replace(changed(draft, replace(draft.now, items=items)), opened=None)


def _all_items(draft: Draft) -> Sequence[Item]:
    """Measures of every state that undo can bring back: their numbers are not given again."""
    return [item for state in (draft.now, *draft.past, *draft.future) for item in state.items]


def without_item(draft: Draft, uid: int) -> Draft:
    """Draft without a measure."""
    items = tuple(item for item in draft.items if item.uid != uid)
    found = changed(draft, replace(draft.now, items=items))
    is_open = found.opened is not None and found.opened.uid == uid and uid != 0
    return replace(found, opened=None) if is_open else found


def moved_item(draft: Draft, uid: int, by: int) -> Draft:
    """Draft with a measure earlier (-1) or later (1); at the ends it stays."""
    items = list(draft.items)
    at = next((row for row, item in enumerate(items) if item.uid == uid), None)
    if at is None or not 0 <= at + by < len(items):
        return draft
    items.insert(at + by, items.pop(at))
    return changed(draft, replace(draft.now, items=tuple(items)))


def with_target(draft: Draft, target: str, *, fits: Callable[[str], bool]) -> Draft:
    """Draft whose open form has a target more, or one less if it had it.

    Without a form a new one opens; ``fits`` says whether the kind takes such a target.
    """
    opened = draft.opened or Opened()
    if opened.kind and not fits(opened.kind):
        return draft
    if target in opened.targets:
        targets = tuple(one for one in opened.targets if one != target)
    else:
        targets = (*opened.targets, target)[:MOST_TARGETS]
        kind = kinds().get(opened.kind)
        if kind is not None and kind.most_targets < len(targets):
            targets = targets[-int(kind.most_targets) :] if kind.most_targets else ()
    return replace(draft, opened=replace(opened, targets=targets))


def to_store(draft: Draft) -> dict[str, Any]:
    """Draft as plain values for the browser."""
    opened = draft.opened
    return {
        "form": FORM,
        "name": draft.name,
        "now": _snapshot_document(draft.now),
        "past": [_snapshot_document(one) for one in draft.past],
        "future": [_snapshot_document(one) for one in draft.future],
        "opened": None
        if opened is None
        else {
            "uid": opened.uid,
            "kind": opened.kind,
            "targets": list(opened.targets),
            "values": {
                name: raw if isinstance(raw, str) else list(raw)
                for name, raw in opened.values.items()
            },
            "tried": opened.tried,
        },
        "run": draft.run,
        "search": draft.search,
        "pick": draft.pick,
        "epoch": draft.epoch,
    }


def _snapshot_document(state: Snapshot) -> dict[str, Any]:
    scenario = Scenario("", state.base, tuple(item.intervention for item in state.items))
    document = to_document(scenario)
    return {
        "base": state.base,
        "at": state.at,
        "uids": [item.uid for item in state.items],
        "interventions": document["interventions"],
    }


def from_store(stored: object) -> Draft:
    """Draft from what `to_store` made; an empty one if it is none.

    Examples
    --------
    >>> from_store({"form": 1, "now": "spoilt"}) == Draft()
    True
    """
    content = stored if isinstance(stored, dict) else {}
    if content.get("form") != FORM:
        return Draft()
    try:
        return Draft(
            name=text_of(content.get("name"), LONGEST_NAME),
            now=_snapshot(content["now"]),
            opened=_opened(content.get("opened")),
            past=tuple(_snapshot(one) for one in content.get("past", [])[-MOST_STEPS:]),
            future=tuple(_snapshot(one) for one in content.get("future", [])[-MOST_STEPS:]),
            run=_whole(content.get("run")) or None,
            search=text_of(content.get("search"), LONGEST_NAME),
            pick=text_of(content.get("pick"), 20) or "bridges",
            epoch=_whole(content.get("epoch")),
        )
    except (KeyError, TypeError, ValueError, AttributeError, ScenarioError):
        return Draft()


def _snapshot(content: Mapping[str, Any]) -> Snapshot:
    """State as stored; the interventions go through the checks of a file, as they may be any."""
    read = read_interventions(content["interventions"], base=str(content["base"]))
    uids = [int(uid) for uid in content["uids"]]
    items = tuple(Item(uid, one) for uid, one in zip(uids, read, strict=True))
    return Snapshot(text_of(content["base"], 100), text_of(content.get("at"), 40), items)


def read_interventions(parts: object, *, base: str) -> tuple[Intervention, ...]:
    """Interventions from plain values.

    Raises
    ------
    ScenarioError
        With all that is wrong with them.
    """
    scenario = Scenario("", base)
    if not parts:
        return ()
    document = {**to_document(scenario), "interventions": parts}
    return from_json(json.dumps(document)).interventions


def _opened(content: object) -> Opened | None:
    if not isinstance(content, dict):
        return None
    found = cast("Mapping[str, Any]", content)
    return Opened(
        uid=_whole(found.get("uid")),
        kind=found["kind"] if found.get("kind") in kinds() else "",
        targets=tuple(text_of(one, 200) for one in found.get("targets", [])[:MOST_TARGETS]),
        values=raw_values(found.get("values")),
        tried=found.get("tried") is True,
    )


def raw_values(content: object) -> Mapping[str, Raw]:
    """Raw texts of the fields of a form, by name."""
    values = cast("Mapping[str, object]", content) if isinstance(content, dict) else {}
    found: dict[str, Raw] = {}
    for name, value in list(values.items())[:100]:
        if isinstance(value, list):
            found[str(name)] = tuple(text_of(one, 200) for one in value[:MOST_TARGETS])
        else:
            found[str(name)] = text_of(value, LONGEST_RAW)
    return found


def text_of(value: object, longest: int) -> str:
    """Text of at most that many characters; empty if it is none."""
    return value[:longest] if isinstance(value, str) else ""


def _whole(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 2**53 else 0


def file_of(scenario: Scenario) -> str:
    """Scenario as the text of a file."""
    return to_json(scenario)
