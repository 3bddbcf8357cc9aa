"""Metadata tables and states reach codecs; a state counts once its batch is recorded."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sensors.broker.delivery import Delivery
from sensors.checks import check
from sensors.knowledge import KnowledgeFile, News
from sensors.metadata import read_tables
from sensors.pipeline.memory import CodecMemory
from sensors.pipeline.preparation import Pipeline
from sensors.routing import Router, StreamTable
from sensors.rules.quality import TimePolicy
from twin.model.messages import CodecContext, CodecRule, CodecTable, Event, Message, Outcome
from twin.model.times import to_us
from twin.settings import CitySettings, CodecSettings, IngestSettings, Settings

NOW = datetime(2026, 6, 15, 8, 0, tzinfo=UTC)
POLICY = TimePolicy(timedelta(minutes=5), timedelta(days=730))


class Counting:
    """Counts the messages of a node, and reports the count and a table."""

    name = "counting"
    version = "1"

    def state_key(self, message: Message, context: CodecContext) -> str:
        del message
        return context.names["node"]

    def decode(self, message: Message, context: CodecContext) -> Outcome:
        del message
        count = context.state.get("count", 0)
        assert isinstance(count, int)
        event = Event(f"count {count}, {context.tables.get('sites')}", "n", NOW)
        return Outcome((event,), state={"count": count + 1})


def pipeline(memory: CodecMemory) -> Pipeline:
    rule = CodecRule("c/{node}", "counting", "demo")
    return Pipeline.of(
        Router((rule,)), {"counting": Counting()}, StreamTable(()), POLICY, memory=memory
    )


def deliveries(*topics: str) -> list[Delivery]:
    return [Delivery(1, 1, 1, topic.encode(), b"", to_us(NOW)) for topic in topics]


def test_a_state_goes_from_message_to_message_of_its_node() -> None:
    """F-COD-7: state comes in and goes out as plain data."""
    memory = CodecMemory(tables={"demo": {"sites": 7}, "other": {"sites": 8}})
    found = pipeline(memory).prepare(deliveries("c/a", "c/a", "c/b"), most_readings=100)
    assert found.events == {"count 0, 7": 2, "count 1, 7": 1}
    assert found.states == {("demo", "a"): {"count": 2}, ("demo", "b"): {"count": 1}}


def test_a_batch_that_is_prepared_again_begins_with_the_same_states() -> None:
    memory = CodecMemory()
    made = pipeline(memory)
    first = made.prepare(deliveries("c/a"), most_readings=100)
    assert made.prepare(deliveries("c/a"), most_readings=100).states == first.states
    memory.adopt(first.states)
    again = made.prepare(deliveries("c/a"), most_readings=100)
    assert again.states == {("demo", "a"): {"count": 2}}


def test_the_number_of_states_is_bounded() -> None:
    memory = CodecMemory(most_states=1)
    assert memory.adopt({("s", "a"): {"n": 1}, ("s", "b"): {"n": 1}}) == {("s", "a"): {"n": 1}}
    assert memory.adopt({("s", "a"): {"n": 2}}) == {("s", "a"): {"n": 2}}


def test_states_are_there_after_a_restart(tmp_path: Path) -> None:
    file = KnowledgeFile(tmp_path / "learned" / "codecs.sqlite")
    assert file.states() == {}
    file.write(News({("s", "a"): {"births": [1]}, ("s", "b"): {}}), at=NOW)
    file.write(News({("s", "a"): {"births": [2]}}), at=NOW)
    file.close()
    assert KnowledgeFile(tmp_path / "learned" / "codecs.sqlite").states() == {
        ("s", "a"): {"births": [2]},
        ("s", "b"): {},
    }


def test_a_file_that_is_no_database_costs_the_memory_alone(tmp_path: Path) -> None:
    place = tmp_path / "codecs.sqlite"
    place.write_bytes(b"no database at all, but long enough to be looked at" * 100)
    file = KnowledgeFile(place)
    assert file.states() == {}
    file.write(News({("s", "a"): {}}), at=NOW)
    file.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    rule = CodecRule("a/{x}", "json", "demo", key="{x}")
    table = CodecTable("sites", "demo", "sites.json")
    city = CitySettings("Test", "EPSG:25833", (13.0, 51.0, 14.0, 52.0))
    return Settings(city, tmp_path, codec=CodecSettings((rule,), (table,)))


def test_a_metadata_table_is_a_file_of_the_city_folder(settings: Settings) -> None:
    (settings.folder / "sites.json").write_text(json.dumps({"A": 1}))
    assert read_tables(settings) == {"demo": {"sites": {"A": 1}}}
    assert not [one for one in check(settings) if "codec.table" in one]


@pytest.mark.parametrize(
    ("table", "word"),
    [
        (CodecTable("sites", "demo", "none.json"), "does not exist"),
        (CodecTable("sites", "demo", "../outside.json"), "lies outside"),
        (CodecTable("sites", "demo", "broken.json"), "not readable as JSON"),
        (CodecTable("sites", "nobody", "sites.json"), "no [[codec.rule]] has source"),
    ],
)
def test_a_wrong_metadata_table_is_named(settings: Settings, table: CodecTable, word: str) -> None:
    (settings.folder / "sites.json").write_text("{}")
    (settings.folder / "broken.json").write_text("{")
    (settings.folder.parent / "outside.json").write_text("{}")
    codec = replace(settings.codec, table=(table,))
    problems = check(replace(settings, codec=codec))
    assert [one for one in problems if word in one]


def test_a_codec_with_state_is_refused_in_a_shared_group(settings: Settings) -> None:
    codec = CodecSettings((CodecRule("spBv1.0/{group}/#", "sparkplug", "spb"),))
    alone = replace(settings, codec=codec)
    assert not [one for one in check(alone) if "keeps state" in one]
    shared = replace(alone, ingest=IngestSettings(shared_group="twin"))
    assert [one for one in check(shared) if "keeps state" in one]
