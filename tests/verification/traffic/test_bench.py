"""The parts of the traffic benchmark that need no other programme."""

from pathlib import Path

import numpy as np
from bench.bench_traffic import busy_streets, close, given, parser
from bench.traffic_bars import Bar, Bars
from grids import grid

NET = """<NUMBER OF ZONES> 2
<END OF METADATA>
1 3 900 1 2 0.15 4 ;
3 2 900 1 2 0.15 4 ;
"""
TRIPS = "<END OF METADATA>\nOrigin 1\n2 : 3000;\n"


def test_a_bar_is_met_on_its_good_side() -> None:
    assert Bar("times faster", 8.0, 8.0).is_met
    assert not Bar("times faster", 7.9, 8.0).is_met
    assert Bar("passes", 12.0, 12.0, lower=True).is_met
    assert not Bar("passes", 13.0, 12.0, lower=True).is_met


def test_a_missed_bar_is_printed_as_missed() -> None:
    bars = Bars()
    bars.add("times faster", 2.0, 8.0)
    bars.add("passes", 9.0, 12.0, lower=True)
    assert "1 of 2 bars met" in bars.summary()
    assert "MISSED times faster: 2 (bar >= 8)" in bars.summary()


def test_a_lower_bound_below_its_bar_is_open() -> None:
    assert Bar("times faster", 38.0, 40.0, is_bound=True).line().startswith("  open")
    assert Bar("times faster", 41.0, 40.0, is_bound=True).line().startswith("  met")


def test_busy_streets_are_closed_in_both_directions() -> None:
    case = grid(6, zones=6, destinations=4)
    volume = np.random.default_rng(1).uniform(0.0, 1.0, case.network.link_id.size)
    streets = busy_streets(case.network, volume, 5, part=2)
    assert len(set(streets)) == 5
    for rows in streets:
        there, back = rows
        assert case.network.tail[there] == case.network.head[back]
        assert case.network.head[there] == case.network.tail[back]
        assert np.flatnonzero(close(case, rows).network.mask == 0).tolist() == sorted(rows)


def test_networks_of_ones_own_are_found_below_a_directory(tmp_path: Path) -> None:
    (tmp_path / "Own").mkdir()
    (tmp_path / "Own" / "Own_net.tntp").write_text(NET)
    (tmp_path / "Own" / "Own_trips.tntp").write_text(TRIPS)
    options = parser().parse_args(["--time-unit", "min", "--length-unit", "km"])
    (entry,) = given(tmp_path, options).values()
    case = entry.make()
    assert case.name == "Own"
    assert case.network.t0_s.tolist() == [120.0, 120.0]
    assert case.demand.flow_vehh.tolist() == [3000.0]


def test_generated_cases_are_the_same_every_time() -> None:
    one, two = (grid(6, zones=6, destinations=4, seed=5) for _ in range(2))
    assert one.network.content_hash() == two.network.content_hash()
    assert one.demand.content_hash() == two.demand.content_hash()
