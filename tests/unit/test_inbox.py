"""The onboarding inbox: streams propose themselves, a person decides."""

import csv
import json
import shutil
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

import pytest

from sensors.broker.delivery import Delivery
from sensors.codecs.homeassistant import codec as homeassistant
from sensors.codecs.own import codec as own
from sensors.knowledge import KnowledgeFile, News, knowledge_file
from sensors.metadata import read_tables
from sensors.onboarding.inbox import command
from sensors.pipeline.memory import CodecMemory
from sensors.pipeline.preparation import Pipeline
from sensors.pipeline.prepared import Prepared
from sensors.routing import Router, StreamTable
from sensors.rules.quality import TimePolicy
from twin.errors import ModelError
from twin.exchange.folder import read_city
from twin.model.datastreams import Datastream
from twin.model.messages import CodecRule, CodecTable, Proposal
from twin.model.times import to_us
from twin.settings import CitySettings, CodecSettings, EmbeddedSettings, Settings, load_settings

NOW = datetime(2026, 6, 15, 8, 0, tzinfo=UTC)
POLICY = TimePolicy(timedelta(minutes=5), timedelta(days=730))
RULES = (
    CodecRule("homeassistant/#", "homeassistant", "werk"),
    CodecRule("werk/#", "homeassistant", "werk"),
    CodecRule("twin/v1/{tenant}/{asset}/{stream}/obs", "own", "demo"),
)
GAUGE = {
    "uniq_id": "pegel7_w", "name": "Level", "stat_t": "werk/pegel7/state", "unit_of_meas": "cm",
    "val_tpl": "{{ value_json.level }}", "exp_aft": 900, "dev": {"ids": ["pegel7"]},
}  # fmt: skip
DISCOVERY = "homeassistant/sensor/pegel7/config"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folder = tmp_path / "city"
    folder.mkdir()
    return Settings(
        CitySettings("Test", "EPSG:25833", (13.0, 51.0, 14.0, 52.0)),
        folder,
        embedded=EmbeddedSettings(data_dir=str(tmp_path / "data")),
        codec=CodecSettings(RULES, (CodecTable("entities", "werk", "entities.json"),)),
    )


def prepare(
    settings: Settings, *messages: tuple[str, object], streams: tuple[Datastream, ...] = ()
) -> Prepared:
    made = Pipeline.of(
        Router(RULES),
        {"homeassistant": homeassistant, "own": own},
        StreamTable(streams),
        POLICY,
        memory=CodecMemory(tables=read_tables(settings)),
    )
    deliveries = [
        Delivery(
            1, 1, 1, topic.encode(), b"" if body is None else json.dumps(body).encode(), to_us(NOW)
        )
        for topic, body in messages
    ]
    return made.prepare(deliveries, most_readings=100_000)


def keep(settings: Settings, *messages: tuple[str, object]) -> None:
    found = prepare(settings, *messages)
    file = KnowledgeFile(knowledge_file(settings))
    file.write(News({}, found.proposals, found.withdrawn), at=NOW)
    file.close()


def listed(settings: Settings, capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    capsys.readouterr()
    assert command(settings, ["list", *words]) == 0
    return capsys.readouterr().out.splitlines()


def rows(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text("utf-8").splitlines()))


def gauge(number: int | None = 1) -> Datastream:
    return Datastream(
        uid="werk:pegel7_w", name="Level", asset_id="W1", component_id=None,
        quantity="water_level", sensor_id="pegel7", source="werk", route_key="pegel7_w",
        provenance="measured", time_source="server", number=number,
    )  # fmt: skip


