"""The measures of the documentation in the demo city: command, worker, HTTP, sandbox."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from services import open_folder
from store_servers import Database, running_server
from town import settings
from waiting import wait_for

from dashboards.app import create_app
from dashboards.security.guard import Listen
from dashboards.serving import WebServer
from twin.city import Twin
from twin.model.scenarios import Scenario, from_json
from twin.model.times import utc_now
from twin.store import open_store

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
CAROLA = EXAMPLES / "carolabruecke-closed.json"
LOSCHWITZ = EXAMPLES / "loschwitz-16t.json"
ALBERT = EXAMPLES / "albertbruecke-16t.json"
WORKER = ROOT / "tests" / "measure_worker.py"
LIVE = "SELECT c.oid::regclass::text FROM pg_class AS c WHERE c.relkind IN ('r', 'p') AND \
c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND \
c.relname NOT IN ('run', 'run_part', 'run_result', 'job') ORDER BY 1"
EXPIRED_S = 60.0

Document = Mapping[str, Any]
pytestmark = pytest.mark.db


class Place:
    """A database with the demo city and its base, and the environment of its commands."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self.database = database
        self.environment = {
            **os.environ,
            "TWIN_DATABASE_DSN": database.dsn(),
            "TWIN_DATA_DIR": str(folder),
            "PYTHONUTF8": "1",
            "PYTHONPATH": str(ROOT / "tests"),
        }

    def must(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "twin.cli", *arguments],
            env=self.environment, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def document(self, file: Path, *more: str) -> Document:
        return json.loads(self.must("measures", "run", str(file), "--here", "--json", *more))[
            "document"
        ]

    @contextmanager
    def worker(self, *, ahead_s: float = 0.0) -> Iterator["subprocess.Popen[bytes]"]:
        command = [sys.executable, str(WORKER), self.database.dsn("twin_work"), str(ahead_s)]
        process = subprocess.Popen(command, env=self.environment, stderr=subprocess.DEVNULL)
        try:
            yield process
        finally:
            process.kill()
            process.wait(10)

    def checksums(self) -> Mapping[str, object]:
        """Checksum of the content of every table but those of runs and heartbeats."""
        return {
            str(table): self.database.run(
                f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} AS t"  # noqa: E501, S608 - a name from the catalogue
            )
            for (table,) in self.database.run(LIVE)
        }


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with open_folder() as folder, running_server("postgres") as server:
        found = Place(folder, server.migrated_database())
        found.must("load")
        found.must("estimate", "2018", "--as-of", "2018-06-01")
        found.must("bridge", "--now")
        yield found


@pytest.fixture(scope="module")
def closed(place: Place) -> Document:
    return place.document(CAROLA)


@pytest.fixture
def twin(place: Place) -> Iterator[Twin]:
    store = open_store(place.database.dsn())
    yield Twin(store, clock=utc_now)
    store.close()


def _scenario(file: Path) -> Scenario:
    return from_json(file.read_text(encoding="utf-8"))


def _bridge(document: Document, asset: str) -> Document:
    return next(item for item in document["bridges"] if item["asset"] == asset)


def test_bridges_with_added_lorries_come_in_the_order_of_the_added_lorries(
    closed: Document,
) -> None:
    gains = [item["heavy"]["change_vehd"] for item in closed["bridges"]]
    assert gains == sorted(gains, reverse=True)
    detours = [item["asset"] for item in closed["bridges"] if item["role"] == "detour"]
    assert detours[:2] == ["B07", "B04"]
    carola = _bridge(closed, "B06")
    assert carola["role"] == "target"
    assert (carola["heavy"]["scenario_vehd"], carola["heavy"]["base_vehd"] > 0) == (0.0, True)
    told = _bridge(closed, "B07")
    assert told["chain"]
    assert told["causes"][0]["heavy_vehd"] > 0


@pytest.mark.parametrize("file", [CAROLA, LOSCHWITZ])
def test_no_routed_lorry_violates_the_limit_of_the_loschwitzer_bruecke(
    place: Place, closed: Document, file: Path
) -> None:
    document = closed if file == CAROLA else place.document(file)
    met = next(
        item for item in _bridge(document, "B09")["restrictions"] if item["kind"] == "gross_weight"
    )
    assert (met["value"], met["unit"], met["status"]) == (15.0, "t", "avoided")
    assert (met["base_vehd"], met["scenario_vehd"]) == (0.0, 0.0)
    assert met["avoiding_vehd"] > 0


