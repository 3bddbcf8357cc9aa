"""Query options of a request, and those inside ``$expand``; from text to values."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sensors.sensorthings.filters import Node, parse_filter
from sensors.sensorthings.problems import MalformedError, UnsupportedError

DEFAULT_TOP = 100
MOST_TOP = 10_000
MOST_SKIP = 1_000_000
MOST_DEPTH = 5
Format = Literal["", "dataArray", "GeoJSON"]
FORMATS = {"dataarray": "dataArray", "geojson": "GeoJSON"}
OUTERMOST = frozenset({"$skiptoken", "$resultFormat"})
UNSUPPORTED = frozenset({"$apply", "$compute", "$search", "$format", "$levels", "$deltatoken"})
_PATH = re.compile(r"@iot\.id|\w+(?:/\w+)*")
_TOKEN = re.compile(r"[\w-]{1,4000}={0,2}")


@dataclass(frozen=True, slots=True)
class Order:
    """One key of ``$orderby``."""

    path: tuple[str, ...]
    is_descending: bool


@dataclass(frozen=True, slots=True)
class Options:
    """What a client asked for; ``None`` and empty mean that it did not.

    ``texts`` are the options as they came, for the link to the next page.
    """

    select: tuple[str, ...] = ()
    expand: "tuple[Expansion, ...]" = ()
    filter: Node | None = None
    orderby: tuple[Order, ...] = ()
    top: int = DEFAULT_TOP
    skip: int = 0
    count: bool = False
    token: str = ""
    form: Format = ""
    texts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Expansion:
    """A navigation property that is delivered with its entity."""

    name: str
    options: Options


def parse_options(pairs: Iterable[tuple[str, str]], *, depth: int = 0) -> Options:
    """Options from the names and values of a query string.

    Names without ``$`` other than ``resultFormat`` are left alone, as OData wants it.

    Raises
    ------
    MalformedError
        If one is unknown, occurs twice, or its value cannot be read.
    UnsupportedError
        If it is one of OData that this server does not know.

    Examples
    --------
    >>> parse_options([("$top", "5"), ("$orderby", "name desc")]).orderby[0].path
    ('name',)
    """
    texts: dict[str, str] = {}
    for name, text in pairs:
        known = "$resultFormat" if name == "resultFormat" else name
        if not known.startswith("$"):
            continue
        if known in texts:
            raise MalformedError(f"{name} is given twice; give it once")
        texts[known] = text
    options = Options(texts=tuple(texts.items()))
    for name, text in texts.items():
        options = _with(options, name, text.strip(), depth=depth)
    return options


def _with(options: Options, name: str, text: str, *, depth: int) -> Options:
    if name == "$expand":
        return replace(options, expand=_expansions(text, depth=depth + 1))
    found = _READERS.get(name)
    if found is None or (depth and name in OUTERMOST):
        if name in UNSUPPORTED or name in OUTERMOST:
            raise UnsupportedError(f"{name} is not supported here; leave it out")
        raise MalformedError(f"{name} is unknown; use {', '.join(_READERS)} or $expand")
    option, read = found
    changes: dict[str, Any] = {option: read(text)}
    return replace(options, **changes)


def _whole(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise MalformedError(f"$top and $skip are whole numbers from 0 on, got {text[:40]!r}")
    return int(text)


def _top(text: str) -> int:
    return min(_whole(text), MOST_TOP)


def _skip(text: str) -> int:
    if _whole(text) > MOST_SKIP:
        raise UnsupportedError(f"$skip goes up to {MOST_SKIP:,}; follow @iot.nextLink instead")
    return _whole(text)


def _token(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise MalformedError("$skiptoken is not one of ours; follow @iot.nextLink")
    return text


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise MalformedError(f"$count must be true or false, got {text[:40]!r}")
    return text == "true"


def _names(text: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(","))
    if not all(_PATH.fullmatch(name) for name in names):
        raise MalformedError(f"$select must be names with commas between, got {text[:80]!r}")
    return names


def _format(text: str) -> Format:
    found = FORMATS.get(text.lower())
    if found is None:
        raise UnsupportedError(f"resultFormat {text[:40]!r} is unknown; use dataArray or GeoJSON")
    return "dataArray" if found == "dataArray" else "GeoJSON"


def _orders(text: str) -> tuple[Order, ...]:
    orders = []
    for part in text.split(","):
        path, _, direction = part.strip().partition(" ")
        if not _PATH.fullmatch(path) or direction.strip().lower() not in ("", "asc", "desc"):
            raise MalformedError(f"$orderby must be 'name asc' or 'name desc', got {part[:80]!r}")
        names = ("id",) if path == "@iot.id" else tuple(path.split("/"))
        orders.append(Order(names, direction.strip().lower() == "desc"))
    return tuple(orders)


def split_outside(text: str, separator: str) -> Sequence[str]:
    """Parts of a text between separators that are in no bracket and no quotation.

    Raises
    ------
    MalformedError
        If brackets or quotation marks do not match.

    Examples
    --------
    >>> split_outside("a,b($select=c,d)", ",")
    ['a', 'b($select=c,d)']
    """
    parts, begin, depth, is_quoted = [], 0, 0, False
    for at, sign in enumerate(text):
        if sign == "'":
            is_quoted = not is_quoted
        elif is_quoted:
            continue
        elif sign in "()":
            depth += 1 if sign == "(" else -1
            if depth < 0:
                break
        elif sign == separator and not depth:
            parts.append(text[begin:at])
            begin = at + 1
    if depth or is_quoted:
        raise MalformedError(f"brackets or quotation marks do not match in {text[:80]!r}")
    return [*parts, text[begin:]]


def _expansions(text: str, *, depth: int) -> tuple[Expansion, ...]:
    if depth > MOST_DEPTH:
        raise UnsupportedError(f"$expand goes {MOST_DEPTH} levels deep; ask for the rest apart")
    found: dict[str, Expansion] = {}
    for part in split_outside(text, ","):
        one = _expansion(part.strip(), depth=depth)
        known = found.get(one.name)
        if known is not None:
            # A/B,A/C asks for two things below the same A.
            one = Expansion(one.name, _merged(known, one))
        found[one.name] = one
    return tuple(found.values())


def _merged(one: Expansion, other: Expansion) -> Options:
    texts = [dict(part.options.texts) for part in (one, other)]
    if any(set(part) - {"$expand"} for part in texts):
        raise MalformedError(f"$expand names {one.name} twice; join the two")
    whole = ",".join(part["$expand"] for part in texts if "$expand" in part)
    below = (*one.options.expand, *other.options.expand)
    return Options(expand=below, texts=(("$expand", whole),) if whole else ())


def _expansion(text: str, *, depth: int) -> Expansion:
    head, bracket, rest = text.partition("(")
    first, slash, deeper = head.partition("/")
    if not re.fullmatch(r"\w+", first):
        raise MalformedError(f"$expand must be names with commas between, got {text[:80]!r}")
    if slash:
        text = deeper + bracket + rest
        below = _expansions(text, depth=depth + 1)
        return Expansion(first, Options(expand=below, texts=(("$expand", text),)))
    if not bracket:
        return Expansion(first, Options())
    if not rest.endswith(")"):
        raise MalformedError(f"$expand has something behind a bracket in {text[:80]!r}")
    pairs = []
    for part in split_outside(rest[:-1], ";"):
        name, sign, value = part.strip().partition("=")
        if not sign:
            raise MalformedError(f"$expand wants options like $top=1, got {part[:80]!r}")
        pairs.append((name.strip(), value))
    return Expansion(first, parse_options(pairs, depth=depth))


_READERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "$select": ("select", _names),
    "$filter": ("filter", parse_filter),
    "$orderby": ("orderby", _orders),
    "$top": ("top", _top),
    "$skip": ("skip", _skip),
    "$count": ("count", _truth),
    "$skiptoken": ("token", _token),
    "$resultFormat": ("form", _format),
}
"""Field of `Options` and reader of its text, by name."""
