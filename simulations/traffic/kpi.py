"""Indicators of counted traffic: mean daily traffic, design hours, heavy shares, reliability.

Hours are counted from a first instant on and belong to the local day in which they begin, so that
a day has 23 or 25 of them when the clocks change. A missing hour is NaN.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from twin.errors import ModelError

Values = NDArray[np.float64]
DayKind = Literal["workday", "holiday_workday", "sunday", "none"]
WorkWeek = Literal["mon_sat", "mon_fri"]

LEAST_COVERAGE = 0.75
DESIGN_RANK = 30
FRIDAY, SATURDAY, SUNDAY = 4, 5, 6
# Groups of vehicle classes of German permanent counting stations (TLS 2012, 8+1 classes).
PARTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "PLZ": ("Pkw", "Lfw", "Mot"),
        "Lzg": ("LmA", "Sat"),
        "SV": ("Bus", "LoA", "Lzg"),
        "Kfz": ("PLZ", "PmA", "Bus", "LoA", "Lzg", "Son"),
    }
)
# First and last local hour; day and night after RLS-19, daytime and evening after
# directive 2002/49/EC as in German law (both to be verified before release).
NOISE_HOURS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"Mt": (6, 22), "Mn": (22, 6), "Md": (6, 18), "Me": (18, 22)}
)


@dataclass(frozen=True, slots=True)
class Indicator:
    """A number with what it rests on.

    Parameters
    ----------
    value
        NaN where there is too little to say.
    unit
        UCUM code.
    coverage
        Share of valid hours in the hours that were asked for, 0 to 1.
    days
        Days, or parts of days, that entered.
    is_estimated
        The coverage is below what the definition asks for, or a day was completed.
    """

    value: float
    unit: str
    coverage: float
    days: int
    is_estimated: bool


@dataclass(frozen=True, slots=True, eq=False)
class Days:
    """Daily volumes of one direction.

    Parameters
    ----------
    day : tuple[date, ...]
        Local days.
    volume : (days,)
        Vehicles a day; NaN below 75 % of valid hours. A day that lacks single hours is completed
        in proportion and is not whole.
    hours, valid_hours : (days,)
        Hours that the day has, 23 to 25, and those with a value.
    """

    day: tuple[date, ...]
    volume: Values
    hours: NDArray[np.int64]
    valid_hours: NDArray[np.int64]

    @property
    def is_whole(self) -> NDArray[np.bool_]:
        """(days,) Whether no hour is missing."""
        return self.valid_hours == self.hours


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days are free, and which days of the week count as working days."""

    public_holidays: Collection[date] = ()
    school_holidays: Collection[date] = ()
    work_week: WorkWeek = "mon_sat"

    def kind(self, day: date) -> DayKind:
        """Day set of the mean daily traffic.

        Examples
        --------
        >>> Calendar().kind(date(2018, 6, 2)), Calendar(work_week="mon_fri").kind(date(2018, 6, 2))
        ('workday', 'none')
        """
        if day.weekday() == SUNDAY or day in self.public_holidays:
            return "sunday"
        if day.weekday() == SATURDAY and self.work_week == "mon_fri":
            return "none"
        return "holiday_workday" if day in self.school_holidays else "workday"


def local_hours(start: datetime, hours: int, *, zone: tzinfo) -> tuple[datetime, ...]:
    """Local time at which each of a run of hours begins.

    Parameters
    ----------
    start
        Aware instant of the first hour.

    Raises
    ------
    ModelError
        If ``start`` has no time zone.

    Examples
    --------
    >>> from zoneinfo import ZoneInfo
    >>> from datetime import UTC
    >>> autumn = datetime(2018, 10, 28, 0, tzinfo=UTC)
    >>> [time.hour for time in local_hours(autumn, 3, zone=ZoneInfo("Europe/Berlin"))]
    [2, 2, 3]
    """
    if start.tzinfo is None:
        raise ModelError(f"{start} has no time zone; hours are counted from an aware instant")
    first = start.timestamp()
    return tuple(datetime.fromtimestamp(first + 3600.0 * row, tz=zone) for row in range(hours))


