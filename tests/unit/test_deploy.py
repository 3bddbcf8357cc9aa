"""What lies in ``deploy`` names jobs, settings and files that exist."""

import configparser
import re
import subprocess
from pathlib import Path

import pytest

from twin.cli import BUILT_IN
from twin.model.tables import rows
from twin.plugins import find
from twin.settings import ENVIRONMENT, OTHER_ENVIRONMENT

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("stadtzwilling*"))
COMPOSE = (DEPLOY / "container" / "compose.yaml").read_text(encoding="utf-8")


def known_jobs() -> set[str]:
    return {*find("jobs"), *BUILT_IN}


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_can_be_read_and_start_jobs_that_exist(unit: Path) -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.read(unit, encoding="utf-8")
    assert parser.has_section("Unit")
    text = unit.read_text(encoding="utf-8")
    named = set(re.findall(r"stadtzwilling@(\w+)\.service", text))
    named |= set(re.findall(r"/city (\w+)", text))
    assert named <= known_jobs()


def test_the_compose_file_starts_jobs_that_exist_with_settings_that_exist() -> None:
    jobs = set(re.findall(r"command: \[(\w+)\]", COMPOSE))
    assert {"migrate", "load", "ingest", "work", "serve"} <= jobs <= known_jobs()
    variables = set(re.findall(r"\b(TWIN_[A-Z_]+):", COMPOSE))
    assert variables <= {*ENVIRONMENT, *OTHER_ENVIRONMENT}
    for path in re.findall(r"\.\./mosquitto/(\w+(?:\.conf)?):", COMPOSE):
        assert (DEPLOY / "mosquitto" / path).is_file()


def test_every_unit_has_an_environment_with_the_role_of_its_job(tmp_path: Path) -> None:
    script = DEPLOY / "systemd" / "write-environment"
    subprocess.run(["sh", str(script), str(tmp_path)], check=True, capture_output=True)
    roles = {file.stem: file.read_text(encoding="utf-8") for file in tmp_path.iterdir()}
    assert set(roles) <= {*known_jobs(), "owner"}
    assert "twin_keep@" in roles["maintain"]
    assert "twin_serve@" in roles["serve"]
    assert [job for job, text in roles.items() if "twin_owner@" in text] == ["owner"]
    wanted = set(
        re.findall(
            r"stadtzwilling@(\w+)\.service",
            (DEPLOY / "systemd" / "stadtzwilling.target").read_text(),
        )
    )
    assert wanted <= set(roles)


def test_only_migrations_and_the_city_use_the_owner_in_containers() -> None:
    job_of_the_owner = r"^  (\w+):\n(?:    .*\n)*?    environment: [&*]owner"
    owners = re.findall(job_of_the_owner, COMPOSE, re.MULTILINE)
    assert owners == ["migrate", "city"]
    assert COMPOSE.count("twin_owner@") == 1


def test_the_operations_page_of_the_docs_knows_alarms_and_jobs() -> None:
    text = (DEPLOY.parent / "docs" / "operations.md").read_text(encoding="utf-8")
    kinds = {row["key"] for row in rows("alarm_kinds")}
    for word in re.findall(r"alarms? `(\w+)`", text):
        assert word in kinds
    for job in re.findall(r"`twin (\w+)", text):
        assert job in {*known_jobs(), "check"}


def test_kernels_are_compiled_before_the_worker_starts() -> None:
    image = (DEPLOY / "container" / "Containerfile").read_text(encoding="utf-8")
    order = [image.index(word) for word in ("USER ", "RUN twin warm", "VOLUME ")]
    assert order == sorted(order)
    work = COMPOSE[COMPOSE.index("\n  work:") :]
    assert "warm: { condition: service_completed_successfully }" in work[:300]
    unit = (DEPLOY / "systemd" / "stadtzwilling-warm.service").read_text(encoding="utf-8")
    assert "Before=stadtzwilling@work.service" in unit
    target = (DEPLOY / "systemd" / "stadtzwilling.target").read_text(encoding="utf-8")
    assert "Wants=stadtzwilling-warm.service" in target
