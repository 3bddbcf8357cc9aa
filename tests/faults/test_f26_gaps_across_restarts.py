"""F26: what is missing around a restart shows: by its numbers, or because a broker forgot it."""

import json
import re
from contextlib import closing
from datetime import timedelta

import pytest
from faults.disks import status
from faults.rig import Rig, ingest_rig
from waiting import wait_for

from twin.model.gaps import Gap
from twin.model.times import from_us, to_us, utc_now
from twin.runtime import EmbeddedServices, write_services

pytestmark = [pytest.mark.db, pytest.mark.broker]

BEGIN_US = to_us(utc_now()) - 600_000_000


def _publish(rig: Rig, numbers: range) -> None:
    with closing(rig.publisher()) as publisher:
        for number in numbers:
            time = from_us(BEGIN_US + number * 1_000_000)
            content = {"t": time.isoformat(), "v": 1.0, "seq": 25_000 + number}
            assert publisher.publish("twin/v1/demo/B1/s000/obs", json.dumps(content).encode())
        assert publisher.flush(20) == 0


def _gaps(rig: Rig, cause: str) -> list[Gap]:
    with closing(rig.twin()) as twin:
        return [gap for gap in twin.gaps(only_open=False) if gap.cause == cause]


def test_numbers_that_are_missing_across_a_kill_are_a_gap_of_their_number() -> None:
    with ingest_rig() as rig:
        process = rig.start_ingester()
        rig.wait_for_log("broker_connected")
        _publish(rig, range(1, 101))
        kept = rig.settings.data_dir / "learned" / "numbers-1.json"
        wait_for(kept.exists, "the last numbers in their file")
        _publish(rig, range(101, 111))  # newer than the file
        rig.wait_for_count(110)
        process.kill()
        process.wait(10)
        rig.start_ingester()
        rig.wait_for_log("broker_connected", times=2)
        _publish(rig, range(150, 152))
        wait_for(lambda: bool(_gaps(rig, "sequence")), "the gap")
        (gap,) = _gaps(rig, "sequence")
        assert (gap.missing, gap.key, gap.is_estimated) == (39, "B1/s000", False)
        assert gap.end == from_us(BEGIN_US + 150_000_000)
        rig.stop_ingesters()
        rig.start_ingester()
        rig.wait_for_log("broker_connected", times=3)
        _publish(rig, range(152, 154))
        rig.wait_for_count(114)
        rig.stop_ingesters()
        assert len(_gaps(rig, "sequence")) == 1


def _is_embedded(rig: Rig) -> None:
    """Let the ingester find the broker as `twin up` tells it, not in city.toml."""
    broker = rig.broker.settings
    services = EmbeddedServices(
        dsn={},
        broker_host=broker.host,
        broker_port=broker.port,
        broker_fallback_port=broker.fallback_port,
        broker_username=broker.username,
        broker_password_file=broker.password_file,
    )
    rig.settings.data_dir.mkdir(parents=True, exist_ok=True)
    write_services(rig.settings, services)
    file = rig.settings.folder / "city.toml"
    text = re.sub(r"\[broker\][^\[]*", "", file.read_text())
    file.write_text(text)


def test_an_embedded_broker_that_forgot_is_a_loss_unless_all_was_stopped_in_order() -> None:
    with ingest_rig("embedded") as rig:
        _is_embedded(rig)
        rig.start_ingester()
        rig.wait_for_log("broker_connected")
        _publish(rig, range(1, 11))
        rig.wait_for_count(10)
        rig.stop_ingesters()
        rig.broker.stop()
        rig.broker.start()
        process = rig.start_ingester()
        rig.wait_for_log("broker_connected", times=2)
        _publish(rig, range(11, 21))
        rig.wait_for_count(20)
        wait_for(lambda: status(rig).state == "live", "the state live")
        assert not rig.logged("session_lost")
        process.kill()  # and the broker with it: the power is gone
        process.wait(10)
        rig.broker.stop()
        rig.broker.start()
        before = utc_now()
        rig.start_ingester()
        rig.wait_for_log("broker_connected", times=3)
        _publish(rig, range(31, 33))
        wait_for(lambda: bool(_gaps(rig, "session_lost")), "the gap of the source")
        (gap,) = _gaps(rig, "session_lost")
        assert (gap.source, gap.key, gap.is_estimated) == ("demo", "", True)
        assert gap.start == from_us(BEGIN_US + 20_000_000)  # the last that is stored
        assert gap.end is not None
        assert before - timedelta(seconds=1) <= gap.end <= utc_now()
        wait_for(lambda: "session_lost" in status(rig).alarms, "the alarm")
        (numbered,) = _gaps(rig, "sequence")
        assert numbered.missing == 10
        rig.stop_ingesters()
