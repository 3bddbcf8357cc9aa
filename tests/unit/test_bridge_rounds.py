"""Rounds look when it is time, survive what fails, and say what they cannot do."""

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from bridge_city import BRIDGE_ID, twin_of
from fault_world import CASES, world_of

from simulations.bridges import frequencies
from simulations.bridges.analyses import ANALYSES
from simulations.bridges.command import bridge_id, document, overview, text
from simulations.bridges.inputs import Bridge
from simulations.bridges.rounds import Analysis, Found, Rounds
from twin.bridge_view import read_bridge
from twin.city import Twin
from twin.errors import InsufficientData, NotAvailable, RegistryError
from twin.model import phrases
from twin.model.bridge_status import NAME, AnalysisStatus, status_of
from twin.model.findings import Finding, MonitoringState, Phrase, Reason
from twin.model.monitoring import AnalysisOutcome, TrainedModel

GROWING = next(case for case in CASES if case.name == "crack growth")


@pytest.fixture(scope="module")
def cracked() -> Twin:
    twin = twin_of(world_of(GROWING, 3))
    Rounds(twin, ANALYSES).all_due()
    return twin


def told(item: AnalysisStatus) -> str:
    return "" if item.reason is None else phrases.said(item.reason, "en")


def always(_: Bridge) -> bool:
    return True


def test_every_analysis_is_made_once_and_not_again_before_it_is_due(cracked: Twin) -> None:
    assert not Rounds(cracked, ANALYSES).step()
    kept = cracked.bridges.state(BRIDGE_ID, NAME)
    assert kept is not None
    made = {item.analysis for item in status_of(kept).analyses}
    assert {"compensation", "trend", "bearing", "load", "faults", "reality"} <= made


def test_an_analysis_that_fails_is_said_and_stops_no_other(cracked: Twin) -> None:
    def broken(_: Bridge) -> Found:
        raise ZeroDivisionError("no bridge")

    def learning(_: Bridge) -> Found:
        raise InsufficientData("two days are stored")

    def unfit(_: Bridge) -> Found:
        raise NotAvailable("an arch")

    hour = timedelta(hours=1)
    analyses = [
        Analysis(name, "1", hour, always, look)
        for name, look in (("broken", broken), ("learning", learning), ("unfit", unfit))
    ]
    assert Rounds(cracked, [*ANALYSES, *analyses]).all_due() == 1
    kept = cracked.bridges.state(BRIDGE_ID, NAME)
    assert kept is not None
    said = {item.analysis: item for item in status_of(kept).analyses}
    assert said["broken"].state is MonitoringState.NOT_ARMED
    assert said["learning"].state is MonitoringState.LEARNING
    assert said["unfit"].state is MonitoringState.NOT_ARMED
    assert "no bridge" in str(said["broken"].reason)
    assert "trend" in said


def test_a_model_that_cannot_be_read_is_trained_anew_under_the_next_version(
    cracked: Twin,
) -> None:
    (known,) = [item for item in cracked.bridges.models(BRIDGE_ID) if item.name == frequencies.NAME]
    damaged: TrainedModel = replace(known, version=2, content=b"{}")
    cracked.bridges.keep(AnalysisOutcome(models=(damaged,)), at=cracked.now())
    found = Rounds(cracked, [replace(frequencies.ANALYSIS, every=timedelta())])
    assert found.step()
    models = [item for item in cracked.bridges.models(BRIDGE_ID) if item.name == frequencies.NAME]
    assert [item.version for item in models] == [1, 2]


def test_a_closed_finding_stays_closed_until_it_is_graver_and_is_then_comparable(
    cracked: Twin,
) -> None:
    (known,) = cracked.bridges.findings()
    for stage in ("seen", "judged", "closed"):
        cracked.bridges.move_finding(
            known.id, stage, person="inspector", reason="gauge read by hand", at=cracked.now()
        )
    hour = timedelta(hours=1)
    again = replace(known.finding, at=cracked.now() + hour)
    worse = replace(again, severity="critical")
    for finding, opened in ((again, 0), (worse, 1)):
        found = Found(AnalysisOutcome(findings=(finding,)))
        analysis = Analysis("again", "1", timedelta(), always, lambda _, found=found: found)
        assert Rounds(cracked, [analysis]).step()
        assert len(cracked.bridges.findings()) == opened
    (reopened,) = cracked.bridges.findings()
    assert reopened.id != known.id
    assert reopened.finding.comparable == (known.id,)


