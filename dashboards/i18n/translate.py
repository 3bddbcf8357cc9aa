"""Texts, numbers, units and times in the language of a reader."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from twin.errors import SettingsError
from twin.model.quantities import Quantity

LANGUAGES = ("de", "en")
THIN_SPACE = "\u202f"
NOTHING = "\u2013"
_DATES = {"de": "dd.MM.yyyy", "en": "d MMM yyyy"}
_LOCALES = {"de": "de_DE", "en": "en_GB"}
# How UCUM units are written for people.
_UNITS = {
    "de": {"/h": "Kfz/h", "/d": "Kfz/d", "um/m": "µm/m", "Cel": "°C", "m/s2": "m/s²", "h": "h"},
    "en": {"/h": "veh/h", "/d": "veh/d", "um/m": "µm/m", "Cel": "°C", "m/s2": "m/s²", "h": "h"},
}
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """All texts of a language by key.

    Raises
    ------
    SettingsError
        If there is no catalogue of this language.
    """
    if language not in LANGUAGES:
        raise SettingsError(f"language {language!r} is unknown; use {' or '.join(LANGUAGES)}")
    with (files("dashboards") / "i18n" / f"{language}.po").open("rb") as file:
        messages = read_po(file, locale=language)
    texts = {str(message.id): str(message.string) for message in messages if message.id}
    return MappingProxyType(texts)


@dataclass(frozen=True, slots=True)
class Texts:
    """Everything that is written for one reader.

    Parameters
    ----------
    language
        ``de`` or ``en``.
    timezone
        IANA name of the city's time zone, in which times are shown.
    """

    language: str
    timezone: str = "Europe/Berlin"

    def __call__(self, key: str, /, **values: object) -> str:
        """Text of a key with its placeholders filled."""
        return catalogue(self.language)[key].format(**values)

    def under(self, prefix: str) -> dict[str, str]:
        """All texts whose key starts with a prefix, by the rest of the key, unfilled."""
        found = catalogue(self.language)
        return {key.removeprefix(prefix): found[key] for key in found if key.startswith(prefix)}

    def number(self, value: float | None, decimals: int = 0) -> str:
        """Number with the separators of the language; a dash if there is none."""
        if value is None or not math.isfinite(value):
            return NOTHING
        pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
        return format_decimal(round(value, decimals) + 0.0, pattern, locale=self._locale)

    def unit(self, ucum: str) -> str:
        """Unit as people write it."""
        return _UNITS[self.language].get(ucum, ucum)

    def with_unit(self, value: float | None, unit: str, decimals: int = 0) -> str:
        """Number and unit, kept together by a narrow space."""
        if value is None or not unit:
            return self.number(value, decimals)
        return f"{self.number(value, decimals)}{THIN_SPACE}{self.unit(unit)}"

    def measured(self, value: float | None, quantity: Quantity) -> str:
        """Value of a quantity with its decimals and unit."""
        return self.with_unit(value, quantity.unit, quantity.decimals)

    def date(self, day: date) -> str:
        """Day of the calendar.

        Examples
        --------
        >>> from datetime import date
        >>> [Texts(one).date(date(2018, 6, 1)) for one in LANGUAGES]
        ['01.06.2018', '1 Jun 2018']
        """
        return format_date(day, _DATES[self.language], locale=self._locale)

    def time(self, at: datetime | None, *, has_date: bool = False) -> str:
        """Time of day in the city, with the date where asked for."""
        if at is None:
            return NOTHING
        pattern = f"{_DATES[self.language]}, HH:mm:ss" if has_date else "HH:mm:ss"
        return format_datetime(at, pattern, tzinfo=ZoneInfo(self.timezone), locale=self._locale)

    def duration(self, seconds: float | None) -> str:
        """Length of time in one unit that fits: ``4 s``, ``12 min``, ``3 h``, ``5 d``."""
        if seconds is None:
            return NOTHING
        seconds = max(0.0, seconds)
        for limit, size, key in (
            (2 * _MINUTE_S, 1, "unit.s"),
            (2 * _HOUR_S, _MINUTE_S, "unit.min"),
            (2 * _DAY_S, _HOUR_S, "unit.h"),
        ):
            if seconds < limit:
                return f"{self.number(seconds / size)}{THIN_SPACE}{self(key)}"
        return f"{self.number(seconds / _DAY_S)}{THIN_SPACE}{self('unit.d')}"

    @property
    def tag(self) -> str:
        """Language and region as browsers name them."""
        return self._locale.replace("_", "-")

    @property
    def _locale(self) -> str:
        return _LOCALES[self.language]


def negotiate(accepted: str, *, available: tuple[str, ...]) -> str:
    """Best language for an ``Accept-Language`` header; the first available one by default.

    Examples
    --------
    >>> negotiate("fr, en-GB;q=0.8, de;q=0.5", available=("de", "en"))
    'en'
    """
    weighted: list[tuple[float, str]] = []
    for part in accepted.split(",")[:20]:
        tag, _, weight = part.strip().partition(";q=")
        language = tag.strip().lower().partition("-")[0]
        if language in available:
            weighted.append((_weight(weight), language))
    best = max(weighted, key=lambda item: item[0], default=None)
    return best[1] if best is not None and best[0] > 0 else available[0]


def _weight(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0
