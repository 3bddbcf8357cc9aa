"""`twin import tntp` on a real database, with the rights of the worker."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from store_samples import city
from store_servers import Database, running_server

from simulations.importing import import_tntp
from simulations.running import open_base
from twin.city import Twin
from twin.model.times import utc_now
from twin.settings import Settings, load_settings
from twin.store import open_store

pytestmark = pytest.mark.db
# Shared by test runs, and outside of the tree: two routes shall not cost a minute of compiling.
KERNELS = Path(tempfile.gettempdir()) / "stadtzwilling-tests" / "kernels"
UNITS = ("--time-unit", "min", "--length-unit", "km")
NET = """<NUMBER OF ZONES> 2
<FIRST THRU NODE> 3
<END OF METADATA>
1 3 9999 0 0 0 4 ;
2 3 9999 0 0 0 4 ;
3 4 1800 10 10 0.15 4 ;
3 4 2400 12 12 0.15 4 ;
4 1 9999 0 0 0 4 ;
4 2 9999 0 0 0 4 ;
"""
TRIPS = "<TOTAL OD FLOW> 3007\n<END OF METADATA>\nOrigin 1\n2 : 3000; 1 : 7;\n"
FLOW = "From To Volume Cost\n3 4 1949.97792 1\n3 4 1050.02208 1\n"


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with running_server("postgres") as server:
        found = server.migrated_database()
        store = open_store(found.dsn())
        store.load(city(), at=utc_now())
        store.close()
        yield found


def settings_of(place: Path, dsn: str) -> Settings:
    (place / "city.toml").write_text(
        f"""
[city]
name = "Testcity"
crs = "EPSG:25833"
extent = [13.5, 50.9, 14.0, 51.2]
[database]
dsn = {json.dumps(dsn)}
[traffic]
kernel_folder = {json.dumps(str(KERNELS))}
""",
        encoding="utf-8",
    )
    return load_settings(place, {})


def test_a_network_becomes_a_base_that_scenarios_start_from(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "Two Routes"
    folder.mkdir()
    for kind, text in {"net": NET, "trips": TRIPS, "flow": FLOW}.items():
        (folder / f"TwoRoutes_{kind}.tntp").write_text(text)
    settings = settings_of(tmp_path, database.dsn("twin_work"))

    assert import_tntp(settings, [str(folder), *UNITS, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "6 links, 4 nodes, 2 zones, 2 nodes that no path may pass" in said
    assert "2 pairs, 3,007.0 trips, 7.0 of them inside a zone" in said
    assert database.run("SELECT count(*) FROM traffic_base") == [(0,)]

    assert import_tntp(settings, [str(folder), *UNITS]) == 0
    said = capsys.readouterr().out
    assert "published flows: GEH below 1 on 2 of 2 links" in said
    assert "kept as base 'Two Routes', version 1" in said
    twin = Twin(open_store(database.dsn("twin_work")), clock=utc_now)
    try:
        stored = twin.base("Two Routes")
        base = open_base(twin, stored.facts.content_hash)
    finally:
        twin.close()
    assert base.state.volume_pceh[2:4] == pytest.approx([1949.97792, 1050.02208], rel=1e-3)
    assert base.state.intrazonal_vehh.tolist() == [7.0]
