"""From stored crossings to verdicts: what is kept, what worked, and what cannot be told."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count

import numpy as np
import pytest
from bridge_city import BRIDGE_ID, MADE, city

from simulations.bridges import obeying
from simulations.bridges.inputs import Bridge, bridges
from simulations.bridges.obeying import restrictions_obeyed
from simulations.obedience_command import text
from twin.bridge_view import read_obedience
from twin.city import Twin
from twin.errors import ModelError
from twin.model.assets import Attribute
from twin.model.bridge import Restriction
from twin.model.monitoring import AnalysisOutcome, BridgeEvent, StateRecord
from twin.model.obedience import NAME, obedience_of
from twin.model.phrases import is_known
from twin.model.records import InventoryRecord
from twin.store.memory import MemoryStore

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BEGAN = date(2026, 10, 5)
A_DAY = 40
LIMIT_T = 16.0


def crossings(seed: int, *, before: float, after: float) -> list[BridgeEvent]:
    """Crossings of sixteen weeks; so many are above 16 t before and after a day."""
    random = np.random.default_rng(seed)
    found = []
    for number in range(112 * A_DAY):
        at = NOW - timedelta(days=112) * (number + 0.5) / (112 * A_DAY)
        share = before if at.date() < BEGAN else after
        is_above = random.random() < share
        mass = LIMIT_T + random.gamma(2, 4) if is_above else random.uniform(4.0, 15.8)
        figures = {
            "gross_t": mass * (1.0 + 0.05 * random.standard_normal()),
            "axles": 3.0,
            "speed_ms": 8.0 + 0.5 * random.standard_normal(),
            "speed_sd_ms": 0.1,
        }
        figures["gross_sd_t"] = figures["gross_t"] * float(np.hypot(0.05, 0.01))
        flags = ("multiple_presence",) if number % 50 == 0 else ()
        found.append(BridgeEvent(BRIDGE_ID, "crossing", f"c{number}", at, figures, {}, flags))
    return found


def world(events: list[BridgeEvent], *held: Restriction) -> Twin:
    ticks = count()
    twin = Twin(MemoryStore(), clock=lambda: NOW + timedelta(microseconds=next(ticks)))
    base = city()
    attributes = (Attribute("bwim_calibration_sd_percent", 1.0, "%", MADE),)
    twin.load(replace(base, assets=(replace(base.assets[0], attributes=attributes),)))
    records = [
        InventoryRecord(BRIDGE_ID, "restriction", f"r{number}", one, MADE)
        for number, one in enumerate(held)
    ]
    twin.bridges.book.add(records, at=NOW)
    twin.bridges.keep(AnalysisOutcome(events=tuple(events)), at=NOW)
    return twin


def bridge_of(twin: Twin) -> Bridge:
    (bridge,) = bridges(twin)
    return bridge


@pytest.fixture(scope="module")
def obeyed() -> Twin:
    return world(
        crossings(1, before=0.30, after=0.10),
        Restriction("5", LIMIT_T, "t", valid_from=BEGAN),
        Restriction("2", 50.0, "km/h"),
        Restriction("9"),
        Restriction("11", 50.0, "m"),
        Restriction("5", 12.0, "t", links=("L1",)),
    )


def test_a_known_violation_rate_and_its_effect_are_recovered_from_stored_crossings(obeyed):
    weight = restrictions_obeyed(bridge_of(obeyed))[0]
    assert weight.verdict == "not_kept"
    assert weight.low is not None
    assert weight.high is not None
    assert weight.low <= 0.10 <= weight.high
    assert weight.effect_verdict == "worked"
    true_odds = (0.1 / 0.9) / (0.3 / 0.7)
    assert weight.effect_low is not None
    assert weight.effect_high is not None
    assert weight.effect_low <= true_odds <= weight.effect_high
    assert weight.vehicles == pytest.approx(28 * A_DAY, rel=0.06)
    assert min(weight.days_before, weight.days_after) >= 40


def test_what_a_crossing_cannot_tell_is_said(obeyed):
    found = restrictions_obeyed(bridge_of(obeyed))
    assert [one.verdict for one in found[1:]] == ["kept", *["cannot_be_told"] * 3]
    assert found[1].phrases[1].key == "obedience.no_beginning"
    assert [one.phrases[0].key for one in found[2:]] == [
        "obedience.no_lane", "obedience.no_lane", "obedience.some_links",
    ]  # fmt: skip


def test_every_sentence_is_known_in_both_languages(obeyed):
    found = restrictions_obeyed(bridge_of(obeyed))
    assert all(is_known(one) for row in found for one in (*row.phrases, *row.remarks))
    german, english = (text("T1", found, language=language) for language in ("de", "en"))
    assert "Nicht eingehalten" in german
    assert "It worked" in english
    assert "obedience." not in german + english


def test_few_crossings_are_not_enough_data():
    twin = world(
        crossings(2, before=0.0, after=0.0)[:30],
        Restriction("5", LIMIT_T, "t", valid_from=BEGAN),
    )
    (row,) = restrictions_obeyed(bridge_of(twin))
    assert (row.verdict, row.effect_verdict) == ("not_enough_data", "not_enough_data")


def test_hours_of_a_restriction_alone_count():
    events = crossings(3, before=0.0, after=0.0)
    night = [
        replace(one, figures={**one.figures, "gross_t": 30.0, "gross_sd_t": 1.5})
        if one.at.hour in (21, 22, 23, 0, 1, 2)  # UTC; in the hours from 22 to 6 local time
        else one
        for one in events
    ]
    nightly = Restriction("5", LIMIT_T, "t", daily_from="22:00", daily_until="06:00")
    daily = Restriction("5", LIMIT_T, "t", daily_from="08:00", daily_until="18:00")
    rows = restrictions_obeyed(bridge_of(world(night, nightly, daily)))
    assert rows[0].share == pytest.approx(0.75, abs=0.05)
    assert rows[1].share == pytest.approx(0.0, abs=0.01)


def test_a_ban_of_lorries_without_counts_cannot_be_told():
    twin = world([], Restriction("3", vehicle_group="Lkw"), Restriction("3"))
    found = restrictions_obeyed(bridge_of(twin))
    assert [one.phrases[0].key for one in found] == ["obedience.no_counts", "obedience.closed"]


def test_the_analysis_keeps_what_pages_and_programmes_read(obeyed):
    bridge = bridge_of(obeyed)
    assert {one.verdict for one in read_obedience(obeyed, BRIDGE_ID)} == {"cannot_be_told"}
    obeyed.bridges.keep(obeying.look(bridge).outcome, at=NOW)
    read = read_obedience(obeyed, BRIDGE_ID)
    assert read == restrictions_obeyed(bridge)
    document = read[0].document()
    assert document["verdict"] == "not_kept"
    phrases = document["phrases"]
    assert isinstance(phrases, list)
    assert {"key", "de", "en"} == set(phrases[0])


def test_a_damaged_state_is_refused():
    with pytest.raises(ModelError):
        obedience_of(StateRecord(NAME, BRIDGE_ID, 1, 0, b'[{"part": ""}]'))
