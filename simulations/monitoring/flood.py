"""Rules for high water and scour: a gauge above its limit, a bed below its reference.

What comes out is a proposal with the level, the limit and its source; a person closes a bridge.
"""

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from simulations.monitoring.contents import packed, unpacked
from twin.errors import ModelError, NotAvailable
from twin.model.monitoring import StateRecord
from twin.model.tables import rows

KIND = "gauge_watch"
FORMAT_VERSION = 1
HOUR_US = 3_600_000_000

GaugeState = Literal["below", "above", "falling", "blind"]
ScourState = Literal["ok", "warning", "alarm", "unknown"]


@dataclass(frozen=True, slots=True)
class GaugeRule:
    """Level above which an asset is to be closed, and when it may be opened again.

    Parameters
    ----------
    key
        Name of the rule.
    gauge
        Gauge whose level counts, as the water authority names it; zero is that of the gauge.
    close_above_m
        Closure is proposed above it [m].
    open_below_m, open_after_h
        The proposal ends after so many hours below that level [m, h].
    blind_after_h
        Without a sound level for so long the rule says that it is blind [h].
    source
        Where the limit comes from.
    is_verified
        Whether it was checked against a notice of the owner.
    """

    key: str
    gauge: str
    close_above_m: float
    open_below_m: float
    open_after_h: float
    blind_after_h: float
    source: str
    is_verified: bool

    def __post_init__(self) -> None:
        if not self.open_below_m < self.close_above_m:
            raise ModelError(
                f"rule '{self.key}': the level for opening, {self.open_below_m:g} m, has to lie "
                f"below the one for closing, {self.close_above_m:g} m"
            )


def gauge_rule(key: str) -> GaugeRule:
    """Rule of the table ``gauge_rules.csv``.

    Raises
    ------
    NotAvailable
        If the table has no such rule.

    Examples
    --------
    >>> gauge_rule("loschwitzer_bruecke").close_above_m
    7.1
    """
    for row in rows("gauge_rules"):
        if row["key"] == key:
            return GaugeRule(
                key=key,
                gauge=row["gauge"],
                close_above_m=float(row["close_above_m"]),
                open_below_m=float(row["open_below_m"]),
                open_after_h=float(row["open_after_h"]),
                blind_after_h=float(row["blind_after_h"]),
                source=row["source"],
                is_verified=row["verified"] == "true",
            )
    known = ", ".join(row["key"] for row in rows("gauge_rules"))
    raise NotAvailable(f"there is no gauge rule '{key}'; the table holds {known}")


@dataclass(frozen=True, slots=True)
class GaugeJudgement:
    """What a gauge rule says now.

    ``above`` and ``falling`` propose the closure; ``falling`` is below the level for closing and
    not yet long enough below the one for opening. ``blind`` means no sound level.
    ``rise_m_per_h`` is NaN without two levels.
    """

    state: GaugeState
    since_us: int
    level_m: float
    rise_m_per_h: float
    proposes_closure: bool


@dataclass(slots=True)
class _Gauge:
    state: GaugeState = "blind"
    since_us: int = 0
    seen_us: int = 0
    level_m: float = float("nan")
    rise_m_per_h: float = float("nan")
    low_since_us: int = 0
    is_proposed: bool = False


