"""The player gives every slot once, in order, and always with the same value."""

import itertools
import json
import threading
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pytest

from sensors.codecs.own import codec as own
from sensors.codecs.wave import codec as wave
from sensors.simulator.job import Simulation, command, wait_for_ingest
from sensors.simulator.messages import MOST_ITEMS, Outgoing
from sensors.simulator.player import Player
from sensors.simulator.slots import MICRO
from sensors.simulator.world import World, build_world
from twin.city import Twin
from twin.cli import demo_city
from twin.errors import SettingsError
from twin.exchange.folder import read_city
from twin.model.city import City
from twin.model.datastreams import Datastream
from twin.model.jobs import JobStatus
from twin.model.messages import CodecContext, CodecRule, Message, Observation, WaveformBlock
from twin.model.quantities import quantity
from twin.model.times import EPOCH, to_us, utc_now
from twin.settings import load_settings
from twin.store.memory import MemoryStore

NOW = datetime(2026, 11, 24, 7, 30, 0, 250_000, tzinfo=UTC)
NOW_US = to_us(NOW)
HOUR_US = 3600 * MICRO
SPAN_US = 600 * MICRO


@cache
def city() -> City:
    return read_city(demo_city(), load_settings(demo_city(), {}).city)


def simulated() -> list[Datastream]:
    """Those that are played; features of their bursts are computed by the ingester."""
    return [stream for stream in city().datastreams if stream.provenance == "simulated"]


def world(seed: int = 1) -> World:
    return build_world(city().datastreams, city().assets, seed=seed, zone="Europe/Berlin")


def player(seed: int = 1) -> Player:
    return Player(world(seed).streams, "demo")


def decoded(message: Outgoing) -> list[Observation | WaveformBlock]:
    codec = own if message.topic.endswith("/obs") else wave
    context = CodecContext(CodecRule(message.topic, codec.name, "demo"))
    outcome = codec.decode(Message(message.topic, message.payload, NOW), context)
    assert outcome.missing == outcome.unassigned == 0
    items = [item for item in outcome.items if isinstance(item, Observation | WaveformBlock)]
    assert len(items) == len(outcome.items) > 0
    return items


def readings(messages) -> dict[tuple[str, int], float]:
    found = {}
    for message in messages:
        for item in decoded(message):
            if isinstance(item, Observation):
                key = (item.route_key, to_us(item.phenomenon_time))
                assert key not in found
                found[key] = item.value
    return found


def following(one: Player, after_us: int, until_us: int):
    dues = itertools.takewhile(lambda due: due.time_us <= until_us, one.following(after_us))
    return [one.message(due.stream, due.number) for due in dues]


def test_every_datastream_of_the_demo_city_is_played():
    found = world()
    assert found.unplayed == ()
    assert len(found.streams) == len(simulated())


def test_the_present_holds_the_newest_value_of_every_stream():
    messages = list(player().present(NOW_US))
    keys = {item.route_key if isinstance(item, Observation) else item.key
            for message in messages for item in decoded(message)}  # fmt: skip
    assert keys == {stream.route_key for stream in simulated()}
    cadence_s = {stream.route_key: stream.cadence_s or 0 for stream in simulated()}
    assert all(
        0 <= NOW_US - time_us < cadence_s[key] * MICRO for key, time_us in readings(messages)
    )


def test_the_past_and_the_present_are_complete_without_repetition():
    one = player()
    messages = [*one.past(NOW_US, span_us=SPAN_US), *one.present(NOW_US)]
    found = readings(messages)
    expected = sum(
        round(600 / (stream.cadence_s or 0)) for stream in simulated() if stream.kind == "reading"
    )
    hourly = {stream.route_key for stream in simulated() if stream.cadence_s == 3600}
    often = {key: value for key, value in found.items() if key[0] not in hourly}
    assert len(often) == expected
    assert min(time_us for _, time_us in often) > NOW_US - SPAN_US


