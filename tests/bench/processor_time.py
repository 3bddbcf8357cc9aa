"""Processor time of processes that others started: what a busy machine cannot falsify."""

import os
from pathlib import Path

_PARENT, _USER, _SYSTEM = 1, 11, 12
"""Fields of /proc/PID/stat behind the name of the programme, man proc_pid_stat(5)."""


def processor_seconds_below(process: int) -> dict[int, float]:
    """Processor seconds so far of all living processes that descend from one, by number."""
    parent, seconds = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        number = int(folder.name)
        parent[number] = int(fields[_PARENT])
        ticks = int(fields[_USER]) + int(fields[_SYSTEM])
        seconds[number] = ticks / os.sysconf("SC_CLK_TCK")
    found, last = set(), {process}
    while last:
        last = {number for number, above in parent.items() if above in last}
        found |= last
    return {number: seconds[number] for number in found}