def test_a_limit_inside_a_class_takes_the_lorries_above_it_off_the_bridge(place: Place) -> None:
    document = place.document(ALBERT)
    found = _bridge(document, "B07")
    above = next(row for row in found["crossings_above"] if row["limit_t"] == 16.0)
    assert (above["scenario_vehd"], above["base_vehd"] > 0.0) == (0.0, True)
    assert found["heavy"]["change_vehd"] == pytest.approx(-above["base_vehd"], rel=0.05)
    band = next(row for row in found["by_mass"] if row["from_t"] == 12.0)
    assert 0.0 < band["scenario_vehd"] < band["base_vehd"]
    detours = [item for item in document["bridges"] if item["role"] == "detour"]
    assert {item["asset"] for item in detours} == {"B06"}
    loschwitz = _bridge(document, "B09")
    met = next(item for item in loschwitz["restrictions"] if item["kind"] == "gross_weight")
    assert (met["base_vehd"], met["scenario_vehd"]) == (0.0, 0.0)
    light = next(row for row in loschwitz["by_mass"] if row["from_t"] == 12.0)
    assert light["base_vehd"] > 0.0
    assert "cannot.masses" in {item["key"] for item in document["cannot_say"]}


def test_a_limit_above_the_one_in_force_changes_nothing_and_says_so(place: Place) -> None:
    document = place.document(LOSCHWITZ)
    assert {item["heavy"]["change_vehd"] for item in document["bridges"]} == {0.0}
    assert all(item["change"] in (0.0, None) for item in document["kpis"])
    assert any("stricter" in item["en"] for item in document["warnings"])
    first = document["findings"][0]["text"]
    assert first["key"] == "finding.stricter"
    assert "ändert nichts" in first["de"]
    assert "15 t is in force there already" in first["en"]
    answer = place.must("measures", "run", str(LOSCHWITZ), "--here", "--language", "de")
    assert answer.index("ändert nichts") < answer.index("wird eingehalten")


def _statements(found: object) -> Iterator[Mapping[str, Any]]:
    """Every sentence of a document, wherever it stands."""
    if isinstance(found, Mapping) and {"de", "en"} <= found.keys() and isinstance(found["en"], str):
        yield found
    elif isinstance(found, Mapping | list):
        for one in found.values() if isinstance(found, Mapping) else found:
            yield from _statements(one)


@pytest.mark.parametrize("file", [CAROLA, LOSCHWITZ, ALBERT])
def test_no_sentence_of_the_german_answer_is_english(place: Place, file: Path) -> None:
    told = list(_statements(place.document(file, "--members", "5")))
    assert len(told) > 100
    missing = {one["en"] for one in told if not one.get("de") or one["de"] == one["en"]}
    assert missing == set()


def test_parts_that_share_their_vehicles_tell_of_them_once(place: Place, closed: Document) -> None:
    parts = [item for item in closed["bridges"] if item["asset"] == "B06"]
    assert [item["carries_whole_bridge"] for item in parts] == [True] * len(parts)
    keys = [one["key"] for item in parts for one in item["chain"]]
    assert (keys.count("chain.takes"), keys.count("chain.same")) == (1, len(parts) - 1)
    german = place.must("measures", "run", str(CAROLA), "--here", "--language", "de")
    assert "die Fahrzeuge der Zeile darüber" in german


def test_restrictions_that_flows_cannot_show_are_listed_with_the_reason(closed: Document) -> None:
    met = next(one for one in _bridge(closed, "B08")["restrictions"] if one["kind"] == "speed")
    assert (met["status"], met["scenario_vehd"]) == ("not_assessable", None)
    assert "flows" in met["reason"]["en"]


def test_an_engineer_can_read_the_answer_in_both_languages(place: Place) -> None:
    german = place.must("measures", "run", str(CAROLA), "--here")
    english = place.must("measures", "run", str(CAROLA), "--here", "--language", "en")
    for text, words in (
        (german, ("Angetroffene Einschränkungen:", "Was das nicht sagen kann:", "15 t", "Albert")),
        (english, ("Restrictions met:", "What this cannot say:", "15 t", "Albert")),
    ):
        assert all(word in text for word in words), text
        assert "{" not in text
    assert "Not assessable:" in english


