"""The acceptance experiment of the specification (section 9) over many made-up bridges."""

from dataclasses import dataclass, replace

import numpy as np
from bridge_worlds import TRAINING_DAYS, Damage, ModalWorld, modal_world
from numpy.typing import NDArray

from simulations.monitoring.channels import Channels
from simulations.monitoring.compensate import TrainingRules, train
from simulations.monitoring.compensation import Compensation
from simulations.monitoring.watch import Judgements, Watch

TRAINED = TRAINING_DAYS * 24
WARM_UP = 96
NAMES = ("mode_1", "mode_2", "mode_3", "mode_4")
RAW = TrainingRules(ridges=(1e15,), least_channels=1, false_alarms_per_year=0.25, runs=50)
LINEAR = TrainingRules(
    lags_h=(0.001,),
    knots_c=(),
    ridges=(1e-6,),
    least_channels=1,
    false_alarms_per_year=0.25,
    runs=50,
)


@dataclass(frozen=True)
class Trial:
    """One world, judged: hours by kind, the delay of the first alarm, who contributed most."""

    armed: int
    not_armed: int
    false: int
    false_alarms: int
    delay_d: float
    is_leading_top: bool


def channels(world: ModalWorld) -> Channels:
    """The world as the programme sees it."""
    return Channels(NAMES, world.time_us, world.frequency_hz, world.air_c)


def judged(model: Compensation, seen: Channels) -> Judgements:
    """The rows after the training; the averages settle in the last days of it."""
    rows = Watch(model).run(seen.between(TRAINED - WARM_UP, len(seen))).rows
    return Judgements(rows[WARM_UP:])


def trial(seed: int, *, drop: float, damage: Damage = "one") -> Trial:
    """Train on the first 200 days of a world, then watch."""
    world = modal_world(seed, drop=drop, damage=damage)
    seen = channels(world)
    found = judged(train(seen.between(0, TRAINED)), seen)
    return scored(found, world, is_damaged=drop > 0.0)


def scored(found: Judgements, world: ModalWorld, *, is_damaged: bool) -> Trial:
    """Hours and delay of one watched world."""
    start = world.damage_hour - TRAINED if is_damaged else len(found)
    after = np.flatnonzero(found.is_alarm[start:])
    before = found.is_alarm[:start]
    first = found.rows[start + after[0]] if len(after) else None
    return Trial(
        armed=int(found.is_armed[:start].sum()),
        not_armed=int((~found.is_armed).sum()),
        false=int(before.sum()),
        false_alarms=episodes(before),
        delay_d=float(after[0]) / 24 if len(after) else np.inf,
        is_leading_top=first is not None and int(np.argmax(first.share)) == world.leading,
    )


def episodes(is_alarm: NDArray[np.bool_]) -> int:
    """Alarms that begin after a day without one."""
    hours = np.flatnonzero(is_alarm)
    return int(len(hours) > 0) + int(np.count_nonzero(np.diff(hours) > 24))


def per_mode_delay_d(seed: int, rules: TrainingRules, *, drop: float, damage: Damage) -> float:
    """Delay of the first alarm when every mode has a chart of its own, same chart and limit rule.

    The four charts share the stated rate. An alarm that stands since before the damage says nothing
    of it: what counts is the first that begins after a day without one.
    """
    world = modal_world(seed, drop=drop, damage=damage)
    start = world.damage_hour - TRAINED
    delays = [np.inf]
    for mode in range(len(NAMES)):
        seen = replace(
            channels(world), names=(NAMES[mode],), value=world.frequency_hz[:, [mode]].copy()
        )
        alarms = judged(train(seen.between(0, TRAINED), rules=rules), seen).is_alarm
        hours = np.flatnonzero(alarms)
        begins = hours[np.diff(hours, prepend=-25) > 24]
        delays += [float(hour - start) / 24 for hour in begins[begins >= start][:1]]
    return min(delays)
