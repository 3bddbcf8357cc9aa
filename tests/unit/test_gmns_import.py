"""A GMNS network becomes a city: every link with its direction, every doubt named."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.traffic.classes import classes
from twin.errors import CityError
from twin.exchange.folder import read_city
from twin.exchange.gmns import bounds_deg, import_links, read_gmns
from twin.exchange.gmnscommand import import_gmns
from twin.exchange.roadnetwork import road_network
from twin.model.city import City
from twin.model.network import Network
from twin.settings import load_settings, new_city

UTM = "EPSG:25833"
NODES = """node_id,name,x_coord,y_coord
a,Markt,400000,5650000
b,,401000,5650000
c,,401000,5651000
"""
HEAD = (
    "link_id,name,from_node_id,to_node_id,directed,geometry,facility_type,"
    "capacity,free_speed,lanes,allowed_uses\n"
)
LINKS = """1,Ring,a,b,1,,arterial,900,50,2,all
2,Ring,b,a,TRUE,,arterial,900,50,1,
3,Gasse,b,c,0,"LINESTRING (401000 5651000, 401100 5650500, 401000 5650000)",Local,,30,1,
4,Radweg,a,c,0,,cycleway,,,,
5,Steg,a,c,1,,,,,,"bike,walk"
"""
CONFIG = "dataset_name,speed,crs\ntown,km/h,25833\n"


def network_folder(
    folder: Path, *, nodes: str = NODES, links: str = LINKS, config: str = CONFIG
) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "node.csv").write_text(nodes, encoding="utf-8")
    (folder / "link.csv").write_text(HEAD + links, encoding="utf-8")
    if config:
        (folder / "config.csv").write_text(config, encoding="utf-8")
    return folder


def imported(folder: Path, *options: str) -> tuple[int, City, Network]:
    target = folder / "city"
    order = [str(folder / "gmns"), "--city", str(target), *options]
    code = import_gmns(new_city(target), order)
    city = read_city(target, load_settings(target).city)
    crs = load_settings(target).city.crs
    network = road_network(city, crs=crs, classes=classes(), as_of=date(2026, 1, 1))
    return code, city, network


def test_links_keep_their_direction_lanes_speed_and_capacity(tmp_path: Path) -> None:
    network_folder(tmp_path / "gmns")
    code, city, network = imported(tmp_path)
    assert code == 1, "two links without motor vehicles were left out"
    assert network.link_id.size == 4, "two directed links and both ways of the third"
    sections = {asset.id: asset for asset in city.assets if asset.asset_class == "road_section"}
    assert set(sections) == {"1", "2", "3"}
    assert sections["1"].name == "Ring"
    assert {asset.name for asset in city.assets if asset.asset_class == "junction"} == {
        "Markt",
        "node b",
        "node c",
    }
    of_ring = {float(value) for value in network.capacity_pceh[network.length_m < 1001.0]}
    assert of_ring == {1800.0, 900.0}, "capacity of a lane times lanes"
    assert network.length_m.max() == pytest.approx(2 * np.hypot(100.0, 500.0), rel=1e-3)
    assert set(network.speed_kmh.tolist()) == {50.0, 30.0}


def test_a_line_that_was_drawn_backwards_is_turned(tmp_path: Path) -> None:
    network_folder(tmp_path / "gmns")
    _, city, _ = imported(tmp_path)
    lane = next(asset for asset in city.assets if asset.id == "3")
    junctions = {asset.id: asset.geometry for asset in city.assets}
    assert lane.geometry.coords[0] == pytest.approx(junctions["Nb"].coords[0], abs=1e-7)
    assert lane.geometry.coords[-1] == pytest.approx(junctions["Nc"].coords[0], abs=1e-7)


@pytest.mark.parametrize(
    ("links", "said"),
    [
        ("9,,a,zz,1,,local,,,,\n", "link 9: ends at a node that is not there; left out"),
        ("9,,a,a,1,,local,,,,\n", "link 9: ends where it begins; left out"),
        ("9,,a,b,maybe,,local,,,,\n", "link 9: `directed` is neither 1 nor 0"),
        ("9,,a,b,1,POINT (1 1),local,,,,\n", "link 9: geometry is no line; drawn straight"),
        ("9,,a,b,1,,moon road,,,,\n", "9: code moon road not in the declared list -> unknown"),
        ("9,,a,b,1,,local,,-5,,\n", "max_speed_km_h -5 is not positive and counts as missing"),
        (
            '9,,a,b,1,"LINESTRING (400000 5650400, 401000 5650000)",local,,,,\n',
            "link 9: its line begins 400 m from its node",
        ),
    ],
)
def test_what_is_doubtful_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], links: str, said: str
) -> None:
    network_folder(tmp_path / "gmns", links=LINKS + links)
    imported(tmp_path)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"config": ""}, "config.csv says no crs; name it with --crs"),
        ({"config": "crs\n25833\n"}, "config.csv says no unit of speed"),
        ({"config": "crs,speed\n25833,knots\n"}, "the unit of free_speed is 'knots'"),
        ({"config": "crs,speed\nmoon,mph\n"}, "crs 'moon' is no reference system"),
        ({"nodes": "node_id,x_coord\na,1\n"}, "node.csv has no column 'y_coord'"),
        ({"nodes": NODES + "a,,1,1\n"}, "node_id 'a' is given to several rows"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused(
    tmp_path: Path, change: dict[str, str], said: str
) -> None:
    network_folder(tmp_path / "gmns", **change)
    with pytest.raises(CityError, match="no usable GMNS network") as refused:
        read_gmns(tmp_path / "gmns")
    assert said in str(refused.value)


def test_a_system_that_contradicts_the_folder_is_refused(tmp_path: Path) -> None:
    network_folder(tmp_path / "gmns")
    with pytest.raises(CityError, match="leave one of them out"):
        read_gmns(tmp_path / "gmns", crs="EPSG:25832")


def test_links_beyond_the_city_are_left_out_and_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network_folder(tmp_path / "gmns")
    imported(tmp_path)
    far = NODES + "d,,480000,5650000\n"
    network_folder(tmp_path / "gmns", nodes=far, links=LINKS + "9,,a,d,1,,local,,,,\n")
    imported(tmp_path)
    assert "link 9: reaches beyond city.extent" in capsys.readouterr().out


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 5), st.booleans(), st.integers(0, 4)),
        min_size=1,
        max_size=12,
    )
)
def test_directed_links_are_conserved(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, bool, int]]
) -> None:
    rows = [row for row in rows if row[0] != row[1]]
    if not rows:
        return
    nodes = "node_id,x_coord,y_coord\n" + "".join(
        f"{n},{400000 + 500 * n},{5650000 + 300 * (n % 2)}\n" for n in range(6)
    )
    links = "".join(
        f"{i},,{a},{b},{int(one)},,local,,,{lanes or ''},\n"
        for i, (a, b, one, lanes) in enumerate(rows)
    )
    tables = read_gmns(network_folder(tmp_path_factory.mktemp("g"), nodes=nodes, links=links))
    found = import_links(tables, reference="g", prefix="", crs=UTM, extent=bounds_deg(tables))
    assert found.directed_links == sum(1 if one else 2 for _, _, one, _ in rows)
    assert len(found.sections) == len(rows)
