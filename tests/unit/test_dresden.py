"""The demo city says what the facts say, with their sources, and nothing else as sourced."""

import json
from collections import Counter
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from shapely.geometry import Point, shape

from sensors.rules.features import FEATURES
from twin.cli import demo_city
from twin.exchange.folder import read_city
from twin.model.assets import Asset, Attribute
from twin.model.city import City
from twin.settings import Settings, load_settings
from twin.store.memory import MemoryStore

FACTS = Path(__file__).parents[3] / "shared" / "data" / "demo_city_facts.geojson"
COUNT_REFERENCES = {
    "2003": ("6",),
    "2013": ("13",),
    "2015": ("13", "14"),
    "2016": ("14",),
    "2017": ("15",),
    "2018": ("15",),
    "before_2024-09": ("19", "20"),
}
LOADED_AT = datetime(2026, 11, 22, tzinfo=UTC)
STANDING = {f"B{number:02}" for number in range(1, 12)} - {"B06"}


@cache
def settings() -> Settings:
    return load_settings(demo_city(), {})


@cache
def dresden() -> City:
    return read_city(demo_city(), settings().city)


@cache
def assets() -> dict[str, Asset]:
    return {asset.id: asset for asset in dresden().assets}


def attribute(asset_id: str, name: str) -> Attribute:
    found = assets()[asset_id].attribute(name)
    assert found is not None, f"{asset_id} has no {name}"
    return found


@cache
def facts() -> dict[str, list[dict]]:
    if not FACTS.exists():
        pytest.skip("the shared facts are not on this machine")
    layers: dict[str, list[dict]] = {}
    for item in json.loads(FACTS.read_text(encoding="utf-8"))["features"]:
        layers.setdefault(item["properties"]["layer"], []).append(item)
    return layers


def bridge_facts() -> list[dict]:
    return [item["properties"] for item in facts()["bridge"]]


def references_of(bridge: dict) -> tuple[str, ...]:
    return tuple(str(number) for number in bridge["source_ids"])


def test_the_city_has_the_features_of_the_facts():
    found = Counter(asset.asset_class for asset in dresden().assets)
    assert found == {
        "bridge": 11,
        "junction": 70,
        "road_section": 122,
        "zone": 34,
        "water": 2,
        "gauge": 1,
    }
    assert Counter(part.kind for part in dresden().components)["direction"] == 244


def test_every_geometry_and_every_attribute_tells_its_origin():
    for asset in dresden().assets:
        origins = [asset.geometry_provenance, *(item.provenance for item in asset.attributes)]
        for origin in origins:
            assert origin.kind in ("sourced", "estimated", "derived", "simulated")
            assert origin.references if origin.kind == "sourced" else origin.by


def test_no_geometry_claims_to_be_surveyed():
    assert {asset.geometry_provenance.kind for asset in dresden().assets} == {"estimated"}


def test_names_are_written_with_umlauts():
    names = {asset.name for asset in dresden().assets}
    assert {"Flügelwegbrücke", "Waldschlößchenbrücke", "Königsbrücker Straße"} <= names
    plain = ("bruecke", "strasse", "ueb", "koenig", "loeb", "suedv", "kaeth")
    assert not [name for name in names if any(word in name.lower() for word in plain)]


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("elbe_km", "elbe_km"),
        ("total_length_m", "length_m"),
        ("main_span_m", "main_span_m"),
        ("width_m", "width_m"),
    ],
)
def test_published_numbers_of_bridges_carry_their_references(name, field):
    for bridge in bridge_facts():
        if bridge[field] is None:
            assert assets()[bridge["id"]].attribute(name) is None
            continue
        found = attribute(bridge["id"], name)
        assert found.value == bridge[field]
        assert found.provenance.kind == "sourced"
        assert found.provenance.references == references_of(bridge)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("road", "road"),
        ("structural_system", "type"),
        ("spans_m", "spans_m"),
        ("lanes", "lanes"),
        ("construction_period", "built"),
        ("opening_date", "opened"),
        ("remarks", "extra"),
    ],
)
def test_published_texts_of_bridges_carry_their_references(name, field):
    for bridge in bridge_facts():
        if bridge[field] is None:
            continue
        found = attribute(bridge["id"], name)
        assert found.value == bridge[field]
        assert found.provenance.references == references_of(bridge)


