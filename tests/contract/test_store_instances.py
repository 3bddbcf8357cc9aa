"""A name is held by one process at a time, across restarts of the database."""

import pytest
from store_servers import Server
from waiting import wait_for

from twin.ports import Store
from twin.store import open_store

END_SESSIONS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def test_a_name_is_held_until_it_is_released(store: Store) -> None:
    assert not store.instances.holds("twin-town-1")
    assert store.instances.hold("twin-town-1")
    assert store.instances.hold("twin-town-1")
    assert store.instances.holds("twin-town-1")
    store.instances.release("twin-town-1")
    assert not store.instances.holds("twin-town-1")
    store.instances.release("twin-town-1")


@pytest.mark.db
def test_a_second_process_is_refused_until_the_first_ends(postgres_server: Server) -> None:
    dsn = postgres_server.wiped_database().dsn("twin_ingest")
    first, second = open_store(dsn), open_store(dsn)
    assert first.instances.hold("twin-town-1")
    assert not second.instances.hold("twin-town-1")
    assert not second.instances.holds("twin-town-1")
    assert second.instances.hold("twin-town-2")
    first.instances.release("twin-town-1")
    assert second.instances.hold("twin-town-1")
    second.close()
    wait_for(lambda: first.instances.hold("twin-town-1"), "the name is free")
    first.close()


@pytest.mark.db
def test_a_lost_connection_takes_the_name_again(postgres_server: Server) -> None:
    database = postgres_server.wiped_database()
    first, second = open_store(database.dsn()), open_store(database.dsn())
    assert first.instances.hold("twin-town-1")
    database.run(END_SESSIONS)
    wait_for(lambda: first.instances.holds("twin-town-1"), "the name is taken again")
    assert not second.instances.hold("twin-town-1")
    first.close()
    second.close()


@pytest.mark.db
def test_a_name_taken_over_meanwhile_is_lost_and_comes_back(postgres_server: Server) -> None:
    database = postgres_server.wiped_database()
    first, second = open_store(database.dsn()), open_store(database.dsn())
    assert first.instances.hold("twin-town-1")
    database.run(END_SESSIONS)
    wait_for(lambda: second.instances.hold("twin-town-1"), "the name is free")
    assert not first.instances.holds("twin-town-1")
    second.instances.release("twin-town-1")
    assert first.instances.holds("twin-town-1")
    first.close()
    second.close()