def test_the_text_tells_each_quantity_and_every_reason_in_both_languages(cracked: Twin) -> None:
    view = read_bridge(cracked, BRIDGE_ID)
    german, english = (text(view, language=language) for language in ("de", "en"))
    assert "Der Riss an T1.crack_1 wächst um" in german
    assert "wahrscheinlich eine Änderung am Bauwerk" in german
    assert "The crack at T1.crack_1 grows by" in english
    for label in ("Condition grade", "Load index", "Monitoring", "Consumed fatigue"):
        assert label in english
    assert "{" not in german + english
    assert "alarm" in overview(cracked, language="en")


def test_the_json_holds_findings_checks_and_models(cracked: Twin) -> None:
    found = document(read_bridge(cracked, BRIDGE_ID), language="en")
    assert json.loads(json.dumps(found))["id"] == BRIDGE_ID
    assert found["monitoring"] == "alarm"
    finding = found["findings"][0]  # type: ignore[index]
    assert finding["cause"] == "structure"
    assert finding["evidence"][0]["datastream"] == "T1.crack_1"
    assert found["models"]


def test_a_bridge_is_found_by_id_or_part_of_its_name(cracked: Twin) -> None:
    assert bridge_id(cracked, "T1") == bridge_id(cracked, "probe") == "T1"
    with pytest.raises(RegistryError, match="no bridge for 'x'; there are: T1 Probebrücke"):
        bridge_id(cracked, "x")


def test_a_bridge_that_has_not_reported_yet_is_still_learning() -> None:
    world = world_of(GROWING, 3)
    silent = replace(world, values={name: v * np.nan for name, v in world.values.items()})
    twin = twin_of(silent)
    assert Rounds(twin, ANALYSES).all_due() == 1
    kept = twin.bridges.state(BRIDGE_ID, NAME)
    assert kept is not None
    said = {item.analysis: item for item in status_of(kept).analyses}
    assert said.pop("reality").state is MonitoringState.NOT_ARMED
    assert said.pop("structure").state is MonitoringState.NOT_ARMED
    assert {item.state for item in said.values()} == {MonitoringState.LEARNING}
    assert all("no full hour is stored" in told(item) for item in said.values())


@pytest.mark.parametrize(
    ("times", "settled_for", "opened"),
    [(1.4, timedelta(days=90), 0), (1.6, timedelta(days=90), 1), (1.0, timedelta(minutes=30), 1)],
)
def test_a_closed_finding_opens_again_when_it_has_grown_or_its_rest_is_over(
    cracked: Twin, times: float, settled_for: timedelta, opened: int
) -> None:
    key, hour = f"{times:g}", timedelta(hours=1)
    about = Phrase("reason.chart", {"t2": 40.0, "limit": 30.0})
    first = Finding(
        BRIDGE_ID,
        "settling",
        "1",
        "note",
        key,
        about,
        about,
        cracked.now(),
        reasons=(Reason(about, value=40.0, limit=30.0),),
    )
    grown = Reason(about, value=30.0 + 10.0 * times, limit=30.0)
    again = replace(first, at=cracked.now() + hour, reasons=(grown,))
    cracked.bridges.keep(AnalysisOutcome(findings=(first,)), at=cracked.now())
    (known,) = [item for item in cracked.bridges.findings() if item.finding.key == key]
    for stage in ("seen", "judged", "closed"):
        cracked.bridges.move_finding(
            known.id, stage, person="desk", reason="known", at=cracked.now()
        )
    found = Found(AnalysisOutcome(findings=(again,)))
    analysis = Analysis("again", "1", timedelta(), always, lambda _: found, settled_for=settled_for)
    assert Rounds(cracked, [analysis]).step()
    assert len([item for item in cracked.bridges.findings() if item.finding.key == key]) == opened
