"""What sensors on a bridge show: temperature, slow movements, live load, vibration."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensors.simulator.climate import temperature
from sensors.simulator.seeds import generator
from sensors.simulator.slots import MICRO, Slots
from sensors.simulator.tables import parameters
from sensors.simulator.traffic import Road, expected_flow

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
YEAR_US = 365.2425 * 86_400 * MICRO
LEAD_S = 3.0
LATEST_START = 0.75
INT16_MOST = 32_767


@dataclass(frozen=True, slots=True)
class Damage:
    """What is broken at a simulated bridge, each from a time on [us since 1970-01-01 UTC].

    A crack grows with a steady rate; a bearing holds back a share of the expansion.
    """

    crack_since_us: float = math.inf
    crack_rate_mm_a: float = 0.0
    bearing_since_us: float = math.inf
    bearing_held: float = 0.0


@dataclass(frozen=True, slots=True)
class Bridge:
    """What the sensors on a bridge need to know of it.

    ``road`` is None where no vehicle drives; frequencies are empty where none is known.
    """

    name: str
    length_m: float
    lag_h: float
    road: Road | None
    frequencies_hz: tuple[float, ...]
    seed: int
    zone: str
    damage: Damage = Damage()

    def place_offset_k(self) -> float:
        """Constant difference between this place and the mean of the city [K]."""
        spread = parameters()["place_spread_k"]
        return spread * float(generator(self.seed, f"place:{self.name}").standard_normal())

    def air(self, times_us: Times) -> Floats:
        """Air temperature [Cel]."""
        return temperature(times_us, seed=self.seed) + self.place_offset_k()

    def body(self, times_us: Times) -> Floats:
        """Temperature of the structure [Cel]."""
        return temperature(times_us, seed=self.seed, lag_h=self.lag_h) + self.place_offset_k()

    def lorries(self, times_us: Times, random: np.random.Generator, *, step_s: float) -> Floats:
        """Heavy vehicles of both directions in the step before each time [-]."""
        if self.road is None:
            return np.zeros(len(times_us))
        heavy_veh_h = 2.0 * expected_flow(times_us, self.road, zone=self.zone)[1]
        return random.poisson(heavy_veh_h * step_s / 3600.0).astype(np.float64)


@dataclass(frozen=True, slots=True)
class BridgeSensor:
    """One sensor on a bridge; ``quantity`` decides what it shows."""

    name: str
    quantity: str
    bridge: Bridge
    slots: Slots

    def values(self, block: int) -> Floats:
        """Values of all slots of a block, in the unit of the quantity."""
        times_us = self.slots.block(block)
        random = generator(self.bridge.seed, self.name, block)
        noise = random.standard_normal(len(times_us))
        step_s = self.slots.cadence_us / MICRO
        lorries = self.bridge.lorries(times_us, random, step_s=step_s)
        return _RESPONSES[self.quantity](self.bridge, times_us, lorries, noise)


def _air(bridge: Bridge, times_us: Times, _lorries: Floats, noise: Floats) -> Floats:
    return bridge.air(times_us) + parameters()["temperature_noise_k"] * noise


def _body(bridge: Bridge, times_us: Times, _lorries: Floats, noise: Floats) -> Floats:
    return bridge.body(times_us) + parameters()["temperature_noise_k"] * noise


def _warming(bridge: Bridge, times_us: Times) -> Floats:
    return bridge.body(times_us) - parameters()["reference_temperature_cel"]


def _strain(bridge: Bridge, times_us: Times, lorries: Floats, noise: Floats) -> Floats:
    table = parameters()
    thermal = table["restraint"] * table["expansion_um_m_k"] * _warming(bridge, times_us)
    live = table["strain_per_lorry_um_m"] * lorries
    return thermal + live + table["strain_noise_um_m"] * noise


def _inclination(bridge: Bridge, times_us: Times, lorries: Floats, noise: Floats) -> Floats:
    table = parameters()
    gradient = bridge.air(times_us) - bridge.body(times_us)
    slow = table["inclination_per_gradient_mm_m_k"] * gradient
    live = table["inclination_per_lorry_mm_m"] * lorries
    return slow + live + table["inclination_noise_mm_m"] * noise


def _crack(bridge: Bridge, times_us: Times, lorries: Floats, noise: Floats) -> Floats:
    table = parameters()
    slow = table["crack_mm_per_k"] * _warming(bridge, times_us)
    years = np.maximum(times_us - bridge.damage.crack_since_us, 0.0) / YEAR_US
    slow += bridge.damage.crack_rate_mm_a * years
    return slow + table["crack_per_lorry_mm"] * lorries + table["crack_noise_mm"] * noise


def _joint(bridge: Bridge, times_us: Times, _lorries: Floats, noise: Floats) -> Floats:
    table = parameters()
    free_mm_k = table["expansion_um_m_k"] * bridge.length_m / 1000.0
    warming = _warming(bridge, times_us)
    if math.isfinite(bridge.damage.bearing_since_us):
        at_start = _warming(bridge, np.array([int(bridge.damage.bearing_since_us)]))
        held = bridge.damage.bearing_held * (times_us > bridge.damage.bearing_since_us)
        warming -= held * (warming - at_start)
    return free_mm_k * warming + table["joint_noise_mm"] * noise


_RESPONSES = {
    "air_temperature": _air,
    "structure_temperature": _body,
    "strain": _strain,
    "inclination": _inclination,
    "crack_width": _crack,
    "displacement": _joint,
}
BRIDGE_QUANTITIES = frozenset(_RESPONSES)


@dataclass(frozen=True, slots=True)
class ModalLogger:
    """Logger that finds one natural frequency per report from vibrations it keeps to itself.

    Above a kink a structure loses stiffness slowly with warmth, below it asphalt and ice stiffen
    it fast; the mass of lorries lowers the frequency a little.
    """

    name: str
    frequency_hz: float
    bridge: Bridge
    slots: Slots

    def values(self, block: int) -> Floats:
        """Natural frequency [Hz] at the slots of a block."""
        table = parameters()
        times_us = self.slots.block(block)
        random = generator(self.bridge.seed, self.name, block)
        over_k = self.bridge.body(times_us) - table["modal_kink_cel"]
        relative = table["modal_cold_slope_per_k"] * np.maximum(-over_k, 0.0)
        relative -= table["modal_warm_slope_per_k"] * np.maximum(over_k, 0.0)
        noise = table["modal_noise"] * random.standard_normal(len(times_us))
        return self.frequency_hz * (1.0 + relative + noise)


@dataclass(frozen=True, slots=True)
class VibrationSensor:
    """Accelerometer that sends short bursts: damped modes struck by traffic, and noise."""

    name: str
    bridge: Bridge
    slots: Slots

    def burst(self, number: int) -> NDArray[np.int16]:
        """Raw samples of the burst of one slot; times ``wave_scale_m_s2`` they are m/s2."""
        table = parameters()
        random = generator(self.bridge.seed, self.name, number)
        count = round(table["wave_rate_hz"] * table["wave_duration_s"])
        time_s = np.arange(count) / table["wave_rate_hz"]
        lorries = self.bridge.lorries(
            np.array([self.slots.time_us(number)]), random, step_s=table["wave_duration_s"]
        )
        signal = table["wave_noise_m_s2"] * random.standard_normal(count)
        strikes = random.poisson(table["wave_events_idle"] + float(lorries[0]))
        for _ in range(int(strikes)):
            start_s = random.uniform(-LEAD_S, LATEST_START * table["wave_duration_s"])
            for frequency_hz in self.bridge.frequencies_hz:
                size = table["wave_amplitude_m_s2"] * random.exponential()
                signal += size * _damped(time_s - start_s, frequency_hz)
        raw = np.round(signal / table["wave_scale_m_s2"])
        return np.clip(raw, -INT16_MOST, INT16_MOST).astype("<i2")


def _damped(time_s: Floats, frequency_hz: float) -> Floats:
    turning = 2.0 * math.pi * frequency_hz
    damping = parameters()["wave_damping"]
    after = np.maximum(time_s, 0.0)
    free = turning * math.sqrt(1.0 - damping**2)
    return np.where(time_s > 0.0, np.exp(-damping * turning * after) * np.sin(free * after), 0.0)
