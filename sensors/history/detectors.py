"""Hours of cross-sections and lanes in the CSV of Verkehrsdetektion Berlin (formats.md, 7)."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from sensors.history.importfile import Finding, Refusal
from sensors.history.samples import (
    HOUR,
    HOURS,
    Item,
    Sample,
    day_of,
    hour_begin,
    no_day,
    whole_number,
)
from twin.errors import SettingsError

ZONE = "Europe/Berlin"
DATES = "%d.%m.%Y"
COLUMN = re.compile(r"([qv]_(?:kfz|pkw|lkw))_(?:mq|det)_hr")
NO_SPEED = "-1"
ROUNDING = 2


def read_berlin(lines: Iterable[str], *, zone: str = ZONE) -> Iterator[Item]:
    """Samples ``<id>/q_kfz``, ``<id>/v_kfz`` and so on; at the end the coverage of each id.

    Hours are labelled by their beginning (F-BER-1). A speed of -1 is missing, its flow stands
    (F-MIS-3). Totals that differ from cars and lorries by more than 2 are findings (F-BER-3).

    Raises
    ------
    SettingsError
        If the header is not that of such a file.

    Examples
    --------
    >>> text = ["mq_name;tag;stunde;q_kfz_mq_hr;v_kfz_mq_hr", "TE001;01.01.2024;0;127;63"]
    >>> [one.key for one in read_berlin(text) if isinstance(one, Sample)]
    ['TE001/q_kfz', 'TE001/v_kfz']
    """
    table = csv.reader(lines, delimiter=";")
    header = [name.strip() for name in next(table, [])]
    places = {found[1]: at for at, name in enumerate(header) if (found := COLUMN.fullmatch(name))}
    if not places or "tag" not in header or "stunde" not in header:
        raise SettingsError(
            "no header of a Berlin detector file: columns tag, stunde and q_kfz_mq_hr or "
            f"q_kfz_det_hr are needed, found {', '.join(map(repr, header))[:200]}"
        )
    hours: Counter[str] = Counter()
    days: set[date] = set()
    at_day, at_hour = header.index("tag"), header.index("stunde")
    for row in table:
        line = table.line_num
        if not row:
            continue
        if len(row) < len(header):
            yield Refusal(line, "wrong_type", f"the row has {len(row)} cells of {len(header)}")
            continue
        day, hour = day_of(row[at_day], DATES), whole_number(row[at_hour])
        if day is None:
            yield no_day(line, row[at_day], DATES)
        elif hour is None or not 0 <= hour < HOURS:
            yield Refusal(line, "time_invalid", f"hour {row[at_hour]!r} is none from 0 to 23")
        else:
            hours[row[0]] += 1
            days.add(day)
            yield from _row(line, row, places, hour_begin(day, hour))
    yield from _coverage(hours, days, zone)


def _row(
    line: int, row: Sequence[str], places: Mapping[str, int], begin: str
) -> Iterator[Sample | Finding]:
    cells = {name: row[at].strip() for name, at in places.items()}
    for name, cell in cells.items():
        is_missing = name.startswith("v_") and cell == NO_SPEED
        yield Sample(line, f"{row[0]}/{name}", begin, "" if is_missing else cell)
    counts = [whole_number(cells.get(name, "")) for name in ("q_kfz", "q_pkw", "q_lkw")]
    total, *parts = counts
    known = [part for part in parts if part is not None]
    if total is not None and len(known) == len(parts) and abs(total - sum(known)) > ROUNDING:
        yield Finding(line, f"{row[0]}: {total} vehicles, but cars and lorries are {sum(known)}")


def _coverage(hours: Counter[str], days: set[date], zone: str) -> Iterator[Finding]:
    """Hours with a row of all hours of the months that the file touches (F-BER-2)."""
    if not days:
        return
    whole = sum(hours_of_month(*month, zone) for month in {(d.year, d.month) for d in days})
    for key, count in sorted(hours.items()):
        yield Finding(0, f"{key}: {count:,} of {whole:,} hours ({count / whole:.2%})")


def hours_of_month(year: int, month: int, zone: str) -> int:
    """Hours of a month in a zone; months in which clocks change have one more or less.

    Examples
    --------
    >>> hours_of_month(2024, 3, "Europe/Berlin")
    743
    """
    place = ZoneInfo(zone)
    after = (year + month // 12, month % 12 + 1)
    begin = datetime(year, month, 1, tzinfo=place).astimezone(UTC)
    end = datetime(*after, 1, tzinfo=place).astimezone(UTC)
    return (end - begin) // HOUR
