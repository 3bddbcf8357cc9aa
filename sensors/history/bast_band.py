"""Hourly counts per lane in the Bestandsband format of BASt: fixed columns, one sign per value."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

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
from twin.model.quality import Quality, from_keys

VALUE = re.compile(r"\s*([0-9]{1,9})(\D)")
DATA = re.compile(r"([0-9]{6})(.)([0-9]{2}):([0-9]{2})(.*)")
EDITED = "i"


@dataclass(slots=True)
class _Site:
    """What the header lines say: station, lanes of both directions, groups and types."""

    station: str = ""
    lanes: tuple[int, int] = (0, 0)
    groups: int = 0
    kinds: tuple[str, ...] = ()

    def places(self) -> list[tuple[str, int, int]]:
        """Kind, direction and lane of each value in the order of a line (F-BAB-1)."""
        lanes = [(side, lane) for side in (1, 2) for lane in range(1, self.lanes[side - 1] + 1)]
        blocks = (self.kinds[: self.groups], self.kinds[self.groups :])
        return [(kind, *lane) for block in blocks for lane in lanes for kind in block]


def read_bast_band(lines: Iterable[str]) -> Iterator[Item]:
    """Samples of directions, ``<station>/KFZ_R1``, and lanes, ``<station>/KFZ_R1_L2``.

    First come all groups of lane 1, of lane 2 and so on through both directions, then all types
    likewise. A direction is the sum of its lanes and missing while one of them is unusable
    (F-BAB-4). The time of a line ends its hour; 24:00 is 00:00 of the next day (F-TIM-2).

    Raises
    ------
    SettingsError
        If data come before the lines H, R and S.

    Examples
    --------
    >>> head = ["H99999901 14 B 999", "R01 01 N S;", "S01 01 KFZ Pkw;"]
    >>> hour = "260615 01:00  120-   40-  100-   30-"
    >>> [(one.key, one.value) for one in read_bast_band([*head, hour])][:2]
    [('9901/KFZ_R1', '120'), ('9901/KFZ_R1_L1', '120')]
    """
    site = _Site()
    for line, raw in enumerate(lines, 1):
        text = raw.rstrip("\r\n\x1a")
        if not text.strip():
            continue
        if text[0] in "HRS":
            site = _header(site, text, line)
        elif found := DATA.fullmatch(text):
            if not site.places():
                raise SettingsError(f"line {line}: data before the lines H, R and S of a station")
            yield from _hour(line, found, site)
        else:
            yield Refusal(line, "wrong_type", "neither a header line nor date, time and values")


def _header(site: _Site, text: str, line: int) -> _Site:
    if text[0] == "H":
        return _Site(station=text[5:9].strip())
    first, second = whole_number(text[1:3]), whole_number(text[4:6])
    if first is None or second is None:
        raise SettingsError(f"line {line}: {text[:12]!r} has no numbers at columns 1 and 4")
    if text[0] == "R":
        site.lanes = (first, second)
        return site
    site.kinds = tuple(text[7:].rstrip(";").split())
    site.groups = first
    if len(site.kinds) != first + second:
        raise SettingsError(
            f"line {line}: {first} groups and {second} types, but {len(site.kinds)} names"
        )
    return site


def _hour(line: int, found: re.Match[str], site: _Site) -> Iterator[Item]:
    date_text, mark, hour_text, minute_text, rest = found.groups()
    day, hour = short_day(date_text), int(hour_text)
    if day is None:
        yield no_day(line, date_text, SHORT_DATES)
        return
    if hour > HOURS or minute_text != "00":
        text = f"{hour_text}:{minute_text} is no full hour up to 24:00"
        yield Refusal(line, "time_invalid", text)
        return
    padded = rest.rstrip(" ;") + " "
    values = [(int(one[1]), one[2]) for one in VALUE.finditer(padded)]
    places = site.places()
    is_whole = not VALUE.sub("", padded).strip()
    if len(values) != len(places) or not is_whole:
        lanes = " + ".join(map(str, site.lanes))
        yield Refusal(
            line,
            "length_mismatch",
            f"{len(values)} values, expected {len(places)} = {len(site.kinds)} groups and types "
            f"of {lanes} lanes",
        )
        return
    if mark not in (" ", EDITED):
        yield Finding(line, f"unknown mark {mark!r} after the date; the values are suspect")
    marked = {" ": Quality.GOOD, EDITED: Quality.EDITED_AT_SOURCE}.get(mark, Quality.SUSPECT)
    by_place = dict(zip(places, values, strict=True))
    begin = hour_begin(day, hour - 1)
    for kind in site.kinds:
        for direction in (1, 2):
            cells = {lane: by_place[kind, direction, lane]
                     for lane in range(1, site.lanes[direction - 1] + 1)}  # fmt: skip
            if cells:
                key = f"{site.station}/{kind}_R{direction}"
                yield from _direction(line, key, begin, cells, marked)


def _direction(
    line: int, key: str, begin: str, cells: dict[int, tuple[int, str]], marked: Quality
) -> Iterator[Sample | Finding]:
    masks = {lane: marked | _mask(sign) for lane, (_, sign) in cells.items()}
    bad = [str(lane) for lane, mask in masks.items() if mask & Quality.BAD_AT_SOURCE]
    total = "" if bad else str(sum(count for count, _ in cells.values()))
    whole = Quality.GOOD
    for mask in masks.values():
        whole |= mask
    if bad:
        signs = ", ".join(f"lane {lane}: {cells[int(lane)][1]}" for lane in bad)
        yield Finding(line, f"{key} is incomplete, {signs}")
    yield Sample(line, key, begin, total, _names(whole))
    for lane, (count, _) in cells.items():
        yield Sample(line, f"{key}_L{lane}", begin, str(count), _names(masks[lane]))


def _mask(sign: str) -> Quality:
    flag = quality_of(sign)
    return Quality.SUSPECT if flag is None else from_keys([flag] if flag else [])


def _names(mask: Quality) -> str:
    return " ".join(one.name.lower() for one in mask if one.name)
