"""Vendored JavaScript: hashes, licences, sizes, and no address that a browser could fetch."""

import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest

from dashboards import components
from dashboards.components.twin_map import TwinMap

ROOT = Path(__file__).parents[2]
SERVED = ROOT / "dashboards" / "components" / "vendor"
FOR_TESTS = ROOT / "tests" / "e2e" / "vendor"
FRONTEND = ROOT / "dashboards" / "frontend"
PERMISSIVE = {"MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause"}


@pytest.mark.parametrize("folder", [SERVED, FOR_TESTS], ids=["served", "tests"])
def test_every_file_has_the_committed_hash(folder: Path) -> None:
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    bundles = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.iterdir()
        if file.suffix in {".js", ".css"}
    }
    assert sums == bundles
    assert all((folder / name).stat().st_size < 1_000_000 for name in bundles)


@pytest.mark.parametrize("folder", [SERVED, FOR_TESTS], ids=["served", "tests"])
def test_versions_licences_and_lock_agree(folder: Path) -> None:
    lock = json.loads((FRONTEND / "package-lock.json").read_text())["packages"]
    versions = json.loads((folder / "VERSIONS.json").read_text())
    assert versions
    for entry in versions:
        locked = lock["node_modules/" + entry["package"]]
        assert entry["version"] == locked["version"]
        assert entry["license"] == locked["license"]
        assert entry["integrity"] == locked["integrity"]
    licences = {file.stem for file in (folder / "LICENSES").iterdir()}
    assert licences == {entry["package"].replace("/", "__") for entry in versions}


def test_what_is_served_has_permissive_licences() -> None:
    versions = json.loads((SERVED / "VERSIONS.json").read_text())
    assert {entry["license"] for entry in versions} <= PERMISSIVE


@pytest.mark.parametrize("name", ["twin-deck.min.js", "uPlot.min.js", "uPlot.min.css"])
def test_no_bundle_names_a_foreign_host(name: str) -> None:
    text = (SERVED / name).read_text()
    assert re.findall(r"(?:https?:)?//[a-z0-9-]+\.[a-z]{2,}", text) == []


def test_our_own_scripts_name_no_host_and_write_no_html() -> None:
    scripts = list((ROOT / "dashboards" / "components").glob("*/*.js"))
    ours = [script for script in scripts if script.parent.name != "vendor"]
    assert len(ours) > 5
    forbidden = r"https?://\w|innerHTML|outerHTML|insertAdjacentHTML|\beval\(|new Function"
    for script in ours:
        assert re.findall(forbidden, script.read_text()) == [], script.name


def test_every_script_and_style_sheet_that_dash_serves_is_there() -> None:
    listed = [
        entry["relative_package_path"] for entry in components._js_dist + components._css_dist
    ]
    assert all((ROOT / "dashboards" / "components" / str(path)).is_file() for path in listed)
    own = {
        str(file.relative_to(ROOT / "dashboards" / "components"))
        for file in (ROOT / "dashboards" / "components").glob("*/*.js")
    }
    assert own == {path for path in listed if str(path).endswith(".js")}


def test_unknown_property_of_the_map_is_refused() -> None:
    with pytest.raises(TypeError, match="speck"):
        TwinMap(speck={})  # pyrefly: ignore[unexpected-keyword] - that is the test


def test_map_bundle_is_at_most_300_kilobytes_compressed() -> None:
    assert len(gzip.compress((SERVED / "twin-deck.min.js").read_bytes(), 9)) <= 300_000


def test_lock_of_the_frontend_names_no_registry() -> None:
    for name in ("package-lock.json", "package.json", ".npmrc"):
        assert "://" not in (FRONTEND / name).read_text()
