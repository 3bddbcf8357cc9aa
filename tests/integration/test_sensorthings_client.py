"""An independent client, frost-sta-client, lists, pages and reads our real server (F-STS-6)."""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import peers
import pytest
from serving_town import Served, served
from store_servers import running_server
from town import RunningClock, Town

from twin.city import Twin
from twin.store import PostgresStore

SCRIPT = Path(__file__).with_name("frost_reader.py")
ROWS = 2500


class StoredTown(Town):
    """The town on PostgreSQL."""

    dsn = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.twin = Twin(PostgresStore(self.dsn, clock=self.clock), clock=self.clock)
        self.twin.load(self.city)


@pytest.fixture(scope="module")
def web() -> Iterator[Served]:
    with running_server("postgres") as server:
        database = server.migrated_database()
        StoredTown.dsn = database.dsn("twin_owner")
        city = StoredTown(clock=RunningClock())
        city.record_rows("B1-strain", [float(row) for row in range(ROWS)], age_s=3600.0)
        city.record({"L1.ab-q": 300.0, "B1-temp": 21.5})
        city.twin.close()
        # The server has the rights of the job ``serve``, no more.
        city.twin = Twin(PostgresStore(database.dsn("twin_serve")), clock=city.clock)
        with served(city) as running:
            yield running
        city.twin.close()


@pytest.mark.db
def test_the_independent_client_lists_pages_and_reads(web: Served) -> None:
    with tempfile.TemporaryDirectory(prefix="twin-frost-") as folder:
        file = Path(folder) / "answer.json"
        address = f"{web.address}/sensorthings/v1.1"
        subprocess.run(
            [str(peers.python()), str(SCRIPT), address, str(file)], check=True, timeout=120
        )
        found = json.loads(file.read_text(encoding="utf-8"))
    assert found["things"] == ["B1", "B2", "L1", "L2", "P1", "W1"]
    assert found["streams"] == ["B1-strain", "B1-temp", "B1-wave"]
    assert found["unit"] == "um/m"
    assert found["observed"] == "strain (tension positive)"
    assert found["count"] == ROWS
    assert found["results"] == [float(row) for row in range(ROWS)]
    assert found["pages"] > 2
    assert found["above"] == [float(row) for row in range(ROWS - 1, ROWS - 11, -1)]
    assert found["interval"].count("/") == 1
    assert found["quality"] == {"mask": 128, "flags": ["simulated"]}
    assert found["location"] == [13.71, 51.052]
    assert found["expanded"] == {"B1-strain": ROWS - 1, "B1-temp": 21.5, "B1-wave": None}
    assert found["missing"] == 404


@pytest.mark.db
def test_addresses_lead_back_to_the_server_that_was_asked(web: Served) -> None:
    with httpx.Client(base_url=web.address, trust_env=False, timeout=60.0) as client:
        root = client.get("/sensorthings/v1.1").json()
        for one in root["value"]:
            assert one["url"].startswith(web.address)
            assert client.get(one["url"]).status_code == 200
        page = client.get("/sensorthings/v1.1/Observations", params={"$top": 5}).json()
        following = client.get(page["@iot.nextLink"]).json()
        assert len(following["value"]) == 5
        part = client.get(page["value"][0]["FeatureOfInterest@iot.navigationLink"]).json()
        assert part["@iot.id"] in ("L1/ab", "asset:B1")
        assert client.get("/sensorthings/v1.1/FeaturesOfInterest('B1%2Fmid')").status_code == 200
        assert client.post("/sensorthings/v1.1/Things", json={}).status_code == 501
