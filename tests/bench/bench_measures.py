"""How long the answer to a measure takes: equilibrium, all bridges, bands from 50 members.

``scripts/bench measures [--members 50] [--repeats 5]``. The same traffic question alone (`twin
whatif`) is the peer: what bridges and bands cost on top of it.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from twin.city import Twin
from twin.model.scenarios import Run, from_json

THREADS = 2
BARS_S = {"plain": 3.0, "banded": 20.0}
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def main() -> int:
    """Measure and print; exit code 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    os.environ |= {"NUMBA_NUM_THREADS": str(THREADS), "OMP_NUM_THREADS": str(THREADS)}
    os.environ.setdefault(
        "NUMBA_CACHE_DIR", str(Path(tempfile.gettempdir()) / "twin-bench-kernels")
    )
    from measure_city import measure_city  # noqa: PLC0415 - kernels need a prepared process

    from simulations.warming import warm  # noqa: PLC0415 - as above

    print(f"{warm()} kernels compiled before, as by `twin warm`")
    began = time.monotonic()
    twin, base = measure_city(threads=THREADS)
    print(f"{platform.machine()}, {THREADS} threads, Python {platform.python_version()}")
    print(f"base {base.facts.name}: {base.facts.figures['links']:.0f} links, made in "
          f"{time.monotonic() - began:.1f} s")  # fmt: skip
    failed = 0
    for file in sorted(EXAMPLES.glob("*-*.json")):
        failed += _measured(twin, file, members=options.members, repeats=options.repeats)
    return 1 if failed else 0


def _measured(twin: Twin, file: Path, *, members: int, repeats: int) -> int:
    from simulations.capacity import Capacity  # noqa: PLC0415 - as above
    from simulations.measuring import MeasureRuns  # noqa: PLC0415 - as above
    from simulations.running import (  # noqa: PLC0415 - as above
        Limits,
        OpenBases,
        Solver,
        TrafficRuns,
        solve,
        traffic_engine,
    )

    scenario = from_json(file.read_text(encoding="utf-8"))
    limits, bases = Limits(Capacity(THREADS, 2 * 10**9), 600.0), OpenBases()
    traffic = TrafficRuns(traffic_engine("path_equilibrium"), limits, bases)
    measures = MeasureRuns(limits, bases)
    gaps = iter([1e-6 - step * 1e-9 for step in range(1, 100)])  # each one is a new question

    def answered(ask: Callable[[float], Run], solver: Solver) -> float:
        run = ask(next(gaps))
        claimed = twin.claim_run((run.engine,), only=run.id)
        assert claimed is not None
        began = time.monotonic()
        solve(twin, claimed, solver)
        took = time.monotonic() - began
        found = twin.run(run.id)
        if found.status != "done":
            print(f"  {found.status}: {found.message}")
        return took

    kinds = {
        "traffic alone": (lambda gap: twin.ask(scenario, relative_gap=gap), traffic),
        "plain": (lambda gap: twin.measures.ask(scenario, relative_gap=gap), measures),
        "banded": (
            lambda gap: twin.measures.ask(scenario, members=members, relative_gap=gap), measures
        ),
    }  # fmt: skip
    print(f"{scenario.name} ({repeats} times; first, median, slowest of the others) [s]")
    failed = 0
    for name, (ask, solver) in kinds.items():
        took = [answered(ask, solver) for _ in range(repeats)]
        later = sorted(took[1:]) or took
        bar = BARS_S.get(name)
        failed += bar is not None and max(took) > bar
        print(f"  {name:14}{took[0]:8.2f}{later[len(later) // 2]:8.2f}{later[-1]:8.2f}"
              + ("" if bar is None else f"   bar {bar:g}"))  # fmt: skip
    return failed


if __name__ == "__main__":
    sys.exit(main())
