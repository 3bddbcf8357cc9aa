"""The watch over compensated channels: what it says, what it keeps, when it is silent."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from bridge_trial import TRAINED, channels, judged
from bridge_worlds import HOUR_US, modal_world

from simulations.monitoring.channels import Channels
from simulations.monitoring.compensate import TrainingRules, train
from simulations.monitoring.compensation import Compensation, restored
from simulations.monitoring.watch import Watch, opened
from twin.errors import InsufficientData, ModelError
from twin.model.times import from_us, to_us

START = TRAINED - 96
NOW = datetime(2026, 11, 22, tzinfo=UTC)
QUICK = TrainingRules(runs=20)


@pytest.fixture(scope="module")
def seen() -> Channels:
    return channels(modal_world(0, drop=0.01))


@pytest.fixture(scope="module")
def model(seen: Channels) -> Compensation:
    return train(seen.between(0, TRAINED), rules=QUICK)


def begun(model: Compensation, seen: Channels, *, hours: int = 120) -> tuple[Watch, int]:
    watch = Watch(model)
    watch.run(seen.between(START, START + hours))
    return watch, START + hours


def test_shares_of_the_modes_sum_to_t2(model, seen) -> None:
    found = judged(model, seen)
    armed = [row for row in found.rows if row.is_armed]
    assert len(armed) > 3000
    assert all(np.isclose(row.share.sum(), row.t2, rtol=1e-12) for row in armed)
    assert found.is_alarm.any()


def test_a_watch_goes_on_after_a_restart_as_if_nothing_had_happened(model, seen) -> None:
    whole = Watch(model).run(seen.between(START, START + 1500))
    cut = Watch(model)
    first = cut.run(seen.between(START, START + 700))
    kept = cut.record(asset_id="B09", name="compensation.1")
    assert kept.position_us == seen.time_us[START + 699]
    second = Watch(restored(model.content()), state=kept.content).run(
        seen.between(START + 700, START + 1500)
    )
    assert np.array_equal(np.append(first.t2, second.t2), whole.t2, equal_nan=True)


def test_a_missing_mode_keeps_its_average_and_leaves_after_a_day(model, seen) -> None:
    watch, row = begun(model, seen)
    absent = []
    for hour in range(30):
        value = seen.value[row + hour].copy()
        value[1] = np.nan
        one = watch.step(
            int(seen.time_us[row + hour]),
            value,
            temperature_c=float(seen.temperature_c[row + hour]),
        )
        absent.append((one.absent, one.share[1]))
    assert absent[20][0] == ()
    assert absent[20][1] != 0.0
    assert absent[29] == (("mode_2",), 0.0)


def test_averages_stand_still_while_not_armed(model, seen) -> None:
    watch, row = begun(model, seen)
    before = watch._state.average.copy()
    for hour in range(5):
        one = watch.step(int(seen.time_us[row + hour]), seen.value[row + hour] * 0.9)
        assert [reason.key for reason in one.not_armed] == ["temperature_missing"]
        assert np.isnan(one.t2)
        assert not one.is_alarm
    assert np.array_equal(watch._state.average, before)
    assert watch.not_armed_share > 0.0


def test_doubtful_frozen_and_missing_temperatures_disarm(model, seen) -> None:
    watch, row = begun(model, seen)
    flagged = watch.step(
        int(seen.time_us[row]), seen.value[row], temperature_c=9.0, is_doubtful=True
    )
    assert flagged.not_armed[0].key == "temperature_doubtful"
    keys = [
        {
            reason.key
            for reason in watch.step(
                int(seen.time_us[row + hour]), seen.value[row + hour], temperature_c=9.0
            ).not_armed
        }
        for hour in range(1, 30)
    ]
    assert "temperature_frozen" not in keys[10]
    assert "temperature_frozen" in keys[-1]


def test_after_a_long_gap_the_lags_settle_first(model, seen) -> None:
    watch, row = begun(model, seen)
    later = row + 48
    one = watch.step(
        int(seen.time_us[later]), seen.value[later], temperature_c=float(seen.temperature_c[later])
    )
    assert "temperature_settling" in {reason.key for reason in one.not_armed}


def test_frozen_channels_count_as_missing_and_one_channel_is_too_few(model, seen) -> None:
    watch, row = begun(model, seen)
    stuck = seen.value[row].copy()
    stuck[:] = np.where(np.isfinite(stuck), stuck, 3.0)
    for hour in range(60):
        value = stuck.copy()
        value[0] = stuck[0] * (1.0 + 1e-5 * hour)
        one = watch.step(
            int(seen.time_us[row + hour]),
            value,
            temperature_c=float(seen.temperature_c[row + hour]),
        )
    reason = next(reason for reason in one.not_armed if reason.key == "too_few_channels")
    assert (reason.value, reason.least) == (1.0, 2.0)


def test_clocks_in_doubt_disarm_for_a_day(model, seen) -> None:
    watch, row = begun(model, seen)
    time, value, air = int(seen.time_us[row]), seen.value[row], float(seen.temperature_c[row])

    def keys(time_us: int, received_us: int | None = None) -> list[str]:
        one = watch.step(time_us, value, temperature_c=air, received_us=received_us)
        return [reason.key for reason in one.not_armed]

    assert keys(time, received_us=time + HOUR_US // 60) == []
    assert keys(time - HOUR_US) == ["clock_steps_back"]
    assert keys(time + HOUR_US)[0] == "clock_doubted"
    assert keys(time + 8 * HOUR_US, received_us=time + 2 * HOUR_US) == ["clock_ahead"]
    assert keys(time + 3 * HOUR_US, received_us=time + 99 * HOUR_US) == ["clock_behind"]
    assert watch.position_us == time + HOUR_US


def test_exchanged_days_and_months_are_named(model, seen) -> None:
    watch, _ = begun(model, seen)
    right = datetime(2025, 8, 5, 3, tzinfo=UTC)
    one = watch.step(
        to_us(right.replace(month=5, day=8)),
        seen.value[0],
        temperature_c=9.0,
        received_us=to_us(right),
    )
    assert one.not_armed[0].key == "day_month_exchanged"
    swapped = seen.time_us.copy()
    for row in range(TRAINED):
        time = from_us(int(swapped[row]))
        if time.day <= 12:
            swapped[row] = to_us(time.replace(month=time.day, day=time.month))
    with pytest.raises(InsufficientData, match="day and month seem exchanged"):
        train(replace(seen, time_us=swapped).between(0, TRAINED), rules=QUICK)


def test_short_and_summer_trainings_are_refused_with_all_reasons(seen) -> None:
    with pytest.raises(InsufficientData, match="valid hours, needed are 2000"):
        train(seen.between(0, 1500), rules=QUICK)
    with pytest.raises(InsufficientData, match="0 hours below 2 Cel, needed are 200"):
        train(seen.between(130 * 24, 250 * 24), rules=QUICK)
    with pytest.raises(InsufficientData, match=r"2000; 0 hours below 2 Cel"):
        train(seen.between(150 * 24, 170 * 24), rules=QUICK)
    silent = seen.value.copy()
    silent[:, 2] = np.nan
    with pytest.raises(InsufficientData, match="quarter of the rows of mode_3"):
        train(replace(seen, value=silent).between(0, TRAINED), rules=QUICK)
    doubtful = replace(seen, is_doubtful=np.ones(len(seen), np.bool_))
    with pytest.raises(InsufficientData, match="without a temperature needed are 300"):
        train(doubtful.between(0, TRAINED), rules=QUICK)
    fast = replace(seen, time_us=seen.time_us[0] + np.arange(len(seen)) * 1_000_000)
    with pytest.raises(ModelError, match="give means of hours"):
        train(fast.between(0, TRAINED), rules=QUICK)
    still = replace(seen, value=np.full_like(seen.value, 3.0))
    with pytest.raises(ModelError, match="stuck"):
        train(still.between(0, TRAINED), rules=QUICK)


def test_with_an_empty_register_there_is_no_output(model, seen) -> None:
    assert opened((), (), asset_id="B09", name="compensation") is None
    entries = [
        model.entry(asset_id="B09", name="compensation", version=n, owner="bridges", trained_at=NOW)
        for n in (1, 2)
    ]
    assert entries[0].metric[0] == "least_explained_share"
    assert entries[0].metric[2] >= 2000
    assert set(entries[0].valid) == {f"temperature_lag_{lag}h_c" for lag in (3, 6, 12, 24)}
    first = opened(entries, (), asset_id="B09", name="compensation")
    assert first is not None
    first.run(seen.between(START, TRAINED))
    state = first.record(asset_id="B09", name="compensation.2")
    again = opened(entries, (state,), asset_id="B09", name="compensation")
    assert again is not None
    assert again.position_us == first.position_us
    assert opened(entries, (state,), asset_id="B10", name="compensation") is None


def test_damaged_and_foreign_contents_are_refused(model) -> None:
    with pytest.raises(ModelError, match="damaged"):
        restored(model.content()[:-5])
    with pytest.raises(ModelError, match="expected compensated_watch"):
        Watch(model, state=model.content())
    other = Watch(replace(model, names=("a", "b", "c", "d"))).record(asset_id="B09", name="x")
    with pytest.raises(ModelError, match="start the watch anew"):
        Watch(model, state=other.content)


def test_without_temperature_the_first_component_stands_in() -> None:
    world = modal_world(1, drop=0.02, hours=8760)
    early = channels(world)
    blind = replace(early, temperature_c=np.full(len(early), np.nan))
    model = train(
        blind.between(0, 239 * 24), rules=TrainingRules(runs=20, least_days_without_temperature=200)
    )
    assert model.kind == "component"
    assert model.driver_names == ("component_score",)
    found = Watch(restored(model.content())).run(blind.between(239 * 24, 8760))
    hour = world.damage_hour - 239 * 24
    assert not found.is_alarm[:hour].any()
    assert found.is_alarm[hour : hour + 10 * 24].any()
