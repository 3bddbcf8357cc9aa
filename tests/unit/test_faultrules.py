"""Sensor-fault rules: what is marked, what is not, and that batches do not matter."""

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.rules.faultrules import FaultRules, fault_parameters, smallest_scale
from twin.model.datastreams import Datastream
from twin.model.observations import Readings
from twin.model.quality import FAULT_MASK, Quality
from twin.model.quantities import quantities
from twin.model.tables import rows

MINUTE_US = 60_000_000
DAY = 1440


def stream(number: int, quantity: str = "strain") -> Datastream:
    return Datastream(
        uid=f"s{number}", name="", asset_id="a", component_id=None, quantity=quantity,
        sensor_id="x", source="demo", route_key=f"k{number}", provenance="measured", number=number,
    )  # fmt: skip


def readings(values: Sequence[float] | np.ndarray, *, number: int = 1, begin: int = 0) -> Readings:
    count = len(values)
    return Readings(
        number=np.full(count, number, np.int32),
        time_us=(np.arange(count, dtype=np.int64) + begin) * MINUTE_US,
        value=np.asarray(values, np.float64),
        quality=np.zeros(count, np.int16),
    )


def marked(values: Sequence[float], quantity: str, flag: Quality) -> list[int]:
    """Rows that carry a flag when one channel hands in these values minute by minute."""
    judged = FaultRules([stream(1, quantity)]).mark(readings(values))
    return np.flatnonzero(judged.quality & int(flag)).tolist()


def noise(count: int, *, seed: int = 7, scale: float = 10.0) -> list[float]:
    return np.round(np.random.default_rng(seed).normal(0.3, scale, count), 3).tolist()


def test_every_parameter_names_its_source_and_known_quantities() -> None:
    for row in rows("fault_rules"):
        assert row["source"]
        assert row["meaning"]
        assert not row["quantity"] or row["quantity"] in quantities()
    assert fault_parameters().window == 32
    assert all(smallest_scale(measured) > 0 for measured in quantities().values())


def test_a_frozen_channel_is_stuck_from_its_learned_run_on() -> None:
    values = [*noise(500), *[4.25] * 300]
    rows_ = marked(values, "strain", Quality.STUCK)
    assert rows_
    assert rows_[0] == 500 + fault_parameters().stuck_least
    assert rows_[-1] == len(values) - 1


def test_a_freeze_before_anything_is_learned_is_not_judged() -> None:
    assert marked([*noise(50), *[4.25] * 400], "strain", Quality.STUCK) == []


def test_a_constant_channel_is_never_marked() -> None:
    for constant in (0.0, 12.5):
        assert marked([constant] * 30_000, "structure_temperature", FAULT_MASK) == []


def test_gauge_levels_in_centimetres_are_never_marked() -> None:
    rng = np.random.default_rng(3)
    level = 1.2 + np.cumsum(rng.choice([-0.01, 0.0, 0.01], 20_000, p=[0.01, 0.98, 0.01]))
    assert marked(np.round(level, 2).tolist(), "water_level", FAULT_MASK) == []


def test_nights_without_a_vehicle_are_never_marked() -> None:
    rng = np.random.default_rng(5)
    minute = np.arange(21 * DAY)
    per_minute = np.where((minute % DAY) < 5 * 60, 0.004, 6.0)
    assert marked((60.0 * rng.poisson(per_minute)).tolist(), "traffic_flow", FAULT_MASK) == []


def test_a_counter_that_falls_silent_by_day_is_marked_after_twice_its_longest_night() -> None:
    rng = np.random.default_rng(5)
    minute = np.arange(10 * DAY)
    counts = 60.0 * rng.poisson(np.where((minute % DAY) < 5 * 60, 0.0, 6.0))
    counts[9 * DAY + 400 :] = 0.0
    rows_ = marked(counts.tolist(), "traffic_flow", Quality.DROPOUT)
    assert rows_
    assert 9 * DAY + 1000 <= rows_[0] < 9 * DAY + 1040  # 2 x 5 h after the last vehicle
    assert rows_[-1] == len(counts) - 1


def test_zeros_of_a_channel_that_never_shows_any_are_marked_at_once() -> None:
    values = [*noise(9 * DAY), *[0.0] * 20]
    assert marked(values, "strain", Quality.DROPOUT) == list(range(9 * DAY + 5, 9 * DAY + 20))


