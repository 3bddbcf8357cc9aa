"""The jobs ``whatif`` and ``sweep``: questions from files, answered as tables."""

import argparse
import json
import logging
import signal
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from simulations.answering import require_memory
from simulations.capacity import capacity_of, prepare_process
from simulations.running import (
    Limits,
    OpenBases,
    Solver,
    TrafficRuns,
    engine_of,
    open_base,
    solve,
    traffic_engine,
)
from simulations.sweep import Cluster, Outcome, Plan, Processes, sweep
from simulations.telling import report_text
from simulations.wording import Words
from twin.city import Twin
from twin.errors import ScenarioError, SettingsError, SolveError, TwinError
from twin.model.bases import StoredBase
from twin.model.questions import require_gap
from twin.model.scenarios import Run, Scenario, from_json
from twin.model.statements import in_language
from twin.model.traffic import SolveOptions
from twin.model.traffic_state import live_of, validity
from twin.runtime import open_twin
from twin.settings import Settings
from twin.signals import stop_on_signal

LOOK_S = 0.1
TELL_S = 1.0
WORKER_ALIVE_S = 30.0
LOOK_FOR_WORKER = timedelta(seconds=10)
TERMINATED = 143
LARGEST_FILE = 4 * 1024 * 1024
OVER = ("done", "failed", "cancelled")


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Answer a scenario against its base: who drives where, what it costs, and how sure that is."""
    options = _parser().parse_args(arguments)
    scenario = read_scenario(options.scenario, base=options.base)
    stop = stop_on_signal()
    logging.getLogger("simulations").setLevel(logging.WARNING)  # the progress says the same
    if options.here:
        prepare_process(settings, threads=capacity_of(settings).threads)
    twin = open_twin(settings, role="work" if options.here else "serve")
    try:
        gap = settings.traffic.relative_gap if options.gap is None else options.gap
        run = twin.ask(scenario, relative_gap=gap)
        was_known = run.status == "done"
        if run.status not in OVER:
            if options.here:
                solve_here(twin, run, settings, stop)
            else:
                require_worker(twin, run)
            language = settings.dashboards.languages[0]
            run = follow(twin, run, stop, needs_worker=not options.here, language=language)
        return _end(
            twin, run, settings, name=scenario.name, is_json=options.json, was_known=was_known
        )
    finally:
        twin.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="twin whatif", description=command.__doc__)
    parser.add_argument("scenario", type=Path, help="JSON file, see docs/whatif.md")
    parser.add_argument("--base", metavar="NAME", help="another base than the file names")
    parser.add_argument("--gap", type=gap_argument, help="relative gap to solve to")
    parser.add_argument(
        "--here", action="store_true", help="solve in this process, not in a worker"
    )
    parser.add_argument("--json", action="store_true", help="print run and report as JSON")
    return parser


def gap_argument(text: str) -> float:
    """Gap of a command line."""
    try:
        return require_gap(float(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, got {text[:40]!r}") from None
    except ScenarioError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def read_scenario(file: Path, *, base: str | None = None) -> Scenario:
    """Scenario of a file, checked against the tables.

    Raises
    ------
    ScenarioError
        If the file cannot be read or is no sound scenario; names the file and all problems.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(LARGEST_FILE + 1)
        scenario = from_json(content.decode("utf-8"))
    except OSError as error:
        raise ScenarioError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{file} is not UTF-8: {error.reason}") from error
    except ScenarioError as error:
        raise ScenarioError(*(f"{file}: {problem}" for problem in error.problems)) from error
    return scenario if base is None else replace(scenario, base=base)


def require_worker(twin: Twin, run: Run) -> None:
    """SolveError that says what to do if no worker is alive; the run waits for one."""
    oldest = twin.now() - timedelta(seconds=WORKER_ALIVE_S)
    alive = [job for job in twin.health().jobs if job.heartbeat_at > oldest]
    if not any(job.job == "work" and job.state == "live" for job in alive):
        raise SolveError(
            f"run {run.id} waits, but no worker with an engine is running; start `twin up` or "
            "`twin work`, or ask again with --here"
        )


