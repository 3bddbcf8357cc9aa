"""Rules of the repository itself."""

import ast
import csv
import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points, packages_distributions
from pathlib import Path

import pytest

import twin
from twin.model.quantities import quantities
from twin.plugins import GROUPS

ROOT = Path(__file__).parents[2]
ROOMS = ("twin", "sensors", "simulations", "dashboards")
MODULES = sorted(
    str(file.relative_to(ROOT)).removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    for room in ROOMS
    for file in (ROOT / room).rglob("*.py")
)
LARGEST_FILE = 1024 * 1024


def tracked_files() -> list[Path]:
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


@pytest.mark.parametrize(
    "lock", ["requirements.lock", "requirements-dev.lock", "requirements-peers.lock"]
)
def test_lock_files_hold_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert text.count("--hash=sha256:") >= text.count("==") > 0


def test_both_locks_pin_the_same_versions() -> None:
    pins = [
        dict(
            re.findall(
                r"^([a-z0-9._-]+(?:\[[^\]]*\])?)==(\S+)", (ROOT / name).read_text(), re.MULTILINE
            )
        )
        for name in ("requirements.lock", "requirements-dev.lock")
    ]
    different = {name for name in pins[0] if pins[0][name] != pins[1].get(name)}
    assert not different


def test_no_tracked_file_is_large() -> None:
    large = [str(file) for file in tracked_files() if file.stat().st_size > LARGEST_FILE]
    assert not large


def test_no_path_of_a_machine_and_no_mail_address_is_in_the_repository() -> None:
    pattern = re.compile(
        r"(?<![\w.])/(?:work|root|home/\w+)/|[\w.+-]+@[\w-]+\.(?:de|com|org|net)\b"
    )
    found = []
    for file in tracked_files():
        if file.suffix in {".js", ".png", ".lock"} or {"vendor", "LICENSES"} & set(file.parts):
            continue
        if file.name in {"LICENSE", Path(__file__).name}:
            continue
        text = file.read_text(encoding="utf-8", errors="ignore")
        found += [f"{file.relative_to(ROOT)}: {match}" for match in pattern.findall(text)]
    assert not found


def test_nobody_else_owns_our_package_names() -> None:
    owners = packages_distributions()
    for room in ROOMS:
        assert set(owners.get(room, ["stadtzwilling"])) == {"stadtzwilling"}


def test_every_entry_point_belongs_to_a_known_group_and_loads() -> None:
    for group in GROUPS:
        for point in entry_points(group=f"stadtzwilling.{group}"):
            assert point.load() is not None


def test_every_module_is_imported_without_network_files_or_threads() -> None:
    """One process imports them all with sockets and subprocesses blocked."""
    script = (
        "import importlib, socket, subprocess, sys, threading\n"
        "def refuse(*_, **__): raise RuntimeError('import has an effect')\n"
        "socket.socket.connect = refuse\n"
        "socket.socket.bind = refuse\n"
        "subprocess.Popen.__init__ = refuse\n"
        f"for name in {MODULES!r}:\n"
        "    if name != 'twin.cli': importlib.import_module(name)\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("twin.cli", {"numpy", "shapely", "dash", "geopandas", "psycopg", "paho", "pyarrow"}),
        ("sensors.ingest.job", {"dash", "geopandas", "pydeck", "pyarrow"}),
        ("simulations.worker", {"dash", "geopandas", "pydeck", "pyarrow"}),
        ("twin.maintain", {"dash", "geopandas", "pydeck", "paho", "pyarrow", "fastapi"}),
        ("dashboards.app", {"geopandas", "pyarrow"}),
    ],
)
def test_a_job_imports_only_what_it_runs(module: str, heavy: set[str]) -> None:
    script = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    output = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert not heavy & set(output.split())


def test_every_quantity_is_in_the_nomenclature() -> None:
    text = (ROOT / "docs" / "nomenclature.md").read_text(encoding="utf-8")
    assert [key for key in quantities() if f"`{key}`" not in text] == []


def test_every_public_name_is_exported_once() -> None:
    assert len(set(twin.__all__)) == len(twin.__all__)
    for name in twin.__all__:
        assert getattr(twin, name) is not None


@pytest.mark.parametrize("table", sorted((ROOT / "twin" / "model" / "data").glob("*.csv")))
def test_fact_tables_have_equal_rows_and_unique_keys(table: Path) -> None:
    with table.open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    assert rows
    assert all(len(row) == len(header) for row in rows)
    if header[0] == "key":
        keys = [row[0] for row in rows]
        assert len(set(keys)) == len(keys)


def test_every_setting_is_documented() -> None:
    tree = ast.parse((ROOT / "twin" / "settings.py").read_text(encoding="utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    names = {
        field.target.id
        for node in classes
        for field in node.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    } - {"origins", "folder"}
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert sorted(name for name in names if f"`{name}`" not in text) == []


def test_version_of_publiccode_equals_the_version_of_the_package() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"softwareVersion: {version}\n" in (ROOT / "publiccode.yml").read_text()
