"""Attributes as columns of a layer are read like attributes.csv, with the same checks."""

import geopandas
import pytest
from shapely.geometry import LineString
from small_town import SETTINGS, append, problems, write_town

from twin.errors import CityError
from twin.exchange.folder import read_city
from twin.exchange.widelayers import layer_origin, provenance_text, write_layer
from twin.model.assets import Attribute

SOURCED = provenance_text("sourced", references=["1"])
DEFAULT = provenance_text("estimated", note="default of its class")


def roads(**columns: list) -> geopandas.GeoDataFrame:
    given = {
        "id": ["R2", "R3"],
        "name": ["Uferstraße", "Am Markt"],
        "provenance": [SOURCED.split()[0]] * 2,
        "references": ["1", "1"],
        **columns,
    }
    lines = [LineString([(13.5, 50.5), (13.6, 50.6)]), LineString([(13.6, 50.6), (13.7, 50.6)])]
    return geopandas.GeoDataFrame(given, geometry=lines, crs="EPSG:4326")


@pytest.fixture
def folder(tmp_path):
    write_town(tmp_path)
    return tmp_path


def write(folder, frame, origin="test", **more):
    return write_layer(folder, "road_section", frame, origin=origin, **more)


def found(folder, key) -> dict[str, Attribute]:
    city = read_city(folder, SETTINGS)
    asset = next(asset for asset in city.assets if asset.id == key)
    return {item.name: item for item in asset.attributes}


def test_columns_of_a_layer_become_attributes_with_unit_and_provenance(folder):
    frame = roads(
        max_speed_km_h=[50, 30],
        max_speed_km_h_provenance=[SOURCED, DEFAULT],
        max_mass_t=[float("nan"), 16.0],
        road_class=["arterial", "residential"],
    )
    write(folder, frame, provenance={"max_mass_t": SOURCED, "road_class": SOURCED})
    first, second = found(folder, "R2"), found(folder, "R3")
    speed = second["max_speed_km_h"]
    assert (speed.value, speed.unit) == (30.0, "km/h")
    assert (speed.provenance.kind, speed.provenance.by) == ("estimated", "default of its class")
    assert first["max_speed_km_h"].provenance.references == ("1",)
    assert "max_mass_t" not in first
    assert second["max_mass_t"].unit == "t"
    assert first["road_class"].value == "arterial"
    assert first["length_m"].provenance.kind == "derived"


def test_a_unit_that_the_name_does_not_tell_stands_in_a_column(folder):
    frame = roads(depth=[2.0, 3.0])
    write(folder, frame, provenance={"depth": SOURCED}, units={"depth": "mm"})
    assert found(folder, "R2")["depth"].unit == "mm"


def test_everything_wrong_with_wide_columns_is_listed_with_feature_and_remedy(folder):
    frame = roads(
        lanes_per_direction=[1.0, float("inf")],
        lanes_per_direction_provenance=["guessed", "estimated"],
        name_of_street=["a", "b"],
        name_of_street_provenance=["sourced [7]", "x y z"],
        Width=[1.0, 2.0],
        Width_provenance=[SOURCED, SOURCED],
        alone_provenance=[SOURCED, SOURCED],
    )
    write(folder, frame)
    said = "\n".join(problems(folder))
    assert "feature 2 (R3): lanes_per_direction 'inf' is not finite" in said
    assert "feature 1 (R2): lanes_per_direction: provenance 'guessed' is unknown" in said
    assert "reference '7' is not defined in references.csv" in said
    assert "feature 2 (R3): name_of_street: provenance 'x y z' is not written as" in said
    assert "attribute 'Width' is not a name" in said
    assert "column 'alone_provenance' has no column 'alone'" in said


def test_an_attribute_in_the_layer_and_in_the_table_is_refused(folder):
    write(folder, roads(lanes=["2", "2"]), provenance={"lanes": SOURCED})
    append(folder, "attributes.csv", "R2,lanes,3,,sourced,1,")
    assert problems(folder) == [
        (
            "road_sections.gpkg: feature 1 (R2): attribute 'lanes' stands in attributes.csv, too; "
            "remove one of the two"
        )
    ]


def test_a_value_without_provenance_is_refused_once_for_all_features(folder):
    write(folder, roads(lanes=["2", "2"], lanes_provenance=["", ""]))
    assert problems(folder) == [
        (
            "road_sections.gpkg: feature 1 (R2): lanes: provenance is empty; fill it in "
            "(and 1 more features)"
        )
    ]


def test_a_layer_is_replaced_by_its_own_origin_only(folder):
    path = write(folder, roads())
    assert layer_origin(path) == "test"
    write(folder, roads())
    with pytest.raises(CityError, match="comes from test, not from other"):
        write(folder, roads(), origin="other")
    write(folder, roads(), origin="other", replace=True)
    assert layer_origin(path) == "other"