def solve_here(twin: Twin, run: Run, settings: Settings, stop: threading.Event) -> None:
    """Take this run from the queue and solve it in this process; a worker may be faster."""
    limits = Limits(capacity_of(settings), settings.traffic.time_limit_s)
    solve_by(twin, run, TrafficRuns(traffic_engine(run.engine), limits, OpenBases()), stop)


def solve_by(twin: Twin, run: Run, solver: Solver, stop: threading.Event) -> None:
    """Take this run from the queue and let a solver answer it here; a worker may be faster."""
    claimed = twin.claim_run((run.engine,), only=run.id)
    if claimed is None:
        return
    thread = threading.Thread(target=solve, args=(twin, claimed, solver), name="solve", daemon=True)
    thread.start()
    follow(twin, claimed, stop)
    thread.join()


def follow(
    twin: Twin, run: Run, stop: threading.Event, *, needs_worker: bool = False, language: str = "en"
) -> Run:
    """The run when it is over, with its progress on standard error; an interrupt cancels it.

    Raises
    ------
    SolveError
        If it needs a worker, waits, and none is alive any more.
    """
    told = ""
    look_at = twin.now()
    while run.status not in OVER:
        if stop.is_set():
            twin.cancel_run(run.id)
        if needs_worker and run.status == "queued" and twin.now() - look_at > LOOK_FOR_WORKER:
            require_worker(twin, run)
            look_at = twin.now()
        text = progress_line(run, language)
        if text != told:
            sys.stderr.write(f"  {text}\n")
            sys.stderr.flush()
            told = text
        stop.wait(LOOK_S)
        run = twin.run(run.id)
    return run


def progress_line(run: Run, language: str) -> str:
    """How far a run is, in ``de`` or ``en``; what no table knows stays English."""
    words = Words(language)
    status, share = words(f"run_{run.status}"), words.share(run.progress)
    message = in_language(run.message, language)
    return words("run_line", number=str(run.id), status=status, share=share, text=message).rstrip()


def _end(
    twin: Twin, run: Run, settings: Settings, *, name: str, is_json: bool, was_known: bool
) -> int:
    if run.status == "cancelled":
        sys.stderr.write(f"run {run.id} was cancelled\n")
        return 1
    if run.status == "failed":
        raise TwinError(f"run {run.id} failed: {run.message}")
    content = twin.traffic.run_part(run.id, "report")
    if content is None:
        raise SolveError(f"run {run.id} has no report; it was answered by another programme")
    live = live_of(twin.traffic.states("live"), run.base)
    report = {**named(json.loads(content), name), "validity": validity(live, twin.now())}
    if is_json:
        sys.stdout.write(json.dumps(_document(run, report), ensure_ascii=False, indent=2) + "\n")
        return 0
    language = settings.dashboards.languages[0]
    if was_known:
        sys.stderr.write(f"  run {run.id}: stored result\n")
    sys.stdout.write(report_text(report, language=language, names=twin.target_names()))
    return 0


