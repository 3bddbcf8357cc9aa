"""Whether a DATEX II v3 situation publication follows the model, by the table ``datex_situation``.

The table is the part of the public model that we write: types with their base (``^``), attributes
(``@``), text (``.``) and elements in their order, with how often each may stand. What it does not
name is refused here, even where the full model would allow it.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from functools import cache

from twin.exchange.xml_nodes import TYPE, XSI, Node
from twin.model.tables import rows

NAMESPACES = {
    "d2": "http://datex2.eu/schema/3/d2Payload",
    "com": "http://datex2.eu/schema/3/common",
    "loc": "http://datex2.eu/schema/3/locationReferencing",
    "sit": "http://datex2.eu/schema/3/situation",
}
ROOT = "d2:payload"
LONGEST = 1024
"""Characters of ``com:String`` and of a value of ``com:MultilingualString``."""
_ABSTRACT = frozenset(
    (
        "com:PayloadPublication",
        "loc:Location",
        "loc:LocationReference",
        "loc:NetworkLocation",
        "sit:NetworkManagement",
        "sit:OperatorAction",
        "sit:SituationRecord",
    )
)
_LANGUAGE = re.compile(r"[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class Item:
    """An element, attribute (``@name``) or text (``.``) of a type."""

    name: str
    content: str
    fewest: int
    most: float


@cache
def _types() -> Mapping[str, tuple[Item, ...]]:
    """Items of every type, those of its base first."""
    own: dict[str, list[Item]] = {}
    for row in rows("datex_situation"):
        most = float(row["most"] or "inf")
        own.setdefault(row["type"], []).append(
            Item(row["item"], row["content"], int(row["fewest"]), most)
        )

    def whole(name: str) -> tuple[Item, ...]:
        inherited = [item for base in own[name] if base.name == "^" for item in whole(base.content)]
        return (*inherited, *(item for item in own[name] if item.name not in ("^", "")))

    return {name: whole(name) for name in own}


@cache
def _bases() -> Mapping[str, str]:
    return {row["type"]: row["content"] for row in rows("datex_situation") if row["item"] == "^"}


def problems_of_publication(root: Node) -> tuple[str, ...]:
    """What a publication has that the model does not allow; empty if nothing.

    Examples
    --------
    >>> problems_of_publication(Node("com:payload"))
    ('com:payload: the root must be d2:payload',)
    """
    if root.name != ROOT:
        return (f"{root.name}: the root must be {ROOT}",)
    return tuple(_problems(root, "sit:SituationPublication", root.name, is_typed=True))


def _problems(node: Node, kind: str, path: str, *, is_typed: bool = False) -> Iterator[str]:
    stated = node.attributes.get(TYPE)
    if stated is not None:
        if not _is_kind(stated, kind) or stated in _ABSTRACT:
            yield f"{path}: xsi:type {stated} is no {kind}"
            return
        kind = stated
    elif kind in _ABSTRACT or is_typed:
        yield f"{path}: xsi:type is missing; {kind} has several forms"
        return
    items = _types()[kind]
    yield from _attribute_problems(node, items, path)
    text = next((item for item in items if item.name == "."), None)
    if text is not None:
        yield from _value_problems(node.text, text.content, path)
    elif node.text:
        yield f"{path}: text {node.text[:20]!r} where elements belong"
    yield from _child_problems(node, items, path)


def _is_kind(name: str, kind: str) -> bool:
    while name != kind and name in _bases():
        name = _bases()[name]
    return name == kind


def _attribute_problems(node: Node, items: tuple[Item, ...], path: str) -> Iterator[str]:
    known = {item.name[1:]: item for item in items if item.name.startswith("@")}
    for name, item in known.items():
        if name in node.attributes:
            yield from _value_problems(node.attributes[name], item.content, f"{path}@{name}")
        elif item.fewest:
            yield f"{path}: attribute {name} is missing"
    for name in node.attributes:
        if name not in known and not name.startswith(("xsi:", f"{{{XSI}}}")):
            yield f"{path}: attribute {name} is unknown"


def _child_problems(node: Node, items: tuple[Item, ...], path: str) -> Iterator[str]:
    elements = [item for item in items if item.name[0] not in "@."]
    order = {item.name: row for row, item in enumerate(elements)}
    last = -1
    for child in node.children:
        row = order.get(child.name)
        if row is None:
            yield f"{path}: element {child.name} is unknown here"
            continue
        if row < last:
            yield f"{path}: {child.name} must stand before {elements[last].name}"
        last = max(last, row)
        yield from _content_problems(child, elements[row].content, f"{path}/{child.name}")
    for item in elements:
        count = sum(child.name == item.name for child in node.children)
        if not item.fewest <= count <= item.most:
            allowed = f"{item.fewest} to {item.most:g}"
            yield f"{path}: {item.name} stands {count} times, allowed {allowed}"


def _content_problems(node: Node, content: str, path: str) -> Iterator[str]:
    if content == "any":
        return
    if content in _types():
        yield from _problems(node, content, path)
        return
    if node.children or node.attributes:
        yield f"{path}: only text belongs here"
    yield from _value_problems(node.text, content, path)


def _value_problems(text: str, content: str, path: str) -> Iterator[str]:
    if content.startswith("one of "):
        allowed = content.split()[2:]
        if text not in allowed:
            yield f"{path}: {text[:40]!r} is none of {', '.join(allowed)}"
    elif not _VALUES[content](text):
        yield f"{path}: {text[:40]!r} is no {content}"


def _is_time(text: str, kind: type[datetime] | type[time]) -> bool:
    try:
        found = kind.fromisoformat(text)
    except ValueError:
        return False
    return kind is time or ("T" in text and found.tzinfo is not None)


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None and math.isfinite(float(text))


def _are_numbers(text: str) -> bool:
    parts = text.split()
    return len(parts) >= 4 and len(parts) % 2 == 0 and all(map(_is_number, parts))  # noqa: PLR2004 - two points


_VALUES: Mapping[str, Callable[[str], bool]] = {
    "string": lambda text: 0 < len(text) <= LONGEST,
    "language": lambda text: _LANGUAGE.fullmatch(text) is not None,
    "country": lambda text: re.fullmatch("[a-z]{2}", text) is not None,
    "dateTime": lambda text: _is_time(text, datetime),
    "time": lambda text: _is_time(text, time),
    "number": _is_number,
    "numbers": _are_numbers,
    "integer": lambda text: text.isascii() and text.isdigit(),
}
