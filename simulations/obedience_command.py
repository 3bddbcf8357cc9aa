"""``twin measures obedience``: whether restrictions are kept, and whether they worked."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence

from simulations.bridges.command import bridge_id
from simulations.bridges.inputs import bridges
from simulations.bridges.obeying import restrictions_obeyed
from simulations.measures.obedience import TOLERATED
from twin.model.asb import label
from twin.model.findings import Phrase
from twin.model.obedience import RestrictionObedience
from twin.model.phrases import said, written
from twin.model.statements import german_value
from twin.runtime import open_twin
from twin.settings import Settings


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """Say of each restriction in force whether it is kept and whether it worked."""
    options = _parser().parse_args(arguments)
    language = options.language or settings.dashboards.languages[0]
    twin = open_twin(settings, role="serve")
    try:
        asset_id = bridge_id(twin, options.bridge)
        (bridge,) = bridges(twin, asset_id=asset_id)
        found = restrictions_obeyed(bridge, tolerated=options.tolerated)
        name = twin.asset(asset_id).name
    finally:
        twin.close()
    if options.json:
        content = {"asset": asset_id, "restrictions": [one.document() for one in found]}
        sys.stdout.write(json.dumps(content, ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.write(text(f"{name} ({asset_id})", found, language=language))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="twin measures obedience", description=command.__doc__)
    parser.add_argument("bridge", help="id or part of a name")
    parser.add_argument(
        "--tolerated", type=share_argument, default=TOLERATED, metavar="SHARE",
        help="share of violations that counts as kept, such as 5%% (the default)",
    )  # fmt: skip
    parser.add_argument("--language", choices=("de", "en"), help="default: first one of the city")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def share_argument(text: str) -> float:
    """Share of a command line, such as ``5%`` or ``0.05``.

    Examples
    --------
    >>> share_argument("30%"), share_argument("0.3")
    (0.3, 0.3)
    """
    try:
        share = float(text.removesuffix("%")) / (100.0 if text.endswith("%") else 1.0)
    except ValueError:
        share = -1.0
    if not 0.0 < share < 1.0:
        raise argparse.ArgumentTypeError(f"must lie between 0 and 100 %, got {text[:40]!r}")
    return share


def text(title: str, found: Sequence[RestrictionObedience], *, language: str) -> str:
    """Each restriction with what is told of it and what that takes for granted."""
    lines = [title, said(Phrase("obedience.title"), language)]
    for one in found:
        lines += _lines(one, language)
    if not found:
        lines.append(f"  {said(Phrase('obedience.none'), language)}")
    return "\n".join(lines) + "\n"


def _lines(one: RestrictionObedience, language: str) -> Iterator[str]:
    value = "" if one.value is None else f" {written(one.value)} {one.unit}"
    shown = german_value(value) if language == "de" else value
    part = f"{one.part}: " if one.part else ""
    yield f"- {part}{label('restriction_kind', one.kind, language=language)}{shown}"
    yield from (f"    {said(phrase, language)}" for phrase in one.phrases)
    yield from (f"    ({said(remark, language)})" for remark in one.remarks)
