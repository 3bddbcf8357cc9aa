"""Numbers, bands and sentences as a paper writes them, in the language of its reader. Pure."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from unicodedata import category

from dashboards.i18n.translate import NOTHING, Texts
from twin.model.statements import in_language
from twin.model.tables import rows

Document = Mapping[str, Any]
MINUS, ELLIPSIS, TIMES = "\u2212", "\u2026", "\u00d7"
_HYPHEN_MINUS = re.compile(r"(?<![\w.])-(?=\d)")
# What the faces inside typst hold (a test typesets all of it); anything else would be an empty box,
# which PDF/UA forbids.
_KNOWN = ((0x20, 0x7F), (0xA0, 0x500), (0x1E00, 0x2041), (0x2070, 0x20C0), (0x2190, 0x2300))
_UNSEEN = frozenset({0xAD, *range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070)})
REPLACEMENT = "\u25a1"
MIDDLE = 10.0


@dataclass(frozen=True, slots=True)
class Writing:
    """Everything that a paper writes."""

    texts: Texts

    def word(self, key: str, /, **values: object) -> str:
        """Text of the paper."""
        return self.texts(f"paper.{key}", **values)

    def named(self, group: str, key: str) -> str:
        """Word for a key of a document; the key itself where the catalogue has none."""
        return self.texts.under(f"paper.{group}.").get(key, key.replace("_", " "))

    def common(self, key: str, *, prefix: str = "") -> str:
        """Word that all answers of the traffic model use: origins, vehicle classes, reasons.

        Examples
        --------
        >>> Writing(Texts("de")).common("weight", prefix="unserved_")
        'für jeden Weg zu schwer'
        """
        known = _common("german" if self.texts.language == "de" else "english")
        return known.get(f"{prefix}{key}", key.replace("_", " "))

    def said(self, statement: object) -> str:
        """Sentence of a document with a large first letter and a full stop.

        Examples
        --------
        >>> Writing(Texts("de")).said({"en": "no road", "de": "keine Strasse"})
        'Keine Strasse.'
        """
        text = shown(in_language(statement, self.texts.language).strip())
        if not text:
            return NOTHING
        return f"{text[0].upper()}{text[1:]}{'' if text[-1] in '.!?' else '.'}"

    def all_said(self, statements: Sequence[object]) -> tuple[str, ...]:
        """Sentences, each once."""
        return tuple(dict.fromkeys(self.said(one) for one in statements))

    def number(self, value: float | None, decimals: int = 0) -> str:
        """Number with a true minus sign; a dash where there is none."""
        return self.texts.number(value, decimals).replace("-", MINUS)

    def fitting(self, value: float | None) -> str:
        """Number with as many decimals as its size needs.

        Examples
        --------
        >>> [Writing(Texts("de")).fitting(value) for value in (1234.5, 0.034, -7.0, None)]
        ['1.234', '0,034', '\u22127', '\u2013']
        """
        return self.number(value, decimals_of(value))

    def signed(self, value: float | None, decimals: int | None = None) -> str:
        """Change with its sign; none if it rounds to nothing.

        Examples
        --------
        >>> [Writing(Texts("en")).signed(value) for value in (310.2, -40.0, 0.0)]
        ['+310', '\u221240', '0']
        """
        places = decimals_of(value) if decimals is None else decimals
        text = self.number(value, places)
        return f"+{text}" if value is not None and round(value, places) > 0.0 else text

    def span(
        self, band: Document | None, *, has_sign: bool = False, decimals: int | None = None
    ) -> str:
        """Low and high of a band; empty where none was computed."""
        if not band:
            return ""
        largest = max(abs(float(band["low"])), abs(float(band["high"])))
        places = decimals_of(largest) if decimals is None else decimals
        write = self.signed if has_sign else self.number
        low, high = (write(float(band[end]), places) for end in ("low", "high"))
        return f"{low} {ELLIPSIS} {high}"

    def factor(self, value: float | None) -> str:
        """How many times as much: two decimals below ten."""
        if value is None:
            return NOTHING
        return f"{TIMES}\u202f{self.number(value, 2 if abs(value) < MIDDLE else 1)}"

    def factor_span(self, band: Document | None) -> str:
        """Band of a factor."""
        if not band:
            return ""
        places = 2 if abs(float(band["high"])) < MIDDLE else 1
        return self.span(band, decimals=places)

    def exact(self, value: float | None) -> str:
        """Number with three significant digits at most, none of them a needless zero.

        Examples
        --------
        >>> [Writing(Texts("de")).exact(value) for value in (1e-7, 0.085, 23120.0)]
        ['0,0000001', '0,085', '23.120']
        """
        if value is None or not math.isfinite(value):
            return NOTHING
        if abs(value) >= 1000.0:  # noqa: PLR2004 - whole numbers are kept whole
            return self.number(value)
        digits = f"{float(f'{value:.3g}'):.12f}".rstrip("0").partition(".")[2]
        return self.number(value, len(digits))

    def with_unit(self, value: float | None, unit: str) -> str:
        """Number with its unit, as people write it."""
        if value is None:
            return NOTHING
        shown_unit = self.texts.unit("/h" if unit == "1/h" else unit)
        return f"{self.exact(value)}\u202f{shown_unit}" if unit else self.exact(value)


@cache
def _common(column: str) -> Mapping[str, str]:
    tables = ("run_words", "vehicle_classes")
    return {row["key"]: row[column] for name in tables for row in rows(name)}


def decimals_of(value: float | None) -> int:
    """Decimals that show about two digits; none for whole numbers.

    Examples
    --------
    >>> [decimals_of(value) for value in (1234.5, 12.34, 1.234, 0.01234, 3.0)]
    [0, 0, 1, 3, 0]
    """
    if value is None or not math.isfinite(value) or value == round(value):
        return 0
    size = abs(value)
    return 0 if size >= MIDDLE else min(8, 1 - math.floor(math.log10(size)))


def shown(text: str) -> str:
    r"""Text of a registry or a person with signs that every output can show.

    Control characters become spaces, what no face inside typst holds a box; a hyphen before a
    number becomes a minus.

    Examples
    --------
    >>> shown("#strong[x] \U0001F600 -3 t\x07") == "#strong[x] \u25a1 \u22123 t"
    True
    """
    kept = "".join(_sign(one) for one in text)
    return _HYPHEN_MINUS.sub(MINUS, " ".join(kept.split(" ")).strip())


def _sign(one: str) -> str:
    code = ord(one)
    if one in "\t\n\r" or code < 0x20 or 0x7F <= code < 0xA0:  # noqa: PLR2004 - C0 and C1
        return " "
    if code in _UNSEEN:
        return ""
    return one if is_known(one) else REPLACEMENT


def is_known(one: str) -> bool:
    """Whether the faces inside typst hold a sign; unassigned ones they do not."""
    code = ord(one)
    return any(low <= code < high for low, high in _KNOWN) and category(one) != "Cn"
