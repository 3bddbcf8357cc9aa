"""Open findings are counted whole: no number of them hides the gravest one."""

import math
from dataclasses import replace
from datetime import timedelta

from store_samples import city

from twin.city import Twin
from twin.model.finding_steps import OpenFindings
from twin.model.findings import Finding, MonitoringState, Phrase, Reason
from twin.model.monitoring import AnalysisOutcome
from twin.model.times import utc_now
from twin.ports import Store

NOW = utc_now()
HOUR = timedelta(hours=1)
WORDS = Phrase("a", {"severity": "note", "cause": "traffic", "x": math.nan}), Phrase("b")
NOTE = Finding("bridge", "load", "1", "note", "0", *WORDS, at=NOW)
MANY = 1200
STEPS = ("seen", "judged", "closed")


def _keep(store: Store, *findings: Finding) -> tuple[int, ...]:
    return store.bridges.keep(AnalysisOutcome(findings=findings), at=NOW).findings


def test_open_findings_are_counted_by_asset_severity_and_cause(store: Store) -> None:
    sensor = replace(NOTE, cause="sensor_fault", reasons=(Reason(Phrase("r"), cause="traffic"),))
    numbers = _keep(
        store,
        NOTE,
        replace(NOTE, key="1"),
        replace(sensor, key="2", severity="warning"),
        replace(sensor, key="3", severity="warning"),
        replace(sensor, key="4", severity="critical"),
    )
    for stage in STEPS:
        store.bridges.move_finding(numbers[3], stage, person="inspector", reason="read", at=NOW)
    assert list(store.bridges.open_findings()) == [
        OpenFindings("bridge", "critical", "sensor_fault", 1),
        OpenFindings("bridge", "note", None, 2),
        OpenFindings("bridge", "warning", "sensor_fault", 1),
    ]


def test_a_finding_that_grows_graver_is_counted_as_what_it_is_now(store: Store) -> None:
    _keep(store, NOTE)
    _keep(store, replace(NOTE, at=NOW + HOUR, severity="critical", cause="structure"))
    assert list(store.bridges.open_findings()) == [
        OpenFindings("bridge", "critical", "structure", 1)
    ]


def test_without_open_findings_nothing_is_counted(store: Store) -> None:
    (number,) = _keep(store, NOTE)
    for stage in STEPS:
        store.bridges.move_finding(number, stage, person="inspector", reason="read", at=NOW)
    assert list(store.bridges.open_findings()) == []


def test_the_gravest_finding_counts_below_more_than_a_thousand_newer_ones(store: Store) -> None:
    twin = Twin(store, clock=lambda: NOW)
    _keep(store, replace(NOTE, key="gravest", severity="critical", cause="structure"))
    other = next(asset.id for asset in city().assets if asset.id != "bridge")
    newer = [
        replace(NOTE, asset_id=("bridge", other)[number % 2], key=f"{number}", at=NOW + HOUR)
        for number in range(MANY)
    ]
    _keep(store, *newer)
    assert "gravest" not in {item.finding.key for item in store.bridges.findings()}
    assert twin.watched_states()["bridge"] is MonitoringState.ALARM
    assert sum(item.count for item in store.bridges.open_findings()) == MANY + 1