def daily_volumes(values: Values, start: datetime, *, zone: tzinfo) -> Days:
    """Sum per local day; a day below 75 % of valid hours is missing, not scaled.

    Parameters
    ----------
    values : (hours,)
        Vehicles an hour, NaN where missing.
    start
        Aware instant of the first hour.
    zone
        Local time.

    Examples
    --------
    >>> from datetime import UTC
    >>> daily_volumes(np.full(48, 10.0), datetime(2018, 6, 4, tzinfo=UTC), zone=UTC).volume
    array([240., 240.])
    """
    labels = [time.date() for time in local_hours(start, len(values), zone=zone)]
    days = sorted(set(labels))
    number = {day: row for row, day in enumerate(days)}
    row = np.array([number[label] for label in labels], dtype=np.intp)
    is_valid = np.isfinite(values)
    valid = np.bincount(row, weights=is_valid, minlength=len(days)).astype(np.int64)
    total = np.bincount(row, weights=np.where(is_valid, values, 0.0), minlength=len(days))
    hours = np.array([hours_of(day, zone=zone) for day in days], dtype=np.int64)
    enough = valid >= LEAST_COVERAGE * hours
    volume = np.full(len(days), np.nan)
    volume[enough] = total[enough] * hours[enough] / valid[enough]
    return Days(tuple(days), volume, hours, valid)


def hours_of(day: date, *, zone: tzinfo) -> int:
    """Hours of a local day: 23 or 25 when the clocks change.

    Examples
    --------
    >>> from zoneinfo import ZoneInfo
    >>> [hours_of(date(2018, 3, day), zone=ZoneInfo("Europe/Berlin")) for day in (24, 25)]
    [24, 23]
    """
    first = datetime(day.year, day.month, day.day, tzinfo=zone)
    after = day + timedelta(days=1)
    last = datetime(after.year, after.month, after.day, tzinfo=zone)
    return round((last.timestamp() - first.timestamp()) / 3600.0)


def mean_daily_traffic(days: Days, calendar: Calendar, *, kind: DayKind | None = None) -> Indicator:
    """DTV over all days, or DTV_W, DTV_U, DTV_S over the days of a kind.

    Examples
    --------
    >>> week = Days(tuple(date(2018, 6, 4) + timedelta(row) for row in range(7)),
    ...     np.array([9.0, 9, 9, 9, 9, 8, 5]), np.full(7, 24), np.full(7, 24))
    >>> mean_daily_traffic(week, Calendar(work_week="mon_fri"), kind="workday").value
    9.0
    """
    chosen = np.array([kind is None or calendar.kind(day) == kind for day in days.day], dtype=bool)
    return _mean_of(days, chosen)


def _mean_of(days: Days, chosen: NDArray[np.bool_]) -> Indicator:
    volume = days.volume[chosen]
    is_valid = np.isfinite(volume)
    hours = int(days.hours[chosen].sum())
    coverage = float(days.valid_hours[chosen].sum() / hours) if hours else 0.0
    return Indicator(
        value=float(volume[is_valid].mean()) if is_valid.any() else float("nan"),
        unit="1/d",
        coverage=coverage,
        days=int(is_valid.sum()),
        is_estimated=coverage < LEAST_COVERAGE or not bool(days.is_whole[chosen][is_valid].all()),
    )


def scaled_peak_hour(flow_vehh: float, *, peak_share: float) -> Indicator:
    """Daily volume from one hour; always estimated, it is no DTV.

    Examples
    --------
    >>> scaled_peak_hour(780.0, peak_share=0.078).is_estimated
    True
    """
    return Indicator(flow_vehh / peak_share, "1/d", coverage=1.0 / 24.0, days=0, is_estimated=True)