def test_the_same_question_has_the_same_bytes(place: Place, closed: Document, twin: Twin) -> None:
    first = twin.measures.ask(_scenario(CAROLA))
    content = twin.traffic.run_part(first.id, "measures")
    place.database.run("DELETE FROM run_part; DELETE FROM run_result; DELETE FROM run")
    assert place.document(CAROLA) == closed
    second = twin.measures.ask(_scenario(CAROLA))
    assert second.id != first.id
    assert (second.input_hash, second.status) == (first.input_hash, "done")
    assert twin.traffic.run_part(second.id, "measures") == content


def test_live_tables_are_the_same_bytes_after_scenarios(place: Place) -> None:
    before = place.checksums()
    assert {"asset", "traffic_base_part"} <= before.keys()
    place.document(CAROLA, "--members", "5", "--seed", "3")
    place.document(LOSCHWITZ, "--gap", "9e-7")
    assert place.checksums() == before


def test_a_question_over_http_survives_its_worker(place: Place, twin: Twin) -> None:
    server = WebServer(create_app(twin, settings()), Listen("127.0.0.1", 0))
    port = server.start()
    address = f"http://127.0.0.1:{port}/api/measures"
    try:
        with httpx.Client(base_url=address, trust_env=False, timeout=60.0) as web:
            asked = web.post(
                "/runs", params={"members": 500, "seed": 7}, content=CAROLA.read_bytes()
            )
            assert asked.status_code == 202, asked.text
            number = asked.json()["number"]
            with place.worker() as first:
                wait_for(
                    lambda: "members" in web.get(f"/runs/{number}").json()["message"],
                    "members of the ensemble",
                    timeout_s=60.0,
                )
                first.kill()
                first.wait(10)
            assert web.get(f"/runs/{number}").json()["status"] == "running"
            assert web.get(f"/runs/{number}/document").status_code == 404
            with place.worker(ahead_s=EXPIRED_S):
                wait_for(
                    lambda: web.get(f"/runs/{number}").json()["attempt"] == 2,
                    "another worker to take the run",
                    timeout_s=60.0,
                )
                assert web.post(f"/runs/{number}/cancel").json()["status"] == "cancelled"
                small = web.post("/runs", params={"members": 8}, content=CAROLA.read_bytes())
                other = small.json()["number"]
                done = wait_for(lambda: _over(web, other), "the answer", timeout_s=60.0)
            assert done["status"] == "done", done["message"]
            files = {"bridges", "links", "measures", "report", "result", "snapshot"}
            assert set(done["files"]) == files
            document = web.get(f"/runs/{other}/document").json()
    finally:
        server.stop()
    heavy = _bridge(document, "B07")["heavy"]
    assert heavy["band"]["members"] == 8
    assert heavy["band"]["low"] <= heavy["change_vehd"] * 1.5
    assert document["inputs"]["input_hash"] == done["input_hash"]


@contextmanager
def _served(twin: Twin) -> Iterator[httpx.Client]:
    server = WebServer(create_app(twin, settings()), Listen("127.0.0.1", 0))
    address = f"http://127.0.0.1:{server.start()}/api/measures"
    try:
        with httpx.Client(base_url=address, trust_env=False, timeout=60.0) as web:
            yield web
    finally:
        server.stop()


def test_advice_over_http_is_the_document_of_the_command(place: Place, twin: Twin) -> None:
    target = {"above_t": 30, "crossings_vehd": 50}
    command = ["measures", "advise", "B07", "--crossings", "30t:50", "--json"]
    place.database.run("DELETE FROM run_part; DELETE FROM run_result; DELETE FROM run")
    with _served(twin) as web:
        asked = web.post("/advise", json={"bridge": "B07", "base": "2018", "target": target})
        assert asked.status_code == 202, asked.text
        assert asked.headers["location"] == f"/api/measures/runs/{asked.json()['number']}"
        number = asked.json()["number"]
        with place.worker():
            done = wait_for(lambda: _over(web, number), "the advice", timeout_s=90.0)
        assert done["status"] == "done", done["message"]
        assert set(done["files"]) == {"advice", "snapshot"}
        document = web.get(f"/runs/{number}/document").json()
        again = web.post("/advise", json={"bridge": "B07", "target": target})
        assert (again.status_code, again.json()["number"]) == (200, number)
        ranks = web.get(f"/runs/{number}/advice.csv", params={"lang": "en"}).text
    assert ranks.startswith("\ufeffRank,Measures,Target")
    assert len(ranks.splitlines()) == 1 + len(document["ranks"])
    assert json.loads(place.must(*command)) == document
    place.database.run("DELETE FROM run_part; DELETE FROM run_result; DELETE FROM run")
    assert json.loads(place.must(*command, "--here")) == document
    first = document["ranks"][0]
    assert (document["is_reached"], first["reaches"], first["measures"][0]["kind"]) == (
        True, True, "limit_weight",
    )  # fmt: skip
    assert document["inputs"]["input_hash"] == done["input_hash"]
    taken = from_json(json.dumps({**first["scenario"], "name": "taken over"}))
    assert twin.measures.check(taken).facts.name == "2018"


