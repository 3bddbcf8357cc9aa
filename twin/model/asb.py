"""Names, units, key tables and limits of ASB-ING for every field of the inventory."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from twin.model.tables import rows

ROMAN = MappingProxyType({"I": "1", "II": "2", "III": "3", "IV": "4", "V": "5"})
_BY_BRANCH = frozenset({"static_system"})
"""Tables of which only the branches are listed: longer keys below one are known, too."""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key of a table of ASB-ING with what it means."""

    key: str
    english: str
    german: str
    is_verified: bool

    def label(self, language: str) -> str:
        """Meaning in ``de`` or ``en``."""
        return self.german if language == "de" else self.english


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the inventory.

    Parameters
    ----------
    kind, name
        Kind of record and name of the field, with dots inside of it: ``condition.grade``.
    asb
        Object and field in ASB-ING, joined by ``_``; empty if it has none.
    unit, asb_unit
        Our unit and that of ASB-ING (UCUM); empty for what has none.
    keys
        Table of keys that a value must be in; empty for free values.
    lower, upper
        Possible values, limits included; None where there is no limit.
    """

    kind: str
    name: str
    asb: str
    unit: str
    asb_unit: str
    keys: str
    lower: float | None
    upper: float | None
    english: str
    german: str
    is_verified: bool

    def label(self, language: str) -> str:
        """Name in ``de`` or ``en``."""
        return self.german if language == "de" else self.english


@cache
def key_tables() -> Mapping[str, Mapping[str, KeyRow]]:
    """All small key tables, by name and key; the names of the grades are one of them.

    Examples
    --------
    >>> key_tables()["load_index"]["4"].german, key_tables()["urgency"]["1"].english
    ('IV', 'at once')
    """
    tables: dict[str, dict[str, KeyRow]] = {}
    named = [({"table": "grade_bands"} | dict(row)) for row in rows("grade_bands")]
    for row in [*rows("asb_keys"), *named]:
        found = KeyRow(row["key"], row["english"], row["german"], row["verified"] == "yes")
        tables.setdefault(row["table"], {})[found.key] = found
    return MappingProxyType({name: MappingProxyType(table) for name, table in tables.items()})


@cache
def fields_of(kind: str) -> Mapping[str, Field]:
    """Fields of one kind of record, by name; empty for an unknown kind.

    Examples
    --------
    >>> fields_of("damage")["crack_width_mm"].asb_unit
    'm'
    """
    return MappingProxyType(
        {
            row["field"]: Field(
                kind=row["kind"],
                name=row["field"],
                asb=row["asb"],
                unit=row["unit"],
                asb_unit=row["asb_unit"],
                keys=row["keys"],
                lower=float(row["lower"]) if row["lower"] else None,
                upper=float(row["upper"]) if row["upper"] else None,
                english=row["english"],
                german=row["german"],
                is_verified=row["verified"] == "yes",
            )
            for row in rows("asb_fields")
            if row["kind"] == kind
        }
    )


@cache
def field_by_asb(kind: str, asb: str) -> Field | None:
    """Field with this name of ASB-ING, with or without the object before it; None if unknown.

    Examples
    --------
    >>> field_by_asb("part_structure", "Bruecke_Gesamtlaenge").name
    'length_m'
    >>> field_by_asb("part_structure", "Gesamtlaenge").name
    'length_m'
    """
    wanted = _plain(asb)
    for field in fields_of(kind).values():
        short = field.asb.partition("_")[2]
        if wanted in (_plain(field.asb), _plain(short)) or asb == field.name:
            return field
    return None


def known_key(table: str, key: str) -> bool:
    """Whether a table has this key, or a branch that it belongs to.

    Examples
    --------
    >>> known_key("static_system", "1.3.1.2"), known_key("urgency", "9")
    (True, False)
    """
    known = key_tables()[table]
    if key in known:
        return True
    return table in _BY_BRANCH and any(key.startswith(f"{branch}.") for branch in known)


def label(table: str, key: str, *, language: str) -> str:
    """Meaning of a key in ``de`` or ``en``, that of its branch, or the key itself.

    Examples
    --------
    >>> label("static_system", "1.3.1.2", language="en")
    'continuous beam with hinges'
    """
    known = key_tables()[table]
    while key not in known and "." in key:
        key = key.rpartition(".")[0]
    return known[key].label(language) if key in known else key


@cache
def _words(table: str) -> Mapping[str, str]:
    words: dict[str, str] = {}
    for row in key_tables()[table].values():
        for text in (row.english, row.german, *row.german.split(" ")[:1]):
            words.setdefault(_plain(text), row.key)
    return MappingProxyType(words)


def key_of(table: str, text: str) -> str | None:
    """Key that a code, a roman number or a word of the table stands for; None if none does.

    Examples
    --------
    >>> key_of("load_index", "IV"), key_of("load_index", "4"), key_of("inspection_kind", "H")
    ('4', '4', '3')
    >>> key_of("urgency", "kurzfristig"), key_of("urgency", "9") is None
    ('2', True)
    """
    text = text.strip()
    code = text.lstrip("0") or text
    if known_key(table, code):
        return code
    if table == "load_index" and text.upper() in ROMAN:
        return ROMAN[text.upper()]
    return _words(table).get(_plain(text))


def _plain(text: str) -> str:
    """Text without case, spaces and umlauts, for comparison."""
    text = text.casefold()
    for one, two in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        text = text.replace(one, two)
    return re.sub(r"[^a-z0-9]", "", text)