def design_hour(values: Values, *, rank: int = DESIGN_RANK, hours_of_year: int) -> Indicator:
    """The 30th (MSV30) or 50th (MSV50) highest hour of a year; tied hours keep their places.

    Parameters
    ----------
    values : (hours,)
        Vehicles an hour of one direction, NaN where missing.
    rank
        1 is the highest hour.
    hours_of_year
        8760 or 8784.

    Raises
    ------
    ModelError
        If the rank is below 1.

    Examples
    --------
    >>> design_hour(np.array([5.0, 9.0, 9.0, 7.0]), rank=3, hours_of_year=4).value
    7.0
    """
    if rank < 1:
        raise ModelError(f"rank {rank} is not possible; the highest hour has rank 1")
    valid = np.sort(values[np.isfinite(values)])[::-1]
    coverage = len(valid) / hours_of_year
    return Indicator(
        value=float(valid[rank - 1]) if len(valid) >= rank else float("nan"),
        unit="/h",
        coverage=coverage,
        days=len(valid) // 24,
        is_estimated=coverage < LEAST_COVERAGE,
    )


def class_volume(volumes: Mapping[str, float], group: str) -> float:
    """Sum of a group of vehicle classes: PLZ, Lzg, SV or Kfz.

    A group that was counted as such is taken as it is.

    Raises
    ------
    ModelError
        If a part was not counted; names it.

    Examples
    --------
    >>> shares = {"PLZ": 92.7, "PmA": 0.5, "LoA": 3.0, "Lzg": 2.4, "Son": 0.2, "Bus": 1.2}
    >>> round(class_volume(shares, "Kfz"), 9), round(class_volume(shares, "SV"), 9)
    (100.0, 6.6)
    """
    if group in volumes:
        return volumes[group]
    if group not in PARTS:
        raise ModelError(
            f"vehicle class {group!r} was not counted; known are {', '.join(sorted(volumes))}"
        )
    return sum(class_volume(volumes, part) for part in PARTS[group])


def heavy_share(heavy: float, motor_vehicles: float) -> float:
    """Share of heavy vehicles, SV/Kfz; NaN without traffic.

    Examples
    --------
    >>> round(100 * heavy_share(6926, 124096), 2)
    5.58
    """
    return heavy / motor_vehicles if motor_vehicles > 0 else float("nan")


def is_plausible_sum(parts: Values, total: float, *, tolerance: float = 0.005) -> bool:
    """Whether classes or directions add up to their total, within a share of it.

    Examples
    --------
    >>> is_plausible_sum(np.array([60837.0, 63259.0]), 124096.0)
    True
    """
    return bool(abs(float(np.sum(parts)) - total) <= tolerance * max(abs(total), 1.0))


def noise_volumes(
    motor_vehicles: Values, heavy: Values, start: datetime, *, zone: tzinfo
) -> Mapping[str, tuple[Indicator, float]]:
    """Mean hourly volume and heavy share by day, night, daytime and evening.

    Parameters
    ----------
    motor_vehicles, heavy : (hours,)
        Vehicles an hour, NaN where missing.

    Returns
    -------
    Mapping[str, tuple[Indicator, float]]
        ``Mt``, ``Mn``, ``Md``, ``Me``.

    Examples
    --------
    >>> from datetime import UTC
    >>> found = noise_volumes(np.full(24, 100.0), np.full(24, 5.0),
    ...     datetime(2018, 6, 4, tzinfo=UTC), zone=UTC)
    >>> found["Mn"][0].value, found["Mn"][1]
    (100.0, 0.05)
    """
    labels = local_hours(start, len(motor_vehicles), zone=zone)
    hour = np.array([time.hour for time in labels], dtype=np.int64)
    days = len({time.date() for time in labels})
    is_valid = np.isfinite(motor_vehicles) & np.isfinite(heavy)
    found: dict[str, tuple[Indicator, float]] = {}
    for name, (first, last) in NOISE_HOURS.items():
        inside = (
            (hour >= first) & (hour < last) if first < last else (hour >= first) | (hour < last)
        )
        used = inside & is_valid
        coverage = float(used.sum() / max(int(inside.sum()), 1))
        total = float(motor_vehicles[used].sum())
        mean = total / int(used.sum()) if used.any() else float("nan")
        found[name] = (
            Indicator(mean, "/h", coverage, days, is_estimated=coverage < LEAST_COVERAGE),
            heavy_share(float(heavy[used].sum()), total),
        )
    return MappingProxyType(found)