def test_the_long_past_of_slow_streams_repeats_what_lived_and_has_no_gaps_to_count():
    one = player()
    told = list(one.long_past(NOW_US, span_us=48 * HOUR_US, step_us=2 * HOUR_US))
    found = readings(told)
    quantities = {s.route_key: s.quantity for s in simulated()}
    assert {quantities[key] for key, _ in found} == {
        "structure_temperature",
        "crack_width",
        "displacement",
        "inclination",
        "natural_frequency",
    }
    assert all(item.sequence is None for m in told for item in decoded(m))
    key = ("B10/crack_midspan", max(t for k, t in found if k == "B10/crack_midspan"))
    lived = readings(following(one, key[1] - MICRO, key[1]))
    assert lived[key] == found[key]
    assert len({time_us for k, time_us in found if k == key[0]}) == 24


def test_the_crack_of_one_bridge_grows_and_the_bearing_of_another_is_locked():
    one, month_us = player(), 30 * 24 * HOUR_US
    told = readings(one.long_past(NOW_US, span_us=14 * month_us, step_us=12 * HOUR_US))

    def column(key: str) -> tuple[np.ndarray, np.ndarray]:
        rows = sorted((time_us, value) for (name, time_us), value in told.items() if name == key)
        times, values = np.array(rows).T
        return times, values

    times, crack = column("B10/crack_midspan")
    _, body = column("B10/structure_temperature")
    before = times < NOW_US - 4 * month_us
    slope, offset = np.polyfit(body[before], crack[before], 1)
    rest = crack - (slope * body + offset)
    assert abs(rest[before]).max() < 0.01
    assert rest[-10:].mean() == pytest.approx(0.6 * 65 / 365, rel=0.1)
    times, travel = column("B03/joint_abutment_b")
    _, body = column("B03/structure_temperature")
    locked = times > to_us(datetime(2026, 10, 12, tzinfo=UTC))
    ratios = [np.polyfit(body[rows], travel[rows], 1)[0] for rows in (~locked, locked)]
    assert ratios[1] == pytest.approx(0.1 * ratios[0], rel=0.2)


def test_arrays_hold_the_newest_last_and_at_most_a_thousand():
    some = Player([world().streams[row] for row in (0, 100, 416)], "demo")
    for message in some.past(NOW_US, span_us=6 * HOUR_US):
        items = decoded(message)
        assert len(items) <= MOST_ITEMS
        found = [item for item in items if isinstance(item, Observation)]
        times = [item.phenomenon_time for item in found]
        assert times == sorted(times)
        assert all(
            (after.sequence or 0) - (before.sequence or 0) == 1
            for before, after in itertools.pairwise(found)
        )


