"""A trend that still learns says what it knows, until when and why; and keeps its word."""

from datetime import datetime, timedelta

import pytest
from bridge_city import BRIDGE_ID, START_US, Stepped

from sensors.simulator.bridge_world.hourly import play
from sensors.simulator.bridge_world.truth import draw
from simulations.bridges import trends
from simulations.bridges.rounds import Rounds
from twin.bridge_view import read_bridge
from twin.model.findings import MonitoringState, Phrase
from twin.model.phrases import is_known, said
from twin.model.times import from_us

DAYS = 295
BEGIN = from_us(START_US)


@pytest.fixture(scope="module")
def city() -> Stepped:
    """A sound bridge whose record begins in October; only its trends are looked at."""
    return Stepped(play(draw(3), start_us=START_US, hours=DAYS * 24), heard_h=40 * 24)


def hear(city: Stepped, until: datetime) -> None:
    hours = (until - BEGIN) // timedelta(hours=1)
    city.hear(hours - city.heard_h)
    Rounds(city.twin, [trends.ANALYSIS]).all_due()


def told(city: Stepped) -> tuple[MonitoringState, dict[str, Phrase]]:
    """State of the trends, and what is told of the first stream by key."""
    status = read_bridge(city.twin, BRIDGE_ID).status
    assert status is not None
    (trend,) = status.analyses
    if trend.reason is None:
        return trend.state, {}
    assert is_known(trend.reason)
    return trend.state, {part.key: part for part in trend.reason.parts[0].parts}


def day_of(phrase: Phrase) -> datetime:
    return datetime.fromisoformat(f"{phrase.values['day']}T00:00:00+00:00")


def models(city: Stepped) -> int:
    return len(city.twin.bridges.models(BRIDGE_ID))


def test_before_the_first_model_it_says_when_that_comes_and_then_it_comes(city: Stepped) -> None:
    hear(city, BEGIN + timedelta(days=60))
    state, phrases = told(city)
    assert state is MonitoringState.LEARNING
    assert "next frost" in said(phrases["learning.no_winter"], "en")
    hear(city, BEGIN + timedelta(days=100))
    state, phrases = told(city)
    assert "frühestens am 26.03.2026" in said(phrases["learning.first"], "de")
    assert phrases["learning.winter"].values["day"] == "2026-03-07"
    first = day_of(phrases["learning.first"])
    hear(city, first - timedelta(days=1))
    assert (told(city)[0], models(city)) == (MonitoringState.LEARNING, 0)
    hear(city, first + timedelta(days=2))
    assert (told(city)[0], models(city)) == (MonitoringState.NORMAL, 3)


def test_in_the_first_summer_it_says_what_it_knows_and_learns_on_when_it_said(
    city: Stepped,
) -> None:
    hear(city, BEGIN + timedelta(days=180))
    hear(city, BEGIN + timedelta(days=262))
    state, phrases = told(city)
    assert state is MonitoringState.LEARNING
    known, window, grows = (phrases[f"learning.{key}"] for key in ("known", "window", "grows"))
    assert float(known.values["most"]) < 20.0
    assert 0 < float(window.values["days"]) < float(window.values["needed"])
    assert day_of(window) > city.twin.now()
    before, day = models(city), day_of(grows)
    assert city.twin.now() < day < BEGIN + timedelta(days=DAYS - 1)
    hear(city, day - timedelta(days=1))
    assert models(city) == before
    hear(city, day + timedelta(days=2))
    assert models(city) == before + 3
    assert "gelernt: 0" in said(told(city)[1]["learning.known"], "de")


def test_streams_that_wait_for_the_same_are_named_together(city: Stepped) -> None:
    status = read_bridge(city.twin, BRIDGE_ID).status
    assert status is not None
    reason = status.analyses[0].reason
    assert reason is not None
    assert reason.parts[0].values["channel"] == "T1.crack_1, T1.crack_2, T1.inclination"
