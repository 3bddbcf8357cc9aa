"""Strain blocks in PostgreSQL become fatigue and weighed crossings, across a restarted worker."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from itertools import count
from uuid import uuid4

import httpx
import numpy as np
import pytest
from bridge_city import BRIDGE_ID, MADE, city
from store_servers import Database, running_server
from town import settings

from dashboards.app import create_app
from dashboards.security.guard import Listen
from dashboards.serving import WebServer
from sensors.simulator.bridge_world.crossings import Lorry, Span, lorries, strains
from simulations.bridges import crossings, fatigue, strainsite
from simulations.bridges.rounds import Rounds
from twin.city import Twin
from twin.model.assets import Attribute, Component
from twin.model.bridge import Restriction
from twin.model.city import City
from twin.model.datastreams import Datastream
from twin.model.fatigue import DetailFatigue, details_of
from twin.model.monitoring import BridgeEvent
from twin.model.observations import Batch, Tally, Waveform
from twin.model.records import InventoryRecord
from twin.model.times import to_us, utc_now
from twin.ports import Store
from twin.store import MemoryStore, open_store

pytestmark = pytest.mark.db
START = utc_now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
RATE_HZ = 100.0
BLOCK_S = 10
DURATION_S = 360
CUT_S = 200
"""The worker is restarted here; a lorry stands on the span."""
SPAN = Span()
SECTIONS = tuple(range(1, len(SPAN.gauges_m) + 1))
ATTRIBUTES = (
    (strainsite.CALIBRATION, SPAN.strain_per_moment, "um/m/(kN.m)"),
    (strainsite.CALIBRATION_SD, 1.0, "%"),
    (strainsite.CALIBRATED_ON, "2026-02-01", ""),
    (strainsite.SPAN, SPAN.length_m, "m"),
    ("fatigue_detail_weld", f"{BRIDGE_ID}.wave_1;36;210000;4;0.5", ""),
)
ANALYSES = tuple(replace(one.ANALYSIS, every=timedelta(minutes=1)) for one in (crossings, fatigue))


def bridge() -> City:
    base = city()
    attributes = tuple(Attribute(name, value, unit, MADE) for name, value, unit in ATTRIBUTES)
    return replace(
        base,
        assets=(replace(base.assets[0], attributes=attributes),),
        components=tuple(
            Component(f"{BRIDGE_ID}/{n}", BRIDGE_ID, f"S{n}", "section", station_m=gauge)
            for n, gauge in zip(SECTIONS, SPAN.gauges_m, strict=True)
        ),
        datastreams=tuple(
            Datastream(
                uid=f"{BRIDGE_ID}.wave_{n}",
                name=f"wave {n}",
                asset_id=BRIDGE_ID,
                component_id=f"{BRIDGE_ID}/{n}",
                quantity="strain",
                sensor_id="S1",
                source="demo",
                route_key=f"{BRIDGE_ID}/wave_{n}",
                provenance="simulated",
                kind="waveform",
            )
            for n in SECTIONS
        ),
    )


def passing() -> tuple[Lorry, ...]:
    """Eight lorries; one of them is on the span when the worker is restarted."""
    found = list(lorries(8, gap_s=40.0, seed=7))
    middle = min(range(len(found)), key=lambda row: abs(found[row].time_s - CUT_S))
    found[middle] = replace(found[middle], time_s=CUT_S - 0.5)
    return tuple(found)


def blocks(store: Store, *, first_s: int, last_s: int) -> tuple[Waveform, ...]:
    numbers = {item.uid: item.number or 0 for item in store.datastreams()}
    _, strain = strains(passing(), SPAN, rate_hz=RATE_HZ, duration_s=DURATION_S, seed=1)
    rows = int(BLOCK_S * RATE_HZ)
    return tuple(
        Waveform(
            number=numbers[f"{BRIDGE_ID}.wave_{n}"],
            t0_us=to_us(START) + second * 1_000_000,
            rate_hz=RATE_HZ,
            samples=strain[round(second * RATE_HZ) :][:rows, n - 1].astype(np.float32),
        )
        for n in SECTIONS
        for second in range(first_s, last_s, BLOCK_S)
    )


def send(store: Store, *, first_s: int, last_s: int) -> None:
    found = blocks(store, first_s=first_s, last_s=last_s)
    store.record(Batch(uuid4(), 1, waveforms=found, tallies={"demo": Tally()}))


def twin_at(store: Store, seconds: float) -> Twin:
    ticks = count()
    now = START + timedelta(seconds=seconds)
    return Twin(store, clock=lambda: now + timedelta(microseconds=next(ticks)))


def prepare(store: Store) -> None:
    store.load(bridge(), at=START)
    limit = InventoryRecord(BRIDGE_ID, "restriction", "weight", Restriction("5", 16.0, "t"), MADE)
    store.bridges.book.add([limit], at=START)


def detail(store: Store) -> DetailFatigue:
    kept = store.bridges.state(BRIDGE_ID, "fatigue")
    assert kept is not None
    (found,) = details_of(kept)
    return found


def weighed(store: Store) -> list[BridgeEvent]:
    found = store.bridges.events(
        BRIDGE_ID, "crossing", start=START, end=START + timedelta(hours=1), limit=100
    )
    return sorted(found, key=lambda event: event.at)


END_S = DURATION_S + fatigue.UNDER_WAY.total_seconds() + 1.0


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    """Half of the blocks, a look, a restart, the other half, and another look."""
    with running_server("postgres") as server:
        found = server.migrated_database()
        with closing(open_store(found.dsn())) as store:
            prepare(store)
        halves = ((0, CUT_S, CUT_S + 1.0), (CUT_S, DURATION_S, END_S))
        for first_s, last_s, now_s in halves:
            with closing(open_store(found.dsn("twin_ingest"))) as store:
                send(store, first_s=first_s, last_s=last_s)
            with closing(open_store(found.dsn("twin_work"))) as store:
                assert Rounds(twin_at(store, now_s), ANALYSES).all_due() == 1
        yield found


@pytest.fixture(scope="module")
def at_once() -> MemoryStore:
    """The same blocks in memory, looked at once."""
    store = MemoryStore()
    prepare(store)
    send(store, first_s=0, last_s=DURATION_S)
    Rounds(twin_at(store, END_S), ANALYSES).all_due()
    return store


@pytest.fixture(scope="module")
def stored(database: Database) -> Iterator[Store]:
    with closing(open_store(database.dsn("twin_serve"))) as store:
        yield store


@contextmanager
def client(twin: Twin) -> Iterator[httpx.Client]:
    server = WebServer(create_app(twin, settings()), Listen("127.0.0.1", 0))
    address = f"http://127.0.0.1:{server.start()}/api/bridges"
    try:
        with httpx.Client(base_url=address, trust_env=False, timeout=60) as opened:
            yield opened
    finally:
        server.stop()


def test_the_miner_sum_across_a_restart_is_that_of_one_go(
    stored: Store, at_once: MemoryStore
) -> None:
    found, whole = detail(stored), detail(at_once)
    assert asdict(found) == asdict(whole)
    assert found.cycles > 8
    assert found.closed_damage > 0.0
    assert found.sees_crossings
    assert found.late_samples == 0


def test_every_lorry_is_weighed_once_also_the_one_on_the_span_at_the_restart(
    stored: Store, at_once: MemoryStore
) -> None:
    found, whole = weighed(stored), weighed(at_once)
    sent = passing()
    assert len(found) == len(whole) == len(sent)
    for event, other, lorry in zip(found, whole, sent, strict=True):
        assert abs((event.at - START).total_seconds() - lorry.time_s) < 0.2
        gross_kn = event.figures["gross_kn"]
        assert gross_kn == pytest.approx(other.figures["gross_kn"], rel=0.02)
        assert gross_kn == pytest.approx(sum(lorry.axle_load_kn), rel=0.06)


def test_looking_again_changes_nothing(database: Database, stored: Store) -> None:
    before = detail(stored), weighed(stored)
    with closing(open_store(database.dsn("twin_work"))) as store:
        Rounds(twin_at(store, END_S + 120.0), ANALYSES).all_due()
    assert (detail(stored), weighed(stored)) == before


def test_the_api_tells_miner_sum_crossings_and_the_overload(stored: Store) -> None:
    with client(twin_at(stored, END_S + 121.0)) as opened:
        facts = opened.get(f"/{BRIDGE_ID}").json()
        events = opened.get(
            f"/{BRIDGE_ID}/events", params={"kind": "crossing", "start": _text(START)}
        ).json()
        findings = opened.get("/findings", params={"asset": BRIDGE_ID, "lang": "en"}).json()
        listed = opened.get(str(opened.base_url).rstrip("/")).json()
    (fatigue_of,) = facts["fatigue"]
    assert fatigue_of["damage"] == pytest.approx(detail(stored).damage, rel=1e-12)
    assert fatigue_of["from"] == _text(START)
    assert fatigue_of["assumptions"]
    assert {item["analysis"] for item in facts["monitoring"]["analyses"]} == {
        "crossings",
        "fatigue",
    }
    assert events["count"] == len(weighed(stored))
    assert [item["rule"] for item in findings["findings"]] == ["overload"]
    assert [item["open_findings"] for item in listed["bridges"]] == [1]


def _text(time: datetime) -> str:
    return time.isoformat()
