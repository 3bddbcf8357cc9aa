"""The demo city from its registry to an answer: estimate, ask on the command line and over HTTP."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from services import open_folder
from store_servers import running_server
from town import settings
from waiting import wait_for

from dashboards.app import create_app
from dashboards.security.guard import Listen
from dashboards.serving import WebServer
from simulations.capacity import Capacity
from simulations.running import Limits, OpenBases, TrafficRuns, traffic_engine
from simulations.worker import work
from twin.city import Twin
from twin.model.times import utc_now
from twin.store import open_store

CAROLA, ALBERT, MARIEN, WALDSCHLOESSCHEN = "B06", "B07", "B04", "B08"
CLOSED = {
    "name": "Carolabrücke closed",
    "base": "2018",
    "interventions": [{"kind": "close_asset", "targets": [CAROLA]}],
}

pytestmark = pytest.mark.db


class Place:
    """A database with the demo city and its base, and the environment of its commands."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self.folder = folder
        self.dsn = dsn

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        environment = {
            **os.environ,
            "TWIN_DATABASE_DSN": self.dsn,
            "TWIN_DATA_DIR": str(self.folder),
        }
        return subprocess.run(
            [sys.executable, "-m", "twin.cli", *arguments],
            env={**environment, "PYTHONUTF8": "1"},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def must(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with open_folder() as folder, running_server("postgres") as server:
        found = Place(folder, server.migrated_database().dsn())
        found.must("load")
        found.must("estimate", "2018", "--as-of", "2018-06-01")
        yield found


@pytest.fixture(scope="module")
def question(place: Place) -> str:
    file = place.folder / "carola.json"
    file.write_text(json.dumps(CLOSED), encoding="utf-8")
    return str(file)


def test_the_closed_bridge_is_answered_as_a_table(place: Place, question: str) -> None:
    text = place.must("whatif", question, "--here")
    lines = text.splitlines()
    assert lines[:2] == [
        "Szenario: Carolabrücke closed",
        "  1. Sperrung von Carolabrücke in beiden Richtungen.",
    ]
    assert "GEH" in text
    assert text.index("Nicht bediente Fahrten: 0 je Stunde") < text.index("Fahrzeug-km")
    bridges = [
        line.split("  ")[0] for line in lines if line.startswith(("Albert", "Marien", "Wald"))
    ]
    assert bridges[:3] == ["Albertbrücke", "Marienbrücke (Straße)", "Waldschlößchenbrücke"]


def test_the_same_question_is_not_solved_again(place: Place, question: str) -> None:
    first = json.loads(place.must("whatif", question, "--here", "--json"))
    again = place.run("whatif", question, "--json")
    assert json.loads(again.stdout) == first
    assert first["report"]["solver"]["relative_gap"] <= 1e-6
    gain = {
        row["asset"]: row["scenario_vehh"] - row["base_vehh"] for row in first["report"]["bridges"]
    }
    assert gain[ALBERT] > gain[MARIEN] > gain[WALDSCHLOESSCHEN] > 0 > gain[CAROLA]


def test_without_a_worker_the_command_says_what_to_do(place: Place, question: str) -> None:
    answer = place.run("whatif", question, "--gap", "3e-7")
    assert answer.returncode == 2
    assert "--here" in answer.stderr


def test_a_wrong_bridge_is_refused_before_anything_is_asked(place: Place) -> None:
    wrong = {**CLOSED, "interventions": [{"kind": "close_asset", "targets": ["B66"]}]}
    file = place.folder / "wrong.json"
    file.write_text(json.dumps(wrong), encoding="utf-8")
    for job in ("whatif", "sweep"):
        answer = place.run(job, str(file))
        assert answer.returncode == 2
        assert "did you mean 'B06'" in answer.stderr
    missing = place.run("whatif", str(file), "--base", "1990")
    assert "twin estimate" in missing.stderr


def test_the_same_bridge_closed_over_http_has_the_same_answer(place: Place, question: str) -> None:
    told = json.loads(place.must("whatif", question, "--here", "--json"))["report"]
    twin = Twin(open_store(place.dsn), clock=utc_now)
    solver = TrafficRuns(
        traffic_engine("path_equilibrium"), Limits(Capacity(1, 10**9), 120.0), OpenBases()
    )
    stop = threading.Event()
    kwargs = {"engines": {"path_equilibrium": solver}, "stop": stop, "instance": "t"}
    worker = threading.Thread(target=work, args=(twin,), kwargs=kwargs)
    server = WebServer(create_app(twin, settings()), Listen("127.0.0.1", 0))
    port = server.start()
    worker.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/whatif", trust_env=False) as web:
            asked = web.post("/runs", params={"gap": "9.9e-7"}, json=CLOSED)
            assert asked.status_code == 202
            number = asked.json()["number"]
            wait_for(lambda: web.get(f"/runs/{number}").json()["status"] == "done", "the answer")
            report = web.get(f"/runs/{number}/report").json()
    finally:
        stop.set()
        worker.join(30)
        server.stop()
        twin.close()
    for one, other in zip(report["bridges"], told["bridges"], strict=True):
        assert one["asset"] == other["asset"]
        assert one["scenario_vehh"] == pytest.approx(
            other["scenario_vehh"], abs=max(one["floor_vehh"], 1.0)
        )


def test_who_uses_a_bridge_adds_up_to_the_traffic_on_it(place: Place, question: str) -> None:
    said = json.loads(place.must("whatif", question, "--here", "--json"))["report"]
    told = next(row for row in said["bridges"] if row["asset"] == ALBERT)
    for scenario, flow in ((), told["base_vehh"]), (("--scenario", question), None):
        answer = place.must("select", ALBERT, "--base", "2018", *scenario, "--json")
        found = json.loads(answer)
        total = sum(pair["flow_vehh"] for pair in found["pairs"])
        assert total == pytest.approx(found["total_vehh"], abs=1e-6)
        assert total == pytest.approx(sum(one["flow_vehh"] for one in found["classes"]), abs=1e-6)
        if flow is not None:
            assert total == pytest.approx(flow, rel=1e-6)
        else:
            assert total > told["base_vehh"]


def test_who_uses_a_bridge_is_readable(place: Place) -> None:
    text = place.must("select", ALBERT, "--base", "2018")
    assert "Fahrten über diese Strecken je Stunde: " in text
    assert "weitere Beziehungen" in text
    nobody = place.run("select", "B66", "--base", "2018")
    assert nobody.returncode == 2
    assert "no link lies on 'B66'" in nobody.stderr
