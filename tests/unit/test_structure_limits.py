"""Facts of a bridge that cannot be give no model; the reason names fact, value and range."""

from collections.abc import Mapping

import pytest

from simulations.bridges import structures
from simulations.bridges.rounds import Rounds
from simulations.structure.facts import facts_of_asset
from tests.structure_city import BRIDGE_ID, FACTS, START, Clock, structure_city, structure_twin
from twin.bridge_view import read_bridge
from twin.exchange.citations import attribute_units
from twin.exchange.widelayers import unit_of_name
from twin.model.assets import Asset, Attribute
from twin.model.bridge import PartStructure
from twin.model.provenance import Provenance
from twin.model.records import InventoryRecord
from twin.model.statements import statement
from twin.model.structure_state import StructureState
from twin.model.tables import rows

WHERE = Provenance("estimated", by="made up")


def state_of(
    changes: Mapping[str, float | str], part: PartStructure | None = None
) -> StructureState:
    twin = structure_twin({**FACTS, **changes}, Clock(START))
    if part is not None:
        record = InventoryRecord(BRIDGE_ID, "part_structure", "A", part, WHERE, "A")
        twin.bridges.book.add([record], at=START)
    Rounds(twin, [structures.ANALYSIS]).all_due()
    (found,) = read_bridge(twin, BRIDGE_ID).structure
    return found


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (
            {"spans_m": "5000", "total_length_m": 5000.0},
            ["spans_m[0] = 5000 m (0.5 ... 400 m)"],
        ),
        (
            {"structural_depth_m": 150.0},
            ["structural_depth_m = 150 m (0.05 ... 25 m)"],
        ),
        ({"structural_depth_m": 12.0}, ["structural_depth_m / spans_m = 12 / 30"]),
        ({"width_m": 1250.0}, ["width_m = 1250 m (0.5 ... 200 m)"]),
        ({"carriageway_width_m": 900.0}, ["carriageway_width_m = 900 m"]),
        ({"mass_t_m": 15000.0}, ["mass_t_m = 15000 t/m (0.1 ... 300 t/m)"]),
        ({"mass_t_m": -15.0, "width_m": 0.0}, ["mass_t_m = -15 t/m", "width_m = 0 m"]),
        ({"spans_m": "30+30", "total_length_m": 600.0}, ["add up to 60 m", "600 m"]),
        ({"spans_m": "30+30", "total_length_m": 50.0}, ["add up to 60 m", "50 m"]),
        ({"spans_m": "", "span_count": 1.0, "total_length_m": 5000.0}, ["spans_m[0] = 5000 m"]),
        ({"mass_t_m": "15"}, ["mass_t_m = 15 [] -> [t/m]"]),
        ({"width_m": "about 9"}, ["width_m = about 9 [] -> [m]"]),
    ],
)
def test_impossible_facts_give_no_model_and_are_named_in_both_languages(
    changes: Mapping[str, float | str], named: list[str]
) -> None:
    found = state_of(changes)
    assert found.level is None
    assert found.effects == found.lines == found.frequencies == ()
    assert all(one in found.refusal for one in named)
    told = statement(found.refusal)
    assert told.key.startswith("refused_")
    assert told.said("de") != told.said("en")
    assert all(one.split(" = ")[0] in told.german for one in named if " = " in one)


def test_facts_out_of_limits_and_without_unit_are_told_together_in_both_languages() -> None:
    found = state_of({"mass_t_m": "15", "width_m": 1250.0, "carriageway_width_m": 900.0})
    unit, limits = statement(found.refusal).said("de").split("\n")
    assert "[t/m]" in unit
    assert "width_m = 1250 m" in limits
    assert "carriageway_width_m = 900 m" in limits
    assert "allowed" not in limits


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"spans_m": "30", "total_length_m": 31.0},
        {"spans_m": "200", "total_length_m": 200.0, "structural_depth_m": 10.0},
        {"structural_depth_m": 10.0},
    ],
)
def test_facts_at_the_edge_of_the_possible_give_a_model(
    changes: Mapping[str, float | str],
) -> None:
    assert state_of(changes).level == "L1"


def test_limits_hold_for_imported_spans_too() -> None:
    found = state_of({}, PartStructure("1", "A", stage="3", spans_m=(1999.0,), length_m=1999.0))
    assert found.level is None
    assert "spans_m[0] = 1999 m" in found.refusal


def test_a_part_is_not_held_against_the_length_of_the_whole_bridge() -> None:
    found = state_of(
        {"total_length_m": 600.0}, PartStructure("1", "A", stage="3", spans_m=(30.0, 30.0))
    )
    assert found.level == "L1"
    assert "the spans add up to 60 m of 600 m" in found.assumptions


def test_mass_per_length_carries_its_unit_and_another_one_is_named() -> None:
    assert "t/m" in attribute_units()
    assert unit_of_name("mass_t_m") == "t/m"
    place = structure_city(FACTS).assets[0].geometry

    def facts(value: float | str, unit: str) -> tuple[float | None, str]:
        mass = Attribute("mass_t_m", value, unit, WHERE)
        found = facts_of_asset(Asset("B", "bridge", "B", place, WHERE, (mass,)))
        return found.mass_kg_per_m, found.problem

    assert facts(15.0, "t/m") == facts(15.0, "1") == (15000.0, "")
    for value, unit in ((15.0, "kg"), ("15", "")):
        assert f"mass_t_m = {value} [{unit}] -> [t/m]" in facts(value, unit)[1]


def test_limits_have_a_source_and_agree_with_those_of_the_inventory() -> None:
    table = {row["attribute"]: row for row in rows("structure_limits")}
    assert all(row["source"] and row["verified"] in {"yes", "no"} for row in table.values())
    known = {row["field"]: row for row in rows("asb_fields") if row["kind"] == "part_structure"}
    for ours, theirs in (("total_length_m", "length_m"), ("width_m", "width_m")):
        assert float(table[ours]["upper"]) == float(known[theirs]["upper"])
    assert float(table["skew_deg"]["lower"]) == float(known["skew_deg"]["lower"])