def test_an_accepted_proposal_becomes_rows_of_the_city_folder_and_its_values_count(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """F-HAD-1: nothing is stored before a person accepts; 312 cm are 3.12 m afterwards."""
    state = ("werk/pegel7/state", {"level": 312})
    keep(settings, (DISCOVERY, GAUGE))
    assert not len(prepare(settings, state, streams=(gauge(),)).readings)
    assert "pegel7_w" in listed(settings, capsys)[0]
    command(settings, ["accept", "1", "--asset", "W1", "--quantity", "water_level"])
    assert "twin load" in capsys.readouterr().out
    (row,) = rows(settings.folder / "datastreams.csv")
    assert (row["route_key"], row["quantity"], row["time_source"]) == (
        "pegel7_w", "water_level", "server",
    )  # fmt: skip
    assert row["cadence_s"] == "900"
    (sensor,) = rows(settings.folder / "sensors.csv")
    assert sensor["id"] == row["sensor"] == "pegel7"
    found = prepare(settings, state, streams=(gauge(),))
    assert found.readings.value.tolist() == [pytest.approx(3.12)]
    assert listed(settings, capsys) == ["0 proposals"]


def test_f_had_4_a_withdrawn_proposal_is_gone_and_an_accepted_one_is_marked(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(settings, (DISCOVERY, GAUGE))
    keep(settings, (DISCOVERY, None))
    assert listed(settings, capsys, "--all") == ["0 proposals"]
    keep(settings, (DISCOVERY, GAUGE))
    command(settings, ["accept", "1", "--asset", "W1", "--quantity", "water_level"])
    keep(settings, (DISCOVERY, None))
    assert "[accepted, withdrawn by source]" in listed(settings, capsys, "--all")[0]


def test_f_had_6_a_flood_of_new_topics_fills_the_inbox_only_and_known_streams_go_on(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    (settings.folder / "entities.json").write_text(
        json.dumps({"werk/pegel7/state": [{"id": "pegel7_w", "path": "/level", "unit": "cm"}]})
    )
    flood = [
        (f"homeassistant/sensor/x{one}/config", {**GAUGE, "uniq_id": f"x{one}"})
        for one in range(10_000)
    ]
    state = ("werk/pegel7/state", {"level": 312})
    found = prepare(settings, *flood[:5000], state, *flood[5000:], streams=(gauge(),))
    assert len(found.readings) == 1
    assert len(found.proposals) == 1000
    keep(settings, *flood)
    keep(settings, *reversed(flood))
    assert listed(settings, capsys)[-1] == "1000 proposals"


def test_an_unknown_stream_of_any_codec_proposes_itself_with_its_topic(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(settings, ("twin/v1/t/BW1/level/obs", {"t": "2026-06-15T08:00:00Z", "v": 1.0}))
    (line, _) = listed(settings, capsys)
    assert "BW1/level" in line
    assert "heard_on twin/v1/t/BW1/level/obs" in line
    command(settings, ["dismiss", "1"])
    keep(settings, ("twin/v1/t/BW1/level/obs", {"t": "2026-06-15T08:00:00Z", "v": 1.0}))
    assert listed(settings, capsys) == ["0 proposals"]


def test_what_cannot_be_accepted_says_why_and_writes_nothing(settings: Settings) -> None:
    keep(settings, (DISCOVERY, GAUGE), ("homeassistant/sensor/k/config", GAUGE | {
        "uniq_id": "k1", "val_tpl": "{% if value %}1{% endif %}"}))  # fmt: skip
    for words, reason in (
        (["accept", "1", "--asset", "W1"], "proposes no quantity"),
        (["accept", "1", "--asset", "W1", "--quantity", "air_temperature"], "cm"),
        (["accept", "2", "--asset", "W1", "--quantity", "water_level"], "template_not_supported"),
        (["accept", "9", "--asset", "W1"], "no proposal 9 waits"),
    ):
        with pytest.raises(ModelError, match=reason):
            command(settings, words)
    assert not list(settings.folder.iterdir())


def test_a_table_of_the_folder_keeps_its_rows_and_columns(settings: Settings) -> None:
    table = settings.folder / "datastreams.csv"
    before = (
        "id,name,asset,component,quantity,sensor,source,route_key,provenance,time_source,note\n"
    )
    table.write_text(before + "a,b,W1,,speed,s,x,y,measured,,mine", encoding="utf-8")
    keep(settings, (DISCOVERY, GAUGE | {"exp_aft": None}))
    command(settings, ["accept", "1", "--asset", "W1", "--quantity", "water_level"])
    lines = table.read_text("utf-8").splitlines()
    assert lines[1].endswith("mine")
    assert lines[2] == "werk:pegel7_w,Level,W1,,water_level,pegel7,werk,pegel7_w,measured,server,"
    with pytest.raises(ModelError, match="no proposal 1 waits"):
        command(settings, ["accept", "1", "--asset", "W1", "--quantity", "water_level"])


def test_a_column_that_is_needed_and_absent_is_named(settings: Settings) -> None:
    (settings.folder / "datastreams.csv").write_text(
        "id,name,asset,component,quantity,sensor,source,route_key,provenance\n"
    )
    keep(settings, (DISCOVERY, GAUGE))
    with pytest.raises(ModelError, match="no column cadence_s, time_source"):
        command(settings, ["accept", "1", "--asset", "W1", "--quantity", "water_level"])


def test_proposals_that_stay_the_same_are_not_written_again(tmp_path: Path) -> None:
    file = KnowledgeFile(tmp_path / "codecs.sqlite", most_open=2)
    for name in ("first", "second"):
        given = {("s", key): Proposal(key, name, "") for key in ("a", "b", "c")}
        file.write(News(proposals=given), at=NOW)
        file.write(News(proposals=given), at=NOW)
    assert [(one.key, one.name) for one in file.proposals()] == [("a", "second"), ("b", "second")]
    file.close()


def test_an_accepted_stream_of_the_built_in_city_can_be_loaded(tmp_path: Path) -> None:
    folder = tmp_path / "city"
    built_in = resources.files("twin") / "cities" / "dresden"
    shutil.copytree(Path(str(built_in)), folder)
    settings = load_settings(folder, {"HOME": str(tmp_path)})
    file = KnowledgeFile(knowledge_file(settings))
    proposal = Proposal("pegel/7#/level", "Level", "cm", {"device": "pegel 7"})
    file.write(News(proposals={("works", proposal.key): proposal}), at=NOW)
    file.close()
    before = read_city(folder, settings.city)
    command(settings, ["accept", "1", "--asset", "B01", "--quantity", "water_level"])
    after = read_city(folder, settings.city)
    (new,) = {one.uid for one in after.datastreams} - {one.uid for one in before.datastreams}
    assert new == "works:pegel/7#/level"
