"""Cells of an inventory list as values, or what is wrong with them."""

import dataclasses
import json
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from types import MappingProxyType
from typing import Any

from twin.model.asb import Field, key_of, key_tables
from twin.model.packing import restore
from twin.model.records import CONTENTS, RecordKind

NOTHING = frozenset(
    ("", "-", "--", "n. b.", "n.b.", "k. a.", "k.a.", "unbekannt", "missing", "none", "null", "nan")
)
"""Texts that say that nothing is known, in small letters."""
SENTINELS = frozenset({99.99, 999.99, 9999.0, -90.0, -1.0})
"""Numbers that lists write where nothing is known."""
YES = frozenset(("ja", "j", "yes", "y", "true", "wahr", "1", "x"))
NO = frozenset(("nein", "n", "no", "false", "falsch", "0"))
DATE_FORMATS = ("%d.%m.%Y", "%Y-%m-%d")
FACTORS: Mapping[tuple[str, str], float] = MappingProxyType(
    {
        ("mm", "m"): 0.001,
        ("cm", "m"): 0.01,
        ("km", "m"): 1000.0,
        ("m", "mm"): 1000.0,
        ("cm", "mm"): 10.0,
        ("a", "mo"): 12.0,
        ("kg", "t"): 0.001,
    }
)
"""How many of our unit one of the other is: (other, ours)."""
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_WITH_UNIT = re.compile(r"([+-]?[\d.,' ]*\d)\s*(?:([A-Za-zµ€$%/²³]+[A-Za-z0-9/²³]*))?")
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class CellForm:
    """How the cells of a column are written.

    Parameters
    ----------
    unit
        Unit of its numbers; empty for that of ASB-ING.
    scale
        Factor of its numbers, such as 0.1 for grades written as 24.
    decimal, thousands
        Signs inside of numbers.
    dates
        Pattern of dates; empty for the usual ones.
    yes, no
        Words for true and false; empty for the usual ones.
    """

    unit: str = ""
    scale: float = 1.0
    decimal: str = ","
    thousands: str = "."
    dates: str = ""
    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Read:
    """What a cell amounts to: a value, or None with the key of a problem and its detail."""

    value: Any = None
    code: str = ""
    detail: str = ""
    unit: str = ""


def read_cell(text: str, field: Field, hint: Any, form: CellForm) -> Read:  # noqa: ANN401 - type hints
    """Value of a cell for a field of this type; a cell that says nothing has none.

    Examples
    --------
    >>> from twin.model.asb import fields_of
    >>> crack = fields_of("damage")["crack_width_mm"]
    >>> read_cell("0,35", crack, float, CellForm(unit="mm")).value
    0.35
    >>> read_cell("n. b.", crack, float, CellForm()).value is None
    True
    >>> read_cell("IV", fields_of("part_structure")["load_index"], str, CellForm()).value
    '4'
    """
    if text.casefold() in NOTHING:
        return Read()
    if field.keys:
        return _key(text, field)
    if hint in (float, int):
        return _number(text, field, hint, form)
    if typing.get_origin(hint) is tuple:
        return _tuple(text, field, hint, form)
    simple = {bool: _truth, date: _date}.get(hint)
    return Read(text) if simple is None else simple(text, form)


@cache
def hints_of(kind: RecordKind) -> Mapping[str, Any]:
    """Types of the fields of a kind of record without None, by name with dots."""
    return MappingProxyType(_hints(CONTENTS[kind], ""))