def test_a_spike_is_marked_and_the_reading_after_it_is_not() -> None:
    values = noise(200)
    values[150] = 400.0
    assert marked(values, "strain", Quality.SPIKE) == [150]


def test_a_spike_lasts_until_the_value_is_back() -> None:
    values = noise(200, scale=1.0)  # scale is the floor of 5 um/m: begins at 30, ends at 15
    values[150:153] = [400.0, 20.0, 0.5]
    assert marked(values, "strain", Quality.SPIKE) == [150, 151]
    values[150:153] = [20.0, 0.5, 0.5]
    assert marked(values, "strain", Quality.SPIKE) == []


def test_a_new_level_is_a_spike_for_five_readings_only() -> None:
    values = [*noise(200, scale=1.0), *(np.array(noise(200, scale=1.0)) + 300.0).tolist()]
    assert marked(values, "strain", Quality.SPIKE) == list(range(200, 205))


def test_a_clipped_signal_is_saturated_at_its_rail_only() -> None:
    rng = np.random.default_rng(11)
    clean = 100 * np.sin(np.arange(600) / 3.7) + rng.normal(0, 3, 600)
    clipped = np.clip(clean, -1000.0, 80.0)
    rows_ = marked(clipped.tolist(), "strain", Quality.SATURATED)
    at_rail = np.flatnonzero(clipped == 80.0)
    assert set(rows_) <= set(at_rail.tolist())
    assert len(rows_) > 0.6 * len(at_rail)
    assert marked(clean.tolist(), "strain", Quality.SATURATED) == []


def test_lorries_at_their_limiter_are_no_clipping() -> None:
    rng = np.random.default_rng(12)
    speeds = np.minimum(89.0, rng.normal(86, 4, 3000))
    assert marked(speeds.tolist(), "speed", Quality.SATURATED) == []


def test_fog_and_charged_batteries_are_no_fault() -> None:
    rng = np.random.default_rng(2)
    humid = np.minimum(100.0, np.round(92 + np.cumsum(rng.normal(0, 0.3, 5000)) % 20, 1))
    assert (humid == 100.0).sum() > 300
    assert marked(humid.tolist(), "relative_humidity", Quality.SATURATED | Quality.DROPOUT) == []
    assert marked([100.0] * 20_000, "battery_level", FAULT_MASK) == []


def test_old_late_and_repeated_readings_are_neither_judged_nor_learned() -> None:
    values = noise(400)
    rules, plain = FaultRules([stream(1)]), FaultRules([stream(1)])
    rules.mark(readings(values[:200]))
    plain.mark(readings(values[:200]))
    again = rules.mark(readings([9000.0] * 200))  # other values of times that are known
    assert not again.quality.any()
    np.testing.assert_array_equal(
        rules.mark(readings(values[200:], begin=200)).quality,
        plain.mark(readings(values[200:], begin=200)).quality,
    )


def test_values_that_are_bad_already_get_no_further_mark_and_teach_nothing() -> None:
    values = readings([*noise(200), 4000.0])
    values.quality[-1] = int(Quality.BAD_AT_SOURCE)
    judged = FaultRules([stream(1)]).mark(values)
    assert judged.quality[-1] == int(Quality.BAD_AT_SOURCE)


def test_unknown_datastreams_pass_and_the_order_of_rows_stays() -> None:
    values = readings(noise(300))
    assert not FaultRules([stream(2)]).mark(values).quality.any()
    spiked = noise(300)
    spiked[250] = 900.0
    order = np.random.default_rng(1).permutation(300)
    shuffled = Readings(*(getattr(readings(spiked), name)[order] for name in Readings.__slots__))
    judged = FaultRules([stream(1)]).mark(shuffled)
    assert judged.time_us.tolist() == shuffled.time_us.tolist()
    assert judged.time_us[judged.quality != 0].tolist() == [250 * MINUTE_US]


def test_a_registry_that_grows_keeps_what_was_learned() -> None:
    rules = FaultRules([stream(1)])
    rules.mark(readings(noise(200)))
    rules.update([stream(number) for number in range(1, 2000)])
    judged = rules.mark(readings([*noise(1), 900.0], begin=200))
    assert judged.quality.tolist() == [0, int(Quality.SPIKE)]


