"""The state of a bridge says what its analyses say, and never less than an open finding."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from twin.errors import ModelError
from twin.model.bridge_status import AnalysisStatus, BridgeStatus, status_of
from twin.model.finding_steps import OpenFindings
from twin.model.findings import MonitoringState, Phrase
from twin.model.phrases import is_known, said
from twin.model.quality import QualityClass
from twin.model.tables import rows
from twin.rules.diagnosis import CAUSES, Symptoms, diagnose
from twin.rules.monitoring import monitoring_state, watched_states

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
WAITS = Phrase("state.learning", {"analysis": "a"})
LEARNING = AnalysisStatus("compensation", "1", MonitoringState.LEARNING, NOW, WAITS)
JUDGING = AnalysisStatus("trend", "1", MonitoringState.NORMAL, NOW)
BESIDE = replace(JUDGING, analysis="gauge", is_structural=False)
OLD = replace(JUDGING, analysis="bearing", at=NOW - timedelta(hours=4))
WARNING = OpenFindings("B1", "warning", None, 1)


def status(*analyses: AnalysisStatus, at: datetime = NOW) -> BridgeStatus:
    return BridgeStatus("B1", at, analyses)


def test_a_status_is_read_back_as_it_was_written() -> None:
    written = status(LEARNING, JUDGING)
    assert status_of(written.record()) == written


@pytest.mark.parametrize("content", [b"", b"[]]", b'[{"analysis": "a"}]', b"[1]"])
def test_a_damaged_status_is_an_error_that_says_what_to_do(content: bytes) -> None:
    with pytest.raises(ModelError, match="run the analyses again"):
        status_of(replace(status(JUDGING).record(), content=content))
    with pytest.raises(ModelError, match="has format 9"):
        status_of(replace(status(JUDGING).record(), format_version=9))


@pytest.mark.parametrize(
    ("analyses", "age", "findings", "expected"),
    [
        ((), timedelta(), [], MonitoringState.NOT_ARMED),
        ((LEARNING,), timedelta(), [], MonitoringState.LEARNING),
        ((LEARNING, JUDGING), timedelta(), [], MonitoringState.LEARNING),
        ((JUDGING,), timedelta(), [], MonitoringState.NORMAL),
        ((BESIDE,), timedelta(), [], MonitoringState.NOT_ARMED),
        ((JUDGING, BESIDE), timedelta(), [], MonitoringState.NORMAL),
        ((JUDGING, OLD), timedelta(), [], MonitoringState.NOT_ARMED),
        ((JUDGING,), timedelta(), [WARNING], MonitoringState.WARNING),
        ((JUDGING,), timedelta(hours=9), [WARNING], MonitoringState.WARNING),
        ((), timedelta(), [replace(WARNING, severity="critical")], MonitoringState.ALARM),
        ((JUDGING,), timedelta(), [replace(WARNING, cause="sensor_fault")], MonitoringState.NORMAL),
        ((JUDGING,), timedelta(), [replace(WARNING, severity="note")], MonitoringState.NORMAL),
    ],
)
def test_the_worst_that_is_open_decides_then_who_judges(
    analyses: tuple[AnalysisStatus, ...],
    age: timedelta,
    findings: list[OpenFindings],
    expected: MonitoringState,
) -> None:
    assert status(*analyses, at=NOW - age).watched(findings, now=NOW) is expected


def test_a_status_that_cannot_be_read_hides_no_other_bridge() -> None:
    damaged = replace(status(JUDGING).record(), asset_id="B3", content=b"?")
    states = watched_states([damaged, status(JUDGING).record()], [], now=NOW)
    assert states == {"B3": MonitoringState.NOT_ARMED, "B1": MonitoringState.NORMAL}


def test_findings_of_a_bridge_without_a_status_count_too() -> None:
    records = [status(JUDGING).record()]
    other = replace(WARNING, asset_id="B2")
    assert watched_states(records, [other], now=NOW) == {
        "B1": MonitoringState.NORMAL,
        "B2": MonitoringState.WARNING,
    }


def test_a_faulty_sensor_hides_a_normal_state_but_no_warning() -> None:
    faulty = [QualityClass.GOOD, QualityClass.STALE]
    assert monitoring_state(faulty, MonitoringState.NORMAL) is MonitoringState.DATA_FAULT
    assert monitoring_state(faulty, MonitoringState.WARNING) is MonitoringState.WARNING
    assert monitoring_state([QualityClass.STALE], MonitoringState.NORMAL) is MonitoringState.NO_DATA


@pytest.mark.parametrize(
    ("symptoms", "cause"),
    [
        (Symptoms(flagged_percent=80.0, flags=("stuck",), lasted_d=4.0), "sensor_fault"),
        (Symptoms(is_temperature_trained=False, came_back=True, lasted_d=1.0), "temperature"),
        (Symptoms(is_temperature_trained=True, heavy_percent=400.0), "traffic"),
        (
            Symptoms(is_temperature_trained=True, heavy_percent=98.0, breathing_percent=310.0,
                     lasted_d=30.0),
            "structure",
        ),
        (
            Symptoms(is_temperature_trained=True, heavy_percent=98.0, breathing_percent=99.0,
                     neighbours=2, lasted_d=30.0),
            "sensor_fault",
        ),
        (
            Symptoms(is_temperature_trained=True, neighbours=3, neighbours_changed=3, lasted_d=5.0),
            "structure",
        ),
        (Symptoms(lag_moved_h=3.0, lasted_d=2.0), "sensor_fault"),
        (Symptoms(), None),
    ],
)  # fmt: skip
def test_the_evidence_decides_on_the_cause(symptoms: Symptoms, cause: str | None) -> None:
    found = diagnose(symptoms)
    assert found.cause == cause
    assert set(found.scores) == set(CAUSES)
    for reason in found.reasons:
        assert reason.cause is not None
        assert reason.speaks in ("for", "against")
        assert is_known(reason.statement)


def test_every_sentence_of_findings_has_the_same_places_in_both_languages() -> None:
    import string  # noqa: PLC0415

    for row in rows("finding_words"):
        places = [
            {name for _, name, _, _ in string.Formatter().parse(row[column]) if name}
            for column in ("english", "german")
        ]
        assert places[0] == places[1], row["key"]


def test_numbers_of_sentences_are_written_as_the_language_does() -> None:
    phrase = Phrase("reason.gauge_limit", {"limit": 7.1})
    assert said(phrase, "de") == "die Regel nennt 7,1 m an diesem Pegel"
    assert said(phrase, "en") == "the rule names 7.1 m at this gauge"
