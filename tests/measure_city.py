"""The demo city in memory with its base of 2018 and its structural models, ready for measures."""

import threading
from dataclasses import replace
from datetime import date

from simulations.bridges.inputs import bridges
from simulations.bridges.structures import look
from simulations.capacity import Capacity
from simulations.estimating import Wish, estimate, registry
from simulations.running import traffic_engine
from simulations.watching import Told
from twin.city import Twin
from twin.cli import demo_city
from twin.exchange.folder import read_city
from twin.inventory import load_inventory
from twin.model.bases import StoredBase
from twin.model.times import utc_now
from twin.settings import Settings, load_settings
from twin.store.memory import MemoryStore

ROADS_ON = date(2018, 6, 1)


def settings() -> Settings:
    return load_settings(demo_city())


def measure_city(*, threads: int = 1) -> tuple[Twin, StoredBase]:
    """Dresden with the base ``2018`` on the roads of June 2018."""
    own = settings()
    store = MemoryStore()
    twin = Twin(store, clock=utc_now)
    twin.load(read_city(own.folder, own.city))
    load_inventory(twin, own.folder, extent=own.city.extent)
    model_bridges(twin)
    base = estimate(
        twin,
        registry(twin, own),
        traffic_engine("path_equilibrium"),
        Wish("2018", ROADS_ON, "2018"),
        settings=replace(own, traffic=replace(own.traffic, threads=threads)),
        capacity=Capacity(threads, 2 * 10**9),
        told=Told(threading.Event()),
    )
    return twin, base


def model_bridges(twin: Twin) -> None:
    """The structural model of every bridge, as the worker keeps it."""
    for bridge in bridges(twin):
        twin.bridges.keep(look(bridge).outcome, at=twin.now())
