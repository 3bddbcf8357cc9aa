"""What the readers of traffic files have in common: samples, findings, text and dates.

A reader is a pure function: lines of text in, samples, refused lines and findings out. Each count
carries the local time at which its hour begins, since only the beginning tells the two autumn hours
apart; the importer adds the hour.
"""

import codecs
import csv
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from sensors.codecs.decoder import shown
from sensors.history.importfile import Finding, Refusal
from twin.errors import SettingsError
from twin.model.tables import rows

HOUR = timedelta(hours=1)
HOURS = 24
SHORT_DATES = "%y%m%d"
YEARS = (1970, 3000)
PROBE_BYTES = 1 << 20
BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
LOCK_PREFIX = ".~lock"


@dataclass(frozen=True, slots=True)
class Sample:
    """One cell of a file: what it counts, the local beginning of its interval, the text.

    Parameters
    ----------
    line
        Line of the file.
    key
        Route key of the datastream.
    begin
        Local time, ISO 8601; for instants the instant.
    value
        As in the file, with a decimal point; empty for a missing value.
    quality
        Names of quality flags.
    unit
        Unit; empty for that of the quantity.
    """

    line: int
    key: str
    begin: str
    value: str
    quality: str = ""
    unit: str = ""


Item = Sample | Refusal | Finding


def encoding_of(content: bytes) -> str:
    """Encoding of the beginning of a file: by its mark, UTF-8 if it is sound, else Western.

    Examples
    --------
    >>> encoding_of("Brücke".encode("utf-16"))
    'utf-16'
    >>> encoding_of("Brücke".encode("latin-1"))
    'cp1252'
    """
    for mark, name in BOMS.items():
        if content.startswith(mark):
            return name
    for name in ("utf-8", "cp1252"):
        try:
            codecs.getincrementaldecoder(name)().decode(content)
        except UnicodeDecodeError:
            continue
        return name
    return "latin-1"


@contextmanager
def opened(file: Path, encoding: str = "") -> Iterator[tuple[Iterable[str], str]]:
    """Lines of a text file and its encoding; the encoding is found where none is declared.

    Raises
    ------
    SettingsError
        If the file cannot be read, is not in this encoding, or is a lock file of an office
        programme.
    """
    if file.name.startswith(LOCK_PREFIX):
        raise SettingsError(f"{file} is a lock file of an office programme; close it, skip it")
    try:
        with file.open("rb") as probe:
            encoding = encoding or encoding_of(probe.read(PROBE_BYTES))
        with file.open(encoding=encoding, newline="") as text:
            yield text, encoding
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror or error}") from None
    except LookupError:
        raise SettingsError(f"encoding {encoding!r} is unknown; use utf-8 or latin-1") from None
    except csv.Error as error:
        raise SettingsError(f"{file} is no sound CSV: {error}; check its quotes") from None
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{file}: byte {error.start} is not {encoding}; name it with --encoding"
        ) from None


def day_of(text: str, form: str) -> date | None:
    """Day after a declared pattern; day and month are never guessed.

    Examples
    --------
    >>> day_of("15.06.2026", "%d.%m.%Y")
    datetime.date(2026, 6, 15)
    >>> day_of("06/15/2026", "%d/%m/%Y") is None
    True
    """
    try:
        day = datetime.strptime(text.strip(), form).date()  # noqa: DTZ007 - a local day
    except ValueError:
        return None
    return day if YEARS[0] <= day.year < YEARS[1] else None


def short_day(text: str) -> date | None:
    """Day of six digits, year first; five digits have lost their leading zero.

    Examples
    --------
    >>> short_day("260615")
    datetime.date(2026, 6, 15)
    >>> short_day("60615") is None
    True
    """
    return day_of(text, SHORT_DATES) if re.fullmatch("[0-9]{6}", text) else None


def hour_begin(day: date, hour: int) -> str:
    """Local beginning of the hour that begins `hour` hours into a day; -1 is the day before.

    Examples
    --------
    >>> hour_begin(date(2026, 6, 15), 23)
    '2026-06-15T23:00:00'
    """
    begin = datetime(day.year, day.month, day.day) + hour * HOUR  # noqa: DTZ001 - a local time
    return begin.isoformat()


def no_day(line: int, text: str, form: str) -> Refusal:
    """A row whose date does not fit."""
    return Refusal(line, "time_invalid", f"date {shown(text)} does not fit {form!r}")


def quality_of(sign: str) -> str | None:
    """Flag of a quality sign, empty for a good one, None for a sign that is not in the table.

    Examples
    --------
    >>> quality_of("a"), quality_of("-"), quality_of("?")
    ('bad_at_source', '', None)
    """
    if not sign.strip():
        return ""
    flags = {row["sign"]: row["flag"] for row in rows("bast_quality_signs")}
    return flags.get(sign.strip())


def whole_number(text: str) -> int | None:
    """A count from its digits; None where there is none.

    Examples
    --------
    >>> whole_number(" 08"), whole_number("x")
    (8, None)
    """
    return int(text) if re.fullmatch(r"\s*-?[0-9]{1,9}\s*", text) else None
