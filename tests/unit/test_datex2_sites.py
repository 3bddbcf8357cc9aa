"""A published site table becomes a metadata table of the city folder."""

import json
from pathlib import Path

import pytest

from sensors.onboarding.sites import import_sites
from twin.errors import ModelError
from twin.settings import CitySettings, Settings

TABLE = """<d2:payload xmlns:d2="http://datex2.eu/schema/3/d2Payload"
 xmlns:r="http://datex2.eu/schema/3/roadTrafficData" xmlns:l="http://datex2.eu/schema/3/locationReferencing"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="r:MeasurementSiteTablePublication">
<r:measurementSiteTable id="T" version="1"><r:measurementSite id="A" version="{version}">
<r:measurementSpecificCharacteristics index="1"><r:measurementSpecificCharacteristics>
<r:period>60</r:period><r:specificMeasurementValueType>trafficFlow</r:specificMeasurementValueType>
<r:specificLane><l:laneNumber>2</l:laneNumber></r:specificLane>
</r:measurementSpecificCharacteristics></r:measurementSpecificCharacteristics>
</r:measurementSite></r:measurementSiteTable></d2:payload>"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folder = tmp_path / "city"
    folder.mkdir()
    return Settings(CitySettings("Test", "EPSG:25833", (13.0, 51.0, 14.0, 52.0)), folder)


def table(settings: Settings, version: int) -> str:
    file = settings.folder.parent / "table.xml"
    file.write_text(TABLE.format(version=version))
    return str(file)


def test_the_table_is_written_and_an_import_again_replaces_it(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert import_sites(settings, [table(settings, 1), "--cross-sections"]) == 0
    target = settings.folder / "datex2-sites.json"
    found = json.loads(target.read_text())
    assert found["sites"]["A@1"]["characteristics"] == {
        "1": {"type": "trafficFlow", "period_s": 60.0, "lane": "2", "vehicle": ""}
    }
    import_sites(settings, [table(settings, 2)])
    assert "1 sites: 1 new, 0 changed, 1 gone" in capsys.readouterr().out
    again = json.loads(target.read_text())
    assert (set(again["sites"]), again["cross_sections"]) == ({"A@2"}, True)


def test_a_dry_run_writes_nothing(settings: Settings) -> None:
    import_sites(settings, [table(settings, 1), "--dry-run"])
    assert not list(settings.folder.iterdir())


def test_a_file_that_is_no_site_table_and_a_target_outside_are_refused(settings: Settings) -> None:
    wrong = settings.folder.parent / "wrong.xml"
    wrong.write_text("<!DOCTYPE a><a/>")
    with pytest.raises(ModelError, match="document type"):
        import_sites(settings, [str(wrong)])
    with pytest.raises(ModelError, match="outside of the city folder"):
        import_sites(settings, [table(settings, 1), "--file", "../x.json"])
