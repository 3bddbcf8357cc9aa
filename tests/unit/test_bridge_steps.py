"""Analyses that look at the same bridge again and again, as the worker makes them."""

from datetime import timedelta

import numpy as np
from bridge_city import BRIDGE_ID, HOUR_US, START_US, Stepped
from fault_world import HOURS

from sensors.simulator.bridge_world.hourly import play
from sensors.simulator.bridge_world.truth import draw, loss
from simulations.bridges import frequencies
from simulations.bridges.recent import PERSISTENT, Recent, recent_of
from simulations.bridges.rounds import Rounds
from simulations.monitoring.watch import Judgement
from twin.model.finding_steps import StoredFinding
from twin.model.times import from_us

SEED = 3
FIRST_LOOK_H = HOURS - 240
SOUND_H = 48
FOUND_WITHIN_H = 48
"""Bridge specification: a loss of 1 % is found within two days."""


def looked(city: Stepped, hours: int) -> list[StoredFinding]:
    """Open findings after a look at what some hours more have brought; its worker is a new one."""
    city.hear(hours)
    assert Rounds(city.twin, [frequencies.ANALYSIS]).all_due() == 1
    return list(city.twin.bridges.findings(BRIDGE_ID))


def test_hourly_looks_find_a_later_loss_of_stiffness_and_nothing_before_it() -> None:
    onset_h = FIRST_LOOK_H + SOUND_H
    damage = loss(SEED, onset_h=onset_h, size=0.01)
    city = Stepped(
        play(draw(SEED), start_us=START_US, hours=HOURS, damages=(damage,)), heard_h=FIRST_LOOK_H
    )
    for _ in range(SOUND_H):
        assert not looked(city, 1)
    found: list[StoredFinding] = []
    while not found and city.heard_h < onset_h + FOUND_WITHIN_H:
        found = looked(city, 1)
    (first,) = found
    assert first.finding.at > from_us(START_US + onset_h * HOUR_US)
    (later,) = looked(city, HOURS - city.heard_h)
    assert later.id == first.id
    assert later.finding.cause == "structure"
    lasting = [
        item.value
        for item in later.finding.reasons
        if item.statement.key == "reason.lasting" and item.value is not None
    ]
    days = (later.finding.at - first.finding.at) / timedelta(days=1)
    assert days <= lasting[0] <= days + 1.0


def judgement(hour: int, t2: float) -> Judgement:
    residual = np.array([-1.0, np.nan])
    return Judgement(hour * HOUR_US, t2, 10.0, np.array([t2, 0.0]), residual, residual)


def test_alarms_add_up_over_looks_and_a_restart_and_expire_after_two_days() -> None:
    recent = Recent()
    for hour in range(PERSISTENT):
        assert not recent.is_persistent
        kept = recent.after([judgement(hour, 20.0)]).record(asset_id="B1", name="recent")
        recent = recent_of(kept)
    assert recent.is_persistent
    assert recent.lasted_us == (PERSISTENT - 1) * HOUR_US
    assert recent.mean_residual.tolist() == [-1.0, 0.0]
    quiet = recent.after([judgement(hour, float("nan")) for hour in range(PERSISTENT, 46)])
    again = quiet.after([judgement(46, 20.0)])
    assert again.last_alarm.since_us == 0
    late = again.after([judgement(hour, 5.0) for hour in range(47, 100)])
    assert not late.is_persistent
    assert late.after([judgement(100, 20.0)]).lasted_us == 0


def test_a_damaged_history_begins_anew() -> None:
    kept = Recent().after([judgement(1, 20.0)]).record(asset_id="B1", name="recent")
    assert recent_of(None) == Recent()
    assert recent_of(type(kept)("recent", "B1", 1, kept.position_us, b"[{}]")) == Recent()
