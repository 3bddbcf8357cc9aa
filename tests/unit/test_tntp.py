"""Reading networks and trips in the TNTP format."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.errors import DecodeError
from twin.exchange.tntp import TntpFolder, TntpUnits, read_tntp
from twin.model.network import CostFunction

MINUTES = TntpUnits(time_s=60.0, length_m=1000.0)
NET = """<NUMBER OF ZONES> 2
<Number of Nodes>\t4
<FIRST THRU NODE> 3
<NUMBER OF LINKS> 6
<ORIGINAL HEADER>~ init term capacity length fft b power speed toll type ;
<END OF METADATA>

~ \tinit\tterm\tcapacity\tlength\tfft\tb\tpower\tspeed\ttoll\ttype\t;
\t1\t3\t9999\t0\t0\t0\t0\t0\t0\t1\t;
\t3\t70\t1800\t2.5\t3\t0.15\t4\t50\t2\t1\t;
3 70 900 2 4 0.5 2
\t70\t3\t1800\t2.5\t3\t0.15\t4\t50\t0\t1
70 2 9999 0 0 0 4 ; ~ a comment
2 70 9999 0 0 0 4 0 0 3 ;
"""
TRIPS = """<TOTAL OD FLOW> 35.5
<NUMBER OF ZONES> 2
<END OF METADATA>

Origin \t1
    1 :      0.5;     2 :    10.0;
origin 2
1 :
  20.0; 2:5.0;
