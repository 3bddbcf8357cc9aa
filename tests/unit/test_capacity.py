"""What a process may use: containers of both kinds, settings, and the environment of solvers."""

import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from town import settings

from simulations.capacity import (
    Capacity,
    capacity_of,
    granted_memory,
    granted_processors,
    prepare_process,
)
from simulations.watching import RunWatch, share_of
from twin.errors import SettingsError
from twin.settings import Settings, TrafficSettings


def _settings(traffic: TrafficSettings) -> Settings:
    return replace(settings(), traffic=traffic)


def test_a_container_grants_less_than_the_machine_has(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    (tmp_path / "memory.max").write_text("536870912\n")
    assert granted_processors(tmp_path) == 1
    assert granted_memory(tmp_path) == 512 * 1024**2


def test_the_older_kind_of_container_is_read_too(tmp_path: Path) -> None:
    for name in ("cpu", "memory"):
        (tmp_path / name).mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("50000")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("268435456")
    assert granted_processors(tmp_path) == 1
    assert granted_memory(tmp_path) == 256 * 1024**2


@pytest.mark.parametrize("text", ["max 100000", "-1 100000", "", "many"])
def test_without_a_limit_the_machine_decides(tmp_path: Path, text: str) -> None:
    (tmp_path / "cpu.max").write_text(text)
    (tmp_path / "memory.max").write_text("max")
    assert granted_processors(tmp_path) == len(os.sched_getaffinity(0))
    assert granted_memory(tmp_path) > 2**20


def test_settings_win_over_what_is_granted() -> None:
    asked = _settings(TrafficSettings(threads=3, memory_bytes=7))
    assert capacity_of(asked) == Capacity(threads=3, memory_bytes=7)
    assert capacity_of(_settings(TrafficSettings())).threads >= 1


def test_solvers_find_their_threads_and_kernels_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_CACHE_DIR"):
        monkeypatch.setenv(name, "1")
    folder = tmp_path / "kernels"
    script = (
        "import sys; from pathlib import Path; from town import settings\n"
        "from dataclasses import replace\n"
        "from twin.settings import TrafficSettings\n"
        "from simulations.capacity import prepare_process\n"
        "import simulations.worker, simulations.whatif, simulations.estimating\n"
        "assert 'numba' not in sys.modules\n"
        "traffic = TrafficSettings(kernel_folder=sys.argv[1])\n"
        "prepare_process(replace(settings(), traffic=traffic), threads=1)\n"
        "import numba; print(numba.config.NUMBA_NUM_THREADS, numba.config.CACHE_DIR)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["1", str(folder)], done.stderr
    assert folder.is_dir()


def test_a_folder_of_kernels_that_cannot_be_made_names_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    wrong = _settings(TrafficSettings(kernel_folder=str(tmp_path / "file" / "kernels")))
    with pytest.raises(SettingsError, match=r"traffic\.kernel_folder"):
        prepare_process(wrong, threads=1)


def test_progress_never_falls_and_says_the_gap() -> None:
    watch = RunWatch(target_gap=1e-6)
    watch.progress("pricing", 1, 1e-3)
    watch.progress("pricing", 2, 1e-2)
    assert watch.now() == (0.5, "pricing 2, gap 1.0e-02")
    assert share_of(float("inf"), 1e-6) == 0.0
    assert not watch.cancelled()
    watch.ending = "cancelled"
    assert not watch.report(0.9, "late")


def test_a_folder_of_kernels_that_cannot_be_written_names_its_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    wrong = _settings(TrafficSettings(kernel_folder=str(tmp_path)))
    with pytest.raises(SettingsError, match=r"cannot be written .*traffic\.kernel_folder"):
        prepare_process(wrong, threads=1)