class GaugeWatch:
    """A gauge rule at work on levels, one by one.

    A level with a mark of a sensor fault neither raises nor ends a proposal, and an older level
    than the newest is left out. Hours in which the rule was blind are no hours below a level.

    Examples
    --------
    >>> watch = GaugeWatch(gauge_rule("loschwitzer_bruecke"))
    >>> [watch.step(hour * HOUR_US, level).state for hour, level in ((1, 7.1), (2, 7.11), (3, 7.0))]
    ['below', 'above', 'falling']
    """

    def __init__(self, rule: GaugeRule, *, state: bytes | None = None) -> None:
        self.rule = rule
        self._gauge = _Gauge() if state is None else _resumed(state)

    def step(self, time_us: int, level_m: float, *, is_doubtful: bool = False) -> GaugeJudgement:
        """Judge a level [m above the zero of the gauge]; NaN is missing."""
        gauge, rule = self._gauge, self.rule
        if not gauge.since_us:
            gauge.since_us = time_us
        if np.isfinite(level_m) and not is_doubtful and time_us > gauge.seen_us:
            self._take(time_us, level_m)
        elif time_us - gauge.seen_us > rule.blind_after_h * HOUR_US:
            self._turn("blind", time_us)
        return GaugeJudgement(
            gauge.state, gauge.since_us, gauge.level_m, gauge.rise_m_per_h, gauge.is_proposed
        )

    def record(self, *, asset_id: str) -> StateRecord:
        """The state, to go on after a restart."""
        content = packed(KIND, format_version=FORMAT_VERSION, fields=asdict(self._gauge))
        name = f"gauge.{self.rule.key}"
        return StateRecord(name, asset_id, FORMAT_VERSION, self._gauge.seen_us, content)

    def _take(self, time_us: int, level_m: float) -> None:
        gauge, rule = self._gauge, self.rule
        hours = (time_us - gauge.seen_us) / HOUR_US
        gauge.rise_m_per_h = (level_m - gauge.level_m) / hours if gauge.seen_us else float("nan")
        was_blind = bool(gauge.seen_us) and hours > rule.blind_after_h
        gauge.seen_us, gauge.level_m = time_us, level_m
        if level_m >= rule.open_below_m:
            gauge.low_since_us = 0
        elif was_blind or not gauge.low_since_us:  # nobody knows what was between
            gauge.low_since_us = time_us
        if level_m > rule.close_above_m:
            gauge.is_proposed = True
        elif gauge.low_since_us and time_us - gauge.low_since_us >= rule.open_after_h * HOUR_US:
            gauge.is_proposed = False
        is_above = level_m > rule.close_above_m
        self._turn("above" if is_above else "falling" if gauge.is_proposed else "below", time_us)

    def _turn(self, state: GaugeState, time_us: int) -> None:
        if state != self._gauge.state:
            self._gauge.state, self._gauge.since_us = state, time_us


def _resumed(content: bytes) -> _Gauge:
    fields = unpacked(content, kind=KIND, format_version=FORMAT_VERSION)
    for name in ("level_m", "rise_m_per_h"):
        fields[name] = float("nan") if fields[name] is None else fields[name]
    return _Gauge(**fields)


@dataclass(frozen=True, slots=True)
class ScourRule:
    """Scour at one pier: limits from its recalculation, because none hold for every pier.

    Parameters
    ----------
    reference_m
        Level of the undisturbed bed [m NHN].
    warn_below_m, alarm_below_m
        Depth of scour below the reference [m].
    source
        Recalculation or expert report that states the limits.
    """

    reference_m: float
    warn_below_m: float
    alarm_below_m: float
    source: str

    def __post_init__(self) -> None:
        if not 0.0 < self.warn_below_m < self.alarm_below_m or not self.source:
            raise ModelError(
                "a scour rule needs 0 < warning depth < alarm depth and a source, got "
                f"{self.warn_below_m:g} m, {self.alarm_below_m:g} m, '{self.source}'"
            )


def scour(bed_m: float, rule: ScourRule, *, is_doubtful: bool = False) -> tuple[ScourState, float]:
    """State and depth of scour below the reference bed [m]; unknown without a sound sounding.

    Examples
    --------
    >>> scour(98.4, ScourRule(100.0, 1.0, 2.0, "recalculation of the pier"))
    ('warning', 1.6)
    """
    if is_doubtful or not np.isfinite(bed_m):
        return "unknown", float("nan")
    depth = round(rule.reference_m - bed_m, 6)
    if depth >= rule.alarm_below_m:
        return "alarm", depth
    return ("warning" if depth >= rule.warn_below_m else "ok"), depth
