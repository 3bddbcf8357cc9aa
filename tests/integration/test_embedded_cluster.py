import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from services import eventually, open_folder, postgres_cluster

from twin.embedded.broker import free_port
from twin.embedded.cluster import Cluster, ClusterAddress, ClusterOptions
from twin.embedded.postmaster import accepts_logins, read_pid_file
from twin.embedded.processes import is_running
from twin.embedded.roles import JOB_ROLES, ROLES
from twin.errors import AlreadyRunningError, EmbeddedError

pytestmark = pytest.mark.db

OWNER_SCRIPT = """
import sys, time
from pathlib import Path
from twin.embedded.cluster import Cluster, ClusterOptions
cluster = Cluster(ClusterOptions(data_dir=Path(sys.argv[1])))
cluster.start()
print(cluster.pid, flush=True)
time.sleep(120)
"""
ROWS = 1000


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterAddress]:
    with postgres_cluster(tmp_path_factory.mktemp("cluster")) as address:
        yield address


@pytest.fixture
def make_cluster(tmp_path: Path) -> Iterator[Callable[..., Cluster]]:
    made: list[Cluster] = []

    def make(folder: Path = tmp_path, **options: object) -> Cluster:
        options.setdefault("data_dir", folder / "postgres")
        made.append(Cluster(ClusterOptions(**options)))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for cluster in made:
        cluster.stop()


