"""Roads of a town's map files become layers of its folder; what is doubtful is named."""

import json
from datetime import date
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pytest
from pyproj import CRS
from shapely.geometry import LineString, MultiLineString, Point
from shapely.geometry.base import BaseGeometry

from twin.errors import CityError
from twin.exchange.folder import read_city
from twin.exchange.foldertables import table_rows
from twin.exchange.geocommand import import_geo
from twin.exchange.geofiles import check_places, read_geo_file
from twin.exchange.geomapping import GeoMapping, read_geo_mapping
from twin.exchange.geosections import Imported, import_sections
from twin.exchange.roadnetwork import road_network
from twin.settings import load_settings, new_city

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples"
TOWN = (13.0, 50.5, 14.0, 51.5)
UTM = "EPSG:25833"
EAST, NORTH = 400_000.0, 5_650_000.0
NAMED = '[network]\n{}\n[network.columns]\nid = "NR"\n'

needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="samples are not beside the tree")


def mapping(head: str = "", columns: str = "") -> GeoMapping:
    return read_geo_mapping(NAMED.format(head) + columns, name="mapping.toml")


def frame(
    *lines: BaseGeometry | None, crs: str | None = UTM, **columns: list
) -> geopandas.GeoDataFrame:
    names = [f"R{row}" for row in range(1, len(lines) + 1)]
    table = pd.DataFrame({"NR": names, **columns})
    shapes = np.array([*lines, None], dtype=object)[:-1].tolist()
    return geopandas.GeoDataFrame(table, geometry=geopandas.GeoSeries(shapes, crs=crs))


def line(*points: tuple[float, float]) -> LineString:
    return LineString([(EAST + x, NORTH + y) for x, y in points])


def roads(path: Path, rules: GeoMapping) -> Imported:
    file = read_geo_file(path, rules)
    check_places(file.name, file.frame, TOWN)
    return import_sections(file, rules, reference="1", crs=UTM, extent=TOWN)


def saved(folder: Path, content: geopandas.GeoDataFrame, name: str = "roads.gpkg") -> Path:
    path = folder / name
    content.to_file(path)
    return path


@needs_samples
def test_the_sample_of_roads_yields_what_is_expected_of_it(tmp_path, capsys):
    """F-GIS-1, F-GIS-2, F-GIS-3, F-GIS-4: parts, ends, a mixed column, an old member crs."""
    expected = json.loads((SAMPLES / "gis" / "expected.json").read_text())
    wanted = expected["synthetic_roads_25833.geojson"]
    rules = (SAMPLES / "gis" / "synthetic_mapping.toml").read_text()
    found = roads(
        SAMPLES / "gis" / "synthetic_roads_25833.geojson", read_geo_mapping(rules, name="sample")
    )
    assert len(found.sections) == wanted["lines"]
    assert len(found.junctions) == wanted["nodes_after_snapping"]
    assert found.directed_links == wanted["directed_links"]
    assert found.length_m == pytest.approx(wanted["total_length_m"], abs=0.05)
    assert found.assumed == {"lanes_per_direction": ["R2"]}
    backward = [row for row in found.components if row["asset"] == "R2"]
    assert [row["along"] for row in backward] == ["backward"] * wanted["backward_oneway"]
    assert any("old member crs says EPSG:25833" in text for text in found.findings)
    assert any("'VMAX': holds numbers and texts" in text for text in found.findings)
    source, rule_file = (
        SAMPLES / "gis" / name
        for name in ("synthetic_roads_25833.geojson", "synthetic_mapping.toml")
    )
    arguments = [str(source), "--map", str(rule_file)]
    folder = tmp_path / "town"
    for _ in range(2):
        assert import_geo(new_city(folder, {}), arguments) == 0
    capsys.readouterr()
    settings = load_settings(folder, {}).city
    network = road_network(
        read_city(folder, settings), crs=settings.crs, classes=(), as_of=date(2026, 1, 1)
    )
    assert network.link_id.size == wanted["directed_links"]
    assert network.length_m.sum() == pytest.approx(2 * 199.6 + 79.8, abs=0.2)
    assert sorted(network.speed_kmh.tolist()) == [30.0, 50.0, 50.0, 50.0, 50.0]


