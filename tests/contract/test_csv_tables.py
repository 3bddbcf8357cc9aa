"""CSV tables by a declared mapping, F-CSV rules of the format specification."""

import json
import threading
import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from store_samples import city

from sensors.history.csvtable import TableMapping, plain_number, read_table, table_mapping
from sensors.history.formats import TrafficFormat, declared
from sensors.history.importfile import ReadingsMapping, Refusal
from sensors.history.importing import ReadingsImport, command
from sensors.history.samples import Sample
from sensors.rules.quality import TimePolicy
from twin.city import Twin
from twin.errors import SettingsError
from twin.model.datastreams import Datastream
from twin.settings import CitySettings, Settings
from twin.store.memory import MemoryStore

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "samples" / "csv"
FILE = FOLDER / "synthetic_latin1_semicolon.csv"
NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
POLICY = TimePolicy(future_tolerance=timedelta(minutes=5), retention=timedelta(days=730))
needs_samples = pytest.mark.skipif(not FOLDER.is_dir(), reason="no ../shared/samples here")


def mapping(**changes: object) -> TableMapping:
    base = {
        "time": {"column": "t", "format": "%d.%m.%Y %H:%M"},
        "value": [{"column": "h", "quantity": "water_level", "unit": "cm"}],
        "key": "{p}",
        "delimiter": ";",
        "decimal": ",",
    }
    return table_mapping({"csv": base | changes}, "mapping.toml")


@needs_samples
def test_a_table_gives_the_expected_readings_and_nothing_the_second_time() -> None:
    """F-CSV-2, F-CSV-3: Latin-1, CRLF, thousands, the autumn night, a nameless last column."""
    want = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))[FILE.name]
    content = tomllib.loads((FOLDER / "synthetic_mapping.toml").read_text(encoding="utf-8"))
    table = table_mapping(content, "synthetic_mapping.toml")
    base = city()
    streams = tuple(
        Datastream(
            uid=quantity, name=quantity, asset_id="bridge", component_id=None, quantity=quantity,
            sensor_id="gauge", source="weather", route_key=f"Süd#{quantity}", provenance="measured",
        )
        for quantity in ("air_temperature", "water_level")
    )  # fmt: skip
    twin = Twin(MemoryStore(clock=lambda: NOW), clock=lambda: NOW)
    twin.load(replace(base, datastreams=streams))
    form = declared(
        TrafficFormat("csv", "weather", table.zone, encoding=table.encoding, table=table)
    )
    job = ReadingsImport(twin, mapping=ReadingsMapping(), form=form, policy=POLICY)
    report = job.run(FILE, say=lambda _: None, stop=threading.Event())
    assert not report.refused
    assert [one.text for one in report.findings] == ["columns without a name are ignored: 5"]
    for uid, name, factor in (
        ("air_temperature", "temperature", 1.0),
        ("water_level", "water_level_cm", 0.01),
    ):
        pairs = zip(want["times_utc"], want[name], strict=True)
        values = {time: value * factor for time, value in pairs if value is not None}
        span = {"start": NOW - timedelta(days=60), "end": NOW}
        (page,) = twin.rows([uid], **span)
        times = [f"{datetime.fromtimestamp(at / 1e6, UTC):%Y-%m-%dT%H:%M:%SZ}"
                 for at in page.time_us.tolist()]  # fmt: skip
        assert dict(zip(times, page.value.tolist(), strict=True)) == pytest.approx(values)
    again = job.run(FILE, say=lambda _: None, stop=threading.Event(), is_again=True)
    assert again.stored == want["second_import_adds"]


@pytest.mark.parametrize(
    ("text", "number"),
    [("1.312,5", "1312.5"), ("1312,5", "1312.5"), ("1.31", None), ("1,312.5", None),
     ("-8,5", "-8.5"), ("1.312.5", None), ("abc", None)],
)  # fmt: skip
def test_numbers_follow_the_declared_signs_or_are_refused(text: str, number: str | None) -> None:
    """F-CSV-2."""
    assert plain_number(text, mapping(thousands=".")) == number


def test_ids_stay_text_and_days_are_never_guessed() -> None:
    """F-CSV-4."""
    rows = ["t;p;h", "01.02.2026 00:00;007;1", "02/13/2026 00:00;007;1"]
    first, second = read_table(rows, mapping())
    assert isinstance(first, Sample)
    assert (first.key, first.begin) == ("007#water_level", "2026-02-01T00:00:00")
    assert isinstance(second, Refusal)
    assert (second.line, second.reason) == (3, "time_invalid")


def test_sentinels_are_compared_before_anything_else() -> None:
    """F-CSV-2 with F-MIS-1."""
    (one,) = read_table(["t;p;h", "01.02.2026 00:00;A;-999"], mapping(missing=["", "-999"]))
    assert isinstance(one, Sample)
    assert not one.value


def test_all_faults_of_a_mapping_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as told:
        mapping(time={"column": "t"}, colour="red")
    assert "csv.time.format" in str(told.value)
    assert "csv.colour" in str(told.value)
    with pytest.raises(SettingsError, match="period_s"):
        mapping(time={"column": "t", "format": "%H", "label": "start"})
    with pytest.raises(SettingsError, match="'p', 'h'"):
        list(read_table(["t"], mapping()))


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (["--format", "berlin"], "--source"),
        (["--format", "bast-hourly", "--source", "a"], "--zone"),
        (["--format", "csv", "--source", "a"], "--map"),
        (["--format", "berlin", "--source", "a", "--map", "x.toml"], "no --map"),
        (["--source", "a"], "--source belongs to --format"),
    ],
)
def test_an_option_that_is_missing_or_out_of_place_is_named(
    arguments: list[str], needed: str
) -> None:
    settings = Settings(CitySettings("T", "EPSG:25833", (13.0, 50.0, 14.0, 51.0)), Path())
    with pytest.raises(SettingsError, match=needed):
        command(settings, ["readings", "file.csv", *arguments])
