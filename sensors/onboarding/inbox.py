"""``twin inbox``: streams that nobody registered propose themselves; a person decides."""

import argparse
import json
import sqlite3
import sys
from collections.abc import Iterable, Sequence
from contextlib import closing

from sensors.knowledge import KnowledgeFile, Waiting, knowledge_file
from sensors.onboarding.rows import Acceptance, accept, entities_file
from twin.errors import ModelError, TwinError
from twin.model.quantities import conversion, quantity
from twin.settings import Settings

PRIVACY = ("technical", "aggregated_traffic", "vehicle", "person", "image")


def command(settings: Settings, arguments: Sequence[str]) -> int:
    """List, accept or dismiss; 0."""
    options = _parser().parse_args(arguments)
    with closing(KnowledgeFile(knowledge_file(settings))) as file:
        try:
            found = file.proposals()
            if options.action == "list":
                return _list(found, options)
            proposal = _chosen(found, options.id)
            if options.action == "dismiss":
                file.settle(proposal.id, "dismissed")
                _tell([f"{proposal.key} is dismissed; it is not proposed again"])
                return 0
            _tell(_accept(proposal, options, settings))
            file.settle(proposal.id, "accepted")
        except (sqlite3.Error, OSError) as error:
            raise ModelError(
                f"the inbox cannot be read or written: {error}; look at {knowledge_file(settings)}"
            ) from None
    return 0


def _accept(proposal: Waiting, options: argparse.Namespace, settings: Settings) -> list[str]:
    problem = proposal.details.get("problem")
    if problem:
        raise ModelError(
            f"{proposal.key}: {problem}; declare a [[codec.rule]] with codec `json` instead"
        )
    key = options.quantity or str(proposal.details.get("quantity") or "")
    if not key:
        raise ModelError(f"{proposal.key} proposes no quantity; name one with --quantity")
    try:
        if proposal.unit:
            conversion(proposal.unit, quantity(key).unit)
    except TwinError as error:
        raise ModelError(f"{proposal.key}: {error}") from None
    quantity(key)
    given = Acceptance(options.asset, options.component, key, options.privacy_class, options.name)
    written = accept(proposal, given, settings)
    lines = [f"{proposal.key} is written to {', '.join(written)}; now run: twin load"]
    declared = {(one.name, one.source) for one in settings.codec.table}
    if "topic" in proposal.details and ("entities", proposal.source) not in declared:
        lines += [
            "add to city.toml, once:",
            "[[codec.table]]",
            'name = "entities"',
            f'source = "{proposal.source}"',
            f'file = "{entities_file(settings, proposal.source)}"',
        ]
    if "topic" in proposal.details:
        lines.append(
            f"a [[codec.rule]] of source {proposal.source!r} has to read its topic "
            f"{proposal.details['topic']!r}"
        )
    return lines


def _list(found: Sequence[Waiting], options: argparse.Namespace) -> int:
    chosen = [
        one
        for one in found
        if (options.all or one.state == "open") and options.source in ("", one.source)
    ]
    if options.json:
        _tell(json.dumps(_facts(one), ensure_ascii=False) for one in chosen)
        return 0
    for one in chosen:
        about = {**one.details, "unit": one.unit}
        shown = ("quantity", "unit", "device", "model", "topic", "heard_on", "problem")
        facts = [f"{name} {about[name]}" for name in shown if about.get(name)]
        state = one.state + (", withdrawn by source" if one.withdrawn_at else "")
        _tell([f"{one.id}  {one.source}  {one.key}  {one.name}  [{state}]  {'; '.join(facts)}"])
    _tell([f"{len(chosen)} proposals"])
    return 0


def _facts(one: Waiting) -> dict[str, object]:
    names = ("id", "source", "key", "name", "unit", "state", "noted_at", "withdrawn_at")
    return {**{name: getattr(one, name) for name in names}, "details": dict(one.details)}


def _chosen(found: Sequence[Waiting], number: int) -> Waiting:
    for one in found:
        if one.id == number and one.state != "accepted":
            return one
    raise ModelError(f"no proposal {number} waits; twin inbox list shows those that do")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="twin inbox", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="show what waits for a decision")
    listing.add_argument("--source", default="")
    listing.add_argument("--all", action="store_true", help="also accepted and dismissed ones")
    listing.add_argument("--json", action="store_true")
    taking = actions.add_parser("accept", help="write its rows into the city folder")
    taking.add_argument("id", type=int)
    taking.add_argument("--asset", required=True, help="id of the asset that is measured")
    taking.add_argument("--component", default="")
    taking.add_argument("--quantity", default="", help="instead of the proposed one")
    taking.add_argument("--name", default="")
    taking.add_argument("--privacy-class", default="technical", choices=PRIVACY)
    dismissing = actions.add_parser("dismiss", help="never propose it again")
    dismissing.add_argument("id", type=int)
    return parser


def _tell(lines: Iterable[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