def test_published_counts_carry_the_reference_of_their_year():
    compared = 0
    for bridge in bridge_facts():
        for year, count in bridge["counts_kfz_per_day"].items():
            label = "before_collapse_2024" if year.startswith("before") else year
            found = attribute(bridge["id"], f"adt_{label}_veh_d")
            assert (found.value, found.unit) == (count, "1/d")
            assert found.provenance.references == COUNT_REFERENCES[year]
            compared += 1
    assert compared == 36


def test_published_changes_after_the_collapse_carry_their_reference():
    changes = {
        bridge["id"]: bridge["change_after_carola_collapse_pct"]
        for bridge in bridge_facts()
        if bridge["change_after_carola_collapse_pct"] is not None
    }
    assert len(changes) == 5
    for bridge_id, change in changes.items():
        found = attribute(bridge_id, "adt_change_after_collapse_percent")
        assert (found.value, found.provenance.references) == (change, ("16",))


def test_the_references_are_those_of_the_facts():
    titles = {reference.id: reference.title for reference in dresden().references}
    assert set(titles) == {str(number) for number in range(1, 24)}
    if FACTS.exists():
        assert set(titles) == set(json.loads(FACTS.read_text(encoding="utf-8"))["sources"])


def test_a_condition_given_in_words_is_never_a_number():
    for bridge_id, word in (("B03", "befriedigend"), ("B08", "befriedigend"),
                            ("B09", "ungenügend")):  # fmt: skip
        assert attribute(bridge_id, "condition_text").value == word
        assert assets()[bridge_id].attribute("condition_grade") is None


def test_condition_grades_are_the_published_ones_with_their_year():
    assert attribute("B04", "condition_grade").value == 3.0
    assert attribute("B04", "condition_year").value == "2023"
    assert attribute("B02", "condition_grade").value == 2.3
    assert attribute("B02", "condition_grade").provenance.kind == "derived"
    graded = [key for key in assets() if assets()[key].attribute("condition_grade")]
    assert sorted(graded) == ["B02", "B04"]


@pytest.mark.parametrize("asset_id", ["B06", "L050"])
def test_the_collapsed_bridge_and_its_road_are_closed(asset_id):
    assert attribute(asset_id, "traffic_status").value == "closed"
    since = attribute(asset_id, "traffic_status_since")
    assert since.value == "2024-09-11"
    assert since.provenance.references == ("6", "17", "21")


def test_nothing_is_measured_where_nothing_stands_or_drives():
    measured = {stream.asset_id for stream in dresden().datastreams}
    assert not measured & {"B06", "L050", "L066"}
    assert measured >= STANDING | {"pegel-dresden"}


def test_junctions_and_zones_lie_where_the_facts_say():
    for layer in ("node", "zone"):
        for item in facts()[layer]:
            found = assets()[item["properties"]["id"]].geometry
            assert found.distance(shape(item["geometry"])) < 1e-6


def test_zones_carry_the_estimates_of_the_facts():
    for item in facts()["zone"]:
        zone = item["properties"]
        for name in ("residents", "jobs"):
            found = attribute(zone["id"], name)
            assert found.value == 1000 * zone[f"{name}_thousand_estimate"]
            assert found.provenance.kind == "estimated"