def test_a_search_is_cancelled_between_its_sets_and_frees_its_worker(
    place: Place, twin: Twin
) -> None:
    nobody = {"bridge": "B07", "target": {"above_t": 0.5, "crossings_vehd": 0}}
    with _served(twin) as web, place.worker():
        number = web.post("/advise", json=nobody).json()["number"]
        wait_for(
            lambda: web.get(f"/runs/{number}").json()["message"].startswith("set 1"),
            "the first set, or one of the tenth on",
            timeout_s=60.0,
        )
        assert web.post(f"/runs/{number}/cancel").json()["status"] == "cancelled"
        small = web.post("/runs", content=LOSCHWITZ.read_bytes()).json()["number"]
        wait_for(lambda: _over(web, small), "the next answer", timeout_s=60.0)
        assert web.get(f"/runs/{number}/document").status_code == 404
        assert web.get(f"/runs/{number}/advice.csv").status_code == 404


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"bridge": "B07", "target": {"damage_share": 0.5}}, "ask for crossings above a mass"),
        ({"bridge": "B99", "target": {"damage_share": 0.5}}, "unknown"),
        ({"bridge": "B07", "base": "2035", "target": {"damage_share": 0.5}}, "stored are: 2018"),
        ({"bridge": "B07", "target": {}}, "name a target"),
        ({"bridge": "B07", "target": {"damage_share": 1.2}}, "below 1"),
        ({"bridge": "B07", "target": {"above_t": 30}}, "needs both"),
        ({"target": {"crossings": 3}, "x": 1}, "known: bridge, base, target"),
        ([1], "JSON object"),
    ],
)
def test_a_question_for_advice_that_cannot_be_answered_says_what_can(
    twin: Twin, question: object, said: str
) -> None:
    with _served(twin) as web:
        answer = web.post("/advise", json=question)
        assert answer.status_code == 422
        assert said in json.dumps(answer.json())
        assert web.post("/advise", content=b"\xff{").status_code == 422


def _over(web: httpx.Client, number: int) -> dict[str, Any] | None:
    run = web.get(f"/runs/{number}").json()
    return run if run["status"] in ("done", "failed", "cancelled") else None


def test_a_question_is_answered_from_the_bridges_of_its_time(place: Place, twin: Twin) -> None:
    scenario = _scenario(CAROLA)
    run = twin.measures.ask(scenario, relative_gap=8e-7)
    place.database.run("UPDATE asset SET name = name || ' (neu)' WHERE id = 'B11'")
    try:
        other = twin.measures.ask(scenario, relative_gap=8e-7)
        assert other.input_hash != run.input_hash
        lost = json.loads(other.options)["bridges"]
        place.database.run(f"DELETE FROM bridge_snapshot WHERE sha256 = '{lost}'")  # noqa: S608 - a hash
        place.database.run("UPDATE asset SET name = name || ' (neu)' WHERE id = 'B11'")
        with place.worker():
            for number in (run.id, other.id):
                wait_for(lambda n=number: twin.run(n).status in ("done", "failed"), "the answer")
        answer = twin.measures.document(run.id)
        assert answer is not None
        assert "(neu)" not in json.dumps(answer)
        found = twin.run(other.id)
        assert found.status == "failed"
        assert "has changed since the question was asked" in found.message
    finally:
        place.database.run("UPDATE asset SET name = replace(name, ' (neu)', '') WHERE id = 'B11'")
