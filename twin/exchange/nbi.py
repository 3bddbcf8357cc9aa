"""Rows of the National Bridge Inventory of the United States as records and work items. Pure.

Columns carry the number of their item at the end of the name (``LAT_016``); texts stand between
apostrophes. Ratings from 0 to 9 are kept in words beside the year of the inspection: they are no
grades of DIN 1076, and none is computed from them.

References
----------
.. [1] Federal Highway Administration, "Recording and Coding Guide for the Structure Inventory and
   Appraisal of the Nation's Bridges", FHWA-PD-96-001, 1995: items 5A, 8, 10, 16, 17, 41, 54, 58 to
   62, 90. Lengths are metric there (verify for each list).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from twin.errors import ModelError
from twin.exchange.asb_tables import decoded

FIRST_ITEM = "STATE_CODE_001"
RATED = MappingProxyType(
    {
        "deck": "DECK_COND_058",
        "superstructure": "SUPERSTRUCTURE_COND_059",
        "substructure": "SUBSTRUCTURE_COND_060",
        "culvert": "CULVERT_COND_062",
    }
)
"""Rated parts and their items."""
NO_CLEARANCE = 99.99
CENTURY_TURNS = 60
"""Two digits of a year from here on are of the 1900s: the inventory began in 1968."""
WORST, BEST = 0, 9
_SECONDS = 60.0
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that could not be taken over, by its line in the file."""

    line: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Route:
    """What one record says of a route on or under a structure.

    ``is_on`` is whether the structure carries it; the clearance is that above the route [m].
    """

    is_on: bool
    facility: str
    features: str
    location: str
    clearance_m: float | None
    vehicles_per_day: int | None


@dataclass(frozen=True, slots=True)
class NbiBridge:
    """One structure with all of its records.

    Parameters
    ----------
    line
        Line of its first record on the structure.
    latitude, longitude
        WGS 84 [deg]; None if they are unknown.
    position_problem
        Why they are unknown; empty if they are known.
    ratings
        Ratings 0 to 9 by part; a part that is not applicable is left out.
    inspected
        Month of the inspection as ``2024-06``; empty if it is not stated.
    status
        Item 41, such as ``A`` open, ``P`` posted, ``K`` closed.
    items
        All cells of the record by the name of their column.
    """

    number: str
    line: int
    latitude: float | None
    longitude: float | None
    position_problem: str
    year_built: int | None
    under_clearance_m: float | None
    ratings: Mapping[str, int]
    inspected: str
    status: str
    routes: tuple[Route, ...]
    items: Mapping[str, str]

    @property
    def min_condition(self) -> int | None:
        """Lowest rating of deck, superstructure, substructure and culvert; None if none applies."""
        return min(self.ratings.values(), default=None)


@dataclass(frozen=True, slots=True)
class NbiList:
    """Structures of a list, rows that were refused, and how many rows it had."""

    bridges: tuple[NbiBridge, ...]
    rejected: tuple[Rejected, ...]
    rows: int
    encoding: str


def split_row(line: str) -> list[str]:
    """Cells of a row: an apostrophe closes a text only before a comma or the end of the line.

    Examples
    --------
    >>> split_row("99,'80' N OF DEPOT ST','RIVER, WEST ARM',5")
    ['99', "80' N OF DEPOT ST", 'RIVER, WEST ARM', '5']
    >>> split_row("'','open")
    ['', "'open"]
    """
    cells: list[str] = []
    place = 0
    while place <= len(line):
        end = line.find("',", place + 1) if line[place : place + 1] == "'" else -1
        if line[place : place + 1] == "'" and end < 0 and len(line) > place + 1:
            end = len(line) - 1 if line.endswith("'") else -1
        if end > place:
            cells.append(line[place + 1 : end])
            place = end + 2
            continue
        end = line.find(",", place)
        end = len(line) if end < 0 else end
        cells.append(line[place:end])
        place = end + 1
    return [cell.strip() for cell in cells]


def degrees(text: str, *, whole_digits: int) -> float | None:
    """Degrees from ``DDMMSSss`` or ``DDDMMSSss``; None if it is no such angle, or zero.

    Examples
    --------
    >>> degrees("40302250", whole_digits=2), degrees("075153000", whole_digits=3)
    (40.50625, 75.25833333333334)
    >>> degrees("40602250", whole_digits=2) is None
    True
    """
    digits = whole_digits + 6
    if not text.isascii() or not text.isdigit() or len(text) > digits:
        return None
    text = text.zfill(digits)
    whole, rest = int(text[:whole_digits]), text[whole_digits:]
    minutes, seconds = int(rest[:2]), int(rest[2:]) / 100.0
    if minutes >= _SECONDS or seconds >= _SECONDS:
        return None
    angle = whole + minutes / 60.0 + seconds / 3600.0
    most = 90.0 if whole_digits == 2 else 180.0  # noqa: PLR2004 - latitudes have two digits
    return angle if 0.0 < angle <= most else None