"""


def folder(tmp_path: Path, **files: str) -> Path:
    for kind, text in files.items():
        (tmp_path / f"Small_{kind}.tntp").write_text(text)
    return tmp_path


def read(tmp_path: Path, units: TntpUnits = MINUTES, **files: str) -> TntpFolder:
    return read_tntp(folder(tmp_path, **files), units=units)


def test_a_network_keeps_its_numbers_and_gets_the_units_that_were_said(tmp_path: Path) -> None:
    network = read(tmp_path, net=NET).network
    assert network.node_id.tolist() == [1, 2, 3, 70]
    assert network.is_zone.tolist() == [True, True, False, False]
    assert network.no_through.tolist() == [True, True, False, False]
    assert network.tail.tolist() == [1, 3, 3, 70, 70, 2]
    assert network.t0_s.tolist() == [0.0, 180.0, 240.0, 180.0, 0.0, 0.0]
    assert network.length_m.tolist() == [0.0, 2500.0, 2000.0, 2500.0, 0.0, 0.0]
    assert network.cost_function[:3].tolist() == [
        CostFunction.FIXED, CostFunction.BPR, CostFunction.BPR,
    ]  # fmt: skip
    assert network.p0[2] == 0.5
    assert network.p1[2] == 2.0
    assert network.toll_eur is None


def test_without_a_first_through_node_trips_may_pass_every_node(tmp_path: Path) -> None:
    network = read(tmp_path, net=NET.replace("<FIRST THRU NODE> 3", "<FIRST THRU NODE> 1")).network
    assert not network.no_through.any()


def test_a_network_without_trips_is_a_network_only(tmp_path: Path) -> None:
    found = read(tmp_path, net=NET)
    assert found.demand is None
    assert found.flow_vehh is None
    assert found.warnings == ()


def test_trips_are_read_over_any_line_breaks(tmp_path: Path) -> None:
    demand = read(tmp_path, net=NET, trips=TRIPS).demand
    assert demand is not None
    rows = zip(
        demand.origin.tolist(), demand.destination.tolist(), demand.flow_vehh.tolist(), strict=True
    )
    assert list(rows) == [(1, 1, 0.5), (1, 2, 10.0), (2, 1, 20.0), (2, 2, 5.0)]


def test_a_total_that_is_off_is_a_warning(tmp_path: Path) -> None:
    trips = TRIPS.replace("35.5", "36")
    (warning,) = read(tmp_path, net=NET, trips=trips).warnings
    assert "add up to 35.5, <TOTAL OD FLOW> says 36" in warning


def test_weights_of_toll_and_length_become_seconds(tmp_path: Path) -> None:
    units = TntpUnits(60.0, 1000.0, toll_weight=0.5, length_weight=0.1)
    found = read(tmp_path, units, net=NET, trips=TRIPS)
    assert found.network.toll_eur is not None
    assert found.demand is not None
    assert found.network.toll_eur[0].tolist() == [0.0, 60.0 * (1.0 + 0.25), 12.0, 15.0, 0.0, 0.0]
    assert found.demand.classes[0].time_value_eur_h == 3600.0


def test_coordinates_come_from_the_node_file(tmp_path: Path) -> None:
    network = read(tmp_path, net=NET, node="Node\tX\tY\t;\n1\t5\t6\t;\n70 7 8 ;\n").network
    assert network.x_m.tolist() == [5.0, 0.0, 0.0, 7.0]
    assert network.y_m.tolist() == [6.0, 0.0, 0.0, 8.0]


@pytest.mark.parametrize(
    "flow",
    [
        "From To Volume Cost\n3 70 100.5 4\n3 70 50 4\n1 3 150 0\n",
        "<NUMBER OF NODES> 4\n<END OF METADATA>\n3 70 : 100.5 4 ;\n3 70 : 50 4 ;\n1 3 : 150 0 ;\n",
    ],
)
def test_both_layouts_of_flows_match_parallel_links_by_order(tmp_path: Path, flow: str) -> None:
    found = read(tmp_path, net=NET, flow=flow).flow_vehh
    assert found is not None
    assert found[:3].tolist() == [150.0, 100.5, 50.0]
    assert np.isnan(found[3:]).all()


@pytest.mark.parametrize(
    ("kind", "old", "new", "message"),
    [
        ("net", "3 70 900 2 4 0.5 2", "3 70 900 2 4", "line 11: 5 columns, needed are init"),
        ("net", "3 70 900 2", "3 x 900 2", "line 11: term is no number: 'x'"),
        ("net", "3 70 900 2", "3 70 nan 2", "line 11: capacity must be finite"),
        ("net", "3 70 900 2", "3 70 -900 2", "line 11: a negative value"),
        ("net", "LINKS> 6", "LINKS> 7", "is 7, but 6 links follow"),
        ("net", "<END OF METADATA>", "", "<END OF METADATA> is missing"),
        ("trips", "20.0;", "-20.0;", "line 8: trips must be a number of 0 or more"),
        ("trips", "20.0;", "many;", "line 8: trips must be a number of 0 or more"),
        ("trips", "20.0;", "20.0; 7 8;", "line 9: neither 'Origin k' nor"),
        ("trips", "Origin \t1", "", "line 6: trips before the first 'Origin'"),
    ],
)
def test_a_malformed_line_is_named_with_its_file(
    tmp_path: Path, kind: str, old: str, new: str, message: str
) -> None:
    files = {"net": NET, "trips": TRIPS}
    files[kind] = files[kind].replace(old, new)
    with pytest.raises(DecodeError, match="tntp") as error:
        read(tmp_path, net=files["net"], trips=files["trips"])
    assert message in str(error.value)
    assert f"Small_{kind}.tntp" in str(error.value)


def test_two_networks_in_a_directory_are_refused(tmp_path: Path) -> None:
    (tmp_path / "Other_net.tntp").write_text(NET)
    with pytest.raises(DecodeError, match="several networks"):
        read(tmp_path, net=NET)


@given(st.binary(max_size=300), st.sampled_from(["net", "trips"]))
def test_any_bytes_give_a_network_or_an_error_that_says_what(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, kind: str
) -> None:  # fmt: skip
    place = tmp_path_factory.mktemp("tntp")
    head = b"<END OF METADATA>\n"
    (place / "a_net.tntp").write_bytes(head + content if kind == "net" else NET.encode())
    (place / "a_trips.tntp").write_bytes(head + content)
    try:
        found = read_tntp(place, units=MINUTES)
    except DecodeError:
        return
    assert found.network.link_id.size