def test_road_sections_join_the_junctions_of_the_facts():
    for item in facts()["link"]:
        link = item["properties"]
        line = assets()[link["id"]].geometry
        for end, name in ((0, "from"), (-1, "to")):
            assert attribute(link["id"], f"{name}_junction").value == link[name]
            assert Point(line.coords[end]).distance(assets()[link[name]].geometry) < 1e-5
        assert attribute(link["id"], "lanes_per_direction").value == link["lanes_per_direction"]
        assert attribute(link["id"], "max_speed_km_h").value == link["speed_kmh"]
        assert attribute(link["id"], "length_m").provenance.kind == "derived"
        carried = assets()[link["id"]].attribute("bridge")
        assert (carried.value if carried else None) == link["bridge_id"]


def test_decks_lie_on_their_road_around_the_published_position():
    for item in facts()["bridge"]:
        bridge_id = item["properties"]["id"]
        deck = assets()[bridge_id].geometry
        section = next(
            asset
            for asset in assets().values()
            if asset.asset_class == "road_section"
            and (carried := asset.attribute("bridge"))
            and carried.value == bridge_id
        )
        assert deck.distance(shape(item["geometry"])) < 2e-4
        assert deck.intersects(section.geometry)


def test_the_axis_of_the_river_is_that_of_the_facts():
    (river,) = facts()["river"]
    assert assets()["elbe-axis"].geometry.equals_exact(shape(river["geometry"]), 1e-6)
    assert assets()["elbe"].geometry.buffer(1e-5).covers(assets()["elbe-axis"].geometry)


def test_every_datastream_is_simulated_or_derived_from_simulated_ones():
    streams = dresden().datastreams
    assert Counter((stream.provenance, stream.source) for stream in streams) == {
        ("simulated", "demo"): 423,
        ("derived", "demo"): 12,
        ("derived", "analysis"): 19,
    }
    waves = {stream.route_key for stream in streams if stream.kind == "waveform"}
    features = [
        stream for stream in streams if (stream.provenance, stream.source) == ("derived", "demo")
    ]
    assert {stream.route_key.partition("#")[0] for stream in features} == waves
    assert {stream.route_key.partition("#")[2] for stream in features} == set(FEATURES)
    assert {sensor.provenance for sensor in dresden().sensors} == {"simulated"}
    assert Counter(stream.kind for stream in streams) == {"reading": 450, "waveform": 4}
    hourly = [s for s in streams if s.quantity == "natural_frequency" or s.source == "analysis"]
    assert {stream.cadence_s for stream in hourly} == {3600}
    rest = [stream for stream in streams if stream not in hourly]
    assert all(stream.cadence_s and 15 <= stream.cadence_s <= 60 for stream in rest)


def test_analyses_write_beside_what_they_read():
    streams = {stream.route_key: stream for stream in dresden().datastreams}
    for stream in streams.values():
        parent, _, kind = stream.route_key.partition("#")
        if stream.source != "analysis":
            continue
        assert kind in ("compensated", "t2")
        if kind == "compensated":
            assert streams[parent].quantity == stream.quantity
            assert streams[parent].component_id == stream.component_id


def test_route_keys_fit_the_topics_of_the_routing_rules():
    for stream in dresden().datastreams:
        asset_id, _, name = stream.route_key.partition("/")
        assert asset_id == stream.asset_id
        assert stream.uid == f"{asset_id}.{name.replace('#', '-')}"
        assert not set("/#+") & set(name.partition("#")[0])
    assert {rule.source for rule in settings().codec.rule} == {"demo"}
    assert [rule.topic.rpartition("/")[2] for rule in settings().codec.rule] == [
        "obs",
        "wave",
        "status",
    ]


def test_loading_the_city_again_changes_nothing():
    store = MemoryStore()
    first = store.load(dresden(), at=LOADED_AT)
    assert first.added > 0
    again = store.load(read_city(demo_city(), settings().city), at=LOADED_AT)
    assert (again.added, again.changed) == (0, 0)
    assert again.unchanged == first.added


def test_no_file_of_the_city_is_large():
    assert all(path.stat().st_size < 300_000 for path in demo_city().iterdir())
