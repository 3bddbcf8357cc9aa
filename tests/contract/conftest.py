"""Every implementation of the store, each test with an empty one that holds the small city."""

from collections.abc import Iterator

import pytest
from store_samples import city
from store_servers import Server, running_server

from twin.model.times import utc_now
from twin.ports import Store
from twin.store import MemoryStore, open_store


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    with running_server("postgres") as server:
        yield server


@pytest.fixture(scope="session")
def timescale_server() -> Iterator[Server]:
    with running_server("timescale") as server:
        yield server


@pytest.fixture(
    params=[
        "memory",
        pytest.param("postgres", marks=pytest.mark.db),
        pytest.param("timescale", marks=pytest.mark.timescale),
    ]
)
def empty_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
        return
    server: Server = request.getfixturevalue(f"{request.param}_server")
    store = open_store(server.wiped_database().dsn())
    yield store
    store.close()


@pytest.fixture
def store(empty_store: Store) -> Store:
    empty_store.load(city(), at=utc_now())
    return empty_store
