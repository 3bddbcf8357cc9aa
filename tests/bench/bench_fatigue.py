"""Rainflow beside `rainflow` and `pylife`, the tools for traffic on bridges beside each other.

``measure(rounds)`` gives the rows for ``scripts/bench bridge``.
"""

import time
from importlib.metadata import version

import numpy as np
from bench.bridge_rows import Row, in_turn, timed, timed_peer
from numpy.typing import NDArray

from simulations.structure.beam import continuous_beam
from simulations.structure.beamsystem import BeamSystem
from simulations.structure.crossings import CrossingDamage, crossing_damage
from simulations.structure.details import FatigueDetail, section_modulus_factor
from simulations.structure.influence import UnitLoads, load_stations
from simulations.structure.miner import miner_sum
from simulations.structure.rainflow import Cycles, Rainflow, count_cycles
from simulations.structure.response import DayDamage, day_damage
from simulations.structure.sn import sn_curve
from simulations.structure.templates import template_damage
from simulations.structure.weights import SampledTraffic, sample_traffic
from twin.model.structure import AxleStream, InfluenceLine

Floats = NDArray[np.float64]

SAMPLES, TURNS = 1_000_000, 112_500
CHUNK = 1_000
BRIDGES, VEHICLES = 300, 20_000
CURVE = sn_curve(71.0)
MIX = {
    "car": 0.80, "van": 0.06, "bus": 0.01, "hgv_3_7": 0.02, "hgv_7_12": 0.02,
    "hgv_12_26": 0.04, "hgv_26_40": 0.05,
}  # fmt: skip
"""Shares of vehicles in a day; own estimate of a main road."""
HOURS = np.array([1, 1, 1, 1, 1, 2, 4, 6, 7, 6, 6, 6, 6, 6, 7, 7, 7, 6, 5, 4, 3, 3, 2, 2.0])


def history() -> Floats:
    """A million samples with about 75,000 turning points."""
    random = np.random.default_rng(1)
    places = np.linspace(0.0, SAMPLES, TURNS)
    return np.interp(np.arange(float(SAMPLES)), places, random.normal(0.0, 30.0, TURNS))


def rainflow_rows(rounds: int) -> list[Row]:
    """Against both peers and against ourselves in chunks."""
    samples = history()
    turns = int(np.count_nonzero(np.diff(np.sign(np.diff(samples)))))
    name = f"rainflow, {SAMPLES:,} samples, {turns:,} turning points"

    def whole() -> None:
        Rainflow(CURVE).feed(samples)

    def chunks() -> None:
        counter = Rainflow(CURVE)
        for begin in range(0, SAMPLES, CHUNK):
            counter.feed(samples[begin : begin + CHUNK])

    cycles = count_cycles(samples, curve=CURVE)
    case = {"samples": samples}
    with timed_peer("rainflow_count", case) as first, timed_peer("pylife_count", case) as second:
        ours_s, chunk_s, rainflow_s, pylife_s = in_turn(
            rounds, (timed(whole), timed(chunks), first.run, second.run)
        )
        other = Cycles(
            first.answer["ranges"][first.answer["weights"] == 1.0],
            np.concatenate(([0.0], np.cumsum(first.answer["ranges"][first.answer["weights"] < 1]))),
        )
        off = abs(miner_sum(cycles, CURVE) / miner_sum(other, CURVE) - 1.0)
        same = np.array_equal(np.sort(cycles.closed), np.sort(second.answer["ranges"]))
        told = f"same {len(cycles.closed):,} closed cycles" if same else "**other cycles**"
        return [
            Row(name, ours_s, first.version, rainflow_s, 50.0, accuracy=f"damage within {off:.0e}"),
            Row(name, ours_s, second.version, pylife_s, 2.0, accuracy=told),
            Row(f"rainflow in chunks of {CHUNK:,}", chunk_s, "ours in one call", ours_s, 0.25,
                accuracy="identical state"),
        ]  # fmt: skip


def line_of(spans_m: list[float]) -> InfluenceLine:
    """Moment in the middle of the first span of a continuous beam."""
    beam = continuous_beam(spans_m, bending_nm2=51e9, mass_kg_per_m=15_000.0)
    section = np.array([spans_m[0] / 2])
    stations = load_stations(beam, sections_m=section.tolist())
    units = UnitLoads(BeamSystem(beam, extra_m=stations), stations)
    return InfluenceLine(float(section[0]), "moment", stations, units.moments(section)[0])


