"""The table that is equal to the map, and its file."""

import csv
import io
from dataclasses import replace

import pytest
from town import ESTIMATED, SOURCED, Town, town

from dashboards.i18n.translate import Texts
from dashboards.listing import as_csv, listing, neutral, shown, sorted_rows
from dashboards.live.hub import Hub
from dashboards.widgets.kpi import figures
from dashboards.widgets.parts import origin
from twin.model.assets import Attribute

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


def files_of(city: Town, name: str):
    table = listing(name, snapshot(city), ENGLISH)
    text = as_csv(table, table.rows, ENGLISH)
    return {row["Id"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}


def test_roads_show_the_values_that_colour_the_map():
    city = Town()
    city.record({"L1.ab-v": 43.21, "L1.ab-q": 1234.0})
    assert cells(city, "roads")["L1/ab"] == [
        "Hauptstraße, Richtung Nord", "43.2", "1,234", "S simulated", "open", "0\u202fs",
    ]  # fmt: skip
    assert cells(city, "roads")["L2/ba"][1:4] == ["\u2013", "\u2013", "\u2013 never reported"]


def test_a_direction_without_a_counter_says_so():
    assert cells(Town(), "roads")["L1/ba"][1:4] == ["\u2013", "\u2013", "no counter"]


def test_a_stale_value_is_not_shown_as_the_present_one():
    city = Town()
    city.record({"L1.ab-v": 43.21})
    city.clock.move(60.0)
    last = "stale, last 43.2\u202fkm/h at 09:00:00"
    assert cells(city, "roads")["L1/ab"][1:4] == [last, "\u2013", "⏱ stale"]
    assert cells(city, "streams")["L1.ab-v"][3] == last
    city.clock.move(86_400.0)
    assert "at 22 Nov 2026, 09:00:00" in cells(city, "streams")["L1.ab-v"][3]


def test_a_stale_value_is_no_number_of_the_file():
    city = Town()
    city.record({"L1.ab-v": 43.21})
    city.clock.move(60.0)
    found = files_of(city, "streams")["L1.ab-v"]
    assert (found["Value"], found["Quality"]) == ("", "stale")
    assert found["Time of the newest value"] == "2026-11-22T09:00:00.000+01:00"


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
    assert header == (
        'Id,Name,"Speed, cars [km/h]",Flow [veh/h],Quality,Traffic,Age [s],Origin,'
        "Time of the newest value"
    )


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


def closed(status: str, german: str = ""):
    """The town whose first bridge has a traffic status."""
    city = town()
    own = (Attribute("traffic_status_de", german, "", SOURCED),) if german else ()
    told = (*city.assets[0].attributes, Attribute("traffic_status", status, "", SOURCED), *own)
    return Town(replace(city, assets=(replace(city.assets[0], attributes=told), *city.assets[1:])))


@pytest.mark.parametrize(
    ("language", "status", "text"),
    [
        ("en", "closed", "closed"),
        ("de", "closed", "gesperrt"),
        ("en", "closed to cars", "closed to cars"),
        ("de", "closed to cars", "für Autos gesperrt"),
    ],
)
def test_a_closure_on_the_map_is_in_the_table_and_its_file(language, status, text):
    texts = Texts(language)
    table = listing("bridges", snapshot(closed(status, "für Autos gesperrt")), texts)
    rows, _ = sorted_rows(table, "traffic")
    at = [column.key for column in table.columns].index("traffic")
    assert {row.id: row.cells[at] for row in rows} == {
        "B1": text,
        "B2": "open" if language == "en" else "offen",
    }
    assert f",{text}," in as_csv(table, rows, texts)


def test_the_file_says_where_grades_and_values_come_from_and_when():
    city = Town()
    city.record({"B1-strain": 1.0, "L1.ab-v": 43.0})
    bridges, roads = files_of(city, "bridges"), files_of(city, "roads")
    assert bridges["B1"]["Origin of the grade"] == "sourced"
    assert bridges["B1"]["Time of the newest value"] == "2026-11-22T09:00:00.000+01:00"
    assert bridges["B2"]["Origin of the grade"] == bridges["B2"]["Time of the newest value"] == ""
    assert roads["L1/ab"]["Origin"] == "simulated"
    assert (roads["L1/ba"]["Origin"], roads["L1/ba"]["Quality"]) == ("", "no counter")


def test_the_value_of_a_waveform_is_named_a_root_mean_square():
    assert "(RMS of the last burst)" in cells(Town(), "streams")["B1-wave"][2]
    assert "(RMS of the last burst)" in files_of(Town(), "streams")["B1-wave"]["Quantity"]


def test_the_count_of_poor_grades_is_derived_and_names_their_years():
    found = {figure.key: figure for figure in figures(snapshot(Town()), ENGLISH)}["poor"]
    assert (found.value, found.provenance, found.dated) == ("1 of 1", "derived", "2023")


def test_remarks_are_marked_as_english_and_a_translation_needs_none():
    remark = origin(ESTIMATED, Texts("de")).to_plotly_json()["props"]["children"][-1]
    assert remark.lang == "en"
    translated = origin(replace(SOURCED, by="translated for this project"), ENGLISH)
    assert "translated" not in str(translated)