def named(report: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Report under the name of who asks now: the same question may have had another.

    Examples
    --------
    >>> named({"scenario": {"name": "theirs"}, "form": 1}, "ours")
    {'scenario': {'name': 'ours'}, 'form': 1}
    """
    return {**report, "scenario": {**report["scenario"], "name": name}}


def _document(run: Run, report: Mapping[str, object]) -> Mapping[str, object]:
    return {"run": run.id, "input_hash": run.input_hash, "base": run.base, "report": report}


def sweep_command(settings: Settings, arguments: Sequence[str]) -> int:
    """Answer many scenarios of one base, each compared with it; one line for each."""
    options = _sweep_parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))  # the workers end with it
    if options.out is not None:
        _make_folder(options.out)
    scenarios = [read_scenario(file, base=options.base) for file in options.scenario]
    capacity = capacity_of(settings)
    workers = options.workers or capacity.threads
    prepare_process(settings, threads=1)
    twin = open_twin(settings, role="serve")
    try:
        stored = _common_base(twin, scenarios)
        engine = engine_of(stored.facts)
        base = open_base(twin, stored.facts.content_hash)
        names = twin.target_names()
    finally:
        twin.close()
    plan = Plan(
        stored.facts.engine,
        SolveOptions(
            relative_gap=settings.traffic.relative_gap if options.gap is None else options.gap,
            time_limit_s=settings.traffic.time_limit_s,
            path_memory_bytes=capacity.memory_bytes // (2 * workers),
        ),
        parts=("report", "links"),
    )
    require_memory(base, engine, plan.options, allowed_bytes=capacity.memory_bytes // workers)
    executor = Cluster(options.cluster) if options.cluster else Processes(workers)
    language = settings.dashboards.languages[0]
    failures = 0
    for outcome in sweep(base, scenarios, plan, executor=executor):
        failures += outcome.answer is None
        if options.out is not None:
            _write(options.out, outcome, language=language, names=names)
        _say(outcome, is_json=options.json)
    return 1 if failures else 0


def _sweep_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="twin sweep", description=sweep_command.__doc__)
    parser.add_argument("scenario", type=Path, nargs="+", help="JSON files, see docs/whatif.md")
    parser.add_argument("--base", metavar="NAME", help="another base than the files name")
    parser.add_argument("--gap", type=gap_argument, help="relative gap to solve to")
    parser.add_argument("--workers", type=_count, default=0, help="processes; granted processors")
    parser.add_argument("--cluster", metavar="ADDRESS", help="scheduler of a Dask cluster")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="report, text and columns there")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    return parser


def _make_folder(folder: Path) -> None:
    """Make the folder of the answers; SettingsError before anything is solved if it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SettingsError(
            f"--out {folder} cannot be written ({error.strerror}); name another folder"
        ) from error


def _count(text: str) -> int:
    """Number of processes of a command line; 0 takes those granted."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"must be a whole number from 0, got {text[:40]!r}")
    return int(text)


def _common_base(twin: Twin, scenarios: Sequence[Scenario]) -> StoredBase:
    """The base of all scenarios; ScenarioError if they differ or name what there is not."""
    problems: list[str] = []
    bases: dict[str, StoredBase] = {}
    for item in scenarios:
        try:
            bases[item.base] = twin.check_scenario(item)
        except ScenarioError as error:
            problems += [f"{item.name}: {problem}" for problem in error.problems]
    if len(bases) > 1:
        problems.append(f"a sweep has one base, these name {', '.join(sorted(bases))}; use --base")
    if problems:
        raise ScenarioError(*problems)
    return next(iter(bases.values()))


def _say(outcome: Outcome, *, is_json: bool) -> None:
    if is_json:
        found = None if outcome.answer is None else outcome.answer.report()
        line: Mapping[str, object] = {
            "number": outcome.number,
            "name": outcome.scenario.name,
            "reason": outcome.reason,
            "indicators": None if found is None else found["indicators"],
        }
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    elif outcome.answer is None:
        sys.stdout.write(f"{outcome.number + 1:4}  {outcome.scenario.name}: {outcome.reason}\n")
    else:
        values = outcome.answer.indicators
        sys.stdout.write(
            f"{outcome.number + 1:4}  {outcome.scenario.name}: "
            f"unserved {values['unserved']:,.0f}/h, "
            f"{values['vehicle_h_change']:+,.1f} vehicle-h, "
            f"{values['vehicle_km_change']:+,.0f} vehicle-km, "
            f"{values['links_changed']:.0f} links, gap {values['relative_gap']:.1e}\n"
        )
    sys.stdout.flush()


def _write(folder: Path, outcome: Outcome, *, language: str, names: Mapping[str, str]) -> None:
    """Files of one outcome, numbered as the scenarios were given."""
    if outcome.answer is None:
        return
    stem = folder / f"{outcome.number + 1:04}"
    report = outcome.answer.report()
    stem.with_suffix(".txt").write_text(
        report_text(report, language=language, names=names), encoding="utf-8"
    )
    stem.with_suffix(".json").write_bytes(outcome.answer.parts["report"])
    stem.with_suffix(".npz").write_bytes(outcome.answer.parts["links"])
