"""NGSI-LD entities over HTTP, read again with our own codec."""

from collections.abc import Iterator

import httpx
import pytest
from contract.stream_samples import decode, observations
from serving_town import served
from town import Town

from twin.model.quantities import quantity


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    town = Town()
    flows = [one for one in town.twin.datastreams() if one.quantity == "traffic_flow"]
    town.record({one.uid: 600.0 for one in flows})
    with (
        served(town) as running,
        httpx.Client(
            base_url=f"{running.address}/ngsi-ld/v1", trust_env=False, timeout=60
        ) as opened,
    ):
        yield opened


def test_f_ngs_8_the_newest_flows_are_served_and_read_again(client: httpx.Client) -> None:
    answer = client.get("/entities", params={"type": "TrafficFlowObserved"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/ld+json"
    found = observations(decode("ngsi_ld", "ngsi/town", answer.json()))
    values = [one.value for one in found if one.quantity == "traffic_flow"]
    assert values
    assert values == pytest.approx([600.0] * len(values))
    assert quantity("traffic_flow").unit == "/h"
    assert answer.headers["NGSILD-Results-Count"] == str(len(answer.json()))
    sources = {entity["source"]["value"] for entity in answer.json()}
    assert sources == {"simulated"}


def test_pages_are_cut_by_limit_and_offset(client: httpx.Client) -> None:
    query = {"type": "TrafficFlowObserved"}
    everything = client.get("/entities", params=query).json()
    parts = [
        client.get("/entities", params=query | {"limit": "1", "offset": str(row)}).json()
        for row in range(len(everything) + 1)
    ]
    assert [one for part in parts for one in part] == everything


@pytest.mark.parametrize(
    "query",
    ["", "type=Vehicle", "type=TrafficFlowObserved&q=a", "type=TrafficFlowObserved&limit=0",
     "type=TrafficFlowObserved&limit=1001", "type=TrafficFlowObserved&offset=-1",
     "type=TrafficFlowObserved&offset=%F0%9F%98%80"],
)  # fmt: skip
def test_a_query_that_is_not_possible_is_refused(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/entities?{query}")
    assert answer.status_code == 400
    assert answer.json()["title"]
