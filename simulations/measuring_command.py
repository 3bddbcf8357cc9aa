"""``twin measures run``: what the measures of a file do to bridges and to traffic."""

import argparse
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from simulations.capacity import capacity_of, prepare_process
from simulations.measuretexts import measures_text
from simulations.measuring import MeasureRuns
from simulations.running import Limits, OpenBases
from simulations.whatif import (
    OVER,
    follow,
    gap_argument,
    named,
    read_scenario,
    require_worker,
    solve_by,
)
from twin.city import Twin
from twin.errors import SolveError, TwinError
from twin.model.scenarios import Run
from twin.runtime import open_twin
from twin.settings import Settings
from twin.signals import stop_on_signal

MEMBERS = 0


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Answer what measures do: bridges by added heavy vehicles, cost, restrictions met, causes."""
    options = _parser().parse_args(arguments)
    scenario = read_scenario(options.scenario, base=options.base)
    stop = stop_on_signal()
    logging.getLogger("simulations").setLevel(logging.WARNING)  # the progress says the same
    if options.here:
        prepare_process(settings, threads=capacity_of(settings).threads)
    twin = open_twin(settings, role="work" if options.here else "serve")
    try:
        gap = settings.traffic.relative_gap if options.gap is None else options.gap
        run = twin.measures.ask(
            scenario, members=options.members, seed=options.seed, relative_gap=gap
        )
        was_known = run.status == "done"
        if run.status not in OVER:
            if options.here:
                solve_by(twin, run, _solver(settings, options.cluster), stop)
            else:
                require_worker(twin, run)
            language = options.language or settings.dashboards.languages[0]
            run = follow(twin, run, stop, needs_worker=not options.here, language=language)
        return _end(twin, run, options, settings, name=scenario.name, was_known=was_known)
    finally:
        twin.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="twin measures run", description=command.__doc__)
    parser.add_argument("scenario", type=Path, help="JSON file, see docs/measures.md")
    parser.add_argument("--base", metavar="NAME", help="another base than the file names")
    parser.add_argument("--gap", type=gap_argument, help="relative gap to solve to")
    parser.add_argument(
        "--members", type=int, default=MEMBERS, help="members of the ensemble for bands, such as 50"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the ensemble")
    parser.add_argument(
        "--here", action="store_true", help="solve in this process, not in a worker"
    )
    parser.add_argument(
        "--cluster", metavar="ADDRESS", help="with --here: the ensemble on a Dask cluster"
    )
    parser.add_argument("--language", choices=("de", "en"), help="default: first one of the city")
    parser.add_argument("--json", action="store_true", help="print run and document as JSON")
    return parser


def _solver(settings: Settings, cluster: str | None) -> MeasureRuns:
    limits = Limits(capacity_of(settings), settings.traffic.time_limit_s)
    return MeasureRuns(limits, OpenBases(), cluster=cluster or "")


def _end(
    twin: Twin,
    run: Run,
    options: argparse.Namespace,
    settings: Settings,
    *,
    name: str,
    was_known: bool,
) -> int:
    if run.status == "cancelled":
        sys.stderr.write(f"run {run.id} was cancelled\n")
        return 1
    if run.status == "failed":
        raise TwinError(f"run {run.id} failed: {run.message}")
    found = twin.measures.document(run.id)
    if found is None:
        raise SolveError(f"run {run.id} has no document; it was answered by another programme")
    document = named(found, name)
    if options.json:
        sys.stdout.write(json.dumps(_document(run, document), ensure_ascii=False, indent=2) + "\n")
        return 0
    if was_known:
        sys.stderr.write(f"  run {run.id}: stored result\n")
    language = options.language or settings.dashboards.languages[0]
    sys.stdout.write(measures_text(document, language=language))
    return 0


def _document(run: Run, document: Mapping[str, Any]) -> Mapping[str, object]:
    return {
        "run": run.id, "input_hash": run.input_hash, "base": run.base, "document": document,
    }  # fmt: skip
