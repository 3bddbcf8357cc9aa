"""What this process may use: processors and memory granted to its container, compiled kernels."""

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from twin.errors import SettingsError
from twin.settings import Settings

CGROUP = Path("/sys/fs/cgroup")
MEMORY_SHARE = 0.5
THREAD_VARIABLES = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
CACHE_VARIABLE = "NUMBA_CACHE_DIR"


@dataclass(frozen=True, slots=True)
class Capacity:
    """Threads and memory [bytes] that solvers of this process may use."""

    threads: int
    memory_bytes: int


def capacity_of(settings: Settings) -> Capacity:
    """What the settings allow; where they say nothing, what the container is granted."""
    memory = settings.traffic.memory_bytes or int(granted_memory() * MEMORY_SHARE)
    return Capacity(settings.traffic.threads or granted_processors(), memory)


def prepare_process(settings: Settings, *, threads: int) -> None:
    """Threads and the folder of compiled kernels, for this process and those it starts.

    It must run before anything imports numba.

    Raises
    ------
    SettingsError
        If the folder of kernels cannot be written; names the setting.
    """
    folder = settings.kernel_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):  # numba does not even read where it cannot write
            pass
    except OSError as error:
        raise SettingsError(
            f"the folder of compiled kernels {folder} cannot be written ({error.strerror}); run "
            "`twin warm` as the user of the service, or name another traffic.kernel_folder"
        ) from error
    os.environ[CACHE_VARIABLE] = str(folder)
    for name in THREAD_VARIABLES:
        os.environ[name] = str(threads)
    if "numba" in sys.modules:
        sys.modules["numba"].config.CACHE_DIR = str(folder)


def granted_processors(cgroup: Path = CGROUP) -> int:
    """Whole processors that this process may use: its affinity, less where a container limits it.

    Examples
    --------
    >>> granted_processors() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    quota, period = _quota(cgroup)
    if quota > 0 and period > 0:
        count = min(count, max(1, round(quota / period)))
    return count


def granted_memory(cgroup: Path = CGROUP) -> int:
    """Memory that this process may use [bytes]: of the machine, less where a container limits it.

    Examples
    --------
    >>> granted_memory() > 2**20
    True
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        text = _read(cgroup / name)
        if text.isdigit():
            limits.append(int(text))
    return min(limits)


def _quota(cgroup: Path) -> tuple[float, float]:
    """Quota and period of processor time, of either version of control groups; 0 without."""
    words = _read(cgroup / "cpu.max").split()
    if not words:
        words = [_read(cgroup / "cpu" / name) for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")]
    numbers = [float(word) for word in words if word.lstrip("-").isdigit()]
    return (numbers[0], numbers[1]) if len(numbers) > 1 else (0.0, 0.0)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError:
        return ""