def test_a_restart_gives_the_same_values_bit_for_bit():
    lived = readings(following(player(), NOW_US - SPAN_US // 2, NOW_US))
    again = player()
    later = NOW_US + 20 * MICRO
    told = readings([*again.past(later, span_us=SPAN_US), *again.present(later)])
    assert len(lived) > 7_000
    assert {key: told[key] for key in lived} == lived


def test_a_waveform_is_the_same_after_a_restart():
    def bursts(one: Player) -> list[Outgoing]:
        messages = one.past(NOW_US, span_us=60 * MICRO)
        return [message for message in messages if message.topic.endswith("/wave")]

    assert bursts(player()) == bursts(player())
    assert len(bursts(player())) >= 8


def test_what_follows_joins_the_present_without_gap_and_in_order():
    one = player()
    dues = list(itertools.islice(one.following(NOW_US), 2000))
    assert [due.time_us for due in dues] == sorted(due.time_us for due in dues)
    assert dues[0].time_us > NOW_US
    seen = {}
    for due in dues:
        uid = due.stream.datastream.uid
        assert due.number == seen.get(uid, due.stream.slots.last(NOW_US)) + 1
        seen[uid] = due.number
    assert set(seen) >= {stream.uid for stream in simulated() if (stream.cadence_s or 0) <= 60}


def test_messages_are_spread_over_the_cadence():
    dues = itertools.takewhile(
        lambda due: due.time_us <= NOW_US + 60 * MICRO, player().following(NOW_US)
    )
    per_second = np.bincount([int((due.time_us - NOW_US) // MICRO) for due in dues], minlength=60)
    assert per_second.sum() == pytest.approx(1550, abs=20)
    assert per_second.max() < 100


def test_all_values_lie_within_the_physical_limits_all_year():
    for stream in world().streams:
        if stream.values is None:
            continue
        measured = quantity(stream.datastream.quantity)
        for day in range(0, 365, 61):
            moment = NOW_US + day * 24 * HOUR_US
            values = stream.values(stream.slots.last(moment) // stream.slots.per_block)
            assert np.isfinite(values).all()
            assert values.min() > measured.lower_limit or measured.lower_limit == 0
            assert values.max() < measured.upper_limit


def test_all_vehicles_are_cars_and_heavy_vehicles_at_the_same_instant():
    found = readings(player().present(NOW_US))
    totals = {key: value for key, value in found.items() if key[0].endswith("q_kfz")}
    assert len(totals) == 88
    for (key, time_us), total in totals.items():
        assert found[key.replace("q_kfz", "q_lkw"), time_us] <= total


def test_a_burst_ends_at_its_slot_and_carries_its_unit():
    burst = next(stream for stream in world().streams if stream.burst is not None)
    number = burst.slots.last(NOW_US)
    (block,) = decoded(player().message(burst, number))
    assert isinstance(block, WaveformBlock)
    assert block.t0_us + 2 * MICRO == burst.slots.time_us(number)
    assert (len(block.samples), block.rate_hz, block.unit) == (200, 100.0, "m/s2")
    assert block.sequence == number


def test_a_stream_without_a_model_is_left_out_and_named():
    odd = Datastream("X.y", "n", "B04", None, "relative_humidity", "S", "demo", "B04/y",
                     "simulated", cadence_s=60.0)  # fmt: skip
    real = Datastream("X.z", "n", "B04", None, "strain", "S", "demo", "B04/z",
                      "measured", cadence_s=60.0)  # fmt: skip
    found = build_world([odd, real], city().assets, seed=1, zone="Europe/Berlin")
    assert found == World(streams=(), unplayed=("X.y",))


class Collector:
    """A publisher that keeps what it gets, and stops the simulation after some messages."""

    def __init__(self, stop: threading.Event, *, most: int) -> None:
        self.messages: list[Outgoing] = []
        self._stop = stop
        self._most = most

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, timeout_s: float = 30.0
    ) -> bool:
        assert not retain
        assert timeout_s <= 1.0
        self.messages.append(Outgoing(topic, payload))
        if len(self.messages) >= self._most:
            self._stop.set()
        return True


def simulate(clock, *, most: int, history_us: int) -> list[Outgoing]:
    stop = threading.Event()
    collector = Collector(stop, most=most)
    Simulation(player(), collector, stop, history_us, clock).run()
    return collector.messages


def test_the_simulation_starts_with_the_present_then_the_past_then_goes_on():
    moments = itertools.chain([NOW], itertools.repeat(NOW + timedelta(seconds=30)))
    one = player()
    start = [*one.present(NOW_US), *one.past(NOW_US, span_us=60 * MICRO)]
    live = following(one, NOW_US, NOW_US + 30 * MICRO)
    found = simulate(lambda: next(moments), most=len(start) + len(live), history_us=60 * MICRO)
    assert found == start + live


def test_after_a_long_pause_only_the_newest_span_is_delivered():
    awake = NOW + timedelta(hours=8)
    moments = itertools.chain([NOW], itertools.repeat(awake))
    one = player()
    start = len([*one.present(NOW_US), *one.past(NOW_US, span_us=30 * MICRO)])
    found = simulate(lambda: next(moments), most=start + 500, history_us=30 * MICRO)
    times = [item["t"] for item in map(json_of, found[start:]) if item]
    assert min(times) > (awake - EPOCH) / timedelta(milliseconds=1) - 30_000


def json_of(message: Outgoing) -> dict | None:
    return json.loads(message.payload) if message.topic.endswith("/obs") else None


def test_the_job_takes_no_arguments(tmp_path):
    with pytest.raises(SettingsError, match="takes no arguments, got '--fast'"):
        command(load_settings(demo_city(), {"HOME": str(tmp_path)}), ["--fast"])


def test_the_simulator_waits_for_a_live_ingester() -> None:
    now = utc_now()
    twin = Twin(MemoryStore(), clock=utc_now)
    stop = threading.Event()
    assert not wait_for_ingest(twin, stop, limit_s=0.0)
    ahead = now + timedelta(minutes=1)
    twin.beat(JobStatus("ingest", "1", now, ahead, "broker away"))
    assert not wait_for_ingest(twin, stop, limit_s=0.05)
    twin.beat(JobStatus("ingest", "1", now, ahead, "live"))
    assert wait_for_ingest(twin, stop)