def month(text: str) -> str:
    """Month as ``2024-06`` from ``MMYY``; empty if it is none.

    Examples
    --------
    >>> month("0624"), month("199"), month("1399")
    ('2024-06', '1999-01', '')
    """
    if not text.isascii() or not text.isdigit() or len(text) > 4:  # noqa: PLR2004 - MMYY
        return ""
    text = text.zfill(4)
    number, year = int(text[:2]), int(text[2:])
    if not 1 <= number <= 12:  # noqa: PLR2004 - months
        return ""
    return f"{(1900 if year >= CENTURY_TURNS else 2000) + year}-{number:02}"


def read_nbi(content: bytes, *, name: str = "list", encoding: str = "") -> NbiList:
    r"""Structures of a list of the National Bridge Inventory.

    Several records of a structure become one: the record on it (type 1) states the structure, all
    of them its routes. A row with the wrong number of cells costs that row alone.

    Raises
    ------
    ModelError
        If the file has no header with the items of structure number and position.

    Examples
    --------
    >>> head = "STATE_CODE_001,STRUCTURE_NUMBER_008,RECORD_TYPE_005A,LAT_016,LONG_017"
    >>> found = read_nbi(f"{head}\n99,A1 ,1,40302250,075153000\n99,A2".encode())
    >>> found.bridges[0].number, round(found.bridges[0].longitude, 6), found.rejected[0].reason
    ('A1', -75.258333, 'field_count')
    """
    text, found_encoding = decoded(content, encoding=encoding)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    columns = [cell.strip("'\" ") for cell in split_row(lines[0])]
    needed = ("STRUCTURE_NUMBER_008", "LAT_016", "LONG_017")
    missing = [column for column in needed if column not in columns]
    if missing or len(set(columns)) != len(columns):
        raise ModelError(
            f"{name}: the first row must name the items once each; missing: "
            f"{', '.join(missing) or 'none'}"
        )
    records: dict[str, list[tuple[int, dict[str, str]]]] = {}
    rejected: list[Rejected] = []
    rows = 0
    for line, row in enumerate(lines[1:], start=2):
        if not row.strip():
            continue
        rows += 1
        cells = split_row(row)
        if len(cells) != len(columns):
            detail = f"{len(cells)} cells for {len(columns)} columns"
            rejected.append(Rejected(line, "field_count", detail))
            continue
        items = dict(zip(columns, cells, strict=True))
        number = items["STRUCTURE_NUMBER_008"]
        if not number:
            rejected.append(Rejected(line, "number_missing", "item 8 is empty"))
            continue
        records.setdefault(f"{items.get(FIRST_ITEM, '')} {number}", []).append((line, items))
    bridges = tuple(_bridge(found) for found in records.values())
    return NbiList(bridges, tuple(rejected), rows, found_encoding)


def _bridge(records: Sequence[tuple[int, Mapping[str, str]]]) -> NbiBridge:
    line, items = next((one for one in records if _is_on(one[1])), records[0])
    latitude = degrees(items["LAT_016"], whole_digits=2)
    longitude = degrees(items["LONG_017"].lstrip("-"), whole_digits=3)
    problem = ""
    if latitude is None or longitude is None:
        pair = f"{items['LAT_016']}, {items['LONG_017']}"
        is_zero = not pair.strip("0, ")
        problem = "coordinates are zero" if is_zero else f"coordinates {pair} are no angles"
        latitude = longitude = None
    ratings = {
        part: int(items[column])
        for part, column in RATED.items()
        if items.get(column, "").isascii() and items.get(column, "").isdigit()
    }
    return NbiBridge(
        number=items["STRUCTURE_NUMBER_008"],
        line=line,
        latitude=latitude,
        longitude=None if longitude is None else -longitude,
        position_problem=problem,
        year_built=_whole(items.get("YEAR_BUILT_027", "")),
        under_clearance_m=_clearance(items.get("VERT_CLR_UND_054B", "")),
        ratings=MappingProxyType(
            {part: value for part, value in ratings.items() if WORST <= value <= BEST}
        ),
        inspected=month(items.get("DATE_OF_INSPECT_090", "")),
        status=items.get("OPEN_CLOSED_POSTED_041", ""),
        routes=tuple(_route(record) for _, record in records),
        items=MappingProxyType(dict(items)),
    )


def _is_on(items: Mapping[str, str]) -> bool:
    return items.get("RECORD_TYPE_005A", "1") == "1"


def _route(items: Mapping[str, str]) -> Route:
    return Route(
        is_on=_is_on(items),
        facility=items.get("FACILITY_CARRIED_007", ""),
        features=items.get("FEATURES_DESC_006A", ""),
        location=items.get("LOCATION_009", ""),
        clearance_m=_clearance(items.get("MIN_VERT_CLR_010", "")),
        vehicles_per_day=_whole(items.get("ADT_029", "")),
    )


def _clearance(text: str) -> float | None:
    """Clearance [m]; 99.99 and 0 say that there is none."""
    number = _figure(text)
    return None if number is None or number in (0.0, NO_CLEARANCE) or number < 0.0 else number


def _figure(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _whole(text: str) -> int | None:
    number = _figure(text)
    return int(number) if number is not None and number.is_integer() and number > 0.0 else None
