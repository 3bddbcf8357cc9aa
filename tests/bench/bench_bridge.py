"""Fatigue, influence lines, grillages and modal analysis beside their peers, one thread, one run.

Run ``scripts/bench bridge`` on a quiet machine; ``scripts/bench bridge fatigue`` for one part,
``--write`` to keep the table in ``docs/benchmarks/bridge.md``. A missed bar ends with exit 1.
"""

import argparse
import importlib
import os
import platform
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bench.bridge_rows import ONE_THREAD, Row

PARTS = {
    "fatigue": "bench.bench_fatigue",
    "structure": "bench.bench_structure",
    "modal": "bench.bench_modal",
}
PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks" / "bridge.md"
LEAST_ROUNDS = 5
BEGIN, END = "<!-- measured -->", "<!-- end of measured -->"


def machine() -> str:
    """Processor, cores, versions and date, for the head of the table."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "numba"))
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {model}, {os.cpu_count()} cores, one thread, load "
        f"{os.getloadavg()[0]:.1f}; Python {platform.python_version()}, {packages}"
    )


def line(row: Row) -> str:
    """A row of the table."""
    peer_s = "" if row.peer_s is None else f"{row.peer_s:.4g} s"
    ratio = "" if row.ratio is None else f"{row.ratio:.3g}"
    bar = "" if row.bar is None else f"≥ {row.bar:g}"
    if row.most_s is not None:
        bar = f"{bar} ≤ {row.most_s:g} s".strip()
    verdict = "met" if row.is_met else "**missed**"
    return (
        f"| {row.name} | {row.ours_s:.4g} s | {row.peer} | {peer_s} | {ratio} | {bar or 'none'} | "
        f"{verdict if bar else ''} | {row.accuracy} |"
    )


def table(rows: Sequence[Row]) -> str:
    """The table with its head."""
    head = ("| task | ours | beside | its time | ratio | bar | | answers |", "|---" * 8 + "|")
    return "\n".join([*head, *(line(row) for row in rows)])


def write(text: str) -> None:
    """Put the measured part into the page."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="*", help=f"of {', '.join(PARTS)}; all if left out")
    parser.add_argument("--rounds", type=int, default=LEAST_ROUNDS)
    parser.add_argument("--write", action="store_true", help="keep the table in the docs")
    options = parser.parse_args()
    unknown = sorted(set(options.part) - set(PARTS))
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(PARTS)}")
    if any(os.environ.get(name) != "1" for name in ONE_THREAD):
        environment = {**os.environ, **ONE_THREAD}
        os.execve(sys.executable, [sys.executable, *sys.argv], environment)  # noqa: S606
    head = machine()
    print(head, flush=True)
    rows: list[Row] = []
    for name in options.part or PARTS:
        began = time.perf_counter()
        part = importlib.import_module(PARTS[name])
        print(f"{name}: import and kernels {time.perf_counter() - began:.1f} s", flush=True)
        for row in part.measure(options.rounds):
            rows.append(row)
            print(line(row), flush=True)
    if options.write:
        write(f"{head}; median of {options.rounds} rounds in turn.\n\n{table(rows)}")
    missed = [row.name for row in rows if not row.is_met]
    print(f"{len(rows) - len(missed)} of {len(rows)} rows met{': missed ' if missed else ''}"
          f"{'; '.join(missed)}")  # fmt: skip
    raise SystemExit(bool(missed))


if __name__ == "__main__":
    main()
