"""States of the real ingester: spool, identity, status, several of them on one stream."""

import json
import signal
import socket
from pathlib import Path

import pytest
from faults.loadgen import connect_packet
from faults.rig import Rig, ingest_rig, plan
from waiting import wait_for

from twin.model.times import utc_now

pytestmark = [pytest.mark.db, pytest.mark.broker]
OBS = "twin/v1/demo/B1/s000/obs"


def status(rig: Rig, instance: str = "1") -> dict[str, object]:
    """What the ingester says of itself in its file."""
    file = rig.settings.data_dir / "status" / f"ingest-{instance}.json"
    return json.loads(file.read_text()) if file.exists() else {}


def wait_for_state(rig: Rig, state: str) -> dict[str, object]:
    return wait_for(
        lambda: status(rig) if status(rig).get("state") == state else None, f"state {state}"
    )


def retained(rig: Rig, topic: bytes) -> bytes:
    """The payload that the broker keeps for a topic."""
    with socket.create_connection((rig.target().host, rig.target().port), timeout=10) as broker:
        broker.sendall(connect_packet(rig.target("looker")))
        broker.recv(4)
        broker.sendall(b"\x82" + bytes([5 + len(topic), 0, 1, 0, len(topic)]) + topic + b"\x00")
        received = b""
        while topic not in received or not received.endswith(b"}"):
            received += broker.recv(65_536)
        return received[received.index(topic) + len(topic) :]


def reading(value: float, *, age_s: float) -> bytes:
    return json.dumps({"t": int((utc_now().timestamp() - age_s) * 1000), "v": value}).encode()


def balance(rig: Rig) -> tuple[int, ...]:
    (row,) = rig.rows(
        "SELECT sum(received), sum(stored), sum(duplicate), sum(quarantined), sum(declared_lost) "
        "FROM ingest_balance"
    )
    return tuple(int(str(one or 0)) for one in row)


def test_while_the_database_is_away_the_spool_takes_over_and_everybody_can_see_it() -> None:
    with ingest_rig() as rig:
        rig.start_ingester()
        rig.wait_for_log("broker_connected")
        load = plan(count=3000, rate_hz=400.0)
        generator = rig.generator(load)
        generator.start()
        wait_for(lambda: generator.acknowledged >= 400, "messages before the fault")
        rig.stop_database()
        content = wait_for_state(rig, "spooling")
        assert content["reason"]
        wait_for(lambda: generator.acknowledged >= 2500, "messages while the database is away")
        assert json.loads(retained(rig, b"twin/status/ingest/1"))["state"] == "spooling"
        rig.start_database()
        generator.wait(60)
        rig.wait_for_count(load.count)
        wait_for_state(rig, "live")
        stored = rig.rows(
            "SELECT substr(route_key, 5)::integer, (extract(epoch FROM t) * 1000)::bigint, v "
            "FROM reading JOIN datastream ON ds = number"
        )
        assert set(stored) == set(load.expected())
        received, kept, duplicate, quarantined, lost = balance(rig)
        assert received == kept + duplicate + quarantined + lost
        assert (kept, quarantined, lost) == (load.count, 0, 0)
        spool = rig.settings.data_dir / "spool" / "1"
        wait_for(lambda: not list(spool.glob("*.seg")), "an empty spool")


def test_an_ingester_that_starts_without_a_database_spools_and_records_later() -> None:
    with ingest_rig() as rig:
        rig.stop_database()
        process = rig.start_ingester()
        rig.wait_for_log("broker_connected")
        publisher = rig.publisher()
        for number in range(200):
            assert publisher.publish(OBS, reading(float(number), age_s=number))
        assert publisher.close() == 0
        wait_for(
            lambda: dict(status(rig).get("figures", {})).get("spooled") == 200.0,  # pyrefly: ignore[no-matching-overload]
            "200 spooled messages",
        )
        process.kill()  # even now nothing may be lost
        process.wait(10)
        rig.start_database()
        rig.start_ingester()
        rig.wait_for_count(200)
        assert balance(rig) == (200, 200, 0, 0, 0)


def test_a_second_ingester_of_the_same_name_says_so_and_ends(tmp_path: Path) -> None:
    with ingest_rig() as rig:
        first = rig.start_ingester()
        rig.wait_for_log("broker_connected")
        second = rig.start_ingester()  # same data folder: the spool is locked
        assert second.wait(30) != 0
        rig.wait_for_log("is in use by another process")
        text = (rig.settings.folder / "city.toml").read_text()
        lines = [line for line in text.splitlines() if not line.startswith("data_dir")]
        moved = "\n".join(lines).replace(
            "[embedded]", f"[embedded]\ndata_dir = {json.dumps(str(tmp_path))}"
        )
        (rig.settings.folder / "city.toml").write_text(moved)
        third = rig.start_ingester()  # elsewhere: the name is held in the database
        assert third.wait(60) != 0
        rig.wait_for_log("another ingester runs as twin-Testcity-1")
        assert first.poll() is None
        assert rig.log.read_text().count("broker_connected") == 1  # no session was taken over


def test_the_broker_says_offline_for_an_ingester_that_died() -> None:
    with ingest_rig() as rig:
        process = rig.start_ingester()
        rig.wait_for_log("broker_connected")
        topic = b"twin/status/ingest/1"
        wait_for(lambda: json.loads(retained(rig, topic))["state"] == "live", "the state live")
        process.kill()
        process.wait(10)
        wait_for(lambda: json.loads(retained(rig, topic))["state"] == "offline", "the will")
        process = rig.start_ingester()
        wait_for(lambda: json.loads(retained(rig, topic))["state"] == "live", "the state again")
        process.send_signal(signal.SIGTERM)
        assert process.wait(25) == 0
        assert json.loads(retained(rig, topic))["state"] == "stopped"


def test_several_ingesters_share_the_messages_and_nothing_is_doubled() -> None:
    with ingest_rig(extra=['[ingest]\nshared_group = "town"']) as rig:
        for instance in ("1", "2", "3"):
            rig.start_ingester(instance=instance)
        rig.wait_for_log("broker_connected", times=3)
        load = plan(count=3000, rate_hz=1500.0)
        generator = rig.generator(load)
        generator.start()
        generator.wait(60)
        rig.wait_for_count(load.count)
        wait_for(lambda: balance(rig)[0] >= load.count, "the balance")
        assert balance(rig) == (load.count, load.count, 0, 0, 0)
        shares = rig.rows("SELECT sum(received) FROM ingest_balance GROUP BY incarnation")
        assert len(shares) == 3
        rig.stop_ingesters()
        assert {str(status(rig, one)["state"]) for one in ("1", "2", "3")} == {"stopped"}
