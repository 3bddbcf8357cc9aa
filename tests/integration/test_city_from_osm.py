"""A town made by configuration only: an extract, an empty folder, and the commands."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from osm_files import extract
from services import open_folder
from store_servers import running_server

from simulations.traffic.classes import classes
from simulations.traffic.graph import build
from twin.exchange.roadnetwork import road_network
from twin.model.city import City
from twin.settings import load_settings
from twin.store import open_store

pytestmark = pytest.mark.db


def run(folder: Path, *arguments: str, dsn: str = "") -> str:
    environment = {
        **os.environ,
        "TWIN_DATA_DIR": str(folder / "data"),
        "PYTHONUTF8": "1",
        **({"TWIN_DATABASE_DSN": dsn} if dsn else {}),
    }
    done = subprocess.run(
        [sys.executable, "-m", "twin.cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_helsinki_centre_is_a_city_by_configuration_only():
    """F-OSM-1 to F-OSM-8 in one: import, load, load again, and the network of what-if."""
    with open_folder() as folder, running_server("postgres") as server:
        dsn = server.migrated_database().dsn()
        city = folder / "helsinki"
        source = str(extract("Helsinki.osm.pbf"))
        options = ("--name", "Helsinki centre", "--timezone", "Europe/Helsinki")
        said = run(folder, "import", "osm", source, "--city", str(city), *options)
        assert "directed links: 1,115" in said
        assert "bridges: 2" in said
        loaded = run(folder, "load", str(city), dsn=dsn)
        assert "Helsinki centre: 1452 assets" in loaded
        assert "(0 rows added, 0 changed" in run(folder, "load", str(city), dsn=dsn)
        again = run(folder, "import", "osm", source, "--city", str(city))
        assert "road sections: 752" in again
        settings = load_settings(city)
        store = open_store(dsn)
        try:
            stored = City(settings.city.name, assets=tuple(store.assets()))
        finally:
            store.close()
        check_network(stored, settings.city.crs)


def check_network(city: City, crs: str) -> None:
    network = road_network(city, crs=crs, classes=classes(), as_of=date(2026, 1, 1))
    assert network.epsg == 25835
    assert network.link_id.size == 1115
    assert set(network.link_assets.asset) == {
        asset.id
        for asset in city.assets
        if asset.asset_class == "bridge" and "secondary" in str(attribute(asset, "carries"))
    }
    assert np.all(network.t0_s > 0)
    assert np.isfinite(network.x_m).all()
    graph = build(network, classes())
    assert graph.tail.size == 1115


def attribute(asset, name):
    found = asset.attribute(name)
    return None if found is None else found.value