def a_day(seed: int, *, vehicles: float = VEHICLES) -> SampledTraffic:
    """Vehicles of a day in two lanes."""
    profile = vehicles * HOURS / HOURS.sum()
    flows = {name: share * profile for name, share in MIX.items()}
    return sample_traffic(flows, speed_ms=20.0, lane_shares=[0.7, 0.3], seed=seed)


def detail_of(line: InfluenceLine) -> FatigueDetail:
    """A weld of category 71."""
    return FatigueDetail("weld", CURVE, (line,), section_modulus_factor(0.05))


def by_vehicle(stream: AxleStream, detail: FatigueDetail, rate_hz: float = 50.0) -> float:
    """Day history as a loop over vehicles with numpy: a grid, `numpy.interp`, one rainflow."""
    line = detail.lines[0]
    end_s = float(stream.time_s[-1]) + 60.0
    total = np.zeros(int(end_s * rate_hz))
    for row in range(len(stream)):
        axles = slice(stream.first_axle[row], stream.first_axle[row + 1])
        offsets, loads = stream.axle_offset_m[axles], stream.axle_load_kn[axles]
        speed = stream.speed_ms[row]
        begin = int(stream.time_s[row] * rate_hz)
        last_s = stream.time_s[row] + (line.x_m[-1] + offsets[-1]) / speed
        at_s = np.arange(begin, min(int(last_s * rate_hz) + 2, len(total))) / rate_hz
        place = speed * (at_s - stream.time_s[row])[:, None] - offsets
        effect = np.interp(place, line.x_m, line.y, left=0.0, right=0.0) @ loads
        total[begin : begin + len(at_s)] += effect
    counter = Rainflow(CURVE)
    counter.feed(detail.stress_mpa * total)
    return counter.closed_damage + counter.residue_damage


def tool_rows(rounds: int) -> list[Row]:
    """Templates against crossings, days against a loop over vehicles."""
    traffic = a_day(1)
    detail = detail_of(line_of([30.0, 30.0, 30.0]))
    count = len(traffic.stream)
    fast, slow = template_damage(traffic, detail), crossing_damage(traffic.stream, detail)
    day = day_damage(traffic.stream, detail)
    assert isinstance(fast, CrossingDamage)
    assert isinstance(slow, CrossingDamage)
    assert isinstance(day, DayDamage)
    a_s, b_s, c_s = in_turn(
        rounds,
        (
            timed(lambda: template_damage(traffic, detail)),
            timed(lambda: crossing_damage(traffic.stream, detail)),
            timed(lambda: day_damage(traffic.stream, detail)),
        ),
    )
    loop = timed(lambda: by_vehicle(traffic.stream, detail))
    loop_s = sorted(loop() for _ in range(rounds))[rounds // 2]
    off = abs(fast.total / slow.total - 1.0)
    grid = day.total / by_vehicle(traffic.stream, detail) - 1.0
    return [
        Row(f"tool A, {count:,} vehicles, three spans", a_s, "tool B", b_s, 10.0,
            accuracy=f"damage within {off:.0e}"),
        Row(f"tool C, a day of {count:,} vehicles", c_s,
            f"numpy {version('numpy')}, loop over vehicles, 50 Hz", loop_s, 5.0,
            accuracy=f"damage {grid:+.2%} (the grid cuts peaks)"),
    ]  # fmt: skip


def city_row() -> Row:
    """A day of all bridges, tool C, one detail each; once, because it is long."""
    lines = [line_of(spans) for spans in ([30.0], [25.0, 25.0], [24.0, 30.0, 24.0])]
    days = [a_day(seed) for seed in range(3)]
    vehicles, seconds = 0, 0.0
    for bridge in range(BRIDGES):
        traffic, detail = days[bridge % 3], detail_of(lines[bridge // 3 % 3])
        began = time.perf_counter()
        found = day_damage(traffic.stream, detail)
        seconds += time.perf_counter() - began
        assert isinstance(found, DayDamage)
        vehicles += found.vehicles
    return Row(
        f"a day of {BRIDGES} bridges, tool C, {vehicles / BRIDGES:,.0f} vehicles each", seconds,
        most_s=30.0, accuracy="one, two and three spans in turn; drawing the vehicles not counted",
    )  # fmt: skip


def measure(rounds: int) -> list[Row]:
    """All rows of this part."""
    return [*rainflow_rows(rounds), *tool_rows(rounds), city_row()]
