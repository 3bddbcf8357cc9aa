"""Bridges over HTTP: facts, inventory, timeline, findings step by step, empty states, refusals."""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import httpx
import pytest
from bridge_samples import trained_model
from serving_town import Served, served
from town import START

from twin.model.bridge import PartStructure, Restriction
from twin.model.findings import EvidenceWindow, Finding, Phrase, Reason
from twin.model.inspection import Condition, Damage, Inspection
from twin.model.monitoring import AnalysisOutcome, BridgeEvent
from twin.model.provenance import Provenance
from twin.model.reality import Check
from twin.model.reality import record_of as reality_record
from twin.model.records import Attachment, InventoryRecord, WorkItem
from twin.model.times import to_us

LIST = Provenance("sourced", by="list of 2024", references=("1",))
HOUR = timedelta(hours=1)
PHOTO = b"\xff\xd8\xff" + bytes(500)
PART = InventoryRecord(
    "B1",
    "part_structure",
    "1",
    PartStructure("0999001", "1", stage="3", load_index="4", year_built=1974, length_m=84.5),
    LIST,
    part="1",
    licence="CC0",
    as_of=date(2024, 4, 17),
)
RECORDS = (
    PART,
    replace(
        PART,
        kind="inspection",
        key="2024-04-17 3",
        content=Inspection(
            "3", end=date(2024, 4, 17), status="5", condition=Condition(3.2, max_s=3)
        ),
    ),
    replace(PART, kind="damage", key="17", content=Damage("17", "crack", s=3, year=2024)),
    replace(
        PART,
        kind="restriction",
        key="5",
        content=Restriction("5", 16.0, "t", valid_from=date(2024, 5, 1)),
    ),
)
FINDING = Finding(
    asset_id="B1",
    rule="crack-trend",
    rule_version="3",
    severity="warning",
    key="crack/c1",
    statement=Phrase("something", {"rate": 0.12}),
    next_step=Phrase("look"),
    at=START,
    cause="structure",
    reasons=(Reason(Phrase("above"), 0.12, "mm/a", 0.05, "own limit", "structure", "for"),),
    evidence=(EvidenceWindow("B1-strain", START - HOUR, START),),
)
EVENT = BridgeEvent("B1", "crossing", "1", START - HOUR, {"gross_kn": float("nan")})
MODEL = trained_model("B1", at=START, content=b"secret weights")


@pytest.fixture(scope="module")
def web() -> Iterator[Served]:
    with served() as running:
        shelf = running.town.store.bridges
        shelf.book.add(RECORDS, at=START - HOUR)
        shelf.book.attach(
            Attachment("B1", "crack.jpg", "image/jpeg", LIST, kind="damage", key="17"),
            PHOTO,
            at=START,
        )
        shelf.book.note_work("list.csv", [WorkItem("list.csv", "duplicate", "twice")], at=START)
        outcome = AnalysisOutcome(events=(EVENT,), models=(MODEL,), findings=(FINDING,))
        shelf.keep(outcome, at=START)
        yield running


