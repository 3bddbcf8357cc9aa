"""Every command in the README is run, in the order of the README."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from services import free_port

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.db, pytest.mark.broker]

REPLAY = ".venv/bin/twin replay counts.csv --mapping mapping.toml --speed 3600"
COUNTS = "Zeit;Zähler;Menge\n2026-11-20 08:00;MQ 1;312\n2026-11-20 09:00;MQ 1;288\n"
MAPPING = """
[csv]
encoding = "utf-8"
delimiter = ";"
decimal = ","
zone = "Europe/Berlin"
time = { column = "Zeit", format = "%Y-%m-%d %H:%M", label = "start" }
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


class Shell:
    """A folder with a city of one's own, and the environment of a person in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.listen = f"127.0.0.1:{free_port()}"
        self.environment = {
            **{key: text for key, text in os.environ.items() if key != "CI"},
            "TWIN_DATA_DIR": str(folder / "data"),
            "TWIN_LISTEN": self.listen,
        }
        shutil.copytree(ROOT / "twin" / "cities" / "dresden", folder / "my-city")
        (folder / "counts.csv").write_text(COUNTS, encoding="utf-8")
        (folder / "mapping.toml").write_text(MAPPING, encoding="utf-8")
        (folder / ".venv").symlink_to(ROOT / ".venv")

    def finish(self, command: str, *, in_checkout: bool = False) -> str:
        result = subprocess.run(
            command.split(),
            cwd=ROOT if in_checkout else self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
        return result.stdout

    def up(self, command: str, *, in_checkout: bool = False) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            command.split(),
            cwd=ROOT if in_checkout else self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        lines = []
        for line in process.stdout or ():
            lines.append(line)
            if f"open http://{self.listen}/" in line:
                return process
        pytest.fail(f"{command}\n{''.join(lines)}")


def down(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_every_command_of_the_readme_works(shell: Shell) -> None:
    running: list[subprocess.Popen[str]] = []

    def demo() -> None:
        running.append(shell.up("scripts/demo", in_checkout=True))

    def own_city() -> None:
        down(running.pop())
        running.append(shell.up(".venv/bin/twin --city my-city up"))

    run = {
        "scripts/demo": demo,
        "scripts/test": lambda: shell.finish(
            "scripts/test tests/unit/test_settings.py -q", in_checkout=True
        ),
        ".venv/bin/twin check": lambda: shell.finish(".venv/bin/twin check"),
        ".venv/bin/twin load my-city": lambda: shell.finish(".venv/bin/twin load my-city"),
        ".venv/bin/twin --city my-city up": own_city,
        REPLAY: lambda: shell.finish(REPLAY.replace("replay", "--city my-city replay")),
    }
    commands = readme_commands()
    assert set(commands) == set(run)
    try:
        for command in commands:
            run[command]()
    finally:
        for process in running:
            down(process)


def test_every_file_that_the_readme_links_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
