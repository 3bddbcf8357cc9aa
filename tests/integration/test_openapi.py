"""The document of all routes is complete, and no request ends in an error of ours."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from peers import PYTHON, REPOSITORY, python
from serving_town import Served, served

SETTINGS = REPOSITORY / "tests" / "bench" / "web_peers" / "schemathesis.toml"
FUZZ_S = {"/api/openapi": 20, "/ogc/features/api": 5}


@pytest.fixture(scope="module")
def web() -> Iterator[Served]:
    with served() as running:
        yield running


def _document(web: Served) -> dict:
    answer = httpx.get(f"{web.address}/api/openapi", trust_env=False, timeout=60.0)
    assert answer.status_code == 200
    return answer.json()


def test_every_route_is_described_with_all_parts_of_its_address(web: Served) -> None:
    paths = _document(web)["paths"]
    assert {"/healthz", "/api/series/{uid}", "/api/whatif/runs", "/ogc/features"} <= paths.keys()
    assert not [path for path in paths if "rest}" in path or path.startswith("/_")]
    for path, item in paths.items():
        named = {part.split("}")[0] for part in path.split("{")[1:]}
        for method, operation in item.items():
            place = f"{method} {path}"
            told = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert told == named, place
            assert operation["responses"]["2XX"]["description"], place
            assert len({one["name"] for one in operation["parameters"]}) == len(
                operation["parameters"]
            ), place


def test_every_listed_parameter_belongs_to_a_route_and_is_known_to_it(web: Served) -> None:
    from dashboards.api.openapi import _query  # noqa: PLC0415 - a table, not a route

    paths = _document(web)["paths"]
    assert _query().keys() <= paths.keys()


@pytest.mark.parametrize("document", list(FUZZ_S))
def test_schemathesis_finds_no_error_of_ours(web: Served, document: str, tmp_path: Path) -> None:
    python()
    said = subprocess.run(
        [
            str(PYTHON.with_name("st")), "--config-file", str(SETTINGS),
            "run", f"{web.address}{document}",
            "--checks", "not_a_server_error", "--phases", "coverage,fuzzing",
            "--max-time", str(FUZZ_S[document]),
            "--max-examples", "8", "--seed", "1", "--generation-database", "none",
            "--request-timeout", "30", "--no-color", "--continue-on-failure",
            "--suppress-health-check", "all", "--warnings", "off",
            *(["--url", web.address] if document == "/api/openapi" else []),
        ],
        capture_output=True,
        text=True,
        timeout=180.0,
        check=False,
        cwd=tmp_path,
        env={"NO_PROXY": "*", "PATH": "", "HOME": "/nonexistent"},
    )  # fmt: skip
    assert said.returncode == 0, said.stdout[-6000:] + said.stderr[-2000:]
