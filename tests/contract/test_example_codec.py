"""A codec and an importer of somebody else: installed beside the twin, found, checked and used."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[1] / "example_codec"
DEADLINE_S = 120
CITY = """[city]
name = "T"
crs = "EPSG:25833"
extent = [13.5, 50.9, 14.0, 51.2]
[[codec.rule]]
topic = "loggers/{logger}/lines"
codec = "logger_lines"
source = "loggers"
"""
PIPELINE = """
import json, sys
from datetime import UTC, datetime, timedelta
from sensors.broker.delivery import Delivery
from sensors.pipeline.preparation import Pipeline
from sensors.policies import installed_codecs
from sensors.routing import Router, StreamTable
from sensors.rules.quality import TimePolicy
from store_samples import stream
from dataclasses import replace
from pathlib import Path
from twin.model.times import to_us
from twin.settings import load_settings

settings = load_settings(Path(sys.argv[1]), {})
level = replace(stream("level", source="loggers"), route_key="l7#/level", number=1)
pipeline = Pipeline.of(
    Router(settings.codec.rule), installed_codecs(settings), StreamTable([level]),
    TimePolicy(timedelta(minutes=5), timedelta(days=730)),
)
payload = Path(sys.argv[2]).read_bytes()
received_us = to_us(datetime(2026, 6, 15, 8, 30, tzinfo=UTC))
delivery = Delivery(1, 1, 1, b"loggers/l7/lines", payload, received_us)
found = pipeline.prepare([delivery], most_readings=9)
print(json.dumps([found.readings.value.tolist(), [one.reason for one in found.rejections]]))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the built and installed distribution; nothing is fetched."""
    work = tmp_path_factory.mktemp("example")
    source, target = work / "source", work / "installed"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__"))
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    made = subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", *options, "--target", target, source],
        capture_output=True, text=True, check=False, timeout=DEADLINE_S,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return target


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("city")
    (folder / "city.toml").write_text(CITY)
    return folder


def run(path: Path | None, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    tests = Path(__file__).resolve().parents[1]
    folders = [str(one) for one in (path, tests) if one is not None]
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(folders)},
        capture_output=True, text=True, check=False, timeout=DEADLINE_S,
    )  # fmt: skip


def test_the_example_passes_the_contract_kit(installed: Path) -> None:
    """F-COD-1 to F-COD-5 for a codec that is not ours (formats.md section 11, point 3)."""
    found = run(installed, "-m", "sensors.cases", "logger_lines", EXAMPLE / "cases")
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout == "logger_lines 1: 2 cases, contract kept\n"


def test_a_rule_may_name_the_codec_once_it_is_installed(installed: Path, city: Path) -> None:
    without = run(None, "-m", "twin.cli", "--city", city, "check")
    assert "no codec 'logger_lines' is installed" in without.stdout + without.stderr
    found = run(installed, "-m", "twin.cli", "--city", city, "check")
    assert found.returncode == 0, found.stdout + found.stderr
    assert "logger_lines" in found.stdout


def test_its_readings_and_rejections_go_through_the_pipeline(installed: Path, city: Path) -> None:
    payload = EXAMPLE / "cases" / "two_values" / "spoilt.txt"
    found = run(installed, "-c", PIPELINE, city, payload)
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout) == [[3.12, 3.18], ["time_invalid"]]


def test_its_importer_is_a_kind_of_twin_import(installed: Path, city: Path, tmp_path: Path) -> None:
    payload, output = EXAMPLE / "cases" / "two_values" / "spoilt.txt", tmp_path / "readings.csv"
    found = run(
        installed, "-m", "twin.cli", "--city", city, "import", "logger-lines", payload,
        "--logger", "l7", "--source", "loggers", "--output", output,
    )  # fmt: skip
    assert found.returncode == 1, found.stderr
    assert "line 3" in found.stderr
    assert output.read_text().splitlines() == [
        "source,route_key,time,value,quality",
        "loggers,l7#/level,2026-06-15T08:00:00+00:00,3.12,",
        "loggers,l7#/level,2026-06-15T08:10:00+00:00,3.18,bad_at_source",
    ]
