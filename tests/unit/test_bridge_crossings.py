"""Lorries of the simulated span are found in its strain blocks, weighed, kept once and shown."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from bridge_city import BRIDGE_ID, MADE
from strain_city import FACTS, START, stream, twin_of

from dashboards.i18n.translate import Texts
from dashboards.widgets.bridge_tables import crossings_table
from sensors.simulator.bridge_world.crossings import LORRIES, Lorry, lorries
from simulations.bridges import crossings
from simulations.bridges.command import text
from simulations.bridges.rounds import Rounds
from twin.bridge_view import read_bridge
from twin.city import Twin
from twin.model.bridge import Restriction
from twin.model.bridge_status import NAME, status_of
from twin.model.findings import MonitoringState
from twin.model.monitoring import BridgeEvent
from twin.model.records import InventoryRecord


def weighed(twin: Twin) -> list[BridgeEvent]:
    found = twin.bridges.events(
        BRIDGE_ID, "crossing", start=START, end=START + timedelta(hours=2), limit=500
    )
    return sorted(found, key=lambda event: event.at)


def gross_kn(lorry: Lorry) -> float:
    return sum(lorry.axle_load_kn)


@pytest.mark.parametrize("name", LORRIES)
def test_single_lorries_are_counted_and_weighed_within_five_percent(name: str) -> None:
    passing = lorries(8, gap_s=15.0, name=name, seed=5)
    twin = twin_of(passing, duration_s=160.0)
    assert Rounds(twin, [crossings.ANALYSIS]).all_due() == 1
    found = weighed(twin)
    assert len(found) == len(passing)
    errors = [
        event.figures["gross_kn"] / gross_kn(lorry) - 1.0
        for event, lorry in zip(found, passing, strict=True)
    ]
    assert sum(abs(error) < 0.05 for error in errors) >= 7
    late = [
        (event.at - START).total_seconds() - lorry.time_s
        for event, lorry in zip(found, passing, strict=True)
    ]
    assert max(abs(np.array(late))) < 0.2
    inside = [
        abs(event.figures["gross_kn"] - gross_kn(lorry)) < 2.0 * event.figures["gross_sd_kn"]
        for event, lorry in zip(found, passing, strict=True)
    ]
    assert sum(inside) >= 7
    assert "lane" not in found[0].figures
    assert found[0].words["calibration"] == "2026-02-01 (estimated)"


@pytest.fixture(scope="module")
def busy() -> Twin:
    twin = twin_of(lorries(4, gap_s=15.0, seed=7), duration_s=90.0)
    record = InventoryRecord(BRIDGE_ID, "restriction", "weight", Restriction("5", 16.0, "t"), MADE)
    twin.bridges.book.add([record], at=twin.now())
    Rounds(twin, [crossings.ANALYSIS]).all_due()
    return twin


def test_looking_again_adds_no_crossing(busy: Twin) -> None:
    before = weighed(busy)
    every = replace(crossings.ANALYSIS, every=timedelta())
    assert Rounds(busy, [every]).step()
    assert weighed(busy) == before


def test_a_lorry_above_the_limit_in_force_is_noted_with_its_raw_signal(busy: Twin) -> None:
    (stored,) = busy.bridges.findings()
    finding = stored.finding
    assert (finding.rule, finding.severity, finding.cause) == ("overload", "note", "traffic")
    assert {window.datastream for window in finding.evidence} == {stream(1).uid, stream(2).uid}
    heaviest = max(weighed(busy), key=lambda event: event.figures["gross_t"])
    assert finding.evidence[0].start < heaviest.at < finding.evidence[0].end


def test_without_a_limit_nothing_is_an_overload() -> None:
    twin = twin_of(lorries(2, gap_s=15.0, seed=7), duration_s=50.0)
    Rounds(twin, [crossings.ANALYSIS]).all_due()
    assert weighed(twin)
    assert not twin.bridges.findings()


def test_a_quiet_span_shows_no_crossing() -> None:
    twin = twin_of((), duration_s=60.0)
    Rounds(twin, [crossings.ANALYSIS]).all_due()
    assert weighed(twin) == []


def test_without_a_calibration_it_is_not_armed_and_names_what_is_missing() -> None:
    twin = twin_of(lorries(1, gap_s=15.0), duration_s=30.0, facts=FACTS[1:])
    Rounds(twin, [crossings.ANALYSIS]).all_due()
    kept = twin.bridges.state(BRIDGE_ID, NAME)
    assert kept is not None
    (said,) = status_of(kept).analyses
    assert said.state is MonitoringState.NOT_ARMED
    assert "has no bwim_calibration" in str(said.reason)
    assert weighed(twin) == []


def test_the_last_crossings_are_told_in_both_languages(busy: Twin) -> None:
    view = read_bridge(busy, BRIDGE_ID)
    german, english = (text(view, language=language) for language in ("de", "en"))
    assert "Überfahrten schwerer Fahrzeuge" in german
    assert "Crossings of heavy vehicles" in english
    assert "km/h" in english
    assert "{" not in german + english


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "no calibration is recorded of the gauges S1"),
        ("de", "für die Dehnungssensoren S1 ist keine Kalibrierung erfasst"),
    ],
)
def test_crossings_of_gauges_without_a_calibration_say_so(
    busy: Twin, language: str, words: str
) -> None:
    passing = lorries(1, gap_s=15.0, seed=7)
    for known, is_told in ((FACTS, True), ((*FACTS, ("calibrated:S1", "2026-01-12", "")), False)):
        twin = twin_of(passing, duration_s=40.0, facts=known, provenance="measured")
        Rounds(twin, [crossings.ANALYSIS]).all_due()
        assert weighed(twin)
        view = read_bridge(twin, BRIDGE_ID)
        assert (words in text(view, language=language)) == is_told
        assert (words in str(crossings_table(view, Texts(language)))) == is_told
    assert words not in text(read_bridge(busy, BRIDGE_ID), language=language)


@pytest.mark.parametrize("language", ["de", "en"])
def test_the_page_lists_every_crossing_with_its_weight(busy: Twin, language: str) -> None:
    view = read_bridge(busy, BRIDGE_ID)
    (shown,) = crossings_table(view, Texts(language))
    assert str(shown).count("km/h") == len(weighed(busy))
    assert "kN" in str(shown)
    assert crossings_table(replace(view, events=()), Texts(language)) == []