@pytest.fixture
def start_owner() -> Iterator[Callable[[Path], subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(data_dir: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", OWNER_SCRIPT, str(data_dir)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for owner in started:
        owner.kill()
        owner.wait()
        if owner.stdout:
            owner.stdout.close()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def value(address: ClusterAddress, query: bytes, *, role: str = "twin") -> object:
    with psycopg.connect(address.dsn(role)) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def insert_rows(address: ClusterAddress) -> None:
    with psycopg.connect(address.dsn("twin"), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n integer PRIMARY KEY)")
        for n in range(ROWS):
            connection.execute("INSERT INTO kept VALUES (%s)", [n])


@pytest.mark.parametrize("role", ROLES)
def test_every_role_logs_in_to_the_database_with_its_own_password(
    running: ClusterAddress, role: str
) -> None:
    with psycopg.connect(running.dsn(role)) as connection:
        row = connection.execute("SELECT current_user, current_database()").fetchone()
    assert row == (role, "twin")


def test_job_roles_have_no_rights_of_their_own(running: ClusterAddress) -> None:
    query = b"""SELECT array_agg(rolname::text ORDER BY rolname) FROM pg_roles
        WHERE rolcanlogin AND NOT (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication
        OR rolbypassrls)"""
    assert value(running, query) == sorted(JOB_ROLES)
    with (
        psycopg.connect(running.dsn("twin_serve")) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("CREATE TABLE not_allowed (n integer)")


@pytest.mark.parametrize("password", ["", "twin", "postgres", "password"])
def test_a_guessed_password_is_refused(running: ClusterAddress, password: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(
            host=str(running.socket_dir),
            port=running.port,
            dbname="twin",
            user="twin",
            password=password,
            passfile=os.devnull,
        )


def test_passwords_differ_and_lie_in_files_for_the_owner_only(running: ClusterAddress) -> None:
    files = [running.secrets_dir / f"{role}.pgpass" for role in ROLES]
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)
    assert running.secrets_dir.stat().st_mode & 0o777 == 0o700
    assert running.socket_dir.stat().st_mode & 0o777 == 0o700
    passwords = {file.read_text().strip().rsplit(":", 1)[1] for file in files}
    assert len(passwords) == len(ROLES)
    assert not any(password in running.dsn(role) for password in passwords for role in ROLES)


def test_a_role_that_does_not_exist_is_named_with_those_that_do(running: ClusterAddress) -> None:
    with pytest.raises(EmbeddedError, match=r"'twin_admin'.*twin_ingest"):
        running.dsn("twin_admin")


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("listen_addresses", ""),
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("wal_compression", "lz4"),
        ("jit", "off"),
        ("TimeZone", "UTC"),
        ("server_encoding", "UTF8"),
        ("max_parallel_workers_per_gather", "0"),
        ("password_encryption", "scram-sha-256"),
    ],
)
def test_the_server_runs_with_our_settings(
    running: ClusterAddress, setting: str, expected: str
) -> None:
    with psycopg.connect(running.dsn("twin")) as connection:
        row = connection.execute("SELECT current_setting(%s)", [setting]).fetchone()
    assert row == (expected,)


def test_no_tcp_port_is_open_by_default(running: ClusterAddress) -> None:
    with socket.socket() as trial:
        assert trial.connect_ex(("127.0.0.1", running.port)) != 0


def test_a_requested_tcp_port_is_open_on_the_loopback_address_only(
    make_cluster: Callable[..., Cluster],
) -> None:
    port = free_port(besides=())
    address = make_cluster(tcp_port=port).start()
    assert address.port == port
    with psycopg.connect(address.dsn("twin"), host="127.0.0.1") as connection:
        assert connection.info.host == "127.0.0.1"
    with socket.socket() as trial:
        assert trial.connect_ex(("127.0.0.2", port)) != 0


def test_a_second_start_keeps_rows_and_passwords(make_cluster: Callable[..., Cluster]) -> None:
    cluster = make_cluster()
    address = cluster.start()
    insert_rows(address)
    secret = (address.secrets_dir / "twin_work.pgpass").read_bytes()
    cluster.stop()
    assert not cluster.is_alive()
    again = cluster.start()
    assert again == address
    assert value(again, b"SELECT count(*) FROM kept") == ROWS
    assert (address.secrets_dir / "twin_work.pgpass").read_bytes() == secret


def test_starting_a_running_cluster_changes_nothing(make_cluster: Callable[..., Cluster]) -> None:
    cluster = make_cluster()
    address, pid = cluster.start(), cluster.pid
    assert cluster.start() is address
    assert cluster.pid == pid


def test_committed_rows_survive_the_kill_of_the_server(
    make_cluster: Callable[..., Cluster],
) -> None:
    cluster = make_cluster()
    address = cluster.start()
    insert_rows(address)
    with psycopg.connect(address.dsn("twin")) as open_connection:
        open_connection.execute("INSERT INTO kept VALUES (-1)")  # never committed
        assert cluster.pid is not None
        os.kill(cluster.pid, signal.SIGKILL)
        assert cluster.wait(20)
        assert not cluster.probe()
        again = cluster.start()
        open_connection.close()
    assert cluster.probe()
    assert value(again, b"SELECT count(*) FILTER (WHERE n >= 0) FROM kept") == ROWS
    assert value(again, b"SELECT count(*) FILTER (WHERE n < 0) FROM kept") == 0


def test_stopping_does_not_wait_for_clients(make_cluster: Callable[..., Cluster]) -> None:
    cluster = make_cluster()
    client = psycopg.connect(cluster.start().dsn("twin"))
    client.execute("SELECT 1")
    process = cluster.process
    cluster.stop()
    client.close()
    assert process is not None
    assert process.returncode == 0, "SIGINT sufficed"


def test_the_server_of_a_killed_owner_is_adopted(
    tmp_path: Path,
    make_cluster: Callable[..., Cluster],
    start_owner: Callable[[Path], subprocess.Popen[str]],
) -> None:
    owner = start_owner(tmp_path / "postgres")
    pid = int(first_line(owner))
    owner.kill()
    owner.wait()
    cluster = make_cluster()
    address = cluster.start()
    assert (cluster.pid, cluster.process) == (pid, None)
    assert cluster.is_alive()
    assert value(address, b"SELECT 1", role="twin_work") == 1
    cluster.stop()
    assert not is_running(pid)
    assert not (tmp_path / "postgres" / "postmaster.pid").exists()


def test_a_left_behind_server_that_does_not_fit_is_replaced(
    tmp_path: Path,
    make_cluster: Callable[..., Cluster],
    start_owner: Callable[[Path], subprocess.Popen[str]],
) -> None:
    owner = start_owner(tmp_path / "postgres")
    pid = int(first_line(owner))
    owner.kill()
    owner.wait()
    cluster = make_cluster(tcp_port=free_port(besides=()))
    address = cluster.start()
    assert cluster.pid != pid
    assert not is_running(pid)
    assert value(address, b"SELECT 1") == 1


def test_a_second_owner_is_refused_with_folder_and_process(
    tmp_path: Path,
    make_cluster: Callable[..., Cluster],
    start_owner: Callable[[Path], subprocess.Popen[str]],
) -> None:
    data_dir = tmp_path / "postgres"
    owner = start_owner(data_dir)
    server = int(first_line(owner))
    with pytest.raises(AlreadyRunningError) as refusal:
        make_cluster().start()
    assert str(data_dir) in str(refusal.value)
    assert f"process {owner.pid}" in str(refusal.value)
    assert is_running(server), "the refused one left the other's server alone"
    cluster = make_cluster()
    owner.kill()
    owner.wait()
    cluster.start()


def test_a_stale_pid_file_that_names_a_foreign_process_is_removed(
    make_cluster: Callable[..., Cluster],
) -> None:
    cluster = make_cluster()
    cluster.start()
    cluster.stop()
    pid_file = cluster.data_dir / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{cluster.data_dir}\n0\n5432\n/tmp\n\n\nready\n")
    cluster.start()
    found = read_pid_file(cluster.data_dir)
    assert found is not None
    assert found.pid == cluster.pid


def test_a_server_that_hangs_does_not_pass_the_probe(
    make_cluster: Callable[..., Cluster],
) -> None:
    cluster = make_cluster()
    address = cluster.start()
    assert cluster.process is not None
    cluster.process.send_signal(signal.SIGSTOP)
    try:
        assert not accepts_logins(address.socket_path, user="twin", limit_s=0.2)
        assert cluster.is_alive()
    finally:
        cluster.process.send_signal(signal.SIGCONT)
    eventually(cluster.probe, "the server answers again")


def test_data_of_another_major_version_name_both_versions(
    make_cluster: Callable[..., Cluster],
) -> None:
    cluster = make_cluster()
    cluster.start()
    cluster.stop()
    (cluster.data_dir / "PG_VERSION").write_text("13\n")
    with pytest.raises(EmbeddedError, match=r"written by PostgreSQL 13\b.*\b17\.") as refusal:
        cluster.start()
    assert "pg_dump" in str(refusal.value)
    (cluster.data_dir / "PG_VERSION").write_text("17\n")
    assert cluster.start(), "the refused start left the folder unlocked and whole"


def test_a_folder_without_a_server_is_named(
    tmp_path: Path, make_cluster: Callable[..., Cluster]
) -> None:
    with pytest.raises(EmbeddedError, match=r"nothing-here.*embedded\.pg_bin"):
        make_cluster(pg_bin=tmp_path / "nothing-here").start()


def test_a_data_folder_with_other_files_is_left_alone(
    tmp_path: Path, make_cluster: Callable[..., Cluster]
) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "thesis.txt").write_text("precious")
    with pytest.raises(EmbeddedError, match="missing or an empty folder"):
        make_cluster().start()
    assert (tmp_path / "postgres" / "thesis.txt").read_text() == "precious"


def test_an_interrupted_creation_is_started_again(
    tmp_path: Path, make_cluster: Callable[..., Cluster]
) -> None:
    half = tmp_path / "postgres.control" / "staging" / "data"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("17\n")
    assert value(make_cluster().start(), b"SELECT 1") == 1
    assert not half.exists()


def test_lost_passwords_are_replaced(make_cluster: Callable[..., Cluster]) -> None:
    cluster = make_cluster()
    address = cluster.start()
    cluster.stop()
    for role in ("twin", "twin_ingest"):
        (address.secrets_dir / f"{role}.pgpass").unlink()
    again = cluster.start()
    assert {value(again, b"SELECT current_user", role=role) for role in ROLES} == set(ROLES)


def test_a_path_of_150_characters_gets_a_short_socket(
    tmp_path: Path, make_cluster: Callable[..., Cluster]
) -> None:
    folder = tmp_path / "a folder, with 'quotes' and \"more\""
    folder /= "x" * (150 - len(str(folder)))
    runtime = tmp_path / "run"
    cluster = make_cluster(folder, runtime_dir=runtime)
    address = cluster.start()
    assert len(str(cluster.data_dir)) > 150
    assert len(str(address.socket_path)) < 104
    assert address.socket_dir.parent == runtime
    assert value(address, b"SELECT 1") == 1
    cluster.stop()
    assert cluster.start() == address


def test_a_socket_folder_of_somebody_else_is_refused(
    tmp_path: Path, make_cluster: Callable[..., Cluster]
) -> None:
    runtime = tmp_path / "run"
    cluster = make_cluster(tmp_path / ("y" * 150), runtime_dir=runtime)
    socket_dir = cluster.start().socket_dir
    cluster.stop()
    socket_dir.rename(runtime / "aside")
    socket_dir.symlink_to(runtime / "aside")
    with pytest.raises(EmbeddedError, match=r"remove it, or set embedded\.runtime_dir"):
        cluster.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: tests how root starts the server")
class TestAsRoot:
    def test_an_open_folder_lets_the_server_run_as_nobody(self) -> None:
        with open_folder() as folder, postgres_cluster(folder) as address:
            assert (folder / "postgres").stat().st_uid == 65534
            assert address.socket_path.stat().st_uid == 65534
            assert (address.secrets_dir / "twin.pgpass").stat().st_uid == 0
            assert value(address, b"SELECT 1") == 1

    def test_a_closed_home_is_served_from_a_user_namespace(self) -> None:
        with open_folder() as folder:
            folder.chmod(0o700)
            with postgres_cluster(folder) as address:
                assert (folder / "postgres").stat().st_uid == 0
                assert value(address, b"SELECT 1") == 1
            assert folder.stat().st_mode & 0o777 == 0o700, "no mode of a parent was changed"

    def test_data_move_to_the_account_that_serves_them(
        self, make_cluster: Callable[..., Cluster]
    ) -> None:
        with open_folder() as folder:
            cluster = make_cluster(folder)
            insert_rows(cluster.start())
            cluster.stop()
            folder.chmod(0o700)
            assert value(cluster.start(), b"SELECT count(*) FROM kept") == ROWS
            cluster.stop()
            assert (folder / "postgres" / "base").stat().st_uid == 0
            folder.chmod(0o755)
            assert value(cluster.start(), b"SELECT count(*) FROM kept") == ROWS
            assert (folder / "postgres" / "base").stat().st_uid == 65534
            cluster.stop()

    def test_a_user_that_does_not_exist_is_named(
        self, make_cluster: Callable[..., Cluster]
    ) -> None:
        with pytest.raises(EmbeddedError, match="'no-such-user'"):
            make_cluster(run_as="no-such-user").start()

    def test_an_ordinary_user_needs_none_of_this(self) -> None:
        # The interpreter may lie in root's home, so the ordinary user is root under another number.
        disguise = ["unshare", "--user", "--map-user=65534", "--map-group=65534", "--"]
        with open_folder() as folder:
            command = [*disguise, sys.executable, "-c", OWNER_SCRIPT, str(folder / "postgres")]
            owner = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            try:
                server = int(first_line(owner))
            finally:
                owner.kill()
                owner.communicate()
            line = Path(f"/proc/{server}/cmdline").read_bytes().split(b"\0")[0]
            assert line.endswith(b"/postgres"), "started directly, without a helper"
            os.kill(server, signal.SIGINT)
            eventually(lambda: not is_running(server), "the server has ended")
