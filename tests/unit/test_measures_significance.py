"""One rule says whether a change counts: the band where there is one, else the noise floor."""

from typing import Any

import pytest
from measures_case import Solved, solved
from paper_case import paper_source

from dashboards.i18n.translate import Texts
from dashboards.joint_rows import mark_of
from dashboards.reports.base_quality import base_quality
from dashboards.reports.build import build
from dashboards.reports.in_short import in_short
from dashboards.reports.paper import Heading, Items, Table, Text
from dashboards.reports.writing import Writing
from simulations.measures.bands import Ensemble, MemberFound, PartMember
from simulations.measures.chain import _about
from simulations.measures.document import Measures
from simulations.measures.writing import write
from twin.model.statements import in_language, statement

MEMBERS = 20
NOT_CALIBRATED: dict[str, Any] = {
    "name": "2018",
    "version": 3,
    "figures": {
        "is_calibrated": 0.0,
        "held_out_geh_below_5": 1 / 6,
        "counts_held_out": 12.0,
        "held_out_rmse": 38.75,
        "roads_day": 17683.0,
    },
    "assumptions": [
        {"key": "heavy_share_kept", "values": {}},
        {"key": "reserve_geh", "values": {"geh": "5", "share": "17%", "asked": "85%"}},
        {"key": "reserve_rmse", "values": {"after": "38.8", "before": "34.1"}},
    ],
}


def spread(plain: Solved, asset: str, low: float, high: float) -> Ensemble:
    """Members whose gain on one bridge runs evenly from low to high [1/h]; others as they are."""
    ensemble = Ensemble(plain.joint)
    for member in range(MEMBERS):
        drawn = low + (high - low) * member / (MEMBERS - 1)
        parts = {
            one.case.part_id: PartMember(
                drawn if one.case.asset_id == asset else one.flows.gain_vehh, {}, (), 1.0
            )
            for one in plain.joint.parts
        }
        ensemble.members[member] = MemberFound(member, parts, {"vehicle_h": drawn})
    return ensemble


def document(plain: Solved, ensemble: Ensemble | None, **base: object) -> Measures:
    inputs = {**plain.document["inputs"], "base": base}
    return write(plain.joint, ensemble, report=plain.document["traffic"], inputs=inputs)


def block(found: Measures, asset: str) -> Any:
    return next(one for one in found["bridges"] if one["asset"] == asset)


def detour_of(plain: Solved) -> str:
    return next(one["asset"] for one in plain.document["bridges"] if one["role"] == "detour")


def test_a_detour_whose_band_holds_zero_is_none_in_table_sentence_and_chain() -> None:
    plain = solved()
    asset = detour_of(plain)
    found = document(plain, spread(plain, asset, -20.0, 400.0))
    one = block(found, asset)
    assert one["heavy"]["change_vehh"] > one["heavy"]["floor_vehh"]
    assert (one["role"], one["heavy"]["is_significant"], one["chain"]) == ("unchanged", False, [])
    assert mark_of(one["heavy"]) == "±"
    more = in_short(found, Writing(Texts("en")))
    assert not any(text.startswith("More") and one["name"] in text for text in more)


def test_a_change_below_the_floor_counts_where_its_band_leaves_zero_out() -> None:
    plain = solved()
    quiet = next(one for one in plain.joint.parts if one.role == "detour")
    flows = quiet.flows
    object.__setattr__(flows, "heavy_floor_vehh", flows.gain_vehh + 1.0)  # this answer is its own
    without = block(document(plain, None), quiet.case.asset_id)
    assert (without["role"], without["heavy"]["is_significant"]) == ("unchanged", False)
    assert mark_of(without["heavy"]) == "~"
    asset = quiet.case.asset_id
    within = block(document(plain, spread(plain, asset, 5.0, 400.0)), asset)
    assert (within["role"], within["heavy"]["is_significant"]) == ("detour", True)
    assert mark_of(within["heavy"]) == ""


def test_sums_of_the_town_follow_the_same_rule_and_the_index_follows_the_hours() -> None:
    plain = solved()
    found = document(plain, spread(plain, "B1", -5.0, 5.0))
    sure = {one["key"]: one["is_significant"] for one in found["kpis"]}
    assert not sure["vehicle_h"]
    assert not sure["travel_time_index"]


def test_bridges_with_more_heavy_traffic_are_counted_as_planners_do() -> None:
    found = solved().document
    roles = {one["asset"] for one in found["bridges"] if one["role"] == "detour"}
    kpi = {one["key"]: one["scenario"] for one in found["kpis"]}
    assert kpi["bridges_more_loaded"] == len(roles) > 0


