"""Hourly counts of BASt, direction by direction, read by column name (formats.md, section 7)."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping

from sensors.history.importfile import Finding, Refusal
from sensors.history.samples import (
    HOURS,
    SHORT_DATES,
    Item,
    Sample,
    hour_begin,
    no_day,
    quality_of,
    short_day,
    whole_number,
)
from twin.errors import SettingsError

NEEDED = ("Zst", "Datum", "Stunde")
COUNT = re.compile(r"(KFZ|Lkw|PLZ|Pkw|Lfw|Mot|PmA|Bus|LoA|LmA|Lzg|Sat|Son)_R([12])")
SUMS = {
    "PLZ": ("Pkw", "Lfw", "Mot"),
    "Lzg": ("LmA", "Sat"),
    "KFZ": ("PLZ", "PmA", "LoA", "Lzg", "Bus", "Son"),
    "Lkw": ("Bus", "LoA", "Lzg"),
}


def read_bast_hourly(lines: Iterable[str]) -> Iterator[Item]:
    """Samples ``<Zst>/KFZ_R1``, ``<Zst>/Lkw_R2`` and so on, in the order of the columns.

    ``Stunde`` 01 ends at 01:00 (F-TIM-1). Signs of ``K_`` columns become quality flags after
    ``bast_quality_signs.csv``; an unknown sign is ``suspect``. Classes that do not add up are
    findings, their counts stand (F-BAH-2).

    Raises
    ------
    SettingsError
        If station, date, hour or every count is absent from the header.

    Examples
    --------
    >>> text = ["Stunde;Zst;Datum;KFZ_R1;K_KFZ_R1", "01;9901;260615;123;-"]
    >>> next(read_bast_hourly(text))
    Sample(line=2, key='9901/KFZ_R1', begin='2026-06-15T00:00:00', value='123', quality='', unit='')
    """
    table = csv.reader(lines, delimiter=";")
    header = [name.strip() for name in next(table, [])]
    counts = [name for name in header if COUNT.fullmatch(name)]
    absent = [name for name in NEEDED if name not in header]
    if absent or not counts:
        raise SettingsError(
            "no header of a BASt hourly file: columns Zst, Datum, Stunde and KFZ_R1 are needed, "
            f"found {', '.join(map(repr, header))[:200]}"
        )
    for row in table:
        line = table.line_num
        if not row:
            continue
        if len(row) < len(header):
            yield Refusal(line, "wrong_type", f"the row has {len(row)} cells of {len(header)}")
            continue
        cells = dict(zip(header, map(str.strip, row), strict=False))
        day, hour = short_day(cells["Datum"]), whole_number(cells["Stunde"])
        if day is None:
            yield no_day(line, cells["Datum"], SHORT_DATES)
        elif hour is None or not 1 <= hour <= HOURS:
            text = f"Stunde {cells['Stunde']!r} is none from 01 to 24"
            yield Refusal(line, "time_invalid", text)
        else:
            yield from _row(line, cells, counts, hour_begin(day, hour - 1))


def _row(
    line: int, cells: Mapping[str, str], counts: Iterable[str], begin: str
) -> Iterator[Sample | Finding]:
    hour = f"{cells['Zst']}, {cells['Datum']} Stunde {cells['Stunde']}"
    signs: dict[tuple[str, str, bool], list[str]] = {}
    for name in counts:
        sign = cells.get(f"K_{name}", "")
        flag = quality_of(sign)
        if flag is None or flag:
            kind, direction = name.split("_R")
            signs.setdefault((direction, sign, flag is not None), []).append(kind)
        quality = "suspect" if flag is None else flag
        yield Sample(line, f"{cells['Zst']}/{name}", begin, cells[name], quality)
    for (direction, sign, is_known), kinds in signs.items():
        text = "quality letter" if is_known else "unknown quality letter"
        yield Finding(line, f"{hour} direction {direction}: {text} {sign} ({', '.join(kinds)})")
    for direction in "12":
        for text in broken_sums(cells, direction):
            yield Finding(line, f"{hour} direction {direction}: {text}")


def broken_sums(cells: Mapping[str, str], direction: str) -> Iterator[str]:
    """Sums of classes that do not hold, of those whose columns all have a number.

    ``Lzg`` holds ``Sat`` already, which therefore never counts beside it.

    Examples
    --------
    >>> list(broken_sums({"PLZ_R1": "9", "Pkw_R1": "7", "Lfw_R1": "1", "Mot_R1": "0"}, "1"))
    ['PLZ 9 but the classes add up to 8']
    """
    for whole, parts in SUMS.items():
        texts = [cells.get(f"{name}_R{direction}", "") for name in (whole, *parts)]
        total, *counts = map(whole_number, texts)
        known = [count for count in counts if count is not None]
        if total is not None and len(known) == len(parts) and sum(known) != total:
            yield f"{whole} {total} but the classes add up to {sum(known)}"
