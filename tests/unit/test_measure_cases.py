"""Recorded facts of bridges as cases of the joint analysis, and the hash of what was read."""

from dataclasses import replace
from datetime import date

import pytest
from free_flow import river_base

from simulations.measure_cases import cases_of
from twin.errors import ModelError
from twin.model.bridge_snapshot import (
    BridgeSnapshot,
    KeptAttribute,
    KeptBridge,
    KeptPart,
    KeptRestriction,
)
from twin.model.packing import pack, unpack
from twin.model.structure_state import Line, LoadEffect

LINE = Line("moment", 10.0, (0.0, 10.0, 20.0), (0.0, 5.0, 0.0))
SHEAR = Line("shear", 0.0, (0.0, 20.0), (1.0, 0.0))
PART = KeptPart("", level="L1", lines=(LINE, SHEAR), target="LM1")
WEIGHT = KeptRestriction("", "5", 15.0, "t", (), "", "", "sourced", ("9",))


def _section(value: str) -> KeptAttribute:
    return KeptAttribute("fatigue_section_midspan", value, "", "estimated")


def _bridge(*attributes: KeptAttribute, part: KeptPart = PART) -> KeptBridge:
    return KeptBridge("B1", "Alte Brücke", attributes, (part,), (WEIGHT,))


def _snapshot(*bridges: KeptBridge) -> BridgeSnapshot:
    return BridgeSnapshot(date(2018, 6, 1), is_day_of_base=True, bridges=bridges)


def _case(bridge: KeptBridge):
    cases, parts = cases_of(_snapshot(bridge), river_base().network)
    assert not parts
    return cases[0]


def test_a_recorded_section_makes_a_detail_on_the_line_of_its_station() -> None:
    (detail,) = _case(_bridge(_section("10.2;0.05;71;steel"))).details
    assert (detail.name, detail.stress_mpa, detail.curve.category_mpa) == ("midspan", 0.02, 71.0)
    assert detail.lines[0].section_m == 10.0


def test_a_detail_far_from_every_line_is_listed_with_the_reason() -> None:
    case = _case(_bridge(_section("14;0.05;71;steel")))
    assert not case.details
    assert case.excluded[0].reason.key == "measure.no_line"


def test_a_gauge_without_a_section_is_not_assessable() -> None:
    gauge = KeptAttribute("fatigue_detail_weld", "s1;71;210000;1;2", "", "estimated")
    case = _case(_bridge(gauge, _section("10;0.05;71;steel")))
    assert [item.reason.key for item in case.excluded] == ["measure.no_section"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("10;0.05;71", "is not station"),
        ("ten;0.05;71;steel", "is not station"),
        ("10;0.05;71;wood", "'wood' is unknown"),
        ("10;0.05;70;steel", "no detail category 70"),
        ("10;-1;71;steel", "positive"),
    ],
)
def test_a_section_that_cannot_be_read_names_itself(value: str, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        _case(_bridge(_section(value)))


def test_a_part_without_a_model_says_why() -> None:
    known = _case(_bridge(part=KeptPart("", refusal="it rains")))
    assert known.refusal is not None
    assert known.refusal.values["reason"] == "it rains"
    unknown = _case(replace(_bridge(), parts=()))
    assert unknown.refusal is not None
    assert unknown.refusal.key == "measure.no_model_yet"


def test_the_target_load_level_stands_beside_its_line() -> None:
    effect = LoadEffect("LM1", "moment", 10.0, "kN.m", 900.0, -20.0, 1.0)
    (target,) = _case(_bridge(part=replace(PART, effects=(effect,)))).targets
    assert (target.reference, target.station_m, target.effect) == (900.0, 10.0, "moment")


def test_buses_pass_a_recorded_limit_of_weight_as_in_the_road_network() -> None:
    (met,) = _case(_bridge()).restrictions
    assert (met.kind, met.value, met.exempt) == ("gross_weight", 15.0, ("bus",))


def test_links_of_a_part_are_its_own() -> None:
    network = river_base().network
    name = network.link_name[0]
    parts = (replace(PART, part="1", links=(name,)), replace(PART, part="2"))
    cases, places = cases_of(_snapshot(replace(_bridge(), parts=parts)), network)
    assert [case.part_id for case in cases] == ["B1/1", "B1/2"]
    assert places == {int(network.link_id[0]): "B1/1"}


def test_the_hash_follows_everything_that_is_read() -> None:
    first = _snapshot(_bridge())
    assert unpack(pack(first), BridgeSnapshot).sha256() == first.sha256()
    others = (
        replace(first, day=date(2018, 6, 2)),
        _snapshot(replace(_bridge(), restrictions=())),
        _snapshot(_bridge(_section("10;0.05;71;steel"))),
        replace(first, tables={}),
    )
    assert len({first.sha256(), *(item.sha256() for item in others)}) == 5
