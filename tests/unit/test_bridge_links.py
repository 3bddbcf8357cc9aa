"""Listed bridges find their road by distance, direction and class; a person confirms each match."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from bridge_city import MADE, city
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, Polygon

from twin.bridge_links import confirm, proposal_lines, propose
from twin.city import Twin
from twin.cli import demo_city
from twin.errors import ModelError, RegistryError
from twin.exchange.asb_mapping import read_mapping
from twin.exchange.folder import read_city
from twin.exchange.matching import Link, Listed, axis_deg, between, classes_of, matches
from twin.exchange.places import to_utm
from twin.inventory import keep_inventory, load_inventory, read_lists
from twin.model.assets import Asset, Attribute
from twin.model.bridge import PartStructure
from twin.settings import load_settings
from twin.store.memory import MemoryStore

START = datetime(2026, 11, 22, tzinfo=UTC)
PLACE = (13.7, 51.0)
METRE = 1.0 / 111_320.0


def road(name: str, north_m: float, road_class: str, *, is_across: bool = False) -> Asset:
    """A road section east-west (or across) so far north of the bridge."""
    x, y = PLACE[0], PLACE[1] + north_m * METRE
    line = [(x, y - 0.005), (x, y + 0.005)] if is_across else [(x - 0.005, y), (x + 0.005, y)]
    return Asset(
        name, "road_section", "", LineString(line), MADE,
        (Attribute("road_class", road_class, "", MADE),),
    )  # fmt: skip


ROADS = (
    road("L1", 8.0, "arterial"),
    road("L2", -22.0, "residential"),
    road("L3", 0.0, "arterial", is_across=True),
)


@pytest.fixture
def twin() -> Twin:
    ticks = count()
    made = Twin(MemoryStore(), clock=lambda: START + timedelta(seconds=next(ticks)))
    base = city()
    deck = Polygon([(13.6997, 51.0), (13.7003, 51.0), (13.7003, 51.0001), (13.6997, 51.0001)])
    bridge = Asset("T1", "bridge", "Probebrücke (B 172)", deck, MADE)
    made.load(
        type(base)(
            name=base.name,
            assets=(bridge, *ROADS),
            components=(),
            sensors=base.sensors,
            datastreams=base.datastreams,
            references=(),
        )
    )
    return made


EAST, NORTH, EPSG = to_utm(*PLACE)
MAPPING = f'[inventory]\nsource = "list"\ncrs = {EPSG}\n[inventory.assets]\n"0999001" = "T1"\n'


def import_list(twin: Twin, *, length: str = "84,50", more: str = "") -> None:
    text = (
        "Bauwerksnummer;Teilbauwerksnummer;Gesamtlaenge;Brueckenflaeche;Ostwert;Nordwert\n"
        f"0999001;1;{length};1039,35;{EAST:.0f};{NORTH:.0f}\n"
    ).replace(".", ",")
    files = {"teilbauwerke.csv": text.encode()}
    found = read_lists(twin, files, read_mapping(more + MAPPING))
    keep_inventory(twin, found, sources=list(files))


def links(twin: Twin) -> tuple[str, ...]:
    (stored,) = twin.bridges.book.records("T1", "part_structure")
    assert isinstance(stored.record.content, PartStructure)
    return stored.record.content.links


def test_f_inv_6_distance_direction_and_class_lead_to_the_link(twin: Twin) -> None:
    import_list(twin)
    (found,) = propose(twin)
    assert (found.name, found.link_id) == ("T1-1", "L1")
    assert found.distance_m == pytest.approx(8.0, abs=0.5)
    assert found.turned_deg == pytest.approx(0.0, abs=1.0)
    assert found.is_same_class is True
    assert found.rival
    (sentence,) = proposal_lines([found])
    assert "link L1" in sentence
    assert links(twin) == ()


def test_f_inv_6_a_confirmed_match_is_a_record_with_person_and_reason(twin: Twin) -> None:
    import_list(twin)
    propose(twin)
    (open_item,) = twin.bridges.book.work_list(limit=10)
    assert open_item.item.code == "link_unconfirmed"
    assert "--confirm T1-1=L1" in open_item.item.detail
    confirm(twin, "T1-1", ["L1"], person="bridge engineer", reason="seen on site")
    assert links(twin) == ("L1",)
    (stored,) = twin.bridges.book.records("T1", "part_structure")
    assert stored.record.notes["links"] == "confirmed by bridge engineer: seen on site"
    assert len(twin.bridges.book.versions("T1", "part_structure", "1", part="1")) == 2
    assert twin.bridges.book.work_list(limit=10) == ()
    assert propose(twin) == []


def test_a_confirmed_match_stays_when_the_list_is_imported_again_or_changes(twin: Twin) -> None:
    import_list(twin)
    confirm(twin, "T1-1", ["L1"], person="bridge engineer", reason="seen on site")
    import_list(twin)
    assert links(twin) == ("L1",)
    assert len(twin.bridges.book.versions("T1", "part_structure", "1", part="1")) == 2
    import_list(twin, length="90,00")
    assert links(twin) == ("L1",)


def test_f_inv_6_a_listed_bridge_that_is_not_on_the_map_has_the_nearest_one_proposed(
    twin: Twin,
) -> None:
    text = (
        "Bauwerksnummer;Teilbauwerksnummer;Gesamtlaenge;Ostwert;Nordwert\n"
        f"0999002;1;84,50;{EAST + 12:.0f};{NORTH + 3:.0f}\n"
    )
    linked = MAPPING.replace("0999001", "0999002")
    for mapping, codes in (
        (MAPPING, ["asset_unconfirmed", "link_unconfirmed"]),
        (linked, ["link_unconfirmed"]),
    ):
        found = read_lists(twin, {"teilbauwerke.csv": text.encode()}, read_mapping(mapping))
        keep_inventory(twin, found, sources=["teilbauwerke.csv"])
        propose(twin)
        items = [one.item for one in twin.bridges.book.work_list(limit=10)]
        assert sorted(one.code for one in items if one.source == "road network") == codes
    confirm(twin, "T1-1", ["L1"], person="bridge engineer", reason="seen on site")
    assert twin.bridges.book.work_list(limit=10) == ()


def test_every_bridge_of_the_demo_city_finds_a_section_that_it_carries() -> None:
    """Its decks are drawn along their sections, so this finds broken rules and no weak ones."""
    ticks = count()
    demo = Twin(MemoryStore(), clock=lambda: START + timedelta(seconds=next(ticks)))
    demo.load(read_city(demo_city(), load_settings(demo_city(), {}).city))
    load_inventory(demo, demo_city())
    carried = {
        (str(bridge.value), section.id)
        for section in demo.assets("road_section")
        if (bridge := section.attribute("bridge")) is not None
    }
    found = propose(demo)
    assert len(found) > 10
    assert all((one.name.split("-")[0], one.link_id) in carried for one in found)


def test_a_confirmation_without_person_reason_or_a_known_link_is_refused(twin: Twin) -> None:
    import_list(twin)
    for person, reason in (("", "seen"), ("engineer", " ")):
        with pytest.raises(ModelError, match="person with a reason"):
            confirm(twin, "T1-1", ["L1"], person=person, reason=reason)
    with pytest.raises(RegistryError, match="L99"):
        confirm(twin, "T1-1", ["L99"], person="engineer", reason="seen")
    with pytest.raises(RegistryError, match="T9"):
        confirm(twin, "T9", ["L1"], person="engineer", reason="seen")
    assert links(twin) == ()


def test_names_take_no_part_and_what_is_not_known_counts_half() -> None:
    line = LineString([(13.69, 51.0), (13.71, 51.0)])
    one, other = Link("named", line, "arterial"), Link("x", line, "residential")
    (found,) = matches([Listed("named", *PLACE)], [other, one])
    assert (found.score, found.rival_score) == (0.75, 0.75)
    assert not found.is_clear
    (found,) = matches([Listed("b", *PLACE, 90.0, ("arterial",))], [other, one])
    assert (found.link_id, found.score) == ("named", pytest.approx(1.0))
    assert found.is_clear


def test_a_bridge_far_from_every_link_has_no_match() -> None:
    line = LineString([(13.69, 51.01), (13.71, 51.01)])
    assert matches([Listed("b", *PLACE)], [Link("x", line)]) == []
    assert matches([Listed("b", *PLACE)], []) == []


def test_road_numbers_stand_for_classes_and_other_words_for_none() -> None:
    assert classes_of(["A 4"]) == ("motorway",)
    assert "arterial" in classes_of(["B172"])
    assert classes_of(["St 2077"]) == classes_of(["L 5"])
    assert classes_of(["Bahn 5", "Talbrücke", ""]) == ()


def test_the_axis_of_a_deck_is_its_longer_side() -> None:
    deck = Polygon([(13.7, 51.0), (13.7, 51.002), (13.7002, 51.002), (13.7002, 51.0)])
    assert axis_deg(deck) == pytest.approx(0.0, abs=1.0)
    assert axis_deg(Point(13.7, 51.0)) is None
    square = [(13.7, 51.0), (13.7, 51.001), (13.70159, 51.001), (13.70159, 51.0)]
    assert axis_deg(Polygon(square)) is None


@settings(max_examples=100)
@given(
    st.floats(min_value=-179.0, max_value=179.0),
    st.floats(min_value=-80.0, max_value=80.0),
    st.floats(min_value=0.0, max_value=360.0),
    st.floats(min_value=0.0, max_value=100.0),
)
def test_scores_lie_between_0_and_1_and_fall_with_the_distance(
    longitude: float, latitude: float, bearing: float, off_m: float
) -> None:
    def line(metres: float) -> LineString:
        y = latitude + metres * METRE
        return LineString([(longitude - 0.01, y), (longitude + 0.01, y)])

    bridge = Listed("b", longitude, latitude, bearing, ("arterial",))
    near = matches([bridge], [Link("n", line(off_m), "arterial")])
    far = matches([bridge], [Link("f", line(off_m + 20.0), "arterial")])
    for found in (*near, *far):
        assert 0.0 <= found.score <= 1.0 + 1e-9
        assert found.turned_deg is not None
        assert found.turned_deg == pytest.approx(between(bearing, 90.0), abs=1e-3)
    if far:
        assert near[0].score >= far[0].score
