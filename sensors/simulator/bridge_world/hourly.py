"""Hourly figures of a bridge over months: climate, modes, cracks, bearings, lorries.

Local limits: no sun, no gradient over the depth, no wind; damage acts at once or linearly in time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from sensors.simulator.bridge_world.truth import (
    MODES,
    BridgeTruth,
    Damage,
    Fault,
    Loading,
)
from sensors.simulator.seeds import generator

Floats = NDArray[np.float64]
HOUR_US = 3_600_000_000
DAY_H = 24.0
YEAR_H = 365.2425 * DAY_H
WARMEST_HOUR = 14.0
COLDEST_DAY = 17.0
MASS_EFFECT = 0.0015
"""Relative loss of frequency under a full lane of lorries; own assumption."""
CRACK_PER_LORRY_MM = 0.003
"""Opening of a crack under the usual heavy traffic; own assumption."""
BREATHING_PER_MM = 10.0
"""A crack that has opened by a tenth of a millimetre answers twice as much to traffic."""
FIRST_WEEKDAY = 3  # 1970-01-01 was a Thursday
HEAVY_WEEK = (1.0, 1.0, 1.0, 1.0, 1.0, 0.45, 0.2)
"""Lorries by day of the week from Monday on; own assumption, as in ``parameters.csv``."""
BUSIEST_HOUR = 11.0
MEETING = 0.35
"""Growth of the largest strain of an hour with the logarithm of its lorries; own assumption."""
PEAK_SPREAD = 0.08
STRUCK = 0.05
"""Share of hours with a spike while a sensor spikes."""

CHANNELS = {
    "air_temperature": "air_temperature",
    "structure_temperature": "structure_temperature",
    **{f"mode_{mode + 1}": "natural_frequency" for mode in range(MODES)},
    "crack_1": "crack_width",
    "crack_2": "crack_width",
    "travel_1": "displacement",
    "travel_2": "displacement",
    "inclination": "inclination",
    "strain_max": "strain",
    "heavy_flow": "traffic_flow",
}
"""Channels of the world and the quantity of each."""


@dataclass(frozen=True, slots=True)
class HourlyWorld:
    """Hourly values by channel; NaN where nothing was reported.

    ``time_us`` is what the sensors say, one column per channel, because a clock may be wrong;
    ``true_time_us`` is when it was.
    """

    true_time_us: NDArray[np.int64]
    time_us: Mapping[str, NDArray[np.int64]]
    values: Mapping[str, Floats]
    damages: tuple[Damage, ...]
    faults: tuple[Fault, ...]
    loadings: tuple[Loading, ...]


def play(
    truth: BridgeTruth,
    *,
    start_us: int,
    hours: int,
    damages: Sequence[Damage] = (),
    faults: Sequence[Fault] = (),
    loadings: Sequence[Loading] = (),
) -> HourlyWorld:
    """Play a bridge for some hours from a full hour on.

    Examples
    --------
    >>> from sensors.simulator.bridge_world.truth import draw
    >>> world = play(draw(3), start_us=0, hours=48)
    >>> len(world.values["mode_1"])
    48
    """
    time_us = start_us + HOUR_US * np.arange(hours, dtype=np.int64)
    drivers = _drivers(truth, time_us, loadings)
    random = generator(truth.seed, "hourly:noise")
    values = {
        "air_temperature": drivers.air,
        "structure_temperature": drivers.body,
        "heavy_flow": drivers.heavy,
        **_modes(truth, drivers, damages, random),
        **_movements(truth, drivers, random),
    }
    for damage in damages:
        _damaged(values, damage, usual_heavy=truth.numbers["heavy_flow_veh_h"])
    times = dict.fromkeys(values, time_us)
    for fault in faults:
        spoil(values, times, fault, random)
    return HourlyWorld(time_us, times, values, tuple(damages), tuple(faults), tuple(loadings))


@dataclass(frozen=True, slots=True)
class _Drivers:
    """What moves a bridge: air and structure temperature [Cel], lorries [veh/h]."""

    air: Floats
    body: Floats
    heavy: Floats


def _drivers(
    truth: BridgeTruth, time_us: NDArray[np.int64], loadings: Sequence[Loading]
) -> _Drivers:
    air, body = _climate(truth, time_us, loadings)
    return _Drivers(air, body, _heavy(truth, time_us, loadings))


def _climate(
    truth: BridgeTruth, time_us: NDArray[np.int64], loadings: Sequence[Loading]
) -> tuple[Floats, Floats]:
    numbers = truth.numbers
    warm_up = round(10 * numbers["lag_h"])
    hour = time_us[0] / HOUR_US + np.arange(-warm_up, len(time_us))
    annual = -np.cos(2.0 * np.pi * (hour - COLDEST_DAY * DAY_H) / YEAR_H)
    daily = np.cos(2.0 * np.pi * (hour - WARMEST_HOUR) / DAY_H)
    air = numbers["air_mean_cel"] + numbers["air_annual_k"] * annual
    air += numbers["air_daily_k"] * daily + _weather(truth, len(hour))
    for loading in loadings:
        if loading.kind == "temperature_swing":
            swing = loading.size * np.hanning(loading.end_h - loading.start_h + 2)[1:-1]
            inside = slice(loading.start_h + warm_up, loading.end_h + warm_up)
            air[inside] += swing[: len(air[inside])]
    keep = float(np.exp(-1.0 / numbers["lag_h"]))
    body, _ = lfilter([1.0 - keep], [1.0, -keep], air, zi=np.array([keep * air[0]]))
    return air[warm_up:], np.asarray(body)[warm_up:]


def _weather(truth: BridgeTruth, count: int) -> Floats:
    keep = float(np.exp(-1.0 / (truth.numbers["weather_memory_d"] * DAY_H)))
    shocks = generator(truth.seed, "hourly:weather").standard_normal(count)
    scaled = shocks * truth.numbers["weather_spread_k"] * np.sqrt(1.0 - keep**2)
    return np.asarray(lfilter([1.0], [1.0, -keep], scaled))


def _heavy(truth: BridgeTruth, time_us: NDArray[np.int64], loadings: Sequence[Loading]) -> Floats:
    hour = time_us / HOUR_US
    weekday = (np.floor(hour / DAY_H).astype(np.int64) + FIRST_WEEKDAY) % len(HEAVY_WEEK)
    day = 1.0 + 0.8 * np.cos(2.0 * np.pi * (hour - BUSIEST_HOUR) / DAY_H)
    factor = np.array(HEAVY_WEEK)[weekday]
    flow = truth.numbers["heavy_flow_veh_h"] * day * factor
    for loading in loadings:
        if loading.kind == "convoy":
            flow[loading.start_h : loading.end_h] *= loading.size
    return generator(truth.seed, "hourly:heavy").poisson(flow).astype(np.float64)


def _modes(
    truth: BridgeTruth, drivers: _Drivers, damages: Sequence[Damage], random: np.random.Generator
) -> dict[str, Floats]:
    kink, count = truth.numbers["kink_cel"], len(drivers.body)
    warm, cold = np.maximum(drivers.body - kink, 0.0), np.maximum(kink - drivers.body, 0.0)
    mass = MASS_EFFECT * drivers.heavy / (2.0 * truth.numbers["heavy_flow_veh_h"])
    modes = {}
    for mode, frequency_hz in enumerate(truth.frequencies_hz):
        relative = 1.0 - truth.warm_slopes_per_k[mode] * warm + truth.cold_slopes_per_k[mode] * cold
        for damage in damages:
            if damage.kind == "stiffness_loss":
                relative[damage.onset_h :] -= damage.size * damage.shares[mode]
        noise = random.standard_normal(count) * truth.numbers["frequency_noise_percent"] / 100.0
        missing = random.random(count) < truth.numbers["missing_percent"] / 100.0
        modes[f"mode_{mode + 1}"] = np.where(
            missing, np.nan, frequency_hz * (relative - mass + noise)
        )
    return modes


def _movements(
    truth: BridgeTruth, drivers: _Drivers, random: np.random.Generator
) -> dict[str, Floats]:
    numbers, count = truth.numbers, len(drivers.body)
    warming = drivers.body - numbers["air_mean_cel"]
    load = drivers.heavy / numbers["heavy_flow_veh_h"]
    values: dict[str, Floats] = {}
    for name, share in (("crack_1", 1.0), ("crack_2", 0.8)):
        noise = numbers["crack_noise_mm"] * random.standard_normal(count)
        thermal = share * numbers["crack_mm_k"] * warming
        values[name] = thermal + CRACK_PER_LORRY_MM * load + noise
    for name, share in (("travel_1", 1.0), ("travel_2", 0.6)):
        noise = numbers["travel_noise_mm"] * random.standard_normal(count)
        values[name] = share * numbers["travel_mm_k"] * warming + noise
    noise = numbers["inclination_noise_mm_m"] * random.standard_normal(count)
    values["inclination"] = numbers["inclination_mm_m_k"] * (drivers.air - drivers.body) + noise
    peak = numbers["strain_per_lorry_um_m"] * (1.0 + MEETING * np.log1p(drivers.heavy))
    peak *= 1.0 + PEAK_SPREAD * random.standard_normal(count)
    values["strain_max"] = np.where(drivers.heavy > 0, peak, 0.0)
    return values


def _damaged(values: dict[str, Floats], damage: Damage, *, usual_heavy: float) -> None:
    after = slice(damage.onset_h, None)
    if damage.kind == "crack_trend":
        days = np.arange(len(values["crack_1"]) - damage.onset_h) / DAY_H
        grown = damage.size * days
        load = values["heavy_flow"][after] / usual_heavy
        values["crack_1"][after] += grown * (1.0 + BREATHING_PER_MM * CRACK_PER_LORRY_MM * load)
    elif damage.kind == "bearing_locked":
        held = values["travel_1"][damage.onset_h]
        values["travel_1"][after] -= damage.size * (values["travel_1"][after] - held)


def spoil(
    values: dict[str, Floats],
    times: dict[str, NDArray[np.int64]],
    fault: Fault,
    random: np.random.Generator,
) -> None:
    """Let a sensor say what is not so; the channel's columns are replaced, not changed."""
    inside = slice(fault.start_h, fault.end_h)
    column = values[fault.channel] = values[fault.channel].copy()
    spread = float(np.nanstd(np.diff(column)))
    if fault.kind == "stuck":
        column[inside] = column[fault.start_h]
    elif fault.kind == "drift":
        column[inside] += fault.size * spread * np.linspace(0.0, 1.0, len(column[inside]))
    elif fault.kind == "spike":
        column[inside] += fault.size * spread * (random.random(len(column[inside])) < STRUCK)
    else:
        shifted = times[fault.channel] = times[fault.channel].copy()
        shifted[inside] += round(fault.size * HOUR_US)
