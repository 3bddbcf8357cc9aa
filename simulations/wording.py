"""Words, numbers and rows of the texts for the terminal, in German or English."""

from collections.abc import Iterable, Sequence

from twin.model.statements import in_language
from twin.model.tables import rows

WIDTH = 54
"""Of the label at the beginning of a row."""
_GERMAN = str.maketrans(",.", ".,")


class Words:
    """Words and numbers of a language."""

    def __init__(self, language: str) -> None:
        self.language = "de" if language == "de" else "en"
        column = "german" if self.language == "de" else "english"
        self._words = {row["key"]: row[column] for row in rows("run_words")}
        self._classes = {row["key"]: row[column] for row in rows("vehicle_classes")}

    def __call__(self, key: str, **values: str) -> str:
        """The word of a key with its values; the key where there is none."""
        return self._words.get(key, key).format(**values)

    def number(self, value: float | None, *, digits: int = 0, sign: bool = False) -> str:
        """A number as the language writes it; a dash for none.

        Examples
        --------
        >>> Words("de").number(-0.3, sign=True), Words("de").number(1234.5, digits=1)
        ('0', '1.234,5')
        """
        if value is None:
            return "-"
        rounded = round(value, digits) or 0.0
        text = f"{rounded:{'+' if sign and rounded else ''},.{digits}f}"
        return text.translate(_GERMAN) if self.language == "de" else text

    def share(self, value: float | None, *, digits: int = 0, sign: bool = False) -> str:
        """A share in percent as the language writes it.

        Examples
        --------
        >>> Words("de").share(0.125, digits=1), Words("en").share(0.125)
        ('12,5 %', '12%')
        """
        if value is None:
            return "-"
        space = " " if self.language == "de" else ""
        return f"{self.number(100.0 * value, digits=digits, sign=sign)}{space}%"

    def scientific(self, value: float) -> str:
        """A small number such as a gap, with two digits."""
        text = f"{value:.1e}"
        return text.replace(".", ",") if self.language == "de" else text

    def vehicles(self, name: str) -> str:
        """Readable name of a vehicle class; its key where the table has none."""
        return self._classes.get(name, name)

    def statement(self, said: object) -> str:
        """Sentence of a document."""
        return in_language(said, self.language)


def column_heads(words: Words, *, floor: bool = True) -> str:
    """Heads of the columns that `row` fills."""
    names = ("column_base", "column_scenario", "column_change")
    head = "".join(f"{words(name):>13}" for name in names) + f"{'%':>8}"
    return head + (f"{words('column_floor'):>11}" if floor else "")


def label(text: str) -> str:
    """Text as wide as a label, shortened if it must be.

    Examples
    --------
    >>> label("x" * 60)[-3:], len(label("x"))
    ('x… ', 54)
    """
    shown = text if len(text) < WIDTH else f"{text[: WIDTH - 2]}…"
    return f"{shown:<{WIDTH}}"


def row(
    text: str, base: float, scenario: float, floor: float | None, words: Words, *, digits: int = 0
) -> str:
    """Base, scenario, change and noise of one number; ``~`` marks what is not above its noise."""
    change = scenario - base
    limit = floor or 0.0
    share = words.number(100 * change / base, digits=1, sign=True) if base > limit else "-"
    columns = (
        f"{label(text)}{words.number(base, digits=digits):>13}"
        f"{words.number(scenario, digits=digits):>13}"
        f"{words.number(change, digits=digits, sign=True):>13}{share:>8}"
    )
    if floor is None:
        return columns
    mark = "" if abs(change) > floor else "~"
    return f"{columns}{words.number(floor, digits=digits and 1):>10}{mark}"


def listed(title: str, lines: Sequence[object], words: Words) -> Iterable[str]:
    """Sentences under their title; nothing if there is none."""
    if lines:
        yield f"{title}:"
        yield from (f"  - {words.statement(line)}" for line in lines)
