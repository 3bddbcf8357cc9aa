"""The configuration that the embedded server gets on top of its defaults."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

MEBIBYTE = 1024 * 1024
_SHARED_BUFFERS_SHARE = 4  # a quarter of the memory
_SHARED_BUFFERS_MIB = (16, 1024)
_WAL_DISK_SHARE = 10  # a tenth of the free disk
_WAL_MIB = (128, 4096)
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def render(settings: Mapping[str, str | int]) -> str:
    """The text of a configuration file; every value is quoted."""
    lines = ["# Written by twin at every start; changes here are lost."]
    for name, value in settings.items():
        quoted = str(value).replace("'", "''")
        lines.append(f"{name} = '{quoted}'")
    return "\n".join(lines) + "\n"


def server_settings(
    *,
    data_dir: Path,
    socket_dir: Path,
    tcp_port: int | None,
    preload: tuple[str, ...],
) -> dict[str, str | int]:
    """Settings for this machine: small enough to share it, safe against a crash, no open port."""
    settings: dict[str, str | int] = {
        "listen_addresses": "127.0.0.1" if tcp_port else "",
        "unix_socket_directories": '"{}"'.format(str(socket_dir).replace('"', '""')),
        "unix_socket_permissions": "0700",
        "shared_buffers": f"{shared_buffers_mib(memory_bytes())}MB",
        "max_wal_size": f"{max_wal_mib(shutil.disk_usage(data_dir).free)}MB",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "synchronous_commit": "on",
        "fsync": "on",
        "max_parallel_workers_per_gather": 0,
        "password_encryption": "scram-sha-256",
        "log_checkpoints": "off",
        "logging_collector": "on",  # one file per weekday, overwritten after a week
        "log_directory": "log",
        "log_filename": "postgresql-%u.log",
        "log_rotation_age": "1d",
        "log_rotation_size": 0,
        "log_truncate_on_rotation": "on",
    }
    if tcp_port:
        settings["port"] = tcp_port
    if preload:
        settings["shared_preload_libraries"] = ",".join(preload)
    if "timescaledb" in preload:
        settings["timescaledb.telemetry_level"] = "off"
    return settings


def shared_buffers_mib(memory: int) -> int:
    """Shared buffers [MiB] for a machine with this memory [byte]."""
    return _within(memory // MEBIBYTE // _SHARED_BUFFERS_SHARE, _SHARED_BUFFERS_MIB)


def max_wal_mib(free: int) -> int:
    """Largest write-ahead log [MiB] between checkpoints with this free disk [byte]."""
    return _within(free // MEBIBYTE // _WAL_DISK_SHARE, _WAL_MIB)


def memory_bytes() -> int:
    """Memory of the machine, or of the container if that is less."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit = _CGROUP_LIMIT.read_text(encoding="ascii").strip()
    except OSError:
        return machine
    return min(machine, int(limit)) if limit.isdigit() else machine


def _within(value: int, bounds: tuple[int, int]) -> int:
    return max(bounds[0], min(value, bounds[1]))
