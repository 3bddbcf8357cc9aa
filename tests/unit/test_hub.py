"""Channels and the hub: the newest state as bytes, and who gets which frame."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from town import START, Town

from dashboards.live.channels import (
    NEVER,
    NewestValues,
    encode_channels,
    quality_classes,
)
from dashboards.live.codec import Kind, changes, decode
from dashboards.live.features import read_features
from dashboards.live.frames import SEQUENCE_NUMBERS, ChannelFrames
from dashboards.live.hub import Hub
from dashboards.live.quantise import NO_VALUE
from twin.model.findings import MonitoringState
from twin.model.quality import Quality, QualityClass, quality_class
from twin.model.times import to_us


def encoded(city: Town):
    features = read_features(city.twin)
    newest = NewestValues(features.index.is_followed)
    newest.apply(city.twin.latest())
    channels = encode_channels(features.index, newest, now_us=to_us(city.clock()))
    return {name: values.tolist() for name, (values, _) in channels.items()}


def wait_until(condition, timeout_s=5.0):
    deadline = time.monotonic() + timeout_s
    event = threading.Event()
    while time.monotonic() < deadline:
        if condition():
            return True
        event.wait(0.01)
    return False


def test_a_road_direction_without_counter_has_no_value_and_never_reported():
    city = Town()
    city.record({"L1.ab-v": 50.0})
    channels = encoded(city)
    # L1/ab, L1/ba, L2/ab, L2/ba: 50 of 70 km/h is byte 181
    assert channels["roads.speed"] == [181, NO_VALUE, NO_VALUE, NO_VALUE]
    never = QualityClass.NEVER_REPORTED
    assert channels["roads.speed.q"] == [QualityClass.SIMULATED, never, never, never]


def test_a_value_turns_stale_after_three_intervals_although_nothing_arrives():
    city = Town()
    city.record({"L1.ab-v": 50.0})
    city.clock.move(45.0)
    assert encoded(city)["roads.speed"][0] == 181
    city.clock.move(0.1)
    assert encoded(city)["roads.speed"][0] == NO_VALUE
    assert encoded(city)["roads.speed.q"][0] == QualityClass.STALE


def test_of_several_streams_at_one_place_the_worst_decides():
    city = Town()
    city.record({"L1.ab-v": 50.0, "L1.ab-q": 900.0})
    features = read_features(city.twin)
    row = [feature.id for feature in features.sensors].index("L1/ab")
    assert encoded(city)["sensors.q"][row] == QualityClass.SIMULATED
    city.record({"L1.ab-q": 900.0}, age_s=-1.0, quality=Quality.SUSPECT)
    assert encoded(city)["sensors.q"][row] == QualityClass.SUSPECT


def test_bridges_have_the_band_of_their_grade_and_the_state_of_their_streams():
    city = Town()
    assert encoded(city)["bridges.grade"] == [4, NO_VALUE]
    assert encoded(city)["bridges.monitoring"] == [MonitoringState.NO_DATA] * 2
    city.record({"B1-strain": 1.0, "B1-temp": 8.0})
    assert encoded(city)["bridges.monitoring"][0] == MonitoringState.DATA_FAULT
    city.record_burst("B1-wave", [0.0, 0.1])
    assert encoded(city)["bridges.monitoring"][0] == MonitoringState.NOT_ARMED


@given(
    st.lists(
        st.tuples(
            st.integers(0, (1 << 11) - 1),
            st.none() | st.integers(0, 400),
            st.none() | st.sampled_from([15.0, 60.0]),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_the_quality_classes_of_arrays_are_those_of_single_values(cases):
    now_us = to_us(START)
    newest = NewestValues(np.ones(len(cases), np.bool_))
    for row, (mask, age_s, _) in enumerate(cases):
        newest.quality[row] = mask
        newest.time_us[row] = NEVER if age_s is None else now_us - age_s * 1_000_000
    cadence = np.array([np.inf if c is None else c for _, _, c in cases])
    expected = [
        quality_class(mask, age_s=None if age is None else float(age), cadence_s=cadence_s)
        for mask, age, cadence_s in cases
    ]
    assert quality_classes(newest, cadence, now_us=now_us).tolist() == expected


def frames(values, previous=None, seq=7):
    before = None if previous is None else np.array(previous, dtype=np.uint8)
    return ChannelFrames(3, seq, np.array(values, dtype=np.uint8), before, 0.0, 1)


def test_a_client_that_has_the_frame_before_gets_a_delta_and_all_others_a_full_frame():
    tick = frames([*range(20)], [*range(19), 99])
    assert decode(tick.bytes_after(6)).kind == Kind.DELTA
    for last in (None, 5, 7, 8):
        assert decode(tick.bytes_after(last)).kind == Kind.FULL


def test_a_tick_is_encoded_at_most_twice_for_any_number_of_clients():
    tick = frames([*range(20)], [*range(19), 99])
    sent = [tick.bytes_after(last) for last in (None, 6, 5, 6, None) * 20]
    assert len({id(data) for data in sent}) == 2


def test_sequence_numbers_wrap():
    tick = frames([1, 2], seq=SEQUENCE_NUMBERS - 1)
    following = tick.next(np.array([1, 3], dtype=np.uint8), t_ms=1.0, rev=1)
    assert following.seq == 0
    assert decode(following.bytes_after(SEQUENCE_NUMBERS - 1)).seq == 0


def test_a_new_table_is_never_a_delta():
    tick = frames([*range(20)])
    following = tick.next(np.arange(20, dtype=np.uint8), t_ms=1.0, rev=2)
    assert decode(following.bytes_after(7)).kind == Kind.FULL


@given(st.lists(st.lists(st.integers(0, 255), min_size=30, max_size=30), min_size=1, max_size=8))
def test_frames_one_after_another_give_the_last_state(ticks):
    tick = frames(ticks[0], seq=0)
    state = np.zeros(30, dtype=np.uint8)
    last = None
    for values in ticks:
        wanted = np.array(values, dtype=np.uint8)
        if not tick.is_same(wanted, 1):
            tick = tick.next(wanted, t_ms=0.0, rev=1)
        if tick.seq != last:
            frame = decode(tick.bytes_after(last), features=30)
            rows, found = changes(frame)
            state[rows] = found
            last = tick.seq
        assert state.tolist() == values


def test_the_hub_follows_the_city_and_wakes_its_listeners():
    city = Town()
    hub = Hub(city.twin, tick_hz=50.0)
    woken = threading.Event()
    hub.start()
    try:
        hub.listen(woken.set)
        city.record({"L1.ab-v": 20.0})
        assert wait_until(lambda: hub.frames["roads.speed"].values[0] == 73)
        assert woken.is_set()
        assert hub.snapshot.stream(city.twin.datastream("L1.ab-v")).value == 20.0
    finally:
        hub.stop()


def test_the_hub_measures_from_phenomenon_to_visibility_but_not_the_past():
    city = Town()
    city.record({"L1.ab-v": 20.0}, age_s=1000.0)
    hub = Hub(city.twin, tick_hz=50.0)
    hub.start()
    try:
        assert hub.lag() is None
        city.record({"L1.ab-v": 21.0}, age_s=2.0)
        assert wait_until(lambda: hub.lag() is not None)
        lag = hub.lag()
        assert lag is not None
        assert (lag.readings, lag.p50_s) == (1, pytest.approx(2.0, abs=0.1))
    finally:
        hub.stop()


def test_a_changed_registry_gives_new_tables_under_a_running_hub():
    city = Town()
    hub = Hub(city.twin, tick_hz=50.0)
    before = hub.snapshot.features.tables["bridges"].version
    hub.start()
    try:
        assets = tuple(asset for asset in city.city.assets if asset.id != "B2")
        moved = replace(city.city.assets[1], name="Umbenannte Brücke")
        city.twin.load(replace(city.city, assets=(*assets, moved)))
        assert wait_until(
            lambda: hub.snapshot.features.tables["bridges"].version != before, timeout_s=10.0
        )
        assert hub.frames["bridges.grade"].previous is None
    finally:
        hub.stop()


def test_while_the_database_is_away_the_last_state_stays_and_turns_stale():
    city = Town()
    city.record({"L1.ab-v": 50.0})
    hub = Hub(city.twin, tick_hz=50.0)
    hub.start()
    try:
        stream = city.twin.datastream("L1.ab-v")
        city.store.is_away = True
        assert wait_until(lambda: hub.snapshot.is_away)
        assert hub.snapshot.stream(stream).value == 50.0
        city.clock.move(60.0)
        assert wait_until(lambda: hub.frames["roads.speed"].values[0] == NO_VALUE)
        city.store.is_away = False
        assert wait_until(lambda: not hub.snapshot.is_away)
    finally:
        hub.stop()
