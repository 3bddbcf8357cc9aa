"""What `twin whatif` and `twin sweep` refuse before anything is solved."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from free_flow import FreeFlow, keep, river_base
from town import settings

from simulations.running import require_version
from simulations.whatif import command, require_worker, sweep_command
from twin.city import Twin
from twin.errors import SettingsError, SolveError
from twin.model.interventions import Intervention
from twin.model.jobs import JobStatus
from twin.model.scenarios import Scenario, to_json
from twin.model.times import utc_now
from twin.store.memory import MemoryStore

CLOSE = Scenario("n", "today", (Intervention("close_link", ("1-2",)),))


@pytest.fixture
def question(tmp_path: Path) -> str:
    file = tmp_path / "question.json"
    file.write_text(to_json(CLOSE), encoding="utf-8")
    return str(file)


@pytest.mark.parametrize("gap", ["nan", "0", "-1", "5", "1e-4", "close"])
def test_a_gap_out_of_range_is_refused_on_every_command_line(
    question: str, gap: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for job in (command, sweep_command):
        with pytest.raises(SystemExit):
            job(settings(), [question, "--gap", gap])
        assert "--gap" in capsys.readouterr().err


def test_answers_that_cannot_be_written_are_not_computed(question: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="--out"):
        sweep_command(settings(), [question, "--out", str(tmp_path / "file" / "out")])


def test_fewer_than_no_processes_are_refused(
    question: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        sweep_command(settings(), [question, "--workers", "-3"])
    assert "--workers" in capsys.readouterr().err


def test_a_base_of_another_version_of_its_engine_is_refused() -> None:
    with pytest.raises(SolveError, match="twin estimate"):
        require_version(FreeFlow(), "0")


def test_a_worker_without_an_engine_answers_nobody() -> None:
    store = MemoryStore()
    keep(store, river_base())
    twin = Twin(store, clock=utc_now)
    run = twin.ask(CLOSE)
    now = utc_now()
    idle = JobStatus("work", "1", now, now, "no engine installed", {})
    store.beat(idle)
    with pytest.raises(SolveError, match="no worker with an engine"):
        require_worker(twin, run)
    store.beat(replace(idle, state="live"))
    require_worker(twin, run)
    store.beat(replace(idle, state="live", heartbeat_at=now - timedelta(minutes=2)))
    with pytest.raises(SolveError):
        require_worker(twin, run)