def week_factors(days: Days, calendar: Calendar) -> Mapping[str, float]:
    """Factors of holidays (fer), Sundays (bSo) and Fridays (bFr) against ordinary workdays.

    fer = DTV_U/DTV_W, bSo = DTV_S/DTV_W; bFr compares Fridays with Mondays to Thursdays outside
    school holidays (to be verified before release). NaN where a day set is empty or without
    traffic.

    Examples
    --------
    >>> week = Days(tuple(date(2018, 6, 4) + timedelta(row) for row in range(7)),
    ...     np.array([10.0, 10, 10, 10, 11, 8, 5]), np.full(7, 24), np.full(7, 24))
    >>> factors = week_factors(week, Calendar(work_week="mon_fri"))
    >>> round(factors["bFr"], 3), round(factors["bSo"], 3)
    (1.1, 0.49)
    """
    workday = mean_daily_traffic(days, calendar, kind="workday").value
    holiday = mean_daily_traffic(days, calendar, kind="holiday_workday").value
    sunday = mean_daily_traffic(days, calendar, kind="sunday").value
    is_workday = np.array([calendar.kind(day) == "workday" for day in days.day], dtype=bool)
    weekday = np.array([day.weekday() for day in days.day], dtype=np.int64)
    friday = _mean_of(days, is_workday & (weekday == FRIDAY)).value
    others = _mean_of(days, is_workday & (weekday < FRIDAY)).value
    return MappingProxyType(
        {
            "fer": _quotient(holiday, workday),
            "bSo": _quotient(sunday, workday),
            "bFr": _quotient(friday, others),
        }
    )


def _quotient(value: float, reference: float) -> float:
    """Share of a reference; NaN where there is no traffic to compare with."""
    return value / reference if reference > 0.0 else float("nan")


def travel_time_index(time_s: Values, t0_s: Values) -> Values:
    """(links,) Time over time on the empty link; 1 where a link takes no time.

    Examples
    --------
    >>> travel_time_index(np.array([90.0, 0.0]), np.array([60.0, 0.0]))
    array([1.5, 1. ])
    """
    safe = np.where(t0_s > 0, t0_s, 1.0)
    return np.where(t0_s > 0, time_s / safe, 1.0)


def delay_veh_h_h(time_s: Values, t0_s: Values, flow_vehh: Values) -> float:
    """Vehicle-hours lost in an hour, (t - t0) x over all links.

    Examples
    --------
    >>> delay_veh_h_h(np.array([90.0]), np.array([60.0]), np.array([1200.0]))
    10.0
    """
    return float(np.sum((time_s - t0_s) * flow_vehh) / 3600.0)


def reliability(times_s: Values) -> float:
    """95th percentile over median of measured travel times; NaN without any or if the median is 0.

    Examples
    --------
    >>> reliability(np.full(10, 300.0))
    1.0
    """
    valid = times_s[np.isfinite(times_s)]
    if not len(valid):
        return float("nan")
    return _quotient(float(np.percentile(valid, 95)), float(np.median(valid)))


def coverage(values: Values) -> float:
    """Share of intervals that hold a value; 0 for none at all.

    Examples
    --------
    >>> coverage(np.array([1.0, np.nan, 3.0, 4.0]))
    0.75
    """
    return float(np.isfinite(values).mean()) if len(values) else 0.0
