"""Lists of bridges cost as many queries for hundreds of bridges as for three."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta

import pytest
from many_bridges import START, counted, fill
from store_servers import Server, running_server
from town import settings

from dashboards.api.bridges import Asked, list_bridges
from dashboards.live.hub import Hub
from dashboards.pages import bridge as page
from dashboards.pages.requests import page_request
from dashboards.view import CityView
from simulations.bridges.analyses import ANALYSES
from simulations.bridges.inputs import bridges
from twin.bridge_view import read_bridge, read_bridges
from twin.city import Twin
from twin.store import open_store

pytestmark = pytest.mark.db
FEW, MANY = 3, 300


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server("postgres") as found:
        yield found


def _api(twin: Twin) -> object:
    view = CityView(twin, settings(), Hub(twin, tick_hz=1.0))
    return list_bridges(Asked(view, {}, "de"))


def _page(twin: Twin) -> object:
    view = CityView(twin, settings(), Hub(twin, tick_hz=1.0))
    return page.layout(page_request(view, "/bridge", query="", accepted="de"), view)


def _due(twin: Twin) -> object:
    return [item.concerns(bridge) for bridge in bridges(twin) for item in ANALYSES]


def test_lists_cost_the_same_queries_for_three_and_three_hundred_bridges(server: Server) -> None:
    works: dict[str, Callable[[Twin], object]] = {
        "route": _api,
        "page": _page,
        "summaries": read_bridges,
        "round": _due,
        "one bridge": lambda twin: read_bridge(twin, "B0001"),
    }
    costs: dict[int, dict[str, int]] = {}
    for count in (FEW, MANY):
        with closing(open_store(server.wiped_database().dsn())) as store:
            fill(store, count)
            twin = Twin(store, clock=lambda: START + timedelta(minutes=1))
            costs[count] = {}
            for name, work in works.items():
                with counted(store) as tally:
                    work(twin)
                costs[count][name] = tally.queries
    assert costs[MANY] == costs[FEW]
    assert all(0 < cost < 60 for cost in costs[FEW].values()), costs


def test_the_list_says_of_every_bridge_what_its_own_page_says(server: Server) -> None:
    with closing(open_store(server.wiped_database().dsn())) as store:
        fill(store, FEW)
        twin = Twin(store, clock=lambda: START + timedelta(minutes=1))
        for row in read_bridges(twin):
            view = read_bridge(twin, row.asset.id)
            names = ("conditions", "parts", "restrictions", "due", "monitoring")
            assert [getattr(row, name) for name in names] == [getattr(view, name) for name in names]
            assert row.open_findings == len(view.findings) == 3
            assert row.conditions
            assert row.due
