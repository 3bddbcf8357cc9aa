"""The job ``measures``: its subcommands, each imported only when it is asked for."""

import argparse
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import cast

from twin.settings import Settings

Subcommand = Callable[[Settings, Sequence[str]], int]

SUBCOMMANDS = {
    "run": ("simulations.measuring_command:command", "what a scenario does to bridges and traffic"),
}
"""Module and function, imported only when asked for, and what it does."""


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
    return cast("Subcommand", getattr(import_module(module), function))
