"""Every command in the README is run, in the order of the README."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from running import running_twin

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.db, pytest.mark.broker]

CHECK = ".venv/bin/twin check"
LOAD = ".venv/bin/twin load my-city"
UP = ".venv/bin/twin --city my-city up"
REPLAY = ".venv/bin/twin replay counts.csv --mapping mapping.toml --speed 3600"
COUNTS = "Zeit;Zähler;Menge\n2026-11-20 08:00;MQ 1;312\n2026-11-20 09:00;MQ 1;288\n"
MAPPING = """
[csv]
encoding = "utf-8"
delimiter = ";"
decimal = ","
zone = "Europe/Berlin"
time = { column = "Zeit", format = "%Y-%m-%d %H:%M", label = "end" }
key = "my-city/{Zähler}"

[[csv.value]]
column = "Menge"
quantity = "traffic_flow"
unit = "veh/h"
"""


def readme_commands() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a city of one's own and recorded counts, like a person's checkout."""
    shutil.copytree(ROOT / "twin" / "cities" / "dresden", tmp_path / "my-city")
    (tmp_path / "counts.csv").write_text(COUNTS, encoding="utf-8")
    (tmp_path / "mapping.toml").write_text(MAPPING, encoding="utf-8")
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    return tmp_path


def finish(command: str, *, folder: Path, data_dir: Path) -> None:
    inherited = {name: text for name, text in os.environ.items() if name != "CI"}
    result = subprocess.run(
        command.split(),
        cwd=folder,
        env={**inherited, "TWIN_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"


def test_every_command_of_the_readme_works(home: Path) -> None:
    assert readme_commands() == ["scripts/demo", "scripts/test", CHECK, LOAD, UP, REPLAY]
    data_dir = home / "data"
    with running_twin(["scripts/demo"], data_dir=data_dir, folder=ROOT):
        finish("scripts/test tests/unit/test_settings.py -q", folder=ROOT, data_dir=data_dir)
        finish(CHECK, folder=home, data_dir=data_dir)
        finish(LOAD, folder=home, data_dir=data_dir)
    with running_twin(UP.split(), data_dir=data_dir, folder=home):
        finish(REPLAY, folder=home, data_dir=data_dir)


def test_every_file_that_the_readme_links_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
