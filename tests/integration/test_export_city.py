"""A city is exported and loaded into an empty database, and is the same city."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from store_servers import Server, running_server

from twin.cli import demo_city, load_city
from twin.errors import CityError
from twin.exchange.city_out import checksum, differences
from twin.exporting import command, registered_city
from twin.model.city import City
from twin.runtime import open_twin
from twin.settings import DatabaseSettings, Settings, load_settings

pytestmark = pytest.mark.db


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server("postgres") as found:
        yield found


def _on(server: Server, folder: Path) -> Settings:
    """Settings of a folder on an empty database."""
    dsn = server.migrated_database().dsn()
    return replace(load_settings(folder), database=DatabaseSettings(dsn=dsn))


def _registered(settings: Settings) -> City:
    with closing(open_twin(settings, role="work")) as twin:
        return registered_city(twin, settings.city.name)


def test_a_city_that_is_exported_and_loaded_again_has_an_equal_checksum(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = _on(server, demo_city())
    load_city(first)
    city = _registered(first)
    assert command(first, ["city", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.endswith(f"checksum {checksum(city)}\n")

    second = _on(server, tmp_path / "out")
    load_city(second)
    again = _registered(second)
    assert differences(city, again) == []
    assert checksum(again) == checksum(city)
    with (
        closing(open_twin(first, role="work")) as one,
        closing(open_twin(second, role="work")) as other,
    ):
        records, repeated = (
            [stored.record for stored in twin.bridges.book.records()] for twin in (one, other)
        )
    assert records
    assert repeated == records
    assert command(second, ["checksum"]) == 0
    assert capsys.readouterr().out == f"{checksum(city)}\n"

    for form in ("gpkg", "cityjson", "dcat", "ngsi"):
        file = tmp_path / f"city.{form}"
        assert command(second, [form, str(file), "--public"]) == 0
        assert file.stat().st_size
    assert json.loads((tmp_path / "city.ngsi").read_text("utf-8")) == []  # nothing was measured
    with pytest.raises(CityError, match=r"name it roads\.gpkg"):
        command(second, ["gpkg", str(tmp_path / "roads.shp")])
    with pytest.raises(CityError, match="exists already"):
        command(second, ["city", str(tmp_path / "out")])
    changed = replace(city, assets=(replace(city.assets[0], name="Other"), *city.assets[1:]))
    assert checksum(changed) != checksum(city)
