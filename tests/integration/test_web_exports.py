"""Files of the registry over HTTP: every format comes, and only what everybody may see."""

import json
from collections.abc import Iterator
from pathlib import Path

import geopandas
import httpx
import pytest
from serving_town import Served, served


@pytest.fixture(scope="module")
def web() -> Iterator[Served]:
    with served() as running:
        yield running


@pytest.fixture
def client(web: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=web.address, trust_env=False, timeout=60.0) as opened:
        yield opened


@pytest.mark.parametrize("form", ["gpkg", "geojson", "csv", "parquet"])
def test_a_file_holds_the_assets_of_a_class(
    client: httpx.Client, form: str, tmp_path: Path
) -> None:
    answer = client.get(f"/api/exports/assets.{form}", params={"class": "bridge"})
    assert answer.status_code == 200, answer.text
    assert f'filename="assets-20261122T080000Z.{form}"' in answer.headers["content-disposition"]
    file = tmp_path / f"a.{form}"
    file.write_bytes(answer.content)
    found = geopandas.read_parquet(file) if form == "parquet" else geopandas.read_file(file)
    assert found["id"].tolist() == ["B1", "B2"]
    assert float(found["width_m"].tolist()[0]) == 14.0
    assert "remarks" not in found.columns


def test_the_catalogue_leads_to_files_that_are_there(client: httpx.Client, web: Served) -> None:
    found = client.get("/api/exports/catalog.jsonld")
    assert found.headers["content-type"] == "application/ld+json"
    for data_set in found.json()["dcat:dataset"]:
        for one in data_set["dcat:distribution"]:
            address = one["dcat:accessURL"]["@id"]
            assert address.startswith(web.address)
            answer = client.get(address)
            assert answer.status_code == 200, (address, answer.text)
            media_type = answer.headers["content-type"].partition(";")[0]
            assert one["dcat:mediaType"]["@id"].endswith(f"/{media_type}")


def test_bridges_come_as_cityjson(client: httpx.Client) -> None:
    found = json.loads(client.get("/api/exports/bridges.city.json").text)
    assert found["metadata"]["referenceSystem"].endswith("/EPSG/0/25833")
    assert set(found["CityObjects"]) == {"B1", "B2"}


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("assets.dxf", 404),
        ("assets.csv?class=tree", 422),
        ("assets.csv?class=hospital", 422),
        ("assets.csv?colour=red", 422),
        ("bridges.city.json?x=1", 422),
    ],
)
def test_a_wrong_request_is_told(client: httpx.Client, address: str, status: int) -> None:
    assert client.get(f"/api/exports/{address}").status_code == status
