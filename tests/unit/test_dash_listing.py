"""The table that is equal to the map, and its file."""

import csv
import io
from dataclasses import replace

import pytest
from town import Town, town

from dashboards.i18n.translate import Texts
from dashboards.listing import as_csv, listing, neutral, shown, sorted_rows
from dashboards.live.hub import Hub

ENGLISH = Texts("en")


def snapshot(city: Town):
    return Hub(city.twin, tick_hz=1.0).snapshot


def cells(city: Town, name: str):
    table = listing(name, snapshot(city), ENGLISH)
    return {
        row.id: [
            shown(cell, column, row, ENGLISH)
            for cell, column in zip(row.cells, table.columns, strict=True)
        ]
        for row in table.rows
    }


def test_roads_show_the_values_that_colour_the_map():
    city = Town()
    city.record({"L1.ab-v": 43.21, "L1.ab-q": 1234.0})
    assert cells(city, "roads")["L1/ab"] == [
        "Hauptstraße, Richtung Nord", "43.2", "1,234", "S simulated", "0\u202fs",
    ]  # fmt: skip
    assert cells(city, "roads")["L1/ba"][1:4] == ["\u2013", "\u2013", "\u2013 never reported"]


def test_a_stale_value_is_not_shown_as_the_present_one():
    city = Town()
    city.record({"L1.ab-v": 43.21})
    city.clock.move(60.0)
    assert cells(city, "roads")["L1/ab"][1:] == ["\u2013", "\u2013", "⏱ stale", "60\u202fs"]
    assert cells(city, "streams")["L1.ab-v"][3] == "\u2013"


def test_bridges_come_worst_first_and_those_without_grade_last():
    table = listing("bridges", snapshot(Town()), ENGLISH)
    rows, order = sorted_rows(table, "")
    assert order == "-grade"
    assert [row.id for row in rows] == ["B1", "B2"]
    assert cells(Town(), "bridges")["B1"][1] == "● 3.0\u20133.4 insufficient (nicht ausreichend)"
    assert cells(Town(), "bridges")["B2"][1] == "no grade"


@pytest.mark.parametrize("sort", ["speed", "-speed"])
def test_rows_without_a_value_come_last_in_both_directions(sort):
    city = Town()
    city.record({"L1.ab-v": 40.0, "L2.ba-v": 20.0})
    rows, order = sorted_rows(listing("roads", snapshot(city), ENGLISH), sort)
    assert order == sort
    expected = ["L2/ba", "L1/ab"] if sort == "speed" else ["L1/ab", "L2/ba"]
    assert [row.id for row in rows[:2]] == expected
    assert [row.cells[1] for row in rows[2:]] == [None, None]


def test_an_unknown_column_sorts_as_the_table_does_by_itself():
    assert sorted_rows(listing("roads", snapshot(Town()), ENGLISH), "colour")[1] == "speed"


@pytest.mark.duty("S11")
@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_name_that_starts_like_a_formula_is_neutralised_and_numbers_stay(start):
    city = Town(town(start + "SUM(A1)"))
    city.record({"B1-strain": -1.5})
    texts = Texts("en")
    bridges = listing("bridges", snapshot(city), texts)
    rows = list(csv.reader(io.StringIO(as_csv(bridges, bridges.rows, texts), newline="")))
    assert rows[1][1] == "'" + start + "SUM(A1)"
    streams = listing("streams", snapshot(city), texts)
    table = list(csv.DictReader(io.StringIO(as_csv(streams, streams.rows, texts), newline="")))
    found = next(row for row in table if row["Id"] == "B1-strain")
    assert (found["Value"], found["Unit"]) == ("-1.5", "um/m")


def test_the_file_has_units_in_its_header():
    roads = listing("roads", snapshot(Town()), ENGLISH)
    header = as_csv(roads, roads.rows, ENGLISH).splitlines()[0]
    assert header == 'Id,Name,"Speed, cars [km/h]",Flow [veh/h],Quality,Age [s]'


def test_an_ordinary_text_stays_as_it_is():
    assert neutral("Hauptstraße") == "Hauptstraße"


def test_a_city_without_bridges_has_an_empty_list():
    assert listing("bridges", snapshot(Town(town(bridges=0))), ENGLISH).rows == ()


def test_a_bridge_whose_grade_is_no_grade_counts_as_not_graded():
    city = town()
    broken = replace(city.assets[0].attributes[0], value=9.7)
    bridge = replace(city.assets[0], attributes=(broken,))
    changed = Town(replace(city, assets=(bridge, *city.assets[1:])))
    assert cells(changed, "bridges")["B1"][1] == "no grade"