@needs_samples
def test_the_sample_of_esri_json_yields_what_is_expected_of_it():
    """F-ESR-1, F-ESR-2, F-ESR-3, F-ESR-4: CRS, unknown codes, no geometry, a truncated answer."""
    expected = json.loads((SAMPLES / "esri-json" / "expected.json").read_text())
    wanted = expected["synthetic_polylines.json"]
    rules = read_geo_mapping(
        '[network.columns]\nid = "identifier"\n'
        'occupancy = { column = "belegung", values = { 0 = "free", 1 = "used" } }\n',
        name="m",
    )
    path = SAMPLES / "esri-json" / "synthetic_polylines.json"
    file = read_geo_file(path, rules)
    assert CRS(file.frame.crs).to_epsg() == wanted["crs"]
    assert len(file.frame) == wanted["features"]
    found = roads(path, rules)
    assert list(found.sections["id"]) == ["S1-1", "S1-2"]
    assert list(found.sections["occupancy"]) == ["free", "free"]
    told = "\n".join(found.findings)
    for finding in wanted["findings"]:
        assert finding in told


@pytest.mark.parametrize("code", [25832, 25833, 31468, 4258, 4326])
def test_lengths_are_metric_in_every_usual_system(tmp_path, code):
    """F-GIS-1: output in the metric CRS of the city, east or longitude first."""
    content = frame(line((0, 0), (100, 0)), line((100, 0), (100, 250))).to_crs(code)
    found = roads(saved(tmp_path, content), mapping())
    assert CRS(found.sections.crs).to_epsg() == 25833
    assert found.length_m == pytest.approx(350.0, abs=0.05)
    assert len(found.junctions) == 3


def test_a_file_without_a_crs_is_refused_unless_the_mapping_declares_one(tmp_path):
    """F-GIS-1: no CRS in file and mapping is an error."""
    path = saved(tmp_path, frame(line((0, 0), (9, 0))), "roads.shp")
    path.with_suffix(".prj").unlink()
    with pytest.raises(CityError, match="declares no coordinate reference system"):
        roads(path, mapping())
    assert roads(path, mapping("crs = 25833")).length_m == pytest.approx(9.0)
    plain = {"type": "FeatureCollection", "features": []}
    geometry = {"type": "LineString", "coordinates": [[EAST, NORTH], [EAST + 9, NORTH]]}
    plain["features"] = [{"type": "Feature", "properties": {"NR": "A"}, "geometry": geometry}]
    bare = tmp_path / "bare.geojson"
    bare.write_text(json.dumps(plain))
    with pytest.raises(CityError, match="declares no coordinate reference system"):
        roads(bare, mapping())
    assert roads(bare, mapping("crs = 25833")).length_m == pytest.approx(9.0)


def test_a_crs_that_contradicts_the_mapping_is_refused(tmp_path):
    """F-GIS-1: file and mapping must agree, however the file spells its system."""
    path = saved(tmp_path, frame(line((0, 0), (9, 0))), "roads.shp")
    with pytest.raises(CityError, match="declares EPSG:25833 and the mapping EPSG:25832"):
        roads(path, mapping("crs = 25832"))
    assert CRS(roads(path, mapping("crs = 25833")).sections.crs).to_epsg() == 25833


def test_swapped_axes_and_a_wrong_zone_are_named(tmp_path):
    """F-GIS-1: the message says what would fit."""
    swapped = saved(tmp_path, frame(LineString([(51.0, 13.5), (51.1, 13.5)]), crs="EPSG:4326"))
    with pytest.raises(CityError, match="axes swapped; say axes = 'yx'"):
        roads(swapped, mapping())
    assert roads(swapped, mapping('axes = "yx"')).length_m == pytest.approx(11_127, rel=0.01)
    zone = saved(tmp_path, frame(line((0, 0), (9, 0)), crs="EPSG:25832"), "zone.gpkg")
    with pytest.raises(CityError, match="lie in it as EPSG:25833: check crs"):
        roads(zone, mapping())


