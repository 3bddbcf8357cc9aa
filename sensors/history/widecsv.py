"""Day tables with one column per hour; the day stands in a header cell, a column or the name."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime

from sensors.codecs.times import local_candidates
from sensors.history.importfile import Finding, Refusal
from sensors.history.samples import Item, Sample, day_of, hour_begin, no_day
from twin.errors import SettingsError

HOUR_COLUMN = re.compile(r"([01]?[0-9]|2[0-3]):00")
YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})[_-](\d{2})[_-](\d{2})(?!\d)")
DATES = "%Y-%m-%d"


def read_wide(
    lines: Iterable[str], *, zone: str, name: str = "", dates: str = DATES, delimiter: str = ";"
) -> Iterator[Item]:
    """Samples of a day table; the key is the text of the first column (F-CSV-5).

    Rows may end early or with a delimiter; cells that are not there are missing values. A cell of
    the hour that occurs twice in autumn is taken as the first one and flagged ``ambiguous_time``.

    Parameters
    ----------
    zone
        Zone of the days.
    name
        File name, which may hold the day (year first).
    dates
        Pattern of a column with dates; day and month are never guessed.
    delimiter
        Between cells.

    Raises
    ------
    SettingsError
        If there are no columns of hours, or no day anywhere.

    Examples
    --------
    >>> text = ["Name / Date: 2016_09_03;0:00;1:00", "MQ1;24;17;"]
    >>> [(one.begin, one.value) for one in read_wide(text, zone="Europe/Berlin")]
    [('2016-09-03T00:00:00', '24'), ('2016-09-03T01:00:00', '17')]
    """
    table = csv.reader(lines, delimiter=delimiter)
    header = [cell.strip() for cell in next(table, [])]
    hours = {at: int(found[1]) for at, cell in enumerate(header)
             if (found := HOUR_COLUMN.fullmatch(cell))}  # fmt: skip
    if not hours:
        raise SettingsError(
            f"no columns of hours such as 0:00 or 00:00 in {', '.join(map(repr, header))[:200]}; "
            "check the delimiter"
        )
    first = min(hours)
    common = _day_in(header[0]) or _day_in(name)
    has_column = first > 1
    if not has_column and common is None:
        raise SettingsError(
            "no day (year first, such as 2016_09_03) in the first header cell, a column after "
            "the first, or the file name; rename the file"
        )
    for row in table:
        if not any(cell.strip() for cell in row):
            continue
        line = table.line_num
        if row_beyond := [cell for cell in row[len(header) :] if cell.strip()]:
            text = f"the row has {len(row_beyond)} cells beyond the header"
            yield Refusal(line, "wrong_type", text)
            continue
        text = row[1] if len(row) > 1 else ""
        day = day_of(text, dates) if has_column else common
        if day is None:
            yield no_day(line, text, dates)
            continue
        yield from _row(line, row, hours, day, zone)


def _row(
    line: int, row: Sequence[str], hours: dict[int, int], day: date, zone: str
) -> Iterator[Sample | Finding]:
    for at, hour in hours.items():
        begin = hour_begin(day, hour)
        value = row[at].strip() if at < len(row) else ""
        is_twice = len(local_candidates(datetime.fromisoformat(begin), zone)) > 1
        quality = "ambiguous_time" if is_twice else ""
        yield Sample(line, row[0].strip(), begin, value, quality)


def _day_in(text: str) -> date | None:
    found = YEAR_FIRST.search(text)
    return day_of("-".join(found.groups()), DATES) if found else None
