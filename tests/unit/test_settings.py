"""Settings: one city.toml and the environment."""

from pathlib import Path

import pytest

from twin.errors import SettingsError
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
