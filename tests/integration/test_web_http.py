"""The web server over HTTP: headers, hosts, origins, errors, geometry, series, files, metrics."""

import base64
import hashlib
import re
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from fastapi import APIRouter
from serving_town import Served, served
from town import HOSTILE, START, Town, numbers, settings, town
from waiting import wait_for

from dashboards.api.health import metric
from dashboards.app import create_app
from dashboards.live.table import decode_table, table_version
from dashboards.security.guard import listen_address
from twin.errors import PluginError, SettingsError
from twin.model.city import City
from twin.plugins import RouterOffer

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def web() -> Iterator[Served]:
    with served() as running:
        running.town.record({"L1.ab-v": 50.0, "L1.ab-q": 900.0, "B1-strain": 12.5})
        yield running


@pytest.fixture
def client(web: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=web.address, trust_env=False) as opened:
        yield opened


@pytest.mark.duty("S16")
@pytest.mark.parametrize(
    "path", ["/", "/operations", "/nowhere", "/healthz", "/metrics", "/api/geo/roads", "/api/geo/x"]
)
def test_every_answer_has_the_protective_headers(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy
    assert re.search(r"script-src 'self' 'sha256-[^']+'(;| ')", policy)
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "server" not in headers


@pytest.mark.duty("S16")
def test_inline_scripts_of_the_page_are_those_whose_hashes_the_policy_names(
    client: httpx.Client,
) -> None:
    answer = client.get("/")
    scripts = re.findall(r"<script([^>]*)>([^<]+)</script>", answer.text)
    inline = [body for attributes, body in scripts if "application/json" not in attributes]
    assert inline
    for body in inline:
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in answer.headers["content-security-policy"]


@pytest.mark.duty("S21")
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8050", "", "[", "127.0.0.1.evil.example"]
)
def test_a_foreign_host_is_refused(client: httpx.Client, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 400


@pytest.mark.duty("S21")
def test_forwarded_headers_are_not_believed(web: Served, client: httpx.Client) -> None:
    answer = client.get("/", headers={"x-forwarded-host": "evil.example"})
    assert "evil.example" not in answer.text + str(answer.headers)
    assert client.get("/", headers={"host": f"localhost:{web.port}"}).status_code == 200


@pytest.mark.duty("S15")
@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1"])
def test_a_post_from_a_foreign_origin_is_refused(client: httpx.Client, origin: str) -> None:
    answer = client.post("/_dash-update-component", headers={"origin": origin}, json={})
    assert answer.status_code == 403


def test_a_large_body_is_refused_whether_or_not_its_length_is_announced(
    client: httpx.Client,
) -> None:
    body = b"x" * (1024 * 1024 + 1)
    assert client.post("/_dash-update-component", content=body).status_code == 413

    def chunks() -> Iterator[bytes]:
        for _ in range(20):
            yield b"x" * 65536

    answer = client.post("/_dash-update-component", content=chunks(), headers=JSON)
    assert answer.status_code == 413


@pytest.mark.duty("S22")
@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/_mcp"])
def test_interface_documentation_and_tools_are_off(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.duty("S22")
def test_a_failed_callback_tells_no_trace(client: httpx.Client) -> None:
    for body in ({}, {"output": "none.children", "inputs": []}, {"output": 3}):
        answer = client.post("/_dash-update-component", json=body)
        assert answer.status_code >= 400
        assert "Traceback" not in answer.text
        assert ".py" not in answer.text


@pytest.mark.parametrize("prefix", ["/api/geo", "/api/series", "/api/export", "/live"])
def test_an_unknown_address_of_an_interface_is_a_json_404(
    client: httpx.Client, prefix: str
) -> None:
    answer = client.get(f"{prefix}/no/such/thing")
    assert answer.status_code == 404
    assert "error" in answer.json()


def test_an_unknown_page_is_a_404_with_a_page(client: httpx.Client) -> None:
    answer = client.get("/nowhere?lang=en")
    assert answer.status_code == 404
    assert '<html lang="en">' in answer.text
    assert "Page not found" in answer.text


@pytest.mark.parametrize(
    ("path", "accepted", "language", "title"),
    [
        ("/", "de", "de", "Übersicht Musterstadt"),
        ("/", "en-GB,en", "en", "Overview of Musterstadt"),
        ("/?lang=en", "de", "en", "Overview of Musterstadt"),
        ("/?lang=xx", "de", "de", "Übersicht Musterstadt"),
        ("/operations?lang=de", "en", "de", "Betrieb"),
    ],
)
def test_language_and_title_are_in_the_page_itself(
    client: httpx.Client, path: str, accepted: str, language: str, title: str
) -> None:
    text = client.get(path, headers={"accept-language": accepted}).text
    assert f'<html lang="{language}">' in text
    assert f"<title>{title} \u2013 Stadtzwilling</title>" in text


def test_no_page_names_another_host(client: httpx.Client) -> None:
    for path in ("/", "/operations", "/accessibility"):
        text = client.get(path).text
        loaded = re.findall(r'(?:src|href)="([^"]+)"', text)
        assert all(address.startswith("/") for address in loaded)


def test_scripts_and_styles_are_compressed_and_plotly_is_not_among_them(
    client: httpx.Client,
) -> None:
    text = client.get("/").text
    total = 0
    for address in re.findall(r'(?:src|href)="(/(?:_dash-component|assets)[^"]+)"', text):
        assert "plotly" not in address
        with client.stream("GET", address) as answer:
            assert answer.status_code == 200
            total += sum(len(part) for part in answer.iter_raw())
    assert total < 800_000


def test_geometry_is_named_by_its_content_and_kept_for_ever(client: httpx.Client) -> None:
    described = client.get("/api/geo/roads").json()
    answer = client.get(described["url"])
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert table_version(answer.content) == described["version"]
    assert decode_table(answer.content).n == described["n"] == 4
    etag = answer.headers["etag"]
    assert client.get(described["url"], headers={"if-none-match": etag}).status_code == 304


def test_an_old_version_of_a_table_names_the_current_one(client: httpx.Client) -> None:
    answer = client.get("/api/geo/roads/0123456789abcdef.bin")
    assert answer.status_code == 404
    assert answer.json() == {"current": client.get("/api/geo/roads").json()["version"]}


def test_a_series_is_a_table_with_its_unit(client: httpx.Client) -> None:
    query = {"t0": "2026-11-22T07:00:00Z", "t1": "2026-11-22T09:00:00Z", "px": "300"}
    answer = client.get("/api/series/B1-strain", params=query)
    table = decode_table(answer.content)
    assert numbers(table, "v") == [12.5]
    assert numbers(table, "t") == [START.timestamp() * 1000]
    assert table.meta["unit"] == "um/m"


def test_a_bad_parameter_of_a_series_is_named(client: httpx.Client) -> None:
    answer = client.get("/api/series/B1-strain?px=7")
    assert (answer.status_code, answer.json()["field"]) == (422, "px")
    assert client.get("/api/series/none").status_code == 404


@pytest.mark.duty("S7")
@pytest.mark.parametrize("text", ["'", ";", "$$", "--", "%00", "x" * 10_000, "../../etc/passwd"])
def test_hostile_parameters_are_no_server_error(client: httpx.Client, text: str) -> None:
    for address in (f"/api/series/{text}", f"/api/geo/{text}", f"/api/export/{text}.csv"):
        assert client.get(address).status_code in (200, 404, 422)
    for key in ("t0", "t1", "px", "last", "agg"):
        answer = client.get("/api/series/B1-strain", params={key: text})
        assert answer.status_code == 422
    assert client.get("/", params={"sel": text, "sort": text}).status_code == 200


def test_the_file_of_a_table_has_its_rows_in_the_language_of_the_reader(
    client: httpx.Client,
) -> None:
    answer = client.get("/api/export/roads.csv?lang=de&sort=-speed")
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert lines[0].startswith("Kennung,Name,")
    assert lines[1].startswith('L1/ab,"Hauptstraße, Richtung Nord",50,900,simuliert')
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"


@pytest.mark.duty("S22")
def test_health_tells_no_details(client: httpx.Client) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok")


def test_metrics_count_what_arrived(client: httpx.Client) -> None:
    text = client.get("/metrics").text
    assert 'twin_ingest_today{source="demo",fate="stored"} 3.0' in text
    assert "twin_store_up 1.0" in text
    for line in text.splitlines():
        assert line.startswith("#") or re.fullmatch(r'[a-z_]+(\{([a-z]+="[^"]*",?)*\})? \S+', line)


def test_labels_of_metrics_are_escaped() -> None:
    line = metric("m", "gauge", "A.", [({"source": 'a"b\\c\nd'}, 1.0)])[-1]
    assert line == 'm{source="a\\"b\\\\c\\nd"} 1.0'


def test_while_the_database_is_away_the_server_says_so_and_goes_on() -> None:
    city = Town()
    with served(city) as web, httpx.Client(base_url=web.address) as client:
        city.store.is_away = True
        wait_for(lambda: client.get("/healthz").status_code == 503, "503")
        assert client.get("/api/series/B1-strain").status_code == 503
        assert "twin_store_up 0.0" in client.get("/metrics").text
        assert client.get("/api/geo/roads").status_code == 200


@pytest.mark.duty("S18")
def test_a_hostile_name_is_plain_text_in_every_answer() -> None:
    city = Town(town(HOSTILE))
    with served(city) as web, httpx.Client(base_url=web.address) as client:
        assert HOSTILE not in client.get("/").text
        table = client.get(client.get("/api/geo/bridges").json()["url"])
        assert decode_table(table.content).columns["name"][0] == HOSTILE
        assert table.headers["content-type"] == "application/octet-stream"


def test_two_routers_with_one_prefix_stop_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def offer(_twin, _settings):
        return RouterOffer("/api/x", APIRouter())

    monkeypatch.setattr("dashboards.app.load_all", lambda _: ({"one": offer, "two": offer}, ()))
    with pytest.raises(PluginError, match="both claim the prefix"):
        create_app(Town().twin, settings())


def test_a_route_without_permission_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    router = APIRouter()
    router.add_api_route("/open", _odd_answer, name="open")
    monkeypatch.setattr(
        "dashboards.app.load_all", lambda _: ({"x": lambda *_: RouterOffer("/x", router)}, ())
    )
    with pytest.raises(PluginError, match="declares no permission"):
        create_app(Town().twin, settings())


def _odd_answer() -> int:
    return 3


def _odd(*_arguments: object) -> int:
    return 3


def test_a_router_that_does_not_fit_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboards.app.load_all", lambda _: ({"odd": _odd}, ()))
    with served() as web, httpx.Client(base_url=web.address) as client:
        assert client.get("/").status_code == 200
        assert client.get("/api/geo/roads").status_code == 404


@pytest.mark.duty("S14")
@pytest.mark.parametrize(
    "listen", ["0.0.0.0:8050", "192.0.2.7:8050", "[::]:8050", "example.org:80"]
)
def test_without_a_login_the_server_refuses_to_listen_beyond_loopback(listen: str) -> None:
    with pytest.raises(SettingsError, match="no login"):
        listen_address(settings(listen).dashboards)


def test_a_city_without_assets_is_served_with_a_message() -> None:
    with served(Town(City("Nichts"))) as web, httpx.Client(base_url=web.address) as client:
        assert client.get("/").status_code == 200
        assert client.get("/api/geo/roads").json()["n"] == 0
        assert np.frombuffer(client.get("/api/export/bridges.csv").content, np.uint8).size
