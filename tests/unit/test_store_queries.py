"""The SQL files: every one is used, and only bound parameters occur."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from twin.store.postgres.migrate import JOB_ROLES, migrations
from twin.store.postgres.queries import query

STORE = Path(str(files("twin.store")))
NAMES = sorted(file.stem for file in (STORE / "queries").glob("*.sql"))
SOURCE = "\n".join(file.read_text() for file in STORE.rglob("*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_every_query_is_used(name: str) -> None:
    if name.removeprefix("grant_") in JOB_ROLES:
        return
    assert f'"{name}"' in SOURCE


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.duty("S7")
def test_a_query_takes_bound_parameters_only(name: str) -> None:
    text = query(name).decode("ascii")
    if name != "create_roles":
        assert not re.search(r"%(?!\(\w+\)[sb])", text)
    names = set(re.findall(r"{(\w*)}", text))
    assert names <= ({"table", "columns", "time", "order"} if name[:8] == "archive_" else set())
    assert text.count("{") == len(re.findall(r"{\w+}", text))


def test_migrations_are_numbered_without_gaps_for_each_back_end() -> None:
    for backend in ("native", "timescale"):
        numbers = [item.number for item in migrations() if item.backend in ("", backend)]
        assert numbers == list(range(1, len(numbers) + 1))


def test_no_sql_stands_in_the_programme() -> None:
    words = r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE TABLE|ALTER TABLE)\b"
    assert not re.findall(rf'[("]{words}', SOURCE)
