"""``twin measures decide``, ``publish``, ``withdraw``, ``grant``, with the rights of the server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from store_samples import city
from store_servers import Server, running_server

from simulations.measures_command import command
from twin.errors import DecisionError, ReleaseError
from twin.exchange.datex2_situation_in import read_publication
from twin.model.times import utc_now
from twin.settings import Settings, load_settings
from twin.store import open_store

pytestmark = pytest.mark.db
ASSET = next(asset.id for asset in city().assets if asset.asset_class == "bridge")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server("postgres") as found:
        yield found


@pytest.fixture
def settings(server: Server, tmp_path: Path) -> Settings:
    database = server.migrated_database()
    store = open_store(database.dsn())
    store.load(city(), at=utc_now())
    store.close()
    (tmp_path / "city.toml").write_text(
        f"""
[city]
name = "Testcity"
crs = "EPSG:25833"
extent = [13.5, 50.9, 14.0, 51.2]
[database]
dsn = {json.dumps(database.dsn("twin_serve"))}
[embedded]
data_dir = {json.dumps(str(tmp_path / "data"))}
""",
        encoding="utf-8",
    )
    return load_settings(tmp_path, {})


def test_a_restriction_goes_from_decision_to_withdrawal(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: str) -> str:
        assert command(settings, words) == 0
        return capsys.readouterr().out

    key_file = tmp_path / "key"
    key_file.write_text(run("grant", "Road authority").splitlines()[1], encoding="utf-8")
    release = ("--key-file", str(key_file))
    limit = ("--kind", "5", "--value", "16", "--from", "2026-12-01", "--daily", "22:00-06:00")
    told = run("decide", ASSET, "--person", "Anna", "--reason", "hangers", *limit)
    assert "decision 1, version 1: decided" in told
    assert "ENTWURF" in told
    assert "262-16, 1040-30" not in told
    assert "Zeichen 262-16" in told

    outbox = settings.data_dir / "outbox" / "measures" / "situations.xml"
    dry = run("publish", "1", "--dry-run")
    (notice,) = read_publication(dry.encode()).notices
    assert (notice.status, notice.restriction.daily_from) == ("test", "22:00")
    assert not outbox.exists()
    assert "decision 1, version 1: decided" in run("decisions")

    assert "published" in run("publish", "1", "--reason", "agreed", *release)
    (notice,) = read_publication(outbox.read_bytes()).notices
    assert (notice.version, notice.status) == (1, "real")
    assert "updated" in run("publish", "1", "--value", "12", "--reason", "worse", *release)
    (notice,) = read_publication(outbox.read_bytes()).notices
    assert (notice.version, notice.restriction.value) == (2, 12.0)
    assert notice.restriction.signs == ("262-12", "1040-30")
    assert "withdrawn" in run("withdraw", "1", "--reason", "strengthened", *release)
    assert read_publication(outbox.read_bytes()).standing == ()
    assert "4 " in run("decisions", "1")


def test_without_a_key_in_force_nothing_goes_out(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key_file = tmp_path / "key"
    command(settings, ["grant", "Road authority"])
    key_file.write_text(capsys.readouterr().out.splitlines()[1], encoding="utf-8")
    command(settings, ["grant", "--revoke", "1"])
    command(settings, ["grant", "--list"])
    assert "revoked" in capsys.readouterr().out
    start = ["decide", ASSET, "--person", "Anna", "--reason", "hangers", "--from", "2026-12-01"]
    command(settings, [*start, "--kind", "3", "--draft"])
    command(settings, ["decide", "--confirm", "1", "--person", "Anna"])
    with pytest.raises(ReleaseError):
        command(settings, ["publish", "1", "--reason", "x", "--key-file", str(key_file)])
    with pytest.raises(DecisionError, match="cannot be read"):
        command(settings, ["publish", "1", "--key-file", str(tmp_path / "none")])
    with pytest.raises(DecisionError, match="asset"):
        command(settings, ["decide", "--person", "Anna"])
    assert not (settings.data_dir / "outbox").exists()