def test_what_was_learned_survives_a_restart_and_another_order_of_numbers() -> None:
    values = [*noise(500), *[4.25] * 300]
    whole = FaultRules([stream(1)]).mark(readings(values)).quality
    first = FaultRules([stream(1), stream(2)])
    first.mark(readings(values[:550]))
    second = FaultRules([replace(stream(7), uid="s2"), replace(stream(9), uid="s1")])
    assert second.recall(first.remember()) == 2
    rest = second.mark(readings(values[550:], number=9, begin=550))
    np.testing.assert_array_equal(rest.quality, whole[550:])


@given(st.binary(max_size=300), st.integers(0, 2000))
def test_a_memory_that_is_broken_is_left_out(noise_bytes: bytes, place: int) -> None:
    rules = FaultRules([stream(1)])
    whole = rules.remember()
    for content in (noise_bytes, whole[:place], whole[:place] + noise_bytes + whole[place + 1 :]):
        assert FaultRules([stream(1)]).recall(content) in (0, 1)
    assert (
        FaultRules([stream(1)], parameters=replace(fault_parameters(), window=64)).recall(whole)
        == 0
    )


def test_ten_thousand_datastreams_fit_into_ten_megabytes() -> None:
    rules = FaultRules([stream(number) for number in range(1, 10_001)])
    assert rules.size_bytes < 10_000_000


@pytest.fixture(scope="module")
def faulty_day() -> list[Readings]:
    """Three channels with every kind of fault, time by time."""
    rng = np.random.default_rng(4)
    first = rng.normal(0, 20, 900).round(2)
    first[300:520] = 7.0
    first[[600, 605, 606, 700]] = [900.0, -700.0, -710.0, 60.0]
    second = np.clip(100 * np.sin(np.arange(900) / 3.7) + rng.normal(0, 3, 900), -500, 80)
    third = rng.poisson(0.4, 900) * 60.0
    third[400:800] = 0.0
    return [
        readings(first, number=1),
        readings(second, number=2),
        readings(third, number=3),
    ]


def columns(parts: Sequence[Readings]) -> Readings:
    order = np.argsort(np.concatenate([part.time_us for part in parts]), kind="stable")
    return Readings(
        *(
            np.concatenate([getattr(part, name) for part in parts])[order]
            for name in Readings.__slots__
        )
    )


def rules_of_three() -> FaultRules:
    short = replace(fault_parameters(), dropout_days=0.1)
    return FaultRules(
        [stream(1), stream(2), stream(3, "traffic_flow")],
        parameters=short,
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 2699), max_size=40))
def test_marks_do_not_depend_on_how_readings_are_cut_into_batches(
    faulty_day: list[Readings], cuts: list[int]
) -> None:
    whole = columns(faulty_day)
    at_once = rules_of_three().mark(whole).quality
    assert {Quality.STUCK, Quality.SPIKE, Quality.SATURATED, Quality.DROPOUT} <= {
        flag for flag in Quality if (at_once & int(flag)).any()
    }
    rules = rules_of_three()
    parts: list[np.ndarray] = []
    edges = [0, *sorted(set(cuts)), len(whole)]
    for begin, end in pairwise(edges):
        part = Readings(*(getattr(whole, name)[begin:end] for name in Readings.__slots__))
        parts.append(rules.mark(part).quality)
    np.testing.assert_array_equal(np.concatenate(parts), at_once)


@pytest.mark.parametrize("size", [1, 2, 5, 8])
def test_few_readings_at_a_time_teach_the_same_as_all_at_once(
    faulty_day: list[Readings], size: int
) -> None:
    whole = columns(faulty_day)
    at_once, bit_by_bit = rules_of_three(), rules_of_three()
    marks = at_once.mark(whole).quality
    for begin in range(0, len(whole), size):
        part = Readings(
            *(getattr(whole, name)[begin : begin + size] for name in Readings.__slots__)
        )
        np.testing.assert_array_equal(bit_by_bit.mark(part).quality, marks[begin : begin + size])
    for name, column in learned(at_once).items():
        np.testing.assert_array_equal(learned(bit_by_bit)[name], column, err_msg=name)


def learned(rules: FaultRules) -> dict[str, np.ndarray]:
    with np.load(BytesIO(rules.remember())) as file:
        return {name: file[name] for name in file.files}
