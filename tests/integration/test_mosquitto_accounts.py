"""Accounts that ``twin broker init`` makes, at a real Mosquitto."""

import signal
from pathlib import Path

import pytest
from services import mosquitto_broker, open_folder
from waiting import wait_for

from sensors.broker.accounts import LOGIN, PASSWORD_FILE, SECRETS, make_accounts, switch_login
from twin.embedded.mqttprobe import VERSION_3_1_1, answers
from twin.errors import SettingsError


@pytest.mark.broker
def test_mosquitto_accepts_the_accounts_and_a_renewed_password_without_a_restart() -> None:
    with open_folder() as folder, mosquitto_broker(folder) as broker:
        config = folder / "mosquitto" / "config"

        def accepts(name: str, password: str) -> bool:
            return answers(
                broker.host, broker.port, version=VERSION_3_1_1, username=name, password=password
            )

        assert make_accounts(config, names=["counter-17"]) == ["ingest2", "counter-17"]
        password = secret(config, "counter-17")
        broker.process.send_signal(signal.SIGHUP)
        wait_for(lambda: accepts("counter-17", password), "the new account")
        assert not accepts("counter-17", "wrong")
        assert accepts("ingest", broker.passwords["ingest"])

        make_accounts(config, names=[], renewed=frozenset({"counter-17"}))
        renewed = secret(config, "counter-17")
        broker.process.send_signal(signal.SIGHUP)
        wait_for(lambda: accepts("counter-17", renewed), "the renewed password")
        assert not accepts("counter-17", password)


def test_accounts_stay_and_secrets_are_private(tmp_path: Path) -> None:
    assert make_accounts(tmp_path, names=["b", "a", "b"]) == ["ingest", "ingest2", "b", "a"]
    before = (tmp_path / PASSWORD_FILE).read_text()
    assert make_accounts(tmp_path, names=["ingest", "a"]) == []
    assert (tmp_path / PASSWORD_FILE).read_text() == before
    assert secret(tmp_path, "a") not in before
    private = [tmp_path / PASSWORD_FILE, *(tmp_path / SECRETS).iterdir()]
    assert [oct(path.stat().st_mode & 0o777) for path in private] == ["0o600"] * 6


def test_the_ingester_switches_between_two_accounts(tmp_path: Path) -> None:
    make_accounts(tmp_path, names=[])
    login = tmp_path / SECRETS / LOGIN
    assert login.read_text() == f"ingest:{secret(tmp_path, 'ingest')}\n"
    assert switch_login(tmp_path) == ["ingest2"]
    assert login.read_text() == f"ingest2:{secret(tmp_path, 'ingest2')}\n"
    assert switch_login(tmp_path) == ["ingest"]


def test_bad_names_are_explained(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="'a/b' must be 1 to 64 letters"):
        make_accounts(tmp_path, names=["a/b"])
    with pytest.raises(SettingsError, match="'x' does not exist; make it with --device"):
        make_accounts(tmp_path, names=[], renewed=frozenset({"x"}))
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot be written"):
        make_accounts(tmp_path / "file", names=["x"])


def secret(folder: Path, name: str) -> str:
    return (folder / SECRETS / name).read_text().strip()
