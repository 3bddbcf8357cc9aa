"""The command ``twin`` and its plugins."""

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from twin.cli import BUILT_IN, JOB_HELP
from twin.errors import PluginError
from twin.plugins import find, load, load_all


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "twin.cli", *arguments], capture_output=True, text=True, check=False
    )


def test_help_lists_every_installed_job() -> None:
    output = run("--help").stdout
    for job in (*BUILT_IN, *JOB_HELP, *find("jobs")):
        assert f"  {job} " in output


def test_an_unknown_job_is_refused_with_the_known_ones() -> None:
    result = run("ingst")
    assert result.returncode == 2
    assert "ingest" in result.stderr


def test_a_missing_city_is_explained_in_one_line() -> None:
    result = run("--city", "no-such-folder", "check")
    assert result.returncode == 2
    assert "no-such-folder" in result.stderr
    assert "Traceback" not in result.stderr


def test_check_of_the_built_in_city_finds_no_problem() -> None:
    result = run("check")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "no problem found" in result.stdout


def test_an_unknown_plugin_names_the_installed_ones() -> None:
    with pytest.raises(PluginError, match="chirpstack"):
        load("codecs", "no_such_codec")


def test_all_built_in_plugins_load() -> None:
    for group in ("jobs", "codecs", "routers", "checks"):
        loaded, broken = load_all(group)
        assert not broken
        assert set(loaded) == {point.name for point in entry_points(group=f"stadtzwilling.{group}")}
