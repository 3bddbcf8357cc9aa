"""F21: a field of a live stream is renamed; the mapping is corrected and nothing is lost."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from faults.oracle import balance
from faults.rig import Rig, ingest_rig, small_city
from waiting import wait_for

pytestmark = [pytest.mark.db, pytest.mark.broker]

SUBSCRIBED = '"client": "bulk"'  # in the log once the subscriptions are confirmed

GOOD, RENAMED = 200, 1000
RULE = """
[[codec.rule]]
topic = "twin/yard/{site}"
codec = "json"
source = "yard"
key = "{site}"
time = { path = "/t", unit = "ms" }
[[codec.rule.value]]
path = "/temp"
quantity = "air_temperature"
unit = "Cel"
required = true
"""


def load_thermometer(rig: Rig, *, path: str) -> None:
    city = small_city(1)
    like = city.datastreams[0]
    thermometer = replace(
        like, uid="Y.temp", quantity="air_temperature", source="yard", route_key=f"north#{path}"
    )
    twin = rig.twin()
    twin.load(replace(city, datastreams=(*city.datastreams, thermometer)))
    twin.close()


def run_job(rig: Rig, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: text for name, text in os.environ.items() if name[:5] != "TWIN_"}
    folder = str(rig.settings.folder)
    return subprocess.run(
        [sys.executable, "-m", "twin.cli", "--city", folder, "quarantine", *arguments],
        capture_output=True, text=True, timeout=120, env=environment, check=False,
    )  # fmt: skip


def drift_alarms(rig: Rig) -> list[tuple[object, ...]]:
    return rig.rows(
        "SELECT subject, detail FROM alarm WHERE kind = 'schema_drift' AND closed_at IS NULL"
    )


def test_a_renamed_field_is_noticed_and_a_replay_after_the_correction_loses_nothing() -> None:
    with ingest_rig(streams=1, extra=[RULE]) as rig:
        load_thermometer(rig, path="/temp")
        rig.start_ingester()
        rig.wait_for_log(SUBSCRIBED)
        publisher = rig.publisher()
        begin_ms = int(time.time() * 1000) - GOOD - RENAMED
        for number in range(GOOD + RENAMED):
            field = "temp" if number < GOOD else "temperature"
            if number == GOOD:
                publisher.flush(10)
                rig.wait_for_count(GOOD)
            content = {"t": begin_ms + number, field: number / 100}
            publisher.publish("twin/yard/north", json.dumps(content).encode())
        publisher.flush(30)
        wait_for(lambda: balance(rig).quarantined == RENAMED, "the renamed ones in quarantine")
        (alarm,) = wait_for(lambda: drift_alarms(rig) or None, "the alarm", timeout_s=30)
        assert alarm[0] == "twin/yard/north"
        assert "missing_field" in str(alarm[1])
        rig.stop_ingesters()
        assert rig.count() == GOOD

        listed = run_job(rig, "list", "--reason", "missing_field", "--json", "--limit", "5000")
        assert len(listed.stdout.splitlines()) == RENAMED
        unchanged = run_job(rig, "replay", "--reason", "missing_field", "--dry-run")
        assert (unchanged.returncode, rig.count()) == (1, GOOD)

        file = rig.settings.folder / "city.toml"
        file.write_text(file.read_text().replace('path = "/temp"\nquantity = "air_temperature"\n'
                        'unit = "Cel"\nrequired', 'path = "/temperature"\n'
                        'quantity = "air_temperature"\nunit = "Cel"\nrequired'))  # fmt: skip
        load_thermometer(rig, path="/temperature")
        done = run_job(rig, "replay", "--reason", "missing_field")
        print(f"F21: {done.stdout.strip()}; {balance(rig)}")
        assert (done.returncode, done.stderr) == (0, "")
        rows = rig.rows("SELECT (extract(epoch FROM t) * 1000)::bigint, v FROM reading")
        assert set(rows) == {(begin_ms + number, number / 100) for number in range(GOOD + RENAMED)}
        found = balance(rig)
        assert (found.received, found.stored) == (GOOD + RENAMED, GOOD + RENAMED)
        assert (found.quarantined, found.duplicate, found.difference) == (0, 0, 0)

        again = run_job(rig, "replay", "--reason", "missing_field")
        assert "0 replayed, 0 failed again" in again.stdout
        assert balance(rig) == found

        rig.start_ingester()
        rig.wait_for_log(SUBSCRIBED, times=2)
        publisher.publish(
            "twin/yard/north", json.dumps({"t": begin_ms - 1, "temperature": 1}).encode()
        )
        publisher.flush(10)
        publisher.close()
        rig.wait_for_count(GOOD + RENAMED + 1)
        wait_for(lambda: not drift_alarms(rig), "the end of the alarm", timeout_s=30)
