"""What every store does with the registry."""

from dataclasses import replace

import pytest
from shapely import Point
from store_samples import ESTIMATED, city, renumbered, stream

from twin.errors import CityError
from twin.model.assets import Asset, Attribute, Component
from twin.model.city import City, LoadReport
from twin.model.provenance import Provenance
from twin.model.times import utc_now
from twin.ports import Store


def test_a_loaded_city_comes_back_as_it_was(empty_store: Store) -> None:
    wanted = city()
    report = empty_store.load(wanted, at=utc_now())
    assert report == LoadReport(added=11, changed=0, unchanged=0)
    assert empty_store.references() == wanted.references
    assert empty_store.assets() == wanted.assets
    assert set(empty_store.components()) == set(wanted.components)
    assert renumbered(empty_store.datastreams()) == wanted.datastreams
    assert [item.number for item in empty_store.datastreams()] == [1, 2, 3, 4]


def test_lists_are_ordered_and_can_be_narrowed(store: Store) -> None:
    assert [item.id for item in store.components("bridge")] == ["bridge/deck", "bridge/deck/mid"]
    assert [item.id for item in store.assets("gauge")] == ["gauge-house"]
    assert store.assets("tunnel") == ()
    assert len(store.datastreams("bridge")) == 4
    assert store.datastreams("gauge-house") == ()
    assert store.components("nowhere") == ()


def test_loading_the_same_city_again_changes_nothing(store: Store) -> None:
    version = store.version()
    assert store.load(city(), at=utc_now()) == LoadReport(added=0, changed=0, unchanged=11)
    assert store.version() == version


def test_a_changed_row_is_counted_and_keeps_its_number(store: Store) -> None:
    version = store.version()
    before = city()
    moved = replace(before.datastreams[2], name="renamed", route_key="elsewhere")
    bridge = replace(before.assets[0], attributes=before.assets[0].attributes[:1])
    wanted = replace(
        before,
        assets=(bridge, before.assets[1]),
        datastreams=(moved, *before.datastreams[:2], before.datastreams[3], stream("new")),
    )
    assert store.load(wanted, at=utc_now()) == LoadReport(added=1, changed=2, unchanged=9)
    assert store.version() != version
    found = {item.uid: item for item in store.datastreams()}
    assert found["stream-002"] == replace(moved, number=3)
    assert store.assets("bridge")[0].attributes == bridge.attributes


def test_what_the_new_city_lacks_stays(store: Store) -> None:
    store.load(City(name="empty"), at=utc_now())
    assert len(store.datastreams()) == 4
    assert len(store.assets()) == 2


def test_two_datastreams_may_swap_their_routes(store: Store) -> None:
    one, other = city().datastreams[0], city().datastreams[2]
    swapped = (
        replace(one, route_key=other.route_key),
        replace(other, route_key=one.route_key),
    )
    report = store.load(City(name="swap", datastreams=swapped), at=utc_now())
    assert report == LoadReport(added=0, changed=2, unchanged=0)
    assert store.datastreams()[0].route_key == "stream-002"


BRIDGE = city().assets[0]
FAULTY = {
    "asset 'bridge' occurs 2 times": City("x", assets=(BRIDGE, BRIDGE)),
    "cites reference 'nowhere'": City(
        "x",
        assets=(
            Asset("a", "bridge", "a", Point(0, 0), Provenance("sourced", references=("nowhere",))),
        ),
    ),
    "give a finite number": City(
        "x",
        assets=(replace(BRIDGE, attributes=(Attribute("length", float("nan"), "m", ESTIMATED),)),),
    ),
    "unknown asset 'nowhere'": City("x", components=(Component("c", "nowhere", "c", "deck"),)),
    "is its own ancestor": City(
        "x",
        components=(
            Component("c", "bridge", "c", "deck", "d"),
            Component("d", "bridge", "d", "deck", "c"),
        ),
    ),
    "unknown sensor 'nowhere'": City("x", datastreams=(replace(stream("s"), sensor_id="nowhere"),)),
    "no component of asset": City(
        "x", datastreams=(replace(stream("s"), component_id="bridge/cellar"),)
    ),
    "share the route key": City("x", datastreams=(replace(stream("s"), route_key="stream-000"),)),
}


@pytest.mark.parametrize("problem", FAULTY)
def test_a_city_that_contradicts_itself_is_refused_as_a_whole(store: Store, problem: str) -> None:
    version = store.version()
    with pytest.raises(CityError, match=problem):
        store.load(FAULTY[problem], at=utc_now())
    assert store.version() == version
    assert store.assets() == city().assets
    assert renumbered(store.datastreams()) == city().datastreams


def test_numbers_stay_when_further_streams_come(store: Store) -> None:
    before = {item.uid: item.number for item in store.datastreams()}
    store.load(replace(city(streams=6)), at=utc_now())
    after = {item.uid: item.number for item in store.datastreams()}
    assert {uid: after[uid] for uid in before} == before
    assert len(set(after.values())) == 6


def test_an_empty_geometry_and_an_empty_text_survive(store: Store) -> None:
    asset = Asset("void", "bridge", "", Point(), ESTIMATED, (Attribute("note", "", "", ESTIMATED),))
    store.load(City("x", assets=(asset,)), at=utc_now())
    found = next(item for item in store.assets() if item.id == "void")
    assert found.geometry.is_empty
    assert found.attributes == asset.attributes
