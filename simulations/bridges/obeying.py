"""Whether the restrictions of a bridge are kept: crossings and counts against what is in force."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from simulations.bridges.classcounts import class_obedience
from simulations.bridges.crossings import is_concerned as is_weighed
from simulations.bridges.inputs import Bridge, Floats
from simulations.bridges.rounds import Analysis, Found
from simulations.bridges.strainsite import CALIBRATION_SD, registered
from simulations.measures.beforeafter import Days, Ratio, odds_ratio, rate_ratio
from simulations.measures.obedience import LEAST_VEHICLES, LEVEL, TOLERATED, Share, share_above
from twin.model.bridge import Restriction, in_force
from twin.model.findings import Phrase
from twin.model.monitoring import AnalysisOutcome, BridgeEvent
from twin.model.obedience import CANNOT_BE_TOLD, NAME, RestrictionObedience, record_of
from twin.model.times import to_us

VERSION = "1"
EVERY = timedelta(hours=6)
LOOKED_AT = timedelta(days=28)
"""The last time, for which it is told whether a restriction is kept; at most since it began."""
COMPARED = timedelta(days=56)
"""Before and after its beginning."""
LOCAL = ZoneInfo("Europe/Berlin")
"""Signs of the StVO mean German legal time."""
SPEED, CLOSED, GROSS = "2", "3", "5"
KMH_PER_MS = 3.6
NO_MEASUREMENT = {
    "4": "obedience.no_axles",
    "9": "obedience.no_lane",
    "11": "obedience.no_lane",
}
"""Kinds of restrictions that no crossing can tell of, and why."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Vehicles whose mass or speed was measured, in the hours of a restriction.

    Parameters
    ----------
    at
        Local times.
    value, sd : (n,)
        In the unit of the restriction; own error of each.
    common_sd
        Error that all share, as a share.
    left_out
        Vehicles whose measurement is in doubt.
    """

    at: tuple[datetime, ...]
    value: Floats
    sd: Floats
    common_sd: float
    left_out: int

    def between(self, start: date, end: date) -> "Measured":
        """Those of the days from a start to before an end."""
        return self._taken([start <= at.date() < end for at in self.at])

    def kinds(self) -> set[str]:
        """Kinds of the days with a vehicle."""
        return {_kind_of_day(day) for day in {at.date() for at in self.at}}

    def of_kinds(self, kinds: Collection[str]) -> "Measured":
        """Those of some kinds of days."""
        return self._taken([_kind_of_day(at.date()) in kinds for at in self.at])

    def _taken(self, is_taken: Sequence[bool]) -> "Measured":
        rows = np.flatnonzero(np.array(is_taken, np.bool_))
        at = tuple(self.at[row] for row in rows.tolist())
        return replace(self, at=at, value=self.value[rows], sd=self.sd[rows])

    def share(self, limit: float) -> Share:
        """Share above a limit."""
        return share_above(self.value, self.sd, limit=limit, common_sd=self.common_sd)


def is_concerned(bridge: Bridge) -> bool:
    """Whether vehicles are weighed."""
    return is_weighed(bridge)


def look(bridge: Bridge) -> Found:
    """How every restriction in force is kept, as a state of the bridge."""
    rows = restrictions_obeyed(bridge)
    record = record_of(rows, asset_id=bridge.asset.id, at=bridge.now)
    return Found(AnalysisOutcome(states=(record,)))


def restrictions_obeyed(
    bridge: Bridge, *, tolerated: float = TOLERATED
) -> tuple[RestrictionObedience, ...]:
    """Every restriction in force with its verdict, or the reason why there is none.

    Parameters
    ----------
    bridge
    tolerated
        Share of violations up to which a restriction counts as kept.
    """
    today = bridge.now.astimezone(LOCAL).date()
    records = [
        item.record
        for item in bridge.twin.bridges.book.records(bridge.asset.id, "restriction")
        if isinstance(item.record.content, Restriction)
    ]
    held = [
        (record.part, content)
        for record in records
        if isinstance(content := record.content, Restriction) and in_force(content, today)
    ]
    weighed = [content for _, content in held if content.kind in (SPEED, GROSS)]
    events = _events(bridge, weighed) if weighed else ()
    return tuple(
        _obeyed(bridge, part, content, events, tolerated=tolerated) for part, content in held
    )


def _events(bridge: Bridge, held: Sequence[Restriction]) -> tuple[BridgeEvent, ...]:
    start = min(
        (_midnight(one.valid_from) - COMPARED for one in held if one.valid_from),
        default=bridge.now - LOOKED_AT,
    )
    return tuple(bridge.events("crossing", start=min(start, bridge.now - LOOKED_AT)))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), LOCAL)


def _obeyed(
    bridge: Bridge, part: str, held: Restriction, events: Sequence[BridgeEvent], *,
    tolerated: float,
) -> RestrictionObedience:  # fmt: skip
    if held.kind == CLOSED:
        return class_obedience(bridge, part, held, tolerated=tolerated)
    reason = _untold(held, events)
    if reason is not None:
        return RestrictionObedience(
            part, held.kind, held.value, held.unit, CANNOT_BE_TOLD, (reason,)
        )
    measured = _measured(bridge, held, events)
    today = bridge.now.astimezone(LOCAL).date()
    since = max(held.valid_from or date.min, today - LOOKED_AT)
    recent = measured.between(since, today + timedelta(days=1))
    limit = held.value or math.nan
    share = recent.share(limit)
    told = _told(held, share, tolerated=tolerated)
    effect, words = _effect(held, measured, today=today)
    return RestrictionObedience(
        part=part,
        kind=held.kind,
        value=held.value,
        unit=held.unit,
        verdict=share.verdict(tolerated),
        phrases=(told, *words),
        share=_number(share.value),
        low=share.low,
        high=share.high,
        vehicles=share.vehicles,
        measured_above=share.measured_above,
        first_us=to_us(recent.at[-1]) if recent.at else 0,
        until_us=to_us(recent.at[0]) if recent.at else 0,
        effect_verdict=effect.verdict,
        effect=_number(effect.value),
        effect_low=effect.low if math.isfinite(effect.value) else None,
        effect_high=_number(effect.high) if math.isfinite(effect.value) else None,
        days_before=effect.days_before,
        days_after=effect.days_after,
        remarks=_remarks(held, measured),
    )


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _untold(held: Restriction, events: Sequence[BridgeEvent]) -> Phrase | None:
    """Why it cannot be told whether a restriction is kept; None if it can be looked at."""
    has_speeds = any("speed_sd_ms" in event.figures for event in events)
    reasons = (
        (held.kind in NO_MEASUREMENT, NO_MEASUREMENT.get(held.kind, "")),
        (held.kind not in (SPEED, GROSS), "obedience.not_measured"),
        (held.value is None or held.value <= 0.0, "obedience.no_value"),
        (bool(held.links), "obedience.some_links"),
        (not events, "obedience.nothing_weighed"),
        (held.kind == SPEED and not has_speeds, "obedience.no_speed_error"),
    )
    return next((Phrase(key) for is_so, key in reasons if is_so), None)


def _measured(bridge: Bridge, held: Restriction, events: Sequence[BridgeEvent]) -> Measured:
    """The newest first; speeds share no error, masses that of the calibration."""
    sure = [one for one in events if "multiple_presence" not in one.flags]
    local = [(one, one.at.astimezone(LOCAL)) for one in sure]
    used = [(one, at) for one, at in local if _applies(held, at)]
    common_sd = 0.0
    if held.kind == SPEED:
        used = [pair for pair in used if "speed_sd_ms" in pair[0].figures]
        value = [KMH_PER_MS * abs(one.figures["speed_ms"]) for one, _ in used]
        sd = [KMH_PER_MS * one.figures["speed_sd_ms"] for one, _ in used]
    else:
        needed = {"gross_t", "gross_sd_t"}
        used = [pair for pair in used if needed <= set(pair[0].figures)]
        value = [one.figures["gross_t"] for one, _ in used]
        common_sd = _calibration_sd(bridge)
        sd = [
            math.sqrt(max(one.figures["gross_sd_t"] ** 2 - (common_sd * mass) ** 2, 0.0))
            for (one, _), mass in zip(used, value, strict=True)
        ]
    columns = np.array(value, np.float64), np.array(sd, np.float64)
    sound = np.isfinite(columns[0]) & (columns[0] > 0.0) & np.isfinite(columns[1])
    at = tuple(pair[1] for pair, is_sound in zip(used, sound.tolist(), strict=True) if is_sound)
    return Measured(at, columns[0][sound], columns[1][sound], common_sd, len(events) - len(sure))


def _calibration_sd(bridge: Bridge) -> float:
    """Standard deviation of the calibration of the site, as a share; 0 where none is recorded."""
    known = registered(bridge)
    if known is not None:
        return known.sd
    stated = bridge.asset.attribute(CALIBRATION_SD)
    try:
        share = 0.0 if stated is None else float(stated.value) / 100.0
    except ValueError:
        return 0.0
    return share if 0.0 < share < 1.0 else 0.0


def _applies(held: Restriction, at: datetime) -> bool:
    """Whether a restriction holds at a local time of a day."""
    if not (held.daily_from and held.daily_until):
        return True
    start, end = time.fromisoformat(held.daily_from), time.fromisoformat(held.daily_until)
    now = at.time()
    return start <= now < end if start <= end else now >= start or now < end


def _told(held: Restriction, share: Share, *, tolerated: float) -> Phrase:
    verdict = share.verdict(tolerated)
    values: dict[str, float | str] = {
        "limit": held.value or 0.0,
        "unit": held.unit,
        "vehicles": float(share.vehicles),
    }
    if verdict == "not_enough_data":
        return Phrase("obedience.few", values | {"least": float(LEAST_VEHICLES)})
    shown = (share.value, share.low, share.high, share.measured_above / share.vehicles, tolerated)
    names = ("share", "low", "high", "measured", "tolerated")
    percent = {name: 100.0 * value for name, value in zip(names, shown, strict=True)}
    return Phrase(f"obedience.{verdict}", values | percent)


def _effect(
    held: Restriction, measured: Measured, *, today: date
) -> tuple[Ratio, tuple[Phrase, ...]]:
    """Before against after, and its sentence; nothing is said where the beginning is unknown."""
    none = Ratio(math.nan, 0.0, math.inf, 0, 0, math.nan, is_controlled=True)
    began = held.valid_from
    if began is None:
        return none, (Phrase("obedience.no_beginning"),)
    before = measured.between(began - COMPARED, began)
    after = measured.between(began, min(began + COMPARED, today))
    both = before.kinds() & after.kinds()
    if not both:
        return none, (Phrase("obedience.few_days", {"before": 0.0, "after": 0.0}),)
    before, after = before.of_kinds(both), after.of_kinds(both)
    limit = held.value or math.nan
    plain = rate_ratio(_days(limit, before, after))
    found = odds_ratio(before.share(limit), after.share(limit), plain)
    counted = {"before": float(found.days_before), "after": float(found.days_after)}
    if found.verdict == "not_enough_data":
        return found, (Phrase("obedience.few_days", counted),)
    values: dict[str, float | str] = {
        "ratio": found.value,
        "low": found.low,
        "high": found.high if math.isfinite(found.high) else "-",
        **counted,
    }
    return found, (Phrase(f"obedience.effect_{found.verdict}", values),)


def _days(limit: float, before: Measured, after: Measured) -> Days:
    """Measured above and below the limit by day: whatever changes both cancels."""
    rows: dict[tuple[date, bool], list[float]] = {}
    for side, is_after in ((before, False), (after, True)):
        for at, value in zip(side.at, side.value.tolist(), strict=True):
            rows.setdefault((at.date(), is_after), [0.0, 0.0])[int(value <= limit)] += 1.0
    order = sorted(rows)
    above, below = np.array([rows[key] for key in order]).T
    return Days(
        count=above,
        hours=np.full(len(order), 24.0),
        kinds=[_kind_of_day(day) for day, _ in order],
        is_after=np.array([is_after for _, is_after in order]),
        control=below,
    )


def _kind_of_day(day: date) -> str:
    return {5: "saturday", 6: "sunday"}.get(day.weekday(), "workday")


def _remarks(held: Restriction, measured: Measured) -> tuple[Phrase, ...]:
    found = [
        Phrase("obedience.remark_method", {"level": 100.0 * LEVEL}),
        Phrase("obedience.remark_days"),
    ]
    if measured.left_out:
        found.append(Phrase("obedience.remark_left_out", {"count": float(measured.left_out)}))
    if measured.common_sd:
        percent = 100.0 * measured.common_sd
        found.append(Phrase("obedience.remark_calibration", {"percent": percent}))
    elif held.kind == GROSS:
        found.append(Phrase("obedience.remark_no_calibration"))
    if held.remark or held.vehicle_group:
        exempt = held.remark or held.vehicle_group
        found.append(Phrase("obedience.remark_exempt", {"remark": exempt}))
    return tuple(found)


ANALYSIS = Analysis(NAME, VERSION, EVERY, is_concerned, look)
