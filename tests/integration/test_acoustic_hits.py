"""Acoustic hits over a real broker, the real ingester and PostgreSQL, to the closure proposal."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest
from acoustic_city import BRIDGE_ID, NOW, START, TRUTH, Clock, acoustic_city, outgoing
from bridge_city import MADE
from faults.rig import Rig, ingest_rig

from simulations.bridges import acoustics
from simulations.bridges.rounds import Rounds
from twin.city import Twin
from twin.model.acoustics import NAME, judged_reason, sections_of
from twin.model.bridge import PartStructure
from twin.model.findings import MonitoringState
from twin.model.quality import SUSPECT_MASK
from twin.model.records import InventoryRecord
from twin.model.times import to_us
from twin.store import open_store

pytestmark = [pytest.mark.db, pytest.mark.broker]


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with ingest_rig() as running:
        with closing(running.twin()) as twin:
            twin.load(acoustic_city())
        running.start_ingester()
        running.wait_for_log("broker_connected")
        yield running


def look(twin: Twin) -> None:
    Rounds(twin, [acoustics.ANALYSIS]).all_due()


def test_a_broken_wire_goes_from_the_logger_to_the_closure_proposal(rig: Rig) -> None:
    clock = Clock()
    with closing(open_store(rig.owner_dsn)) as store:
        twin = Twin(store, clock=clock)
        part = PartStructure("T1", "1", stress_corrosion="2.3")
        store.bridges.book.add(
            [InventoryRecord(BRIDGE_ID, "part_structure", "1", part, MADE)], at=NOW
        )
        sent = outgoing(twin)
        publisher = rig.publisher("logger")
        for message in (*sent, *sent):  # a logger that repeats itself changes nothing
            assert publisher.publish(message.topic, message.payload)
        assert publisher.close() == 0
        values = sum(message.payload.count(b'"v"') for message in sent)
        rig.wait_for_count(values)
        flagged = rig.rows("SELECT count(*) FROM reading WHERE q & %s <> 0", int(SUSPECT_MASK))
        look(twin)
        candidates = sorted(twin.bridges.findings(BRIDGE_ID), key=lambda stored: stored.finding.at)
        assert [stored.finding.rule for stored in candidates] == ["wire_break"] * 2
        for stored, truth in zip(candidates, TRUTH, strict=False):
            assert stored.finding.statement.values["station"] == pytest.approx(truth.x_m, abs=0.05)
            assert abs(to_us(stored.finding.at) - truth.time_us) < 10_000
        assert flagged == [(0,)]

        first = candidates[0].id
        twin.bridges.move_finding(first, "seen", person="desk", reason="", at=NOW)
        reason = judged_reason("confirmed", "heard by two channels, no works")
        twin.bridges.move_finding(first, "judged", person="inspector", reason=reason, at=NOW)
        clock.now = NOW + timedelta(minutes=6)
        look(twin)
        (confirmed,) = [
            one for one in twin.bridges.findings(BRIDGE_ID) if one.finding.severity == "critical"
        ]
        assert confirmed.finding.next_step.key == "step.propose_closure"
        assert twin.monitoring_states()[BRIDGE_ID] is MonitoringState.ALARM

        kept = twin.bridges.state(BRIDGE_ID, NAME)
        assert kept is not None
        one, two = sections_of(kept)
        assert (one.confirmed, one.candidates, two.confirmed, two.candidates) == (1, 0, 0, 1)
        assert one.blind_since_us == to_us(START + timedelta(minutes=122))
