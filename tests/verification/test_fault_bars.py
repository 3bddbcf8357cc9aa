"""The bars of bridge.md, section 13, for the rules of the ingester: freezes, spikes, slow channels.

Channels of 100 Hz with white noise in steps of a thousandth of its spread; seeds are fixed.
"""

import numpy as np

from sensors.rules.faultrules import FaultRules
from twin.model.datastreams import Datastream
from twin.model.observations import Readings
from twin.model.quality import FAULT_MASK, Quality

RATE_HZ = 100
CHANNELS = 40
SECONDS = 120
SIZE = (CHANNELS, SECONDS * RATE_HZ)
NOISE = 20.0
"""Of the strain [um/m]: four times the smallest scale of its rule: 10 sigma are 10 sigma."""


def judged(values: np.ndarray, *, batch: int = 500) -> np.ndarray:
    channels, samples = values.shape
    rules = FaultRules(
        Datastream(
            uid=f"s{number}", name="", asset_id="a", component_id=None, quantity="strain",
            sensor_id="x", source="demo", route_key=f"k{number}", provenance="measured",
            number=number,
        )
        for number in range(1, channels + 1)
    )  # fmt: skip
    marks = np.zeros(values.shape, np.int16)
    for begin in range(0, samples, batch):
        part = values[:, begin : begin + batch]
        time_us = (np.arange(part.shape[1], dtype=np.int64) + begin) * (1_000_000 // RATE_HZ)
        marks[:, begin : begin + batch] = rules.mark(
            Readings(
                number=np.repeat(np.arange(1, channels + 1, dtype=np.int32), part.shape[1]),
                time_us=np.tile(time_us, channels),
                value=part.ravel(),
                quality=np.zeros(part.size, np.int16),
            )
        ).quality.reshape(part.shape)
    return marks


def noise(seed: int) -> np.ndarray:
    return np.round(np.random.default_rng(seed).normal(0.0, NOISE, SIZE), 2)


def test_normal_samples_have_at_most_one_false_flag_in_a_thousand_and_no_false_spike() -> None:
    marks = judged(noise(1))
    spikes = np.mean((marks & int(Quality.SPIKE)) != 0)
    false = np.mean((marks & int(FAULT_MASK)) != 0)
    print(f"false flags {false:.1e}, false spikes {spikes:.1e} of {marks.size} samples")
    assert false <= 1e-3
    assert spikes <= 1e-4


def test_freezes_of_five_seconds_are_found_in_at_least_nine_of_ten_cases() -> None:
    values, begin = noise(2), 60 * RATE_HZ
    values[:, begin : begin + 5 * RATE_HZ] = values[:, begin - 1 : begin]
    stuck = (judged(values) & int(Quality.STUCK)) != 0
    found = stuck[:, begin : begin + 5 * RATE_HZ].any(axis=1)
    print(f"freezes of 5 s: {found.mean():.0%} found")
    assert found.mean() >= 0.9
    assert not stuck[:, :begin].any()
    assert not stuck[:, begin + 5 * RATE_HZ :].any()


def test_spikes_of_ten_sigma_are_found_in_at_least_nine_of_ten_cases() -> None:
    random = np.random.default_rng(3)
    values = noise(3)
    places = random.integers(1000, SIZE[1], size=(CHANNELS, 20))
    for channel, where in enumerate(places):
        values[channel, where] += random.choice([-10.0, 10.0], len(where)) * NOISE
    marks = (judged(values) & int(Quality.SPIKE)) != 0
    found = np.mean([marks[channel, where].mean() for channel, where in enumerate(places)])
    print(f"spikes of 10 sigma: {found:.0%} found")
    assert found >= 0.9


def test_a_slow_channel_that_is_sent_at_the_rate_of_its_neighbours_is_not_stuck() -> None:
    for hold in (2, 10, 100, 200):
        slow = noise(4)[:, ::hold]
        marks = judged(np.repeat(slow, hold, axis=1)[:, : SIZE[1]])
        assert not np.any(marks & int(Quality.STUCK)), hold


def test_the_share_at_the_rail_is_marked_on_the_rail_and_nowhere_else() -> None:
    wave = 100.0 * np.sin(np.arange(SIZE[1]) / 3.7) + noise(5) / 4.0
    clipped = np.clip(wave, -75.0, 75.0)
    at_rail = np.abs(clipped) == 75.0
    marks = (judged(clipped) & int(Quality.SATURATED)) != 0
    print(f"at the rail: {at_rail.mean():.0%}, marked of them {marks[at_rail].mean():.1%}")
    assert marks[at_rail].mean() > 0.9
    assert not marks[~at_rail].any()
