"""What a request for features asks: parameters of OGC API Features Part 1 and 2, checked; pure.

Sources: OGC 17-069r4 (Part 1: Core, corrigendum 1), clause 7.15; OGC 18-058r1 (Part 2), clause 6.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from twin.model.times import to_us

EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
CRS_CODES: Mapping[str, str] = MappingProxyType(
    {CRS84: "OGC:CRS84"} | {f"{EPSG}{code}": f"EPSG:{code}" for code in (3857, 25832, 25833, 4326)}
)
"""Offered coordinate reference systems by URI; coordinates have the order of axes of each."""
IN_DEGREES = {CRS84: 0, f"{EPSG}4326": 1}
"""Place of the longitude among the axes."""
DEFAULT_LIMIT, MOST_FEATURES = 100, 10_000
LONGEST_VALUE = 300
MOST_DIGITS = 9
FOREVER = (-(2**62), 2**62)
OPEN = ("", "..")
FORMATS = ("json", "geojson")


class QueryError(Exception):
    """A parameter is unknown or its value cannot be used: status 400."""


@dataclass(frozen=True, slots=True)
class Query:
    """A checked request.

    Parameters
    ----------
    boxes
        Boxes (lowest of both axes, then highest) in ``bbox_crs``, empty if all places are asked
        for; two where a box passes 180 degrees.
    span_us
        First and last instant [µs since 1970], or None.
    limit, after
        So many features, behind the one of this key.
    """

    crs: str = CRS84
    bbox_crs: str = CRS84
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    span_us: tuple[int, int] | None = None
    limit: int = DEFAULT_LIMIT
    after: str | None = None


def single(pairs: Iterable[tuple[str, str]], *, known: Collection[str]) -> Mapping[str, str]:
    """Parameters by name.

    Raises
    ------
    QueryError
        If one is not known, occurs twice or is far too long.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            raise QueryError(f"unknown parameter {name[:60]!r}; known are {', '.join(known)}")
        if name in found:
            raise QueryError(f"parameter {name!r} occurs twice; give it once")
        if len(value) > LONGEST_VALUE:
            raise QueryError(f"parameter {name!r} has more than {LONGEST_VALUE} characters")
        found[name] = value
    if found.get("f", FORMATS[0]) not in FORMATS:
        raise QueryError(f"parameter 'f' must be one of {', '.join(FORMATS)}")
    return found


def read_query(parameters: Mapping[str, str]) -> Query:
    """Checked request for features; QueryError names the parameter and what it must be.

    Examples
    --------
    >>> read_query({"bbox": "170,-10,-170,10", "limit": "20"}).boxes
    ((170.0, -10.0, 180.0, 10.0), (-180.0, -10.0, -170.0, 10.0))
    """
    bbox_crs = read_crs("bbox-crs", parameters.get("bbox-crs"))
    bbox, time = parameters.get("bbox"), parameters.get("datetime")
    return Query(
        crs=read_crs("crs", parameters.get("crs")),
        bbox_crs=bbox_crs,
        boxes=() if bbox is None else read_boxes(bbox, bbox_crs),
        span_us=None if time is None else read_span(time),
        limit=_limit(parameters.get("limit", str(DEFAULT_LIMIT))),
        after=parameters.get("after"),
    )


def read_crs(name: str, value: str | None) -> str:
    """URI of an offered coordinate reference system; CRS84 where none is given."""
    if value is None:
        return CRS84
    if value not in CRS_CODES:
        raise QueryError(f"parameter {name!r} must be one of {', '.join(CRS_CODES)}")
    return value


def read_boxes(text: str, crs: str) -> tuple[tuple[float, float, float, float], ...]:
    """Boxes of a ``bbox`` with 4 numbers, or 6 with heights, which are passed over."""
    cells = text.split(",")
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError:
        numbers = []
    if len(numbers) not in (4, 6) or not all(map(math.isfinite, numbers)):
        raise QueryError("parameter 'bbox' must be 4 numbers (or 6 with heights) with commas")
    half = len(numbers) // 2
    low, high = numbers[:2], numbers[half : half + 2]
    east = IN_DEGREES.get(crs)
    is_wrong = [bottom > top for bottom, top in zip(low, high, strict=True)]
    if east is not None and is_wrong[east] and not is_wrong[1 - east]:
        west_part, east_part = [*high], [*low]
        west_part[east], east_part[east] = 180.0, -180.0
        return ((low[0], low[1], west_part[0], west_part[1]),
                (east_part[0], east_part[1], high[0], high[1]))  # fmt: skip
    if any(is_wrong):
        raise QueryError("parameter 'bbox' has a lower corner above the upper one; swap them")
    return ((low[0], low[1], high[0], high[1]),)


def read_span(text: str) -> tuple[int, int]:
    """First and last instant [µs] of a time or an interval; open ends are ``..`` or empty.

    Examples
    --------
    >>> read_span("1970-01-01T00:00:01Z/1970-01-01T00:00:02Z")
    (1000000, 2000000)
    """
    parts = text.split("/")
    if len(parts) == 1:
        return _instant(text)
    if len(parts) != 2 or all(part in OPEN for part in parts):  # noqa: PLR2004 - an interval
        raise _wrong_time()
    first = FOREVER[0] if parts[0] in OPEN else _instant(parts[0])[0]
    last = FOREVER[1] if parts[1] in OPEN else _instant(parts[1])[1]
    if first > last:
        raise QueryError("parameter 'datetime' ends before it begins; swap the two")
    return first, last


def _instant(text: str) -> tuple[int, int]:
    """First and last microsecond of a time, or of a day."""
    try:
        found = datetime.fromisoformat(text)
        if len(text) == len("2026-11-22"):
            first = found.replace(tzinfo=UTC)
            return to_us(first), to_us(first + timedelta(days=1)) - 1
        if found.tzinfo is None:
            raise _wrong_time()
        return (to_us(found.astimezone(UTC)),) * 2
    except (ValueError, OverflowError):
        raise _wrong_time() from None


def _wrong_time() -> QueryError:
    return QueryError(
        "parameter 'datetime' must be a time of RFC 3339 with its offset, a day, or an interval "
        "such as 2026-11-01T00:00:00Z/.."
    )


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS and int(text)):
        raise QueryError(f"parameter 'limit' must be a whole number from 1 to {MOST_FEATURES}")
    return min(int(text), MOST_FEATURES)
