"""Everything that is wrong with a city folder, collected and reported once."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from twin.errors import CityError


@dataclass(slots=True)
class Problems:
    """Collector of the problems of one city folder."""

    folder: Path
    lines: list[str] = field(default_factory=list)

    def add(self, place: str, what: str) -> None:
        """Note one problem: where it is, what is wrong with which value, what to do."""
        self.lines.append(f"{place}: {what}")

    def raise_if_any(self) -> None:
        """Raise one CityError that lists every problem, if there is any."""
        if self.lines:
            count = "1 problem" if len(self.lines) == 1 else f"{len(self.lines)} problems"
            listed = "\n".join(f"- {line}" for line in self.lines)
            raise CityError(
                f"{self.folder} cannot be loaded: {count}, nothing was changed\n{listed}"
            )


@dataclass(slots=True)
class Known:
    """Ids of one kind with the place of each; incomplete if their file could not be read."""

    kind: str
    places: dict[str, str] = field(default_factory=dict)
    is_complete: bool = True

    def register(self, key: str, place: str, problems: Problems) -> bool:
        """Add an id; False, with a problem noted, if it is taken."""
        if key in self.places:
            problems.add(
                place,
                f"{self.kind} id {key!r} is used already in {self.places[key]}; "
                "give each its own id",
            )
            return False
        self.places[key] = place
        return True

    def lacks(self, key: str) -> bool:
        """Whether the id is certainly unknown."""
        return self.is_complete and key not in self.places


MOST_WORDS = 5000
"""Beyond that many known words none is proposed: it would take a second for each problem."""


def suggestion(value: str, known: Iterable[str], *, most: int = 12) -> str:
    """Closing words of a message: the nearest known word, or the known words if they are few.

    Examples
    --------
    >>> suggestion("strian", ["strain", "speed"])
    "; did you mean 'strain'?"
    """
    words = sorted(word for word in known if word)
    if len(words) > MOST_WORDS:
        return f"; none of the {len(words):,} known ones"
    close = difflib.get_close_matches(value, words, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    if not words:
        return "; none is defined"
    return f"; known: {', '.join(words[:most])}{' ...' if len(words) > most else ''}"
