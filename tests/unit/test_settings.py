"""Settings: one city.toml and the environment."""

from pathlib import Path

import pytest

from twin.errors import SettingsError
from twin.runtime import EmbeddedServices, described, write_services
from twin.settings import SECRET, describe, load_settings

CITY = """
[city]
name = "Beispielstadt"
crs = "EPSG:25833"
extent = [13.5, 50.9, 13.9, 51.2]
"""


def write(folder: Path, text: str) -> Path:
    (folder / "city.toml").write_text(text, encoding="utf-8")
    return folder


def test_a_short_file_is_enough(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, CITY), {"HOME": "/nowhere"})
    assert settings.city.extent == (13.5, 50.9, 13.9, 51.2)
    assert settings.dashboards.listen.startswith("127.0.0.1:")
    assert settings.data_dir == Path("/nowhere/.local/state/stadtzwilling")


def test_the_environment_wins_and_is_named_as_origin(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, CITY), {"TWIN_BROKER_PORT": "1884"})
    assert settings.broker.port == 1884
    assert ("broker.port", "1884", "TWIN_BROKER_PORT") in describe(settings)


def test_secrets_are_masked(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, CITY), {"TWIN_DATABASE_DSN": "password=canary"})
    shown = describe(settings)
    assert ("database.dsn", SECRET, "TWIN_DATABASE_DSN") in shown
    assert "canary" not in str(shown)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CITY + "[store]\nretention_day = 3\n", "did you mean 'retention_days'"),
        (CITY.replace("[city]", "[ctiy]"), "did you mean 'city'"),
        (CITY.replace('name = "Beispielstadt"', ""), "'city.name' is missing"),
        (CITY.replace("[13.5, 50.9, 13.9, 51.2]", "[51.0, 13.5]"), "west, south, east, north"),
        (CITY + '[dashboards]\nlisten = "8050"\n', "host:port"),
        (CITY + "[store]\npartition_days = 3\n", "store.partition_days"),
        (CITY + "[store\n", "not valid TOML"),
        (CITY + '[[codec.rule]]\ntopic = "a"\ncodec = "json"\nsource = "s"\nkye = "k"\n', "'key'"),
    ],
)
def test_a_wrong_file_is_explained(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_settings(write(tmp_path, text), {})


def test_a_missing_file_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="TWIN_CITY"):
        load_settings(tmp_path, {})


def test_a_misspelt_variable_is_explained(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="did you mean 'TWIN_BROKER_PORT'"):
        load_settings(write(tmp_path, CITY), {"TWIN_BROKER_PRT": "1"})


def test_what_is_shown_names_the_embedded_services_as_they_run(tmp_path: Path) -> None:
    (tmp_path / "city.toml").write_text(CITY, encoding="utf-8")
    settings = load_settings(tmp_path, {"TWIN_DATA_DIR": str(tmp_path / "data")})

    def shown() -> dict[str, tuple[str, str]]:
        return {key: (value, origin) for key, value, origin in described(settings)}

    idle = shown()
    assert idle["broker.port"] == ("", "embedded broker, not running: twin up starts it")
    assert idle["database.dsn"] == ("", "embedded database, not running: twin up starts it")
    settings.data_dir.mkdir()
    services = EmbeddedServices(
        dsn={"serve": "host=/tmp/socket user=twin_serve"},
        broker_host="127.0.0.1",
        broker_port=40001,
        broker_fallback_port=40002,
        broker_username="twin",
        broker_password_file="data/broker/password",  # noqa: S106 - a path
    )
    write_services(settings, services)
    running = shown()
    assert running["broker.host"] == ("127.0.0.1", "embedded broker")
    assert running["broker.port"] == ("40001", "embedded broker")
    assert running["broker.fallback_port"] == ("40002", "embedded broker")
    assert running["broker.username"] == ("twin", "embedded broker")
    assert running["broker.password_file"] == ("data/broker/password", "embedded broker")
    assert running["broker.use_tls"] == ("False", "embedded broker")
    assert running["database.dsn"] == ("host=/tmp/socket user=twin_serve", "embedded database")
    chosen = load_settings(
        tmp_path, {"TWIN_BROKER_HOST": "mqtt.example", "TWIN_DATABASE_DSN": "host=db password=x"}
    )
    told = {key: value for key, value, _ in described(chosen)}
    assert (told["broker.host"], told["broker.port"]) == ("mqtt.example", "8883")
    assert "password=x" not in told["database.dsn"]