def test_heavy_vehicles_that_nobody_counted_are_called_modelled() -> None:
    plain = solved()
    known = {one["heavy"]["label"] for one in plain.document["bridges"]} - {""}
    found = document(plain, None, **NOT_CALIBRATED)
    labels = {one["heavy"]["label"] for one in found["bridges"]} - {""}
    assert labels == ({"modelled"} if known else set())


@pytest.mark.parametrize("language", ["de", "en"])
def test_the_quality_of_the_base_is_said_with_criterion_error_day_and_lorries(
    language: str,
) -> None:
    first, error, heavy = base_quality(NOT_CALIBRATED, Writing(Texts(language)))
    day = {"de": "01.06.2018", "en": "1 Jun 2018"}[language]
    for part in ("17 %", "85 %", "12", "FHWA", day, {"de": "NICHT", "en": "NOT"}[language]):
        assert part in first
    assert all(number in error.replace(",", ".") for number in ("38.8", "34.1"))
    assert {"de": "nicht verbessert", "en": "did not improve"}[language] in error
    assert {"de": "nicht gezählt", "en": "not counted"}[language] in heavy


def test_a_calibrated_base_and_one_without_counts_are_said_as_such() -> None:
    write_english = Writing(Texts("en"))
    good = {
        "name": "a",
        "version": 1,
        "figures": {
            "is_calibrated": 1.0,
            "held_out_geh_below_5": 0.9,
            "counts_held_out": 30.0,
            "held_out_rmse": 10.0,
            "held_out_rmse_before": 30.0,
        },
    }
    first, error = base_quality(good, write_english)
    assert "is calibrated" in first
    assert "day of its roads is not known" in first
    assert "before the adjustment to counts 30.0" in error
    assert "checked against no counts" in base_quality({"name": "t"}, write_english)[0]


def test_the_paper_says_how_good_its_base_is_right_below_its_answer() -> None:
    def worse(found: dict[str, Any]) -> None:
        found["inputs"]["base"] |= NOT_CALIBRATED

    section = build(paper_source(worse), Texts("de")).sections[1]
    short, title, quality = section.blocks[:3]
    assert isinstance(short, Items)
    assert title == Heading("Wie gut die Basis ist")
    assert isinstance(quality, Items)
    assert "NICHT kalibriert" in quality.texts[0]


def test_vehicles_that_avoid_a_bridge_are_told_with_two_digits() -> None:
    assert [_about(value) for value in (13831.2, 628.0, 0.0)] == ["14,000", "630", "0"]


def test_a_paper_shows_vehicles_of_shared_parts_once_and_warns_of_local_addresses() -> None:
    def shared(found: dict[str, Any]) -> None:
        first = next(one for one in found["bridges"] if one["causes"] and one["chain"])
        twice = [{**first, "part": f"{first['asset']}/{n}", "carries_whole_bridge": True,
                  "name": f"part {n}"} for n in "AB"]  # fmt: skip
        found["bridges"] = twice

    paper = build(paper_source(shared), Texts("en"))
    chains = paper.sections[4].blocks
    assert [one.text for one in chains if isinstance(one, Heading)] == ["part A", "part B"]
    assert sum(isinstance(one, Table) for one in chains) == 1
    notes = [one.text for one in paper.sections[-1].blocks if isinstance(one, Text)]
    assert any("dashboards.public_url" in text for text in notes)
    assert any("version 1" in text for text in notes)


@pytest.mark.parametrize(
    ("message", "german"),
    [
        ("3 of 50 members", "3 von 50 Mitgliedern"),
        ("sweeps 4, gap 1.2e-05", "Durchgang 4, Gap 1,2e-05"),
        ("it took longer than its time limit; raise traffic.time_limit_s", "Zeitgrenze"),
        ("the question was asked of measures 3, installed is 4; ask again", "bitte neu fragen"),
    ],
)
def test_what_a_run_says_of_itself_is_german_for_german_readers(message: str, german: str) -> None:
    assert german in in_language(message, "de")
    assert in_language(message, "en") == message


def test_sentences_name_vehicle_classes_in_both_languages() -> None:
    text = (
        "band cut: the limit of 15 t lies inside 12 to 26 t; the whole class hgv_12_26 is banned "
        "from 2 link(s): 7, 8"
    )
    found = statement(text, links={"7": "Brückenstraße", "8": "Ring"})
    for language in ("de", "en"):
        assert "hgv_" not in found.said(language)
        assert "Brückenstraße, Ring" in found.said(language)
