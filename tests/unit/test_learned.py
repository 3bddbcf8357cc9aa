"""What the rules for sensor faults have learned is kept across restarts."""

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sensors.ingest.learned import LearnedFile
from sensors.rules.faultrules import FaultRules
from twin.model.datastreams import Datastream

STREAM = Datastream(
    uid="s", name="", asset_id="a", component_id=None, quantity="strain", sensor_id="x",
    source="demo", route_key="k", provenance="measured", number=1,
)  # fmt: skip


def test_what_was_written_is_recalled_by_the_next_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    file = tmp_path / "learned" / "ingest-1.npz"
    with ThreadPoolExecutor(1) as aside:
        learned = LearnedFile(file, aside)
        rules = FaultRules([STREAM])
        learned.read_into(rules)
        assert "learned_recalled" not in caplog.text
        learned.write(rules)
    first = file.read_bytes()
    learned.write_now(rules)
    assert file.read_bytes() == first
    learned.read_into(FaultRules([STREAM]))
    assert "learned_recalled" in caplog.text
    assert [one.name for one in file.parent.iterdir()] == ["ingest-1.npz"]


def test_a_disk_that_refuses_costs_nothing_but_the_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "learned").write_text("a file where the folder should be")
    with ThreadPoolExecutor(1) as aside:
        learned = LearnedFile(tmp_path / "learned" / "ingest-1.npz", aside)
        learned.write_now(FaultRules([STREAM]))
        learned.read_into(FaultRules([STREAM]))
    assert "learned_not_written" in caplog.text
    (tmp_path / "folder.npz").mkdir()
    LearnedFile(tmp_path / "folder.npz", aside).read_into(FaultRules([STREAM]))
    assert "learned_unreadable" in caplog.text
