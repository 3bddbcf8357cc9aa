"""What a scenario names and its base does not know."""

import difflib

import pytest

from twin.errors import ScenarioError
from twin.model.interventions import Intervention, ParameterValue
from twin.model.questions import options_text
from twin.model.scenarios import Scenario
from twin.model.targets import TargetNames, unknown_targets, without_effect

NAMES = TargetNames(("L1", "7"), ("B1",), ("100",), ("K1", "100"), ("car", "bus"))
NEW: dict[str, ParameterValue] = {
    "name": "N", "from_node": "K1", "to_node": "K9", "road_class": "lane"
}  # fmt: skip


def _asked(*items: Intervention) -> Scenario:
    return Scenario("n", "today", items)


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (Intervention("class_ban", ("L1",), {"classes": ("zeppelin",)}), "vehicle class 'zep"),
        (Intervention("scale_demand", (), {"factor": 2.0, "origins": ("5",)}), "zone '5'"),
        (Intervention("new_link", (), NEW), "node 'K9'"),
        (Intervention("new_link", (), NEW), "road class 'lane'"),
        (Intervention("toll", ("link:B1x",), {"toll_eur": 1.0}), "link or asset 'B1x'"),
    ],
)
def test_every_name_is_looked_up_before_anything_is_computed(
    item: Intervention, words: str
) -> None:
    assert any(f"unknown {words}" in problem for problem in unknown_targets(_asked(item), NAMES))


def test_a_base_of_an_earlier_version_takes_all_nodes_and_classes() -> None:
    old = TargetNames(("L1",), (), ())
    banned = Intervention("class_ban", ("L1",), {"classes": ("zeppelin",)})
    assert unknown_targets(_asked(banned), old) == ()


def test_similar_names_are_looked_for_a_few_times_only(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def counted(word: str, words: list[str], n: int) -> list[str]:
        looked.append(word)
        return words[:n]

    monkeypatch.setattr(difflib, "get_close_matches", counted)
    wrong = Intervention("close_link", tuple(f"X{number}" for number in range(2000)))
    found = unknown_targets(_asked(wrong), NAMES)
    assert len(looked) == 5
    assert (len(found), found[-1]) == (101, "and 1900 more")


@pytest.mark.parametrize(
    "items", [(), (Intervention("distance_rule", ("B1",), {"min_gap_m": 50.0}),)]
)
def test_what_changes_no_traffic_is_no_question(items: tuple[Intervention, ...]) -> None:
    assert without_effect(_asked(*items))[0].startswith("no effect")


@pytest.mark.parametrize("gap", [float("nan"), float("inf"), 0.0, -1.0, 1e-9, 2e-6, 5.0])
def test_a_gap_out_of_range_is_no_part_of_a_question(gap: float) -> None:
    with pytest.raises(ScenarioError, match="gap must be 1e-08 to 1e-06"):
        options_text(relative_gap=gap)
