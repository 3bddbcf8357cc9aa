"""Decisions over HTTP: decided, released with a key, pulled as DATEX II, changed and withdrawn."""

from collections.abc import Iterator

import httpx
import pytest
from serving_town import Served, served

from twin.exchange.datex2_situation_in import read_publication

LIMIT = {"kind": "5", "value": 16.0, "unit": "t", "valid_from": "2026-01-01"}


@pytest.fixture(scope="module")
def web() -> Iterator[Served]:
    with served() as running:
        yield running


@pytest.fixture
def client(web: Served) -> Iterator[httpx.Client]:
    address = f"{web.address}/api/measures"
    with httpx.Client(base_url=address, trust_env=False, timeout=60.0) as opened:
        yield opened


@pytest.fixture
def asset(web: Served) -> str:
    return next(one.id for one in web.town.twin.assets() if one.asset_class == "bridge")


def order(asset: str, **changes: object) -> dict[str, object]:
    return {
        "asset": asset,
        "person": "Anna",
        "reason": "secret hanger damage",
        "restriction": LIMIT,
        **changes,
    }


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_a_decision_is_released_changed_and_withdrawn(
    web: Served, client: httpx.Client, asset: str
) -> None:
    _, key = web.town.twin.decisions.grant("Road authority")
    begun = client.post("/decisions", json=order(asset))
    assert begun.status_code == 201
    decided = client.get(httpx.URL(web.address).join(begun.headers["location"])).json()
    assert (decided["state"], decided["version"]) == ("decided", 1)
    assert decided["restriction"]["signs"] == ["262-16"]
    assert decided["order"]["de"]["marks"][0].startswith("ENTWURF")
    number = decided["number"]
    draft = client.get(f"/decisions/{number}/message.xml")
    assert b">test<" in draft.content
    assert read_publication(client.get("/situations.xml").content).notices == ()

    step = {"version": 1, "reason": "agreed"}
    assert client.post(f"/decisions/{number}/publish", json=step).status_code == 403
    assert (
        client.post(f"/decisions/{number}/publish", json=step, headers=bearer("x")).status_code
        == 403
    )
    out = client.post(f"/decisions/{number}/publish", json=step, headers=bearer(key))
    assert (out.status_code, out.json()["state"]) == (200, "published")
    feed = client.get("/situations.xml")
    assert feed.headers["content-type"] == "application/xml"
    assert b"secret" not in feed.content
    (notice,) = read_publication(feed.content).notices
    assert (notice.version, notice.status, notice.restriction.value) == (1, "real", 16.0)

    again = client.post(f"/decisions/{number}/publish", json=step, headers=bearer(key))
    assert again.status_code == 422
    change = {"reason": "inspected", "restriction": {**LIMIT, "value": 12.0}}
    stale = {**change, "version": 1}
    path = f"/decisions/{number}/update"
    assert client.post(path, json=stale, headers=bearer(key)).status_code == 409
    changed = client.post(path, json={**change, "version": 2}, headers=bearer(key)).json()
    assert changed["restriction"]["signs"] == ["262-12"]
    (notice,) = read_publication(client.get("/situations.xml").content).notices
    assert (notice.version, notice.restriction.value) == (2, 12.0)

    step = {"version": 3, "reason": "strengthened"}
    ended = client.post(f"/decisions/{number}/withdraw", json=step, headers=bearer(key)).json()
    assert [event["person"] for event in ended["events"]] == ["Anna", *["Road authority"] * 3]
    assert read_publication(client.get("/situations.xml").content).standing == ()


def test_a_draft_is_decided_later(client: httpx.Client, asset: str) -> None:
    draft = client.post("/decisions", json=order(asset, draft=True)).json()
    assert draft["state"] == "draft"
    step = {"version": 1, "person": "Ben", "reason": "agreed"}
    decided = client.post(f"/decisions/{draft['number']}/confirm", json=step).json()
    assert decided["state"] == "decided"
    listed = client.get("/decisions").json()["decisions"]
    assert decided in listed


def test_everything_wrong_is_said(client: httpx.Client, asset: str) -> None:
    def refused(body: object) -> list[str]:
        answer = client.post("/decisions", json=body)
        assert answer.status_code == 422
        return answer.json()["problems"]

    assert refused([1]) == ["the body must be a JSON object"]
    assert len(refused(order(asset, extra=1, run="no"))) == 2
    wrong = {"kind": 5, "value": "heavy", "valid_from": "soon", "signs": "262", "other": 1}
    assert len(refused(order(asset, restriction=wrong))) == 5
    assert refused(order(asset, reason=" ", person="")) != []
    assert client.post("/decisions", content=b"{").status_code == 422
    assert client.post("/decisions", json=order("nowhere")).status_code == 404
    assert client.get("/decisions/999").status_code == 404
    assert client.get("/decisions/x").status_code == 422
    assert client.get("/decisions?runs=1").status_code == 422
    assert client.post("/decisions/1/confirm", json={}).status_code == 422


def test_guessing_keys_ends_soon(client: httpx.Client, asset: str) -> None:
    begun = client.post("/decisions", json=order(asset)).json()
    path, step = f"/decisions/{begun['number']}/publish", {"version": 1, "reason": "agreed"}
    codes = [client.post(path, json=step, headers=bearer("guess")).status_code for _ in range(11)]
    assert codes[-1] == 429
    assert set(codes) == {403, 429}