def test_ends_join_within_the_tolerance_and_not_beyond(tmp_path):
    """F-GIS-2: ends within snap_m join; the report counts loose ends."""
    path = saved(tmp_path, frame(line((0, 0), (100, 0)), line((101.5, 0), (200, 0))))
    assert (len(roads(path, mapping()).junctions), roads(path, mapping()).loose) == (4, 4)
    near = roads(path, mapping("snap_m = 2.0"))
    assert (len(near.junctions), near.loose) == (3, 2)
    assert near.length_m == pytest.approx(198.5)


def test_an_end_on_a_line_without_an_end_there_is_listed(tmp_path):
    """F-GIS-2: a junction that was not drawn is a finding, not a guess."""
    found = roads(
        saved(tmp_path, frame(line((0, 0), (100, 0)), line((50, 0.5), (50, 90)))), mapping()
    )
    assert any(text.startswith("R2: ends at") and "on R1" in text for text in found.findings)


def test_loops_are_cut_and_stubs_left_out(tmp_path):
    """F-GIS-2, F-ESR-3: a loop has two halves; nothing becomes a link onto itself."""
    loop = line((0, 0), (50, 0), (50, 50), (0, 0))
    content = frame(loop, line((0, 0), (0.5, 0)), line((9, 9), (9, 9)), None, Point(EAST, NORTH))
    found = roads(saved(tmp_path, content), mapping())
    assert list(found.sections["id"]) == ["R1.a", "R1.b"]
    assert set(found.sections["from_junction"]) != set(found.sections["to_junction"][:1])
    told = "\n".join(found.findings)
    for words in (
        "R1: begins and ends in one junction",
        "R2: is 0.50 m long, within snap_m",
        "R3: zero-length line",
        "R4: no geometry",
        "R5: is a Point, not a line",
    ):
        assert words in told


def test_parts_are_split_and_repeated_ids_cost_the_later_row(tmp_path):
    """F-GIS-2: multi-part lines are split."""
    parts = MultiLineString([line((0, 0), (10, 0)), line((10, 0), (20, 0))])
    content = frame(parts, line((20, 0), (30, 0)))
    content["NR"] = ["A", "A"]
    found = roads(saved(tmp_path, content), mapping())
    assert list(found.sections["id"]) == ["A-1", "A-2"]
    assert "A: row 2 repeats the id of row 1; the later is left out" in found.findings


def test_values_that_cannot_be_read_are_assumed_and_told(tmp_path):
    """F-GIS-3: one type per property; what does not fit counts as missing, with its row."""
    lines = [line((0, y), (90, y)) for y in (0, 50, 100)]
    content = frame(*lines, V=["30 mph", "fast", None], K=["L", "X", None], S=[3.0, 0.0, np.nan])
    rules = mapping(
        "",
        'maxspeed = { column = "V", pattern = "^([0-9]+) mph", unit = "mph" }\nlanes = "S"\n'
        'road_class = { column = "K", values = { L = "secondary" } }\n',
    )
    found = roads(saved(tmp_path, content), rules)
    assert found.sections["max_speed_km_h"].round(2).tolist() == [48.28, 30.0, 30.0]
    assert found.sections["lanes_per_direction"].tolist() == [1.0, 1.0, 1.0]
    assert found.assumed["max_speed_km_h"] == ["R2", "R3"]
    assert found.assumed["road_class"] == ["R2", "R3"]
    told = "\n".join(found.findings)
    assert "R2: V 'fast' does not fit the pattern" in told
    assert "R2: code X not in the declared list -> unknown" in told
    assert "R2: lanes_per_direction 0 is not positive" in told
    kinds = found.sections["max_speed_km_h_provenance"].tolist()
    assert kinds == ["sourced [1]"] + ["estimated: default of its class"] * 2


def test_a_shapefile_without_cpg_needs_a_declared_encoding(tmp_path):
    """F-GIS-5: no encoding is guessed."""
    content = frame(line((0, 0), (9, 0)), NAME=["Uferstraße"])
    content.to_file(tmp_path / "old.shp", encoding="CP1252")
    (tmp_path / "old.cpg").unlink()
    columns = 'name = "NAME"\n'
    with pytest.raises(CityError, match=r"has no \.cpg and texts that are not ASCII"):
        roads(tmp_path / "old.shp", mapping("", columns))
    found = roads(tmp_path / "old.shp", mapping('encoding = "CP1252"', columns))
    assert list(found.sections["name"]) == ["Uferstraße"]


