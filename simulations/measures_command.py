"""The job ``measures``: its subcommands, each imported only when it is asked for."""

import argparse
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import cast

from twin.plugins import load
from twin.settings import Settings

Subcommand = Callable[[Settings, Sequence[str]], int]

SUBCOMMANDS = {
    "run": ("simulations.measuring_command:command", "what a scenario does to bridges and traffic"),
    "advise": (
        "simulations.advising_command:command",
        "which measures reach a target on a bridge at least traffic cost",
    ),
    "obedience": (
        "simulations.obedience_command:command",
        "whether restrictions in force are kept, and whether they worked",
    ),
    "decide": ("simulations.deciding_command:decide_command", "decide a restriction of a bridge"),
    "decisions": ("simulations.deciding_command:decisions_command", "list what was decided"),
    "publish": (
        "simulations.deciding_command:publish_command",
        "release a decision as DATEX II message (--dry-run keeps nothing)",
    ),
    "withdraw": ("simulations.deciding_command:withdraw_command", "end a decision"),
    "grant": ("simulations.deciding_command:grant_command", "who may release: give, list, revoke"),
    "paper": ("paper", "the decision paper of a run as PDF or HTML"),
}
"""Module and function, imported only when asked for, or another job; and what it does."""


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Run one of the subcommands; its exit code."""
    parser = argparse.ArgumentParser(
        prog="twin measures",
        description="Measures on bridges: before they are decided, and after.",
        epilog="\n".join(f"  {name:12}{text}" for name, (_, text) in SUBCOMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=SUBCOMMANDS, metavar="WHAT", help="see below")
    options = parser.parse_args(arguments[:1])
    return _loaded(options.what)(settings, arguments[1:])


def _loaded(name: str) -> Subcommand:
    module, _, function = SUBCOMMANDS[name][0].partition(":")
    if not function:
        return cast("Subcommand", load("jobs", module))
    return cast("Subcommand", getattr(import_module(module), function))
