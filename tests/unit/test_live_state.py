"""Today's base against live counts: scaled, judged by stations put aside, and marked if wrong."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from free_flow import keep, river_base
from shapely.geometry import LineString
from town import Clock

from simulations.counting import counters, counters_at, interval_means
from simulations.currenttraffic import LiveWatch
from simulations.livestate import is_reserve, live_state
from simulations.outlook import forecast_state, forecasts, indicators_state
from simulations.running import OpenBases
from simulations.statetexts import state_text
from twin.city import Twin
from twin.errors import RegistryError
from twin.model.assets import Asset, Component
from twin.model.bases import StoredBase, TrafficBase
from twin.model.city import City
from twin.model.datastreams import Datastream, Sensor
from twin.model.observations import Batch, Readings
from twin.model.provenance import Provenance
from twin.model.times import to_us
from twin.model.traffic_state import TrafficState, live_of, validity
from twin.settings import CitySettings, Settings
from twin.store.memory import MemoryStore

NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
RESERVE = [name for name in (f"S{n}" for n in range(60)) if is_reserve(name)][:3]
USED = [name for name in (f"S{n}" for n in range(60)) if not is_reserve(name)][:5]
ROADS = [*RESERVE, *USED]


def town() -> City:
    made = Provenance("estimated", by="drawn by hand")
    line = LineString([(13.70, 51.045), (13.70, 51.06)])
    return City(
        "Town",
        assets=tuple(Asset(name, "road_section", name, line, made) for name in ROADS),
        components=tuple(Component(f"{n}/ab", n, "Richtung Nord", "direction") for n in ROADS),
        sensors=(Sensor("C", "Counter", "simulated", "simulated"),),
        datastreams=tuple(
            Datastream(
                uid=f"{name}-{vehicles}", name=name, asset_id=name, component_id=f"{name}/ab",
                quantity="traffic_flow", sensor_id="C", source="demo",
                route_key=f"{name}-{vehicles}", provenance="simulated", vehicle_class=vehicles,
                cadence_s=900.0,
            )
            for name in ROADS
            for vehicles in ("all", "heavy")
        ),
    )  # fmt: skip


class Watched:
    """A twin with a base whose links are all counted."""

    def __init__(self) -> None:
        self.clock = Clock(NOW)
        self.store = MemoryStore(clock=self.clock)
        self.twin = Twin(self.store, clock=self.clock)
        self.twin.load(town())
        river = river_base()
        named = replace(river.network, link_name=tuple(f"{name}/ab" for name in ROADS))
        flow = np.full_like(river.state.flow_vehh, 400.0)
        self.base = TrafficBase(named, river.demand, replace(river.state, flow_vehh=flow))
        self.stored = self.keep(held_out_rmse=10.0)

    def keep(self, **figures: float) -> StoredBase:
        stored = keep(self.store, self.base)
        facts = replace(stored.facts, figures={**stored.facts.figures, **figures})
        return replace(stored, facts=facts)

    def count(self, name: str, values: np.ndarray, *, until: datetime, kind: str = "all") -> None:
        number = self.twin.datastream(f"{name}-{kind}").number or 0
        times = [until - timedelta(minutes=15 * row) for row in range(len(values))][::-1]
        self.twin.record(
            Batch(
                uuid4(),
                1,
                Readings(
                    np.full(len(values), number, dtype=np.int32),
                    np.array([to_us(time) for time in times]),
                    np.asarray(values, dtype=float),
                    np.zeros(len(values), dtype=np.int16),
                ),
            )
        )

    def count_all(self, flow: float, *, reserve: float | None = None, rows: int = 12) -> None:
        for name in ROADS:
            value = reserve if reserve is not None and name in RESERVE else flow
            self.count(name, np.full(rows, value), until=self.clock())


def state_of(watched: Watched) -> tuple[TrafficState, Mapping[str, Any]]:
    state = live_state(watched.twin, watched.base, watched.stored)
    return state, state.document()


def test_counts_scale_the_base_and_stations_put_aside_confirm_it() -> None:
    watched = Watched()
    watched.count_all(500.0)
    state, found = state_of(watched)
    assert found["factor_low"] < 1.25 < found["factor_high"] + 0.01
    assert found["factor"] == pytest.approx(1.25, rel=0.06)
    assert (found["is_valid"], found["coverage"], found["held_out"]["stations"]) == (True, 1.0, 3)
    assert found["held_out"]["rmse_percent"] < found["allowed_rmse_percent"] == 15.0
    assert validity(state, NOW)["status"] == "valid"
    assert validity(state, NOW + timedelta(hours=2))["status"] == "unknown"
    assert live_of([state], watched.stored.facts.content_hash) is state
    assert live_of([state], "another") is None


def test_stations_put_aside_that_disagree_make_the_base_not_valid_now() -> None:
    watched = Watched()
    watched.count_all(400.0, reserve=900.0)
    state, found = state_of(watched)
    assert (found["is_valid"], found["reasons"][0]["key"]) == (False, "live_error")
    assert validity(state, NOW)["status"] == "not_valid_now"
    german = state_text("live", found, made_at=NOW, now=NOW, language="de", names={})
    assert german.startswith("DERZEIT NICHT GÜLTIG")


def test_missing_counts_make_the_base_not_valid_now() -> None:
    watched = Watched()
    watched.count_all(400.0, rows=4)
    watched.clock.move(7200)
    _, found = state_of(watched)
    assert {item["key"] for item in found["reasons"]} == {"live_coverage", "live_no_counts"}


def test_a_base_without_held_out_error_is_never_called_valid() -> None:
    watched = Watched()
    watched.stored = watched.keep()
    watched.count_all(400.0)
    assert [item["key"] for item in state_of(watched)[1]["reasons"]] == ["live_no_error"]


def test_a_single_outlier_changes_nothing_and_three_in_a_row_are_believed() -> None:
    watched = Watched()
    watched.count_all(400.0)
    first = state_of(watched)[0]
    watched.twin.traffic.keep_state(first)
    factors = []
    for _ in range(3):
        watched.clock.move(900)
        watched.count_all(4000.0, rows=1)
        state, found = state_of(watched)
        watched.twin.traffic.keep_state(state)
        factors.append((found["outcome"], round(found["factor"], 1)))
    assert factors[:2] == [("rejected", 1.0), ("rejected", 1.0)]
    assert factors[2][0] == "updated"
    assert factors[2][1] > 2.0


def test_the_worker_looks_when_it_is_due_and_bears_a_missing_base() -> None:
    watched = Watched()
    watched.count_all(400.0)
    settings = Settings(city=CitySettings("T", "EPSG:25833", (13.0, 50.0, 14.0, 52.0)), folder=None)  # type: ignore[arg-type]  # pyrefly: ignore
    look = LiveWatch(settings, OpenBases())
    look.look(watched.twin)  # the base in the store has no packed file of these names
    first = watched.twin.traffic.states("live")
    watched.clock.move(60)
    look.look(watched.twin)
    assert watched.twin.traffic.states("live") == first
    nothing = Twin(MemoryStore(clock=watched.clock), clock=watched.clock)
    LiveWatch(settings, OpenBases()).look(nothing)
    assert nothing.traffic.states() == ()


def test_the_time_of_a_slow_counter_is_the_end_of_what_it_counted() -> None:
    watched = Watched()
    watched.count(USED[0], np.array([100.0, 200.0, 300.0, 400.0]), until=NOW)
    stream = watched.twin.datastream(f"{USED[0]}-all")
    step = timedelta(minutes=15)
    found = interval_means(watched.twin, stream, start=NOW - 5 * step, end=NOW, step=step)
    np.testing.assert_array_equal(found, [np.nan, 100.0, 200.0, 300.0, 400.0])
    hours = interval_means(
        watched.twin, stream, start=NOW - timedelta(hours=2), end=NOW, step=timedelta(hours=1)
    )
    np.testing.assert_array_equal(hours, [np.nan, 250.0])


def test_counters_are_found_by_road_and_refused_elsewhere() -> None:
    watched = Watched()
    assert len(counters(watched.twin)) == len(ROADS)
    (item,) = counters_at(watched.twin, None, USED[0])
    assert (item.direction, item.heavy is None) == (f"{USED[0]}/ab", False)
    with pytest.raises(RegistryError, match="no traffic is counted at 'B9'"):
        counters_at(watched.twin, watched.base.network, "B9")


def test_indicators_tell_days_hours_and_coverage() -> None:
    watched = Watched()
    quarter = np.full(96 * 3, 400.0)
    local_midnight = datetime(2026, 11, 23, tzinfo=BERLIN)
    for kind, factor in (("all", 1.0), ("heavy", 0.1)):
        watched.count(USED[0], quarter * factor, until=local_midnight, kind=kind)
    chosen = counters_at(watched.twin, None, USED[0])
    state = indicators_state(watched.twin, USED[0], chosen, zone=BERLIN, days=4)
    found = state.document()
    (row,) = found["rows"]
    assert row["values"]["dtv"]["value"] == pytest.approx(9600.0)
    assert row["values"]["dtv"]["days"] == 3
    assert row["heavy_share"] == pytest.approx(0.1)
    assert row["coverage"] == pytest.approx(0.75)
    assert row["values"]["msv30"]["is_estimated"]
    text = state_text("indicators", found, made_at=NOW, now=NOW, language="de", names={})
    assert "9.600" in text
    assert "19.11.2026 - 22.11.2026" in text, "local days, the last one that is over"
    assert "geschätzt" in text


def detector(days: int, seed: int = 1) -> np.ndarray:
    """Two peaks on workdays and a slow wave, from a Monday on; 15-min steps."""
    rng = np.random.default_rng(seed)
    slot = np.arange(days * 96) % 96 / 4.0
    workday = np.arange(days * 96) // 96 % 7 < 5
    level = 160 + np.where(workday, 1000, 400) * (
        np.exp(-((slot - 7.5) ** 2) / 2) + np.exp(-((slot - 16.5) ** 2) / 4)
    )
    wave = np.zeros(len(slot))
    for row in range(1, len(slot)):
        wave[row] = 0.95 * wave[row - 1] + rng.normal(0, 0.03)
    return rng.poisson(level * np.exp(wave) / 4).astype(float) * 4


def test_a_forecast_is_shown_only_where_it_beats_profile_and_regression() -> None:
    start = datetime(2026, 9, 14, tzinfo=UTC)
    found = forecasts(detector(70), start, zone=ZoneInfo("UTC"))
    for item in found["horizons"]:
        scores = item["scores"]
        if item["status"] == "shown":
            assert scores["profile_and_deviations"]["mae"] < scores["profile_and_deviation"]["mae"]
            assert item["low_vehh"] <= item["flow_vehh"] <= item["high_vehh"]
        else:
            assert "flow_vehh" not in item
            assert item["reasons"][0]["key"] in ("forecast_none", "forecast_running")
    assert len(found["horizons"]) == 3


def test_noise_alone_is_not_forecast_and_the_text_says_why() -> None:
    rng = np.random.default_rng(7)
    start = datetime(2026, 9, 14, tzinfo=UTC)
    found = forecasts(rng.poisson(100, 96 * 60).astype(float), start, zone=ZoneInfo("UTC"))
    assert {item["status"] for item in found["horizons"]} == {"none"}
    content = {"asset": "S1", "rows": [{"direction": "S1/ab", **found}], "assumptions": [],
               "provenance": ["simulated"]}  # fmt: skip
    for language, said in (("de", "keine Prognose"), ("en", "no model beats")):
        assert said in state_text(
            "forecast", content, made_at=NOW, now=NOW, language=language, names={}
        )


def test_a_short_series_gets_no_forecast() -> None:
    watched = Watched()
    watched.count(USED[0], np.full(300, 100.0), until=NOW)
    chosen = counters_at(watched.twin, None, USED[0])
    found = forecast_state(watched.twin, USED[0], chosen, zone=BERLIN, days=30).document()
    (row,) = found["rows"]
    assert (row["status"], row["reasons"][0]["key"]) == ("none", "forecast_too_short")
