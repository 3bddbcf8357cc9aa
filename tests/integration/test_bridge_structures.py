"""Structural models of bridges in PostgreSQL: the worker keeps them, the web server reads them."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest
from store_servers import Database, running_server
from structure_city import (
    BRIDGE_ID,
    FACTS,
    START,
    Clock,
    frequency_stream,
    hear,
    structure_city,
)

from simulations.bridges import structures
from simulations.bridges.rounds import Rounds
from twin.bridge_view import read_bridge
from twin.city import Twin
from twin.model.structure_state import StructureState, parts_of
from twin.store import open_store

pytestmark = pytest.mark.db
F1_HZ = 3.218228


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with running_server("postgres") as server:
        found = server.migrated_database()
        with closing(open_store(found.dsn())) as store:
            store.load(structure_city(FACTS, [frequency_stream(1)]), at=START)
        yield found


def looked(database: Database, clock: Clock) -> StructureState:
    """What a worker of its own keeps, and the web server reads."""
    with closing(Twin(open_store(database.dsn("twin_work")), clock=clock)) as twin:
        Rounds(twin, [structures.ANALYSIS]).all_due()
    with closing(Twin(open_store(database.dsn("twin_serve")), clock=clock)) as twin:
        (found,) = read_bridge(twin, BRIDGE_ID).structure
        return found


def test_a_calibrated_model_is_kept_registered_and_outlived_by_its_copy(
    database: Database,
) -> None:
    clock = Clock(START)
    with closing(Twin(open_store(database.dsn()), clock=clock)) as twin:
        hear(twin, 1, F1_HZ, until=START)
    first = looked(database, clock)
    assert (first.level, first.version) == ("L1", 1)
    clock.now += timedelta(hours=7)
    assert looked(database, clock) == first
    clock.now += timedelta(days=60)
    day = f"{clock.now - timedelta(days=20):%Y-%m-%d}"
    facts = {**FACTS, "structure_calibrated_from": day}
    with closing(Twin(open_store(database.dsn()), clock=clock)) as twin:
        hear(twin, 1, 1.2 * F1_HZ, until=clock.now, hours=400)
        twin.load(structure_city(facts, [frequency_stream(1)]))
    second = looked(database, clock)
    assert second.version == 2
    with closing(Twin(open_store(database.dsn("twin_serve")), clock=clock)) as twin:
        assert [model.version for model in twin.bridges.models(BRIDGE_ID)] == [1, 2]
        kept = twin.bridges.state(BRIDGE_ID, "structure@1")
        assert kept is not None
        assert parts_of(kept) == (first,)
