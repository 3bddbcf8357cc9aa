import os
import subprocess
import sys
from pathlib import Path

import psycopg.conninfo
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.embedded.binaries import find_binaries
from twin.embedded.folder import FolderLock, read_facts, write_facts, write_private
from twin.embedded.mqttprobe import VERSION_3_1_1, VERSION_5, connect_packet
from twin.embedded.postmaster import read_pid_file
from twin.embedded.processes import is_running, works_in
from twin.embedded.roles import ClusterAddress
from twin.embedded.serverconf import (
    MEBIBYTE,
    max_wal_mib,
    memory_bytes,
    render,
    server_settings,
    shared_buffers_mib,
)
from twin.embedded.socketdir import SOCKET_PATH_LIMIT, socket_candidates
from twin.errors import AlreadyRunningError, EmbeddedError

GIBIBYTE = 1024 * MEBIBYTE
LOGIN = {"username": "u", "password": "p"}
PATHS = st.text(
    st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=40
)


@pytest.mark.parametrize(
    ("memory", "expected"),
    [(32 * MEBIBYTE, 16), (2 * GIBIBYTE, 512), (4 * GIBIBYTE, 1024), (64 * GIBIBYTE, 1024)],
)
def test_shared_buffers_are_a_quarter_of_the_memory_within_bounds(
    memory: int, expected: int
) -> None:
    assert shared_buffers_mib(memory) == expected


@pytest.mark.parametrize(
    ("free", "expected"), [(0, 128), (20 * GIBIBYTE, 2048), (1000 * GIBIBYTE, 4096)]
)
def test_the_log_takes_at_most_a_tenth_of_the_free_disk(free: int, expected: int) -> None:
    assert max_wal_mib(free) == expected


def test_memory_is_at_most_that_of_the_machine() -> None:
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < memory_bytes() <= machine


def test_settings_open_no_port_unless_asked(tmp_path: Path) -> None:
    def settings(port: int | None) -> dict[str, str | int]:
        return server_settings(
            data_dir=tmp_path, socket_dir=tmp_path, tcp_port=port, preload=("timescaledb",)
        )

    assert settings(None)["listen_addresses"] == ""
    assert "port" not in settings(None)
    assert (settings(6000)["listen_addresses"], settings(6000)["port"]) == ("127.0.0.1", 6000)
    assert settings(None)["timescaledb.telemetry_level"] == "off"


def test_a_quote_in_a_setting_is_doubled() -> None:
    assert "place = 'it''s here'" in render({"place": "it's here"})


@given(PATHS)
def test_any_folder_name_survives_the_connection_string(name: str) -> None:
    folder = Path("/data") / name
    address = ClusterAddress(socket_dir=folder, port=5432, secrets_dir=folder)
    facts = psycopg.conninfo.conninfo_to_dict(address.dsn("twin_work"))
    assert facts["host"] == str(folder)
    assert facts["passfile"] == str(folder / "twin_work.pgpass")
    assert (facts["user"], facts["dbname"]) == ("twin_work", "twin")


@given(st.integers(1, 200), st.integers(1, 60))
def test_every_socket_folder_offered_is_short_enough(length: int, runtime: int) -> None:
    control = Path("/" + "d" * length + ".control")
    found = socket_candidates(control, port=65535, runtime_dir=Path("/" + "r" * runtime))
    assert found
    assert all(len(str(folder / ".s.PGSQL.65535")) < SOCKET_PATH_LIMIT for folder in found)
    if length < 60:
        assert found[0] == control / "socket"


def test_two_data_folders_never_share_a_hashed_socket_folder() -> None:
    one, two = (
        socket_candidates(Path("/" + "d" * 150 + end), port=5432, runtime_dir=None) for end in "ab"
    )
    assert not set(one) & set(two)


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=200))
def test_any_pid_file_is_read_or_ignored(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.mktemp("data")
    (folder / "postmaster.pid").write_text(text, encoding="utf-8")
    found = read_pid_file(folder)
    assert found is None or found.pid >= 0


def test_a_pid_file_gives_number_port_socket_and_state(tmp_path: Path) -> None:
    assert read_pid_file(tmp_path) is None
    (tmp_path / "postmaster.pid").write_text("42\n/data\n1\n5432\n/run/x\n\n1 2\nready   \n")
    found = read_pid_file(tmp_path)
    assert found is not None
    assert (found.pid, found.status, found.listen) == (42, "ready", "")
    assert found.socket_path == Path("/run/x/.s.PGSQL.5432")


def test_a_zombie_does_not_count_as_running() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.read()  # it has closed its output, so it has ended or is about to
    child.stdout.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not is_running(child.pid)
    child.wait()
    assert not is_running(child.pid)


def test_a_process_is_recognised_by_its_working_folder(tmp_path: Path) -> None:
    if not Path("/proc/self/cwd").exists():
        pytest.skip("this system does not show the working folder of a process")
    assert works_in(os.getpid(), Path.cwd())
    assert not works_in(os.getpid(), tmp_path)


def test_a_held_folder_is_refused_until_it_is_released(tmp_path: Path) -> None:
    first = FolderLock(tmp_path / "lock", folder=tmp_path)
    second = FolderLock(tmp_path / "lock", folder=tmp_path)
    first.acquire()
    first.acquire()
    with pytest.raises(AlreadyRunningError, match=f"{tmp_path} .* process {os.getpid()}"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_a_private_file_is_for_the_owner_and_replaces_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("old")
    file.chmod(0o644)
    write_private(file, "new")
    assert file.read_text() == "new"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"a": '])
def test_facts_cut_short_are_no_facts(tmp_path: Path, content: str) -> None:
    file = tmp_path / "facts.json"
    assert read_facts(file) == {}
    file.write_text(content)
    assert read_facts(file) == {}
    write_facts(file, {"v5": 1})
    assert read_facts(file) == {"v5": 1}


def test_the_probe_logs_in_as_the_standard_says() -> None:
    packet = connect_packet(VERSION_3_1_1, **LOGIN)
    client = b"twin-probe-" + packet[25:33]
    body = b"\0\x04MQTT\x04\xc2\0\x1e\0\x13" + client + b"\0\x01u\0\x01p"
    assert packet == bytes([0x10, len(body)]) + body
    five = connect_packet(VERSION_5, **LOGIN)
    assert five[8] == 5
    assert five[12] == 0, "no properties"


def test_two_probes_have_different_ids() -> None:
    packets = {connect_packet(VERSION_5, **LOGIN) for _ in range(10)}
    assert len(packets) == 10


def test_data_of_an_unknown_version_is_named_with_the_way_out() -> None:
    with pytest.raises(EmbeddedError, match=r"PostgreSQL 9\.6, .*17\..*embedded\.pg_bin"):
        find_binaries(None, data_version="9.6")
