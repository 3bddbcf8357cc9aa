"""What a watch must not judge is refused with its reason, in both languages, and finds nothing."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from bridge_city import BRIDGE_ID, START_US, Stepped
from fault_world import HOURS

from sensors.simulator.bridge_world.hourly import HourlyWorld, play
from sensors.simulator.bridge_world.truth import draw
from simulations.bridges import bearings, frequencies, trends
from simulations.bridges.inputs import Bridge, bridges
from simulations.bridges.rounds import Analysis, Found, Rounds, look
from twin.model.bridge_status import NAME, AnalysisStatus, status_of
from twin.model.findings import MonitoringState, Phrase
from twin.model.phrases import is_known, said

SEED = 3
SLOW = (frequencies.ANALYSIS, trends.ANALYSIS, bearings.ANALYSIS)
Change = Callable[[np.ndarray], np.ndarray]


@pytest.fixture(scope="module")
def sound() -> HourlyWorld:
    return play(draw(SEED), start_us=START_US, hours=HOURS)


def altered(world: HourlyWorld, changes: Mapping[str, Change]) -> HourlyWorld:
    values = {name: value.copy() for name, value in world.values.items()}
    for name, change in changes.items():
        values[name] = change(values[name])
    return replace(world, values=values)


def bridge_of(city: Stepped) -> Bridge:
    (bridge,) = bridges(city.twin, asset_id=BRIDGE_ID)
    return bridge


def statuses(city: Stepped) -> dict[str, AnalysisStatus]:
    kept = city.twin.bridges.state(BRIDGE_ID, NAME)
    assert kept is not None
    return {item.analysis: item for item in status_of(kept).analyses}


def keys(phrase: Phrase | None) -> set[str]:
    if phrase is None:
        return set()
    return {phrase.key, *(key for part in phrase.parts for key in keys(part))}


def last(hours: int, change: Change) -> Change:
    def changed(value: np.ndarray) -> np.ndarray:
        return np.concatenate([value[:-hours], change(value[-hours:])])

    return changed


def silent(value: np.ndarray) -> np.ndarray:
    return np.full(len(value), np.nan)


def held(value: np.ndarray) -> np.ndarray:
    return np.repeat(value[::6], 6)[: len(value)]


def test_streams_that_wait_are_told_beside_those_that_are_judged(sound: HourlyWorld) -> None:
    late = {
        channel: lambda value: np.concatenate([silent(value[: -40 * 24]), value[-40 * 24 :]])
        for channel in ("crack_2", "travel_2")
    }
    city = Stepped(altered(sound, late), heard_h=HOURS - 24)
    for _ in range(2):
        Rounds(city.twin, [trends.ANALYSIS, bearings.ANALYSIS]).all_due()
        told = statuses(city)
        for name, of in (("trend", 3), ("bearing", 2)):
            assert told[name].state is MonitoringState.NORMAL
            reason = told[name].reason
            assert reason is not None
            assert is_known(reason)
            assert said(reason, "en").startswith(f"judges {of - 1} of {of} streams; T1.")
            german = said(reason, "de")
            assert german.startswith(f"urteilt über {of - 1} von {of} Strömen; T1.")
            assert "nötig" in german
            assert "needed" not in german
        city.hear(12)


def test_a_look_writes_what_is_new_and_fills_the_hours_of_a_pause(sound: HourlyWorld) -> None:
    city = Stepped(sound, heard_h=HOURS - 72)
    judges = [trends.ANALYSIS, bearings.ANALYSIS]
    Rounds(city.twin, judges).all_due()
    city.hear(6)
    for analysis in judges:
        assert len(analysis.look(bridge_of(city)).outcome.readings.value) == trends.NEW_H
    city.hear(66)
    Rounds(city.twin, judges).all_due()
    now = bridge_of(city).now
    for uid in ("T1.crack_1-compensated", "T1.travel_1-compensated"):
        bins = city.twin.binned(uid, start=now - timedelta(days=20), end=now, points=480)
        assert np.isfinite(bins.mean[:-2]).all()


def test_a_drifting_inclination_asks_to_look_at_its_support(sound: HourlyWorld) -> None:
    ramp = np.maximum(np.arange(HOURS) - (HOURS - 60 * 24), 0.0) / 24
    drifting = altered(sound, {"inclination": lambda value: value + 0.05 * ramp})
    city = Stepped(drifting, heard_h=HOURS - 6)
    for _ in range(2):
        Rounds(city.twin, [trends.ANALYSIS]).all_due()
        (found,) = city.twin.bridges.findings(BRIDGE_ID)
        assert found.finding.rule == "movement_trend"
        assert found.finding.next_step == Phrase(
            "step.inspect_movement", {"channel": "T1.inclination"}
        )
        assert is_known(found.finding.next_step)
        city.hear(6) if city.heard_h < HOURS else None


@pytest.mark.parametrize("days", [20, 80])
def test_a_training_that_is_too_short_is_refused_in_both_languages(
    sound: HourlyWorld, days: int
) -> None:
    city = Stepped(sound, heard_h=days * 24)
    bridge = bridge_of(city)
    for analysis in SLOW:
        found = look(bridge, analysis)
        assert found.state is MonitoringState.LEARNING
        assert found.outcome.models == ()
        assert found.reason is not None
        assert is_known(found.reason)
        english, german = (said(found.reason, language) for language in ("en", "de"))
        assert english.startswith("still learning: ")
        assert german.startswith("lernt noch: ")
        assert not {"days", "hours", "wait", "needed"} & set(german.split())


BAD: tuple[tuple[str, Analysis, Mapping[str, Change], str, MonitoringState], ...] = (
    (
        "a gap of all modes",
        frequencies.ANALYSIS,
        {f"mode_{mode}": last(60, silent) for mode in range(1, 5)},
        "not_armed.too_few_channels",
        MonitoringState.NOT_ARMED,
    ),
    (
        "a gap of the temperature",
        frequencies.ANALYSIS,
        {"structure_temperature": last(3, silent)},
        "not_armed.temperature_missing",
        MonitoringState.NOT_ARMED,
    ),
    (
        "a mode in radians per second",
        frequencies.ANALYSIS,
        {"mode_2": last(40, lambda value: value * 2.0 * np.pi)},
        "bad.frequency",
        MonitoringState.NORMAL,
    ),
    (
        "a mode that is measured every six hours",
        frequencies.ANALYSIS,
        {"mode_2": last(30 * 24, held)},
        "bad.held",
        MonitoringState.NORMAL,
    ),
    (
        "a temperature that is measured every six hours",
        frequencies.ANALYSIS,
        {"structure_temperature": last(30 * 24, held)},
        "bad.held",
        MonitoringState.NOT_ARMED,
    ),
    (
        "a travel in metres",
        bearings.ANALYSIS,
        {"travel_1": last(15 * 24, lambda value: value / 1000.0)},
        "bad.scale",
        MonitoringState.NORMAL,
    ),
    (
        "a travel that is measured every six hours",
        bearings.ANALYSIS,
        {"travel_1": last(30 * 24, held)},
        "bad.held",
        MonitoringState.NORMAL,
    ),
    (
        "a crack in metres",
        trends.ANALYSIS,
        {"crack_1": last(30, lambda value: value / 1000.0)},
        "bad.scale",
        MonitoringState.NORMAL,
    ),
    (
        "a crack in micrometres",
        trends.ANALYSIS,
        {"crack_1": last(30, lambda value: value * 1000.0)},
        "bad.scale",
        MonitoringState.NORMAL,
    ),
    (
        "a crack that is silent",
        trends.ANALYSIS,
        {"crack_1": last(72, silent)},
        "bad.silent",
        MonitoringState.NORMAL,
    ),
)


@pytest.mark.parametrize(
    ("analysis", "changes", "key", "state"), [row[1:] for row in BAD], ids=[row[0] for row in BAD]
)
def test_input_that_must_not_be_judged_is_refused_and_finds_nothing(
    sound: HourlyWorld,
    analysis: Analysis,
    changes: Mapping[str, Change],
    key: str,
    state: MonitoringState,
) -> None:
    found = judged(altered(sound, changes), analysis)
    assert found.outcome.findings == ()
    assert found.state is state
    assert key in keys(found.reason)
    assert found.reason is not None
    assert is_known(found.reason)


def judged(world: HourlyWorld, analysis: Analysis) -> Found:
    return look(bridge_of(Stepped(world, heard_h=HOURS)), analysis)


def test_a_bearing_that_stands_nearly_still_is_locked_and_not_in_another_unit(
    sound: HourlyWorld,
) -> None:
    def locked(value: np.ndarray) -> np.ndarray:
        return value[0] + 1e-4 * np.random.default_rng(1).standard_normal(len(value))

    found = judged(altered(sound, {"travel_1": last(25 * 24, locked)}), bearings.ANALYSIS)
    assert found.reason is None
    (finding,) = found.outcome.findings
    assert (finding.statement.key, finding.cause) == ("bearing_locked", "structure")


def test_a_gap_of_days_does_not_silence_a_trend_for_weeks(sound: HourlyWorld) -> None:
    def gap(value: np.ndarray) -> np.ndarray:
        value[-20 * 24 : -15 * 24] = np.nan
        return value

    assert judged(altered(sound, {"crack_1": gap}), trends.ANALYSIS).reason is None
