"""What a trend has learned so far, why it still learns, and until when. Pure.

Dates are the earliest ones that follow from the rules of learning; they say on what they depend.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from simulations.bridges.inputs import HOUR_US, Floats, Ints
from simulations.bridges.retraining import GROWN, YEAR_US
from simulations.monitoring.channels import Channels
from simulations.monitoring.compensate import TrainingRules
from simulations.monitoring.compensation import Compensation
from simulations.monitoring.lags import lagged
from simulations.monitoring.trend import daily_means
from twin.model.findings import Phrase
from twin.model.monitoring import TrainedModel
from twin.model.times import from_us

DAY_US = 24 * HOUR_US
RULES = TrainingRules()


def before_first(
    channels: Channels, *, now: datetime, kept_back_d: int, rules: TrainingRules = RULES
) -> tuple[Phrase, ...]:
    """When a first model can be trained: hours, cold season and the newest days kept back.

    Parameters
    ----------
    channels
        One channel with its temperature, in hours.
    kept_back_d
        Newest days that are not learned [d].
    """
    average = lagged(channels.time_us, channels.usable_temperature_c, lags_h=rules.lags_h)
    usable = np.isfinite(average).all(axis=1) & np.isfinite(channels.value[:, 0])
    cold = usable & (channels.usable_temperature_c < rules.cold_below_c)
    hours = _reached(channels.time_us, usable, rules.least_hours)
    lacking = float(rules.least_hours - np.count_nonzero(usable))
    kept_back = timedelta(days=kept_back_d)
    from_hours = hours or now + timedelta(hours=lacking)
    found = [
        Phrase(
            "learning.first",
            {
                "hours": float(np.count_nonzero(usable)),
                "least": rules.least_hours,
                "kept": float(kept_back_d),
                "day": _day(max(now, from_hours + kept_back)),
            },
        )
    ]
    frost = _reached(channels.time_us, cold, rules.least_cold_hours)
    values: dict[str, float | str] = {
        "hours": float(np.count_nonzero(cold)),
        "least": rules.least_cold_hours,
        "below": rules.cold_below_c,
    }
    if frost is None:
        found.append(Phrase("learning.no_winter", values | {"kept": float(kept_back_d)}))
    elif frost + kept_back > now:
        found.append(Phrase("learning.winter", values | {"day": _day(frost + kept_back)}))
    return tuple(found)


def since_first(
    channels: Channels,
    inside: NDArray[np.bool_],
    known: tuple[TrainedModel, Compensation],
    last: TrainedModel,
    *,
    now: datetime,
    kept_back_d: int,
    window_d: int,
    reach_d: int,
) -> Iterator[Phrase]:
    """What a registered model knows, how much of the window lies within it, and what comes when.

    Parameters
    ----------
    channels
        One channel with its temperature, in hours.
    inside : (n,)
        Whether the lagged temperatures of the hour lie within what the model knows.
    known
        Entry of the register that judges now, and its model.
    last
        The version that was trained last; the same, or the one that judges from the next look on.
    window_d, reach_d
        Days with values that a judgement needs, and how far back they may lie [d].
    """
    entry, model = known
    yield Phrase(
        "learning.known",
        {
            "start": _day(entry.trained_from),
            "end": _day(entry.trained_until),
            "least": float(model.least.max()),
            "most": float(model.most.min()),
        },
    )
    value = np.where(inside, channels.value[:, 0], np.nan)
    days, _ = daily_means(channels.time_us, value)
    ago = int(channels.time_us[-1]) // DAY_US - days
    there = int(np.count_nonzero(ago <= reach_d))
    wait_d = days_until(ago, window_d=window_d, reach_d=reach_d)
    yield Phrase(
        "learning.window",
        {
            "days": float(there),
            "needed": float(window_d),
            "reach": float(reach_d),
            "day": _day(now + timedelta(days=wait_d)),
        },
    )
    if last.trained_until - last.trained_from >= timedelta(microseconds=YEAR_US):
        yield Phrase("learning.year")
        return
    grows = max(last.trained_until + timedelta(days=kept_back_d), last.trained_at) + GROWN
    yield Phrase(
        "learning.grows",
        {
            "day": _day(max(now, grows)),
            "until": _day(max(now, grows) - timedelta(days=kept_back_d)),
            "kept": float(kept_back_d),
        },
    )


def days_until(ago: Ints | Floats, *, window_d: int, reach_d: int) -> int:
    """Days until a window is full if every coming day counts; old days leave its reach meanwhile.

    Parameters
    ----------
    ago : (n,)
        How many days ago the days that count were.

    Examples
    --------
    >>> days_until(np.arange(40), window_d=70, reach_d=84)
    30
    >>> days_until(np.arange(50, 85), window_d=70, reach_d=84)
    70
    """
    for wait in range(window_d + 1):
        if wait + int(np.count_nonzero(ago + wait <= reach_d)) >= window_d:
            return wait
    return window_d


def _reached(time_us: Ints, counts: NDArray[np.bool_], least: float) -> datetime | None:
    """When so many hours had come together; None if they have not yet."""
    total: Floats = np.cumsum(counts, dtype=np.float64)
    rows = np.flatnonzero(total >= least)
    return from_us(int(time_us[rows[0]])) if len(rows) else None


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"