@pytest.fixture
def client(web: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{web.address}/api/bridges", trust_env=False, timeout=60) as opened:
        yield opened


def _get(client: httpx.Client, address: str) -> dict:
    answer = client.get(address or str(client.base_url).rstrip("/"))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_list_holds_the_quantities_side_by_side(client: httpx.Client) -> None:
    found = _get(client, "")
    first = found["bridges"][0]
    assert (found["count"], first["id"]) == (2, "B1")
    assert first["condition"][0]["condition"]["grade"] == 3.2
    assert first["load_index"][0]["load_index"] == "IV"
    assert first["next_due"] == "2024-10-17"
    assert "index" not in {key for key in first if key != "load_index"}


def test_facts_carry_provenance_and_say_what_is_not_seen(client: httpx.Client) -> None:
    facts = _get(client, "/B1?lang=en")
    provenance = facts["condition"][0]["provenance"]
    assert (provenance["kind"], provenance["references"]) == ("sourced", ["1"])
    assert facts["restrictions"][0]["content"]["value"] == 16.0
    assert facts["restrictions"][0]["labels"] == {"kind": "gross weight limit"}
    assert any("hidden corrosion" in spot["text"] for spot in facts["blind_spots"])
    assert {item["provenance"]["kind"] for item in facts["attributes"]} == {"sourced"}
    due = {item["kind"]: item for item in facts["due"]}
    assert (due["3"]["due"], due["9"]["is_verified"]) == ("2030-04-17", False)


def test_a_bridge_without_records_answers_with_empty_lists(client: httpx.Client) -> None:
    facts = _get(client, "/B2")
    assert (facts["condition"], facts["due"], facts["open_findings"]) == ([], [], 0)
    for part in ("inventory", "timeline", "events", "models", "attachments"):
        assert _get(client, f"/B2/{part}")["count"] == 0
    assert _get(client, "/findings?asset=B2")["findings"] == []


def test_records_come_with_source_date_and_meaning_of_keys(client: httpx.Client) -> None:
    found = _get(client, "/B1/inventory?kind=part_structure&lang=en")
    (record,) = found["records"]
    assert record["labels"] == {"stage": "existing", "load_index": "IV"}
    assert (record["as_of"], record["licence"]) == ("2024-04-17", "CC0")
    before = (START - 2 * HOUR).isoformat().replace("+00:00", "Z")
    assert _get(client, f"/B1/inventory?known_at={before}")["count"] == 0
    versions = _get(client, "/B1/versions?kind=part_structure&key=1&part=1")
    assert versions["count"] == 1


def test_the_timeline_is_in_one_order_of_time(client: httpx.Client) -> None:
    found = _get(client, "/B1/timeline")["timeline"]
    assert [(entry["happening"], entry["day"] or entry["year"]) for entry in found] == [
        ("built", 1974),
        ("inspection", "2024-04-17"),
        ("restriction", "2024-05-01"),
        ("damage", 2024),
    ]
    inspections = _get(client, "/B1/inspections")
    assert [len(inspections[name]) for name in ("inspections", "damages", "due")] == [1, 1, 4]


def test_events_and_models_are_told_without_contents(client: httpx.Client) -> None:
    (event,) = _get(client, "/B1/events?kind=crossing")["events"]
    assert event["figures"] == {"gross_kn": None}
    assert _get(client, "/B1/events?kind=flood")["events"] == []
    (model,) = _get(client, "/B1/models")["models"]
    assert model["metric"] == {"name": "residual_sd", "value": 0.3, "n": 4800}
    assert "content" not in model


def test_an_attachment_is_fetched_by_its_hash(client: httpx.Client) -> None:
    (found,) = _get(client, "/B1/attachments")["attachments"]
    answer = client.get(found["file"].removeprefix("/api/bridges"))
    assert answer.content == PHOTO
    assert answer.headers["content-type"] == "image/jpeg"
    assert client.get(f"/files/{'0' * 64}").status_code == 404


def test_a_finding_is_explained_and_moved_by_a_person_with_a_reason(client: httpx.Client) -> None:
    (found,) = _get(client, "/findings?asset=B1&lang=en")["findings"]
    address = f"/findings/{found['number']}"
    assert found["evidence"][0]["series"].startswith("/api/series/B1-strain?t0=2026-11-22T07")
    assert found["reasons"][0]["limit"] == 0.05
    assert client.post(f"{address}/judged", json={"person": "inspector"}).status_code == 422
    assert client.post(f"{address}/seen", json={}).status_code == 422
    seen = client.post(f"{address}/seen", json={"person": "control-room"})
    assert (seen.status_code, seen.json()["stage"]) == (200, "seen")
    assert "need a reason" in client.post(f"{address}/judged", json={"person": "a1"}).text
    for stage in ("judged", "closed"):
        body = {"person": "inspector", "reason": "a scratch on the gauge"}
        assert client.post(f"{address}/{stage}", json=body).json()["stage"] == stage
    steps = _get(client, address)["steps"]
    assert [step["person"] for step in steps] == ["", "control-room", "inspector", "inspector"]
    assert _get(client, "/findings")["count"] == 0
    assert _get(client, "/findings?open=no")["count"] == 1


def test_lists_go_out_with_the_names_of_the_standard(client: httpx.Client) -> None:
    answer = client.get("/tables/teilbauwerke.csv")
    (row,) = csv.DictReader(io.StringIO(answer.text), delimiter=";")
    assert (row["Bauwerksnummer"], row["Gesamtlaenge"]) == ("0999001", "84,5")
    assert row["Traglastindex"] == "4"
    assert client.get("/tables/other.csv").status_code == 404
    assert "load_index" in _get(client, "/keys")
    assert _get(client, "/work?lang=en")["work"][0]["label"].startswith("the same number")


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/B9", 404),
        ("/B9/timeline", 404),
        ("/findings/4711", 404),
        ("/findings/x", 422),
        ("/findings?asset=B9", 404),
        ("/findings?open=maybe", 422),
        ("/findings?limit=0", 422),
        ("/B1/events?kind=party", 422),
        ("/B1/events?start=yesterday", 422),
        ("/B1/events?start=2026-11-22T08:00:00", 422),
        ("/B1/inventory?as_of=2026-13-01", 422),
        ("/B1/inventory?colour=red", 422),
        ("/B1/versions", 422),
    ],
)
def test_what_is_not_possible_is_said(client: httpx.Client, address: str, status: int) -> None:
    answer = client.get(address)
    assert answer.status_code == status
    assert answer.json()["error"]


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"person": 1}', b'{"other": "x"}', b"x" * 30_000])
def test_a_body_that_is_none_is_refused(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/findings/1/seen", content=body)
    assert answer.status_code == 422


def test_a_judgement_takes_a_verdict_that_the_log_keeps(web: Served, client: httpx.Client) -> None:
    heard = replace(FINDING, rule="wire_break", key="span 1@1", at=START)
    web.town.store.bridges.keep(AnalysisOutcome(findings=(heard,)), at=START)
    (found,) = _get(client, "/findings?asset=B1")["findings"]
    address = f"/findings/{found['number']}"
    body = {"person": "inspector", "reason": "hammer on the deck", "verdict": "rejected"}
    assert client.post(f"{address}/seen", json=body).status_code == 422
    assert client.post(f"{address}/seen", json={"person": "desk"}).status_code == 200
    perhaps = client.post(f"{address}/judged", json=body | {"verdict": "perhaps"})
    assert (perhaps.status_code, "confirmed, rejected" in perhaps.text) == (422, True)
    judged = client.post(f"{address}/judged", json=body).json()
    assert judged["steps"][-1]["reason"] == "rejected: hammer on the deck"


def test_what_rests_on_a_failed_model_says_so(web: Served, client: httpx.Client) -> None:
    name = _get(client, "/B1/models")["models"][0]["name"]
    check = Check("first_frequency", "B1.f", 4.0, 2.0, "Hz", -50.0, 25.0, 30, rests=(name,))
    lacking = (Phrase("wait.values", {"count": 2.0, "days": 30.0, "least": 20.0}),)
    waiting = replace(check, channel="B1.g", measured=None, error_percent=None, reasons=lacking)
    since = replace(check, since_us=to_us(START - HOUR))
    state = reality_record([since, waiting], asset_id="B1", at=START)
    web.town.store.bridges.keep(AnalysisOutcome(states=(state,)), at=START)
    (model,) = _get(client, "/B1/models?lang=en")["models"]
    assert model["validity"]["verdict"] == "not_valid"
    assert model["validity"]["since"] == (START - HOUR).isoformat()
    assert model["validity"]["reasons"][0].startswith("not valid now: the rule of thumb")
    facts = _get(client, "/B1?lang=en")
    assert [item["verdict"] for item in facts["checks"]] == ["not_valid", "not_checked"]
    assert facts["checks"][0]["since"] == (START - HOUR).isoformat()
    assert facts["checks"][1]["text"].endswith("2 values in 30 days, needed are 20")
    assert list(facts["not_valid_now"]) == [name]
    assert facts["acoustic_emission"] == []