@pytest.mark.parametrize("ending", ["gpkg", "shp", "geojson", "fgb"])
def test_every_kind_of_file_gives_the_same_roads(tmp_path, ending):
    """F-GIS-1, F-GIS-2 for GeoPackage, Shapefile, GeoJSON and FlatGeobuf."""
    content = frame(line((0, 0), (100, 0)), line((100.4, 0), (200, 0)))
    found = roads(saved(tmp_path, content, f"roads.{ending}"), mapping())
    assert (len(found.junctions), round(found.length_m, 1)) == (3, 199.6)


def test_a_wrong_mapping_names_every_problem():
    text = (
        '[network]\nsnap = 1\nsnap_m = "far"\n[network.columns]\n'
        'road_class = { column = "K", values = { L = "primry" } }\n'
        'oneway = { column = "E" }\nmax_mass_t = { column = "M", unit = "kg" }\n'
    )
    with pytest.raises(CityError) as error:
        read_geo_mapping(text, name="mapping.toml")
    for words in (
        "'snap' is unknown; did you mean 'snap_m'?",
        "snap_m 'far' is no number",
        "road class 'primry' is unknown; did you mean 'primary'?",
        "oneway names no texts for forward or backward",
        "unit 'kg' cannot become 't'",
    ):
        assert words in str(error.value)


def test_files_that_cannot_be_read_say_what_to_do(tmp_path):
    broken = tmp_path / "broken.gpkg"
    broken.write_bytes(b"no map at all")
    with pytest.raises(CityError, match=r"broken.gpkg cannot be read .* save it as GeoPackage"):
        roads(broken, mapping())
    (tmp_path / "a.kml").touch()
    with pytest.raises(CityError, match=r"files that end in '\.kml' are not read"):
        roads(tmp_path / "a.kml", mapping())
    path = saved(tmp_path, frame(line((0, 0), (9, 0))))
    with pytest.raises(CityError, match="column 'SPUR' of lanes is not in the file"):
        roads(path, mapping("", 'lanes = "SPUR"\n'))
    frame(line((0, 0), (9, 0))).to_file(path, layer="second")
    with pytest.raises(CityError, match=r"has 2 layers; say layer = NAME"):
        roads(path, mapping())


def test_layers_of_others_and_the_built_in_city_are_not_overwritten(tmp_path, capsys):
    path = saved(tmp_path, frame(line((0, 0), (9, 0))))
    rules = tmp_path / "mapping.toml"
    rules.write_text(NAMED.format(""))
    arguments = [str(path), "--map", str(rules)]
    folder = tmp_path / "town"
    assert import_geo(new_city(folder, {}), [*arguments, "--dry-run"]) == 0
    assert not folder.exists()
    assert "nothing was written" in capsys.readouterr().out
    folder.mkdir()
    (folder / "junctions.geojson").write_text("{}")
    with pytest.raises(CityError, match="move it away before the import"):
        import_geo(new_city(folder, {}), arguments)
    with pytest.raises(CityError, match="no city folder is named"):
        import_geo(load_settings(Path("twin/cities/dresden"), {}), arguments)


def test_components_of_others_stay(tmp_path, capsys):
    path = saved(tmp_path, frame(line((0, 0), (9, 0))))
    rules = tmp_path / "mapping.toml"
    rules.write_text(NAMED.format(""))
    folder = tmp_path / "town"
    folder.mkdir()
    (folder / "components.csv").write_text("id,asset,name,kind,parent\nB1/a,B1,Deck,deck,\n")
    import_geo(new_city(folder, {}), [str(path), "--map", str(rules)])
    capsys.readouterr()
    ids = [row["id"] for row in table_rows(folder / "components.csv")]
    assert ids == ["B1/a", "R1/ab", "R1/ba"]
