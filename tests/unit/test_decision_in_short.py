"""The answer in a few sentences: what the structure gains, what traffic pays, who gets the load."""

from copy import deepcopy

import pytest
from paper_case import paper_source

from dashboards.i18n.translate import Texts
from dashboards.reports.in_short import in_short
from dashboards.reports.writing import Writing


@pytest.fixture
def document():
    return deepcopy(dict(paper_source().document))


@pytest.mark.parametrize("language", ["de", "en"])
def test_target_detours_restrictions_and_traffic_are_told_in_this_order(document, language):
    said = in_short(document, Writing(Texts(language)))
    target = next(one for one in document["bridges"] if one["role"] == "target")
    assert said[0].startswith(target["name"])
    more = [one for one in document["bridges"] if one["role"] == "detour"]
    assert all(one["name"] in said[1] for one in more[:3])
    assert not any("paper." in sentence or "{" in sentence for sentence in said)
    assert len(said) == len(set(said))


def test_a_bridge_whose_parts_carry_the_same_vehicles_is_told_once(document):
    target = next(one for one in document["bridges"] if one["role"] == "target")
    parts = [
        {**target, "part": part, "name": f"Brücke, Zug {part}", "carries_whole_bridge": True}
        for part in "ABC"
    ]
    document["bridges"] = [*parts, *(one for one in document["bridges"] if one is not target)]
    said = in_short(document, Writing(Texts("de")))
    assert [one for one in said if one.startswith("Brücke")] == [said[0]]
    assert said[0].startswith("Brücke: ")


def test_newly_broken_restrictions_and_a_town_without_detours_are_said(document):
    for one in document["bridges"]:
        one["heavy"] = {**one["heavy"], "is_significant": False}
    write = Writing(Texts("en"))
    assert "No other bridge" in " ".join(in_short(document, write))
    assert "newly broken" in " ".join(in_short(document, write))
    restriction = {"kind": "5", "status": "newly_violated"}
    document["bridges"][0]["restrictions"] = [restriction]
    assert document["bridges"][0]["name"] in next(
        one for one in in_short(document, write) if one.startswith("Restrictions")
    )
