"""``twin measures advise``: which measures reach a target on a bridge at least traffic cost."""

import argparse
import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from simulations.advising import AdviceRuns
from simulations.bridges.command import bridge_id
from simulations.capacity import capacity_of, prepare_process
from simulations.obedience_command import share_argument
from simulations.running import Limits, OpenBases
from simulations.whatif import OVER, follow, require_worker, solve_by
from twin.city import Twin
from twin.errors import SolveError
from twin.model.advice import AdviceQuestion, Target
from twin.model.scenarios import Run
from twin.runtime import open_twin
from twin.settings import Settings
from twin.signals import stop_on_signal

MOST_SHOWN = 12


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Propose measures that reach a target, ranked by their number and by what traffic pays."""
    options = _parser().parse_args(arguments)
    above_t, most_vehd = options.crossings or (None, None)
    target = Target(options.damage_below, above_t, most_vehd)
    stop = stop_on_signal()
    logging.getLogger("simulations").setLevel(logging.WARNING)  # the progress says the same
    if options.here:
        prepare_process(settings, threads=capacity_of(settings).threads)
    twin = open_twin(settings, role="work" if options.here else "serve")
    try:
        question = AdviceQuestion(bridge_id(twin, options.bridge), target, options.base or "")
        run = twin.advice.ask(question, relative_gap=settings.traffic.relative_gap)
        if run.status not in OVER:
            if options.here:
                limits = Limits(capacity_of(settings), settings.traffic.time_limit_s)
                solve_by(twin, run, AdviceRuns(limits, OpenBases()), stop)
            else:
                require_worker(twin, run)
            language = options.language or settings.dashboards.languages[0]
            run = follow(twin, run, stop, needs_worker=not options.here, language=language)
        found = _document(twin, run)
    finally:
        twin.close()
    if options.json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=2) + "\n")
    else:
        language = options.language or settings.dashboards.languages[0]
        sys.stdout.write("\n".join(_lines(found, language)) + "\n")
    return 0 if found["is_reached"] else 1


def _document(twin: Twin, run: Run) -> Mapping[str, Any]:
    if run.status == "cancelled":
        raise SolveError("the search for measures was cancelled")
    found = twin.advice.document(run.id)
    if found is None:
        raise SolveError(f"run {run.id} failed: {run.message}")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="twin measures advise", description=command.__doc__)
    parser.add_argument("bridge", help="id or part of a name")
    parser.add_argument(
        "--damage-below", type=share_argument, metavar="SHARE",
        help="damage rate of at most this share of today's, such as 30%%",
    )  # fmt: skip
    parser.add_argument(
        "--crossings", type=crossings_argument, metavar="MASS:NUMBER",
        help="at most so many crossings a day above a mass, such as 30t:50",
    )  # fmt: skip
    parser.add_argument("--base", metavar="NAME", help="base; the newest one if left out")
    parser.add_argument(
        "--here", action="store_true", help="solve in this process, not in a worker"
    )
    parser.add_argument("--language", choices=("de", "en"), help="default: first one of the city")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def crossings_argument(text: str) -> tuple[float, float]:
    """Mass [t] and number a day of a command line.

    Examples
    --------
    >>> crossings_argument("30t:50")
    (30.0, 50.0)
    """
    mass, _, number = text.partition(":")
    try:
        found = float(mass.removesuffix("t")), float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be such as 30t:50, got {text[:40]!r}") from None
    return found


def _lines(document: Mapping[str, Any], language: str) -> Iterator[str]:
    yield from (one[language] for one in document["answer"])
    for rank in document["ranks"][:MOST_SHOWN]:
        yield f"{rank['rank']:2}. {'; '.join(rank['sentences'][language])}"
        yield from (f"      {one[language]}" for one in rank["reasons"])
    yield from (one[language] for one in document["remarks"])