def _hints(kind: type, path: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, given in typing.get_type_hints(kind).items():
        hint = given
        if typing.get_origin(hint) in (typing.Union, types.UnionType):
            hint = next(part for part in typing.get_args(hint) if part is not type(None))
        where = f"{path}.{name}" if path else name
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            found |= _hints(hint, where)
        else:
            found[where] = hint
    return found


def _key(text: str, field: Field) -> Read:
    found = key_of(field.keys, text)
    if found is not None:
        return Read(found)
    repaired = _repaired(text, field.keys)
    if repaired is not None:
        return Read(repaired, "repaired_text", f"{text!r} was read as key {repaired}")
    return Read(None, "unknown_key", f"{text!r} is no key of the table {field.keys}")


def _repaired(text: str, table: str) -> str | None:
    """Key of a word whose umlauts were broken, if there is exactly one such word."""
    try:
        found = key_of(table, text.encode("cp1252").decode("utf-8"))
    except (UnicodeEncodeError, UnicodeDecodeError):
        found = None
    if found is not None:
        return found
    if not re.search(r"[?\ufffd]", text):
        return None
    pattern = re.compile(re.sub(r"(?:\\\?|\ufffd)+", ".{1,2}", re.escape(text.casefold())))
    fitting = [
        row.key for row in key_tables()[table].values() if pattern.fullmatch(row.german.casefold())
    ]
    return fitting[0] if len(fitting) == 1 else None


def _truth(text: str, form: CellForm) -> Read:
    word = text.casefold()
    if word in (form.yes or YES):
        return Read(value=True)
    if word in (form.no or NO):
        return Read(value=False)
    return Read(None, "value_unreadable", f"{text!r} is neither yes nor no")


def _date(text: str, form: CellForm) -> Read:
    for pattern in (form.dates,) if form.dates else DATE_FORMATS:
        try:
            return Read(datetime.strptime(text, pattern).date())  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    return Read(None, "value_unreadable", f"{text!r} is no date")


def _number(text: str, field: Field, hint: type, form: CellForm) -> Read:
    found = _WITH_UNIT.fullmatch(text)
    plain = "" if found is None else _plain_number(found[1], form)
    if found is None or _NUMBER.fullmatch(plain) is None:
        return Read(None, "value_unreadable", f"{text!r} is no number as this file writes them")
    unit = found[2] or ""
    number = float(plain)
    is_position = field.name in ("east_m", "north_m")
    if number in SENTINELS or (number == 0.0 and (_is_positive(field) or is_position)):
        return Read(None, "sentinel", f"{text!r} stands for nothing")
    factor = _factor(field, unit, form)
    if factor is None:
        return Read(None, "unit_suspect", f"{text!r} is not in {field.asb_unit or 'plain numbers'}")
    number = float(f"{number * factor * form.scale:.{_DIGITS}g}")
    if hint is int and not number.is_integer():
        return Read(None, "value_unreadable", f"{text!r} is no whole number")
    return Read(int(number) if hint is int else number, unit=unit)


def _plain_number(text: str, form: CellForm) -> str:
    """Number with a decimal point; empty if its signs do not stand where they should.

    A comma where this file has a point, or the reverse, is never guessed.
    """
    whole, _, rest = text.replace(" ", "").partition(form.decimal)
    if form.thousands and form.thousands in whole:
        head, *groups = whole.split(form.thousands)
        if not head or any(len(group) != 3 for group in groups):  # noqa: PLR2004 - thousands
            return ""
        whole = head + "".join(groups)
    return f"{whole}.{rest}" if rest else whole


def _is_positive(field: Field) -> bool:
    return field.lower == 0 and field.unit in ("m", "m2")


def _factor(field: Field, unit: str, form: CellForm) -> float | None:
    """Factor to our unit; None if the units do not fit."""
    if field.name == "value":  # of a restriction: its kind decides
        return 1.0
    given = unit.replace("€", "EUR") or form.unit or field.asb_unit
    if given == field.unit:
        return 1.0
    return FACTORS.get((given, field.unit))


def _tuple(text: str, field: Field, hint: Any, form: CellForm) -> Read:  # noqa: ANN401 - type hints
    inner = typing.get_args(hint)[0]
    if dataclasses.is_dataclass(inner):
        return _objects(text, inner)
    parts = [part.strip() for part in re.split(r"[|;+]", text) if part.strip()]
    if inner is str:
        return Read(tuple(parts))
    read = [_number(part, field, inner, form) for part in parts]
    wrong = next((one for one in read if one.value is None), None)
    return wrong or Read(tuple(one.value for one in read))


def _objects(text: str, inner: Any) -> Read:  # noqa: ANN401 - a class
    try:
        listed = [restore(json.dumps(part), {}, inner) for part in json.loads(text)]
    except ValueError as error:
        return Read(None, "value_unreadable", f"{text[:60]!r} is no list of objects ({error})")
    return Read(tuple(listed))
