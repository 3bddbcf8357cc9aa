"""Rounds come to every bridge in turn, whatever one of them costs, and read the registry once."""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from bridge_city import MADE
from shapely.geometry import Point

from simulations.bridges.inputs import Bridge
from simulations.bridges.rounds import Analysis, Found, Rounds
from twin.city import Twin
from twin.errors import StoreUnavailableError
from twin.model.assets import Asset
from twin.model.bridge_status import NAME, status_of
from twin.model.city import City
from twin.model.datastreams import Datastream, Sensor
from twin.model.findings import MonitoringState
from twin.model.monitoring import AnalysisOutcome, StateRecord
from twin.store.memory import MemoryStore

START = datetime(2026, 11, 22, 8, tzinfo=UTC)
ALWAYS = timedelta()
HOUR = timedelta(hours=1)


class CountingStore(MemoryStore):
    """A store that counts how often its registry is read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def assets(self, asset_class: str | None = None) -> Sequence[Asset]:
        self.reads += 1
        return super().assets(asset_class)

    def datastreams(self, asset_id: str | None = None) -> Sequence[Datastream]:
        self.reads += 1
        return super().datastreams(asset_id)


def city(bridges: int) -> City:
    names = [f"B{number:03}" for number in range(bridges)]
    streams = [
        Datastream(f"{name}.w", "w", name, None, "crack_width", "S1", "demo", name, "simulated")
        for name in names
    ]
    return City(
        name="Probestadt",
        assets=tuple(Asset(name, "bridge", name, Point(13.7, 51.0), MADE) for name in names),
        components=(),
        sensors=(Sensor("S1", "logger", "simulated", "simulated"),),
        datastreams=tuple(streams),
        references=(),
    )


def twin_with(bridges: int) -> tuple[Twin, CountingStore]:
    store, ticks = CountingStore(), count()
    twin = Twin(store, clock=lambda: START + timedelta(seconds=next(ticks)))
    twin.load(city(bridges))
    store.reads = 0
    return twin, store


def analysis(
    look: Callable[[Bridge], Found],
    *,
    every: timedelta = ALWAYS,
    concerns: Callable[[Bridge], bool] = lambda _: True,
) -> Analysis:
    return Analysis("probe", "1", every, concerns, look)


def test_a_bridge_that_is_always_due_again_lets_the_others_have_their_turn() -> None:
    seen: list[str] = []

    def look(bridge: Bridge) -> Found:
        seen.append(bridge.asset.id)
        return Found()

    twin, _ = twin_with(3)
    rounds = Rounds(twin, [analysis(look)])
    for _ in range(6):
        assert rounds.step()
    assert seen == ["B000", "B001", "B002"] * 2


def test_everything_that_is_due_is_one_round_and_ends() -> None:
    twin, _ = twin_with(4)
    assert Rounds(twin, [analysis(lambda _: Found())]).all_due() == 4


@pytest.mark.parametrize("bridges", [2, 40])
def test_a_round_reads_the_registry_as_often_for_many_bridges_as_for_few(bridges: int) -> None:
    twin, store = twin_with(bridges)
    rounds = Rounds(twin, [analysis(lambda _: Found(), every=HOUR)])
    assert rounds.all_due() == bridges
    assert not rounds.step()
    reads = store.reads
    assert reads == 2 * 3, "bridges, road sections and streams, at the beginning of two rounds"


def test_every_bridge_is_looked_at_as_of_its_turn_and_not_as_of_the_beginning() -> None:
    times: list[datetime] = []

    def look(bridge: Bridge) -> Found:
        times.append(bridge.now)
        return Found()

    twin, _ = twin_with(3)
    Rounds(twin, [analysis(look)]).all_due()
    assert times == sorted(set(times))


def _refused(bridge: Bridge) -> Found:
    """What no store takes: a state of a bridge that does not exist."""
    missing = StateRecord("own", f"{bridge.asset.id}-gone", 1, 1, b"")
    return Found(AnalysisOutcome(states=(missing,)))


def _broken(_: Bridge) -> Found:
    raise ZeroDivisionError


@pytest.mark.parametrize("fault", [_broken, _refused])
def test_a_bridge_that_fails_each_time_says_so_and_starves_no_other(
    fault: Callable[[Bridge], Found],
) -> None:
    def look(bridge: Bridge) -> Found:
        return fault(bridge) if bridge.asset.id == "B000" else Found()

    twin, _ = twin_with(3)
    assert Rounds(twin, [analysis(look)]).all_due() == 3
    states = {
        record.asset_id: status_of(record).analyses[0].state for record in twin.bridges.states(NAME)
    }
    assert states["B000"] is MonitoringState.NOT_ARMED
    assert {states["B001"], states["B002"]} == {MonitoringState.NORMAL}


def test_a_bridge_of_which_nobody_can_say_what_concerns_it_stops_no_other() -> None:
    def concerns(bridge: Bridge) -> bool:
        return bridge.asset.id[3] != "0" or bool(1 // 0)

    twin, _ = twin_with(3)
    assert Rounds(twin, [analysis(lambda _: Found(), concerns=concerns)]).all_due() == 2


def test_a_bridge_at_which_the_database_went_away_is_looked_at_in_the_next_round() -> None:
    is_away = threading.Event()
    is_away.set()

    def look(bridge: Bridge) -> Found:
        if bridge.asset.id == "B001" and is_away.is_set():
            is_away.clear()
            raise StoreUnavailableError("the database is away")
        return Found()

    twin, _ = twin_with(3)
    rounds = Rounds(twin, [analysis(look, every=HOUR)])
    assert rounds.step()
    with pytest.raises(StoreUnavailableError):
        rounds.step()
    assert rounds.all_due() == 1
    assert rounds.all_due() == 1
    assert {record.asset_id for record in twin.bridges.states(NAME)} == {"B000", "B001", "B002"}


def test_a_worker_that_takes_over_goes_on_from_what_was_said() -> None:
    twin, _ = twin_with(2)
    probe = analysis(lambda _: Found(), every=HOUR)
    assert Rounds(twin, [probe]).all_due() == 2
    assert Rounds(twin, [probe]).all_due() == 0


def test_what_no_longer_concerns_a_bridge_is_no_longer_said_of_it() -> None:
    now = [START]
    ticks = count()
    twin = Twin(MemoryStore(), clock=lambda: now[0] + timedelta(microseconds=next(ticks)))
    twin.load(city(1))
    has_sensors: bool | None = True

    def concerns(_: Bridge) -> bool:
        if has_sensors is None:
            raise ZeroDivisionError("cannot tell")
        return has_sensors

    def judging(name: str, concerns: Callable[[Bridge], bool] = lambda _: True) -> Analysis:
        return Analysis(name, "1", HOUR, concerns, lambda _: Found(), is_structural=True)

    def said(analyses: Sequence[Analysis]) -> tuple[set[str], MonitoringState]:
        now[0] += timedelta(days=2)
        Rounds(twin, analyses).all_due()
        (kept,) = twin.bridges.states(NAME)
        status = status_of(kept)
        return {item.analysis for item in status.analyses}, status.watched((), now=now[0])

    frequency, acoustics = judging("frequency"), judging("acoustics", concerns)
    both = {"frequency", "acoustics"}
    assert said([frequency, acoustics]) == (both, MonitoringState.NORMAL)
    has_sensors = None
    assert said([frequency, acoustics]) == (both, MonitoringState.NOT_ARMED)
    has_sensors = False
    assert said([frequency, acoustics]) == ({"frequency"}, MonitoringState.NORMAL)
    has_sensors = True
    assert said([frequency, acoustics]) == (both, MonitoringState.NORMAL)
    assert said([acoustics]) == ({"acoustics"}, MonitoringState.NORMAL)
    has_sensors = False
    assert said([acoustics]) == (set(), MonitoringState.NOT_ARMED)
