"""Draft of a traffic order (verkehrsrechtliche Anordnung): signs, law and text, two languages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

from twin.model.asb import label
from twin.model.bridge import Restriction
from twin.model.decisions import Order
from twin.model.tables import rows

LORRIES = "lorries"
"""Word of `Restriction.vehicle_group` for motor vehicles over 3.5 t."""
_LAW = ("safety", "damage", "condition", "signs", "need")


@dataclass(frozen=True, slots=True)
class OrderText:
    """Draft of an order: what it is, its title, and sections of a heading and lines."""

    marks: tuple[str, ...]
    title: str
    sections: tuple[tuple[str, tuple[str, ...]], ...]
    signature: str

    def plain(self) -> str:
        """The draft as lines of text."""
        lines = [*self.marks, "", self.title, ""]
        for number, (heading, inner) in enumerate(self.sections, start=1):
            lines += [f"{number}. {heading}", *(f"   {line}" for line in inner), ""]
        return "\n".join((*lines, self.signature, ""))

    def document(self) -> Mapping[str, object]:
        """Plain JSON values."""
        return {
            "marks": list(self.marks),
            "title": self.title,
            "sections": [
                {"heading": heading, "lines": list(lines)} for heading, lines in self.sections
            ],
            "signature": self.signature,
        }


def signs_for(limit: Restriction) -> tuple[str, ...]:
    """Numbers of the StVO signs that fit a restriction, additional plates behind them.

    Empty where no sign of ``stvo_signs.csv`` fits, as for a single lane.

    Examples
    --------
    >>> signs_for(Restriction("5", 16.0, "t", daily_from="22:00", daily_until="06:00"))
    ('262-16', '1040-30')
    >>> signs_for(Restriction("9", vehicle_group="lorries"))
    ('277',)
    """
    if limit.kind == "3" and limit.lane:
        return ()
    fits = [row for row in rows("stvo_signs") if row["kind"] == limit.kind]
    group = LORRIES if limit.vehicle_group == LORRIES else "all"
    fits = [row for row in fits if row["when"] == group] or fits[:1]
    if not fits:
        return ()
    main = fits[0]
    value = f"-{_number(limit.value, 'de')}" if main["has_value"] == "yes" and limit.value else ""
    stated = " ".join(
        name for name, text in (("daily", limit.daily_from), ("weekdays", limit.weekdays)) if text
    )
    plates = (row["key"] for row in rows("stvo_signs") if not row["kind"] and row["when"] == stated)
    return (f"{main['key']}{value}", *plates)


def restriction_text(limit: Restriction, language: str) -> str:
    """What a restriction is, in one line.

    Examples
    --------
    >>> restriction_text(Restriction("5", 7.5, "t"), "de")
    'Beschränkung der Gesamtmasse 7,5 t'
    """
    words = [label("restriction_kind", limit.kind, language=language)]
    if limit.value is not None:
        words.append(f"{_number(limit.value, language)} {limit.unit}".strip())
    return " ".join(words)


def order_text(order: Order, language: str, *, beside: Sequence[Restriction] = ()) -> OrderText:
    """Draft of the order in ``de`` (which counts) or ``en`` (to read).

    ``beside`` are the restrictions of the same place that are in force while the order is.
    """
    limit, run = order.restriction, order.run_id
    basis = (
        _said("no_run", language)
        if run is None
        else _said("run", language, run=str(run), input_hash=order.input_hash)
    )
    sections = (
        ("place", tuple(_place(order, language))),
        ("restriction", tuple(_restriction(limit, language))),
        ("signs", tuple(_signs(limit, language))),
        ("period", tuple(_period(limit, language))),
        ("beside", tuple(_beside(beside, language))),
        ("reason", tuple(order.reason.splitlines())),
        ("basis", (basis,)),
        ("law", tuple(_law(language))),
        ("steps", (_said("hearing", language), _said("placing", language))),
    )
    marks = ("draft",) if language == "de" else ("draft", "reading")
    return OrderText(
        marks=tuple(_said(mark, language) for mark in marks),
        title=f"{_said('title', language)}: {order.name}",
        sections=tuple((_said(key, language), lines) for key, lines in sections if lines),
        signature=_said("signature", language),
    )


def _place(order: Order, language: str) -> Iterator[str]:
    yield f"{order.name} ({order.asset_id})"
    limit = order.restriction
    stated = {
        "part": order.part,
        "links": ", ".join(limit.links),
        "direction": limit.direction,
        "lane": limit.lane,
        "section": limit.section,
    }
    for key, text in stated.items():
        if text:
            yield _said(key, language, **{key: text})
    ends = dict.fromkeys((order.points[0], order.points[-1]))
    places = [f"{latitude:.5f}, {longitude:.5f}" for longitude, latitude in ends]
    yield _said("where", language, places=_said("to", language).join(places))


def _beside(found: Sequence[Restriction], language: str) -> Iterator[str]:
    """What else is in force at the place: an order does not lift it."""
    for limit in found:
        yield "; ".join([restriction_text(limit, language), *_period(limit, language)])
    if found:
        yield _said("not_lifted", language)


def _restriction(limit: Restriction, language: str) -> Iterator[str]:
    yield restriction_text(limit, language)
    if limit.vehicle_group:
        yield _said("vehicles", language, vehicle_group=limit.vehicle_group)
    if limit.remark:
        yield limit.remark


def _signs(limit: Restriction, language: str) -> Iterator[str]:
    known = {row["key"]: row for row in rows("stvo_signs")}
    for number in limit.signs:
        row = known.get(number) or known.get(number.partition("-")[0])
        if row is None:
            yield _said("unknown_sign", language, number=number)
        else:
            sign = _said("sign", language, number=number, name=_of(row, language))
            yield f"{sign}{_unchecked(row, language)}"
    if not limit.signs:
        yield _said("no_sign", language)


def _period(limit: Restriction, language: str) -> Iterator[str]:
    if limit.valid_from is not None:
        yield _said("from", language, day=_day(limit.valid_from, language))
    if limit.valid_until is None:
        yield _said("open", language)
    else:
        yield _said("until", language, day=_day(limit.valid_until, language))
    if limit.daily_from:
        yield _said("daily", language, begin=limit.daily_from, end=limit.daily_until)
    if limit.weekdays:
        days = ", ".join(_said(day, language) for day in limit.weekdays.split(","))
        yield _said("weekdays", language, days=days)


def _law(language: str) -> Sequence[str]:
    found = {row["key"]: row for row in rows("order_law")}
    rules = [
        _said("rule", language, clause=found[key]["clause"], text=_of(found[key], language))
        + _unchecked(found[key], language)
        for key in _LAW
    ]
    return [_said("choose", language), *rules]


def _unchecked(row: Mapping[str, str], language: str) -> str:
    """Mark of a row of a table that nobody has compared with the law yet."""
    return f" {_said('unchecked', language)}" if row["verified"] == "no" else ""


def _day(day: date, language: str) -> str:
    return day.strftime("%d.%m.%Y") if language == "de" else day.isoformat()


def _number(value: float | None, language: str) -> str:
    text = "" if value is None else f"{value:g}"
    return text.replace(".", ",") if language == "de" else text


def _of(row: Mapping[str, str], language: str) -> str:
    return row["german"] if language == "de" else row["english"]


@cache
def _words() -> Mapping[str, Mapping[str, str]]:
    return {row["key"]: row for row in rows("order_words")}


def _said(key: str, language: str, **values: str) -> str:
    return _of(_words()[key], language).format(**values)
